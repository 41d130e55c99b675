"""Rules after translation: plain data that a cache can hold, a worker can be sent, and a matcher can be built from.

An expression is a bool, or a list whose first element names what it is:

    ["and" | "or", [expression, …]]            ["not", expression]
    ["text", field, cased, equals, starts, ends, contains, globs]   any of the literals; lower case unless cased
    ["re", field, pattern]                     RE2 syntax, flags written inside, searched anywhere
    ["cidr", field, [network, …]]              ["num", field, "lt" | "lte" | "gt" | "gte", number]
    ["none", field]   no value                 ["some", field]   any value
    ["exists", field, bool]                    presence of the name, whatever the value
    ["ref", field, "equals" | "starts" | "ends" | "contains", other field, cased]
    ["time", field, part, "eq" | "lt" | …, number]

A field of None means "any value of the event": Sigma's keywords. A glob is a list of literals, 1 for `*` and 2 for `?`.
What absent, null and empty mean is decided in docs/sigma.md and done in `atoms.py`, nowhere else.
"""

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

import orjson

from beffroi.core.model import LogSource

Expr = bool | list[Any]
"""A translated condition or a part of it, as the module describes."""

DIGITS = 18  # of a number that JSON holds whatever they are

LEVELS = ("informational", "low", "medium", "high", "critical")


class Witness(NamedTuple):
    """Something that must be seen in a field (None: anywhere) before a rule is worth trying: see `witness.py`."""

    field: str | None
    kind: str
    literal: Any


class Rule(NamedTuple):
    """A Sigma rule that can be evaluated.

    `fields` are those it looks at, in the order of its text; `events` the Windows event numbers outside which it
    cannot hold (None: any); `witnesses` what must be seen first (None: it is tried on every event) and `pivot` the field
    they are of, whose part of the condition is then worked out value by value (None: there is no such field; see
    `witness.Gate`); `blind` says why it can never fire although it is correct; `silent` is set where only a correlation
    speaks for it; `says` is a sentence of its own by language. The condition is kept as JSON, since of thousands of rules few are ever tried.
    """

    id: str
    title: str
    level: str
    tags: tuple[str, ...]
    logsource: LogSource
    path: str
    fields: tuple[str, ...]
    events: frozenset[int] | None
    witnesses: tuple[Witness, ...] | None
    pivot: str | None
    name: str | None
    blind: str | None
    silent: bool
    condition_json: bytes
    says: Mapping[str, str] | None = None

    @property
    def condition(self) -> Expr:
        """The condition as an expression, parsed anew at each call."""
        return all_of(list(self.split()))

    def split(self) -> tuple[Expr, Expr]:
        """(the condition but for the pivot's part, that part); without a pivot the second is True."""
        expr: Expr = orjson.loads(self.condition_json)
        if self.pivot is None:
            return expr, True
        assert isinstance(expr, list)
        *rest, own = expr[1]
        return all_of(rest), own

    def to_plain(self) -> list[Any]:
        """All but the condition, as JSON can hold it."""
        events = None if self.events is None else sorted(self.events)
        witnesses = None if self.witnesses is None else [list(witness) for witness in self.witnesses]
        return [*self[:4], list(self.logsource), *self[5:7], events, witnesses, *self[9:13], self.says]

    @classmethod
    def from_plain(cls, plain: list[Any], condition_json: bytes) -> "Rule":
        """The rule back from `to_plain` and its condition; raises TypeError or ValueError where it is none."""
        own_id, title, level, tags, logsource, path, fields, events, witnesses, pivot, name, blind, silent, says = plain
        return cls(
            own_id, title, level, tuple(tags), LogSource(*logsource), path, tuple(fields),
            None if events is None else frozenset(events),
            None if witnesses is None else tuple([Witness(*witness) for witness in witnesses]),
            pivot, name, blind, silent, condition_json, says,
        )  # fmt: skip


