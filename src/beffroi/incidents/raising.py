"""Matches in the store → incidents in the store, in one transaction a batch: after a crash nothing is raised twice and nothing is missing.

What waits are the matches with `pending = 1`; that mark goes in the transaction that takes note of them. What is remembered between two batches
is written in that transaction too; where it fails, all is read again.
"""

import logging
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final

import msgspec
from sqlalchemy import Connection, Row, bindparam, delete, func, select, update

from beffroi.core.model import Message
from beffroi.detect.ir import LEVELS
from beffroi.detect.values import micros_of
from beffroi.incidents import records
from beffroi.incidents.grouping import Pair, group, reachable
from beffroi.incidents.judging import MEDIUM, Facts
from beffroi.incidents.strands import Sighting, Strand, Strands
from beffroi.incidents.traces import Traces, host_name
from beffroi.store import Store, tables
from beffroi.store.times import now as clock

log = logging.getLogger("beffroi.incidents")

BATCH: Final = 500
REBUILT: Final = 5_000
"""Matches of a strand that are looked at anew where one of them is withdrawn; a larger strand keeps its shape."""
RECOUNTED: Final = 20_000
"""Matches of such a strand that are counted anew where some of them are withdrawn or hidden."""
DECIDED: Final = frozenset({"normal", "exercise", "duplicate"})
"""Closed so, an incident is not joined by what merely lies near it: that might be something else."""


class _Known(msgspec.Struct):
    """What is remembered of strands that may be continued. `next` is the id of the next strand: where the store names another, somebody
    else has changed them."""

    next: int
    strands: dict[bool, Strands]
    """By whether they are of the past."""
    facts: dict[int, Facts]
    incident: dict[int, int]
    why: dict[int, Message | None]


