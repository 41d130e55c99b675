"""One receiver's HTTP server: sockets, TLS, and bounds on whoever connects.

uvicorn speaks HTTP here, by its protocol class alone: its `Server` would wake ten times a second for each receiver, take the process's
signals and know no bound but one on requests. Bounds are on connections (all, and of one peer), on a request's head, and on time: a
head must be whole soon, a body must flow, an idle connection ends. So slow senders hold few places, and not for long.

    server = HttpServer(BulkReceiver(intake), Listen("", 9200), tls=authorities.server_context(require_client=False))
    address, port = server.bind()            # OSError: the port is taken, or only root may have it
    await server.serve()                     # until cancelled
"""

import asyncio
import math
import socket
import ssl
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from typing import Any, Final, NamedTuple, Protocol

import httptools
from uvicorn.config import Config
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle
from uvicorn.server import ServerState

from beffroi.core.config import Listen
from beffroi.logs.receivers.http.proof import address
from beffroi.logs.receivers.limits import bound

GRACE: Final = 5.0
"""Seconds that requests under way get to end when the service stops."""


class Bounds(NamedTuple):
    """What connections may take of a server. Times in seconds, sizes in bytes."""

    connections: int = 512
    by_peer: int = 128
    """Connections of one address: above what a shipper with many workers opens."""
    head: float = 10.0
    """From a connection, or the first byte of its next request, to the end of the request's head."""
    body: float = 20.0
    """The time in which a body must be whole, or go on at `rate`."""
    rate: float = 16384.0
    """The slowest that a body may come, bytes a second, over each `body` seconds of it."""
    whole: float = 300.0
    """What the longest body may take: 20 MiB through the slowest line of a house."""
    idle: float = 65.0
    """Between two requests; longer than the minute that clients keep a connection for the next one."""
    answer: float = 600.0
    """From a whole request to its answer, the answer's way through a slow line included."""
    head_size: int = 32 << 10
    """Bytes of a head, of a chunk's extensions and of trailers."""
    fields: int = 100
    """Headers and trailers of one request."""


class Served(Protocol):
    """What a server serves: a receiver, or anything else on bare ASGI. `tally` counts what came of connections."""

    tally: Counter[str]

    async def __call__(self, scope: Any, receive: Any, send: Any, /) -> None:
        """ASGI 3."""


class HttpServer:
    """One receiver's server: made, bound and served as the other receivers are."""

    def __init__(
        self,
        receiver: Served,
        listen: Listen,
        *,
        tls: ssl.SSLContext | None = None,
        bounds: Bounds | None = None,
        welcome: Callable[[str], bool] | None = None,
    ) -> None:
        """`welcome` says which addresses may connect at all; None: all may."""
        self.receiver = receiver
        self.listen = listen
        self.tls = tls
        self.bounds = bounds or Bounds()
        self.welcome = welcome
        self.tally = receiver.tally
        self.by_peer: Counter[str] = Counter()
        self.state = ServerState()
        self.config = Config(
            receiver,
            log_config=None,
            access_log=False,
            proxy_headers=False,
            server_header=False,
            date_header=False,
            lifespan="off",
            ws="none",
            interface="asgi3",
            http=_Connection,
            timeout_keep_alive=int(self.bounds.idle) + 5,  # ours comes first
        )
        self._socket: socket.socket | None = None

    def bind(self) -> tuple[str, int]:
        """Take the address and the port, and tell them. Raises OSError: the port is taken, or only root may have it."""
        self._socket = bound(self.listen, socket.SOCK_STREAM)
        self._socket.listen(512)
        address, port = self._socket.getsockname()[:2]
        return address, port

    async def serve(self) -> None:
        """Receive until cancelled; then requests under way get `GRACE` to end."""
        if self._socket is None:
            self.bind()
        listener = self._socket
        assert listener is not None
        if not self.config.loaded:
            self.config.load()
            # Whatever anybody sets a logger to: uvicorn would wrap it to log each request's query.
            self.config.loaded_app = self.receiver
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.TaskGroup() as group:
                while True:
                    try:
                        client, found = await loop.sock_accept(listener)
                    except OSError:  # out of files, or the client has gone again
                        self.tally["dropped: not accepted"] += 1
                        await asyncio.sleep(0.1)
                        continue
                    peer = address(found[0])
                    if (why := self._turned_away(peer)) is not None:
                        self.tally[f"dropped: {why}"] += 1
                        client.close()
                        continue
                    self.by_peer[peer] += 1
                    group.create_task(self._open(client, peer))
        finally:
            listener.close()
            self._socket = None
            await self._end()

    def _turned_away(self, peer: str) -> str | None:
        """Why this address may not connect now."""
        if self.welcome is not None and not self.welcome(peer):
            return "not of our networks"
        if self.by_peer[peer] >= self.bounds.by_peer:
            return "too many of one peer"
        if self.by_peer.total() >= self.bounds.connections:
            return "too many connections"
        return None

    def gone(self, peer: str) -> None:
        """A connection of this address has ended."""
        self.by_peer[peer] -= 1
        if not self.by_peer[peer]:
            del self.by_peer[peer]

    async def _open(self, client: socket.socket, peer: str) -> None:
        """Take a connection into service, through the handshake of TLS where there is one."""
        loop = asyncio.get_running_loop()
        connection = _Connection(self, peer)
        try:
            # asyncio does it for sockets that name their protocol, which accepted ones do not: an answer is written in two parts, and
            # the second would wait 40 ms for the first to be acknowledged.
            client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            await loop.connect_accepted_socket(
                lambda: connection,
                client,
                ssl=self.tls,
                ssl_handshake_timeout=self.bounds.head if self.tls else None,
                ssl_shutdown_timeout=GRACE if self.tls else None,
            )
        except OSError:  # also ssl.SSLError
            self.tally["dropped: no TLS"] += 1
        finally:
            if not connection.made:
                client.close()
                self.gone(peer)

    async def _end(self) -> None:
        """What is being kept gets to its end and is acknowledged; whoever still sends is left."""
        for connection in list(self.state.connections):
            if isinstance(connection, _Connection) and connection.in_body:
                _cut(connection.transport)
            else:
                connection.shutdown()
        if self.state.tasks:
            await asyncio.wait(self.state.tasks, timeout=GRACE)
        for connection in list(self.state.connections):
            if connection.transport is not None:
                _cut(connection.transport)
        await asyncio.sleep(0)  # the aborts are heard
        left = list(self.state.tasks)
        for task in left:
            task.cancel()
        if left:
            await asyncio.wait(left, timeout=1)