def leaves(expr: Expr) -> Iterator[list[Any]]:
    """All the tests of an expression, from left to right."""
    if isinstance(expr, bool):
        return
    if expr[0] in ("and", "or"):
        for part in expr[1]:
            yield from leaves(part)
    elif expr[0] == "not":
        yield from leaves(expr[1])
    else:
        yield expr


def fields_of(expr: Expr) -> tuple[str, ...]:
    """The fields an expression looks at, each once, in order; keywords have none."""
    names: dict[str, None] = {}
    for leaf in leaves(expr):
        if leaf[1] is not None:
            names[leaf[1]] = None
        if leaf[0] == "ref":
            names[leaf[3]] = None
    return tuple(names)


def is_single(expr: Expr) -> bool:
    """Whether an expression depends on nothing but the value of one field: not on the mere presence of its name, nor on others."""
    if isinstance(expr, bool):
        return False
    tests = list(leaves(expr))
    return (
        tests[0][1] is not None
        and len({leaf[1] for leaf in tests}) == 1
        and all(leaf[0] not in ("exists", "ref") for leaf in tests)
    )


def all_of(parts: list[Expr]) -> Expr:
    """AND with its constants folded and nested ANDs opened."""
    if any(part is False for part in parts):
        return False
    parts = [part for part in parts if part is not True]
    if len(parts) <= 1:
        return parts[0] if parts else True
    kept: list[Expr] = []
    for part in parts:
        kept.extend(part[1] if isinstance(part, list) and part[0] == "and" else [part])
    return ["and", kept]


def any_of(parts: list[Expr]) -> Expr:
    """OR with its constants folded, nested ORs opened and text tests of one field joined into one."""
    kept: list[Expr] = []
    texts: dict[tuple[str | None, int], list[dict[Any, Any]]] = {}
    places: dict[tuple[str | None, int], int] = {}
    queue = list(reversed(parts))
    while queue:
        part = queue.pop()
        if isinstance(part, bool):
            if part:
                return True
            continue
        if part[0] == "or":
            queue.extend(reversed(part[1]))
        elif part[0] == "text":
            key = (part[1], part[2])
            if key not in texts:
                texts[key] = [{} for _ in part[3:]]
                places[key] = len(kept)
                kept.append(part)
            for have, more in zip(texts[key], part[3:], strict=True):
                # By their writing, since a glob is a list: each literal once, in order, however many there are.
                have.update((literal if isinstance(literal, str) else tuple(literal), literal) for literal in more)
        else:
            kept.append(part)
    for key, place in places.items():
        kept[place] = ["text", *key, *(list(literals.values()) for literals in texts[key])]
    return False if not kept else kept[0] if len(kept) == 1 else ["or", kept]


def negated(expr: Expr) -> Expr:
    """NOT with constants and double negation folded."""
    if isinstance(expr, bool):
        return not expr
    return expr[1] if expr[0] == "not" else ["not", expr]


def event_numbers(expr: Expr, *, positive: bool = True) -> frozenset[int] | None:
    """The Windows event numbers for which an expression (its negation where not `positive`) can hold; None: any."""
    if isinstance(expr, bool):
        return None if expr is positive else frozenset()
    kind = expr[0]
    if kind == "not":
        return event_numbers(expr[1], positive=not positive)
    if kind in ("and", "or"):
        sets = [event_numbers(part, positive=positive) for part in expr[1]]
        if (kind == "and") is positive:
            known = [numbers for numbers in sets if numbers is not None]
            return frozenset.intersection(*known) if known else None
        return None if None in sets else frozenset().union(*sets)  # type: ignore[arg-type]
    plain = positive and kind == "text" and expr[1] == "EventID" and not any(expr[4:])
    if plain and all(number.isdecimal() and number.isascii() and len(number) <= DIGITS for number in expr[3]):
        return frozenset(map(int, expr[3]))
    return None
