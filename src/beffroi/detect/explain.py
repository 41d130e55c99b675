"""Why a rule fires on an event, or does not: its condition as a tree, with what each part said."""

from datetime import tzinfo
from functools import reduce
from typing import Any, NamedTuple

from beffroi.core.model import Fields, LogSource, Message, message
from beffroi.detect.atoms import value_test
from beffroi.detect.ir import Expr, Rule
from beffroi.detect.keywords import keyword_test
from beffroi.detect.logsources import applies, event_number, targets, viewed
from beffroi.detect.matcher import Matcher
from beffroi.detect.values import text_of
from beffroi.detect.verify import reference

LISTED = 8
_SIGNS = {"eq": "=", "lt": "<", "lte": "≤", "gt": ">", "gte": "≥"}
_PARTS = {
    "minute": message("the minute"),
    "hour": message("the hour"),
    "day": message("the day"),
    "week": message("the week"),
    "month": message("the month"),
    "year": message("the year"),
}
_REFERENCES = {
    "equals": message("{field} is the value of {other}"),
    "starts": message("{field} starts with the value of {other}"),
    "ends": message("{field} ends with the value of {other}"),
    "contains": message("{field} contains the value of {other}"),
}


class Node(NamedTuple):
    """A part of a condition: what it asks, whether it holds, the value it looked at (tests only), and its own parts."""

    asks: Message
    holds: bool
    value: Any
    parts: tuple["Node", ...]

    def to_plain(self) -> dict[str, Any]:
        """As JSON can hold it."""
        plain: dict[str, Any] = {"asks": str(self.asks), "holds": self.holds}
        return plain | ({"parts": [part.to_plain() for part in self.parts]} if self.parts else {"value": self.value})


class Explanation(NamedTuple):
    """`applies`: the event is of the rule's log source. `root` is the condition, or the condition of that source first."""

    applies: bool
    fires: bool
    root: Node


def explain(rule: Rule, fields: Fields, zone: tzinfo, stated: LogSource | None = None) -> Explanation:
    """What the rule makes of one event. `fires` is the matcher's word, the tree shows where it comes from."""
    fires = bool(Matcher([rule], zone).match([(0, fields, None)], stated))
    guard: Expr = True
    seen, concerned = fields, False
    named, number = fields.get("Channel"), event_number(fields.get("EventID"))
    channel = named if isinstance(named, str) else ""
    if channel or (stated is None and number is not None and not isinstance(named, list | dict)):
        for target in targets(rule.logsource) or ():
            right_channel = not target.channels or channel.lower() in (name.lower() for name in target.channels)
            if right_channel and (target.events is None or number in target.events):
                seen, guard, concerned = viewed(target.view, fields), target.guard, True
    else:
        concerned = stated is not None and applies(rule.logsource, stated)
    condition: Expr = rule.condition if guard is True else ["and", [guard, rule.condition]]
    return Explanation(concerned, fires, _node(condition, seen, fields, zone))


def _node(expr: Expr, seen: Fields, own: Fields, zone: tzinfo) -> Node:
    if isinstance(expr, bool):
        return Node(message("always") if expr else message("never"), expr, None, ())
    kind = expr[0]
    if kind == "not":
        inner = _node(expr[1], seen, own, zone)
        return Node(message("not"), not inner.holds, None, (inner,))
    if kind in ("and", "or"):
        parts = tuple(_node(part, seen, own, zone) for part in expr[1])
        told = [part.holds for part in parts]
        if kind == "and":
            return Node(message("all of"), all(told), None, parts)
        return Node(message("one of"), any(told), None, parts)
    if expr[1] is None:
        return Node(_words(expr), keyword_test(expr)(own), None, ())
    if kind == "ref":
        holds = reference(expr)(seen, own)
        return Node(_words(expr), holds, [seen.get(expr[1]), seen.get(expr[3])], ())
    value = seen.get(expr[1])
    text = "" if value is None and expr[1] in seen else text_of(value)
    return Node(_words(expr), value_test(expr, zone)(text), value, ())


def _words(leaf: list[Any]) -> Message:
    kind, field = leaf[0], leaf[1] if leaf[1] is not None else message("any value")
    match kind:
        case "text":
            return _text(field, leaf)
        case "re":
            return message("{field} matches /{pattern}/", field=field, pattern=leaf[2])
        case "cidr":
            return message("{field} lies in {values}", field=field, values=_listed(leaf[2]))
        case "num":
            return message("{field} {sign} {number}", field=field, sign=_SIGNS[leaf[2]], number=leaf[3])
        case "none":
            return message("{field} has no value", field=field)
        case "some":
            return message("{field} has a value", field=field)
        case "exists":
            return message("{field} is there", field=field) if leaf[2] else message("{field} is not there", field=field)
        case "ref":
            return Message(_REFERENCES[leaf[2]].sentence, (("field", field), ("other", leaf[3])))
        case "time":
            values = {"part": _PARTS[leaf[2]], "field": field, "sign": _SIGNS[leaf[3]], "number": leaf[4]}
            return message("{part} of {field} {sign} {number}", **values)
    raise ValueError(kind)


def _text(field: str | Message, leaf: list[Any]) -> Message:
    equals, starts, ends, contains, globs = leaf[3:8]
    said = []
    if equals:
        said.append(message("{field} is {values}", field=field, values=_quoted(equals)))
    if starts:
        said.append(message("{field} starts with {values}", field=field, values=_quoted(starts)))
    if ends:
        said.append(message("{field} ends with {values}", field=field, values=_quoted(ends)))
    if contains:
        said.append(message("{field} contains {values}", field=field, values=_quoted(contains)))
    if globs:
        values = _quoted(["".join({1: "*", 2: "?"}.get(part, part) for part in glob) for glob in globs])
        said.append(message("{field} looks like {values}", field=field, values=values))
    whole = reduce(lambda left, right: message("{left}, or {right}", left=left, right=right), said)
    return message("{test} (case counts)", test=whole) if leaf[2] else whole


def _quoted(values: list[str]) -> str | Message:
    return _listed([repr(value) for value in values])


def _listed(values: list[str]) -> str | Message:
    first, *more = values[:LISTED]
    shown: str | Message = first
    for value in more:
        shown = message("{left} or {right}", left=shown, right=value)
    if len(values) > LISTED:
        return message("{left} or {count} more", left=shown, count=len(values) - LISTED)
    return shown
