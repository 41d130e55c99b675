"""Archives (.zip, .gz, .7z) → their members as streams. Nothing is ever written under a member's name: names are only shown.

Members of .zip and .gz are read straight out of the archive. A .7z is one compressed whole, and an archive within an archive
must be read back and forth: these go through memory, or beyond `Limits.memory` through temporary files without a name.
Everything counts against one budget for the outermost archive, so a bomb ends in a Fault after bounded work.
"""

import io
import struct
import tempfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import PurePosixPath
from typing import IO, NamedTuple

from beffroi.core.model import Message, message
from beffroi.logs.formats.budget import Budget, TooMuch, Unreadable
from beffroi.logs.formats.limits import Limits
from beffroi.logs.formats.sources import Source

BLOCK = 1 << 16
ZIP, GZIP, SEVEN = b"PK\x03\x04", b"\x1f\x8b", b"7z\xbc\xaf\x27\x1c"
EMPTY_ZIP = b"PK\x05\x06"


class Member(NamedTuple):
    """One file of an archive, to be read by one reader at a time; `open` and what it gives raise Unreadable."""

    name: str
    size: int  # bytes, as the archive says; 0 where it does not
    open: Callable[[], Source]
    keep: object = None  # closes what `open` needs when nobody holds it any more


def bomb(limits: Limits) -> TooMuch:
    return TooMuch(
        message(
            "it grows to more than {most:,} times its size, as archive bombs do; the rest was not read",
            most=limits.ratio,
        )
    )


def is_archive(head: bytes) -> bool:
    return head.startswith((ZIP, EMPTY_ZIP, GZIP, SEVEN))


def members(file: IO[bytes], name: str, budget: Budget) -> Iterator[Member]:
    """The members of the archive in `file`, called `name`. Raises Unreadable where there is no going on."""
    head = file.read(8)
    file.seek(0)
    if head.startswith(GZIP):
        budget.member()

        def open_member() -> Source:
            file.seek(0)
            return _Metered(_Gzip(file), budget)

        yield Member(_without_gz(name), 0, open_member)
    elif head.startswith(SEVEN):
        yield from _seven(file, budget)
    else:
        yield from _zip(file, budget)


def spooled(source: Source, limits: Limits) -> IO[bytes]:
    """A stream as a file that can be read back and forth: in memory, or nameless on disk when it is large."""
    file: IO[bytes] = tempfile.SpooledTemporaryFile(limits.memory)  # noqa: SIM115 - its reader closes it
    while block := source.read(BLOCK):
        file.write(block)
    file.seek(0)
    return file


def _without_gz(name: str) -> str:
    path = PurePosixPath(name.rpartition("!")[2])
    if path.suffix.lower() == ".tgz":
        return f"{path.stem}.tar"
    return path.stem if path.suffix.lower() in (".gz", ".gzip") else path.name


class _Metered:
    """A decompressed stream under the limits: one member's size, all members' size, the ratio to what was put in."""

    def __init__(self, source: "_Gzip | _Deflated", budget: Budget) -> None:
        self._source = source
        self._budget = budget
        self._out = 0
        self._failure: tuple[type[Unreadable], Message] | None = None

    def read(self, size: int, /) -> bytes:
        if self._failure:
            kind, what = self._failure
            raise kind(what)
        parts: list[bytes] = []
        left = size
        try:
            while left > 0 and (part := self._source.read(left)):
                parts.append(part)
                left -= len(part)
                self._count(len(part))
        except Unreadable as error:
            # What came before it is given first. Not the error itself: it would hold this frame and all its bytes.
            self._failure = (type(error), error.what)
            if not parts:
                raise
        return b"".join(parts)

    def _count(self, size: int) -> None:
        self._out += size
        self._budget.spend(size)
        limits = self._budget.limits
        if self._out > limits.member:
            raise TooMuch(message("it is longer than {most:,} bytes; the rest was not read", most=limits.member))
        if self._out > limits.slack and self._out > limits.ratio * self._source.taken:
            raise bomb(limits)


