"""Events → matches as lines of JSON, in one process: the part of a hunt that takes the time."""

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import UTC, datetime
from itertools import islice
from typing import Any, NamedTuple

import orjson

from beffroi.core.model import Event, Fields
from beffroi.core.wording import shown
from beffroi.detect.ir import LEVELS, Rule
from beffroi.detect.matcher import Match, Matcher
from beffroi.detect.values import micros_of, moment_of, text_of
from beffroi.hunting.request import Request
from beffroi.logs.formats import Recording
from beffroi.rules.repository import RuleSet

BATCH = 192
"""Events whose new values are looked at together: enough to share the work, few enough to stay in the processor's cache."""

_CANONICAL = re.compile(r"[0-9]{4}-[01][0-9]-[0-3][0-9]T[0-2][0-9]:[0-5][0-9]:[0-6][0-9](\.[0-9]{1,9})?Z", re.ASCII)
_TIMES = ("TimeCreated", "@timestamp", "timestamp", "time", "eventTime", "EventTime", "UtcTime", "ts")
_HOSTS = ("Computer", "Hostname", "host", "hostname", "computer_name")


class Sink(NamedTuple):
    """Where a worker's findings go: lines of matches, and lines of base matches for correlation."""

    matches: Callable[[bytes], None]
    bases: Callable[[bytes], None]


class Tally(NamedTuple):
    """What one call of `Worker.run` saw: events, matches told, events without a log source."""

    events: int
    matches: int
    unsourced: int


class Worker:
    """A matcher with the request's limits around it; `named` are the paths a person gave."""

    def __init__(self, request: Request, ruleset: RuleSet) -> None:
        self._request = request
        self.named = frozenset(shown(path) for path in request.paths)
        least = LEVELS.index(request.level)
        self._feeding: dict[str, frozenset[str]] = {}
        if ruleset.correlations:
            from beffroi.detect.correlation import fields_needed  # a hunt without correlations starts without it

            self._feeding = fields_needed(ruleset.correlations)
        wanted = [rule for rule in ruleset.rules if rule.id in self._feeding or LEVELS.index(rule.level) >= least]
        self._told = {rule.id for rule in wanted if not rule.silent and LEVELS.index(rule.level) >= least}
        self._matcher = Matcher(wanted, request.zone)
        self._passed_over = 0  # events outside the time that was asked for
        self._sources = {rule.id: rule.logsource._asdict() for rule in wanted}

    def run(self, recordings: Iterable[Recording], sink: Sink) -> Tally:
        """All events of the recordings."""
        matcher, request = self._matcher, self._request
        start, unsourced, self._passed_over = matcher.events, matcher.unsourced, 0
        matches = 0
        for recording in recordings:
            events = recording.events()
            if request.since is not None or request.until is not None:
                events = self._within(events)
            looked = -1
            while looked != matcher.events:  # until there are no more
                looked = matcher.events
                for match in matcher.match(islice(events, BATCH), request.logsource):
                    matches += self._tell(match, recording.path, sink)
        return Tally(matcher.events - start + self._passed_over, matches, matcher.unsourced - unsourced)

    def blind(self) -> set[str]:
        """The ids of rules that had no event to look at so far."""
        return self._matcher.idle()

    def _within(self, events: Iterable[Event]) -> Iterator[Event]:
        since, until = self._request.since, self._request.until
        for event in events:
            moment = moment_of(_first(event[1], _TIMES), self._request.zone)
            if moment is not None and (since is None or moment >= since) and (until is None or moment < until):
                yield event
            else:
                self._passed_over += 1

    def _tell(self, match: Match, path: str, sink: Sink) -> int:
        rule, fields = match.rule, match.fields
        number, own, _ = match.event
        told = rule.id in self._told
        feeds = self._feeding.get(rule.id)
        text = _first(own, _TIMES)
        time = text if _CANONICAL.fullmatch(text) else self._iso(text)
        if told:
            line = {
                "time": time,
                "rule_id": rule.id,
                "rule": rule.title,
                "level": rule.level,
                "tags": rule.tags,
                "host": _first(own, _HOSTS) or None,
                "file": path,
                "record_id": number,
                "logsource": self._sources[rule.id],
                "fields": match.looked_at(),
            }
            sink.matches(_dumped(line))
        if feeds is not None:
            moment = moment_of(text, self._request.zone)
            if moment is not None:
                sink.bases(_base(rule, moment, own, fields, feeds, path, number, time))
        return int(told)

    def _iso(self, text: str) -> str | None:
        moment = moment_of(text, self._request.zone)
        try:
            return None if moment is None else moment.astimezone(UTC).isoformat().replace("+00:00", "Z")
        except OverflowError:  # the first or last day there is
            return None


def _first(fields: Fields, names: Sequence[str]) -> str:
    for name in names:
        value = fields.get(name)
        if value is not None:
            text = text_of(value)
            if isinstance(text, str) and text:
                return text
    return ""


def _dumped(line: dict[str, Any]) -> bytes:
    try:
        return orjson.dumps(line)
    except TypeError:  # a lone surrogate or a number of more than 64 bits
        return orjson.dumps(_clean(line))


def _clean(value: Any) -> Any:
    if isinstance(value, str):
        return value.encode("utf-8", "replace").decode()
    if isinstance(value, int) and not -(2**63) <= value < 2**64:
        return str(text_of(value))
    if isinstance(value, dict):
        return {_clean(name): _clean(part) for name, part in value.items()}
    if isinstance(value, list | tuple):
        return [_clean(part) for part in value]
    return value


def _base(
    rule: Rule,
    moment: datetime,
    own: Fields,
    fields: Fields,
    needed: frozenset[str],
    path: str,
    number: int,
    time: str | None,
) -> bytes:
    """One line that sorts by event time: the base match that correlation counts, with its event's identity."""
    micros = micros_of(moment)
    host, channel = own.get("Computer"), own.get("Channel")
    # Repeated recordings hold the same event again: what the source guarantees is its identity, not the file it lies in.
    identity = f"{host}\x1f{channel}\x1f{number}\x1f{time}" if channel is not None else f"{path}\x1f{number}"
    values = {name: text_of(fields[name]) for name in needed if name in fields}
    body = _dumped(
        {
            "rule": rule.id,
            "us": micros,
            "identity": identity,
            "fields": values,
            "file": path,
            "record": number,
            "host": host,
        }
    )
    return b"%020d\t" % (micros + 10**18) + body
