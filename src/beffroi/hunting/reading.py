"""One task of a hunt: its recordings read, what they came to counted."""

from collections.abc import Callable, Iterator
from typing import NamedTuple

from beffroi.core.model import WHOLE, Fault
from beffroi.core.wording import shown
from beffroi.hunting.request import Outcome
from beffroi.hunting.tasks import Task
from beffroi.hunting.worker import Sink, Worker
from beffroi.logs.formats import NO_LOG, FaultLog, Limits, Recording, recordings_in

MOST_FAULTS = 2_000  # kept with their words; further ones are counted

Emit = Callable[[bytes], None]
Progress = Callable[[int, int], None]
"""Told after each task: bytes read so far, bytes in all."""


class Done(NamedTuple):
    """What a process says when a task is read."""

    events: int
    matches: int
    unsourced: int
    faults: list[Fault]
    uncounted: int
    others: int


def read_task(worker: Worker, task: Task, sink: Sink) -> Done:
    """Read a task's recordings. What lies in a folder or archive and is no log at all is counted apart: nobody asked for it."""
    found: list[list[Fault]] = []  # in the order of the files, whatever the task they are in
    opened: list[Recording] = []

    def each() -> Iterator[Recording]:
        for part in task.parts:
            found.append([])
            for recording in recordings_in(part, faults=found[-1]):
                found.append(recording.faults)
                opened.append(recording)
                yield recording

    tally = worker.run(each(), sink)
    faults = [fault for some in found for fault in some]
    told = [fault for fault in faults if fault.what != NO_LOG or fault.path in worker.named]
    uncounted = max(0, len(told) - MOST_FAULTS) + sum(recording.more_faults for recording in opened)
    return Done(*tally, told[:MOST_FAULTS], uncounted, len(faults) - len(told))


class Count:
    """What the tasks of a hunt come to, added up."""

    def __init__(self, outcome: Outcome, total: int, progress: Progress | None) -> None:
        self.outcome = outcome
        self._total = total
        self._read = 0
        self._progress = progress
        self._faults: list[Fault] = []  # of the file that is read in parts
        self._log: FaultLog | None = None

    def read(self, task: Task, *, tell: bool = True) -> None:
        """A task is read, perhaps before others that stand before it."""
        self._read += task.size
        if tell and self._progress:
            self._progress(self._read, self._total)

    def add(self, task: Task, done: Done) -> None:
        """What a task came to, in the order of the tasks."""
        outcome = self.outcome
        outcome.others += done.others
        outcome.events += done.events
        outcome.matches += done.matches
        outcome.unsourced += done.unsourced
        part = task.parts[0]
        if part.cut_from is None:
            self._tell(done.faults, done.uncounted)
            return
        # The faults of a file's parts become those of the file: as many with words, the others counted.
        self._log = self._log or FaultLog(shown(part.path), self._faults, Limits().faults)
        for fault in done.faults:
            if fault.place != WHOLE or fault not in self._faults:  # what concerns the file as a whole is said once
                self._log.add(fault.place, fault.what)
        self._log.count += done.uncounted
        if part.end is None:
            self._log.close()
            self._tell(self._faults, 0)
            self._faults, self._log = [], None

    def _tell(self, faults: list[Fault], uncounted: int) -> None:
        room = max(0, MOST_FAULTS - len(self.outcome.faults))
        self.outcome.faults += faults[:room]
        self.outcome.faults_uncounted += uncounted + max(0, len(faults) - room)
