"""Lumberjack, as Beats speak it to Logstash: windows of JSON documents, acknowledged once they are kept.

Format: elastic/go-lumber, protocol/v2. A frame is a version, a kind and, big-endian: `W` count; `J` sequence, length, document;
`C` length, zlib-compressed frames; and from us `A` sequence. An acknowledgement of fewer than were announced is allowed, and
tells a waiting client that somebody is there. Version 1, of which nobody sends any more, is not spoken.
"""

import asyncio
import struct
import zlib
from typing import ClassVar, Final, NamedTuple

from beffroi.core.model import UnfitError, message
from beffroi.logs.arrival import Admission, Form
from beffroi.logs.receivers.limits import Limits
from beffroi.logs.receivers.streams import Connection, StreamReceiver

BUDGET: Final = 512 << 10
"""Bytes of frames that are read before they are handed over and others have their turn."""
PIECE: Final = 64 << 10
"""Bytes that are inflated at once."""
KEEP_ALIVE: Final = 3.0
"""Seconds after which a client that waits for its acknowledgement hears of us; Beats give up after thirty."""

VERSION: Final = ord("2")
ONE: Final = struct.Struct(">I")
TWO: Final = struct.Struct(">II")


class Document(NamedTuple):
    """One event of a client, as JSON, with its sequence number."""

    sequence: int
    text: bytes


class Frames:
    """The frames of one connection: `feed` bytes as they come, then take `documents` until there are no more.

    Work and memory are bounded: compressed frames are inflated piece by piece, and none lies within another.
    """

    def __init__(self, limits: Limits) -> None:
        self.cut = 0
        self.announced = False  # a window has begun since `documents` was called last
        self.ended: list[Document] = []  # the last of each window that another one followed, since then
        self._limits = limits
        self._plain = _Layer(self, limits)
        self._inner = _Layer(self, limits, inner=True)
        self._inflater: _Inflater | None = None

    @property
    def half(self) -> bool:
        """A frame has begun and not ended."""
        return self._inflater is not None or self._plain.half

    def feed(self, data: bytes) -> None:
        self._plain.rest += data

    def documents(self) -> tuple[list[Document], bool]:
        """Some of the documents that came, and whether there may be more without more bytes. Raises UnfitError."""
        found: list[Document] = []
        self.announced = False
        self.ended = []
        left = BUDGET
        while left > 0:
            if self._inflater is None:
                before = len(self._plain.rest)
                packed = self._plain.read(found)
                left -= before - len(self._plain.rest)
                if packed is None:
                    return found, False
                self._inflater = _Inflater(packed, self._limits)
            else:
                piece = self._inflater.inflate(self._plain.rest)
                if piece:
                    left -= len(piece)
                    self._inner.rest += piece
                    self._inner.read(found)
                elif not self._inflater.ended:
                    return found, False
                elif self._inner.half:
                    raise UnfitError(
                        message("what it sent is not Lumberjack: a compressed frame ends within a document")
                    )
                else:
                    self._inflater = None
        return found, True


class _Layer:
    """Frames in plain bytes: those of the connection, or those within a compressed one."""

    def __init__(self, frames: Frames, limits: Limits, *, inner: bool = False) -> None:
        self.rest = bytearray()
        self._frames = frames
        self._limits = limits
        self._inner = inner
        self._drop = 0  # bytes of a document still to be thrown away

    @property
    def half(self) -> bool:
        return bool(self.rest or self._drop)

    def read(self, found: list[Document]) -> int | None:
        """Add the whole documents. The length of a compressed frame that begins here, or None: more bytes are needed."""
        data, at, end = self.rest, 0, len(self.rest)
        longest = self._limits.document
        try:
            while at < end:
                if self._drop:
                    dropped = min(self._drop, end - at)
                    self._drop -= dropped
                    at += dropped
                    continue
                if data[at] != VERSION:
                    raise UnfitError(message("what it sent is not Lumberjack: a frame does not begin as one"))
                kind = bytes(data[at + 1 : at + 2])
                if kind == b"J":
                    if end - at < 10:
                        break
                    sequence, length = TWO.unpack_from(data, at + 2)
                    start = at + 10
                    kept = min(length, longest)
                    if end - start < kept:
                        break
                    found.append(Document(sequence, bytes(memoryview(data)[start : start + kept])))
                    at = start + kept
                    if length > kept:
                        self._frames.cut += 1
                        self._drop = length - kept
                elif kind in (b"W", b"C"):
                    if end - at < 6:
                        break
                    (number,) = ONE.unpack_from(data, at + 2)
                    if kind == b"W":
                        self._announce(number, found)
                        at += 6
                    elif self._inner:
                        raise UnfitError(message("it sent a compressed frame within another"))
                    else:
                        at += 6
                        return int(number)
                elif kind:
                    raise UnfitError(message("what it sent is not Lumberjack: a frame does not begin as one"))
                else:
                    break
            return None
        finally:
            del data[:at]

    def _announce(self, number: int, found: list[Document]) -> None:
        if number > self._limits.window:
            raise UnfitError(
                message(
                    "it announced {count} events at once; {limit} are taken", count=number, limit=self._limits.window
                )
            )
        self._frames.announced = True
        if found:
            self._frames.ended.append(found[-1])


