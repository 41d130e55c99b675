"""What is normal, in the store: which filters are in force, what of the history they hold for, what they have hidden, and that they end.

A hidden match stays and is counted. It is of no incident, but for one: an incident of which all is normal is closed as that, and keeps its
matches to be read. What is closed already stays as it was decided: nothing is ever taken out of what was a real attack.
"""

import logging
from array import array
from collections import deque
from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta
from typing import Any, Final

import msgspec
from sqlalchemy import Connection, Row, bindparam, delete, select, update

from beffroi.incidents import records
from beffroi.incidents.normal import Normals, Test
from beffroi.store import Store, feed, ledger
from beffroi.store.tables import incidents, matches, normals, strands
from beffroi.store.times import stamp

log = logging.getLogger("beffroi.incidents")

MOST: Final = 500  # filters in force at once: each match of their rules is held against them
SHOWN: Final = 10  # matches that are shown of what would be hidden
READ: Final = 1_000  # rows that are in memory at a time
FORGOTTEN: Final = timedelta(days=366)
"""After so long nobody asks any more what was normal: a filter names accounts and machines."""


# --- in force ---------------------------------------------------------------------------------------------------------------------


def in_force(connection: Connection, now: datetime) -> list[tuple[int, str, str]]:
    """(id, id of the rule, filter) of all that is normal at a moment, the oldest first."""
    query = (
        select(normals.c.id, normals.c.rule_id, normals.c.filter)
        .where(normals.c.ended.is_(None), normals.c.expires > stamp(now))
        .order_by(normals.c.id)
    )
    return [(row.id, row.rule_id, row.filter) for row in connection.execute(query)]


def loaded(connection: Connection, now: datetime) -> Normals:
    """All that is normal at a moment."""
    found = Normals(in_force(connection, now))
    for number in found.unread:
        log.error("what was called normal (number %s) cannot be read, and hides nothing", number)
    return found


def hit(change: Connection, number: int, count: int, when: str) -> None:
    """Count what a filter has hidden. `when` is a stamp."""
    here = normals.c.id == number
    change.execute(update(normals).where(here).values(hits=normals.c.hits + count, last_hit=when))


def expire(store: Store, now: datetime) -> list[int]:
    """End what has expired, and forget what ended long ago; the ids of what ended. What was hidden stays hidden: it was normal then."""
    due = (normals.c.ended.is_(None)) & (normals.c.expires <= stamp(now))
    old = normals.c.ended <= stamp(now - FORGOTTEN)
    with store.read() as connection:
        if connection.execute(select(normals.c.id).where(due | old).limit(1)).first() is None:
            return []
    with store.write() as change:
        ended = change.execute(select(normals.c.id, normals.c.rule_id).where(due).order_by(normals.c.id)).all()
        for row in ended:
            details = {"normal": row.id, "rule": row.rule_id, "expired": True}
            ledger.record(change, actor=records.SYSTEM, action="incidents.normal_end", details=details, now=now)
            change.execute(update(normals).where(normals.c.id == row.id).values(ended=stamp(now)))
            feed.tell(change, "normals", row.id)
        change.execute(delete(normals).where(old))
    return [row.id for row in ended]


# --- the history ------------------------------------------------------------------------------------------------------------------


class Covered(msgspec.Struct):
    """What of the history a filter holds for."""

    rule: str
    ids: "array[int]" = msgspec.field(default_factory=lambda: array("q"))
    looked_at: int = 0
    """Matches of the rule, hidden ones among them."""
    through: int = 0
    """The id up to which was looked."""
    strands: dict[int | None, int] = msgspec.field(default_factory=dict)
    """How many of them are of each strand."""
    first: str | None = None
    last: str | None = None
    newest: deque[dict[str, Any]] = msgspec.field(default_factory=lambda: deque(maxlen=SHOWN))


def cover(connection: Connection, rule: str, test: Test, since: int = 0) -> Covered:
    """What a filter holds for among the matches of its rule that came after one (by id)."""
    found = Covered(rule, through=since)
    for row in _of_rule(connection, rule, since):
        found.looked_at += 1
        found.through = row.id
        fields = msgspec.json.decode(row.fields)
        if not test(fields):
            continue
        found.ids.append(row.id)
        found.strands[row.strand_id] = found.strands.get(row.strand_id, 0) + 1
        when = row.time or row.noted
        found.first = min(found.first or when, when)
        found.last = max(found.last or when, when)
        shown = {"match": row.id, "time": when, "host": row.host, "level": row.level, "fields": fields}
        found.newest.append(shown)
    return found


def _of_rule(connection: Connection, rule: str, since: int) -> Iterator[Any]:
    columns = (
        matches.c.id,
        matches.c.fields,
        matches.c.strand_id,
        matches.c.time,
        matches.c.noted,
        matches.c.host,
        matches.c.level,
    )
    query = select(*columns).where(matches.c.rule_id == rule, matches.c.id > since).order_by(matches.c.id)
    yield from connection.execute(query.execution_options(yield_per=READ))


