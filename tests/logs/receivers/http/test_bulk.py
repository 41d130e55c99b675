"""Elasticsearch's `_bulk`, as its clients speak it. Beats, Fluent Bit, Vector and Logstash are in no registry that the tests can fetch
from: their requests are replayed here, byte for byte as their sources and documentation write them."""

import base64
import gzip
import json
import socket
from typing import Any

import elasticsearch
import elasticsearch.helpers
import orjson
import pytest

from beffroi.logs.arrival import Form
from beffroi.logs.receivers.http.actions import read
from beffroi.logs.receivers.http.bodies import Failure, Limits
from beffroi.logs.receivers.http.bulk import BulkReceiver
from beffroi.logs.receivers.http.filters import filtered
from tests.logs.receivers.http.house import TOKEN, Keeper, ask, serving

NDJSON = {"Content-Type": "application/x-ndjson"}
BEATS_FILTER = (
    "errors%2Citems.index.status%2Citems.index.error%2Citems.create.status%2Citems.create.error"
    "%2Citems.update.status%2Citems.update.error"
)


def _bulk(*documents: str, action: str = '{"create":{"_index":"logs"}}', end: str = "\n") -> bytes:
    return "".join(f"{action}{end}{document}{end}" for document in documents).encode()


def test_it_keeps_documents_as_their_bytes_and_answers_an_item_for_each() -> None:
    keeper = Keeper()
    odd = '{"b" : 1.50,\t"a":"é\\u00e9"}'
    with serving(BulkReceiver(keeper)) as port:
        reply = ask(port, "POST", "/_bulk", _bulk(odd, '{"x":2}'), NDJSON)
    assert reply.status == 200
    assert reply.headers["X-Elastic-Product"] == "Elasticsearch"
    answer = json.loads(reply.body)
    assert answer["errors"] is False
    assert [item["create"]["status"] for item in answer["items"]] == [201, 201]
    assert keeper.messages == [odd.encode(), b'{"x":2}']
    assert [(batch.form, batch.ids) for batch in keeper.batches] == [(Form.JSON, None)]


@pytest.mark.parametrize("path", ["/_bulk", "/_bulk/", "/logs-x/_bulk", "/logs/_doc/_bulk", "/_bulk/?pipeline=geo"])
@pytest.mark.parametrize("method", ["POST", "PUT"])
def test_every_path_and_method_of_bulk_is_served(path: str, method: str) -> None:
    keeper = Keeper()
    with serving(BulkReceiver(keeper)) as port:
        reply = ask(port, method, path, _bulk('{"x":1}', action='{"index":{}}'), NDJSON)
    assert reply.status == 200
    assert keeper.messages == [b'{"x":1}']
    item = json.loads(reply.body)["items"][0]["index"]
    assert item["_index"] == ("" if path.startswith("/_bulk") else path.split("/")[1])


@pytest.mark.parametrize(
    "body",
    [
        b'{"index":{}}\n{"x":1}\n\n{"index":{}}\n{"x":2}\n\n',
        b'{"index":{}}\r\n{"x":1}\r\n{"index":{}}\r\n{"x":2}\r\n',
        b'{"index":{}}\r\n{"x":1}\r\n\r\n{"index":{}}\r\n{"x":2}',
        b' {"index" : {} }\n {"x":1} \n\n\n{ "index":{}}\n{"x":2}',
    ],
    ids=["blank lines", "CRLF", "both, no last newline", "blanks"],
)
def test_line_ends_of_all_kinds(body: bytes) -> None:
    found = read(body, "", "", Limits())
    assert found.plain == [b'{"x":1}', b'{"x":2}']
    assert len(found.items) == 2


