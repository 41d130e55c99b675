from typing import Any

import pytest

from beffroi.logs.formats import winlogbeat
from tests.logs.formats import convert
from tests.logs.formats.samples import event


def sent(data: dict[str, Any] | None = None, **system: Any) -> dict[str, Any]:
    return convert.to_winlogbeat(event(7, data, **system))


@pytest.mark.parametrize("dotted", [False, True])
def test_the_fields_are_windows_own(dotted: bool) -> None:
    fields = winlogbeat.normalise(convert.to_winlogbeat(event(7), dotted=dotted))
    assert fields == {
        "Image": "C:\\Windows\\notepad.exe",
        "ProcessId": "4711",
        "Level": 4,
        "Version": 5,
        "UserID": "S-1-5-18",
        "EventID": 1,
        "Channel": "Microsoft-Windows-Sysmon/Operational",
        "Provider_Name": "Microsoft-Windows-Sysmon",
        "Computer": "PC01",
        "EventRecordID": 7,
        "TimeCreated": "2020-01-01T00:00:00.000000Z",
    }


def test_half_dotted_names_are_understood() -> None:
    fields = winlogbeat.normalise({"winlog": {"channel": "c", "event_data.Image": "x"}, "winlog.event_id": 1})
    assert (fields["Image"], fields["EventID"], fields["Channel"]) == ("x", 1, "c")


def test_unnamed_data_come_back_from_providers_without_a_guid() -> None:
    classic = {"#attributes": {"Name": "MSSQLSERVER"}}
    one = {"Data": {"#text": ["sa", "", "client"]}, "Binary": None}
    fields = winlogbeat.normalise(sent(one, Provider=classic))
    assert fields["Data"] == ["sa", "", "client"]
    assert not [name for name in fields if name.startswith("param")]


def test_param_names_of_providers_with_a_guid_are_kept_and_told_as_data_too() -> None:
    fields = winlogbeat.normalise(sent({"param1": "Spooler", "param2": "stopped"}))
    assert (fields["param1"], fields["Data"]) == ("Spooler", ["Spooler", "stopped"])


def test_the_message_the_user_and_the_outcome_of_an_audit_are_taken_over() -> None:
    one = sent({"A": "x"}, Channel="Security", Keywords="0x8010000000000000")
    one["message"] = "An account failed to log on"
    fields = winlogbeat.normalise(one)
    assert (fields["Message"], fields["UserID"]) == ("An account failed to log on", "S-1-5-18")
    assert fields["Keywords"] == "0x8010000000000000"


def test_what_elastics_pipelines_moved_to_ecs_comes_back() -> None:
    moved = {
        "@timestamp": "2020-10-27T20:00:14.320Z",
        "event": {"module": "sysmon", "code": "1"},
        "process": {
            "executable": "C:\\Windows\\System32\\notepad.exe",
            "command_line": "notepad x",
            "pid": 3616,
            "hash": {"sha1": "b6d2", "md5": "aa"},
            "pe": {"original_file_name": "NOTEPAD.EXE", "imphash": "cc"},
            "parent": {"executable": "C:\\Windows\\explorer.exe"},
        },
        "user": {"domain": "VAGRANT", "name": "vagrant"},
        "winlog": {
            "channel": "Microsoft-Windows-Sysmon/Operational",
            "event_id": "1",
            "event_data": {"IntegrityLevel": "Medium"},
        },
    }
    fields = winlogbeat.normalise(moved)
    assert fields["Image"] == "C:\\Windows\\System32\\notepad.exe"
    assert fields["CommandLine"] == "notepad x"
    assert fields["ProcessId"] == 3616
    assert fields["ParentImage"] == "C:\\Windows\\explorer.exe"
    assert fields["OriginalFileName"] == "NOTEPAD.EXE"
    assert fields["Hashes"] == "SHA1=B6D2,MD5=AA,IMPHASH=CC"
    assert fields["User"] == "VAGRANT\\vagrant"
    assert fields["IntegrityLevel"] == "Medium"
    dotted = convert._dotted({name: value for name, value in moved.items() if name != "@timestamp"})
    assert winlogbeat.normalise(dotted | {"@timestamp": moved["@timestamp"]}) == fields


@pytest.mark.parametrize(
    ("kind", "text", "shown"),
    [
        ("SZ_DWORD", "4", "DWORD (0x00000004)"),
        ("SZ_QWORD", "4294967301", "QWORD (0x00000001-0x00000005)"),
        ("REG_BINARY", "Binary Data", "Binary Data"),
    ],
)
def test_registry_values_are_shown_as_sysmon_shows_them(kind: str, text: str, shown: str) -> None:
    fields = winlogbeat.normalise(
        {
            "event": {"module": "sysmon"},
            "registry": {"path": "HKU\\Key", "data": {"strings": [text], "type": kind}},
            "winlog": {"channel": "Microsoft-Windows-Sysmon/Operational", "event_id": 13, "event_data": {}},
        }
    )
    assert (fields["TargetObject"], fields["Details"]) == ("HKU\\Key", shown)


@pytest.mark.parametrize(
    "odd",
    [
        {"winlog": {}},
        {"winlog": {"event_data": "text"}},
        {"winlog": {"event_data": {"param0": "x", "param99999": "y"}}},
        {"winlog": {"event_id": {"a": 1}, "channel": ["x"], "user": "u"}, "event": "e", "log": 1},
        {"winlog.event_id": None, "event.module": "sysmon", "process": "p"},
    ],
)
def test_odd_events_do_no_harm(odd: dict[str, Any]) -> None:
    assert "EventID" in winlogbeat.normalise(odd)
