"""7z archives: one compressed whole, unpacked in one go into nameless files, by the `py7zr` library."""

import tempfile
import weakref
from collections.abc import Iterator
from pathlib import PurePosixPath
from typing import IO, Any

import py7zr
from py7zr.io import Py7zIO, WriterFactory

from beffroi.core.model import Message, message
from beffroi.logs.formats.archive import bomb
from beffroi.logs.formats.budget import Budget, TooMuch, Unreadable

BLOCK = 1 << 20
ENCRYPTED = message("it is encrypted; unpack it with its password first")

# By itself the library takes up to 128 MB of output at a time into memory; a later version without this name does so again.
py7zr.py7zr.get_memory_limit = lambda: BLOCK  # type: ignore[attr-defined]


def unpack(file: IO[bytes], budget: Budget) -> Iterator["Unpacked"]:
    """The members in the archive's order. Raises Unreadable when there is nothing to unpack at all."""
    size = file.seek(0, 2)
    file.seek(0)
    limits = budget.limits
    try:
        with py7zr.SevenZipFile(file) as archive:
            if archive.needs_password():
                raise Unreadable(ENCRYPTED)
            names = [info.filename for info in archive.list() if not info.is_directory]
            for _ in names:
                budget.member()
            factory = _Factory(budget, max(limits.slack, limits.ratio * size))
            for name in names:
                if not _stays_inside(name):
                    outside = factory.create(name)
                    outside.failure = message("its name leads out of the archive; it was not read")
            failure = _extract(archive, [name for name in names if _stays_inside(name)], factory)
    except Unreadable:
        raise
    except Exception as error:  # noqa: BLE001 - a library of many decompressors, each with its own errors
        raise Unreadable(_sentence(error)) from None
    for member in factory.members:
        if not member.complete and not member.failure:
            member.failure, failure = failure, None
    yield from factory.members
    if failure:  # in no member in particular
        raise Unreadable(failure)


def _extract(archive: Any, names: list[str], factory: "_Factory") -> Message | None:
    """Unpacks into `factory`; why it stopped early, or None."""
    try:
        archive.extract(targets=names, factory=factory)
    except Exception as error:  # noqa: BLE001 - as above; what was unpacked before stays
        return _sentence(error)
    return None


def _sentence(error: Exception) -> Message:
    if isinstance(error, Unreadable):
        return error.what
    if isinstance(error, py7zr.exceptions.PasswordRequired):
        return ENCRYPTED
    return message("it cannot be unpacked: {error}", error=str(error) or type(error).__name__)


def _stays_inside(name: str) -> bool:
    path = PurePosixPath(name.replace("\\", "/"))
    return not path.is_absolute() and ".." not in path.parts and ":" not in (path.parts or ("",))[0]


class _Factory(WriterFactory):
    def __init__(self, budget: Budget, most: int) -> None:
        self.members: list[Unpacked] = []
        self.left = most  # bytes until the archive counts as a bomb
        self.budget = budget

    def create(self, filename: str) -> "Unpacked":
        member = Unpacked(filename, self)
        self.members.append(member)
        return member


class Unpacked(Py7zIO):
    """One member in a nameless file, which goes when nobody holds the member any more."""

    def __init__(self, name: str, factory: _Factory) -> None:
        self.name = name
        self.complete = False
        self.failure: Message | None = None  # why it, or its end, cannot be read
        self.file: IO[bytes] = tempfile.SpooledTemporaryFile(factory.budget.limits.memory)  # noqa: SIM115 - closed below
        weakref.finalize(self, self.file.close)
        self._factory = factory
        self._size = 0

    def write(self, data: bytes | bytearray) -> int:
        factory = self._factory
        limits = factory.budget.limits
        self._size += len(data)
        factory.left -= len(data)
        factory.budget.spend(len(data))
        if self._size > limits.member:
            raise TooMuch(message("it is longer than {most:,} bytes; the rest was not read", most=limits.member))
        if factory.left < 0:
            raise bomb(limits)
        return self.file.write(data)

    def read(self, size: int | None = None) -> bytes:
        return self.file.read(-1 if size is None else size)

    def seek(self, offset: int, whence: int = 0) -> int:
        return self.file.seek(offset, whence)

    def flush(self) -> None:
        pass

    def size(self) -> int:
        return self._size

    def close(self) -> None:
        self.complete = True
