"""The oracle is right where one can see it with the naked eye, and on SigmaHQ's own cases."""

import base64
import json
from pathlib import Path
from typing import Any

import orjson
import pytest
import yaml
from evtx import PyEvtxParser
from hypothesis import HealthCheck, given, settings

from . import PlainRule, Refusal, Unsupported, flatten, load, parse_documents
from .generate import LOGSOURCE, PLACEHOLDERS, Case, rule_text, rules_and_events

KELVIN = "\N{KELVIN SIGN}"
HORIZONTAL_BAR = "\N{HORIZONTAL BAR}"
EN_DASH = "\N{EN DASH}"

SYSMON = "Microsoft-Windows-Sysmon/Operational"
POWERSHELL = "Microsoft-Windows-PowerShell/Operational"


def rule(detection: dict[str, Any], logsource: dict[str, str] | None = None, **more: Any) -> PlainRule:
    document = {"title": "t", "id": "i", "logsource": logsource or {"product": "p"}, "detection": detection}
    [one] = parse_documents([(Path("r.yml"), document)], **more)
    return one


def fires(selection: Any, event: dict[str, Any], **more: Any) -> bool:
    return rule({"selection": selection, "condition": "selection"}, **more).fires_fields(event, ("p", None, None))


def holds(condition: Any, **searches: bool) -> bool:
    """Whether the condition holds where each named search is true or false as stated."""
    detection = {name: {"f": "yes" if value else "no"} for name, value in searches.items()}
    return rule({**detection, "condition": condition}).fires_fields({"f": "yes"}, ("p", None, None))


def refused(detection: dict[str, Any], logsource: dict[str, str] | None = None) -> str:
    with pytest.raises(Unsupported) as caught:
        rule(detection, logsource)
    return str(caught.value)


# Values ---------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("wanted", "value", "expected"),
    [
        ("Cmd", "cMD", True),
        ("cmd", "cmd.exe", False),
        (5, "5", True),
        ("5", 5, True),
        (5, "5.0", False),
        ("5.0", 5.0, False),
        (5, 5.0, True),
        (True, True, True),
        ("TRUE", True, True),
        (True, 1, False),
        (1, True, False),
        ("b", ["a", "B"], True),
        ("b", ["a", ["b"]], True),
        ("x", {"#text": "x", "#attributes": {}}, True),
        ("k", KELVIN, True),
        ("i̇", "İ", True),
        ("ß", "ss", False),
        ("ß", "ẞ", True),
        ("ΟΔΟΣ", "οδος", True),
        ("ΟΔΟΣ", "οδοσ", False),
    ],
)
def test_texts_are_compared_lower_cased_and_values_by_their_text(wanted: Any, value: Any, expected: bool) -> None:
    assert fires({"f": wanted}, {"f": value}) is expected


@pytest.mark.parametrize(
    "event", [{}, {"f": None}, {"f": ""}, {"f": []}, {"f": [None, ""]}, {"f": {"#attributes": {}}}]
)
def test_absent_null_empty_and_empty_list_are_no_value(event: dict[str, Any]) -> None:
    assert fires({"f": None}, event)
    assert fires({"f": ""}, event)
    assert not fires({"f|neq": None}, event)


@pytest.mark.parametrize(
    "selection", [{"f": "*"}, {"f": "?"}, {"f|contains": ""}, {"f|re": ".*"}, {"f|neq": ""}, {"f|startswith": ""}]
)
def test_a_pattern_needs_a_value(selection: dict[str, Any]) -> None:
    assert fires(selection, {"f": "x"})
    events: list[dict[str, Any]] = [{}, {"f": None}, {"f": ""}, {"f": []}]
    assert not any(fires(selection, event) for event in events)


def test_exists_looks_at_presence_only() -> None:
    for event in ({"f": None}, {"f": ""}, {"f": "x"}):
        assert fires({"f|exists": True}, event)
        assert not fires({"f|exists": False}, event)
    assert fires({"f|exists": False}, {})


def test_not_over_a_missing_field_is_true() -> None:
    assert rule({"a": {"f": "x"}, "condition": "not a"}).fires_fields({}, ("p", None, None))
    assert fires({"f|neq": ["x", "y"]}, {})
    assert not fires({"f|neq": ["x", "y"]}, {"f": "Y"})


