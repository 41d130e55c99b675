"""JSON → events: one object a line, or documents over many lines (pretty-printed objects, arrays).

The way of a healthy flat line is `orjson.loads` and two looks; everything else happens only where a line asks for it.
"""

from collections.abc import Iterator
from functools import partial
from typing import Any

import orjson

from beffroi.core.model import Event, message
from beffroi.logs.formats import jsondoc, shapes
from beffroi.logs.formats.faults import FaultLog, reason
from beffroi.logs.formats.jsontext import loads_any
from beffroi.logs.formats.limits import Limits
from beffroi.logs.formats.sources import Rewound, Source, buffered

BLOCK = 1 << 20  # bytes looked at to tell lines from documents
BUFFER = 1 << 17
TRIED = 32  # lines of the beginning that are tried before it is taken for a document over many lines


def read(source: Source, log: FaultLog, limits: Limits) -> Iterator[Event]:
    """Every event of a file of JSON; the line (in documents: the object's place) is its number where it has no EventRecordID."""
    head = source.read(BLOCK)
    source = Rewound(head, source)
    if by_line(head):
        return read_lines(source, log, limits)
    return _document(source, log, limits)


def by_line(head: bytes) -> bool:
    """Whether a file that begins with `head` (its first `BLOCK` bytes, or all of it) holds one JSON value a line."""
    lines = head.split(b"\n", TRIED)
    if len(head) == BLOCK or len(lines) > TRIED:
        lines.pop()  # cut
    if not lines:
        return not head.lstrip().startswith(b"[")
    for line in lines:
        try:
            value = loads_any(line)
        except ValueError:
            continue
        if value and isinstance(value, dict | list):
            return True
    return False


def read_lines(source: Source, log: FaultLog, limits: Limits, before: int = 0) -> Iterator[Event]:
    """The same of UTF-8 known to hold a value a line, behind so many lines of the file."""
    loads = orjson.loads
    plain = {dict, list}.isdisjoint
    reader = buffered(source, BUFFER)
    longest = limits.line
    for place, line in enumerate(iter(partial(reader.readline, longest), b""), before + 1):
        try:
            event = loads(line)
            number = event["EventRecordID"]
            if (
                number.__class__ is int
                and "Provider_Name" in event
                and (line.find(b"{", 1) < 0 or plain(map(type, event.values())))
            ):
                yield number, event, line
                continue
        except (ValueError, KeyError, TypeError):
            # Not JSON, not an object, or one of another shape: looked at below.
            pass
        if len(line) == longest and not line.endswith(b"\n"):
            log.add_line(place, message("it is longer than {most:,} bytes", most=longest))
            while (part := reader.readline(BUFFER)) and not part.endswith(b"\n"):
                pass
        else:
            yield from _careful(line, place, log, limits, place)


def _document(source: Source, log: FaultLog, limits: Limits) -> Iterator[Event]:
    for place, (line, text) in enumerate(jsondoc.objects(source, log, limits.line), 1):
        yield from _careful(text, place, log, limits, line)


def _careful(text: bytes, place: int, log: FaultLog, limits: Limits, where: int) -> Iterator[Event]:
    """The events of one piece of JSON of whatever kind: one, several for an array, none for an empty line."""
    bare = text.strip(b" \t\r\n,")
    if not bare or bare in (b"[", b"]"):  # an array, one element a line
        return
    if text.count(b",") > limits.parts:
        log.add_line(where, message("it has more than {most:,} parts", most=limits.parts))
        return
    raw: bytes | None = bare
    try:
        try:
            value: Any = orjson.loads(bare)
        except ValueError:
            value = loads_any(bare)
            raw = None  # the text does not show the values as they are
        for event in value if isinstance(value, list) else (value,):
            if not isinstance(event, dict):
                log.add_line(where, message("it holds a value that is no JSON object"))
                continue
            shown = raw if event is value or raw is None else orjson.dumps(event)
            fields, plain = shapes.normalise(event)
            number = fields.get("EventRecordID")
            yield (number if number.__class__ is int else place), fields, (shown if plain else None)
    except (ValueError, RecursionError) as error:
        log.add_line(where, reason(error))
