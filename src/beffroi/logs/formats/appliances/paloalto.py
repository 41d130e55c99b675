"""Palo Alto Networks PAN-OS: comma-separated TRAFFIC, THREAT, GLOBALPROTECT, SYSTEM and other lines.

Columns: Palo Alto Networks, "Syslog Field Descriptions" (PAN-OS 10 and 11). The first forty-odd columns of TRAFFIC and THREAT are the
same in all of them; later ones differ from version to version and stay in the raw line.
"""

import csv

from beffroi.core.model import Fields, LogSource
from beffroi.logs.formats.common import Reading, address, number

LONGEST = 32_768  # signs of a line that is looked at
_TYPES = {
    "TRAFFIC",
    "THREAT",
    "SYSTEM",
    "CONFIG",
    "GLOBALPROTECT",
    "USERID",
    "AUTHENTICATION",
    "HIPMATCH",
    "DECRYPTION",
}
_COMMON = {2: "serial", 3: "type", 4: "subtype"}
_PACKET = {
    11: "rule",
    14: "application",
    16: "from_zone",
    17: "to_zone",
    18: "in_interface",
    19: "out_interface",
    22: "session_id",
    29: "protocol",
    30: "action",
}
_THREAT = {31: "url", 32: "threat", 33: "threat_category", 34: "severity", 35: "direction"}
_PASSED = {"allow", "alert", "continue", "override", "block-override"}
_SYSTEM = {8: "event_id", 9: "object", 13: "severity", 14: "said"}


def read(text: str) -> Reading | None:
    """A line of a known type; None for others."""
    if text[1:2] != "," or len(text) > LONGEST:
        return None
    kind = text.split(",", 4)[3] if text.count(",", 0, 256) >= 4 else ""
    if kind not in _TYPES:
        return None
    try:
        columns = next(csv.reader([text.replace("\n", " ").replace("\r", " ").replace("\0", " ")]))
    except (csv.Error, StopIteration):
        return None
    fields = _named(columns, _COMMON)
    service = kind.lower()
    if kind not in {"TRAFFIC", "THREAT"}:
        if kind == "SYSTEM":
            fields.update(_named(columns, _SYSTEM))
        return LogSource("paloalto", None, service), fields
    if len(columns) < 31:
        return None
    fields.update(_named(columns, _PACKET))
    for ours, place in (("src_ip", 7), ("dst_ip", 8)):
        if ip := address(columns[place]):
            fields[ours] = ip
    for ours, place in (("src_port", 24), ("dst_port", 25)):
        if (port := number(columns[place])) is not None:
            fields[ours] = port
    if columns[12]:
        fields["username"] = columns[12]
    fields["blocked"] = "false" if columns[30] in _PASSED else "true"
    if kind == "TRAFFIC":
        return LogSource("paloalto", "firewall", service), fields
    fields.update(_named(columns, _THREAT))
    if columns[4] in {"virus", "wildfire-virus", "wildfire"}:
        fields.update(Signature=fields.get("threat"), Filename=fields.get("url"))
        return LogSource("paloalto", "antivirus", service), fields
    if columns[4] == "url":
        fields["c-uri"] = fields.get("url")
        return LogSource("paloalto", "proxy", service), fields
    return LogSource("paloalto", None, service), fields


def _named(columns: list[str], names: dict[int, str]) -> Fields:
    return {name: columns[place] for place, name in names.items() if place < len(columns) and columns[place]}
