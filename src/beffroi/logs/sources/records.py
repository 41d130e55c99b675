"""The sources in the store: strangers come in and go, what each sends is counted by the hour, names are looked up."""

import secrets
import unicodedata
from datetime import datetime, timedelta
from typing import Any, Final, NamedTuple

from sqlalchemy import Connection, Row, delete, func, insert, select, update
from sqlalchemy.dialects import postgresql, sqlite

from beffroi.core.errors import UsageError
from beffroi.core.model import Assurance, Message, SourceState, message
from beffroi.logs.arrival import Refused
from beffroi.logs.sources.proofs import LONGEST_NAME, Key, ProofKind, assurance
from beffroi.logs.sources.registry import WAITING, Unknown
from beffroi.store import Personal, feed, findings, ledger
from beffroi.store.tables import source_hours, sources
from beffroi.store.times import hour, stamp

HOURS: Final = 24 * 7 * 5
"""So many hours are counted of each source: five weeks, so that a rhythm of the week shows."""

SYSTEM: Final = "beffroi"

NEW: Final = "source.new"
"""The kind of finding that a stranger is, until somebody decides."""


class Listed(NamedTuple):
    """A source as it is shown. Times are ISO 8601 (UTC)."""

    id: str
    name: str
    kind: str
    assurance: str
    state: str
    last_event: str | None
    last_arrival: str | None
    events_24h: int
    proof: str
    """"address", "token", "certificate" or "local"."""
    address: str | None
    claimed: str | None
    """What it calls itself: never believed."""
    expires: str | None
    silenced_until: str | None


def listed(connection: Connection, now: datetime) -> list[Listed]:
    """Every source, strangers first, then by name."""
    recent = select(source_hours.c.source_id, func.sum(source_hours.c.events)).where(
        source_hours.c.hour > hour(now) - 24
    )
    found = connection.execute(recent.group_by(source_hours.c.source_id))
    counts: dict[str, int] = {source_id: int(events) for source_id, events in found}
    rows = [_listed(row, counts.get(row.id, 0)) for row in connection.execute(select(sources))]
    return sorted(rows, key=lambda row: (row.state != SourceState.NEW, row.name.casefold(), row.id))


def find(connection: Connection, wanted: str) -> Row[Any]:
    """The source that a person means: by its id, the beginning of one, or its name, in capitals or not. Raises UsageError."""
    rows = connection.execute(select(sources)).all()
    for fits in (
        [row for row in rows if row.id == wanted],
        [row for row in rows if row.name == wanted],
        [row for row in rows if row.name.casefold() == wanted.casefold()],
        [row for row in rows if len(wanted) >= 4 and row.id.startswith(wanted)],
    ):
        if len(fits) == 1:
            return fits[0]
        if fits:
            ids = ", ".join(sorted(f"{row.id} ({_shows(row)})" for row in fits))
            raise UsageError(
                '"{source}" can be one of {count}: {ids}; say which by its identifier',
                source=wanted, count=len(fits), ids=ids,
            )  # fmt: skip
    raise UsageError('There is no source "{source}"; `beffroi sources list` shows them', source=wanted)


def _shows(row: Row[Any]) -> str:
    """What tells two sources of one name apart: where the one sends from, or what it shows."""
    return str(row.proof if row.proof_kind in (ProofKind.ADDRESS, ProofKind.LOCAL) else row.proof_kind)


def meet(change: Connection, stranger: Unknown, *, now: datetime, waiting: int = WAITING) -> str:
    """Have a sender in the store that sends for the first time; its id. What this machine itself reads is accepted at once.

    Raises Refused where too many strangers wait.
    """
    key = stranger.key
    known = change.execute(select(sources.c.id).where(sources.c.proof_kind == key.kind, sources.c.proof == key.value))
    found = known.scalar()
    if found is not None:
        return str(found)
    ours = key.kind is ProofKind.LOCAL
    if not ours:
        query = select(func.count()).select_from(sources).where(sources.c.state == SourceState.NEW)
        if change.execute(query).scalar_one() >= waiting:
            raise Refused
    name = stranger.claimed or stranger.receiver if ours else key.value
    made = add(change, key, name, stranger.receiver, accepted=ours, claimed=stranger.claimed, now=now)
    if not ours:
        findings.raise_(change, NEW, made, "informational", _new(key.value, stranger.claimed), now=now)
    else:
        details = {"source": made, "called": Personal(name), "proof": key.kind.value}
        entry = ledger.record(change, actor=SYSTEM, action="sources.accept", details=details, now=now)
        change.execute(update(sources).where(sources.c.id == made).values(accepted_by=entry.seq))
    return made


