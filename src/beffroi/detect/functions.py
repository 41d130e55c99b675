"""Conditions → Python functions, for what is tried often.

A condition becomes a syntax tree in which everything that a rule says is a constant: its text is never source code. What a
constant cannot hold (regular expressions, networks, times) is called by a name of ours. The functions know texts, and values
that are reduced to a text; where a field holds a list, `atoms` decides.
"""

import ast
from collections.abc import Callable, Iterator
from typing import Any

from beffroi.core.model import Fields
from beffroi.detect.ir import Expr, fields_of, negated
from beffroi.detect.values import text_of

MANY = 12
"""Literals from which on it costs less to look up what they said of a text than to search it again."""

Verify = Callable[[Fields, Fields], bool]
"""An exact test of one event: (fields as the rule's view names them, the event's own fields)."""


class _ListedError(Exception):
    """A field holds several texts."""


def _text(value: Any) -> str:
    text = text_of(value)
    if text.__class__ is tuple:
        raise _ListedError
    return text or ""  # type: ignore[return-value]


Remembering = Callable[[list[Any]], Callable[[str], bool]]
"""Gives a leaf's test of a text that remembers what it found out."""


def function(expr: Expr, remembering: Remembering, otherwise: Verify) -> Verify:
    """The function of a condition; `otherwise` decides for events that hold lists. Raises RecursionError where the
    condition is nested too deeply for a function, NotImplementedError where it asks for more than values (keywords, `fieldref`)."""
    return _Writer(remembering, otherwise).function(expr)


class _Writer:
    """Writes one function. The value of the field numbered n is v<n>, in lower case l<n>."""

    def __init__(self, remembering: Remembering, otherwise: Verify) -> None:
        self._remembering = remembering
        self._names: dict[str, Any] = {"text": _text, "Listed": _ListedError, "otherwise": otherwise}
        self._numbers: dict[str, int] = {}

    def function(self, expr: Expr) -> Verify:
        body: list[ast.stmt] = [ast.Assign([_store("get")], ast.Attribute(_load("fields"), "get", ast.Load()))]
        for part, outcome in _steps(expr):
            body += self._loads(part)
            body.append(ast.If(self._test(part), [ast.Return(ast.Constant(outcome))], []))
        body.append(ast.Return(ast.Constant(not (isinstance(expr, list) and expr[0] == "or"))))
        slow = ast.Return(ast.Call(_load("otherwise"), [_load("fields"), _load("own")], []))
        guarded = ast.Try(body, [ast.ExceptHandler(_load("Listed"), None, [slow])], [], [])
        arguments = ast.arguments([], [ast.arg("fields"), ast.arg("own")], None, [], [], None, [])
        module = ast.Module([ast.FunctionDef("verify", arguments, [guarded], [])], [])
        exec(compile(ast.fix_missing_locations(module), "<condition>", "exec"), self._names)  # noqa: S102 - a tree of ours, the rule's words in it are constants
        verify: Verify = self._names["verify"]
        return verify

    def _loads(self, part: Expr) -> list[ast.stmt]:
        """Statements that make the fields of a part known which are not yet."""
        made: list[ast.stmt] = []
        for name in fields_of(part):
            if name in self._numbers:
                continue
            number = self._numbers[name] = len(self._numbers)
            value, low = f"v{number}", f"l{number}"
            made.append(ast.Assign([_store(value)], ast.Call(_load("get"), [ast.Constant(name)], [])))
            odd = ast.Compare(ast.Attribute(_load(value), "__class__", ast.Load()), [ast.IsNot()], [_load("str")])
            made.append(ast.If(odd, [ast.Assign([_store(value)], ast.Call(_load("text"), [_load(value)], []))], []))
            made.append(ast.Assign([_store(low)], ast.Call(ast.Attribute(_load(value), "lower", ast.Load()), [], [])))
        return made

    def _test(self, expr: Expr) -> ast.expr:
        if isinstance(expr, bool):
            return ast.Constant(expr)
        kind = expr[0]
        if kind == "not":
            return ast.UnaryOp(ast.Not(), self._test(expr[1]))
        if kind in ("and", "or"):
            return ast.BoolOp(ast.And() if kind == "and" else ast.Or(), [self._test(part) for part in expr[1]])
        if expr[1] is None or kind == "ref":
            raise NotImplementedError
        name = expr[1]
        if kind == "exists":
            found = ast.Compare(ast.Constant(name), [ast.In()], [_load("fields")])
            return found if expr[2] else ast.UnaryOp(ast.Not(), found)
        value, low = f"v{self._numbers[name]}", f"l{self._numbers[name]}"
        if kind == "none":
            return ast.UnaryOp(ast.Not(), _load(value))
        if kind == "some":
            return _load(value)
        if kind == "text" and not expr[7] and len(expr[6]) <= MANY:
            return self._any_of(expr, value if expr[2] else low, value)
        return ast.BoolOp(ast.And(), [_load(value), self._called(self._remembering(expr), _load(value))])

    def _any_of(self, leaf: list[Any], side: str, value: str) -> ast.expr:
        _, _, _, equals, starts, ends, contains, _ = leaf
        tests: list[ast.expr] = []
        if len(equals) == 1:
            tests.append(ast.Compare(_load(side), [ast.Eq()], [ast.Constant(equals[0])]))
        elif equals:
            tests.append(ast.Compare(_load(side), [ast.In()], [_constant(frozenset(equals))]))
        for name, literals in (("endswith", ends), ("startswith", starts)):
            if literals:
                wanted = _constant(literals[0] if len(literals) == 1 else tuple(literals))
                tests.append(ast.Call(ast.Attribute(_load(side), name, ast.Load()), [wanted], []))
        tests += [ast.Compare(ast.Constant(literal), [ast.In()], [_load(side)]) for literal in contains]
        found = tests[0] if len(tests) == 1 else ast.BoolOp(ast.Or(), tests)
        empty = any("" in literals for literals in (equals, starts, ends, contains))
        return ast.BoolOp(ast.And(), [_load(value), found]) if empty else found

    def _called(self, function: Callable[[Any], Any], argument: ast.expr) -> ast.expr:
        name = f"f{len(self._names)}"
        self._names[name] = function
        return ast.Call(_load(name), [argument], [])


def _steps(expr: Expr) -> Iterator[tuple[Expr, bool]]:
    """(test, outcome): a condition as tests of which the first that holds ends it, so that fields which only later ones look at
    need not be known before; where none holds, it is the opposite of their common outcome."""
    if isinstance(expr, list) and expr[0] == "or":
        for part in expr[1]:
            yield part, True
        return
    for part in expr[1] if isinstance(expr, list) and expr[0] == "and" else [expr]:
        denied = negated(part)
        for each in denied[1] if isinstance(denied, list) and denied[0] == "or" else [denied]:
            yield each, False


def _constant(value: Any) -> ast.Constant:
    """A constant of any kind that the compiler takes, tuples and frozen sets among them."""
    return ast.Constant(value)


def _load(name: str) -> ast.Name:
    return ast.Name(name, ast.Load())


def _store(name: str) -> ast.Name:
    return ast.Name(name, ast.Store())
