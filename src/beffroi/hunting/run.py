"""One hunt, in one process or several: the output is the same line for line, whatever their number.

The recordings are cut into tasks. With several processes each takes the next task when it is done with its last, so that
none waits while another still has much to do; they are forked after the rules are loaded, so that loading is paid once.
"""

import gc
import multiprocessing
import signal
import tempfile
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from multiprocessing.connection import Connection, wait
from typing import Any, NamedTuple

import orjson

from beffroi.core.errors import BeffroiError, InputError
from beffroi.core.model import Fault
from beffroi.detect.correlation import BaseMatch, Correlation, Correlator, Firing, in_order, silenced
from beffroi.detect.ir import LEVELS
from beffroi.hunting.request import Outcome, Request
from beffroi.hunting.spill import SortedSpill
from beffroi.hunting.tasks import Task, tasks
from beffroi.hunting.worker import Sink, Worker
from beffroi.logs.formats import Recording, recordings, shown
from beffroi.rules.repository import PACK, RuleSet, load

MOST_FAULTS = 2_000  # kept with their words; further ones are counted
BLOB = 1 << 18

Emit = Callable[[bytes], None]
Progress = Callable[[int, int], None]
"""Told after each task: bytes read so far, bytes in all."""


class _Done(NamedTuple):
    """What a process says when a task is read."""

    events: int
    matches: int
    unsourced: int
    faults: list[Fault]
    uncounted: int


def hunt(request: Request, emit: Emit, progress: Progress | None = None) -> Outcome:
    """Hunt; `emit` gets each match as a line of JSON (without newline): the order is that of the recordings, and
    correlations come last, in the order of time. Raises InputError where a path or a rule folder is not there."""
    ruleset = load(request.rules or [PACK], placeholders=request.placeholders, cache_folder=request.cache_folder)
    outcome = Outcome(refused=ruleset.refused, rules=len(ruleset.rules), correlations=len(ruleset.correlations))
    faults: list[Fault] = []
    cut = list(tasks(request.paths, faults))
    outcome.faults += faults
    bases = SortedSpill()
    gc.freeze()
    gc.disable()  # what a hunt makes has no cycles; collecting would walk all rules again and again
    try:
        if request.jobs <= 1 or len(cut) <= 1:
            idle = _alone(request, ruleset, cut, outcome, emit, bases, progress)
        else:
            idle = _together(request, ruleset, cut, outcome, emit, bases, progress)
    finally:
        gc.enable()
        gc.unfreeze()
    outcome.blind = len(idle)
    for line in _firings(request, ruleset, bases, outcome):
        outcome.matches += 1
        emit(line)
    return outcome


def _read(worker: Worker, task: Task, sink: Sink) -> _Done:
    faults: list[Fault] = []
    opened: list[Recording] = []

    def each() -> Iterator[Recording]:
        for path in task.paths:
            try:
                for recording in recordings([path], faults=faults):
                    opened.append(recording)
                    yield recording
            except InputError as error:  # it was there when the hunt began
                faults.append(Fault(shown(path), "", str(error.values["reason"])))

    tally = worker.run(each(), sink)
    for recording in opened:
        faults += recording.faults
    return _Done(*tally, faults[:MOST_FAULTS], max(0, len(faults) - MOST_FAULTS))


def _count(outcome: Outcome, done: _Done) -> None:
    outcome.events += done.events
    outcome.matches += done.matches
    outcome.unsourced += done.unsourced
    room = max(0, MOST_FAULTS - len(outcome.faults))
    outcome.faults += done.faults[:room]
    outcome.faults_uncounted += done.uncounted + max(0, len(done.faults) - room)


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
        _count(outcome, _read(worker, task, sink))
        read += task.size
        if progress:
            progress(read, total)
    outcome.shares = [time.process_time() - start]
    return worker.blind()


# --- several processes ---------------------------------------------------------------------------------------------


