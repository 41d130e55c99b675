"""`beffroi settings`, as it is typed."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from beffroi.cli.main import main

Run = Callable[..., str]


@pytest.fixture
def run(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Run:
    monkeypatch.setenv("LC_ALL", "en_GB.UTF-8")

    def run(*arguments: str, code: int = 0) -> str:
        ended = main(["settings", *arguments, "--data-dir", str(tmp_path / "data")])
        said = capsys.readouterr()
        assert ended == code, said.err
        return said.out + said.err

    return run


def test_what_is_set_counts_until_the_default_comes_back(run: Run, tmp_path: Path) -> None:
    assert "archive.days" in run()
    assert run("set", "archive.days", "30") == "archive.days is 30 from now on.\n"
    values = {row["name"]: row["value"] for row in map(json.loads, run("--json").splitlines())}
    assert values["archive.days"] == 30
    assert json.loads(run("set", "archive.days", "--default", "--json")) == {"name": "archive.days", "value": 90}
    assert main(["ledger", "verify", "--data-dir", str(tmp_path / "data")]) == 0


def test_a_name_or_value_that_cannot_be_is_told(run: Run) -> None:
    assert "There is no setting archive.dyas; there are: house.name" in run("set", "archive.dyas", "3", code=2)
    assert "a whole number from 1 to 3650" in run("set", "archive.days", "0", code=2)
    assert "a whole number from 1 to 3650" in run("set", "archive.days", "a while", code=2)
    assert "either a value or --default" in run("set", "archive.days", code=2)


def test_a_text_may_look_like_a_number(run: Run) -> None:
    assert run("set", "house.name", "1870") == "house.name is 1870 from now on.\n"
