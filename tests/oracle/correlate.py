"""Sigma correlations over a complete list of base matches, by looking at every window anew: quadratic and plain.

Sigma correlation rules specification 2.x. For each group, at each moment at which one of its events stands, the window
(moment - timespan, moment] is looked at; the correlation fires where its condition holds and did not hold at the group's
preceding moment. Events of one moment are one step: their order in the list decides nothing.
"""

import itertools
import math
import operator
import re
import statistics
from collections.abc import Callable, Iterable, Sequence
from fractions import Fraction
from typing import Any, NamedTuple

from . import values
from .conditions import Parser, tokens
from .errors import Unsupported

Match = tuple[str, int, dict[str, Any]]
"""rule (its name or id, as the correlation calls it), microseconds since 1970, the event's fields"""
Key = tuple[Any, ...]
Firing = tuple[Key, int]

COMPARISONS: dict[str, Callable[[Any, Any], bool]] = {
    "gt": operator.gt,
    "gte": operator.ge,
    "lt": operator.lt,
    "lte": operator.le,
    "eq": operator.eq,
    "neq": operator.ne,
}
SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 7 * 86400}
METRICS = ("value_sum", "value_avg", "value_percentile", "value_median")
TYPES = ("event_count", "value_count", "temporal", "temporal_ordered", *METRICS)


class Event(NamedTuple):
    """A match that belongs to the correlation."""

    rule: str
    time: int
    key: Key
    values: tuple[Any, ...]
    """what it adds: distinct tuples of texts (value_count) or numbers (the metrics)"""


def correlate(correlation: dict[str, Any], matches: Sequence[Match]) -> list[Firing]:
    """Where the correlation fires: (group key, time) in time order. `matches` in any order."""
    section = correlation.get("correlation", correlation)
    if section.get("type") not in TYPES:
        raise Unsupported(f"the correlation type {section.get('type')!r} is unknown")
    holds = condition(section)
    span = timespan(section.get("timespan"))
    groups: dict[Key, list[Event]] = {}
    for match in matches:
        event = contribution(section, match)
        if event:
            groups.setdefault(event.key, []).append(event)
    firings = [(key, time) for key, events in groups.items() for time in rising_edges(events, span, holds)]
    return sorted(firings, key=lambda firing: (firing[1], repr(firing[0])))


def rising_edges(events: list[Event], span: int, holds: Callable[[list[Event]], bool]) -> list[int]:
    moments = sorted({event.time for event in events})
    held = [holds([event for event in events if moment - span < event.time <= moment]) for moment in moments]
    # Where nothing happened for a whole timespan the window was empty between, and what follows is a new edge.
    before = [i > 0 and held[i - 1] and moment - moments[i - 1] < span for i, moment in enumerate(moments)]
    return [moment for i, moment in enumerate(moments) if held[i] and not before[i]]


def timespan(given: Any) -> int:
    """Microseconds of `15m`."""
    found = re.fullmatch("([1-9][0-9]*)([smhdw])", str(given))
    if not found:
        raise Unsupported(f"{given!r} is no timespan")
    return int(found[1]) * SECONDS[found[2]] * 1_000_000


def as_list(given: Any) -> list[Any]:
    if given is None:
        return []
    return given if isinstance(given, list) else [given]


def rule_names(section: dict[str, Any]) -> list[str]:
    """The rules correlated, in their order; with an extended condition and no list, those it names."""
    named = [str(name) for name in as_list(section.get("rules"))]
    if not named and isinstance(section.get("condition"), str):
        words = [word for word in tokens(section["condition"]) if word.lower() not in ("and", "or", "not", "(", ")")]
        named = list(dict.fromkeys(words))
    if not named:
        raise Unsupported("a correlation of no rules")
    return named


