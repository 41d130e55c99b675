import gzip
import json
import logging
from typing import Any

import pytest
from opentelemetry._logs import SeverityNumber
from opentelemetry.exporter.otlp.proto.http import Compression
from opentelemetry.exporter.otlp.proto.http._log_exporter import OTLPLogExporter
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest, ExportLogsServiceResponse
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue
from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord, ResourceLogs, ScopeLogs
from opentelemetry.sdk._logs import LoggerProvider
from opentelemetry.sdk._logs.export import BatchLogRecordProcessor
from opentelemetry.sdk.resources import Resource

from beffroi.logs.arrival import Form
from beffroi.logs.receivers.http import records
from beffroi.logs.receivers.http.bodies import Failure, Limits
from beffroi.logs.receivers.http.otlp import OtlpReceiver
from tests.logs.receivers.http.house import TOKEN, Keeper, ask, serving
from tests.memory import begin_peak, peak

PROTOBUF = {"Content-Type": "application/x-protobuf"}
JSON = {"Content-Type": "application/json; charset=utf-8"}


def _attribute(name: str, **value: Any) -> KeyValue:
    return KeyValue(key=name, value=AnyValue(**value))


def _request(*given: LogRecord) -> ExportLogsServiceRequest:
    request = ExportLogsServiceRequest()
    logs = request.resource_logs.add()
    logs.resource.attributes.extend([_attribute("service.name", string_value="vpn"), _attribute("n", int_value=-3)])
    scope = logs.scope_logs.add()
    scope.scope.name = "auth"
    scope.log_records.extend(given)
    return request


def _whole() -> LogRecord:
    record = LogRecord(
        time_unix_nano=1773480000000000001,
        observed_time_unix_nano=1773480000000000002,
        severity_number=9,  # type: ignore[arg-type]
        severity_text="INFO",
        body=AnyValue(string_value="Ünruhe"),
        trace_id=bytes(range(16)),
        span_id=bytes(range(8)),
        flags=1,
        event_name="user.login",
    )
    record.attributes.extend(
        [
            _attribute("user.name", string_value="a.peeters"),
            _attribute("ok", bool_value=False),
            _attribute("big", int_value=9007199254740993),
            _attribute("share", double_value=0.5),
            _attribute("raw", bytes_value=b"\x00\xff"),
            _attribute("none"),
        ]
    )
    record.attributes.add(key="list").value.array_value.values.extend(
        [AnyValue(string_value="a"), AnyValue(int_value=1)]
    )
    record.attributes.add(key="map").value.kvlist_value.values.append(_attribute("a.b", string_value="c"))
    return record


MESSAGE = {
    "resource": {"service.name": "vpn", "n": -3},
    "scope": {"name": "auth"},
    "record": {
        "timeUnixNano": 1773480000000000001,
        "observedTimeUnixNano": 1773480000000000002,
        "severityNumber": 9,
        "severityText": "INFO",
        "body": "Ünruhe",
        "attributes": {
            "user.name": "a.peeters",
            "ok": False,
            "big": 9007199254740993,
            "share": 0.5,
            "raw": "AP8=",
            "none": None,
            "list": ["a", 1],
            "map": {"a.b": "c"},
        },
        "traceId": "000102030405060708090a0b0c0d0e0f",
        "spanId": "0001020304050607",
        "flags": 1,
        "eventName": "user.login",
    },
}

IN_JSON = {
    "resourceLogs": [
        {
            "resource": {
                "attributes": [
                    {"key": "service.name", "value": {"stringValue": "vpn"}},
                    {"key": "n", "value": {"intValue": "-3"}},
                ]
            },
            "scopeLogs": [
                {
                    "scope": {"name": "auth"},
                    "logRecords": [
                        {
                            "timeUnixNano": "1773480000000000001",
                            "observedTimeUnixNano": "1773480000000000002",
                            "severityNumber": 9,
                            "severityText": "INFO",
                            "body": {"stringValue": "Ünruhe"},
                            "attributes": [
                                {"key": "user.name", "value": {"stringValue": "a.peeters"}},
                                {"key": "ok", "value": {"boolValue": False}},
                                {"key": "big", "value": {"intValue": "9007199254740993"}},
                                {"key": "share", "value": {"doubleValue": 0.5}},
                                {"key": "raw", "value": {"bytesValue": "AP8="}},
                                {"key": "none", "value": {}},
                                {"key": "list", "value": {"arrayValue": {"values": [{"stringValue": "a"}, {"intValue": 1}]}}},
                                {"key": "map", "value": {"kvlistValue": {"values": [{"key": "a.b", "value": {"stringValue": "c"}}]}}},
                            ],
                            "traceId": "000102030405060708090A0B0C0D0E0F",
                            "spanId": "0001020304050607",
                            "flags": 1,
                            "eventName": "user.login",
                            "droppedAttributesCount": 2,
                            "unknownOfTheFuture": {"x": [1]},
                        }
                    ],
                }
            ],
        }
    ]
}  # fmt: skip


