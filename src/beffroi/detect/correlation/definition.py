"""A correlation as plain data: what a cache keeps and `correlator` runs. Needs neither pySigma nor YAML."""

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from beffroi.core.model import Message, UnfitError, message

KINDS = (
    "event_count",
    "value_count",
    "temporal",
    "temporal_ordered",
    "value_sum",
    "value_avg",
    "value_percentile",
    "value_median",
)
TEMPORAL = ("temporal", "temporal_ordered")
NUMERIC = ("value_sum", "value_avg", "value_percentile", "value_median")
OPERATORS = ("gt", "gte", "lt", "lte", "eq", "neq")

Expression = list[Any]
"""`["rule", id]`, `["not", e]`, `["and", [e, …]]` or `["or", [e, …]]`"""

Number = int | float


class Unevaluable(UnfitError):
    """A correlation that cannot be evaluated, with the reason; the caller knows file and line."""


@dataclass(frozen=True, slots=True)
class Correlation:
    """A Sigma correlation (specification 2.1, "Correlation rules") with its references resolved.

    `rules` are ids of rules or of other correlations, in the document's order. `group_by` are names of aliases or of fields;
    `aliases` gives, for an alias, the field of each rule. `timespan` is in microseconds. The condition is either `condition`,
    pairs of operator and limit that must all hold, or `expression` over the rules (temporal kinds only). `fields` are those
    counted (value_count) or added up (one). `generate` says that the rules referred to speak for themselves too.
    """

    id: str
    title: str
    level: str
    tags: tuple[str, ...]
    name: str | None
    path: str
    kind: str
    rules: tuple[str, ...]
    group_by: tuple[str, ...]
    aliases: Mapping[str, Mapping[str, str]]
    timespan: int
    condition: tuple[tuple[str, Number], ...]
    expression: Expression | None
    fields: tuple[str, ...]
    percentile: Number | None
    generate: bool
    says: Mapping[str, str] | None = None
    """A sentence of its own, by language."""

    def to_plain(self) -> dict[str, Any]:
        """Lists, dicts, strings, numbers, booleans and None only."""
        return {
            "id": self.id,
            "title": self.title,
            "level": self.level,
            "tags": list(self.tags),
            "name": self.name,
            "path": self.path,
            "kind": self.kind,
            "rules": list(self.rules),
            "group_by": list(self.group_by),
            "aliases": {alias: dict(fields) for alias, fields in self.aliases.items()},
            "timespan": self.timespan,
            "condition": [list(limit) for limit in self.condition],
            "expression": self.expression,
            "fields": list(self.fields),
            "percentile": self.percentile,
            "generate": self.generate,
            "says": self.says,
        }

    @classmethod
    def from_plain(cls, plain: Mapping[str, Any]) -> "Correlation":
        """What `to_plain` gave. Raises KeyError, TypeError or ValueError on anything else."""
        taken = dict(plain)
        for name in ("tags", "rules", "group_by", "fields"):
            taken[name] = tuple(str(each) for each in taken[name])
        taken["condition"] = tuple((str(operator), limit) for operator, limit in taken["condition"])
        made = cls(**taken)
        if made.kind not in KINDS or made.timespan <= 0 or any(name not in OPERATORS for name, _ in made.condition):
            raise ValueError(f"{made.id}: not a correlation of this version")
        return made

    @property
    def meaning(self) -> str:
        """A digest of what decides whether it fires: two correlations that share it can share their state."""
        told = {"id", "title", "level", "tags", "name", "path", "generate", "says"}
        decides = {name: value for name, value in self.to_plain().items() if name not in told}
        text = json.dumps(decides, sort_keys=True, separators=(",", ":"))
        return hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=16).hexdigest()

    @property
    def threshold(self) -> Number | None:
        """From how many on it fires; None where it fires on no number, or on fewer than one."""
        return next((limit for operator, limit in self.condition if operator in ("gt", "gte")), None)

    def speaking_from(self, count: Number) -> "Correlation":
        """The same, firing from another number on; as it is where it fires on none."""
        if self.threshold is None:
            return self
        kept = [limit for limit in self.condition if limit[0] not in ("gt", "gte")]
        return replace(self, condition=(("gte", count), *kept))

    def field_of(self, name: str, rule: str) -> str:
        """The field that a name of `group_by` or `fields` means in events of the rule."""
        return self.aliases.get(name, {}).get(rule, name)


def rests_on(name: str, by_id: Mapping[str, Correlation]) -> set[str]:
    """The ids of a correlation and of all rules and correlations that it rests on, directly or through others."""
    found, waiting = {name}, [name]
    while waiting:
        below = [each for each in by_id[waiting.pop()].rules if each not in found]
        found.update(below)
        waiting += [each for each in below if each in by_id]
    return found


def arrange(correlations: Iterable[Correlation]) -> tuple[list[Correlation], list[tuple[Correlation, Unevaluable]]]:
    """(those that can run, each after those it rests on; those that cannot, with the reason).

    Cannot run: correlations that wait for each other in a circle, those resting on one that cannot run, and those that group
    by or count a field which the correlation they rest on does not group by: its firings have no such field.
    """
    by_id = {each.id: each for each in correlations}
    waiting, ready = dict(by_id), list[Correlation]()
    refused: dict[str, tuple[Correlation, Unevaluable]] = {}
    went_on = True
    while went_on:
        went_on = False
        for each in list(waiting.values()):
            below = [by_id[rule] for rule in each.rules if rule in by_id]
            if any(rule.id in waiting for rule in below):
                continue
            del waiting[each.id]
            went_on = True
            reason = next((reason for rule in below if (reason := _cannot_rest(each, rule, rule.id in refused))), None)
            if reason:
                refused[each.id] = (each, Unevaluable(reason))
            else:
                ready.append(each)
    named = ", ".join(each.name or each.id for each in waiting.values())
    reason = message("correlations wait for each other: {names}", names=named)
    circle = [(each, Unevaluable(reason)) for each in waiting.values()]
    return ready, [*refused.values(), *circle]


def _cannot_rest(upper: Correlation, lower: Correlation, lower_is_refused: bool) -> Message | None:
    below = lower.name or lower.id
    if lower_is_refused:
        return message("it rests on the correlation {below}, which cannot be evaluated", below=below)
    for name in (*upper.group_by, *upper.fields):
        field = upper.field_of(name, lower.id)
        if field not in lower.group_by:
            if name in upper.group_by:
                return message(
                    "it groups by {field}, but the correlation {below} it rests on does not group by it",
                    field=field,
                    below=below,
                )
            return message(
                "it counts {field}, but the correlation {below} it rests on does not group by it",
                field=field,
                below=below,
            )
    return None


def silenced(correlations: Iterable[Correlation]) -> frozenset[str]:
    """The ids of rules and correlations that do not speak for themselves: some correlation refers to them without `generate`."""
    return frozenset(rule for each in correlations if not each.generate for rule in each.rules)


def fields_needed(correlations: Iterable[Correlation]) -> dict[str, frozenset[str]]:
    """For each rule that a correlation rests on: the fields that correlations read of its events."""
    needed: dict[str, set[str]] = {}
    for correlation in correlations:
        for own_id in correlation.rules:
            names = (*correlation.group_by, *correlation.fields)
            needed.setdefault(own_id, set()).update(correlation.field_of(name, own_id) for name in names)
    return {own_id: frozenset(fields) for own_id, fields in needed.items()}
