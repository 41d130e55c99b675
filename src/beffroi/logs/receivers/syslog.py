"""Syslog over UDP (RFC 5426), TCP (RFC 6587) and TLS (RFC 5425).

None of them has an acknowledgement: over UDP what does not fit is lost, and counted where it can be; over TCP and TLS a full
house closes the window, and what lies in a closed connection's buffers is lost unseen. RELP is for those who mind.
"""

import asyncio
import contextlib
import socket
import sys
from collections import Counter
from typing import ClassVar, Final

from beffroi.core.config import Listen
from beffroi.logs.arrival import Admission, Batch, Busy, Form, Intake, Proof, Refused
from beffroi.logs.receivers.framing import TRAILERS, Framing
from beffroi.logs.receivers.limits import Counts, Limits, Troubles, bound, peer_of
from beffroi.logs.receivers.streams import Connection, StreamReceiver


class SyslogTcp(StreamReceiver):
    """Syslog over TCP; whoever sends is known by its address only."""

    name: ClassVar[str] = "syslog_tcp"
    form: ClassVar[Form] = Form.SYSLOG

    async def converse(self, connection: Connection, admission: Admission) -> None:
        framing = Framing(self.limits.message)
        messages: list[bytes] = []
        cut = 0
        while data := await connection.read(half=framing.half, progress=bool(messages)):
            messages = framing.feed(data)
            self.counts.cut += framing.cut - cut
            cut = framing.cut
            if messages:
                await self.keep(admission, messages, patient=True)
        messages = framing.end()
        self.counts.cut += framing.cut - cut
        if messages:
            await self.keep(admission, messages, patient=True)


class SyslogTls(SyslogTcp):
    """Syslog over TLS (RFC 5425), which asks for octet counting; senders that use lines all the same are understood."""

    name: ClassVar[str] = "syslog_tls"


SO_RXQ_OVFL: Final = 40
"""Linux: with each datagram comes how many the socket had to drop so far (socket(7)); `socket` does not name it."""
DATAGRAM: Final = 1 << 16
AT_ONCE: Final = 1_000
"""Datagrams that are read before others have their turn: a few milliseconds."""
OVERHEAD: Final = 200
"""Bytes that a waiting datagram costs beside its own; without them empty ones would wait without bound."""
PATIENCE: Final = 10.0
"""Seconds for which a sender's datagrams are kept back at most. The others wait meanwhile, so nobody is waited for who can be helped
by a person only (a stranger whose room is full is told to come again in an hour)."""
TOGETHER: Final = 64
"""Senders whose batches are handed over at the same time."""
BUFFER: Final = 8 << 20
"""Bytes asked of the kernel; it gives what `net.core.rmem_max` allows."""
SO_RCVBUFFORCE: Final = 33
"""Linux: beyond that, for who may administer the network (socket(7))."""


