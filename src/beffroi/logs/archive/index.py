"""What the archive holds: one small file, replaced as a whole, and so the moment at which a batch is there.

A Parquet file that the index does not name is not part of the archive: what a crash left behind, or what a merger replaced and
a search still reads. It is swept away when nobody searches.
"""

import fcntl
import os
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

import msgspec

from beffroi.core.errors import StoreError
from beffroi.core.files import replace_file
from beffroi.core.model import LogSource, message

NAME: Final = "index.json"
LOCK: Final = ".reading"
STAGING: Final = ".staging"
SEARCHING: Final = ".search-"
"""What the folders of searches begin with; they are gone with their search, unless that was killed."""
NOWHERE: Final = -1
"""The position of an archive that holds nothing yet."""


class Part(msgspec.Struct, frozen=True, kw_only=True):
    """One Parquet file. Times are microseconds since 1970, sizes bytes."""

    path: str
    """Below the archive's folder."""
    day: str
    product: str | None
    category: str | None
    service: str | None
    rows: int
    size: int
    weight: int
    """Bytes before compression."""
    earliest: int
    latest: int
    first: int
    """The first journal position that it may hold."""
    last: int
    broken: bool = False
    """It could not be read when it should have been merged; it is left alone."""

    @property
    def logsource(self) -> LogSource:
        return LogSource(self.product, self.category, self.service)


class Index(msgspec.Struct, frozen=True, kw_only=True):
    """`position` is the last journal position that is wholly in the archive."""

    form: int = 1
    position: int = NOWHERE
    parts: tuple[Part, ...] = ()


_ORDINARY = re.compile(r"day=\d{4}-\d\d-\d\d/[a-z0-9_-]+/[0-9a-z-]+\.parquet", re.ASCII)


def load(folder: Path) -> Index:
    """The index of an archive; an empty one where there is none yet. Raises StoreError."""
    try:
        index = msgspec.json.decode((folder / NAME).read_bytes(), type=Index)
    except FileNotFoundError:
        return Index()
    except OSError as error:
        raise StoreError(path=folder / NAME, reason=error.strerror or str(error)) from error
    except msgspec.MsgspecError as error:
        raise StoreError(path=folder / NAME, reason=message("it is damaged; put it back from a copy")) from error
    if index.form != 1:
        raise StoreError(path=folder / NAME, reason=message("a newer Beffroi wrote it"))
    for part in index.parts:
        if not _ORDINARY.fullmatch(part.path):  # names go into DuckDB, where * and [ are patterns
            raise StoreError(path=folder / NAME, reason=message("it is damaged; put it back from a copy"))
    return index


def save(folder: Path, index: Index) -> None:
    """Replace the index; when this returns it is on disk. Raises OSError, and then the old one stands."""
    replace_file(folder / NAME, msgspec.json.encode(index))


@contextmanager
def reading(folder: Path) -> Iterator[None]:
    """While this holds, no file that the index named at its beginning goes away. Needs no right to write but the first time."""
    lock = folder / LOCK
    with suppress(OSError):
        lock.touch(mode=0o640)
    descriptor = os.open(lock, os.O_RDONLY | os.O_CLOEXEC)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH)
        yield
    finally:
        os.close(descriptor)


def sweep(folder: Path, index: Index) -> int:
    """Remove Parquet files that the index does not name, unless somebody reads; returns how many went."""
    descriptor = os.open(folder / LOCK, os.O_RDONLY | os.O_CREAT | os.O_CLOEXEC, 0o640)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return 0
        named = {part.path for part in index.parts}
        gone = 0
        for path in sorted(folder.glob("day=*/*/*.parquet")):
            if path.relative_to(folder).as_posix() not in named:
                path.unlink(missing_ok=True)
                gone += 1
                for empty in (path.parent, path.parent.parent):
                    with suppress(OSError):
                        empty.rmdir()
        for left in folder.glob(f"{SEARCHING}*"):
            shutil.rmtree(left, ignore_errors=True)
        return gone
    finally:
        os.close(descriptor)
