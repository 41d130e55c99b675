"""`beffroi incidents normal`, as it is typed, without a service."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from beffroi.cli.main import main
from beffroi.incidents.raising import Raiser
from beffroi.store import Store
from tests.incidents.signs import keep

Run = Callable[..., str]

BACKUP = {
    "host": "srv",
    "rule": "shadows",
    "User": "TILLEULS\\backup",
    "CommandLine": "copy \x1b[2J*" + "x" * 300,
    "Computer": "srv",
}


@pytest.fixture
def run(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Run:
    """Run `beffroi incidents normal …` in a house with two incidents of a rule; what it says. It ends with the code 0, or as told."""
    with Store.open(tmp_path / "data") as store:
        keep(store, BACKUP, BACKUP | {"minute": 4_000})
        Raiser(store).catch_up()

    def run(*arguments: str, code: int = 0, lang: str = "en") -> str:
        ended = main(["incidents", "normal", "--data-dir", str(tmp_path / "data"), "--lang", lang, *arguments])
        said = capsys.readouterr()
        assert ended == code, said
        assert "\x1b" not in said.out + said.err
        return said.out + said.err

    return run


@pytest.mark.slow
def test_it_is_tried_said_listed_and_undone(run: Run) -> None:
    assert run("--list") == "Nothing was called normal.\n"
    tried = run("1", "--dry-run")
    assert "this would be normal where “Rule shadows” finds it" in tried
    assert "Of 2 matches so far it holds for 2, from 2026-11-25 12:00" in tried
    assert "The newest of them:" in tried
    assert run("--list") == "Nothing was called normal.\n"
    said = run("1", "--reason", "La sauvegarde", "--days", "10")
    assert "this is normal where" in said
    assert "  User = TILLEULS\\backup\n" in said
    assert "2 of them left their incidents." in said
    assert "`beffroi incidents normal --end 1`" in said
    assert "La sauvegarde" in run("--list")
    assert run("--end", "1") == "It is no longer normal; 2 matches come back.\n"
    assert run("--list") == "Nothing was called normal.\n"
    assert "ended on" in run("--list", "--all")
    assert "Number 1 has ended already" in run("--end", "1", code=2)


def test_for_programs_it_is_json_with_words(run: Run) -> None:
    told = json.loads(run("1", "--field", "User", "--field", "CommandLine", "--keep-history", "--json", lang="fr"))
    assert (told["normal"], told["hidden"], told["hides"]["matches"]) == (1, 0, 2)
    assert told["rule"]["text"] == "Rule shadows"
    assert told["hides"]["incidents"][0]["title"]["text"] == "Rule shadows, sur srv"
    [row] = map(json.loads, run("--list", "--json").splitlines())
    assert (row["normal"], row["hits"], row["selection"]["User"]) == (1, 0, "TILLEULS\\backup")
    assert json.loads(run("--end", "1", "--json"))["back"] == 0


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ((), "Name an incident, or say --list or --end"),
        (("1", "--list"), "Name an incident, or say --list or --end"),
        (("7",), "There is no incident 7"),
        (("1", "--field", "Nothing"), "nothing in the field Nothing"),
        (("1", "--force"), "Say why it is forced"),
        (("1", "--days", "400"), "400"),
    ],
)
def test_what_cannot_be_done_is_said(run: Run, arguments: tuple[str, ...], said: str) -> None:
    assert said in run(*arguments, code=2)
