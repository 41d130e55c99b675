"""Bytes that the disk gives back wrong: what is sound is read, what is not is told, and no position changes its meaning."""

import asyncio
import os
import struct
import zlib
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from beffroi.core.model import Fault
from beffroi.logs.journal import MOST, JournalReader
from beffroi.logs.journal.frames import FRAME, HEADER, Header, frame, parse
from beffroi.logs.journal.segments import Name
from tests.logs.journal.keeping import FOLDER, arrival, never, opened, read_all
from tests.logs.journal.power import MemoryDisk

ONE = 1_000_000  # bytes of a segment that holds everything


def written(folder: Path, count: int, segment_bytes: int = ONE, size: int = 10) -> list[tuple[int, int]]:
    """A journal of so many arrivals: (position after it, number)."""

    async def run() -> list[tuple[int, int]]:
        with opened(folder, segment_bytes=segment_bytes) as journal:
            return [(await journal.append(arrival(number, size)), number) for number in range(count)]

    return asyncio.run(run())


def in_memory(count: int, segment_bytes: int = ONE) -> tuple[MemoryDisk, list[tuple[int, int]]]:
    async def run() -> list[tuple[int, int]]:
        with opened(FOLDER, disk, segment_bytes=segment_bytes) as journal:
            return [(await journal.append(arrival(number)), number) for number in range(count)]

    disk = MemoryDisk()
    return disk, asyncio.run(run())


def segments(folder: Path) -> list[Path]:
    return sorted(folder.glob("*.journal"))


def change(path: Path, change: Callable[[bytearray], None]) -> None:
    data = bytearray(path.read_bytes())
    change(data)
    path.write_bytes(data)


async def assert_goes_on(disk: MemoryDisk, kept: list[tuple[int, int]], lost: list[tuple[int, int]]) -> list[Fault]:
    """The journal opens with what is kept, and nothing new comes to stand where something was. Gives what was told."""
    faults: list[Fault] = []
    with opened(FOLDER, disk, segment_bytes=ONE, tell=faults.append) as journal:
        found = read_all(FOLDER, disk, until=journal.durable)
        assert found == kept
        after = await journal.append(arrival(77))
        assert after > max([*kept, *lost])[0]
        assert read_all(FOLDER, disk, until=journal.durable) == [*kept, (after, 77)]
        for position, _ in lost:
            # What was read up to here goes on after it.
            assert read_all(FOLDER, disk, position=position, until=journal.durable)[-1] == (after, 77)
    with opened(FOLDER, disk, segment_bytes=ONE, tell=never) as journal:
        assert journal.durable == after
    return faults


def test_each_byte_of_the_last_record_flipped() -> None:
    async def run() -> None:
        for offset in range(sound[-2][0], sound[-1][0]):
            disk = MemoryDisk({1: bytearray(whole)}, dict(names))
            disk.files[1][offset] ^= 0x55
            faults = await assert_goes_on(disk, sound[:-1], sound[-1:])
            assert [str(fault.place) for fault in faults] == [f"position {sound[-2][0]} to {sound[-1][0]}"]
            (aside,) = (name for name in disk.names_ if name.endswith(".damaged"))
            assert len(disk.files[disk.names_[aside]]) == sound[-1][0] - sound[-2][0]

    disk, sound = in_memory(3)
    ((name, file),) = disk.names_.items()
    whole, names = bytes(disk.files[file]), {name: 1}
    asyncio.run(run())


def test_the_last_segment_cut_at_each_length() -> None:
    async def run() -> None:
        for length in range(len(whole)):
            disk = MemoryDisk({1: bytearray(whole[:length])}, dict(names))
            kept = [each for each in sound if each[0] <= length]
            with opened(FOLDER, disk, segment_bytes=ONE) as journal:
                assert read_all(FOLDER, disk, until=journal.durable) == kept
                after = await journal.append(arrival(77))
                assert read_all(FOLDER, disk, until=journal.durable) == [*kept, (after, 77)]
            assert kept or len([name for name in disk.names_ if name.endswith(".journal")]) == 1

    disk, sound = in_memory(3)
    ((name, file),) = disk.names_.items()
    whole, names = bytes(disk.files[file]), {name: 1}
    asyncio.run(run())


