"""Cuts of the power: after each operation, with what was not synced there, absent or torn, the journal is whole."""

import asyncio

import pytest

from beffroi.logs.arrival import Busy
from tests.logs.journal.keeping import FOLDER, Clock, arrival, assert_whole, life, never, opened, read_all
from tests.logs.journal.power import MemoryDisk, Told, broken, power_cuts


class Failing:
    """Fails the operation at these turns of it."""

    def __init__(self, what: str, *turns: int) -> None:
        self.what = what
        self.turns = turns
        self.asked = 0

    def __call__(self, operation: str) -> OSError | None:
        self.asked += operation == self.what
        return broken() if operation == self.what and self.asked in self.turns else None


async def survive(disk: MemoryDisk, most: int) -> int:
    states = 0
    for told, left in power_cuts(disk, most):
        states += 1
        await assert_whole(told, left)
    return states


def test_what_was_acknowledged_survives_every_cut() -> None:
    async def run() -> None:
        disk = MemoryDisk()
        await life(disk, [1, 2, [3, 4, 5], 6, 7, [8, 9]], trim=6)
        assert len(disk.names_) == 2
        assert await survive(disk, 50) > 150

    asyncio.run(run())


@pytest.mark.slow
def test_a_second_cut_while_the_first_is_being_mended_is_survived_too() -> None:
    async def run() -> None:
        disk = MemoryDisk()
        await life(disk, [1, [2, 3], 4])
        for told, left in power_cuts(disk, 6):
            await life(left, [11, [12, 13]])
            for again, later in power_cuts(left, 3):
                await assert_whole([*told, *again], later)

    asyncio.run(run())


@pytest.mark.slow
@pytest.mark.parametrize("turn", [1, 2, 3, 5])
@pytest.mark.parametrize("what", ["sync", "append", "sync_folder", "open"])
def test_a_disk_that_fails_once_and_then_loses_power(what: str, turn: int) -> None:
    async def run() -> None:
        disk = MemoryDisk(failing=(fails := Failing(what, turn)))
        await life(disk, [1, 2, 3, 4, 5, 6, 7])
        refused = [done for done in disk.log if isinstance(done, Told) and done.what[1] > 1_000]
        assert bool(refused) == (fails.asked >= turn)
        await survive(disk, 20)

    asyncio.run(run())


def test_a_disk_that_fails_to_sync_and_to_truncate() -> None:
    """What stands beyond the sealed end was refused: it must not come back."""

    async def run() -> None:
        sync, truncate = Failing("sync", 2), Failing("truncate", 1)
        disk = MemoryDisk(failing=lambda what: sync(what) or truncate(what))
        await life(disk, [1, 2, 3])
        assert [number for _, number in read_all(FOLDER, disk)] == [1, 1002, 3]
        await survive(disk, 50)

    asyncio.run(run())


@pytest.mark.parametrize("room", range(0, 700, 23))
def test_a_disk_that_is_full_at_any_byte_until_somebody_makes_room(room: int) -> None:
    async def run() -> None:
        disk = MemoryDisk(room=room)
        appended = 0

        def ask(operation: str) -> None:
            nonlocal appended
            appended += operation == "append"
            if appended > 3:
                disk.room = 1 << 30

        disk.failing = ask
        await life(disk, [1, 2, [3, 4], 5, 6])
        await survive(disk, 6)

    asyncio.run(run())


def test_a_failed_sync_is_never_asked_again() -> None:
    async def run() -> None:
        disk = MemoryDisk(failing=Failing("sync", 2))
        await life(disk, [1, 2, 3])
        first, *others = sorted(disk.names_)
        assert len(others) == 1
        content = disk.files[disk.names_[first]]
        assert b"2 xxx" not in content, "what was not synced is cut off"
        assert read_all(FOLDER, disk)[0][0] == int(others[0][:20]) == len(content)

    asyncio.run(run())


def test_a_refused_first_record_of_a_segment_leaves_nothing() -> None:
    async def run() -> None:
        disk = MemoryDisk(failing=Failing("sync", 1))
        with opened(FOLDER, disk) as journal, pytest.raises(Busy):
            await journal.append(arrival(1))
        assert disk.names_ == {}

    asyncio.run(run())


def test_all_that_wait_are_refused_together() -> None:
    async def run() -> None:
        disk = MemoryDisk(failing=(fails := Failing("sync", 1)))
        with opened(FOLDER, disk) as journal:
            done = await asyncio.gather(
                *(journal.append(arrival(number)) for number in range(20)), return_exceptions=True
            )
            assert all(isinstance(each, Busy) and each.full for each in done)
            assert journal.waiting_bytes == 0
        assert fails.asked == 1

    asyncio.run(run())


def test_a_gap_that_was_told_when_it_came_about_stays_explained_when_the_disk_fails_there() -> None:
    async def run() -> None:
        disk, clock = MemoryDisk(), Clock()
        await life(disk, [1, 2])
        with opened(FOLDER, disk, at_least=5_000, now=clock) as journal:
            disk.failing = Failing("sync", 1)
            with pytest.raises(Busy):
                await journal.append(arrival(3))
            clock.seconds += 1.1
            await journal.append(arrival(4))
            found = read_all(FOLDER, disk, until=journal.durable, tell=never)
        assert [number for _, number in found] == [1, 2, 4]

    asyncio.run(run())


def test_what_a_killed_process_left_in_memory_is_synced_before_it_is_called_durable() -> None:
    class Killed(MemoryDisk):
        alive = False

        def sync(self, handle: int) -> None:
            if self.alive:
                super().sync(handle)

    async def run() -> None:
        disk = Killed()
        await life(disk, [1, 2])
        told = [done for done in disk.log if isinstance(done, Told)]
        disk.log = [done for done in disk.log if not isinstance(done, Told)]
        disk.alive = True
        with opened(FOLDER, disk) as journal:
            disk.log += [done for done in told if done.what[2] <= journal.durable]
            assert len(disk.names_) == 1
        await survive(disk, 20)

    asyncio.run(run())


def test_this_disk_would_catch_a_journal_that_acknowledges_too_early() -> None:
    class Hasty(MemoryDisk):
        def sync(self, handle: int) -> None:
            """Says that it is done."""

    async def run() -> None:
        disk = Hasty()
        await life(disk, [1, 2, 3])
        with pytest.raises(AssertionError):
            await survive(disk, 20)

    asyncio.run(run())


def test_this_disk_would_catch_a_new_segment_whose_name_was_not_synced() -> None:
    class Hasty(MemoryDisk):
        def sync_folder(self, folder: object) -> None:
            """Says that it is done."""

    async def run() -> None:
        disk = Hasty()
        await life(disk, [1, 2, 3])
        with pytest.raises(AssertionError):
            await survive(disk, 20)

    asyncio.run(run())
