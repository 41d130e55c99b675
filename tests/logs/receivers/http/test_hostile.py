"""Whoever connects may be an attacker: bombs, floods, slowness and lies cost a bounded amount and nobody else anything."""

import asyncio
import contextlib
import gzip
import http.client
import json
import socket
import threading
import time
import zlib
from collections.abc import Iterator
from typing import Any

import pytest

from beffroi.logs.receivers.http import bodies
from beffroi.logs.receivers.http.bodies import Budget, Failure, Gone, Limits
from beffroi.logs.receivers.http.bulk import BulkReceiver
from beffroi.logs.receivers.http.hec import HecReceiver
from beffroi.logs.receivers.http.otlp import OtlpReceiver
from beffroi.logs.receivers.http.serving import Bounds
from tests.logs.receivers.certificates import Certificates
from tests.logs.receivers.http.house import Keeper, ask, serving, until
from tests.memory import begin_peak, peak

NAMED = {"User-Agent": "a client"}
GOOD = b'{"index":{}}\n{"x":1}\n'


def _read(parts: list[bytes], headers: dict[bytes, bytes], limits: Limits, *, gone: bool = False) -> bytes:
    """What `bodies.read` makes of a body that comes in these parts."""
    events = [{"type": "http.request", "body": part, "more_body": True} for part in parts]
    events[-1]["more_body"] = gone
    coming = iter([*events, {"type": "http.disconnect"}])

    async def receive() -> Any:
        return next(coming)

    budget = Budget(limits)
    try:
        with budget.request("192.0.2.1") as hold:
            return asyncio.run(bodies.read(receive, headers, hold, limits))
    finally:
        assert (budget.held, budget.requests, dict(budget.by_peer)) == (0, 0, {})


GZIP = {b"content-encoding": b"gzip"}
DEFLATE = {b"content-encoding": b"deflate"}
TEXT = b"abc" * 300_000


@pytest.mark.parametrize("size", [1, 7, 65536, 1 << 24])
@pytest.mark.parametrize(
    ("packed", "headers", "unpacked"),
    [
        (gzip.compress(TEXT), GZIP, TEXT),
        (gzip.compress(TEXT) + gzip.compress(b"more"), GZIP, TEXT + b"more"),
        (zlib.compress(TEXT), DEFLATE, TEXT),
        (zlib.compress(TEXT)[2:-4], DEFLATE, TEXT),
        (gzip.compress(b""), GZIP, b""),
        (b"\x00" * (1 << 18), {}, b"\x00" * (1 << 18)),
        (gzip.compress(b"\x00" * (1 << 18)), GZIP, b"\x00" * (1 << 18)),
        (gzip.compress(b"\x00" * (1 << 20)), GZIP, b"\x00" * (1 << 20)),
    ],
)
def test_bodies_are_unpacked_however_they_are_cut(
    size: int, packed: bytes, headers: dict[bytes, bytes], unpacked: bytes
) -> None:
    if size < 64 and len(packed) > 10_000:
        size = 999
    parts = [packed[at : at + size] for at in range(0, len(packed), size)]
    assert _read(parts, headers, Limits()) == unpacked


@pytest.mark.parametrize(
    ("body", "headers", "status"),
    [
        (gzip.compress(TEXT)[:-1], GZIP, 400),
        (gzip.compress(TEXT) + b"trailing rubbish", GZIP, 400),
        (b"no gzip", GZIP, 400),
        (b"", GZIP, 400),
        (TEXT, {b"content-length": b"1" * 30}, 413),
        (TEXT, {b"content-length": b"-1"}, 413),
        (TEXT, {b"content-encoding": b"zstd"}, 415),
        (b"x" * 1_000_001, {}, 413),
        (gzip.compress(b"x" * 2_000_001), GZIP, 413),
        (gzip.compress(b"x" * 1_000_000) * 3, GZIP, 413),
    ],
)
def test_a_body_that_is_not_as_it_says_or_too_long_is_refused(
    body: bytes, headers: dict[bytes, bytes], status: int
) -> None:
    with pytest.raises(Failure) as caught:
        _read([body], headers, Limits(packed=1_000_000, body=2_000_000))
    assert caught.value.status == status


def test_a_sender_that_goes_away_is_told_nothing() -> None:
    with pytest.raises(Gone):
        _read([b"x"], {}, Limits(), gone=True)


