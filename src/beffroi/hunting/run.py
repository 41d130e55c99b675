"""One hunt: the rules loaded, the recordings cut into tasks, the tasks read by one process or several."""

import gc
import time
from collections.abc import Sequence

from beffroi.core.model import Fault
from beffroi.hunting.reading import Emit, Progress, count, read_task
from beffroi.hunting.request import Outcome, Request
from beffroi.hunting.spill import SortedSpill
from beffroi.hunting.tasks import Task, tasks
from beffroi.hunting.worker import Sink, Worker
from beffroi.rules.repository import PACK, RuleSet, load


def hunt(request: Request, emit: Emit, progress: Progress | None = None) -> Outcome:
    """Hunt; `emit` gets each match as a line of JSON (without newline): the order is that of the recordings, and
    correlations come last, in the order of time. Raises InputError where a path or a rule folder is not there."""
    ruleset = load(request.rules or [PACK], placeholders=request.placeholders, cache_folder=request.cache_folder)
    outcome = Outcome(refused=ruleset.refused, rules=len(ruleset.rules), correlations=len(ruleset.correlations))
    faults = list[Fault]()
    cut = list(tasks(request.paths, faults))
    outcome.faults += faults
    bases = SortedSpill()
    gc.freeze()
    gc.disable()  # what a hunt makes has no cycles; collecting would walk all rules again and again
    try:
        if request.jobs <= 1 or len(cut) <= 1:
            idle = _alone(request, ruleset, cut, outcome, emit, bases, progress)
        else:
            from beffroi.hunting.together import together

            idle = together(request, ruleset, cut, outcome, emit, bases, progress)
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


def _alone(
    request: Request,
    ruleset: RuleSet,
    cut: Sequence[Task],
    outcome: Outcome,
    emit: Emit,
    bases: SortedSpill,
    progress: Progress | None,
) -> set[str]:
    worker = Worker(request, ruleset)
    sink = Sink(emit, bases.add)
    total, read = sum(task.size for task in cut), 0
    start = time.process_time()
    for task in cut:
        count(outcome, read_task(worker, task, sink))
        read += task.size
        if progress:
            progress(read, total)
    outcome.shares = [time.process_time() - start]
    return worker.blind()
