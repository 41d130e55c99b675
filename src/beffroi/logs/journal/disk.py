"""What the journal asks of a disk. Everything goes through here, so that a test can cut the power between any two operations."""

import fcntl
import os
from collections.abc import Sequence
from contextlib import suppress
from itertools import pairwise
from pathlib import Path
from typing import Final, Protocol

from beffroi.core.files import sync_folder

AT_ONCE: Final = 1_000  # parts handed to one writev; Linux takes 1,024 (IOV_MAX)
BLOCK: Final = 4_096  # what is given up of a file where the disk cannot read it


class Disk(Protocol):
    """Each method raises OSError as the system does. Handles are file descriptors of this disk."""

    def prepare(self, folder: Path) -> None:
        """Make the folder, for its owner alone, and have that on disk; close one that stood open."""

    def lock(self, path: Path) -> int:
        """Hold this file until its handle is closed or the process ends. Raises BlockingIOError where somebody else does."""

    def names(self, folder: Path) -> list[str]:
        """What stands in the folder, in any order; nothing where there is no folder."""

    def open(self, path: Path, *, write: bool = False, fresh: bool = False) -> int:
        """Open for reading, or for appending at the end; `fresh` makes it anew and empty, for its owner alone."""

    def close(self, handle: int) -> None: ...

    def size(self, handle: int) -> int: ...

    def read(self, handle: int, count: int, offset: int) -> bytes:
        """At most `count` bytes, fewer only at the end; zeros stand for what the disk cannot read."""

    def append(self, handle: int, parts: Sequence[bytes]) -> None:
        """Write all parts at the end. After an error some of them may stand there."""

    def sync(self, handle: int) -> None:
        """When it returns, all that was written and the file's length are on disk (fdatasync)."""

    def truncate(self, handle: int, length: int) -> None: ...

    def unlink(self, path: Path) -> None: ...

    def sync_folder(self, folder: Path) -> None:
        """When it returns, the names of the folder are on disk."""

    def free(self, folder: Path) -> int:
        """Bytes that we may still write."""


class RealDisk:
    """The disk of this machine (Linux)."""

    def prepare(self, folder: Path) -> None:
        if not folder.is_dir():
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            self.sync_folder(folder.parent)
        if folder.stat().st_mode & 0o077:
            folder.chmod(0o700)

    def lock(self, path: Path) -> int:
        handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            os.close(handle)
            raise
        return handle

    def names(self, folder: Path) -> list[str]:
        with suppress(FileNotFoundError):
            return os.listdir(folder)  # noqa: PTH208 - called for each read: names, no paths
        return []

    def open(self, path: Path, *, write: bool = False, fresh: bool = False) -> int:
        flags = os.O_RDWR | os.O_APPEND if write else os.O_RDONLY
        if fresh:
            flags |= os.O_CREAT | os.O_TRUNC
        return os.open(path, flags | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)

    def close(self, handle: int) -> None:
        os.close(handle)

    def size(self, handle: int) -> int:
        return os.fstat(handle).st_size

    def read(self, handle: int, count: int, offset: int) -> bytes:
        try:
            return _read(handle, count, offset)
        except OSError:
            edges = [offset, *range((offset // BLOCK + 1) * BLOCK, offset + count, BLOCK), offset + count]
            return b"".join(_block(handle, stop - start, start) for start, stop in pairwise(edges))

    def append(self, handle: int, parts: Sequence[bytes]) -> None:
        for start in range(0, len(parts), AT_ONCE):
            some = parts[start : start + AT_ONCE]
            written = os.writev(handle, some)
            if written < sum(map(len, some)):
                rest = memoryview(b"".join(some))[written:]
                while rest:
                    rest = rest[os.write(handle, rest) :]

    def sync(self, handle: int) -> None:
        os.fdatasync(handle)

    def truncate(self, handle: int, length: int) -> None:
        os.ftruncate(handle, length)

    def unlink(self, path: Path) -> None:
        path.unlink()

    def sync_folder(self, folder: Path) -> None:
        sync_folder(folder)

    def free(self, folder: Path) -> int:
        state = os.statvfs(folder)
        return state.f_bavail * state.f_frsize


def _read(handle: int, count: int, offset: int) -> bytes:
    data = os.pread(handle, count, offset)
    while data and len(data) < count:
        more = os.pread(handle, count - len(data), offset + len(data))
        if not more:
            break
        data += more
    return data


def _block(handle: int, count: int, offset: int) -> bytes:
    """One block of a file with a bad spot."""
    try:
        return _read(handle, count, offset)
    except OSError:
        return bytes(max(0, min(count, os.fstat(handle).st_size - offset)))


REAL: Final[Disk] = RealDisk()