def test_no_peer_gets_all_the_room() -> None:
    limits = Limits(held=100, share=60, requests=3)
    budget = Budget(limits)
    with budget.request("192.0.2.1") as first, budget.request("192.0.2.2") as second:
        first.add(60)
        with pytest.raises(Failure) as caught:
            first.add(1)
        assert (caught.value.status, caught.value.retry_after) == (429, 1)
        second.add(40)
        with pytest.raises(Failure):
            second.add(1)
        first.whole()
        second.whole()
        with budget.request("192.0.2.2") as third, budget.request("192.0.2.2") as fourth:
            third.whole()
            with pytest.raises(Failure):
                fourth.whole()
    assert (budget.held, budget.requests, dict(budget.by_peer)) == (0, 0, {})


@pytest.mark.slow
def test_a_bomb_is_dropped_where_it_passes_the_bound() -> None:
    packer = zlib.compressobj(9, wbits=31)
    bomb = b"".join(packer.compress(bytes(1 << 20)) for _ in range(256)) + packer.flush()  # 256 MiB in 256 KB
    before = begin_peak()
    for receiver, path, kind in [
        (BulkReceiver(Keeper()), "/_bulk", "application/x-ndjson"),
        (HecReceiver(Keeper()), "/services/collector", "application/json"),
        (OtlpReceiver(Keeper()), "/v1/logs", "application/x-protobuf"),
    ]:
        with serving(receiver) as port:
            began = time.monotonic()
            reply = ask(port, "POST", path, bomb, {"Content-Encoding": "gzip", "Content-Type": kind})
            assert time.monotonic() - began < 5
        assert reply.status == 413
        assert receiver.tally["failed 413"] == 1
    assert peak() - before < 120 << 10  # KiB


@pytest.mark.slow
def test_long_lines_fail_alone_and_too_many_documents_whole() -> None:
    keeper = Keeper()
    with serving(BulkReceiver(keeper)) as port:
        long = b'{"index":{}}\n{"x":"' + b"y" * (10 << 20) + b'"}\n'
        answer = json.loads(ask(port, "POST", "/_bulk", GOOD + long + GOOD).body)
        assert [item["index"]["status"] for item in answer["items"]] == [201, 400, 201]
        reply = ask(port, "POST", "/_bulk", GOOD * 100_000)
        assert (reply.status, json.loads(reply.body)["error"]["type"]) == (413, "content_too_long_exception")
        assert len(json.loads(ask(port, "POST", "/_bulk", GOOD * 50_000).body)["items"]) == 50_000
    assert len(keeper.messages) == 50_002


@pytest.mark.slow
def test_big_bodies_hold_up_nobody() -> None:
    """While a body of 50,000 documents is understood, small requests are answered."""
    keeper = Keeper()
    waits: list[float] = []
    with serving(BulkReceiver(keeper)) as port:
        big = threading.Thread(target=ask, args=(port, "POST", "/_bulk", GOOD * 50_000))
        big.start()
        while big.is_alive():
            began = time.monotonic()
            assert ask(port, "POST", "/_bulk", GOOD).status == 200
            waits.append(time.monotonic() - began)
        big.join()
    assert max(waits) < 2


def test_chunks_are_taken_and_bounded() -> None:
    keeper = Keeper()
    with serving(BulkReceiver(keeper, Limits(packed=1000))) as port:
        assert ask(port, "POST", "/_bulk", iter([GOOD, GOOD])).status == 200
        with contextlib.suppress(ConnectionError):
            assert ask(port, "POST", "/_bulk", iter([GOOD] * 100)).status == 413
    assert len(keeper.messages) == 2


def _said(port: int, data: bytes, source: str = "127.0.0.1", seconds: float = 10) -> bytes:
    """What comes back to these bytes until the other side ends the connection."""
    with socket.create_connection(("127.0.0.1", port), timeout=seconds, source_address=(source, 0)) as client:
        got = b""
        with contextlib.suppress(ConnectionError):
            client.sendall(data)
            while part := client.recv(65536):
                got += part
        return got


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", "no HTTP"),
        (b"GET / HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n", "no HTTP"),
        (b"POST /_bulk HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", "no HTTP"),
        (b"CONNECT x:1 HTTP/1.1\r\nHost: x\r\n\r\n", None),
        (b"GET / HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n", None),
        (b"GET / HTTP/1.1\r\n" + b"A: b\r\n" * 200 + b"\r\n", "no HTTP"),
        (b"GET /" + b"x" * 100_000, "too long a head"),
        (b"GET / HTTP/1.1\r\nA: " + b"x" * 100_000, "too long a head"),
        (b"POST /_bulk HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nA: " + b"x" * 400_000, "too long a head"),
    ],
)  # fmt: skip
def test_what_is_no_request_ends_the_connection_and_is_counted(data: bytes, why: str | None) -> None:
    receiver = BulkReceiver(Keeper())
    with serving(receiver, bounds=Bounds(head=1, body=1, idle=1)) as port:
        said = _said(port, data)
        assert said == b"" or said.startswith(b"HTTP/1.1 4") or why is None
        assert b"Traceback" not in said
        assert ask(port, "POST", "/_bulk", GOOD).status == 200
    if why is not None:
        assert receiver.tally[f"dropped: {why}"] == 1