def _serve(connection: Connection, request: Request, ruleset: RuleSet, cut: Sequence[Task]) -> None:
    """A process: read the tasks it is told, send what they give. Messages: (kind, payload)."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    worker = Worker(request, ruleset)
    start = time.process_time()
    held: dict[str, list[bytes]] = {"matches": [], "bases": []}
    size = 0

    def keep(kind: str) -> Emit:
        lines = held[kind]

        def add(line: bytes) -> None:
            nonlocal size
            lines.append(line)
            size += len(line)
            if size > BLOB:
                flush()

        return add

    def flush() -> None:
        nonlocal size
        for kind, lines in held.items():
            if lines:
                connection.send((kind, b"\n".join(lines)))
                lines.clear()
        size = 0

    sink = Sink(keep("matches"), keep("bases"))
    while (index := connection.recv()) is not None:
        done = _read(worker, cut[index], sink)
        flush()
        connection.send(("done", done))
    connection.send(("end", (time.process_time() - start, worker.blind())))
    connection.close()


class _Ordered:
    """Lines of tasks that run side by side, given on in the order of the tasks; those that must wait lie in files."""

    def __init__(self, emit: Emit) -> None:
        self._emit = emit
        self._next = 0
        self._waiting: dict[int, Any] = {}
        self._finished: set[int] = set()

    def add(self, task: int, blob: bytes) -> None:
        if task == self._next:
            for line in blob.split(b"\n"):
                self._emit(line)
            return
        if task not in self._waiting:
            self._waiting[task] = tempfile.SpooledTemporaryFile(max_size=BLOB)  # noqa: SIM115 - closed in finish
        self._waiting[task].write(blob + b"\n")

    def close(self) -> None:
        """Give up what still waits."""
        for waiting in self._waiting.values():
            waiting.close()

    def finish(self, task: int) -> None:
        self._finished.add(task)
        while self._next in self._finished:
            self._finished.discard(self._next)
            self._next += 1
            waiting = self._waiting.pop(self._next, None)
            if waiting is not None:
                with waiting:
                    waiting.seek(0)
                    for line in waiting:
                        self._emit(line[:-1])


def _together(
    request: Request,
    ruleset: RuleSet,
    cut: Sequence[Task],
    outcome: Outcome,
    emit: Emit,
    bases: SortedSpill,
    progress: Progress | None,
) -> set[str]:
    context = multiprocessing.get_context("fork")
    waiting = deque(range(len(cut)))
    ordered = _Ordered(emit)
    total, read = sum(task.size for task in cut), 0
    running: dict[Connection, deque[int]] = {}
    processes = []
    idle: set[str] | None = None
    try:
        for _ in range(min(request.jobs, len(cut))):
            ours, theirs = context.Pipe()
            process = context.Process(target=_serve, args=(theirs, request, ruleset, cut), daemon=True)
            process.start()
            theirs.close()
            processes.append(process)
            running[ours] = deque()
        for _ahead in range(2):  # one ahead, so that no process waits for us
            for each, mine in running.items():
                _next_task(each, mine, waiting)
        while running:
            for connection in wait(list(running)):
                assert isinstance(connection, Connection)
                kind, payload = connection.recv()
                if kind == "end":
                    share, unseen = payload
                    outcome.shares.append(share)
                    idle = unseen if idle is None else idle & unseen
                    del running[connection]
                elif kind == "matches":
                    ordered.add(running[connection][0], payload)
                elif kind == "bases":
                    for line in payload.split(b"\n"):
                        bases.add(line)
                else:
                    task = running[connection].popleft()
                    _count(outcome, payload)
                    ordered.finish(task)
                    _next_task(connection, running[connection], waiting)
                    read += cut[task].size
                    if progress:
                        progress(read, total)
    except (EOFError, ConnectionError):
        raise BeffroiError("a process of the hunt was ended from outside; start it again") from None
    finally:
        ordered.close()
        for process in processes:
            if running:
                process.terminate()
            process.join()
    return idle or set()


def _next_task(connection: Connection, mine: deque[int], waiting: deque[int]) -> None:
    if waiting:
        mine.append(waiting[0])
        connection.send(waiting.popleft())
    elif not mine:
        connection.send(None)


# --- correlation ---------------------------------------------------------------------------------------------------


class _Identity(str):
    """An event's identity, which also remembers where the event lay; equality is that of the identity alone."""

    __slots__ = ("file", "host", "record")
    file: str
    host: str | None
    record: int


def _firings(request: Request, ruleset: RuleSet, bases: SortedSpill, outcome: Outcome) -> Iterator[bytes]:
    """Base matches in the order of time → what correlations say of them, as lines."""
    if not ruleset.correlations:
        return
    least = LEVELS.index(request.level)
    silent = silenced(ruleset.correlations)
    by_id = {each.id: each for each in ruleset.correlations}
    correlator = Correlator(ruleset.correlations, lateness_us=0)
    for firing in in_order(correlator, map(_base_match, bases.sorted())):
        correlation = by_id[firing.correlation]
        if correlation.id not in silent and LEVELS.index(correlation.level) >= least:
            yield orjson.dumps(_told(correlation, firing))
    outcome.forgotten = correlator.counts.events_forgotten


def _base_match(line: bytes) -> BaseMatch:
    base = orjson.loads(line.split(b"\t", 1)[1])
    identity = _Identity(base["identity"])
    identity.file, identity.host, identity.record = base["file"], base["host"], base["record"]
    fields = {name: tuple(value) if isinstance(value, list) else value for name, value in base["fields"].items()}
    return BaseMatch(base["rule"], base["us"], identity, fields)


def _told(correlation: Correlation, firing: Firing) -> dict[str, Any]:
    events = [
        {
            "file": each.identity.file,
            "record_id": each.identity.record,
            "time": _iso(each.time_us),
            "rule_id": each.rule_id,
        }
        for each in firing.events
        if isinstance(each.identity, _Identity)
    ]
    hosts = {each.identity.host for each in firing.events if isinstance(each.identity, _Identity)}
    fields = {name: list(value) if isinstance(value, tuple) else value for name, value in firing.group}
    return {
        "time": _iso(firing.time_us),
        "rule_id": correlation.id,
        "rule": correlation.title,
        "level": correlation.level,
        "tags": correlation.tags,
        "host": hosts.pop() if len(hosts) == 1 else None,
        "file": None,
        "record_id": None,
        "logsource": None,
        "fields": fields,
        "total": firing.total,
        "events": events,
    }


def _iso(micros: int) -> str:
    moment = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=micros)
    return moment.isoformat(timespec="microseconds").replace("+00:00", "Z")
