"""Batches of events → matches, for thousands of rules at once.

The way of an event: its channel and event number name its plan, made once, of the rules that apply to it; for every field with
witnesses its value is looked up (`scanner`), which names the few rules worth trying; those are tried exactly (`verify`). Every
memory of values is bounded, because an attacker chooses the values.
"""

from collections.abc import Callable, Iterable, Sequence
from datetime import tzinfo
from functools import partial
from typing import Any, NamedTuple
from weakref import ref

from beffroi.core.model import Event, Fields, LogSource
from beffroi.detect.atoms import settled
from beffroi.detect.functions import Verify
from beffroi.detect.ir import Expr, Rule, all_of
from beffroi.detect.keywords import KeywordScanner
from beffroi.detect.logsources import VIEWS, Target, applies, event_number, targets
from beffroi.detect.memory import Memory
from beffroi.detect.scanner import FieldScanner, Hits, Part, part_of
from beffroi.detect.values import text_of
from beffroi.detect.verify import Verifiers

ANY = ""  # in place of a channel
ENOUGH = 3  # events with new values, after which the next of the batch is taken for another
MOST_PLANS = 4_096  # channels are the sender's words


class Match(NamedTuple):
    """A rule held for an event, the one at `place` of those looked at together. `fields` are the event's, under the names that
    the rule's log source promises."""

    rule: Rule
    place: int
    event: Event
    fields: Fields

    def looked_at(self) -> Fields:
        """The fields the rule looks at, as far as the event has them."""
        return {name: self.fields[name] for name in self.rule.fields if name in self.fields}


class Matcher:
    """All rules, over batches of events. Not for two threads at once."""

    def __init__(self, rules: Sequence[Rule], zone: tzinfo) -> None:
        self.rules = tuple(rules)
        self.events = 0  # looked at so far
        self.unsourced = 0  # those of them that name no channel and have no stated log source
        self._compiler = _Compiler(self.rules, zone)
        self._of_kind: dict[tuple[str, int | None], list[tuple[int, Target]]] = {}
        for index, rule in enumerate(self.rules):
            for target in (targets(rule.logsource) or ()) if rule.blind is None else ():
                for channel in target.channels or (ANY,):
                    for number in _numbers(target.events, rule.events):
                        self._of_kind.setdefault((channel.lower(), number), []).append((index, target))
        self._plans: dict[tuple[str, int | None], _Plan] = {}
        self._stated: dict[LogSource, _Plan] = {}
        self._looked: set[int] = set()

    def match(self, events: Iterable[Event], stated: LogSource | None = None) -> list[Match]:
        """The matches of some hundred events, in their order, then of the rules. `stated` is the log source of events that do
        not name their own channel."""
        found: list[_Found] = []
        waiting: dict[_Program, list[_Looked]] = {}
        plans: dict[Any, _Plan] = self._plans
        place = -1
        for place, event in enumerate(events):
            fields = event[1]
            number = fields.get("EventID")
            try:
                # 1, 1.0 and True are one key to a dictionary, but only the first is an event number.
                plan = plans[fields.get("Channel"), number if number.__class__ is int else event_number(number)]
            except (KeyError, TypeError):
                plan = self._plan(fields, stated)
            said = plan.keywords.look(event) if plan.keywords is not None else None
            for view, program in plan.programs:
                program.decide((place, event, fields if view is None else view(fields), said), found, waiting)
        for program, kept in waiting.items():
            program.decide_together(kept, found)
        self.events += place + 1
        if len(found) > 1:
            found.sort(key=_by_event_and_rule)
        return [Match(self.rules[index], place, event, seen) for (place, event, seen, _), index in found]

    def idle(self) -> set[str]:
        """The ids of rules for which no event of their log source has come so far; blind ones among them."""
        return {rule.id for index, rule in enumerate(self.rules) if index not in self._looked}

    def _plan(self, fields: Fields, stated: LogSource | None) -> "_Plan":
        channel, number = fields.get("Channel"), event_number(fields.get("EventID"))
        if isinstance(channel, str) and channel:
            return self._windows_plan(channel, number)
        if stated is not None:
            if stated not in self._stated:
                self._stated[stated] = self._stated_plan(stated)
            return self._stated[stated]
        if number is not None and not isinstance(channel, list | dict):
            # A Windows event whose channel was not written: rules for any channel still apply.
            return self._windows_plan("", number)
        self.unsourced += 1
        return _NOTHING

    def _windows_plan(self, channel: str, number: int | None) -> "_Plan":
        plan = self._plans.get((channel, number))
        if plan is not None:
            return plan
        known = {"Channel": channel} if number is None else {"Channel": channel, "EventID": str(number)}
        views: dict[str, list[tuple[int, Expr]]] = {}
        for kind in {(name, each) for name in (channel.lower(), ANY) for each in (number, None)}:
            for index, target in self._of_kind.get(kind, ()):
                views.setdefault(target.view, []).append((index, target.guard))
        if len(self._plans) >= MOST_PLANS:
            self._plans.clear()
        plan = self._plans[channel, number] = self._compiler.plan(views, known)
        self._looked.update(index for entries in views.values() for index, _ in entries)
        return plan

    def _stated_plan(self, stated: LogSource) -> "_Plan":
        entries: list[tuple[int, Expr]] = [
            (index, True)
            for index, rule in enumerate(self.rules)
            if rule.blind is None and applies(rule.logsource, stated)
        ]
        self._looked.update(index for index, _ in entries)
        return self._compiler.plan({"plain": entries}, {})


