"""One hunt: the rules loaded, the recordings cut into tasks, the tasks read by one process or several."""

import gc
import time
from collections.abc import Iterable
from itertools import chain, islice

from beffroi.hunting.reading import Count, Emit, Progress, read_task
from beffroi.hunting.request import Outcome, Request
from beffroi.hunting.spill import SortedSpill
from beffroi.hunting.tasks import Task, tasks
from beffroi.hunting.worker import Sink, Worker
from beffroi.logs.formats import files
from beffroi.rules.repository import PACK, load


def hunt(request: Request, emit: Emit, progress: Progress | None = None) -> Outcome:
    """Hunt; `emit` gets each match as a line of JSON (without newline): the order is that of the recordings, and
    correlations come last, in the order of time. Raises InputError where a path or a rule folder is not there."""
    ruleset = load(request.rules or [PACK], placeholders=request.placeholders, cache_folder=request.cache_folder)
    outcome = Outcome(refused=ruleset.refused, rules=len(ruleset.rules), correlations=len(ruleset.correlations))
    found = list(files(request.paths, faults=outcome.faults))
    cut = tasks(found, cut=request.jobs > 1)
    first = list(islice(cut, request.jobs))
    bases = SortedSpill()
    sink = Sink(emit, bases.add)
    count = Count(outcome, sum(file.size for file in found), progress)
    worker = Worker(request, ruleset)
    gc.freeze()
    gc.disable()  # what a hunt makes has no cycles; collecting would walk all rules again and again
    try:
        if len(first) <= 1:
            idle = _alone(worker, chain(first, cut), count, sink)
        else:
            from beffroi.hunting.together import together

            idle = together(worker, first, cut, count, sink)
    finally:
        gc.enable()
        gc.unfreeze()
    outcome.blind = len(idle)
    if ruleset.correlations:
        from beffroi.hunting.firings import firings

        for line in firings(request, ruleset, bases, outcome):
            outcome.matches += 1
            emit(line)
    return outcome


def _alone(worker: Worker, cut: Iterable[Task], count: Count, sink: Sink) -> set[str]:
    start = time.process_time()
    for task in cut:
        count.add(task, read_task(worker, task, sink))
        count.read(task)
    count.outcome.shares = [time.process_time() - start]
    return worker.blind()