def _new(address: str, calls_itself: str | None) -> Message:
    if calls_itself:
        return message(
            "Somebody new sends from {address} and calls itself “{name}”.", address=address, name=calls_itself
        )
    return message("Somebody new sends from {address}.", address=address)


def add(
    change: Connection,
    key: Key,
    name: str,
    kind: str,
    *,
    accepted: bool,
    now: datetime,
    claimed: str | None = None,
    expires: str | None = None,
    entry: int | None = None,
    made: str | None = None,
) -> str:
    """Put a source into the store; its id, a new one unless `made` is given. `entry` is who accepted it."""
    made = new_id() if made is None else made
    change.execute(
        insert(sources).values(
            id=made,
            name=name,
            claimed=claimed,
            kind=kind,
            assurance=assurance(key.kind, encrypted=True) if accepted else Assurance.NONE,
            state=SourceState.ACCEPTED if accepted else SourceState.NEW,
            proof_kind=key.kind,
            proof=key.value,
            expires=expires,
            created=stamp(now),
            accepted_by=entry,
            last_arrival=None if accepted else stamp(now),
        )
    )
    feed.tell(change, "sources", made)
    return made


def new_id() -> str:
    """An id for a source: 40 random bits, which is plenty for a house and short enough to be typed."""
    return f"s-{secrets.token_hex(5)}"


def heard(
    change: Connection,
    source_id: str,
    *,
    arrived: datetime,
    events: int,
    unread: int = 0,
    last_event: datetime | None = None,
    sure: Assurance | None = None,
) -> None:
    """Count what a source sent: `events` messages that arrived, `unread` of them beyond understanding, the newest event's time,
    and how sure it was who sent them. The feed is not told: it would be told of nothing else."""
    upsert = postgresql.insert if change.dialect.name == "postgresql" else sqlite.insert
    row = upsert(source_hours).values(source_id=source_id, hour=hour(arrived), events=events, unread=unread)
    more = {
        "events": source_hours.c.events + row.excluded.events,
        "unread": source_hours.c.unread + row.excluded.unread,
    }
    change.execute(row.on_conflict_do_update(index_elements=["source_id", "hour"], set_=more))
    values: dict[str, Any] = {"last_arrival": stamp(arrived)}
    if last_event is not None:
        latest = func.coalesce(sources.c.last_event, "")
        change.execute(
            update(sources)
            .where(sources.c.id == source_id, latest < stamp(last_event))
            .values(last_event=stamp(last_event))
        )
    if sure is not None:
        values["assurance"] = sure
    change.execute(update(sources).where(sources.c.id == source_id).values(values))


def tidy(change: Connection, now: datetime, hours: int = HOURS) -> int:
    """Forget the counts of long ago; how many."""
    return change.execute(delete(source_hours).where(source_hours.c.hour <= hour(now) - hours)).rowcount


def forget_strangers(change: Connection, now: datetime, days: int) -> list[str]:
    """Forget the strangers that sent nothing for so many days; their ids, so that what they sent can be discarded."""
    unheard = stamp(now - timedelta(days=days))
    query = delete(sources).where(sources.c.state == SourceState.NEW, sources.c.last_arrival < unheard)
    gone = sorted(change.execute(query.returning(sources.c.id)).scalars())
    for each in gone:
        findings.close(change, NEW, each, now=now)
        feed.tell(change, "sources", each)
    return gone


def called(text: str) -> str:
    """A name that a person gives a source. Raises UsageError for what is no single visible line."""
    name = unicodedata.normalize("NFC", text).strip()
    if not name or len(name) > LONGEST_NAME or not name.isprintable():
        raise UsageError("A name is one line of at most {longest} characters", longest=LONGEST_NAME)
    return name


def _listed(row: Row[Any], events: int) -> Listed:
    return Listed(
        id=row.id,
        name=row.name,
        kind=row.kind,
        assurance=Assurance(row.assurance).name.lower(),
        state=row.state,
        last_event=row.last_event,
        last_arrival=row.last_arrival,
        events_24h=events,
        proof=row.proof_kind,
        address=row.proof if row.proof_kind == ProofKind.ADDRESS else None,
        claimed=row.claimed,
        expires=row.expires,
        silenced_until=row.silenced_until,
    )
