"""A hunt over a folder: what it says of each match, and that neither processes, copies nor order change it."""

import gc
import multiprocessing
from datetime import UTC, datetime, timedelta
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

import orjson
import pytest

from beffroi.core.errors import BeffroiError, InputError
from beffroi.core.model import LogSource
from beffroi.hunting import Request, hunt, tasks
from beffroi.hunting import reading as running
from beffroi.hunting import run as hunt_module
from beffroi.hunting.worker import Sink, Worker
from beffroi.logs.formats import files
from tests.hunting.hunts import (
    BRUSSELS,
    CLEARED,
    FAILED,
    GUESSED,
    START,
    WHOAMI,
    event,
    failed,
    hunted,
    raw,
    rules,
    whoami,
    write,
)
from tests.logs.formats.samples import evtx, thirty

WHOAMI_ID, CLEARED_ID = "11111111-1111-4111-8111-111111111111", "22222222-2222-4222-8222-222222222222"
FAILED_ID, GUESSED_ID = "33333333-3333-4333-8333-333333333333", "44444444-4444-4444-8444-444444444444"


@pytest.fixture
def known(tmp_path: Path) -> Path:
    return rules(tmp_path / "rules")


@pytest.fixture
def small_tasks(monkeypatch: pytest.MonkeyPatch) -> None:
    """A task for every two files, so that processes have something to share."""
    monkeypatch.setattr(tasks, "TASK_FILES", 2)


@pytest.fixture
def night(tmp_path: Path) -> Path:
    """Twelve recordings, some with matches, some with parts of a correlation, one damaged."""
    folder = tmp_path / "night"
    for place in range(12):
        some = [
            event(1),
            whoami(2, seconds=place),
            failed(3, seconds=place),
            event(4, Channel="Security", EventID=1102),
        ]
        write(
            folder / f"pc{place:02d}.json", [each | {"Computer": f"PC{place % 3}"} for each in some * (1 + place % 4)]
        )
    (folder / "broken.evtx").write_bytes(thirty()[:70_000])
    return folder


# --- what a line says ----------------------------------------------------------------------------------------------


def test_a_match_says_when_which_rule_where_and_what_the_rule_looked_at(tmp_path: Path, known: Path) -> None:
    path = write(tmp_path / "a.json", [event(7), whoami(8, seconds=1.5, User="nurse")])
    [match], outcome = hunted([path], [known])
    assert match == {
        "time": "2026-11-23T02:14:01.500000Z",
        "rule_id": WHOAMI_ID,
        "rule": "Somebody asks who they are",
        "level": "medium",
        "tags": ["attack.discovery", "attack.t1033"],
        "host": "PC-ACCUEIL",
        "file": str(path),
        "record_id": 8,
        "logsource": {"product": "windows", "category": "process_creation", "service": None},
        "fields": {"CommandLine": "whoami /all"},
    }
    assert (outcome.events, outcome.matches, outcome.faults) == (2, 1, [])


def test_a_correlation_has_no_file_and_names_its_events(tmp_path: Path, known: Path) -> None:
    path = write(tmp_path / "a.json", [failed(number, seconds=60 * number) for number in (1, 2, 3)])
    [match], outcome = hunted([path], [known])
    assert outcome.matches == 1
    assert {
        name: match[name] for name in ("file", "record_id", "rule_id", "rule", "level", "tags", "host", "time")
    } == {
        "file": None,
        "record_id": None,
        "rule_id": GUESSED_ID,
        "rule": "Passwords are guessed",
        "level": "critical",
        "tags": ["attack.credential-access"],
        "host": "PC-ACCUEIL",
        "time": "2026-11-23T02:17:00.000000Z",
    }
    assert match["fields"] == {"Computer": "PC-ACCUEIL", "TargetUserName": "odette"}
    assert match["events"] == [
        {
            "file": str(path),
            "record_id": number,
            "time": f"2026-11-23T02:{14 + number}:00.000000Z",
            "rule_id": FAILED_ID,
        }
        for number in (1, 2, 3)
    ]


