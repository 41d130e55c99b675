r"""A damaged EVTX chunk → the records that can still be read, and a sentence for each part that cannot.

Records lie one behind the other from byte 512 on, each with its size at both ends::

    0  "**\0\0"   4  size, 32 bits   8  number, 64 bits   16  time written   24  binary XML …   size-4  size again

The library stops at the first header that makes no sense. So a copy of the chunk is made in which nothing makes it stop:
every stretch that is no record is put into a dummy record, which fails alone. Both ends of a record must tell the same
size, which no rubbish does by chance.
"""

import struct
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

from beffroi.core.model import WHOLE, Message, message

CHUNK = 65_536
CHUNK_MAGIC = b"ElfChnk\0"
CHUNK_HEADER = 512
RECORD_MAGIC = b"**\0\0"
RECORD_HEADER = 24
SMALLEST = RECORD_HEADER + 4

_SIZE = struct.Struct("<I")
_NUMBER = struct.Struct("<Q")
_HEADER = struct.Struct("<8sQQQQIIII")
_RECORD = struct.Struct("<4sIQQ")
_SOME_TIME = 132_000_000_000_000_000  # 2019-04-17, in FILETIME: 100 ns since 1601

Parse = Callable[[bytes], Iterator[dict[str, Any]]]
"""A chunk → an iterator that raises RuntimeError for a record it cannot decode and goes on with the next."""


class Mended(NamedTuple):
    records: list[dict[str, Any]]
    faults: list[tuple[Message, Message]]  # (where in the chunk, what)
    rest: bytes  # bytes after the chunk's end, when another chunk begins inside its 64 KiB


class _Stretch(NamedTuple):
    start: int
    end: int
    number: int | None  # of the record; None where there is none


def counts(chunk: bytes) -> tuple[int, int]:
    """(records that the chunk's header announces, where it says that free space begins)."""
    _, _, _, first, last, _, _, free, _ = _HEADER.unpack_from(chunk)
    # An empty chunk says first 1, last 0 or -1.
    return (last - first + 1) if first <= last < 1 << 63 else 0, free


def mend(chunk: bytes, parse: Parse, *, followed: bool = False) -> Mended:
    """What can be read of `chunk` (up to 64 KiB, with or without a good header). `followed` says that another chunk begins
    right behind it: no bytes are missing, and what looks like a chunk inside it is its own."""
    faults: list[tuple[Message, Message]] = []
    chunk, rest = (chunk, b"") if followed else _cut(chunk, faults)
    if not chunk.strip(b"\0"):  # the empty rest of a file
        return Mended([], [], rest)
    headed = chunk.startswith(CHUNK_MAGIC) and len(chunk) >= CHUNK_HEADER
    expected, free = counts(chunk) if headed else (0, CHUNK)
    if not CHUNK_HEADER <= free <= CHUNK:
        free = CHUNK
    stretches = _stretches(chunk, free, expected)
    found = sum(stretch.number is not None for stretch in stretches)
    if not headed:
        if not found:
            faults.append((WHOLE, message("its {size:,} bytes are no chunk and hold no record", size=len(chunk))))
            return Mended([], faults, rest)
        faults.append((WHOLE, message("its header is damaged; its records were read all the same")))
        if stretches[-1].number is None:  # what an earlier use of the chunk left behind, as far as one can tell
            stretches.pop()
    records, lost = _decode(chunk, stretches, parse, faults)
    missing = expected - len(records) - lost
    if missing > 0:
        what = message("{missing} of its {expected} records are missing", missing=missing, expected=expected)
        faults.append((WHOLE, what))
    return Mended(records, faults, rest)


def _cut(chunk: bytes, faults: list[tuple[Message, Message]]) -> tuple[bytes, bytes]:
    """(the chunk alone, what follows): another chunk may begin inside it, where bytes of the file were lost."""
    other = chunk.find(CHUNK_MAGIC, 8)
    if other < 0:
        # Its magic number may lie across the end.
        other = next((len(chunk) - n for n in range(7, 0, -1) if chunk.endswith(CHUNK_MAGIC[:n])), -1)
        if other < 0 or len(chunk) < CHUNK:
            other = -1
    rest = b""
    if other > 0:
        chunk, rest = chunk[:other], chunk[other:]
    if len(chunk) < CHUNK and (not rest or len(rest) >= 8):
        if rest:
            what = message("another chunk begins after {size:,} of its {whole:,} bytes", size=len(chunk), whole=CHUNK)
        else:
            what = message("the file ends after {size:,} of its {whole:,} bytes", size=len(chunk), whole=CHUNK)
        faults.append((WHOLE, what))
    return chunk, rest


