"""The body of an OTLP request for logs → one message a log record: pure.

Source: OpenTelemetry's `opentelemetry-proto`, `logs.proto` and `docs/specification.md`, 1.5 and later ("OTLP/HTTP", "JSON Protobuf
Encoding"). The shape of a message, the same from protobuf and from JSON, is one JSON object::

    {"resource": {"service.name": "vpn", "host.name": "srv1"},
     "scope": {"name": "auth", "version": "2", "attributes": {…}},
     "record": {"timeUnixNano": 1773480000000000000, "observedTimeUnixNano": 1773480000000000001,
                "severityNumber": 9, "severityText": "INFO", "body": "…", "attributes": {…},
                "traceId": "0af7…", "spanId": "b7ad…", "flags": 1, "eventName": "user.login"}}

- `resource`, `scope` and `record` are always there; `resource` holds the resource's attributes and nothing else. All below is absent
  where it is empty, zero or not given. `scope` may be {}.
- The two times are JSON integers: nanoseconds since 1970, UTC. `severityNumber` is an integer (1–24), `flags` an integer;
  `severityText`, `eventName`, `name` and `version` are text; `traceId` (32) and `spanId` (16) are hexadecimal in small letters.
- Attributes are one flat object from name to value: names keep their dots; the last of equal names counts.
- A value (an attribute's or `body`) is what it says: text, true or false, an integer (64 bits), a number, a list of values, an object
  of values (a `kvlist`), null where nothing is given. Bytes are base64 text. A number that JSON has not (NaN, Infinity) is null.
"""

import base64
import binascii
from typing import Any, Final, NamedTuple

import msgspec
import orjson
from google.protobuf.message import DecodeError  # type: ignore[import-untyped]
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, InstrumentationScope
from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord
from opentelemetry.proto.resource.v1.resource_pb2 import Resource

from beffroi.logs.receivers.http.bodies import Failure, Limits, as_text

DEEPEST: Final = 32
"""Lists and objects in one another that a value may have."""
MOST_ATTRIBUTES: Final = 1024
"""Attributes of one record, resource or scope; SDKs stop at 128 unless told."""


class Records(NamedTuple):
    """The messages of a request, and how many of its records were unfit."""

    kept: list[bytes]
    unfit: int


class _Unfit(ValueError):
    """One record, resource or scope cannot be taken."""


def from_protobuf(body: bytes, limits: Limits) -> Records:
    """The log records of an `ExportLogsServiceRequest`. Raises Failure (400, 413).

    The layers around the records are walked here and each record is parsed alone: parsed as a whole, a body of empty records would
    need a hundred times its size.
    """
    found = _Found(limits)
    try:
        for resource_logs in _first_and_rest(memoryview(body), limits, rest=1)[1]:
            resource, scopes = _first_and_rest(resource_logs, limits)
            head = _head(lambda data: _attributes(Resource.FromString(data).attributes), resource, limits)
            for scope_logs in scopes:
                scope, records = _first_and_rest(scope_logs, limits)
                found.enter(head, _head(_scope, scope, limits))
                for record in records:
                    found.add(len(record), lambda data=record: _record(LogRecord.FromString(bytes(data))))
    except (DecodeError, IndexError, UnicodeDecodeError):
        raise Failure(400, "The body is no ExportLogsServiceRequest.") from None
    return Records(found.kept, found.unfit)


class _Found:
    """Records as they are found under their resource and scope."""

    def __init__(self, limits: Limits) -> None:
        self.limits = limits
        self.kept: list[bytes] = []
        self.unfit = 0
        self.head: bytes | None = b""

    def enter(self, resource: bytes | None, scope: bytes | None) -> None:
        """What the next records are under; None where it is unfit, and they with it."""
        self.head = None
        if resource is not None and scope is not None:
            self.head = b'{"resource":' + resource + b',"scope":' + scope + b',"record":'

    def add(self, size: int, make: Any) -> None:
        """One record, which `make` makes unless it is too large. Raises Failure for too many."""
        if len(self.kept) + self.unfit >= self.limits.messages:
            raise Failure(413, f"There are more than {self.limits.messages} log records.")
        if self.head is not None and size <= self.limits.message:
            try:
                message = self.head + orjson.dumps(make()) + b"}"
            except (_Unfit, DecodeError, orjson.JSONEncodeError):
                pass
            else:
                if len(message) <= self.limits.message:
                    self.kept.append(message)
                    return
        self.unfit += 1


