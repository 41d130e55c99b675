"""Batches of events → matches, for thousands of rules at once.

The way of a batch: events are grouped by channel and event number; each group has a plan, made once, of the rules that
apply to it; for every field with witnesses the column of its values is looked at (`scanner`), which names the few rules
worth trying on the few events where they might hold; those are tried exactly (`verify`). Every memory of values is
bounded, because an attacker chooses the values.
"""

from collections.abc import Iterable, Iterator, Sequence
from datetime import tzinfo
from functools import partial
from typing import Any, NamedTuple

from beffroi.core.model import Event, Fields, LogSource
from beffroi.detect.atoms import settled
from beffroi.detect.functions import Verify
from beffroi.detect.ir import Expr, Rule, Witness, all_of
from beffroi.detect.keywords import KeywordScanner
from beffroi.detect.logsources import Target, applies, event_number, targets, with_view
from beffroi.detect.memory import Memory
from beffroi.detect.scanner import FieldScanner, Part, part_of
from beffroi.detect.values import text_of
from beffroi.detect.verify import Verifiers


class Match(NamedTuple):
    """A rule held for the event at `place` of the batch. `fields` are the event's, under the names that the rule's log
    source promises."""

    rule: Rule
    place: int
    fields: Fields

    def looked_at(self) -> Fields:
        """The fields the rule looks at, as far as the event has them."""
        return {name: self.fields[name] for name in self.rule.fields if name in self.fields}


class Matcher:
    """All rules, over batches of events. Not for two threads at once."""

    def __init__(self, rules: Sequence[Rule], zone: tzinfo) -> None:
        self.rules = tuple(rules)
        self.unsourced = 0  # events that name no channel and have no stated log source
        self._compiler = _Compiler(self.rules, zone)
        self._by_channel: dict[str, list[tuple[int, Target]]] = {}
        self._anywhere: list[tuple[int, Target]] = []
        for index, rule in enumerate(self.rules):
            if rule.blind is None:
                for target in targets(rule.logsource) or ():
                    if not target.channels:
                        self._anywhere.append((index, target))
                    for channel in target.channels:
                        self._by_channel.setdefault(channel.lower(), []).append((index, target))
        self._plans: dict[Any, list[tuple[str, _Program]]] = {}

    def match(self, events: Sequence[Event], stated: LogSource | None = None) -> list[Match]:
        """The matches of a batch, in the order of its events, then of the rules. `stated` is the log source of events
        that do not name their own channel. Best with 200 to 1,000 events at a time."""
        groups: dict[Any, list[int]] = {}
        for place, event in enumerate(events):
            fields = event[1]
            number = fields.get("EventID")
            # 1, 1.0 and True are one key to a dictionary, but only the first is an event number.
            key = (fields.get("Channel"), number if number.__class__ is int else event_number(number))
            try:
                group = groups.get(key)
            except TypeError:  # a list where a channel should be: no channel
                key, group = (None, None), groups.get((None, None))
            if group is None:
                groups[key] = [place]
            else:
                group.append(place)
        plans = [(places, self._plan(key, stated, len(places))) for key, places in groups.items()]
        keywords = _keyword_hits(events, plans)
        found: list[tuple[int, int, Match]] = []
        for places, plan in plans:
            if plan:
                own = [events[place][1] for place in places]
                for view, program in plan:
                    seen = with_view(view, own)
                    said = keywords.get(id(program.keywords)) if program.keywords is not None else None
                    hits = [(at, said[place]) for at, place in enumerate(places) if place in said] if said else []
                    for at, index in program.run(seen, own, hits):
                        found.append((places[at], index, Match(self.rules[index], places[at], seen[at])))
        found.sort(key=_by_event_and_rule)
        return [match for _, _, match in found]

    def idle(self) -> set[str]:
        """The ids of rules for which no event of their log source has come so far; blind ones among them."""
        looked = {index for plan in self._plans.values() for _, program in plan for index in program.rules()}
        return {rule.id for index, rule in enumerate(self.rules) if index not in looked}

    def _plan(self, key: tuple[Any, Any], stated: LogSource | None, count: int) -> list[tuple[str, "_Program"]]:
        channel, number = key
        if isinstance(channel, str) and channel:
            plan_key: Any = (channel.lower(), str(number))
        elif stated is not None:
            plan_key = stated
        elif number is not None:  # a Windows event whose channel was not written: rules for any channel still apply
            channel, plan_key = "", ("", str(number))
        else:
            self.unsourced += count
            return []
        plan = self._plans.get(plan_key)
        if plan is None:
            if len(self._plans) > 4_096:  # channels are the sender's words too
                self._plans.clear()
            plan = self._windows_plan(channel, number) if plan_key is not stated else self._stated_plan(stated)
            self._plans[plan_key] = plan
        return plan

    def _windows_plan(self, channel: str, number: int | None) -> list[tuple[str, "_Program"]]:
        known = {"Channel": channel} if number is None else {"Channel": channel, "EventID": str(number)}
        views: dict[str, list[tuple[int, Expr]]] = {}
        for index, target in [*self._by_channel.get(channel.lower(), ()), *self._anywhere]:
            events = self.rules[index].events
            if (target.events is None or number in target.events) and (events is None or number in events):
                views.setdefault(target.view, []).append((index, target.guard))
        return [(view, self._compiler.program(entries, known)) for view, entries in views.items()]

    def _stated_plan(self, stated: LogSource | None) -> list[tuple[str, "_Program"]]:
        entries: list[tuple[int, Expr]] = [
            (index, True)
            for index, rule in enumerate(self.rules)
            if rule.blind is None and stated is not None and applies(rule.logsource, stated)
        ]
        return [("plain", self._compiler.program(entries, {}))] if entries else []


