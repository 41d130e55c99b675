"""When a source counts as silent, and what else of it should be looked at."""

import pytest

from beffroi.watching import rhythm

MONDAY = 24 * 7 * 3000 + 24 * 4  # an hour at which a Monday begins (1970-01-01 was a Thursday)


def office(weeks: int) -> dict[int, int]:
    """Eight to six, Monday to Friday."""
    return {
        MONDAY + 168 * week + 24 * day + hour: 50 for week in range(weeks) for day in range(5) for hour in range(8, 18)
    }


def always(hours: int) -> dict[int, int]:
    return {MONDAY + hour: 10 for hour in range(hours)}


def silent_after(hours: dict[int, int]) -> int:
    """How many hours after its last event a source is called silent."""
    last = max(hours)
    return next(n for n in range(1, 1_000) if rhythm.is_silent(hours, last * 3_600, (last + n) * 3_600))


def test_a_firewall_that_never_stops_is_missed_within_three_hours() -> None:
    assert silent_after(always(24 * 20)) <= 3


def test_an_office_machine_has_its_nights_and_weekends() -> None:
    assert 63 < silent_after(office(3)) < 96


def test_an_office_machine_has_its_first_weekend_too() -> None:
    assert silent_after(office(1)) > 63


def test_one_breakdown_does_not_blunt_the_alarm() -> None:
    hours = always(24 * 20)
    for hour in range(24 * 9, 24 * 12):
        del hours[MONDAY + hour]
    assert silent_after(hours) <= 3


def test_a_source_of_yesterday_is_not_called_silent_at_once() -> None:
    assert silent_after({MONDAY: 1}) > 24


@pytest.mark.parametrize(
    ("offset", "events", "told"),
    [(3_600.2, 50, 3_600), (-7_200, 50, -7_200), (3_600, 3, None), (20, 50, None), (None, 50, None)],
)
def test_a_clock_is_doubted_only_when_all_of_an_hour_is_off(
    offset: float | None, events: int, told: int | None
) -> None:
    found = rhythm.clock(offset, events)
    assert (found.seconds if found else None) == told


@pytest.mark.parametrize(("unread", "events", "told"), [(30, 100, True), (10, 100, False), (5, 5, False)])
def test_a_source_that_cannot_be_read_is_named(unread: int, events: int, told: bool) -> None:
    assert (rhythm.unread(unread, events) is not None) is told


def test_ten_times_more_or_less_is_a_change() -> None:
    hours = always(24 * 15)
    now = MONDAY + 24 * 15
    assert rhythm.changed(hours, now) is None
    for hour in range(1, 25):
        hours[now - hour] = 100
    assert rhythm.changed(hours, now) == rhythm.Changed(2_400, 240)
    for hour in range(1, 25):
        hours[now - hour] = 1
    assert rhythm.changed(hours, now) == rhythm.Changed(24, 240)
    assert rhythm.changed(always(24 * 3), MONDAY + 24 * 3) is None