class Raiser:
    """Takes note of matches. Not for two threads at once."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._known: _Known | None = None

    def catch_up(self, now: datetime | None = None) -> int:
        """Take note of all that waits; how many matches. Raises StoreError where the store refuses; then nothing is lost."""
        done = 0
        while True:
            some = self._batch(now or clock())
            done += some
            if some < BATCH:
                return done

    def _batch(self, now: datetime) -> int:
        known, self._known = self._known, None  # where the transaction fails, what is remembered is no longer true
        with self._store.read() as connection:
            waiting = connection.scalar(select(tables.matches.c.id).where(tables.matches.c.pending == 1).limit(1))
            stale = connection.scalar(select(tables.strands.c.id).where(tables.strands.c.stale == 1).limit(1))
        if waiting is None and stale is None:
            self._known = known
            return 0
        with self._store.write() as change:
            if known is None or stale is not None or known.next != records.next_(change):
                known = _load(change)
            count = _Batch(change, known, now).run()
        self._known = known
        return count


def regroup(change: Connection, incidents: Iterable[int], now: datetime) -> None:
    """Group anew what a person has just decided about, within their transaction."""
    known = _load(change)
    known.next += 1
    _Batch(change, known, now).regroup(incidents)


class _Batch:
    """One transaction's work."""

    def __init__(self, change: Connection, known: _Known, now: datetime) -> None:
        self._change = change
        self._known = known
        self._now = now
        self._dirty: set[int] = set()
        self._was: dict[int, int] = {}
        """Of matches that are looked at anew: the incident that they were of."""
        self._shrunk: set[int] = set()
        """Incidents of which a strand is looked at anew."""

    def run(self) -> int:
        self._dissolve_stale()
        query = select(tables.matches).where(tables.matches.c.pending == 1).order_by(tables.matches.c.id).limit(BATCH)
        rows = self._change.execute(query).all()
        of: dict[int, int] = {}
        for row in rows:
            if row.hidden_by is None and row.strand_id is None:
                self._take(row, of)
        self._noted({row.id: of.get(row.id, row.strand_id) for row in rows})
        self._regroup()
        self._settle()
        self._let_go()
        return len(rows)

    def regroup(self, incidents: Iterable[int]) -> None:
        """Group anew the strands of some incidents."""
        wanted = set(incidents)
        self._dirty |= {strand for strand, incident in self._known.incident.items() if incident in wanted}
        self._regroup()
        self._judge(wanted)
        self._let_go()

    # --- strands ------------------------------------------------------------------------------------------------------------------

    def _take(self, row: Row[Any], of: dict[int, int]) -> None:
        sighting = sighting_of(row)
        strands = self._known.strands[bool(row.historic)]
        strand, gone = strands.add(sighting, self._known.next)
        if strand.id == self._known.next:
            self._known.next += 1
            self._known.facts[strand.id] = Facts()
        for other in gone:
            self._merged(strand, other, of)
        of[row.id] = strand.id
        facts = self._known.facts[strand.id]
        facts.note(
            row.rule_id,
            row.title,
            sighting.level,
            msgspec.json.decode(row.tags),
            sighting.time,
            sighting.traces,
            _says(row),
        )
        if row.id in self._was:
            self._known.incident.setdefault(strand.id, self._was[row.id])
        self._dirty.add(strand.id)

    def _noted(self, of: Mapping[int, int | None]) -> None:
        """Keep which strand each match is of: it waits no longer."""
        if of:
            statement = (
                update(tables.matches)
                .where(tables.matches.c.id == bindparam("number"))
                .values(strand_id=bindparam("strand"), pending=0)
            )
            self._change.execute(statement, [{"number": match, "strand": strand} for match, strand in of.items()])

    def _merged(self, strand: Strand, other: Strand, of: dict[int, int]) -> None:
        """One strand has taken in another."""
        for match, its in of.items():
            if its == other.id:
                of[match] = strand.id
        moved = update(tables.matches).where(tables.matches.c.strand_id == other.id).values(strand_id=strand.id)
        self._change.execute(moved)
        self._known.facts[strand.id].add(self._known.facts.pop(other.id))
        self._known.why.pop(other.id, None)
        incident = self._known.incident.pop(other.id, None)
        if incident is not None:
            ours = self._known.incident.get(strand.id)
            if ours is None:
                self._known.incident[strand.id] = incident
            elif ours != incident:
                kept, gone = records.older(self._change, ours, incident)
                self._merge_incidents(kept, gone)
        records.rebind(self._change, other.id, strand.id)
        self._change.execute(delete(tables.strands).where(tables.strands.c.id == other.id))
        self._dirty.discard(other.id)

    def _merge_incidents(self, kept: int, gone: int) -> None:
        records.merge(self._change, kept, gone, self._now)
        for strand, incident in self._known.incident.items():
            if incident == gone:
                self._known.incident[strand] = kept
                self._dirty.add(strand)

    def _dissolve_stale(self) -> None:
        """Look anew at the strands of which a match was withdrawn: what is left of them may hang together in another way."""
        stale = self._change.execute(select(tables.strands).where(tables.strands.c.stale == 1)).all()
        dissolved: dict[int, Sequence[int]] = {}
        for row in stale:
            if row.incident_id is not None:
                self._shrunk.add(row.incident_id)
            count = self._change.scalar(
                select(func.count()).select_from(tables.matches).where(tables.matches.c.strand_id == row.id)
            )
            if count and (not row.alive or count > REBUILT):
                self._count_anew(row, count)
                continue
            ids = self._change.scalars(select(tables.matches.c.id).where(tables.matches.c.strand_id == row.id)).all()
            if row.incident_id is not None:
                self._was.update(dict.fromkeys(ids, row.incident_id))
            anew = update(tables.matches).where(tables.matches.c.strand_id == row.id)
            self._change.execute(anew.values(strand_id=None, pending=1))
            self._forget(row.id, bool(row.historic))
            self._change.execute(delete(tables.strands).where(tables.strands.c.id == row.id))
            dissolved[row.id] = ids
        # All that was dissolved is taken in now, or an incident would seem empty for a moment.
        for some in records.portions(sorted(each for ids in dissolved.values() for each in ids)):
            rows = self._change.execute(
                select(tables.matches).where(tables.matches.c.id.in_(some), tables.matches.c.hidden_by.is_(None))
            ).all()
            of: dict[int, int] = {}
            for row in rows:
                self._take(row, of)
            self._noted(of)
        for strand, ids in dissolved.items():
            here = tables.matches.c.id.in_(ids[:BATCH]) & tables.matches.c.strand_id.is_not(None)
            records.rebind(self._change, strand, self._change.scalar(select(tables.matches.c.strand_id).where(here)))

    def _count_anew(self, row: Row[Any], count: int) -> None:
        """A strand that keeps its shape: what is known of it is what is left."""
        values: dict[str, Any] = {"stale": 0}
        if count <= RECOUNTED:
            facts = facts_of_strand(self._change, row.id)
            values["facts"] = msgspec.json.encode(facts).decode()
            if row.alive:
                self._known.facts[row.id] = facts
                self._dirty.add(row.id)
        self._change.execute(update(tables.strands).where(tables.strands.c.id == row.id).values(values))

    def _settle(self) -> None:
        """Say anew what incidents are of which a strand was looked at anew. One that has no strand left is part of the incident that has its
        matches now, or empty."""
        of: dict[int, list[int]] = {incident: [] for incident in self._shrunk}
        for match, incident in self._was.items():
            of[incident].append(match)
        emptied = sorted(of.keys() - self._held(of))
        for incident in emptied:
            its = tables.matches.c.id.in_(of[incident][:BATCH]) & tables.strands.c.incident_id.is_not(None)
            query = select(tables.strands.c.incident_id).join(
                tables.matches, tables.matches.c.strand_id == tables.strands.c.id
            )
            into = self._change.scalar(query.where(its).limit(1))
            if into is None:
                records.settle_emptied(self._change, incident, self._now)
            else:
                records.merge(self._change, into, incident, self._now)
        self._judge(of.keys() - emptied)

    def _held(self, incidents: Iterable[int]) -> set[int]:
        """Those of some incidents that have a strand."""
        held = select(tables.strands.c.incident_id).where(tables.strands.c.incident_id.in_(list(incidents)))
        return set(self._change.scalars(held.distinct()))

    def _forget(self, strand: int, historic: bool) -> None:
        strands = self._known.strands[historic]
        if strand in strands.alive:
            strands.drop(strands.alive[strand])
        self._known.facts.pop(strand, None)
        self._known.incident.pop(strand, None)
        self._known.why.pop(strand, None)
        self._dirty.discard(strand)

    def _let_go(self) -> None:
        """What can no longer be continued is remembered in the store only, and not even there if it came to nothing."""
        for strands in self._known.strands.values():
            for strand in strands.old():
                strands.drop(strand)
                incident = self._known.incident.pop(strand.id, None)
                self._known.facts.pop(strand.id, None)
                self._known.why.pop(strand.id, None)
                here = tables.strands.c.id == strand.id
                if incident is None:
                    self._change.execute(delete(tables.strands).where(here))
                else:
                    self._change.execute(update(tables.strands).where(here).values(alive=0, strand=None))
        records.checkpoint(self._change, records.NEXT, self._known.next, self._now)

    # --- incidents ----------------------------------------------------------------------------------------------------------------

    def _regroup(self) -> None:
        """Group what has changed, and give each group the incident that it is."""
        together, apart = records.bonds(self._change)
        touched: set[int] = set()
        for historic, strands in self._known.strands.items():
            changed = self._dirty & strands.alive.keys()
            if not changed:
                continue
            near = reachable(strands.alive, {*changed, *_bound(changed, together)})
            settled = records.closed_as(self._change, {i for s in near if (i := self._known.incident.get(s))})
            free = {each: strand for each, strand in near.items() if not self._is_decided(each, settled)}
            made = group(free, together, apart)
            decided: dict[int, list[int]] = {}
            for each in near.keys() - free.keys():
                decided.setdefault(self._known.incident[each], []).append(each)
            self._known.why.update(dict.fromkeys(near))
            self._known.why.update(made.why)
            touched |= self._assign([*made.groups, *decided.values()], near, historic)
        self._write_strands()
        touched |= {incident for each in self._dirty if (incident := self._known.incident.get(each)) is not None}
        self._judge(touched)
        self._dirty.clear()

    def _judge(self, touched: Iterable[int]) -> None:
        important = records.important(self._change)
        for incident in sorted(touched):
            records.judge_anew(self._change, incident, important, self._now)

    def _is_decided(self, strand: int, settled: Mapping[int, str]) -> bool:
        return settled.get(self._known.incident.get(strand, 0)) in DECIDED

    def _assign(self, groups: list[list[int]], strands: Mapping[int, Strand], historic: bool) -> set[int]:
        """Give each group its incident: the one that its strands are of already, the oldest where they are of several, or a new one
        where something in it is grave enough; the incidents that strands have left. Where an incident's strands part, what is grave keeps
        it: what is too slight for an incident of its own has none, whatever it was near to for a while."""
        known, left = self._known.incident, set[int]()
        claimed: dict[int, tuple[bool, int, int, int]] = {}
        """incident → whether the group is too slight, its earliest strand's beginning and id, the group's place"""
        for place, members in enumerate(groups):
            slight = max(strands[each].level for each in members) < MEDIUM
            for each in members:
                incident = known.get(each)
                if incident is not None:
                    claim = (slight, strands[each].first, each, place)
                    claimed[incident] = min(claimed.get(incident, claim), claim)
        of_group: dict[int, list[int]] = {}
        for incident, (_, _, _, place) in claimed.items():
            of_group.setdefault(place, []).append(incident)
        for place, members in enumerate(groups):
            ids = sorted(of_group.get(place, ()))
            if not ids and max(strands[each].level for each in members) < MEDIUM:
                for each in members:
                    incident = known.pop(each, None)
                    if incident is not None:
                        left.add(incident)
                        self._dirty.add(each)
                continue
            kept = ids[0] if ids else records.open_(self._change, historic=historic, now=self._now)
            for gone in ids[1:]:
                oldest, other = records.older(self._change, kept, gone)
                self._merge_incidents(oldest, other)
                kept = oldest
            for each in members:
                incident = known.get(each)
                if incident != kept:
                    if incident is not None:
                        left.add(incident)
                    known[each] = kept
                    self._dirty.add(each)
        return left

    def _write_strands(self) -> None:
        rows = []
        for historic, strands in self._known.strands.items():
            for each in self._dirty & strands.alive.keys():
                why = self._known.why.get(each)
                rows.append(
                    {
                        "id": each,
                        "incident_id": self._known.incident.get(each),
                        "historic": int(historic),
                        "alive": 1,
                        "stale": 0,
                        "strand": msgspec.json.encode(strands.alive[each]).decode(),
                        "facts": msgspec.json.encode(self._known.facts[each]).decode(),
                        "why": None if why is None else msgspec.json.encode(why.to_plain()).decode(),
                    }
                )
        records.write_strands(self._change, rows)


