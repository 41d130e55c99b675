"""Sigma's conditions: names of searches, and, or, not, brackets, `1 of x*`. Own parser by recursive descent.

Precedence, least to most binding: or, and, not, x of, brackets (Sigma specification 2.1, "Condition").
"""

import re
from collections.abc import Callable, Iterable
from typing import Generic, TypeVar

from .errors import Unsupported

Subject = TypeVar("Subject")
Test = Callable[[Subject], bool]
OPERATORS = ("and", "or", "not", "of")


def tokens(condition: str) -> list[str]:
    return re.findall(r"[()]|[^\s()]+", condition)


class Parser(Generic[Subject]):
    """Turns a condition into one test, given the tests of the names in it."""

    def __init__(self, condition: str, tests: dict[str, Test[Subject]]) -> None:
        self.condition = condition
        self.rest = tokens(condition)
        self.tests = tests

    def parse(self) -> Test[Subject]:
        whole = self.either()
        if self.rest:
            raise Unsupported(f"{self.rest[0]!r} is out of place in the condition {self.condition!r}")
        return whole

    def next_is(self, word: str) -> bool:
        return bool(self.rest) and self.rest[0].lower() == word

    def take(self) -> str:
        if not self.rest:
            raise Unsupported(f"the condition {self.condition!r} ends too early")
        return self.rest.pop(0)

    def either(self) -> Test[Subject]:
        parts = [self.both()]
        while self.next_is("or"):
            self.take()
            parts.append(self.both())
        return lambda subject: any(part(subject) for part in parts)

    def both(self) -> Test[Subject]:
        parts = [self.negated()]
        while self.next_is("and"):
            self.take()
            parts.append(self.negated())
        return lambda subject: all(part(subject) for part in parts)

    def negated(self) -> Test[Subject]:
        if self.next_is("not"):
            self.take()
            part = self.negated()
            return lambda subject: not part(subject)
        return self.atom()

    def atom(self) -> Test[Subject]:
        word = self.take()
        if word == "(":
            inner = self.either()
            if self.take() != ")":
                raise Unsupported(f"a bracket is not closed in the condition {self.condition!r}")
            return inner
        if self.next_is("of"):
            self.take()
            return self.quantified(word, self.take())
        if word.lower() in OPERATORS or word not in self.tests:
            raise Unsupported(f"the condition {self.condition!r} names {word!r}, which is no search of the rule")
        return self.tests[word]

    def quantified(self, quantity: str, names: str) -> Test[Subject]:
        parts = [self.tests[name] for name in chosen(names, self.tests)]
        if not parts:
            raise Unsupported(f"no search is meant by {names!r} in the condition {self.condition!r}")
        if quantity.lower() == "all":
            return lambda subject: all(part(subject) for part in parts)
        if quantity.lower() == "any":
            return lambda subject: any(part(subject) for part in parts)
        if not re.fullmatch("[1-9][0-9]*", quantity):
            raise Unsupported(f"{quantity!r} is no quantity in the condition {self.condition!r}")
        return lambda subject: sum(part(subject) for part in parts) >= int(quantity)


def chosen(names: str, available: Iterable[str]) -> list[str]:
    """The searches meant by `them` or a pattern with *; those beginning with an underscore never."""
    pattern = "*" if names.lower() == "them" else names
    expression = re.compile(".*".join(re.escape(part) for part in pattern.split("*")))
    return [name for name in available if expression.fullmatch(name) and not name.startswith("_")]
