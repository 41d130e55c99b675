"""Files in parts: what they say together is what the file says as a whole."""

import json
import os
import struct
from collections.abc import Callable, Iterable
from io import BytesIO
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from beffroi.core.model import WHOLE, Event, Fault, message
from beffroi.logs.formats import Limits, Part, files, in_parts, recordings_in
from beffroi.logs.formats import parts as module
from beffroi.logs.formats.budget import Unreadable
from beffroi.logs.formats.sources import CHANGED, Stretch
from tests.logs.formats.samples import CHUNK, FILE_HEADER, evtx

CHUNKS = 8
LOG = evtx([{"CommandLine": f"command {number}"} for number in range(1, 3 * CHUNKS + 1)], each=3, empty=1)
SHORT = Limits(line=60)
LINES = b"".join(b'{"a":%d}\n' % number for number in range(100, 300))  # of ten bytes each


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One file for all drawn examples."""
    return tmp_path_factory.mktemp("parts") / "log"


def file_of(path: Path, data: bytes) -> Part:
    path.write_bytes(data)
    (whole,) = files([path], faults=[])
    return whole


def told(pieces: Iterable[Part], limits: Limits | None = None) -> tuple[list[Event], list[Fault]]:
    """(events, faults) of parts, one after the other."""
    events: list[Event] = []
    faults: list[Fault] = []
    for part in pieces:
        for recording in recordings_in(part, limits=limits, faults=faults):
            events += recording.events()
            faults += recording.faults
    return events, faults


# --- event logs ----------------------------------------------------------------------------------------------------


def test_an_event_log_is_cut_between_chunks(path: Path) -> None:
    whole = file_of(path, LOG)
    cut = list(in_parts(whole, 3 * CHUNK - 100))
    assert [(part.start, part.end, part.before, part.until) for part in cut] == [
        (0, FILE_HEADER + 3 * CHUNK, 0, 3),
        (FILE_HEADER + 3 * CHUNK, FILE_HEADER + 6 * CHUNK, 3, 6),
        (FILE_HEADER + 6 * CHUNK, None, 6, None),
    ]
    assert sum(part.size for part in cut) == len(LOG)
    assert [len(told([part])[0]) for part in cut] == [9, 9, 6]
    assert told(cut) == told([whole])


@pytest.mark.parametrize(
    ("place", "new", "cuts"),
    [
        (0, b"XXXX", 0),  # no file header
        (FILE_HEADER + 3 * CHUNK, bytes(CHUNK), 2),
        (FILE_HEADER + 3 * CHUNK, b"XXXX", 2),
    ],
)
def test_behind_what_is_odd_an_event_log_is_cut_no_more(path: Path, place: int, new: bytes, cuts: int) -> None:
    whole = file_of(path, LOG[:place] + new + LOG[place + len(new) :])
    assert [part.before for part in in_parts(whole, CHUNK)] == list(range(cuts + 1))


Damage = Callable[[bytes, int], bytes]
"""Does something to a log, given where a chunk begins in it."""


def put(new: bytes, at: int) -> Damage:
    return lambda data, chunk: data[: chunk + at] + new + data[chunk + at + len(new) :]


def lose(at: int) -> Damage:
    return lambda data, chunk: data[: chunk + at] + data[chunk + at + 300 :]


def both(one: Damage, other: Damage) -> Damage:
    return lambda data, chunk: other(one(data, chunk), chunk)


RECORD = 512
NO_RECORD = put(b"\xee" * 40, RECORD + 24)
DAMAGES: dict[str, Damage] = {
    "no magic number": put(b"XXXXXXXX", 0),
    "zeros": put(bytes(CHUNK), 0),
    "rubbish": put(b"\xa5" * CHUNK, 0),
    "another number of records": put(struct.pack("<Q", 10_000), 32),
    "a record that cannot be decoded": NO_RECORD,
    "a record's size": put(b"\xff\xff\xff\0", RECORD + 4),
    "what looks like a chunk in a damaged one": both(NO_RECORD, put(b"ElfChnk\0", RECORD + 80)),
    "what looks like a chunk's beginning at its end": both(NO_RECORD, put(b"Elf", CHUNK - 3)),
    "a chunk in its free space": put(LOG[FILE_HEADER : FILE_HEADER + 4_000], 40_000),
    "bytes lost among records": lose(RECORD + 100),
    "bytes lost in free space": lose(50_000),
    "bytes too many": lambda data, chunk: data[: chunk + 50_000] + b"more" + data[chunk + 50_000 :],
    "the end of the file": lambda data, chunk: data[: chunk + 600],
    "a dirty file header": lambda data, _: data[:120] + b"\1" + data[121:],
    "a file header that counts more chunks": lambda data, _: (
        evtx([{"A": "x"}] * 20, each=1)[:FILE_HEADER] + data[FILE_HEADER:]
    ),
}


@pytest.mark.parametrize("name", DAMAGES)
@pytest.mark.parametrize("chunk", [0, 3, CHUNKS - 1])
def test_the_parts_of_a_damaged_event_log_say_what_it_says(path: Path, name: str, chunk: int) -> None:
    whole = file_of(path, DAMAGES[name](LOG, FILE_HEADER + chunk * CHUNK))
    for least in (CHUNK, 2 * CHUNK):
        assert told(in_parts(whole, least)) == told([whole])


@pytest.mark.slow
@given(
    st.lists(st.tuples(st.sampled_from(sorted(DAMAGES)), st.integers(0, CHUNKS - 1)), max_size=3),
    st.lists(st.tuples(st.integers(0, len(LOG)), st.binary(min_size=1, max_size=40)), max_size=5),
    st.integers(1, CHUNKS),
)
@settings(max_examples=60, deadline=None)
def test_the_parts_of_any_event_log_say_what_it_says(
    path: Path, damages: list[tuple[str, int]], corruption: list[tuple[int, bytes]], least: int
) -> None:
    data = LOG
    for name, chunk in damages:
        data = DAMAGES[name](data, FILE_HEADER + chunk * CHUNK)
    for place, new in corruption:
        data = data[:place] + new + data[place + len(new) :]
    whole = file_of(path, data)
    assert told(in_parts(whole, least * CHUNK)) == told([whole])


# --- lines ---------------------------------------------------------------------------------------------------------


def test_lines_are_cut_at_their_ends_and_keep_their_numbers(path: Path) -> None:
    whole = file_of(path, LINES)
    cut = list(in_parts(whole, 500))
    assert [LINES[part.start : part.end].count(b"\n") for part in cut[:-1]] == [51, 51, 51]
    assert [part.before for part in cut] == [LINES.count(b"\n", 0, part.start) for part in cut]
    assert sum(part.size for part in cut) == len(LINES)
    events, faults = told(cut)
    assert [number for number, _, _ in events] == list(range(1, 201))
    assert (events, faults) == told([whole])


LINE = st.one_of(
    st.sampled_from(
        [b"", b"no json", b'{"a":', b"[", b"{}", b'[{"a":1},{"a":2}]', b'{"a":"' + b"x" * 200 + b'"}', b"y" * 59]
    ),
    st.integers(0, 99).map(lambda number: b'{"EventRecordID":%d,"Provider_Name":"p","a":1}' % number),
    st.binary(max_size=90).map(lambda text: text.replace(b"\n", b"")),
)


@pytest.mark.slow
@given(
    st.sampled_from([b"", b"\xef\xbb\xbf"]),
    st.lists(LINE, max_size=40),
    st.sampled_from([b"\n", b"\r\n"]),
    st.sampled_from([b"", b"\n", b'{"last":1}']),
    st.integers(1, 300),
    st.integers(1, 300),
)
@settings(max_examples=200, deadline=None)
def test_the_parts_of_any_lines_say_what_they_say(
    path: Path, mark: bytes, lines: list[bytes], end: bytes, last: bytes, least: int, block: int
) -> None:
    data = mark + b'{"a":1}' + end + end.join(lines) + last
    whole = file_of(path, data)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "BLOCK", block)
        cut = list(in_parts(whole, least))
    assert told(cut, SHORT) == told([whole], SHORT)
    assert len(cut) > 1 or data.find(b"\n", least) < 0


@pytest.mark.parametrize(
    "data",
    [
        LINES.decode().encode("utf-16"),
        json.dumps([{"a": number} for number in range(300)], indent=1).encode(),
        b"<Events>\n" + b"<Event><System/></Event>\n" * 50 + b"</Events>",
        b"PK\x03\x04" + LINES,
        b"\x1f\x8b" + LINES,
        b"words\n" * 2_000 + LINES,
        b"\n".join([b"words"] * 900),
        b"",
    ],
)
def test_everything_else_stays_whole(path: Path, data: bytes) -> None:
    whole = file_of(path, data)
    assert list(in_parts(whole, 100)) == [whole]


def test_a_line_without_end_is_not_cut(path: Path) -> None:
    whole = file_of(path, b'{"a":"' + b"x" * 1_000_000 + b'"}')
    assert list(in_parts(whole, 1_000)) == [whole]


# --- files that change meanwhile -----------------------------------------------------------------------------------


@pytest.mark.parametrize("data", [LINES, LOG])
def test_parts_of_a_file_that_is_no_longer_the_same_are_faults(path: Path, data: bytes) -> None:
    cut = list(in_parts(file_of(path, data), len(data) // 4))
    assert len(cut) > 2
    other = path.with_name("other")
    other.write_bytes(data)
    other.replace(path)
    exchanged = Fault(str(path), WHOLE, CHANGED)
    assert told(cut) == ([], [exchanged] * len(cut))
    cut = list(in_parts(file_of(path, data), len(data) // 4))
    os.truncate(path, len(data) - 1)
    assert told(cut) == ([], [exchanged] * len(cut))
    path.unlink()
    assert told(cut) == (
        [],
        [Fault(str(path), WHOLE, message("it cannot be read: {error}", error="No such file or directory"))] * len(cut),
    )
    assert list(in_parts(cut[0]._replace(start=0, cut_from=None), 100)) == [cut[0]._replace(start=0, cut_from=None)]


def test_what_a_file_grows_by_is_of_its_last_part(path: Path) -> None:
    cut = list(in_parts(file_of(path, LINES), 500))
    with path.open("ab") as file:
        file.write(b'{"a":"more"}\n')
    events, faults = told(cut)
    assert [number for number, _, _ in events] == list(range(1, 202))
    assert faults == []


@pytest.mark.parametrize("data", [LINES, LOG])
def test_a_part_that_is_cut_short_while_it_is_read_says_so(path: Path, data: bytes) -> None:
    first = next(in_parts(file_of(path, data), len(data) // 2))
    faults: list[Fault] = []
    found = recordings_in(first, faults=faults)
    recording = next(found)
    os.truncate(path, len(data) // 4)
    assert 0 < len(list(recording.events())) < len(told([file_of(path, data)])[0]) // 2
    assert (faults, bool(recording.faults)) == ([], True)


def test_a_file_of_a_folder_that_becomes_a_link_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "logs").mkdir()
    log = tmp_path / "logs" / "a.json"
    log.write_bytes(LINES)
    (whole,) = files([log.parent], faults=[])
    log.rename(tmp_path / "b.json")
    log.symlink_to(tmp_path / "b.json")
    assert list(in_parts(whole, 100)) == [whole]
    assert [str(fault.what) for fault in told([whole])[1]] == [
        "it is a link; name what it points to in order to read that"
    ]
    (named,) = files([log], faults=[])
    assert len(told(in_parts(named, 100))[0]) == 200


def test_a_stretch_ends_where_it_should_and_says_where_it_cannot() -> None:
    stretch = Stretch(BytesIO(b"abcdef"), 4)
    assert (stretch.read(3), stretch.read(3), stretch.read(3)) == (b"abc", b"d", b"")
    stretch = Stretch(BytesIO(b"ab"), 4)
    assert stretch.read(4) == b"ab"
    with pytest.raises(Unreadable, match="cut short"):
        stretch.read(4)
