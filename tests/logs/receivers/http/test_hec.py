import base64
import gzip
import json
import re
from typing import Any

import pytest

from beffroi.logs.arrival import Form
from beffroi.logs.receivers.http import envelopes
from beffroi.logs.receivers.http.bodies import Failure, Limits
from beffroi.logs.receivers.http.hec import HecReceiver
from tests.logs.receivers.http.house import TOKEN, Keeper, ask, serving

SPLUNK = {"Authorization": f"Splunk {TOKEN}"}
EVENT = "/services/collector/event"


@pytest.mark.parametrize("path", ["/services/collector", EVENT, EVENT + "/1.0", EVENT + "/"])
def test_it_keeps_envelopes_as_their_bytes(path: str) -> None:
    keeper = Keeper(tokens={TOKEN})
    with serving(HecReceiver(keeper)) as port:
        reply = ask(port, "POST", path, '{"event" : "é",  "host":"pc1"}'.encode(), SPLUNK)
    assert (reply.status, json.loads(reply.body)) == (200, {"text": "Success", "code": 0})
    assert keeper.messages == ['{"event" : "é",  "host":"pc1"}'.encode()]
    assert keeper.batches[0].form is Form.HEC


ONE, TWO, TRAP = b'{"event":"a"}', b'{"time":1.5,"event":{"b":[1,{"c":2}]}}', rb'{"event":"x}{y \" }{ \\"}'
PRETTY = b'{\n  "event": {\n    "a": 1\n  }\n}'


@pytest.mark.parametrize("between", [b"", b"\n", b"\r\n", b" ", b"\n\n", b",\n"])
@pytest.mark.parametrize(
    "order", [[ONE, TWO], [ONE, TRAP, TWO], [TRAP], [PRETTY, ONE, TWO], [ONE, PRETTY], [TRAP, TRAP]]
)
def test_envelopes_with_anything_or_nothing_between_them(order: list[bytes], between: bytes) -> None:
    found = envelopes.read(between.join(order) + between, Limits())
    assert (found.kept, found.unfit) == (order, [])


def test_envelopes_in_an_array() -> None:
    assert envelopes.read(b" [" + b" ,\n".join([ONE, TRAP, TWO]) + b"]", Limits()).kept == [ONE, TRAP, TWO]


@pytest.mark.parametrize(
    ("body", "kept", "unfit"),
    [
        (ONE + b'{"host":"x"}' + TWO, [ONE, TWO], [(1, 12)]),
        (ONE + b'\n{"event":""}\n' + TWO, [ONE, TWO], [(1, 13)]),
        (ONE + b'{"event":null}' + TWO, [ONE, TWO], [(1, 12)]),
        (ONE + TWO + b'{"event":"cut', [ONE, TWO], [(2, 6)]),
        (b"[" + ONE + b',{"x":1},3]', [ONE], [(1, 12), (2, 6)]),
        (b"[" + ONE, [], [(0, 6)]),
        (b"plain text", [], [(0, 6)]),
        (b'{"event":' + b"[" * 100_000 + b"]" * 100_000 + b"}" + ONE, [], [(0, 6)]),
        (b'{"event":"' + b"y" * 2000 + b'"}' + ONE, [ONE], [(0, 6)]),
    ],
)
def test_an_unfit_envelope_spoils_none_beside_it(body: bytes, kept: list[bytes], unfit: list[tuple[int, int]]) -> None:
    found = envelopes.read(body, Limits(message=1000))
    assert (found.kept, found.unfit) == (kept, unfit)


def test_a_foreign_byte_or_an_impossible_character_hides_no_event() -> None:
    found = envelopes.read(b'{"event":"Ren\xe9"}{"event":"\\ud800"}', Limits())
    assert found == envelopes.Envelopes(['{"event":"Ren\ufffd"}'.encode(), b'{"event":"\\ud800"}'], [])


def test_too_many_envelopes_are_refused_whole() -> None:
    for body in (ONE * 4, b"[" + b",".join([ONE] * 4) + b"]"):
        with pytest.raises(Failure) as caught:
            envelopes.read(body, Limits(messages=3))
        assert caught.value.status == 413


def test_what_must_be_read_as_one_document_is_bounded() -> None:
    for body in (b'{"event":\n[' + b"[],\n" * 100 + b"1]}", b"[" + (ONE + b",") * 100 + ONE + b"]"):
        with pytest.raises(Failure) as caught:
            envelopes.read(body, Limits(values=50))
        assert caught.value.status == 413


