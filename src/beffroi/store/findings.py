"""Findings: something about the house is not as it should be. One is open at most once for a kind and a subject."""

import json
from collections.abc import Collection
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import Connection, Row, delete, insert, select, update

from beffroi.core.model import Message
from beffroi.store import feed
from beffroi.store.tables import findings
from beffroi.store.times import stamp


class Finding(NamedTuple):
    """A finding as it stands. Times are ISO 8601 (UTC); `closed` is None while it is open."""

    id: int
    kind: str
    subject: str
    severity: str
    message: Message
    first_seen: str
    last_seen: str
    closed: str | None


def raise_(
    change: Connection, kind: str, subject: str, severity: str, message: Message, *, now: datetime | None = None
) -> int:
    """Open a finding, or renew the one that is open for the same kind and subject; its id.

    The feed is told where somebody would see a difference: a new finding, another severity, another sentence.
    """
    plain, when = json.dumps(message.to_plain(), ensure_ascii=False), stamp(now)
    here = (findings.c.kind == kind) & (findings.c.subject == subject) & findings.c.closed.is_(None)
    before = change.execute(select(findings.c.id, findings.c.severity, findings.c.message).where(here)).first()
    if before is not None:
        change.execute(
            update(findings).where(findings.c.id == before.id).values(severity=severity, message=plain, last_seen=when)
        )
        if (before.severity, before.message) != (severity, plain):
            feed.tell(change, "findings", before.id)
        return int(before.id)
    row = {"kind": kind, "subject": subject, "severity": severity, "message": plain}
    made = change.execute(insert(findings).values(**row, first_seen=when, last_seen=when).returning(findings.c.id))
    number = int(made.scalar_one())
    feed.tell(change, "findings", number)
    return number


def close(change: Connection, kind: str, subject: str, *, now: datetime | None = None) -> bool:
    """What a finding said is no longer so. Whether there was one."""
    here = (findings.c.kind == kind) & (findings.c.subject == subject) & findings.c.closed.is_(None)
    number = change.execute(update(findings).where(here).values(closed=stamp(now)).returning(findings.c.id)).scalar()
    if number is None:
        return False
    feed.tell(change, "findings", number)
    return True


def close_others(change: Connection, kind: str, still: Collection[str], *, now: datetime | None = None) -> int:
    """Close every open finding of a kind whose subject is not among those of which it is still so; how many."""
    query = select(findings.c.subject).where(findings.c.kind == kind, findings.c.closed.is_(None))
    gone = [subject for subject in change.execute(query).scalars().all() if subject not in still]
    return sum(close(change, kind, subject, now=now) for subject in gone)


def forget(change: Connection, before: datetime) -> int:
    """Let go of findings that were closed before a moment; how many."""
    return change.execute(delete(findings).where(findings.c.closed < stamp(before))).rowcount


def opened(connection: Connection, kind: str | None = None) -> list[Finding]:
    """The open findings, oldest first; only those of a kind or of its parts ("source" or "source.quiet")."""
    query = select(findings).where(findings.c.closed.is_(None)).order_by(findings.c.id)
    found = [_finding(row) for row in connection.execute(query)]
    return [each for each in found if kind is None or each.kind == kind or each.kind.startswith(f"{kind}.")]


def finding(connection: Connection, number: int) -> Finding:
    """One finding by its id, open or closed. Raises LookupError where there is none."""
    row = connection.execute(select(findings).where(findings.c.id == number)).first()
    if row is None:
        raise LookupError(number)
    return _finding(row)


def _finding(row: Row[Any]) -> Finding:
    values = row._asdict()
    return Finding(**(values | {"message": Message.from_plain(json.loads(values["message"]))}))
