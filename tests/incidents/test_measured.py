"""What benchmarks/grouping.py measures holds: one attack is one incident, two unrelated ones are two, through the house's real path."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from benchmarks import grouping
from benchmarks.interleavings import WRITTEN, Written
from benchmarks.one_attack import FLOODS, SCANS, SPREADING, Tell
from benchmarks.playing import Player
from benchmarks.shapes import Said

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]
RULES = ("pack", "all")
KNOWN = {"pack": {"persistence_sysmon_11_13_1_shime_appfix"}, "all": set[str]()}
"""Recordings that give more than one incident: what the pack alone sees of this one lies hours apart."""


@pytest.fixture(scope="module", params=RULES)
def which(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def player(which: str, corpus: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Player]:
    with Player(grouping.rules(which)) as made:
        yield made


@pytest.fixture(scope="module")
def known(player: Player) -> list[grouping.Recording]:
    return list(grouping.recordings(player))


def test_each_recording_gives_one_incident_where_something_in_it_is_grave(
    which: str, known: list[grouping.Recording]
) -> None:
    assert len(known) == 277
    assert {each.path.stem for each in known if len(each.outcome.incidents) > 1} == KNOWN[which]
    assert [each.path.stem for each in known if each.outcome.grave and not each.outcome.incidents] == []
    assert sum(each.outcome.grave for each in known) >= {"pack": 264, "all": 265}[which]


@pytest.mark.parametrize("name", FLOODS)
def test_ten_thousand_failures_are_one_incident_and_a_success_makes_it_critical(player: Player, name: str) -> None:
    [(_, outcome)] = grouping.told(player, {name: FLOODS[name]})
    [incident] = outcome.incidents
    assert (outcome.severity(incident) == "critical") == ("then" in name)


@pytest.mark.parametrize(("name", "tell"), [*SCANS.items(), *SPREADING.items()])
def test_one_attack_is_one_incident(player: Player, name: str, tell: Tell) -> None:
    [(_, outcome)] = grouping.told(player, {name: tell})
    assert len(outcome.incidents) == 1
    assert all(each.incident is not None for each in outcome.matches)


@pytest.mark.parametrize("tell", WRITTEN, ids=lambda each: str(each.__name__))
def test_two_unrelated_attacks_on_one_machine_are_two_incidents(player: Player, tell: Written) -> None:
    one, other = list[Said](), list[Said]()
    tell(one, other)
    pair = grouping.pair(player, tell.__name__, one, other)
    assert pair.two, pair.reason


def test_recordings_of_one_machine_within_an_hour_mostly_stay_two(
    player: Player, known: list[grouping.Recording]
) -> None:
    drawn = list(grouping.anywhere(player, known, grouping.SEED + 1, grouping.CHOSEN))
    assert sum(pair.two for pair, _ in drawn) >= grouping.CHOSEN - 2
