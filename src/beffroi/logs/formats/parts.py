"""Large files cut into parts that several processes read side by side: chunks of an event log, lines of JSON.

A file is cut only where it is certain that its parts together say what the whole says, in the same order and with the same
numbers. Cutting looks at the first bytes of each chunk, or counts the ends of lines; it keeps one part ahead of whoever asks,
so that a large file is read from the disk once. All other files stay whole.
"""

import os
from collections.abc import Iterator
from io import FileIO
from itertools import count
from typing import NamedTuple

from beffroi.logs.formats import jsonlines
from beffroi.logs.formats.budget import Unreadable
from beffroi.logs.formats.evtx import FILE_HEADER, FILE_MAGIC
from beffroi.logs.formats.evtx_mend import CHUNK, CHUNK_MAGIC
from beffroi.logs.formats.opening import open_file
from beffroi.logs.formats.recognise import HEAD, Format, recognise
from beffroi.logs.formats.sources import CHANGED, encoding_of

BLOCK = 1 << 18  # bytes in which the ends of lines are counted


class Identity(NamedTuple):
    """A file as it was when it was cut."""

    device: int
    inode: int
    size: int


class Part(NamedTuple):
    """A file, or a stretch of one. `follow` says whether it is read where it is a link: only when a person named it."""

    path: str
    size: int  # bytes
    follow: bool
    start: int = 0  # byte
    end: int | None = None  # byte; None: where the file ends, also when it has grown meanwhile
    before: int = 0  # chunks or lines of the file before `start`
    until: int | None = None  # the same before `end`
    cut_from: Identity | None = None  # None: it is the whole file

    def open(self) -> FileIO:
        """The file at its beginning. Raises OSError, Unreadable where it is no longer the one that was cut."""
        file = open_file(self.path, follow=self.follow)
        if self.cut_from is not None:
            device, inode, size = _identity(file)
            if (device, inode) != self.cut_from[:2] or size < self.cut_from.size:
                file.close()
                raise Unreadable(CHANGED)
        return file


def in_parts(whole: Part, least: int) -> Iterator[Part]:
    """The parts of a file, of at least so many bytes but for the last, each found when it is asked for. A file that must
    stay whole, or that cannot be read, is its own only part: whoever reads it will say what is wrong."""
    part = whole
    try:
        with whole.open() as file:
            identity = _identity(file)
            for start, before in _cuts(file, least):
                yield part._replace(size=start - part.start, end=start, until=before, cut_from=identity)
                part = whole._replace(size=whole.size - start, start=start, before=before, cut_from=identity)
    except OSError:
        pass  # the rest stays together
    yield part


def _identity(file: FileIO) -> Identity:
    found = os.fstat(file.fileno())
    return Identity(found.st_dev, found.st_ino, found.st_size)


def _cuts(file: FileIO, least: int) -> Iterator[tuple[int, int]]:
    """(byte where a part may begin, chunks or lines before it), each so many bytes behind the last."""
    head = file.read(HEAD)
    kind = recognise(head)
    if kind is Format.EVTX and head.startswith(FILE_MAGIC):
        return _chunks(file, least)
    if kind is Format.JSON and encoding_of(head)[0] == "utf-8":
        file.seek(0)
        if jsonlines.by_line(file.read(jsonlines.BLOCK)):
            return _lines(file, least)
    return iter(())


def _chunks(file: FileIO, least: int) -> Iterator[tuple[int, int]]:
    """As long as each chunk begins where it should no bytes are missing, and a chunk means what it means alone."""
    wanted = max(1, -(-least // CHUNK))
    for number in count():
        start = FILE_HEADER + number * CHUNK
        if os.pread(file.fileno(), len(CHUNK_MAGIC), start) != CHUNK_MAGIC:
            return
        if number and number % wanted == 0:
            yield start, number


def _lines(file: FileIO, least: int) -> Iterator[tuple[int, int]]:
    file.seek(0)
    place, lines, due = 0, 0, least
    while block := file.read(BLOCK):
        while end := block.find(b"\n", max(0, due - place)) + 1:
            yield place + end, lines + block.count(b"\n", 0, end)
            due = place + end + least
        lines += block.count(b"\n")
        place += len(block)
