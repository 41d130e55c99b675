"""The receivers of the configuration: made, bound and served. One that cannot listen is told and tried again; the others go on."""

import asyncio
import errno
import logging
import ssl
from collections.abc import Awaitable, Callable
from dataclasses import asdict
from typing import Any, Final

from beffroi.core.config import Config, Listen
from beffroi.core.discreet import Word
from beffroi.core.model import Message, message
from beffroi.logs.receivers import Limits, Lumberjack, Relp, SyslogTcp, SyslogTls, SyslogUdp
from beffroi.logs.receivers.files import Drop, Follow, Followed, Journald
from beffroi.logs.receivers.http.bulk import BulkReceiver
from beffroi.logs.receivers.http.hec import HecReceiver
from beffroi.logs.receivers.http.otlp import OtlpReceiver
from beffroi.logs.receivers.http.serving import HttpServer, Served
from beffroi.store.authorities import Authorities
from beffroi.watching.keeper import Keeper
from beffroi.watching.networks import is_loopback, lets_in

log = logging.getLogger("beffroi.receivers")

AGAIN: Final = 30.0  # seconds before a port that was not to be had is tried again
CUSTOMARY: Final = 514
UNPRIVILEGED: Final = 5514
"""Where syslog is received instead, without the right to its customary port."""

STREAMS: Final[dict[str, Any]] = {
    "syslog_udp": SyslogUdp, "syslog_tcp": SyslogTcp, "syslog_tls": SyslogTls, "relp": Relp, "lumberjack": Lumberjack,
}  # fmt: skip
HTTP: Final[dict[str, Any]] = {"bulk": BulkReceiver, "hec": HecReceiver, "otlp": OtlpReceiver}


class Receiving:
    """One receiver at work: where it listens, whether in TLS, and what keeps it from listening."""

    def __init__(
        self, name: str, listen: Listen, keeper: Keeper, tls: ssl.SSLContext | None, *, page: Served | None = None
    ) -> None:
        """`page` is what is served where nothing is received: the metrics."""
        self.name = name
        self.tls = tls is not None
        self.bound: Listen | None = None
        self.trouble: Message | None = None
        self._listen = listen
        self._keeper = keeper
        self._context = tls
        self._page = page
        self._counted: Callable[[], dict[str, int]] = dict
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
                log.warning("%s cannot listen on port %s: %s", Word(self.name), self._listen.port, error)
                self.tried.set()
                await asyncio.sleep(AGAIN)
                continue
            self.trouble = None
            self.tried.set()
            try:
                await serving()
            finally:
                self.bound = None

    def counts(self) -> dict[str, int]:
        """What it has done, by name."""
        return self._counted()

    def _open(self) -> Callable[[], Awaitable[None]]:
        """Bind it; what serves it. Raises OSError."""
        try:
            return self._at(self._listen)
        except PermissionError:
            if self._listen.port != CUSTOMARY:
                raise
            return self._at(self._listen._replace(port=UNPRIVILEGED))

    def _at(self, listen: Listen) -> Callable[[], Awaitable[None]]:
        keeper = self._keeper

        def welcome(peer: str) -> bool:
            return lets_in(keeper.networks, peer)

        receiver: Any
        if self._page is not None or self.name in HTTP:
            served = self._page or HTTP[self.name](keeper)
            receiver = HttpServer(served, listen, tls=self._context, welcome=welcome)
            self._counted = lambda: dict(receiver.tally)
        else:
            secured = {} if self.name in ("syslog_udp", "syslog_tcp") else {"tls": self._context}
            receiver = STREAMS[self.name](listen, keeper, Limits(welcome=welcome), **secured)
            self._counted = lambda: asdict(receiver.counts)
        self.bound = Listen(listen.address, receiver.bind()[1])
        serve: Callable[[], Awaitable[None]] = receiver.serve
        return serve

    def _hindered(self, error: OSError) -> Message:
        port = self._listen.port
        if error.errno == errno.EADDRINUSE:
            return message("another program has the port {port}, which {receiver} needs", port=port, receiver=self.name)
        if isinstance(error, PermissionError):
            return message(
                "the port {port} for {receiver} needs a right that only the installed service has",
                port=port,
                receiver=self.name,
            )
        return message(
            "{receiver} cannot listen on port {port}: {reason}",
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


def giving(config: Config, keeper: Keeper, authorities: Authorities, page: Served) -> list[Receiving]:
    """The figures over TCP, where a person stated it: beyond this machine in TLS, to the networks of which is received."""
    listen = config.metrics
    if listen is None:
        return []
    plain = is_loopback(listen.address) or "metrics" in config.plain
    context = None if plain else authorities.server_context(require_client=False, ask_client=False)
    return [Receiving("metrics", listen, keeper, context, page=page)]


def readers(config: Config, keeper: Keeper) -> list[Any]:
    """What is read instead of received: the machine's own journal, files that are followed, the drop folder. Each has `name`, `serve`
    and `complaints`."""
    state = config.data_dir / "read"
    state.mkdir(mode=0o700, exist_ok=True)
    config.drop_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    made: list[Any] = [Drop(keeper, config.drop_dir, state / "drop.json")]
    if config.journal:
        made.append(Journald(keeper, state / "journal.json"))
    if config.followed:
        files = [Followed(each.pattern, each.stated) for each in config.followed]
        made.append(Follow(keeper, files, state / "files.json"))
    return made
