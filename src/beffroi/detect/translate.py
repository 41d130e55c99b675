"""Sigma rules, as pySigma parses them, into the plain expressions of `ir`.

pySigma is imported here and by the correlation translator only: a start from the cache never loads it.
Source: Sigma specification v2.1, rules and modifiers; our decisions are in docs/sigma.md.
"""

import base64
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from itertools import product
from math import prod
from typing import Any

import orjson
import re2
from sigma import modifiers as sigma_modifiers
from sigma.conditions import (
    ConditionAND,
    ConditionFieldEqualsValueExpression,
    ConditionNOT,
    ConditionOR,
    ConditionValueExpression,
)
from sigma.rule import SigmaRule
from sigma.types import (
    CompareOperators,
    Placeholder,
    SigmaBool,
    SigmaCasedString,
    SigmaCIDRExpression,
    SigmaCompareExpression,
    SigmaExists,
    SigmaExpansion,
    SigmaFieldReference,
    SigmaNull,
    SigmaNumber,
    SigmaRegularExpression,
    SigmaString,
    SigmaTimestampPart,
    SpecialChars,
)

from beffroi.core.model import LogSource, Message, UnfitError, message
from beffroi.detect.ir import Expr, Rule, all_of, any_of, event_numbers, fields_of, negated
from beffroi.detect.saying import own_sentence
from beffroi.detect.witness import gate

Placeholders = Mapping[str, Sequence[str]]

_OPERATORS = {
    CompareOperators.LT: "lt",
    CompareOperators.LTE: "lte",
    CompareOperators.GT: "gt",
    CompareOperators.GTE: "gte",
}

_NO_KEYWORDS: dict[type, Message] = {
    SigmaNull: message("a keyword cannot be null"),
    SigmaTimestampPart: message("a part of a time must belong to a field"),
    SigmaCIDRExpression: message("a network must belong to a field"),
    SigmaCompareExpression: message("a comparison must belong to a field"),
    SigmaFieldReference: message("a reference to a field must belong to a field"),
}
"""Values that can only be looked for in a field."""

MANY, ONE = 1, 2
MOST_EXPANSIONS = 5_000


class UntranslatableError(UnfitError):
    """A rule that cannot be evaluated, with the reason; the caller knows file and line."""


class _UnresolvedError(Exception):
    """A placeholder without values: the rule is blind."""


def _encode_wide(codec: str, mark: bytes = b"") -> Callable[[Any, SigmaString], SigmaString]:
    """pySigma keeps UTF-16 inside a str and so refuses what is not ASCII. Kept as Latin-1 here, a byte a character,
    which the base64 modifiers below take as bytes."""

    def modify(self: Any, val: SigmaString) -> SigmaString:  # noqa: ARG001 - pySigma calls it as a method
        if not val.s:
            return val  # nothing stays nothing, without a mark
        encoded = SigmaString()
        encoded.s = [part.encode(codec).decode("latin-1") if isinstance(part, str) else part for part in val.s]
        if mark:
            encoded.s.insert(0, mark.decode("latin-1"))
        return encoded

    return modify


def _bytes_of(val: SigmaString, applied: Sequence[type]) -> bytes:
    codec = "latin-1" if any(modifier in _WIDE for modifier in applied) else "utf-8"
    return "".join(part for part in val.s if isinstance(part, str)).encode(codec)


def _modifier(name: str, base: type, modify: Callable[..., Any]) -> type:
    made = type(name, (base,), {"modify": modify})
    # pySigma reads the accepted type from the annotation of `modify`.
    modify.__annotations__["val"] = SigmaString
    return made


def _base64(self: Any, val: SigmaString) -> SigmaString:
    _no_wildcards(val)
    return SigmaString.from_str(base64.b64encode(_bytes_of(val, self.applied_modifiers)).decode())


def _base64_offset(self: Any, val: SigmaString) -> SigmaExpansion:
    """The three forms a text takes inside a longer base64 text, without the characters its neighbours decide."""
    _no_wildcards(val)
    data = _bytes_of(val, self.applied_modifiers)
    forms = []
    for offset in range(3):
        encoded = base64.b64encode(b"\0" * offset + data).decode()
        rest = (offset + len(data)) % 3
        forms.append(encoded[(0, 2, 3)[offset] : (None, -3, -2)[rest]])
    return SigmaExpansion([SigmaString.from_str(form) for form in forms])


def _no_wildcards(val: SigmaString) -> None:
    if val.contains_special():
        raise UntranslatableError(message("base64 of a text with wildcards has no meaning"))


