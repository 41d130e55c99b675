"""The journal's one writer: what `append` returned for is on disk.

One thread writes. It takes all that waits (a group commit), hands it to the disk in one write and one fdatasync, and then
answers all at once on the event loop. After a failed write or sync nobody knows what is on disk, and asking again would be
answered with a lie: Linux marks the lost pages as clean (Rebello et al., "Can Applications Recover from fsync Failures?",
USENIX ATC 2020). So that segment is sealed where it was last known to be sound, and a new one is begun.
"""

import asyncio
import secrets
import threading
import time
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Final, NamedTuple, Self

import msgspec

from beffroi.core.errors import StoreError
from beffroi.core.model import Fault, Message, message
from beffroi.logs.arrival import Arrival, Busy
from beffroi.logs.journal.disk import REAL, Disk
from beffroi.logs.journal.frames import FRAME, HEADER, MARKER, MOST, Header, frame
from beffroi.logs.journal.recovery import Left, cut, inspect, keep_aside
from beffroi.logs.journal.segments import Name, names_in, place

LOCK: Final = "journal.lock"
SEGMENT_BYTES: Final = 32 << 20
RESERVE_BYTES: Final = 512 << 20
"""What is left free for the store, the archive's compaction and the machine itself."""
COMMIT_BYTES: Final = 8 << 20  # written in one go
WAITING_BYTES: Final = 128 << 20  # the backstop; whoever receives closes its windows long before
NUDGE: Final = 0.01  # seconds between two moments at which a busy loop stands aside for the thread …
ASIDE: Final = 0.0002  # … and for how long
RETRY: Final = 1.0  # seconds after a refusal of the disk before it is asked again


class _Waiting(NamedTuple):
    body: bytes
    answer: asyncio.Future[int]


@dataclass(slots=True)
class _Open:
    """The segment that is written to. `durable` of its bytes are known to be on disk."""

    handle: int
    name: Name
    durable: int


