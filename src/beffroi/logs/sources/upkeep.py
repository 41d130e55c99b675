"""What must be done about sources now and then: strangers' days, certificates that end, and what was decided while nobody ran."""

from collections.abc import Collection, Iterable
from datetime import datetime, timedelta
from typing import Final, NamedTuple

from sqlalchemy import Connection

from beffroi.core.model import Message, Source, SourceState, message
from beffroi.logs.sources import certificates, records
from beffroi.logs.sources.certificates import Used
from beffroi.logs.sources.waiting import WaitingRoom
from beffroi.store import Store, findings, settings

ENDS: Final = "source.certificate"
"""The kind of finding that a device's certificate is, when it must be replaced by hand."""

SOON: Final = ((timedelta(days=7), "high"), (timedelta(days=30), "medium"), (timedelta(days=60), "low"))
"""How serious it is that a certificate ends within so many days: nobody but a person can bring another one to the device."""


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


def tend(store: Store, room: WaitingRoom, now: datetime, shown: Collection[str] = ()) -> None:
    """Once an hour or so: let go of what waited too long and of strangers who stay away, count no longer what is long ago, and
    say which certificates end. `shown` are the fingerprints of certificates that senders showed. Raises StoreError, OSError."""
    with store.read() as connection:
        days = settings.get(connection, "sources.waiting_days")
    room.expire(int((now - timedelta(days=days)).timestamp() * 1_000_000))
    with store.write() as change:
        gone = records.forget_strangers(change, now, days)
        records.tidy(change, now)
        certificates.shown(change, shown, now)
        certificates.tidy(change, now)
        _tell_endings(change, now)
    # Only what is committed: were the strangers still known, what they sent would be missed. What a crash leaves here, `due` names.
    for each in gone:
        room.discard(each)


def _tell_endings(change: Connection, now: datetime) -> None:
    ending = []
    for each in certificates.used(change):
        severity = next((severity for span, severity in SOON if each.expires - now <= span), None)
        if severity is not None:
            ending.append(each.source_id)
            findings.raise_(change, ENDS, each.source_id, severity, ending_of(each, now), now=now)
    findings.close_others(change, ENDS, ending, now=now)


def ending_of(used: Used, now: datetime) -> Message:
    """What is to be said of a device's certificate that ends soon, or has ended."""
    day = used.expires.date().isoformat()
    if used.newer:
        return message(
            "“{name}” still shows its old certificate, which ends on {day}: put the new one on it",
            name=used.name,
            day=day,
        )
    if used.expires <= now:
        return message(
            "The certificate of “{name}” ended on {day}, and nothing is taken from it. Make it another one: "
            "`beffroi sources certificate {id} --renew --out FOLDER`",
            name=used.name, day=day, id=used.source_id,
        )  # fmt: skip
    return message(
        "The certificate of “{name}” ends on {day}. Make it another one: `beffroi sources certificate {id} --renew --out FOLDER`",
        name=used.name, day=day, id=used.source_id,
    )  # fmt: skip
