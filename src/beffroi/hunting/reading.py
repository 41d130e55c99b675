"""One task of a hunt: its recordings read, what they came to counted."""

from collections.abc import Callable, Iterator
from typing import NamedTuple

from beffroi.core.errors import InputError
from beffroi.core.model import WHOLE, Fault, message
from beffroi.hunting.request import Outcome
from beffroi.hunting.tasks import Task
from beffroi.hunting.worker import Sink, Worker
from beffroi.logs.formats import NO_LOG, Recording, recordings, shown

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
    faults: list[Fault] = []
    opened: list[Recording] = []

    def each() -> Iterator[Recording]:
        for path in task.paths:
            try:
                for recording in recordings([path], faults=faults):
                    opened.append(recording)
                    yield recording
            except InputError:  # it was there when the hunt began
                faults.append(Fault(shown(path), WHOLE, message("there is no such file or folder")))

    tally = worker.run(each(), sink)
    for recording in opened:
        faults += recording.faults
    told = [fault for fault in faults if fault.what != NO_LOG or fault.path in worker.named]
    return Done(*tally, told[:MOST_FAULTS], max(0, len(told) - MOST_FAULTS), len(faults) - len(told))


def count(outcome: Outcome, done: Done) -> None:
    """Add what a task came to."""
    outcome.others += done.others
    outcome.events += done.events
    outcome.matches += done.matches
    outcome.unsourced += done.unsourced
    room = max(0, MOST_FAULTS - len(outcome.faults))
    outcome.faults += done.faults[:room]
    outcome.faults_uncounted += done.uncounted + max(0, len(done.faults) - room)
