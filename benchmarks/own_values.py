"""EVTX recordings of which every longer value is the only one of its kind: what `material.write_flat(…, "differ", …)` does to
flat JSON lines, done to the files themselves.

Nothing moves: a new value takes as many bytes as the old one, so a copy has the layout of its original. What is changed in
each record follows the flat lines, under the same names and from the same length on:

- texts: the last four characters become the event's number in base 36. Where the flat lines put a number behind a text,
  a rule that asks how it begins still finds it, one that asks how it ends does not; here it is the same;
- security identifiers (their last part), GUIDs and times (their last bytes);
- the time of the event and its record number; and what names a process, a thread, a logon or a port, of any length.

The computer's name stays, which the flat lines change: in a recording it is no value of the record, but a text of the template
that a chunk's records share. So do the names of fields, channel, provider and event number. Lists of texts are changed
here, and are not there; bytes and texts of a code page, of which there are few, are not changed here. The sums over a chunk's header and over its records are made anew. A chunk that is not sound stays as it
is.

Source of the format: libyal, "Windows XML Event Log (EVTX) format"; Microsoft, [MS-EVEN6] 2.2.12 (binary XML).
"""

import io
import json
import re
import struct
import zlib
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

from benchmarks.material import KEPT, LONG, OWN
from evtx import PyEvtxParser

_FILE_HEADER, _CHUNK, _CHUNK_HEADER = 4_096, 65_536, 512
_DIGITS = "0123456789abcdefghijklmnopqrstuvwxyz"
_UTC = re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{3}")
_NOVEMBER_2026 = 134_379_648_000_000_000  # 2026-11-01 as FILETIME: 100 ns since 1601
_TEXT, _UINT64, _GUID, _FILETIME, _SID, _XML, _TEXTS = 0x01, 0x0A, 0x0F, 0x11, 0x13, 0x21, 0x81
_WHOLE = {
    0x06: ("<H", "d"),
    0x08: ("<I", "d"),
    _UINT64: ("<Q", "d"),
    0x14: ("<I", "#x"),
    0x15: ("<Q", "#x"),
}  # whole numbers: how they are stored, and written

Write = Callable[[int], bytes]
"""An event's number → the bytes it puts in a place."""


class Value(NamedTuple):
    """A value of a record: its type, where it lies in the chunk, and how deep: 0 beside System's values, 1 within EventData."""

    kind: int
    at: int
    size: int
    depth: int


class Place(NamedTuple):
    """Where something is written, and what."""

    at: int
    write: Write


class Chunk(NamedTuple):
    """Where a chunk begins in its file, and for each of its records what is written, with places from the chunk's start."""

    start: int
    records: list[list[Place]]


def repeated_differing(recordings: Path, folder: Path, copies: int) -> Path:
    """So many copies of every EVTX file under `recordings`, each in a folder of its own, no two events with a longer value in
    common; events are numbered through all of them."""
    files = [(path.relative_to(recordings), path.read_bytes()) for path in sorted(recordings.rglob("*.evtx"))]
    plans = [(path, content, list(chunks(content))) for path, content in files]
    count = 0
    for number in range(copies):
        for path, content, plan in plans:
            target = folder / f"{number + 1:02}" / path
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(made_own(content, plan, count))
            count += sum(len(chunk.records) for chunk in plan)
    return folder


def made_own(content: bytes, plan: Iterable[Chunk], count: int) -> bytes:
    """The file with its events' own values; their numbers are those after `count`."""
    made = bytearray(content)
    for start, records in plan:
        first = count + 1
        for places in records:
            count += 1
            for at, write in places:
                new = write(count)
                made[start + at : start + at + len(new)] = new
        struct.pack_into("<QQ", made, start + 24, _record_number(first), _record_number(count))
        (free,) = struct.unpack_from("<I", made, start + 48)
        struct.pack_into("<I", made, start + 52, zlib.crc32(made[start + _CHUNK_HEADER : start + free]))
        struct.pack_into("<I", made, start + 124, header_sum(made[start : start + _CHUNK_HEADER]))
    return bytes(made)


