"""EVTX, the binary event log of Windows: a 4,096-byte file header, then chunks of 65,536 bytes that each stand alone.

The `evtx` library decodes; this module decides what it is given. Each chunk is handed over as a small file of its own,
which costs nothing measurable and brings three things: memory is one chunk whatever the file, nothing in the file header
matters, and each chunk's own header says how many records to expect. Where that many came without complaint, all is well
(the only way of a healthy file). Where not, `evtx_mend` looks at the chunk's bytes and reads what can be read.

Source of the format: libyal, "Windows XML Event Log (EVTX) format".
"""

import io
import struct
import zlib
from collections.abc import Iterator
from itertools import islice
from typing import Any, cast

from evtx import PyEvtxParser

from beffroi.core.model import WHOLE, Event, Message, UnfitError, message
from beffroi.logs.formats.evtx_mend import CHUNK, CHUNK_MAGIC, RECORD_MAGIC, counts, mend
from beffroi.logs.formats.faults import FaultLog
from beffroi.logs.formats.jsontext import loads_any, loads_repeated
from beffroi.logs.formats.rendered import fields_of
from beffroi.logs.formats.sources import Source
from beffroi.logs.formats.windows import flatten

FILE_MAGIC = b"ElfFile\0"
FILE_HEADER = 4_096
FILE_START = message("file header")
EMPTY = bytes(CHUNK)
HIGHEST = struct.pack("<Q", (1 << 63) - 1)
NO_TABLES = bytes(384)
KINDS = 10_000  # of events remembered, at most


def _lone_header() -> bytes:
    """A file header that announces one chunk: what every chunk is handed over with."""
    #             magic, first, last chunk, next record, header size, minor, major, header block, chunks
    head = struct.pack("<8sQQQIHHHH", FILE_MAGIC, 0, 0, 1, 128, 1, 3, FILE_HEADER, 1).ljust(120, b"\0")
    return (head + struct.pack("<II", 0, zlib.crc32(head))).ljust(FILE_HEADER, b"\0")


HEADER = _lone_header()


def looks_like(head: bytes) -> bool:
    """Whether a file that begins with `head` (its first 4,104 bytes, or all of it) is an event log, even a damaged one."""
    return head.startswith((FILE_MAGIC, CHUNK_MAGIC)) or head[FILE_HEADER : FILE_HEADER + 8] == CHUNK_MAGIC


def read(source: Source, log: FaultLog, first: int = 0, last: int | None = None) -> Iterator[Event]:
    """Every readable event of the file, chunk by chunk; what cannot be read goes to `log`. Of a part of a file (`parts.py`):
    its chunks from `first` up to `last`, which is not of it; the file header is read all the same."""
    announced, pending = _file_header(source, log)
    if last is not None:
        announced = last  # chunks seen to be there; those behind them are not our concern
    place = first
    zeros: list[int] = []  # places of chunks of nothing but zeros: preallocated, unless a used one follows
    before = b""  # the sound chunk before this one, from its free space on
    while place != last and (
        chunk := pending[:CHUNK] + source.read(CHUNK - len(pending)) if len(pending) < CHUNK else pending[:CHUNK]
    ):
        pending = pending[CHUNK:]
        if chunk == EMPTY:
            zeros.append(place)
            place += 1
            continue
        given = 0
        if len(chunk) == CHUNK and chunk.startswith(CHUNK_MAGIC):
            expected, free = counts(chunk)
            try:
                for record in _parse(chunk):
                    raw = record["data"]
                    given += 1
                    fields = fields_of(raw, _without_repeats)
                    if fields is None:
                        yield from _event(record, place, log)
                    else:
                        yield fields["EventRecordID"], fields, raw
            except RuntimeError:
                expected = -1
            # A record right where free space should begin: the chunk was being written when the file was copied.
            if given == expected and chunk[free : free + 4] != RECORD_MAGIC:
                if zeros:
                    _tell_zeros(zeros, log)
                place += 1
                before = chunk[free:]
                continue
        elif (inside := before.find(CHUNK_MAGIC)) >= 0:
            # Bytes of the file are missing: this chunk began within what looked like the free space of the last.
            early = message("another chunk begins {size:,} bytes before its end", size=len(before) - inside)
            log.add(_chunk(place - 1), early)
            pending, before = before[inside:] + chunk + pending, b""
            continue
        pending = pending or source.read(len(CHUNK_MAGIC))
        mended = mend(chunk, _parse, followed=pending.startswith(CHUNK_MAGIC))
        for where, what in mended.faults:
            log.add(_chunk(place, where), what)
        for record in _not_given(mended.records, chunk, given):
            yield from _event(record, place, log)
        if zeros and (given or mended.records):
            _tell_zeros(zeros, log)
        place += 1
        pending, before = mended.rest + pending, b""
    _tell_missing(announced, zeros, place, log)


