"""Which rules can see, which are blind, and what to switch on: in words, and never for a log that is merely quiet."""

from typing import Any

import pytest

from beffroi.core.model import Event, Fields, LogSource
from beffroi.detect.correlation import Correlation
from beffroi.detect.ir import Rule
from beffroi.detect.logsources import DEFENDER, POWERSHELL, SECURITY, SYSMON
from beffroi.rules.coverage import Blind, Coverage, Inventory, coverage, hearing
from tests.detect.sigma import rule

PROCESS = {"product": "windows", "category": "process_creation"}
SIGNINS = {"product": "windows", "service": "security"}

SYSMON_1: Fields = {"Channel": SYSMON, "EventID": 1, "Image": "a.exe", "CommandLine": "a", "ParentImage": "b.exe"}
PROCESS_4688: Fields = {"Channel": SECURITY, "EventID": 4688, "NewProcessName": "a.exe", "CommandLine": ""}
WITH_COMMANDS: Fields = PROCESS_4688 | {"CommandLine": "a"}


def looked(rules: list[Rule], *events: Fields) -> Coverage:
    inventory = Inventory()
    inventory.add([(number, fields, None) for number, fields in enumerate(events)])
    return coverage(rules, inventory.seen())


def blind(detection: dict[str, Any], logsource: dict[str, str], *events: Fields, **more: Any) -> Blind | None:
    """How one rule is blind on sources that send such events; None where it can see."""
    found = looked([rule(detection, logsource, **more)], *events)
    assert len(found.able) + len(found.blind) == 1
    return found.blind[0] if found.blind else None


def advice(detection: dict[str, Any], logsource: dict[str, str], *events: Fields) -> list[str]:
    found = blind(detection, logsource, *events)
    assert found is not None
    return [str(each) for each in found.advice]


def test_a_rule_sees_where_its_fields_come() -> None:
    assert blind({"CommandLine": "x"}, PROCESS, SYSMON_1) is None
    assert blind({"CommandLine": "x"}, PROCESS, WITH_COMMANDS) is None
    assert blind({"Image": "x"}, PROCESS, PROCESS_4688) is None  # under its other name


def test_4688_without_command_lines_says_what_to_turn_on() -> None:
    assert advice({"CommandLine": "x"}, PROCESS, PROCESS_4688) == [
        "install Sysmon with event 1",
        "turn on command lines in event 4688",
    ]


def test_4688_cannot_be_made_to_say_what_only_sysmon_knows() -> None:
    assert "install Sysmon: event 4688 has no OriginalFileName" in advice(
        {"OriginalFileName": "x"}, PROCESS, WITH_COMMANDS
    )
    assert "install Sysmon: event 4688 never names the parent's command line" in advice(
        {"ParentCommandLine": "x"}, PROCESS, WITH_COMMANDS
    )


def test_nothing_at_all_from_windows_is_told_for_each_way_to_see() -> None:
    assert advice({"CommandLine": "x"}, PROCESS) == [
        "install Sysmon with event 1",
        "turn on the audit of Process Creation (event 4688) with command lines",
    ]


@pytest.mark.parametrize(
    ("detection", "logsource", "said"),
    [
        ({"QueryName": "x"}, {"product": "windows", "category": "dns_query"}, "install Sysmon with event 22"),
        ({"TargetFilename": "x"}, {"product": "windows", "category": "file_delete"}, "install Sysmon with events 23, 26"),
        ({"ScriptBlockText": "x"}, {"product": "windows", "category": "ps_script"}, "turn on PowerShell script block logging (event 4104)"),
        ({"Payload": "x"}, {"product": "windows", "category": "ps_module"}, "turn on PowerShell module logging (event 4103)"),
        ({"EventID": 5145}, SIGNINS, "turn on the audit of Detailed File Share in the Security log"),
        ({"EventID": 4625}, SIGNINS, "turn on the audit of Logon, Logoff and Special Logon in the Security log"),
        ({"EventID": 7045}, {"product": "windows", "service": "system"}, "have the channel System sent"),
        ({"a": "x"}, {"product": "linux", "service": "auth"}, "connect a source of the kind linux/*/auth"),
    ],
)  # fmt: skip
def test_the_advice_names_what_to_switch_on(detection: dict[str, Any], logsource: dict[str, str], said: str) -> None:
    assert advice(detection, logsource) == [said]


def test_a_quiet_channel_is_not_blind() -> None:
    system = {"product": "windows", "service": "system"}
    assert blind({"EventID": 7045}, system, {"Channel": "System", "EventID": 6005}) is None
    assert blind({"EventID": 4625}, SIGNINS, {"Channel": SECURITY, "EventID": 4624}) is None  # the same audit
    assert (
        blind({"EventID": 1116}, {"product": "windows", "service": "windefend"}, {"Channel": DEFENDER, "EventID": 2000})
        is None
    )


