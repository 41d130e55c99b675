"""A hunt in several processes: the output is the same line for line, whatever their number.

Each process takes the next task when it is done with its last, so that none waits while another still has much to do. They
are forked after the rules are loaded, so that loading is paid once.
"""

import multiprocessing
import signal
import tempfile
import time
from collections import deque
from collections.abc import Sequence
from multiprocessing.connection import Connection, wait
from typing import Any

from beffroi.core.errors import BeffroiError
from beffroi.hunting.reading import Emit, Progress, count, read_task
from beffroi.hunting.request import Outcome, Request
from beffroi.hunting.spill import SortedSpill
from beffroi.hunting.tasks import Task
from beffroi.hunting.worker import Sink, Worker
from beffroi.rules.repository import RuleSet

BLOB = 1 << 18


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
        done = read_task(worker, cut[index], sink)
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


def together(
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
                kind, payload = _received(connection)
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
                    count(outcome, payload)
                    ordered.finish(task)
                    _next_task(connection, running[connection], waiting)
                    read += cut[task].size
                    if progress:
                        progress(read, total)
    finally:
        ordered.close()
        for process in processes:
            if running:
                process.terminate()
            process.join()
    return idle or set()


def _received(connection: Connection) -> Any:
    try:
        return connection.recv()
    except (EOFError, ConnectionError):
        raise _ended() from None


def _ended() -> BeffroiError:
    return BeffroiError("a process of the hunt was ended from outside; start it again")


def _next_task(connection: Connection, mine: deque[int], waiting: deque[int]) -> None:
    """Hand out the next task, or say that there is none once the process has none left."""
    try:
        if waiting:
            mine.append(waiting[0])
            connection.send(waiting.popleft())
        elif not mine:
            connection.send(None)
    except ConnectionError:
        raise _ended() from None
