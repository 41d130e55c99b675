"""`beffroi hunt` as somebody types it: what stands on stdout, what on stderr, how it ends, and where it may run."""

import csv
import io
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from beffroi.cli.main import main
from beffroi.core.errors import Exit
from tests.hunting.hunts import CLEARED, WHOAMI, event, failed, rules, whoami, write
from tests.logs.formats.samples import thirty

Said = tuple[int, str, str]


@pytest.fixture(autouse=True)
def at_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    home = tmp_path / "home"
    home.mkdir()
    for name in ("XDG_CACHE_HOME", "XDG_CONFIG_HOME", "XDG_DATA_HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("LC_ALL", "en_GB.UTF-8")
    monkeypatch.setenv("COLUMNS", "120")
    return home


@pytest.fixture
def known(tmp_path: Path) -> Path:
    return rules(tmp_path / "rules")


@pytest.fixture
def night(tmp_path: Path) -> Path:
    return write(
        tmp_path / "night.json", [whoami(1), *(failed(number, seconds=number) for number in (2, 3, 4)), event(5)]
    )


@pytest.fixture
def hunt(known: Path, capfd: pytest.CaptureFixture[str]) -> Callable[..., Said]:
    """(exit code, stdout, stderr) of `beffroi hunt` with these arguments and the rules of the tests."""

    def hunt(*arguments: object) -> Said:
        code = main(["hunt", *map(str, arguments), "--rules", str(known)])
        out, err = capfd.readouterr()
        return code, out, err

    return hunt


@pytest.fixture
def process(root: Path, known: Path) -> Iterator[Callable[..., subprocess.Popen[bytes]]]:
    """Start the command as a process of its own."""
    started: list[subprocess.Popen[bytes]] = []

    def process(*arguments: object, cwd: Path = root, **options: Any) -> subprocess.Popen[bytes]:
        command = [sys.executable, "-I", "-m", "beffroi", "hunt", *map(str, arguments), "--rules", str(known)]
        started.append(subprocess.Popen(command, stdout=-1, stderr=-1, cwd=cwd, **options))
        return started[-1]

    yield process
    for each in started:
        each.kill()
        each.communicate()


# --- JSON ----------------------------------------------------------------------------------------------------------------


def test_json_is_one_line_a_match_and_nothing_else_on_stdout(hunt: Callable[..., Said], night: Path) -> None:
    code, out, err = hunt("--json", night)
    assert code == Exit.DONE
    assert [json.loads(line)["level"] for line in out.splitlines()] == ["medium", "critical"]
    assert err.startswith("5 events in ")
    assert err.count("\n") == 1


def test_quiet_says_nothing_on_stderr(hunt: Callable[..., Said], night: Path) -> None:
    assert hunt("--json", "--quiet", night)[2] == ""


def test_more_lines_than_one_block_all_come_out(hunt: Callable[..., Said], tmp_path: Path) -> None:
    path = write(tmp_path / "many.json", (whoami(number) for number in range(2_500)))
    out = hunt("--json", "-q", path)[1]
    assert [json.loads(line)["record_id"] for line in out.splitlines()] == list(range(2_500))


def test_no_match_is_no_output_and_no_error(hunt: Callable[..., Said], tmp_path: Path) -> None:
    assert hunt("--json", "-q", write(tmp_path / "quiet.json", [event()])) == (Exit.DONE, "", "")


# --- CSV -----------------------------------------------------------------------------------------------------------------


def table(out: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(out, newline="")))


def test_csv_has_a_head_and_a_row_a_match(hunt: Callable[..., Said], night: Path) -> None:
    code, out, _ = hunt("--csv", night)
    single, correlation = table(out)
    assert code == Exit.DONE
    assert out.startswith("time,level,rule,rule_id,host,file,record_id,tags,logsource,fields,events\r\n")
    assert (single["host"], single["file"], single["record_id"], single["events"]) == (
        "PC-ACCUEIL",
        str(night),
        "1",
        "",
    )
    assert json.loads(single["fields"]) == {"CommandLine": "whoami /all"}
    assert (correlation["file"], correlation["record_id"]) == ("", "")
    assert len(json.loads(correlation["events"])) == 3


