"""OpenTelemetry logs over HTTP (port 4318): `POST /v1/logs`, protobuf and JSON.

Source: OpenTelemetry's `opentelemetry-proto`, `docs/specification.md`, "OTLP/HTTP": the answer has the request's Content-Type; a request
may be taken in part and is then never sent again; clients come again at 429, 502, 503 and 504 only, after Retry-After.
What a message looks like: `records`.
"""

from typing import ClassVar, Final

import orjson
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsPartialSuccess, ExportLogsServiceResponse

from beffroi.logs.arrival import Batch, Form
from beffroi.logs.receivers.http import records
from beffroi.logs.receivers.http.bodies import Failure
from beffroi.logs.receivers.http.exchange import Answer, Receiver, Request

PROTOBUF: Final = b"application/x-protobuf"
JSON: Final = b"application/json"


class OtlpReceiver(Receiver):
    """The application for OTLP's logs. Each log record becomes one message of Form.OTLP."""

    key: ClassVar[str] = "otlp"

    async def respond(self, request: Request) -> Answer:
        if request.path != "/v1/logs":
            raise Failure(404, "Only logs are received here, at /v1/logs.")
        if request.method != "POST":
            raise Failure(405, f"{request.method} is not supported.")
        kind = _kind(request)
        parse = {PROTOBUF: records.from_protobuf, JSON: records.from_json}.get(kind)
        if parse is None:
            raise Failure(415, "The Content-Type must be application/x-protobuf or application/json.")
        found = await self.understood(await request.body(), parse, request.limits)
        self.tally["unfit"] += found.unfit
        await self.take(request, Batch(Form.OTLP, found.kept))
        return Answer(200, _answered(kind, found.unfit), kind)

    def failed(self, request: Request, failure: Failure) -> Answer:
        """A `google.rpc.Status`."""
        code = _CODES.get(failure.status, 3)
        if _kind(request) == PROTOBUF:
            text = failure.reason.encode()[:127]  # so that its length is one byte
            return Answer(failure.status, bytes([0x08, code, 0x12, len(text)]) + text, PROTOBUF)
        return Answer(failure.status, orjson.dumps({"code": code, "message": failure.reason}))


_CODES: Final = {401: 16, 403: 7, 404: 5, 405: 12, 413: 3, 429: 8, 503: 14}
"""HTTP's status → gRPC's code; what is not here is INVALID_ARGUMENT (3)."""


def _kind(request: Request) -> bytes:
    return request.headers.get(b"content-type", b"").partition(b";")[0].strip().lower()


def _answered(kind: bytes, unfit: int) -> bytes:
    reason = "Some log records are too large, too deep or not as they should be."
    if kind == JSON:
        if not unfit:
            return b"{}"
        return orjson.dumps({"partialSuccess": {"rejectedLogRecords": str(unfit), "errorMessage": reason}})
    if not unfit:
        return b""
    partial = ExportLogsPartialSuccess(rejected_log_records=unfit, error_message=reason)
    return bytes(ExportLogsServiceResponse(partial_success=partial).SerializeToString())