def test_a_field_name_with_spaces_is_known_without_them_or_with_underscores() -> None:
    for name in ("New Value", "NewValue", "New_Value"):
        assert fires({name: "x"}, {"New Value": "X"})
    assert not fires({"NewValue": "x"}, {"NewValue": None, "New Value": "x"})


# Patterns -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("pattern", "matching", "other"),
    [
        (r"a*c", "abbc", "abcd"),
        (r"a?c", "a\nc", "ac"),
        (r"a\*c", "a*c", "abc"),
        (r"a\?c", "a?c", "abc"),
        (r"a\\*c", r"a\bbc", "abbc"),
        (r"a\\\*c", r"a\*c", r"a\bc"),
        (r"a\b", r"a\b", "ab"),
        (r"a\\b", r"a\b", r"a\\b"),
        (r"a\\\b", r"a\\b", r"a\b"),
        (r"a\\\\b", r"a\\b", r"a\b"),
        ("a\\", "a\\", "a"),
        ("?", "K", "KK"),
        ("*", "\n", ""),
        ("??", "İ", "I"),
    ],
)
def test_wildcards_and_escapes(pattern: str, matching: str, other: str) -> None:
    assert fires({"f": pattern}, {"f": matching})
    assert not fires({"f": pattern}, {"f": other})


def test_edges_open_the_pattern_also_after_a_backslash() -> None:
    assert fires({"f|startswith": "C:\\"}, {"f": "c:\\x"})
    assert fires({"f|endswith": "\\x"}, {"f": "c:\\X"})
    assert fires({"f|contains": "B"}, {"f": "abc"})
    assert not fires({"f|contains|cased": "B"}, {"f": "abc"})
    assert not fires({"f|startswith": "b"}, {"f": "abc"})


def test_a_list_is_any_and_all_is_all() -> None:
    assert fires({"f|contains": ["x", "b"]}, {"f": "abc"})
    assert not fires({"f|contains|all": ["x", "b"]}, {"f": "abc"})
    assert fires({"f|contains|all": ["c", "b"]}, {"f": "abc"})
    assert fires({"f|contains|all": ["c", "b"]}, {"f": ["c", "b"]})


@pytest.mark.parametrize("dash", ["-", "/", EN_DASH, "\N{EM DASH}", HORIZONTAL_BAR])
def test_windash_takes_all_five_dashes_for_each_flag_alone(dash: str) -> None:
    assert fires({"f|windash|contains": [" -a /b"]}, {"f": f"x {dash}a -b"})
    assert fires({"f|contains|windash": [" -a /b"]}, {"f": f"x /a {dash}b"})
    assert not fires({"f|windash": "a-b"}, {"f": f"a{dash}b"}) or dash == "-"
    assert not fires({"f|windash": "x-*"}, {"f": f"x{dash}a"}) or dash == "-"


def test_base64_and_utf16() -> None:
    assert fires({"f|base64": "foo"}, {"f": base64.b64encode(b"foo").decode()})
    for before in (b"", b"1", b"12", b"123"):
        for after in (b"", b"1", b"12"):
            text = base64.b64encode(before + b"foobar" + after).decode()
            assert fires({"f|base64offset|contains": "foobar"}, {"f": text})
            wide = base64.b64encode(before + "é€".encode("utf-16-le") + after).decode()
            assert fires({"f|wide|base64offset|contains": "é€"}, {"f": wide})
    assert fires({"f|utf16|base64": "cmd"}, {"f": base64.b64encode(b"\xff\xfec\0m\0d\0").decode()})
    assert fires({"f|utf16|base64|contains": ""}, {"f": "x"})
    assert fires({"f|utf16be|base64": "cmd"}, {"f": base64.b64encode(b"\0c\0m\0d").decode()})
    assert fires({"f|utf16le": "cmd"}, {"f": "c\0m\0d\0"})
    assert fires({"f|windash|base64": "-a"}, {"f": base64.b64encode(HORIZONTAL_BAR.encode() + b"a").decode()})
    assert "wildcard" in refused({"s": {"f|base64": "a*"}, "condition": "s"})


