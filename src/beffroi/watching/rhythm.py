"""A source's rhythm, learnt from its history, and what is unusual about it now. Pure; hours are whole hours since 1970 (UTC).

Missing data is never green: what is here decides when a source counts as silent, and what else about it a person should look at.
"""

from collections.abc import Mapping, Sequence
from itertools import pairwise
from statistics import median
from typing import Final, NamedTuple

LEARNT: Final = 14 * 24
"""Hours after which a source has shown its weekends."""
WEEKEND: Final = 80
"""Hours that a machine of office hours may be quiet before it has shown its weekends: Friday evening to Tuesday morning."""
NIGHT: Final = 6
"""Hours of quiet that make a source one of office hours."""
MEMORY: Final = 28 * 24
"""Hours of history that are looked at."""

CLOCK: Final = 300
"""Seconds by which all events of an hour may lie off before the sender's clock is doubted."""
ENOUGH: Final = 20
"""Events that must have come before something is said of all of them."""
UNREAD: Final = 0.2
"""The share of messages that nobody can read from which on a source is named."""
TENFOLD: Final = 10
"""A day of so many times more, or less, than the usual day is a change."""


class Clock(NamedTuple):
    """A sender's clock is `seconds` ahead (negative: behind)."""

    seconds: int


class Unread(NamedTuple):
    """So many of so many messages could not be read."""

    unread: int
    events: int


class Changed(NamedTuple):
    """So many events in the last day, where a usual day has so many."""

    events: int
    usual: int


def patience(hours: Mapping[int, int], now: int) -> int:
    """How many hours a source may be quiet before it counts as silent. `hours` are its events per hour.

    The usual longest quiet is the second longest gap of four weeks: one breakdown does not blunt the alarm, and weekends come
    more than once. A source that is younger than two weeks and sleeps at night may have its first weekend in peace.
    """
    active = sorted(hour for hour, events in hours.items() if events and now - MEMORY <= hour <= now)
    if not active:
        return WEEKEND
    gaps = sorted((later - earlier for earlier, later in pairwise(active)), reverse=True)
    usual = gaps[1] if len(gaps) > 1 else gaps[0] if gaps else 1
    allowed = usual + usual // 4 + 1
    shown = active[-1] - active[0]
    if shown < LEARNT and (usual >= NIGHT or shown < 24):
        return max(allowed, WEEKEND)
    return allowed


def is_silent(hours: Mapping[int, int], last_event: float, now: float) -> bool:
    """Whether a source that sent last at `last_event` is quiet beyond its rhythm; both in seconds since 1970."""
    return now - last_event > 3_600 * patience(hours, int(now // 3_600))


def clock(offset: float | None, events: int) -> Clock | None:
    """What an hour's smallest distance (seconds) between an event's time and its arrival says of the sender's clock."""
    if offset is None or events < ENOUGH or abs(offset) <= CLOCK:
        return None
    return Clock(round(offset))


def unread(unread: int, events: int) -> Unread | None:
    """Whether too much of what a source sent lately cannot be read."""
    return Unread(unread, events) if events >= ENOUGH and unread > UNREAD * events else None


def changed(hours: Mapping[int, int], now: int) -> Changed | None:
    """Whether the last day had ten times more or less than the usual day of two weeks (its median)."""
    days: Sequence[int] = [sum(hours.get(now - 24 * day - hour, 0) for hour in range(1, 25)) for day in range(15)]
    before = [events for events in days[1:] if events]
    if len(before) < 7:
        return None
    usual = round(median(before))
    last = days[0]
    if usual >= ENOUGH and last and (last >= TENFOLD * usual or last * TENFOLD <= usual):
        return Changed(last, usual)
    return None