@pytest.mark.parametrize("start", ["=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠"])
def test_a_cell_that_a_spreadsheet_would_run_is_disarmed(hunt: Callable[..., Said], tmp_path: Path, start: str) -> None:
    path = write(tmp_path / "evil.json", [whoami(Computer=f"{start}cmd|' /C calc'!A0")])
    [row] = table(hunt("--csv", "-q", path)[1])
    assert row["host"] == f"'{start}cmd|' /C calc'!A0"


def test_quotes_commas_and_line_breaks_stay_in_their_cell(hunt: Callable[..., Said], tmp_path: Path) -> None:
    name = 'a,"b"\r\nc;=d'
    [row] = table(hunt("--csv", "-q", write(tmp_path / "odd.json", [whoami(Computer=name)]))[1])
    assert row["host"] == name


def test_no_match_is_a_head_alone(hunt: Callable[..., Said], tmp_path: Path) -> None:
    assert hunt("--csv", "-q", write(tmp_path / "quiet.json", [event()]))[1].count("\n") == 1


# --- a terminal ------------------------------------------------------------------------------------------------------------


def test_people_read_groups_and_a_last_line(hunt: Callable[..., Said], night: Path) -> None:
    code, out, err = hunt(night)
    lines = out.splitlines()
    assert code == Exit.DONE
    assert [line.strip() for line in lines if line.strip() in ("PC-ACCUEIL", "Discovery", "Credential Access")] == [
        "PC-ACCUEIL", "Credential Access", "Discovery",
    ]  # fmt: skip
    assert lines[-1].startswith("5 events in ")
    assert lines[-1].endswith(
        " s · 2 matches · 0 unreadable parts · 6 rules: 0 refused, 3 with nothing to look at here"
    )
    assert err == ""


def test_it_speaks_french_where_asked(hunt: Callable[..., Said], night: Path) -> None:
    assert "Événements lus" in hunt(night, "--lang", "fr")[1].splitlines()[-1]


# --- what is asked -----------------------------------------------------------------------------------------------------------


def told(out: str) -> list[Any]:
    return [json.loads(line)["record_id"] for line in out.splitlines()]


def test_the_options_reach_the_hunt(hunt: Callable[..., Said], tmp_path: Path) -> None:
    night = write(tmp_path / "a.json", [whoami(number, seconds=60 * number) for number in range(4)])
    assert told(hunt("--json", night, "--level", "high")[1]) == []
    assert told(hunt("--json", night, "--since", "2026-11-23T02:15:00Z", "--until", "2026-11-23T02:17:00Z")[1]) == [
        1,
        2,
    ]
    assert told(hunt("--json", night, "--since", "2026-11-23 03:16")[1]) == [2, 3]  # the house's zone
    assert told(hunt("--json", night, "--until", "2026-11-23")[1]) == []
    auth = write(tmp_path / "auth.json", [{"message": "session opened for user root"}])
    assert told(hunt("--json", auth, "--logsource", "product=linux, service=auth")[1]) == [1]
    (tmp_path / "p.yml").write_text("Servers: [srv]\n")
    server = write(tmp_path / "s.json", [event(7, Channel="Security", EventID=4624, WorkstationName="SRV")])
    assert told(hunt("--json", server)[1]) == []
    assert told(hunt("--json", server, "--placeholders", tmp_path / "p.yml")[1]) == [7]


