"""Extended conditions of temporal correlations: `rule_a and (rule_b or not rule_c)`.

The grammar is pySigma's (names, `and`, `or`, `not`, brackets; not binds most, then and, then or), in linear time and with
bounded depth, because pySigma's own parser takes exponential time for nested brackets. Operators may be in capitals, as in
the specification's example, and names may hold hyphens, as ids do.
"""

import re
from collections.abc import Callable, Iterable, Iterator

from beffroi.core.model import message
from beffroi.detect.correlation.definition import Expression, Unevaluable

DEEPEST = 30
LONGEST = 10_000

_TOKEN = re.compile(r"[()]|[^\s()]+")
_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_-]*", re.ASCII)
_OPERATORS = ("and", "or", "not")


def parse(text: str) -> Expression:
    """The expression, rules by the names they have in the text. Raises Unevaluable."""
    if len(text) > LONGEST:
        raise Unevaluable(
            message("the condition has {count} characters, more than {most}", count=len(text), most=LONGEST)
        )
    return _Parser(text).whole()


class _Parser:
    def __init__(self, text: str) -> None:
        self.tokens = [*_TOKEN.findall(text), ""]
        self.place = 0

    def whole(self) -> Expression:
        found = self.either(0)
        if self.tokens[self.place]:
            word = repr(self.tokens[self.place][:60])
            raise Unevaluable(message("{word} is out of place in the condition", word=word))
        return found

    def either(self, depth: int) -> Expression:
        parts = [self.both(depth)]
        while self.took("or"):
            parts.append(self.both(depth))
        return parts[0] if len(parts) == 1 else ["or", parts]

    def both(self, depth: int) -> Expression:
        parts = [self.single(depth)]
        while self.took("and"):
            parts.append(self.single(depth))
        return parts[0] if len(parts) == 1 else ["and", parts]

    def single(self, depth: int) -> Expression:
        if depth > DEEPEST:
            raise Unevaluable(message("the condition is nested more than {most} deep", most=DEEPEST))
        if self.took("not"):
            return ["not", self.single(depth + 1)]
        if self.took("("):
            inner = self.either(depth + 1)
            if not self.took(")"):
                raise Unevaluable(message("a bracket of the condition is not closed"))
            return inner
        word = self.tokens[self.place]
        if not word:
            raise Unevaluable(message("the condition ends too early"))
        if not _NAME.fullmatch(word) or word.lower() in _OPERATORS:
            raise Unevaluable(message("{word} stands where the condition needs a rule", word=repr(word[:60])))
        self.place += 1
        return ["rule", word]

    def took(self, word: str) -> bool:
        if self.tokens[self.place].lower() != word:
            return False
        self.place += 1
        return True


def leaves(expression: Expression) -> Iterator[str]:
    """The rules named, as often as they are."""
    kind, inner = expression
    if kind == "rule":
        yield inner
    else:
        for part in [inner] if kind == "not" else inner:
            yield from leaves(part)


def renamed(expression: Expression, names: Callable[[str], str]) -> Expression:
    """The same expression over other names."""
    kind, inner = expression
    if kind == "rule":
        return ["rule", names(inner)]
    if kind == "not":
        return ["not", renamed(inner, names)]
    return [kind, [renamed(part, names) for part in inner]]


def holds(expression: Expression, present: frozenset[str]) -> bool:
    """Whether it is true when events of exactly these rules are there."""
    kind, inner = expression
    if kind == "rule":
        return inner in present
    if kind == "not":
        return not holds(inner, present)
    parts: Iterable[bool] = (holds(part, present) for part in inner)
    return all(parts) if kind == "and" else any(parts)


def negated(expression: Expression) -> frozenset[str]:
    """The rules that stand under a `not`, however deep."""
    kind, inner = expression
    if kind == "rule":
        return frozenset()
    if kind == "not":
        return frozenset(leaves(inner))
    return frozenset().union(*(negated(part) for part in inner))
