"""The bytes of a segment: a header, then records one after the other, each in a frame of its own. Pure.

    header  magic, base, before, CRC-32 of these
    frame   marker, length of the body, CRC-32 of body + position + length; then the body

All numbers are little-endian. A position is a segment's base plus the offset in its file, so it also says where a record
belongs: the CRC covers it, and a block that the disk gives back from elsewhere is no record. The marker is drawn for each
segment, stands in the file's name and in every frame, and is told nobody: no sender can write into a message what a reader
that lost its way takes for a record (Avro's sync marker serves the same end), and no damaged block makes others unreadable.
"""

import struct
import zlib
from typing import Final, NamedTuple

MAGIC: Final = b"BFJRNL\x00\x01"  # the last byte is the form's number
HEADER: Final = struct.Struct("<8sQQI")
FRAME: Final = struct.Struct("<8sII")
MARKER: Final = 8  # bytes
PLACE: Final = struct.Struct("<QI")

MOST: Final = 16 << 20
"""Bytes of the longest body. Longer ones are never written, and a longer length on disk is damage."""


class Header(NamedTuple):
    """`base` is the position of the segment's first byte; `before` is where the segment before it ended, less than `base`
    where something damaged was cut off there: positions are never given out twice."""

    base: int
    before: int

    def packed(self) -> bytes:
        head = HEADER.pack(MAGIC, *self, 0)[:-4]
        return head + zlib.crc32(head).to_bytes(4, "little")

    @classmethod
    def read(cls, data: bytes) -> "Header | None":
        """The header in these bytes; None where they hold none that is sound."""
        if len(data) != HEADER.size:
            return None
        magic, base, before, crc = HEADER.unpack(data)
        return cls(base, before) if magic == MAGIC and crc == zlib.crc32(data[:-4]) else None


class Parsed(NamedTuple):
    """`records` are (position after it, body); `used` bytes held them. After these stands something that takes `need` bytes
    to be a record, or nothing that is one (None)."""

    records: list[tuple[int, memoryview]]
    used: int
    need: int | None


def frame(marker: bytes, position: int, body: bytes) -> bytes:
    """What stands before a body whose frame begins at this position."""
    length = len(body)
    return FRAME.pack(marker, length, zlib.crc32(PLACE.pack(position, length), zlib.crc32(body)))


def parse(data: bytes, position: int, marker: bytes) -> Parsed:
    """The records in these bytes, which stand at this position, up to the first that is not whole or not sound."""
    view = memoryview(data)
    records: list[tuple[int, memoryview]] = []
    at, size = 0, len(data)
    while size - at >= FRAME.size:
        found, length, crc = FRAME.unpack_from(data, at)
        if found != marker or length > MOST:
            return Parsed(records, at, None)
        stop = at + FRAME.size + length
        if stop > size:
            return Parsed(records, at, stop - at)
        body = view[at + FRAME.size : stop]
        if crc != zlib.crc32(PLACE.pack(position + at, length), zlib.crc32(body)):
            return Parsed(records, at, None)
        records.append((position + stop, body))
        at = stop
    return Parsed(records, at, FRAME.size)