def contribution(section: dict[str, Any], match: Match) -> Event | None:
    """The match as an event of this correlation: None when it is of another rule or lacks a field to group by or to count."""
    rule, time, fields = match
    if rule not in rule_names(section):
        return None
    aliases = section.get("aliases") or {}
    key = tuple(
        group_value(fields.get((aliases.get(name) or {}).get(rule, name))) for name in as_list(section.get("group-by"))
    )
    if any(part in ("", ()) for part in key):
        return None
    counted = [fields.get((aliases.get(name) or {}).get(rule, name)) for name in counted_fields(section)]
    if section["type"] == "value_count":
        tuples = tuple(itertools.product(*([unmapped(text) for text in values.texts(value)] for value in counted)))
        return Event(rule, time, key, tuples) if tuples else None
    if section["type"] in METRICS:
        numbers = [values.number(text) for text in values.texts(counted[0])]
        found = tuple(Fraction(number) for number in numbers if number is not None)
        return Event(rule, time, key, found) if found else None
    return Event(rule, time, key, ())


def group_value(value: Any) -> Any:
    """What events are grouped by: the text, of a list all its texts; '' or () when there is none."""
    return tuple(map(unmapped, values.texts(value))) if isinstance(value, list) else unmapped(values.text(value))


def unmapped(text: str) -> str:
    """An IPv4 address in IPv6's writing is that address."""
    return re.sub(r"(?i)\A::ffff:(?=.*\.)", "", text, flags=re.DOTALL)


def counted_fields(section: dict[str, Any]) -> list[str]:
    if section["type"] != "value_count" and section["type"] not in METRICS:
        return []
    given = section.get("condition")
    fields = [str(name) for name in as_list(given.get("field") if isinstance(given, dict) else None)]
    if not fields or (len(fields) > 1 and section["type"] != "value_count"):
        raise Unsupported(f"{section['type']} counts {'one field' if fields else 'a field'}")
    return fields


def condition(section: dict[str, Any]) -> Callable[[list[Event]], bool]:
    """The correlation's condition as a test on the events of a window."""
    given = section.get("condition")
    temporal = section["type"] in ("temporal", "temporal_ordered")
    if isinstance(given, str):
        if not temporal:
            raise Unsupported("only temporal correlations take a condition in words")
        return in_words(section, given)
    if given is None:
        if not temporal:
            raise Unsupported("no condition")
        given = {
            "gte": len(dict.fromkeys(rule_names(section)) if section["type"] == "temporal" else rule_names(section))
        }
    limits = [(COMPARISONS[name], Fraction(str(limit))) for name, limit in given.items() if name in COMPARISONS]
    unknown = set(given) - set(COMPARISONS) - {"field", "percentile"}
    if unknown or not limits:
        raise Unsupported(f"the condition {given!r} is not understood")
    measure = measured(section, given)
    return lambda window: all(compare(measure(window), limit) for compare, limit in limits)


def measured(section: dict[str, Any], given: dict[str, Any]) -> Callable[[list[Event]], Any]:
    """The figure which the condition compares."""

    def numbers(window: list[Event]) -> list[Any]:
        return [value for event in window for value in event.values]

    def percentile(window: list[Event]) -> Fraction:
        return interpolated(numbers(window), Fraction(str(given["percentile"])))

    if section["type"] == "value_percentile" and not 0 <= given.get("percentile", -1) <= 100:
        raise Unsupported("value_percentile needs a percentile between 0 and 100")
    names = rule_names(section)
    measures: dict[str, Callable[[list[Event]], Any]] = {
        "event_count": len,
        "value_count": lambda window: len(set(numbers(window))),
        "temporal": lambda window: len({event.rule for event in window}),
        "temporal_ordered": lambda window: longest_in_order(names, window),
        "value_sum": lambda window: sum(numbers(window)),
        "value_avg": lambda window: statistics.mean(numbers(window)),
        "value_median": lambda window: statistics.median(numbers(window)),
        "value_percentile": percentile,
    }
    return measures[section["type"]]