def _numbers(*limits: frozenset[int] | None) -> Iterable[int | None]:
    """The event numbers that all limits allow; None alone where there is no limit."""
    known = [limit for limit in limits if limit is not None]
    return frozenset.intersection(*known) if known else (None,)


_Looked = tuple[int, Event, Fields, set[int] | None]
"""An event at its place, its fields as a program sees them, and the rules of which a piece of a keyword stands in its text."""

_Found = tuple[_Looked, int]


def _by_event_and_rule(found: _Found) -> tuple[int, int]:
    return found[0][0], found[1]


class _Plan(NamedTuple):
    """What is done with events of one kind: for each view of their fields a program; keywords are looked for once."""

    programs: Sequence[tuple[Callable[[Fields], Fields] | None, "_Program"]]
    keywords: KeywordScanner | None


_NOTHING = _Plan((), None)


class _Program:
    """The rules of one kind of events, ready to run.

    Most values were seen lately, so most events are decided at once and let go, which keeps memory small and near. An event
    with a new value waits, for the new values of many events to be searched together."""

    __slots__ = ("__weakref__", "_always", "_compiler", "_fields", "_guards", "_known", "_scanners", "_verify")

    def __init__(self, entries: Iterable[tuple[int, Expr]], known: dict[str, str], compiler: "_Compiler") -> None:
        self._compiler = compiler
        self._known = known
        self._guards = dict(entries)
        self._verify: dict[int, Verify] = {}
        always: list[int] = []
        scanners: dict[str, FieldScanner] = {}
        for index in self._guards:
            witnesses = compiler.rules[index].witnesses
            if witnesses is None:
                if self._verified(index) is not None:
                    always.append(index)
                continue
            for witness in witnesses:
                if witness.field is not None:
                    if witness.field not in scanners:
                        scanners[witness.field] = compiler.scanner()
                    scanners[witness.field].add(witness, index)
        self._always = tuple(always)
        self._scanners = [(field, scanner.freeze()) for field, scanner in scanners.items()]
        self._fields = [(field, scanner.memo) for field, scanner in self._scanners]

    def _verified(self, index: int) -> Verify | None:
        """The exact test of what is left of a rule in this group; None where it cannot hold here."""
        rest, _ = self._compiler.rules[index].split()
        condition = all_of([self._guards[index], settled(rest, self._known)])
        test = self._verify[index] = self._compiler.verifiers.made(condition, partial(_replace, ref(self), index))
        return None if condition is False else test

    def decide(self, looked: _Looked, found: list[_Found], waiting: dict["_Program", list[_Looked]]) -> None:
        """Add to `found` the rules that hold for an event, or keep it among those that wait."""
        kept = waiting.get(self)
        if kept is not None and len(kept) > ENOUGH:
            kept.append(looked)
            return
        get = looked[2].get
        hits = self._always
        for field, memo in self._fields:
            value = get(field)
            try:
                rules = memo.get(value)
            except TypeError:  # a list has no hash
                rules = None
            if rules is None:
                if value.__class__ is not str:
                    rules = memo.get(text_of(value))
                if rules is None:
                    waiting.setdefault(self, []).append(looked)
                    return
            if rules:
                hits += rules
        if hits or looked[3]:
            self._try(looked, hits, found)

    def decide_together(self, kept: list[_Looked], found: list[_Found]) -> None:
        """Add to `found` the rules that hold for the events that waited."""
        hits: list[Hits] = [self._always] * len(kept)
        for field, scanner in self._scanners:
            column = [looked[2].get(field) for looked in kept]
            try:
                seen = scanner.look(column)
            except TypeError:  # numbers, booleans, lists: reduced to texts first
                seen = scanner.look([text_of(value) for value in column])
            if any(seen):
                hits = [have + more for have, more in zip(hits, seen, strict=True)]
        for looked, rules in zip(kept, hits, strict=True):
            if rules or looked[3]:
                self._try(looked, rules, found)

    def _try(self, looked: _Looked, hits: Hits, found: list[_Found]) -> None:
        """Try the rules that are worth it on an event."""
        _, event, fields, said = looked
        verify = self._verify
        tried: Iterable[int] = hits if len(hits) == 1 else set(hits)
        if said:
            tried = {*hits, *(said & self._guards.keys())}
        own = event[1]
        for index in tried:
            try:
                test = verify[index]
            except KeyError:
                self._verified(index)
                test = verify[index]
            if test(fields, own):
                found.append((looked, index))


