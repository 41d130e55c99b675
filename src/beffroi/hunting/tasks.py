"""The recordings of a hunt cut into tasks for processes: small files together, large ones in parts."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from beffroi.core.model import Fault
from beffroi.logs.formats import files

TASK_BYTES = 4 << 20
TASK_FILES = 64


class Task(NamedTuple):
    """Recordings read together, and their size in bytes."""

    paths: tuple[Path, ...]
    size: int


def tasks(paths: Sequence[Path], faults: list[Fault]) -> Iterator[Task]:
    """All files under the paths, in their order."""
    gathered: list[Path] = []
    size = 0
    for path, length in files(paths, faults=faults):
        gathered.append(path)
        size += length
        if size >= TASK_BYTES or len(gathered) >= TASK_FILES:
            yield Task(tuple(gathered), size)
            gathered, size = [], 0
    if gathered:
        yield Task(tuple(gathered), size)
