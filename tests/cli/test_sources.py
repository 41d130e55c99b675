"""`beffroi sources`, as it is typed."""

import json
import re
import ssl
import stat
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from beffroi.cli.main import main
from beffroi.logs.arrival import Proof
from beffroi.logs.sources import Registry, Unknown, records
from beffroi.store import Store

Run = Callable[..., str]


@pytest.fixture(autouse=True)
def in_english(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LC_ALL", "en_GB.UTF-8")


@pytest.fixture
def data(tmp_path: Path) -> Path:
    return tmp_path / "data"


@pytest.fixture
def run(data: Path, capsys: pytest.CaptureFixture[str]) -> Run:
    """Run `beffroi sources …`; what it says on stdout, then on stderr. It ends with the code 0, or as told."""

    def run(*arguments: str, code: int = 0) -> str:
        ended = main(["sources", arguments[0], "--data-dir", str(data), *arguments[1:]])
        said = capsys.readouterr()
        assert ended == code, said.err
        return said.out + said.err

    return run


def documents(said: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in said.splitlines()]


def stranger(data: Path, peer: str = "192.168.7.20", name: str | None = None) -> str:
    with Store.open(data) as store, store.write() as change:
        admitted = Registry.load(change).admit(Proof("syslog_udp", peer, name=name))
        assert isinstance(admitted, Unknown)
        made = records.meet(change, admitted, now=datetime.now(UTC))
        records.heard(change, made, arrived=datetime.now(UTC), events=1204, last_event=datetime.now(UTC))
        return made


def test_nobody_yet(run: Run) -> None:
    said = run("list")
    assert said.startswith("Nobody sends anything yet.\n")
    assert "syslog server, port 514." in said
    assert "port 9200, and a token: `beffroi sources token NAME`" in said
    assert run("list", "--quiet") == "Nobody sends anything yet.\n"
    assert run("list", "--json") == ""


def test_the_bare_name_is_the_list(data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    stranger(data)
    assert main(["sources", "--json", "--data-dir", str(data)]) == 0
    assert json.loads(capsys.readouterr().out)["state"] == "new"
    assert main(["sources", "--help"]) == 0
    assert "certificate" in capsys.readouterr().out
    assert main(["sources", "lits"]) == 2


def test_somebody_new_is_shown_with_what_can_be_done(run: Run, data: Path) -> None:
    made = stranger(data, name="nas")
    said = run("list")
    assert "Somebody new sends from 192.168.7.20 and calls itself “nas”." in said
    assert f"beffroi sources accept {made}" in said
    assert "1,204" in said
    assert "Somebody new" not in run("list", "--quiet")


def test_the_list_for_machines_has_what_was_promised(run: Run, data: Path) -> None:
    made = stranger(data)
    (row,) = documents(run("list", "--json"))
    assert {"id", "name", "kind", "assurance", "state", "last_event", "events_24h"} <= row.keys()
    assert (row["id"], row["name"], row["kind"], row["assurance"], row["state"], row["events_24h"]) == (
        made, "192.168.7.20", "syslog_udp", "none", "new", 1204,
    )  # fmt: skip


def test_accepted_renamed_rejected(run: Run, data: Path) -> None:
    made = stranger(data)
    assert "“NAS” sends counts" in run("accept", made, "--name", "NAS")
    assert "It is called “NAS du bureau” now." in run("rename", "NAS", "NAS du bureau")
    assert "Nothing more is taken from “NAS du bureau”." in run("reject", made[:7])
    (row,) = documents(run("accept", made, "--json"))
    assert (row["state"], row["assurance"]) == ("accepted", "address")


def test_a_token_alone_stands_on_stdout(data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["sources", "token", "Serveur", "--data-dir", str(data)]) == 0
    said = capsys.readouterr()
    assert re.fullmatch(r"beffroi_[a-z2-7]{32}\n", said.out)
    assert "it is shown this once" in said.err


def test_a_token_is_renewed_only_when_asked(run: Run) -> None:
    (first,) = documents(run("token", "Serveur", "--json"))
    assert "--renew" in run("token", "Serveur", code=2)
    (second,) = documents(run("token", "Serveur", "--renew", "--json"))
    assert first["id"] == second["id"]
    assert first["token"] != second["token"]


def test_a_certificate_is_written_for_its_owner_alone_and_works(run: Run, tmp_path: Path) -> None:
    (row,) = documents(run("certificate", "PC de l’accueil", "--out", str(tmp_path / "out"), "--json"))
    files = {kind: Path(path) for kind, path in row["files"].items()}
    assert "key" not in row
    assert [stat.S_IMODE(files[kind].stat().st_mode) & 0o077 for kind in ("key", "certificate")] == [0, 0o044]
    context = ssl.create_default_context(cafile=str(files["ca"]))
    context.load_cert_chain(files["certificate"], files["key"])
    assert "ends on" in run("certificate", "NAS", "--out", str(tmp_path / "out"))
    assert "certificate until 20" in run("list")


@pytest.mark.slow
def test_a_key_is_never_overwritten_and_then_nothing_is_made(run: Run, tmp_path: Path) -> None:
    (tmp_path / "NAS.key").write_text("precious")
    assert "there is such a file already" in run("certificate", "NAS", "--out", str(tmp_path), code=2)
    assert (tmp_path / "NAS.key").read_text() == "precious"
    assert run("list", "--json") == ""


@pytest.mark.parametrize("name", ["../../etc/passwd", "/etc/x", ".", "..", "-", "é", "a/b"])
def test_no_name_leads_a_file_out_of_its_folder(name: str, run: Run, tmp_path: Path) -> None:
    run("certificate", "--out", str(tmp_path / "out"), "--", name)
    assert sorted(path.suffix for path in (tmp_path / "out").iterdir()) == [".crt", ".crt", ".key"]
    assert {path.name for path in tmp_path.iterdir()} == {"data", "out"}


def test_a_silence_is_announced_by_a_day_a_span_or_a_moment_and_ended(run: Run, data: Path) -> None:
    made = stranger(data)
    day = (datetime.now(UTC) + timedelta(days=30)).date().isoformat()
    assert f"may be silent until {day} 23:59" in run("silence", made, "--until", day)
    assert "may be silent until" in run("list")
    (row,) = documents(run("silence", made, "--for", "2w", "--json"))
    left = datetime.fromisoformat(row["silenced_until"]) - datetime.now(UTC)
    assert timedelta(days=13) < left < timedelta(days=15)
    assert "until" in run("silence", made, "--until", f"{day}T08:00+01:00")
    assert "expected to be heard again" in run("silence", made, "--end")


@pytest.mark.parametrize(
    "how",
    [
        [], ["--end", "--for", "1d"], ["--for", "1y"], ["--for", "0d"], ["--for", "9999w"], ["--until", "tomorrow"],
        ["--until", "2020-01-01"], ["--until", "9999-12-31"], ["--until", "0001-01-01"],
    ],
)  # fmt: skip
def test_a_silence_that_makes_no_sense_is_told(how: list[str], run: Run, data: Path) -> None:
    assert run("silence", stranger(data), *how, code=2).startswith("beffroi: ")


def test_what_a_hostile_sender_calls_itself_steers_no_terminal(run: Run, data: Path) -> None:
    stranger(data, name="\x1b]0;owned\x07\x1b[2J\u202e[red]nas\r\n")
    said = run("list") + run("list", "--json")
    assert not {"\x1b", "\x07", "\u202e", "\r"} & set(said)
    assert "[red]nas" in said


def test_a_name_full_of_markup_is_shown_as_it_is(run: Run) -> None:
    run("token", "[bold red]NAS[/]")
    assert "[bold red]NAS[/]" in run("list")
    assert "A name is one line" in run("token", "a\x1b[2Jb", code=2)


@pytest.mark.parametrize("columns", ["30", "60", "100"])
def test_on_a_narrow_terminal_nothing_is_lost(
    columns: str, run: Run, data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = stranger(data)
    run("accept", made, "--name", "Le grand NAS du bureau de la direction")
    monkeypatch.setenv("COLUMNS", columns)
    said = run("list")
    assert made in said
    assert max(map(len, said.splitlines())) <= int(columns)
    assert "Le grand NAS du bureau de la direction" in " ".join(said.split()) or columns == "100"


@pytest.mark.parametrize(("language", "said"), [("fr", "acceptée"), ("nl", "aanvaard"), ("de", "angenommen")])
def test_it_speaks_the_language_asked_for(language: str, said: str, run: Run, data: Path) -> None:
    run("accept", stranger(data))
    assert said in run("list", "--lang", language)