def _head(make: Any, data: memoryview | None, limits: Limits) -> bytes | None:
    """A resource or a scope as JSON; None where it is unfit."""
    if data is None:
        return b"{}"
    if len(data) > limits.message >> 2:
        return None
    try:
        return orjson.dumps(make(bytes(data)))
    except (_Unfit, DecodeError, orjson.JSONEncodeError):
        return None


# Protocol Buffers' wire format, as far as the layers need it ("Encoding", protobuf.dev): tag = number << 3 | type.


def _first_and_rest(data: memoryview, limits: Limits, rest: int = 2) -> tuple[memoryview | None, list[memoryview]]:
    """Field 1 (a resource or a scope; the last counts) and the repeated field `rest` (what stands under it) of a message. Raises
    IndexError where the data is cut, and Failure (413)."""
    first = None
    below: list[memoryview] = []
    for number, value in _fields(data):
        if number == rest:
            below.append(value)
            if len(below) > limits.messages:
                raise Failure(413, f"There are more than {limits.messages} log records.")
        elif number == 1:
            first = value
    return first, below


def _fields(data: memoryview) -> Any:
    place, end = 0, len(data)
    while place < end:
        tag = data[place]
        place += 1
        if tag > 127:
            tag, place = _varint(data, place - 1)
        match tag & 7:
            case 2:
                size = data[place]
                place += 1
                if size > 127:
                    size, place = _varint(data, place - 1)
                if place + size > end:
                    raise IndexError
                yield tag >> 3, data[place : place + size]
                place += size
            case 0:
                place = _varint(data, place)[1]
            case 1:
                place += 8
            case 5:
                place += 4
            case _:
                raise IndexError
    if place != end:
        raise IndexError


