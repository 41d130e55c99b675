"""The benchmarks run, and what they say of themselves is so. Their figures are nobody's business here."""

import json
import os
import re
import subprocess
import sys
from collections import Counter
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from benchmarks import archive, correlation, coverage, material, own_values, peers
from benchmarks.measure import Command, Failed, Runs, Usage, in_turn, peak_memory, run, unsteady
from benchmarks.tables import Table
from benchmarks.targets import against_targets
from evtx import PyEvtxParser

from beffroi.detect.correlation import Limits

ENV = {"PATH": os.environ["PATH"]}


def command(tmp_path: Path, script: str, *, own_account: bool = False) -> Command:
    return Command([sys.executable, "-I", "-c", script], tmp_path / "out", ENV, own_account=own_account)


def hunt(root: Path, *arguments: str | Path, **env: str) -> subprocess.CompletedProcess[str]:
    """A quick run of the benchmark; without a peer unless one is given, for no test needs the internet."""
    argv = [sys.executable, "-I", "-X", "utf8", root / "benchmarks" / "hunt.py", "--quick", *arguments]
    given = {"RSIGMA": "/nowhere", "SQLITE_PEER": "/nowhere", **env}
    done = subprocess.run(argv, env=os.environ | given, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done


# --- the benchmarks as they are started ----------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_the_smallest_run_of_the_hunt_prints_every_log_and_every_set_of_rules(
    corpus: Path, root: Path, tmp_path: Path
) -> None:
    done = hunt(root, "--only", "speed", "--json", tmp_path / "out.json")
    found = json.loads((tmp_path / "out.json").read_text("utf-8"))
    logs = ["recordings", "different", "differ", "quiet"]
    assert [table["key"] for table in found["tables"]] == [f"speed {log}" for log in logs]
    for table in found["tables"]:
        assert table["title"] in done.stdout
        assert [row["jobs"] for row in table["rows"]] == [1, 2] * 5
        assert not any("did not print" in note for note in table["notes"])
        assert all(0.5 <= row["share"] <= 1 for row in table["rows"] if row["jobs"] == 2)
    recordings, *_, quiet = (table["rows"][-1]["matches"] for table in found["tables"])
    assert 0 < quiet < recordings / 4


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_the_smallest_run_of_the_start_prints_every_set_of_rules(corpus: Path, root: Path, tmp_path: Path) -> None:
    hunt(root, "--only", "start", "--json", tmp_path / "out.json")
    (table,) = json.loads((tmp_path / "out.json").read_text("utf-8"))["tables"]
    assert len(table["rows"]) == 5
    assert table["rows"][-1]["cached_cpu"] < table["rows"][-1]["without_cpu"]


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_the_smallest_run_of_the_intake_loses_nothing(corpus: Path, root: Path, tmp_path: Path) -> None:
    out = tmp_path / "out.json"
    command = [
        "benchmarks/intake.py",
        "--quick",
        "--only",
        "sustained",
        "--only",
        "burst",
        "--only",
        "latency",
        "--json",
        str(out),
    ]
    done = subprocess.run(
        [sys.executable, "-I", "-X", "utf8", *command], cwd=root, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    sustained, burst, latency = (table["rows"][0] for table in json.loads(out.read_text("utf-8"))["tables"])
    assert sustained["events"] == 4_000
    assert burst["lost"] == 0
    assert 0 < latency["p50"] <= latency["p99"]


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_the_smallest_run_of_the_grouping_prints_every_table(corpus: Path, root: Path, tmp_path: Path) -> None:
    out = tmp_path / "out.json"
    command = ["benchmarks/grouping.py", "--rules", "pack", "--pairs", "2", "--singly", "3", "--json", str(out)]
    done = subprocess.run(
        [sys.executable, "-I", "-X", "utf8", *command], cwd=root, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    tables = {table["key"]: table for table in json.loads(out.read_text("utf-8"))}
    assert list(tables) == [
        "recordings live",
        "recordings dropped in",
        "flood",
        "scan",
        "spread",
        "two",
        "later",
        "at once",
        "anywhere",
    ]
    assert len(tables["two"]["rows"]) == 20
    assert tables["anywhere"]["rows"][-1]["pairs"] == 2
    assert "From a match in the service's store to its incident there, 3 times" in done.stdout


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_the_coverage_counts_every_recording_and_tells_of_each_incident(
    corpus: Path, root: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out.json"
    command = ["benchmarks/coverage.py", "--days", "1", "--json", str(out)]
    done = subprocess.run(
        [sys.executable, "-I", "-X", "utf8", *command], cwd=root, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    tables = {table["key"]: table for table in json.loads(out.read_text("utf-8"))}
    assert list(tables) == ["recordings", "techniques", "policy", "lines", "quiet", "attacked"]
    *folders, together = tables["recordings"]["rows"]
    for name in ("all", "ours", "theirs"):
        assert together[name] == sum(row[name] for row in folders)
    assert together["all"] == 277
    assert 0 < together["ours"] <= 277
    assert [row["rules"] > 0 for row in tables["policy"]["rows"]] == [True] * 4
    mac = tables["quiet"]["rows"][0]
    assert (mac["events"], mac["loud"]) == (2_000, 0)
    assert [(row["events"], row["guessing"] > 0) for row in tables["attacked"]["rows"]] == [(2_000, True)] * 2


def test_a_line_of_old_has_the_time_it_names_and_one_without_that_of_the_line_before(tmp_path: Path) -> None:
    path = tmp_path / "a.log"
    path.write_bytes(b"Jul  1 09:00:55 host kernel: x\n\tand more\nJul  1 08:00:00 host kernel: y\n")
    assert [at.strftime("%m-%d %H:%M:%S") for at, *_ in coverage.lines(path)] == ["07-01 09:00:55"] * 3


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_a_peer_that_finds_nothing_is_shown_as_finding_nothing(corpus: Path, root: Path, tmp_path: Path) -> None:
    peer = tmp_path / "peer"
    peer.write_text("#!/bin/sh\nexit 0\n")
    peer.chmod(0o755)
    hunt(root, "--only", "rsigma", "--json", tmp_path / "out.json", RSIGMA=str(peer))
    table, differing = json.loads((tmp_path / "out.json").read_text("utf-8"))["tables"]
    assert all(row["their_matches"] == 0 < row["our_matches"] for row in table["rows"])
    assert sum(
        int(row["alike"].split(" : ")[0].replace(",", "")) for row in differing["rows"] if "alike" in row
    ) == max(row["our_matches"] for row in table["rows"] if row["log"] == "alike")


@pytest.mark.slow
@pytest.mark.timeout(120)
def test_a_peer_that_is_not_there_is_said_to_be_missing(corpus: Path, root: Path) -> None:
    done = hunt(root, "--only", "rsigma", "--only", "sqlite")
    assert done.stdout.count("Not measured") == 2


@pytest.mark.slow
def test_correlations_are_measured() -> None:
    kind = {"kind": "event_count", "rules": ("a", "b", "c")} | correlation.KINDS["event_count"]
    definition = correlation.correlation(10, **kind)
    assert correlation.rate(definition, correlation.matches(200, 10), 10, Limits()) > 0


# --- measuring -----------------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_the_archive_is_measured() -> None:
    told = list(archive.measure(2_000))
    assert len(told) == 9
    assert all(re.search(r" -?\d", line) for line in told)  # so few rows can cost less than nothing


@pytest.mark.slow
def test_a_run_counts_the_processor_time_of_the_process_and_its_children(tmp_path: Path) -> None:
    script = "import os, time\nif not os.fork():\n while time.process_time() < 0.2: pass\nelse: os.wait()"
    usage = run(command(tmp_path, script))
    assert usage.user + usage.system >= 0.2


def test_a_run_may_bring_its_own_account(tmp_path: Path) -> None:
    usage = run(command(tmp_path, "print('words'); print('{\"cpu\": 12.5}')", own_account=True))
    assert usage.user + usage.system == 12.5


def test_commands_are_run_in_turn(tmp_path: Path) -> None:
    order = tmp_path / "order"
    commands = {name: command(tmp_path, f"open({str(order)!r}, 'a').write({name!r})") for name in "ab"}
    runs = in_turn(commands, 3)
    assert order.read_text() == "ababab"
    assert [len(each.usages) for each in runs.values()] == [3, 3]


def test_a_command_that_fails_is_no_measurement(tmp_path: Path) -> None:
    with pytest.raises(Failed, match="ended with 3: the reason"):
        run(command(tmp_path, "import sys; print('the reason', file=sys.stderr); sys.exit(3)"))


@pytest.mark.slow
def test_memory_is_the_sum_over_the_processes(tmp_path: Path) -> None:
    script = "import os, time\nheld = bytes(0)\npid = os.fork()\nheld = bytearray(40_000_000)\ntime.sleep(1)\npid and os.wait()"
    assert 80_000_000 < peak_memory(command(tmp_path, script)) < 150_000_000


def test_figures_that_vary_much_are_named() -> None:
    steady = Runs([Usage(1.0, 0.0, 1.0), Usage(1.1, 0.0, 1.0)])
    wild = Runs([Usage(1.0, 0.0, 1.0), Usage(2.0, 0.0, 1.0)])
    (warning,) = unsteady({"steady": steady, "wild": wild})
    assert "wild, 67%" in warning


# --- material and peers --------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_flat_lines_are_those_of_the_shared_checks(corpus: Path, tmp_path: Path) -> None:
    checks = corpus.parent / "checks" / "flat.py"
    if not checks.exists():
        return  # they stand beside some copies of the corpus only
    recordings = corpus / "evtx-attack-samples" / "Discovery"
    events = material.flat_events(recordings)
    modes: tuple[material.Mode, ...] = ("alike", "differ")
    for mode in modes:
        theirs = tmp_path / "theirs"
        subprocess.run([sys.executable, checks, recordings, theirs, mode, "2"], check=True, capture_output=True)
        assert material.write_flat(events, tmp_path / "ours", mode, 2).read_bytes() == theirs.read_bytes()


@pytest.mark.slow
def test_recordings_of_values_all_different_differ_as_flat_lines_do_and_still_parse(
    corpus: Path, tmp_path: Path
) -> None:
    attacks = corpus / "evtx-attack-samples"
    made = own_values.repeated_differing(attacks, tmp_path, 2)
    names = sorted(path.relative_to(attacks) for path in attacks.rglob("*.evtx"))
    counts = [parsed(attacks / name) for name in names]
    assert counts == [parsed(made / "01" / name) for name in names]
    assert counts == [parsed(made / "02" / name) for name in names]

    base, first, second = (material.flat_events(folder) for folder in (attacks, made / "01", made / "02"))
    lines = material.write_flat(base, tmp_path / "flat", "differ", 2).read_text("utf-8").splitlines()
    flat = [json.loads(line) for line in lines]
    ours = equal_values(first, second)
    theirs = equal_values(flat[: len(base)], flat[len(base) :])
    assert ours["Computer"] == len(base)  # a text of the template, which the docstring says stays
    del ours["Computer"], theirs["Computer"]
    assert ours.total() <= theirs.total()
    assert (ours - theirs).total() <= 0.002 * theirs.total()  # bytes, and numbers that stand for two things at once
    for name in ("EventID", "Channel", "Provider_Name"):
        assert [event[name] for event in base] == [event[name] for event in first] == [event[name] for event in second]


@pytest.mark.slow
def test_no_longer_value_of_recordings_comes_twice(corpus: Path, tmp_path: Path) -> None:
    attacks = corpus / "evtx-attack-samples" / "Discovery"
    events = material.flat_events(own_values.repeated_differing(attacks, tmp_path, 3))
    base = material.flat_events(attacks) * 3
    new = Counter(
        (name, value)
        for event, before in zip(events, base, strict=True)
        for name, value in event.items()
        if isinstance(value, str) and len(value) > 12 and value != before[name]
    )
    assert new.total() > len(events)
    assert {each for each, times in new.items() if times > 1} == set()


@pytest.mark.slow
def test_chunks_of_changed_recordings_have_sums_that_fit(corpus: Path) -> None:
    path = min((corpus / "evtx-attack-samples").rglob("*.evtx"), key=lambda path: path.stat().st_size)
    content = path.read_bytes()
    plan = list(own_values.chunks(content))
    made = own_values.made_own(content, plan, 7)
    assert len(made) == len(content)
    assert [len(chunk.records) for chunk in own_values.chunks(made)] == [len(chunk.records) for chunk in plan] != []
    for chunk in plan:
        assert own_values.header_sum(made[chunk.start : chunk.start + 512]) == int.from_bytes(
            made[chunk.start + 124 : chunk.start + 128], "little"
        )
    damaged = bytearray(content)
    damaged[4_096 + 600] ^= 1
    assert len(list(own_values.chunks(bytes(damaged)))) == len(plan) - 1  # and so it is left as it is


def parsed(path: Path) -> int:
    """How many records the library reads of a file, up to where it stops."""
    count = 0
    with suppress(RuntimeError):
        for _ in PyEvtxParser(os.fspath(path)).records_json():
            count += 1
    return count


def equal_values(left: list[dict[str, Any]], right: list[dict[str, Any]]) -> Counter[str]:
    """Name → in how many events both have the same value."""
    pairs = zip(left, right, strict=True)
    return Counter(name for event, other in pairs for name in event if event[name] == other[name])


@pytest.mark.parametrize(
    ("text", "where"),
    [("C:\\tools\\évil.exe", 13), ("Sébastien été", 5), ("abcd\r\n", 0), ("été à Liège", None), ("a😀bcde😀", 2)],
)
def test_a_text_gives_its_last_four_plain_characters(text: str, where: int | None) -> None:
    assert own_values.stamped(text) == where


def test_no_two_events_are_equal_and_kept_values_stay(tmp_path: Path) -> None:
    event = {
        "EventID": 1,
        "Channel": "Security" * 3,
        "TimeCreated": "",
        "CommandLine": "a long command line",
        "ProcessId": 4,
    }
    lines = material.write_flat([event], tmp_path / "log", "differ", 3).read_text().splitlines()
    made = [json.loads(line) for line in lines]
    assert len({each["CommandLine"] for each in made}) == len({each["ProcessId"] for each in made}) == 3
    assert {each["Channel"] for each in made} == {"Security" * 3}


@pytest.mark.slow
def test_smaller_sets_of_rules_are_parts_of_the_larger_ones_and_all_for_windows(corpus: Path, tmp_path: Path) -> None:
    sets = list(material.rule_sets(corpus / "sigma", tmp_path).values())
    names = [{path.name for path in folders[0].rglob("*.yml")} for folders in sets[:3]]
    assert [len(each) for each in names] == [10, 100, 1_000]
    assert names[0] < names[1] < names[2]
    assert all("product: windows" in path.read_text("utf-8") for path in sets[1][0].iterdir())


def test_rules_that_fired_differently_are_named_with_the_reason_where_it_is_known(tmp_path: Path) -> None:
    (tmp_path / "rule.yml").write_text("{title: Odd, id: odd, logsource: {category: known}}")
    (tmp_path / "other.yml").write_text("{title: Other, id: other, logsource: {category: unknown}}")
    ours, theirs = tmp_path / "ours", tmp_path / "theirs"
    ours.write_text('{"rule_id": "odd"}\n{"rule_id": "same"}\n{"rule_id": "odd"}\n')
    theirs.write_text('{"rule_id": "same"}\n{"rule_id": "other"}\n')
    assert peers.differences(ours, theirs, [tmp_path], {"known": "because"}) == [
        peers.Difference("odd", "Odd", 2, 0, "because"),
        peers.Difference("other", "Other", 0, 1, "not traced"),
    ]


def test_targets_are_judged_both_ways_and_left_out_where_nothing_was_measured() -> None:
    rows = [{"log": "alike", "ratio": 1.2, "memory": 120.0}, {"log": "differ", "ratio": 2.6, "memory": 140.0}]
    judged = {row["what"]: row["judged"] for row in against_targets([Table("rsigma", "", {}, rows)]).rows}
    assert list(judged.values()) == ["**missed**", "as hoped", "reached"]