def test_a_line_holds_what_the_contract_names_and_a_correlation_only_adds_its_events(
    tmp_path: Path, known: Path
) -> None:
    promised = ["time", "rule_id", "rule", "level", "tags", "host", "file", "record_id", "logsource", "fields"]
    path = write(tmp_path / "a.json", [whoami(), *(failed(number, seconds=number) for number in (2, 3, 4))])
    single, correlation = hunted([path], [known])[0]
    assert list(single) == promised
    assert [name for name in correlation if name != "total"] == [*promised, "events"]  # `total`: `events` may be cut


def test_an_event_without_a_record_number_is_named_by_its_line(tmp_path: Path, known: Path) -> None:
    without = {name: value for name, value in whoami().items() if name != "EventRecordID"}
    path = write(tmp_path / "a.json", [event(), without])
    assert [match["record_id"] for match in hunted([path], [known])[0]] == [2]


def test_an_event_without_time_or_machine_is_told_all_the_same(tmp_path: Path, known: Path) -> None:
    bare = {name: value for name, value in whoami().items() if name not in ("TimeCreated", "Computer")}
    [match], _ = hunted([write(tmp_path / "a.json", [bare])], [known])
    assert (match["time"], match["host"]) == (None, None)


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ("2026-11-23 03:14:00", "2026-11-23T02:14:00Z"),  # without a zone: the house's
        ("2026-11-23T03:14:00.25+01:00", "2026-11-23T02:14:00.250000Z"),
        (1763864040, "2025-11-23T02:14:00Z"),
        ("yesterday", None),
        ([1, 2], None),
        ("0001-01-01T00:00:00", None),  # before the first year in UTC
    ],
)
def test_a_time_is_told_in_utc_or_not_at_all(tmp_path: Path, known: Path, given: object, told: str | None) -> None:
    [match], _ = hunted([write(tmp_path / "a.json", [whoami(TimeCreated=given)])], [known])
    assert match["time"] == told


def test_values_that_json_cannot_hold_are_told_in_another_way(tmp_path: Path, known: Path) -> None:
    path = tmp_path / "a.json"
    line = orjson.dumps(whoami()).decode()
    path.write_text(
        line.replace("whoami /all", "whoami \\ud800") + "\n" + line.replace('"whoami /all"', '["whoami",1e400]')
    )
    matches, outcome = hunted([path], [known])
    assert len(matches) + len(outcome.faults) >= 2
    assert all("whoami" in str(match["fields"]) for match in matches)


def test_an_own_field_of_json_lines_cannot_forge_the_file_or_the_rule(tmp_path: Path, known: Path) -> None:
    path = write(tmp_path / "a.json", [whoami(file="other.evtx", rule_id="x", record_id=99, level="low")])
    [match], _ = hunted([path], [known])
    assert (match["file"], match["rule_id"], match["record_id"], match["level"]) == (str(path), WHOAMI_ID, 1, "medium")


# --- processes, copies, order --------------------------------------------------------------------------------------


@pytest.mark.parametrize("jobs", [2, 3, 16])
def test_several_processes_print_the_same_bytes_as_one(night: Path, known: Path, small_tasks: None, jobs: int) -> None:
    alone, counted = raw([night], [known])
    together, recounted = raw([night], [known], jobs=jobs)
    assert together == alone
    assert len(alone) > 40
    assert (counted.events, counted.matches, counted.blind) == (recounted.events, recounted.matches, recounted.blind)
    assert recounted.faults == counted.faults != []
    assert len(recounted.shares) == min(jobs, 7)


@pytest.fixture
def small_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    """What takes megabytes otherwise: files worth cutting."""
    monkeypatch.setattr(tasks, "TASK_BYTES", 20_000)
    monkeypatch.setattr(tasks, "PART_BYTES", 9_000)


@pytest.fixture
def large(tmp_path: Path) -> Path:
    """A log of lines, some of them bad, between small files, and a log of chunks, some of them bad."""
    folder = tmp_path / "large"
    for name in ("a", "c"):
        write(folder / f"{name}.json", [whoami()])
    unnumbered = {name: value for name, value in whoami().items() if name != "EventRecordID"}
    write(folder / "b.json", ((whoami(n), unnumbered, failed(n, seconds=n))[n % 3] for n in range(900)))
    lines = (folder / "b.json").read_bytes().splitlines(keepends=True)
    lines[::7] = [b"no json\n"] * len(lines[::7])
    (folder / "b.json").write_bytes(b"".join(lines))
    chunks = bytearray(evtx([{"CommandLine": f"whoami {number}"} for number in range(60)], each=5))
    for chunk in (1, 4, 5, 10):
        chunks[4_096 + chunk * 65_536 + 700] ^= 0xFF
    (folder / "d.evtx").write_bytes(chunks[:-30_000])
    return folder


