"""How much a receiver takes from anybody, and the record of what it did: the other side of every socket may be an attacker."""

import socket
from asyncio import sslproto
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass

from beffroi.core.config import Listen
from beffroi.core.model import Message

# asyncio gives each connection over TLS so much memory before it has shown anything, and would give 256 KiB: strangers who only
# connect, as many as all receivers take, would cost half a gigabyte.
sslproto.SSLProtocol.max_size = 32 << 10


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds of one receiver. Sizes are bytes, times are seconds."""

    message: int = 64 << 10  # of one message; the rest of a longer one is thrown away and counted
    document: int = 256 << 10  # the same of a JSON document; the largest Windows events have about 100 KiB
    read: int = 128 << 10  # taken off a socket at once, and so the size of a batch
    connections: int = 256  # in all; beyond, whoever has most of them loses its idlest. TLS costs some 100 KiB for each
    per_peer: int = 32  # of one address
    idle: float = 3600  # without a byte, between two messages
    frame: float = 30  # from the first byte of a message to its last, and for a client to read our answers
    handshake: float = 10  # of TLS
    window: int = 1 << 16  # messages that a Lumberjack client may announce at once
    inflated: int = 64 << 20  # what one compressed frame may grow to
    ratio: int = 200  # of bytes out to bytes in of a compressed frame, once more than `slack` came out; logs reach 30
    slack: int = 1 << 20
    queue: int = 16 << 20  # datagrams that wait for the disk; one sender's take half of it at most
    welcome: Callable[[str], bool] | None = None
    """Which addresses may connect at all, asked before any other work (`listen.networks`); None: all may."""


@dataclass(slots=True)
class Counts:
    """What a receiver has done since it started."""

    messages: int = 0  # handed over and kept
    batches: int = 0
    bytes: int = 0  # of the messages that were kept
    connections: int = 0  # that were taken
    turned_away: int = 0  # connections: too many, or not of our networks
    refused: int = 0  # senders that the intake would not have
    expired: int = 0  # connections that were idle, or half a message, for too long
    cut: int = 0  # messages that were too long
    unfit: int = 0  # connections that did not speak the protocol
    busy: int = 0  # times that nothing could be kept
    lost: int = 0  # datagrams: our queue was full, or their sender was refused
    lost_before: int = 0  # datagrams that the kernel had no room for
    failed: int = 0  # accepts, handshakes and connections that broke


class Troubles:
    """The last so many distinct complaints, each with whom it concerns and how often; bounded, as attackers choose them."""

    KEPT = 100

    def __init__(self) -> None:
        self._told: OrderedDict[tuple[str, Message], int] = OrderedDict()

    def add(self, peer: str, what: Message) -> None:
        key = (peer, what)
        self._told[key] = self._told.pop(key, 0) + 1
        if len(self._told) > self.KEPT:
            self._told.popitem(last=False)

    def told(self) -> list[tuple[str, Message, int]]:
        """(peer, sentence, how often), the latest last."""
        return [(peer, what, times) for (peer, what), times in self._told.items()]


def bound(listen: Listen, kind: socket.SocketKind) -> socket.socket:
    """A socket bound there, not blocking; an empty address is all of this machine's, IPv6 and IPv4. Raises OSError."""
    family = socket.AF_INET6 if ":" in listen.address or (not listen.address and socket.has_dualstack_ipv6()) else None
    made = socket.socket(family or socket.AF_INET, kind)
    try:
        made.setblocking(False)
        if kind == socket.SOCK_STREAM:
            made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # a restart need not wait for old connections
        if family is not None:
            made.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1 if listen.address else 0)
        made.bind((listen.address, listen.port))
    except OSError:
        made.close()
        raise
    return made


def peer_of(address: tuple[str | int, ...]) -> str:
    """The bare address of a socket's other end: IPv4 as such also on an IPv6 socket, without a link's name."""
    return str(address[0]).removeprefix("::ffff:").partition("%")[0]