class _Gzip:
    """RFC 1952, several members one behind the other. What comes before damage is given; the damage is told after it."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self._inflate = zlib.decompressobj(31)
        self._input = b""
        self._failure: Message | None = None
        self.taken = 0

    def read(self, size: int) -> bytes:
        if self._failure:
            raise Unreadable(self._failure)
        while True:
            if not self._input:
                self._input = self._file.read(BLOCK)
                self.taken += len(self._input)
                if not self._input:
                    return self._end()
            if self._inflate.eof:
                self._input = self._input.lstrip(b"\0")
                if not self._input:
                    continue
                self._inflate = zlib.decompressobj(31)
            try:
                part = self._inflate.decompress(self._input, size)
            except zlib.error as error:
                self._failure = message("its compressed data are damaged ({error})", error=str(error))
                raise Unreadable(self._failure) from None
            self._input = self._inflate.unused_data if self._inflate.eof else self._inflate.unconsumed_tail
            if part:
                return part

    def _end(self) -> bytes:
        if not self._inflate.eof:
            self._failure = message("the archive ends before its data do")
            raise Unreadable(self._failure)
        return b""


class _Deflated:
    """A stored or deflated member of a zip, from its bytes on."""

    def __init__(self, file: IO[bytes], info: zipfile.ZipInfo, start: int) -> None:
        self._file = file
        self._at = start
        self._left = info.compress_size
        self._crc = info.CRC
        self._seen = 0
        self._inflate = zlib.decompressobj(-15) if info.compress_type == zipfile.ZIP_DEFLATED else None
        self._input = b""
        self._done = False
        self.taken = 1

    def read(self, size: int) -> bytes:
        while not self._done:
            if not self._input and self._left:
                self._file.seek(self._at)
                self._input = self._file.read(min(BLOCK, self._left))
                self._at += len(self._input)
                self._left -= len(self._input)
                self.taken += len(self._input)
                if not self._input:
                    self._done = True
                    raise Unreadable(message("the archive ends before its data do"))
            if self._inflate is None:
                part, self._input = self._input[:size], self._input[size:]
                self._done = not part
            else:
                try:
                    part = self._inflate.decompress(self._input, size)
                except zlib.error as error:
                    self._done = True
                    damaged = message("its compressed data are damaged ({error})", error=str(error))
                    raise Unreadable(damaged) from None
                cut = not part and not self._left and not self._inflate.unconsumed_tail and not self._inflate.eof
                self._input = self._inflate.unconsumed_tail
                self._done = self._inflate.eof or cut
                if cut:
                    raise Unreadable(message("its compressed data end too early"))
            self._seen = zlib.crc32(part, self._seen)
            if part:
                return part
        if self._seen != self._crc:
            self._crc = self._seen
            raise Unreadable(
                message("its content does not have the checksum that the archive notes; what could be read was read")
            )
        return b""


def _zip(file: IO[bytes], budget: Budget) -> Iterator[Member]:
    _check_directory(file, budget.limits)
    try:
        archive = zipfile.ZipFile(file)
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError, EOFError, struct.error) as error:
        raise Unreadable(message("its table of contents cannot be read: {error}", error=str(error))) from None
    for info in archive.infolist():
        if not info.filename.endswith("/"):
            budget.member()
            yield Member(info.filename, info.file_size, _opener(file, info, budget))


def _check_directory(file: IO[bytes], limits: Limits) -> None:
    """Refuses a table of contents so long that merely reading it would fill the memory."""
    size = file.seek(0, io.SEEK_END)
    file.seek(max(0, size - 65_557))  # the longest comment and the record before it
    tail = file.read()
    file.seek(0)
    found = tail.rfind(EMPTY_ZIP)
    if found < 0 or len(tail) - found < 22:
        raise Unreadable(message("its table of contents is missing: the archive is cut or is none"))
    directory = int.from_bytes(tail[found + 12 : found + 16], "little")
    if directory == 0xFFFF_FFFF:
        directory = size  # zip64: at most all of it
    # An entry takes 46 bytes and its name.
    if directory > limits.members * 512:
        raise TooMuch(message("its table of contents is {size:,} bytes long; it was not read", size=directory))


def _opener(file: IO[bytes], info: zipfile.ZipInfo, budget: Budget) -> Callable[[], Source]:
    def open_member() -> Source:
        if info.flag_bits & 1:
            raise Unreadable(message("it is encrypted; unpack it with its password first"))
        if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
            rare = message("it is packed in a rare way (method {number}); unpack it first", number=info.compress_type)
            raise Unreadable(rare)
        header = b""
        if info.header_offset >= 0:  # a damaged table may lead before the beginning
            file.seek(info.header_offset)
            header = file.read(30)
        if len(header) < 30 or not header.startswith(ZIP):
            raise Unreadable(message("it does not lie where the table of contents says"))
        name, extra = struct.unpack_from("<HH", header, 26)
        start = info.header_offset + 30 + name + extra
        return _Metered(_Deflated(file, info, start), budget)

    return open_member


def _seven(file: IO[bytes], budget: Budget) -> Iterator[Member]:
    # Imported only here: it takes longer to load than everything else together.
    from beffroi.logs.formats.seven import unpack

    for member in unpack(file, budget):
        yield Member(member.name, 0, partial(_Unpacked, member.file, member.failure), member)


class _Unpacked:
    """A member that was unpacked already, as far as it could be."""

    def __init__(self, content: IO[bytes], failure: Message | None) -> None:
        self._content = content
        self._failure = failure
        content.seek(0)

    def read(self, size: int, /) -> bytes:
        data = self._content.read(size)
        if not data and self._failure:
            raise Unreadable(self._failure)
        return data
