"""The feed: which rows changed, in order, so that pages, the bell, blocking and the region follow without asking.

Whoever changes a row tells it in the same transaction; a follower keeps its own cursor, in the transaction of what it did
about it where that is in the store too::

    feed.tell(change, "findings", row)                      with the change itself
    for told in feed.follow(connection, since): …           in order, each at least once
    feed.advance(change, "notify", told.seq)                dealt with
"""

from typing import Final, NamedTuple

from sqlalchemy import Connection, delete, func, insert, select

from beffroi.store import tables

KEPT: Final = 10_000
"""So many of the newest stay, whoever has dealt with them: a page that comes back finds what it missed."""

MOST: Final = 1_000_000
"""More are not kept for a follower that no longer comes; it is told that it missed some."""


class Told(NamedTuple):
    """A row that was made, changed or removed. `seq` rises with each."""

    seq: int
    table: str
    row_id: str


class Missed(Exception):
    """What the follower has not seen is gone from the feed: it must look at everything. `seq` is where to go on from then."""

    def __init__(self, seq: int) -> None:
        super().__init__(seq)
        self.seq = seq


def tell(change: Connection, table: str, *row_ids: int | str) -> None:
    """Say, within the transaction that changes them, that rows change."""
    if row_ids:
        change.execute(insert(tables.feed), [{"table_name": table, "row_id": str(each)} for each in row_ids])


def newest(connection: Connection) -> int:
    """The number of the last one; 0 where nothing was ever told."""
    return connection.execute(select(func.max(tables.feed.c.seq))).scalar() or 0


def follow(connection: Connection, since: int, limit: int = 1000) -> list[Told]:
    """What was told after `since`, oldest first. Raises Missed where part of it was pruned, or `since` was never told yet."""
    oldest, last = connection.execute(select(func.min(tables.feed.c.seq), func.max(tables.feed.c.seq))).one()
    if since > (last or 0) or (oldest is not None and since + 1 < oldest):
        raise Missed(last or 0)
    query = select(tables.feed).where(tables.feed.c.seq > since).order_by(tables.feed.c.seq).limit(limit)
    return [Told(row.seq, row.table_name, row.row_id) for row in connection.execute(query)]


def cursor(connection: Connection, name: str) -> int | None:
    """How far a follower is; None where it never kept a cursor."""
    return connection.execute(select(tables.cursors.c.seq).where(tables.cursors.c.name == name)).scalar()


def advance(change: Connection, name: str, seq: int) -> None:
    """Keep that a follower has dealt with everything up to `seq`. A cursor never goes back."""
    before = cursor(change, name)
    if before is None:
        change.execute(insert(tables.cursors).values(name=name, seq=seq))
    elif seq > before:
        change.execute(tables.cursors.update().where(tables.cursors.c.name == name).values(seq=seq))


def leave(change: Connection, name: str) -> None:
    """A follower will not come back."""
    change.execute(delete(tables.cursors).where(tables.cursors.c.name == name))


def prune(change: Connection, *, kept: int = KEPT, most: int = MOST) -> int:
    """Forget what every follower has dealt with, but the newest `kept`; and all but the newest `most`. Returns how many."""
    last = newest(change)
    slowest = change.execute(select(func.min(tables.cursors.c.seq))).scalar()
    through = max(min(last if slowest is None else slowest, last - max(kept, 1)), last - most)
    return change.execute(delete(tables.feed).where(tables.feed.c.seq <= through)).rowcount
