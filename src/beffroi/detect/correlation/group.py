"""The events of one group of one correlation, the window over them, and the moments at which the condition becomes true.

A moment is a time at which the group has events. The condition is judged once for each moment, on the window that ends there;
a rising edge is a moment at which it holds and did not at the preceding one, if that is inside the window. After a gap of a
whole timespan the group begins anew, so nothing older than that must be remembered.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Callable
from typing import Any

from beffroi.detect.correlation.measures import Event, Measure
from beffroi.detect.correlation.records import Identity

Edges = list[tuple[int, bool]]
"""(moment, whether it rose: if not, it rose before, but a late event has shown that it did not)"""

NEARBY = 64
"""events: going back no further than this is done for every late event"""
SHARE = 8
"""going back further is done when this many times fewer late events are waiting than events must be gone over"""
FEW = 8
"""events: up to here a repeated one is looked for in the list, beyond in an index"""

_NO_EDGES: Edges = []


class Waiting:
    """What a group still has to do; most groups have nothing."""

    __slots__ = ("first", "late", "queued", "stale", "touched", "withdrawn")

    def __init__(self) -> None:
        self.late: list[Event] = []
        """events that the window has not gone back to yet"""
        self.withdrawn: list[Event] = []
        self.first: int | None = None
        """the earliest time of these two"""
        self.stale: set[int] = set()
        """risen moments whose events have changed since they were told"""
        self.touched: set[int] = set()
        """times of events of which something behind them has changed"""
        self.queued: int | None = None
        """the time for which the correlator has noted that something waits here"""

    @property
    def since(self) -> int | None:
        """The earliest moment that is not told for good."""
        times = (self.first, min(self.stale, default=None), min(self.touched, default=None))
        return min((time for time in times if time is not None), default=None)


class Group:
    """`key` are the texts grouped by; `events` are in order of time."""

    __slots__ = (
        "events", "followed", "forgetting", "index", "key", "lo", "make", "marks", "measure", "span", "waiting", "weight",
    )  # fmt: skip

    def __init__(self, key: tuple[Any, ...], span: int, make: Callable[[], Measure]) -> None:
        self.key = key
        self.span = span
        self.make = make
        self.measure = make()
        self.events: list[Event] = []
        self.lo = 0
        """events[lo:] are the window of the last moment"""
        self.followed = False
        """the moment before the last held, within the timespan"""
        self.marks: dict[int, int] = {}
        """moments at which the condition holds; those that rose with the number of events then told, others with 0"""
        self.waiting: Waiting | None = None
        self.index: dict[Identity, int] | None = None
        """identity → bit mask of the rules' places it was seen for"""
        self.weight = 0
        """one for each event, or for each of its values where it has more"""
        self.forgetting = NEARBY
        """when the list is as long as this, old events are looked for"""

    # --- what comes in ------------------------------------------------------------------------------------------------

    def knows(self, rule: int, identity: Identity) -> bool:
        """Whether this event has come before."""
        if self.index is None:
            late = self.waiting.late if self.waiting else []
            if len(self.events) + len(late) < FEW:
                return any(e[2] == identity and e[1] == rule for e in (*self.events, *late))
            self.index = {}
            gone = {id(event) for event in self.waiting.withdrawn} if self.waiting else ()
            for event in (each for each in (*self.events, *late) if id(each) not in gone):
                self.index[event[2]] = self.index.get(event[2], 0) | 1 << event[1]
        return bool(self.index.get(identity, 0) >> rule & 1)

    def add(self, event: Event) -> Edges:
        """Take an event that is not known; what that makes of the moments."""
        time = event[0]
        self.weight += len(event[3]) or 1
        if self.index is not None:
            self.index[event[2]] = self.index.get(event[2], 0) | 1 << event[1]
        events = self.events
        if not events or time > events[-1][0]:
            return self._step(event)
        if time == events[-1][0]:
            return self._join(event)
        return self._wait(event, late=True)

    def withdraw(self, time: int, rule: int, identity: Identity) -> Edges:
        """Take an event back: it was a firing, and did not happen. An unknown one is none of ours."""
        if self.waiting:
            for event in self.waiting.late:
                if event[1] == rule and event[2] == identity:
                    self.waiting.late.remove(event)
                    self._gone(event)
                    return _NO_EDGES
        for place in range(bisect_left(self.events, time, key=_time), len(self.events)):
            event = self.events[place]
            if event[0] != time:
                break
            if event[1] == rule and event[2] == identity:
                # Unknown from now on: the firing may come to be again before the window has gone back.
                self._gone(event)
                return self._wait(event, late=False)
        return _NO_EDGES

    def _step(self, event: Event) -> Edges:
        """A new last moment."""
        events, marks, measure = self.events, self.marks, self.measure
        time = event[0]
        after = time - self.span
        last = events[-1][0] if events else after
        events.append(event)
        lo = self.lo
        while events[lo][0] <= after:
            measure.shift(events[lo])
            lo += 1
        self.lo = lo
        measure.push(event)
        self.followed = last > after and last in marks
        if not measure.holds(after):
            return _NO_EDGES
        if self.followed:
            marks[time] = 0
            return _NO_EDGES
        marks[time] = len(events) - lo
        return [(time, True)]

    def _join(self, event: Event) -> Edges:
        """One more event at the last moment."""
        time = event[0]
        self.events.append(event)
        self.measure.push(event)
        told = self.marks.get(time)
        if self.measure.holds(time - self.span):
            if told:
                self._waiting().stale.add(time)
            elif told is None:
                self.marks[time] = 0 if self.followed else len(self.events) - self.lo
                return _NO_EDGES if self.followed else [(time, True)]
        elif told is not None:
            del self.marks[time]
            if told:
                self._discard(time)
                return [(time, False)]
        return _NO_EDGES

    # --- going back ---------------------------------------------------------------------------------------------------

    def _wait(self, event: Event, *, late: bool) -> Edges:
        waiting = self._waiting()
        (waiting.late if late else waiting.withdrawn).append(event)
        waiting.first = event[0] if waiting.first is None else min(waiting.first, event[0])
        distance = len(self.events) - bisect_left(self.events, waiting.first, key=_time)
        if distance <= NEARBY + SHARE * (len(waiting.late) + len(waiting.withdrawn)):
            return self.go_back()
        return _NO_EDGES

    def go_back(self) -> Edges:
        """Put late events in their places and judge every moment from the first of them on again."""
        waiting = self.waiting
        if waiting is None or waiting.first is None:
            return _NO_EDGES
        changed = sorted(event[0] for event in (*waiting.late, *waiting.withdrawn))
        start = waiting.first
        self._rewind(start)
        events, marks = self.events, self.marks
        hi = bisect_left(events, start, key=_time)
        tail = events[hi:]
        del events[hi:]
        before = {time: marks.pop(time) for time in {event[0] for event in tail} if time in marks}
        if waiting.withdrawn:
            gone = {id(event) for event in waiting.withdrawn}
            tail = [event for event in tail if id(event) not in gone]
        tail += waiting.late
        tail.sort(key=_time)
        waiting.late, waiting.withdrawn, waiting.first = [], [], None
        edges: Edges = []
        at = 0
        while at < len(tail):
            at = self._replay(tail, at)
            time = events[-1][0]
            if marks.get(time):
                told = before.pop(time, 0)
                if not told:
                    edges.append((time, True))
                    continue
                marks[time] = told
                if _reaches(changed, time, self.span):
                    waiting.stale.add(time)
        for time, told in before.items():
            if told:
                self._discard(time)
                edges.append((time, False))
        if not tail:
            self._follow()
        self._rest()
        return edges

    def _rewind(self, start: int) -> None:
        """The window as it stood after the last moment before `start`; the events stay where they are."""
        events, measure, span = self.events, self.measure, self.span
        hi, lo = len(events), self.lo
        while hi and (time := events[hi - 1][0]) >= start:
            while hi and events[hi - 1][0] == time:
                hi -= 1
                measure.pop(events[hi])
            lo = min(lo, hi)
            after = events[hi - 1][0] - span if hi else 0
            while lo and events[lo - 1][0] > after:
                lo -= 1
                measure.unshift(events[lo])
        self.lo = lo

    def _replay(self, tail: list[Event], at: int) -> int:
        """Judge the moment that begins at this place of the tail; the place after it."""
        events, marks, measure = self.events, self.marks, self.measure
        time = tail[at][0]
        after = time - self.span
        last = events[-1][0] if events else after
        while at < len(tail) and tail[at][0] == time:
            events.append(tail[at])
            measure.push(tail[at])
            at += 1
        lo = self.lo
        while events[lo][0] <= after:
            measure.shift(events[lo])
            lo += 1
        self.lo = lo
        self.followed = last > after and last in marks
        if measure.holds(after):
            marks[time] = 0 if self.followed else len(events) - lo
        return at

    def _follow(self) -> None:
        """Whether the moment before the last held, looked up."""
        self.followed = False
        if self.events:
            time = self.events[-1][0]
            first = bisect_left(self.events, time, key=_time)
            if first:
                last = self.events[first - 1][0]
                self.followed = last > time - self.span and last in self.marks

    # --- what is told ---------------------------------------------------------------------------------------------------

    def window(self, time: int) -> tuple[int, int]:
        """The places in `events` of the window that ends at the moment."""
        return bisect_right(self.events, time - self.span, key=_time), bisect_right(self.events, time, key=_time)

    def touched(self, time: int) -> None:
        """Something behind the event at this time has changed: the risen moments that rest on it are to be told again."""
        self._waiting().touched.add(time)

    def alter(self, time: int) -> None:
        """The risen moment is to be told again."""
        self._waiting().stale.add(time)

    def retold(self) -> list[int]:
        """The risen moments to be told again, which are thereby told."""
        if self.waiting is None:
            return []
        stale, self.waiting.stale = self.waiting.stale, set()
        touched, self.waiting.touched = sorted(self.waiting.touched), set()
        if touched:
            stale |= {time for time, told in self.marks.items() if told and _reaches(touched, time, self.span)}
        self._rest()
        return sorted(time for time in stale if self.marks.get(time))

    def _discard(self, time: int) -> None:
        if self.waiting:
            self.waiting.stale.discard(time)

    def _waiting(self) -> Waiting:
        if self.waiting is None:
            self.waiting = Waiting()
        return self.waiting

    def _rest(self) -> None:
        if self.waiting and self.waiting.since is None:
            self.waiting = None

    # --- what goes --------------------------------------------------------------------------------------------------------

    @property
    def newest(self) -> int | None:
        """The time of the last event; None where there is none."""
        if self.events:
            return self.events[-1][0]
        return max((event[0] for event in self.waiting.late), default=None) if self.waiting else None

    def forget(self, settled: int, after: int) -> None:
        """Drop events up to `after` where that pays; the window will not go back to before `settled`."""
        self.measure.forget(settled)
        count = min(bisect_right(self.events, after, key=_time), self.lo)
        if count >= len(self.events) // 8:
            self._drop(count)
        self.forgetting = max(NEARBY, len(self.events) + len(self.events) // 4)

    def drop_oldest(self, weight: int) -> int:
        """Give up the oldest events, at least this weight of them, to stay within a limit. How many events."""
        number = len(self.events)
        count = 0
        while count < number and weight > 0:
            weight -= len(self.events[count][3]) or 1
            count += 1
        self._drop(count)
        self.rebuild()
        return count

    def _drop(self, count: int) -> None:
        if not count:
            return
        withdrawn = {id(event) for event in self.waiting.withdrawn} if self.waiting else ()
        for event in self.events[:count]:
            if id(event) not in withdrawn:
                self._gone(event)
        del self.events[:count]
        self.lo = max(0, self.lo - count)
        first = self.events[0][0] if self.events else None
        for time in [time for time in self.marks if first is None or time < first]:
            del self.marks[time]
            self._discard(time)

    def _gone(self, event: Event) -> None:
        self.weight -= len(event[3]) or 1
        if self.index is not None:
            left = self.index.get(event[2], 0) & ~(1 << event[1])
            if left:
                self.index[event[2]] = left
            else:
                self.index.pop(event[2], None)

    def waits_for(self, late: list[Event], withdrawn: list[Event], stale: set[int], touched: set[int]) -> None:
        """What it was waiting for when it became plain data."""
        if late or withdrawn or stale or touched:
            waiting = self._waiting()
            waiting.late, waiting.withdrawn, waiting.stale, waiting.touched = late, withdrawn, stale, touched
            waiting.first = min((event[0] for event in (*late, *withdrawn)), default=None)

    def rebuild(self) -> None:
        """The measure anew from the events; the marks stay."""
        self.measure = measure = self.make()
        lo = 0
        for event in self.events:
            while self.events[lo][0] <= event[0] - self.span:
                measure.shift(self.events[lo])
                lo += 1
            measure.push(event)
        self.lo = lo
        self._follow()


def _time(event: Event) -> int:
    return event[0]


def _reaches(changes: list[int], time: int, span: int) -> bool:
    """Whether one of the changes, which are sorted, is in the window that ends at the time."""
    place = bisect_right(changes, time)
    return place > 0 and changes[place - 1] > time - span
