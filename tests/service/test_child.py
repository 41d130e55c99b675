"""The process that understands, as the service sees it: it really runs; it dies, the store fails, rules change."""

import asyncio
import os
import signal
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from beffroi.core.errors import InputError, StoreError
from beffroi.logs.journal import Journal
from beffroi.service import child
from beffroi.service.child import Understanding
from beffroi.store import Store, tables
from beffroi.watching import recorder
from beffroi.watching.frames import Begin
from tests.watching.watch import RULES, SHADOWS, arrival, rules, shadows

if TYPE_CHECKING:
    from beffroi.watching.understanding import Understood

pytestmark = pytest.mark.slow


class Watch:
    """A journal, a store, and the process between them."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.told: list[Understood] = []
        self.broken: Exception | None = None
        rules(folder / "rules")

    def begin(self) -> Begin:
        if self.broken is not None:
            raise self.broken
        return Begin(str(self.folder / "data/journal"), [str(self.folder / "rules")], None, "Europe/Brussels", {}, [])

    def run(self, work: Callable[[Understanding, Callable[..., Awaitable[int]]], Awaitable[None]]) -> None:
        async def main() -> None:
            with Store.open(self.folder / "data") as store, Journal.open(self.folder / "data/journal") as journal:
                self.store = store
                understanding = Understanding(store, self.begin, tell=self.told.extend)

                async def keep(*messages: bytes) -> int:
                    position = await journal.append(arrival(*messages))
                    understanding.durable(position)
                    return position

                async with asyncio.timeout(50), asyncio.TaskGroup() as group:
                    running = group.create_task(understanding.run())
                    await work(understanding, keep)
                    running.cancel()

        asyncio.run(main())

    def matches(self) -> list[str]:
        with self.store.read() as connection:
            return list(connection.scalars(tables.matches.select().with_only_columns(tables.matches.c.rule_id)))


async def until(condition: Callable[[], object]) -> None:
    while not condition():  # noqa: ASYNC110 - what is waited for is another process
        await asyncio.sleep(0.02)


def children() -> list[int]:
    own = os.getpid()
    found = []
    for task in Path(f"/proc/{own}/task").iterdir():
        for pid in (task / "children").read_text().split():
            with suppress(OSError):
                if b"beffroi.watching.process" in Path(f"/proc/{pid}/cmdline").read_bytes():
                    found.append(int(pid))
    return found


@pytest.fixture
def watch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Watch:
    monkeypatch.setattr(child, "PATIENCE", (0.05,))
    monkeypatch.setattr(child, "AGAIN", 0.05)
    return Watch(tmp_path)


def test_what_is_in_the_journal_becomes_matches(watch: Watch) -> None:
    async def work(understanding: Understanding, keep: Callable[..., Awaitable[int]]) -> None:
        position = await keep(shadows(1), b"{broken")
        await until(lambda: understanding.position == position)
        assert understanding.ready is not None
        assert (understanding.ready.rules, understanding.ready.correlations) == (4, 1)
        assert watch.matches() == [SHADOWS]
        assert understanding.trouble is None

    watch.run(work)
    assert children() == []
    assert sum(each.events for each in watch.told) == 2


def test_a_store_that_fails_for_a_while_loses_nothing(watch: Watch, monkeypatch: pytest.MonkeyPatch) -> None:
    real = recorder.record
    failures = 3

    def record(*arguments: Any) -> int:
        nonlocal failures
        if failures:
            failures -= 1
            raise StoreError(path=watch.folder, reason="the disk is full")
        return real(*arguments)

    monkeypatch.setattr(recorder, "record", record)

    async def work(understanding: Understanding, keep: Callable[..., Awaitable[int]]) -> None:
        for number in range(5):
            position = await keep(shadows(number))
        await until(lambda: understanding.trouble is not None)
        assert "the disk is full" in str(understanding.trouble)
        await until(lambda: understanding.position == position)
        assert len(watch.matches()) == 5
        assert understanding.trouble is None
        assert understanding.deaths == 0

    watch.run(work)


def test_when_it_dies_another_one_goes_on(watch: Watch) -> None:
    async def work(understanding: Understanding, keep: Callable[..., Awaitable[int]]) -> None:
        position = await keep(shadows(1))
        await until(lambda: understanding.position == position)
        [process] = children()
        os.kill(process, signal.SIGKILL)
        position = await keep(shadows(2), shadows(1))
        await until(lambda: understanding.position == position)
        assert understanding.deaths == 1
        assert watch.matches() == [SHADOWS, SHADOWS]  # the first one was told once

    watch.run(work)


@pytest.mark.parametrize("error", [StoreError, InputError, OSError])
def test_that_it_cannot_be_begun_is_told_and_ends_nothing(watch: Watch, error: type[Exception]) -> None:
    reason = {"path": "store.db", "reason": "locked"} if error is not OSError else {}
    watch.broken = error(**reason) if reason else OSError("locked")

    async def work(understanding: Understanding, keep: Callable[..., Awaitable[int]]) -> None:
        position = await keep(shadows(1))
        await until(lambda: understanding.deaths >= 2)
        assert "locked" in str(understanding.trouble)
        watch.broken = None
        await until(lambda: understanding.position == position)
        assert watch.matches() == [SHADOWS]

    watch.run(work)


def test_new_rules_are_taken_in_between_two_batches(watch: Watch) -> None:
    async def work(understanding: Understanding, keep: Callable[..., Awaitable[int]]) -> None:
        await understanding.began.wait()
        first = understanding.ready
        rules(watch.folder / "rules", RULES.replace("delete shadows", "never said"))
        understanding.rules_changed()
        await until(lambda: understanding.ready is not first)
        assert understanding.ready is not None
        assert not understanding.ready.fresh  # what correlations remember was kept
        position = await keep(shadows(1))
        await until(lambda: understanding.position == position)
        assert watch.matches() == []
        assert understanding.deaths == 0

    watch.run(work)


def test_it_stops_soon_under_load(watch: Watch) -> None:
    stopped = 0.0

    async def work(understanding: Understanding, keep: Callable[..., Awaitable[int]]) -> None:
        nonlocal stopped
        await understanding.began.wait()
        for start in range(0, 20_000, 1_000):
            await keep(*[shadows(number) for number in range(start, start + 1_000)])
        stopped = time.monotonic()

    watch.run(work)
    assert time.monotonic() - stopped < 8
    assert children() == []
