"""Why a rule fires on an event, or does not: its condition as a tree, with what each part said."""

from datetime import tzinfo
from typing import Any, NamedTuple

from beffroi.core.model import Fields, LogSource
from beffroi.detect.atoms import value_test
from beffroi.detect.ir import Expr, Rule
from beffroi.detect.keywords import keyword_test
from beffroi.detect.logsources import applies, targets, with_view
from beffroi.detect.matcher import Matcher, reference
from beffroi.detect.values import text_of

LISTED = 8


class Node(NamedTuple):
    """A part of a condition: what it asks, whether it holds, the value it looked at (tests only), and its own parts."""

    asks: str
    holds: bool
    value: Any
    parts: tuple["Node", ...]

    def to_plain(self) -> dict[str, Any]:
        """As JSON can hold it."""
        plain: dict[str, Any] = {"asks": self.asks, "holds": self.holds}
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
    channel = fields.get("Channel")
    if isinstance(channel, str) and channel:
        for target in targets(rule.logsource) or ():
            right_channel = not target.channels or channel.lower() in (name.lower() for name in target.channels)
            if right_channel and (target.events is None or fields.get("EventID") in target.events):
                seen, guard, concerned = with_view(target.view, [fields])[0], target.guard, True
    else:
        concerned = stated is not None and applies(rule.logsource, stated)
    condition: Expr = rule.condition if guard is True else ["and", [guard, rule.condition]]
    return Explanation(concerned, fires, _node(condition, seen, fields, zone))


def _node(expr: Expr, seen: Fields, own: Fields, zone: tzinfo) -> Node:
    if isinstance(expr, bool):
        return Node("always" if expr else "never", expr, None, ())
    kind = expr[0]
    if kind == "not":
        inner = _node(expr[1], seen, own, zone)
        return Node("not", not inner.holds, None, (inner,))
    if kind in ("and", "or"):
        parts = tuple(_node(part, seen, own, zone) for part in expr[1])
        told = [part.holds for part in parts]
        return Node("all of" if kind == "and" else "one of", all(told) if kind == "and" else any(told), None, parts)
    if expr[1] is None:
        return Node(_words(expr), keyword_test(expr)(own), None, ())
    if kind == "ref":
        holds = reference(expr)(seen, own)
        return Node(_words(expr), holds, [seen.get(expr[1]), seen.get(expr[3])], ())
    value = seen.get(expr[1])
    text = "" if value is None and expr[1] in seen else text_of(value)
    return Node(_words(expr), value_test(expr, zone)(text), value, ())


def _words(leaf: list[Any]) -> str:
    kind, name = leaf[0], leaf[1] if leaf[1] is not None else "any value"
    if kind == "text":
        said = []
        for verb, literals in zip(("is", "starts with", "ends with", "contains"), leaf[3:7], strict=True):
            if literals:
                said.append(f"{verb} {_listed([repr(literal) for literal in literals])}")
        globs = ["".join({1: "*", 2: "?"}.get(part, part) for part in glob) for glob in leaf[7]]
        if globs:
            said.append(f"looks like {_listed([repr(glob) for glob in globs])}")
        return f"{name} {', or '.join(said)}" + (" (case counts)" if leaf[2] else "")
    words = {
        "re": lambda: f"{name} matches /{leaf[2]}/",
        "cidr": lambda: f"{name} lies in {_listed(leaf[2])}",
        "num": lambda: f"{name} {({'lt': '<', 'lte': '<=', 'gt': '>', 'gte': '>='})[leaf[2]]} {leaf[3]}",
        "none": lambda: f"{name} has no value",
        "some": lambda: f"{name} has a value",
        "exists": lambda: f"{name} is {'there' if leaf[2] else 'not there'}",
        "ref": lambda: f"{name} {leaf[2]} the value of {leaf[3]}",
        "time": lambda: f"the {leaf[2]} of {name} is {leaf[3]} {leaf[4]}",
    }
    return words[kind]()


def _listed(values: list[str]) -> str:
    shown = " or ".join(values[:LISTED])
    return shown + (f" or {len(values) - LISTED} more" if len(values) > LISTED else "")
