"""One bad client harms no other: each test serves a good one beside it."""

import contextlib
import socket
import ssl
import time
from collections.abc import Iterator

import pytest

from beffroi.core.config import Listen
from beffroi.core.model import message
from beffroi.logs.arrival import Admission, Batch, Busy
from beffroi.logs.receivers import Limits, SyslogTcp, SyslogTls, SyslogUdp, Troubles
from beffroi.logs.receivers.limits import peer_of
from tests.logs.receivers.certificates import Certificates
from tests.logs.receivers.serving import Recorder, closed, connected, serving, until

ANYWHERE = Listen("127.0.0.1", 0)


@contextlib.contextmanager
def house(limits: Limits | None = None, intake: Recorder | None = None) -> Iterator[tuple[SyslogTcp, int]]:
    """A receiver with a good client, which at the end still gets its message through."""
    intake = intake or Recorder()
    receiver = SyslogTcp(ANYWHERE, intake, limits)
    with serving(receiver) as port, connected(port) as good:
        good.sendall(b"<13>good morning\n")
        until(lambda: b"<13>good morning" in intake.messages)
        yield receiver, port
        good.sendall(b"<13>good night\n")
        until(lambda: b"<13>good night" in intake.messages)


@pytest.mark.slow
def test_half_a_message_for_ever_is_ended_though_it_drips() -> None:
    with house(Limits(frame=0.4)) as (receiver, port), connected(port) as slow:
        slow.sendall(b"<13>")
        start = time.monotonic()
        with contextlib.suppress(ConnectionError):
            while time.monotonic() < start + 10:
                slow.sendall(b"x")
                time.sleep(0.05)
        until(lambda: receiver.counts.expired == 1)
        assert time.monotonic() - start < 3


@pytest.mark.slow
def test_one_that_says_nothing_is_ended_when_its_time_is_up() -> None:
    receiver = SyslogTcp(ANYWHERE, Recorder(), Limits(idle=0.3))
    with serving(receiver) as port, connected(port) as silent:
        assert closed(silent) == b""
    assert receiver.counts.expired == 1


@pytest.mark.slow
def test_a_talkative_one_is_never_idle() -> None:
    intake = Recorder()
    receiver = SyslogTcp(ANYWHERE, intake, Limits(idle=0.4, frame=0.4))
    with serving(receiver) as port, connected(port) as client:
        for number in range(20):
            client.sendall(b"ed\n<13>number %d not ended, then end" % number)
            time.sleep(0.05)
        intake.wait(19)
    assert receiver.counts.expired == 0


@pytest.mark.parametrize("start", [b"999999999 <13>", b"<13>"])
def test_giant_messages_are_cut(start: bytes) -> None:
    with house() as (receiver, port), connected(port) as giant:
        giant.sendall(start)
        for _ in range(200):
            giant.sendall(b"x" * 65_536)
        until(lambda: receiver.counts.cut == 1)


def test_rubbish_is_only_rubbish() -> None:
    with house() as (receiver, port), connected(port) as bad:
        for _ in range(20):
            bad.sendall(bytes(range(256)) * 200)
        until(lambda: receiver.counts.bytes > 500_000)


def test_a_thousand_connections_of_one_keep_nobody_out() -> None:
    with house() as (receiver, port), contextlib.ExitStack() as stack:
        for _ in range(1_000):
            stack.enter_context(connected(port))
        until(lambda: receiver.counts.connections + receiver.counts.turned_away == 1_001)
        assert receiver.counts.connections == 32


def test_when_all_places_are_taken_the_crowd_gives_way() -> None:
    intake = Recorder()
    receiver = SyslogTcp(ANYWHERE, intake, Limits(connections=20, per_peer=20))
    with serving(receiver) as port, contextlib.ExitStack() as stack:
        crowd = [stack.enter_context(connected(port)) for _ in range(20)]
        until(lambda: receiver.counts.connections == 20)
        crowd[0].sendall(b"<13>busy\n")
        intake.wait(1)
        other = socket.create_connection(("127.0.0.1", port), timeout=10, source_address=("127.0.0.2", 0))
        with other:
            other.sendall(b"<13>good\n")
            assert intake.wait(2) == [b"<13>busy", b"<13>good"]
            assert closed(crowd[1]) == b""
            crowd[0].sendall(b"<13>still there\n")
            intake.wait(3)
    assert intake.taken[1][0].peer == "127.0.0.2"


