"""What systemd is told (sd_notify(3)): a datagram to the socket that NOTIFY_SOCKET names. Nothing is said where there is none."""

import os
import socket
from collections.abc import Mapping


def notify(state: str, env: Mapping[str, str] = os.environ) -> None:
    """Tell it: "READY=1", "WATCHDOG=1", "STOPPING=1", "STATUS=…". Raises OSError where the socket is there but deaf."""
    path = env.get("NOTIFY_SOCKET", "")
    if not path:
        return
    # "@" stands for the abstract namespace.
    address = "\0" + path[1:] if path.startswith("@") else path
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as sender:
        sender.connect(address)
        sender.sendall(state.encode())


def watchdog(env: Mapping[str, str] = os.environ) -> float | None:
    """Seconds between two signs of life, half of what systemd waits; None where it does not wait for any."""
    micros, pid = env.get("WATCHDOG_USEC", ""), env.get("WATCHDOG_PID", "")
    if not micros.isdigit() or (pid and pid != str(os.getpid())):
        return None
    return int(micros) / 2_000_000 or None