class Journal:
    """The open journal. It belongs to this process until it is closed or the process ends, however it ends.

    `append`, `advanced` and `trim` belong to one event loop; the rest may be asked from anywhere.
    """

    def __init__(
        self, folder: Path, disk: Disk, segment_bytes: int, reserve_bytes: int, now: Callable[[], float]
    ) -> None:
        """Use `Journal.open`."""
        self.folder = folder
        self.durable = 0
        """The position up to which everything is on disk."""
        self.waiting_bytes = 0
        """Bytes that `append` was given and has not answered for."""
        self.trouble: Message | None = None
        """Why the disk takes nothing just now; None where it does."""
        self._disk = disk
        self._segment_bytes = segment_bytes
        self._reserve_bytes = reserve_bytes
        self._now = now
        self._encode = msgspec.msgpack.Encoder().encode
        self._lock = -1
        self._turn = threading.Condition(threading.Lock())
        self._queue: deque[_Waiting] = deque()
        self._closing = False
        self._thread: threading.Thread | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._news = asyncio.Event()
        self._nudging = False
        self._retry_at = 0.0
        # What follows belongs to the thread once that runs.
        self._segment: _Open | None = None
        self._next = Name(0, secrets.token_bytes(MARKER))
        self._before = 0
        self._to_cut: Left | None = None

    @classmethod
    def open(
        cls,
        folder: Path,
        *,
        disk: Disk = REAL,
        segment_bytes: int = SEGMENT_BYTES,
        reserve_bytes: int = RESERVE_BYTES,
        at_least: int = 0,
        tell: Callable[[Fault], None] = lambda _: None,
        now: Callable[[], float] = time.monotonic,
    ) -> Self:
        """Open or make the journal in this folder. Only its last segment is read; a torn or damaged end of it is cut off, kept
        aside and told.

        `at_least` is the furthest position that any reader has noted: should the journal end before it (a copy was brought back,
        the folder was emptied), it goes on from there, so that no new record hides at a position that was read already. `now`
        is in seconds and never goes back. Raises StoreError: somebody else writes, or the folder cannot be used.
        """
        journal = cls(folder, disk, segment_bytes, reserve_bytes, now)
        try:
            disk.prepare(folder)
            journal._lock = disk.lock(folder / LOCK)
            journal._resume(at_least, tell)
        except BlockingIOError as error:
            raise StoreError(
                path=folder, reason=message("another Beffroi is writing to it; try again later")
            ) from error
        except OSError as error:
            journal.close()
            raise StoreError(path=error.filename or folder, reason=error.strerror or str(error)) from error
        return journal

    def _resume(self, at_least: int, tell: Callable[[Fault], None]) -> None:
        """Find out where to go on. Nothing is written before there is something to write."""
        names = names_in(self._disk, self.folder)
        left = inspect(self._disk, self.folder, names[-1]) if names else Left(self._next, 0, 0)
        self._before = left.end
        self.durable = max(left.stop, at_least)
        if left.end < left.stop:
            self._to_cut = left
            keep_aside(self._disk, self.folder, left, tell)
        if left.stop < at_least:
            lost = message("the journal ends before what was read from it already: it is not the newest one")
            tell(Fault(str(self.folder), place(left.stop, at_least), lost))
        elif left.name.base < left.end == left.stop:
            handle = self._disk.open(left.name.path(self.folder), write=True)
            self._segment = _Open(handle, left.name, left.end - left.name.base)
        # A segment that was begun and holds nothing is begun again, under the same name.
        self._next = left.name if self.durable == left.name.base else Name(self.durable, self._next.marker)

    async def append(self, arrival: Arrival) -> int:
        """Keep an arrival. It returns the position after it when it is on disk, and only then.

        Raises Busy where the disk is full, fails or is read-only, where far too much is under way, and after `close`; nothing of
        it is kept then, or at most as if it had come twice. Raises ValueError for what is longer than MOST bytes or is no
        Unicode text where text is expected.
        """
        body = self._encode(arrival)
        size = len(body)
        if size > MOST:
            raise ValueError(f"{size:,} bytes in one arrival; at most {MOST:,}")
        if (rest := self._retry_at - self._now()) > 0:
            raise Busy(rest, full=True)
        if self._closing or self.waiting_bytes + size > WAITING_BYTES:
            raise Busy(RETRY)
        answer: asyncio.Future[int] = self._own_loop().create_future()
        self.waiting_bytes += size
        with self._turn:
            self._queue.append(_Waiting(body, answer))
            self._turn.notify()
        if not self._nudging:
            self._nudge()
        return await answer

    async def advanced(self, beyond: int) -> int:
        """Wait until `durable` is past this position, and say how far it is."""
        while self.durable <= beyond:
            await self._news.wait()
        return self.durable

    def trim(self, before: int) -> int:
        """Delete the segments that lie wholly before this position, oldest first, and say where the journal begins now. The
        last one stays. Raises StoreError."""
        try:
            names = names_in(self._disk, self.folder)
            while len(names) > 1 and names[1].base <= before:
                self._disk.unlink(names.pop(0).path(self.folder))
                self._disk.sync_folder(self.folder)
        except OSError as error:
            raise StoreError(path=error.filename or self.folder, reason=error.strerror or str(error)) from error
        return names[0].base if names else self.durable

    def close(self) -> None:
        """Write what waits, and let another process write. Whoever waits is answered when the loop goes on."""
        with self._turn:
            self._closing = True
            self._turn.notify()
        if self._thread is not None:
            self._thread.join()
            self._thread = None
        if self._segment is not None:
            self._disk.close(self._segment.handle)
            self._segment = None
        if self._lock >= 0:
            self._disk.close(self._lock)
            self._lock = -1

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _own_loop(self) -> asyncio.AbstractEventLoop:
        """The loop that everything is answered on; the first call begins the writer's thread."""
        loop = asyncio.get_running_loop()
        if loop is not self._loop:
            self._loop, self._nudging = loop, False
        if self._thread is None:
            self._thread = threading.Thread(target=self._write, name="journal", daemon=True)
            self._thread.start()
        return loop

    def _nudge(self) -> None:
        """While anything waits, stand aside now and then. A loop that is never idle gives the interpreter's lock away only for the
        instants of its system calls, too short for a thread on another core to wake and take it: seconds may pass so."""
        if self._nudging and self.waiting_bytes:
            time.sleep(ASIDE)
        self._nudging = self.waiting_bytes > 0
        if self._nudging and self._loop is not None:
            self._loop.call_later(NUDGE, self._nudge)

    def _write(self) -> None:
        """The thread."""
        while True:
            with self._turn:
                while not self._queue and not self._closing:
                    self._turn.wait()
                if not self._queue:
                    return
                taken = self._take()
            positions: list[int] = []
            failed: Exception | None = None
            try:
                positions = self._commit([waiting.body for waiting in taken])
            except Exception as error:  # noqa: BLE001 - whatever it is, those who wait are told, and the thread lives on
                failed = error
            assert self._loop is not None
            with suppress(RuntimeError):  # the loop was closed: nobody waits any more
                self._loop.call_soon_threadsafe(self._answer, taken, positions, failed)

    def _take(self) -> list[_Waiting]:
        """All that waits, as far as it fits into the segment; one at least, for which a new segment is begun if it must be."""
        first = FRAME.size + len(self._queue[0].body)
        if self._segment is not None and self._segment.durable + first > self._segment_bytes:
            self._leave(self._segment)
        room = self._segment_bytes - (self._segment.durable if self._segment is not None else HEADER.size)
        room = min(room, COMMIT_BYTES) - first
        taken = [self._queue.popleft()]
        while self._queue and (size := FRAME.size + len(self._queue[0].body)) <= room:
            taken.append(self._queue.popleft())
            room -= size
        return taken

    def _commit(self, bodies: list[bytes]) -> list[int]:
        """Write and sync; the position after each. Raises Busy where the disk will not."""
        if (rest := self._retry_at - self._now()) > 0:
            raise Busy(rest, full=True)
        try:
            if self._disk.free(self.folder) < self._reserve_bytes:
                raise self._refused(
                    message("fewer than {count} MB are free on the disk", count=self._reserve_bytes >> 20)
                )
            positions = self._append(self._segment or self._begin(), bodies)
        except OSError as error:
            reason = error.strerror or str(error)
            raise self._refused(message("the disk takes nothing: {reason}", reason=reason)) from error
        self.trouble = None
        self.durable = positions[-1]
        if self._to_cut is not None:
            cut(self._disk, self.folder, self._to_cut)
            self._to_cut = None
        return positions

    def _refused(self, trouble: Message) -> Busy:
        self.trouble = trouble
        self._retry_at = self._now() + RETRY
        return Busy(RETRY, full=True)

    def _begin(self) -> _Open:
        """Make the next segment. Whatever stands under its name was never acknowledged."""
        handle = self._disk.open(self._next.path(self.folder), write=True, fresh=True)
        try:
            self._disk.sync_folder(self.folder)
        except BaseException:
            self._disk.close(handle)
            raise
        self._segment = _Open(handle, self._next, 0)
        return self._segment

    def _append(self, segment: _Open, bodies: list[bytes]) -> list[int]:
        """Raises OSError; then the segment is sealed."""
        parts: list[bytes] = []
        base, marker = segment.name
        position = base + segment.durable
        if not segment.durable:
            parts.append(Header(base, self._before).packed())
            position += HEADER.size
        positions: list[int] = []
        for body in bodies:
            parts += (frame(marker, position, body), body)
            position += FRAME.size + len(body)
            positions.append(position)
        try:
            self._disk.append(segment.handle, parts)
            self._disk.sync(segment.handle)
        except BaseException:
            # What is beyond stands there or not; readers stop where the next segment says this one ended.
            with suppress(OSError):
                if segment.durable:
                    self._disk.truncate(segment.handle, segment.durable)
                else:
                    self._disk.unlink(segment.name.path(self.folder))
            self._leave(segment)
            raise
        segment.durable = position - base
        return positions

    def _leave(self, segment: _Open) -> None:
        """No more is written to this segment."""
        self._segment = None
        if segment.durable:
            self._before = segment.name.base + segment.durable
            self._next = Name(self._before, secrets.token_bytes(MARKER))
        with suppress(OSError):
            self._disk.close(segment.handle)

    def _answer(self, taken: list[_Waiting], positions: list[int], failed: Exception | None) -> None:
        """On the loop."""
        for body, answer in taken:
            self.waiting_bytes -= len(body)
            if failed is not None and not answer.done():
                answer.set_exception(Busy(failed.retry_after, full=True) if isinstance(failed, Busy) else failed)
        for (_, answer), position in zip(taken, positions, strict=False):  # none where it failed
            if not answer.done():
                answer.set_result(position)
        news, self._news = self._news, asyncio.Event()
        news.set()
