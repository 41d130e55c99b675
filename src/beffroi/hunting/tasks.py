"""The recordings of a hunt cut into tasks for processes: small files together, large ones in parts."""

from collections.abc import Iterable, Iterator
from typing import NamedTuple

from beffroi.logs.formats import Part, in_parts

TASK_BYTES = 4 << 20  # a larger file is looked at: it may be cut
TASK_FILES = 64
PART_BYTES = 2 << 20


class Task(NamedTuple):
    """Recordings read together, and their size in bytes. A part of a file is a task of its own."""

    parts: tuple[Part, ...]
    size: int


def tasks(files: Iterable[Part], *, cut: bool) -> Iterator[Task]:
    """All of the files, in their order, each task made when it is asked for; large files are cut where `cut` says so."""
    gathered: list[Part] = []
    size = 0
    for file in files:
        if cut and file.size >= TASK_BYTES:
            if gathered:
                yield Task(tuple(gathered), size)
                gathered, size = [], 0
            for part in in_parts(file, PART_BYTES):
                yield Task((part,), part.size)
            continue
        gathered.append(file)
        size += file.size
        if size >= TASK_BYTES or len(gathered) >= TASK_FILES:
            yield Task(tuple(gathered), size)
            gathered, size = [], 0
    if gathered:
        yield Task(tuple(gathered), size)