class _Inflater:
    """One compressed frame, inflated as far as it is wanted."""

    def __init__(self, packed: int, limits: Limits) -> None:
        self.ended = False
        self._left = packed  # compressed bytes still to come
        self._limits = limits
        self._zlib = zlib.decompressobj()
        self._fed = self._out = 0
        self._full = False  # zlib may hold back more than it was asked for

    def inflate(self, data: bytearray) -> bytes:
        """Take what is needed off these bytes and give the next piece; an empty one: the frame has ended, or needs more.
        Raises UnfitError."""
        while True:
            packed = self._zlib.unconsumed_tail
            if not packed and not self._full:
                packed = bytes(data[: min(self._left, PIECE)])
                del data[: len(packed)]
                self._left -= len(packed)
                self._fed += len(packed)
                if not packed:
                    self._finish()
                    return b""
            try:
                piece = self._zlib.decompress(packed, PIECE)
            except zlib.error as error:
                raise UnfitError(message("it sent a compressed frame that is damaged")) from error
            if self._zlib.unused_data:
                raise UnfitError(message("it sent a compressed frame that is damaged"))
            self._full = len(piece) == PIECE
            self._out += len(piece)
            if self._out > min(self._limits.inflated, self._limits.slack + self._limits.ratio * self._fed):
                raise UnfitError(message("it sent a compressed frame that grows beyond all measure"))
            if piece:
                return piece

    def _finish(self) -> None:
        if self._left == 0:
            if not self._zlib.eof:
                raise UnfitError(message("it sent a compressed frame that is damaged"))
            self.ended = True


class Lumberjack(StreamReceiver):
    """Lumberjack over TCP or TLS. When nothing can be kept the connection ends without an acknowledgement."""

    name: ClassVar[str] = "lumberjack"
    form: ClassVar[Form] = Form.JSON

    async def converse(self, connection: Connection, admission: Admission) -> None:
        frames = Frames(self.limits)
        progress = False
        acknowledged = 0  # of this window
        while data := await connection.read(half=frames.half, progress=progress):
            frames.feed(data)
            progress = False
            more = True
            while more:
                cut = frames.cut
                documents, more = frames.documents()
                self.counts.cut += frames.cut - cut
                if frames.announced:
                    acknowledged = 0
                if documents:
                    progress = True
                    last = documents[-1]
                    alive = _KeepAlive(connection, _acknowledge(acknowledged))
                    try:
                        await self.keep(admission, [document.text for document in documents])
                    finally:
                        alive.stop()
                    acknowledged = last.sequence
                    # A client may send windows ahead, and waits for the end of each.
                    ends = [*(each for each in frames.ended if each is not last), last]
                    await connection.send(b"".join(_acknowledge(each.sequence) for each in ends))
                else:
                    await asyncio.sleep(0)  # what inflates to nothing must not hold up the others


def _acknowledge(sequence: int) -> bytes:
    return b"2A" + ONE.pack(sequence)


class _KeepAlive:
    """Says the same again and again while something is waited for."""

    def __init__(self, connection: Connection, word: bytes) -> None:
        self._connection = connection
        self._word = word
        self._timer = asyncio.get_running_loop().call_later(KEEP_ALIVE, self._say)

    def _say(self) -> None:
        self._connection.mention(self._word)
        self._timer = asyncio.get_running_loop().call_later(KEEP_ALIVE, self._say)

    def stop(self) -> None:
        self._timer.cancel()
