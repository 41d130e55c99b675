"""Which rules are worth trying for a value of a field: one look for all rules, each distinct value once.

New values of a field are joined and searched for all witnesses in one Aho-Corasick pass. Anchors are NUL characters: a value stands
between two of them. Where a witness of a rule with a pivot is seen, the pivot's part of the condition is worked out there
and then, so what is remembered of a value is the rules of which it meets the whole part.
"""

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
"""Numbers of the rules worth trying, each once."""


class Part(NamedTuple):
    """What a rule asks of one field alone, as tests: of a text (with the same in lower case), and of any value. `literal`: it
    is met by a text where, and only where, a witness stands in it."""

    text: PairTest
    value: Callable[[Text], bool]
    literal: bool


def part_of(expr: Expr, zone: tzinfo) -> Part:
    """The tests of an expression that looks at one field only."""
    assert isinstance(expr, list)
    literal = expr[0] == "text" and not expr[2] and not expr[7] and all("" not in literals for literals in expr[3:7])
    return Part(text_test(expr, zone), value_test(expr, zone), literal)


class FieldScanner:
    """The witnesses of one field, and in `memo` what they said about the values seen lately. `part` gives the part of a rule,
    by its number, whose pivot this field is, and None for other rules."""

    __slots__ = (
        "__weakref__",
        "_any", "_automaton", "_literals", "_memory", "_none", "_owners", "_part", "_parts", "_tests", "_zone", "memo")  # fmt: skip

    def __init__(self, part: Callable[[int], Part | None], zone: tzinfo, memory: Memory) -> None:
        self._memory = memory
        self._zone = zone
        self._part = part
        self._parts: dict[int, Part | None] = {}
        self._literals: dict[str, list[int]] = {}
        self._tests: list[tuple[int, PairTest, Callable[[Text], bool]]] = []
        self._none: set[int] = set()  # tried where there is no value
        self._any: set[int] = set()  # tried with any value
        self._automaton: BytesAhoCorasick | None = None
        self._owners: list[list[int]] = []
        self.memo: dict[Text, Hits] = {}

    def add(self, witness: Witness, rule: int) -> None:
        """Have a rule tried where the witness stands."""
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
        """Build what scans; no witness is added afterwards."""
        patterns = [literal.encode("utf-8", "surrogatepass") for literal in self._literals]
        self._owners = list(self._literals.values())
        self._automaton = BytesAhoCorasick(patterns) if patterns else None
        self._literals = {}
        without = [(rule, self._part_of(rule)) for rule in self._none]
        self._none = {rule for rule, part in without if part is None or part.value(None)}
        self.forget()
        self._memory.register(self)
        return self

    def forget(self) -> None:
        self.memo.clear()
        self.memo.update(dict.fromkeys((None, ""), tuple(self._none)))

    def _part_of(self, rule: int) -> Part | None:
        if rule not in self._parts:
            self._parts[rule] = self._part(rule)
        return self._parts[rule]

    def look(self, column: Sequence[Text]) -> list[Hits]:
        """The hits of each value of a column. What was seen before is remembered, within bounds.

        Raises TypeError where a value is not yet reduced to texts (`values.text_of`): most columns hold texts only, and
        asking each value would cost more than all the rest.
        """
        new = set(column).difference(self.memo)
        if not new:
            return [self.memo[value] for value in column]
        texts = [value for value in new if value.__class__ is str]
        cost = ENTRY * len(new) + sum(map(len, texts))
        if len(texts) < len(new):
            lists = [value for value in new if value.__class__ is tuple]
            if len(texts) + len(lists) < len(new):
                raise TypeError("a column of texts is expected")
            self.memo.update((value, self._of_list(value)) for value in lists)
            cost += sum(len(text) for value in lists for text in value or ())
        if texts:
            self._learn(texts)
        found = [self.memo[value] for value in column]
        self._memory.left -= cost
        if self._memory.left < 0:
            self._memory.forget()
        return found

    def _learn(self, texts: list[str]) -> None:
        """Find out about new texts."""
        always = tuple(self._any)
        self.memo.update(dict.fromkeys(texts, always))
        lowered = [text.lower() for text in texts]
        seen, sure = self._seen(lowered)
        held: dict[int, list[int]] = {}
        parts = self._parts
        for place, rules in seen.items():
            pair = texts[place], lowered[place]
            for rule in set(rules):
                part = parts[rule] if rule in parts else self._part_of(rule)
                if part is None or (sure and part.literal) or part.text(pair):
                    held.setdefault(place, []).append(rule)
        for rule, test, _ in self._tests:
            for place, pair in enumerate(zip(texts, lowered, strict=True)):
                if test(pair):
                    held.setdefault(place, []).append(rule)
        for place, rules in held.items():
            self.memo[texts[place]] = (*rules, *always)

    def _of_list(self, texts: tuple[str, ...]) -> Hits:
        """The hits of a list: what a rule asks may be met by several of its texts together."""
        seen, _ = self._seen([text.lower() for text in texts])
        held = {*self._any, *(rule for rule, _, test in self._tests if test(texts))}
        for rule in {rule for rules in seen.values() for rule in rules}:
            part = self._part_of(rule)
            if part is None or part.value(texts):
                held.add(rule)
        return tuple(held)

    def _seen(self, lowered: list[str]) -> tuple[dict[int, list[int]], bool]:
        """The rules, maybe repeatedly, of which a witness stands in a text in lower case, by the text's place; and whether that
        is certain: an anchor may stand within a text, and two letters may have been taken for one."""
        found: dict[int, list[int]] = {}
        if self._automaton is None:
            return found, True
        joined = "\0".join(lowered)
        self._scan(joined, lowered, found)
        sure = joined.count("\0") == len(lowered) - 1
        if "\u017f" not in joined:
            return found, sure
        # RE2's caseless "s" also matches the long s, which lowering leaves as it is: such texts are scanned twice.
        self._scan(joined.replace("\u017f", "s"), [text.replace("\u017f", "s") for text in lowered], found)
        return found, False

    def _scan(self, joined: str, lowered: Sequence[str], found: dict[int, list[int]]) -> None:
        haystack = f"\0{joined}\0".encode("utf-8", "surrogatepass")
        hits = self._automaton.find_matches_as_indexes(haystack, overlapping=True)  # type: ignore[union-attr]
        if not hits:
            return
        sizes = (
            map(len, lowered) if joined.isascii() else (len(text.encode("utf-8", "surrogatepass")) for text in lowered)
        )
        before = list(accumulate((size + 1 for size in sizes), initial=0))  # where the NUL before each text stands
        last = len(lowered) - 1
        for pattern, start, _ in hits:
            place = min(bisect_right(before, start) - 1, last)
            found.setdefault(place, []).extend(self._owners[pattern])