_wide = _modifier("Utf16LE", sigma_modifiers.SigmaWideModifier, _encode_wide("utf-16-le"))
_utf16be = _modifier("Utf16BE", sigma_modifiers.SigmaUTF16BEModifier, _encode_wide("utf-16-be"))
_utf16 = _modifier("Utf16", sigma_modifiers.SigmaUTF16Modifier, _encode_wide("utf-16-le", b"\xff\xfe"))
_WIDE = (_wide, _utf16be, _utf16)

# Names of the v2.1 appendix that pySigma 2.0 lacks or does for ASCII only.
sigma_modifiers.modifier_mapping.update(
    {
        "wide": _wide,
        "utf16le": _wide,
        "utf16be": _utf16be,
        "utf16": _utf16,
        "base64": _modifier("Base64", sigma_modifiers.SigmaBase64Modifier, _base64),
        "base64offset": _modifier("Base64Offset", sigma_modifiers.SigmaBase64OffsetModifier, _base64_offset),
    }
)
for _made in (_wide, _utf16be, _utf16):
    sigma_modifiers.reverse_modifier_mapping.setdefault(_made.__name__, _made.__name__.lower())


def translate(rule: SigmaRule, *, rule_id: str, path: str, placeholders: Placeholders) -> Rule:
    """The rule as plain data. Raises UntranslatableError or a pySigma error where it cannot be evaluated; a rule whose
    placeholder has no values comes back blind."""
    logsource = LogSource(rule.logsource.product, rule.logsource.category, rule.logsource.service)
    blind: str | None = None
    reader = _Conditions(placeholders)
    try:
        condition = any_of([reader.expression(condition.parsed) for condition in rule.detection.parsed_condition])
    except _UnresolvedError as missing:
        condition, blind = False, f"the list %{missing}% has no values"
    gated = gate(condition)
    try:
        condition_json = orjson.dumps(gated.condition)
    except TypeError:
        what = message("it holds a number of more than 64 bits or a letter outside Unicode")
        raise UntranslatableError(what) from None
    return Rule(
        id=rule_id,
        title=rule.title or rule_id,
        level=rule.level.name.lower() if rule.level else "informational",
        tags=tuple(f"{tag.namespace}.{tag.name}" for tag in rule.tags),
        logsource=logsource,
        path=path,
        fields=fields_of(condition),
        events=event_numbers(condition),
        witnesses=gated.witnesses,
        pivot=gated.pivot,
        name=rule.name,
        blind=blind,
        silent=False,
        condition_json=condition_json,
        says=own_sentence(rule.custom_attributes),
    )


def translate_selection(selection: Mapping[str, Any]) -> Expr:
    """One selection of a rule or filter, on its own, as an expression. Raises UntranslatableError."""
    detection = {"selection": dict(selection), "condition": "selection"}
    try:
        rule = SigmaRule.from_dict({"title": "selection", "logsource": {"category": "any"}, "detection": detection})
        [condition] = rule.detection.parsed_condition
        return _Conditions({}).expression(condition.parsed)
    except UntranslatableError:
        raise
    except Exception as error:
        raise UntranslatableError(message("{error}", error=str(error))) from error


