"""What rsyslog really sends, by each of its ways."""

import contextlib
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from beffroi.core.config import Listen
from beffroi.logs.receivers import Relp, StreamReceiver, SyslogTcp, SyslogTls, SyslogUdp
from tests import debian
from tests.logs.receivers.certificates import Certificates
from tests.logs.receivers.serving import Recorder, serving, until

pytestmark = [pytest.mark.slow, pytest.mark.timeout(180)]
ANYWHERE = Listen("127.0.0.1", 0)
PACKAGES = ("rsyslog", "rsyslog-gnutls", "rsyslog-openssl", "rsyslog-relp", "rsyslog-elasticsearch")


@contextlib.contextmanager
def rsyslog(folder: Path, action: str, *, settings: str = "", lines: int = 100) -> Iterator[None]:
    """An rsyslogd that reads a file of so many lines and sends them on by this action."""
    root = debian.unpacked(*PACKAGES)
    (folder / "work").mkdir(exist_ok=True)
    (folder / "in.log").write_text("".join(f"line {number} of the night\n" for number in range(lines)))
    (folder / "rsyslog.conf").write_text(f"""
        global(workDirectory="{folder}/work" net.enableDNS="off" {settings})
        module(load="imfile" mode="polling" pollingInterval="1")
        module(load="omrelp")
        input(type="imfile" file="{folder}/in.log" tag="nuit:" ruleset="out" readMode="0")
        ruleset(name="out") {{ {action} }}
    """)
    arguments: list[str | Path] = [
        "-n",
        "-M",
        debian.modules(root, "rsyslog"),
        "-f",
        folder / "rsyslog.conf",
        "-i",
        folder / "pid",
    ]
    with debian.running(root, "usr/sbin/rsyslogd", *arguments, log=folder / "rsyslogd.log"):
        yield


def numbers(messages: list[bytes]) -> list[int]:
    """The line of each message; it must be one of ours, whole."""
    found = []
    for each in messages:
        head, _, text = each.partition(b" line ")
        assert head.startswith(b"<"), each
        assert head.endswith(b"nuit:"), each
        assert text.endswith(b" of the night"), each
        found.append(int(text.split()[0]))
    return found


@pytest.mark.parametrize(
    ("receiver", "options"),
    [
        (SyslogUdp, 'protocol="udp"'),
        (SyslogTcp, 'protocol="tcp"'),
        (SyslogTcp, 'protocol="tcp" tcp_framing="octet-counted"'),
        (SyslogTcp, 'protocol="tcp" tcp_framing="traditional" tcp_framedelimiter="0"'),
    ],
)
def test_it_sends_by_udp_and_by_tcp_in_both_framings(
    receiver: type[SyslogUdp | SyslogTcp], options: str, tmp_path: Path
) -> None:
    intake = Recorder()
    with serving(receiver(ANYWHERE, intake)) as port:
        action = f'action(type="omfwd" target="127.0.0.1" port="{port}" {options})'
        with rsyslog(tmp_path, action):
            assert numbers(intake.wait(100)) == list(range(100))
    assert {proof[:2] for proof in intake.proofs} == {(receiver.name, "127.0.0.1")}


@pytest.mark.parametrize("driver", ["gtls", "ossl"])
def test_it_sends_by_tls_and_shows_its_certificate(driver: str, tmp_path: Path, keys: Certificates) -> None:
    intake = Recorder()
    settings = f"""defaultNetstreamDriver="{driver}" defaultNetstreamDriverCAFile="{keys.authority}"
        defaultNetstreamDriverCertFile="{keys.device}" defaultNetstreamDriverKeyFile="{keys.device_key}" """
    with serving(SyslogTls(ANYWHERE, intake, tls=keys.context())) as port:
        action = f"""action(type="omfwd" target="127.0.0.1" port="{port}" protocol="tcp" tcp_framing="octet-counted"
            streamDriver="{driver}" streamDriverMode="1" streamDriverAuthMode="x509/name"
            streamDriverPermittedPeers="localhost")"""
        with rsyslog(tmp_path, action, settings=settings):
            assert numbers(intake.wait(100)) == list(range(100))
    assert intake.proofs[0].certificate == keys.der
    assert intake.proofs[0].encrypted


@pytest.mark.parametrize("tls", [False, True])
def test_relp_acknowledges_what_is_kept(tls: bool, tmp_path: Path, keys: Certificates) -> None:
    intake = Recorder()
    receiver = Relp(ANYWHERE, intake, tls=keys.context() if tls else None)
    with serving(receiver) as port, rsyslog(tmp_path, relp(port, keys if tls else None)):
        assert numbers(intake.wait(100)) == list(range(100))
    assert intake.proofs[0].certificate == (keys.der if tls else None)


def relp(port: int, keys: Certificates | None = None) -> str:
    secured = ""
    if keys is not None:
        secured = f"""tls="on" tls.authMode="name" tls.permittedPeer=["localhost", "127.0.0.1"] tls.caCert="{keys.authority}"
            tls.myCert="{keys.device}" tls.myPrivKey="{keys.device_key}" """
    return f"""action(type="omrelp" target="127.0.0.1" port="{port}" {secured} action.resumeRetryCount="-1"
        action.resumeInterval="1" action.resumeIntervalMax="1" queue.type="linkedList" queue.size="10000")"""


def test_relp_sends_again_what_found_no_room(tmp_path: Path) -> None:
    intake = Recorder(busy=3)
    receiver = Relp(ANYWHERE, intake)
    with serving(receiver) as port, rsyslog(tmp_path, relp(port), lines=1_000):
        until(lambda: set(numbers(intake.messages)) == set(range(1_000)), 60)
    assert receiver.counts.busy == 3
    assert receiver.counts.connections > 3


def test_relp_sends_again_what_a_killed_server_had_not_answered(tmp_path: Path) -> None:
    first, second = Recorder(delay=0.2), Recorder()
    with contextlib.ExitStack() as stack:
        before = Relp(ANYWHERE, first)
        with serving(before) as port:
            stack.enter_context(rsyslog(tmp_path, relp(port), lines=1_000))
            first.wait(100)
        assert len(first.messages) < 1_000
        time.sleep(0.5)
        stack.enter_context(serving(Relp(Listen("127.0.0.1", port), second)))
        until(lambda: set(numbers([*first.messages, *second.messages])) == set(range(1_000)), 60)


def test_all_receivers_are_told_apart() -> None:
    kinds: list[type[StreamReceiver | SyslogUdp]] = [SyslogUdp, SyslogTcp, SyslogTls, Relp]
    assert [kind.name for kind in kinds] == ["syslog_udp", "syslog_tcp", "syslog_tls", "relp"]