def test_each_byte_of_a_header_flipped_loses_nothing() -> None:
    async def run() -> None:
        for offset in range(HEADER.size):
            disk = MemoryDisk({1: bytearray(whole)}, dict(names))
            disk.files[1][offset] ^= 0x55
            assert await assert_goes_on(disk, sound, []) == []

    disk, sound = in_memory(3)
    ((name, file),) = disk.names_.items()
    whole, names = bytes(disk.files[file]), {name: 1}
    asyncio.run(run())


WHOLE, SOUND = in_memory(12, segment_bytes=250)


@given(
    st.lists(st.tuples(st.sampled_from(sorted(WHOLE.names_)), st.integers(0, 260), st.binary(max_size=40)), max_size=6)
)
def test_whatever_bytes_stand_there_what_is_read_was_written(changes: list[tuple[str, int, bytes]]) -> None:
    async def run() -> None:
        disk = MemoryDisk({file: bytearray(content) for file, content in WHOLE.files.items()}, dict(WHOLE.names_))
        for name, offset, data in changes:
            disk.files[disk.names_[name]][offset : offset + len(data)] = data
        found: list[tuple[int, int]] = []
        for until in (None, SOUND[-1][0]):
            found = read_all(FOLDER, disk, until=until)
            assert [each for each in SOUND if each in found] == found
            assert changes or found == SOUND
        with opened(FOLDER, disk) as journal:
            after = await journal.append(arrival(77))
            assert after > max([*found, (0, 0)])[0]
            assert read_all(FOLDER, disk, until=journal.durable)[-1] == (after, 77)

    asyncio.run(run())


def test_a_lost_first_block_costs_what_stood_in_it_and_no_more() -> None:
    async def run() -> None:
        for length, lost in ((HEADER.size + 1, 1), (sound[1][0] - 3, 2)):
            disk = MemoryDisk({1: bytearray(whole)}, dict(names))
            disk.files[1][:length] = bytes(length)
            assert await assert_goes_on(disk, sound[lost:], []) == []

    disk, sound = in_memory(6)
    ((name, file),) = disk.names_.items()
    whole, names = bytes(disk.files[file]), {name: 1}
    asyncio.run(run())


@pytest.mark.parametrize("known", [True, False])
def test_each_byte_of_a_record_in_the_middle_flipped_loses_only_that_one(known: bool) -> None:
    disk, sound = in_memory(9, segment_bytes=250)
    until = sound[-1][0] if known else None
    first = min(disk.names_)
    content = disk.files[disk.names_[first]]
    for offset in range(sound[0][0], sound[1][0]):
        content[offset] ^= 0x55
        faults: list[Fault] = []
        assert read_all(FOLDER, disk, until=until, tell=faults.append) == [sound[0], *sound[2:]]
        assert [str(fault.place) for fault in faults] == [f"position {sound[0][0]} to {sound[1][0]}"]
        assert faults[0].path == str(FOLDER)
        content[offset] ^= 0x55


def test_damage_amid_the_last_segment_is_passed_over_and_not_cut(tmp_path: Path) -> None:
    sound = written(tmp_path, 5)
    change(segments(tmp_path)[0], lambda data: data.__setitem__(sound[1][0] + 20, data[sound[1][0] + 20] ^ 1))
    with opened(tmp_path, segment_bytes=ONE, tell=never) as journal:
        assert journal.durable == sound[-1][0]
    faults: list[Fault] = []
    assert read_all(tmp_path, tell=faults.append) == [*sound[:2], *sound[3:]]
    assert len(faults) == 1


