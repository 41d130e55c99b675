"""A correlator's memory as plain data, and back. What comes back may be foreign or broken: it is checked as it is read."""

import re
from collections.abc import Iterable, Iterator, Mapping
from fractions import Fraction
from typing import TYPE_CHECKING, Any, NamedTuple

from beffroi.detect.correlation.definition import NUMERIC
from beffroi.detect.correlation.group import Group
from beffroi.detect.correlation.measures import Event
from beffroi.detect.correlation.records import Counts, Identity

if TYPE_CHECKING:
    from beffroi.detect.correlation.correlator import Plan

FORMAT = "beffroi correlation state"
VERSION = 1

_NUMBER = re.compile(r"-?[0-9]{1,2000}(/[0-9]{1,2000})?", re.ASCII)


class StateError(ValueError):
    """The data are no state of a correlator of this version; the text says what is wrong with them."""


class Kept(NamedTuple):
    newest: int | None
    counts: dict[str, int]
    groups: dict[str, list[Group]]
    dropped: tuple[str, ...]


def head_of(newest: int | None, counts: Mapping[str, int], plans: Mapping[str, "Plan"]) -> dict[str, Any]:
    """All but the groups."""
    return {
        "format": FORMAT,
        "version": VERSION,
        "newest": newest,
        "counts": dict(counts),
        "correlations": {name: {"meaning": plan.meaning, "groups": []} for name, plan in plans.items()},
    }


def groups_of(plans: Mapping[str, "Plan"]) -> Iterator[tuple[str, dict[str, Any]]]:
    """(id of a correlation, one of its groups), one after the other: all of them at once would be as much again as is remembered."""
    for name, plan in plans.items():
        for group in plan.groups.values():
            yield name, _group(group)


def with_groups(head: dict[str, Any], groups: Iterable[tuple[str, Any]]) -> dict[str, Any]:
    """A whole state of its head and its groups. Raises StateError on what is none."""
    try:
        for name, group in groups:
            head["correlations"][name]["groups"].append(group)
    except (KeyError, TypeError, AttributeError) as error:
        raise StateError(f"not a {FORMAT}: {type(error).__name__}") from error
    return head


def _group(group: Group) -> dict[str, Any]:
    waiting = group.waiting
    withdrawn = {id(event) for event in waiting.withdrawn} if waiting else set()
    return {
        "key": _listed(group.key),
        "events": [_event(event) for event in group.events],
        "marks": [list(mark) for mark in group.marks.items()],
        "late": [_event(event) for event in waiting.late] if waiting else [],
        "withdrawn": [place for place, event in enumerate(group.events) if id(event) in withdrawn] if withdrawn else [],
        "stale": sorted(waiting.stale) if waiting else [],
        "touched": sorted(waiting.touched) if waiting else [],
    }


def _event(event: Event) -> list[Any]:
    time, rule, identity, values = event
    # Nearly all of it is text, and there are a hundred thousand events.
    texts = [value if value.__class__ is str else _value(value) for value in values]
    return [time, rule, identity if identity.__class__ is str else _listed(identity), texts]


def _listed(value: Any) -> Any:
    return [_listed(each) for each in value] if isinstance(value, tuple) else value


def _value(value: Any) -> Any:
    if isinstance(value, Fraction) or (isinstance(value, int) and not -(1 << 63) <= value < 1 << 63):
        return str(value)
    return _listed(value)


def from_plain(state: Mapping[str, Any], plans: Mapping[str, "Plan"]) -> Kept:
    """The groups of those correlations that mean what they meant. Raises StateError."""
    try:
        if state["format"] != FORMAT or state["version"] != VERSION:
            raise StateError(f"not a {FORMAT} of version {VERSION}")
        groups: dict[str, list[Group]] = {}
        dropped = []
        for name, kept in state["correlations"].items():
            plan = plans.get(name)
            if plan is None or kept["meaning"] != plan.meaning:
                dropped.append(str(name))
                continue
            groups[name] = [_to_group(each, plan) for each in kept["groups"]]
            if len({group.key for group in groups[name]}) != len(groups[name]):
                raise StateError(f"the correlation {name} has a group twice")
        newest = None if state["newest"] is None else _whole(state["newest"])
        counts = {name: _whole(number) for name, number in state["counts"].items() if name in Counts._fields}
        if newest is None and any(groups.values()):
            raise StateError("there are events, but no time of the newest")
        return Kept(newest, counts, groups, tuple(dropped))
    except StateError:
        raise
    except (KeyError, TypeError, ValueError, AttributeError, IndexError, ArithmeticError) as error:
        raise StateError(f"not a {FORMAT}: {type(error).__name__} {error}"[:200]) from error


def _to_group(plain: Mapping[str, Any], plan: "Plan") -> Group:
    key = tuple(_text(each) for each in plain["key"])
    if len(key) != len(plan.definition.group_by):
        raise StateError("a group has another number of texts than fields are grouped by")
    group = Group(key, plan.span, plan.make)
    group.events = [_to_event(each, plan) for each in plain["events"]]
    late = [_to_event(each, plan) for each in plain["late"]]
    if any(group.events[at][0] > group.events[at + 1][0] for at in range(len(group.events) - 1)):
        raise StateError("the events of a group are not in order of time")
    times = {event[0] for event in group.events}
    group.marks = {_whole(time): _whole(told) for time, told in plain["marks"]}
    stale = {_whole(time) for time in plain["stale"]}
    touched = {_whole(time) for time in plain["touched"]}
    places = {_whole(place) for place in plain["withdrawn"]}
    if group.marks.keys() - times or stale - times or places - set(range(len(group.events))):
        raise StateError("a group remembers moments at which it has no events")
    group.weight = sum(len(event[3]) or 1 for at, event in enumerate([*group.events, *late]) if at not in places)
    group.waits_for(late, [group.events[place] for place in sorted(places)], stale, touched)
    group.rebuild()
    return group


def _to_event(plain: Any, plan: "Plan") -> Event:
    time, rule, identity, values = plain
    if plan.definition.rules.index(plan.definition.rules[_whole(rule)]) != rule:
        raise StateError(f"an event of the rule in place {rule}, which does not exist")
    numeric = plan.definition.kind in NUMERIC
    if bool(values) != bool(plan.definition.fields):
        raise StateError("an event has no values where they are counted, or has them where they are not")
    return (
        _whole(time),
        rule,
        _identity(identity),
        tuple(_number(each) if numeric else _text(each) for each in values),
    )


def _whole(value: Any) -> int:
    if not isinstance(value, int) or isinstance(value, bool):
        raise StateError(f"{str(value)[:40]!r} stands where a whole number belongs")
    return value


def _number(value: Any) -> int | Fraction:
    if isinstance(value, str) and _NUMBER.fullmatch(value):
        fraction = Fraction(value)
        return fraction.numerator if fraction.denominator == 1 else fraction
    return _whole(value)


def _text(value: Any) -> Any:
    if isinstance(value, str):
        return value
    if isinstance(value, list) and all(isinstance(each, str) for each in value):
        return tuple(value)
    raise StateError(f"{str(value)[:40]!r} stands where a text belongs")


def _identity(value: Any) -> Identity:
    if isinstance(value, str):
        return value
    if isinstance(value, list):
        return tuple(_part(each) for each in value)
    raise StateError(f"{str(value)[:40]!r} stands where an identity belongs")


def _part(value: Any) -> Any:
    if value is None or isinstance(value, str | int):
        return value
    return _text(value)