def test_ids_stand_behind_their_index_and_apart_from_documents_without_one() -> None:
    keeper = Keeper()
    body = (
        b'{"create":{"_index":"a","_id":"1"}}\n{"x":1}\n'
        b'{"create":{"_index":"b","_id":"1"}}\n{"x":2}\n'
        b'{"create":{"_index":"b"}}\n{"x":3}\n'
        b'{"create":{"_index":"b","_id":7}}\n{"x":4}\n'
    )
    with serving(BulkReceiver(keeper)) as port:
        items = json.loads(ask(port, "POST", "/_bulk", body).body)["items"]
    assert [(batch.messages, batch.ids) for batch in keeper.batches] == [
        ([b'{"x":1}', b'{"x":2}', b'{"x":4}'], ["a/1", "b/1", "b/7"]),
        ([b'{"x":3}'], None),
    ]
    assert [item["create"].get("_id") for item in items] == ["1", "1", None, "7"]


def test_a_bad_document_fails_alone() -> None:
    keeper = Keeper()
    deep = '{"x":' + "[" * 100_000 + "]" * 100_000 + "}"
    bad = ['{"x":1', "[1]", '"x"', "", '{"x":1} {"y":2}', deep]
    receiver = BulkReceiver(keeper)
    with serving(receiver) as port:
        reply = ask(port, "POST", "/_bulk", _bulk('{"x":1}', *bad, '{"x":2}'), NDJSON)
    answer = json.loads(reply.body)
    assert answer["errors"] is True
    assert [item["create"]["status"] for item in answer["items"]] == [201, *[400] * len(bad), 201]
    assert {item["create"]["error"]["type"] for item in answer["items"][1:-1]} == {"mapper_parsing_exception"}
    assert keeper.messages == [b'{"x":1}', b'{"x":2}']
    assert receiver.tally["unfit"] == len(bad)
    assert receiver.tally["taken"] == 2


def test_a_foreign_byte_or_an_impossible_character_hides_no_event() -> None:
    keeper = Keeper()
    body = b'{"index":{}}\n{"user":"Ren\xe9"}\n{"index":{}}\n{"user":"\\ud800"}\n{"index":{}}\n{"user":"tab\t"}\n'
    with serving(BulkReceiver(keeper)) as port:
        assert json.loads(ask(port, "POST", "/_bulk", body).body)["errors"] is False
    assert keeper.messages == ['{"user":"Ren\ufffd"}'.encode(), b'{"user":"\\ud800"}', b'{"user":"tab\t"}']


def test_what_changes_documents_is_refused_item_by_item() -> None:
    body = (
        b'{"delete":{"_index":"a","_id":"1"}}\n{"create":{"_index":"a"}}\n{"x":1}\n'
        b'{"update":{"_index":"a","_id":"1"}}\n{"doc":{"x":2}}\n{"create":{"_index":"a"}}\n{"x":3}\n'
        b'{"create":{"_index":"a","_id":"' + b"i" * 513 + b'"}}\n{"x":4}\n'
    )
    found = read(body, "", "", Limits())
    assert found.plain == [b'{"x":1}', b'{"x":3}']
    assert found.unfit == 3
    statuses = [next(iter(orjson.loads(item).values()))["status"] for item in found.items]
    assert statuses == [400, 201, 400, 201, 400]


@pytest.mark.parametrize(
    "body", [b"", b"\n\n", b'{"x":1}\n', b"nonsense\n{}\n", b'{"create":{},"index":{}}\n{}\n', b"[]\n{}"]
)
def test_a_body_whose_lines_cannot_be_told_apart_is_refused_whole(body: bytes) -> None:
    keeper = Keeper()
    with serving(BulkReceiver(keeper)) as port:
        reply = ask(port, "POST", "/_bulk", body, NDJSON)
    assert reply.status == 400
    assert json.loads(reply.body)["error"]["type"] == "illegal_argument_exception"
    assert keeper.messages == []


def test_limits_of_a_request() -> None:
    limits = Limits(message=100, messages=3)
    with pytest.raises(Failure) as caught:
        read(_bulk(*["{}"] * 4), "", "", limits)
    assert caught.value.status == 413
    found = read(_bulk('{"x":"' + "y" * 100 + '"}', "{}"), "", "", limits)
    assert (found.plain, found.unfit) == ([b"{}"], 1)


