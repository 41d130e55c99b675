"""The writer on a real disk: order, groups, segments, one writer, a full disk, `kill -9`."""

import asyncio
import os
import random
import shutil
import stat
import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace

import pytest

from beffroi.core.errors import StoreError
from beffroi.logs.arrival import Busy
from beffroi.logs.journal import MOST, Journal, JournalReader
from tests.logs.journal.keeping import SEGMENT, Clock, arrival, never, number_of, opened, read_all
from tests.logs.journal.power import MemoryDisk

CHILD = """
import asyncio, os, sys
from pathlib import Path
from beffroi.logs.arrival import Arrival
from beffroi.logs.journal import Journal

async def appender(journal, which):
    for count in range(1_000_000):
        number = which * 1_000_000 + count
        message = b"%d " % number + b"x" * (number * 7919 % 3_000)
        position = await journal.append(Arrival(1, "s1", "relp", "192.0.2.7", "syslog", [message]))
        os.write(1, b"%d %d\\n" % (number, position))

async def main():
    journal = Journal.open(Path(sys.argv[1]), segment_bytes=100_000, reserve_bytes=0)
    async with asyncio.TaskGroup() as group:
        for which in range(int(sys.argv[2]), int(sys.argv[2]) + 20):
            group.create_task(appender(journal, which))

asyncio.run(main())
"""


def killed(folder: Path, first: int, after: float) -> list[tuple[int, int]]:
    """Let a process write with twenty appenders and kill it so many seconds after its first answer: what it was answered."""
    child = subprocess.Popen([sys.executable, "-I", "-c", CHILD, folder, str(first)], stdout=subprocess.PIPE)
    assert child.stdout is not None
    try:
        said = os.read(child.stdout.fileno(), 1 << 16)
        until = time.monotonic() + after
        while time.monotonic() < until:
            said += os.read(child.stdout.fileno(), 1 << 16)
    finally:
        child.kill()
    with child.stdout:
        said += child.stdout.read()
    child.wait(timeout=10)
    whole = said[: said.rfind(b"\n") + 1].decode().splitlines()
    return [(int(position), int(number)) for number, position in map(str.split, whole)]


def kill_often(folder: Path, rounds: int, chance: random.Random) -> None:
    told: set[tuple[int, int]] = set()
    for turn in range(rounds):
        told |= set(killed(folder, turn * 20, chance.uniform(0, 0.25)))
        with opened(folder, segment_bytes=100_000) as journal:
            found = read_all(folder, until=journal.durable, limit=1 << 20)
        assert told <= set(found)
        assert found == sorted(found)
        assert len({number for _, number in found}) == len(found)
    assert len(told) > rounds * 20


@pytest.mark.slow
def test_what_a_killed_writer_was_answered_is_there(tmp_path: Path) -> None:
    kill_often(tmp_path, 4, random.Random())


@pytest.mark.slow
def test_another_process_reads_while_this_one_writes(tmp_path: Path) -> None:
    """What is durable is read at once, whole and once, while segments are filled and left."""
    child = subprocess.Popen([sys.executable, "-I", "-c", CHILD, tmp_path, "0"], stdout=subprocess.PIPE, text=True)
    told: dict[int, int] = {}
    found: list[tuple[int, int]] = []
    with child, JournalReader(tmp_path, tell=never) as reader:
        try:
            assert child.stdout is not None
            for line in child.stdout:
                number, position = map(int, line.split())
                told[position] = number
                if len(told) % 50 == 0:
                    at = found[-1][0] if found else 0
                    while some := reader.read(at, 30_000, max(told)):
                        at = some[-1][0]
                        found += [(after, number_of(got)) for after, got in some]
                    assert at == max(told)
                if len(told) == 2_000:
                    break
        finally:
            child.kill()
    assert set(told.items()) == set(found[: len(told)])
    assert len(list(tmp_path.glob("*.journal"))) > 20


def test_an_arrival_comes_back_as_it_was(tmp_path: Path) -> None:
    sent = arrival(1)
    with opened(tmp_path) as journal:
        position = asyncio.run(journal.append(sent))
        assert journal.durable == position
        assert journal.waiting_bytes == 0
    with JournalReader(tmp_path) as reader:
        assert reader.read(0, 1) == [(position, sent)]
        assert reader.read(position, 1) == []


