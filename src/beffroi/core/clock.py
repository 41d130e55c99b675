"""What time it is, as far as the machine can be believed: its battery may be dead, somebody may set it wrongly and right again.

Pure but for the two clocks it is given. What is received is stamped with the machine's time as it is; only what cannot be undone, or
would be said of everybody at once, waits until the clock has gone steadily for a while.
"""

import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Final, NamedTuple

MADE: Final = datetime(2026, 1, 1, tzinfo=UTC)
"""Beffroi is not older: a clock before this is not set."""
LEAP: Final = timedelta(minutes=5)
"""The clock was set, and did not just drift, where it goes so far from the one that only counts."""
AWAY: Final = timedelta(days=3)
"""After a longer stop it may be the clock that leapt meanwhile."""
DOUBT: Final = timedelta(days=1)
"""For so long after that nothing is let go of because of its age."""


class Leap(NamedTuple):
    """The clock was set, from one time to another."""

    before: datetime
    after: datetime


def _counting() -> float:
    return time.clock_gettime(time.CLOCK_BOOTTIME)  # it goes on while the machine sleeps


class Clock:
    """One house's. `alive` is when it was last known to run."""

    def __init__(
        self,
        alive: datetime | None = None,
        *,
        wall: Callable[[], float] = time.time,
        steady: Callable[[], float] = _counting,
    ) -> None:
        """`wall` is in seconds since 1970, `steady` in seconds since whenever; it never goes back and nobody sets it."""
        self._wall = wall
        self._steady = steady
        self._floor = MADE if alive is None else max(MADE, alive)
        self._began = steady()
        self._looked = self.now(), self._began
        away = None if alive is None else abs(self._looked[0] - alive)
        self._doubted = self._began if self.unset or (away is not None and away > AWAY) else None
        self.since = self._looked[0]
        """Since when it has gone without a leap."""

    @property
    def unset(self) -> bool:
        """It shows a time before Beffroi was made."""
        return self._wall() < MADE.timestamp()

    @property
    def sure(self) -> bool:
        """It has gone steadily for so long that what is old may be let go of."""
        doubted = self._doubted is not None and self._steady() - self._doubted <= DOUBT.total_seconds()
        return not self.unset and not doubted and self._leap() is None

    def now(self) -> datetime:
        """The time; of a clock that is not set, how long it has been since the house was last known to run."""
        if self.unset:
            return self._floor + timedelta(seconds=self._steady() - self._began)
        return datetime.fromtimestamp(self._wall(), UTC)

    def micros(self) -> int:
        """The same in microseconds since 1970."""
        return (self.now() - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1)

    def look(self) -> Leap | None:
        """Whether it leapt since the last look; to be called each minute or so."""
        leap = self._leap()
        self._looked = self.now(), self._steady()
        if leap is not None:
            self.since, self._doubted = self._looked
        return leap

    def _leap(self) -> Leap | None:
        (before, counted), now = self._looked, self.now()
        expected = before + timedelta(seconds=self._steady() - counted)
        return None if abs(now - expected) <= LEAP else Leap(expected, now)