def test_a_record_has_one_shape_from_protobuf_and_from_json() -> None:
    keeper = Keeper()
    with serving(OtlpReceiver(keeper)) as port:
        binary = ask(port, "POST", "/v1/logs", _request(_whole()).SerializeToString(), PROTOBUF)
        text = ask(port, "POST", "/v1/logs", json.dumps(IN_JSON), JSON)
    assert (binary.status, binary.headers["Content-Type"], binary.body) == (200, "application/x-protobuf", b"")
    assert (text.status, text.headers["Content-Type"], text.body) == (200, "application/json", b"{}")
    assert [json.loads(each) for each in keeper.messages] == [MESSAGE, MESSAGE]
    assert keeper.batches[0].form is Form.OTLP


def test_what_is_not_said_is_absent() -> None:
    bare = ExportLogsServiceRequest(resource_logs=[ResourceLogs(scope_logs=[ScopeLogs(log_records=[LogRecord()])])])
    empty = [b'{"resource":{},"scope":{},"record":{}}']
    assert records.from_protobuf(bare.SerializeToString(), Limits()).kept == empty
    assert records.from_json(b'{"resourceLogs":[{"scopeLogs":[{"logRecords":[{}]}]}]}', Limits()).kept == empty
    assert records.from_protobuf(b"", Limits()) == records.from_json(b"{}", Limits()) == records.Records([], 0)


def _deep(levels: int) -> AnyValue:
    value = AnyValue(string_value="deep")
    for _ in range(levels):
        outer = AnyValue()
        outer.array_value.values.append(value)
        value = outer
    return value


@pytest.mark.parametrize("headers", [PROTOBUF, JSON], ids=["protobuf", "JSON"])
def test_an_unfit_record_is_rejected_alone_and_told(headers: dict[str, str]) -> None:
    good = LogRecord(body=AnyValue(string_value="good"))
    unfit = [
        LogRecord(body=_deep(40)),
        LogRecord(body=AnyValue(string_value="x" * (2 << 20))),
        LogRecord(attributes=[_attribute("a", int_value=1)] * 2000),
    ]
    keeper = Keeper()
    receiver = OtlpReceiver(keeper)
    body: Any = _request(good, *unfit, good).SerializeToString()
    if headers is JSON:
        deep: dict[str, Any] = {"stringValue": "deep"}
        for _ in range(40):
            deep = {"arrayValue": {"values": [deep]}}
        pair = {"key": "a", "value": {"intValue": "1"}}
        said = {"body": {"stringValue": "good"}}
        wrong = [{"body": deep}, {"body": {"stringValue": "x" * (2 << 20)}}, {"attributes": [pair] * 2000}]
        body = json.dumps({"resourceLogs": [{"scopeLogs": [{"logRecords": [said, *wrong, said]}]}]})
    with serving(receiver) as port:
        reply = ask(port, "POST", "/v1/logs", body, headers)
    assert reply.status == 200
    if headers is JSON:
        rejected = int(json.loads(reply.body)["partialSuccess"]["rejectedLogRecords"])
    else:
        rejected = ExportLogsServiceResponse.FromString(reply.body).partial_success.rejected_log_records
    assert rejected == receiver.tally["unfit"] == 3
    assert [json.loads(each)["record"]["body"] for each in keeper.messages] == ["good", "good"]


@pytest.mark.parametrize(
    "body",
    [b"\xff", b"\x0a\x05abc", b"\x0a\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff", b"\x0b", b"hello world", b"\x0a"],
)
def test_what_is_no_protobuf_is_refused(body: bytes) -> None:
    with serving(OtlpReceiver(Keeper())) as port:
        reply = ask(port, "POST", "/v1/logs", body, PROTOBUF)
    assert (reply.status, reply.headers["Content-Type"]) == (400, "application/x-protobuf")
    assert reply.body[:3] == b"\x08\x03\x12"
    assert reply.body[4:].decode() == "The body is no ExportLogsServiceRequest."


@pytest.mark.parametrize("body", [b"", b"[]", b'{"resourceLogs":{}}', b'{"resourceLogs":[1]}', b"[" * 200_000])
def test_what_is_no_json_is_refused(body: bytes) -> None:
    with serving(OtlpReceiver(Keeper())) as port:
        reply = ask(port, "POST", "/v1/logs", body, JSON)
    assert reply.status == 400
    assert json.loads(reply.body)["code"] == 3


