"""What syslog-ng and its load generator really send."""

import contextlib
import socket
import ssl
from collections.abc import Iterator
from pathlib import Path

import pytest

from beffroi.core.config import Listen
from beffroi.logs.receivers import Limits, SyslogTcp, SyslogTls, SyslogUdp
from tests import debian
from tests.logs.receivers.certificates import Certificates
from tests.logs.receivers.serving import Recorder, serving, until

pytestmark = [pytest.mark.slow, pytest.mark.timeout(180)]
ANYWHERE = Listen("127.0.0.1", 0)


@contextlib.contextmanager
def syslog_ng(folder: Path, destination: str, lines: int = 100) -> Iterator[None]:
    """A syslog-ng that reads a file of so many lines and sends them on to this destination."""
    root = debian.unpacked("syslog-ng-core")
    (folder / "in.log").write_text("".join(f"line {number} of the night\n" for number in range(lines)))
    (folder / "ng.conf").write_text(f"""@version: 3.38
        source s {{ file("{folder}/in.log" flags(no-parse) follow-freq(1) program-override("nuit")); }};
        destination d {{ {destination}; }};
        log {{ source(s); destination(d); }};
    """)
    own = {"cfgfile": "ng.conf", "persist-file": "persist", "control": "control", "pidfile": "pid"}
    paths = [f"--{option}={folder / name}" for option, name in own.items()]
    arguments = ["--foreground", "--stderr", "--no-caps", f"--module-path={debian.modules(root, 'syslog-ng/3.38')}"]
    with debian.running(root, "usr/sbin/syslog-ng", *arguments, *paths, log=folder / "syslog-ng.log"):
        yield


@pytest.mark.parametrize(
    ("receiver", "driver"),
    [
        (SyslogUdp, 'network("127.0.0.1" port({port}) transport("udp"))'),
        (SyslogTcp, 'network("127.0.0.1" port({port}) transport("tcp"))'),
        (SyslogUdp, 'syslog("127.0.0.1" port({port}) transport("udp"))'),
        (SyslogTcp, 'syslog("127.0.0.1" port({port}) transport("tcp"))'),
    ],
)
def test_it_sends_old_and_new_messages(receiver: type[SyslogUdp | SyslogTcp], driver: str, tmp_path: Path) -> None:
    intake = Recorder()
    with serving(receiver(ANYWHERE, intake)) as port, syslog_ng(tmp_path, driver.format(port=port)):
        found = intake.wait(100)
    assert [each.partition(b" line ")[2] for each in found] == [b"%d of the night" % number for number in range(100)]
    assert all(each.startswith(b"<13>1 " if driver.startswith("syslog") else b"<13>") for each in found)


@pytest.mark.parametrize("driver", ["syslog", "network"])
def test_it_sends_by_tls_and_shows_its_certificate(driver: str, tmp_path: Path, keys: Certificates) -> None:
    intake = Recorder()
    with serving(SyslogTls(ANYWHERE, intake, tls=keys.context())) as port:
        tls = f"""tls(ca-file("{keys.authority}") cert-file("{keys.device}") key-file("{keys.device_key}"))"""
        with syslog_ng(tmp_path, f'{driver}("127.0.0.1" port({port}) transport("tls") {tls})'):
            found = intake.wait(100)
    assert [each.partition(b" line ")[2] for each in found] == [b"%d of the night" % number for number in range(100)]
    assert intake.proofs[0].certificate == keys.der


@pytest.mark.parametrize(
    "options", [["--inet", "--stream"], ["--inet", "--stream", "--syslog-proto"], ["--use-ssl", "--syslog-proto"]]
)
def test_what_a_burst_sends_arrives_though_the_disk_is_slow(options: list[str], keys: Certificates) -> None:
    intake = Recorder(delay=0.02)
    tls = keys.context() if "--use-ssl" in options else None
    if tls is not None:
        tls.verify_mode = ssl.CERT_NONE  # loggen has no certificate
    receiver = (SyslogTls if tls else SyslogTcp)(ANYWHERE, intake, tls=tls)
    with serving(receiver) as port:
        root = debian.unpacked("syslog-ng-core")
        load = [*options, "--quiet", "--rate=100000", "--number=5000", "--active-connections=4", "--size=200"]
        done = debian.ran(root, "usr/bin/loggen", *load, "127.0.0.1", str(port))
        assert "plugin" not in done.stderr
        sent = 4 * 5_000
        until(lambda: receiver.counts.messages >= sent)
        assert {len(each) for each in intake.messages} <= {199, 200}
        assert len(intake.messages) == sent


def test_what_udp_loses_is_counted() -> None:
    intake = Recorder(delay=0.5)
    receiver = SyslogUdp(ANYWHERE, intake, Limits(queue=200_000))
    with serving(receiver) as port:
        root = debian.unpacked("syslog-ng-core")
        load = ["--inet", "--dgram", "--quiet", "--rate=100000", "--number=10000", "--size=200"]
        debian.ran(root, "usr/bin/loggen", *load, "127.0.0.1", str(port))
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:

            def all_told() -> bool:
                client.sendto(b"<13>one more", ("127.0.0.1", port))  # only then does the kernel tell what it dropped
                counts = receiver.counts
                return counts.messages + counts.lost + counts.lost_before >= 10_000

            until(all_told)
    assert receiver.counts.lost > 5_000
    assert receiver.counts.messages > 200
