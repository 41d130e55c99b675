"""The body of a request: whole, unpacked and within bounds, or a sentence why not. Nothing is held beyond the bounds at any moment.

Packed bodies are unpacked as they arrive, so that a bomb is dropped where it passes the bound, not where it ends.
"""

import zlib
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from typing import Any, Final, NamedTuple

PIECE: Final = 1 << 18
"""Bytes that are unpacked at once."""

Receive = Callable[[], Awaitable[Any]]


class Limits(NamedTuple):
    """What one receiver takes. Sizes in bytes."""

    packed: int = 20 << 20
    """A body as it comes over the wire: OTLP's own bound, and above what Beats, Logstash, Vector and Fluent Bit send at once."""
    body: int = 32 << 20
    """A body once unpacked."""
    message: int = 1 << 20
    """One document, envelope or log record."""
    messages: int = 50_000
    """Messages in one request."""
    values: int = 1_000_000
    """Values in a body that must be read as one JSON document: what a value needs in memory is many times its text."""
    held: int = 96 << 20
    """All bodies under way together, unpacked."""
    share: int = 48 << 20
    """The part of `held` that one peer may have."""
    requests: int = 64
    """Whole requests under way together: being understood, or waiting for the disk. Those whose body is still coming do not count, or a
    few slow senders would have all of them."""


class Failure(Exception):
    """A request cannot be taken: `status` is HTTP's, `reason` one sentence in English for the sender's log, `retry_after` in seconds
    where it may come again. Each receiver says it in its protocol's body."""

    def __init__(self, status: int, reason: str, retry_after: float | None = None) -> None:
        super().__init__(status, reason)
        self.status = status
        self.reason = reason
        self.retry_after = retry_after


class Gone(Exception):
    """The sender went away before its request was whole: nobody waits for an answer."""


class Budget:
    """How much is under way in one receiver, all senders together and each alone, so that none has all of it."""

    def __init__(self, limits: Limits) -> None:
        self.limits = limits
        self.requests = 0
        self.held = 0
        self.by_peer: Counter[str] = Counter()

    @contextmanager
    def request(self, peer: str) -> Iterator["Hold"]:
        """The share of one request, given back when it ends."""
        hold = Hold(self, peer)
        try:
            yield hold
        finally:
            hold.release()


class Hold:
    """What one request holds of its receiver's budget."""

    def __init__(self, budget: Budget, peer: str) -> None:
        self.budget = budget
        self.peer = peer
        self.size = 0
        self.counted = False

    def whole(self) -> None:
        """The body is there. Raises Failure where there is no room for another request."""
        if self.budget.requests >= self.budget.limits.requests:
            raise Failure(429, "Too many requests are under way.", 1)
        self.budget.requests += 1
        self.counted = True

    def add(self, size: int) -> None:
        """Hold so many bytes more. Raises Failure where there is no room for them."""
        budget = self.budget
        if budget.held + size > budget.limits.held or budget.by_peer[self.peer] + size > budget.limits.share:
            raise Failure(429, "Too much is under way.", 1)
        budget.held += size
        budget.by_peer[self.peer] += size
        self.size += size

    def release(self) -> None:
        """Give all of it back."""
        self.budget.held -= self.size
        self.budget.by_peer[self.peer] -= self.size
        if not self.budget.by_peer[self.peer]:
            del self.budget.by_peer[self.peer]
        self.size = 0
        if self.counted:
            self.budget.requests -= 1
            self.counted = False


async def read(receive: Receive, headers: dict[bytes, bytes], hold: Hold, limits: Limits) -> bytes:
    """The whole body, unpacked. Raises Failure (400 broken packing, 413 too long, 415 unknown packing, 429 no room) and Gone.

    What is announced as too long is refused unread, and nothing more of a body is kept once it is too long.
    """
    announced = headers.get(b"content-length", b"0")
    if not announced.isdigit() or int(announced) > limits.packed:
        raise Failure(413, f"The body is longer than {limits.packed} bytes.")
    unpacker = _unpacker(headers.get(b"content-encoding", b""), limits)
    parts: list[bytes] = []
    packed = 0
    more = True
    while more:
        event = await receive()
        if event["type"] == "http.disconnect":
            raise Gone
        more = event.get("more_body", False)
        part = event.get("body", b"")
        packed += len(part)
        if packed > limits.packed:
            raise Failure(413, f"The body is longer than {limits.packed} bytes.")
        if part:
            for piece in unpacker.feed(part):
                hold.add(len(piece))
                parts.append(piece)
    unpacker.end()
    hold.whole()
    return parts[0] if len(parts) == 1 else b"".join(parts)


class _Plain:
    """No packing: what comes is what it is."""

    def __init__(self, limits: Limits) -> None:
        self.left = limits.body

    def feed(self, part: bytes) -> Iterator[bytes]:
        self.left -= len(part)
        if self.left < 0:
            raise Failure(413, "The body is too long.")
        yield part

    def end(self) -> None:
        """Anywhere is an end."""


class _Packed:
    """gzip (RFC 1952, of several members too), zlib (RFC 1950, HTTP's "deflate") or deflate without a header (RFC 1951), as some send."""

    def __init__(self, limits: Limits) -> None:
        self.limits = limits
        self.left = limits.body
        self.wbits = 0
        self.stream: Any = None
        """The member that has begun and not ended."""

    def feed(self, part: bytes) -> Iterator[bytes]:
        """What this part unpacks to, piece by piece."""
        piece = b""
        while part or len(piece) == PIECE:
            if self.stream is None:
                self.wbits = self.wbits or _kind(part[0])
                self.stream = zlib.decompressobj(self.wbits)
            try:
                piece = self.stream.decompress(part, PIECE)
            except zlib.error:
                raise Failure(400, "The body cannot be unpacked.") from None
            self.left -= len(piece)
            if self.left < 0:
                raise Failure(413, f"The body is longer than {self.limits.body} bytes once unpacked.")
            yield piece
            part = self.stream.unconsumed_tail
            if self.stream.eof:
                part, piece, self.stream = self.stream.unused_data, b"", None

    def end(self) -> None:
        if self.stream is not None or not self.wbits:
            raise Failure(400, "The packed body is cut short.")


_GZIP: Final = 31
_ZLIB: Final = 15
_BARE: Final = -15


def _kind(first: int) -> int:
    """zlib's `wbits` for a stream that begins with this byte; gzip begins with 1F, zlib with method 8 and a window ≤ 7."""
    if first == 0x1F:
        return _GZIP
    return _ZLIB if first & 0x0F == 8 and first >> 4 <= 7 else _BARE


def _unpacker(encoding: bytes, limits: Limits) -> _Plain | _Packed:
    match encoding.strip().lower():
        case b"" | b"identity":
            return _Plain(limits)
        case b"gzip" | b"x-gzip" | b"deflate":
            return _Packed(limits)
    raise Failure(415, "Only gzip and deflate can be unpacked.")


def as_text(body: bytes) -> bytes:
    """The body in UTF-8, whatever it was: a foreign byte becomes U+FFFD rather than a reason to lose the message, or anybody who gets one
    into a log (a name tried at sign-in) could keep that line from being seen."""
    if body.isascii():
        return body
    try:
        body.decode()
    except UnicodeDecodeError:
        return body.decode(errors="replace").encode()
    return body
