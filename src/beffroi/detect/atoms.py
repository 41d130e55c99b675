"""The single tests of a rule: each becomes a function of one value. No pattern of a rule ever becomes source code.

Caseless comparison lowers both sides with `str.lower`; regular expressions are RE2's, which takes linear time.
"""

import ipaddress
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime, tzinfo
from functools import lru_cache
from typing import Any

import re2

from beffroi.detect.ir import Expr, all_of, any_of, negated
from beffroi.detect.values import Text, address_of, moment_of, number_of

Pair = tuple[str, str]
"""A text and the same in lower case."""

PairTest = Callable[[Pair], bool]

COMPARE: dict[str, Callable[[float, float], bool]] = {
    "eq": lambda have, want: have == want,
    "lt": lambda have, want: have < want,
    "lte": lambda have, want: have <= want,
    "gt": lambda have, want: have > want,
    "gte": lambda have, want: have >= want,
}

PARTS: dict[str, Callable[[datetime], int]] = {
    "minute": lambda moment: moment.minute,
    "hour": lambda moment: moment.hour,
    "day": lambda moment: moment.day,
    "week": lambda moment: moment.isocalendar().week,
    "month": lambda moment: moment.month,
    "year": lambda moment: moment.year,
}


@lru_cache(maxsize=4096)
def regex(pattern: str) -> Callable[[str], bool]:
    """A search for an RE2 pattern anywhere in a text; raises re2.error where RE2 does not accept it."""
    options = re2.Options()
    options.log_errors = False
    search = re2.compile(pattern, options).search

    def found(text: str) -> bool:
        return search(text.encode("utf-8", "replace")) is not None

    return found


def glob(tokens: list[str | int]) -> Callable[[str], bool]:
    """A whole-text match of literals, 1 (`*`) and 2 (`?`), in linear time."""
    if 2 in tokens:
        quoted = "".join(re2.escape(t) if isinstance(t, str) else ".*" if t == 1 else "." for t in tokens)
        return regex(r"(?s)\A" + quoted + r"\z")
    literals = [token for token in tokens if isinstance(token, str)]
    head = literals.pop(0) if isinstance(tokens[0], str) else ""
    tail = literals.pop() if literals and isinstance(tokens[-1], str) else ""
    least = len(head) + len(tail)

    def matches(text: str) -> bool:
        if len(text) < least or not text.startswith(head) or not text.endswith(tail):
            return False
        at, end = len(head), len(text) - len(tail)
        for literal in literals:  # leftmost is enough: what follows only needs room
            at = text.find(literal, at, end)
            if at < 0:
                return False
            at += len(literal)
        return True

    return matches


def _text_test(leaf: list[Any]) -> PairTest:
    _, _, cased, equals, starts, ends, contains, globs = leaf
    side = 0 if cased else 1
    wholes, heads, tails = frozenset(equals), tuple(starts), tuple(ends)
    inner = tuple(contains)
    patterns = tuple(glob(tokens) for tokens in globs)
    tests: list[PairTest] = []
    if wholes:
        tests.append(lambda pair: pair[side] in wholes)
    if tails:
        tests.append(lambda pair: pair[side].endswith(tails))
    if heads:
        tests.append(lambda pair: pair[side].startswith(heads))
    if len(inner) == 1:
        only = inner[0]
        tests.append(lambda pair: only in pair[side])
    elif inner:

        def contained(pair: Pair) -> bool:
            text = pair[side]
            for literal in inner:
                if literal in text:
                    return True
            return False

        tests.append(contained)
    if patterns:
        looks_alike = _some(patterns)
        tests.append(lambda pair: looks_alike(pair[side]))
    return _some(tests)


def _some(tests: Sequence[Callable[[Any], bool]]) -> Callable[[Any], bool]:
    """Whether one of the tests holds."""
    if len(tests) == 1:
        return tests[0]
    every = tuple(tests)

    def some(value: Any) -> bool:
        for test in every:
            if test(value):
                return True
        return False

    return some


def _all(tests: Sequence[Callable[[Any], bool]]) -> Callable[[Any], bool]:
    """Whether all of the tests hold."""
    if len(tests) == 1:
        return tests[0]
    every = tuple(tests)

    def all_hold(value: Any) -> bool:
        for test in every:
            if not test(value):
                return False
        return True

    return all_hold


