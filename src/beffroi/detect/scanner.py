from bisect import bisect_right
from collections.abc import Callable, Sequence
from datetime import tzinfo
from itertools import accumulate
from typing import NamedTuple

from ahocorasick_rs import BytesAhoCorasick

from beffroi.detect.atoms import PairTest, text_test, value_test
from beffroi.detect.ir import Expr, Witness
from beffroi.detect.memory import ENTRY, Memory
from beffroi.detect.values import Text
from beffroi.detect.witness import CONTAINS, EMPTY, ENDS, EQUALS, STARTS, TEST, VALUE

Hits = tuple[int, ...]


class Part(NamedTuple):
    text: PairTest
    value: Callable[[Text], bool]
    literal: bool


def part_of(expr: Expr, zone: tzinfo) -> Part:
    assert isinstance(expr, list)
    literal = expr[0] == "text" and not expr[2] and not expr[7] and all("" not in literals for literals in expr[3:7])
    return Part(text_test(expr, zone), value_test(expr, zone), literal)


class FieldScanner:
    def __init__(self, part: Callable[[int], Part | None], zone: tzinfo, memory: Memory) -> None:
        self._memory = memory
        self._zone = zone
        self._part = part
        self._parts: dict[int, Part | None] = {}
        self._exact: dict[str, list[int]] = {}
        self._tails: dict[str, list[int]] = {}
        self._literals: dict[str, list[int]] = {}
        self._tests: list[tuple[int, PairTest, Callable[[Text], bool]]] = []
        self._none: set[int] = set()
        self._any: set[int] = set()
        self._automaton: BytesAhoCorasick | None = None
        self._owners: list[list[int]] = []
        self.memo: dict[Text, Hits] = {}

    def add(self, witness: Witness, rule: int) -> None:
        kind, literal = witness.kind, witness.literal
        if kind in (EQUALS, STARTS, ENDS, CONTAINS):
            anchored = ("\0" if kind in (EQUALS, STARTS) else "") + literal + ("\0" if kind in (EQUALS, ENDS) else "")
            self._literals.setdefault(anchored, []).append(rule)
        elif kind == EMPTY:
            self._none.add(rule)
        elif kind == VALUE:
            self._any.add(rule)
        elif kind == TEST and literal is None:
            part = self._part_of(rule)
            assert part is not None
            self._tests.append((rule, part.text, part.value))
            self._none.add(rule)
        elif kind == TEST:
            self._tests.append((rule, text_test(literal, self._zone), value_test(literal, self._zone)))

    def freeze(self) -> "FieldScanner":
        patterns = [literal.encode("utf-8", "surrogatepass") for literal in self._literals]
        self._owners = list(self._literals.values())
        self._automaton = BytesAhoCorasick(patterns) if patterns else None
        self._literals = {}
        without = [(rule, self._part_of(rule)) for rule in self._none]
        self._none = {rule for rule, part in without if part is None or part.value(None)}
        self._forget()
        self._memory.register(self._forget)
        return self

    def _forget(self) -> None:
        self.memo.clear()
        self.memo.update(dict.fromkeys((None, ""), tuple(self._none)))

    def _part_of(self, rule: int) -> Part | None:
        if rule not in self._parts:
            self._parts[rule] = self._part(rule)
        return self._parts[rule]

    def look(self, column: Sequence[Text]) -> list[Hits]:
        memo = self.memo
        found = list(map(memo.get, column))
        if None in found:
            new = list(set(column).difference(memo))
            self._memory.left -= self._learn(new)
            found = list(map(memo.get, column))
            if self._memory.left < 0:
                self._memory.forget()
        return found  # type: ignore[return-value]

    def _learn(self, values: list[Text]) -> int:
        plain = [value for value in values if value.__class__ is str]
        cost = ENTRY * len(values) + sum(map(len, plain))
        if len(plain) < len(values):
            for value in values:
                if value.__class__ is tuple:
                    self.memo[value] = self._of_list(value)
                    cost += sum(map(len, value))
                elif value.__class__ is not str:
                    raise TypeError("a column of texts is expected")
        self._learn_texts(plain)
        return cost

    def _of_list(self, value: tuple[str, ...]) -> Hits:
        seen, _ = self._seen([text.lower() for text in value])
        rules = {rule for rules in seen.values() for rule in rules}
        parts = {rule: self._part_of(rule) for rule in rules}
        held = {rule for rule, part in parts.items() if part is None or part.value(value)}
        return tuple(held | self._any | {rule for rule, _, test in self._tests if test(value)})

    def _learn_texts(self, values: list[str]) -> None:
        lowered = [value.lower() for value in values]
        seen, sure = self._seen(lowered)
        always = tuple(self._any)
        self.memo.update(dict.fromkeys(values, always))
        held: dict[int, list[int]] = {}
        parts = self._parts
        for place, rules in seen.items():
            pair = values[place], lowered[place]
            for rule in set(rules):
                part = parts[rule] if rule in parts else self._part_of(rule)
                if part is None or (sure and part.literal) or part.text(pair):
                    held.setdefault(place, []).append(rule)
        for rule, test, _ in self._tests:
            for place, pair in enumerate(zip(values, lowered, strict=True)):
                if test(pair):
                    held.setdefault(place, []).append(rule)
        for place, rules in held.items():
            self.memo[values[place]] = (*rules, *always)

    def _seen(self, lowered: list[str]) -> tuple[dict[int, list[int]], bool]:
        found: dict[int, list[int]] = {}
        sure = self._scan(lowered, found) if self._automaton is not None and lowered else True
        return found, sure

    def _scan(self, lowered: list[str], found: dict[int, list[int]]) -> bool:
        texts, places, sure = lowered, range(len(lowered)), True
        joined = "\0".join(texts)
        ascii_only = joined.isascii()
        if not ascii_only and "\u017f" in joined:
            odd = [place for place, low in enumerate(lowered) if "\u017f" in low]
            texts = [*lowered, *(lowered[place].replace("\u017f", "s") for place in odd)]
            places = [*places, *odd]  # type: ignore[assignment]
            joined = "\0".join(texts)
            sure = False
        haystack = f"\0{joined}\0".encode("utf-8", "surrogatepass")
        hits = self._automaton.find_matches_as_indexes(haystack, overlapping=True)  # type: ignore[union-attr]
        if hits:
            lengths = map(len, texts) if ascii_only else (len(text.encode("utf-8", "surrogatepass")) for text in texts)
            starts = list(accumulate((length + 1 for length in lengths), initial=0))
            owners, last = self._owners, len(places) - 1
            for pattern, start, _ in hits:
                place = places[min(bisect_right(starts, start) - 1, last)]
                found.setdefault(place, []).extend(owners[pattern])
        return sure and joined.count("\0") == len(texts) - 1
