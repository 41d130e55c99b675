"""Lines that the real programs write, of visitors whom we know."""

import base64
import contextlib
import ftplib
import os
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from beffroi.logs.arrival import Form
from beffroi.logs.formats.normal import Context, Normalised
from beffroi.logs.formats.understood import normalise
from tests import debian

pytestmark = [pytest.mark.slow, pytest.mark.timeout(180)]
FORGED = "198.51.100.66"
HOSTILE = [
    "anna",
    "Anna B.",
    f"x from {FORGED} port 22 ssh2",
    f'x": password mismatch, client: {FORGED}, server: , request: "GET / HTTP/1.1"',
    f'{FORGED} - - [04/Mar/2026:10:11:12 +0100] "GET / HTTP/1.1" 200 1 "-" "-"',
    f"x,{FORGED}): unknown user",
    f"x>, method=PLAIN, rip={FORGED}, lip=192.0.2.1",
]


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port


def until(ready: Callable[[], bool], what: str) -> None:
    end = time.monotonic() + 30
    while not ready():
        assert time.monotonic() < end, what
        time.sleep(0.05)


def answers(port: int) -> bool:
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
        return True
    return False


def asked(port: int, request: bytes) -> bytes:
    """What a server says to these bytes, until it has said enough."""
    with socket.create_connection(("127.0.0.1", port), 10) as connection:
        connection.sendall(request)
        connection.shutdown(socket.SHUT_WR)
        answer = b""
        while piece := connection.recv(65_536):
            answer += piece
    return answer


def visits() -> Iterator[bytes]:
    """Requests of somebody whose name is wrong, and of one who writes everywhere what a log might mistake for another's address."""
    for name in HOSTILE:
        secret = base64.b64encode(f"{name}:wrong".encode()).decode()
        yield f"GET /closed/?a=b HTTP/1.1\r\nHost: h.example\r\nAuthorization: Basic {secret}\r\nConnection: close\r\n\r\n".encode()
    lie = f'x", client: {FORGED}, server: , request: "y'
    yield f"GET /open HTTP/1.1\r\nHost: h.example\r\nReferer: {lie}\r\nUser-Agent: {lie}\r\nConnection: close\r\n\r\n".encode()
    yield b"\x16\x03\x01 nonsense\r\n\r\n"


def understood(path: Path) -> list[Normalised]:
    now = Context(datetime.now(UTC), UTC)
    return [normalise(Form.LINE, line, now)[0] for line in path.read_bytes().splitlines() if line.strip()]


def check_access(found: list[Normalised], service: str | None) -> None:
    """Every visit is told, each from here, each with its page and its answer."""
    assert len(found) == len(HOSTILE) + 2
    for each in found:
        assert each.logsource is not None
        assert (each.logsource.category, each.logsource.service) == ("webserver", service)
        assert each.fields["src_ip"] == each.fields["c-ip"] == "127.0.0.1"
        assert each.time is not None
        assert abs((datetime.now(UTC) - each.time).total_seconds()) < 120
    closed = [each.fields for each in found if each.fields.get("cs-uri-stem") == "/closed/"]
    assert [each["sc-status"] for each in closed] == [401] * len(HOSTILE)
    assert {each["cs-uri-query"] for each in closed} == {"/closed/?a=b"}
    assert [each["username"] for each in closed[:3]] == HOSTILE[:3]
    assert [each.fields["sc-status"] for each in found[-2:]] == [404, 400]


def check_errors(found: list[Normalised]) -> None:
    """Every refused visitor is one failure, from here or from nowhere."""
    failures = [each.fields for each in found if each.fields.get("outcome") == "failure"]
    assert len(failures) == len(HOSTILE)
    assert [each["username"] for each in failures[:3]] == HOSTILE[:3]
    assert {each.get("src_ip") for each in failures} <= {"127.0.0.1", None}
    assert [each.get("src_ip") for each in failures[:3]] == ["127.0.0.1"] * 3
    assert not any(each.fields.get("src_ip") == FORGED for each in found)


PASSWORDS = "anna:$apr1$cWqg1Jlx$0000000000000000000000\n"