def test_a_sector_of_zeros_and_one_from_elsewhere(tmp_path: Path) -> None:
    """A block that the disk gives back from another place holds sound frames, but of another position."""
    sound = written(tmp_path, 400, segment_bytes=16_000)
    path = segments(tmp_path)[0]

    def mixed(data: bytearray) -> None:
        data[4_096:8_192] = bytes(4_096)
        data[8_192:12_288] = data[:4_096]

    change(path, mixed)
    faults: list[Fault] = []
    found = read_all(tmp_path, limit=3_000, tell=faults.append)
    lost = [each for each in sound if each not in found]
    assert [each for each in sound if each in found] == found
    base = int(path.name[:20])
    assert all(4_096 < after - base < 12_288 + 100 for after, _ in lost)
    assert len(lost) > 100
    assert len(faults) == 1


def test_a_segment_that_is_gone_is_told(tmp_path: Path) -> None:
    sound = written(tmp_path, 12, segment_bytes=250)
    gone = segments(tmp_path)[1]
    start, stop = int(gone.name[:20]), int(segments(tmp_path)[2].name[:20])
    gone.unlink()
    faults: list[Fault] = []
    found = read_all(tmp_path, until=sound[-1][0], tell=faults.append)
    assert found == [each for each in sound if not start < each[0] <= stop]
    assert [str(fault) for fault in faults] == [f"{tmp_path}, position {start} to {stop}: this part is missing"]


def test_a_sealed_segment_that_lost_its_end_is_told(tmp_path: Path) -> None:
    sound = written(tmp_path, 12, segment_bytes=250)
    path = segments(tmp_path)[1]
    os.truncate(path, path.stat().st_size - 5)
    faults: list[Fault] = []
    found = read_all(tmp_path, until=sound[-1][0], tell=faults.append)
    assert len(found) == 11
    assert [str(fault.what) for fault in faults] == [
        "no whole record stands here; it was passed over",
        "this part is missing",
    ]


def test_a_segment_of_rubbish_is_passed_over_at_once_and_told_once(tmp_path: Path) -> None:
    sound = written(tmp_path, 12, segment_bytes=250)
    path = segments(tmp_path)[1]
    change(path, lambda data: data.__setitem__(slice(None), os.urandom(len(data))))
    base, size = int(path.name[:20]), path.stat().st_size
    faults: list[Fault] = []
    found = read_all(tmp_path, limit=1, until=sound[-1][0], tell=faults.append)
    assert found == [each for each in sound if not base < each[0] <= base + size]
    assert len(faults) == 1


def test_the_same_damage_at_the_end_is_told_once_however_often_one_asks(tmp_path: Path) -> None:
    sound = written(tmp_path, 3)
    change(segments(tmp_path)[0], lambda data: data.__setitem__(-1, data[-1] ^ 1))
    faults: list[Fault] = []
    with JournalReader(tmp_path, tell=faults.append) as reader:
        assert len(reader.read(0, 1_000, sound[-1][0])) == 2
        for _ in range(3):
            assert reader.read(sound[1][0], 1_000, sound[-1][0]) == []
    assert len(faults) == 1


def test_a_whole_record_that_is_no_arrival_is_told_and_passed_over(tmp_path: Path) -> None:
    marker, at = b"\x01" * 8, HEADER.size
    data = Header(0, 0).packed()
    deep = b"\x91" * 100_000 + b"\x00"
    text = msgspec.msgpack.encode([1, "s", "r", "p", "json", ["no bytes"]])
    good = msgspec.msgpack.encode(arrival(5))
    for body in (b"", b"\xc1", deep, text, b"\x99\x01\xa2\xff\xff", b"\xdd\xff\xff\xff\xff", good, b"\x90"):
        data += frame(marker, at, body) + body
        at = len(data)
    Name(0, marker).path(tmp_path).write_bytes(data)
    faults: list[Fault] = []
    assert [number for _, number in read_all(tmp_path, until=at, limit=1, tell=faults.append)] == [5]
    assert len(faults) == 7
    assert all("the record is whole but holds no arrival" in str(fault) for fault in faults)


def test_a_length_that_lies_is_not_believed(tmp_path: Path) -> None:
    sound = written(tmp_path, 3)
    for length in (0, 1, 1_000, MOST, MOST + 1, 0xFFFFFFFF):
        change(segments(tmp_path)[0], lambda data: struct.pack_into("<I", data, sound[0][0] + 8, length))  # noqa: B023
        assert read_all(tmp_path, until=sound[-1][0]) == [sound[0], sound[2]]


