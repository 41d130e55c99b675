"""What people do about incidents: look, take, close, reopen, comment, merge, split. Each is an Action that writes its own ledger entry."""

from typing import Any, Final

import msgspec
from sqlalchemy import Connection, Row, delete, func, select, update

from beffroi.core.errors import UsageError
from beffroi.incidents import records, showing
from beffroi.incidents.judging import Facts
from beffroi.incidents.raising import RECOUNTED, facts_of_strand, regroup
from beffroi.store import Personal, Store, feed, ledger
from beffroi.store.actions import Action, Actor, Nothing, Role
from beffroi.store.tables import incidents, matches, strand_bonds, strands
from beffroi.store.times import now as clock

LONGEST: Final = 2_000  # characters of a comment or a reason


class Wanted(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Which incidents: also the closed ones; of this level at least; at most so many."""

    closed: bool = False
    level: str = "informational"
    most: int = 100


class Which(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One incident, by its number."""

    incident: int


class Closing(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """An incident, as what it is closed ("real", "exercise", "normal", "duplicate"), and what is to be said of it."""

    incident: int
    reason: str
    comment: str = ""


class Saying(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """An incident, and what somebody says of it."""

    incident: int
    comment: str


class Merging(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Two incidents that are one; the other goes into the first."""

    incident: int
    other: int


class Splitting(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """An incident, and the matches of it (their numbers, as `show` tells them) that are another story."""

    incident: int
    matches: list[int]


def list_(store: Store, _actor: Actor, wanted: Wanted) -> list[dict[str, Any]]:
    """The incidents, what needs a person first at the top."""
    with store.read() as connection:
        return showing.listed(connection, wanted.closed, wanted.level, wanted.most, clock())


def show(store: Store, _actor: Actor, which: Which) -> dict[str, Any]:
    """All of one incident: what is listed, how it hangs together, what was done about it, and its newest matches."""
    with store.read() as connection:
        return showing.whole(connection, _found(connection, which.incident), clock())


def budget(store: Store, _actor: Actor, _arguments: Nothing) -> dict[str, Any]:
    """How many incidents called somebody in the last seven days, and how many may."""
    with store.read() as connection:
        return showing.budget(connection, clock())


def take(store: Store, actor: Actor, which: Which) -> dict[str, Any]:
    """Say that one is at it."""
    with store.write() as change:
        row = _open(change, which.incident)
        entry = _record(change, actor, "incidents.take", row)
        return _changed(change, row.id, {"state": "taken", "taken_by": entry.seq})


def close(store: Store, actor: Actor, closing: Closing) -> dict[str, Any]:
    """It is over, and this is what it was."""
    if closing.reason not in records.REASONS:
        known = ", ".join(records.REASONS)
        raise UsageError(
            "An incident is not closed as {reason}; there are: {known}", reason=closing.reason, known=known
        )
    with store.write() as change:
        row = _open(change, closing.incident)
        more = {"reason": closing.reason} | _comment(closing.comment)
        entry = _record(change, actor, "incidents.close", row, **more)
        values = {
            "state": "closed",
            "closed_as": closing.reason,
            "closed_by": entry.seq,
            "closed_level": row.severity,
            "closed_event": row.last_event,
        }
        return _changed(change, row.id, values)


def reopen(store: Store, actor: Actor, which: Which) -> dict[str, Any]:
    """It is not over."""
    with store.write() as change:
        row = _found(change, which.incident)
        if row.state != "closed":
            return showing.one(change, row, clock())
        if row.merged_into is not None:
            raise UsageError(
                "Incident {incident} is part of incident {other}; take it out of there with `split`",
                incident=row.id, other=row.merged_into,
            )  # fmt: skip
        _record(change, actor, "incidents.reopen", row)
        return _changed(change, row.id, {"state": "new", "closed_as": None, "closed_by": None, "taken_by": None})


def comment(store: Store, actor: Actor, saying: Saying) -> dict[str, Any]:
    """Say something of it, for those who come later."""
    said = _comment(saying.comment)
    if not said:
        raise UsageError("A comment says something")
    with store.write() as change:
        row = _found(change, saying.incident)
        _record(change, actor, "incidents.comment", row, **said)
        return _changed(change, row.id, {})


def merge(store: Store, actor: Actor, merging: Merging) -> dict[str, Any]:
    """Two incidents are one story."""
    with store.write() as change:
        row, other = _found(change, merging.incident), _found(change, merging.other)
        for each in (row, other):
            if each.merged_into is not None:
                raise UsageError(
                    "Incident {incident} is part of incident {other} already", incident=each.id, other=each.merged_into
                )
        if row.id == other.id or row.historic != other.historic:
            raise UsageError("Incidents {one} and {other} cannot be put together", one=row.id, other=other.id)
        entry = _record(change, actor, "incidents.merge", row, merged=other.id)
        ours, theirs = _strands(change, row.id), _strands(change, other.id)
        change.execute(
            delete(strand_bonds).where(
                (strand_bonds.c.one.in_(ours) & strand_bonds.c.other.in_(theirs))
                | (strand_bonds.c.one.in_(theirs) & strand_bonds.c.other.in_(ours))
            )
        )
        if ours and theirs:
            records.bind(change, ours[0], theirs[0], together=True, seq=entry.seq)
        records.merge(change, row.id, other.id, clock(), entry.seq)
        regroup(change, [row.id], clock())
        return _changed(change, row.id, {})


def split(store: Store, actor: Actor, splitting: Splitting) -> dict[str, Any]:
    """Some of an incident's matches are another story; the new incident."""
    wanted = set(splitting.matches)
    with store.write() as change:
        row = _found(change, splitting.incident)
        ours = _strands(change, row.id)
        found = change.execute(
            select(matches.c.id, matches.c.strand_id).where(matches.c.strand_id.in_(ours), matches.c.id.in_(wanted))
        ).all()
        missing = sorted(wanted - {each.id for each in found})
        if missing or not found:
            raise UsageError(
                "Incident {incident} has no match {match}; `beffroi incidents show {incident}` tells their numbers",
                incident=row.id, match=missing[0] if missing else 0,
            )  # fmt: skip
        of: dict[int, list[int]] = {}
        for each in found:
            of.setdefault(each.strand_id, []).append(each.id)
        counted = (
            select(matches.c.strand_id, func.count().label("its"))
            .where(matches.c.strand_id.in_(ours))
            .group_by(matches.c.strand_id)
        )
        counts = {each.strand_id: each.its for each in change.execute(counted)}
        whole = [strand for strand, some in of.items() if len(some) == counts[strand]]
        if len(whole) == len(counts):
            raise UsageError("All of incident {incident} would be taken out of it", incident=row.id)
        entry = _record(change, actor, "incidents.split", row, matches=len(found))
        made = records.open_(change, historic=bool(row.historic), now=clock())
        for strand in whole:
            for stays in set(ours) - set(whole):
                records.bind(change, strand, stays, together=False, seq=entry.seq)
        change.execute(update(strands).where(strands.c.id.in_(whole)).values(incident_id=made))
        parted = {strand: some for strand, some in of.items() if strand not in whole}
        if parted:
            _part(change, parted, made, bool(row.historic))
        regroup(change, [row.id, made], clock())
        _changed(change, row.id, {})
        return _changed(change, made, {})


def _part(change: Connection, parted: dict[int, list[int]], made: int, historic: bool) -> None:
    """Matches of strands that stay become a strand of their own, which nothing continues: what ties them together is what somebody
    has just contradicted."""
    number = records.next_strand(change, clock())
    taken = [each for some in parted.values() for each in some]
    change.execute(update(matches).where(matches.c.id.in_(taken)).values(strand_id=number))
    rows = [records.frozen(number, made, historic=historic, facts=_facts(change, number))]
    records.write_strands(change, rows)
    for strand in parted:
        facts = msgspec.json.encode(_facts(change, strand)).decode()
        change.execute(update(strands).where(strands.c.id == strand).values(facts=facts))


def _facts(connection: Connection, strand: int) -> Facts:
    """What is known of a strand's matches, looked at anew. Raises UsageError where they are too many."""
    count = connection.scalar(select(func.count()).select_from(matches).where(matches.c.strand_id == strand)) or 0
    if count > RECOUNTED:
        raise UsageError("These are more than {most:,} matches; they cannot be told apart one by one", most=RECOUNTED)
    return facts_of_strand(connection, strand)


def _strands(connection: Connection, incident: int) -> list[int]:
    query = select(strands.c.id).where(strands.c.incident_id == incident).order_by(strands.c.alive.desc(), strands.c.id)
    return list(connection.scalars(query))


def _found(connection: Connection, number: int) -> Row[Any]:
    row = records.find(connection, number)
    if row is None:
        raise UsageError("There is no incident {incident}; `beffroi incidents list` shows them", incident=number)
    return row


def _open(connection: Connection, number: int) -> Row[Any]:
    row = _found(connection, number)
    if row.merged_into is not None:
        raise UsageError(
            "Incident {incident} is part of incident {other} already", incident=number, other=row.merged_into
        )
    if row.state == "closed":
        raise UsageError("Incident {incident} is closed; open it again first", incident=number)
    return row


def _comment(text: str) -> dict[str, Personal]:
    """A comment as the ledger holds it: it may name somebody, so it is erasable. Raises UsageError for one that is too long."""
    said = text.strip()
    if len(said) > LONGEST:
        raise UsageError("A comment has at most {longest:,} characters", longest=LONGEST)
    return {"comment": Personal(said)} if said else {}


def _record(change: Connection, actor: Actor, action: str, row: Row[Any], **details: Any) -> ledger.Entry:
    return ledger.record(change, actor=actor.name, action=action, details={"incident": row.id, **details})


def _changed(change: Connection, number: int, values: dict[str, Any]) -> dict[str, Any]:
    if values:
        change.execute(update(incidents).where(incidents.c.id == number).values(values))
    feed.tell(change, "incidents", number)
    return showing.one(change, _found(change, number), clock())


ACTIONS: Final = (
    Action("incidents.list", list_, Wanted, Role.VIEWER, writes=False),
    Action("incidents.show", show, Which, Role.VIEWER, writes=False),
    Action("incidents.budget", budget, Nothing, Role.VIEWER, writes=False),
    Action("incidents.take", take, Which, Role.PROVIDER, writes=True),
    Action("incidents.close", close, Closing, Role.PROVIDER, writes=True),
    Action("incidents.reopen", reopen, Which, Role.PROVIDER, writes=True),
    Action("incidents.comment", comment, Saying, Role.PROVIDER, writes=True),
    Action("incidents.merge", merge, Merging, Role.PROVIDER, writes=True),
    Action("incidents.split", split, Splitting, Role.PROVIDER, writes=True),
)
