"""Batches of events → matches, for thousands of rules at once.

The way of a batch: events are grouped by channel and event number; each group has a plan, made once, of the rules that
apply to it; for every field with witnesses the column of its values is looked at (`scanner`), which names the few rules
worth trying on the few events where they might hold; those are tried exactly. Every memory of values is bounded,
because an attacker chooses the values.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import tzinfo
from typing import Any, NamedTuple

import orjson

from beffroi.core.model import Event, Fields, LogSource
from beffroi.detect.atoms import settled, value_test
from beffroi.detect.ir import Expr, Rule, Witness, all_of, leaves
from beffroi.detect.keywords import KeywordScanner, keyword_test
from beffroi.detect.logsources import Target, applies, event_number, targets, with_view
from beffroi.detect.memory import ENTRY, LONGEST, Memory
from beffroi.detect.scanner import FieldScanner
from beffroi.detect.values import Text, text_of

Verify = Callable[[Fields, Fields], bool]
"""A rule's exact test of one event: (fields as the rule's view names them, the event's own fields)."""


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
                        scanner = scanners[witness.field] = FieldScanner(compiler.test, compiler.memory)
                    scanner.add(witness, index)
        self._scanners = [(field, scanner.freeze()) for field, scanner in scanners.items()]
        self.keywords = compiler.keywords(keywords)

    def _verified(self, index: int) -> Verify | None:
        """The rule's exact test in this group; None where it cannot hold here."""
        condition = all_of([self._guards[index], settled(self._compiler.rules[index].condition, self._known)])
        test = self._verify[index] = self._compiler.verify(condition)
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


class _Single(NamedTuple):
    """A test of one field: what it said of the texts seen lately (None: the field is absent), and how it finds out."""

    field: str
    memo: dict[Text, bool]
    learn: Callable[[Fields], bool]


class _Compiler:
    """Builds the functions of rules; equal parts of different rules share one test and its memory."""

    def __init__(self, rules: Sequence[Rule], zone: tzinfo) -> None:
        self.rules = rules
        self._zone = zone
        self.memory = Memory()
        self._shared: dict[bytes, _Single] = {}
        self._keywords: dict[Any, KeywordScanner | None] = {}

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

    def test(self, leaf: list[object]) -> Callable[[Text], bool]:
        """One leaf as a function of a value, for witnesses that are tests."""
        return value_test(leaf, self._zone)

    def verify(self, expr: Expr) -> Verify:
        """The exact test of an expression on an event."""
        if isinstance(expr, bool):
            return lambda _fields, _own: expr
        single = self._single(expr)
        if single is not None:
            return _joined(True, [single], [])
        if expr[0] == "not":
            inner = self.verify(expr[1])
            return lambda fields, own: not inner(fields, own)
        if expr[0] in ("and", "or"):
            singles, others = [], []
            for part in expr[1]:
                single = self._single(part)
                if single is None:
                    others.append(self.verify(part))
                else:
                    singles.append(single)
            return _joined(expr[0] == "and", singles, others)
        if expr[0] == "ref":
            return reference(expr)
        keyword = keyword_test(expr)
        return lambda _fields, own: keyword(own)

    def _single(self, expr: Expr) -> _Single | None:
        """The test of an expression that looks at one field only; None where it looks at others too."""
        if isinstance(expr, bool):
            return None
        field, presence = None, False
        for leaf in leaves(expr):
            if leaf[1] is None or leaf[0] == "ref" or field not in (None, leaf[1]):
                return None
            field = leaf[1]
            presence = presence or leaf[0] == "exists"
        key = orjson.dumps(expr)
        single = self._shared.get(key)
        if single is None and field is not None:
            single = self._shared[key] = self._made(expr, field, presence=presence)
        return single

    def _made(self, expr: Expr, field: str, *, presence: bool) -> _Single:
        test = value_test(expr, self._zone)
        # Absent and null differ only to a test of presence, which then has to look.
        absent: dict[Text, bool] = {} if presence else {None: test(None)}
        memo: dict[Text, bool] = dict(absent)
        memory = self.memory

        def forget() -> None:
            memo.clear()
            memo.update(absent)

        def learn(fields: Fields) -> bool:
            value = fields.get(field)
            if value.__class__ is str:
                outcome = test(value)
                cost = ENTRY + len(value)
            elif value is None:
                return test("" if field in fields else None)
            else:
                value = text_of(value)
                known = memo.get(value)
                if known is not None:
                    return known
                outcome = test(value)
                cost = ENTRY + sum(map(len, value or ()))
            if cost <= LONGEST:
                memo[value] = outcome
                memory.left -= cost
                if memory.left < 0:
                    memory.forget()
            return outcome

        self.memory.register(forget)
        return _Single(field, memo, learn)


def _joined(every: bool, singles: list[_Single], others: list[Verify]) -> Verify:
    """AND (`every`) or OR of tests, those of a single field first, each in the order given."""

    def verify(fields: Fields, own: Fields) -> bool:
        get = fields.get
        for field, memo, learn in singles:
            try:
                outcome = memo.get(get(field))
            except TypeError:  # a list has no hash
                outcome = None
            if outcome is None:
                outcome = learn(fields)
            if outcome is not every:
                return not every
        for test in others:
            if test(fields, own) is not every:
                return not every
        return every

    return verify


def reference(leaf: list[Any]) -> Verify:
    """`fieldref`: the other field's value is the literal. False where either has no value."""
    _, field, place, other, cased = leaf

    def texts(fields: Fields, name: str) -> tuple[str, ...]:
        text = text_of(fields.get(name))
        every = text if isinstance(text, tuple) else (text,) if text else ()
        return every if cased else tuple(one.lower() for one in every)

    def verify(fields: Fields, _own: Fields) -> bool:
        for have in texts(fields, field):
            for want in texts(fields, other):
                if (
                    have == want
                    or (place == "contains" and want in have)
                    or (place == "starts" and have.startswith(want))
                    or (place == "ends" and have.endswith(want))
                ):
                    return True
        return False

    return verify
