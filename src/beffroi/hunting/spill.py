"""Sorting more lines than memory should hold: runs are sorted in memory, laid aside in temporary files, and merged."""

import heapq
import tempfile
from collections.abc import Iterator
from typing import IO

IN_MEMORY = 8 << 20  # bytes of lines kept before a run is laid aside
AT_ONCE = 64  # runs merged together


class SortedSpill:
    """Lines (bytes without a newline, which sort as they should come out), added in any order, read once in order."""

    def __init__(self, in_memory: int = IN_MEMORY) -> None:
        self._in_memory = in_memory
        self._lines: list[bytes] = []
        self._held = 0
        self._runs: list[IO[bytes]] = []

    def add(self, line: bytes) -> None:
        """Keep one line; raises OSError where a full run cannot be laid aside."""
        self._lines.append(line)
        self._held += len(line) + 64
        if self._held > self._in_memory:
            self._lines.sort()
            self._runs.append(self._written(iter(self._lines)))
            self._lines, self._held = [], 0
            if len(self._runs) >= AT_ONCE:
                merged = self._written(self._merged(self._runs))
                self._close()
                self._runs = [merged]

    def _written(self, lines: Iterator[bytes]) -> IO[bytes]:
        file = tempfile.TemporaryFile()  # noqa: SIM115 - closed when it is merged or read
        file.writelines(line + b"\n" for line in lines)
        file.seek(0)
        return file

    @staticmethod
    def _merged(runs: list[IO[bytes]]) -> Iterator[bytes]:
        return heapq.merge(*((line[:-1] for line in run) for run in runs))

    def sorted(self) -> Iterator[bytes]:
        """Every line in order; the spill is empty afterwards."""
        self._lines.sort()
        try:
            yield from heapq.merge(self._merged(self._runs), self._lines)
        finally:
            self._close()
            self._lines, self._held = [], 0

    def _close(self) -> None:
        for run in self._runs:
            run.close()
        self._runs = []