class _Conditions:
    """Translates one rule's parsed conditions."""

    def __init__(self, placeholders: Placeholders) -> None:
        self._placeholders = placeholders

    def expression(self, node: Any) -> Expr:
        if isinstance(node, ConditionAND):
            return all_of([self.expression(part) for part in node.args])
        if isinstance(node, ConditionOR):
            return any_of([self.expression(part) for part in node.args])
        if isinstance(node, ConditionNOT):
            return negated(self.expression(node.args[0]))
        if isinstance(node, ConditionFieldEqualsValueExpression):
            return self._value(node.field, node.value)
        if isinstance(node, ConditionValueExpression):
            return self._value(None, node.value)
        raise UntranslatableError(message("a condition of the kind {kind} is not understood", kind=type(node).__name__))

    def _value(self, field: str | None, value: Any) -> Expr:
        if field is None and type(value) in _NO_KEYWORDS:
            raise UntranslatableError(_NO_KEYWORDS[type(value)])
        if isinstance(value, SigmaExpansion):
            return any_of([self._value(field, each) for each in value.values])
        if isinstance(value, SigmaString):
            return any_of([self._text(field, each) for each in self._expanded(value)])
        if isinstance(value, SigmaNull):
            return ["none", field]
        if isinstance(value, SigmaBool):
            return _literal(field, "true" if value.boolean else "false")
        if isinstance(value, SigmaTimestampPart):
            return ["time", field, value.timestamp_part.name.lower(), "eq", value.number]
        if isinstance(value, SigmaNumber):
            return _literal(field, str(value.number))
        if isinstance(value, SigmaRegularExpression):
            return any_of([self._regex(field, value, each) for each in self._expanded(value.regexp, literal=True)])
        if isinstance(value, SigmaCIDRExpression):
            return ["cidr", field, [str(value.network)]]
        if isinstance(value, SigmaCompareExpression):
            return self._compare(field, value)
        if isinstance(value, SigmaExists):
            return ["exists", field, bool(value)]
        if isinstance(value, SigmaFieldReference):
            return self._reference(field, value)
        raise UntranslatableError(message("a value of the kind {kind} is not understood", kind=type(value).__name__))

    @staticmethod
    def _compare(field: str | None, value: SigmaCompareExpression) -> Expr:
        operator = _OPERATORS[value.op]
        if isinstance(value.number, SigmaTimestampPart):
            return ["time", field, value.number.timestamp_part.name.lower(), operator, value.number.number]
        return ["num", field, operator, value.number.number]

    @staticmethod
    def _reference(field: str | None, value: SigmaFieldReference) -> Expr:
        place = {(True, True): "contains", (True, False): "starts", (False, True): "ends"}.get(
            (value.starts_with, value.ends_with), "equals"
        )
        return ["ref", field, place, value.field, 0]

    def _expanded(self, value: SigmaString, *, literal: bool = False) -> Iterator[SigmaString]:
        """The value with each placeholder replaced by each of its values, which may hold wildcards as any Sigma text
        (`literal`: taken as they are, inside a regular expression)."""
        choices: list[list[list[Any]]] = []
        for part in value.s:
            if isinstance(part, Placeholder):
                known = self._placeholders.get(part.name)
                if not known:
                    raise _UnresolvedError(part.name)
                choices.append([[one] if literal else SigmaString(one).s for one in known])
            else:
                choices.append([[part]])
        if prod(map(len, choices)) > MOST_EXPANSIONS:
            what = message("its placeholders stand for more than {most} texts together", most=MOST_EXPANSIONS)
            raise UntranslatableError(what)
        for chosen in product(*choices):
            expanded = type(value)()
            expanded.s = [part for parts in chosen for part in parts]
            yield expanded

    @staticmethod
    def _regex(field: str | None, value: SigmaRegularExpression, text: SigmaString) -> Expr:
        flags = "".join(sorted(value.sigma_to_re_flag[flag] for flag in value.flags))
        pattern = (f"(?{flags})" if flags else "") + str(text)
        options = re2.Options()
        options.log_errors = False
        try:
            re2.compile(pattern, options)
        except re2.error as error:
            what = message(
                "the regular expression {pattern} is not accepted by RE2: {error}", pattern=str(text), error=str(error)
            )
            raise UntranslatableError(what) from None
        return ["re", field, pattern]

    @staticmethod
    def _text(field: str | None, value: SigmaString) -> Expr:
        cased = isinstance(value, SigmaCasedString)
        tokens: list[str | int] = []
        for part in value.s:
            if isinstance(part, str):
                if part:
                    tokens.append(part if cased else part.lower())
            elif part is SpecialChars.WILDCARD_SINGLE:
                tokens.append(ONE)
            elif not tokens or tokens[-1] != MANY:
                tokens.append(MANY)
        if field is None:  # a keyword stands anywhere in a value
            tokens = [*([] if tokens[:1] == [MANY] else [MANY]), *tokens, *([] if tokens[-1:] == [MANY] else [MANY])]
        return _pattern(field, tokens, cased=cased)


def _literal(field: str | None, text: str) -> Expr:
    return _pattern(field, [text.lower()] if field is not None else [MANY, text.lower(), MANY], cased=False)


def _pattern(field: str | None, tokens: list[str | int], *, cased: bool) -> Expr:
    """The plainest test that says the same as a wildcard pattern."""
    joined: list[str | int] = []
    for token in tokens:
        if isinstance(token, str) and joined and isinstance(joined[-1], str):
            joined[-1] += token
        else:
            joined.append(token)
    if not joined:
        return ["none", field]
    if joined == [MANY]:
        return ["some", field]
    places: list[list[Any]] = [[], [], [], [], []]  # equals, starts, ends, contains, globs
    texts = [token for token in joined if isinstance(token, str)]
    if len(texts) == 1 and ONE not in joined:
        places[{(False, False): 0, (False, True): 1, (True, False): 2, (True, True): 3}[
            joined[0] == MANY, joined[-1] == MANY
        ]].append(texts[0])  # fmt: skip
    else:
        places[4].append(joined)
    return ["text", field, int(cased), *places]


def check_item(item: Any) -> None:
    """Raises what translating one detection item on its own raises; a placeholder without values is no fault."""
    reader = _Conditions({})
    for value in item.value:
        with suppress(_UnresolvedError):
            reader._value(item.field, value)  # noqa: SLF001 - the same module
