"""What the receivers over TCP share: who may connect, how long a client may take, and who suffers from whom (nobody).

A client that is slow, silent, too talkative or too numerous costs what `Limits` allow it and no other client anything: each
connection has a task and one read's worth of memory of its own, and is not read from while what it sent is being kept, which
closes its TCP window.
"""

import asyncio
import contextlib
import errno
import functools
import logging
import math
import socket
import ssl
from abc import ABC, abstractmethod
from typing import ClassVar, Final, cast

from beffroi.core.config import Listen
from beffroi.core.model import Message, UnfitError, message
from beffroi.logs.arrival import Admission, Batch, Busy, Form, Intake, Proof, Refused
from beffroi.logs.receivers.crowd import Crowd
from beffroi.logs.receivers.limits import Counts, Limits, Troubles, bound, peer_of

LOG: Final = logging.getLogger("beffroi.receivers")

BACKLOG: Final = 512
PATIENCE: Final = 30.0
"""Seconds after which a batch that could not be kept is offered again, at the latest."""
FAREWELL: Final = 2.0
"""Seconds for a client to take leave of us once we have of it."""
KEEPALIVE: Final = ((socket.TCP_KEEPIDLE, 60), (socket.TCP_KEEPINTVL, 15), (socket.TCP_KEEPCNT, 4))
"""A machine that was switched off says no goodbye: the kernel asks it after a minute of silence, and gives up after another."""
OUT_OF_FILES: Final = (errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM)


class Connection(asyncio.BaseProtocol):
    """One client. What it sends while nobody reads is kept up to one read; then it must wait."""

    def __init__(self, peer: str, client: socket.socket, limits: Limits) -> None:
        self.peer = peer
        self.task: asyncio.Task[None] | None = None
        self.deadline = math.inf
        self.heard = 0.0  # when the last bytes came, in the loop's time
        self._loop = asyncio.get_running_loop()
        self._limits = limits
        self._chunks: list[bytes] = []
        self._since = self.heard = self._loop.time()
        self._client: socket.socket | None = client  # until asyncio has taken it over, which then closes it
        self._transport: asyncio.Transport | None = None
        self._paused = False
        self._ended = False
        self._finished = False
        self._reader: asyncio.Future[None] | None = None
        self._writer: asyncio.Future[None] | None = None
        self._crowded = False
        self._lost = self._loop.create_future()

    # What asyncio calls.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        self._chunks.append(data)
        self.heard = self._loop.time()
        if self._reader is None and self._transport is not None and not self._paused:
            self._paused = True
            self._transport.pause_reading()
        _wake(self._reader)

    def eof_received(self) -> bool:
        self._ended = True
        _wake(self._reader)
        # What it sent last must still be answered; TLS knows no half-closed connection.
        return self._transport is not None and self._transport.get_extra_info("ssl_object") is None

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - its name is asyncio's
        self._ended = True
        for waiting in (self._reader, self._writer, self._lost):
            _wake(waiting)

    def pause_writing(self) -> None:
        self._crowded = True

    def resume_writing(self) -> None:
        self._crowded = False
        _wake(self._writer)

    # What receivers call.

    async def open(self, tls: ssl.SSLContext | None) -> None:
        """Take the socket into service, and through the handshake of TLS. Raises OSError."""
        assert self._client is not None
        self._client.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        for option, value in KEEPALIVE:
            self._client.setsockopt(socket.IPPROTO_TCP, option, value)
        client, self._client = self._client, None
        await self._loop.connect_accepted_socket(
            lambda: cast("asyncio.Protocol", self),
            client,
            ssl=tls,
            ssl_handshake_timeout=self._limits.handshake if tls else None,
            ssl_shutdown_timeout=FAREWELL if tls else None,
        )

    @property
    def certificate(self) -> bytes | None:
        """The client's certificate as DER, verified by TLS; None where it showed none."""
        tls = self._transport.get_extra_info("ssl_object") if self._transport is not None else None
        return tls.getpeercert(binary_form=True) if tls is not None and tls.context.verify_mode else None

    async def read(self, *, half: bool = False, progress: bool = True) -> bytes:
        """The next bytes, b"" at the end. `half`: a message has begun; `progress`: one was completed since the last call. The
        time for half a message runs from its beginning, however many small pieces come."""
        if not self._chunks and not self._ended:
            if progress or not half:
                self._since = self._loop.time()
            self.deadline = self._since + (self._limits.frame if half else self._limits.idle)
            if self._paused and self._transport is not None:
                self._paused = False
                self._transport.resume_reading()
            self._reader = self._loop.create_future()
            try:
                await self._reader
            finally:
                self._reader = None
                self.deadline = math.inf
        data = self._chunks[0] if len(self._chunks) == 1 else b"".join(self._chunks)
        self._chunks.clear()
        return data

    async def send(self, data: bytes) -> None:
        """Answer; waits while the client does not read. Raises ConnectionError when it is gone."""
        if self._transport is None or self._transport.is_closing():
            raise ConnectionResetError
        self._transport.write(data)
        if self._crowded:
            self.deadline = self._loop.time() + self._limits.frame
            self._writer = self._loop.create_future()
            try:
                await self._writer
            finally:
                self._writer = None
                self.deadline = math.inf

    def mention(self, data: bytes) -> None:
        """Say something that may as well be lost."""
        if self._transport is not None and not self._transport.is_closing() and not self._crowded:
            self._transport.write(data)

    def abort(self) -> None:
        """End it now, whatever is under way."""
        self.heard = math.inf
        if self._transport is not None:
            self._abort_transport()
        elif self.task is not None:
            self.task.cancel()  # still in the handshake

    async def finish(self, last: bytes = b"") -> None:
        """Say a last word and close, in a bounded time."""
        if self._transport is None or self._lost.done():
            return
        try:
            if not self._finished:
                self._finished = True
                if last and not self._transport.is_closing():
                    self._transport.write(last)
                self._transport.close()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(FAREWELL):
                    await self._lost
        finally:
            self._abort_transport()

    def _abort_transport(self) -> None:
        if self._transport is not None and not self._lost.done():
            # A TLS transport of Python 3.11 that lost its connection while it was closed stumbles over its own end.
            with contextlib.suppress(AttributeError):
                self._transport.abort()

    def forget(self) -> None:
        """Let go of a socket that nobody came to open."""
        if self._client is not None:
            self._client.close()


