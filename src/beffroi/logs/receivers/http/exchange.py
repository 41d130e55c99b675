"""What all three receivers have in common: one request, who sends it, its body, what came of it, one answer.

Written on bare ASGI: the paths are a handful and a framework's request would cost more than the work on it.
"""

import asyncio
import math
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Awaitable, Callable
from typing import Any, ClassVar, Final, NamedTuple
from urllib.parse import parse_qsl

from beffroi.logs.arrival import Admission, Batch, Busy, Intake, Refused
from beffroi.logs.receivers.http import bodies
from beffroi.logs.receivers.http.bodies import Budget, Failure, Gone, Hold, Limits
from beffroi.logs.receivers.http.proof import Unreadable, proof

Send = Callable[[Any], Awaitable[None]]

ASIDE: Final = 1 << 20
"""Bytes of a body above which it is understood in a thread, so that the others' requests go on meanwhile."""

UNSAID: Final = 401
"""HTTP's status where no token or an unknown one was given."""


class Answer(NamedTuple):
    """What a request is answered."""

    status: int
    body: bytes = b""
    type: bytes = b"application/json"


class Request:
    """One request, its body not read yet. `path` is as it came, quoted, without a slash at its end."""

    __slots__ = ("_query", "_receive", "admission", "headers", "hold", "limits", "method", "more", "path", "scope")

    def __init__(self, scope: Any, receive: bodies.Receive, limits: Limits) -> None:
        self.scope = scope
        self._receive = receive
        self.more = True
        """Its body has not come to its end."""
        self.limits = limits
        self.method: str = scope["method"]
        self.path: str = scope["raw_path"].decode("latin-1").rstrip("/")
        self.headers: dict[bytes, bytes] = dict(scope["headers"])
        self.admission: Admission
        self.hold: Hold
        self._query: dict[str, str] | None = None

    @property
    def query(self) -> dict[str, str]:
        """The query's values by name; the last of equal names. Raises Failure where there are absurdly many."""
        if self._query is None:
            raw = self.scope["query_string"]
            try:
                pairs = parse_qsl(raw.decode("latin-1"), keep_blank_values=True, max_num_fields=64) if raw else []
            except ValueError:
                raise Failure(400, "The query has too many parts.") from None
            self._query = dict(pairs)
        return self._query

    async def receive(self) -> Any:
        """ASGI's next event of this request."""
        event = await self._receive()
        self.more = event.get("more_body", False)
        return event

    async def drain(self) -> bool:
        """Let go of what is still coming, so that a sender which listens only after sending hears why it was refused. False where there
        is too much of it, or it has not begun and need not. Raises Gone."""
        left = 0 if b"expect" in self.headers else self.limits.packed * 4
        while self.more and left > 0:
            event = await self.receive()
            if event["type"] == "http.disconnect":
                raise Gone
            left -= len(event.get("body", b""))
        return not self.more

    async def body(self) -> bytes:
        """The whole body, unpacked. Raises as `bodies.read` does."""
        return await bodies.read(self.receive, self.headers, self.hold, self.limits)


class Receiver(ABC):
    """An ASGI application that receives logs in one protocol. `tally` counts what came of requests, for the metrics: `taken` (messages),
    `unfit` (messages that could not be taken), and a request's failures by status ("failed 413")."""

    key: ClassVar[str]
    """The receiver's key in `[listen]`."""
    headers: ClassVar[list[tuple[bytes, bytes]]] = []
    """Headers of every answer."""

    def __init__(self, intake: Intake, limits: Limits | None = None) -> None:
        self.intake = intake
        self.limits = limits or Limits()
        self.budget = Budget(self.limits)
        self.tally: Counter[str] = Counter()

    @abstractmethod
    async def respond(self, request: Request) -> Answer:
        """Do what an admitted request asks. Raises Failure, Busy, Refused, Gone."""

    @abstractmethod
    def failed(self, request: Request, failure: Failure) -> Answer:
        """Say in the protocol's terms why a request was not taken."""

    def open(self, request: Request) -> Answer | None:
        """The answer to what anybody may ask, else None."""
        del request
        return None

    def hangs_up(self, request: Request) -> bool:
        """Whether this client takes any answer for an end of the matter, and comes again only where it gets none."""
        del request
        return False

    async def __call__(self, scope: Any, receive: bodies.Receive, send: Send) -> None:
        request = Request(scope, receive, self.limits)
        headers = list(self.headers)
        try:
            answer = self.open(request) or await self._admitted(request)
        except Failure as failure:
            self.tally[f"failed {failure.status}"] += 1
            if failure.retry_after is not None and self.hangs_up(request):
                await _hang_up(request)
                return
            answer = self.failed(request, failure)
            if failure.retry_after is not None:
                headers.append((b"retry-after", str(max(1, math.ceil(failure.retry_after))).encode()))
            if failure.status == UNSAID:
                headers.append((b"www-authenticate", b'Basic realm="Beffroi"'))
            try:
                drained = await request.drain()
            except (Gone, asyncio.CancelledError):
                return
            if not drained:
                headers.append((b"connection", b"close"))
        except (
            Gone,
            asyncio.CancelledError,
        ):  # the latter when the service stops: nothing is left that could be answered
            self.tally["gone"] += 1
            return
        if answer.body or answer.status != 204:
            headers.append((b"content-type", answer.type))
            headers.append((b"content-length", str(len(answer.body)).encode()))
        await send({"type": "http.response.start", "status": answer.status, "headers": headers})
        await send({"type": "http.response.body", "body": answer.body})

    async def _admitted(self, request: Request) -> Answer:
        try:
            shown = proof(self.key, request.scope, request.headers)
            request.admission = self.intake.admit(shown)
        except Unreadable:
            raise Failure(UNSAID, "The Authorization header cannot be understood.") from None
        except Refused as refused:
            raise _refusal(refused) from None
        try:
            with self.budget.request(shown.peer) as request.hold:
                return await self.respond(request)
        except Refused as refused:
            raise _refusal(refused) from None
        except Busy as busy:
            raise Failure(503 if busy.full else 429, "Not now.", busy.retry_after) from None

    async def take(self, request: Request, batch: Batch) -> None:
        """Have a batch kept. Raises Busy and Refused."""
        if batch.messages:
            await self.intake.take(request.admission, batch, wait=False)
            self.tally["taken"] += len(batch.messages)

    async def understood(self, body: bytes, parse: Callable[..., Any], *arguments: Any) -> Any:
        """`parse(body, *arguments)`, in a thread where it takes long."""
        if len(body) < ASIDE:
            return parse(body, *arguments)
        return await asyncio.to_thread(parse, body, *arguments)


async def _hang_up(request: Request) -> None:
    """End the connection without an answer. `serving` puts the means into the scope."""
    if (abort := request.scope.get("state", {}).get("abort")) is not None:
        abort()
        while (await request.receive())["type"] != "http.disconnect":
            pass


def _refusal(refused: Refused) -> Failure:
    if refused.known:
        return Failure(403, "This sender was rejected.")
    return Failure(UNSAID, "The token is missing or unknown.")
