import contextlib
import json
import ssl
import struct
import zlib
from typing import Any

import pylogbeat  # type: ignore[import-untyped]
import pytest
from hypothesis import given
from hypothesis import strategies as st

from beffroi.core.config import Listen
from beffroi.core.model import UnfitError
from beffroi.logs.arrival import Form
from beffroi.logs.receivers import Limits, Lumberjack
from beffroi.logs.receivers import lumberjack as module
from beffroi.logs.receivers.lumberjack import Document, Frames
from tests.logs.receivers.certificates import Certificates
from tests.logs.receivers.serving import Recorder, closed, connected, serving, until

ANYWHERE = Listen("127.0.0.1", 0)


def window(count: int) -> bytes:
    return struct.pack(">2sI", b"2W", count)


def document(sequence: int, text: bytes) -> bytes:
    return struct.pack(">2sII", b"2J", sequence, len(text)) + text


def packed(frames: bytes) -> bytes:
    data = zlib.compress(frames)
    return struct.pack(">2sI", b"2C", len(data)) + data


def ack(sequence: int) -> bytes:
    return struct.pack(">2sI", b"2A", sequence)


def read(data: bytes, *, pieces: int | None = None, limits: Limits | None = None) -> list[Document]:
    frames = Frames(limits or Limits())
    found = []
    for at in range(0, len(data), pieces or len(data)):
        frames.feed(data[at : at + (pieces or len(data))])
        more = True
        while more:
            some, more = frames.documents()
            found += some
    assert not frames.half
    return found


@given(
    st.lists(st.binary(max_size=40), max_size=10),
    st.sampled_from([None, 1, 7]),
    st.booleans(),
)
def test_documents_come_out_as_they_went_in(texts: list[bytes], pieces: int | None, compressed: bool) -> None:
    frames = b"".join(document(number, text) for number, text in enumerate(texts, 1))
    data = window(len(texts)) + (packed(frames) if compressed else frames)
    assert read(data, pieces=pieces) == [Document(number, text) for number, text in enumerate(texts, 1)]


@given(st.binary(max_size=100), st.sampled_from([b"", b"2J", b"2C", b"1D", b"2W\0\0\0\1"]), st.booleans())
def test_rubbish_is_unfit_or_waited_for(data: bytes, start: bytes, compressed: bool) -> None:
    frames = Frames(Limits())
    frames.feed(packed(start + data) if compressed else start + data)
    with contextlib.suppress(UnfitError):
        while frames.documents()[1]:
            pass


@pytest.mark.parametrize(
    ("data", "sentence"),
    [
        (b"GET / HTTP/1.1\r\n\r\n", "it sent is not Lumberjack: a frame does not begin as one"),
        (b"1D", "it sent is not Lumberjack: a frame does not begin as one"),
        (b"2X", "it sent is not Lumberjack: a frame does not begin as one"),
        (window(65_537), "it announced 65537 events at once; 65536 are taken"),
        (packed(packed(document(1, b"{}"))), "it sent a compressed frame within another"),
        (packed(document(1, b"{}")[:-1]), "a compressed frame ends within a document"),
        (struct.pack(">2sI", b"2C", 4) + b"abcd", "a compressed frame that is damaged"),
        (struct.pack(">2sI", b"2C", 5) + packed(document(1, b"{}"))[6:11], "a compressed frame that is damaged"),
        (struct.pack(">2sI", b"2C", 20_000) + zlib.compress(b"") + b"x" * 20_000, "a compressed frame that is damaged"),
        (packed(document(1, b" " * (20 << 20))), "a compressed frame that grows beyond all measure"),
    ],
)
def test_hostile_frames_are_told_in_a_sentence(data: bytes, sentence: str) -> None:
    with pytest.raises(UnfitError, match=sentence):
        read(data)
    with pytest.raises(UnfitError, match=sentence):
        read(data, pieces=997)


def test_a_document_too_long_is_cut_and_those_after_it_are_whole() -> None:
    limits = Limits(document=10)
    data = b"".join([document(1, b"short"), document(2, b"x" * 300_000), document(3, b"short")])
    for each in (data, packed(data)):
        frames = Frames(Limits(document=10, ratio=2_000))
        frames.feed(each)
        found: list[bytes] = []
        more = True
        while more:
            documents, more = frames.documents()
            found += [one.text for one in documents]
        assert found == [b"short", b"x" * 10, b"short"]
        assert frames.cut == 1
    assert [each.text for each in read(data, pieces=100, limits=limits)] == [b"short", b"x" * 10, b"short"]