def _stretches(chunk: bytes, free: int, expected: int) -> list[_Stretch]:
    """The chunk's bytes from 512 on as records and as what lies between them, in order."""
    found: list[_Stretch] = []
    first = _NUMBER.unpack_from(chunk, 24)[0] if expected else 0
    position = CHUNK_HEADER
    previous = -1
    end = min(free, len(chunk))
    while position + SMALLEST <= len(chunk):
        record = _record(chunk, position)
        if record and record.number is not None:
            # Beyond free space only what follows on is of this chunk: the rest is left from its earlier use.
            if position >= free and record.number != previous + 1 and not 0 <= record.number - first < expected:
                break
            found.append(record)
            position, previous = record.end, record.number
            continue
        following = _following(chunk, position + 1, end)
        if following < 0:
            if chunk.count(0, position, end) < end - position:
                found.append(_Stretch(position, end, None))
            break
        found.append(_Stretch(position, following, None))
        position = following
    return found


def _record(chunk: bytes, start: int) -> _Stretch | None:
    magic, size, number, _ = _RECORD.unpack_from(chunk, start)
    end: int = start + size
    if magic != RECORD_MAGIC or size < SMALLEST or end > len(chunk) or _SIZE.unpack_from(chunk, end - 4)[0] != size:
        return None
    return _Stretch(start, end, number)


def _following(chunk: bytes, start: int, end: int) -> int:
    """Where the next record begins, at `start` or after it and before `end`; -1 if none does."""
    while (start := chunk.find(RECORD_MAGIC, start, end)) >= 0:
        if start + SMALLEST <= len(chunk) and _record(chunk, start):
            return start
        start += 1
    return -1


def _decode(
    chunk: bytes, stretches: list[_Stretch], parse: Parse, faults: list[tuple[Message, Message]]
) -> tuple[list[dict[str, Any]], int]:
    """(the records of `stretches` that decode, how many did not); a fault for every stretch that is no sound record."""
    records: list[dict[str, Any]] = []
    lost = 0
    parts, mended = _mended(chunk, stretches)
    results = _results(mended, parse)
    for index, stretch in enumerate(parts):
        result = results[index] if index < len(results) else message("reading stopped before it")
        at = message("byte {place}", place=stretch.start)
        if stretch.number is not None:
            if isinstance(result, dict):
                records.append(result)
            else:
                lost += 1
                where = message("record {number}", number=stretch.number)
                faults.append((where, message("it cannot be decoded: {error}", error=result)))
        elif isinstance(result, dict) and stretch.end < len(chunk):
            records.append(result)
            faults.append((at, message("a record's header is damaged; the record was read all the same")))
        else:
            faults.append((at, message("{size:,} bytes are no record", size=stretch.end - stretch.start)))
    return records, lost


def _mended(chunk: bytes, stretches: list[_Stretch]) -> tuple[list[_Stretch], bytes]:
    """(the stretches the library will meet, the chunk made so that it meets them all)."""
    mended = bytearray(chunk.ljust(CHUNK, b"\0"))
    parts: list[_Stretch] = []
    for stretch in stretches:
        if stretch.number is None and stretch.end - stretch.start < SMALLEST and parts:
            # Too small for a dummy: the record before it is made longer; its own content tells where it ends.
            parts[-1] = parts[-1]._replace(end=stretch.end)
        else:
            parts.append(stretch)
    for start, end, number in parts:
        # The time of a record's header is of no use here, and one that is no time stops the library.
        _RECORD.pack_into(mended, start, RECORD_MAGIC, end - start, number or 0, _SOME_TIME)
    if not chunk.startswith(CHUNK_MAGIC):
        mended[:8] = CHUNK_MAGIC
    _SIZE.pack_into(mended, 48, parts[-1].end if parts else CHUNK_HEADER)
    return parts, bytes(mended)


def _results(chunk: bytes, parse: Parse) -> list[dict[str, Any] | str]:
    """What the library gives for each record in turn: the record, or why it cannot be decoded."""
    results: list[dict[str, Any] | str] = []
    parsing = parse(chunk)
    for _ in range(CHUNK // SMALLEST):  # more records than this a chunk cannot hold
        try:
            results.append(next(parsing))
        except StopIteration:
            break
        except RuntimeError as error:
            if str(error).startswith("Failed to parse chunk"):
                break
            results.append(str(error).rpartition(": ")[2] or str(error))
    return results
