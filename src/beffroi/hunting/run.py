"""One hunt: the rules loaded, the recordings cut into tasks, the tasks read by one process or several."""

import gc
import time
from collections.abc import Iterable, Iterator
from itertools import chain, islice

from beffroi.hunting.reading import Count, Emit, Progress, read_task
from beffroi.hunting.request import Outcome, Request
from beffroi.hunting.spill import SortedSpill
from beffroi.hunting.tasks import Task, tasks
from beffroi.hunting.worker import Sink, Worker
from beffroi.logs.formats import files
from beffroi.rules.repository import PACK, load

BEGUN = 4
"""One in so many of the bytes that each process will read may be read before they are forked."""


def hunt(request: Request, emit: Emit, progress: Progress | None = None) -> Outcome:
    """Hunt; `emit` gets each match as a line of JSON (without newline): the order is that of the recordings, and
    correlations come last, in the order of time. Raises InputError where a path or a rule folder is not there."""
    gc.disable()  # what a hunt makes has no cycles; collecting would walk all rules again and again
    try:
        return _hunt(request, emit, progress)
    finally:
        gc.enable()


def _hunt(request: Request, emit: Emit, progress: Progress | None) -> Outcome:
    ruleset = load(request.rules or [PACK], placeholders=request.placeholders, cache_folder=request.cache_folder)
    outcome = Outcome(refused=ruleset.refused, rules=len(ruleset.rules), correlations=len(ruleset.correlations))
    found = list(files(request.paths, faults=outcome.faults))
    total = sum(file.size for file in found)
    cut = tasks(found, cut=request.jobs > 1)
    bases = SortedSpill()
    sink = Sink(emit, bases.add)
    count = Count(outcome, total, progress)
    worker = Worker(request, ruleset)
    if request.jobs > 1:
        cut = _begun(worker, cut, count, sink, total // (BEGUN * request.jobs))
    first = list(islice(cut, request.jobs))
    if len(first) <= 1:
        idle = _alone(worker, chain(first, cut), count, sink)
    else:
        from beffroi.hunting.together import together

        idle = together(worker, first, cut, count, sink)
    outcome.blind = len(idle)
    if ruleset.correlations:
        from beffroi.hunting.firings import firings

        for line in firings(request, ruleset, bases, outcome):
            outcome.matches += 1
            emit(line)
    return outcome


def _begun(worker: Worker, cut: Iterator[Task], count: Count, sink: Sink, most: int) -> Iterator[Task]:
    """Read the first tasks, up to so many bytes, until one shows the rules nothing new; gives those that are left. How to
    look at a kind of event is worked out when the first is seen, and what is seen before processes are forked they all know."""
    unseen = -1
    for task in cut:
        left = len(worker.blind())
        if left == unseen or task.size > most:
            return chain((task,), cut)
        unseen = left
        most -= task.size
        count.add(task, read_task(worker, task, sink))
        count.read(task, tell=False)  # a progress bar runs a thread, and who has threads should not fork
    return cut


def _alone(worker: Worker, cut: Iterable[Task], count: Count, sink: Sink) -> set[str]:
    start = time.process_time()
    for task in cut:
        count.add(task, read_task(worker, task, sink))
        count.read(task)
    count.outcome.shares = [time.process_time() - start]
    return worker.blind()
