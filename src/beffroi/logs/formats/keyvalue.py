"""`name=value name="a value"`: how FortiGate and many other appliances write a line."""

import re

from beffroi.core.model import Fields
from beffroi.logs.formats.appliances.common import given

MOST = 512  # pairs of one line; what follows is left to the raw line

# A quoted value ends at a quote before white space or the end; a quote behind a backslash does not end it. One without an end goes
# to the end of the line, so nothing is ever looked at again.
_PAIR = re.compile(r'([A-Za-z_][\w.\-]{0,63})=(?:"((?:[^"\\]|\\(?:.|\Z)|"(?!\s|\Z))*)(?:"|\Z)|(\S*))', re.DOTALL)
_ESCAPED = re.compile(r'\\(["\\])')


def pairs(text: str) -> Fields:
    """The pairs of a line in its order. A name that comes again makes a list: nothing that a device wrote is hidden behind what
    somebody put into a value before it."""
    fields: Fields = {}
    for count, (name, quoted, plain) in enumerate(_PAIR.findall(text)):
        if count == MOST:
            break
        value = (_ESCAPED.sub(r"\1", quoted) if "\\" in quoted else quoted) or plain
        if name not in fields:
            fields[name] = value
        elif isinstance(fields[name], list):
            fields[name].append(value)
        else:
            fields[name] = [fields[name], value]
    return given(fields)


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
