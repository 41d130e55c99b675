"""What is understood goes into the archive, now and then, in a process of its own: DuckDB's memory is not the service's."""

import asyncio
import logging
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Final

import msgspec

from beffroi.core import discreet
from beffroi.core.clock import Clock
from beffroi.core.config import Config
from beffroi.core.discreet import Word
from beffroi.core.errors import StoreError
from beffroi.core.model import Fault, Message, message
from beffroi.logs.archive import load_index
from beffroi.store import Store, settings
from beffroi.watching import aside
from beffroi.watching.archiving import Done, Job

log = logging.getLogger("beffroi.archive")

PAUSE: Final = 300.0
"""Seconds between two turns; what lies between is found in the journal."""
COMPACT: Final = 3_600.0
"""Seconds between two turns in which small files are merged."""
FOR_NOW: Final = 100 * 365
"""Days for which everything is kept while nobody knows what day it is."""


class Archiving:
    """The archive's turns. `reached` is the journal's position up to which everything is in the archive."""

    def __init__(self, config: Config, store: Store, clock: Clock) -> None:
        self._config = config
        self._store = store
        self._clock = clock
        self.reached = _reached(config.data_dir / "archive")
        self.trouble: Message | None = None
        """Why the last turn failed."""

    async def run(self, understood: Callable[[], int]) -> None:
        """Turn until cancelled; never further than what is understood: a message that ends its reader is known only then."""
        compacted = time.monotonic()
        while True:
            await asyncio.sleep(PAUSE)
            until = understood()
            compact = time.monotonic() - compacted > COMPACT
            if until <= self.reached and not compact:
                continue
            if await self.turn(until, compact=compact) and compact:
                compacted = time.monotonic()

    async def turn(self, until: int, *, compact: bool) -> bool:
        """Archive up to a position; whether it was done."""
        child = await asyncio.create_subprocess_exec(
            sys.executable, "-I", "-X", "utf8", "-m", "beffroi.watching.archiving",
            msgspec.json.encode(self._job(until, compact=compact)).decode(),
            stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
        )  # fmt: skip
        try:
            said, complained = await child.communicate()
        except BaseException:
            with suppress(ProcessLookupError):
                child.kill()
            raise
        if child.returncode != 0:
            why = discreet.complaint(complained) or f"code {child.returncode}"
            self.trouble = message("events could not be brought into the archive: {reason}", reason=why[:300])
            log.error("archiving ended with code %s: %s", child.returncode, Word(why))
            return False
        done = msgspec.json.decode(said, type=Done)
        self.reached = done.position
        self.trouble = None
        for fault in done.faults[:10]:
            log.warning("archive: %s", Fault.from_plain(fault).told)
        return True

    def _job(self, until: int, *, compact: bool) -> Job:
        with self._store.read() as connection:
            days, share = settings.get(connection, "archive.days"), settings.get(connection, "archive.disk_share")
        data = self._config.data_dir
        return Job(
            journal=str(data / "journal"),
            archive=str(data / "archive"),
            until=until,
            zone=self._config.time_zone,
            days=days if self._clock.sure else FOR_NOW,
            share=share / 100,
            now=self._clock.now(),
            compact=compact,
            aside=sorted(aside.load(data / "journal")),
        )


def _reached(folder: Path) -> int:
    """How far the archive reaches, so that a house that is started often still lets go of its journal."""
    try:
        return max(0, load_index(folder).position)
    except StoreError:  # the first turn of the archive says so
        return 0
