"""What systemd is told."""

import os
import socket
from pathlib import Path

import pytest

from beffroi.service.systemd import notify, watchdog


@pytest.mark.parametrize("abstract", [False, True])
def test_it_is_told_over_the_socket_it_named(abstract: bool, tmp_path: Path) -> None:
    name = f"@beffroi-{os.getpid()}" if abstract else str(tmp_path / "notify")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as systemd:
        systemd.bind("\0" + name[1:] if abstract else name)
        systemd.settimeout(5)
        notify("READY=1", {"NOTIFY_SOCKET": name})
        assert systemd.recv(100) == b"READY=1"


def test_nothing_is_said_where_nobody_listens() -> None:
    notify("READY=1", {})


@pytest.mark.parametrize(
    ("env", "seconds"),
    [
        ({}, None),
        ({"WATCHDOG_USEC": "30000000"}, 15.0),
        ({"WATCHDOG_USEC": "30000000", "WATCHDOG_PID": str(os.getpid())}, 15.0),
        ({"WATCHDOG_USEC": "30000000", "WATCHDOG_PID": "1"}, None),
        ({"WATCHDOG_USEC": "soon"}, None),
        ({"WATCHDOG_USEC": "0"}, None),
    ],
)
def test_signs_of_life_come_twice_as_often_as_they_must(env: dict[str, str], seconds: float | None) -> None:
    assert watchdog(env) == seconds
