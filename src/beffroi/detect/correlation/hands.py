"""The measure of a correlation over what happens on one machine: what different hands did there does not count together.

Each hand has a measure of its own, which is told what that hand did and all that names nobody. Whose an event is says a function of its
identity; without one, all count together as Sigma has it.
"""

from collections import deque
from collections.abc import Callable, Iterable
from zlib import crc32

from beffroi.detect.correlation import expression as expressions
from beffroi.detect.correlation.definition import TEMPORAL, Correlation
from beffroi.detect.correlation.measures import Event, Measure, measure_maker
from beffroi.detect.correlation.records import Contribution, Identity

HandOf = Callable[[Identity], str | None]
MOST = 256
"""Hands that are told apart in a group; an attacker chooses how many names there are."""

_MACHINES = frozenset({"Computer", "hostname", "devname"})


def is_of_one_hand(correlation: Correlation) -> bool:
    """Whether a correlation tells a story of different deeds of which only the machine is said."""
    by = correlation.group_by
    return correlation.kind in TEMPORAL and bool(by) and _MACHINES.issuperset(by)


def maker(correlation: Correlation, hand_of: HandOf | None) -> Callable[[], Measure]:
    """A function that makes an empty measure for a new group. Raises Unevaluable."""
    make = measure_maker(correlation)
    if hand_of is None or not is_of_one_hand(correlation):
        return make
    hands = _Hands(correlation, hand_of)
    return lambda: ByHand(make, correlation.timespan, hands)


def narrowed(correlation: Correlation, events: Iterable[Contribution], hand_of: HandOf) -> tuple[Contribution, ...]:
    """Of the events behind a firing those of the hand that made it true, with those that name nobody. Where several hands did, it is the one
    that acted last."""
    given = tuple(events)
    if not is_of_one_hand(correlation) or not given or not {each.rule_id for each in given} <= set(correlation.rules):
        return given
    hands = _Hands(correlation, hand_of)
    of = [hands(correlation.rules.index(each.rule_id), each.identity) for each in given]
    if len({*of, None}) <= 2:
        return given
    make, after = measure_maker(correlation), given[-1].time_us - correlation.timespan
    for hand in (*dict.fromkeys(each for each in reversed(of) if each is not None), None):
        some = tuple(each for each, its in zip(given, of, strict=True) if its in (hand, None))
        measure = make()
        for each in some:
            measure.push((each.time_us, correlation.rules.index(each.rule_id), each.identity, ()))
        if measure.holds(after):
            return some
    return given  # of very many events only the latest are told


class _Hands:
    """Whose the events of a correlation are."""

    def __init__(self, correlation: Correlation, hand_of: HandOf) -> None:
        self._hand_of = hand_of
        spoilers = frozenset() if correlation.expression is None else expressions.negated(correlation.expression)
        self._spoilers = frozenset(place for place, rule in enumerate(correlation.rules) if rule in spoilers)

    def __call__(self, place: int, identity: Identity) -> int | None:
        """The hand as a number; None where nobody is named, and for what must not have happened, whoever did it."""
        hand = None if place in self._spoilers else self._hand_of(identity)
        return None if hand is None else crc32(hand.encode("utf-8", "surrogatepass")) % MOST


class ByHand:
    """The measure (see `measures`) of one group."""

    __slots__ = ("hands", "make", "nobodys", "of", "span", "without")

    def __init__(self, make: Callable[[], Measure], span: int, hands: _Hands) -> None:
        self.make = make
        self.span = span
        self.hands = hands
        self.without = make()
        """of what names nobody"""
        self.nobodys: deque[Event] = deque()
        """such events in the window"""
        self.of: dict[int, tuple[Measure, deque[int]]] = {}
        """hand → its measure, and the times of what it did"""

    def push(self, event: Event) -> None:
        hand = self.hands(event[1], event[2])
        if hand is None:
            self.nobodys.append(event)
            for measure in self._all():
                measure.push(event)
            return
        known = self.of.get(hand)
        if known is None:
            known = self.of[hand] = self.make(), deque()
            for each in self.nobodys:
                known[0].push(each)
        known[0].push(event)
        known[1].append(event[0])

    def pop(self, event: Event) -> None:
        hand = self.hands(event[1], event[2])
        if hand is None:
            self.nobodys.pop()
            for measure in self._all():
                measure.pop(event)
            return
        measure, times = self.of[hand]
        measure.pop(event)
        times.pop()
        if not times:
            # Before what it did first, a measure knows nothing of what named nobody
            del self.of[hand]

    def shift(self, event: Event) -> None:
        hand = self.hands(event[1], event[2])
        if hand is None:
            self.nobodys.popleft()
        for measure in self._told(hand):
            measure.shift(event)

    def unshift(self, event: Event) -> None:
        hand = self.hands(event[1], event[2])
        if hand is None:
            self.nobodys.appendleft(event)
        for measure in self._told(hand):
            measure.unshift(event)

    def holds(self, after: int) -> bool:
        return any(measure.holds(after) for measure in self._all())

    def forget(self, before: int) -> None:
        self.without.forget(before)
        for hand, (measure, times) in list(self.of.items()):
            measure.forget(before)
            while times and times[0] < before - self.span:
                times.popleft()
            if not times:
                del self.of[hand]

    def _all(self) -> Iterable[Measure]:
        yield self.without
        for measure, _ in self.of.values():
            yield measure

    def _told(self, hand: int | None) -> Iterable[Measure]:
        """The measures that were told of what a hand did."""
        if hand is None:
            return self._all()
        known = self.of.get(hand)
        return () if known is None else (known[0],)