def test_several_processes_write_the_same_bytes(hunt: Callable[..., Said], tmp_path: Path) -> None:
    for place in range(140):
        write(tmp_path / "logs" / f"{place:03d}.json", [whoami(place), failed(1, seconds=place)])
    outs = {hunt("--json", "-q", tmp_path / "logs", "--jobs", jobs)[1] for jobs in (1, 2, 3)}
    assert len(outs) == 1
    assert outs.pop().count("\n") > 140


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--json", "--csv", "."], "--json and --csv cannot both be had"),
        (["--since", "yesterday", "."], "--since yesterday: no time"),
        (["--until", "2026-13-01", "."], "--until 2026-13-01: no time"),
        (["--logsource", "linux", "."], "--logsource linux: write it as product=linux,service=auth"),
        (["--logsource", "colour=red", "."], "write it as"),
        (["--level", "dreadful", "."], "dreadful"),
        (["--jobs", "0", "."], "0"),
        ([], "PATH"),
    ],
)
def test_misuse_ends_with_2_and_one_sentence(hunt: Callable[..., Said], arguments: list[str], said: str) -> None:
    code, out, err = hunt(*arguments)
    assert (code, out) == (Exit.ERROR, "")
    assert said in err
    assert "Traceback" not in err


def test_since_after_until_is_misuse(hunt: Callable[..., Said], night: Path) -> None:
    code, out, err = hunt("--json", night, "--since", "2026-11-24", "--until", "2026-11-23")
    assert (code, out) == (Exit.ERROR, "")
    assert "2026-11-24" in err


@pytest.mark.parametrize("text", ["- a", "a: [", "a: [{b: 1}]"])
def test_a_placeholder_file_that_is_none_is_named(
    hunt: Callable[..., Said], night: Path, tmp_path: Path, text: str
) -> None:
    (tmp_path / "p.yml").write_text(text)
    for path in (tmp_path / "p.yml", tmp_path / "gone.yml"):
        code, _, err = hunt("--json", night, "--placeholders", path)
        assert code == Exit.ERROR
        assert err.startswith("beffroi: ")
        assert err.count("\n") == 1
        assert str(path) in err


# --- what cannot be read -----------------------------------------------------------------------------------------------------


def test_a_damaged_recording_is_counted_named_and_ends_with_1(
    hunt: Callable[..., Said], tmp_path: Path, night: Path
) -> None:
    (tmp_path / "broken.evtx").write_bytes(thirty()[:70_000])
    code, out, err = hunt("--json", night, tmp_path / "broken.evtx")
    assert code == Exit.PARTLY
    assert out.count("\n") == 2
    assert "broken.evtx, " in err
    assert "0 unreadable parts" not in err
    assert hunt("--json", "-q", tmp_path / "broken.evtx")[::2] == (Exit.PARTLY, "")


@pytest.mark.parametrize("jobs", [1, 2])
@pytest.mark.parametrize(
    ("language", "told"),
    [
        ("fr", "fin du fichier\u202f: blocs manquants\u202f: 1 sur les 3 annoncés par l’en-tête du fichier"),
        ("nl", "einde van het bestand: ontbrekende blokken: 1 van de 3 die de kop van het bestand aankondigt"),
        ("de", "Ende der Datei: fehlende Blöcke: 1 von 3, die der Kopf der Datei ankündigt"),
    ],
)
def test_what_cannot_be_read_is_told_in_the_language(
    hunt: Callable[..., Said], tmp_path: Path, night: Path, language: str, told: str, jobs: int
) -> None:
    (tmp_path / "broken.evtx").write_bytes(thirty()[:100_000])
    code, _, err = hunt(night, tmp_path / "broken.evtx", "--lang", language, "--jobs", jobs)
    assert code == Exit.PARTLY
    assert f"{tmp_path / 'broken.evtx'}, {told}\n" in err


@pytest.mark.parametrize(
    ("language", "told"),
    [
        ("fr", "ligne 8\u202f: selon pySigma, «\u202fUnknown modifier 'nonsense'\u202f»"),
        ("nl", "lijn 8: volgens pySigma: “Unknown modifier 'nonsense'”"),
        ("de", "Zeile 8: laut pySigma: „Unknown modifier 'nonsense'“"),
    ],
)
def test_why_a_rule_is_refused_is_told_in_the_language_also_from_the_cache(
    hunt: Callable[..., Said], known: Path, night: Path, language: str, told: str
) -> None:
    (known / "bad.yml").write_text(CLEARED.replace("22222222", "99999999").replace("EventID", "EventID|nonsense"))
    assert [told in hunt(night, "--lang", language)[2] for _ in range(2)] == [True, True]