class SyslogUdp:
    """Syslog over UDP: a datagram is a message. The socket is emptied whether or not the disk keeps up; what does not fit in the
    queue is dropped and counted, each sender's before its neighbours'."""

    name: ClassVar[str] = "syslog_udp"

    def __init__(self, listen: Listen, intake: Intake, limits: Limits | None = None) -> None:
        self.counts = Counts()
        self.troubles = Troubles()
        self.limits = limits or Limits()
        self._listen = listen
        self._intake = intake
        self._socket: socket.socket | None = None
        self._dropped = 0  # by the kernel, as it last said; it counts modulo 2³²
        self._waiting: dict[str, list[bytes]] = {}
        self._costs: Counter[str] = Counter()  # of what waits or is being kept, by sender
        self._cost = 0
        self._filled = asyncio.Event()

    def bind(self) -> tuple[str, int]:
        """Take the port, and say which; datagrams are kept by the kernel from now on. Raises OSError."""
        if self._socket is None:
            self._socket = bound(self._listen, socket.SOCK_DGRAM)
            self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, BUFFER)
            with contextlib.suppress(PermissionError):
                self._socket.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, BUFFER)
            with contextlib.suppress(OSError):
                self._socket.setsockopt(socket.SOL_SOCKET, SO_RXQ_OVFL, 1)
        address, port, *_ = self._socket.getsockname()
        return address, port

    async def serve(self) -> None:
        """Receive until cancelled. Raises OSError if the port cannot be had."""
        self.bind()
        assert self._socket is not None
        loop = asyncio.get_running_loop()
        loop.add_reader(self._socket, self._drain)
        try:
            while True:
                await self._filled.wait()
                await self._hand_over()
        finally:
            loop.remove_reader(self._socket)
            self._socket.close()
            self._socket = None

    def _drain(self) -> None:
        """Empty the socket into the queue; called by the loop whenever there is something, and never waits."""
        assert self._socket is not None
        receive = self._socket.recvfrom
        arrived: dict[str, list[bytes]] = {}
        with contextlib.suppress(BlockingIOError, InterruptedError):
            # Only the first is asked for what the kernel dropped: recvfrom is faster, and the count runs on.
            data, told, _, address = self._socket.recvmsg(DATAGRAM, socket.CMSG_SPACE(4))
            for level, kind, value in told:
                if (level, kind) == (socket.SOL_SOCKET, SO_RXQ_OVFL):
                    self._overflowed(int.from_bytes(value, sys.byteorder))
            for _ in range(AT_ONCE):
                if (messages := arrived.get(address[0])) is None:
                    messages = arrived[address[0]] = []
                messages.append(data)
                data, address = receive(DATAGRAM)
            arrived.setdefault(address[0], []).append(data)
        for host, messages in arrived.items():
            self._queue(peer_of((host,)), messages)

    def _overflowed(self, dropped: int) -> None:
        self.counts.lost_before += (dropped - self._dropped) & 0xFFFFFFFF
        self._dropped = dropped

    def _queue(self, peer: str, messages: list[bytes]) -> None:
        welcome = self.limits.welcome
        if welcome is not None and not welcome(peer):
            self.counts.turned_away += len(messages)
            return
        room = min(self.limits.queue - self._cost, self.limits.queue // 2 - self._costs[peer])
        cost = sum(map(len, messages)) + OVERHEAD * len(messages)
        while cost > room and messages:
            cost -= len(messages.pop()) + OVERHEAD
            self.counts.lost += 1
        if messages:
            self._costs[peer] += cost
            self._cost += cost
            self._waiting.setdefault(peer, []).extend(messages)
            self._filled.set()

    async def _hand_over(self) -> None:
        """Have everything that waits kept, each sender's in its order and many senders' at once."""
        self._filled.clear()
        waiting, self._waiting = self._waiting, {}
        if len(waiting) == 1:
            await self._keep_all(*waiting.popitem())
        places = asyncio.Semaphore(TOGETHER)

        async def keep(peer: str, messages: list[bytes]) -> None:
            async with places:
                await self._keep_all(peer, messages)

        async with asyncio.TaskGroup() as group:
            for peer, messages in waiting.items():
                group.create_task(keep(peer, messages))

    async def _keep_all(self, peer: str, messages: list[bytes]) -> None:
        for first in range(0, len(messages), AT_ONCE):
            some = messages[first : first + AT_ONCE]
            await self._keep(peer, [bare for message in some if (bare := message.rstrip(TRAILERS))])
            cost = sum(map(len, some)) + OVERHEAD * len(some)
            self._cost -= cost
            self._costs[peer] -= cost
        if not self._costs[peer]:
            del self._costs[peer]

    async def _keep(self, peer: str, messages: list[bytes]) -> None:
        cut = sum(len(message) > self.limits.message for message in messages)
        if cut:
            self.counts.cut += cut
            messages = [message[: self.limits.message] for message in messages]
        while messages:
            try:
                await self._intake.take(self._intake.admit(Proof(self.name, peer)), Batch(Form.SYSLOG, messages))
            except Busy as busy:
                self.counts.busy += 1
                if busy.retry_after > PATIENCE:
                    self.counts.lost += len(messages)
                    return
                await asyncio.sleep(busy.retry_after)
            except Refused:
                self.counts.refused += 1
                self.counts.lost += len(messages)
                return
            else:
                self.counts.batches += 1
                self.counts.messages += len(messages)
                self.counts.bytes += sum(map(len, messages))
                return
