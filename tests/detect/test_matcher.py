"""The matcher on Windows events: log sources, views, hostile values, bounds."""

import gc
import time
import tracemalloc
from collections.abc import Iterator
from typing import Any

import pytest

from beffroi.core.model import Event, Fields
from beffroi.detect.matcher import Matcher, _Program
from tests.detect.sigma import BRUSSELS, LINUX, fires, matches, rule

SYSMON = "Microsoft-Windows-Sysmon/Operational"
CREATION = {"product": "windows", "category": "process_creation"}


def windows(detection: str | dict[str, Any], event: Fields, logsource: dict[str, str]) -> bool:
    """Whether a Windows rule fires on an event that names its channel."""
    return bool(matches([rule(detection, logsource)], [event], None))


@pytest.mark.parametrize(
    ("event", "logsource", "expected"),
    [
        ({"Channel": SYSMON, "EventID": 1}, CREATION, True),
        ({"Channel": SYSMON, "EventID": "1"}, CREATION, True),
        ({"Channel": SYSMON.upper(), "EventID": 1}, CREATION, True),
        ({"Channel": SYSMON, "EventID": 2}, CREATION, False),
        ({"Channel": "Security", "EventID": 4688}, CREATION, True),
        ({"Channel": "System", "EventID": 1}, CREATION, False),
        ({"Channel": "Security", "EventID": 1}, {"product": "windows", "service": "security"}, True),
        ({"Channel": "Other", "EventID": 1}, {"product": "windows"}, True),
        ({"Channel": "Security", "EventID": 1}, {"product": "linux"}, False),
        ({"Channel": "Security", "EventID": 4688}, CREATION | {"service": "security"}, True),
        ({"Channel": SYSMON, "EventID": 1}, CREATION | {"service": "security"}, False),
        (
            {"Channel": "PowerShellCore/Operational", "EventID": 4104},
            {"product": "windows", "category": "ps_script"},
            True,
        ),
        ({"Channel": SYSMON, "EventID": 23}, {"product": "windows", "category": "file_delete"}, True),
        (
            {"Channel": SYSMON, "EventID": 12, "EventType": "CreateKey"},
            {"product": "windows", "category": "registry_add"},
            True,
        ),
        (
            {"Channel": SYSMON, "EventID": 12, "EventType": "DeleteKey"},
            {"product": "windows", "category": "registry_add"},
            False,
        ),
        (
            {"Channel": SYSMON, "EventID": 12, "EventType": "DeleteKey"},
            {"product": "windows", "category": "registry_delete"},
            True,
        ),
        ({"Channel": None, "EventID": 1}, {"product": "windows"}, True),
        ({"EventID": 1}, {"product": "windows"}, True),
        ({"Channel": ["a"], "EventID": 1}, {"product": "windows"}, False),
        ({"Channel": SYSMON, "EventID": None}, CREATION, False),
        ({"Channel": SYSMON, "EventID": {"a": 1}}, CREATION, False),
    ],
)
def test_a_log_source_stands_for_its_channels_and_events(
    event: Fields, logsource: dict[str, str], expected: bool
) -> None:
    assert windows("x: 1", event | {"x": 1}, logsource) is expected


@pytest.mark.parametrize(
    "detection",
    [
        "Image|endswith: \\cmd.exe",
        "NewProcessName|endswith: \\cmd.exe",
        "ParentImage|endswith: \\winword.exe",
        "ProcessId: 4660",
        "ParentProcessId: 22136",
        "IntegrityLevel: High",
        "User: HOUSE\\nurse",
        "CommandLine|contains: whoami",
    ],
)
def test_process_creation_is_one_thing_whichever_log_tells_it(detection: str) -> None:
    told_by_security = {
        "Channel": "Security", "EventID": 4688, "NewProcessName": "C:\\Windows\\System32\\cmd.exe", "NewProcessId": "0x1234",
        "ProcessId": "0x5678", "ParentProcessName": "C:\\Office\\WINWORD.EXE", "MandatoryLabel": "S-1-16-12288",
        "SubjectUserName": "nurse", "SubjectDomainName": "HOUSE", "CommandLine": "cmd /c whoami",
    }  # fmt: skip
    assert windows(detection, told_by_security, CREATION)


def test_a_security_rule_keeps_the_own_names_of_4688() -> None:
    event = {"Channel": "Security", "EventID": 4688, "NewProcessId": "0x1234", "ProcessId": "0x5678"}
    assert windows(
        "{s: {EventID: 4688, ProcessId: '0x5678'}, condition: s}", event, {"product": "windows", "service": "security"}
    )


def test_defenders_spaced_names_answer_to_joined_and_underscored_ones() -> None:
    event = {"Channel": "Microsoft-Windows-Windows Defender/Operational", "EventID": 5007, "New Value": "HKLM = 1"}
    for name in ("New Value", "NewValue", "New_Value"):
        assert windows({name + "|contains": "hklm"}, event, {"product": "windows", "service": "windefend"})