def test_a_refused_rule_is_named_and_ends_with_1(hunt: Callable[..., Said], known: Path, night: Path) -> None:
    (known / "bad.yml").write_text(CLEARED.replace("22222222", "99999999").replace("EventID", "EventID|nonsense"))
    code, out, err = hunt("--json", night)
    assert code == Exit.PARTLY
    assert out.count("\n") == 2
    assert f"refused: {known / 'bad.yml'}, line 8: Unknown modifier 'nonsense'" in err
    assert "6 rules: 1 refused" in err


@pytest.mark.parametrize("missing", ["path", "rules"])
def test_a_missing_path_ends_with_2_and_one_sentence(
    capfd: pytest.CaptureFixture[str], night: Path, known: Path, tmp_path: Path, missing: str
) -> None:
    gone = tmp_path / "gone"
    asked = [gone, "--rules", known] if missing == "path" else [night, "--rules", gone]
    assert main(["hunt", "--json", *map(str, asked)]) == Exit.ERROR
    out, err = capfd.readouterr()
    assert (out, err.count("\n")) == ("", 1)
    assert err.startswith(f"beffroi: {gone}: ")


# --- how it may be ended -------------------------------------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.parametrize("jobs", [1, 2])
@pytest.mark.parametrize("shape", ["--json", "--csv", "--quiet"])
def test_a_reader_that_goes_away_ends_it_quietly(
    process: Callable[..., subprocess.Popen[bytes]], tmp_path: Path, jobs: int, shape: str
) -> None:
    for place in range(200):
        write(tmp_path / "logs" / f"{place:03d}.json", (whoami(number) for number in range(100)))
    running = process(shape, tmp_path / "logs", "--jobs", jobs)
    assert running.stdout is not None
    running.stdout.readline()
    running.stdout.close()
    _, err = running.communicate(timeout=30)
    assert running.returncode == Exit.PIPE_CLOSED
    assert err == b""


@pytest.mark.slow
@pytest.mark.parametrize("jobs", [1, 2])
def test_ctrl_c_ends_it_quietly_and_leaves_no_process(
    process: Callable[..., subprocess.Popen[bytes]], tmp_path: Path, jobs: int
) -> None:
    for place in range(300):
        write(tmp_path / "logs" / f"{place:03d}.json", (whoami(number) for number in range(400)))
    running = process("--json", tmp_path / "logs", "--jobs", jobs, start_new_session=True)
    assert running.stdout is not None
    assert running.stdout.readline()
    os.killpg(running.pid, signal.SIGINT)  # as a terminal does: to all processes
    out, err = running.communicate(timeout=20)
    assert (running.returncode, err) == (Exit.INTERRUPTED, b"")
    assert all(json.loads(line) for line in out.splitlines()[1:-1])
    deadline = time.monotonic() + 5
    while group_lives(running.pid) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not group_lives(running.pid)


def group_lives(group: int) -> bool:
    try:
        os.killpg(group, 0)
    except ProcessLookupError:
        return False
    return True


@pytest.mark.slow
def test_a_full_disk_under_stdout_is_a_sentence(
    process: Callable[..., subprocess.Popen[bytes]], root: Path, night: Path, known: Path
) -> None:
    command = [sys.executable, "-I", "-m", "beffroi", "hunt", "--json", "-q", str(night), "--rules", str(known)]
    with open("/dev/full", "wb") as full:  # noqa: PTH123 - a device, not a file of ours
        done = subprocess.run(command, stdout=full, stderr=-1, cwd=root, check=False)
    assert done.returncode == Exit.ERROR
    assert b"No space left on device" in done.stderr
    assert b"Traceback" not in done.stderr


# --- where it runs -------------------------------------------------------------------------------------------------------------