@pytest.mark.slow
@pytest.mark.parametrize(
    "sent",
    [
        b"",
        b"POST /_bulk HT",
        b"POST /_bulk HTTP/1.1\r\nHost: x\r\n",
        b"POST /_bulk HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\n",
        b"POST /_bulk HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\n" + GOOD,
        b"POST /_bulk HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nab",
        b"GET / HTTP/1.1\r\nHost: x\r\n\r\n",
    ],
    ids=["nothing", "half a line", "half a head", "no body", "half a body", "half a chunk", "nothing more"],
)
def test_who_does_not_go_on_is_dropped(sent: bytes) -> None:
    keeper = Keeper()
    receiver = BulkReceiver(keeper)
    with serving(receiver, bounds=Bounds(head=0.3, body=0.3, idle=0.3)) as port:
        began = time.monotonic()
        _said(port, sent)
        assert time.monotonic() - began < 3
    assert receiver.tally["dropped: too slow"] == 1
    assert keeper.messages == []


@pytest.mark.slow
def test_a_drip_is_dropped_though_it_never_stops() -> None:
    receiver = BulkReceiver(Keeper())
    with serving(receiver, bounds=Bounds(head=1, body=1)) as port:
        began = time.monotonic()
        with socket.create_connection(("127.0.0.1", port), timeout=10) as client:
            client.sendall(b"POST /_bulk HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000\r\n\r\n")
            with pytest.raises(OSError):  # noqa: PT012 - some send is the last
                while time.monotonic() - began < 10:
                    client.sendall(b" ")
                    time.sleep(0.05)
        assert time.monotonic() - began < 5
    assert receiver.tally["dropped: too slow"] == 1


@pytest.mark.slow
def test_who_does_not_read_is_dropped() -> None:
    receiver = BulkReceiver(Keeper())
    body = GOOD * 20_000
    with serving(receiver, bounds=Bounds(answer=1, idle=1, head=1)) as port, socket.socket() as client:
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        client.connect(("127.0.0.1", port))
        head = f"POST /_bulk HTTP/1.1\r\nHost: x\r\nContent-Length: {len(body)}\r\n\r\n".encode()
        with contextlib.suppress(ConnectionError):
            for _ in range(6):
                client.sendall(head + body)
        until(lambda: receiver.tally["dropped: too slow"] == 1)


@pytest.fixture
def slow() -> Iterator[list[socket.socket]]:
    clients: list[socket.socket] = []
    yield clients
    for client in clients:
        client.close()


@pytest.mark.slow
def test_slow_senders_by_the_hundred_starve_nobody(slow: list[socket.socket]) -> None:
    keeper = Keeper()
    receiver = BulkReceiver(keeper)
    with serving(receiver) as port:
        for number in range(200):
            source = (f"127.0.1.{number % 4 + 1}", 0)
            client = socket.create_connection(("127.0.0.1", port), timeout=10, source_address=source)
            client.sendall(b"POST /_bulk HTTP/1.1\r\nHost: x\r\nContent-Length: 100000\r\n\r\n" + GOOD[: number % 20])
            slow.append(client)
        waits = []
        for _ in range(20):
            began = time.monotonic()
            assert ask(port, "POST", "/_bulk", GOOD).status == 200
            waits.append(time.monotonic() - began)
        assert max(waits) < 1
        assert len(keeper.messages) == 20


def test_no_peer_gets_all_the_connections(slow: list[socket.socket]) -> None:
    receiver = BulkReceiver(Keeper())
    with serving(receiver, bounds=Bounds(by_peer=5, connections=8)) as port:
        slow.extend(
            socket.create_connection(("127.0.0.1", port), timeout=10, source_address=(source, 0))
            for source in ["127.0.1.1"] * 6 + ["127.0.1.2"] * 5
        )
        until(lambda: receiver.tally["dropped: too many of one peer"] == 1)
        until(lambda: receiver.tally["dropped: too many connections"] == 1)
        for client in slow:
            client.close()
        until(lambda: _served(port))


