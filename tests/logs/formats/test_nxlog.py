from typing import Any

from beffroi.logs.formats import nxlog
from tests.logs.formats import convert
from tests.logs.formats.samples import event

REAL: dict[str, Any] = {  # after a line of OTRF's Security-Datasets, shortened
    "EventType": "INFO",
    "Version": 3,
    "ThreadID": 4364,
    "EventTime": "2020-08-06 12:13:04",
    "Task": 10,
    "AccountType": "User",
    "Channel": "Microsoft-Windows-Sysmon/Operational",
    "SourceName": "Microsoft-Windows-Sysmon",
    "OpcodeValue": 0,
    "Hostname": "WORKSTATION5.theshire.local",
    "Message": "Process accessed:",
    "SourceModuleName": "eventlog",
    "SourceImage": "C:\\windows\\system32\\svchost.exe",
    "EventReceivedTime": "2020-08-06 12:13:07",
    "ExecutionProcessID": 3284,
    "SourceProcessId": "908",
    "Severity": "INFO",
    "SeverityValue": 2,
    "EventID": 10,
    "UserID": "S-1-5-18",
    "ProviderGuid": "{5770385F-C22A-43E0-BF4C-06F5698FFBD9}",
    "RecordNumber": 403185,
    "SourceModuleType": "im_msvistalog",
    "Keywords": -9223372036854775808,
}


def test_a_real_line_becomes_windows_own_fields() -> None:
    assert nxlog.is_nxlog(REAL)
    assert nxlog.normalise(REAL) == {
        "Version": 3,
        "TimeCreated": "2020-08-06 12:13:04",
        "Task": 10,
        "Channel": "Microsoft-Windows-Sysmon/Operational",
        "Provider_Name": "Microsoft-Windows-Sysmon",
        "Opcode": 0,
        "Computer": "WORKSTATION5.theshire.local",
        "Message": "Process accessed:",
        "SourceImage": "C:\\windows\\system32\\svchost.exe",
        "SourceProcessId": "908",
        "EventID": 10,
        "UserID": "S-1-5-18",
        "EventRecordID": 403185,
        "Keywords": "0x8000000000000000",
        "Level": 4,
    }


def test_a_name_of_nxlogs_own_is_kept_when_its_value_is_the_events() -> None:
    fields = nxlog.normalise(REAL | {"EventType": "SetValue", "Severity": "Severe", "ProcessID": "1234"})
    assert (fields["EventType"], fields["Severity"], fields["ProcessID"]) == ("SetValue", "Severe", "1234")
    fields = nxlog.normalise(REAL | {"ProcessID": 1234})
    assert "ProcessID" not in fields


def test_keywords_as_text_and_as_version_6_sends_them() -> None:
    assert nxlog.normalise(REAL | {"Keywords": "9232379236109516800"})["Keywords"] == "0x8020000000000000"
    assert nxlog.normalise(REAL | {"Keywords": "0x8020000000000000", "Level": 0})["Keywords"] == "0x8020000000000000"


def test_flat_events_of_others_are_not_taken_for_nxlogs() -> None:
    assert not nxlog.is_nxlog(convert.to_flat(event()))
    assert nxlog.is_nxlog(convert.to_nxlog(event()))
