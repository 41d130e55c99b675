"""Windows Event XML → fields: one <Event> or millions, one a line or spread out, with or without a root around them.

Each event is cut out by its tags and parsed alone. So one that is not well-formed loses only itself, what surrounds them
(<Events>, a SOAP envelope with CDATA as event forwarding sends it, "Record 1" lines) does not matter, and no document
type declaration is ever in force: there is no entity to expand and nothing external to fetch.
Source of the format: Microsoft, "Event Schema" (http://schemas.microsoft.com/win/2004/08/events/event).
"""

import re
from collections.abc import Iterator
from typing import Any, NamedTuple
from xml.parsers import expat

from beffroi.core.model import WHOLE, Event, Fields, Message, UnfitError, message
from beffroi.logs.formats.faults import FaultLog, reason
from beffroi.logs.formats.limits import Limits
from beffroi.logs.formats.sources import Source
from beffroi.logs.formats.windows import SOFT, add, whole

BLOCK = 1 << 20
DEPTH = 64  # of nested elements, at most

_TAG = re.compile(rb"<Event(?=[\s>])|</Event\s*>")
_LONGEST_TAG = 64  # bytes of the block's end that may hold the beginning of a tag
_NEW = re.compile(rb"<Event[^<>]{0,1000}>\s{0,100}<System[\s>]")
# What XML 1.0 has no place for, raw or as a reference, but Windows lets through from event data.
_FORBIDDEN = re.compile(
    rb"[\x00-\x08\x0b\x0c\x0e-\x1f]|&#(?:x0*(?:[0-8bcefBCEF]|1[0-9a-fA-F]|[dD][89a-fA-F]..)|0*(?:[0-8]|1[124-9]|2\d|3[01]));"
)
_REPLACEMENT = "\ufffd".encode()


class _Element(NamedTuple):
    name: str
    attributes: dict[str, str]
    text: list[str]
    children: list["_Element"]

    def value(self) -> str:
        """Its text; white space with a line end is only how the document was laid out."""
        value = "".join(self.text)
        return "" if value.isspace() and "\n" in value else value


def read(source: Source, log: FaultLog, limits: Limits) -> Iterator[Event]:
    """Every readable event of a file of XML; its place in the file is its number where it has no EventRecordID."""
    place = 0
    for line, text, broken in _pieces(source, limits):
        place += 1
        if broken:
            log.add_line(line, broken)
            continue
        try:
            fields = parse(text)
        except ValueError as error:
            log.add_line(line, reason(error))
            continue
        number = fields["EventRecordID"]
        yield (number if number.__class__ is int else place), fields, None
    if not place:
        log.add(WHOLE, message("there is no <Event> element in it"))


def _pieces(source: Source, limits: Limits) -> Iterator[tuple[int, bytes, Message | None]]:
    """(line, the text of one event, why it cannot be read or None) for every <Event> of the stream."""
    buffer = b""
    start = -1  # of the event that is open, in the buffer
    depth = 0
    line = 1  # at `counted`
    counted = 0
    scanned = 0
    while True:
        block = source.read(BLOCK)
        buffer += block
        end = len(buffer) - _LONGEST_TAG if block else len(buffer)
        for tag in _TAG.finditer(buffer, scanned):
            if tag.start() >= end:
                break
            scanned = tag.end()
            if tag[0] == b"<Event":
                # UserData may hold an <Event> of its own; one with a <System> is the next event.
                if start >= 0 and not _NEW.match(buffer, tag.start()):
                    depth += 1
                    continue
                if start >= 0:
                    yield line, b"", message("the event's end is missing")
                start, depth = tag.start(), 1
                line += buffer.count(b"\n", counted, start)
                counted = start
            elif start >= 0:
                depth -= 1
                if not depth:
                    yield line, buffer[start : tag.end()], None
                    start = -1
        scanned = max(scanned, end)
        if not block:
            break
        if start >= 0 and len(buffer) - start > limits.line:
            yield line, b"", message("the event is longer than {most:,} bytes", most=limits.line)
            start = -1
        keep = start if start >= 0 else scanned
        line += buffer.count(b"\n", counted, keep)
        buffer, start, scanned, counted = buffer[keep:], min(start, 0), scanned - keep, 0
    if start >= 0:
        yield line, b"", message("the event's end is missing: the file ends in it")


