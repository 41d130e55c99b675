"""What must be done about sources now and then: strangers' days, certificates that end, and what was decided while nobody ran."""

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Final, NamedTuple

from sqlalchemy import select

from beffroi.core.model import Source, SourceState, message
from beffroi.logs.sources import records
from beffroi.logs.sources.waiting import WaitingRoom
from beffroi.store import Store, findings, settings
from beffroi.store.tables import sources

ENDS: Final = "source.certificate"
"""The kind of finding that a device's certificate is, when it must be replaced by hand."""

SOON: Final = timedelta(days=45)


class Due(NamedTuple):
    """Whose messages leave the waiting room: into the journal, or away."""

    release: tuple[str, ...]
    discard: tuple[str, ...]


def due(held: Iterable[str], known: Iterable[Source]) -> Due:
    """What was decided about the senders whose messages are held. Ask it at the start and whenever table "sources" changed."""
    states = {source.id: source.state for source in known}
    waiting = sorted(held)
    return Due(
        tuple(each for each in waiting if states.get(each) in (SourceState.ACCEPTED, SourceState.SILENT)),
        tuple(each for each in waiting if states.get(each) in (None, SourceState.REJECTED)),
    )


def tend(store: Store, room: WaitingRoom, now: datetime) -> None:
    """Once an hour or so: let go of what waited too long and of strangers who stay away, count no longer what is long ago, and
    say which certificates end. Raises StoreError, OSError."""
    with store.read() as connection:
        days = settings.get(connection, "sources.waiting_days")
    room.expire(int((now - timedelta(days=days)).timestamp() * 1_000_000))
    with store.write() as change:
        for gone in records.forget_strangers(change, now, days):
            room.discard(gone)
        records.tidy(change, now)
        ending = []
        query = select(sources.c.id, sources.c.name, sources.c.expires).where(
            sources.c.expires.is_not(None), sources.c.state != SourceState.REJECTED
        )
        for row in change.execute(query).all():
            left = datetime.fromisoformat(row.expires) - now
            if left > SOON:
                continue
            ending.append(row.id)
            findings.raise_(
                change,
                ENDS,
                row.id,
                "high" if left < timedelta(days=7) else "medium",
                message(
                    "The certificate of “{name}” ends on {day}. Make it another one: `beffroi sources certificate --renew`",
                    name=row.name,
                    day=row.expires[:10],
                ),
                now=now,
            )
        findings.close_others(change, ENDS, ending, now=now)
