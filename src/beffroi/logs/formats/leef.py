"""Log Event Extended Format: `LEEF:1.0|vendor|product|version|event|src=…⇥dst=…` and 2.0, which may state another separator.

The format is IBM's, "QRadar Log Event Extended Format (LEEF)": attributes are parted by tabs, or by the sign that LEEF 2.0 states in
its sixth part, itself or as a hexadecimal number ("x5E", "0x09").
"""

from beffroi.core.model import Fields, LogSource
from beffroi.logs.formats.appliances.common import Reading, address, blocked, given, number
from beffroi.logs.formats.cef import slug, split_header
from beffroi.logs.formats.keyvalue import single

MOST = 512  # attributes

_ADDRESSES = {"src_ip": ("src", "identSrc"), "dst_ip": ("dst",)}
_PORTS = {"src_port": "srcPort", "dst_port": "dstPort"}
_COPIES = {"username": ("usrName", "accountName"), "protocol": ("proto",), "action": ("action",), "c-uri": ("url",)}


def read(text: str) -> Reading | None:
    """A message in LEEF: header and attributes under LEEF's names, and the names Sigma's rules use."""
    body = text.removeprefix("LEEF:").lstrip(" ")
    parts, rest = split_header(body, 5)
    if len(parts) < 5 or parts[0] not in {"1.0", "2.0", "1", "2"}:
        return None
    separator = "\t"
    if parts[0].startswith("2"):
        separator, rest = _separator(rest)
    fields: Fields = {}
    for attribute in rest.split(separator, MOST)[:MOST]:
        name, sign, value = attribute.strip().partition("=")
        if not sign or not name or len(name) > 64:
            continue
        if name not in fields:
            fields[name] = value
        elif isinstance(fields[name], list):
            fields[name].append(value)
        else:
            fields[name] = [fields[name], value]
    given(fields)
    fields.update(deviceVendor=parts[1], deviceProduct=parts[2], deviceVersion=parts[3], EventID=parts[4])
    for ours, theirs in _ADDRESSES.items():
        if (said := single(fields, *theirs)) and (found := address(said)):
            fields[ours] = found
    for ours, name in _PORTS.items():
        if (said := single(fields, name)) and (port := number(said)) is not None:
            fields[ours] = port
    for ours, theirs in _COPIES.items():
        if said := single(fields, *theirs):
            fields.setdefault(ours, said.lower() if ours == "protocol" else said)
    if stopped := blocked(str(fields.get("action", ""))):
        fields["blocked"] = stopped
    is_firewall = "blocked" in fields and "src_ip" in fields and "dst_ip" in fields
    product = slug(parts[2]) or slug(parts[1])
    return LogSource(product, "firewall" if is_firewall else None, "leef"), fields


def _separator(rest: str) -> tuple[str, str]:
    """(the sign between attributes, the attributes) of what follows a LEEF 2.0 header's event number."""
    stated, bar, attributes = rest.partition("|")
    if not bar or "=" in stated[1:] or "\t" in stated[1:]:
        return "\t", rest  # left out altogether, as LEEF 2.0 allows
    if len(stated) == 1:
        return stated, attributes
    code = stated.lower().removeprefix("0x").removeprefix("x")
    try:
        return (chr(int(code, 16)) if 0 < len(code) < 5 else "\t"), attributes
    except ValueError:
        return "\t", attributes