def _varint(data: memoryview, place: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = data[place]
        place += 1
        value |= (byte & 127) << shift
        if byte < 128:
            return value, place
        shift += 7
        if shift > 63:
            raise IndexError


def _record(record: LogRecord) -> dict[str, Any]:
    made: dict[str, Any] = {}
    if record.time_unix_nano:
        made["timeUnixNano"] = record.time_unix_nano
    if record.observed_time_unix_nano:
        made["observedTimeUnixNano"] = record.observed_time_unix_nano
    if record.severity_number:
        made["severityNumber"] = record.severity_number
    if record.severity_text:
        made["severityText"] = record.severity_text
    if record.HasField("body"):
        made["body"] = _value(record.body)
    if record.attributes:
        made["attributes"] = _attributes(record.attributes)
    if record.trace_id:
        made["traceId"] = record.trace_id.hex()
    if record.span_id:
        made["spanId"] = record.span_id.hex()
    if record.flags:
        made["flags"] = record.flags
    if record.event_name:
        made["eventName"] = record.event_name
    return made


def _scope(data: bytes) -> dict[str, Any]:
    scope = InstrumentationScope.FromString(data)
    made: dict[str, Any] = {"name": scope.name, "version": scope.version, "attributes": _attributes(scope.attributes)}
    return {name: value for name, value in made.items() if value}


def _attributes(pairs: Any, depth: int = 0) -> dict[str, Any]:
    if len(pairs) > MOST_ATTRIBUTES:
        raise _Unfit
    return {pair.key: _value(pair.value, depth) for pair in pairs}


def _value(value: AnyValue, depth: int = 0) -> Any:
    kind = value.WhichOneof("value")
    match kind:
        case "string_value":
            return value.string_value
        case "int_value":
            return value.int_value
        case "bool_value":
            return value.bool_value
        case "double_value":
            return value.double_value
        case "bytes_value":
            return base64.b64encode(value.bytes_value).decode()
    if depth >= DEEPEST:
        raise _Unfit
    if kind == "array_value":
        return [_value(each, depth + 1) for each in value.array_value.values]
    if kind == "kvlist_value":
        return _attributes(value.kvlist_value.values, depth + 1)
    return None


class _Scoped(msgspec.Struct, rename="camel"):
    scope: dict[str, Any] | None = None
    log_records: list[msgspec.Raw] | None = None


class _Resourced(msgspec.Struct, rename="camel"):
    resource: dict[str, Any] | None = None
    scope_logs: list[_Scoped] | None = None


class _Export(msgspec.Struct, rename="camel"):
    resource_logs: list[_Resourced] | None = None


_export: Final = msgspec.json.Decoder(_Export).decode


def from_json(body: bytes, limits: Limits) -> Records:
    """The log records of an `ExportLogsServiceRequest` in JSON. Raises Failure (400, 413)."""
    text = as_text(body)
    if text.count(b",") + text.count(b"{") > limits.values:
        raise Failure(413, f"There are more than {limits.values} values.")
    found = _Found(limits)
    try:
        export = _export(text)
    except (msgspec.MsgspecError, RecursionError):
        raise Failure(400, "The body is no ExportLogsServiceRequest in JSON.") from None
    for resource_logs in export.resource_logs or ():
        resource = _json_head(lambda given: _json_attributes(given.get("attributes")), resource_logs.resource)
        for scope_logs in resource_logs.scope_logs or ():
            found.enter(resource, _json_head(_json_scope, scope_logs.scope))
            for record in scope_logs.log_records or ():
                found.add(len(record), lambda data=record: _json_record(data))
    return Records(found.kept, found.unfit)


def _json_head(make: Any, given: dict[str, Any] | None) -> bytes | None:
    try:
        return orjson.dumps(make(given or {}))
    except (ValueError, TypeError, AttributeError, RecursionError):
        return None


def _json_scope(given: dict[str, Any]) -> dict[str, Any]:
    made = {
        "name": _text(given.get("name")),
        "version": _text(given.get("version")),
        "attributes": _json_attributes(given.get("attributes")),
    }
    return {name: value for name, value in made.items() if value}


def _json_record(data: msgspec.Raw) -> dict[str, Any]:
    """Raises _Unfit."""
    try:
        given = orjson.loads(bytes(data))
        made = {
            "timeUnixNano": _integer(given.get("timeUnixNano")),
            "observedTimeUnixNano": _integer(given.get("observedTimeUnixNano")),
            "severityNumber": _severity(given.get("severityNumber")),
            "severityText": _text(given.get("severityText")),
            "body": _json_value(given.get("body")),
            "attributes": _json_attributes(given.get("attributes")),
            "traceId": _text(given.get("traceId")).lower(),
            "spanId": _text(given.get("spanId")).lower(),
            "flags": _integer(given.get("flags")),
            "eventName": _text(given.get("eventName")),
        }
    except (ValueError, TypeError, AttributeError) as error:
        raise _Unfit from error
    return {name: value for name, value in made.items() if value or (name == "body" and given.get("body") is not None)}


def _severity(given: Any) -> int:
    """A number, or one of the specification's names of it, as ProtoJSON allows."""
    if isinstance(given, str) and not given.lstrip("-").isdigit():
        from opentelemetry.proto.logs.v1.logs_pb2 import SeverityNumber

        return int(SeverityNumber.Value(given))
    return _integer(given)


def _integer(given: Any) -> int:
    """64-bit integers come as text in ProtoJSON, and as numbers from some."""
    if given is None:
        return 0
    if isinstance(given, bool) or not isinstance(given, str | int):
        raise _Unfit
    if isinstance(given, str) and len(given) > 20:
        raise _Unfit
    number = int(given)
    if not -(1 << 63) <= number < 1 << 64:
        raise _Unfit
    return number


def _text(given: Any) -> str:
    if given is None:
        return ""
    if not isinstance(given, str):
        raise _Unfit
    return given


def _json_attributes(pairs: Any, depth: int = 0) -> dict[str, Any]:
    if pairs is None:
        return {}
    if not isinstance(pairs, list) or len(pairs) > MOST_ATTRIBUTES:
        raise _Unfit
    return {_text(pair.get("key")): _json_value(pair.get("value"), depth) for pair in pairs}


def _json_value(given: Any, depth: int = 0) -> Any:
    if not given:
        return None
    if not isinstance(given, dict) or depth >= DEEPEST:
        raise _Unfit
    match given:
        case {"stringValue": str(text)}:
            return text
        case {"intValue": number}:
            return _integer(number)
        case {"boolValue": bool(truth)}:
            return truth
        case {"doubleValue": int(number) | float(number)}:
            return number
        case {"doubleValue": "NaN" | "Infinity" | "-Infinity"}:
            return None
        case {"doubleValue": str(text)}:
            return float(text)
        case {"arrayValue": dict(array)}:
            return [_json_value(each, depth + 1) for each in array.get("values") or ()]
        case {"kvlistValue": dict(pairs)}:
            return _json_attributes(pairs.get("values"), depth + 1)
        case {"bytesValue": str(text)}:
            try:
                return base64.b64encode(base64.b64decode(text + "=" * (-len(text) % 4), validate=True)).decode()
            except binascii.Error as error:
                raise _Unfit from error
    return None
