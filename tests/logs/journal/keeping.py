"""What the tests of the journal share: arrivals that bear a number, lives of a journal, and what must be true after a crash."""

import asyncio
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from beffroi.core.model import Fault
from beffroi.logs.arrival import Arrival, Busy
from beffroi.logs.journal import REAL, Disk, Journal, JournalReader
from tests.logs.journal.power import MemoryDisk, Told

FOLDER = Path("/journal")  # of a disk in memory
SEGMENT = 200  # bytes, so that two arrivals fill one


class Clock:
    def __init__(self) -> None:
        self.seconds = 0.0

    def __call__(self) -> float:
        return self.seconds


def arrival(number: int, size: int = 10) -> Arrival:
    return Arrival(1_790_000_000_000_000 + number, "s1", "bulk", "192.0.2.7", "json", [b"%d " % number + b"x" * size])


def never(fault: Fault) -> None:
    """For `tell`, where nothing is to be told."""
    pytest.fail(str(fault))


def number_of(arrival: Arrival) -> int:
    return int(arrival.messages[0].split(b" ")[0])


def opened(
    folder: Path,
    disk: Disk = REAL,
    *,
    segment_bytes: int = SEGMENT,
    reserve_bytes: int = 0,
    at_least: int = 0,
    tell: Callable[[Fault], None] = lambda _: None,
    now: Callable[[], float] | None = None,
) -> Journal:
    return Journal.open(
        folder,
        disk=disk,
        segment_bytes=segment_bytes,
        reserve_bytes=reserve_bytes,
        at_least=at_least,
        tell=tell,
        now=now or Clock(),
    )


def read_all(
    folder: Path,
    disk: Disk = REAL,
    *,
    position: int | None = None,
    until: int | None = None,
    limit: int = 200,
    tell: Callable[[Fault], None] = lambda _: None,
) -> list[tuple[int, int]]:
    """(position after it, number) of all that the journal holds."""
    found: list[tuple[int, int]] = []
    with JournalReader(folder, disk=disk, tell=tell) as reader:
        position = reader.oldest if position is None else position
        while some := reader.read(position, limit, until):
            found += [(after, number_of(arrival)) for after, arrival in some]
            position = some[-1][0]
    return found


async def life(
    disk: MemoryDisk, numbers: Sequence[int | Sequence[int]], *, trim: int | None = None, close: bool = True
) -> None:
    """Open the journal, append (numbers in a list at once), and write down what was acknowledged: ("kept", number, position).
    What is refused is tried again a second later, under a number 1,000 higher. `trim` is the number before which to delete at the
    end."""
    clock = Clock()
    journal = opened(FOLDER, disk, now=clock)
    kept: dict[int, int] = {}

    async def keep(number: int) -> None:
        while number not in kept:
            try:
                kept[number] = await journal.append(arrival(number))
            except Busy as busy:
                if not busy.full or number > 9_000:
                    raise
                number += 1_000
                clock.seconds += 1.1
        disk.log.append(Told(("kept", number, kept[number])))

    for each in numbers:
        if isinstance(each, int):
            await keep(each)
        else:
            async with asyncio.TaskGroup() as group:
                for number in each:
                    group.create_task(keep(number))
    if trim is not None:
        disk.log.append(Told(("trimmed", kept[trim], 0)))
        journal.trim(kept[trim])
    if close:
        journal.close()


async def assert_whole(told: list[tuple[str, int, int]], disk: MemoryDisk, new: int = 99_999) -> int:
    """What was acknowledged is there after a restart, in order, nothing twice, and life goes on. Gives the new position."""
    kept = [(position, number) for kind, number, position in told if kind == "kept"]
    kept.sort()
    trimmed = max((number for kind, number, _ in told if kind == "trimmed"), default=0)
    with opened(FOLDER, disk) as journal:
        after = await journal.append(arrival(new))
        assert journal.durable == after
        assert after > max(kept, default=(0, 0))[0]
        faults: list[Fault] = []
        found = read_all(FOLDER, disk, until=journal.durable, tell=faults.append)
        assert not [fault for fault in faults if "missing" in str(fault)]
        numbers = [number for _, number in found]
        assert len(set(numbers)) == len(numbers)
        assert found == sorted(found)
        assert [each for each in found if each in kept] == [each for each in kept if each in found]
        assert {each for each in kept if each[0] > trimmed} <= set(found)
        assert found[-1] == (after, new)
        for position, _ in kept[-3:]:
            later = read_all(FOLDER, disk, position=max(position, trimmed), until=journal.durable)
            assert later == [each for each in found if each[0] > max(position, trimmed)]
    return after
