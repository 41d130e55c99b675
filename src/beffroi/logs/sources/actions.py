"""What people do about sources: accept, reject, give a token or a certificate, announce a silence, rename. Each is an Action."""

import base64
import secrets
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any, Final

import msgspec
from sqlalchemy import Connection, Row, select, update

from beffroi.core.errors import UsageError
from beffroi.core.model import SourceState
from beffroi.logs.sources import certificates, records
from beffroi.logs.sources.proofs import Key, ProofKind, assurance, hash_of
from beffroi.store import Entry, Personal, Store, feed, findings, ledger
from beffroi.store.actions import Action, Actor, Nothing, Role
from beffroi.store.tables import sources
from beffroi.store.times import now as clock
from beffroi.store.times import stamp

BY_HAND: Final = "any"
"""The kind of a source that was made by hand and has not been met on a receiver."""

LONGEST_SILENCE: Final = timedelta(days=366)


class Chosen(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A source: its id, the beginning of it, or its name; for `accept` also what to call it."""

    source: str
    name: str | None = None


class Made(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What to call a new source; with `renew` it is there already, and what it had is void."""

    name: str
    renew: bool = False


class Certified(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What to call a new source that shows a certificate. With `renew` it is there already (its name or its id), and what it has
    counts until it ends; with `replace` that is void at once."""

    name: str
    renew: bool = False
    replace: bool = False


class Silence(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Until when (ISO 8601 with its zone) a source may say nothing; None ends a silence."""

    source: str
    until: str | None = None


class Renaming(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A source, and what to call it from now on."""

    source: str
    name: str


def list_(store: Store, _actor: Actor, _arguments: Nothing) -> list[dict[str, Any]]:
    """Every source, with what `beffroi sources list` shows of it."""
    with store.read() as connection:
        return [row._asdict() for row in records.listed(connection, clock())]


def find(store: Store, _actor: Actor, arguments: Chosen) -> dict[str, Any]:
    """The one source that a person means. Raises UsageError where there is none, or several."""
    with store.read() as connection:
        return _told(connection, records.find(connection, arguments.source).id)


def accept(store: Store, actor: Actor, arguments: Chosen) -> dict[str, Any]:
    """From now on what this sender sends counts; what was held aside is let in."""
    with store.write() as change:
        row = records.find(change, arguments.source)
        name = row.name if arguments.name is None else records.called(arguments.name)
        if row.state not in (SourceState.NEW, SourceState.REJECTED) and name == row.name:
            return _told(change, row.id)
        entry = _record(change, actor, "sources.accept", row, called=name)
        values = {
            "name": name,
            "state": SourceState.ACCEPTED,
            "assurance": assurance(ProofKind(row.proof_kind), encrypted=True),
            "accepted_by": entry.seq,
        }
        findings.close(change, records.NEW, row.id)
        return _changed(change, row.id, values)


def reject(store: Store, actor: Actor, arguments: Chosen) -> dict[str, Any]:
    """From now on nothing is taken from this sender; what was held aside goes."""
    with store.write() as change:
        row = records.find(change, arguments.source)
        if row.state == SourceState.REJECTED:
            return _told(change, row.id)
        entry = _record(change, actor, "sources.reject", row)
        findings.close(change, records.NEW, row.id)
        return _changed(change, row.id, {"state": SourceState.REJECTED, "accepted_by": entry.seq})


def token(store: Store, actor: Actor, arguments: Made) -> dict[str, Any]:
    """A source with a token (160 random bits), which is told once and kept only as its hash."""
    secret = "beffroi_" + base64.b32encode(secrets.token_bytes(20)).decode().lower()
    with store.write() as change:
        key = Key(ProofKind.TOKEN, hash_of(secret))
        made = _made(change, actor, "sources.token", ProofKind.TOKEN, arguments, lambda _source_id: (key, None))
        return {**_told(change, made), "token": secret}


def certificate(store: Store, actor: Actor, arguments: Certified) -> dict[str, Any]:
    """A source with a key and a certificate of the device authority, all PEM; the key is told once and kept nowhere."""
    from beffroi.store.house import House  # the other actions need no cryptography, which takes its time to load

    house = House.open(store)
    issued: dict[str, Any] = {}

    def issue(source_id: str) -> tuple[Key, str]:
        issued["device"] = device = house.authorities.device(source_id, clock())
        return Key(ProofKind.CERTIFICATE, device.fingerprint), stamp(device.expires)

    with store.write() as change:
        made = _made(change, actor, "sources.certificate", ProofKind.CERTIFICATE, arguments, issue)
        device = issued["device"]
        pem = {"key": device.key.decode(), "certificate": device.chain.decode(), "ca": device.ca.decode()}
        return {**_told(change, made), **pem}


def silence(store: Store, actor: Actor, arguments: Silence) -> dict[str, Any]:
    """Announce that a source will say nothing for a while (a PC on holiday), or that it will again."""
    until = None if arguments.until is None else _until(arguments.until)
    with store.write() as change:
        row = records.find(change, arguments.source)
        _record(change, actor, "sources.silence", row, until=until)
        return _changed(change, row.id, {"silenced_until": until})


def rename(store: Store, actor: Actor, arguments: Renaming) -> dict[str, Any]:
    """Call a source something else."""
    name = records.called(arguments.name)
    with store.write() as change:
        row = records.find(change, arguments.source)
        _record(change, actor, "sources.rename", row, called=name)
        return _changed(change, row.id, {"name": name})


Issue = Callable[[str], tuple[Key, str | None]]
"""Gives a source (its id) something to show of itself: its key, and when it ends."""


def _made(
    change: Connection, actor: Actor, action: str, kind: ProofKind, arguments: Made | Certified, issue: Issue
) -> str:
    """Make a source by hand, or give one that is there something new to show; its id. Raises UsageError."""
    name = records.called(arguments.name)
    called = (sources.c.name == name) | (sources.c.id == name)
    here = called & (sources.c.proof_kind == kind) & (sources.c.state != SourceState.REJECTED)
    found = change.execute(select(sources.c.id, sources.c.name).where(here)).all()
    again = arguments.renew or (isinstance(arguments, Certified) and arguments.replace)
    if found and not again:
        raise _already(kind, name)
    if again and len(found) != 1:
        raise UsageError('{count} sources "{source}" could be renewed; exactly one must', count=len(found), source=name)
    made = found[0].id if found else records.new_id()
    key, expires = issue(made)
    details = {
        "source": made, "called": Personal(found[0].name if found else name), "renewed": again, "expires": expires,
    }  # fmt: skip
    entry = ledger.record(change, actor=actor.name, action=action, details=details)
    if found:
        change.execute(update(sources).where(sources.c.id == made).values(proof=key.value, expires=expires))
        feed.tell(change, "sources", made)
    else:
        records.add(change, key, name, BY_HAND, accepted=True, now=clock(), expires=expires, entry=entry.seq, made=made)
    if expires is not None:
        if isinstance(arguments, Certified) and arguments.replace:
            certificates.void(change, made)
        certificates.issued(change, made, key.value, expires, clock())
    return made


def _already(kind: ProofKind, name: str) -> UsageError:
    if kind is ProofKind.CERTIFICATE:
        return UsageError(
            'There is a source "{source}" already; with --renew it gets another certificate beside the one it has, '
            "with --replace what it has is void at once",
            source=name,
        )
    return UsageError(
        'There is a source "{source}" already; with --renew it gets another one, and what it has now is void',
        source=name,
    )


def _record(change: Connection, actor: Actor, action: str, row: Row[Any], **more: str | None) -> Entry:
    """The ledger's entry of an act. What a source is called may name somebody, and an address is one's: both erasable."""
    details: dict[str, Any] = {"source": row.id, "called": Personal(more.pop("called", None) or row.name), **more}
    if row.proof_kind == ProofKind.ADDRESS:
        details["address"] = Personal(row.proof)
    return ledger.record(change, actor=actor.name, action=action, details=details)


def _changed(change: Connection, source_id: str, values: dict[str, Any]) -> dict[str, Any]:
    change.execute(update(sources).where(sources.c.id == source_id).values(values))
    feed.tell(change, "sources", source_id)
    return _told(change, source_id)


def _told(connection: Connection, source_id: str) -> dict[str, Any]:
    """The source as it is now, as JSON can hold it."""
    return next(row._asdict() for row in records.listed(connection, clock()) if row.id == source_id)


def _until(text: str) -> str:
    """A moment that a person stated, if a silence can last until then. Raises UsageError."""
    try:
        until = datetime.fromisoformat(text)
    except ValueError:
        until = None
    if until is None or until.tzinfo is None:
        raise UsageError('"{text}" is no date and time with its zone', text=text)
    if not clock() < until <= clock() + LONGEST_SILENCE:
        raise UsageError("A silence ends in the future, and after {days} days at the latest", days=LONGEST_SILENCE.days)
    return stamp(until)


ACTIONS: Final = (
    Action("sources.list", list_, Nothing, Role.VIEWER, writes=False),
    Action("sources.find", find, Chosen, Role.VIEWER, writes=False),
    Action("sources.accept", accept, Chosen, Role.PROVIDER, writes=True),
    Action("sources.reject", reject, Chosen, Role.PROVIDER, writes=True),
    Action("sources.token", token, Made, Role.PROVIDER, writes=True),
    Action("sources.certificate", certificate, Certified, Role.PROVIDER, writes=True),
    Action("sources.silence", silence, Silence, Role.PROVIDER, writes=True),
    Action("sources.rename", rename, Renaming, Role.PROVIDER, writes=True),
)
