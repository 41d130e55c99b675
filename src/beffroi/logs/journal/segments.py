"""The files of a journal: how they are named, and how one is read although parts of it may be damaged."""

import re
from pathlib import Path
from typing import Final, NamedTuple

from beffroi.core.model import Message, message
from beffroi.logs.journal.disk import Disk
from beffroi.logs.journal.frames import FRAME, HEADER, MARKER, Header, parse

CHUNK: Final = 1 << 20  # bytes read at once
SMALLEST: Final = 4_096  # … and at least
NAME: Final = re.compile(r"([0-9]{20})-([0-9a-f]{16})\.journal")


class Name(NamedTuple):
    """What a segment's file is called by: the position of its first byte, and its marker."""

    base: int
    marker: bytes

    def path(self, folder: Path) -> Path:
        return folder / f"{self.base:020d}-{self.marker.hex()}.journal"


def names_in(disk: Disk, folder: Path) -> list[Name]:
    """The segments in their order. Raises OSError."""
    found = map(NAME.fullmatch, disk.names(folder))
    return sorted(Name(int(each[1]), bytes.fromhex(each[2])) for each in found if each)


def place(start: int, stop: int) -> Message:
    """Where in the journal."""
    return message("position {start} to {stop}", start=start, stop=stop)


class Stretch(NamedTuple):
    """A part of a segment as it was read: its sound records (position after it, body), the parts that hold none (from, to),
    and the position after all of it."""

    records: list[tuple[int, memoryview]]
    passed: list[tuple[int, int]]
    position: int


class Segment:
    """One file, open for reading."""

    def __init__(self, disk: Disk, folder: Path, name: Name) -> None:
        """Raises OSError."""
        self.name = name
        self._disk = disk
        self._handle = disk.open(name.path(folder))

    def close(self) -> None:
        self._disk.close(self._handle)

    @property
    def end(self) -> int:
        """The position after the last byte that the file has now."""
        return self.name.base + self._disk.size(self._handle)

    @property
    def header(self) -> Header | None:
        """Its header, where that is sound."""
        found = Header.read(self._disk.read(self._handle, HEADER.size, 0))
        return found if found is not None and found.base == self.name.base else None

    def sync(self) -> None:
        """Have it on disk. Raises OSError."""
        self._disk.sync(self._handle)

    def read(self, position: int, end: int, limit: int) -> Stretch:
        """From a position on, not past `end` (which lies where a record ends), until about `limit` bytes are read: at least one
        record, at most one longer than that. A part that holds no record counts as nothing."""
        records: list[tuple[int, memoryview]] = []
        passed: list[tuple[int, int]] = []
        end = min(end, self.end)
        position = max(position, min(self.name.base + HEADER.size, end))
        marker = self.name.marker
        left = limit
        want = min(limit, CHUNK)
        while position < end and left > 0:
            want = min(max(want, SMALLEST), end - position)
            parsed = parse(self._bytes(position, want), position, marker)
            records += parsed.records
            position += parsed.used
            if parsed.used:
                left -= parsed.used
                want = min(left, CHUNK)
            elif parsed.need is not None and want < parsed.need <= end - position:
                want = parsed.need  # it is whole, only longer than what was read
            else:
                passed.append((position, resume := self._resync(position + 1, end)))
                position = resume
        return Stretch(records, passed, position)

    def _resync(self, position: int, end: int) -> int:
        """Where the next record begins, else `end`."""
        marker = self.name.marker
        while position < end:
            data = self._bytes(position, min(CHUNK, end - position))
            at = data.find(marker)
            if at < 0:
                position += max(len(data) - MARKER + 1, 1)
                continue
            position += at
            if self._is_record(position, end):
                return position
            position += 1
        return end

    def _is_record(self, position: int, end: int) -> bool:
        marker = self.name.marker
        need = parse(self._bytes(position, FRAME.size), position, marker).need
        if need is None or need > end - position:
            return False
        return bool(parse(self._bytes(position, need), position, marker).records)

    def _bytes(self, position: int, count: int) -> bytes:
        return self._disk.read(self._handle, count, position - self.name.base)
