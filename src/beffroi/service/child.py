"""The process that understands, seen from the service: begun at the checkpoint, told how far the journal is on disk, its findings
stored, and begun again when it dies."""

import asyncio
import logging
import socket
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Final

from beffroi.core.discreet import Word
from beffroi.core.errors import InputError, StoreError
from beffroi.core.model import Fault, Message, message
from beffroi.store import Store
from beffroi.watching import recorder
from beffroi.watching.frames import LENGTH, LIMIT, UP, Begin, Durable, Ready, Result, State, framed
from beffroi.watching.understanding import Understood

log = logging.getLogger("beffroi.understanding")

PATIENCE: Final = (1.0, 2.0, 5.0, 10.0, 30.0)
"""Seconds before it is begun again, after so many deaths in a row."""
STABLE: Final = 120.0  # seconds after which a death counts as the first again
WAITING: Final = 64  # results that may wait to be stored; more, and the process waits with the next
AGAIN: Final = 5.0  # seconds before a store that failed is tried again
FAULTS: Final = 100  # of the journal that are remembered: a disk that fails may bring one for each block
IDLE_COMMIT: Final = 1.0  # seconds between two checkpoints when nothing was found


class Understanding:
    """Run it in a task group. `begin` says how to begin, anew each time: rules may have changed meanwhile."""

    def __init__(self, store: Store, begin: Callable[[], Begin], *, tell: Callable[[list[Understood]], None]) -> None:
        self._store = store
        self._begin = begin
        self._tell = tell
        self._durable = 0
        self._stir = asyncio.Event()
        self._urgent = asyncio.Event()
        self._again = False
        self._results: asyncio.Queue[Result | State] = asyncio.Queue(WAITING)
        self.ready: Ready | None = None
        """What the rules came to; None until they are loaded."""
        self.began = asyncio.Event()
        """The rules were loaded once."""
        self.position = 0
        """The journal's position up to which everything is understood and stored."""
        self.cpu = 0.0
        """Seconds that it has worked, since it was last begun."""
        self.events = 0
        self.deaths = 0
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
        self._results = asyncio.Queue(WAITING)  # what an earlier call left unstored is understood again
        async with asyncio.TaskGroup() as group:
            group.create_task(self._storing(), name="store what was understood")
            deaths = 0
            while True:
                begun = time.monotonic()
                why = await self._one_end()
                self.ready = None
                self.deaths += 1
                deaths = 1 if time.monotonic() - begun > STABLE else deaths + 1
                wait = PATIENCE[min(deaths, len(PATIENCE)) - 1]
                self.trouble = why
                log.error("%s; begun again in %s s", why, wait)
                await asyncio.sleep(wait)

    async def _one_end(self) -> Message:
        """One life, and why it ended: nothing of the process, nor that none can be started, ends receiving."""
        why: Message | None = None
        code = 0
        try:
            code = await self._one_life()
        except* (OSError, StoreError, InputError) as errors:
            why = message(
                "what comes in is kept but not understood: the process for it cannot be started: {reason}",
                reason=str(_first(errors)),
            )
        return why or message(
            "what comes in is kept but not understood: the process for it ended with code {code}", code=code
        )

    async def _one_life(self) -> int:
        ours, theirs = socket.socketpair()
        ours.setblocking(False)
        command = [sys.executable, "-I", "-X", "utf8", "-m", "beffroi.watching.process", str(theirs.fileno())]
        try:
            with theirs:
                child = await asyncio.create_subprocess_exec(
                    *command, pass_fds=[theirs.fileno()], stdin=asyncio.subprocess.DEVNULL
                )
        except BaseException:
            ours.close()
            raise
        reader, writer = await asyncio.open_connection(sock=ours, limit=LIMIT)
        try:
            # What its predecessor found is stored first: the checkpoint says where to begin.
            await self._results.join()
            writer.write(framed(await asyncio.to_thread(self._first)))
            self._stir.set()
            async with asyncio.TaskGroup() as group:
                talking = group.create_task(self._talking(writer), name="tell how far the journal is")
                try:
                    await self._hearing(reader)
                finally:
                    talking.cancel()
        except* (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()
            code = await _ended(child)
        return code

    def _first(self) -> Begin:
        begin = self._begin()
        with self._store.read() as connection:
            begin.after, begin.state, begin.state_after = recorder.begin_at(connection)
        self.position = begin.after
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
            [length] = LENGTH.unpack(await reader.readexactly(LENGTH.size))
            frame = UP.decode(await reader.readexactly(length))
            if isinstance(frame, Ready):
                self.ready, self.trouble = frame, None
                self.began.set()
            else:
                if isinstance(frame, State) or frame.understood.found or frame.understood.withdrawn:
                    self._urgent.set()
                await self._results.put(frame)

    async def _storing(self) -> None:
        """Store what waits, all of it at once; while nothing is found, the checkpoint moves once a second."""
        while True:
            waiting = [await self._results.get()]
            while not self._results.empty():
                waiting.append(self._results.get_nowait())
            results = [each.understood for each in waiting if isinstance(each, Result)]
            self._urgent.clear()
            await self._stored(waiting, results)
            for _ in waiting:
                self._results.task_done()
            for each in waiting:
                if isinstance(each, Result):
                    self.cpu = each.cpu
                    room = max(0, FAULTS - len(self.faults))
                    self.faults += [Fault.from_plain(fault) for fault in each.faults[:room]]
                    for defect in each.understood.defects:
                        log.error("a message could not be understood: %s", Word(defect))
            if results:
                self.position = max(self.position, *(each.position for each in results))
                self.events += sum(each.events for each in results)
                self._tell(results)
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
        now = time.time_ns() // 1000
        if results:
            recorder.record(self._store, results, now)
        for each in waiting:
            if isinstance(each, State):
                recorder.keep_state(self._store, each, now)


def _first(errors: BaseExceptionGroup[BaseException]) -> BaseException:
    """The first error of a group, however deep."""
    error: BaseException = errors
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error


async def _ended(child: asyncio.subprocess.Process) -> int:
    """Its exit code; it is made to end where it does not by itself."""
    try:
        async with asyncio.timeout(5):
            return await child.wait()
    except TimeoutError:
        child.kill()
        return await child.wait()