def sighting_of(row: Row[Any]) -> Sighting:
    """A match of the store as grouping sees it."""
    traces = Traces() if row.traces is None else msgspec.json.decode(row.traces, type=Traces)
    moment = datetime.fromisoformat(row.time or row.noted)
    hosts = [each.value for each in traces.entities if each.kind == "host"]
    host = hosts[0] if hosts else host_name(row.host)
    return Sighting(row.rule_id, micros_of(moment.astimezone(UTC)), LEVELS.index(row.level), host, traces)


def facts_of_strand(connection: Connection, strand: int) -> Facts:
    """What is known of a strand's matches, looked at anew."""
    facts = Facts()
    query = select(tables.matches).where(tables.matches.c.strand_id == strand, tables.matches.c.hidden_by.is_(None))
    for row in connection.execute(query):
        seen = sighting_of(row)
        tags = msgspec.json.decode(row.tags)
        facts.note(row.rule_id, row.title, seen.level, tags, seen.time, seen.traces, _says(row))
    return facts


def _says(row: Row[Any]) -> dict[str, str] | None:
    return None if row.says is None else msgspec.json.decode(row.says, type=dict[str, str])


def _bound(changed: Iterable[int], together: Iterable[Pair]) -> set[int]:
    here = set(changed)
    return {each for pair in together if not here.isdisjoint(pair) for each in pair}


def _load(connection: Connection) -> _Known:
    known = _Known(records.next_(connection), {False: Strands(), True: Strands()}, {}, {}, {})
    found: dict[bool, list[Strand]] = {False: [], True: []}
    for row in connection.execute(select(tables.strands).where(tables.strands.c.alive == 1)):
        found[bool(row.historic)].append(msgspec.json.decode(row.strand, type=Strand))
        known.facts[row.id] = msgspec.json.decode(row.facts, type=Facts)
        if row.incident_id is not None:
            known.incident[row.id] = row.incident_id
        known.why[row.id] = None if row.why is None else Message.from_plain(msgspec.json.decode(row.why))
    for historic, strands in found.items():
        begun = [(rule, strand.first) for strand in strands for rule in [_beginner(known.facts[strand.id])] if rule]
        known.strands[historic] = Strands(strands, begun)
    return known


def _beginner(facts: Facts) -> str | None:
    """The rule that began a strand."""
    return min(facts.rules, key=lambda each: (facts.rules[each].first, each), default=None)