def incidents_of(connection: Connection, counts: dict[int | None, int]) -> list[tuple[Row[Any], int]]:
    """The incidents that some strands are of, each with how many of these matches it holds; the most first."""
    held: dict[int, int] = {}
    for some in records.portions([each for each in counts if each is not None]):
        query = select(strands.c.id, strands.c.incident_id).where(
            strands.c.id.in_(some), strands.c.incident_id.is_not(None)
        )
        for strand, incident in connection.execute(query):
            held[incident] = held.get(incident, 0) + counts[strand]
    rows: list[Row[Any]] = []
    for some in records.portions(list(held)):
        rows += connection.execute(select(incidents).where(incidents.c.id.in_(some))).all()
    return sorted(((row, held[row.id]) for row in rows), key=lambda each: (-each[1], each[0].id))


def hide(change: Connection, number: int, ids: Iterable[int], actor: str, now: datetime) -> int:
    """Hide matches by a filter, but those of incidents that are closed; how many. Incidents of which nothing is left are closed as normal."""
    of_closed = (
        select(strands.c.id)
        .join(incidents, incidents.c.id == strands.c.incident_id)
        .where(strands.c.id == matches.c.strand_id, incidents.c.state == "closed")
        .exists()
    )
    statement = (
        update(matches)
        .where(matches.c.id == bindparam("number"), matches.c.hidden_by.is_(None), ~of_closed)
        .values(hidden_by=number, pending=0)
    )
    wanted = [{"number": each} for each in ids]
    if not wanted:
        return 0
    hidden = change.execute(statement, wanted).rowcount
    if hidden:
        _leave(change, number, actor, now)
        hit(change, number, hidden, stamp(now))
    return hidden


def _leave(change: Connection, number: int, actor: str, now: datetime) -> None:
    """Take what a filter hides out of the incidents that are open, and close those of which nothing is left."""
    freed: list[int] = []
    opened: dict[int, list[int]] = {}
    for some in records.portions(_strands_of(change, number)):
        query = (
            select(strands.c.id, strands.c.incident_id, incidents.c.state)
            .outerjoin(incidents, incidents.c.id == strands.c.incident_id)
            .where(strands.c.id.in_(some))
        )
        for strand, incident, state in change.execute(query):
            if incident is None:
                freed.append(strand)
            elif state != "closed":
                opened.setdefault(incident, []).append(strand)
    for incident, its in sorted(opened.items()):
        if _left(change, incident):
            freed += its
        else:
            _close(change, incident, actor, now)
    for some in records.portions(freed):
        gone = (matches.c.strand_id.in_(some)) & (matches.c.hidden_by == number)
        change.execute(update(matches).where(gone).values(strand_id=None))
        change.execute(update(strands).where(strands.c.id.in_(some)).values(stale=1))
    records.next_strand(change, now)  # whoever remembers the strands looks at them anew


def _close(change: Connection, incident: int, actor: str, now: datetime) -> None:
    """All of an incident is normal. Nothing continues its strands: what hangs together with them and is not normal speaks for itself."""
    details = {"incident": incident, "reason": "normal"}
    entry = ledger.record(change, actor=actor, action="incidents.close", details=details, now=now)
    change.execute(
        update(incidents)
        .where(incidents.c.id == incident)
        .values(
            state="closed",
            closed_as="normal",
            closed_by=entry.seq,
            closed_level=incidents.c.severity,
            closed_event=incidents.c.last_event,
        )
    )
    change.execute(update(strands).where(strands.c.incident_id == incident).values(alive=0, stale=0))
    feed.tell(change, "incidents", incident)


def _left(connection: Connection, incident: int) -> bool:
    """Whether an incident has a match that nothing hides."""
    query = (
        select(matches.c.id)
        .join(strands, strands.c.id == matches.c.strand_id)
        .where(strands.c.incident_id == incident, matches.c.hidden_by.is_(None))
        .limit(1)
    )
    return connection.scalar(query) is not None


def bring_back(change: Connection, number: int, actor: str, now: datetime) -> int:
    """Undo what a filter has hidden; how many matches. They wait as if they had just come; an incident that was closed because all of it was
    normal is opened again with them."""
    kept = _strands_of(change, number)
    for row, _ in incidents_of(change, dict.fromkeys(kept, 1)):
        if row.state == "closed" and row.closed_as == "normal":
            ledger.record(change, actor=actor, action="incidents.reopen", details={"incident": row.id}, now=now)
            again = {"state": "new", "closed_as": None, "closed_by": None, "taken_by": None}
            change.execute(update(incidents).where(incidents.c.id == row.id).values(again))
            feed.tell(change, "incidents", row.id)
    for some in records.portions(kept):
        here = strands.c.id.in_(some) & strands.c.strand.is_not(None)
        change.execute(update(strands).where(here).values(alive=1, stale=1))
    back = update(matches).where(matches.c.hidden_by == number).values(hidden_by=None, pending=1)
    return change.execute(back).rowcount


def _strands_of(connection: Connection, number: int) -> list[int]:
    """The strands that matches are of which a filter hides."""
    query = (
        select(matches.c.strand_id).where(matches.c.hidden_by == number, matches.c.strand_id.is_not(None)).distinct()
    )
    return sorted(connection.scalars(query))
