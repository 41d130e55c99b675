"""The process that understands, seen from the service: begun at the checkpoint, told how far the journal is on disk, its findings
stored, ended when it stands still, and begun again when it dies. A message that ends it each time is set aside."""

import asyncio
import logging
import socket
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Final

from beffroi.core.discreet import Word
from beffroi.core.errors import InputError, StoreError
from beffroi.core.model import Fault, Message, message
from beffroi.store import Store
from beffroi.watching import aside, recorder
from beffroi.watching.frames import LENGTH, UP, Begin, Durable, Ready, Result, State, framed
from beffroi.watching.mark import Mark
from beffroi.watching.suspicion import Culprit, Suspicion
from beffroi.watching.understanding import Understood

log = logging.getLogger("beffroi.understanding")

PATIENCE: Final = (1.0, 2.0, 5.0, 10.0, 30.0)
"""Seconds before it is begun again, after so many deaths in a row."""
STABLE: Final = 120.0  # seconds after which a death counts as the first again
WAITING: Final = 64  # results that may wait to be stored; more, and the process waits with the next …
HELD: Final = 8 << 20  # … and so it does with so many bytes of them, or one result that is larger
READ: Final = 1 << 20  # bytes that are read ahead of the frame that is looked at
LOOK: Final = 1.0  # seconds between two looks at whether it moves
HANG: Final = 60.0
"""Seconds without a step, while there is something to understand, after which it is ended and another one begun."""
LOADING: Final = 600.0
"""The same while it loads its rules: thousands of them, on a slow machine, for the first time."""
AGAIN: Final = 5.0  # seconds before a store that failed is tried again
FAULTS: Final = 100  # of the journal that are remembered: a disk that fails may bring one for each block
IDLE_COMMIT: Final = 1.0  # seconds between two checkpoints when nothing was found


