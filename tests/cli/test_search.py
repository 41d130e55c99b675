"""`beffroi search` as somebody types it."""

import csv
import io
import json
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import update

from beffroi.cli.main import main
from beffroi.cli.search import moment
from beffroi.core.errors import UsageError
from beffroi.logs.archive import Archiver, load_index
from beffroi.logs.sources import records
from beffroi.logs.sources.proofs import Key, ProofKind
from beffroi.store import Store
from beffroi.store.tables import sources
from tests.logs.archive.made import row, rows

Said = tuple[int, str, str]
TOLD = "Failed password for invalid user \x1b[31madmin from 203.0.113.9 port 4711 ssh2" + " again" * 40


@pytest.fixture
def search(tmp_path: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Callable[..., Said]:
    monkeypatch.setenv("LC_ALL", "en_GB.UTF-8")
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("COLUMNS", "80")
    archiver = Archiver(tmp_path / "data" / "archive")
    archiver.add(rows(0, 200))
    archiver.flush()
    archiver.add([row(210, host="nas", fields={"message": TOLD, "SourceIP": "=203.0.113.9"}, raw=TOLD)])
    archiver.flush()
    archiver.close()

    def run(*arguments: str) -> Said:
        capfd.readouterr()
        code = main(["search", "--data-dir", str(tmp_path / "data"), *arguments])
        return code, *capfd.readouterr()

    return run


def test_json_lines_are_the_events_and_nothing_else(search: Callable[..., Said]) -> None:
    code, out, err = search(
        "--json", "--host", "pc-1", "--field", "TargetUserName=user1", "--logsource", "product=windows"
    )
    events = [json.loads(line) for line in out.splitlines()]
    assert (code, err) == (0, "")
    assert [event["fields"]["n"] for event in events] == [101, 1]
    assert list(events[0]) == ["time", "arrived", "source", "host", "logsource", "fields", "raw"]


@pytest.mark.slow
def test_a_source_is_named_as_people_call_it(search: Callable[..., Said], tmp_path: Path) -> None:
    assert search("--source", "PC")[0] == 2  # no store: nothing is known of it, and nothing is made by looking
    assert not (tmp_path / "data" / "store.db").exists()
    with Store.open(tmp_path / "data") as store, store.write() as change:
        for key, name in (("a", "PC de l’accueil"), ("b", "NAS"), ("c", "NAS")):
            records.add(change, Key(ProofKind.TOKEN, key), name, "any", accepted=True, now=datetime.now(UTC))
        change.execute(update(sources).where(sources.c.proof == "a").values(id="s1"))
    code, out, err = search("--json", "--source", "pc de l’accueil")
    assert (code, err) == (0, "")
    assert {json.loads(line)["source"] for line in out.splitlines()} == {"s1"}
    code, out, err = search("--source", "NAS")
    assert (code, out, err.count("\n"), err.count("(token)")) == (2, "", 1, 2)
    code, out, _ = search("--json", "--source", "s-0123456789")  # one that is known no more may have left events
    assert (code, out) == (0, "")


@pytest.mark.slow
def test_csv_disarms_formulas(search: Callable[..., Said]) -> None:
    code, out, _ = search("--csv", "--limit", "2")
    (head, first, second) = csv.reader(io.StringIO(out))
    assert code == 0
    assert head == ["time", "arrived", "source", "host", "logsource", "fields", "raw"]
    assert (first[3], second[3]) == ("nas", "PC-19")
    code, out, _ = search("--csv", "--sql", "select fields->>'SourceIP' as ip from events where host = 'nas'")
    assert out.splitlines() == ["ip", "'=203.0.113.9"]


@pytest.mark.parametrize("columns", [60, 80, 120])
def test_a_person_reads_lines_that_fit_and_move_no_cursor(
    columns: int, search: Callable[..., Said], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", str(columns))
    code, out, err = search("--limit", "2")
    assert (code, err) == (0, "")
    day, head, said, more, second, *_ = out.splitlines()
    assert day == "2026-11-25"
    assert head == "13:00:00  nas  linux/sshd"  # as the house reads a clock
    assert said.startswith("          Failed password for invalid user �[31m")
    assert more.endswith("…")
    assert second == "13:00:00  PC-19  windows/security"
    assert "The newest 2 events. Older ones: --until 2026-11-25T12:00:00.199000Z" in out
    assert all(len(line) <= columns for line in out.splitlines()[:-1])
    assert "\x1b" not in out


def test_nothing_found_is_said(search: Callable[..., Said]) -> None:
    code, out, _ = search("--text", "no such thing")
    assert code == 0
    assert "No event was found." in out


def test_sql_is_a_table(search: Callable[..., Said]) -> None:
    code, out, _ = search("--sql", "select service, count(*) as n from events group by 1 order by 1")
    assert code == 0
    assert [line.split() for line in out.splitlines()] == [["service", "n"], ["security", "100"], ["sshd", "101"]]


def test_a_broken_file_is_said_and_the_exit_code_is_one(search: Callable[..., Said], tmp_path: Path) -> None:
    broken = load_index(tmp_path / "data" / "archive").parts[0].path
    (tmp_path / "data" / "archive" / broken).write_bytes(b"")
    code, out, err = search("--json")
    assert code == 1
    assert len(out.splitlines()) > 90
    assert err == f"not searched: {broken}: it is missing or cut off and was passed over\n"


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--json", "--csv"], "--json and --csv cannot both be had"),
        (["--since", "-2q"], "-2h for two hours ago"),
        (["--since", "2026-11-25", "--until", "2026-11-24"], "no event lies between"),
        (["--field", "name"], "write it as TargetUserName=admin*"),
        (["--sql", "select 1", "--host", "x"], "write --host into its WHERE"),
        (["--sql", "selec"], "--sql cannot be run: Parser Error"),
        (["--sql", "select * from read_text('/etc/passwd')"], "--sql cannot be run: Permission Error"),
        (["--sql", "copy events to 'x.csv'"], "--sql cannot be run: one SELECT is expected, and nothing else"),
    ],
)
def test_what_was_typed_wrong_is_said(arguments: list[str], sentence: str, search: Callable[..., Said]) -> None:
    code, out, err = search(*arguments)
    assert (code, out) == (2, "")
    assert sentence in err
    assert len(err.splitlines()) == 1


def test_without_an_archive_it_says_so(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert main(["search", "--lang", "en", "--data-dir", str(tmp_path)]) == 40
    assert "there is no archive yet" in capfd.readouterr().err


def test_times_are_absolute_or_so_long_ago() -> None:
    now, zone = datetime(2026, 11, 25, 12, tzinfo=UTC), ZoneInfo("Europe/Brussels")
    noon = int(now.timestamp()) * 1_000_000
    assert moment("--since", None, zone, now) is None
    assert moment("--since", "-90m", zone, now) == noon - 5_400_000_000
    assert moment("--since", "-1d", zone, now) == noon - 86_400_000_000
    assert moment("--since", "2026-11-25T13:00:00", zone, now) == noon
    for wrong in ("-2", "yesterday", "-999999w", "-²h"):
        with pytest.raises(UsageError):
            moment("--since", wrong, zone, now)