def test_busy_and_refused_in_elasticsearchs_terms() -> None:
    for keeper, status, kind in [
        (Keeper(busy=1), 429, "es_rejected_execution_exception"),
        (Keeper(busy=1, full=True), 503, "unavailable_shards_exception"),
        (Keeper(tokens={TOKEN}), 401, "security_exception"),
        (Keeper(rejected=True), 403, "security_exception"),
    ]:
        with serving(BulkReceiver(keeper)) as port:
            reply = ask(port, "POST", "/_bulk", _bulk("{}"), {**NDJSON, "User-Agent": "x"})
        assert reply.status == status
        assert json.loads(reply.body)["error"]["type"] == kind
        assert (reply.headers["Retry-After"] == "1") is (status in {429, 503})
        assert keeper.messages == []


def test_who_would_lose_all_at_any_answer_gets_none() -> None:
    keeper = Keeper(busy=1)
    with serving(BulkReceiver(keeper)) as port:
        with pytest.raises(ConnectionError):
            ask(port, "POST", "/_bulk", _bulk("{}"), NDJSON)
        assert ask(port, "POST", "/_bulk", _bulk("{}"), NDJSON).status == 200


@pytest.mark.parametrize(
    ("asked", "left"),
    [
        ("", {"took": 1, "errors": True, "items": [{"index": {"status": 201}}, {"index": {"status": 400, "error": {"type": "x"}}}]}),
        ("errors", {"errors": True}),
        ("errors,items.*.error", {"errors": True, "items": [{"index": {"error": {"type": "x"}}}]}),
        ("items.*.status", {"items": [{"index": {"status": 201}}, {"index": {"status": 400}}]}),
        ("**.type", {"items": [{"index": {"error": {"type": "x"}}}]}),
        ("-items", {"took": 1, "errors": True}),
        ("took,err*", {"took": 1, "errors": True}),
        ("nothing", {}),
    ],
)  # fmt: skip
def test_filter_path(asked: str, left: dict[str, Any]) -> None:
    whole = {"took": 1, "errors": True, "items": [{"index": {"status": 201}}, {"index": {"status": 400, "error": {"type": "x"}}}]}  # fmt: skip
    assert filtered(whole, asked) == left


def test_single_documents() -> None:
    keeper = Keeper()
    with serving(BulkReceiver(keeper)) as port:
        assert ask(port, "POST", "/logs/_doc", '{"x":1}').status == 201
        assert json.loads(ask(port, "PUT", "/logs/_create/a%2Fb", '{"x":2}').body)["_id"] == "a/b"
        assert ask(port, "POST", "/logs/_doc", "[1]").status == 400
    assert [(batch.messages, batch.ids) for batch in keeper.batches] == [
        ([b'{"x":1}'], None),
        ([b'{"x":2}'], ["logs/a/b"]),
    ]


def _exchange(port: int, request: bytes) -> tuple[int, dict[str, str], bytes]:
    """Send bytes as they stand; (status, headers, body) of the answer."""
    import http.client

    with socket.create_connection(("127.0.0.1", port), timeout=10) as client:
        client.sendall(request)
        answer = http.client.HTTPResponse(client, method=request.split(b" ", 1)[0].decode())
        answer.begin()
        return answer.status, dict(answer.headers), answer.read()


def _request(line: str, headers: str, body: bytes = b"") -> bytes:
    head = f"{line}\r\nHost: 127.0.0.1:9200\r\n{headers}"
    if body:
        head += f"Content-Length: {len(body)}\r\n"
    return f"{head}\r\n".encode() + body