def test_work_is_done_in_small_portions() -> None:
    frames = Frames(Limits(ratio=2_000))
    frames.feed(packed(b"".join(document(number, b'"%d"' % number * 1_000) for number in range(1, 1_001))))
    portions, more = [], True
    while more:
        some, more = frames.documents()
        portions.append(sum(len(each.text) for each in some))
    assert len(portions) > 5
    assert max(portions) < 2 * module.BUDGET


def beats(port: int, keys: Certificates | None = None) -> pylogbeat.PyLogBeatClient:
    secured: dict[str, Any] = {}
    if keys is not None:
        secured = {
            "ssl_enable": True,
            "ca_certs": str(keys.authority),
            "certfile": str(keys.device),
            "keyfile": str(keys.device_key),
        }
    return pylogbeat.PyLogBeatClient("127.0.0.1", port, timeout=10, **secured)


@pytest.mark.slow
@pytest.mark.parametrize("tls", [False, True])
def test_a_real_client_is_answered_window_by_window(tls: bool, keys: Certificates) -> None:
    intake = Recorder()
    receiver = Lumberjack(ANYWHERE, intake, tls=keys.context() if tls else None)
    with serving(receiver) as port, beats(port, keys if tls else None) as client:
        for first in range(0, 5_000, 1_000):
            client.send([{"message": f"événement {number}"} for number in range(first, first + 1_000)])
            assert len(intake.messages) == first + 1_000
    assert [json.loads(each)["message"] for each in intake.messages] == [f"événement {each}" for each in range(5_000)]
    assert {batch.form for _, batch in intake.taken} == {Form.JSON}
    assert intake.proofs[0].certificate == (keys.der if tls else None)
    assert intake.proofs[0].encrypted is tls


def test_a_client_without_a_certificate_is_not_let_in(keys: Certificates) -> None:
    intake = Recorder()
    receiver = Lumberjack(ANYWHERE, intake, tls=keys.context())
    with serving(receiver) as port:
        client = keys.client(known=False).wrap_socket(connected(port), server_hostname="localhost")
        with client, contextlib.suppress(OSError):  # TLS 1.3 tells a client only later that it may not come in
            client.sendall(window(1) + document(1, b"{}"))
            assert client.recv(6) == b""
        until(lambda: receiver.counts.failed == 1)
    assert intake.proofs == []
    assert "tls handshake failed" in str(receiver.troubles.told()[0][1]).lower()


def test_windows_that_are_sent_ahead_are_each_answered() -> None:
    intake = Recorder()
    with serving(Lumberjack(ANYWHERE, intake)) as port, connected(port) as client:
        first = window(3) + packed(b"".join(document(number, b"{}") for number in (1, 2, 3)))
        second = window(2) + packed(b"".join(document(number, b"[]") for number in (1, 2)))
        client.sendall(first + second)
        answers = b""
        while not answers.endswith(ack(2)):
            answers += client.recv(100)
        assert ack(3) in answers
    assert intake.messages == [b"{}"] * 3 + [b"[]"] * 2


@pytest.mark.slow
def test_one_that_waits_hears_of_us_meanwhile(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "KEEP_ALIVE", 0.1)
    with serving(Lumberjack(ANYWHERE, Recorder(delay=0.45))) as port, connected(port) as client:
        client.sendall(window(1) + document(1, b"{}"))
        answers = b""
        while not answers.endswith(ack(1)):
            answers += client.recv(100)
    assert answers == ack(0) * (len(answers) // 6 - 1) + ack(1)
    assert len(answers) > 12


def test_one_that_found_no_room_has_no_answer_and_sends_again() -> None:
    intake = Recorder(busy=1)
    receiver = Lumberjack(ANYWHERE, intake)
    with serving(receiver) as port:
        with beats(port) as client, pytest.raises((pylogbeat.ConnectionException, OSError, struct.error)):
            client.send([{"a": 1}])
        with beats(port) as client:
            client.send([{"a": 1}])
    assert intake.messages == [b'{"a": 1}']
    assert receiver.counts.busy == 1


@pytest.mark.slow
def test_a_bomb_ends_its_own_connection_only() -> None:
    intake = Recorder()
    receiver = Lumberjack(ANYWHERE, intake)
    bomb = packed(document(1, b" " * (60 << 20)))
    with serving(receiver) as port, beats(port) as good:
        good.send([{"a": 1}])
        for _ in range(5):
            with connected(port) as bad:
                bad.sendall(window(1) + bomb)
                assert closed(bad) in (b"", ack(1))  # the beginning of its endless document may be kept
            good.send([{"a": 2}])
    assert [each for each in intake.messages if each.strip()] == [b'{"a": 1}', *[b'{"a": 2}'] * 5]
    assert receiver.counts.unfit == 5


def test_a_context_of_ours_asks_for_a_certificate(keys: Certificates) -> None:
    assert keys.context().verify_mode == ssl.CERT_REQUIRED
