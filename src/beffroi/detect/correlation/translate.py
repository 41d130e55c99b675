"""Sigma correlation documents, as pySigma parses them, into `Correlation`.

Source: Sigma correlation rules specification 2.1. pySigma 2.0.1 checks the document; what it cannot parse although the
specification has it (several limits in one condition, operators in capitals) is read here from the document itself.
"""

import math
from collections.abc import Callable, Mapping
from typing import Any

from sigma.correlations import (
    SigmaCorrelationCondition,
    SigmaCorrelationRule,
    SigmaExtendedCorrelationCondition,
)
from sigma.exceptions import SigmaCorrelationConditionError

from beffroi.core.model import message
from beffroi.detect.correlation import expression as expressions
from beffroi.detect.correlation.definition import (
    NUMERIC,
    OPERATORS,
    TEMPORAL,
    Correlation,
    Expression,
    Number,
    Unevaluable,
)
from beffroi.detect.correlation.measures import check
from beffroi.detect.correlation.records import Limits
from beffroi.detect.saying import own_sentence

Resolve = Callable[[str], str | None]

LONGEST = 10 * 366 * 86400  # seconds
MOST_RULES = 1000


class CorrelationDocument(SigmaCorrelationRule):
    """pySigma's correlation rule, with the condition as the document gave it. Use its `from_dict` instead of pySigma's."""

    given: Any = None

    @classmethod
    def from_dict(cls, rule: dict[str, Any], collect_errors: bool = False, *args: Any, **kwargs: Any) -> Any:
        """As SigmaCorrelationRule.from_dict; additionally ranges (`gt: 100, lte: 200`) and operators in capitals."""
        section = rule.get("correlation")
        given = section.get("condition") if isinstance(section, dict) else None
        try:
            simple = _simplified(section, given) if isinstance(section, dict) else section
        except Unevaluable as error:
            fault = SigmaCorrelationConditionError(str(error))
            if not collect_errors:
                raise fault from error
            fault.__cause__ = error  # as above: it has the sentence for people
            return _Unread(fault)
        made = super().from_dict({**rule, "correlation": simple}, collect_errors, *args, **kwargs)
        made.given = given
        return made


class _Unread:
    """Stands for a document of which only the fault is known."""

    def __init__(self, fault: Exception) -> None:
        self.errors = [fault]
        self.id = None


def _simplified(section: dict[str, Any], given: Any) -> dict[str, Any]:
    """The section with a condition that pySigma understands."""
    if isinstance(given, dict):
        limits = [name for name in OPERATORS if name in given]
        for name in limits:
            _limit(name, given[name])
        return {**section, "condition": {k: v for k, v in given.items() if k not in limits[1:]}} if limits else section
    if isinstance(given, str) and section.get("type") in TEMPORAL:
        tree = expressions.parse(given)
        named = list(dict.fromkeys(expressions.leaves(tree)))
        rules = section.get("rules") or named
        return {**section, "rules": rules, "condition": {"gte": 1}}
    return section


def translate_correlation(
    rule: SigmaCorrelationRule, resolve: Resolve, *, correlation_id: str | None = None, path: str = ""
) -> Correlation:
    """The correlation as plain data. `resolve` gives the id of a rule or correlation called by its id or name, or None.

    Raises Unevaluable where it cannot be evaluated.
    """
    kind = rule.type.name.lower()
    if not 0 < rule.timespan.seconds <= LONGEST:
        raise Unevaluable(message("the timespan {span} is longer than ten years", span=rule.timespan.spec[:20]))
    given = getattr(rule, "given", None)
    if given is None:
        given = _given(rule.condition)
    tree = expressions.parse(given) if isinstance(given, str) else None
    ids = {name: _resolved(name, resolve) for name in _references(rule, tree)}
    made = Correlation(
        id=correlation_id or str(rule.id or rule.name or rule.title),
        title=rule.title or str(rule.name or rule.id),
        level=str(rule.level) if rule.level else "informational",
        tags=tuple(str(tag) for tag in rule.tags),
        name=rule.name,
        path=path,
        kind=kind,
        rules=tuple(ids[name] for name in _listed(rule, tree)),
        group_by=tuple(dict.fromkeys(rule.group_by or ())),
        aliases=_aliases(rule, ids, resolve),
        timespan=rule.timespan.seconds * 1_000_000,
        condition=_limits(given, rule, ids) if tree is None else (),
        expression=_over_rules(tree, rule, ids) if tree is not None else None,
        fields=_fields(kind, given),
        percentile=_percentile(kind, given),
        generate=bool(rule.generate),
        says=own_sentence(rule.custom_attributes),
    )
    check(made, Limits())
    return made


def _given(condition: Any) -> Any:
    """The condition of a rule that pySigma itself read."""
    if isinstance(condition, SigmaExtendedCorrelationCondition):
        return condition.expression
    assert isinstance(condition, SigmaCorrelationCondition)
    return condition.to_dict()