def test_beats_let_themselves_in() -> None:
    """The order of `libbeat/esleg/eslegclient` and `libbeat/outputs/elasticsearch`: ping, licence, policy, template, bulk."""
    keeper = Keeper(tokens={TOKEN})
    key = base64.b64encode(f"VuaCfGcBCdbkQm-e5aOx:{TOKEN}".encode()).decode()
    headers = (
        "User-Agent: Elastic-Winlogbeat/9.1.4 (windows; amd64; 0; 2025-09-12 00:00:00 +0000 UTC; a)\r\n"
        f"Accept: application/json\r\nAuthorization: ApiKey {key}\r\nAccept-Encoding: gzip\r\n"
    )
    with serving(BulkReceiver(keeper)) as port:
        status, _, body = _exchange(port, _request("GET / HTTP/1.1", headers))
        assert (status, json.loads(body)["version"]["number"]) == (200, "9.1.99")
        status, _, body = _exchange(port, _request("GET /_license?human=false HTTP/1.1", headers))
        assert json.loads(body)["license"]["status"] == "active"
        for path in ("/_ilm/policy/winlogbeat", "/_ingest/pipeline/winlogbeat-9.1.4-routing"):
            assert _exchange(port, _request(f"GET {path} HTTP/1.1", headers))[0] == 200
        assert _exchange(port, _request("HEAD /_index_template/winlogbeat-9.1.4 HTTP/1.1", headers))[0] == 200
        put = _request(
            "PUT /_index_template/winlogbeat-9.1.4 HTTP/1.1", headers, b'{"index_patterns":["winlogbeat-9.1.4"]}'
        )
        assert json.loads(_exchange(port, put)[2])["acknowledged"] is True
        body = gzip.compress(
            b'{"create":{"_index":"winlogbeat-9.1.4"}}\n{"@timestamp":"2026-03-14T09:26:53.589Z","event":{"code":"4625"}}\n'
        )
        bulk = _request(
            f"POST /_bulk?filter_path={BEATS_FILTER} HTTP/1.1",
            headers + "Content-Type: application/json; charset=UTF-8\r\nContent-Encoding: gzip\r\n",
            body,
        )
        assert json.loads(_exchange(port, bulk)[2]) == {"errors": False, "items": [{"create": {"status": 201}}]}
    assert keeper.messages == [b'{"@timestamp":"2026-03-14T09:26:53.589Z","event":{"code":"4625"}}']
    assert {proof.name for proof in keeper.proofs} == {"VuaCfGcBCdbkQm-e5aOx"}


def test_logstash_lets_itself_in() -> None:
    """The order of `logstash-output-elasticsearch`'s pool: HEAD /, version, licence, sniffing, template, bulk."""
    keeper = Keeper(tokens={TOKEN})
    basic = base64.b64encode(f"pond:{TOKEN}".encode()).decode()
    headers = (
        "Connection: Keep-Alive\r\nContent-Type: application/json\r\n"
        f"Authorization: Basic {basic}\r\nUser-Agent: Manticore 0.9.1\r\n"
    )
    with serving(BulkReceiver(keeper)) as port:
        status, got, body = _exchange(port, _request("HEAD / HTTP/1.1", headers))
        assert (status, body) == (200, b"")
        status, got, body = _exchange(port, _request("GET / HTTP/1.1", headers))
        assert got["x-elastic-product"] == "Elasticsearch"
        assert json.loads(body)["version"]["number"].split(".")[0] == "8"  # older Logstash have no template for 9
        assert (
            json.loads(_exchange(port, _request("GET /_license HTTP/1.1", headers))[2])["license"]["status"] == "active"
        )
        assert json.loads(_exchange(port, _request("GET /_nodes/http HTTP/1.1", headers))[2])["nodes"] == {}
        assert _exchange(port, _request("HEAD /_index_template/ecs-logstash HTTP/1.1", headers))[0] == 200
        body = b'{"index":{"_id":null,"_index":"ecs-logstash","routing":null}}\n{"message":"x"}\n'
        status, _, body = _exchange(port, _request("POST /_bulk HTTP/1.1", headers, body))
        answer = json.loads(body)
        assert (answer["errors"], [item["index"]["status"] for item in answer["items"]]) == (False, [201])
    assert keeper.messages == [b'{"message":"x"}']
    assert keeper.batches[0].ids is None