class _PlainConnection(Connection, asyncio.BufferedProtocol):
    """Over plain TCP, into memory that all share: each copies out of it at once."""

    def __init__(self, peer: str, client: socket.socket, limits: Limits, room: memoryview) -> None:
        super().__init__(peer, client, limits)
        self._room = room

    def get_buffer(self, sizehint: int) -> memoryview:  # noqa: ARG002 - its name is asyncio's
        return self._room

    def buffer_updated(self, nbytes: int) -> None:
        self.data_received(bytes(self._room[:nbytes]))


class _TlsConnection(Connection, asyncio.Protocol):
    """Over TLS. Not buffered: asyncio's TLS drops what is left of a closed connection when a buffer of ours is full."""


def _wake(waiting: asyncio.Future[None] | None) -> None:
    if waiting is not None and not waiting.done():
        waiting.set_result(None)


class StreamReceiver(ABC):
    """A receiver over TCP, with TLS where it is given a context. A protocol says how to `converse`."""

    name: ClassVar[str]
    """Its key in `[listen]`."""
    form: ClassVar[Form]
    farewell: ClassVar[bytes] = b""
    """The last word to a client that must go, so that it comes back later."""

    def __init__(
        self, listen: Listen, intake: Intake, limits: Limits | None = None, tls: ssl.SSLContext | None = None
    ) -> None:
        self.counts = Counts()
        self.troubles = Troubles()
        self.limits = limits or Limits()
        self._listen = listen
        self._intake = intake
        self._tls = tls
        if tls is not None:
            # A syslog client never reads: with a ticket of TLS 1.3 unread, its close becomes a reset, which destroys what it sent.
            tls.num_tickets = 0
        self._socket: socket.socket | None = None
        self.crowd = Crowd[Connection](self.limits.connections, self.limits.per_peer, self.limits.welcome)

    @abstractmethod
    async def converse(self, connection: Connection, admission: Admission) -> None:
        """Talk with a client until it ends. Raises UnfitError where it does not speak the protocol."""

    def bind(self) -> tuple[str, int]:
        """Take the port, and say which; clients may connect from now on and wait for `serve`. Raises OSError."""
        if self._socket is None:
            self._socket = bound(self._listen, socket.SOCK_STREAM)
            self._socket.listen(BACKLOG)
        address, port, *_ = self._socket.getsockname()
        return address, port

    async def serve(self) -> None:
        """Receive until cancelled. Raises OSError if the port cannot be had."""
        self.bind()
        loop = asyncio.get_running_loop()
        room = memoryview(bytearray(self.limits.read))
        assert self._socket is not None
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(self._expire())
                while True:
                    try:
                        client, address = await loop.sock_accept(self._socket)
                    except OSError as error:
                        self.counts.failed += 1
                        # Without files to open the same connection would be there again at once.
                        await asyncio.sleep(0.2 if error.errno in OUT_OF_FILES else 0)
                        continue
                    peer = peer_of(address)
                    if self.crowd.refusal(peer) is None:
                        connection = (
                            _TlsConnection(peer, client, self.limits)
                            if self._tls
                            else _PlainConnection(peer, client, self.limits, room)
                        )
                        self.crowd.join(connection)
                        connection.task = group.create_task(self._attend(connection))
                        connection.task.add_done_callback(functools.partial(self._left, connection))
                    else:
                        self.counts.turned_away += 1
                        client.close()
                    await asyncio.sleep(0)  # a flood of connections must not hold up those that are there
        finally:
            self._socket.close()
            self._socket = None

    async def keep(self, admission: Admission, messages: list[bytes], *, patient: bool = False) -> None:
        """Hand a batch over; it is on disk when this returns. A protocol that has no way to say no is `patient`: it waits until
        there is room, with the client's window closed. Raises Busy unless patient, and Refused."""
        batch = Batch(self.form, messages)
        while True:
            try:
                await self._intake.take(admission, batch)
                break
            except Busy as busy:
                self.counts.busy += 1
                if not patient:
                    raise
                # Whoever is accepted meanwhile need not wait out what a stranger was told.
                await asyncio.sleep(min(busy.retry_after, PATIENCE))
            except OSError as error:  # of the disk: not to be taken for the client's going away
                raise RuntimeError("the intake failed") from error
        self.counts.batches += 1
        self.counts.messages += len(messages)
        self.counts.bytes += sum(map(len, messages))

    def _left(self, connection: Connection, _task: asyncio.Task[None]) -> None:
        self.crowd.leave(connection)
        connection.forget()

    async def _attend(self, connection: Connection) -> None:
        """One client from its handshake to its end; whatever it does ends here."""
        last = self.farewell
        try:
            await connection.open(self._tls)
            self.counts.connections += 1
            encrypted = self._tls is not None
            proof = Proof(self.name, connection.peer, certificate=connection.certificate, encrypted=encrypted)
            admission = self._intake.admit(proof)
            await self.converse(connection, admission)
            last = b""
        except Refused:
            self.counts.refused += 1
        except Busy:
            pass  # counted, and the farewell says so
        except UnfitError as error:
            self.counts.unfit += 1
            self.troubles.add(connection.peer, error.what)
        except ssl.SSLError as error:
            self.counts.failed += 1
            self.troubles.add(connection.peer, _tls_trouble(error))
        except OSError:  # it went away, or took too long over its handshake
            self.counts.failed += 1
        except Exception:
            # A defect of ours that a client's bytes brought out must not end all the others' reception.
            LOG.exception("%s: a connection ended by a defect", self.name)
            self.counts.failed += 1
        finally:
            await connection.finish(last)

    async def _expire(self) -> None:
        """End the connections whose time is up."""
        every = min(5.0, self.limits.idle / 4, self.limits.frame / 4)
        while True:
            await asyncio.sleep(every)
            now = asyncio.get_running_loop().time()
            for connection in [each for each in self.crowd.members if each.deadline < now]:
                self.counts.expired += 1
                connection.abort()


def _tls_trouble(error: ssl.SSLError) -> Message:
    return message("its TLS handshake failed: {reason}", reason=(error.reason or "?").replace("_", " ").lower())