def test_a_channel_that_comes_does_not_excuse_an_audit_that_is_off() -> None:
    assert blind({"EventID": 5145}, SIGNINS, {"Channel": SECURITY, "EventID": 4624}) is not None
    assert blind({"QueryName": "x"}, {"product": "windows", "category": "dns_query"}, SYSMON_1) is not None
    scripts = {"product": "windows", "category": "ps_script"}
    assert blind({"ScriptBlockText": "x"}, scripts, {"Channel": POWERSHELL[0], "EventID": 53504}) is not None


TWO_CHANNELS = {
    "service": {"Channel": "System", "EventID": 7045, "ServiceName": "x"},
    "key": {"Channel": SYSMON, "EventID": [12, 13], "TargetObject": "x"},
    "condition": "service or key",
}


def test_a_rule_about_all_of_windows_sees_where_its_condition_says_and_nowhere_else() -> None:
    everything = {"product": "windows"}
    assert blind(TWO_CHANNELS, everything, {"Channel": "System", "EventID": 6005}) is None
    assert blind(TWO_CHANNELS, everything, {"Channel": SYSMON, "EventID": 13, "TargetObject": "a"}) is None
    # The number of another channel's event is no event of this rule.
    other = {"Channel": "Microsoft-Windows-Bits-Client/Operational", "EventID": 13, "TargetObject": "a"}
    assert advice(TWO_CHANNELS, everything, other) == [
        "install Sysmon with events 12, 13",
        "have the channel System sent",
    ]
    veeam = {"job": {"Channel": "Veeam Backup", "EventID": 23090}, "condition": "job"}
    assert advice(veeam, everything, other) == ["have the channel Veeam Backup sent"]
    anywhere = {"key": TWO_CHANNELS["key"], "any": {"Image": "x"}, "condition": "key or any"}
    assert blind(anywhere, everything, {"Channel": "Elsewhere", "EventID": 1, "Image": "a"}) is None


def test_a_rule_that_names_only_numbers_sees_where_such_events_have_its_fields() -> None:
    key = {"key": {"EventID": [12, 13], "TargetObject": "x"}, "condition": "key"}
    everything = {"product": "windows"}
    quiet = {"Channel": "System", "EventID": 13}
    assert advice(key, everything, quiet) == ["install Sysmon with events 12, 13"]
    assert blind(key, everything, {"Channel": SYSMON, "EventID": 12, "TargetObject": "a"}) is None
    assert blind(key, everything, {"Channel": "Forwarded", "EventID": 13, "TargetObject": "a"}) is None
    service = {"new": {"EventID": [4697, 7045], "ServiceName": "x"}, "condition": "new"}
    assert blind(service, everything, quiet) is None  # no service was installed yet


def test_what_windows_only_traces_is_blind_without_advice() -> None:
    found = blind({"FileName": "x"}, {"product": "windows", "category": "file_access"}, SYSMON_1)
    assert found is not None
    assert (str(found.why), found.advice) == (
        "no event log holds the opening of files: Windows only traces it", (),
    )  # fmt: skip


def test_a_list_without_values_is_told_by_name() -> None:
    found = blind({"Image|expand": "%Servers%"}, PROCESS, SYSMON_1)
    assert found is not None
    assert "%Servers%" in str(found.why)
    assert [str(each) for each in found.advice] == ["give values to the list (the list %Servers% has no values)"]


@pytest.mark.parametrize(
    ("detection", "sees"),
    [
        ({"a": {"Nowhere": "x"}, "b": {"Image": "y"}, "condition": "a or b"}, True),
        ({"a": {"Nowhere": "x"}, "b": {"Image": "y"}, "condition": "a and b"}, False),
        ({"a": {"Nowhere": "x"}, "b": {"Image": "y"}, "condition": "b and not a"}, True),
        ({"a": {"Nowhere": None}, "condition": "a"}, True),
        ({"a": {"Nowhere|exists": False}, "condition": "a"}, True),
        ({"a": {"Nowhere|exists": True}, "condition": "a"}, False),
        ({"a": {"Image|fieldref": "Nowhere"}, "condition": "a"}, False),
        ({"a": {"Image|fieldref": "ParentImage"}, "condition": "a"}, True),
        ({"a": ["keyword"], "condition": "a"}, True),
        ({"a": {"EventID": 1, "Image": "x"}, "condition": "a"}, True),
    ],
)
def test_whether_a_condition_can_hold_without_a_field(detection: dict[str, Any], sees: bool) -> None:
    assert (blind(detection, PROCESS, SYSMON_1) is None) is sees