def _listed(rule: SigmaCorrelationRule, tree: Expression | None) -> list[str]:
    """The rules it names, in order; where only an expression names them, in the order of their first appearance."""
    named = [str(each.reference) for each in rule.rules or ()]
    return named or list(dict.fromkeys(expressions.leaves(tree) if tree is not None else ()))


def _references(rule: SigmaCorrelationRule, tree: Expression | None) -> list[str]:
    named = _listed(rule, tree)
    if not named:
        raise Unevaluable(message("it names no rule"))
    if len(named) > MOST_RULES:
        raise Unevaluable(message("it names {count} rules, more than {most}", count=len(named), most=MOST_RULES))
    return named


def _resolved(name: str, resolve: Resolve) -> str:
    found = resolve(name)
    if found is None:
        what = message("it refers to {name}, which is no rule that was loaded (by id or name)", name=repr(name))
        raise Unevaluable(what)
    return found


def _aliases(rule: SigmaCorrelationRule, ids: Mapping[str, str], resolve: Resolve) -> dict[str, dict[str, str]]:
    found = {}
    for alias in rule.aliases:
        fields = {}
        for reference, field in alias.mapping.items():
            own = ids.get(str(reference.reference)) or _resolved(str(reference.reference), resolve)
            if own not in ids.values():
                what = message(
                    "the alias {alias} speaks of {name}, which it does not correlate",
                    alias=str(alias.alias),
                    name=repr(reference.reference),
                )
                raise Unevaluable(what)
            if not isinstance(field, str):
                what = message(
                    "the alias {alias} gives {value} where a field's name belongs",
                    alias=str(alias.alias),
                    value=repr(field),
                )
                raise Unevaluable(what)
            fields[own] = field
        found[str(alias.alias)] = fields
    return found


def _over_rules(tree: Expression, rule: SigmaCorrelationRule, ids: Mapping[str, str]) -> Expression:
    """The expression with ids; it must speak of exactly the rules listed, as pySigma demands."""
    named = set(expressions.leaves(tree))
    for name in sorted(named - ids.keys()):
        what = message("the condition speaks of {name}, which is not among its rules", name=repr(name))
        raise Unevaluable(what)
    for name in sorted({str(each.reference) for each in rule.rules or ()} - named):
        raise Unevaluable(message("the condition does not speak of its rule {name}", name=repr(name)))
    return expressions.renamed(tree, ids.__getitem__)


def _limits(given: Any, rule: SigmaCorrelationRule, ids: Mapping[str, str]) -> tuple[tuple[str, Number], ...]:
    limits = tuple((name, _limit(name, given[name])) for name in OPERATORS if name in given)
    if not limits:
        raise Unevaluable(message("its condition has no limit (gt, gte, lt, lte, eq or neq)"))
    is_default = getattr(rule, "given", None) is None
    if is_default and rule.type.name == "TEMPORAL" and limits == (("gte", len(rule.rules or ())),):
        # The same rule listed twice (by name and id, say) is one rule, and pySigma's default counts two.
        return (("gte", len(set(ids.values()))),)
    return limits


def _limit(name: str, value: Any) -> Number:
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        raise Unevaluable(message("{name} needs a number, not {value}", name=name, value=repr(value)[:60]))
    try:
        number = int(value) if isinstance(value, int) or str(value).strip().isdecimal() else float(value)
    except ValueError:
        what = message("{name} needs a number, not {value}", name=name, value=repr(str(value)[:60]))
        raise Unevaluable(what) from None
    if not math.isfinite(number) or abs(number) >= 1 << 63:
        what = message("{name} needs a number that events can reach, not {value}", name=name, value=str(value)[:60])
        raise Unevaluable(what)
    return int(number) if number == int(number) else number


def _fields(kind: str, given: Any) -> tuple[str, ...]:
    if kind != "value_count" and kind not in NUMERIC:
        return ()
    field = given.get("field")
    fields = field if isinstance(field, list) else [field]
    if not fields or any(not isinstance(each, str) or not each for each in fields):
        raise Unevaluable(message("{kind} needs the name of a field", kind=kind))
    if kind in NUMERIC and len(fields) > 1:
        raise Unevaluable(message("{kind} takes one field, not {count}", kind=kind, count=len(fields)))
    return tuple(dict.fromkeys(fields))


def _percentile(kind: str, given: Any) -> Number | None:
    if kind != "value_percentile":
        return None
    value = given.get("percentile")
    if value is None:
        raise Unevaluable(message("value_percentile needs `percentile`, a number from 0 to 100"))
    percent = _limit("percentile", value)
    if not 0 <= percent <= 100:
        raise Unevaluable(message("the percentile {number} is not between 0 and 100", number=percent))
    return percent