def test_strangers_are_turned_away_before_anything_else() -> None:
    intake = Recorder()
    limits = Limits(welcome=lambda peer: peer == "127.0.0.1")
    receiver, datagrams = SyslogTcp(ANYWHERE, intake, limits), SyslogUdp(ANYWHERE, intake, limits)
    with serving(receiver) as port, serving(datagrams) as other_port:
        with socket.create_connection(("127.0.0.1", port), timeout=10, source_address=("127.0.0.9", 0)) as stranger:
            assert closed(stranger) == b""
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as stranger:
            stranger.bind(("127.0.0.9", 0))
            stranger.sendto(b"<13>let me in", ("127.0.0.1", other_port))
            until(lambda: datagrams.counts.turned_away == 1)
    assert (receiver.counts.turned_away, intake.proofs) == (1, [])


@pytest.mark.slow
def test_a_handshake_that_never_ends_is_ended_and_others_come_in(keys: Certificates) -> None:
    intake = Recorder()
    receiver = SyslogTls(ANYWHERE, intake, Limits(handshake=0.5), keys.context())
    with serving(receiver) as port, connected(port) as stuck, connected(port) as rubbish:
        stuck.sendall(b"\x16\x03\x01")
        rubbish.sendall(b"<13>this is no handshake\n")
        with keys.client().wrap_socket(connected(port), server_hostname="localhost") as good:
            good.sendall(b"8 <13>good")
            assert intake.wait(1) == [b"<13>good"]
        assert closed(stuck) == b""
        until(lambda: receiver.counts.failed == 2)
    assert intake.proofs[0].certificate == keys.der


def test_handshakes_that_never_end_keep_nobody_out(keys: Certificates) -> None:
    intake = Recorder()
    receiver = SyslogTls(ANYWHERE, intake, Limits(connections=5, per_peer=5), keys.context())
    with serving(receiver) as port, contextlib.ExitStack() as stack:
        crowd = [stack.enter_context(connected(port)) for _ in range(8)]
        until(lambda: receiver.counts.turned_away == 3)
        other = socket.create_connection(("127.0.0.1", port), timeout=10, source_address=("127.0.0.2", 0))
        with keys.client().wrap_socket(other, server_hostname="localhost") as good:
            good.sendall(b"8 <13>good")
            assert intake.wait(1) == [b"<13>good"]
        assert closed(crowd[0]) == b""
        until(lambda: len(receiver.crowd.members) == 4)


@pytest.mark.parametrize("fault", [ValueError("of ours"), OSError("of the disk")])
def test_a_defect_ends_one_connection_and_is_logged(fault: Exception, caplog: pytest.LogCaptureFixture) -> None:
    class Defective(Recorder):
        async def take(self, admission: Admission, batch: Batch, *, wait: bool = True) -> None:
            if batch.messages == [b"<13>bad"]:
                raise fault
            await super().take(admission, batch, wait=wait)

    with house(intake=Defective()) as (receiver, port), connected(port) as bad:
        bad.sendall(b"<13>bad\n")
        assert closed(bad) == b""
        assert receiver.counts.failed == 1
    assert "syslog_tcp: a connection ended by a defect" in caplog.text


@pytest.mark.slow
def test_what_was_sent_before_the_end_arrives_from_one_that_never_reads(keys: Certificates) -> None:
    intake = Recorder(delay=0.02)
    with serving(SyslogTls(ANYWHERE, intake, tls=keys.context())) as port:
        client = keys.client().wrap_socket(connected(port), server_hostname="localhost")
        client.sendall((b"10 <13>number" + b"1000 <13>%b" % (b"x" * 996)) * 3_000)
        client.close()
        assert len(intake.wait(6_000)) == 6_000