def header_sum(header: bytes | bytearray) -> int:
    """The sum over a chunk's header: all of its 512 bytes but the flags and the sum itself."""
    return zlib.crc32(header[:120] + header[128:_CHUNK_HEADER])


def chunks(content: bytes) -> Iterator[Chunk]:
    """The sound chunks of a file, and what is written in them."""
    for start in range(_FILE_HEADER, len(content), _CHUNK):
        chunk = content[start : start + _CHUNK]
        if len(chunk) < _CHUNK or not chunk.startswith(b"ElfChnk\0"):
            continue
        first, last, free, total = struct.unpack_from("<QQ8xII", chunk, 24)
        found = list(_records(chunk, free))
        in_order = [number for _, number in found] == list(range(first, last + 1))
        if found and in_order and total == zlib.crc32(chunk[_CHUNK_HEADER:free]):
            events = [json.loads(record["data"])["Event"] for record in _parsed(chunk)]
            places = [_places(chunk, at, event) for (at, _), event in zip(found, events, strict=True)]
            yield Chunk(start, places)


def _parsed(chunk: bytes) -> Iterator[dict[str, Any]]:
    head = struct.pack("<8sQQQIHHHH", b"ElfFile\0", 0, 0, 1, 128, 1, 3, _FILE_HEADER, 1).ljust(120, b"\0")
    head = (head + struct.pack("<II", 0, zlib.crc32(head))).ljust(_FILE_HEADER, b"\0")
    yield from PyEvtxParser(io.BytesIO(head + chunk), 1).records_json()


def _records(chunk: bytes, free: int) -> Iterator[tuple[int, int]]:
    """(where it begins, its number) of every record."""
    at = _CHUNK_HEADER
    while at < free and chunk[at : at + 4] == b"**\0\0":
        size, number = struct.unpack_from("<IQ", chunk, at + 4)
        yield at, number
        at += size


def values(chunk: bytes, at: int, depth: int = 0) -> Iterator[Value]:
    """The values of the binary XML at `at`: an instance of a template, which gives them types and sizes first, then one
    behind the other. XML within it is one of them."""
    while chunk[at] == 0x0F:  # the header of a fragment
        at += 4
    if chunk[at] != 0x0C:
        raise ValueError(f"no template's instance at byte {at}")
    (definition,) = struct.unpack_from("<I", chunk, at + 6)
    at += 10
    if definition == at:  # the first to use a template carries it
        at += 24 + int.from_bytes(chunk[at + 20 : at + 24], "little")
    (number,) = struct.unpack_from("<I", chunk, at)
    sizes = [struct.unpack_from("<HB", chunk, at + 4 + 4 * index) for index in range(number)]
    at += 4 + 4 * number
    for size, kind in sizes:
        if kind == _XML and size:
            yield from values(chunk, at, depth + 1)
        else:
            yield Value(kind, at, size, depth)
        at += size


# --- what is written where ---------------------------------------------------------------------------------------


def _places(chunk: bytes, at: int, event: dict[str, Any]) -> list[Place]:
    """Where the record at `at` has values of its own; `event` is what the library reads from it, whose names say which."""
    leaves = [leaf for part in ("EventData", "UserData") for leaf in _leaves("", event.get(part))]
    own = {text for name, text in leaves if OWN.search(name)} - {text for name, text in leaves if not OWN.search(name)}
    kept = {text for name, text in leaves if name in KEPT}
    places = [Place(at + 8, lambda count: struct.pack("<QQ", _record_number(count), _time(count)))]
    for value in values(chunk, at + 24):
        raw = chunk[value.at : value.at + value.size]
        if value.depth:
            places += _of_data(value, raw, own, kept)
        elif value.kind == _FILETIME:
            places.append(Place(value.at, _filetime))
        elif value.kind == _UINT64 and int.from_bytes(raw, "little") == event["System"]["EventRecordID"]:
            places.append(Place(value.at, lambda count: struct.pack("<Q", _record_number(count))))
    return places