def test_a_sender_cannot_write_a_record_into_a_message(tmp_path: Path) -> None:
    """The frame before the message is damaged, and the message holds whole records of every kind a sender can make."""
    body = msgspec.msgpack.encode(arrival(666))
    forged = b"".join(frame(bytes(8), position, body) + body for position in range(4_000))
    shown = Header(0, 0).packed() + forged

    async def run() -> list[int]:
        with opened(tmp_path, segment_bytes=ONE) as journal:
            whole = msgspec.structs.replace(arrival(1), messages=[shown])
            return [await journal.append(each) for each in (arrival(0), whole, arrival(2))]

    positions = asyncio.run(run())
    change(segments(tmp_path)[0], lambda data: data.__setitem__(positions[0], data[positions[0]] ^ 1))
    assert [number for _, number in read_all(tmp_path, until=positions[-1])] == [0, 2]


def test_what_is_kept_aside_is_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("beffroi.logs.journal.recovery.ASIDE_BYTES", 1_000)
    for number in range(13):
        with opened(tmp_path) as journal:
            asyncio.run(journal.append(arrival(number)))
        with segments(tmp_path)[-1].open("ab") as file:
            file.write(bytes(1_000 if number < 11 else 1_001))
    aside = sorted(tmp_path.glob("*.damaged"))
    assert len(aside) == 8
    assert all(path.stat().st_size == 1_000 and path.stat().st_mode & 0o777 == 0o600 for path in aside)
    assert [number for _, number in read_all(tmp_path)] == list(range(13))
    # What is too long to be kept aside stays where it is, and is passed over.
    assert [path.stat().st_size > 1_000 for path in segments(tmp_path)].count(True) == 2


def test_other_files_in_the_folder_are_left_alone(tmp_path: Path) -> None:
    for name in (
        "1.journal",
        "x.journal",
        f"{7:020d}.journal",
        f"{7:020d}-{7:016x}.journal.bak",
        "²" * 20 + f"-{7:016x}.journal",
        ".damaged",
    ):
        (tmp_path / name).write_bytes(b"x")
    sound = written(tmp_path, 2)
    assert read_all(tmp_path) == sound


def test_a_link_in_place_of_a_segment_is_not_followed(tmp_path: Path) -> None:
    folder, other = tmp_path / "journal", tmp_path / "other"
    other.write_bytes(b"precious")
    folder.mkdir()
    Name(0, bytes(8)).path(folder).symlink_to(other)
    with pytest.raises(Exception, match="symbolic links"):
        opened(folder)
    assert other.read_bytes() == b"precious"


def test_a_bad_spot_on_the_disk_costs_one_block(tmp_path: Path) -> None:
    sound = written(tmp_path, 400)
    real = os.pread

    def spotted(handle: int, count: int, offset: int) -> bytes:
        if offset < 8_192 and offset + count > 4_096:
            raise OSError(5, "Input/output error")
        return real(handle, count, offset)

    faults: list[Fault] = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "pread", spotted)
        found = read_all(tmp_path, until=sound[-1][0], limit=1 << 20, tell=faults.append)
    assert len(faults) == 1
    assert all(4_096 < after <= 8_192 + 100 for after, _ in set(sound) - set(found))
    assert 50 < len(sound) - len(found) < 90


def test_the_frame_is_what_its_docstring_says() -> None:
    body, marker = b"some body", b"markmark"
    crc = zlib.crc32(body + struct.pack("<QI", 123, len(body)))
    assert frame(marker, 123, body) == marker + struct.pack("<II", len(body), crc)
    data = frame(marker, 123, body) + body
    assert [(after, bytes(found)) for after, found in parse(data, 123, marker).records] == [(123 + len(data), body)]
    assert parse(data, 124, marker) == ([], 0, None)
    assert parse(data[:-1], 123, marker) == ([], 0, len(data))
    assert parse(data[: FRAME.size - 1], 123, marker) == ([], 0, FRAME.size)
