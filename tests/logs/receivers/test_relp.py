import contextlib
import subprocess
import sys
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from beffroi.core.config import Listen
from beffroi.core.model import UnfitError
from beffroi.logs.receivers import Limits, Relp
from beffroi.logs.receivers.relp import Frame, Frames
from tests import debian
from tests.logs.receivers.serving import Recorder, closed, connected, serving, until
from tests.logs.receivers.test_rsyslog import numbers, relp, rsyslog

ANYWHERE = Listen("127.0.0.1", 0)
OFFERS = b"relp_version=0\nrelp_software=test\ncommands=syslog"
OPEN = b"1 open %d %b\n" % (len(OFFERS), OFFERS)


@pytest.mark.parametrize("pieces", [1, 5, 1_000])
def test_frames_are_found_however_they_are_cut_up(pieces: int) -> None:
    data = b"1 open 4 a=b\n\n2 syslog 5 one\n2\n\n3 close 0\n4 close 0 \n"
    frames = Frames(100)
    found = [each for at in range(0, len(data), pieces) for each in frames.feed(data[at : at + pieces])]
    assert found == [
        Frame(1, b"open", b"a=b\n"),
        Frame(2, b"syslog", b"one\n2"),
        Frame(3, b"close", b""),
        Frame(4, b"close", b""),
    ]
    assert not frames.half


@pytest.mark.parametrize(
    "data",
    [
        b"GET / HTTP/1.1\r\n",
        b"\x16\x03\x01\x02\x00",
        b"1 open 5\nabcde\n",
        b"1 open 2 abc",
        b"1234567890 open 1 a\n",
        b"1 " + b"x" * 33,
        b"1 syslog 1234567890 ",
        b" 1 syslog",
    ],
)
def test_what_is_no_frame_is_told_at_once(data: bytes) -> None:
    frames = Frames(100)
    with pytest.raises(UnfitError, match="not RELP"):
        frames.feed(data)
    with pytest.raises(UnfitError, match="not RELP"):
        [frames := Frames(100), *(frames.feed(data[at : at + 1]) for at in range(len(data)))]


def test_a_message_too_long_is_cut_and_its_rest_is_dropped() -> None:
    frames = Frames(10)
    data = b"1 syslog 50 " + b"x" * 50 + b"\n2 syslog 1 y\n"
    assert frames.feed(data) == [Frame(1, b"syslog", b"x" * 10), Frame(2, b"syslog", b"y")]
    assert frames.cut == 1


@given(st.binary(max_size=100), st.sampled_from([b"", b"1", b"1 open ", b"1 syslog 5", b"1 syslog 0"]))
def test_rubbish_is_unfit_or_waited_for(data: bytes, start: bytes) -> None:
    with contextlib.suppress(UnfitError):
        Frames(10).feed(start + data)


@given(st.lists(st.tuples(st.integers(1, 999_999_999), st.binary(max_size=40)), max_size=10), st.integers(1, 50))
def test_any_data_comes_out_as_it_went_in(sent: list[tuple[int, bytes]], pieces: int) -> None:
    data = b"".join(b"%d syslog %d %b\n" % (number, len(text), text) for number, text in sent)
    frames = Frames(40)
    found = [each for at in range(0, len(data), pieces) for each in frames.feed(data[at : at + pieces])]
    assert found == [Frame(number, b"syslog", text) for number, text in sent]


@pytest.mark.slow
def test_many_transactions_are_answered_in_their_order_and_only_once_kept() -> None:
    intake = Recorder(delay=0.3)
    with serving(Relp(ANYWHERE, intake)) as port, connected(port) as client:
        client.sendall(OPEN)
        assert client.recv(1_000).startswith(b"1 rsp 59 200 OK\nrelp_version=0\n")
        client.sendall(b"".join(b"%d syslog 3 abc\n" % number for number in range(2, 130)) + b"130 close 0\n")
        client.settimeout(0.15)
        with pytest.raises(TimeoutError):
            client.recv(1_000)
        client.settimeout(10)
        rest = closed(client)
    answers = [b"%d rsp 6 200 OK\n" % number for number in range(2, 130)]
    assert rest == b"".join(answers) + b"130 rsp 0\n0 serverclose 0\n"
    assert len(intake.messages) == 128