class Understanding:
    """Run it in a task group. `begin` says how to begin, anew each time: rules may have changed meanwhile. `tell_aside` makes known,
    in a thread, that a message is set aside; it may raise StoreError."""

    def __init__(
        self,
        store: Store,
        begin: Callable[[], Begin],
        *,
        tell: Callable[[list[Understood]], None],
        tell_aside: Callable[[Culprit], None],
        clock: Callable[[], int] = lambda: time.time_ns() // 1000,
    ) -> None:
        self._store = store
        self._begin = begin
        self._tell = tell
        self._tell_aside = tell_aside
        self._clock = clock
        self._suspicion = Suspicion()
        self._durable = 0
        self._stir = asyncio.Event()
        self._urgent = asyncio.Event()
        self._again = False
        self._results = _Waiting()
        self._heard = 0
        """The position up to which it has told what it understood."""
        self.ready: Ready | None = None
        """What the rules came to; None until they are loaded."""
        self.began = asyncio.Event()
        """The rules were loaded once."""
        self.position = 0
        """The journal's position up to which everything is understood and stored."""
        self.uncounted: dict[str, int] = {}
        """Events that correlations did not count, by reason."""
        self.cpu = 0.0
        """Seconds that it has worked, since it was last begun."""
        self.events = 0
        self.deaths = 0
        self.aside = 0
        """Messages that were set aside since the start."""
        self.trouble: Message | None = None
        """What keeps it from understanding; None when it does."""
        self.faults: list[Fault] = []
        """What of the journal could not be read, the first so many since the start."""

    def durable(self, position: int) -> None:
        """Up to here the journal is on disk."""
        self._durable = position
        self._stir.set()

    def rules_changed(self) -> None:
        """Take the rules in again, between two batches."""
        self._again = True
        self._stir.set()

    async def run(self) -> None:
        """Until it is cancelled."""
        self._results = _Waiting()  # what an earlier call left unstored is understood again
        async with asyncio.TaskGroup() as group:
            group.create_task(self._storing(), name="store what was understood")
            deaths = 0
            while True:
                begun = time.monotonic()
                mark = Mark.make()
                try:
                    self.trouble = why = await self._one_end(mark)
                    self.ready = None
                    self.deaths += 1
                    deaths = 1 if time.monotonic() - begun > STABLE else deaths + 1
                    # What it found is stored first: the checkpoint says where to begin.
                    await self._results.stored()
                    culprit = self._suspicion.died(self.position, mark.at())
                finally:
                    mark.close()
                if culprit is not None:
                    deaths = 0
                    await self._set_aside(culprit)
                    continue
                wait = PATIENCE[min(deaths, len(PATIENCE)) - 1]
                self.trouble = why
                log.error("%s; begun again in %s s", why, wait)
                await asyncio.sleep(wait)

    async def _set_aside(self, culprit: Culprit) -> None:
        """Have a message passed over from now on, and say so; it is tried until it is done."""
        said = "the message at position %s, number %s of its arrival, ends whoever reads it: it is set aside"
        log.error(said, *culprit)
        self.aside += 1
        while True:
            try:
                await asyncio.to_thread(self._tell_aside, culprit)
                await asyncio.to_thread(aside.add, Path(self._begin().journal), [culprit])
            except (OSError, StoreError) as error:
                log.error("a message cannot be set aside: %s", error)  # noqa: TRY400 - it says all there is to say
                await asyncio.sleep(AGAIN)
            else:
                return

    async def _one_end(self, mark: Mark) -> Message:
        """One life, and why it ended: nothing of the process, nor that none can be started, ends receiving."""
        try:
            code = await self._one_life(mark)
        except* (OSError, StoreError, InputError) as errors:
            reason = str(_first(errors))
        else:
            if code is None:
                return message(
                    "what comes in is kept but not understood: the process for it stood still and was ended after {seconds} s",
                    seconds=round(HANG if self.ready is not None else LOADING),
                )
            return message(
                "what comes in is kept but not understood: the process for it ended with code {code}", code=code
            )
        return message(
            "what comes in is kept but not understood: the process for it cannot be started: {reason}", reason=reason
        )

    async def _one_life(self, mark: Mark) -> int | None:
        """Its exit code; None where it stood still and was ended."""
        ours, theirs = socket.socketpair()
        ours.setblocking(False)
        handles = (theirs.fileno(), mark.handle)
        command = [sys.executable, "-I", "-X", "utf8", "-m", "beffroi.watching.process", *map(str, handles)]
        try:
            with theirs:
                child = await asyncio.create_subprocess_exec(
                    *command, pass_fds=handles, stdin=asyncio.subprocess.DEVNULL
                )
        except BaseException:
            ours.close()
            raise
        reader, writer = await asyncio.open_connection(sock=ours, limit=READ)
        stood_still = False
        try:
            writer.write(framed(await asyncio.to_thread(self._first)))
            self._stir.set()
            async with asyncio.TaskGroup() as group:
                talking = group.create_task(self._talking(writer), name="tell how far the journal is")
                watching = group.create_task(self._end_if_it_stands_still(child, mark), name="see whether it moves")
                try:
                    await self._hearing(reader)
                finally:
                    stood_still = watching.done()
                    talking.cancel()
                    watching.cancel()
        except* (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()
            code = await _ended(child)
        return None if stood_still else code

    async def _end_if_it_stands_still(self, child: asyncio.subprocess.Process, mark: Mark) -> None:
        """Return once it was ended: for too long it had not moved although there was something to do. Looks are counted and not
        seconds: a machine that slept, or a service that could not look, proves nothing."""
        before: object = None
        looks = 0
        while True:
            await asyncio.sleep(LOOK)
            now = (mark.at(), self._heard, self.ready)
            busy = self.ready is None or self._durable > self._heard
            if now != before or not busy or self._results.full:
                before, looks = now, 0
            looks += 1
            if looks * LOOK > (HANG if self.ready is not None else LOADING):
                with suppress(ProcessLookupError):
                    child.kill()
                return

    def _first(self) -> Begin:
        begin = self._begin()
        with self._store.read() as connection:
            begin.after, begin.state, begin.state_after = recorder.begin_at(connection)
        begin.aside, begin.alone = sorted(aside.load(Path(begin.journal))), self._suspicion.alone
        self.position = self._heard = begin.after
        return begin

    async def _talking(self, writer: asyncio.StreamWriter) -> None:
        told = -1
        while True:
            await self._stir.wait()
            self._stir.clear()
            if self._again:
                self._again = False
                writer.write(framed(await asyncio.to_thread(self._begin)))
            if self._durable > told:
                told = self._durable
                writer.write(framed(Durable(told)))
            await writer.drain()

    async def _hearing(self, reader: asyncio.StreamReader) -> None:
        while True:
            await self._results.room()
            [length] = LENGTH.unpack(await reader.readexactly(LENGTH.size))
            frame = UP.decode(await reader.readexactly(length))
            if isinstance(frame, Ready):
                self.ready, self.trouble = frame, None
                self.began.set()
                continue
            if isinstance(frame, Result):
                self._heard = max(self._heard, frame.understood.position)
            await self._results.put(frame, length)
            if (
                isinstance(frame, State)
                or frame.understood.found
                or frame.understood.withdrawn
                or self._results.full  # or it would wait for the second to pass
            ):
                self._urgent.set()

    async def _storing(self) -> None:
        """Store what waits, all of it at once; while nothing is found, the checkpoint moves once a second."""
        while True:
            waiting = await self._results.taken()
            results = [each.understood for each in waiting if isinstance(each, Result)]
            self._urgent.clear()
            await self._stored(waiting, results)
            for each in waiting:
                if isinstance(each, Result):
                    self.cpu, self.uncounted = each.cpu, each.uncounted
                    room = max(0, FAULTS - len(self.faults))
                    self.faults += [Fault.from_plain(fault) for fault in each.faults[:room]]
                    for defect in each.understood.defects:
                        log.error("a message could not be understood: %s", Word(defect))
            if results:
                self.position = max(self.position, *(each.position for each in results))
                self.events += sum(each.events for each in results)
                self._tell(results)
            await self._results.done()
            if not any(each.found or each.withdrawn for each in results):
                with suppress(TimeoutError):
                    async with asyncio.timeout(IDLE_COMMIT):
                        await self._urgent.wait()

    async def _stored(self, waiting: list[Result | State], results: list[Understood]) -> None:
        """Try until it is done: the journal holds everything, and a full disk is somebody's to empty."""
        while True:
            try:
                await asyncio.to_thread(self._store_all, waiting, results)
            except StoreError as error:
                self.trouble = message("what was understood cannot be stored: {reason}", reason=str(error))
                log.error("what was understood cannot be stored: %s", error)  # noqa: TRY400 - it says all there is to say
                await asyncio.sleep(AGAIN)
            else:
                self.trouble = None
                return

    def _store_all(self, waiting: list[Result | State], results: list[Understood]) -> None:
        now = self._clock()
        if results:
            recorder.record(self._store, results, now)
        for each in waiting:
            if isinstance(each, State):
                recorder.keep_state(self._store, each, now)


class _Waiting:
    """What waits to be stored, bounded in number and in bytes. What was taken counts until it is done."""

    def __init__(self) -> None:
        self._frames: list[Result | State] = []
        self._size = 0
        self._under_way = 0
        self._under_way_size = 0
        self._changed = asyncio.Condition()

    @property
    def full(self) -> bool:
        """No more is taken just now."""
        return len(self._frames) + self._under_way >= WAITING or self._size + self._under_way_size >= HELD

    async def room(self) -> None:
        """Wait until there is some."""
        async with self._changed:
            await self._changed.wait_for(lambda: not self.full)

    async def put(self, frame: Result | State, size: int) -> None:
        """Let a frame of so many bytes wait."""
        async with self._changed:
            self._frames.append(frame)
            self._size += size
            self._changed.notify_all()

    async def taken(self) -> list[Result | State]:
        """Wait for something, and take all of it."""
        async with self._changed:
            await self._changed.wait_for(lambda: self._frames)
            taken, self._frames = self._frames, []
            self._under_way, self._under_way_size, self._size = len(taken), self._size, 0
            return taken

    async def done(self) -> None:
        """What was taken is stored."""
        async with self._changed:
            self._under_way = self._under_way_size = 0
            self._changed.notify_all()

    async def stored(self) -> None:
        """Wait until all of it is."""
        async with self._changed:
            await self._changed.wait_for(lambda: not self._frames and not self._under_way)


def _first(errors: BaseExceptionGroup[BaseException]) -> BaseException:
    """The first error of a group, however deep."""
    error: BaseException = errors
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error


async def _ended(child: asyncio.subprocess.Process) -> int:
    """Its exit code; it is made to end where it does not by itself, also when the service is being stopped."""
    try:
        async with asyncio.timeout(5):
            return await child.wait()
    except (
        TimeoutError,
        asyncio.CancelledError,
    ):  # Python 3.11.2 tells them apart wrongly in a task that is being cancelled
        with suppress(ProcessLookupError):
            child.kill()
        return await child.wait()
