"""Whole stories through the house's real path: bytes, readers, rules, correlations, incidents. Each file here is a story with what must come of it."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from benchmarks.hearing import Incident, incidents
from benchmarks.playing import Player, Seen

from beffroi.demo import STORIES, play
from beffroi.rules.repository import PACK, load
from tests.scenarios.expecting import Expected, Scenario, clock, faults, read

FILES = {path.stem: read(path) for path in sorted(Path(__file__).parent.glob("*.yml"))}
Hear = Callable[[str], list[Incident]]


@pytest.fixture(scope="module")
def hear() -> Iterator[Hear]:
    """The incidents of a scenario, which is played once."""
    heard: dict[str, list[Incident]] = {}
    with Player(load([PACK])) as player:

        def once(name: str) -> list[Incident]:
            if name not in heard:
                scenario = FILES[name]
                heard[name] = incidents(player.hear(play(scenario.story, scenario.begins, days=scenario.days)))
            return heard[name]

        yield once


@pytest.mark.slow
@pytest.mark.parametrize("name", FILES)
def test_a_story_gives_its_incidents_and_no_others(name: str, hear: Hear) -> None:
    assert faults(FILES[name], hear(name)) == []


def test_every_story_has_its_file_and_every_file_its_story() -> None:
    assert {scenario.story for scenario in FILES.values()} == set(STORIES)
    assert len(FILES) >= 12


# --- the expectations themselves can fail -------------------------------------------------------------------------------------------

BEGIN = datetime(2026, 11, 28, 1, 10, tzinfo=UTC)  # ten past two on the house's clock
WANTED = Expected(("files-encrypted",), "high", "2026-11-28 02:11", ("nas", "anna"))
SCENARIO = Scenario(
    "t", "nothing", "2026-11-28 02:00", hands=("anna",), incidents=1, expect=(WANTED,), never=("password-guessed",)
)


def incident(
    severity: str = "high", situation: str = "files-encrypted", seconds: int = 20, named: tuple[str, ...] = ("nas", "anna")
) -> Incident:  # fmt: skip
    at = BEGIN + timedelta(seconds=seconds)
    return Incident(
        severity,
        (Seen(at.isoformat(), "nas", severity, "A title", frozenset(), 1, severity, situation, frozenset(named)),),
    )


def test_an_incident_as_expected_is_no_fault() -> None:
    assert faults(SCENARIO, [incident(), incident("low", "network-scan", named=("x",))]) == []


@pytest.mark.parametrize(
    ("heard", "said"),
    [
        ([], "no incident"),
        ([incident("medium")], "only medium"),
        ([incident(situation="files-deleted")], "no files-encrypted"),
        ([incident(named=("anna",))], "does not name nas"),
        ([incident(seconds=61)], "too late"),
        ([incident(), incident("medium", "network-scan", named=("printer",))], "nobody did anything"),
        ([incident(), incident("medium", "files-read")], "2 incidents instead of 1"),
        ([incident(), incident("low", "password-guessed")], "must not be"),
    ],
)
def test_what_did_not_come_true_is_said(heard: list[Incident], said: str) -> None:
    assert any(said in each for each in faults(SCENARIO, heard))


def test_a_file_that_names_an_unknown_situation_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "x.yml"
    file.write_text("{title: x, story: nothing, start: 2026-11-28 02:00, never: [nonsense]}", "utf-8")
    with pytest.raises(ValueError, match="nonsense"):
        read(file)
    file.write_text("{title: x, story: nothing, start: 2026-11-28 02:00, wishes: []}", "utf-8")
    with pytest.raises(ValueError, match="wishes"):
        read(file)


def test_moments_are_of_the_houses_clock() -> None:
    assert clock("2026-11-28 02:10") == BEGIN
