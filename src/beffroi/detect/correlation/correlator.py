"""Correlations over a stream of matches, in event time. The semantics are told in docs/correlation.md."""

import heapq
import itertools
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from beffroi.detect.correlation import hands
from beffroi.detect.correlation import state as states
from beffroi.detect.correlation.contribution import Key, Reader
from beffroi.detect.correlation.definition import Correlation, arrange, silenced
from beffroi.detect.correlation.group import Edges, Group
from beffroi.detect.correlation.hands import HandOf
from beffroi.detect.correlation.measures import Event
from beffroi.detect.correlation.records import (
    BaseMatch,
    Change,
    Contribution,
    Counts,
    Firing,
    Limits,
    Retraction,
)

HOUR = 3_600_000_000
"""microseconds"""


class Plan:
    """One correlation at work: its groups, what it rests on and what rests on it."""

    def __init__(
        self,
        place: int,
        definition: Correlation,
        below: Mapping[str, "Plan"],
        limits: Limits,
        hand_of: HandOf | None = None,
    ) -> None:
        self.place = place
        self.definition = definition
        self.make = hands.maker(definition, hand_of)
        self.span = definition.timespan
        self.keep = self.span
        """microseconds before the lateness begins for which events are kept"""
        self.below = tuple(below.get(rule) for rule in definition.rules)
        self.above: list[tuple[Plan, int, Reader]] = []
        self.readers = {
            rule: (definition.rules.index(rule), Reader(definition, rule, limits.values)) for rule in definition.rules
        }
        self.meaning: str = "+".join([definition.meaning, *(lower.meaning for lower in self.below if lower)])
        self.audible = True
        self.groups: dict[Key, Group] = {}
        self.ages: list[tuple[int, int, Group]] = []
        """a heap of (newest event when last looked at, serial number, group), one entry a group"""
        self.weight = 0

    def oldest(self) -> tuple[int | None, Group] | None:
        """(its newest event's time, the group) of the group that has been quiet longest."""
        while self.ages:
            noted, serial, group = self.ages[0]
            newest = group.newest
            if newest is None or newest <= noted:
                return newest, group
            heapq.heapreplace(self.ages, (newest, serial, group))
        return None