def _leaves(name: str, part: Any) -> Iterator[tuple[str, str]]:
    """(name, text) of all that an element holds."""
    if isinstance(part, dict):
        for key, value in part.items():
            yield from _leaves(name if key in {"#text", "#attributes"} else key, value)
    elif isinstance(part, list):
        for value in part:
            yield from _leaves(name, value)
    elif part is not None:
        yield name, str(part)


def _of_data(value: Value, raw: bytes, own: set[str], kept: set[str]) -> Iterator[Place]:
    """`own` are the texts of what names processes and the like, `kept` those that stay."""
    at = value.at
    if value.kind == _TEXT:
        text = _text(raw).rstrip("\0")
        if text not in kept:
            yield from _of_text(at, text, own=text in own)
    elif value.kind == _TEXTS:
        for text in _text(raw).split("\0"):
            yield from _of_text(at, text)
            at += 2 * (_units(text) + 1)
    elif value.kind == _GUID:
        yield Place(at + 13, lambda count: struct.pack(">I", count)[1:])
    elif value.kind == _SID and len(_sid(raw)) > LONG:
        yield Place(at + value.size - 4, lambda count: struct.pack("<I", 1_000 + count))
    elif value.kind == _FILETIME:
        yield Place(at, _filetime)
    elif value.kind in _WHOLE:
        form, written = _WHOLE[value.kind]
        if format(int.from_bytes(raw, "little"), written) in own:
            yield Place(at, lambda count: struct.pack(form, 1_000 + 4 * (count % 16_000)))


def _of_text(at: int, text: str, *, own: bool = False) -> Iterator[Place]:
    """A text in UTF-16 at `at`; `own` says that it is the process's, the session's or the like, however short."""
    if _UTC.fullmatch(text):
        yield Place(at + 2 * len("2019-03-17 19:"), _minutes)
    elif len(text) > LONG:
        where = stamped(text)
        if where is not None:
            yield Place(at + 2 * _units(text[:where]), _base36)
    elif own and text.isdecimal():
        least = 10 ** (len(text) - 1)
        yield Place(at, lambda count: _utf16(str(least + count % (9 * least))))


def stamped(text: str) -> int | None:
    """Where in a text four characters give way to an event's number: the last four that are printable ASCII in a row. None
    where there are none such."""
    found = re.search("[!-~]{4}", text[::-1])
    return len(text) - found.end() if found else None


def _text(raw: bytes) -> str:
    return raw.decode("utf-16-le", "surrogatepass")


def _utf16(text: str) -> bytes:
    return text.encode("utf-16-le", "surrogatepass")


def _units(text: str) -> int:
    return len(_utf16(text)) // 2


def _sid(raw: bytes) -> str:
    parts = struct.unpack_from(f"<{raw[1]}I", raw, 8)
    return "-".join(map(str, ("S", raw[0], int.from_bytes(raw[2:8], "big"), *parts)))


# --- an event's number as ------------------------------------------------------------------------------------------


def _base36(count: int) -> bytes:
    """Four digits; enough for 1,679,616 events."""
    return _utf16("".join(_DIGITS[count // 36**place % 36] for place in (3, 2, 1, 0)))


def _minutes(count: int) -> bytes:
    """Minutes, seconds and thousandths; enough for an hour of them."""
    return _utf16(f"{count // 60_000 % 60:02}:{count // 1_000 % 60:02}.{count % 1_000:03}")


def _record_number(count: int) -> int:
    return 1_000_000 + count


def _time(count: int) -> int:
    """Fifty events a second from November 2026 on, as FILETIME."""
    return _NOVEMBER_2026 + count * 200_000


def _filetime(count: int) -> bytes:
    return struct.pack("<Q", _time(count))
