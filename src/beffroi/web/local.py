"""The Unix socket over which commands reach the service. Its folder is its owner's alone (0700), so who connects is that owner."""

import os
import pwd
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final
from urllib.parse import unquote

from starlette.requests import Request

from beffroi.core.errors import StoreError
from beffroi.store.actions import Actor, Role

NAME: Final = "beffroi.sock"


CALLER: Final = "Beffroi-Caller"
"""The header in which a command says for whom it acts. Whoever can reach the socket owns the data and could write them, so to
believe it adds no right; without it every act by sudo would be the service's own account's."""


def owner(request: Request) -> Actor:
    """Who acts over the socket, or in a process of their own: an owner, called as the command says, else as the account."""
    said = unquote(request.headers.get(CALLER, ""))
    return Actor(said if 0 < len(said) <= 64 and said.isprintable() else account(), Role.OWNER)


def caller() -> str:
    """For whom a command acts: the account that typed it, also behind sudo. Ask before the rights are given up."""
    return (os.environ.get("SUDO_USER") if os.geteuid() == 0 else None) or account()


def account() -> str:
    """What the account is called under which this process runs; its number where it has no name."""
    try:
        return pwd.getpwuid(os.geteuid()).pw_name
    except KeyError:
        return f"uid {os.geteuid()}"


@contextmanager
def reached(data_dir: Path) -> Iterator[str]:
    """A path of the socket that is short enough for the system (108 bytes, unix(7)), however deep the data folder lies."""
    handle = os.open(data_dir, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        yield f"/proc/self/fd/{handle}/{NAME}"
    finally:
        os.close(handle)


def listen(data_dir: Path) -> socket.socket:
    """The listening socket, rights 0600. Call it while the store is open: its lock says that no other service listens there,
    so what lies in the way was left by one that died. Raises StoreError."""
    server = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        (data_dir / NAME).unlink(missing_ok=True)
        with reached(data_dir) as path:
            server.bind(path)
        (data_dir / NAME).chmod(0o600)
        server.listen(64)
    except OSError as error:
        server.close()
        raise StoreError(path=data_dir / NAME, reason=error.strerror or str(error)) from error
    return server