def _keyword_hits(
    events: Sequence[Event], plans: list[tuple[list[int], list[tuple[str, "_Program"]]]]
) -> dict[int, dict[int, set[int]]]:
    """For each keyword scanner of the plans (by identity): the places of the batch where it found something, and for
    which rules. Most groups share one scanner, so it looks at their events together."""
    looked_at: dict[int, tuple[KeywordScanner, list[int]]] = {}
    for places, plan in plans:
        for scanner in {id(program.keywords): program.keywords for _, program in plan}.values():
            if scanner is not None:
                looked_at.setdefault(id(scanner), (scanner, []))[1].extend(places)
    found: dict[int, dict[int, set[int]]] = {}
    for key, (scanner, places) in looked_at.items():
        for at, rules in scanner.look([events[place] for place in places]):
            found.setdefault(key, {}).setdefault(places[at], set()).update(rules)
    return found


def _by_event_and_rule(entry: tuple[int, int, Match]) -> tuple[int, int]:
    return entry[0], entry[1]


class _Program:
    """The rules of one group of events, ready to run."""

    __slots__ = ("_always", "_compiler", "_guards", "_known", "_scanners", "_verify", "keywords")

    def __init__(self, entries: Iterable[tuple[int, Expr]], known: dict[str, str], compiler: "_Compiler") -> None:
        self._compiler = compiler
        self._known = known
        self._guards = dict(entries)
        self._verify: dict[int, Verify] = {}
        self._always: list[int] = []
        keywords: list[tuple[Witness, int]] = []
        scanners: dict[str, FieldScanner] = {}
        for index in self._guards:
            witnesses = compiler.rules[index].witnesses
            if witnesses is None:
                if self._verified(index) is not None:
                    self._always.append(index)
                continue
            for witness in witnesses:
                if witness.field is None:
                    keywords.append((witness, index))
                else:
                    scanner = scanners.get(witness.field)
                    if scanner is None:
                        scanner = scanners[witness.field] = compiler.scanner()
                    scanner.add(witness, index)
        self._scanners = [(field, scanner.freeze()) for field, scanner in scanners.items()]
        self.keywords = compiler.keywords(keywords)

    def _verified(self, index: int) -> Verify | None:
        """The exact test of what is left of a rule in this group; None where it cannot hold here."""
        rest, _ = self._compiler.rules[index].split()
        condition = all_of([self._guards[index], settled(rest, self._known)])
        test = self._verify[index] = self._compiler.verifiers.made(condition, partial(self._verify.__setitem__, index))
        return None if condition is False else test

    def rules(self) -> Iterable[int]:
        """The rules that look at this group's events."""
        return self._guards.keys()

    def run(
        self, seen: list[Fields], own: list[Fields], keyword_hits: Iterable[tuple[int, set[int]]]
    ) -> Iterator[tuple[int, int]]:
        """(place, rule) of each match; `keyword_hits` are (place, rules) where a piece of a keyword was seen."""
        candidates: dict[int, set[int]] = {}
        for field, scanner in self._scanners:
            column = [fields.get(field) for fields in seen]
            try:
                hits = scanner.look(column)
            except TypeError:  # numbers, booleans, lists: reduced to texts first
                hits = scanner.look([text_of(value) for value in column])
            if any(hits):
                for place, rules in enumerate(hits):
                    if rules:
                        if place in candidates:
                            candidates[place].update(rules)
                        else:
                            candidates[place] = set(rules)
        for place, said in keyword_hits:
            candidates.setdefault(place, set()).update(said & self._guards.keys())
        if self._always:
            for place in range(len(seen)):
                candidates.setdefault(place, set()).update(self._always)
        verify = self._verify
        for place, indexes in candidates.items():
            fields = seen[place]
            for index in indexes:
                test = verify.get(index)
                if test is None:
                    self._verified(index)
                    test = verify[index]
                if test(fields, own[place]):
                    yield place, index


class _Compiler:
    """Builds what programs are made of, and what they share."""

    def __init__(self, rules: Sequence[Rule], zone: tzinfo) -> None:
        self.rules = rules
        self._zone = zone
        self._memory = Memory()
        self._parts: dict[int, Part] = {}
        self._keywords: dict[Any, KeywordScanner | None] = {}
        self.verifiers = Verifiers(zone, self._memory)

    def program(self, entries: list[tuple[int, Expr]], known: dict[str, str]) -> _Program:
        """The program of a group of events about which `known` is known."""
        return _Program(entries, known, self)

    def keywords(self, entries: list[tuple[Witness, int]]) -> KeywordScanner | None:
        """The scanner for these keywords; most groups share one."""
        key = tuple(dict.fromkeys(index for _, index in entries))
        if key not in self._keywords:
            scanner = KeywordScanner()
            for witness, index in entries:
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
