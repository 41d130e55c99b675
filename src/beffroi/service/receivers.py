"""The receivers of the configuration: made, bound and served. One that cannot listen is told and tried again; the others go on."""

import asyncio
import errno
import logging
import ssl
from collections import Counter
from collections.abc import Awaitable, Callable
from typing import Any, Final

from beffroi.core.config import Config, Listen
from beffroi.core.model import Message, message
from beffroi.logs.receivers import Limits, Lumberjack, Relp, SyslogTcp, SyslogTls, SyslogUdp
from beffroi.logs.receivers.http import Bulk, Hec, Otlp, listening, serve
from beffroi.store.authorities import Authorities
from beffroi.watching.keeper import Keeper
from beffroi.watching.networks import lets_in

log = logging.getLogger("beffroi.receivers")

AGAIN: Final = 30.0  # seconds before a port that was not to be had is tried again
CUSTOMARY: Final = 514
UNPRIVILEGED: Final = 5514
"""Where syslog is received instead, without the right to its customary port."""

STREAMS: Final[dict[str, Any]] = {
    "syslog_udp": SyslogUdp, "syslog_tcp": SyslogTcp, "syslog_tls": SyslogTls, "relp": Relp, "lumberjack": Lumberjack,
}  # fmt: skip
HTTP: Final[dict[str, Any]] = {"bulk": Bulk, "hec": Hec, "otlp": Otlp}


class Receiving:
    """One receiver at work: where it listens, whether in TLS, and what keeps it from listening."""

    def __init__(self, name: str, listen: Listen, keeper: Keeper, tls: ssl.SSLContext | None) -> None:
        self.name = name
        self.tls = tls is not None
        self.bound: Listen | None = None
        self.trouble: Message | None = None
        self.tally: Counter[str] = Counter()
        self._listen = listen
        self._keeper = keeper
        self._context = tls
        self.tried = asyncio.Event()
        """It listens, or it is known that it cannot."""

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            try:
                serving = self._open()
            except OSError as error:
                self.bound = None
                self.trouble = self._hindered(error)
                log.warning("%s cannot listen on port %s: %s", self.name, self._listen.port, error.strerror)
                self.tried.set()
                await asyncio.sleep(AGAIN)
                continue
            self.trouble = None
            self.tried.set()
            await serving()

    def counts(self) -> dict[str, int]:
        """What it has done, by name."""
        return dict(self.tally) if self.name in HTTP else self._counted()

    def _open(self) -> Callable[[], Awaitable[None]]:
        """Bind it; what serves it. Raises OSError."""
        try:
            return self._at(self._listen)
        except PermissionError:
            if self._listen.port != CUSTOMARY:
                raise
            return self._at(self._listen._replace(port=UNPRIVILEGED))

    def _at(self, listen: Listen) -> Callable[[], Awaitable[None]]:
        if self.name in HTTP:
            socket = listening(listen.address, listen.port)
            self.bound = Listen(listen.address, socket.getsockname()[1])
            app = HTTP[self.name](self._keeper)
            return lambda: serve(app, [socket], tls=self._context, tally=self.tally)
        limits = Limits(welcome=lambda peer: lets_in(self._keeper.networks, peer))
        kind = STREAMS[self.name]
        receiver = (
            kind(listen, self._keeper, limits)
            if self.name in ("syslog_udp", "syslog_tcp")
            else kind(listen, self._keeper, limits, tls=self._context)
        )
        self.bound = Listen(listen.address, receiver.bind()[1])
        self._counted = lambda: {name: getattr(receiver.counts, name) for name in receiver.counts.__slots__}
        served: Callable[[], Awaitable[None]] = receiver.serve
        return served

    def _counted(self) -> dict[str, int]:
        return {}

    def _hindered(self, error: OSError) -> Message:
        port = self._listen.port
        if error.errno == errno.EADDRINUSE:
            return message(
                "another program has the port {port}, where {receiver} is to be received", port=port, receiver=self.name
            )
        if isinstance(error, PermissionError):
            return message(
                "the port {port} for {receiver} needs a right that only the installed service has",
                port=port,
                receiver=self.name,
            )
        return message(
            "{receiver} cannot be received on port {port}: {reason}",
            port=port,
            receiver=self.name,
            reason=error.strerror or str(error),
        )


def receivers(config: Config, keeper: Keeper, authorities: Authorities) -> list[Receiving]:
    """All that are switched on. TLS is on wherever there is TLS, unless `listen.plain` says otherwise."""
    made = []
    for name, listen in config.listen.items():
        if listen is None:
            continue
        secured = name == "syslog_tls" or (name not in ("syslog_udp", "syslog_tcp") and name not in config.plain)
        # HTTP senders may show a token instead of a certificate.
        context = authorities.server_context(require_client=name not in HTTP) if secured else None
        made.append(Receiving(name, listen, keeper, context))
    return made
