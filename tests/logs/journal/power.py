"""A disk in memory that writes down what it is asked, so that a test can restart from every state a power cut may leave.

What was synced is there. What was not, write by write, may be absent, whole, torn, or as long as it should be but zeros in
parts; a later write may be there although an earlier one is not. A name that was made or taken away since the folder was last synced
is there or not. After a sync that failed, what it should have synced is never synced by a later one (Linux forgets it).
"""

import itertools
import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from errno import EIO, ENOENT, ENOSPC
from pathlib import Path

FREE = 1 << 40


@dataclass(frozen=True)
class Write:
    file: int
    offset: int
    data: bytes


@dataclass(frozen=True)
class Cut:
    file: int
    length: int


@dataclass(frozen=True)
class Name:
    """`file` is None where the name was taken away."""

    name: str
    file: int | None


@dataclass(frozen=True)
class Synced:
    """`kept` of the log's operations are on disk from now on."""

    kept: frozenset[int]


@dataclass(frozen=True)
class Told:
    """What the world outside knows: ("kept", number, position after it), or ("trimmed", position, 0)."""

    what: tuple[str, int, int]


Operation = Write | Cut | Name | Synced | Told


@dataclass
class MemoryDisk:
    """`names_` and `files` are what a running system sees. `log` is what was done."""

    files: dict[int, bytearray] = field(default_factory=dict)
    names_: dict[str, int] = field(default_factory=dict)
    log: list[Operation] = field(default_factory=list)
    room: int = FREE
    failing: Callable[[str], OSError | None] = lambda _: None
    """Asked before each operation by its name."""

    def __post_init__(self) -> None:
        self._start = {file: bytes(content) for file, content in self.files.items()}, dict(self.names_)
        self._handles: dict[int, int] = {}
        self._numbers = itertools.count(3)
        self._inodes = itertools.count(max(self.files, default=0) + 1)
        self._lost: set[int] = set()
        self._locked: set[int] = set()

    def _ask(self, what: str) -> None:
        error = self.failing(what)
        if error is not None:
            raise error

    def prepare(self, folder: Path) -> None:
        self._ask("prepare")

    def lock(self, path: Path) -> int:
        if self._locked:
            raise BlockingIOError
        handle = next(self._numbers)
        self._locked.add(handle)
        return handle

    def names(self, folder: Path) -> list[str]:
        return list(self.names_)

    def open(self, path: Path, *, write: bool = False, fresh: bool = False) -> int:
        self._ask("open")
        file = self.names_.get(path.name)
        if fresh and file is None:
            file = next(self._inodes)
            self.files[file] = bytearray()
            self.names_[path.name] = file
            self.log.append(Name(path.name, file))
        if file is None:
            raise FileNotFoundError(ENOENT, "no such file", str(path))
        handle = next(self._numbers)
        self._handles[handle] = file
        if fresh and self.files[file]:
            self.truncate(handle, 0)
        return handle

    def close(self, handle: int) -> None:
        self._locked.discard(handle)
        self._handles.pop(handle, None)

    def size(self, handle: int) -> int:
        return len(self.files[self._handles[handle]])

    def read(self, handle: int, count: int, offset: int) -> bytes:
        return bytes(self.files[self._handles[handle]][offset : offset + count])

    def append(self, handle: int, parts: Sequence[bytes]) -> None:
        self._ask("append")
        file = self._handles[handle]
        data = b"".join(parts)
        fits = data[: max(0, self.room)]
        if fits:
            self.log.append(Write(file, len(self.files[file]), fits))
            self.files[file] += fits
            self.room -= len(fits)
        if len(fits) < len(data):
            raise OSError(ENOSPC, "no space left on device")

    def sync(self, handle: int) -> None:
        file = self._handles[handle]
        waiting = {
            number for number, done in enumerate(self.log) if isinstance(done, Write | Cut) and done.file == file
        } - self._lost
        try:
            self._ask("sync")
        except OSError:
            self._lost |= waiting
            raise
        self.log.append(Synced(frozenset(waiting)))

    def truncate(self, handle: int, length: int) -> None:
        self._ask("truncate")
        file = self._handles[handle]
        del self.files[file][length:]
        self.log.append(Cut(file, length))

    def unlink(self, path: Path) -> None:
        self._ask("unlink")
        if path.name not in self.names_:
            raise FileNotFoundError(ENOENT, "no such file", str(path))
        del self.names_[path.name]
        self.log.append(Name(path.name, None))

    def sync_folder(self, folder: Path) -> None:
        self._ask("sync_folder")
        self.log.append(Synced(frozenset(number for number, done in enumerate(self.log) if isinstance(done, Name))))

    def free(self, folder: Path) -> int:
        return self.room


def fates(operation: Operation) -> list[Operation | None]:
    """What may have become of an operation that was not synced."""
    if isinstance(operation, Write):
        data, length = operation.data, len(operation.data)
        places = sorted({1, *range(length // 8 or 1, length, length // 8 or 1), length - 1} - {0, length})
        torn = [replace(operation, data=data[:place]) for place in places]
        unequal = [data[: length // 2].ljust(length, b"\0"), data[length // 2 :].rjust(length, b"\0"), bytes(length)]
        return [None, operation, *torn, *(replace(operation, data=each) for each in unequal)]
    return [None, operation]


Choice = Callable[[list[Operation | None]], Operation | None]


def after_power_cut(disk: MemoryDisk, length: int, choose: Choice) -> MemoryDisk:
    """The disk after a cut of the power when `length` operations were done, with `choose` saying what became of each that was
    not synced."""
    log = disk.log[:length]
    synced = {number for done in log if isinstance(done, Synced) for number in done.kept}
    start, names = disk._start
    files, names = {file: bytearray(content) for file, content in start.items()}, dict(names)
    for number, done in enumerate(log):
        became: Operation | None = done
        if isinstance(done, Write | Cut | Name) and number not in synced:
            became = choose(fates(done))
        match became:
            case Write(file, offset, data):
                content = files.setdefault(file, bytearray())
                content.extend(bytes(max(0, offset - len(content))))
                content[offset : offset + len(data)] = data
            case Cut(file, to):
                del files.setdefault(file, bytearray())[to:]
            case Name(name, None):
                names.pop(name, None)
            case Name(name, int(file)):
                names[name] = file
                files.setdefault(file, bytearray())
            case _:
                pass
    return MemoryDisk({file: files[file] for file in names.values()}, names)


def told_by(disk: MemoryDisk, length: int) -> list[tuple[str, int, int]]:
    """What the world knew when so many operations were done."""
    return [done.what for done in disk.log[:length] if isinstance(done, Told)]


def power_cuts(disk: MemoryDisk, most: int) -> Iterator[tuple[list[tuple[str, int, int]], MemoryDisk]]:
    """Every state after every beginning of what was done: what had been told by then, and the disk. Where more than `most`
    states follow one beginning, that many spread over all of them."""
    for length in range(len(disk.log) + 1):
        choices: list[int] = []

        def count(options: list[Operation | None], choices: list[int] = choices) -> Operation | None:
            choices.append(len(options))
            return options[1]

        after_power_cut(disk, length, count)
        every = math.prod(choices)
        step = -(-every // most)
        while math.gcd(step, every) > 1:  # else the first choices would always fall together
            step += 1
        for number in range(0, every, step):
            left = [number]

            def pick(options: list[Operation | None], left: list[int] = left) -> Operation | None:
                left[0], which = divmod(left[0], len(options))
                return options[which]

            yield told_by(disk, length), after_power_cut(disk, length, pick)


def broken(error: int = EIO) -> OSError:
    return OSError(error, "the disk is broken")
