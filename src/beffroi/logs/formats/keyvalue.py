"""`name=value name="a value"`: how FortiGate and many other appliances write a line."""

import re
from collections.abc import Mapping

from beffroi.core.model import Fields
from beffroi.logs.formats.common import address, blocked, given, number

MOST = 512  # pairs of one line; what follows is left to the raw line

# A quoted value ends at a quote before white space or the end; a quote behind a backslash does not end it. One without an end goes
# to the end of the line: what stands behind the value never fails, so nothing is ever looked at again.
_PAIR = re.compile(r'([A-Za-z_][\w.\-]{0,63})=(?:"((?:[^"\\]+|\\(?:.|\Z)|"(?!\s|\Z))*)(?:"|\Z)|(\S*))', re.DOTALL)
_ESCAPED = re.compile(r'\\(["\\])')


def pairs(text: str) -> Fields:
    """The pairs of a line in its order. A name that comes again makes a list: nothing that a device wrote is hidden behind what
    somebody put into a value before it."""
    fields: Fields = {}
    for name, quoted, plain in _PAIR.findall(text)[:MOST]:
        value = (_ESCAPED.sub(r"\1", quoted) if "\\" in quoted else quoted) or plain
        if name in fields:
            collect(fields, name, value)
        else:
            fields[name] = value
    return given(fields)


def collect(fields: Fields, name: str, value: str) -> None:
    """A field more; a name that comes again makes a list."""
    if name not in fields:
        fields[name] = value
    elif isinstance(fields[name], list):
        fields[name].append(value)
    else:
        fields[name] = [fields[name], value]


def single(fields: Fields, *names: str) -> str | None:
    """The value of the first of `names` that is there. None where it has several that differ: one of them was put there by
    somebody, and who that is cannot be told from the line."""
    for name in names:
        value = fields.get(name)
        if isinstance(value, list):
            value = value[0] if len(set(value)) == 1 else None
        if value:
            return str(value)
    return None


def translated(
    fields: Fields,
    addresses: Mapping[str, tuple[str, ...]],
    ports: Mapping[str, str],
    copies: Mapping[str, tuple[str, ...]],
) -> bool:
    """Add to fields under a format's names those that rules use (ours → the format's); whether they are a firewall's verdict."""
    for ours, theirs in addresses.items():
        if (said := single(fields, *theirs)) and (found := address(said)):
            fields[ours] = found
    for ours, name in ports.items():
        if (said := single(fields, name)) and (port := number(said)) is not None:
            fields[ours] = port
    for ours, theirs in copies.items():
        if said := single(fields, *theirs):
            fields.setdefault(ours, said.lower() if ours == "protocol" else said)
    if stopped := blocked(str(fields.get("action", ""))):
        fields["blocked"] = stopped
    return "blocked" in fields and "src_ip" in fields and "dst_ip" in fields
