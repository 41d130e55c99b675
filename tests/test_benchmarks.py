"""The benchmarks run, and what they say of themselves is so. Their figures are nobody's business here."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from benchmarks import archive, correlation, material, peers
from benchmarks.measure import Command, Failed, Runs, Usage, in_turn, peak_memory, run, unsteady
from benchmarks.tables import Table
from benchmarks.targets import against_targets

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
    assert [table["key"] for table in found["tables"]] == ["speed recordings", "speed differ", "speed quiet"]
    for table in found["tables"]:
        assert table["title"] in done.stdout
        assert [row["jobs"] for row in table["rows"]] == [1, 2] * 5
        assert not any("did not print" in note for note in table["notes"])
        assert all(0.5 <= row["share"] <= 1 for row in table["rows"] if row["jobs"] == 2)
    recordings, _, quiet = (table["rows"][-1]["matches"] for table in found["tables"])
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
    assert all(re.search(r" \d", line) for line in told)


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
