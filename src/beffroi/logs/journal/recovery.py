"""What opening makes of the last segment that an earlier life left: where to go on, and what must be cut off."""

from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Final, NamedTuple

from beffroi.core.model import Fault, message
from beffroi.logs.journal.disk import Disk
from beffroi.logs.journal.segments import CHUNK, Name, Segment, place

DAMAGED: Final = ".damaged"
ASIDE_BYTES: Final = 4 << 20  # of an end that is set aside; a longer one stays where it is …
ASIDE_FILES: Final = 8  # … and of how many


class Left(NamedTuple):
    """The last segment: where its sound records end, and where the file does."""

    name: Name
    end: int
    stop: int


def inspect(disk: Disk, folder: Path, name: Name) -> Left:
    """Read the last segment from end to end, and have it on disk. Raises OSError."""
    segment = Segment(disk, folder, name)
    try:
        # What a killed process wrote may still be nowhere but in memory.
        segment.sync()
        position = end = name.base
        stop = segment.end
        while position < stop:
            found = segment.read(position, stop, CHUNK)
            position = found.position
            if found.records:
                end = found.records[-1][0]
        return Left(name, end, stop)
    finally:
        segment.close()


def keep_aside(disk: Disk, folder: Path, left: Left, tell: Callable[[Fault], None]) -> None:
    """Copy what will be cut off, within bounds and as far as the disk has room, and tell of it."""
    what = message("the end holds no whole record, as after a power cut; it was set aside")
    tell(Fault(str(folder), place(left.end, left.stop), what))
    aside = folder / f"{left.end:020d}{DAMAGED}"
    if left.stop - left.end > ASIDE_BYTES:
        return
    with suppress(OSError):
        older = sorted(name for name in disk.names(folder) if name.endswith(DAMAGED))
        if aside.name in older:
            return
        for name in older[: max(0, len(older) + 1 - ASIDE_FILES)]:
            disk.unlink(folder / name)
        reading = disk.open(left.name.path(folder))
        try:
            writing = disk.open(aside, write=True, fresh=True)
            try:
                disk.append(writing, [disk.read(reading, left.stop - left.end, left.end - left.name.base)])
            finally:
                disk.close(writing)
        finally:
            disk.close(reading)


def cut(disk: Disk, folder: Path, left: Left) -> None:
    """Cut off what follows the sound records. Where it is too much to be kept aside, or the disk refuses, readers pass over it."""
    path = left.name.path(folder)
    with suppress(OSError):
        if left.end == left.name.base and left.stop - left.end <= ASIDE_BYTES:
            disk.unlink(path)
        elif left.stop - left.end <= ASIDE_BYTES:
            handle = disk.open(path, write=True)
            try:
                disk.truncate(handle, left.end - left.name.base)
                disk.sync(handle)
            finally:
                disk.close(handle)