@pytest.mark.slow
def test_while_the_disk_is_busy_the_window_closes_and_nothing_is_lost() -> None:
    intake = Recorder(busy=20)
    receiver = SyslogTcp(ANYWHERE, intake)
    with serving(receiver) as port, connected(port) as client:
        client.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 65_536)
        client.settimeout(0.3)
        lines = [b"<13>%06d %b" % (number, b"x" * 1_000) for number in range(20_000)]
        data, sent = memoryview(b"\n".join([*lines, b""])), 0
        with contextlib.suppress(TimeoutError):
            while sent < len(data):
                sent += client.send(data[sent : sent + 65_536])
        assert sent < len(data)
        client.settimeout(20)
        client.sendall(data[sent:])
        assert intake.wait(20_000) == lines
    assert receiver.counts.busy == 20


def test_a_sender_that_is_refused_is_sent_away() -> None:
    intake = Recorder()
    receiver = SyslogTcp(ANYWHERE, intake)
    with serving(receiver) as port, connected(port) as client:
        client.sendall(b"<13>one\n")
        intake.wait(1)
        intake.refusing = True
        client.sendall(b"<13>two\n")
        assert closed(client) == b""
        with connected(port) as again:
            assert closed(again) == b""
        until(lambda: receiver.counts.refused == 2)
    assert intake.messages == [b"<13>one"]


def test_both_families_are_heard_on_one_port() -> None:
    if not socket.has_dualstack_ipv6():
        pytest.skip("this machine has no IPv6")
    intake = Recorder()
    for receiver in (SyslogTcp(Listen("", 0), intake), SyslogUdp(Listen("", 0), intake)):
        kind = socket.SOCK_DGRAM if isinstance(receiver, SyslogUdp) else socket.SOCK_STREAM
        intake.taken.clear()
        with serving(receiver) as port:
            for family, address in ((socket.AF_INET, "127.0.0.1"), (socket.AF_INET6, "::1")):
                with socket.socket(family, kind) as client:
                    client.connect((address, port))
                    client.sendall(b"<13>one\n")
            intake.wait(2)
            assert sorted(proof.peer for proof, _ in intake.taken) == ["127.0.0.1", "::1"]


def test_a_port_that_is_taken_is_an_os_error() -> None:
    with taken_port() as port, pytest.raises(OSError, match="in use"):
        SyslogTcp(Listen("127.0.0.1", port), Recorder()).bind()


@contextlib.contextmanager
def taken_port() -> Iterator[int]:
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


def test_a_stop_ends_every_connection_and_frees_the_port() -> None:
    receiver = SyslogTcp(ANYWHERE, Recorder())
    with contextlib.ExitStack() as stack:
        with serving(receiver) as port:
            clients = [stack.enter_context(connected(port)) for _ in range(5)]
            until(lambda: receiver.counts.connections == 5)
        for client in clients:
            assert closed(client) == b""
    with serving(SyslogTcp(Listen("127.0.0.1", port), Recorder())):
        pass


@pytest.mark.slow
def test_datagrams_of_one_do_not_crowd_out_those_of_another() -> None:
    intake = Recorder(delay=0.3)
    receiver = SyslogUdp(ANYWHERE, intake, Limits(queue=100_000))
    with serving(receiver) as port, contextlib.ExitStack() as stack:
        loud, quiet = (stack.enter_context(socket.socket(socket.AF_INET, socket.SOCK_DGRAM)) for _ in range(2))
        quiet.bind(("127.0.0.2", 0))
        for _ in range(2_000):
            loud.sendto(b"<13>loud" + b"!" * 100, ("127.0.0.1", port))
        until(lambda: receiver.counts.lost > 0)
        quiet.sendto(b"<13>quiet\n", ("127.0.0.1", port))
        until(lambda: b"<13>quiet" in intake.messages)
        until(lambda: not receiver._cost)
    assert receiver._costs.total() == 0
    assert receiver.counts.lost + receiver.counts.messages == 2_001


