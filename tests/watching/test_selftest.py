"""The sign of life: each receiver really takes it and it is known again; whatever keeps one from taking it is an OSError."""

import asyncio
import contextlib
import ipaddress
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from beffroi.core.config import Listen
from beffroi.logs.receivers import Limits, Lumberjack, Relp, SyslogTcp, SyslogTls, SyslogUdp
from beffroi.logs.receivers.http.bulk import BulkReceiver
from beffroi.logs.receivers.http.hec import HecReceiver
from beffroi.logs.receivers.http.otlp import OtlpReceiver
from beffroi.store.authorities import Authorities
from beffroi.store.machine import Names
from beffroi.watching import selftest
from beffroi.watching.selftest import SENDERS, Target, send, token_in
from tests.logs.receivers import serving as streams
from tests.logs.receivers.http import house as http

TOKEN = "0123456789abcdef0123456789abcdef"
PLAIN: dict[str, Any] = {"syslog_udp": SyslogUdp, "syslog_tcp": SyslogTcp}
STREAMS: dict[str, Any] = {"syslog_tls": SyslogTls, "relp": Relp, "lumberjack": Lumberjack}
HTTP: dict[str, Any] = {"bulk": BulkReceiver, "hec": HecReceiver, "otlp": OtlpReceiver}

Certified = tuple[Authorities, Callable[[], ssl.SSLContext]]


@pytest.fixture
def certified(tmp_path: Path) -> Certified:
    """The house's authorities, and what makes a context of its own device."""
    made = Authorities.open(tmp_path, Names("tilleuls", (ipaddress.ip_address("127.0.0.1"),)), datetime.now(UTC))
    device = made.device("beffroi", datetime.now(UTC))
    (tmp_path / "own.pem").write_bytes(device.key + device.chain)

    def client() -> ssl.SSLContext:
        context = made.client_context()
        context.load_cert_chain(tmp_path / "own.pem")
        return context

    return made, client


@contextlib.contextmanager
def served(name: str, tls: ssl.SSLContext | None) -> Iterator[tuple[int, Callable[[], list[bytes]]]]:
    """A real receiver: its port, and what gives the messages that it took."""
    listen = Listen("127.0.0.1", 0)
    if name in HTTP:
        keeper = http.Keeper()
        with http.serving(HTTP[name](keeper), tls=tls) as port:
            yield port, lambda: keeper.wait(1)
        return
    recorder = streams.Recorder()
    more = {} if name in PLAIN else {"tls": tls}
    receiver = (PLAIN | STREAMS)[name](listen, recorder, Limits(), **more)
    with streams.serving(receiver) as port:
        yield port, lambda: recorder.wait(1)


def test_there_is_a_sign_of_life_for_every_receiver() -> None:
    assert set(SENDERS) == {*PLAIN, *STREAMS, *HTTP}


@pytest.mark.parametrize("name", sorted({*PLAIN, *HTTP, "relp", "lumberjack"}))
def test_every_receiver_takes_it_and_it_is_known_again(name: str) -> None:
    with served(name, None) as (port, messages):
        asyncio.run(send(Target(name, "127.0.0.1", port, None), TOKEN))
        [message] = messages()
    assert token_in(message) == TOKEN


@pytest.mark.parametrize("name", sorted({*STREAMS, *HTTP}))
def test_through_tls_too(name: str, certified: Certified) -> None:
    authorities, client = certified
    with served(name, authorities.server_context(require_client=name not in HTTP)) as (port, messages):
        asyncio.run(send(Target(name, "127.0.0.1", port, client()), TOKEN))
        [message] = messages()
    assert token_in(message) == TOKEN


@pytest.mark.parametrize("name", ["relp", "bulk"])
def test_a_server_of_another_house_is_no_receiver_of_ours(name: str, certified: Certified, tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    other = Authorities.open(
        tmp_path / "other", Names("tilleuls", (ipaddress.ip_address("127.0.0.1"),)), datetime.now(UTC)
    )
    _, client = certified
    with served(name, other.server_context(require_client=False)) as (port, _), pytest.raises(ssl.SSLError):
        asyncio.run(send(Target(name, "127.0.0.1", port, client()), TOKEN))


@pytest.mark.parametrize(
    ("message", "found"),
    [
        (b"beffroi-selftest " + TOKEN.encode(), TOKEN),
        (b'{"message":"beffroi-selftest ' + TOKEN.encode() + b'"}', TOKEN),
        (b"beffroi-selftest " + TOKEN.encode() + b"0", None),
        (b"beffroi-selftest " + TOKEN.upper().encode(), None),
        (b"beffroi-selftest 12", None),
        (b"a failed login", None),
        (b"", None),
    ],
)
def test_nothing_else_is_taken_for_one(message: bytes, found: str | None) -> None:
    assert token_in(message) == found


@contextlib.contextmanager
def answering(answer: bytes | None) -> Iterator[int]:
    """Something that takes a connection and answers so, then closes it; None: it says nothing and keeps it."""
    over = threading.Event()
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            with contextlib.suppress(OSError), listener.accept()[0] as client:
                if answer is None:
                    over.wait(60)
                    return
                client.recv(4_096)
                client.sendall(answer)
                client.shutdown(socket.SHUT_WR)
                while client.recv(4_096):
                    pass

        thread = threading.Thread(target=serve)
        thread.start()
        try:
            yield listener.getsockname()[1]
        finally:
            over.set()
            listener.close()
            thread.join(20)
            assert not thread.is_alive()


@pytest.mark.parametrize(
    ("name", "answer"),
    [
        ("bulk", b"HTTP/1.1 401 Unauthorized\r\nContent-Length: 0\r\n\r\n"),
        ("hec", b"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n\r\n"),
        ("otlp", b"SSH-2.0-OpenSSH_9.2\r\n"),
        ("otlp", b""),
        ("relp", b""),
        ("relp", b"1 rsp 6 500 no\n"),
        ("lumberjack", b"2A\0\0\0\0"),
        ("lumberjack", b""),
    ],
)
def test_what_is_not_acknowledged_was_not_taken(name: str, answer: bytes) -> None:
    with answering(answer) as port, pytest.raises(OSError):
        asyncio.run(send(Target(name, "127.0.0.1", port, None), TOKEN))


@pytest.mark.slow
@pytest.mark.parametrize("name", ["relp", "bulk", "lumberjack"])
def test_whoever_says_nothing_is_not_waited_for_for_ever(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(selftest, "TIMEOUT", 0.2)
    with answering(None) as port, pytest.raises(TimeoutError):
        asyncio.run(send(Target(name, "127.0.0.1", port, None), TOKEN))


@pytest.mark.parametrize("name", sorted(set(SENDERS) - {"syslog_udp"}))
def test_a_port_at_which_nobody_listens_is_an_error(name: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    with pytest.raises(OSError, match="Connect call failed"):
        asyncio.run(send(Target(name, "127.0.0.1", port, None), TOKEN))