def test_nginx(tmp_path: Path) -> None:
    root, port = debian.unpacked("nginx"), free_port()
    (tmp_path / "passwords").write_text(PASSWORDS)
    (tmp_path / "nginx.conf").write_text(f"""
        daemon off; master_process off; pid {tmp_path}/pid; error_log {tmp_path}/error.log info;
        events {{ }}
        http {{
            access_log {tmp_path}/access.log combined;
            client_body_temp_path {tmp_path}/a; proxy_temp_path {tmp_path}/b; fastcgi_temp_path {tmp_path}/c;
            uwsgi_temp_path {tmp_path}/d; scgi_temp_path {tmp_path}/e;
            server {{
                listen 127.0.0.1:{port}; root {tmp_path};
                location /closed/ {{ auth_basic "closed"; auth_basic_user_file {tmp_path}/passwords; }}
            }}
        }}
    """)
    with debian.running(
        root, "usr/sbin/nginx", "-e", tmp_path / "error.log", "-c", tmp_path / "nginx.conf", log=tmp_path / "out"
    ):
        until(lambda: answers(port), "nginx does not answer")
        (tmp_path / "access.log").write_bytes(b"")
        for request in visits():
            asked(port, request)
        until(lambda: len((tmp_path / "access.log").read_bytes().splitlines()) >= len(HOSTILE) + 2, "no lines")
    check_access(understood(tmp_path / "access.log"), None)
    check_errors(understood(tmp_path / "error.log"))


def test_apache(tmp_path: Path) -> None:
    root, port = debian.unpacked("apache2-bin"), free_port()
    folder = root / "usr/lib/apache2/modules"
    names = ("mpm_event", "authn_core", "authn_file", "authz_core", "authz_user", "auth_basic")
    loads = "\n".join(f"LoadModule {name}_module {folder}/mod_{name}.so" for name in names)
    (tmp_path / "passwords").write_text(PASSWORDS)
    (tmp_path / "apache.conf").write_text(f"""
        {loads}
        ServerName h.example
        ServerRoot {tmp_path}
        PidFile {tmp_path}/pid
        Listen 127.0.0.1:{port}
        DocumentRoot {tmp_path}
        DefaultRuntimeDir {tmp_path}
        {"User #65534" if os.geteuid() == 0 else ""}
        {"Group #65534" if os.geteuid() == 0 else ""}
        ErrorLog {tmp_path}/error.log
        LogLevel info
        LogFormat "%h %l %u %t \\"%r\\" %>s %O \\"%{{Referer}}i\\" \\"%{{User-Agent}}i\\"" combined
        CustomLog {tmp_path}/access.log combined
        <Location /closed/>
            AuthType Basic
            AuthName closed
            AuthUserFile {tmp_path}/passwords
            Require valid-user
        </Location>
    """)
    for folder in (tmp_path, *tmp_path.parents[:2]):
        folder.chmod(0o755)
    with debian.running(root, "usr/sbin/apache2", "-X", "-f", tmp_path / "apache.conf", log=tmp_path / "out"):
        until(lambda: answers(port), (tmp_path / "out").read_text())
        (tmp_path / "access.log").write_bytes(b"")
        for request in visits():
            asked(port, request)
        until(lambda: len((tmp_path / "access.log").read_bytes().splitlines()) >= len(HOSTILE) + 2, "no lines")
    check_access(understood(tmp_path / "access.log"), None)
    check_errors(understood(tmp_path / "error.log"))


def test_dropbear(tmp_path: Path) -> None:
    root, port = debian.unpacked("dropbear-bin"), free_port()
    assert not debian.ran(root, "usr/bin/dropbearkey", "-t", "ed25519", "-f", tmp_path / "key").returncode
    log = tmp_path / "dropbear.log"
    server = ("-F", "-E", "-p", f"127.0.0.1:{port}", "-r", tmp_path / "key", "-P", tmp_path / "pid", "-T", "1")
    with debian.running(root, "usr/sbin/dropbear", *server, log=log):
        until(lambda: answers(port), "dropbear does not answer")
        for name in ("nobody-here", f"x from {FORGED}"):
            subprocess.run(
                [root / "usr/bin/dbclient", "-y", "-y", "-p", str(port), "-l", name, "127.0.0.1", "true"],
                env={**debian.environment(root), "DROPBEAR_PASSWORD": "wrong", "HOME": str(tmp_path)},
                stdin=subprocess.DEVNULL, capture_output=True, timeout=60, check=False,
            )  # fmt: skip
        until(lambda: log.read_text().count("nonexistent user") >= 2, log.read_text())
    failures = []
    for line in log.read_text().splitlines():
        found = normalise(
            Form.SYSLOG, f"<38>Mar  4 10:11:12 nas dropbear[7]: {line}".encode(), Context(datetime.now(UTC), UTC)
        )[0]
        assert found.fields.get("src_ip") in ("127.0.0.1", None)
        if found.fields.get("outcome") == "failure":
            failures.append((found.fields["failure_reason"].partition(" - ")[0], found.fields.get("src_ip")))
    assert failures.count(("nonexistent user", None)) + failures.count(("nonexistent user", "127.0.0.1")) == 2
    assert failures.count(("Max auth tries reached", "127.0.0.1")) == 2