# Other comparisons ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("modifier", "limit", "value", "expected"),
    [
        ("gt", 5, 6, True),
        ("gt", 5, "5.5", True),
        ("gte", "0x10", "16", True),
        ("lt", 16, "0xF", True),
        ("lte", 0.1, 0.1, True),
        ("gt", 9007199254740992, "9007199254740993", True),
        ("gt", 5, "x", False),
        ("lt", 5, "x", False),
        ("lt", 5, "", False),
        ("lt", 5, True, False),
        ("lt", 5, " 4", False),
        ("lt", 5, "1_0", False),
        ("lt", 5, "-1e3", True),
        ("lt", 5, ["x", 4], True),
        ("gte|neq", 5, None, True),
    ],
)
def test_numbers_are_compared_as_numbers(modifier: str, limit: Any, value: Any, expected: bool) -> None:
    assert fires({f"f|{modifier}": limit}, {"f": value}) is expected


def test_regular_expressions_search_with_case_unless_told() -> None:
    assert fires({"f|re": "b+"}, {"f": "abc"})
    assert not fires({"f|re": "B"}, {"f": "abc"})
    assert fires({"f|re|i": "B"}, {"f": "abc"})
    assert fires({"f|re|i": "k"}, {"f": KELVIN})
    assert not fires({"f|re": "^b"}, {"f": "a\nb"})
    assert fires({"f|re|m": "^b"}, {"f": "a\nb"})
    assert not fires({"f|re": "a.b"}, {"f": "a\nb"})
    assert fires({"f|re|s": "a.b"}, {"f": "a\nb"})
    assert "RE2" in refused({"s": {"f|re": "a(?=b)"}, "condition": "s"})


def test_networks_hold_addresses_of_their_own_kind() -> None:
    assert fires({"f|cidr": "10.0.0.0/8"}, {"f": "10.2.3.4"})
    assert not fires({"f|cidr": "10.0.0.0/8"}, {"f": "::ffff:10.2.3.4"})
    assert not fires({"f|cidr": "0.0.0.0/0"}, {"f": "localhost"})
    assert fires({"f|cidr": "fe80::/10"}, {"f": "FE80::1"})
    assert "network" in refused({"s": {"f|cidr": "10.0.0.1/8"}, "condition": "s"})


@pytest.mark.parametrize(
    ("part", "value"),
    [("minute", 30), ("hour", 0), ("day", 31), ("week", 1), ("month", 12), ("year", 2024)],
)
def test_time_parts_are_those_of_the_house(part: str, value: int) -> None:
    moment = {"t": "2024-12-30T23:30:00.1234567Z"}  # half past midnight on the 31st in Brussels
    assert fires({f"t|{part}": value}, moment)
    assert fires({f"t|{part}|gte": value}, moment)
    assert not fires({f"t|{part}|gt": value}, moment)
    assert not fires({f"t|{part}": value}, {"t": "yesterday"})


def test_a_time_without_zone_is_already_the_house_s_and_the_house_may_stand_elsewhere() -> None:
    late = rule({"s": {"t|hour": 23}, "condition": "s"})
    assert late.fires_fields({"t": "2024-12-30 23:30:00.5"}, ("p", None, None))
    assert not late.fires_fields({"t": "2024-12-30T23:30:00Z"}, ("p", None, None))
    assert late.fires_fields({"t": "2024-12-30T23:30:00Z"}, ("p", None, None), timezone="UTC")
    assert late.fires_fields({"t": "2024-07-30T21:30:00+00:00"}, ("p", None, None))


def test_fieldref_compares_with_the_other_field_s_text() -> None:
    assert fires({"a|fieldref": "b"}, {"a": "X", "b": "x"})
    assert not fires({"a|fieldref|cased": "b"}, {"a": "X", "b": "x"})
    assert not fires({"a|fieldref": "b"}, {"a": "xyz", "b": "*"})
    assert not fires({"a|fieldref": "b"}, {"a": "", "b": ""})
    assert not fires({"a|fieldref": "b"}, {})
    assert fires({"a|fieldref|neq": "b"}, {})
    assert fires({"a|fieldref|startswith": "b"}, {"a": "xyz", "b": "XY"})
    assert fires({"a|fieldref|endswith": "b"}, {"a": "xyz", "b": ["q", "Z"]})
    assert fires({"a|fieldref|contains": "b"}, {"a": "xyz", "b": "y"})
    assert fires({"a|fieldref": "b"}, {"a": 5, "b": "5"})


