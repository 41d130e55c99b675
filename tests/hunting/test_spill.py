"""Sorting more lines than memory should hold."""

import random
import tempfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from beffroi.hunting import spill
from beffroi.hunting.spill import SortedSpill


def open_files() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


@pytest.mark.slow
@given(st.lists(st.binary(max_size=40).map(lambda line: line.replace(b"\n", b" "))), st.integers(1, 2_000))
def test_lines_come_out_in_order_however_little_memory_there_is(lines: list[bytes], memory: int) -> None:
    kept = SortedSpill(in_memory=memory)
    for line in lines:
        kept.add(line)
    assert list(kept.sorted()) == sorted(lines)


def test_more_runs_than_are_merged_at_once_are_merged_before(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(spill, "AT_ONCE", 3)
    lines = [b"%05d" % number for number in range(1_000)]
    random.Random(7).shuffle(lines)
    before = open_files()
    kept = SortedSpill(in_memory=500)
    for line in lines:
        kept.add(line)
        assert open_files() < before + 6
    assert list(kept.sorted()) == sorted(lines)


def test_an_empty_spill_has_no_lines_and_makes_no_file(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "TemporaryFile", pytest.fail)
    assert list(SortedSpill().sorted()) == []


def test_it_is_empty_and_its_files_are_closed_after_reading(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = open_files()
    kept = SortedSpill(in_memory=10)
    for number in range(200):
        kept.add(b"%d" % number)
    assert len(list(kept.sorted())) == 200
    assert open_files() == before
    assert list(kept.sorted()) == []


def test_a_full_disk_is_the_systems_own_error(monkeypatch: pytest.MonkeyPatch) -> None:
    def full() -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(tempfile, "TemporaryFile", full)
    kept = SortedSpill(in_memory=10)
    with pytest.raises(OSError, match="No space"):
        kept.add(b"a line that is too long")
