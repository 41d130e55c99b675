"""Plays a stream of what shippers send (`beffroi.demo`) through the house's real path, however long, and tells which incidents came of it."""

import shutil
from collections.abc import Iterable, Iterator
from datetime import datetime
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
from benchmarks.playing import BATCH, HOUR, Player
from sqlalchemy import select

from beffroi.core.situations import situation_of
from beffroi.demo import Sent
from beffroi.detect.ir import LEVELS
from beffroi.incidents.raising import Raiser
from beffroi.incidents.traces import Traces
from beffroi.logs.arrival import Arrival
from beffroi.store import Store, tables


class Match(NamedTuple):
    """A rule that held. `named` are the machines, accounts, addresses and files that it names, in small letters."""

    time: datetime
    title: str
    level: str
    situation: str
    named: frozenset[str]


class Incident(NamedTuple):
    """What a person would be told of, and of what it is made."""

    severity: str
    matches: tuple[Match, ...]

    @property
    def situations(self) -> frozenset[str]:
        return frozenset(each.situation for each in self.matches)

    @property
    def named(self) -> frozenset[str]:
        return frozenset().union(*(each.named for each in self.matches))

    @property
    def first(self) -> datetime:
        return min(each.time for each in self.matches)

    @property
    def last(self) -> datetime:
        return max(each.time for each in self.matches)

    @property
    def grave(self) -> int:
        """The place of its severity among Sigma's levels."""
        return LEVELS.index(self.severity)

    def __str__(self) -> str:
        titles = sorted({f"{each.title} [{each.situation}, {each.level}]" for each in self.matches})
        return f"{self.severity} from {self.first:%a %d %H:%M:%S} to {self.last:%a %d %H:%M:%S} UTC, {len(self.matches)}: {'; '.join(titles)}"


class Listener(Player):
    """The house's path, begun anew for each stream."""

    def hear(self, sent: Iterable[Sent]) -> list[Incident]:
        """All incidents of a stream, each message received half a second after it was sent, in the order of their first match."""
        data = Path(self._folder.name) / "data"
        shutil.copytree(self._empty, data)
        assert self._understander.restore(self._fresh)
        try:
            with Store.open(data) as store:
                self._listen(store, sent)
                return _incidents(store)
        finally:
            shutil.rmtree(data)

    def _listen(self, store: Store, sent: Iterable[Sent]) -> None:
        raiser, now, position = Raiser(store), 0, 0
        for batch in _batches(sent):
            arrivals = []
            for at, source, form, message in batch:
                now = max(now, int((at.timestamp() + 0.5) * 1e6))
                position += 1
                arrivals.append((position, Arrival(now, f"s-{source}", "bulk", "192.0.2.7", form, [message])))
            self._keep(store, raiser, self._understander.understand(arrivals), now)
        for _ in range(2):  # an hour later nothing late is waited for any more
            now += int(HOUR * 1e6)
            self._keep(store, raiser, self._understander.settle(position, now), now)


def _batches(sent: Iterable[Sent]) -> Iterator[list[Sent]]:
    stream = iter(sent)
    while batch := list(islice(stream, BATCH)):
        yield batch


def _incidents(store: Store) -> list[Incident]:
    m, s, i = tables.matches.c, tables.strands.c, tables.incidents.c
    query = (
        select(m.time, m.title, m.level, m.tags, m.host, m.fields, m.traces, s.incident_id, i.severity)
        .join(tables.strands, m.strand_id == s.id)
        .join(tables.incidents, s.incident_id == i.id)
        .order_by(m.time, m.id)
    )
    with store.read() as connection:
        rows = connection.execute(query).all()
    found: dict[int, tuple[str, list[Match]]] = {}
    for row in rows:
        match = Match(
            datetime.fromisoformat(row.time),
            row.title,
            row.level,
            situation_of(msgspec.json.decode(row.tags)),
            _named(row),
        )
        found.setdefault(row.incident_id, (row.severity, []))[1].append(match)
    return [Incident(severity, tuple(matches)) for severity, matches in found.values()]


def _named(row: Any) -> frozenset[str]:
    """What a match names: its entities, and what a correlation is grouped by."""
    entities = msgspec.json.decode(row.traces, type=Traces).entities
    fields = msgspec.json.decode(row.fields)
    values = [each.value for each in entities] + [each for each in fields.values() if isinstance(each, str)]
    return frozenset(each.lower() for each in (*values, row.host) if each)