def _number_test(leaf: list[Any]) -> PairTest:
    compare, want = COMPARE[leaf[2]], leaf[3]

    def test(pair: Pair) -> bool:
        have = number_of(pair[0])
        return have is not None and compare(have, want)

    return test


def _cidr_test(leaf: list[Any]) -> PairTest:
    networks = [ipaddress.ip_network(network, strict=False) for network in leaf[2]]

    def test(pair: Pair) -> bool:
        address = address_of(pair[0])
        return address is not None and any(address in network for network in networks)

    return test


def _time_test(leaf: list[Any], zone: tzinfo) -> PairTest:
    part, compare, want = PARTS[leaf[2]], COMPARE[leaf[3]], leaf[4]

    def test(pair: Pair) -> bool:
        moment = moment_of(pair[0], zone)
        return moment is not None and compare(part(moment), want)

    return test


def pair_test(leaf: list[Any], zone: tzinfo) -> PairTest:
    """The test of one leaf on a text that has a value."""
    kind = leaf[0]
    if kind == "text":
        return _text_test(leaf)
    if kind == "re":
        found = regex(leaf[2])
        return lambda pair: found(pair[0])
    if kind == "num":
        return _number_test(leaf)
    if kind == "cidr":
        return _cidr_test(leaf)
    if kind == "time":
        return _time_test(leaf, zone)
    result = {"none": False, "some": True, "exists": leaf[2] if kind == "exists" else False}[kind]
    return lambda _pair: result


def _without_value(leaf: list[Any], *, present: bool) -> bool:
    if leaf[0] == "exists":
        return bool(leaf[2]) is present
    return bool(leaf[0] == "none")


def _tree(expr: Expr, leaf_of: Callable[[list[Any]], Callable[[Any], bool]]) -> Callable[[Any], bool]:
    """One function for a whole expression whose leaves are functions of the same thing."""
    if isinstance(expr, bool):
        return lambda _value: expr
    if expr[0] == "not":
        inner = _tree(expr[1], leaf_of)
        return lambda value: not inner(value)
    if expr[0] in ("and", "or"):
        parts = [_tree(part, leaf_of) for part in _opened(expr)]
        return _all(parts) if expr[0] == "and" else _some(parts)
    return leaf_of(expr)


def _opened(expr: list[Any]) -> Iterator[Expr]:
    """The parts of an AND or OR, those of the same kind inside it opened."""
    for part in expr[1]:
        if isinstance(part, list) and part[0] == expr[0]:
            yield from _opened(part)
        else:
            yield part


def text_test(expr: Expr, zone: tzinfo) -> PairTest:
    """A test of a text that is not empty, for an expression that looks at one field only."""
    return _tree(expr, lambda leaf: pair_test(leaf, zone))


def value_test(expr: Expr, zone: tzinfo) -> Callable[[Text], bool]:
    """A test of one field's value (as `values.text_of` gives it; None: absent, "": present without value) for an
    expression that looks at one field only."""
    plain = text_test(expr, zone)
    absent = _tree(expr, lambda leaf: lambda _: _without_value(leaf, present=False))(None)
    hollow = _tree(expr, lambda leaf: lambda _: _without_value(leaf, present=True))(None)

    def lifted(leaf: list[Any]) -> Callable[[Any], bool]:
        test = pair_test(leaf, zone)
        return lambda pairs: any(test(pair) for pair in pairs)

    each = _tree(expr, lifted)

    def test(value: Text) -> bool:
        if value.__class__ is str:
            return plain((value, value.lower())) if value else hollow
        if value is None:
            return absent
        return each([(text, text.lower()) for text in value])

    return test


def holds(expr: Expr, value: Text) -> bool:
    """Whether an expression on one field holds for one value, worked out at once (zone-free leaves only)."""
    return value_test(expr, UTC)(value)


def settled(expr: Expr, known: dict[str, str]) -> Expr:
    """The expression once some fields' texts are known for all events of a group (its channel and event number)."""
    if isinstance(expr, bool):
        return expr
    kind = expr[0]
    if kind == "and":
        return all_of([settled(part, known) for part in expr[1]])
    if kind == "or":
        return any_of([settled(part, known) for part in expr[1]])
    if kind == "not":
        return negated(settled(expr[1], known))
    return holds(expr, known[expr[1]]) if expr[1] in known and kind != "ref" else expr