def test_datagrams_wait_while_the_disk_is_busy_and_go_when_their_sender_is_refused() -> None:
    intake = Recorder(busy=3)
    receiver = SyslogUdp(ANYWHERE, intake)
    with serving(receiver) as port, socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
        client.sendto(b"<13>one\n", ("127.0.0.1", port))
        assert intake.wait(1) == [b"<13>one"]
        intake.refusing = True
        client.sendto(b"<13>two", ("127.0.0.1", port))
        until(lambda: receiver.counts.refused == 1)
    assert (receiver.counts.busy, receiver.counts.lost) == (3, 1)


def test_datagrams_that_the_kernel_dropped_are_counted() -> None:
    intake = Recorder()
    receiver = SyslogUdp(ANYWHERE, intake)
    _, port = receiver.bind()
    assert receiver._socket is not None
    receiver._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
        for _ in range(1_000):
            client.sendto(b"<13>one", ("127.0.0.1", port))
        with serving(receiver):
            intake.wait(1)
            until(lambda: not receiver._cost)
            client.sendto(b"<13>last", ("127.0.0.1", port))
            until(lambda: b"<13>last" in intake.messages)
    assert receiver.counts.lost_before == 1_001 - receiver.counts.messages > 900


def test_a_flood_from_invented_addresses_is_bounded() -> None:
    receiver = SyslogUdp(ANYWHERE, Recorder(), Limits(queue=100_000))
    for number in range(10_000):
        receiver._queue(f"192.0.2.{number}", [b""])
    assert len(receiver._waiting) == receiver.counts.messages + 500
    assert receiver.counts.lost == 9_500
    assert len(receiver._costs) == 500


def test_complaints_are_bounded() -> None:
    troubles = Troubles()
    for number in range(1_000):
        troubles.add(f"192.0.2.{number}", message("it failed"))
        troubles.add("198.51.100.1", message("it failed"))
    assert len(troubles.told()) == Troubles.KEPT
    assert troubles.told()[-1] == ("198.51.100.1", message("it failed"), 1_000)


@pytest.mark.parametrize(
    ("address", "peer"),
    [("::ffff:192.0.2.1", "192.0.2.1"), ("fe80::1%eth0", "fe80::1"), ("2001:db8::1", "2001:db8::1")],
)
def test_an_address_is_told_bare(address: str, peer: str) -> None:
    assert peer_of((address, 514, 0, 0)) == peer


def test_tls_without_a_client_certificate_tells_none(keys: Certificates) -> None:
    context = keys.context()
    context.verify_mode = ssl.CERT_OPTIONAL
    intake = Recorder()
    with (
        serving(SyslogTls(ANYWHERE, intake, tls=context)) as port,
        keys.client(known=False).wrap_socket(connected(port), server_hostname="localhost") as client,
    ):
        client.sendall(b"8 <13>good")
        intake.wait(1)
    assert (intake.proofs[0].certificate, intake.proofs[0].encrypted) == (None, True)


def test_a_stranger_whose_room_is_full_holds_up_nobody_elses_datagrams() -> None:
    class Room(Recorder):
        """It tells one sender to come again in an hour: a person must decide about it first."""

        async def take(self, admission: Admission, batch: Batch, *, wait: bool = True) -> None:
            if batch.messages == [b"stranger"]:
                raise Busy(3600)
            await super().take(admission, batch, wait=wait)

    intake = Room()
    receiver = SyslogUdp(ANYWHERE, intake)
    with serving(receiver) as port, socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
        sender.sendto(b"stranger", ("127.0.0.1", port))
        until(lambda: receiver.counts.lost == 1)
        sender.sendto(b"neighbour", ("127.0.0.1", port))
        assert intake.wait(1, 5) == [b"neighbour"]