def test_a_client_that_offers_no_syslog_or_nothing_is_told_so() -> None:
    receiver = Relp(ANYWHERE, Recorder())
    with serving(receiver) as port:
        with connected(port) as client:
            client.sendall(b"1 open 14 relp_version=0\n")
            assert b"1 rsp 42 500 only" in client.recv(1_000)
        with connected(port) as client:
            client.sendall(b"1 syslog 3 abc\n")
            assert closed(client) == b"0 serverclose 0\n"
        with connected(port) as client:
            client.sendall(OPEN + b"2 reboot 0\n")
            until(lambda: b"2 rsp 28 500 there is no such command\n" in client.recv(1_000))
    assert [(peer, str(what)) for peer, what, _ in receiver.troubles.told()] == [
        ("127.0.0.1", "what it sent is not RELP: it does not begin with an offer")
    ]


@pytest.mark.slow
def test_one_that_reads_no_answers_is_ended_and_nobody_waits_for_it() -> None:
    intake = Recorder()
    receiver = Relp(ANYWHERE, intake, Limits(frame=0.5))
    with serving(receiver) as port, connected(port) as deaf, connected(port) as good:
        deaf.sendall(OPEN)
        deaf.settimeout(0.2)
        flood = b"".join(b"%d rubbish 0\n" % number for number in range(2, 20_000))
        with contextlib.suppress(OSError):
            while receiver.counts.expired == 0:
                deaf.sendall(flood)
        good.sendall(OPEN + b"2 syslog 4 good\n")
        intake.wait(1)
        until(lambda: receiver.counts.expired == 1)


SERVER = """
import asyncio, sys
from pathlib import Path
from beffroi.core.config import Listen
from beffroi.logs.receivers import Relp
from tests.logs.receivers.serving import Recorder

class Kept(Recorder):
    async def take(self, admission, batch, *, wait=True):
        await asyncio.sleep(0.05)
        with open(sys.argv[2], "ab") as file:
            file.write(b"".join(message + b"\\n" for message in batch.messages))

asyncio.run(Relp(Listen("127.0.0.1", int(sys.argv[1])), Kept()).serve())
"""


@pytest.mark.slow
@pytest.mark.timeout(180)
def test_a_thousand_messages_outlive_a_server_that_is_killed_again_and_again(tmp_path: Path) -> None:
    intake = Recorder()
    free = Relp(ANYWHERE, intake)
    with serving(free) as port:
        pass
    kept = tmp_path / "kept"
    kept.touch()

    def so_far() -> set[int]:
        return set(numbers(kept.read_bytes().splitlines()))

    with rsyslog(tmp_path, relp(port), lines=1_000):
        for _ in range(5):
            before = len(so_far())
            command = [sys.executable, "-c", SERVER, str(port), str(kept)]
            server = subprocess.Popen(command, cwd=debian.ROOT, env={"PYTHONPATH": f"{debian.ROOT}/src:{debian.ROOT}"})
            try:
                until(lambda before=before: len(so_far()) > before or len(so_far()) == 1_000, 30)
            finally:
                server.kill()
                server.wait(10)
            time.sleep(0.2)
        command = [sys.executable, "-c", SERVER, str(port), str(kept)]
        server = subprocess.Popen(command, cwd=debian.ROOT, env={"PYTHONPATH": f"{debian.ROOT}/src:{debian.ROOT}"})
        try:
            until(lambda: so_far() == set(range(1_000)), 60)
        finally:
            server.kill()
            server.wait(10)
