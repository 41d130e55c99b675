import struct
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from beffroi.logs.formats import evtx
from beffroi.logs.formats.limits import Limits
from tests.logs.formats.reading import read
from tests.logs.formats.samples import CHUNK, FILE_HEADER, thirty
from tests.logs.formats.samples import evtx as evtx_file

COMMANDS = [f"command {number}" for number in range(1, 31)]
SECOND = FILE_HEADER + CHUNK
FIRST_RECORD = FILE_HEADER + 512


def commands(data: bytes) -> tuple[list[str], list[str]]:
    events, faults = read(evtx, data)
    return [str(fields.get("CommandLine")) for _, fields, _ in events], faults


def patched(place: int, new: bytes) -> bytes:
    data = thirty()
    return data[:place] + new + data[place + len(new) :]


def test_a_healthy_file_gives_every_event_and_no_fault() -> None:
    events, faults = read(evtx, thirty())
    assert faults == []
    number, fields, raw = events[4]
    assert number == 5
    assert fields == {
        "CommandLine": "command 5",
        "User": "nurse",
        "EventID": 4688,
        "Channel": "Security",
        "Provider_Name": "Beffroi-Test",
        "Computer": "PC01",
        "EventRecordID": 5,
        "TimeCreated": "2020-01-01T00:00:00.000000Z",
    }
    assert isinstance(raw, str)
    assert '"command 5"' in raw


def test_unnamed_data_are_a_list_or_the_one_text() -> None:
    events, _ = read(evtx, evtx_file([[("", "one"), ("", "two")], [("", "alone")]]))
    assert [fields["Data"] for _, fields, _ in events] == [["one", "two"], "alone"]


def test_of_data_with_the_same_name_none_is_lost() -> None:
    events, faults = read(evtx, evtx_file([[("A", "1"), ("A", "2"), ("B", "3"), ("A", "4")]] * 3))
    assert faults == []
    assert [{name: fields.get(name) for name in ("A", "A_1", "A_2", "B")} for _, fields, _ in events] == [
        {"A": "1", "A_1": "2", "A_2": "4", "B": "3"}
    ] * 3


@pytest.mark.parametrize(
    ("what", "place", "new"),
    [
        ("another magic number", 0, b"XXXXXXXX"),
        ("a file header of zeros behind the magic number", 8, bytes(FILE_HEADER - 8)),
        ("the mark of a log that was open (dirty)", 120, b"\1"),
        ("no chunks in its count", 42, b"\0\0"),
    ],
)
def test_a_bad_file_header_costs_no_event(what: str, place: int, new: bytes) -> None:
    found, faults = commands(patched(place, new))
    assert found == COMMANDS
    assert len(faults) == (place == 0)


@pytest.mark.parametrize(
    ("what", "place", "new"),
    [
        ("its magic number", SECOND, b"XXXXXXXX"),
        ("its whole header", SECOND, b"\x55" * 512),
        ("its tables of names", SECOND + 128, b"\xff" * 384),
        ("where free space begins: at once", SECOND + 48, struct.pack("<I", 512)),
        ("where free space begins: nowhere", SECOND + 48, b"\xff\xff\xff\xff"),
        ("its last record's number", SECOND + 32, struct.pack("<Q", 13)),
        ("the magic number of its first record", SECOND + 512, b"\0\0\0\0"),
        ("the size of its first record: none", SECOND + 516, b"\0\0\0\0"),
        ("the size of its first record: huge", SECOND + 516, b"\xff\xff\xff\x00"),
        ("the time of its first record", SECOND + 528, b"\xff" * 8),
    ],
)
def test_a_bad_chunk_header_or_record_header_costs_no_event(what: str, place: int, new: bytes) -> None:
    found, _ = commands(patched(place, new))
    assert found == COMMANDS


def test_a_table_of_names_that_bites_its_own_tail_does_not_hold_the_reader() -> None:
    """The library alone would follow it for ever: the chain of names from byte 700 leads to byte 700."""
    data = bytearray(thirty())
    struct.pack_into("<I", data, SECOND + 128, 700)
    struct.pack_into("<I", data, SECOND + 700, 700)
    found, _ = commands(bytes(data))
    assert len(found) >= 29


def test_a_record_that_cannot_be_decoded_is_named_and_the_others_are_read() -> None:
    found, faults = commands(patched(FIRST_RECORD + 24, b"\xee" * 40))
    assert found == COMMANDS[1:]
    assert [fault.split(":")[0] for fault in faults] == ["chunk 0, record 1"]


def test_a_chunk_of_zeros_between_used_ones_is_named() -> None:
    found, faults = commands(patched(SECOND, bytes(CHUNK)))
    assert found == COMMANDS[:10] + COMMANDS[20:]
    assert faults == ["chunk 1: it holds nothing but zeros although used chunks follow"]


def test_a_tail_of_zeros_that_the_header_counts_is_named() -> None:
    found, faults = commands(patched(SECOND, bytes(2 * CHUNK)))
    assert found == COMMANDS[:10]
    assert [fault.split(":")[0] for fault in faults] == ["chunk 1", "chunk 2"]


def test_rubbish_in_place_of_a_chunk_is_named() -> None:
    found, faults = commands(patched(SECOND, b"\xa5" * CHUNK))
    assert found == COMMANDS[:10] + COMMANDS[20:]
    assert faults == ["chunk 1: its 65,536 bytes are no chunk and hold no record"]


