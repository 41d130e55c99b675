"""What a correlation measures over its window, kept up to date event by event: never a look at the whole window.

A measure follows a window whose both edges move both ways, because a late event makes the window go back to its time:
`push`/`pop` at the new end (push in order of time, pop in the reverse), `shift`/`unshift` at the old end.
`holds(after)` says whether the condition is true of the window: the events later than `after` up to the last one pushed.
`forget(before)`: the window will not go back to before that time.
"""

import itertools
import operator
from collections.abc import Callable, Sequence
from typing import Any, Protocol

from beffroi.core.model import message
from beffroi.detect.correlation import expression as expressions
from beffroi.detect.correlation.definition import NUMERIC, Correlation, Number, Unevaluable
from beffroi.detect.correlation.ordered import Chains, Ordered
from beffroi.detect.correlation.ranked import Ranked, exact, hundredfold_percentile
from beffroi.detect.correlation.records import Identity, Limits

Event = tuple[int, int, Identity, tuple[Any, ...]]
"""(time, the rule's place in the correlation, identity, values counted)"""

Test = Callable[[Any], bool]

_COMPARE: dict[str, Callable[[Any, Any], bool]] = {
    "gt": operator.gt,
    "gte": operator.ge,
    "lt": operator.lt,
    "lte": operator.le,
    "eq": operator.eq,
    "neq": operator.ne,
}


class Measure(Protocol):
    def push(self, event: Event) -> None: ...
    def pop(self, event: Event) -> None: ...
    def shift(self, event: Event) -> None: ...
    def unshift(self, event: Event) -> None: ...
    def holds(self, after: int) -> bool: ...
    def forget(self, before: int) -> None: ...


def measure_maker(correlation: Correlation) -> Callable[[], Measure]:
    """A function that makes an empty measure for a new group. Raises Unevaluable."""
    kind = correlation.kind
    if kind == "temporal_ordered":
        chains = Chains(correlation, _test(correlation.condition))
        return lambda: Ordered(chains)
    if kind == "temporal":
        presence = _Presence(correlation)
        size = presence.size
        return lambda: Together(presence.test, size)
    test = _test(correlation.condition)
    if kind == "event_count":
        return lambda: EventCount(test)
    if kind == "value_count":
        return lambda: ValueCount(test)
    if kind == "value_sum":
        return lambda: Sum(test)
    if kind == "value_avg":
        # sum / n >= limit without dividing: exact, and whole numbers stay whole.
        limits = [(_COMPARE[name], exact(limit)) for name, limit in correlation.condition]
        return lambda: Average(limits)
    assert kind in NUMERIC
    test = _test(correlation.condition, times=100)
    percent = exact(50 if kind == "value_median" else correlation.percentile or 0)
    return lambda: Percentile(test, percent)


def _test(condition: Sequence[tuple[str, Number]], *, times: int = 1) -> Test:
    """All limits as one test of a value that comes multiplied by `times`."""
    limits = [(_COMPARE[name], exact(limit) * times) for name, limit in condition]
    if len(limits) == 1:
        [(compare, limit)] = limits
        return lambda value: compare(value, limit)
    return lambda value: all(compare(value, limit) for compare, limit in limits)


class _Plain:
    """A measure that needs no memory of how it came about."""

    __slots__ = ()

    def forget(self, before: int) -> None:
        pass


class EventCount(_Plain):
    """How many events."""

    __slots__ = ("number", "test")

    def __init__(self, test: Test) -> None:
        self.number = 0
        self.test = test

    def push(self, _event: Event) -> None:
        self.number += 1

    def shift(self, _event: Event) -> None:
        self.number -= 1

    unshift, pop = push, shift

    def holds(self, _after: int) -> bool:
        return self.test(self.number)


class ValueCount(_Plain):
    """How many distinct values: each with the number of times it stands in the window."""

    __slots__ = ("counts", "test")

    def __init__(self, test: Test) -> None:
        self.counts: dict[Any, int] = {}
        self.test = test

    def push(self, event: Event) -> None:
        counts = self.counts
        for value in event[3]:
            counts[value] = counts.get(value, 0) + 1

    def shift(self, event: Event) -> None:
        counts = self.counts
        for value in event[3]:
            left = counts[value] - 1
            if left:
                counts[value] = left
            else:
                del counts[value]

    unshift, pop = push, shift

    def holds(self, _after: int) -> bool:
        return self.test(len(self.counts))


