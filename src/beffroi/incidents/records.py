"""Incidents in the store: opened, merged, judged anew, reopened. All within the caller's transaction, each told to the feed."""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any, Final, TypeVar

import msgspec
from sqlalchemy import Connection, Row, delete, insert, select, update
from sqlalchemy.dialects import postgresql, sqlite

from beffroi.core.model import Message
from beffroi.detect.ir import LEVELS
from beffroi.incidents.grouping import Pair
from beffroi.incidents.judging import HIGH, Facts, Judgement, judge
from beffroi.incidents.traces import Entity, host_name
from beffroi.store import feed, ledger, settings
from beffroi.store.tables import checkpoints, incidents, strand_bonds, strands
from beffroi.store.times import stamp

T = TypeVar("T")

SYSTEM: Final = "beffroi"
"""Who the ledger says acted where no person did."""

NEXT: Final = "strands"
"""The name of the checkpoint that holds the id of the next strand."""

PORTION: Final = 1_000  # ids in a statement: engines take only so many

REASONS: Final = ("real", "exercise", "normal", "duplicate")


class Details(msgspec.Struct):
    """What stands in `incidents.details`."""

    entities: list[Entity] = msgspec.field(default_factory=list)
    techniques: list[str] = msgspec.field(default_factory=list)
    tactics: list[str] = msgspec.field(default_factory=list)
    reasons: list[Any] = msgspec.field(default_factory=list)
    """Why it is as grave as it is: messages as plain data."""
    unlisted: int = 0
    """Entities and rules beyond those that are kept by name."""
    situation: str = ""
    """One of core.situations.SITUATIONS; nothing where an earlier Beffroi wrote it."""
    says: dict[str, str] = {}
    """The gravest rule's own sentence, by language."""
    course: Any = None
    """A message as plain data."""


def portions(numbers: Sequence[T]) -> Iterator[Sequence[T]]:
    """As many at a time as a statement takes."""
    for start in range(0, len(numbers), PORTION):
        yield numbers[start : start + PORTION]


def open_(change: Connection, *, historic: bool, now: datetime) -> int:
    """A new incident, about which nothing is known yet; its id."""
    empty = msgspec.json.encode(Message("").to_plain()).decode()
    row = {
        "state": "new", "severity": LEVELS[0], "title": empty, "what": empty, "first_event": 0, "last_event": 0, "matches": 0,
        "details": msgspec.json.encode(Details()).decode(), "historic": int(historic), "opened": stamp(now),
    }  # fmt: skip
    number = int(change.execute(insert(incidents).values(row).returning(incidents.c.id)).scalar_one())
    ledger.record(change, actor=SYSTEM, action="incidents.open", details={"incident": number}, now=now)
    return number


def older(connection: Connection, one: int, other: int) -> tuple[int, int]:
    """Of two incidents that are one, (the one that stays, the one that goes into it): what a person is at, else the older."""
    taken = set(
        connection.scalars(select(incidents.c.id).where(incidents.c.id.in_([one, other]), incidents.c.state == "taken"))
    )
    if len(taken) == 1:
        kept = taken.pop()
        return kept, other if kept == one else one
    return min(one, other), max(one, other)


def merge(change: Connection, kept: int, gone: int, now: datetime, seq: int | None = None) -> None:
    """One incident is part of another: it is closed as its duplicate. `seq` is the ledger's entry of the person who said so."""
    if seq is None:
        details = {"incident": kept, "merged": gone}
        seq = ledger.record(change, actor=SYSTEM, action="incidents.merge", details=details, now=now).seq
    values = {"state": "closed", "closed_as": "duplicate", "closed_by": seq, "merged_into": kept}
    change.execute(update(incidents).where(incidents.c.id == gone).values(values))
    change.execute(update(incidents).where(incidents.c.merged_into == gone).values(merged_into=kept))
    change.execute(update(strands).where(strands.c.incident_id == gone).values(incident_id=kept))
    feed.tell(change, "incidents", gone)


def judge_anew(change: Connection, number: int, important: Collection[str], now: datetime) -> None:
    """Say anew what an incident is, from all its strands; open it again where it goes on or has become worse. `important` are the
    machines that matter."""
    row = find(change, number)
    if row is None or row.merged_into is not None:
        return
    facts = facts_of(change, number)
    if not facts.rules:
        settle_emptied(change, number, now)
        return
    verdict = judge(facts, important)
    values = _values(facts, verdict)
    if row.state == "closed" and _goes_on(row, facts, verdict):
        values |= {"state": "new", "taken_by": None, "closed_by": None, "closed_as": None}
        ledger.record(change, actor=SYSTEM, action="incidents.reopen", details={"incident": number}, now=now)
    if LEVELS.index(verdict.severity) >= HIGH and not row.historic and row.interrupted is None:
        values["interrupted"] = stamp(now)
    if any(getattr(row, name) != value for name, value in values.items()):
        change.execute(update(incidents).where(incidents.c.id == number).values(values))
        feed.tell(change, "incidents", number)


def _values(facts: Facts, verdict: Judgement) -> dict[str, Any]:
    details = Details(
        list(verdict.entities),
        list(verdict.techniques),
        list(verdict.tactics),
        [each.to_plain() for each in verdict.reasons],
        facts.unlisted,
        verdict.situation,
        verdict.says,
        verdict.course.to_plain(),
    )
    return {
        "severity": verdict.severity,
        "title": msgspec.json.encode(verdict.title.to_plain()).decode(),
        "what": msgspec.json.encode(verdict.what.to_plain()).decode(),
        "first_event": facts.first,
        "last_event": facts.last,
        "matches": facts.count,
        "details": msgspec.json.encode(details).decode(),
    }