def test_placeholders_stand_for_their_values_and_without_any_the_rule_is_blind() -> None:
    given = {"Servers": ["srv*", "dc1"], "None": []}
    assert fires({"f|expand": "%Servers%"}, {"f": "SRV7"}, placeholders=given)
    assert fires({"f|expand|endswith": "x-%Servers%"}, {"f": "aax-dc1"}, placeholders=given)
    assert fires({"f|expand": "\\%Servers%dc1"}, {"f": "%Servers%dc1"}, placeholders=given)
    assert fires({"f": "%Servers%"}, {"f": "%servers%"}, placeholders=given)
    blind = rule({"s": {"f": "x"}, "e": {"f|expand": "%None%"}, "condition": "s or e"}, placeholders=given)
    assert blind.blind == ("None",)
    assert not blind.fires_fields({"f": "x"}, ("p", None, None))


def test_keywords_are_contained_in_any_one_value_but_not_in_names() -> None:
    event = {"name": "one TWO", "list": ["x", "three"], "number": 4104}
    for word in ("two", "hree", "o*w", 4104, "10"):
        assert fires([word, "absent"], event)
        assert fires(word, event)
    for word in ("name", "TWO*three", "five"):
        assert not fires([word], event)
    assert fires({"|all": ["one", "three"]}, event)
    assert not fires({"|all": ["one", "five"]}, event)
    assert fires(["absent", {"name|contains": "two"}], event)


@pytest.mark.parametrize(
    ("detection", "reason"),
    [
        ({"s": {"f|fuzzy": "x"}, "condition": "s"}, "unknown"),
        ({"s": {"f|gt": "x"}, "condition": "s"}, "no number"),
        ({"s": {"f|re|cidr": "x"}, "condition": "s"}, "exclude"),
        ({"s": {"f|exists": "yes"}, "condition": "s"}, "true or false"),
        ({"s": {"f": "x"}, "condition": "s and t"}, "'t'"),
        ({"s": {"f": "x"}, "condition": "1 of t*"}, "'t*'"),
        ({"s": {"f": "x"}, "condition": "(s"}, "early"),
        ({"s": {"f": "x"}, "condition": "s s"}, "out of place"),
        ({"s": {"f": "x"}, "condition": "s | count() > 5"}, "out of place"),
        ({"s": {}, "condition": "s"}, "empty"),
        ({"s": {"f": {"g": 1}}, "condition": "s"}, "dict"),
        ({"s": {"f": "x"}}, "no condition"),
    ],
)
def test_what_cannot_be_evaluated_is_refused_with_its_reason(detection: dict[str, Any], reason: str) -> None:
    assert reason in refused(detection)


# Conditions -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("condition", "expected"),
    [
        ("yes_a or no_a and no_b", True),
        ("(yes_a or no_a) and no_b", False),
        ("not no_a and yes_a", True),
        ("not (no_a and yes_a)", True),
        ("not not yes_a", True),
        ("1 of yes_*", True),
        ("all of yes_*", True),
        ("all of *_a", False),
        ("any of no_*", False),
        ("2 of them", True),
        ("3 of them", False),
        ("all of them", False),
        ("1 of no_a", False),
        ("not 1 of no_* and all of yes_*", True),
        (["no_a", "yes_a"], True),
        (["no_a", "no_b"], False),
    ],
)
def test_conditions(condition: Any, expected: bool) -> None:
    assert holds(condition, yes_a=True, yes_b=True, no_a=False, no_b=False, _yes=True) is expected


def test_them_and_patterns_pass_over_names_that_begin_with_an_underscore() -> None:
    assert not holds("1 of them", _hidden=True, shown=False)
    assert not holds("1 of *d*", _hidden=True, shed=False)
    assert holds("_hidden", _hidden=True, shown=False)


# Windows --------------------------------------------------------------------------------------------------------------


