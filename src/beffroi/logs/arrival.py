"""What comes in, between whoever receives it and whoever keeps it: the contract of `receivers`, the journal and their readers.

    receiver ── Proof ──▶ Intake.admit ──▶ Admission          who is it?  (once a connection or request)
             ── Batch ──▶ Intake.take  ──▶ (returns)          it is on disk: acknowledge it
                                       ──▶ Busy, Refused      it is not: say so in the protocol's own terms

A receiver knows one protocol and nothing of sources, disks or rules; the intake knows no protocol. Messages are kept as they
came, whole and unread, so that what is acknowledged never depends on what is understood.
"""

from enum import StrEnum
from typing import NamedTuple, Protocol

import msgspec

from beffroi.core.model import Assurance


class Form(StrEnum):
    """How a message is to be read, as far as its receiver knows. `logs.formats.understood` reads each."""

    SYSLOG = "syslog"
    """One syslog message (RFC 3164, RFC 5424, or what appliances take for it), without its framing."""
    JSON = "json"
    """One JSON document of any product and shape (Winlogbeat, NXLog, ECS, flat), as sent to `_bulk` or by Lumberjack."""
    HEC = "hec"
    """One envelope of Splunk's HTTP Event Collector: a JSON object with `event` and maybe `time`, `host`, `source`, `sourcetype`."""
    OTLP = "otlp"
    """One OpenTelemetry log record as OTLP's JSON: an object with `resource`, `scope` and `record`."""
    JOURNALD = "journald"
    """One entry of `journalctl --output=json`."""
    LINE = "line"
    """A line of a text file that was followed; `Arrival.stated` may say what writes it."""
    WINDOWS = "windows"
    """One Windows event as evtx-dump's JSON, or as event XML."""
    M365 = "m365"
    """One record of Microsoft 365's unified audit log, as JSON."""


class Proof(NamedTuple):
    """What a sender showed of itself. `certificate` is the DER of a client certificate that TLS has verified against the device
    authority; `token` is as it was given: never kept and never logged. `name` is what the sender calls itself: shown, never
    believed."""

    receiver: str
    """The receiver's key in `[listen]`: "syslog_udp", "relp", "bulk", …"""
    peer: str
    """The address it came from, without a port; empty for this machine itself."""
    token: str | None = None
    certificate: bytes | None = None
    name: str | None = None
    encrypted: bool = False
    """Over plain text a token is worth no more than an address."""


class Admission(Protocol):
    """That a sender was let in, for one connection or request. Opaque to receivers."""

    @property
    def held(self) -> bool:
        """Nobody has accepted this sender: what it sends is held aside, within bounds, and acknowledged."""

    @property
    def assurance(self) -> Assurance: ...


class Batch(NamedTuple):
    """Some messages of one sender, in its order. `ids`, where the protocol gives them, are the sender's own for each message, equal
    when it sends one again. `historic` is for recordings: their events ring nobody."""

    form: Form
    messages: list[bytes]
    ids: list[str] | None = None
    stated: str | None = None
    """The log source a person stated for this sender or file ("product=linux,service=auth"), else None."""
    historic: bool = False


class Busy(Exception):
    """Not now: nothing of the batch was kept. Say it in the protocol's terms (429 or 503 with Retry-After, no acknowledgement, a
    closed window). `retry_after` is in seconds; `full` where the disk is, so that 507 or 503 can be told from 429."""

    def __init__(self, retry_after: float, *, full: bool = False) -> None:
        super().__init__(retry_after, full)
        self.retry_after = retry_after
        self.full = full


class Refused(Exception):
    """Never: the token is unknown, or a person rejected this sender. Nothing was kept. `known` tells 403 from 401."""

    def __init__(self, *, known: bool = False) -> None:
        super().__init__(known)
        self.known = known


class Intake(Protocol):
    """Who keeps what is received."""

    def admit(self, proof: Proof) -> Admission:
        """Let a sender in. Cheap, no I/O. Raises Refused."""

    async def take(self, admission: Admission, batch: Batch, *, wait: bool = True) -> None:
        """Keep a batch. It returns when the batch is on disk; then, and only then, acknowledge it.

        With `wait` it waits while too much is under way, which closes a TCP sender's window; without, it raises Busy. It raises
        Busy in both cases when the disk is nearly full, and Refused when the sender was rejected meanwhile.
        """


class Arrival(msgspec.Struct, frozen=True, array_like=True):
    """A batch as the journal keeps it (MessagePack, an array). `arrived` is in microseconds since 1970 (UTC); `source` is a
    `Source.id`; `receiver` and `peer` are those of its Proof."""

    arrived: int
    source: str
    receiver: str
    peer: str
    form: str
    messages: list[bytes]
    ids: list[str] | None = None
    stated: str | None = None
    historic: bool = False
    sure: Assurance | None = None
    """How sure it was who sent it, on this connection; None where that is not known (held aside, or kept by an earlier Beffroi)."""