def test_a_hundred_appenders_at_once_share_syncs_and_keep_their_order(tmp_path: Path) -> None:
    class Counting(MemoryDisk):
        syncs = 0

        def sync(self, handle: int) -> None:
            self.syncs += 1
            time.sleep(0.001)
            super().sync(handle)

    disk = Counting()

    async def run() -> None:
        with opened(tmp_path, disk, segment_bytes=20_000) as journal:

            async def appender(which: int) -> None:
                before = 0
                for count in range(20):
                    after = await journal.append(arrival(which * 100 + count))
                    assert before < after <= journal.durable
                    before = after

            async with asyncio.TaskGroup() as group:
                for which in range(100):
                    group.create_task(appender(which))

    asyncio.run(run())
    numbers = [number for _, number in read_all(tmp_path, disk)]
    assert sorted(numbers) == sorted(which * 100 + count for which in range(100) for count in range(20))
    for which in range(100):
        own = [number for number in numbers if number // 100 == which]
        assert own == sorted(own)
    assert disk.syncs < 200


def test_segments_are_named_by_their_position_and_private(tmp_path: Path) -> None:
    folder = tmp_path / "journal"
    with opened(folder) as journal:
        for number in range(10):
            asyncio.run(journal.append(arrival(number)))
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    files = sorted(folder.glob("*.journal"))
    assert len(files) == 5
    position = 0
    for path in files:
        assert path.name.startswith(f"{position:020d}-")
        assert path.stat().st_size <= SEGMENT
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        position += path.stat().st_size
    assert position == journal.durable


def test_a_folder_that_stood_open_is_closed(tmp_path: Path) -> None:
    tmp_path.chmod(0o755)
    opened(tmp_path).close()
    assert stat.S_IMODE(tmp_path.stat().st_mode) == 0o700


def test_a_life_goes_on_where_the_last_one_ended(tmp_path: Path) -> None:
    positions = []
    for number in range(8):
        with opened(tmp_path, tell=never) as journal:
            positions.append(asyncio.run(journal.append(arrival(number))))
    assert read_all(tmp_path) == list(zip(positions, range(8), strict=True))
    assert len(list(tmp_path.glob("*.journal"))) == 4


def test_nothing_is_written_before_there_is_something(tmp_path: Path) -> None:
    opened(tmp_path).close()
    assert not list(tmp_path.glob("*.journal"))
    assert read_all(tmp_path) == []


def test_two_writers_at_once_are_refused(tmp_path: Path) -> None:
    with opened(tmp_path):
        with pytest.raises(StoreError, match="another Beffroi is writing"):
            opened(tmp_path)
        read_all(tmp_path)
    opened(tmp_path).close()


def test_a_folder_that_is_none_is_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(StoreError, match="file"):
        opened(tmp_path / "file")


def test_a_clock_that_goes_back_changes_no_order(tmp_path: Path) -> None:
    with opened(tmp_path) as journal:
        for number in (5, 3, 9, 1):
            asyncio.run(journal.append(arrival(number)))
    with JournalReader(tmp_path) as reader:
        arrived = [got.arrived for _, got in reader.read(0, 1 << 20)]
    assert arrived == [arrival(number).arrived for number in (5, 3, 9, 1)]


def test_what_is_too_long_is_refused_and_nothing_of_it_kept(tmp_path: Path) -> None:
    with opened(tmp_path) as journal:
        with pytest.raises(ValueError, match="at most 16,777,216"):
            asyncio.run(journal.append(arrival(1, MOST)))
        assert journal.waiting_bytes == 0
        asyncio.run(journal.append(arrival(2, MOST - 100)))
        asyncio.run(journal.append(arrival(3)))
    assert [number for _, number in read_all(tmp_path)] == [2, 3]


def test_waiting_bytes_are_counted_and_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("beffroi.logs.journal.writer.WAITING_BYTES", 10_000)

    async def run() -> None:
        with opened(tmp_path) as journal:
            async with asyncio.TaskGroup() as group:
                for number in range(3):
                    group.create_task(journal.append(arrival(number, 3_000)))
                await asyncio.sleep(0)
                assert 9_000 < journal.waiting_bytes < 10_000
                with pytest.raises(Busy) as busy:
                    await journal.append(arrival(4, 3_000))
                assert not busy.value.full
            assert journal.waiting_bytes == 0

    asyncio.run(run())


def test_one_is_told_when_the_durable_position_advances(tmp_path: Path) -> None:
    async def run() -> None:
        with opened(tmp_path) as journal:
            async with asyncio.timeout(10), asyncio.TaskGroup() as group:
                first = group.create_task(journal.advanced(0))
                gone = group.create_task(journal.advanced(0))
                await asyncio.sleep(0)
                gone.cancel()
                after = await journal.append(arrival(1))
                assert await first == after
                assert await journal.advanced(0) == after
                second = group.create_task(journal.advanced(after))
                await asyncio.sleep(0.01)
                assert not second.done()
                assert await journal.append(arrival(2)) == await second

    asyncio.run(run())


def test_an_appender_that_no_longer_waits_harms_nobody(tmp_path: Path) -> None:
    async def run() -> None:
        with opened(tmp_path) as journal:
            async with asyncio.TaskGroup() as group:
                impatient = group.create_task(journal.append(arrival(1)))
                await asyncio.sleep(0)
                impatient.cancel()
            await journal.append(arrival(2))
            assert journal.waiting_bytes == 0

    asyncio.run(run())
    assert [number for _, number in read_all(tmp_path)] == [1, 2]


@pytest.mark.slow
def test_a_busy_loop_stands_aside_while_anything_waits_and_only_then(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Slow(MemoryDisk):
        def sync(self, handle: int) -> None:
            time.sleep(0.1)
            super().sync(handle)

    stood: list[float] = []
    monkeypatch.setattr("beffroi.logs.journal.writer.time", SimpleNamespace(sleep=stood.append))

    async def run() -> None:
        with opened(tmp_path, Slow()) as journal:
            await journal.append(arrival(1))
            assert len(stood) > 1
            await asyncio.sleep(0.03)
            before = len(stood)
            await asyncio.sleep(0.05)
            assert len(stood) == before
            await journal.append(arrival(2))
            assert len(stood) > before

    asyncio.run(run())


def test_closing_writes_what_waits_and_then_takes_no_more(tmp_path: Path) -> None:
    async def run() -> None:
        journal = opened(tmp_path)
        async with asyncio.TaskGroup() as group:
            waiting = [group.create_task(journal.append(arrival(number))) for number in range(50)]
            await asyncio.sleep(0)
            journal.close()
            assert len(read_all(tmp_path)) == 50
        assert [task.result() for task in waiting] == [position for position, _ in read_all(tmp_path)]
        with pytest.raises(Busy):
            await journal.append(arrival(51))
        journal.close()

    asyncio.run(run())


def test_the_reserve_is_left_free_and_there_is_life_after_it(tmp_path: Path) -> None:
    disk, clock = MemoryDisk(room=2_000_000), Clock()

    async def run() -> None:
        with opened(tmp_path, disk, reserve_bytes=2 << 20, now=clock) as journal:
            for _ in range(2):
                with pytest.raises(Busy) as busy:
                    await journal.append(arrival(1))
                assert busy.value.full
                assert 0 < busy.value.retry_after <= 1
            assert str(journal.trouble) == "fewer than 2 MB are free on the disk"
            disk.room = 3_000_000
            with pytest.raises(Busy):
                await journal.append(arrival(2))
            clock.seconds += 1
            await journal.append(arrival(3))
            assert journal.trouble is None

    asyncio.run(run())
    assert [number for _, number in read_all(tmp_path, disk)] == [3]


def test_a_defect_is_told_to_whom_it_concerns_and_the_next_one_is_kept(tmp_path: Path) -> None:
    disk = MemoryDisk()

    def defect(operation: str) -> OSError | None:
        if operation == "sync":
            raise ZeroDivisionError
        return None

    async def run() -> None:
        with opened(tmp_path, disk) as journal:
            disk.failing = defect
            with pytest.raises(ZeroDivisionError):
                await journal.append(arrival(1))
            disk.failing = lambda _: None
            await journal.append(arrival(2))

    asyncio.run(run())
    assert [number for _, number in read_all(tmp_path, disk)] == [2]


def test_trimming_deletes_whole_segments_but_never_the_last(tmp_path: Path) -> None:
    with opened(tmp_path) as journal:
        positions = [asyncio.run(journal.append(arrival(number))) for number in range(10)]
        names = sorted(path.name for path in tmp_path.glob("*.journal"))
        assert journal.trim(int(names[2][:20]) - 1) == int(names[1][:20])
        assert journal.trim(int(names[2][:20])) == int(names[2][:20])
        assert sorted(path.name for path in tmp_path.glob("*.journal")) == names[2:]
        assert journal.trim(1 << 60) == int(names[-1][:20])
        after = asyncio.run(journal.append(arrival(10)))
        assert after > positions[-1]
    with opened(tmp_path) as journal:
        assert journal.durable == after


def test_a_position_that_was_read_is_never_given_out_again(tmp_path: Path) -> None:
    """Somebody emptied the folder, or brought back a copy, while the store remembers how far was read."""
    told: list[str] = []
    for at_least, number in ((5_000, 1), (4_000, 2), (9_000, 3)):
        with opened(tmp_path, at_least=at_least, tell=lambda fault: told.append(str(fault))) as journal:
            assert journal.durable >= at_least
            asyncio.run(journal.append(arrival(number)))
    found = read_all(tmp_path, tell=never)
    assert [number for _, number in found] == [1, 2, 3]
    assert found[0][0] > 5_000
    assert found[2][0] > 9_000
    assert read_all(tmp_path, position=9_000) == found[2:]
    assert len(told) == 2
    assert "it is not the newest one" in told[0]


FULL = """
import asyncio, os, sys
from pathlib import Path
from beffroi.core.errors import StoreError
from beffroi.logs.arrival import Arrival, Busy
from beffroi.logs.journal import Journal, JournalReader

folder = Path(sys.argv[1], "journal")
kept = []

async def fill(journal):
    for number in range(len(kept), 10_000):
        arrival = Arrival(number, "s1", "bulk", "192.0.2.7", "json", [b"x" * 5_000])
        try:
            kept.append((await journal.append(arrival), arrival))
        except Busy as busy:
            assert busy.full
            assert "No space" in str(journal.trouble), journal.trouble
            return
    raise AssertionError("never full")

async def main():
    filler = Path(sys.argv[1], "filler")
    filler.write_bytes(bytes(2_000_000))
    with Journal.open(folder, reserve_bytes=0, segment_bytes=300_000) as journal:
        await fill(journal)
        first = len(kept)
        filler.unlink()
        await asyncio.sleep(1.1)
        await fill(journal)
        assert first + 300 < len(kept), (first, len(kept))
        durable = journal.durable
    for _ in range(2):
        with Journal.open(folder, reserve_bytes=0, tell=print) as journal:
            assert journal.durable == durable
    reader = JournalReader(folder, tell=print)
    assert reader.read(0, 1 << 30, durable) == kept
    os.system(f"mount -o remount,ro {sys.argv[1]}")
    assert reader.read(0, 1 << 30, durable) == kept
    try:
        Journal.open(folder, reserve_bytes=0)
    except StoreError as error:
        assert "Read-only" in str(error), error
    else:
        raise AssertionError("opened for writing on a read-only disk")

asyncio.run(main())
"""


@pytest.mark.slow
def test_a_disk_that_is_really_full_and_then_read_only(tmp_path: Path) -> None:
    """A small file system of its own, in a mount namespace that ends with the process."""
    if os.geteuid() or not shutil.which("unshare"):
        pytest.skip("only root can mount a small disk")
    script = f'mount -t tmpfs -o size=6m none "$1" && exec "{sys.executable}" -I -c "$2" "$1"'
    done = subprocess.run(
        ["unshare", "--mount", "sh", "-c", script, "sh", tmp_path, FULL], capture_output=True, text=True, check=False
    )
    if "unshare failed" in done.stderr or "mount:" in done.stderr:
        pytest.skip(f"no disk can be mounted here: {done.stderr}")
    assert done.returncode == 0, done.stderr
    assert done.stdout == ""


def test_the_defaults_open(tmp_path: Path) -> None:
    with Journal.open(tmp_path) as journal:
        assert journal.durable == 0
