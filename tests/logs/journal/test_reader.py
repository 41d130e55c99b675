"""Reading while another writes: up to what is durable, in pieces, past segments that come and go."""

import asyncio
from pathlib import Path

import pytest

from beffroi.logs.journal import JournalReader, RealDisk, Trimmed
from tests.logs.journal.keeping import arrival, never, number_of, opened, read_all


def test_it_follows_a_writer_through_its_segments(tmp_path: Path) -> None:
    async def run() -> None:
        with opened(tmp_path) as journal, JournalReader(tmp_path, tell=never) as reader:
            position = 0
            for number in range(20):
                after = await journal.append(arrival(number))
                assert reader.read(position, 1, journal.durable) == [(after, arrival(number))]
                assert reader.read(after, 1, journal.durable) == []
                position = after

    asyncio.run(run())


def test_nothing_past_the_durable_position_is_read(tmp_path: Path) -> None:
    async def run() -> list[int]:
        with opened(tmp_path) as journal:
            return [await journal.append(arrival(number)) for number in range(9)]

    positions = asyncio.run(run())
    for count, until in enumerate(positions, 1):
        assert [number for _, number in read_all(tmp_path, until=until, limit=1 << 20, tell=never)] == list(
            range(count)
        )


def test_the_limit_bounds_what_comes_at_once_but_one_always_comes(tmp_path: Path) -> None:
    async def run() -> None:
        with opened(tmp_path, segment_bytes=1 << 20) as journal:
            for number in range(40):
                await journal.append(arrival(number, 100_000))
            await journal.append(arrival(40, 3_000_000))

    asyncio.run(run())
    with JournalReader(tmp_path) as reader:
        assert len(reader.read(0, 1)) == 1
        assert len(reader.read(0, 350_000)) == 4
        assert len(reader.read(0, 1 << 30)) == 41
    assert [number for _, number in read_all(tmp_path, limit=1)] == list(range(41))


def test_asking_when_there_is_nothing_new_touches_no_file(tmp_path: Path) -> None:
    class Counting(RealDisk):
        asked = 0

        def names(self, folder: Path) -> list[str]:
            self.asked += 1
            return super().names(folder)

        def open(self, path: Path, *, write: bool = False, fresh: bool = False) -> int:
            self.asked += 1
            return super().open(path, write=write, fresh=fresh)

        def read(self, handle: int, count: int, offset: int) -> bytes:
            self.asked += 1
            return super().read(handle, count, offset)

    disk = Counting()
    with opened(tmp_path) as journal, JournalReader(tmp_path, disk=disk) as reader:
        asyncio.run(journal.append(arrival(1)))
        reader.read(0, 1, journal.durable)
        before = disk.asked
        assert reader.read(journal.durable, 1, journal.durable) == []
        assert disk.asked == before
        asyncio.run(journal.append(arrival(2)))
        assert len(reader.read(0, 1_000, journal.durable)) == 2
        assert disk.asked <= before + 2, "the names and the bytes, but no file anew"


def test_what_was_trimmed_is_an_error_that_says_where_to_go_on(tmp_path: Path) -> None:
    async def run() -> None:
        with opened(tmp_path) as journal, JournalReader(tmp_path) as reader:
            assert reader.oldest == 0
            positions = [await journal.append(arrival(number)) for number in range(10)]
            assert reader.read(0, 1, journal.durable)
            oldest = journal.trim(positions[6])
            assert reader.oldest == oldest
            with pytest.raises(Trimmed) as trimmed:
                reader.read(positions[0], 1, journal.durable)
            assert trimmed.value.oldest == oldest
            assert trimmed.value.position == positions[0]
            found = reader.read(oldest, 1 << 20, journal.durable)
            assert [number_of(got) for _, got in found] == list(range(10 - len(found), 10))
            assert found[-1][0] == journal.durable

    asyncio.run(run())


def test_a_segment_trimmed_between_looking_and_opening(tmp_path: Path) -> None:
    class Slow(RealDisk):
        def names(self, folder: Path) -> list[str]:
            names = super().names(folder)
            if self.hurried:
                min(folder.glob("*.journal")).unlink()
                self.hurried = False
            return names

        hurried = False

    disk = Slow()
    with opened(tmp_path) as journal, JournalReader(tmp_path, disk=disk) as reader:
        for number in range(5):
            asyncio.run(journal.append(arrival(number)))
        disk.hurried = True
        with pytest.raises(Trimmed):
            reader.read(0, 1, journal.durable)


def test_an_empty_or_missing_folder_holds_nothing(tmp_path: Path) -> None:
    for folder in (tmp_path, tmp_path / "none"):
        with JournalReader(folder) as reader:
            assert reader.read(0, 1 << 20) == []
            assert reader.oldest == 0


def test_a_reader_leaves_everything_as_it_is(tmp_path: Path) -> None:
    with opened(tmp_path) as journal:
        for number in range(5):
            asyncio.run(journal.append(arrival(number)))
    with max(tmp_path.glob("*.journal")).open("ab") as file:
        file.write(b"torn")
    before = {path.name: (path.read_bytes(), path.stat().st_mtime_ns) for path in tmp_path.iterdir()}
    assert len(read_all(tmp_path, tell=never)) == 5
    assert {path.name: (path.read_bytes(), path.stat().st_mtime_ns) for path in tmp_path.iterdir()} == before
