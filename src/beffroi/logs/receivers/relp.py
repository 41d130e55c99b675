"""RELP, the Reliable Event Logging Protocol, as rsyslog and syslog-ng speak it: each message is answered once it is kept.

Format: "RELP - The Reliable Event Logging Protocol" (librelp, doc/relp.html), version 0 of the protocol. A frame is
`TXNR SP COMMAND SP DATALEN [SP DATA] LF`; the client numbers its transactions and may have many open, up to its window; the
server answers each with `rsp`, in their order, and with number 0 says what nobody asked.
"""

import re
from typing import ClassVar, Final, NamedTuple

from beffroi.core.model import UnfitError, message
from beffroi.logs.arrival import Admission, Form
from beffroi.logs.receivers.streams import Connection, StreamReceiver

HEAD: Final = re.compile(rb"([0-9]{1,9}) ([A-Za-z]{1,32}) ([0-9]{1,9})([\n ])")
PARTIAL_HEAD: Final = re.compile(rb"[0-9]{1,9}(?: [A-Za-z]{0,32}(?: [0-9]{0,9})?)?\Z")
"""What may become a head with the next bytes; none is longer than 53 of them."""


class Frame(NamedTuple):
    """One frame of a client."""

    number: int
    command: bytes
    data: bytes


class Frames:
    """The frames of one connection: `feed` bytes as they come. Data of more than `longest` bytes is cut there, and counted in
    `cut`."""

    def __init__(self, longest: int) -> None:
        self.cut = 0
        self._longest = longest
        self._rest = b""
        self._drop = 0  # bytes of the last frame's data still to be thrown away
        self._trailer = False  # its LF is still to come

    @property
    def half(self) -> bool:
        """A frame has begun and not ended."""
        return bool(self._rest or self._drop or self._trailer)

    def feed(self, data: bytes) -> list[Frame]:
        """The frames that these bytes complete; one whose data is cut counts as complete there. Raises UnfitError."""
        if self._rest:
            data = self._rest + data
        found: list[Frame] = []
        at, end = 0, len(data)
        while at < end:
            if self._drop:
                dropped = min(self._drop, end - at)
                self._drop -= dropped
                at += dropped
                continue
            if self._trailer:
                if data[at] != ord("\n"):
                    raise UnfitError(message("what it sent is not RELP: a frame does not end where it says"))
                self._trailer = False
                at += 1
                continue
            if data[at] == ord("\n"):  # some put line ends between frames
                at += 1
                continue
            head = HEAD.match(data, at)
            if head is None:
                if not PARTIAL_HEAD.match(data, at):
                    raise UnfitError(message("what it sent is not RELP: a frame does not begin as one"))
                break
            length = int(head[3])
            if length and head[4] == b"\n":
                raise UnfitError(message("what it sent is not RELP: a frame ends before its data"))
            start = head.end()
            kept = min(length, self._longest)
            if end - start < kept:
                break
            at = start + kept
            if length > kept:
                self.cut += 1
                self._drop = length - kept
            # A frame without data ends in LF at once; some put a blank before it all the same.
            self._trailer = head[4] != b"\n"
            found.append(Frame(int(head[1]), head[2].lower(), data[start:at]))
        self._rest = data[at:]
        return found


class Relp(StreamReceiver):
    """RELP over TCP or TLS. When nothing can be kept the client is sent away without an answer, and sends again what had none."""

    name: ClassVar[str] = "relp"
    form: ClassVar[Form] = Form.SYSLOG
    farewell: ClassVar[bytes] = b"0 serverclose 0\n"

    async def converse(self, connection: Connection, admission: Admission) -> None:
        frames = Frames(self.limits.message)
        opened = False
        progress = False
        while data := await connection.read(half=frames.half, progress=progress):
            cut = frames.cut
            arrived = frames.feed(data)
            self.counts.cut += frames.cut - cut
            progress = bool(arrived)
            # Everything that one read gave is kept together, then answered together.
            messages = [frame.data for frame in arrived if frame.command == b"syslog" and frame.data]
            if arrived and not opened:
                opened = arrived[0].command == b"open"
                if not opened:
                    raise UnfitError(message("what it sent is not RELP: it does not begin with an offer"))
            if messages:
                await self.keep(admission, messages)
            if arrived:
                await connection.send(b"".join(map(_answer, arrived)))
            if any(frame.command == b"close" for frame in arrived):
                await connection.finish(self.farewell)
                return


def _answer(frame: Frame) -> bytes:
    match frame.command:
        case b"syslog":
            return b"%d rsp 6 200 OK\n" % frame.number
        case b"open":
            return _offers(frame)
        case b"close":
            return b"%d rsp 0\n" % frame.number
        case _:
            return _rsp(frame.number, b"500 there is no such command")


def _offers(frame: Frame) -> bytes:
    """What of the client's offers is taken: version 0, and of commands syslog."""
    offers = dict(line.partition(b"=")[::2] for line in frame.data.splitlines())
    if b"syslog" not in offers.get(b"commands", b"").split(b","):
        return _rsp(frame.number, b"500 only the command syslog is spoken here")
    return _rsp(frame.number, b"200 OK\nrelp_version=0\nrelp_software=beffroi\ncommands=syslog")


def _rsp(number: int, data: bytes) -> bytes:
    return b"%d rsp %d %b\n" % (number, len(data), data)