def record(channel: str, number: Any, data: Any = None, **system: Any) -> dict[str, Any]:
    return {"Event": {"System": {"EventID": number, "Channel": channel, **system}, "EventData": data}}


def test_a_record_is_flattened() -> None:
    raw = {
        "Event": {
            "System": {
                "Provider": {"#attributes": {"Name": "P"}},
                "EventID": {"#attributes": {"Qualifiers": 1}, "#text": "104"},
                "Channel": "System",
                "Computer": "PC",
                "EventRecordID": 7,
                "Level": 4,
                "Execution": {"#attributes": {"ProcessID": 1}},
                "Security": {"#attributes": {"UserID": "S-1-5-18"}},
                "TimeCreated": {"#attributes": {"SystemTime": "2020-01-01T00:00:00Z"}},
            },
            "UserData": {
                "LogFileCleared": {"#attributes": {}, "Channel": "Other", "Who": "me", "In": {"Deep": {"#text": 1}}}
            },
        }
    }
    assert flatten(raw) == {
        "EventID": 104,
        "Channel": "System",
        "Provider_Name": "P",
        "Computer": "PC",
        "EventRecordID": 7,
        "Level": 4,
        "UserID": "S-1-5-18",
        "TimeCreated": "2020-01-01T00:00:00Z",
        "Who": "me",
        "Deep": 1,
    }
    for text, expected in ((["a", "b"], ["a", "b"]), (["a"], "a"), ("a", "a")):
        assert flatten(record("C", 1, {"#attributes": {}, "Data": {"#text": text}, "Binary": None}))["Data"] == expected


@pytest.mark.parametrize(
    ("logsource", "channel", "number", "data", "expected"),
    [
        ({"category": "process_creation"}, SYSMON, 1, {}, True),
        ({"category": "process_creation"}, "Security", 4688, {}, True),
        ({"category": "process_creation"}, "Security", 4689, {}, False),
        ({"category": "process_creation", "service": "security"}, SYSMON, 1, {}, False),
        ({"category": "registry_event"}, SYSMON, 14, {}, True),
        ({"category": "registry_add"}, SYSMON, 12, {"EventType": "CreateKey"}, True),
        ({"category": "registry_add"}, SYSMON, 12, {"EventType": "DeleteKey"}, False),
        ({"category": "registry_delete"}, SYSMON, 12, {"EventType": "DeleteValue"}, True),
        ({"category": "registry_delete"}, SYSMON, 12, {}, False),
        ({"category": "file_delete"}, SYSMON, 26, {}, True),
        ({"category": "ps_script"}, "PowerShellCore/Operational", 4104, {}, True),
        ({"category": "ps_module"}, POWERSHELL, 4104, {}, False),
        ({"service": "security"}, "security", 1, {}, True),
        ({"service": "dns-server"}, "DNS Server", 1, {}, True),
        ({"service": "applocker"}, "Microsoft-Windows-AppLocker/EXE and DLL", 8004, {}, True),
        ({"product": "linux", "category": "process_creation"}, SYSMON, 1, {}, False),
        ({"product": "windows"}, "Anything", 1, {}, True),
    ],
)
def test_a_log_source_covers_its_channels_and_event_numbers(
    logsource: dict[str, str], channel: str, number: int, data: dict[str, Any], expected: bool
) -> None:
    one = rule({"s": {"EventID|exists": True}, "condition": "s"}, {"product": "windows", **logsource})
    assert one.fires(record(channel, number, data)) is expected


def test_an_unknown_windows_log_source_is_refused() -> None:
    detection = {"s": {"a": 1}, "condition": "s"}
    assert "file_rename" in refused(detection, {"product": "windows", "category": "file_rename"})
    assert "nowhere" in refused(detection, {"product": "windows", "service": "nowhere"})


