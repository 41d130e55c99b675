"""Events behind an incident are found by their place or their time, within bounds; what cannot be read is counted."""

import json
from pathlib import Path

import pytest

from beffroi.core.model import LogSource
from beffroi.incidents.evidence import Behind, Wanted
from beffroi.logs.archive import Archiver, Row
from beffroi.watching import behind

NOON = 1_795_604_400_000_000
WINDOWS = LogSource("windows", None, "security")


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """A house whose archive has two files: arrivals 10 to 19 and 20 to 29, each with three events of one moment."""
    (tmp_path / "archive").mkdir()
    (tmp_path / "journal").mkdir()
    archiver = Archiver(tmp_path / "archive", days=90, share=0.9)
    for first in (10, 20):
        archiver.add(
            Row(at, place, NOON + at, NOON, "s-1", "pc", WINDOWS, {}, f"\x1b[2J {at}.{place}".encode())
            for at in range(first, first + 10)
            for place in range(3)
        )
        archiver.flush()
    archiver.close()
    return tmp_path


def raws(found: Behind) -> list[str]:
    return [json.loads(line)["raw"].partition(" ")[2] for line in found.lines]


def look(data: Path, *places: tuple[int, int], times: tuple[int, ...] = ()) -> Behind:
    return behind.events_behind(data, "UTC", Wanted(frozenset(places), frozenset(times)))


def test_they_are_found_by_their_place_and_none_beside(data: Path) -> None:
    found = look(data, (29, 2), (12, 1), (99, 0))
    assert (raws(found), found.left_out, found.unread) == (["12.1", "29.2"], 0, 0)
    assert raws(look(data)) == []


@pytest.mark.slow
def test_by_their_time_all_of_that_moment_are_given_and_none_twice(data: Path) -> None:
    assert raws(look(data, (12, 1), times=(NOON + 12, NOON + 5))) == ["12.0", "12.1", "12.2"]


@pytest.mark.slow
def test_only_the_newest_are_given_where_there_are_many(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(behind, "EVENTS", 4)
    found = look(data, *((at, 0) for at in range(10, 30)))
    assert (raws(found), found.left_out) == (["26.0", "27.0", "28.0", "29.0"], 16)
    monkeypatch.setattr(behind, "EVENT_BYTES", 200)
    found = look(data, (28, 0), (29, 0))
    assert (raws(found), found.left_out) == (["29.0"], 1)


def test_a_broken_archive_is_counted_and_the_rest_given(data: Path) -> None:
    path = min((data / "archive").rglob("*.parquet"))
    path.write_bytes(path.read_bytes()[:-40])
    found = look(data, (12, 1), (29, 2))
    assert (len(found.lines), found.unread) == (1, 1)
    (data / "archive" / "index.json").write_bytes(b"{")
    found = look(data, (12, 1))
    assert (found.lines, found.unread) == ([], 1)


def test_a_house_without_an_archive_has_none(tmp_path: Path) -> None:
    found = look(tmp_path, (12, 1))
    assert (found.lines, found.unread) == ([], 1)
