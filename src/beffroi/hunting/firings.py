"""Base matches in the order of time → what correlations say of them."""

from collections.abc import Iterator
from typing import Any

import orjson

from beffroi.detect.correlation import BaseMatch, Correlation, Correlator, Firing, in_order, silenced
from beffroi.detect.ir import LEVELS
from beffroi.detect.values import iso_of
from beffroi.hunting.request import Outcome, Request
from beffroi.hunting.spill import SortedSpill
from beffroi.rules.repository import RuleSet


class _Identity(str):
    """An event's identity, which also remembers where the event lay; equality is that of the identity alone."""

    __slots__ = ("file", "host", "record")
    file: str
    host: str | None
    record: int


def firings(request: Request, ruleset: RuleSet, bases: SortedSpill, outcome: Outcome) -> Iterator[bytes]:
    """Base matches in the order of time → what correlations say of them, as lines."""
    least = LEVELS.index(request.level)
    silent = silenced(ruleset.correlations)
    by_id = {each.id: each for each in ruleset.correlations}
    correlator = Correlator(ruleset.correlations, lateness_us=0)
    for firing in in_order(correlator, map(_base_match, bases.sorted())):
        correlation = by_id[firing.correlation]
        if correlation.id not in silent and LEVELS.index(correlation.level) >= least:
            yield orjson.dumps(_told(correlation, firing))
    outcome.forgotten = correlator.counts.events_forgotten


def _base_match(line: bytes) -> BaseMatch:
    base = orjson.loads(line.split(b"\t", 1)[1])
    identity = _Identity(base["identity"])
    identity.file, identity.host, identity.record = base["file"], base["host"], base["record"]
    fields = {name: tuple(value) if isinstance(value, list) else value for name, value in base["fields"].items()}
    return BaseMatch(base["rule"], base["us"], identity, fields)


def _told(correlation: Correlation, firing: Firing) -> dict[str, Any]:
    events = [
        {
            "file": each.identity.file,
            "record_id": each.identity.record,
            "time": iso_of(each.time_us),
            "rule_id": each.rule_id,
        }
        for each in firing.events
        if isinstance(each.identity, _Identity)
    ]
    hosts = {each.identity.host for each in firing.events if isinstance(each.identity, _Identity)}
    fields = {name: list(value) if isinstance(value, tuple) else value for name, value in firing.group}
    return {
        "time": iso_of(firing.time_us),
        "rule_id": correlation.id,
        "rule": correlation.title,
        "level": correlation.level,
        "tags": correlation.tags,
        "host": hosts.pop() if len(hosts) == 1 else None,
        "file": None,
        "record_id": None,
        "logsource": None,
        "fields": fields,
        "total": firing.total,
        "events": events,
    }
