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


def test_in_a_quiet_month_nobody_is_called(graver: list[Incident]) -> None:
    assert graver == [], "\n".join(map(str, graver))
