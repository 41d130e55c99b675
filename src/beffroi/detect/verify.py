"""The exact test of a condition on one event.

It is made of tests of single fields, which are shared between rules and remembered value by value: on a log that repeats itself,
trying a rule is a few looks into dictionaries. Where values hardly ever come twice, remembering them is the larger part of the
work: a condition that is tried often there becomes a function of its own (`functions.py`).
"""

from collections.abc import Callable
from datetime import tzinfo
from typing import Any

import orjson

from beffroi.core.model import Fields
from beffroi.detect.atoms import value_test
from beffroi.detect.functions import Verify, function
from beffroi.detect.ir import Expr, is_single, leaves
from beffroi.detect.keywords import keyword_test
from beffroi.detect.memory import Memo, Memory
from beffroi.detect.values import text_of

TRIES = 1_000
"""After so many a condition is looked at again."""
OFTEN = TRIES // 2
"""Values from which on a test of a field is taken for one that hardly ever meets the same twice."""


class Verifiers:
    """Makes the tests of conditions; equal parts of them share one test and what it remembers."""

    def __init__(self, zone: tzinfo, memory: Memory) -> None:
        self._zone = zone
        self._memory = memory
        self._singles: dict[bytes, Memo[bool]] = {}

    def made(self, expr: Expr, replace: Callable[[Verify], None]) -> Verify:
        """The test of a condition. `replace` is told a better one, should it turn out that there is one."""
        verify = self._verify(expr)
        if isinstance(expr, bool):
            return verify
        left = TRIES

        def counted(fields: Fields, own: Fields) -> bool:
            nonlocal left
            left -= 1
            if not left:
                replace(self._function(expr, verify) if self._is_learning(expr) else verify)
            return verify(fields, own)

        return counted

    def _function(self, expr: Expr, otherwise: Verify) -> Verify:
        try:
            return function(expr, self._remembering, otherwise)
        except (NotImplementedError, RecursionError):
            return otherwise

    def _is_learning(self, expr: Expr) -> bool:
        """Whether some part of a condition has met many values."""
        if isinstance(expr, bool):
            return False
        if is_single(expr):
            return len(self._single(expr)[1].known) > OFTEN
        parts = expr[1] if expr[0] in ("and", "or") else expr[1:] if expr[0] == "not" else ()
        return any(map(self._is_learning, parts))

    def _verify(self, expr: Expr) -> Verify:
        if isinstance(expr, bool):
            return lambda _fields, _own: expr
        if is_single(expr):
            return _joined(True, [self._single(expr)], [])
        if expr[0] == "not":
            inner = self._verify(expr[1])
            return lambda fields, own: not inner(fields, own)
        if expr[0] in ("and", "or"):
            singles = [self._single(part) for part in expr[1] if is_single(part)]
            return _joined(expr[0] == "and", singles, [self._verify(part) for part in expr[1] if not is_single(part)])
        if expr[0] == "ref":
            return reference(expr)
        if expr[0] == "exists":
            _, field, wanted = expr
            return lambda fields, _own: (field in fields) is wanted
        keyword = keyword_test(expr)
        return lambda _fields, own: keyword(own)

    def _single(self, expr: list[Any]) -> tuple[str, Memo[bool]]:
        """The field that an expression looks at alone, and what is known of its values."""
        key = orjson.dumps(expr)
        memo = self._singles.get(key)
        if memo is None:
            test = value_test(expr, self._zone)
            memo = self._singles[key] = Memo(self._memory, test(None), test)
        return next(leaves(expr))[1], memo

    def _remembering(self, leaf: list[Any]) -> Callable[[str], bool]:
        """The remembering test as a function of a text."""
        memo = self._single(leaf)[1]
        get, learn = memo.known.get, memo.learn

        def test(text: str) -> bool:
            known = get(text)
            return learn(text) if known is None else known

        return test


def _joined(every: bool, singles: list[tuple[str, Memo[bool]]], others: list[Verify]) -> Verify:
    """AND (`every`) or OR of tests, those of a single field first, each in the order given."""
    tests = [(field, memo.known, memo.learn) for field, memo in singles]

    def verify(fields: Fields, own: Fields) -> bool:
        get = fields.get
        for field, known, learn in tests:
            value = get(field)
            try:
                outcome = known.get(value)
            except TypeError:  # a list has no hash
                outcome = None
            if outcome is None:
                outcome = learn(value)
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
