"""`temporal_ordered`: whether events of the rules stand in the window in the rules' order.

For every chain that matters (a choice of places in the list of rules, in their order) only one number is kept: the latest
time at which such a chain that is complete by now began. The window holds the chain if and only if that is inside it. An event
improves the chains that end with its rule, from the chain without it; what it improved is remembered, so that the window can go
back. Events of one moment are in any order: a moment is worked out as a whole, again at each event that joins it.
"""

import itertools
import math
from collections.abc import Callable, Iterator
from typing import Any

from beffroi.core.model import message
from beffroi.detect.correlation import expression as expressions
from beffroi.detect.correlation.definition import Correlation, Unevaluable

MOST_CHAINS = 4096
_NEVER = -(1 << 63)


class Chains:
    """What is the same for all groups of a correlation: which chains to follow and which of them make the condition true.

    A chain is a bit mask of places in `rules`.
    """

    def __init__(self, correlation: Correlation, test: Callable[[Any], bool]) -> None:
        rules = correlation.rules
        self.limits = correlation.condition
        self.test = test
        self.expression = correlation.expression
        self.places: dict[int, tuple[int, ...]] = {}
        """place of a rule's first mention → all its places"""
        for place, rule in enumerate(rules):
            first = rules.index(rule)
            self.places[first] = (*self.places.get(first, ()), place)
        self._bounded(math.prod(math.comb(len(each), len(each) // 2) for each in self.places.values()))
        self.rules = rules
        self.negated: tuple[int, ...] = ()
        targets = self._targets()
        needed = {mask & ((2 << place) - 1) for mask in targets for place in range(len(rules)) if mask >> place & 1}
        self._bounded(len(needed))
        self.size = len(needed)
        number = {mask: at for at, mask in enumerate(sorted(needed))}
        self.steps: list[list[tuple[int, int]]] = [[] for _ in rules]
        """for each place the chains that end there, and for each the chain without that place (-1: none)"""
        for mask, at in number.items():
            place = mask.bit_length() - 1
            self.steps[place].append((at, number.get(mask ^ (1 << place), -1)))
        self.targets = [(number[mask], mask) for mask in targets if mask]
        self.by_length: list[tuple[int, int]] = sorted(
            ((mask.bit_count(), at) for mask, at in number.items()), reverse=True
        )
        self.decided: dict[tuple[bool, ...], list[int] | None] = {}

    def _targets(self) -> list[int]:
        """The chains that decide, which may be all subsets: their number is bounded before they are listed."""
        count = len(self.rules)
        if self.expression is not None:
            under_not = expressions.negated(self.expression)
            self.negated = tuple(first for first in self.places if self.rules[first] in under_not)
            free = [first for first in self.places if first not in self.negated]
            self._bounded(2 ** len(free))
            return [sum(1 << place for first in chosen for place in self.places[first]) for chosen in _subsets(free)]
        if len(self.limits) == 1 and self.limits[0] in (("gte", count), ("eq", count), ("gt", count - 1)):
            return [(1 << count) - 1]
        self._bounded(2**count)
        return list(range(1, 1 << count))

    def _bounded(self, ways: int) -> None:
        if ways > MOST_CHAINS:
            raise Unevaluable(message("its rules can be in order in more than {most} ways", most=MOST_CHAINS))

    def deciding(self, present: tuple[bool, ...]) -> list[int] | None:
        """The chains of which one must be in the window, given which negated rules are present; None when none is needed."""
        if present not in self.decided:
            assert self.expression is not None
            there = frozenset(self.rules[first] for first, is_in in zip(self.negated, present, strict=True) if is_in)
            if expressions.holds(self.expression, there):
                self.decided[present] = None
            else:
                self.decided[present] = [
                    at
                    for at, mask in self.targets
                    if expressions.holds(self.expression, there.union(self._names(mask)))
                ]
        return self.decided[present]

    def _names(self, mask: int) -> Iterator[str]:
        return (rule for place, rule in enumerate(self.rules) if mask >> place & 1)


def _subsets(items: list[int]) -> Iterator[tuple[int, ...]]:
    return itertools.chain.from_iterable(itertools.combinations(items, size) for size in range(len(items) + 1))


class _Moment:
    """The events of one time: of which rules they are (each as often as it is listed, at most) and what the chains were before."""

    __slots__ = ("before", "number", "rules", "time")

    def __init__(self, time: int) -> None:
        self.time = time
        self.number = 0
        self.rules: list[int] = []
        self.before: list[tuple[int, int]] = []


class Ordered:
    """The measure (see `measures`) of one group."""

    __slots__ = ("chains", "moments", "present", "started")

    def __init__(self, chains: Chains) -> None:
        self.chains = chains
        self.started = [_NEVER] * chains.size
        self.moments: list[_Moment] = []
        self.present = dict.fromkeys(chains.negated, 0)

    def push(self, event: tuple[int, int, Any, Any]) -> None:
        time, rule = event[0], event[1]
        if rule in self.present:
            self.present[rule] += 1
        if not self.moments or self.moments[-1].time != time:
            self.moments.append(_Moment(time))
        moment = self.moments[-1]
        moment.number += 1
        if moment.rules.count(rule) < len(self.chains.places[rule]):
            self._undo(moment)
            moment.rules.append(rule)
            self._work_out(moment)

    def pop(self, event: tuple[int, int, Any, Any]) -> None:
        if event[1] in self.present:
            self.present[event[1]] -= 1
        moment = self.moments[-1]
        moment.number -= 1
        if not moment.number:
            self._undo(moment)
            del self.moments[-1]

    def shift(self, event: tuple[int, int, Any, Any]) -> None:
        if event[1] in self.present:
            self.present[event[1]] -= 1

    def unshift(self, event: tuple[int, int, Any, Any]) -> None:
        if event[1] in self.present:
            self.present[event[1]] += 1

    def forget(self, before: int) -> None:
        """The window will not go back to before this time."""
        moments = self.moments
        kept = next((at for at, moment in enumerate(moments) if moment.time >= before), len(moments))
        del moments[:kept]

    def holds(self, after: int) -> bool:
        chains, started = self.chains, self.started
        if chains.expression is not None:
            needed = chains.deciding(tuple(map(bool, self.present.values())))
            return needed is None or any(started[at] > after for at in needed)
        length = next((length for length, at in chains.by_length if started[at] > after), 0)
        return chains.test(length)

    def _undo(self, moment: _Moment) -> None:
        for at, start in reversed(moment.before):
            self.started[at] = start
        moment.before.clear()

    def _work_out(self, moment: _Moment) -> None:
        if moment.rules.count(moment.rules[0]) == len(moment.rules):
            self._one_by_one(moment)
            return
        started, steps = self.started, self.chains.steps
        best: dict[int, int] = {}
        for places in self._uses(moment.rules):
            improved: dict[int, int] = {}
            for place in places:
                for at, shorter in steps[place]:
                    start = moment.time if shorter < 0 else improved.get(shorter, started[shorter])
                    if start > improved.get(at, started[at]):
                        improved[at] = start
            for at, start in improved.items():
                best[at] = max(start, best.get(at, start))
        for at, start in best.items():
            moment.before.append((at, started[at]))
            started[at] = start

    def _one_by_one(self, moment: _Moment) -> None:
        """Events of one rule need no choice of places: each lengthens what the one before it left by one place at most."""
        started = self.started
        steps = [step for place in self.chains.places[moment.rules[0]] for step in self.chains.steps[place]]
        for _ in moment.rules:
            improved = [
                (at, start)
                for at, shorter in steps
                if (start := moment.time if shorter < 0 else started[shorter]) > started[at]
            ]
            for at, start in improved:
                moment.before.append((at, started[at]))
                started[at] = start

    def _uses(self, rules: list[int]) -> Iterator[list[int]]:
        """The sets of places these events can take, in order: a rule listed twice needs two events for both its places."""
        options = [itertools.combinations(self.chains.places[rule], rules.count(rule)) for rule in set(rules)]
        for chosen in itertools.product(*options):
            yield sorted(itertools.chain.from_iterable(chosen))