def test_numbers_booleans_and_texts_of_one_column_are_not_confused() -> None:
    rules = [rule("a: 1"), rule("a: true"), rule("a: 'x'")]
    events: list[Fields] = [{"a": 1}, {"a": True}, {"a": "1"}, {"a": "true"}, {"a": 1.0}, {"a": False}, {"a": "x"}]
    found = [(match.place, rules.index(match.rule)) for match in matches(rules, events)]
    assert found == [(0, 0), (1, 1), (2, 0), (3, 1), (4, 0), (6, 2)]


def test_a_value_of_ten_megabytes_and_a_hundred_thousand_fields_are_ordinary() -> None:
    long = {"a": "x" * 10_000_000 + "needle"}
    wide = {f"f{number}": "x" for number in range(100_000)} | {"a": "needle"}
    rules = [rule("a|contains: needle"), rule("a|re: 'n[e]+dle$'"), rule("{keywords: [needle], condition: keywords}")]
    started = time.process_time()
    assert len(matches(rules, [long, wide])) == 6
    assert time.process_time() - started < 5


@pytest.mark.parametrize("pattern", ["(a+)+$", "(a|a)*b", "^(([a-z])+.)+[A-Z]([a-z])+$", "(.*a){20}"])
def test_a_regular_expression_made_to_explode_takes_linear_time(pattern: str) -> None:
    started = time.process_time()
    fires({"a|re": pattern}, {"a": "a" * 100_000 + "!"})
    assert time.process_time() - started < 2


def test_wildcards_made_to_explode_take_linear_time() -> None:
    started = time.process_time()
    assert not fires({"a": "*a*a*a*a*a*a*a*a*a*a*a*b"}, {"a": "a" * 200_000})
    assert time.process_time() - started < 1


@pytest.mark.slow
def test_values_that_are_never_the_same_twice_do_not_fill_memory() -> None:
    matcher = Matcher(
        [rule("a|contains: needle"), rule("{s: {a|startswith: v}, t: {b: 1}, condition: s and not t}")], BRUSSELS
    )
    tracemalloc.start()
    for turn in range(60):
        matcher.match([(n, {"a": f"v{turn}-{n}-" + "x" * 200}, None) for n in range(1_000)], LINUX)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 40 << 20


@pytest.mark.slow
def test_channels_that_are_never_the_same_twice_do_not_fill_memory() -> None:
    matcher = Matcher([rule("a|contains: needle", {"product": "windows"})], BRUSSELS)
    gc.disable()  # as in a hunt: what is let go must not hold itself
    try:
        for turn in range(6_000):
            matcher.match([(1, {"Channel": f"made up {turn}", "EventID": turn, "a": "needle"}, None)])
    finally:
        gc.enable()
    assert len(matcher._plans) <= 4_097
    assert len(matcher._compiler._memory._all) <= 4_100
    assert sum(isinstance(each, _Program) for each in gc.get_objects()) <= 4_200


def test_what_waits_when_reading_fails_is_not_mixed_into_the_next_batch() -> None:
    def broken() -> Iterator[Event]:
        yield 1, {"a": "needle 1"}, None
        raise OSError("the disk is gone")

    matcher = Matcher([rule("a|contains: needle")], BRUSSELS)
    with pytest.raises(OSError, match="gone"):
        matcher.match(broken(), LINUX)
    found = matcher.match([(7, {"a": "nothing"}, None), (8, {"a": "needle 2"}, None)], LINUX)
    assert [(match.place, match.event[0]) for match in found] == [(1, 8)]


@pytest.mark.slow
def test_event_numbers_that_are_never_the_same_twice_cost_no_look_at_every_rule() -> None:
    """A kind of events that no rule is about is told from the others without asking each rule."""
    one = rule("{s: {EventID: 4625, a|contains: needle}, condition: s}", {"product": "windows", "service": "security"})
    matcher = Matcher([one._replace(id=str(n), events=frozenset({n})) for n in range(20_000)], BRUSSELS)
    started = time.process_time()
    matcher.match([(1, {"Channel": "Security", "EventID": 30_000 + n, "a": "b"}, None) for n in range(2_000)])
    assert time.process_time() - started < 0.5


def test_forgetting_what_was_seen_changes_nothing() -> None:
    matcher = Matcher([rule("{s: {a|contains: x}, t: {b|contains: y}, condition: s and t}")], BRUSSELS)
    matcher._compiler._memory._most = matcher._compiler._memory.left = 300
    events: list[Fields] = [{"a": f"{n}x" if n % 2 else f"{n}", "b": f"{n}y" if n % 3 else f"{n}"} for n in range(200)]
    for _ in range(3):
        found = matcher.match([(n, fields, None) for n, fields in enumerate(events)], LINUX)
        assert [match.place for match in found] == [n for n in range(200) if n % 2 and n % 3]


def test_an_event_without_channel_and_stated_source_is_counted() -> None:
    matcher = Matcher([rule("a: 1")], BRUSSELS)
    assert matcher.match([(1, {"a": 1}, None)]) == []
    assert matcher.unsourced == 1


def test_a_lone_surrogate_neither_stops_nor_hides_a_match() -> None:
    assert fires("a|contains: needle", {"a": "\ud800 needle"})
    assert fires("a|re: 'need[l]e'", {"a": "\ud800 needle"})
    assert fires("{keywords: [needle], condition: keywords}", {"a": "\ud800 needle"})