def test_it_writes_nothing_but_its_cache(hunt: Callable[..., Said], night: Path, at_home: Path, tmp_path: Path) -> None:
    before = {path for path in tmp_path.rglob("*") if not path.is_relative_to(at_home)}
    hunt("--json", night)
    assert {path for path in tmp_path.rglob("*") if not path.is_relative_to(at_home)} == before
    assert [path.parent for path in at_home.rglob("*") if path.is_file()] == [at_home / ".cache" / "beffroi"]


@pytest.mark.parametrize("break_it", ["a file in its place", "not writable", "full of rubbish", "a link elsewhere"])
def test_whatever_is_wrong_with_the_cache_the_matches_are_the_same(
    hunt: Callable[..., Said], night: Path, at_home: Path, tmp_path: Path, break_it: str
) -> None:
    expected = hunt("--json", "-q", night)
    assert expected[1].count("\n") == 2
    folder = at_home / ".cache" / "beffroi"
    if break_it == "full of rubbish":
        for path in folder.iterdir():
            path.write_bytes(os.urandom(5_000))
    else:
        for path in folder.iterdir():
            path.unlink()
        folder.rmdir()
        if break_it == "a file in its place":
            folder.write_text("x")
        elif break_it == "a link elsewhere":
            folder.symlink_to("/proc/self/nowhere")
        else:
            at_home.joinpath(".cache").chmod(0o500)
    assert hunt("--json", "-q", night) == expected


@pytest.mark.slow
@pytest.mark.parametrize("home", [None, "", "/proc/nowhere", "relative", "/dev/null"])
def test_it_works_without_a_home(
    process: Callable[..., subprocess.Popen[bytes]],
    night: Path,
    home: str | None,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    env = {"LC_ALL": "C.UTF-8", "PATH": os.environ["PATH"], "XDG_CACHE_HOME": "/proc/nowhere"}
    if home is not None:
        env["HOME"] = home
        if home:
            del env["XDG_CACHE_HOME"]
    (tmp_path / "here").mkdir()
    running = process("--json", "-q", night, env=env, cwd=tmp_path / "here")
    out, err = running.communicate(timeout=30)
    assert (running.returncode, out.count(b"\n"), err) == (Exit.DONE, 2, b"")
    assert list((tmp_path / "here").iterdir()) == []


@pytest.mark.slow
def test_an_unknown_user_without_a_home_can_hunt(
    process: Callable[..., subprocess.Popen[bytes]], night: Path, known: Path, tmp_path: Path
) -> None:
    """As in a container that runs as a number without an entry in the list of users."""
    if os.geteuid() != 0:
        pytest.skip("only root may become somebody else")
    for path in [*tmp_path.parents[:2], tmp_path, known]:
        path.chmod(0o755)
    interpreter = Path(sys.executable).resolve()
    if not all(parent.stat().st_mode & 0o001 for parent in interpreter.parents):
        pytest.skip("this Python lies where only root may look")
    running = process("--json", "-q", night, env={"PATH": os.environ["PATH"]}, user=54321, group=54321, extra_groups=[])
    out, err = running.communicate(timeout=30)
    assert (running.returncode, out.count(b"\n"), err) == (Exit.DONE, 2, b"")


@pytest.mark.slow
def test_two_hunts_at_once_that_fill_the_cache_say_the_same(
    process: Callable[..., subprocess.Popen[bytes]], night: Path, at_home: Path
) -> None:
    both = [process("--json", "-q", night) for _ in range(3)]
    told = {running.communicate(timeout=30) for running in both}
    assert len(told) == 1
    assert [path.suffix for path in (at_home / ".cache" / "beffroi").iterdir()] == [".rules"]


def test_a_whole_rule_text_is_found_by_its_file(
    hunt: Callable[..., Said], known: Path, night: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    alone = known.parent / "alone.yml"
    alone.write_text(WHOAMI)
    assert main(["hunt", "--json", "-q", str(night), "--rules", str(alone)]) == Exit.DONE
    assert capfd.readouterr().out.count("\n") == 1