def test_vector_and_fluent_bit_let_themselves_in() -> None:
    """Vector asks for `/_cluster/health` and reads `errors`; Fluent Bit sends at once, its action as `es_bulk.h` writes it."""
    keeper = Keeper()
    with serving(BulkReceiver(keeper)) as port:
        assert _exchange(port, _request("GET /_cluster/health HTTP/1.1", "accept: */*\r\n"))[0] == 200
        body = b'{"create":{"_index":"vector-2026.03.14","_type":"_doc"}}\n{"message":"v"}\n'
        vector = _request(
            "POST /_bulk?timeout=60s HTTP/1.1",
            "content-type: application/x-ndjson\r\nuser-agent: Vector/0.49.0\r\n",
            body,
        )
        assert b'"errors":false' in _exchange(port, vector)[2]
        body = (
            b'{"create":{"_index":"fluent-bit","_type":"_doc"}}\n{"@timestamp":"2026-03-14T09:26:53.589Z","log":"f"}\n'
        )
        fluent = _request(
            "POST /_bulk HTTP/1.1", "User-Agent: Fluent-Bit\r\nContent-Type: application/x-ndjson\r\n", body
        )
        status, _, answer = _exchange(port, fluent)
        assert (status, json.loads(answer)["errors"]) == (200, False)
    assert [json.loads(each).get("message") for each in keeper.messages] == ["v", None]


def test_what_is_not_for_writing_is_not_known() -> None:
    with serving(BulkReceiver(Keeper())) as port:
        for method, path in [("GET", "/_cat/indices"), ("POST", "/logs/_search"), ("DELETE", "/_security/user/x")]:
            assert ask(port, method, path).status == 404
        assert ask(port, "PATCH", "/logs").status == 405
        assert ask(port, "GET", "/?" + "&".join("ab"[i % 2] for i in range(1000))).status == 200
        assert ask(port, "POST", "/_bulk?" + "&".join("ab"[i % 2] for i in range(1000)), _bulk("{}")).status == 400


@pytest.mark.parametrize("compress", [False, True], ids=["plain", "gzip"])
def test_elastics_own_client_sends_in_bulk(compress: bool) -> None:
    keeper = Keeper(tokens={TOKEN})
    documents = [{"_index": "logs", "_id": str(n), "n": n, "text": "Grüße"} for n in range(1200)]
    login = ("device", TOKEN)
    with serving(BulkReceiver(keeper)) as port, _client(port, basic_auth=login, http_compress=compress) as client:
        assert client.info()["version"]["number"]
        assert elasticsearch.helpers.bulk(client, documents) == (1200, [])
        assert client.index(index="logs", document={"n": -1})["result"] == "created"
    assert [json.loads(each)["n"] for each in keeper.messages] == [*range(1200), -1]
    assert keeper.batches[0].ids == [f"logs/{n}" for n in range(500)]
    assert {(proof.peer, proof.name, proof.receiver) for proof in keeper.proofs} == {("127.0.0.1", "device", "bulk")}


@pytest.mark.parametrize("full", [False, True])
def test_elastics_own_client_comes_again_when_we_are_busy(full: bool) -> None:
    keeper = Keeper(busy=2, full=full)
    documents = [{"_index": "logs", "n": n} for n in range(10)]
    with (
        serving(BulkReceiver(keeper)) as port,
        _client(port, max_retries=5, retry_on_status=[429, 503]) as client,
    ):
        assert elasticsearch.helpers.bulk(client, documents) == (10, [])
    assert len(keeper.messages) == 10


def test_elastics_own_client_hears_that_it_is_unknown() -> None:
    with (
        serving(BulkReceiver(Keeper(tokens={TOKEN}))) as port,
        _client(port, api_key="wrong") as client,
        pytest.raises(elasticsearch.AuthenticationException),
    ):
        elasticsearch.helpers.bulk(client, [{"_index": "logs", "n": 1}])


def _client(port: int, **named: Any) -> elasticsearch.Elasticsearch:
    return elasticsearch.Elasticsearch(f"http://127.0.0.1:{port}", **named)