def test_of_a_file_cut_in_a_chunk_the_whole_records_are_read() -> None:
    data = thirty()
    third = data.index(b"**\0\0", SECOND + 512 + 4)  # the second record of the second chunk
    fourth = data.index(b"**\0\0", third + 4)
    found, faults = commands(data[: fourth + 30])
    assert found == COMMANDS[:12]
    assert faults[0].startswith("chunk 1: the file ends after ")
    assert "chunk 1: 8 of its 10 records are missing" in faults
    assert faults[-1] == "end of file: 1 of the 3 chunks that the file header announces are missing"


@pytest.mark.parametrize("length", [0, 1, 100, FILE_HEADER - 1, FILE_HEADER, FILE_HEADER + 1, FILE_HEADER + 600])
def test_a_file_cut_before_its_first_record_is_a_fault(length: int) -> None:
    found, faults = commands(thirty()[:length])
    assert found == []
    assert faults


def test_bytes_lost_in_the_middle_cost_only_their_own_chunk() -> None:
    data = thirty()
    found, faults = commands(data[: FILE_HEADER + 40_000] + data[FILE_HEADER + 50_000 :])
    assert found == COMMANDS
    assert faults == ["chunk 0: another chunk begins 10,000 bytes before its end"]


def test_bytes_lost_among_records_cost_these_and_what_follows_in_the_chunk() -> None:
    """Records speak of places in their chunk: those behind the loss speak of wrong ones."""
    data = thirty()
    fifth = data.index(b"**\0\0", SECOND + 512 + 4 * 700)
    found, faults = commands(data[: fifth + 10] + data[fifth + 300 :])
    assert found == COMMANDS[:14] + COMMANDS[20:]
    assert sum("cannot be decoded" in fault for fault in faults) == 5
    assert "chunk 1: another chunk begins after 65,246 of its 65,536 bytes" in faults


@pytest.mark.parametrize(("place", "new"), [(FIRST_RECORD + 80, b"ElfChnk\0"), (SECOND - 3, b"Elf")])
def test_what_looks_like_a_chunk_in_a_damaged_one_is_its_own_where_the_next_is_in_its_place(
    place: int, new: bytes
) -> None:
    data = bytearray(patched(FIRST_RECORD + 24, b"\xee" * 40))
    data[place : place + len(new)] = new
    found, faults = commands(bytes(data))
    assert found == COMMANDS[1:]
    assert [fault.split(":")[0] for fault in faults] == ["chunk 0, record 1"]


def test_chunks_without_any_file_header_are_read() -> None:
    found, faults = commands(thirty()[FILE_HEADER:])
    assert found == COMMANDS
    assert faults == ["file header: it is missing; the chunks were read all the same"]


def test_a_record_that_the_chunk_header_does_not_know_yet_is_read() -> None:
    """As in a copy of a log that is being written: the header was not brought up to date."""
    data = bytearray(thirty())
    last = data.rindex(b"**\0\0", FILE_HEADER, SECOND)
    struct.pack_into("<Q", data, FILE_HEADER + 16, 9)
    struct.pack_into("<Q", data, FILE_HEADER + 32, 9)
    struct.pack_into("<I", data, FILE_HEADER + 48, last - FILE_HEADER)
    found, faults = commands(bytes(data))
    assert (found, faults) == (COMMANDS, [])


def test_what_an_earlier_use_of_the_chunk_left_behind_is_not_read() -> None:
    data = bytearray(thirty())
    record = data.index(b"**\0\0", SECOND)
    size = struct.unpack_from("<I", data, record + 4)[0]
    free = struct.unpack_from("<I", data, FILE_HEADER + 48)[0]
    data[FILE_HEADER + free + 64 : FILE_HEADER + free + 64 + size] = data[record : record + size]
    assert commands(bytes(data)) == (COMMANDS, [])


def test_faults_beyond_the_limit_are_only_counted() -> None:
    many = evtx_file([{"A": "x"}] * 200, each=1)
    broken = many[:FILE_HEADER] + b"".join(
        b"\xa5" * CHUNK if place % 2 else many[start : start + CHUNK]
        for place, start in enumerate(range(FILE_HEADER, len(many), CHUNK))
    )
    events, faults = read(evtx, broken, Limits(faults=10))
    assert len(events) == 100
    assert len(faults) == 11
    assert faults[-1] == ": 90 more places could not be read"


CORRUPTION = st.lists(
    st.tuples(st.integers(0, FILE_HEADER + 3 * CHUNK), st.binary(min_size=1, max_size=40)), max_size=20
)
ENDS: st.SearchStrategy[Callable[[bytes], bytes]] = st.one_of(
    st.just(lambda data: data),
    st.integers(0, FILE_HEADER + 3 * CHUNK).map(lambda end: lambda data: data[:end]),
    st.binary(max_size=100).map(lambda tail: lambda data: data + tail),
)


@given(CORRUPTION, ENDS)
@settings(max_examples=60, deadline=None)
def test_whatever_is_broken_the_reader_ends_and_what_is_missing_is_told(
    corruption: list[tuple[int, bytes]], end: Callable[[bytes], bytes]
) -> None:
    data = bytearray(thirty())
    for place, new in corruption:
        data[place : place + len(new)] = new
    found, faults = commands(end(bytes(data)))
    assert len(found) >= 30 or faults
