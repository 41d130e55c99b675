"""Which format a file is in, by what it begins with. Names say nothing: logs are rotated, renamed, and mailed."""

import re
from enum import Enum, auto

from beffroi.core.model import Message, message
from beffroi.logs.formats import archive, evtx
from beffroi.logs.formats.sources import encoding_of

HEAD = evtx.FILE_HEADER + 8
"""Bytes that recognise nearly every file."""
MORE = 1 << 20
"""Bytes looked through for the first line of JSON or XML where `HEAD` were not enough."""


NO_LOG = message("it is no event log that can be read: neither EVTX, nor JSON, nor Windows event XML")
"""What is said of a file that is simply something else, as a README among recordings."""


class Format(Enum):
    EMPTY = auto()
    EVTX = auto()
    ARCHIVE = auto()
    JSON = auto()
    XML = auto()
    UNKNOWN = auto()


# The first line that begins as an object of JSON does, or an array, or an element of XML.
_TEXT = re.compile(rb"""^[ \t\r]*(?:[\[,\s]*\{\s*(?:["}]|\Z)|\[\s*\Z|(<)[A-Za-z?!])""", re.MULTILINE)


def recognise(head: bytes) -> Format:
    """The format of a file that begins with `head`."""
    if not head:
        return Format.EMPTY
    if archive.is_archive(head):
        return Format.ARCHIVE
    if evtx.looks_like(head):
        return Format.EVTX
    encoding, mark = encoding_of(head)
    text = head[mark:] if encoding == "utf-8" else head[mark:].decode(encoding, "ignore").encode()
    found = _TEXT.search(text)
    if not found:
        return Format.UNKNOWN
    if not found[1]:
        return Format.JSON
    return Format.XML if b"<Event" in text or text.lstrip().startswith(b"<?xml") else Format.UNKNOWN


def what_it_is(head: bytes) -> Message:
    """Why a file of no known format was not read, in one sentence."""
    if head[257:262] == b"ustar":
        return message("it is a tar archive; unpack it first")
    if not head.strip(b"\0"):
        return message("it holds nothing but zeros")
    return NO_LOG