@pytest.mark.parametrize("jobs", [2, 3])
def test_a_large_file_is_shared_and_nobody_can_tell(large: Path, known: Path, small_parts: None, jobs: int) -> None:
    alone, counted = raw([large], [known])
    together, recounted = raw([large], [known], jobs=jobs)
    assert together == alone
    assert recounted.faults == counted.faults
    assert {Path(fault.path).name for fault in counted.faults} == {"b.json", "d.evtx"}
    assert (counted.events, counted.matches, counted.blind) == (recounted.events, recounted.matches, recounted.blind)
    assert len(recounted.shares) == jobs
    (one_file, _), (shared, by_many) = (raw([large / "b.json"], [known], jobs=each) for each in (1, jobs))
    assert (shared, len(by_many.shares)) == (one_file, jobs)


@pytest.mark.slow
@pytest.mark.parametrize("bound", [1_500, 2_500])
def test_the_faults_of_parts_are_bounded_as_those_of_a_file(
    tmp_path: Path, known: Path, small_parts: None, monkeypatch: pytest.MonkeyPatch, bound: int
) -> None:
    monkeypatch.setattr(running, "MOST_FAULTS", bound)
    write(tmp_path / "logs" / "a.json", [whoami()])
    for name in ("b", "c"):
        (tmp_path / "logs" / f"{name}.json").write_bytes(orjson.dumps(whoami()) + b"\n" + b"no json\n" * 20_000)
    (tmp_path / "logs" / "d.evtx").write_bytes(b"ElfFile\0")
    alone, together = (hunted([tmp_path / "logs"], [known], jobs=jobs)[1] for jobs in (1, 3))
    assert together.faults == alone.faults
    assert together.faults_uncounted == alone.faults_uncounted
    assert len(alone.faults) == min(bound, 1_001 + 1_001 + 1)