def parse(text: bytes | str) -> Fields:
    """The fields of one <Event>. Raises UnfitError."""
    data = text.encode("utf-8", "replace") if isinstance(text, str) else text
    reason = ""
    for attempt in _attempts(data):
        try:
            return _fields(_tree(attempt))
        except expat.ExpatError as error:
            reason = reason or expat.ErrorString(error.code)
    raise UnfitError(message("it is no XML: {error}", error=reason))


def _attempts(data: bytes) -> Iterator[bytes]:
    """`data` in the ways in which it may be XML after all, the most faithful first."""
    # A parser makes CR LF a line feed; as a reference the CR stays in the value, as in the other shapes.
    for variant in (data.replace(b"\r", b"&#13;"), data) if b"\r" in data else (data,):
        yield variant
        yield _FORBIDDEN.sub(_REPLACEMENT, variant.decode("utf-8", "replace").encode())


def _tree(data: bytes) -> _Element:
    top = _Element("", {}, [], [])
    open_elements = [top]

    def start(name: str, attributes: dict[str, str]) -> None:
        if len(open_elements) > DEPTH:
            raise UnfitError(message("its elements are nested more than {most} deep", most=DEPTH))
        element = _Element(name.rpartition(":")[2], attributes, [], [])
        open_elements[-1].children.append(element)
        open_elements.append(element)

    def end(_name: str) -> None:
        open_elements.pop()

    def characters(text: str) -> None:
        open_elements[-1].text.append(text)

    parser = expat.ParserCreate("utf-8")
    parser.buffer_text = True
    parser.StartElementHandler = start
    parser.EndElementHandler = end
    parser.CharacterDataHandler = characters
    parser.Parse(data, True)
    return top.children[0]


def _fields(event: _Element) -> Fields:
    fields: Fields = {}
    system: dict[str, _Element] = {}
    rendered = ""
    for section in event.children:
        if section.name == "System":
            system = {element.name: element for element in section.children}
        elif section.name == "EventData":
            _event_data(section, fields)
        elif section.name == "UserData":
            _user_data(section, fields)
        elif section.name == "RenderingInfo":
            rendered = next((element.value() for element in section.children if element.name == "Message"), "")
    if rendered:
        fields.setdefault("Message", rendered)
    for name in SOFT:
        if name in system:
            fields.setdefault(name, whole(system[name].value()))
    user = _attribute(system, "Security", "UserID")
    if user is not None:
        fields.setdefault("UserID", user)
    for name in ("EventID", "EventRecordID"):
        fields[name] = whole(system[name].value().strip()) if name in system else None
    for name in ("Channel", "Computer"):
        fields[name] = system[name].value() if name in system else None
    fields["Provider_Name"] = _attribute(system, "Provider", "Name")
    fields["TimeCreated"] = _attribute(system, "TimeCreated", "SystemTime")
    return fields


def _attribute(system: dict[str, _Element], element: str, name: str) -> str | None:
    return system[element].attributes.get(name) if element in system else None


def _event_data(section: _Element, fields: Fields) -> None:
    unnamed: list[Any] = []
    for element in section.children:
        name = element.attributes.get("Name") or (element.name if element.name != "Data" else "")
        if name:
            add(fields, name, element.value())
        else:
            unnamed.append(element.value())
    if not section.children and section.value().strip():
        unnamed.append(section.value())
    if unnamed:
        fields["Data"] = unnamed[0] if len(unnamed) == 1 else unnamed


def _user_data(section: _Element, fields: Fields) -> None:
    for element in section.children:
        for inner in element.children:
            for part in inner.children or (inner,):
                add(fields, part.name, part.value())
        if not element.children:
            add(fields, element.name, element.value())
