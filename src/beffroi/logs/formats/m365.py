"""Microsoft 365's unified audit log: records of the Management Activity API, of Purview's CSV and of PowerShell's JSON.

Schema: Microsoft, "Office 365 Management Activity API schema". Sigma's rules know the product `m365` with the services `audit`,
`exchange`, `threat_management` and `threat_detection`; the last three call a record's workload `eventSource`, its alert or
operation `eventName`, and its result `status`.
"""

from datetime import UTC, datetime
from typing import Any, NamedTuple

import orjson

from beffroi.core.model import Fields, LogSource, UnfitError, message
from beffroi.logs.formats.common import FAILURE, OURS, SUCCESS, endpoint, given
from beffroi.logs.formats.jsontext import loads_any
from beffroi.logs.formats.shapes import flat

MOST = 256  # names taken out of one list of properties

_ADDRESSES = ("ClientIP", "ClientIPAddress", "ActorIpAddress")
_LISTS = ("Parameters", "ExtendedProperties", "DeviceProperties", "ModifiedProperties", "OperationProperties", "Item")
_SIGN_INS = {"userloggedin": SUCCESS, "userloginfailed": FAILURE, "mailboxlogin": SUCCESS}
_DETECTIONS = {"Activity from suspicious IP addresses"}
"""Alerts that Sigma keeps under `threat_detection`."""


class Record(NamedTuple):
    """One record understood. `time` is UTC; `identity` is Microsoft's own number for it, the same in every export."""

    time: datetime | None
    logsource: LogSource
    fields: Fields
    identity: str | None


def is_record(event: dict[str, Any]) -> bool:
    """Whether an object is a record, or holds one as an export does."""
    return ("Operation" in event and "Workload" in event) or "AuditData" in event or "auditData" in event


def unwrapped(event: dict[str, Any]) -> dict[str, Any]:
    """The record itself: PowerShell and Purview put it as text, the Graph API as an object, under `AuditData`. Raises UnfitError."""
    inner = event.get("AuditData", event.get("auditData"))
    if inner is None:
        return event
    if isinstance(inner, str):
        inner = loads_any(inner)
    if not isinstance(inner, dict):
        raise UnfitError(message("its AuditData is no JSON object"))
    return inner


def normalise(text: bytes | str) -> Record:
    """One record, as JSON. Raises UnfitError for what is none."""
    event = loads_any(text)
    if not isinstance(event, dict):
        raise UnfitError(message("it is no JSON object"))
    record = unwrapped(event)
    if not isinstance(record.get("Operation"), str):
        raise UnfitError(message("it is no record of Microsoft 365's audit log: it names no Operation"))
    return of_record(record)


def of_record(record: dict[str, Any]) -> Record:
    """The fields of a record: its own names, lists of names and values taken apart, and the names Sigma's rules use."""
    fields = given(dict(flat(record)))
    for name in _ADDRESSES:
        written = fields.get(name)
        if not isinstance(written, str):
            continue
        ip, port = endpoint(written)
        if ip:
            fields[name] = ip
            fields.setdefault("src_ip", ip)
            if port is not None:
                fields.setdefault("src_port", port)
    user = record.get("UserId")
    if isinstance(user, str) and user:
        fields["username"] = user
    operation = str(record.get("Operation", ""))
    outcome = _SIGN_INS.get(operation.lower())
    if outcome:
        failed = outcome == FAILURE or str(record.get("ResultStatus", "")).lower() in {"failed", "false"}
        fields.update(outcome=FAILURE if failed else SUCCESS, action="login")
    identity = record.get("Id")
    source = LogSource("m365", None, _service(record, operation, fields))
    for name in _LISTS:  # last: they take the place of nothing
        _properties(name, record.get(name), fields)
    return Record(_time(record.get("CreationTime")), source, fields, identity if isinstance(identity, str) else None)


def _service(record: dict[str, Any], operation: str, fields: Fields) -> str:
    workload = record.get("Workload")
    if isinstance(workload, str):
        fields.setdefault("eventSource", workload)
    name = record.get("Name")
    is_alert = workload == "SecurityComplianceCenter" and isinstance(name, str) and operation.startswith("Alert")
    fields.setdefault("eventName", name if is_alert else operation)
    result = str(record.get("ResultStatus", "")).lower()
    if result in {"success", "succeeded", "true"} or (is_alert and not result):
        fields.setdefault("status", "success")  # Sigma's word; Microsoft writes it in four ways
    elif result:
        fields.setdefault("status", result)
    if isinstance(record.get("Parameters"), list):
        # eDiscovery's rules look for the command line in one piece.
        fields.setdefault("Payload", f"{operation} {orjson.dumps(record['Parameters']).decode()}")
    if is_alert:
        return "threat_detection" if name in _DETECTIONS else "threat_management"
    if workload == "SecurityComplianceCenter":
        return "threat_management"
    return "exchange" if workload == "Exchange" else "audit"


def _properties(name: str, items: Any, fields: Fields) -> None:
    """[{"Name": "ForwardTo", "Value": "…"}] → `Parameters.ForwardTo`, and `ForwardTo` where the record has nothing of that name."""
    if not isinstance(items, list):
        return
    for item in items[:MOST]:
        if not isinstance(item, dict) or not isinstance(item.get("Name"), str) or not item["Name"]:
            continue
        key = item["Name"]
        if "Value" in item:
            value = _plain(item["Value"])
            fields.setdefault(f"{name}.{key}", value)
            if key not in OURS:
                fields.setdefault(key, value)
        for side in ("NewValue", "OldValue"):
            if side in item:
                fields.setdefault(f"{name}.{key}.{side}", _plain(item[side]))


def _plain(value: Any) -> Any:
    return orjson.dumps(value).decode() if isinstance(value, dict | list) else value


def _time(text: Any) -> datetime | None:
    """CreationTime: UTC, which it does not always say."""
    if not isinstance(text, str) or len(text) > 40:
        return None
    try:
        when = datetime.fromisoformat(text)
    except ValueError:
        return None
    return when.replace(tzinfo=UTC) if when.tzinfo is None else when.astimezone(UTC)