_without_repeats: set[tuple[str | int, ...]] = set()
"""Kinds of events (number, provider, names of EventData) known to repeat no name. The names of Data come from the kind's
template, so one event tells for all; looking at each would cost more than parsing it."""


def _event(record: dict[str, Any], place: int, log: FaultLog) -> Iterator[Event]:
    """The event of a record, or none and a fault; of fields with the same name none is lost."""
    raw, number = record["data"], record["event_record_id"]
    try:
        event = loads_any(raw)["Event"]
        data = event.get("EventData") if isinstance(event, dict) else None
        names = tuple(data) if isinstance(data, dict) else ()
        fields = flatten(event)
        kind = (fields["EventID"], fields["Provider_Name"], *names)
        known = all(isinstance(part, str | int) for part in kind)
        if not known or kind not in _without_repeats:
            whole = flatten(loads_repeated(raw)["Event"])
            if len(whole) > len(fields):
                fields = whole
            elif known:
                if len(_without_repeats) > KINDS:  # the numbers are the sender's
                    _without_repeats.clear()
                _without_repeats.add(kind)
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        reason = error.what if isinstance(error, UnfitError) else str(error)
        where = _chunk(place, message("record {number}", number=number))
        log.add(where, message("its JSON cannot be read: {error}", error=reason))
        return
    own = fields["EventRecordID"]
    yield (own if own.__class__ is int else number), fields, raw


def _not_given(records: list[dict[str, Any]], chunk: bytes, given: int) -> Iterator[dict[str, Any]]:
    """Those of `records` that are not among the first `given` that parsing `chunk` as it is gave already."""
    before: list[str] = [record["data"] for record in islice(_parse(chunk), given)] if given else []
    for record in records:
        if record["data"] in before:
            before.remove(record["data"])
        else:
            yield record


def _chunk(place: int, inside: Message = WHOLE) -> Message:
    """The place of a fault: a chunk, or a part of it."""
    if inside == WHOLE:
        return message("chunk {chunk}", chunk=place)
    return message("chunk {chunk}, {place}", chunk=place, place=inside)


def _file_header(source: Source, log: FaultLog) -> tuple[int, bytes]:
    """(chunks that an intact header announces, else 0; what was read of the first chunk already)."""
    head = source.read(FILE_HEADER)
    if head.startswith(CHUNK_MAGIC):  # the file header is gone as a whole
        log.add(FILE_START, message("it is missing; the chunks were read all the same"))
        return 0, head + source.read(CHUNK - len(head))
    if len(head) < FILE_HEADER:
        log.add(
            FILE_START,
            message("the file ends after {size:,} of its {whole:,} bytes", size=len(head), whole=FILE_HEADER),
        )
        return 0, b""
    if not head.startswith(FILE_MAGIC):
        log.add(FILE_START, message("it does not begin as an event log's; the chunks were read all the same"))
        return 0, b""
    intact = zlib.crc32(head[:120]) == int.from_bytes(head[124:128], "little")
    return (int.from_bytes(head[42:44], "little") if intact else 0), b""


def _parse(chunk: bytes) -> Iterator[dict[str, Any]]:
    # The last record's number as high as can be: the library stops at the record that bears it, and headers may be stale.
    # No tables of shared names and templates: it follows their chains for ever where they bite their own tail, and
    # finds everything without them, as fast.
    view = memoryview(chunk)
    lone = b"".join((HEADER, view[:32], HIGHEST, view[40:128], NO_TABLES, view[512:]))
    records: Any = PyEvtxParser(io.BytesIO(lone), 1).records_json()
    return cast("Iterator[dict[str, Any]]", records)


def _tell_zeros(zeros: list[int], log: FaultLog) -> None:
    for place in zeros:
        log.add(_chunk(place), message("it holds nothing but zeros although used chunks follow"))
    zeros.clear()


def _tell_missing(announced: int, zeros: list[int], read: int, log: FaultLog) -> None:
    for place in zeros:
        if place < announced:
            log.add(_chunk(place), message("it holds nothing but zeros although the file header counts it"))
    if read < announced:
        what = message(
            "{missing} of the {announced} chunks that the file header announces are missing",
            missing=announced - read,
            announced=announced,
        )
        log.add(message("end of file"), what)