def test_vsftpd(tmp_path: Path) -> None:
    if os.geteuid() != 0:
        pytest.skip("vsftpd changes to other users")
    root, port, log = debian.unpacked("vsftpd"), free_port(), tmp_path / "vsftpd.log"
    (tmp_path / "empty").mkdir()
    (tmp_path / "vsftpd.conf").write_text(f"""listen=YES
listen_address=127.0.0.1
listen_port={port}
background=NO
anonymous_enable=YES
local_enable=YES
ftp_username=nobody
nopriv_user=nobody
anon_root={tmp_path}/empty
secure_chroot_dir={tmp_path}/empty
xferlog_enable=YES
xferlog_std_format=NO
vsftpd_log_file={log}
use_localtime=NO
seccomp_sandbox=NO
delay_failed_login=0
""")
    for folder in (tmp_path, *tmp_path.parents[:2]):
        folder.chmod(0o755)
    names = ["anna", "Anna B.", f'x] FAIL LOGIN: Client "{FORGED}']
    with debian.running(root, "usr/sbin/vsftpd", tmp_path / "vsftpd.conf", log=tmp_path / "out"):
        until(lambda: answers(port), "vsftpd does not answer")
        for name in names:
            client = ftplib.FTP(timeout=30)
            client.connect("127.0.0.1", port)
            with contextlib.suppress(ftplib.Error):
                client.login(name, "wrong")
            client.close()
        until(lambda: log.read_text().count("FAIL LOGIN: Client") >= len(names), log.read_text())
    found = understood(log)
    failures = [
        (each.fields["username"], each.fields.get("src_ip"))
        for each in found
        if each.fields.get("outcome") == "failure"
    ]
    assert failures[:2] == [(name, "127.0.0.1") for name in names[:2]], log.read_text()
    assert len(failures) == len(names)
    assert {each.fields.get("src_ip") for each in found} <= {"127.0.0.1", None}


def test_proftpd(tmp_path: Path) -> None:
    root, port, log = debian.unpacked("proftpd-core"), free_port(), tmp_path / "proftpd.log"
    (tmp_path / "users").write_text("anna:$1$abcdefgh$0000000000000000000000:65534:65534::/tmp:/bin/sh\n")
    (tmp_path / "users").chmod(0o600)
    (tmp_path / "proftpd.conf").write_text(f"""
        ServerName nas
        ServerType standalone
        DefaultAddress 127.0.0.1
        Port {port}
        {"User nobody" if os.geteuid() == 0 else ""}
        {"Group nogroup" if os.geteuid() == 0 else ""}
        UseReverseDNS off
        RequireValidShell off
        AuthPAM off
        AuthOrder mod_auth_file.c
        AuthUserFile {tmp_path}/users
        SystemLog {log}
        PidFile {tmp_path}/pid
        ScoreboardFile {tmp_path}/scoreboard
        DelayEngine off
        WtmpLog off
    """)
    tmp_path.chmod(0o755)
    names = ["anna", "nobody-here", f"x from {FORGED} [{FORGED}] to 192.0.2.1:21"]
    with debian.running(root, "usr/sbin/proftpd", "-n", "-q", "-c", tmp_path / "proftpd.conf", log=tmp_path / "out"):
        until(lambda: answers(port), (tmp_path / "out").read_text())
        for name in names:
            client = ftplib.FTP(timeout=30)
            client.connect("127.0.0.1", port)
            with contextlib.suppress(ftplib.Error, EOFError):
                client.login(name, "wrong")
            client.close()
        until(lambda: log.read_text().count("USER ") >= len(names), log.read_text())
    found = understood(log)
    failures = [
        (each.fields["username"], each.fields["src_ip"]) for each in found if each.fields.get("outcome") == "failure"
    ]
    assert failures == [(name, "127.0.0.1") for name in names], log.read_text()
