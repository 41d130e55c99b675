"""The house's clock, with a machine's clock that is dead, set wrongly and set right."""

from datetime import UTC, datetime, timedelta

from beffroi.core.clock import AWAY, DOUBT, MADE, Clock

NOON = datetime(2026, 11, 25, 12, 0, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


class Machine:
    """Its two clocks."""

    def __init__(self, now: datetime) -> None:
        self.wall = now
        self.steady = 1_000.0

    def passes(self, time: timedelta) -> None:
        self.wall += time
        self.steady += time.total_seconds()

    def seconds(self) -> float:
        return self.wall.timestamp()

    def clock(self, alive: datetime | None) -> Clock:
        return Clock(alive, wall=self.seconds, steady=lambda: self.steady)


def test_a_clock_that_goes_is_believed() -> None:
    machine = Machine(NOON)
    clock = machine.clock(NOON - timedelta(hours=9))
    assert (clock.now(), clock.sure, clock.since) == (NOON, True, NOON)
    machine.passes(MINUTE)
    machine.wall += timedelta(seconds=3)  # somebody keeps it right
    assert clock.look() is None
    assert clock.micros() == round((NOON + timedelta(seconds=63)).timestamp()) * 1_000_000


def test_after_a_leap_nothing_is_sure_for_a_day_of_steady_time() -> None:
    machine = Machine(NOON)
    clock = machine.clock(NOON)
    machine.passes(MINUTE)
    machine.wall += timedelta(days=400)
    assert not clock.sure  # before anybody looked
    leap = clock.look()
    assert leap == (NOON + MINUTE, NOON + MINUTE + timedelta(days=400))
    assert (clock.sure, clock.since) == (False, machine.wall)
    machine.passes(timedelta(hours=20))
    assert clock.look() is None
    machine.wall -= timedelta(days=400)
    assert clock.look() is not None
    machine.passes(timedelta(hours=20))
    assert not clock.sure
    machine.passes(DOUBT)
    assert clock.sure
    assert clock.look() is None


def test_a_clock_that_is_not_set_goes_on_from_when_the_house_last_ran() -> None:
    machine = Machine(datetime(1970, 1, 1, tzinfo=UTC))
    clock = machine.clock(NOON)
    machine.passes(timedelta(minutes=10))
    assert clock.now() == NOON + timedelta(minutes=10)
    assert not clock.sure
    machine.passes(10 * DOUBT)
    assert not clock.sure
    assert machine.clock(None).now() == MADE
    machine.wall = NOON + timedelta(days=30)
    assert clock.now() == machine.wall
    assert clock.look() is not None


def test_a_long_stop_may_have_been_a_leap() -> None:
    machine = Machine(NOON)
    assert machine.clock(NOON - AWAY).sure
    assert not machine.clock(NOON - 2 * AWAY).sure
    assert not machine.clock(NOON + 2 * AWAY).sure
    assert machine.clock(None).sure