def _cut(transport: asyncio.Transport) -> None:
    """End a connection at once. One in TLS that has gone this very moment has nothing left to cut, and asyncio stumbles over that."""
    with suppress(AttributeError):
        transport.abort()


class _Connection(HttpToolsProtocol):
    """A connection with bounds. One timer a connection, which looks at what it waits for and since when."""

    def __init__(self, server: HttpServer, peer: str) -> None:
        super().__init__(server.config, server.state, {})
        self.house = server
        self.peer = peer
        self.made = False
        self.timer: asyncio.TimerHandle | None = None
        self.deadline = 0.0
        self.started = 0.0
        self.answer_by = math.inf
        """When the request that is being answered must be; a next one may already be coming behind it."""
        self.window = 0.0
        self.got = 0
        """Bytes of the body since `window` began."""
        self.unproductive = 0
        """Bytes since something came of them: the head so far, a chunk's extensions, trailers."""
        self.in_body = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)  # type: ignore[arg-type]
        self.made = True
        secured = transport.get_extra_info("ssl_object")
        certificate = None if secured is None else secured.getpeercert(binary_form=True)
        self.app_state = {"certificate": certificate, "abort": transport.abort}  # type: ignore[attr-defined]
        self._allow(self.house.bounds.head)
        self._look()

    def connection_lost(self, exc: Exception | None) -> None:
        if self.timer is not None:
            self.timer.cancel()
        self.house.gone(self.peer)
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """As uvicorn's, but a breach is counted and never logged: whoever connects could fill the log."""
        if self.transport.is_closing():
            return
        self._unset_keepalive_if_required()
        self.unproductive += len(data)
        try:
            self.parser.feed_data(data)
        except httptools.HttpParserUpgrade:
            self._breach("an upgrade was asked")
        except (httptools.HttpParserError, httptools.HttpParserCallbackError, UnicodeDecodeError):
            self._breach("no HTTP")
        else:
            if self.unproductive > self.house.bounds.head_size:
                self._breach("too long a head")

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self._allow(self.house.bounds.head)

    def on_header(self, name: bytes, value: bytes) -> None:
        super().on_header(name, value)
        if len(self.headers) > self.house.bounds.fields:
            raise httptools.HttpParserError("too many headers")

    def on_headers_complete(self) -> None:
        self.unproductive = 0
        self.got = 0
        self.in_body = True
        self.started = self.window = self.loop.time()
        super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        self.unproductive = 0
        self.got += len(body)
        super().on_body(body)

    def on_message_complete(self) -> None:
        self.unproductive = 0
        self.in_body = False
        self.deadline = math.inf
        if self.answer_by == math.inf and not self.cycle.response_complete:
            self.answer_by = self.loop.time() + self.house.bounds.answer
        super().on_message_complete()

    def on_response_complete(self) -> None:
        more = bool(self.pipeline)
        self.answer_by = self.loop.time() + self.house.bounds.answer if more else math.inf
        super().on_response_complete()
        if not more and not self.in_body:
            self._allow(self.house.bounds.idle)

    def _allow(self, seconds: float) -> None:
        self.deadline = self.loop.time() + seconds

    def _look(self) -> None:
        """Whether this connection's time is over; else look again when it would be."""
        now = self.loop.time()
        deadline = min(self._body_deadline(now) if self.in_body else self.deadline, self.answer_by)
        if now >= deadline:
            self._drop("too slow")
        else:
            # A deadline may come nearer meanwhile: it is looked at often enough.
            wait = min(max(deadline - now, 0.05), self.house.bounds.head, self.house.bounds.body)
            self.timer = self.loop.call_later(wait, self._look)

    def _body_deadline(self, now: float) -> float:
        """When the body that is coming must have got further."""
        bounds = self.house.bounds
        if self.pipeline or self.flow.read_paused:
            self.started, self.window, self.got = now, now, 0  # it is we who do not read
        elif now >= self.window + bounds.body and self.got >= bounds.rate * bounds.body:
            self.window, self.got = now, 0
        return min(self.window + bounds.body, self.started + bounds.whole)

    def _drop(self, why: str) -> None:
        self.house.tally[f"dropped: {why}"] += 1
        self.transport.abort()

    def _breach(self, why: str) -> None:
        """A breach of HTTP: one sentence to the sender where it still listens, and the end."""
        self.house.tally[f"dropped: {why}"] += 1
        cycle: RequestResponseCycle | None = self.cycle  # None before the first request
        if cycle is None or cycle.response_complete:
            self.send_400_response("Bad request.")
        else:
            self.transport.abort()