@pytest.mark.parametrize(
    "record",
    [
        {"timeUnixNano": "x"},
        {"timeUnixNano": True},
        {"timeUnixNano": "9" * 4000},
        {"body": "text"},
        {"body": {"intValue": 1.5}},
        {"attributes": {"a": 1}},
        {"attributes": [1]},
        {"traceId": 1},
        [],
        "x",
        None,
    ],
)
def test_a_record_that_is_not_as_it_should_be_is_unfit(record: Any) -> None:
    good = {"body": {"stringValue": "good"}}
    body = json.dumps({"resourceLogs": [{"scopeLogs": [{"logRecords": [record, good]}]}]}).encode()
    found = records.from_json(body, Limits())
    assert (len(found.kept), found.unfit) == (1, 1)


@pytest.mark.slow
def test_empty_records_by_the_million_cost_no_memory() -> None:
    """As one message of the library they would need hundreds of megabytes."""
    empty = b"\x12\x00" * 1_000_000
    before = begin_peak()
    for body in (_layer(1, _layer(2, empty)), _layer(1, empty), b"\x0a\x00" * 1_000_000):
        with pytest.raises(Failure) as caught:
            records.from_protobuf(body, Limits())
        assert caught.value.status == 413
    assert peak() - before < 50 << 10  # KiB
    with pytest.raises(Failure):
        records.from_json(b'{"resourceLogs":[{"scopeLogs":[' + b"{}," * 1_100_000 + b"{}]}]}", Limits())


def _layer(number: int, data: bytes) -> bytes:
    size = len(data)
    length = b""
    while size > 127:
        length += bytes([size & 127 | 128])
        size >>= 7
    return bytes([number << 3 | 2]) + length + bytes([size]) + data


def test_statuses_and_when_to_come_again() -> None:
    body = _request(_whole()).SerializeToString()
    for keeper, status, code in [
        (Keeper(busy=1), 429, 8),
        (Keeper(busy=1, full=True), 503, 14),
        (Keeper(tokens={TOKEN}), 401, 16),
        (Keeper(rejected=True), 403, 7),
    ]:
        with serving(OtlpReceiver(keeper)) as port:
            reply = ask(port, "POST", "/v1/logs", body, PROTOBUF)
        assert (reply.status, reply.body[:2]) == (status, bytes([8, code]))
        assert (reply.headers["Retry-After"] == "1") is (status in {429, 503})
    with serving(OtlpReceiver(Keeper())) as port:
        assert ask(port, "POST", "/v1/traces", body, PROTOBUF).status == 404
        assert ask(port, "GET", "/v1/logs").status == 405
        assert ask(port, "POST", "/v1/logs", body, {"Content-Type": "text/plain"}).status == 415
        assert ask(port, "POST", "/v1/logs", bytes(21 << 20), PROTOBUF).status == 413
        assert (
            ask(port, "POST", "/v1/logs", gzip.compress(body), {**PROTOBUF, "Content-Encoding": "gzip"}).status == 200
        )


@pytest.mark.slow  # the SDK waits a second before it comes again
@pytest.mark.parametrize("compression", [Compression.NoCompression, Compression.Gzip, Compression.Deflate])
@pytest.mark.parametrize("busy", [0, 1])
def test_opentelemetrys_own_sdk_sends_logs(compression: Compression, busy: int) -> None:
    keeper = Keeper(tokens={TOKEN}, busy=busy)
    with serving(OtlpReceiver(keeper)) as port:
        exporter = OTLPLogExporter(
            f"http://127.0.0.1:{port}/v1/logs", headers={"authorization": f"Bearer {TOKEN}"}, compression=compression
        )
        provider = LoggerProvider(Resource({"service.name": "agenda", "host.name": "srv1"}))
        provider.add_log_record_processor(BatchLogRecordProcessor(exporter))
        logger = provider.get_logger("agenda.auth", "1.2")
        for number in range(20):
            logger.emit(
                severity_number=SeverityNumber.WARN,
                body=f"sign-in {number} failed",
                attributes={"user.name": "m.dubois", "tries": number},
                event_name="sign-in",
            )
        assert provider.force_flush()
        provider.shutdown()
    found = [json.loads(each) for each in keeper.messages]
    assert [each["record"]["body"] for each in found] == [f"sign-in {number} failed" for number in range(20)]
    assert found[7]["resource"]["host.name"] == "srv1"
    assert found[7]["scope"] == {"name": "agenda.auth", "version": "1.2"}
    assert found[7]["record"]["attributes"] == {"user.name": "m.dubois", "tries": 7}
    assert found[7]["record"]["severityNumber"] == 13
    assert found[7]["record"]["eventName"] == "sign-in"


def test_opentelemetrys_own_sdk_hears_what_was_rejected(caplog: pytest.LogCaptureFixture) -> None:
    with serving(OtlpReceiver(Keeper(tokens=set()))) as port:
        exporter = OTLPLogExporter(f"http://127.0.0.1:{port}/v1/logs")
        provider = LoggerProvider()
        provider.add_log_record_processor(BatchLogRecordProcessor(exporter))
        provider.get_logger("x").emit(body="x")
        with caplog.at_level(logging.ERROR):
            provider.force_flush()
            provider.shutdown()
    assert "401" in caplog.text