class Sum(_Plain):
    """The sum of the numbers, exact."""

    __slots__ = ("test", "total")

    def __init__(self, test: Test) -> None:
        self.total: Any = 0
        self.test = test

    def push(self, event: Event) -> None:
        for value in event[3]:
            self.total += value

    def shift(self, event: Event) -> None:
        for value in event[3]:
            self.total -= value

    unshift, pop = push, shift

    def holds(self, _after: int) -> bool:
        return self.test(self.total)


class Average(_Plain):
    """Sum and number; compared as sum with limit times number."""

    __slots__ = ("limits", "number", "total")

    def __init__(self, limits: list[tuple[Callable[[Any, Any], bool], Any]]) -> None:
        self.total: Any = 0
        self.number = 0
        self.limits = limits

    def push(self, event: Event) -> None:
        for value in event[3]:
            self.total += value
        self.number += len(event[3])

    def shift(self, event: Event) -> None:
        for value in event[3]:
            self.total -= value
        self.number -= len(event[3])

    unshift, pop = push, shift

    def holds(self, _after: int) -> bool:
        return all(compare(self.total, limit * self.number) for compare, limit in self.limits)


class Percentile(_Plain):
    """The percentile by linear interpolation between the closest ranks; the 50th is the median."""

    __slots__ = ("percent", "test", "values")

    def __init__(self, test: Test, percent: Any) -> None:
        self.values = Ranked()
        self.percent = percent
        self.test = test

    def push(self, event: Event) -> None:
        for value in event[3]:
            self.values.add(value)

    def shift(self, event: Event) -> None:
        for value in event[3]:
            self.values.remove(value)

    unshift, pop = push, shift

    def holds(self, _after: int) -> bool:
        return self.test(hundredfold_percentile(self.values, self.percent))


class _Presence:
    """The condition of a `temporal` correlation over the set of rules present, each distinct set decided once."""

    MOST_KEPT = 4096

    def __init__(self, correlation: Correlation) -> None:
        # A rule listed twice is one rule: its events go to its first place.
        self.size = len(correlation.rules)
        self.rules = correlation.rules
        self.expression = correlation.expression
        self.count_test = _test(correlation.condition)
        self.known: dict[tuple[bool, ...], bool] = {}

    def test(self, counts: list[int]) -> bool:
        present = tuple(map(bool, counts))
        known = self.known.get(present)
        if known is None:
            if len(self.known) >= self.MOST_KEPT:
                self.known.clear()
            known = self.known[present] = self.decide(present)
        return known

    def decide(self, present: tuple[bool, ...]) -> bool:
        names = frozenset(itertools.compress(self.rules, present))
        if self.expression is not None:
            return expressions.holds(self.expression, names)
        return self.count_test(len(names))


class Together(_Plain):
    """Which rules have events in the window: a number for each."""

    __slots__ = ("counts", "test")

    def __init__(self, test: Callable[[list[int]], bool], size: int) -> None:
        self.counts = [0] * size
        self.test = test

    def push(self, event: Event) -> None:
        self.counts[event[1]] += 1

    def shift(self, event: Event) -> None:
        self.counts[event[1]] -= 1

    unshift, pop = push, shift

    def holds(self, _after: int) -> bool:
        return self.test(self.counts)


def check(correlation: Correlation, limits: Limits) -> None:
    """Raises Unevaluable where it can never fire: it asks for more rules than it has, or for more events than are kept."""
    measure_maker(correlation)
    most = len(set(correlation.rules)) if correlation.kind == "temporal" else len(correlation.rules)
    kept = limits.group_events
    for name, limit in correlation.condition:
        needed = limit + (name == "gt")
        if name not in ("gt", "gte", "eq") or correlation.kind in NUMERIC:
            continue
        if correlation.kind in ("event_count", "value_count"):
            if needed > kept:
                what = message(
                    "it needs {needed:,} events in one window, and at most {kept:,} are kept", needed=needed, kept=kept
                )
                raise Unevaluable(what)
        elif needed > most:
            raise Unevaluable(message("it needs {needed} different rules and names {most}", needed=needed, most=most))