def test_a_large_file_that_is_exchanged_meanwhile_is_one_fault(
    tmp_path: Path, known: Path, small_parts: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write(tmp_path / "a.json", (whoami(number) for number in range(900)))
    cut = list(tasks.tasks(files([path], faults=[]), cut=True))
    monkeypatch.setattr(hunt_module, "tasks", lambda *_, **__: iter(cut))
    write(tmp_path / "b.json", [event()] * 2_000).replace(path)
    matches, outcome = hunted([path], [known], jobs=2)
    assert (matches, [fault.path for fault in outcome.faults]) == ([], [str(path)])


@pytest.mark.parametrize(("kinds", "begun"), [(1, 2), (40, 5)])
def test_kinds_of_events_are_first_seen_before_processes_are_forked_but_few_tasks_are_read_for_it(
    tmp_path: Path, small_tasks: None, monkeypatch: pytest.MonkeyPatch, kinds: int, begun: int
) -> None:
    known = rules(
        tmp_path / "rules",
        **{
            f"r{n}": CLEARED.replace("EventID: 1102", f"EventID: {n}").replace("2222-4", f"{n}-4")
            for n in range(1000, 1040)
        },
    )
    for place in range(80):
        seen = [event(place, Channel="Security", EventID=1000 + place // 2 % kinds, Padding="x" * 400)]
        write(tmp_path / "logs" / f"{place:02d}.json", seen)
    read: list[tasks.Task] = []

    def noted(worker: Worker, task: tasks.Task, sink: Sink) -> running.Done:
        read.append(task)
        return running.read_task(worker, task, sink)

    monkeypatch.setattr(hunt_module, "read_task", noted)
    lines, outcome = raw([tmp_path / "logs"], [known], jobs=2)
    assert (len(lines), outcome.events, len(read)) == (80, 80, begun)


def test_more_lines_than_a_pipe_holds_come_in_order(tmp_path: Path, known: Path, small_tasks: None) -> None:
    for place in range(6):
        write(tmp_path / "logs" / f"{place}.json", (whoami(number, User="x" * 900) for number in range(800)))
    assert raw([tmp_path / "logs"], [known], jobs=2)[0] == raw([tmp_path / "logs"], [known])[0]


def test_sixteen_copies_give_sixteen_equal_groups(tmp_path: Path, known: Path, night: Path) -> None:
    first, _ = hunted([night], [known])
    singles = [match for match in first if match["file"]]
    copies = tmp_path / "copies"
    for copy in range(16):
        (copies / f"{copy:02d}").mkdir(parents=True)
        for path in night.iterdir():
            (copies / f"{copy:02d}" / path.name).write_bytes(path.read_bytes())
    found, _ = hunted([copies], [known], jobs=2)
    for copy in range(16):
        group = [match for match in found if match["file"] and match["file"].startswith(f"{copies}/{copy:02d}/")]
        assert [match | {"file": Path(match["file"]).name} for match in group] == [
            match | {"file": Path(match["file"]).name} for match in singles
        ]
    assert [summed(match) for match in found if not match["file"]] == [summed(m) for m in first if not m["file"]]


def summed(match: dict[str, Any]) -> tuple[Any, ...]:
    """A correlation's match without the names of files."""
    return match["time"], match["fields"], [event["record_id"] for event in match["events"]]


def test_a_path_named_twice_is_read_twice_but_its_rules_once(tmp_path: Path, known: Path) -> None:
    path = write(tmp_path / "a.json", [whoami()])
    assert len(hunted([path, path], [known, known])[0]) == 2


def test_repeated_recordings_do_not_make_a_correlation_count_twice(tmp_path: Path, known: Path) -> None:
    twice = [failed(1, seconds=1), failed(2, seconds=2)]
    paths = [write(tmp_path / f"{copy}.json", twice) for copy in range(8)]
    assert hunted(paths, [known])[0] == []


def test_events_of_equal_number_on_other_machines_or_at_other_times_are_others(tmp_path: Path, known: Path) -> None:
    night = [failed(1, seconds=seconds) for seconds in (1, 2, 3)]
    assert len(hunted([write(tmp_path / "a.json", night)], [known])[0]) == 1


def test_recordings_out_of_order_change_no_correlation(tmp_path: Path, known: Path) -> None:
    night = [failed(number, seconds=100 * number, who=f"u{number % 2}") for number in range(1, 13)]
    forwards = write(tmp_path / "a.json", night)
    expected = [{**match, "events": None} for match in hunted([forwards], [known])[0]]
    assert len(expected) > 1
    paths = [write(tmp_path / "shuffled" / f"{100 - n}.json", [each]) for n, each in enumerate(night)]
    found, _ = hunted(list(reversed(paths[::2])) + paths[1::2], [known], jobs=2)
    assert [{**match, "events": None} for match in found] == expected
    assert [event["record_id"] for match in found for event in match["events"]] == [
        event["record_id"] for match in hunted([forwards], [known])[0] for event in match["events"]
    ]


def test_a_rule_below_a_correlation_speaks_only_where_generate_says_so(tmp_path: Path) -> None:
    speaking = GUESSED.replace("  type:", "  generate: true\n  type:")
    known = rules(tmp_path / "rules", both=f"{FAILED}---\n{speaking}")
    path = write(tmp_path / "a.json", [failed(number, seconds=number) for number in (1, 2, 3)])
    assert [match["rule_id"] for match in hunted([path], [known])[0]] == [FAILED_ID] * 3 + [GUESSED_ID]


# --- what is asked ---------------------------------------------------------------------------------------------------


def test_a_level_keeps_back_what_is_below_it_but_still_feeds_correlations(tmp_path: Path, known: Path) -> None:
    cleared = event(5, Channel="Security", EventID=1102)
    night = [whoami(4), cleared, *(failed(number, seconds=number) for number in (1, 2, 3))]
    path = write(tmp_path / "a.json", night)

    def told(level: str) -> list[str]:
        return [match["rule_id"] for match in hunted([path], [known], level=level)[0]]

    assert told("informational") == told("medium") == [WHOAMI_ID, CLEARED_ID, GUESSED_ID]
    assert told("high") == [CLEARED_ID, GUESSED_ID]
    assert told("critical") == [GUESSED_ID]


def test_since_is_included_and_until_is_not(tmp_path: Path, known: Path) -> None:
    night = [whoami(number, seconds=number) for number in range(5)]
    path = write(tmp_path / "a.json", [*night, whoami(9, TimeCreated="never")])

    def told(**bounds: datetime) -> list[int]:
        return [match["record_id"] for match in hunted([path], [known], **bounds)[0]]

    def at(seconds: float) -> datetime:
        return START + timedelta(seconds=seconds)

    assert told() == [0, 1, 2, 3, 4, 9]
    assert told(since=at(1), until=at(3)) == [1, 2]
    assert told(since=at(3.5)) == [4]
    assert told(until=at(1)) == [0]
    assert told(since=datetime(2030, 1, 1, tzinfo=UTC)) == []


def test_events_outside_the_times_feed_no_correlation(tmp_path: Path, known: Path) -> None:
    path = write(tmp_path / "a.json", [failed(number, seconds=number) for number in (1, 2, 3)])
    assert hunted([path], [known], since=START + timedelta(seconds=2))[0] == []


def test_a_stated_log_source_is_that_of_events_without_a_channel(tmp_path: Path, known: Path) -> None:
    path = write(tmp_path / "auth.json", [{"message": "pam_unix: session opened for user root", "hostname": "nas"}])
    quiet, outcome = hunted([path], [known])
    assert (quiet, outcome.unsourced) == ([], 1)
    [match], outcome = hunted([path], [known], logsource=LogSource("linux", None, "auth"))
    assert (match["host"], match["record_id"], match["file"], outcome.unsourced) == ("nas", 1, str(path), 0)


def test_a_stated_log_source_does_not_change_events_that_name_a_channel(tmp_path: Path, known: Path) -> None:
    path = write(tmp_path / "a.json", [whoami()])
    assert len(hunted([path], [known], logsource=LogSource("linux", None, "auth"))[0]) == 1


def test_a_placeholder_without_values_makes_its_rule_blind_and_with_values_it_fires(
    tmp_path: Path, known: Path
) -> None:
    path = write(tmp_path / "a.json", [event(Channel="Security", EventID=4624, WorkstationName="srv-db1")])
    assert hunted([path], [known])[0] == []
    [match], _ = hunted([path], [known], placeholders={"Servers": ["other", "SRV-*"]})
    assert match["fields"] == {"EventID": 4624, "WorkstationName": "srv-db1"}


def test_without_rules_it_takes_beffrois_own(tmp_path: Path) -> None:
    cleared = event(Channel="Security", EventID=1102, Provider_Name="Microsoft-Windows-Eventlog")
    matches, outcome = hunted([write(tmp_path / "a.json", [cleared])], [])
    assert outcome.rules + outcome.correlations >= 20
    assert len(matches) == 1


# --- what cannot be read ---------------------------------------------------------------------------------------------


def test_what_is_damaged_is_counted_and_named_and_the_rest_is_read(tmp_path: Path, known: Path) -> None:
    (tmp_path / "logs").mkdir()
    (tmp_path / "logs" / "broken.evtx").write_bytes(thirty()[:70_000])
    write(tmp_path / "logs" / "good.json", [whoami()])
    matches, outcome = hunted([tmp_path / "logs"], [known])
    assert [match["rule_id"] for match in matches] == [WHOAMI_ID]
    assert {Path(fault.path).name for fault in outcome.faults} == {"broken.evtx"}
    assert 10 <= outcome.events < 31


def test_refused_rules_are_told_and_the_others_hunt(tmp_path: Path) -> None:
    bad = CLEARED.replace("EventID: 1102", "EventID|nonsense: 1102")
    known = rules(tmp_path / "rules", whoami=WHOAMI, bad=bad)
    matches, outcome = hunted([write(tmp_path / "a.json", [whoami()])], [known])
    assert len(matches) == 1
    [fault] = outcome.refused
    assert (Path(fault.path).name, str(fault.place)) == ("bad.yml", "line 8")


def test_a_missing_path_stops_it_before_anything_is_read(tmp_path: Path, known: Path) -> None:
    path = write(tmp_path / "a.json", [whoami()])
    with pytest.raises(InputError, match="gone"):
        hunted([path, tmp_path / "gone"], [known])


def test_a_missing_rule_folder_stops_it(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="gone"):
        hunted([write(tmp_path / "a.json", [whoami()])], [tmp_path / "gone"])


@pytest.mark.parametrize("jobs", [1, 2])
def test_a_recording_that_vanishes_meanwhile_is_a_fault_like_others(
    tmp_path: Path, known: Path, monkeypatch: pytest.MonkeyPatch, small_tasks: None, jobs: int
) -> None:
    paths = [write(tmp_path / "logs" / f"{place}.json", [whoami()]) for place in range(6)]
    cut = list(tasks.tasks(files([tmp_path / "logs"], faults=[]), cut=False))
    monkeypatch.setattr(hunt_module, "tasks", lambda *_, **__: iter(cut))
    paths[3].unlink()
    matches, outcome = hunted([tmp_path / "logs"], [known], jobs=jobs)
    assert len(matches) == 5
    assert [fault.path for fault in outcome.faults] == [str(paths[3])]


def test_faults_beyond_the_bound_are_counted_without_words(
    tmp_path: Path, known: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(running, "MOST_FAULTS", 3)
    for place in range(5):
        (tmp_path / f"{place}.evtx").write_bytes(b"ElfFile\0")
    _, outcome = hunted(sorted(tmp_path.glob("*.evtx")), [known])
    assert (len(outcome.faults), outcome.faults_uncounted) == (3, 2)


# --- processes that end --------------------------------------------------------------------------------------------


@pytest.fixture
def victims(monkeypatch: pytest.MonkeyPatch) -> list[BaseProcess]:
    """The processes a hunt starts."""
    started: list[BaseProcess] = []
    forked = multiprocessing.get_context("fork").Process
    start = forked.start

    def noted(process: BaseProcess) -> None:
        start(process)
        started.append(process)

    monkeypatch.setattr(forked, "start", noted)
    return started


@pytest.mark.parametrize("jobs", [1, 2])
def test_progress_is_told_to_the_end_but_not_before_all_processes_are_there(
    night: Path, known: Path, small_tasks: None, victims: list[BaseProcess], jobs: int
) -> None:
    told: list[tuple[int, int, int]] = []
    request = Request(paths=[night], zone=BRUSSELS, rules=[known], jobs=jobs)
    hunt(request, lambda _: None, lambda read, total: told.append((len(victims), read, total)))
    size = sum(path.stat().st_size for path in night.iterdir())
    assert {(started, total) for started, _, total in told} == {(jobs if jobs > 1 else 0, size)}
    assert [read for _, read, _ in told] == sorted({read for _, read, _ in told})
    assert told[-1][1] == size


@pytest.mark.slow
@pytest.mark.timeout(30)
@pytest.mark.parametrize("when", ["at once", "at the first match"])
def test_a_process_killed_from_outside_ends_the_hunt_with_one_sentence(
    tmp_path: Path,
    known: Path,
    small_tasks: None,
    victims: list[BaseProcess],
    when: str,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    for place in range(20):
        write(tmp_path / "logs" / f"{place:02d}.json", (whoami(number) for number in range(1_000)))

    def kill(_line: bytes) -> None:
        if victims and victims[0].is_alive():
            victims[0].kill()
            victims[0].join()

    forked = multiprocessing.get_context("fork").Process
    start = forked.start

    def doomed(process: BaseProcess) -> None:
        start(process)
        if len(victims) == 1:
            kill(b"")

    if when == "at once":
        monkeypatch.setattr(forked, "start", doomed)
    request = Request(paths=[tmp_path / "logs"], zone=BRUSSELS, rules=[known], jobs=2)
    with pytest.raises(BeffroiError, match="ended from outside"):
        hunt(request, kill if when != "at once" else lambda _: None)
    gc.collect()  # what was left open would be heard of now
    assert not any(process.is_alive() for process in victims)
    assert "Traceback" not in capfd.readouterr().err


def test_the_collector_of_garbage_runs_again_afterwards(tmp_path: Path, known: Path) -> None:
    hunted([write(tmp_path / "a.json", [whoami()])], [known])
    assert gc.isenabled()
    assert gc.get_freeze_count() == 0