@pytest.mark.parametrize("secured", [False, True], ids=["plain", "in the handshake"])
def test_a_crowd_that_only_connects_keeps_nobody_out(
    slow: list[socket.socket], secured: bool, keys: Certificates
) -> None:
    receiver = BulkReceiver(Keeper())
    tls = keys.context() if secured else None
    with serving(receiver, bounds=Bounds(by_peer=2, connections=4), tls=tls) as port:
        for peer in ("127.0.1.1", "127.0.1.1", "127.0.1.2", "127.0.1.2"):
            slow.append(socket.create_connection(("127.0.0.1", port), timeout=10, source_address=(peer, 0)))
            time.sleep(0.01)  # so that one is the idlest
        with socket.create_connection(("127.0.0.1", port), timeout=10) as plain:
            client = keys.client().wrap_socket(plain, server_hostname="localhost") if secured else plain
            with client:
                client.sendall(b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
                assert client.recv(15) == b"HTTP/1.1 200 OK"
        assert slow[0].recv(1) == b""
        slow[1].setblocking(False)
        with pytest.raises(BlockingIOError):
            slow[1].recv(1)


def _served(port: int) -> bool:
    try:
        return ask(port, "POST", "/_bulk", GOOD).status == 200
    except ConnectionError:
        return False


def test_who_is_not_welcome_cannot_connect() -> None:
    keeper = Keeper()
    receiver = BulkReceiver(keeper)
    with serving(receiver, welcome=lambda peer: peer != "127.0.0.1") as port:
        assert _said(port, b"GET / HTTP/1.1\r\n\r\n") == b""
        assert b"200 OK" in _said(port, b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", "127.0.1.1")
    assert [proof.peer for proof in keeper.proofs] == ["127.0.1.1"]


@pytest.mark.slow
def test_requests_under_way_end_before_the_service_does() -> None:
    keeper = Keeper(delay=0.5)
    replies: list[int] = []
    with serving(BulkReceiver(keeper)) as port:
        client = threading.Thread(target=lambda: replies.append(ask(port, "POST", "/_bulk", GOOD).status))
        client.start()
        until(lambda: keeper.proofs)
    client.join(10)
    assert (replies, len(keeper.messages)) == ([200], 1)


def test_an_answer_waits_for_no_acknowledgement_of_its_head() -> None:
    """With Nagle's algorithm each would take 40 ms and more."""
    with serving(BulkReceiver(Keeper())) as port:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
        took = []
        for _ in range(30):
            began = time.monotonic()
            connection.request("POST", "/_bulk", GOOD * 200)
            connection.getresponse().read()
            took.append(time.monotonic() - began)
        connection.close()
    assert sorted(took)[15] < 0.03


def test_who_sends_much_hears_why_it_is_refused() -> None:
    """An answer beside a connection that is closed on unread bytes would be lost."""
    with serving(BulkReceiver(Keeper(tokens=set()))) as port:
        assert ask(port, "POST", "/_bulk", GOOD * 500_000).status == 401
    with serving(BulkReceiver(Keeper())) as port:
        assert ask(port, "POST", "/_bulk", bytes(30 << 20)).status == 413
        assert ask(port, "POST", "/_bulk", iter([bytes(1 << 20)] * 30)).status == 413
    with serving(BulkReceiver(Keeper(), Limits(packed=1000))) as port:
        head = b"POST /_bulk HTTP/1.1\r\nHost: x\r\nContent-Length: 100000\r\n"
        assert _said(port, head + b"Expect: 100-continue\r\n\r\n").startswith(b"HTTP/1.1 413")
        assert b"connection: close" in _said(port, head + b"\r\n" + bytes(50_000))


@pytest.mark.slow
def test_a_slow_intake_holds_a_bounded_number_of_requests() -> None:
    keeper = Keeper(delay=1)
    receiver = BulkReceiver(keeper, Limits(requests=2))
    replies: list[int] = []
    with serving(receiver) as port:
        clients = [
            threading.Thread(target=lambda: replies.append(ask(port, "POST", "/_bulk", GOOD, NAMED).status))
            for _ in range(5)
        ]
        for client in clients:
            client.start()
        for client in clients:
            client.join(10)
    assert sorted(replies) == [200, 200, 429, 429, 429]
