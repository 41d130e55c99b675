"""NXLog's im_msvistalog as JSON → fields. Shape: flat; EventData under its own names beside NXLog's.

NXLog's names are caseless and shared: where EventData has a field of the same name, its value stands in the place of
NXLog's. So a name of NXLog's own is left out only when its value shows that it is NXLog's.
Source: NXLog reference manual, "Event Log for Windows (im_msvistalog)"; real lines of OTRF's Security-Datasets.
"""

from collections.abc import Mapping
from typing import Any

from beffroi.core.model import Fields
from beffroi.logs.formats.windows import value_of, whole

RENAMED = {
    "Hostname": "Computer",
    "SourceName": "Provider_Name",
    "RecordNumber": "EventRecordID",
    "EventTime": "TimeCreated",
    "OpcodeValue": "Opcode",
    "TaskValue": "Task",
}
OWN = {
    "SeverityValue", "ProviderGuid", "EventReceivedTime", "SourceModuleName", "SourceModuleType", "AccountType",
    "ExecutionProcessID", "ExecutionThreadID", "ActivityID", "RelatedActivityID",
}  # fmt: skip
WORDS = {"DEBUG", "VERBOSE", "INFO", "WARNING", "ERROR", "CRITICAL", "AUDIT_SUCCESS", "AUDIT_FAILURE"}
"""What NXLog itself puts into EventType and Severity."""
LEVELS = {1: 5, 2: 4, 3: 3, 4: 2, 5: 1}
"""SeverityValue → Windows' level."""


def is_nxlog(event: Mapping[str, Any]) -> bool:
    return "SourceName" in event and "Hostname" in event and ("RecordNumber" in event or "EventTime" in event)


def normalise(event: Mapping[str, Any]) -> Fields:
    """The fields of one NXLog event."""
    fields: Fields = {}
    for name, value in event.items():
        if name in OWN or (name in ("EventType", "Severity") and isinstance(value, str) and value in WORDS):
            continue
        # System's process and thread are numbers, EventData's are text. NXLog 5 calls System's ExecutionProcessID.
        if name in ("ProcessID", "ThreadID") and isinstance(value, int):
            continue
        if name == "Opcode" and "OpcodeValue" in event:
            continue
        fields[RENAMED.get(name, name)] = value_of(value)
    keywords = fields.get("Keywords")
    if isinstance(keywords, str) and keywords.lstrip("-").isdecimal() and len(keywords) <= 20:
        keywords = int(keywords)
    if isinstance(keywords, int):
        fields["Keywords"] = hex(keywords & (1 << 64) - 1)
    severity = event.get("SeverityValue")
    if "Level" not in fields and isinstance(severity, int) and severity in LEVELS:
        fields["Level"] = LEVELS[severity]
    for name in ("EventID", "EventRecordID"):
        fields[name] = whole(fields.get(name))
    return fields
