"""Lines that OpenSSH's real server writes of visitors whom we know: one try is one failure, whatever it writes of it.

It is started once for each connection, as inetd did (`sshd -i`), so that the number of its process is known without a syslog.
"""

import contextlib
import os
import pwd
import shutil
import socket
import subprocess
import tempfile
import threading
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from beffroi.core.model import Fields
from beffroi.logs.arrival import Form
from beffroi.logs.formats.connections import Connections
from beffroi.logs.formats.normal import Context
from beffroi.logs.formats.understood import normalise
from tests import debian
from tests.logs.formats.services.test_real import FORGED, until

UID = pwd.getpwnam("daemon").pw_uid if os.geteuid() == 0 else os.getuid()
KNOWN = next((each.pw_name for each in pwd.getpwall() if each.pw_uid == UID), "")
"""Who exists: whoever the server runs as. As root it wants a user and a folder of the system's own; systemd calls `nobody` locked."""
pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(180),
    pytest.mark.skipif(not KNOWN, reason="the user has no account here, so that sshd runs as nobody it knows"),
]
NOW = Context(datetime(2026, 3, 4, 10, 0, tzinfo=UTC), UTC)


class Server:
    """What `sshd -i` wrote, connection by connection."""

    def __init__(self, folder: Path, port: int) -> None:
        self.folder = folder
        self.port = port
        self.processes: list[subprocess.Popen[bytes]] = []

    def log(self, number: int) -> Path:
        return self.folder / f"log-{number}"

    def lines(self) -> Iterator[str]:
        """All lines as syslog carries them, once every connection has ended."""
        for number, process in enumerate(self.processes):
            process.wait(60)
            for line in self.log(number).read_text().splitlines():
                yield f"<86>Mar  4 10:00:00 nas sshd[{process.pid}]: {line.strip()}"

    def fields(self) -> list[Fields]:
        """What they are understood to say, as the service does it."""
        memory, found = Connections(), []
        for line in self.lines():
            [event] = normalise(Form.SYSLOG, line.encode(), NOW)
            found += [told.fields for told in memory.hear("s", event, 0)]
        return found


@contextlib.contextmanager
def sshd(level: str) -> Iterator[Server]:
    """OpenSSH's server on a port of its own; the folder is one that another user may enter."""
    root = debian.unpacked("openssh-server")
    with tempfile.TemporaryDirectory() as name, socket.create_server(("127.0.0.1", 0)) as listener:
        folder = Path(name)
        folder.chmod(0o755)
        for each in ("host", "right", "wrong"):
            keygen = shutil.which("ssh-keygen", path=debian.environment(root)["PATH"]) or "ssh-keygen"
            subprocess.run([keygen, "-q", "-t", "ed25519", "-N", "", "-f", folder / each], check=True)
        if os.geteuid() == 0:
            os.chown(folder / "host", UID, UID)
        session = root / "usr/lib/openssh/sshd-session"  # 9.8 and later start programs of the system's own
        own = f"SshdSessionPath {session}" if session.exists() else ""
        if (auth := session.with_name("sshd-auth")).exists():
            own += f"\n            SshdAuthPath {auth}"
        (folder / "conf").write_text(f"""
            {own}
            HostKey {folder}/host
            PidFile none
            AuthorizedKeysFile {folder}/right.pub
            StrictModes no
            PasswordAuthentication yes
            KbdInteractiveAuthentication no
            MaxAuthTries 3
            LogLevel {level}
        """)
        server = Server(folder, listener.getsockname()[1])
        accepting = threading.Thread(target=_serve, args=(server, listener, root))
        accepting.start()
        try:
            yield server
        finally:
            listener.shutdown(socket.SHUT_RDWR)
            accepting.join(30)
            for process in server.processes:
                process.terminate()
                process.wait(30)


def _serve(server: Server, listener: socket.socket, root: Path) -> None:
    while True:
        try:
            connection, _ = listener.accept()
        except OSError:
            return
        with connection, server.log(len(server.processes)).open("wb") as log:
            process = subprocess.Popen(
                [root / "usr/sbin/sshd", "-i", "-e", "-f", server.folder / "conf"],
                env=debian.environment(root), stdin=connection.fileno(), stdout=connection.fileno(), stderr=log,
                user=UID if os.geteuid() == 0 else None, group=UID if os.geteuid() == 0 else None,
                extra_groups=[] if os.geteuid() == 0 else None,
            )  # fmt: skip
        server.processes.append(process)


def visit(server: Server, user: str, *, prompts: int = 0, keys: tuple[str, ...] = ()) -> None:
    """Somebody tries these keys, then so many wrong passwords."""
    folder = server.folder
    (folder / "ask").write_text("#!/bin/sh\necho wrong\n")
    (folder / "ask").chmod(0o755)
    options = {
        "StrictHostKeyChecking": "no", "UserKnownHostsFile": folder / "known", "NumberOfPasswordPrompts": max(prompts, 1),
        "PasswordAuthentication": "yes" if prompts else "no", "PubkeyAuthentication": "yes" if keys else "no", "IdentitiesOnly": "yes",
        "IdentityAgent": "none",
    }  # fmt: skip
    given = [word for name, value in options.items() for word in ("-o", f"{name}={value}")]
    given += [word for key in keys for word in ("-i", str(folder / key))]
    before = len(server.processes)
    subprocess.run(
        ["ssh", "-F", "none", *given, "-p", str(server.port), "-l", user, "127.0.0.1", "true"],
        env={**debian.environment(debian.unpacked("openssh-server")), "SSH_ASKPASS": str(folder / "ask"), "SSH_ASKPASS_REQUIRE": "force", "HOME": str(folder)},
        stdin=subprocess.DEVNULL, capture_output=True, timeout=60, check=False,
    )  # fmt: skip
    until(lambda: len(server.processes) > before, "sshd was not asked")


@pytest.mark.parametrize("level", ["INFO", "VERBOSE"])
def test_each_try_of_a_visitor_is_one_failure_with_his_address(level: str) -> None:
    names = {"nobody-here": 2, f"x from {FORGED} port 22 ssh2": 2, f"a {FORGED} port 22": 1, KNOWN: 3}
    with sshd(level) as server:
        for name, prompts in names.items():
            visit(server, name, prompts=prompts)
        socket.create_connection(("127.0.0.1", server.port), 10).close()
        until(lambda: len(server.processes) > len(names), "sshd was not asked")
        found = server.fields()
        log = "\n".join(server.lines())
    failures = Counter(each["username"] for each in found if each.get("outcome") == "failure")
    assert failures == names, log
    assert {each.get("src_ip") for each in found if "outcome" in each} == {"127.0.0.1"}, log
    assert FORGED not in {each.get("src_ip") for each in found}, log


def test_keys_that_are_refused_are_a_failure_unless_one_fits() -> None:
    with sshd("VERBOSE") as server:
        visit(server, KNOWN, keys=("wrong",))
        visit(server, KNOWN, keys=("wrong", "right"))
        visit(server, KNOWN, keys=("wrong",), prompts=1)
        log = "\n".join(server.lines())
        by_connection = [[each["outcome"] for each in found if "outcome" in each] for found in _each_alone(server)]
    assert by_connection == [["failure"], ["success"], ["failure"]], log
    assert log.count("Failed publickey") == 3


def _each_alone(server: Server) -> Iterator[list[Fields]]:
    for process in server.processes:
        memory = Connections()
        yield [
            told.fields
            for line in server.lines()
            if f"sshd[{process.pid}]" in line
            for told in memory.hear("s", normalise(Form.SYSLOG, line.encode(), NOW)[0], 0)
        ]
