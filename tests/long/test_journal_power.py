"""The journal through many more cuts of the power and kills than the other tests have time for."""

import asyncio
import random
from dataclasses import dataclass
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.logs.journal.keeping import assert_whole, life
from tests.logs.journal.power import MemoryDisk, after_power_cut, broken, power_cuts, told_by
from tests.logs.journal.test_journal import kill_often

pytestmark = [pytest.mark.long, pytest.mark.timeout(600)]

OPERATIONS = ("sync", "append", "sync_folder", "open", "truncate", "unlink")


@dataclass
class Moody:
    """Fails these operations of one life, counted from its first; once while it opens would be another test."""

    turns: frozenset[tuple[str, int]]

    def __post_init__(self) -> None:
        self.asked = dict.fromkeys(OPERATIONS, 0)

    def __call__(self, operation: str) -> OSError | None:
        if operation not in self.asked or (operation != "append" and not self.asked["append"]):
            return None
        self.asked[operation] += 1
        return broken() if (operation, self.asked[operation]) in self.turns else None


failures = st.frozensets(st.tuples(st.sampled_from(OPERATIONS), st.integers(1, 8)), max_size=4)
batches = st.lists(st.integers(1, 4), min_size=1, max_size=8)
lives = st.lists(st.tuples(batches, failures, st.booleans()), min_size=1, max_size=4)


@settings(suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(lives, st.integers(0, 1 << 32))
def test_lives_that_end_in_a_power_cut_while_the_disk_fails(
    lives: list[tuple[list[int], frozenset[tuple[str, int]], bool]], seed: int
) -> None:
    """Each life begins with what the cut before it left. Nothing that any of them acknowledged is ever missing.

    The cuts are drawn from a seed and not by Hypothesis: what a thread writes together is not the same in every run."""
    chance = random.Random(seed)

    async def run() -> None:
        disk = MemoryDisk()
        told: list[tuple[str, int, int]] = []
        number = 0
        for batches, turns, trims in lives:
            disk.failing = Moody(turns)
            groups: list[list[int]] = []
            for size in batches:
                groups.append(list(range(number, number + size)))
                number += size
            await life(disk, groups, trim=groups[-1][0] if trims and not turns else None)
            length = chance.randint(0, len(disk.log))
            told += told_by(disk, length)
            disk = after_power_cut(disk, length, chance.choice)
        await assert_whole(told, disk)

    asyncio.run(run())


def test_every_cut_of_a_long_life_and_every_cut_of_the_next() -> None:
    async def run() -> None:
        disk = MemoryDisk()
        await life(disk, [1, [2, 3, 4], 5, [6, 7], 8, 9, [10, 11, 12]], trim=8)
        states = 0
        for told, left in power_cuts(disk, 200):
            await life(left, [21, [22, 23], 24])
            for again, later in power_cuts(left, 20):
                states += 1
                await assert_whole([*told, *again], later)
        assert states > 5_000

    asyncio.run(run())


def test_fifty_kills(tmp_path: Path) -> None:
    kill_often(tmp_path, 50, random.Random())
