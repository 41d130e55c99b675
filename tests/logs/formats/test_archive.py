import bz2
import gzip
import io
import lzma
import random
import struct
import time
import tracemalloc
import zipfile
import zlib
from pathlib import Path

import py7zr
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from beffroi.core.model import Fault
from beffroi.logs.formats import Limits, recordings
from tests.logs.formats.samples import thirty

LINES = b"".join(b'{"a":%d}\n' % number for number in range(1, 101))


def hunted(path: Path, limits: Limits | None = None) -> tuple[dict[str, int], list[Fault]]:
    """(events of each recording under `path`, its name cut to what is below the folder; all faults)."""
    faults: list[Fault] = []
    found = {}
    told: list[Fault] = []
    for recording in recordings([path], limits=limits, faults=faults):
        found[recording.path.removeprefix(f"{path.parent}/")] = sum(1 for _ in recording.events())
        told += recording.faults
    return found, [*faults, *told]


def zipped(members: dict[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", method) as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    return file.getvalue()


def seven(members: dict[str, bytes], password: str | None = None) -> bytes:
    file = io.BytesIO()
    with py7zr.SevenZipFile(file, "w", password=password) as archive:
        for name, data in members.items():
            archive.writestr(data, name)
    return file.getvalue()


@pytest.mark.parametrize("method", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
def test_a_zip_is_read_without_unpacking_it(tmp_path: Path, method: int) -> None:
    path = tmp_path / "b.zip"
    path.write_bytes(zipped({"inner/c.evtx": thirty(), "d.json": LINES, "folder/": b""}, method))
    assert hunted(path) == ({"b.zip!inner/c.evtx": 30, "b.zip!d.json": 100}, [])
    assert [entry.name for entry in tmp_path.iterdir()] == ["b.zip"]


def test_a_member_packed_in_a_rare_way_is_a_sentence(tmp_path: Path) -> None:
    path = tmp_path / "b.zip"
    path.write_bytes(zipped({"d.json": LINES}, zipfile.ZIP_LZMA))
    assert [str(fault.what) for fault in hunted(path)[1]] == ["it is packed in a rare way (method 14); unpack it first"]


def test_a_gz_is_read_with_all_its_parts(tmp_path: Path) -> None:
    path = tmp_path / "app.json.1.gz"
    path.write_bytes(gzip.compress(LINES) + gzip.compress(LINES) + bytes(100))
    assert hunted(path) == ({"app.json.1.gz!app.json.1": 200}, [])


def test_a_7z_is_read(tmp_path: Path) -> None:
    path = tmp_path / "a.7z"
    path.write_bytes(seven({"x/c.evtx": thirty(), "d.json": LINES}))
    assert hunted(path) == ({"a.7z!x/c.evtx": 30, "a.7z!d.json": 100}, [])


def test_archives_within_archives_are_read_down_to_a_depth(tmp_path: Path) -> None:
    inner = gzip.compress(LINES)
    for depth in range(5):
        inner = zipped({f"{depth}": inner})
    path = tmp_path / "deep.zip"
    path.write_bytes(zipped({"near.7z": seven({"d.json.gz": gzip.compress(LINES)}), "deep": inner}))
    found, faults = hunted(path)
    assert found == {"deep.zip!near.7z!d.json.gz!d.json": 100}
    assert [str(fault).split("/")[-1] for fault in faults] == [
        "deep.zip!deep!4!3!2: it is an archive in too many others; it was not opened"
    ]


def test_recordings_of_an_archive_may_be_gathered_first_and_read_later(tmp_path: Path) -> None:
    (tmp_path / "a.zip").write_bytes(zipped({"1.json": LINES, "2.gz": gzip.compress(LINES)}))
    (tmp_path / "b.7z").write_bytes(seven({"3.json": LINES}))
    (tmp_path / "c.json").write_bytes(LINES)
    gathered = list(recordings([tmp_path], faults=[]))
    assert [sum(1 for _ in recording.events()) for recording in reversed(gathered)] == [100] * 4


@pytest.mark.parametrize(
    "name", ["../../evil.json", "/evil.json", "..\\evil.json", "C:\\evil.json", "a/../../evil.json"]
)
def test_names_that_lead_outside_write_nothing(tmp_path: Path, name: str) -> None:
    inside = tmp_path / "in" / "side"
    inside.mkdir(parents=True)
    (inside / "z.zip").write_bytes(zipped({name: LINES, "d.json": LINES}))
    found, faults = hunted(inside / "z.zip")
    assert sorted(found.values()) == [100, 100]
    assert faults == []
    assert [path.name for path in tmp_path.rglob("*") if path.is_file()] == ["z.zip"]


def test_in_a_7z_such_names_are_named_and_the_others_are_read(tmp_path: Path) -> None:
    harmless = seven({"xx/evil.json": LINES, "d.json": LINES})
    start = len(harmless)
    # The header is stored at the end, with names in UTF-16 and a checksum.
    with py7zr.SevenZipFile(io.BytesIO(harmless)) as archive:
        assert [info.filename for info in archive.list()] == ["xx/evil.json", "d.json"]
    file = io.BytesIO()
    with py7zr.SevenZipFile(file, "w") as archive:
        archive.set_encoded_header_mode(False)
        archive.writestr(LINES, "xx/evil.json")
        archive.writestr(LINES, "d.json")
    data = bytearray(file.getvalue())
    place = data.find("xx/evil".encode("utf-16-le"))
    data[place : place + 4] = "..".encode("utf-16-le")
    offset, size = struct.unpack_from("<QQ", data, 12)
    header = zlib.crc32(bytes(data[32 + offset : 32 + offset + size]))
    struct.pack_into("<I", data, 28, header)
    struct.pack_into("<I", data, 8, zlib.crc32(bytes(data[12:32])))
    path = tmp_path / "a.7z"
    path.write_bytes(data)
    found, faults = hunted(path)
    assert start
    assert found["a.7z!d.json"] == 100
    assert [str(fault.what) for fault in faults] == ["its name leads out of the archive; it was not read"]


def test_an_encrypted_zip_is_a_sentence(tmp_path: Path) -> None:
    data = bytearray(zipped({"d.json": LINES, "e.json": LINES}))
    data[6] |= 1  # the flag, in the member's own header
    central = data.find(b"PK\x01\x02")
    data[central + 8] |= 1
    path = tmp_path / "a.zip"
    path.write_bytes(data)
    found, faults = hunted(path)
    assert found == {"a.zip!e.json": 100}
    assert [str(fault.what) for fault in faults] == ["it is encrypted; unpack it with its password first"]


def test_an_encrypted_7z_is_a_sentence(tmp_path: Path) -> None:
    path = tmp_path / "a.7z"
    path.write_bytes(seven({"d.json": LINES}, password="belfry"))
    found, faults = hunted(path)
    assert found == {}
    assert [str(fault.what) for fault in faults] == ["it is encrypted; unpack it with its password first"]


def test_of_a_cut_gz_what_is_there_is_read(tmp_path: Path) -> None:
    noise = random.Random(1)
    lines = b"".join(b'{"a":"%032x"}\n' % noise.getrandbits(128) for _ in range(10_000))
    data = gzip.compress(lines)
    path = tmp_path / "a.gz"
    path.write_bytes(data[: len(data) // 2])
    found, faults = hunted(path)
    assert 4_500 < found["a.gz!a"] < 5_500
    assert "the archive ends before its data do" in [str(fault.what) for fault in faults]


def test_of_a_damaged_gz_what_comes_before_is_read(tmp_path: Path) -> None:
    noise = random.Random(1)
    data = bytearray(gzip.compress(b"".join(b'{"a":"%032x"}\n' % noise.getrandbits(128) for _ in range(10_000))))
    data[len(data) // 2 : len(data) // 2 + 50] = b"\xff" * 50
    path = tmp_path / "a.gz"
    path.write_bytes(data)
    found, faults = hunted(path)
    assert found["a.gz!a"] > 4_000
    assert faults


def test_a_member_with_another_checksum_is_read_and_named(tmp_path: Path) -> None:
    data = bytearray(zipped({"d.json": LINES}, zipfile.ZIP_STORED))
    data[data.find(b'{"a":50}') + 5] = ord("6")
    path = tmp_path / "a.zip"
    path.write_bytes(data)
    found, faults = hunted(path)
    assert found == {"a.zip!d.json": 100}
    assert [str(fault.what) for fault in faults] == [
        "its content does not have the checksum that the archive notes; what could be read was read"
    ]


@pytest.mark.parametrize("end", [10, 60, -30])
def test_a_cut_zip_is_a_sentence(tmp_path: Path, end: int) -> None:
    path = tmp_path / "a.zip"
    path.write_bytes(zipped({"d.json": LINES})[:end])
    found, faults = hunted(path)
    assert found == {}
    assert len(faults) == 1


def test_a_damaged_7z_is_a_sentence(tmp_path: Path) -> None:
    data = bytearray(seven({"d.json": LINES, "e.json": LINES}))
    data[40:60] = b"\xff" * 20
    path = tmp_path / "a.7z"
    path.write_bytes(data)
    _, faults = hunted(path)
    assert faults


def bomb(size: int) -> bytes:
    """Zeros: a line of JSON that never ends."""
    return b'{"a":"' + bytes(size)


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(lambda: zipped({"a": bomb(200 << 20)}), id="zip"),
        pytest.param(lambda: gzip.compress(bomb(200 << 20)), id="gz"),
        pytest.param(lambda: zipped({"b": gzip.compress(bomb(200 << 20))}), id="gz in zip"),
        pytest.param(lambda: gzip.compress(gzip.compress(bomb(200 << 20))), id="gz in gz"),
        pytest.param(lambda: seven({"a": bomb(50 << 20)}), id="7z"),
    ],
)
@pytest.mark.slow
def test_a_bomb_ends_in_a_fault_in_bounded_time_and_memory(tmp_path: Path, data: object) -> None:
    assert callable(data)
    path = tmp_path / "bomb"
    path.write_bytes(data())
    limits = Limits(slack=1 << 20, ratio=100, memory=1 << 20)
    tracemalloc.start()
    start = time.process_time()
    try:
        found, faults = hunted(path, limits)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert sum(found.values()) == 0
    assert any("as archive bombs do" in str(fault.what) for fault in faults)
    assert peak < 40 << 20
    assert time.process_time() - start < 20


def test_limits_on_members_and_sizes_hold(tmp_path: Path) -> None:
    path = tmp_path / "a.zip"
    path.write_bytes(zipped({f"{number}.json": LINES for number in range(20)}))
    found, faults = hunted(path, Limits(members=5))
    assert len(found) == 5
    assert [str(fault.what) for fault in faults] == ["it holds more than 5 files; the others were not read"]
    _, faults = hunted(path, Limits(member=300))
    assert len(faults) == 20
    assert "it is longer than 300 bytes" in str(faults[0].what)
    _, faults = hunted(path, Limits(total=5_000))
    assert "longer than 5,000 bytes together" in str(faults[0].what)


def test_a_table_of_contents_that_would_fill_the_memory_is_not_read(tmp_path: Path) -> None:
    data = bytearray(zipped({"d.json": LINES}))
    end = data.rfind(b"PK\x05\x06")
    struct.pack_into("<I", data, end + 12, 0x7FFF_FFFF)
    path = tmp_path / "a.zip"
    path.write_bytes(data)
    found, faults = hunted(path)
    assert (found, len(faults)) == ({}, 1)
    assert "table of contents" in str(faults[0].what)


def test_a_zip_that_holds_itself_ends(tmp_path: Path, corpus: Path) -> None:
    found, faults = hunted(corpus / "documents/tika/droste.zip")
    assert len(found) == 4  # the picture on each level
    assert [str(fault.what) for fault in faults if "archive" in str(fault.what)] == [
        "it is an archive in too many others; it was not opened"
    ]


SAMPLES = {
    "a.zip": zipped({"d.json": LINES, "e.json": LINES}),
    "a.gz": gzip.compress(LINES),
    "a.7z": seven({"d.json": LINES}),
    "b.zip": zipped({"d.json": LINES}, zipfile.ZIP_LZMA),
}


@pytest.mark.slow
@given(
    st.sampled_from(sorted(SAMPLES)),
    st.lists(st.tuples(st.integers(0, 2_000), st.integers(0, 255)), min_size=1, max_size=8),
)
@settings(max_examples=150, deadline=None)
def test_no_damage_to_an_archive_makes_the_reader_fail(
    tmp_path_factory: pytest.TempPathFactory, name: str, damage: list[tuple[int, int]]
) -> None:
    data = bytearray(SAMPLES[name])
    for place, value in damage:
        data[place % len(data)] = value
    path = tmp_path_factory.mktemp("damaged") / name
    path.write_bytes(data)
    hunted(path, Limits(total=1 << 20, memory=1 << 16))


def test_bare_bzip2_and_xz_are_named_as_something_else(tmp_path: Path) -> None:
    for name, data in (("a.bz2", bz2.compress(LINES)), ("a.xz", lzma.compress(LINES))):
        (tmp_path / name).write_bytes(data)
        assert len(hunted(tmp_path / name)[1]) == 1