def test_event_4688_speaks_sysmon_s_words_to_rules_of_process_creation() -> None:
    data = {
        "NewProcessName": "C:\\a.exe",
        "ParentProcessName": "C:\\b.exe",
        "NewProcessId": "0x1a4",
        "ProcessId": "0x10",
        "MandatoryLabel": "S-1-16-12288",
        "SubjectUserName": "anne",
        "SubjectDomainName": "HOME",
    }
    said = {
        "Image": "C:\\a.exe",
        "ParentImage": "C:\\b.exe",
        "NewProcessName|endswith": "a.exe",
        "ProcessId": 420,
        "ParentProcessId": 16,
        "IntegrityLevel": "High",
        "User": "HOME\\anne",
    }
    creation = {"product": "windows", "category": "process_creation"}
    assert rule({"s": said, "condition": "s"}, creation).fires(record("Security", 4688, data))
    plain = {"Image|exists": False, "ProcessId": "0x10"}
    assert rule({"s": plain, "condition": "s"}, {"product": "windows", "service": "security"}).fires(
        record("Security", 4688, data)
    )


def test_a_stated_log_source_must_say_all_that_the_rule_names() -> None:
    one = rule({"s": {"f": 1}, "condition": "s"}, {"product": "linux", "service": "auth"})
    assert one.fires_fields({"f": 1}, ("linux", None, "auth"))
    assert one.fires_fields({"f": 1}, ("linux", "any", "auth"))
    assert not one.fires_fields({"f": 1}, ("linux", None, None))
    assert not one.fires_fields({"f": 1}, ("macos", None, "auth"))


# Files ----------------------------------------------------------------------------------------------------------------


def test_filters_are_joined_to_the_rules_they_name(tmp_path: Path) -> None:
    (tmp_path / "r.yml").write_text(
        """
title: one
id: one
logsource: {product: p}
detection: {s: {f: x}, condition: s}
---
title: narrow
logsource: {product: p}
filter:
    rules: [one]
    selection: {user|startswith: adm_}
    condition: not selection
---
title: elsewhere
logsource: {product: q}
filter: {rules: any, selection: {f: y}, condition: selection}
---
title: a correlation
correlation: {type: event_count}
""",
        encoding="utf-8",
    )
    [one] = load([tmp_path])
    assert one.fires_fields({"f": "x", "user": "anne"}, ("p", None, None))
    assert not one.fires_fields({"f": "x", "user": "ADM_anne"}, ("p", None, None))


def test_refusals_are_collected_where_a_list_is_given(tmp_path: Path) -> None:
    (tmp_path / "bad.yml").write_text(
        "title: bad\nlogsource: {product: p}\ndetection: {s: {f|odd: 1}, condition: s}", "utf-8"
    )
    found: list[Refusal] = []
    assert load([tmp_path], refused=found) == []
    assert [(each.path.name, each.title) for each in found] == [("bad.yml", "bad")]


@pytest.mark.slow
def test_every_sigmahq_case_fires_as_often_as_it_says(corpus: Path) -> None:
    named = {"8fbf3271-1ef6-4e94-8210-03c2317947f6": 3}  # three files of the recording, procdump{,64,64a}.exe, not one
    sigma = corpus / "sigma"
    cases: list[tuple[str, dict[str, Any]]] = []
    for info in sorted((sigma / "regression_data").rglob("info.yml")):
        content: dict[str, Any] = yaml.safe_load(info.read_text("utf-8"))
        cases += [
            (content["rule_metadata"][0]["id"], test)
            for test in content.get("regression_tests_info", [])
            if (sigma / test["path"]).exists()
        ]
    rules = {str(each.id): each for each in load([sigma / "rules", sigma / "rules-emerging-threats"], refused=[])}
    assert len(cases) == 100
    for name, test in cases:
        records = [
            orjson.loads(found["data"]) for found in PyEvtxParser(str(sigma / test["path"])).records_json() if found
        ]
        count = sum(rules[name].fires(raw) for raw in records)
        assert count == named.get(name, test.get("match_count", count)), (name, test["path"])
        assert count, (name, test["path"])


@pytest.mark.slow
@settings(max_examples=100, deadline=None, suppress_health_check=list(HealthCheck))
@given(rules_and_events())
def test_generated_rules_survive_yaml_and_json_and_can_be_evaluated(case: Case) -> None:
    document = yaml.safe_load(rule_text(case.rule))
    assert document == case.rule
    assert json.loads(json.dumps(case.events)) == case.events
    [one] = parse_documents([(Path("generated.yml"), document)], placeholders=PLACEHOLDERS)
    for event in case.events:
        assert one.fires_fields(event, LOGSOURCE) in (True, False)
