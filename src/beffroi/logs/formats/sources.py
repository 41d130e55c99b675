"""Bytes, from wherever they come, as a stream that is read once from front to back."""

import codecs
import io
from contextlib import suppress
from typing import TYPE_CHECKING, Protocol

from beffroi.core.model import message
from beffroi.logs.formats.budget import Unreadable

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer


CHANGED = message("it was exchanged or cut short while it was read")


class Source(Protocol):
    """What a reader reads from. OSError says in one sentence why reading cannot go on."""

    def read(self, size: int, /) -> bytes:
        """The next `size` bytes; fewer only at the end (of text in another encoding also before), none only there."""


class Rewound:
    """A stream of which the beginning was read already."""

    def __init__(self, head: bytes, rest: Source) -> None:
        self._head = head
        self._rest = rest

    def read(self, size: int, /) -> bytes:
        if not self._head:
            return self._rest.read(size)
        part, self._head = self._head[:size], self._head[size:]
        if len(part) < size:
            with suppress(OSError):  # it comes again at the next call; it must not cost what is at hand
                part += self._rest.read(size - len(part))
        return part


class Stretch:
    """The next `size` bytes of a stream and no further. Raises Unreadable where it ends before."""

    def __init__(self, rest: Source, size: int) -> None:
        self._rest = rest
        self._left = size

    def read(self, size: int, /) -> bytes:
        data = self._rest.read(min(size, self._left))
        self._left -= len(data)
        if size and self._left and not data:
            raise Unreadable(CHANGED)
        return data


class Recoded:
    """A stream in another encoding, as UTF-8. What cannot be decoded becomes U+FFFD."""

    def __init__(self, rest: Source, encoding: str) -> None:
        self._rest = rest
        self._decoder = codecs.getincrementaldecoder(encoding)("replace")

    def read(self, size: int, /) -> bytes:
        # A block of UTF-16 may be but half a character: an empty answer would mean the end.
        while block := self._rest.read(size):
            if text := self._decoder.decode(block):
                return text.encode("utf-8", "replace")
        return self._decoder.decode(b"", True).encode("utf-8", "replace")


_MARKS = ((codecs.BOM_UTF8, "utf-8"), (codecs.BOM_UTF16_LE, "utf-16-le"), (codecs.BOM_UTF16_BE, "utf-16-be"))


def encoding_of(head: bytes) -> tuple[str, int]:
    """(the encoding of a text that begins with `head`, the length of its byte order mark)."""
    for mark, encoding in _MARKS:
        if head.startswith(mark):
            return encoding, len(mark)
    # Without a mark: text that begins with a sign of ASCII has its zero beside it.
    if head[1:2] == b"\0" and head[:1] in (b"<", b"{", b"[", b"\r", b"\n", b" "):
        return "utf-16-le", 0
    if head[:1] == b"\0" and head[1:2] in (b"<", b"{", b"["):
        return "utf-16-be", 0
    return "utf-8", 0


def as_utf8(head: bytes, source: Source) -> Source:
    """`source`, which begins with `head` (not yet taken from it), as UTF-8 without a byte order mark."""
    encoding, mark = encoding_of(head)
    if mark:
        source.read(mark)
    return source if encoding == "utf-8" else Recoded(source, encoding)


def buffered(source: Source, size: int) -> io.BufferedReader:
    """`source` with `readline`; closing it does not close the source."""
    return io.BufferedReader(_Raw(source), size)


class _Raw(io.RawIOBase):
    def __init__(self, source: Source) -> None:
        self._source = source

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: "WriteableBuffer", /) -> int:
        view = memoryview(buffer)
        data = self._source.read(len(view))
        view[: len(data)] = data
        return len(data)