def interpolated(numbers: list[Fraction], percent: Fraction) -> Fraction:
    """The percentile by linear interpolation between the closest ranks, so that the 50th is the median."""
    ordered = sorted(numbers)
    rank = percent / 100 * (len(ordered) - 1)
    low, high = ordered[math.floor(rank)], ordered[math.ceil(rank)]
    return low + (high - low) * (rank - math.floor(rank))


def occurs_in_order(names: Sequence[str], window: list[Event]) -> bool:
    """Whether events of these rules, one each, stand in the window in this order; events of one moment are in any order."""
    waiting = list(names)
    for _, moment in itertools.groupby(sorted(window, key=lambda event: event.time), key=lambda event: event.time):
        present = [event.rule for event in moment]
        while waiting and waiting[0] in present:
            present.remove(waiting.pop(0))
    return not waiting


def longest_in_order(names: Sequence[str], window: list[Event]) -> int:
    """How many of the rules can be met in their order, leaving some out."""
    for count in range(len(names), 0, -1):
        if any(occurs_in_order(some, window) for some in itertools.combinations(names, count)):
            return count
    return 0


def in_words(section: dict[str, Any], text: str) -> Callable[[list[Event]], bool]:
    """An extended condition: a rule's name is true when the window has an event of it.

    temporal_ordered: some choice of rules that are present makes the condition true, and they stand in their order; a name that
    is negated speaks of the whole window.
    """

    def is_present(name: str) -> Callable[[set[str]], bool]:
        return lambda present: name in present

    names = rule_names(section)
    presence = Parser[set[str]](text, {name: is_present(name) for name in names}).parse()
    if section["type"] == "temporal":
        return lambda window: presence({event.rule for event in window})
    negated = negated_names(text)

    def ordered(window: list[Event]) -> bool:
        present = {event.rule for event in window}
        free = [name for name in dict.fromkeys(names) if name in present and name not in negated]
        choices = itertools.chain.from_iterable(itertools.combinations(free, count) for count in range(len(free) + 1))
        return any(
            presence({*choice, *(present & negated)})
            and occurs_in_order([name for name in names if name in choice], window)
            for choice in choices
        )

    return ordered


def negated_names(text: str) -> set[str]:
    """The names under a `not`, taken widely: in brackets after it too."""
    found: set[str] = set()
    depth, negated_from = 0, None
    words = tokens(text)
    for before, word in itertools.pairwise(["", *words]):
        if word == "(":
            depth += 1
            if before.lower() == "not" and negated_from is None:
                negated_from = depth
        elif word == ")":
            if negated_from == depth:
                negated_from = None
            depth -= 1
        elif word.lower() not in ("and", "or", "not") and (negated_from is not None or before.lower() == "not"):
            found.add(word)
    return found


def correlate_all(documents: Iterable[dict[str, Any]], matches: Sequence[Match]) -> dict[str, list[Firing]]:
    """Correlations that may build on each other: the firings of each by its name (else id).

    A firing is a match of its correlation whose fields are what it was grouped by.
    """
    waiting, known = list(documents), list(matches)
    done: dict[str, list[Firing]] = {}
    while waiting:
        awaited = {reference for document in waiting for reference in references(document)}
        ready = [document for document in waiting if not awaited & {*rule_names(document["correlation"])}]
        if not ready:
            raise Unsupported(f"correlations wait for each other: {', '.join(sorted(awaited))}")
        waiting = [document for document in waiting if document not in ready]
        for document in ready:
            firings = done[references(document)[0]] = correlate(document, known)
            grouped = as_list(document["correlation"].get("group-by"))
            for key, time in firings:
                fields = dict(zip(grouped, key, strict=True))
                known += [(reference, time, fields) for reference in references(document)]
    return done


def references(document: dict[str, Any]) -> list[str]:
    """What other correlations may call this one."""
    return [str(document[name]) for name in ("name", "id") if document.get(name) is not None]
