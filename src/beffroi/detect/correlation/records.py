"""What goes into a `Correlator` and what comes out."""

from collections.abc import Mapping
from typing import Any, NamedTuple

Identity = str | tuple[Any, ...]
"""What makes an event that event: a text, or a tuple of str, int and None (design.md, "Event identity")."""

Text = str | tuple[str, ...]


class BaseMatch(NamedTuple):
    """A rule matched an event: at `time_us` (microseconds since 1970, event time), with the event's fields."""

    rule_id: str
    time_us: int
    identity: Identity
    fields: Mapping[str, Any]


class Contribution(NamedTuple):
    """An event that a firing rests on."""

    rule_id: str
    time_us: int
    identity: Identity


class Firing(NamedTuple):
    """A correlation's condition became true for a group at `time_us`, the time of the event that made it true.

    `events` are the events behind it in order of time: those in the window, where one of them is itself a firing those
    behind that; of more than `Limits.listed` the latest. `total` is the true number of events (or firings) in the window,
    `first_us` when the earliest of all was. A later firing of the same `key` replaces an earlier one.
    """

    correlation: str
    time_us: int
    first_us: int
    group: tuple[tuple[str, Text], ...]
    events: tuple[Contribution, ...]
    total: int

    @property
    def key(self) -> tuple[Any, ...]:
        """What stays the same whatever arrives late: correlation, time, group."""
        return (self.correlation, self.time_us, self.group)


class Retraction(NamedTuple):
    """A late event showed that the firing of this `key` did not happen: its rising edge was at another time."""

    correlation: str
    time_us: int
    group: tuple[tuple[str, Text], ...]

    @property
    def key(self) -> tuple[Any, ...]:
        return (self.correlation, self.time_us, self.group)


Change = Firing | Retraction


class Limits(NamedTuple):
    """How much is kept. An event counts once for itself, or once for each of its values where it has several."""

    groups: int = 20_000
    """groups of all correlations together; beyond, the oldest of the correlation that has most are forgotten"""
    events: int = 150_000
    """events of all groups together; beyond, the oldest groups of the correlation that has most are forgotten"""
    group_events: int = 100_000
    """events of one group; beyond, its oldest are forgotten"""
    values: int = 100
    """values taken from one event (a list); further ones are left out"""
    listed: int = 100
    """events named in a firing"""


class Counts(NamedTuple):
    """What was not counted, since the beginning: nothing is left out silently."""

    too_late: int = 0
    """matches later than the lateness allows"""
    too_early: int = 0
    """matches from further in the future than the lateness, by the clock the caller gave"""
    repeated: int = 0
    """the same event again, for the same rule and correlation"""
    groups_forgotten: int = 0
    """groups given up to stay within the limits"""
    events_forgotten: int = 0
    """events given up to stay within the limits, those of forgotten groups included"""
    values_cut: int = 0
    """values of lists left out"""
