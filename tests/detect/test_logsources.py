"""What a log source means in Windows: which channels and events, under which names."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from beffroi.core.model import Fields, LogSource
from beffroi.detect.logsources import (
    CATEGORIES,
    DEFENDER,
    NO_EVENT_LOG,
    POWERSHELL,
    SECURITY,
    SERVICES,
    SYSMON,
    applies,
    targets,
    viewed,
)  # fmt: skip
from tests.detect.sigma import matches, rule

PROCESS = {"product": "windows", "category": "process_creation"}


def view(name: str, **fields: Any) -> Fields:
    return viewed(name, fields)


def test_a_process_is_sysmon_1_or_security_4688() -> None:
    found = targets(LogSource("windows", "process_creation", None))
    assert found is not None
    assert [(each.channels, each.events) for each in found] == [
        ((SYSMON,), frozenset({1})),
        ((SECURITY,), frozenset({4688})),
    ]


def test_a_category_within_a_service_is_bound_to_its_channel() -> None:
    found = targets(LogSource("windows", "process_creation", "sysmon"))
    assert found is not None
    assert [each.channels for each in found] == [(SYSMON,)]
    assert targets(LogSource("windows", "process_creation", "system")) is None


def test_windows_alone_is_any_channel_and_nothing_is_nowhere() -> None:
    [anywhere] = targets(LogSource("windows")) or ()
    assert (anywhere.channels, anywhere.events) == ((), None)
    assert targets(LogSource()) is None
    assert targets(LogSource("linux", "process_creation")) is None
    assert targets(LogSource("windows", "no_such_category")) is None
    assert targets(LogSource("windows", None, "no_such_service")) is None


def test_every_powershell_channel_is_looked_at() -> None:
    found = targets(LogSource("windows", "ps_script"))
    assert found is not None
    assert {channel for each in found for channel in each.channels} == set(POWERSHELL)


def test_a_stated_log_source_must_have_each_part_the_rule_names() -> None:
    auth = LogSource("linux", None, "auth")
    assert applies(auth, auth)
    assert applies(LogSource("linux"), auth)
    assert applies(LogSource(None, None, "auth"), auth)
    assert not applies(LogSource("linux", "process_creation", "auth"), auth)
    assert not applies(LogSource("linux", None, "sshd"), auth)
    assert not applies(LogSource(), auth)


def test_4688_is_seen_under_sysmons_names_and_keeps_its_own() -> None:
    event = view(
        "process_4688", NewProcessName="C:\\a.exe", ParentProcessName="C:\\b.exe", NewProcessId="0x1f4", ProcessId="0x64",
        MandatoryLabel="S-1-16-12288", SubjectUserName="odette", SubjectDomainName="TILLEULS",
    )  # fmt: skip
    assert event["Image"] == event["NewProcessName"] == "C:\\a.exe"
    assert event["ParentImage"] == "C:\\b.exe"
    assert (event["ProcessId"], event["ParentProcessId"]) == (500, 100)
    assert event["IntegrityLevel"] == "High"
    assert event["User"] == "TILLEULS\\odette"


def test_4688_without_its_fields_or_with_odd_values_is_left_as_it_is() -> None:
    assert view("process_4688", CommandLine="x") == {"CommandLine": "x"}
    odd = view(
        "process_4688", NewProcessId="0xzz", MandatoryLabel=["S-1-16-0"], SubjectUserName="a", SubjectDomainName=""
    )
    assert (odd["ProcessId"], odd["IntegrityLevel"], odd["User"]) == ("0xzz", ["S-1-16-0"], "a")


def test_defenders_spaced_names_are_seen_joined_and_underscored_without_hiding_others() -> None:
    event = view("spaced", **{"New Value": "a", "Threat Name": "b", "ThreatName": "c"})
    assert (event["NewValue"], event["New_Value"], event["ThreatName"]) == ("a", "a", "c")
    assert view("antivirus", **{"Threat Name": "b", "Path": "p"})["Signature"] == "b"


def test_views_leave_the_event_itself_alone() -> None:
    event: Fields = {"New Value": "a", "NewProcessName": "b"}
    for name in ("spaced", "process_4688", "antivirus", "plain"):
        viewed(name, event)
    assert event == {"New Value": "a", "NewProcessName": "b"}


@pytest.mark.parametrize(
    ("category", "kind", "fires"),
    [("registry_add", "CreateKey", True), ("registry_add", "DeleteKey", False), ("registry_delete", "DeleteValue", True),
     ("registry_delete", "createkey", False), ("registry_event", "CreateKey", True)],
)  # fmt: skip
def test_registry_categories_differ_by_the_type_of_event(category: str, kind: str, *, fires: bool) -> None:
    made = rule({"TargetObject|contains": "run"}, {"product": "windows", "category": category})
    event: Fields = {"Channel": SYSMON, "EventID": 12, "EventType": kind, "TargetObject": "HKLM\\Run\\x"}
    assert bool(matches([made], [event], None)) is fires


def test_channels_are_compared_whatever_their_case_and_numbers_as_text_too() -> None:
    made = rule({"CommandLine": "x"}, PROCESS)
    channel: Any
    number: Any
    for channel, number in ((SYSMON.lower(), 1), (SYSMON, "1"), ("SECURITY", 4688), ("security", "4688")):
        assert matches([made], [{"Channel": channel, "EventID": number, "CommandLine": "x"}], None)
    for channel, number in ((SYSMON, 2), (SECURITY, 1), (SYSMON, None), (SYSMON, "one"), ([SYSMON], 1)):
        assert not matches([made], [{"Channel": channel, "EventID": number, "CommandLine": "x"}], None)


@pytest.mark.parametrize("odd", [1.0, True, "1", "01"])
def test_an_oddly_written_number_does_not_hide_the_events_beside_it(odd: object) -> None:
    made = rule({"CommandLine": "x"}, PROCESS)
    events: list[Fields] = [{"Channel": SYSMON, "EventID": number, "CommandLine": "x"} for number in (odd, 1, 1)]
    assert {1, 2} <= {match.place for match in matches([made], events, None)}


def test_every_log_source_of_sigmas_windows_rules_is_known(corpus: Path) -> None:
    unknown = set()
    for folder in ("rules", "rules-emerging-threats", "rules-threat-hunting"):
        for path in (corpus / "sigma" / folder).rglob("*.yml"):
            text = path.read_bytes()
            start = text.find(b"\nlogsource:")
            if start < 0 or b"windows" not in text:
                continue
            end = text.find(b"\ndetection:", start)
            source = yaml.load(text[start:end], Loader=yaml.CSafeLoader)["logsource"]
            made = LogSource(source.get("product"), source.get("category"), source.get("service"))
            if made.product == "windows" and targets(made) is None and made.category not in NO_EVENT_LOG:
                unknown.add(str(made))
    assert unknown == set()


def test_the_table_agrees_with_sigmahqs_own(corpus: Path) -> None:
    """SigmaHQ's mapping for THOR: of what it and ours both know, the channels and event numbers are the same."""
    table = yaml.safe_load((corpus / "sigma" / "tests" / "thor.yml").read_text("utf-8"))["logsources"]
    for about in table.values():
        if about.get("product") != "windows" or "rewrite" in about:
            continue
        stated = [source.removeprefix("WinEventLog:") for source in about.get("sources", ())]
        service = about.get("service")
        if service is not None and service in SERVICES and "category" not in about:
            missing = [source for source in stated if source not in SERVICES[service]]
            assert missing == [], service


def test_every_category_names_channels_and_events() -> None:
    for name, found in CATEGORIES.items():
        assert found, name
        assert all(each.channels and each.events for each in found), name
    assert DEFENDER in SERVICES["windefend"]