def test_raw_lines_become_envelopes_with_what_the_query_says() -> None:
    keeper = Keeper()
    with serving(HecReceiver(keeper)) as port:
        path = "/services/collector/raw/1.0?channel=1&host=nas%201&sourcetype=syslog&source="
        reply = ask(port, "POST", path, 'one "1"\r\n\n\u00e9 two'.encode() + b"\n\xe9")
    assert json.loads(reply.body) == {"text": "Success", "code": 0, "ackId": 0}
    said = {"host": "nas 1", "sourcetype": "syslog"}
    assert [json.loads(each) for each in keeper.messages] == [
        {**said, "event": event} for event in ('one "1"', "\u00e9 two", "\ufffd")
    ]


def test_splunks_codes() -> None:
    keeper = Keeper(tokens={TOKEN})
    basic = {"Authorization": "Basic " + base64.b64encode(f"x:{TOKEN}".encode()).decode()}
    unready = Keeper(busy=2)
    with serving(HecReceiver(keeper)) as port:
        assert _code(port, "POST", EVENT, ONE, basic) == (200, 0)
        assert _code(port, "POST", EVENT, ONE) == (401, 2)
        assert _code(port, "POST", EVENT, ONE, {"Authorization": "Nonsense"}) == (401, 3)
        assert _code(port, "POST", EVENT, ONE, {"Authorization": "Splunk wrong"}) == (403, 4)
        assert _code(port, "POST", EVENT, b"", SPLUNK) == (400, 5)
        assert _code(port, "POST", EVENT, b"nonsense", SPLUNK) == (400, 6)
        assert _code(port, "POST", EVENT, b"{}", SPLUNK) == (400, 12)
        assert _code(port, "POST", EVENT, b'{"event":""}', SPLUNK) == (400, 13)
        assert _code(port, "POST", EVENT, b"\x1f\x8b", {**SPLUNK, "Content-Encoding": "gzip"}) == (400, 6)
        assert _code(port, "GET", "/services/collector/health") == (200, 17)
        assert _code(port, "GET", "/services/collector/health/1.0") == (200, 17)
        assert ask(port, "GET", EVENT, headers=SPLUNK).status == 405
        assert ask(port, "POST", "/services/collectorx", ONE, SPLUNK).status == 404
    with serving(HecReceiver(unready)) as port:
        assert _code(port, "POST", EVENT, ONE) == (503, 9)
        assert ask(port, "POST", EVENT, ONE).headers["Retry-After"] == "1"
    with serving(HecReceiver(Keeper(rejected=True))) as port:
        assert _code(port, "POST", EVENT, ONE) == (403, 4)


def _code(port: int, *request: Any) -> tuple[int, int]:
    reply = ask(port, *request)
    return reply.status, json.loads(reply.body)["code"]


def test_the_first_unfit_event_is_named() -> None:
    keeper = Keeper()
    with serving(HecReceiver(keeper)) as port:
        reply = ask(port, "POST", EVENT, ONE + b"{}" + TWO)
    assert (reply.status, json.loads(reply.body)) == (
        400,
        {"text": "Event field is required", "code": 12, "invalid-event-number": 1},
    )
    assert keeper.messages == [ONE, TWO]


def test_what_was_given_out_is_acknowledged_and_nothing_else() -> None:
    with serving(HecReceiver(Keeper())) as port:
        channel = {"X-Splunk-Request-Channel": "fe0ecfad-13d5-401b-847d-77833bd77131"}
        given = [json.loads(ask(port, "POST", EVENT, ONE, channel).body)["ackId"] for _ in range(2)]
        asked = ask(port, "POST", "/services/collector/ack", json.dumps({"acks": [*given, 2]}), channel)
        assert _code(port, "POST", "/services/collector/ack", b'{"acks":[0]}') == (400, 10)
        assert _code(port, "POST", "/services/collector/ack", b'{"acks":0}', channel) == (400, 6)
    assert given == [0, 1]
    assert json.loads(asked.body) == {"acks": {"0": True, "1": True, "2": False}}


def test_the_content_type_does_not_matter_and_packing_does() -> None:
    keeper = Keeper()
    with serving(HecReceiver(keeper)) as port:
        form = {"Content-Type": "application/x-www-form-urlencoded", "Content-Encoding": "gzip"}
        assert ask(port, "POST", EVENT, gzip.compress(ONE * 3), form).status == 200
        assert ask(port, "POST", EVENT, ONE, {"Content-Encoding": "br"}).status == 415
    assert keeper.messages == [ONE] * 3


def test_no_token_gets_into_a_log(caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]) -> None:
    caplog.set_level(0)
    with serving(HecReceiver(Keeper(tokens={TOKEN}))) as port:
        ask(port, "POST", f"{EVENT}?token={TOKEN}", b'{"event":"secret of the house"}', SPLUNK)
        ask(port, "POST", EVENT, b"secret of the house", SPLUNK)
        ask(port, "POST", EVENT, b"secret of the house", {"Authorization": f"Splunk {TOKEN}x"})
    told = caplog.text + "".join(capfd.readouterr())
    assert not re.search(f"{TOKEN}|secret", told)
