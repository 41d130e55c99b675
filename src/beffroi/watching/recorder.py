"""What was understood → the store: matches, what each source showed and the checkpoint, in one transaction.

A batch of the journal that is understood again after a crash records nothing twice: the tables know each match by its event's
identity, or by its place in the journal.
"""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import Any, Final

import msgspec
import orjson
from sqlalchemy import Connection, delete, func, select, update
from sqlalchemy.dialects.sqlite import insert  # PostgreSQL's says the same in the same words

from beffroi.core.model import LogSource
from beffroi.detect.values import iso_of
from beffroi.incidents import hiding
from beffroi.logs.sources import records
from beffroi.logs.sources.actions import BY_HAND
from beffroi.store import Store, feed, tables
from beffroi.store.times import stamp
from beffroi.watching.frames import State
from beffroi.watching.understanding import Found, Seen, Understood, moment, together

CHECKPOINT: Final = "understanding"
"""The name of the checkpoint, and of the state."""


def begin_at(connection: Connection) -> tuple[int, bytes, int]:
    """(the position up to which everything is stored, the state behind it, the position of the state)."""
    after = connection.scalar(select(tables.checkpoints.c.position).where(tables.checkpoints.c.name == CHECKPOINT)) or 0
    blob = connection.scalar(select(tables.states.c.blob).where(tables.states.c.name == CHECKPOINT))
    if blob is None:
        return after, b"", 0
    position, _, state = blob.partition(b"\n")
    return after, state, int(position)


def record(store: Store, results: Sequence[Understood], arrived: int) -> int:
    """Keep what some batches meant, all of it or nothing; how many matches were new. `arrived` is now, in microseconds since
    1970."""
    with store.write() as change:
        known = set(change.scalars(select(tables.sources.c.id)))
        found = [each for result in results for each in result.found]
        new = _matches(change, found, arrived) if found else 0
        for result in results:
            for withdrawn in result.withdrawn:
                gone = delete(tables.matches).where(tables.matches.c.identity == withdrawn.identity)
                rows = change.execute(gone.returning(tables.matches.c.id, tables.matches.c.strand_id)).all()
                feed.tell(change, "matches", *(row.id for row in rows))
                stale = update(tables.strands).where(tables.strands.c.id.in_([row.strand_id for row in rows]))
                change.execute(stale.values(stale=1))
        for source, seen in together(result.seen for result in results).items():
            if source in known:
                _seen(change, source, seen, arrived)
        if results:
            _checkpoint(change, max(result.position for result in results), arrived)
        return new


def keep_state(store: Store, state: State, arrived: int) -> None:
    """Keep what is remembered from one message to the next."""
    blob = b"%d\n" % state.position + state.state
    row = {"name": CHECKPOINT, "blob": blob, "updated": iso_of(arrived)}
    with store.write() as change:
        change.execute(insert(tables.states).values(row).on_conflict_do_update(index_elements=["name"], set_=row))


def forget(store: Store, before: datetime) -> int:
    """Let go of matches that were noted before a moment; how many."""
    with store.write() as change:
        return change.execute(
            delete(tables.matches).where(tables.matches.c.noted < stamp(before, "microseconds"))
        ).rowcount


def _matches(change: Connection, found: Iterable[Found], noted: int) -> int:
    # What is normal is decided here, within the transaction: what somebody says so of holds from that moment on, also for what was
    # understood before.
    normals = hiding.loaded(change, moment(noted))
    rows = [_row(each, iso_of(noted), normals.hides(each.rule, each.fields)) for each in found]
    before = change.scalar(select(func.coalesce(func.max(tables.matches.c.id), 0))) or 0
    new = 0
    single = [row for row in rows if row["place"] >= 0]
    if single:
        change.execute(insert(tables.matches).on_conflict_do_nothing(), single)
        # Recordings ring nobody: nobody who follows the feed need look at them.
        fresh = change.execute(
            select(tables.matches.c.id, tables.matches.c.historic).where(tables.matches.c.id > before)
        ).all()
        new += len(fresh)
        feed.tell(change, "matches", *(told.id for told in fresh if not told.historic))
    for row in rows:
        if row["place"] < 0:  # a firing that is told again has other events behind it
            number = change.execute(
                insert(tables.matches)
                .values(row)
                .on_conflict_do_update(
                    index_elements=["identity", "rule_id", "grouping"],
                    index_where=tables.matches.c.identity.is_not(None),
                    set_={"events": row["events"], "noted": row["noted"]},
                )
                .returning(tables.matches.c.id)
            ).scalar_one()
            new += 1
            feed.tell(change, "matches", number)
    if any(row["hidden_by"] is not None for row in rows):
        _count_hidden(change, before, iso_of(noted))
    return new


def _count_hidden(change: Connection, before: int, noted: str) -> None:
    """Count what each filter has hidden among the matches that came after one (by id)."""
    by_filter = (
        select(tables.matches.c.hidden_by, func.count())
        .where(tables.matches.c.id > before, tables.matches.c.hidden_by.is_not(None))
        .group_by(tables.matches.c.hidden_by)
    )
    for number, count in change.execute(by_filter).all():
        hiding.hit(change, number, count, noted)


def _row(found: Found, noted: str, hidden_by: int | None) -> dict[str, Any]:
    return {
        "position": found.position,
        "place": found.place,
        "identity": found.identity,
        "rule_id": found.rule,
        "grouping": "",
        "title": found.title,
        "level": found.level,
        "time": iso_of(found.time),
        "noted": noted,
        "host": found.host,
        "source_id": found.source,
        "logsource": str(LogSource(*found.logsource)),
        "fields": orjson.dumps(found.fields).decode(),
        "events": None if found.events is None else orjson.dumps(found.events).decode(),
        "says": None if found.says is None else orjson.dumps(found.says).decode(),
        "historic": int(found.historic),
        "tags": orjson.dumps(found.tags).decode(),
        "traces": msgspec.json.encode(found.traces).decode(),
        "pending": int(hidden_by is None),
        "hidden_by": hidden_by,
    }


def _seen(change: Connection, source: str, seen: Seen, arrived: int) -> None:
    arrived_at = datetime.fromtimestamp(arrived / 1e6, UTC)
    newest = moment(seen.newest) if seen.newest else None
    records.heard(
        change, source, arrived=arrived_at, events=seen.events, unread=seen.unread, last_event=newest, sure=seen.sure
    )
    change.execute(
        update(tables.sources)
        .where(tables.sources.c.id == source, tables.sources.c.kind == BY_HAND)
        .values(kind=seen.receiver)
    )


def _checkpoint(change: Connection, position: int, arrived: int) -> None:
    row = {"name": CHECKPOINT, "position": position, "updated": iso_of(arrived)}
    change.execute(
        insert(tables.checkpoints)
        .values(row)
        .on_conflict_do_update(index_elements=["name"], set_={"position": position, "updated": row["updated"]})
    )
