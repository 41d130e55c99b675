"""Which rules' witnesses stand in a value: one look for all rules, each distinct value once.

Exact values and last path components are found in dictionaries, everything else by one Aho-Corasick pass over the new
values of a batch joined together. Anchors are NUL characters: a value stands between two of them.
"""

from bisect import bisect_right
from collections.abc import Callable, Sequence
from itertools import accumulate

from ahocorasick_rs import BytesAhoCorasick

from beffroi.detect.ir import Witness
from beffroi.detect.memory import ENTRY, Memory
from beffroi.detect.values import Text
from beffroi.detect.witness import CONTAINS, EMPTY, ENDS, EQUALS, STARTS, TEST, VALUE

Hits = tuple[int, ...]
"""Numbers of the rules worth trying, ascending."""


class FieldScanner:
    """The witnesses of one field, and what they said about the values seen lately."""

    __slots__ = (
        "_any",
        "_automaton",
        "_compile",
        "_exact",
        "_literals",
        "_memory",
        "_none",
        "_owners",
        "_tails",
        "_tests",
        "memo",
    )

    def __init__(self, compile_test: Callable[[list[object]], Callable[[Text], bool]], memory: Memory) -> None:
        self._memory = memory
        self._compile = compile_test
        self._exact: dict[str, list[int]] = {}
        self._tails: dict[str, list[int]] = {}
        self._literals: dict[str, list[int]] = {}
        self._tests: list[tuple[Callable[[Text], bool], int]] = []
        self._none: set[int] = set()
        self._any: list[int] = []
        self._automaton: BytesAhoCorasick | None = None
        self._owners: list[list[int]] = []
        self.memo: dict[Text, Hits] = {}

    def add(self, witness: Witness, rule: int) -> None:
        """Have a rule tried where the witness stands."""
        kind, literal = witness.kind, witness.literal
        if kind == EQUALS:
            self._exact.setdefault(literal, []).append(rule)
        elif kind == ENDS and literal[0] == "\\" and "\\" not in literal[1:]:
            self._tails.setdefault(literal, []).append(rule)
        elif kind in (STARTS, ENDS, CONTAINS):
            anchored = ("\0" if kind == STARTS else "") + literal + ("\0" if kind == ENDS else "")
            self._literals.setdefault(anchored, []).append(rule)
        elif kind == EMPTY:
            self._none.add(rule)
        elif kind == VALUE:
            self._any.append(rule)
        elif kind == TEST:
            self._tests.append((self._compile(literal), rule))

    def freeze(self) -> "FieldScanner":
        """Build what scans; no witness is added afterwards."""
        patterns = [literal.encode("utf-8", "surrogatepass") for literal in self._literals]
        self._owners = list(self._literals.values())
        self._automaton = BytesAhoCorasick(patterns) if patterns else None
        self._literals = {}
        self._forget()
        self._memory.register(self._forget)
        return self

    def _forget(self) -> None:
        self.memo = {None: tuple(sorted(self._none)), "": tuple(sorted(self._none))}

    def look(self, column: Sequence[Text]) -> list[Hits]:
        """The hits of each value of a column. What was seen before is remembered, within bounds.

        Raises TypeError where a value is not yet reduced to texts (`values.text_of`): most columns hold texts only, and
        asking each value would cost more than all the rest.
        """
        memo = self.memo
        found = list(map(memo.get, column))
        if None in found:
            new = [value for value in set(column) if value not in memo]
            self._memory.left -= self._learn(new)
            found = list(map(memo.get, column))
            if self._memory.left < 0:
                self._memory.forget()
        return found  # type: ignore[return-value]

    def _learn(self, values: list[Text]) -> int:
        """Find out about new values; what remembering them costs (`memory.MOST`)."""
        plain = [value for value in values if value.__class__ is str]
        if len(plain) < len(values) and any(value.__class__ not in (str, tuple) for value in values):
            raise TypeError("a column of texts is expected")
        self._learn_texts(plain)
        cost = ENTRY * len(values) + sum(map(len, plain))
        for value in values:
            if value.__class__ is tuple:
                texts = [text for text in value if text not in self.memo]
                self._learn_texts(texts)
                self.memo[value] = tuple(sorted({rule for text in value for rule in self.memo[text]}))
                cost += ENTRY * len(texts) + sum(map(len, texts))
        return cost

    def _learn_texts(self, values: list[str]) -> None:
        lowered = [value.lower() for value in values]
        found: dict[int, list[int]] = {}
        for rules, keys in (
            (self._exact, lowered),
            (self._tails, [low[low.rfind("\\") :] for low in lowered] if self._tails else ()),
        ):
            if rules and not rules.keys().isdisjoint(keys):
                for place, key in enumerate(keys):
                    if key in rules:
                        found.setdefault(place, []).extend(rules[key])
        if self._automaton is not None and lowered:
            self._scan(lowered, found)
        for test, rule in self._tests:
            for place, value in enumerate(values):
                if test(value):
                    found.setdefault(place, []).append(rule)
        always = tuple(self._any)
        self.memo.update(dict.fromkeys(values, always))
        for place, said in found.items():
            self.memo[values[place]] = tuple(sorted({*said, *always}))

    def _scan(self, lowered: list[str], found: dict[int, list[int]]) -> None:
        texts, places = lowered, range(len(lowered))
        joined = "\0".join(texts)
        ascii_only = joined.isascii()
        if not ascii_only and "\u017f" in joined:
            # RE2's caseless "s" also matches the long s, which lowering leaves as it is: such texts are scanned twice.
            odd = [place for place, low in enumerate(lowered) if "\u017f" in low]
            texts = [*lowered, *(lowered[place].replace("\u017f", "s") for place in odd)]
            places = [*places, *odd]  # type: ignore[assignment]
            joined = "\0".join(texts)
        haystack = f"\0{joined}\0".encode("utf-8", "surrogatepass")
        hits = self._automaton.find_matches_as_indexes(haystack, overlapping=True)  # type: ignore[union-attr]
        if not hits:
            return
        lengths = map(len, texts) if ascii_only else (len(text.encode("utf-8", "surrogatepass")) for text in texts)
        starts = list(accumulate((length + 1 for length in lengths), initial=0))
        owners, last = self._owners, len(places) - 1
        for pattern, start, _ in hits:
            place = places[min(bisect_right(starts, start) - 1, last)]
            found.setdefault(place, []).extend(owners[pattern])
