"""Microsoft 365. Records after Microsoft's "Office 365 Management Activity API schema"; the people and tenants are invented."""

from datetime import UTC, datetime
from typing import Any

import orjson
import pytest

from beffroi.core.model import LogSource, UnfitError
from beffroi.logs.formats import m365

SIGN_IN: dict[str, Any] = {
    "CreationTime": "2026-03-04T10:11:12",
    "Id": "00000000-0000-0000-0000-000000000007",
    "Operation": "UserLoggedIn",
    "Workload": "AzureActiveDirectory",
    "RecordType": 15,
    "ResultStatus": "Success",
    "UserId": "anna@example.org",
    "ClientIP": "203.0.113.9",
    "ObjectId": "0000000a-0000-0000-c000-000000000000",
    "ApplicationId": "9ba1a5c7-f17a-4de9-a1f1-6178c8d51223",
    "ExtendedProperties": [
        {"Name": "RequestType", "Value": "Cmsi:Cmsi"},
        {"Name": "ResultStatusDetail", "Value": "Success"},
    ],
    "ModifiedProperties": [],
}
RULE: dict[str, Any] = {
    "CreationTime": "2026-03-04T10:11:12",
    "Id": "8",
    "Operation": "New-InboxRule",
    "Workload": "Exchange",
    "ResultStatus": "True",
    "UserId": "anna@example.org",
    "ClientIP": "[2001:db8::5]:54321",
    "Parameters": [{"Name": "ForwardTo", "Value": "bert@example.net"}, {"Name": "Name", "Value": "."}],
}
ALERT: dict[str, Any] = {
    "CreationTime": "2026-03-04T10:11:12",
    "Id": "9",
    "Operation": "AlertTriggered",
    "Workload": "SecurityComplianceCenter",
    "Name": "Suspicious inbox forwarding",
    "UserId": "SecurityComplianceAlerts",
    "Severity": "High",
}


def fields_of(record: dict[str, Any]) -> m365.Record:
    return m365.normalise(orjson.dumps(record))


def test_a_sign_in_has_the_names_that_sigma_asks_for() -> None:
    record = fields_of(SIGN_IN)
    assert record.time == datetime(2026, 3, 4, 10, 11, 12, tzinfo=UTC)
    assert record.identity == "00000000-0000-0000-0000-000000000007"
    assert record.logsource == LogSource("m365", None, "audit")
    expected = {
        "Operation": "UserLoggedIn",
        "ResultStatus": "Success",
        "RequestType": "Cmsi:Cmsi",
        "username": "anna@example.org",
        "src_ip": "203.0.113.9",
        "outcome": "success",
    }
    assert {name: record.fields[name] for name in expected} == expected


@pytest.mark.parametrize(
    ("operation", "result", "outcome"),
    [
        ("UserLoginFailed", "Success", "failure"),
        ("UserLoggedIn", "Failed", "failure"),
        ("MailboxLogin", "", "success"),
        ("FileAccessed", "", None),
    ],
)
def test_a_sign_in_that_failed_is_a_failure(operation: str, result: str, outcome: str | None) -> None:
    record = fields_of({**SIGN_IN, "Operation": operation, "ResultStatus": result})
    assert record.fields.get("outcome") == outcome


def test_parameters_are_taken_apart_and_the_address_loses_port_and_brackets() -> None:
    record = fields_of(RULE)
    assert record.logsource == LogSource("m365", None, "exchange")
    expected = {
        "ClientIP": "2001:db8::5",
        "src_ip": "2001:db8::5",
        "src_port": 54321,
        "Parameters.ForwardTo": "bert@example.net",
        "ForwardTo": "bert@example.net",
        "eventSource": "Exchange",
        "eventName": "New-InboxRule",
        "status": "success",
    }
    assert {name: record.fields[name] for name in expected} == expected


def test_a_property_never_takes_the_place_of_what_the_record_says() -> None:
    record = fields_of(
        {**RULE, "Parameters": [{"Name": "UserId", "Value": "bert@example.net"}, {"Name": "src_ip", "Value": "x"}]}
    )
    assert record.fields["UserId"] == record.fields["username"] == "anna@example.org"
    assert record.fields["src_ip"] == "2001:db8::5"


@pytest.mark.parametrize(
    ("name", "service"),
    [
        ("Suspicious inbox forwarding", "threat_management"),
        ("Activity from suspicious IP addresses", "threat_detection"),
    ],
)
def test_an_alert_bears_its_name_and_the_service_of_its_rules(name: str, service: str) -> None:
    record = fields_of({**ALERT, "Name": name})
    assert record.logsource == LogSource("m365", None, service)
    assert {key: record.fields[key] for key in ("eventSource", "eventName", "status")} == {
        "eventSource": "SecurityComplianceCenter",
        "eventName": name,
        "status": "success",
    }


def test_changes_keep_both_values() -> None:
    record = fields_of({**SIGN_IN, "ModifiedProperties": [{"Name": "Group", "NewValue": ["a"], "OldValue": "b"}]})
    assert record.fields["ModifiedProperties.Group.NewValue"] == '["a"]'
    assert record.fields["ModifiedProperties.Group.OldValue"] == "b"


@pytest.mark.parametrize(
    "text", [b"", b"7", b"[]", b"{}", b'{"AuditData": "x"}', b'{"AuditData": 7}', b'{"Operation": 7}', b"\xff{"]
)
def test_what_is_no_record_is_said_so(text: bytes) -> None:
    with pytest.raises(UnfitError):
        m365.normalise(text)


@pytest.mark.parametrize("name", ["AuditData", "auditData"])
@pytest.mark.parametrize("as_text", [True, False])
def test_a_record_is_the_same_within_an_export(name: str, as_text: bool) -> None:
    inner: Any = orjson.dumps(SIGN_IN).decode() if as_text else SIGN_IN
    assert m365.normalise(orjson.dumps({"Identity": "x", name: inner})) == fields_of(SIGN_IN)