def _replace(program: "ref[_Program]", index: int, test: Verify) -> None:
    """Give a program a better test. What makes tests does not hold the program: nothing would free the two in a hunt."""
    held = program()
    if held is not None:
        held._verify[index] = test  # noqa: SLF001 - its own module


class _Compiler:
    """Builds what programs are made of, and what they share."""

    def __init__(self, rules: Sequence[Rule], zone: tzinfo) -> None:
        self.rules = rules
        self._zone = zone
        self._memory = Memory()
        self._parts: dict[int, Part] = {}
        self._keywords: dict[frozenset[int], KeywordScanner | None] = {}
        self.verifiers = Verifiers(zone, self._memory)

    def plan(self, views: dict[str, list[tuple[int, Expr]]], known: dict[str, str]) -> _Plan:
        """The plan for events about which `known` is known: for each view the rules and the guards of their targets."""
        programs = [(VIEWS.get(view), _Program(entries, known, self)) for view, entries in views.items() if entries]
        return _Plan(programs, self._keywords_of({index for entries in views.values() for index, _ in entries}))

    def _keywords_of(self, rules: Iterable[int]) -> KeywordScanner | None:
        """The scanner for the keywords of these rules; most kinds of events share one."""
        key = frozenset(
            index for index in rules if any(witness.field is None for witness in self.rules[index].witnesses or ())
        )
        if key not in self._keywords:
            scanner = KeywordScanner()
            for index in key:
                for witness in self.rules[index].witnesses or ():
                    if witness.field is None:
                        scanner.add(witness, index)
            self._keywords[key] = scanner.freeze()
        return self._keywords[key]

    def scanner(self) -> FieldScanner:
        """A scanner for the witnesses of a field."""
        return FieldScanner(self._part, self._zone, self._memory)

    def _part(self, index: int) -> Part | None:
        """What a rule asks of its pivot."""
        rule = self.rules[index]
        if rule.pivot is None:
            return None
        if index not in self._parts:
            self._parts[index] = part_of(rule.split()[1], self._zone)
        return self._parts[index]
