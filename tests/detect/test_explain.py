"""Why a rule fires on an event, or does not: the tree says what was asked, what was found, and agrees with the matcher."""

from typing import Any

import orjson
import pytest

from beffroi.core.model import Fields, LogSource
from beffroi.detect.explain import Explanation, Node, explain
from beffroi.detect.logsources import DEFENDER, SECURITY, SYSMON
from tests.detect.sigma import BRUSSELS, LINUX, matches, rule

PROCESS = {"product": "windows", "category": "process_creation"}


def explained(detection: Any, fields: Fields, stated: LogSource | None = LINUX, **options: Any) -> Explanation:
    made = rule(detection, **options)
    said = explain(made, fields, BRUSSELS, stated)
    assert said.fires is bool(matches([made], [fields], stated))
    assert not said.applies or said.fires is said.root.holds
    return said


def lines(node: Node, depth: int = 0) -> list[str]:
    own = f"{'  ' * depth}{'+' if node.holds else '-'} {node.asks}"
    return [own, *(line for part in node.parts for line in lines(part, depth + 1))]


def test_a_rule_that_fires_shows_each_part_and_the_value_it_saw() -> None:
    said = explained(
        {"user": "root", "message|contains": ["opened", "closed"]}, {"user": "root", "message": "session opened"}
    )
    assert (said.applies, said.fires) == (True, True)
    assert sorted(lines(said.root)) == sorted(
        ["+ all of", "  + message contains 'opened' or 'closed'", "  + user is 'root'"]
    )
    assert {part.value for part in said.root.parts} == {"root", "session opened"}


def test_a_rule_that_does_not_fire_shows_which_part_fails() -> None:
    said = explained(
        {"a": {"user": "root"}, "b": {"tty": "?:*", "uid|gt": 5}, "condition": "a and not b"},
        {"user": "root", "tty": "a:b", "uid": "7"},
    )
    assert not said.fires
    told = lines(said.root)
    assert "  - not" in told
    assert any("tty looks like '?:*'" in line for line in told)
    assert any("uid > 5" in line and "+" in line for line in told)


@pytest.mark.parametrize(
    ("detection", "fields", "asked"),
    [
        ({"a|re": "x+"}, {"a": "axx"}, "a matches /x+/"),
        ({"a|cidr": "10.0.0.0/8"}, {"a": "10.1.2.3"}, "a lies in 10.0.0.0/8"),
        ({"a|lte": 3}, {"a": "3"}, "a ≤ 3"),
        ({"a": None}, {}, "a has no value"),
        ({"a": "*"}, {"a": "x"}, "a has a value"),
        ({"a|exists": True}, {"a": None}, "a is there"),
        ({"a|exists": False}, {}, "a is not there"),
        ({"a|fieldref": "b"}, {"a": "X", "b": "x"}, "a is the value of b"),
        ({"a|fieldref|startswith": "b"}, {"a": "xy", "b": "x"}, "a starts with the value of b"),
        ({"a|cased": "X"}, {"a": "X"}, "a is 'X' (case counts)"),
        ({"a|hour": 3}, {"a": "2026-11-23T02:14:00Z"}, "the hour of a = 3"),
        ({"selection": ["pam"], "condition": "selection"}, {"a": "pam_unix"}, "any value contains 'pam'"),
        ({"a": [f"v{n}" for n in range(12)]}, {"a": "v3"}, "or 'v7' or 4 more"),
    ],
)
def test_every_kind_of_test_has_its_words(detection: Any, fields: Fields, asked: str) -> None:
    said = explained(detection, fields)
    assert said.fires
    assert any(asked in line for line in lines(said.root))


def test_an_event_of_another_log_source_is_told_so() -> None:
    said = explained(
        {"CommandLine": "x"}, {"Channel": "System", "EventID": 1, "CommandLine": "x"}, None, logsource=PROCESS
    )
    assert (said.applies, said.fires) == (False, False)
    assert not explained({"user": "x"}, {"user": "x"}, None).applies
    assert not explained({"user": "x"}, {"user": "x"}, LogSource("linux", None, "sshd")).applies


def test_4688_and_defenders_spaced_names_are_seen_as_rules_name_them() -> None:
    event: Fields = {"Channel": SECURITY, "EventID": 4688, "NewProcessName": "C:\\a.exe"}
    said = explained({"Image|endswith": "\\a.exe"}, event, None, logsource=PROCESS)
    assert (said.fires, said.root.value) == (True, "C:\\a.exe")
    event = {"Channel": DEFENDER, "EventID": 5007, "New Value": "x"}
    assert explained({"NewValue": "x"}, event, None, logsource={"product": "windows", "service": "windefend"}).fires


def test_what_the_log_source_itself_demands_stands_in_the_tree() -> None:
    event: Fields = {"Channel": SYSMON, "EventID": 12, "EventType": "DeleteKey", "TargetObject": "x"}
    said = explained({"TargetObject": "x"}, event, None, logsource={"product": "windows", "category": "registry_add"})
    assert not said.fires
    assert any("- EventType is 'createkey'" in line for line in lines(said.root))


@pytest.mark.parametrize("number", [1, "1", None, [1], {"a": 1}, 1.0, True])
@pytest.mark.parametrize("channel", [SYSMON, SYSMON.upper(), "", None, [SYSMON], 5])
def test_odd_channels_and_numbers_are_explained_as_they_are_matched(channel: object, number: object) -> None:
    event: Fields = {"Channel": channel, "EventID": number, "CommandLine": "x"}
    for logsource in (PROCESS, {"product": "windows"}):
        for stated in (None, LINUX):
            said = explained({"CommandLine": "x"}, event, stated, logsource=logsource)
            assert said.applies or not said.fires


def test_a_blind_rule_never_fires() -> None:
    assert not explained({"a|expand": "%nobody%"}, {"a": "x"}).fires


def test_the_tree_is_plain_data_for_machines() -> None:
    said = explained({"a": "x", "b|contains": ["y", "z"]}, {"a": "x", "b": ["n", 5]})
    plain = orjson.loads(orjson.dumps(said.root.to_plain()))
    assert plain["asks"] == "all of"
    assert plain["holds"] is False
    assert {part["asks"]: part["value"] for part in plain["parts"]} == {
        "a is 'x'": "x", "b contains 'y' or 'z'": ["n", 5],
    }  # fmt: skip
