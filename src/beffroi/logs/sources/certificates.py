"""The certificates of devices: several may count at once, so that a device is given a new one while the old one still works."""

from collections import defaultdict
from collections.abc import Collection
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import Connection, Row, delete, insert, select, update

from beffroi.core.model import SourceState
from beffroi.store.tables import certificates, sources
from beffroi.store.times import stamp


class Used(NamedTuple):
    """The certificate that a source shows; where it never showed any, the newest it was given."""

    source_id: str
    name: str
    expires: datetime
    newer: bool
    """A newer one was made, and has not been shown yet."""


def issued(change: Connection, source_id: str, fingerprint: str, expires: str, now: datetime) -> None:
    """A certificate counts from now on. `fingerprint` is the hexadecimal SHA-256 of its DER, `expires` ISO 8601 (UTC)."""
    row = {"fingerprint": fingerprint, "source_id": source_id, "made": stamp(now, "microseconds"), "expires": expires}
    change.execute(insert(certificates).values(row))


def void(change: Connection, source_id: str) -> None:
    """No certificate that a source was given counts any longer."""
    change.execute(delete(certificates).where(certificates.c.source_id == source_id))


def shown(change: Connection, fingerprints: Collection[str], now: datetime) -> None:
    """Note which certificates were shown; the first time is kept."""
    if fingerprints:
        here = certificates.c.fingerprint.in_(fingerprints) & certificates.c.shown.is_(None)
        change.execute(update(certificates).where(here).values(shown=stamp(now)))


def used(connection: Connection) -> list[Used]:
    """Of each source that shows a certificate and was not rejected, the one it uses."""
    found = []
    for rows in _by_source(connection).values():
        at = _in_use(rows)
        found.append(
            Used(rows[at].source_id, rows[at].name, datetime.fromisoformat(rows[at].expires), at + 1 < len(rows))
        )
    return sorted(found, key=lambda each: (each.name.casefold(), each.source_id))


def tidy(change: Connection, now: datetime) -> None:
    """Forget what has ended and is not in use; the one in use stays, so that it can be told that it has ended."""
    over = [
        row.fingerprint
        for rows in _by_source(change).values()
        for at, row in enumerate(rows)
        if datetime.fromisoformat(row.expires) <= now and at != _in_use(rows)
    ]
    if over:
        change.execute(delete(certificates).where(certificates.c.fingerprint.in_(over)))


def _by_source(connection: Connection) -> dict[str, list[Row[Any]]]:
    """The certificates of each source, oldest first."""
    query = select(certificates, sources.c.name).join(sources).where(sources.c.state != SourceState.REJECTED)
    found: dict[str, list[Row[Any]]] = defaultdict(list)
    for row in connection.execute(query.order_by(certificates.c.made)):
        found[row.source_id].append(row)
    return found


def _in_use(rows: list[Row[Any]]) -> int:
    """Which of a source's certificates it uses, by its place."""
    return max((at for at, row in enumerate(rows) if row.shown is not None), default=len(rows) - 1)
