"""Translated rules kept between starts: plain data, never anything that runs.

A file belongs to one fingerprint (the rules' texts, their paths, the placeholders, Beffroi's and pySigma's versions). It is
taken only if it is ours (owner and rights), whole (a digest) and of this format; anything else is as if it were not there.
"""

import hashlib
import os
import stat
import tempfile
import time
from contextlib import suppress
from pathlib import Path

FORMAT = b"beffroi rules 1\n"
KEPT = 12  # files; the least recently used go
LARGEST = 256 << 20
ABANDONED = 3600  # seconds after which nobody is still writing a file


def read(folder: Path, fingerprint: str) -> bytes | None:
    """What was kept under the fingerprint; None where nothing trustworthy was."""
    path = folder / f"{fingerprint}.rules"
    try:
        handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:
        return None
    try:
        status = os.fstat(handle)
        foreign = status.st_uid != os.geteuid() or bool(status.st_mode & 0o022)
        if foreign or not stat.S_ISREG(status.st_mode) or status.st_size > LARGEST:
            return None
        with os.fdopen(handle, "rb", closefd=False) as file:
            head = file.read(len(FORMAT) + 65)
            body = file.read()
    except OSError:
        return None
    finally:
        os.close(handle)
    digest = head[len(FORMAT) :].rstrip(b"\n").decode("ascii", "replace")
    if not head.startswith(FORMAT) or digest != _digest(fingerprint, body):
        return None
    with suppress(OSError):
        os.utime(path)
    return body


def write(folder: Path, fingerprint: str, body: bytes) -> None:
    """Keep it, atomically; a cache that cannot be written is no fault."""
    with suppress(OSError):
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        handle, temporary = tempfile.mkstemp(dir=folder, suffix=".part")
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(FORMAT + _digest(fingerprint, body).encode() + b"\n" + body)
            Path(temporary).replace(folder / f"{fingerprint}.rules")
        except OSError:
            Path(temporary).unlink(missing_ok=True)
            raise
        _tidy(folder)


def _digest(fingerprint: str, body: bytes) -> str:
    return hashlib.blake2b(body, digest_size=32, key=fingerprint.encode()[:64]).hexdigest()


def _tidy(folder: Path) -> None:
    """Remove what was used longest ago, and what a killed process left half written."""
    kept = sorted(folder.glob("*.rules"), key=lambda path: path.stat().st_mtime, reverse=True)
    left = [path for path in folder.glob("*.part") if time.time() - path.stat().st_mtime > ABANDONED]
    for path in (*kept[KEPT:], *left):
        path.unlink(missing_ok=True)
