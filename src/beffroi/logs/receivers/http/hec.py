"""Splunk's HTTP Event Collector (port 8088).

Source: Splunk's documentation, "HTTP Event Collector REST API endpoints" and "Possible error codes". The Content-Type is not looked at:
syslog-ng posts forms. Where a request asks for indexer acknowledgement by naming a channel it gets an `ackId`, and every
one that was given out is acknowledged at once: success means on disk here.
"""

from typing import Any, ClassVar, Final

import orjson

from beffroi.logs.arrival import Batch, Form
from beffroi.logs.receivers.http import envelopes
from beffroi.logs.receivers.http.bodies import Failure
from beffroi.logs.receivers.http.exchange import Answer, Receiver, Request

_TEXTS: Final = {
    0: "Success",
    2: "Token is required",
    3: "Invalid authorization",
    4: "Invalid token",
    5: "No data",
    6: "Invalid data format",
    8: "Internal server error",
    9: "Server is busy",
    10: "Data channel is missing",
    12: "Event field is required",
    13: "Event field cannot be blank",
    17: "HEC is healthy",
    27: "Request entity too large",
}

_ACKS: Final = 10_000
"""Acknowledgements that may be asked for in one request."""


class HecReceiver(Receiver):
    """The application for HEC. Envelopes become messages of Form.HEC, as they came; lines sent to `/raw` become
    `{"event": line}` with `host`, `source`, `sourcetype`, `index` and `time` of the query, text all of them."""

    key: ClassVar[str] = "hec"

    def __init__(self, *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, **named)
        self.given = 0
        """Acknowledgements given out: 0, 1, …"""

    def open(self, request: Request) -> Answer | None:
        if _place(request.path) == "health" and request.method in {"GET", "HEAD"}:
            return _said(200, 17)
        return None

    async def respond(self, request: Request) -> Answer:
        place = _place(request.path)
        if place is None:
            raise Failure(404, "The requested URL was not found on this server.")
        if request.method != "POST":
            raise Failure(405, f"{request.method} is not supported.")
        body = await request.body()
        if not body.strip():
            return _said(400, envelopes.NO_DATA)
        if place == "ack":
            return self._acknowledged(request, body)
        if place == "raw":
            found = await self.understood(body, envelopes.raw, request.query, request.limits)
        else:
            found = await self.understood(body, envelopes.read, request.limits)
        self.tally["unfit"] += len(found.unfit)
        await self.take(request, Batch(Form.HEC, found.kept))
        if found.unfit:
            # What is fit has been kept: who drops the whole request at this loses nothing more.
            number, code = found.unfit[0]
            return _said(400, code, **{"invalid-event-number": number})
        if not found.kept:
            return _said(400, envelopes.NO_DATA)
        if _channel(request):
            self.given += 1
            return _said(200, 0, ackId=self.given - 1)
        return _said(200, 0)

    def _acknowledged(self, request: Request, body: bytes) -> Answer:
        if not _channel(request):
            return _said(400, 10)
        try:
            match orjson.loads(body):
                case {"acks": list(asked)} if len(asked) <= _ACKS:
                    given = {str(each): each < self.given for each in asked if isinstance(each, int)}
                    return Answer(200, orjson.dumps({"acks": given}))
        except ValueError:
            pass
        return _said(400, envelopes.INVALID)

    def failed(self, request: Request, failure: Failure) -> Answer:
        match failure.status:
            case 401:
                given = request.headers.get(b"authorization")
                # An unknown token is 403 with Splunk; 401 says that there was none.
                known = given is None or failure.reason.startswith("The Authorization header")
                return _said(401, 2 if given is None else 3) if known else _said(403, 4)
            case 403:
                return _said(403, 4)
            case 413:
                return _said(413, 27)
            case 429 | 503:
                return _said(503, 9)  # HEC's clients know no 429
            case 400 | 415:
                return _said(failure.status, envelopes.INVALID)
        return Answer(failure.status, orjson.dumps({"text": failure.reason, "code": failure.status}))


def _place(path: str) -> str | None:
    """What a path of HEC's asks for, its version left away: "event", "raw", "health" or "ack"."""
    rest = path.removeprefix("/services/collector")
    if rest == path:
        return None
    match rest.removesuffix("/1.0"):
        case "" | "/event":
            return "event"
        case "/raw" | "/health" | "/ack" as found:
            return found[1:]
    return None


def _channel(request: Request) -> bool:
    return b"x-splunk-request-channel" in request.headers or bool(request.query.get("channel"))


def _said(status: int, code: int, **more: int) -> Answer:
    return Answer(status, orjson.dumps({"text": _TEXTS[code], "code": code, **more}))
