"""Log Event Extended Format: `LEEF:1.0|vendor|product|version|event|src=…⇥dst=…` and 2.0, which may state another separator.

The format is IBM's, "QRadar Log Event Extended Format (LEEF)": attributes are parted by tabs, or by the sign that LEEF 2.0 states in
its sixth part, itself or as a hexadecimal number ("x5E", "0x09").
"""

from beffroi.core.model import Fields, LogSource
from beffroi.logs.formats.cef import slug, split_header
from beffroi.logs.formats.common import Reading, given
from beffroi.logs.formats.keyvalue import collect, translated

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
        collect(fields, name, value)
    given(fields)
    fields.update(deviceVendor=parts[1], deviceProduct=parts[2], deviceVersion=parts[3], EventID=parts[4])
    is_firewall = translated(fields, _ADDRESSES, _PORTS, _COPIES)
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
