"""`beffroi ledger`: what happened, and whether somebody rewrote it with a program of their own."""

import json
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from beffroi.cli.main import main
from beffroi.store import Personal, Store, ledger

Run = Callable[..., str]


@pytest.fixture(autouse=True)
def in_english(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LC_ALL", "en_GB.UTF-8")


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """A house with three entries."""
    with Store.open(tmp_path / "data") as store, store.write() as change:
        ledger.record(change, actor="Odette Lambin", action="sources.accept", details={"source": "s-1"})
        ledger.record(change, actor="Marcel Wauthy", action="rules.switch", details={"reason": Personal("paie\x1b[2J")})
        ledger.record(change, actor="beffroi", action="sources.reject", details={"source": "s-2", "sure": True})
    return tmp_path / "data"


@pytest.fixture
def run(data: Path, capsys: pytest.CaptureFixture[str]) -> Run:
    def run(*arguments: str, code: int = 0) -> str:
        ended = main(["ledger", *arguments, "--data-dir", str(data)])
        said = capsys.readouterr()
        assert ended == code, said.err
        return said.out + said.err

    return run


def tamper(data: Path, *statements: str) -> None:
    """Rewrite the file behind Beffroi's back, guards and all."""
    with closing(sqlite3.connect(data / "store.db")) as raw, raw:
        for trigger in ("ledger_never_changes", "ledger_never_shrinks"):
            raw.execute(f"DROP TRIGGER {trigger}")
        for statement in statements:
            raw.execute(statement)


def test_it_shows_who_did_what(run: Run) -> None:
    said = run("show")
    lines = [" ".join(line.split()) for line in said.splitlines()]
    assert lines[0] == "When Who What Details"
    assert "Odette Lambin sources.accept source=s-1" in lines[1]
    assert "sure=true" in lines[3]
    assert "\x1b" not in said


def test_it_shows_what_was_asked_for(run: Run) -> None:
    rows = [json.loads(line) for line in run("show", "--action", "sources", "--json").splitlines()]
    assert [(row["seq"], row["action"]) for row in rows] == [(1, "sources.accept"), (3, "sources.reject")]
    assert rows[0].keys() == {"seq", "time", "actor", "action", "details", "hash"}
    rows = [json.loads(line) for line in run("show", "--newest", "1", "--json").splitlines()]
    assert [row["seq"] for row in rows] == [3]
    assert run("show", "--action", "copies") == "The ledger holds nothing of that.\n"
    assert "is not in the range" in run("show", "--newest", "0", code=2)


def test_a_name_that_was_erased_is_shown_as_such(run: Run, data: Path) -> None:
    with Store.open(data) as store, store.write() as change:
        ledger.erase(change, "Odette Lambin")
    assert "(erased)" in run("show")
    assert "Odette" not in run("show", "--json")
    assert "The ledger holds" in run("verify")


def test_an_untouched_ledger_holds_and_its_head_can_be_checked_later(run: Run) -> None:
    said = run("verify")
    assert said.startswith("The ledger holds: 3 entries, none changed.\n")
    head = said.splitlines()[1]
    assert run("verify", "--head", head) == said
    found = json.loads(run("verify", "--json"))
    assert found == {"sound": True, "entries": 3, "head": head.partition(":")[2], "faults": []}


@pytest.mark.parametrize(
    ("statement", "said"),
    [
        ("UPDATE ledger SET body = replace(body, 's-1', 's-9') WHERE seq = 1", "entry 1: its text does not fit"),
        ("UPDATE ledger SET hash = replace(hash, substr(hash, 1, 1), 'x') WHERE seq = 3", "entry 3: its text does not"),
        ("DELETE FROM ledger WHERE seq = 2", "entry 3: entry 2 should stand here"),
        ("UPDATE ledger SET body = '' WHERE seq = 3", "entry 3: its text does not fit"),
        ("UPDATE names SET name = 'Ginette Piron' WHERE name = 'Odette Lambin'", "not the name that was committed to"),
        ("UPDATE ledger SET body = replace(body, ',', char(27)) WHERE seq = 2", "entry 2: its text does not fit"),
    ],
)
def test_whoever_rewrites_the_file_is_found_out(statement: str, said: str, run: Run, data: Path) -> None:
    tamper(data, statement)
    told = run("verify", code=2)
    assert said in told
    assert "The ledger was changed" in told
    found = json.loads(run("verify", "--json", code=2))
    assert found["sound"] is False
    assert (
        any(said.partition(": ")[2] in f"{fault['place']}: {fault['what']}" for fault in found["faults"])
        or "name" in said
    )
    run("show")


def test_whoever_cuts_off_the_end_is_found_out_by_a_head_that_left_the_house(run: Run, data: Path) -> None:
    head = run("verify").splitlines()[1]
    tamper(data, "DELETE FROM ledger WHERE seq = 3")
    assert "The ledger holds: 2 entries" in run("verify")
    assert "it left the house once and is gone" in run("verify", "--head", head, code=2)


@pytest.mark.parametrize("head", ["", "3", "x:y", f"3:{'0' * 63}", f"٣:{'0' * 64}"])
def test_a_head_that_is_none_is_told(head: str, run: Run) -> None:
    assert "is no entry's number and hash" in run("verify", "--head", head, code=2)


def test_an_empty_ledger_holds(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["ledger", "verify", "--data-dir", str(tmp_path / "new"), "--lang", "fr"]) == 0
    assert capsys.readouterr().out.strip()