def test_the_why_names_the_fields_that_never_come() -> None:
    found = blind({"Nowhere": "x", "Neither": "y"}, PROCESS, SYSMON_1)
    assert found is not None
    assert str(found.why) == "its fields never come: Neither, Nowhere"


def test_advice_is_counted_best_first() -> None:
    rules = [
        *(rule({"CommandLine": "x"}, PROCESS, id=f"00000000-0000-4000-8000-00000000000{n}") for n in range(3)),
        rule({"QueryName": "x"}, {"product": "windows", "category": "dns_query"}),
        rule({"Image": "x"}, PROCESS),
    ]
    found = looked(rules, PROCESS_4688)
    assert [(str(each), count) for each, count in found.advice] == [
        ("install Sysmon with event 1", 3),
        ("turn on command lines in event 4688", 3),
        ("install Sysmon with event 22", 1),
    ]
    assert (len(found.able), len(found.blind)) == (1, 4)


def test_an_inventory_keeps_names_only_and_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Inventory, "MOST_GROUPS", 3)
    monkeypatch.setattr(Inventory, "MOST_NAMES", 5)
    inventory = Inventory()
    events: list[Event] = [(n, {"Channel": f"c{n % 9}", "EventID": 1, f"n{n}": "secret"}, None) for n in range(90)]
    inventory.add(events)
    seen = inventory.seen()
    assert len(seen) == 3
    assert all(len(names) <= 5 + 2 for names in seen.values())
    assert "secret" not in repr(seen)


def test_values_that_are_no_values_do_not_count_as_seen_and_odd_events_are_passed_over() -> None:
    inventory = Inventory()
    inventory.add(
        [
            (1, {"Channel": "a", "EventID": 1, "x": None, "y": "", "z": [], "w": 0, "v": False}, None),
            (2, {"Channel": ["a"], "EventID": 1, "x": 1}, None),
            (3, {"Channel": "a", "EventID": "one", "x": 1}, None),
            (4, {}, None),
        ]
    )
    assert inventory.seen() == {("a", 1): frozenset({"Channel", "EventID", "w", "v"})}


def test_channels_are_compared_whatever_their_case() -> None:
    assert blind({"Image": "x"}, PROCESS, SYSMON_1 | {"Channel": SYSMON.upper()}) is None


def test_a_log_source_reads_as_words() -> None:
    assert str(LogSource("linux", None, "auth")) == "linux/*/auth"


# --- correlations ----------------------------------------------------------------------------------------------------------


def correlation(name: str, kind: str, *rules: str, **more: Any) -> Correlation:
    plain = {
        "id": name, "title": name, "level": "high", "tags": [], "name": name, "path": "", "kind": kind, "rules": rules, "group_by": [], "aliases": {},
        "timespan": 1, "condition": [], "expression": None, "fields": [], "percentile": None, "generate": False,
    }  # fmt: skip
    return Correlation.from_plain(plain | more)


@pytest.mark.parametrize(
    ("kind", "more", "able", "hears"),
    [
        ("event_count", {"condition": [["gte", 10]]}, {"a"}, True),
        ("event_count", {"condition": [["gte", 10]]}, set[str](), False),
        ("value_count", {"condition": [["gte", 2]]}, {"b"}, True),
        ("temporal", {}, {"a"}, False),
        ("temporal", {}, {"a", "b"}, True),
        ("temporal", {"condition": [["gte", 1]]}, {"a"}, True),
        ("temporal", {"condition": [["gt", 1], ["lte", 2]]}, {"a"}, False),
        ("temporal_ordered", {}, {"b"}, False),
        ("temporal", {"expression": ["and", [["rule", "a"], ["not", ["rule", "b"]]]]}, {"a"}, True),
        ("temporal", {"expression": ["and", [["rule", "a"], ["not", ["rule", "b"]]]]}, {"b"}, False),
        ("temporal", {"expression": ["or", [["rule", "a"], ["rule", "b"]]]}, {"b"}, True),
    ],
)
def test_a_correlation_can_fire_where_enough_of_its_rules_can(
    kind: str, more: dict[str, Any], able: set[str], hears: bool
) -> None:
    assert bool(hearing([correlation("one", kind, "a", "b", **more)], able)) is hears


def test_a_correlation_that_rests_on_a_deaf_one_is_deaf_whatever_their_order() -> None:
    upper, lower = correlation("upper", "temporal", "lower", "a"), correlation("lower", "event_count", "b")
    assert hearing([upper, lower], {"a"}) == ()
    assert hearing([upper, lower], {"a", "b"}) == (lower, upper)
