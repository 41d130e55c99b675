"""A hunt in several processes: the output is the same line for line, whatever their number.

Each process takes the next task when it is done with its last, so that none waits while another still has much to do. They
are forked after the rules are loaded and the worker is made, so that this is paid once.
"""

import multiprocessing
import signal
import tempfile
import time
from collections.abc import Iterator, Sequence
from multiprocessing.connection import Connection, wait
from typing import Any

from beffroi.core.errors import BeffroiError
from beffroi.hunting.reading import Count, Done, Emit, read_task
from beffroi.hunting.tasks import Task
from beffroi.hunting.worker import Sink, Worker

BLOB = 1 << 18


def _serve(connection: Connection, worker: Worker) -> None:
    """A process: read the tasks it is told, send what they give. Messages: (kind, payload)."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
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
    while (task := connection.recv()) is not None:
        done = read_task(worker, task, sink)
        flush()
        connection.send(("done", done))
    connection.send(("end", (time.process_time() - start, worker.blind())))
    connection.close()


class _Ordered:
    """What tasks give that run side by side, given on in the order of the tasks; lines that must wait lie in files."""

    def __init__(self, emit: Emit, count: Count) -> None:
        self._emit = emit
        self._count = count
        self._next = 0
        self._waiting: dict[int, Any] = {}
        self._finished: dict[int, tuple[Task, Done]] = {}

    def add(self, place: int, blob: bytes) -> None:
        """Lines of the task in that place."""
        if place == self._next:
            for line in blob.split(b"\n"):
                self._emit(line)
            return
        if place not in self._waiting:
            self._waiting[place] = tempfile.SpooledTemporaryFile(max_size=BLOB)  # noqa: SIM115 - closed in finish
        self._waiting[place].write(blob + b"\n")

    def close(self) -> None:
        """Give up what still waits."""
        for waiting in self._waiting.values():
            waiting.close()

    def finish(self, place: int, task: Task, done: Done) -> None:
        """The task in that place has given all it has."""
        self._finished[place] = task, done
        while self._next in self._finished:
            self._count.add(*self._finished.pop(self._next))
            self._next += 1
            waiting = self._waiting.pop(self._next, None)
            if waiting is not None:
                with waiting:
                    waiting.seek(0)
                    for line in waiting:
                        self._emit(line[:-1])


def together(worker: Worker, first: Sequence[Task], others: Iterator[Task], count: Count, sink: Sink) -> set[str]:
    """Read all tasks, with a process for each of the first. Gives the rules that had nothing to look at."""
    context = multiprocessing.get_context("fork")
    ordered = _Ordered(sink.matches, count)
    running: dict[Connection, tuple[int, Task]] = {}
    processes = []
    idle: set[str] | None = None
    try:
        for place, task in enumerate(first):
            ours, theirs = context.Pipe()
            process = context.Process(target=_serve, args=(theirs, worker), daemon=True)
            process.start()
            theirs.close()
            processes.append(process)
            running[ours] = place, task
        for each, (_, task) in running.items():
            _hand(each, task)
        upcoming = enumerate(others, len(first))
        while running:
            for connection in wait(list(running)):
                assert isinstance(connection, Connection)
                kind, payload = _received(connection)
                place, task = running[connection]
                if kind == "end":
                    share, unseen = payload
                    count.outcome.shares.append(share)
                    idle = unseen if idle is None else idle & unseen
                    del running[connection]
                elif kind == "matches":
                    ordered.add(place, payload)
                elif kind == "bases":
                    for line in payload.split(b"\n"):
                        sink.bases(line)
                else:
                    following = next(upcoming, None)
                    if following:
                        running[connection] = following
                    _hand(connection, following[1] if following else None)
                    ordered.finish(place, task, payload)
                    count.read(task)
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
    except (EOFError, OSError):  # it may end within a message
        raise _ended() from None


def _ended() -> BeffroiError:
    return BeffroiError("a process of the hunt was ended from outside; start it again")


def _hand(connection: Connection, task: Task | None) -> None:
    """Tell a process what to read next; nothing: that it may end. It waits for that, so that none waits for the other's pipe."""
    try:
        connection.send(task)
    except ConnectionError:
        raise _ended() from None