class Correlator:
    """Takes matches in any order and gives firings, and corrections of firings where a late match demands them.

    `lateness_us`: a match older than the newest by more than this is not counted. `hand_of` says of an event's identity who did it, where that
    is known: what different hands did on one machine does not count together (`hands`). Raises Unevaluable where the correlations
    cannot run together (`arrange` tells beforehand which).
    """

    def __init__(
        self,
        correlations: Iterable[Correlation],
        *,
        lateness_us: int = HOUR,
        limits: Limits | None = None,
        hand_of: HandOf | None = None,
    ) -> None:
        given = list(correlations)
        ready, refused = arrange(given)
        if refused:
            raise refused[0][1]
        self.limits = limits or Limits()
        self.lateness_us = lateness_us
        self._plans: dict[str, Plan] = {}
        self._users: dict[str, list[tuple[Plan, int, Reader]]] = {}
        for place, definition in enumerate(ready):
            plan = self._plans[definition.id] = Plan(place, definition, self._plans, self.limits, hand_of)
            for rule, (at, reader) in plan.readers.items():
                users = self._plans[rule].above if rule in self._plans else self._users.setdefault(rule, [])
                users.append((plan, at, reader))
        silent = silenced(given)
        for plan in reversed(self._plans.values()):
            plan.audible = plan.definition.id not in silent
            # A firing that is told names the events behind it, so these are kept as long as it may be told anew.
            plan.keep += max((upper.keep for upper, _, _ in plan.above), default=0)
        self._newest: int | None = None
        self._queue: list[tuple[int, int, int, Plan, Group]] = []
        self._serial = itertools.count()
        self._changes: dict[tuple[Any, ...], tuple[Change, bool]] = {}
        self._groups = 0
        self._weight = 0
        self._counts = dict.fromkeys(Counts._fields, 0)

    # --- what one calls -------------------------------------------------------------------------------------------------

    @property
    def newest_us(self) -> int | None:
        """The time of the newest match so far."""
        return self._newest

    @property
    def counts(self) -> Counts:
        """What was not counted."""
        return Counts(**self._counts)

    @property
    def size(self) -> tuple[int, int]:
        """(groups, events) kept, as `Limits` counts them."""
        return self._groups, self._weight

    @property
    def rules(self) -> frozenset[str]:
        """The ids of the rules whose matches it wants."""
        return frozenset(self._users)

    def feed(self, matches: Iterable[BaseMatch], *, now_us: int | None = None) -> list[Change]:
        """Take matches; what they change, in order of time.

        `now_us` is the caller's clock: a match from further in its future than the lateness is not counted, so that one
        machine with a wrong date cannot make all others late.
        """
        for match in matches:
            users = self._users.get(match[0])
            if users is None:
                continue
            time = match[1]
            if self._newest is None or time > self._newest:
                if now_us is not None and time > now_us + self.lateness_us:
                    self._counts["too_early"] += 1
                    continue
                self._advance(time)
            elif time < self._newest - self.lateness_us:
                self._counts["too_late"] += 1
                continue
            for plan, place, reader in users:
                self._take(plan, place, reader, match)
            if self._weight > self.limits.events or self._groups > self.limits.groups:
                self._stay_within_limits()
        return self._told()

    def settle(self) -> list[Change]:
        """Work out all that was put off: far late events in large groups, and firings whose list of events has changed.

        To be called now and then (each minute, and at the end). Costs at most one pass over the events kept.
        """
        while self._queue:
            self._settle_next()
        self._stay_within_limits()
        if self._newest is not None:
            for plan in self._plans.values():
                self._expire(plan, self._groups)
        return self._told()

    def state(self) -> dict[str, Any]:
        """Everything it has to remember, as dicts, lists, strings and numbers of 64 bits."""
        return states.with_groups(self.head(), self.groups())

    def head(self) -> dict[str, Any]:
        """What `state` gives, without the groups."""
        return states.head_of(self._newest, self._counts, self._plans)

    def groups(self) -> Iterator[tuple[str, dict[str, Any]]]:
        """(id of a correlation, one of its groups as it stands in `state`), piece by piece."""
        return states.groups_of(self._plans)

    def restore(self, state: Mapping[str, Any]) -> tuple[str, ...]:
        """Go on from a state, with the same correlations or others. The ids of those in the state that are not kept
        because they are gone or mean something else now. Raises StateError on what is no state of this version, and
        then nothing has changed."""
        kept = states.from_plain(state, self._plans)
        self._newest = kept.newest
        self._counts = dict.fromkeys(Counts._fields, 0) | kept.counts
        self._queue, self._changes, self._groups, self._weight = [], {}, 0, 0
        for plan in self._plans.values():
            plan.groups, plan.ages, plan.weight = {}, [], 0
            for group in kept.groups.get(plan.definition.id, ()):
                plan.groups[group.key] = group
                plan.ages.append((group.newest or 0, next(self._serial), group))
                plan.weight += group.weight
                self._enqueue(plan, group)
            heapq.heapify(plan.ages)
            self._groups += len(plan.groups)
            self._weight += plan.weight
        self._stay_within_limits()
        return kept.dropped

    # --- one match ------------------------------------------------------------------------------------------------------

    def _take(self, plan: Plan, place: int, reader: Reader, match: BaseMatch) -> None:
        _, time, identity, fields = match
        key = reader.key(fields)
        if key is None:
            return
        found = reader.values(fields)
        if found is None:
            return
        values, cut = found
        group = plan.groups.get(key)
        if group is None:
            self._expire(plan, 2)
            group = plan.groups[key] = Group(key, plan.span, plan.make)
            heapq.heappush(plan.ages, (time, next(self._serial), group))
            self._groups += 1
        elif group.knows(place, identity):
            self._counts["repeated"] += 1
            return
        if cut:
            self._counts["values_cut"] += cut
        self._after(plan, group, group.weight, group.add((time, place, identity, values)))

    def _after(self, plan: Plan, group: Group, before: int, edges: Edges) -> None:
        """What follows from a change in a group whose weight was `before`."""
        self._weigh(plan, group, before)
        for time, rose in edges:
            self._tell(plan, group, time, rose)
        if group.waiting is not None:
            self._enqueue(plan, group)
        before = group.weight
        if len(group.events) >= group.forgetting:
            assert self._newest is not None
            settled = self._newest - self.lateness_us
            group.forget(settled, settled - plan.keep)
        if group.weight > self.limits.group_events:
            self._counts["events_forgotten"] += group.drop_oldest(self.limits.group_events // 8 + 1)
        self._weigh(plan, group, before)

    def _weigh(self, plan: Plan, group: Group, before: int) -> None:
        plan.weight += group.weight - before
        self._weight += group.weight - before

    def _tell(self, plan: Plan, group: Group, time: int, rose: bool) -> None:
        """Hand an edge on to the caller and to the correlations above."""
        if plan.audible:
            if rose:
                self._emit(self._firing(plan, group, time))
            else:
                self._emit(Retraction(plan.definition.id, time, self._named(plan, group)))
        for upper, place, reader in plan.above:
            match = self._as_match(plan, group, time)
            if rose:
                self._take(upper, place, reader, match)
            elif above := self._group_above(upper, reader, match):
                before = above.weight
                self._after(upper, above, before, above.withdraw(time, place, match.identity))

    def _retell(self, plan: Plan, group: Group, time: int) -> None:
        """The events behind a firing have changed."""
        if plan.audible:
            self._emit(self._firing(plan, group, time, final=True), anew=True)
        for upper, _, reader in plan.above:
            if above := self._group_above(upper, reader, self._as_match(plan, group, time)):
                above.touched(time)
                self._enqueue(upper, above)

    def _as_match(self, plan: Plan, group: Group, time: int) -> BaseMatch:
        """A firing as an event of its correlation: its fields are what it is grouped by."""
        fields = dict(zip(plan.definition.group_by, group.key, strict=True))
        return BaseMatch(plan.definition.id, time, (time, *group.key), fields)

    def _group_above(self, upper: Plan, reader: Reader, match: BaseMatch) -> Group | None:
        key = reader.key(match.fields)
        return None if key is None else upper.groups.get(key)

    # --- what is told ---------------------------------------------------------------------------------------------------

    def _firing(self, plan: Plan, group: Group, time: int, *, final: bool = False) -> Firing:
        """The firing at a risen moment. Of very many events of one time, which are named is decided only in the end."""
        lo, hi = group.window(time)
        most = self.limits.listed
        events = sorted(self._behind(plan, group, time, most, final=final), key=_in_order)
        first = min([group.events[lo][0], *(each.time_us for each in events)])
        if not final and hi - lo > most and group.events[hi - most - 1][0] == group.events[hi - most][0]:
            group.alter(time)
        return Firing(plan.definition.id, time, first, self._named(plan, group), tuple(events), hi - lo)

    def _behind(self, plan: Plan, group: Group, time: int, most: int, *, final: bool) -> dict[Contribution, None]:
        """The latest events behind a firing, at most so many."""
        lo, hi = group.window(time)
        start = max(lo, hi - most)
        while final and start > lo and group.events[start - 1][0] == group.events[start][0]:
            start -= 1
        found: dict[Contribution, None] = {}
        for event in heapq.nlargest(most, group.events[start:hi], key=_by_time):
            lower = plan.below[event[1]]
            firing = lower and lower.groups.get(tuple(event[2][1:]))
            if lower and firing:
                found |= self._behind(lower, firing, event[0], most - len(found), final=final)
            else:
                found[Contribution(plan.definition.rules[event[1]], event[0], event[2])] = None
            if len(found) >= most:
                break
        return found

    def _named(self, plan: Plan, group: Group) -> tuple[tuple[str, Any], ...]:
        return tuple(zip(plan.definition.group_by, group.key, strict=True))

    def _emit(self, change: Change, *, anew: bool = False) -> None:
        """Note for the caller; changes of one firing within a call become one."""
        key = change.key
        noted = self._changes.pop(key, None)
        known = noted[1] if noted else anew or isinstance(change, Retraction)
        if known or isinstance(change, Firing):
            self._changes[key] = (change, known)

    def _told(self) -> list[Change]:
        if not self._changes:
            return []
        changes = [change for change, _ in self._changes.values()]
        self._changes = {}
        return sorted(changes, key=lambda change: change.time_us)

    # --- time goes on -----------------------------------------------------------------------------------------------------

    def _advance(self, time: int) -> None:
        """What the lateness now leaves behind is told for good before it is."""
        settled = time - self.lateness_us
        while self._queue and self._queue[0][0] < settled:
            self._settle_next()
        self._newest = time

    def _enqueue(self, plan: Plan, group: Group) -> None:
        waiting = group.waiting
        since = waiting.since if waiting is not None else None
        if waiting is not None and since is not None and (waiting.queued is None or since < waiting.queued):
            waiting.queued = since
            heapq.heappush(self._queue, (since, plan.place, next(self._serial), plan, group))

    def _settle_next(self) -> None:
        since, _, _, plan, group = heapq.heappop(self._queue)
        if group.waiting is None or group.waiting.queued != since:
            return
        group.waiting.queued = None
        before = group.weight
        edges = group.go_back()
        self._after(plan, group, before, edges)
        for time in group.retold():
            self._retell(plan, group, time)

    # --- limits -----------------------------------------------------------------------------------------------------------

    def _expire(self, plan: Plan, most: int) -> None:
        """Let go of groups, at most so many, whose events no window can hold any more: nothing is lost with them."""
        assert self._newest is not None
        after = self._newest - self.lateness_us - plan.keep
        while most and (found := plan.oldest()) and (found[0] is None or found[0] <= after):
            self._remove(plan, found[1])
            most -= 1

    def _remove(self, plan: Plan, group: Group) -> None:
        """The group that `oldest` gave."""
        heapq.heappop(plan.ages)
        del plan.groups[group.key]
        group.waiting = None
        self._groups -= 1
        plan.weight -= group.weight
        self._weight -= group.weight

    def _stay_within_limits(self) -> None:
        """Forget a sixteenth at a time, where most is held: whoever floods one correlation does not empty the others."""
        while self._groups > self.limits.groups:
            plan = max(self._plans.values(), key=lambda each: len(each.groups))
            for _ in range(len(plan.groups) // 16 + 1):
                self._forget_oldest(plan)
        while self._weight > self.limits.events:
            plan = max(self._plans.values(), key=lambda each: each.weight)
            enough = plan.weight - self.limits.events // 16
            while plan.weight > enough and len(plan.groups) > 1:
                self._forget_oldest(plan)
            if plan.weight > enough:
                [group] = plan.groups.values()
                if not group.events:
                    self._forget_oldest(plan)
                    continue
                before = group.weight
                self._counts["events_forgotten"] += group.drop_oldest(plan.weight - enough)
                self._weigh(plan, group, before)

    def _forget_oldest(self, plan: Plan) -> None:
        found = plan.oldest()
        if found:
            group = found[1]
            self._counts["groups_forgotten"] += 1
            self._counts["events_forgotten"] += len(group.events) + (len(group.waiting.late) if group.waiting else 0)
            self._remove(plan, group)


def in_order(correlator: Correlator, matches: Iterable[BaseMatch]) -> Iterator[Firing]:
    """For matches sorted by time and a correlator of no lateness: every firing once and for good."""
    open_firings: dict[tuple[Any, ...], Firing] = {}
    for match in itertools.chain(matches, (None,)):
        for change in correlator.settle() if match is None else correlator.feed((match,)):
            if isinstance(change, Firing):
                open_firings[change.key] = change
            else:
                open_firings.pop(change.key, None)
        if open_firings:
            newest = correlator.newest_us
            for key, firing in list(open_firings.items()):
                if match is None or (newest is not None and firing.time_us < newest):
                    yield open_firings.pop(key)


def _by_time(event: Event) -> tuple[int, int, str]:
    return (event[0], event[1], repr(event[2]))


def _in_order(each: Contribution) -> tuple[int, str, str]:
    return (each.time_us, each.rule_id, repr(each.identity))
