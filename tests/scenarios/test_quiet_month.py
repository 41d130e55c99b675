"""A month in which nothing happens: nobody is called."""

from datetime import UTC, datetime

import pytest
from benchmarks.hearing import Incident, incidents
from benchmarks.playing import Player

from beffroi.demo import quiet
from beffroi.rules.repository import PACK, load
from tests.scenarios.expecting import MEDIUM

pytestmark = [pytest.mark.long, pytest.mark.timeout(900)]


@pytest.fixture(scope="module", params=[1, 2])
def graver(request: pytest.FixtureRequest) -> list[Incident]:
    """What of a month (all of November, with its holidays, patches and visits) is above `low`."""
    with Player(load([PACK])) as player:
        heard = incidents(player.hear(quiet(30, request.param, datetime(2026, 11, 1, 12, tzinfo=UTC))))
    return [each for each in heard if each.grave >= MEDIUM]


def test_a_quiet_month_gives_less_than_one_incident_a_week_and_none_that_calls_somebody(graver: list[Incident]) -> None:
    assert len(graver) <= 4, "\n".join(map(str, graver))
    assert all(each.grave == MEDIUM for each in graver), "\n".join(map(str, graver))


@pytest.mark.xfail(strict=False, reason="the backup that throws away its oldest full copy deletes as a thief would")
def test_a_quiet_month_gives_no_incident_at_all(graver: list[Incident]) -> None:
    assert graver == []