def _goes_on(row: Row[Any], facts: Facts, verdict: Judgement) -> bool:
    """Whether what was closed continues. What somebody called normal, or an exercise, only where it has become worse."""
    if LEVELS.index(verdict.severity) > LEVELS.index(row.closed_level or row.severity):
        return True
    return row.closed_as == "real" and row.closed_event is not None and facts.last > row.closed_event


def settle_emptied(change: Connection, number: int, now: datetime) -> None:
    """All that an incident rested on was withdrawn: late events showed that it did not happen."""
    row = find(change, number)
    left = change.scalar(select(strands.c.id).where(strands.c.incident_id == number).limit(1))
    if row is None or left is not None or row.state == "closed":
        return
    entry = ledger.record(change, actor=SYSTEM, action="incidents.withdraw", details={"incident": number}, now=now)
    values = {"state": "closed", "closed_as": "duplicate", "closed_by": entry.seq, "matches": 0}
    change.execute(update(incidents).where(incidents.c.id == number).values(values))
    feed.tell(change, "incidents", number)


def facts_of(connection: Connection, number: int) -> Facts:
    """All that is known of an incident's matches."""
    facts = Facts()
    for text in connection.scalars(select(strands.c.facts).where(strands.c.incident_id == number)):
        facts.add(msgspec.json.decode(text, type=Facts))
    return facts


def find(connection: Connection, number: int) -> Row[Any] | None:
    """An incident's row."""
    return connection.execute(select(incidents).where(incidents.c.id == number)).first()


def closed_as(connection: Connection, numbers: Iterable[int]) -> dict[int, str]:
    """How those of these incidents were closed that are."""
    query = select(incidents.c.id, incidents.c.closed_as).where(
        incidents.c.id.in_(list(numbers)), incidents.c.state == "closed"
    )
    return {number: str(reason) for number, reason in connection.execute(query)}


def important(connection: Connection) -> frozenset[str]:
    """The machines that matter to the house, in small letters."""
    text: str = settings.get(connection, "incidents.important")
    return frozenset(host_name(each) for each in text.replace(",", " ").split())


# --- strands ----------------------------------------------------------------------------------------------------------------------


def write_strands(change: Connection, rows: Sequence[Mapping[str, Any]]) -> None:
    """Keep strands as they are now. A strand that is stale stays so until it is looked at anew."""
    if not rows:
        return
    upsert = postgresql.insert if change.dialect.name == "postgresql" else sqlite.insert
    statement = upsert(strands)
    more = {name: statement.excluded[name] for name in ("incident_id", "alive", "strand", "facts", "why")}
    change.execute(statement.on_conflict_do_update(index_elements=["id"], set_=more), list(rows))


def frozen(number: int, incident: int, *, historic: bool, facts: Facts) -> dict[str, Any]:
    """A strand that nothing continues."""
    return {
        "id": number, "incident_id": incident, "historic": int(historic), "alive": 0, "stale": 0, "strand": None,
        "facts": msgspec.json.encode(facts).decode(), "why": None,
    }  # fmt: skip


def next_strand(change: Connection, now: datetime) -> int:
    """The id of a new strand; none is ever given twice."""
    number = next_(change)
    checkpoint(change, NEXT, number + 1, now)
    return number


def next_(connection: Connection) -> int:
    """The id that the next strand will have."""
    return connection.scalar(select(checkpoints.c.position).where(checkpoints.c.name == NEXT)) or 1


def bonds(connection: Connection) -> tuple[list[Pair], list[Pair]]:
    """Pairs of strands that people put together, and those they took apart."""
    together: list[Pair] = []
    apart: list[Pair] = []
    for row in connection.execute(select(strand_bonds)):
        (together if row.together else apart).append((row.one, row.other))
    return together, apart


def bind(change: Connection, one: int, other: int, *, together: bool, seq: int) -> None:
    """A person decided about two strands."""
    pair = {"one": min(one, other), "other": max(one, other)}
    here = (strand_bonds.c.one == pair["one"]) & (strand_bonds.c.other == pair["other"])
    change.execute(delete(strand_bonds).where(here))
    change.execute(insert(strand_bonds).values(**pair, together=int(together), seq=seq))


def rebind(change: Connection, gone: int, into: int | None) -> None:
    """A strand is part of another now, and so is what was decided about it; nothing is where it is gone for good."""
    rows = change.execute(
        select(strand_bonds).where((strand_bonds.c.one == gone) | (strand_bonds.c.other == gone))
    ).all()
    for row in rows:
        here = (strand_bonds.c.one == row.one) & (strand_bonds.c.other == row.other)
        change.execute(delete(strand_bonds).where(here))
        other = row.other if row.one == gone else row.one
        if into is not None and other != into:
            bind(change, into, other, together=bool(row.together), seq=row.seq)


def checkpoint(change: Connection, name: str, position: int, now: datetime) -> None:
    """Keep a number."""
    upsert = postgresql.insert if change.dialect.name == "postgresql" else sqlite.insert
    row = {"name": name, "position": position, "updated": stamp(now)}
    statement = upsert(checkpoints).values(row)
    change.execute(statement.on_conflict_do_update(index_elements=["name"], set_=row))
