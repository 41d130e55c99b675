"""What people do about what is normal: say so of a match, look at what was said, undo it. Each is an Action that writes its ledger entry.

What must never be hidden is known elsewhere too: the samples on which the house's own rules must fire. Rooms do not import each other,
so whoever offers these Actions gives them `Silenced`.
"""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any, Final

import msgspec
from sqlalchemy import Connection, Row, func, insert, select, update

from beffroi.core.errors import UsageError
from beffroi.core.model import Fields, LogSource, Message, message
from beffroi.incidents import filters, hiding
from beffroi.incidents.normal import compiled, read
from beffroi.store import Personal, Store, feed, ledger
from beffroi.store.actions import Action, Actor, Role
from beffroi.store.tables import incidents, matches, normals, strands
from beffroi.store.times import now as clock
from beffroi.store.times import stamp

DAYS: Final = 90
"""For so long something is normal unless somebody says otherwise."""
LONGEST_DAYS: Final = 366
LONGEST: Final = 1_000  # characters of a reason
FIELDS: Final = 32  # fields that somebody may choose

Silenced = Callable[[str, Callable[[Fields], bool]], list[str]]
"""(id of a rule, whether what it found would be hidden) → the samples, by their names, that would no longer be detected as they must."""


class Saying(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What is normal: an incident, where several rules speak in it one of them or one of its matches; the fields by which it is known again
    (none: what makes it specific), for how many days, and why. `force` hides also what is a true detection; `history` takes what came already
    out of its incidents; `dry_run` only tells."""

    incident: int
    rule: str = ""
    match: int = 0
    fields: list[str] = []
    days: int = DAYS
    reason: str = ""
    force: bool = False
    history: bool = True
    dry_run: bool = False


class Listing(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Also what has ended?"""

    ended: bool = False


class Ending(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What is no longer normal, by its number."""

    normal: int
    comment: str = ""


def actions(silenced: Silenced) -> tuple[Action, ...]:
    """What can be done about what is normal."""

    def normal(store: Store, actor: Actor, saying: Saying) -> dict[str, Any]:
        return say_normal(store, actor, saying, silenced, clock())

    return (
        Action("incidents.normal", normal, Saying, Role.PROVIDER, writes=True),
        Action("incidents.normals", list_, Listing, Role.VIEWER, writes=False),
        Action("incidents.normal_end", end, Ending, Role.PROVIDER, writes=True),
    )


def say_normal(store: Store, actor: Actor, saying: Saying, silenced: Silenced, now: datetime) -> dict[str, Any]:
    """Make the filter, tell what it would have hidden, and unless it is a trial hide that and what comes. Raises UsageError where it would hide a
    true detection and nobody forces it."""
    _check(saying)
    with store.read() as connection:
        row = _match(connection, saying)
        match = filters.Match(row.rule_id, row.title, _logsource(row.logsource), msgspec.json.decode(row.fields))
        chosen = filters.choose(match, saying.fields)
        text = filters.written(match, chosen)
        test = compiled(text)
        covered = hiding.cover(connection, match.rule, test)
        held = hiding.incidents_of(connection, covered.strands)
    samples = silenced(match.rule, test)
    real = [incident for incident, _ in held if incident.closed_as == "real"]
    if (samples or real) and not (saying.force or saying.dry_run):
        raise UsageError(
            "{what}: nothing is hidden. Choose more fields, or force it and say why",
            what=_true_detection(samples, [each.id for each in real]),
        )
    told = {
        "normal": None,
        "rule_id": match.rule,
        "rule": Message(match.title).to_plain(),
        "fields": chosen,
        "anywhere": filters.holds_anywhere(chosen),
        "filter": text,
        "expires": stamp(now + timedelta(days=saying.days)),
        "hides": _hides(covered, held),
        "true_detections": {"samples": samples, "incidents": [each.id for each in real]},
        "hidden": 0,
    }
    if not saying.dry_run:
        with store.write() as change:
            number = _keep(change, actor, saying, match, text, now, forced=bool(samples or real))
            if saying.history:
                later = hiding.cover(change, match.rule, test, covered.through)
                told["hidden"] = hiding.hide(change, number, [*covered.ids, *later.ids], actor.name, now)
            told["normal"] = number
            feed.tell(change, "normals", number)
    return told


def _check(saying: Saying) -> None:
    """Raises UsageError for what cannot be wished."""
    if not 1 <= saying.days <= LONGEST_DAYS:
        raise UsageError("Something is normal for 1 to {most} days; then somebody looks at it again", most=LONGEST_DAYS)
    if len(saying.reason) > LONGEST:
        raise UsageError("A reason has at most {longest:,} characters", longest=LONGEST)
    if saying.force and not saying.reason.strip():
        raise UsageError("Say why it is forced: it stands in the ledger")
    if len(saying.fields) > FIELDS:
        raise UsageError("At most {most} fields can be chosen", most=FIELDS)


def _match(connection: Connection, saying: Saying) -> Row[Any]:
    """The match that a filter is made from: the one that was named, else the newest of the incident's rule. Raises UsageError."""
    if connection.scalar(select(incidents.c.id).where(incidents.c.id == saying.incident)) is None:
        raise UsageError(
            "There is no incident {incident}; `beffroi incidents list` shows them", incident=saying.incident
        )
    ours = (
        select(matches)
        .join(strands, strands.c.id == matches.c.strand_id)
        .where(strands.c.incident_id == saying.incident)
    )
    if saying.match:
        row = connection.execute(ours.where(matches.c.id == saying.match)).first()
        if row is None or (saying.rule and row.rule_id != saying.rule):
            raise UsageError(
                "Incident {incident} has no match {match}; `beffroi incidents show {incident}` tells their numbers",
                incident=saying.incident, match=saying.match,
            )  # fmt: skip
        return row
    found = ours.with_only_columns(matches.c.rule_id, func.count()).group_by(matches.c.rule_id)
    counts: dict[str, int] = {rule: int(count) for rule, count in connection.execute(found)}
    if not counts:
        raise UsageError("Nothing is left of the matches of incident {incident}", incident=saying.incident)
    if saying.rule and saying.rule not in counts:
        raise UsageError(
            "The rule {rule} holds for nothing in incident {incident}", rule=saying.rule, incident=saying.incident
        )
    if not saying.rule and len(counts) > 1:
        raise UsageError(
            "Several rules speak in incident {incident}; say which one finds what is normal: {known}",
            incident=saying.incident, known=", ".join(sorted(counts, key=lambda each: -counts[each])),
        )  # fmt: skip
    rule = saying.rule or next(iter(counts))
    newest = ours.where(matches.c.rule_id == rule).order_by(matches.c.time.desc(), matches.c.id.desc()).limit(1)
    return connection.execute(newest).one()


def _logsource(text: str) -> LogSource:
    return LogSource(*(None if part == "*" else part for part in text.split("/", 2)))


def _true_detection(samples: list[str], real: list[int]) -> Message:
    if real:
        return message("This would hide incident {incident}, which was a real attack", incident=real[0])
    return message("This would hide what the rule must find (“{sample}”)", sample=samples[0])


def _hides(covered: hiding.Covered, held: list[tuple[Row[Any], int]]) -> dict[str, Any]:
    """What of the history a filter holds for, as it is told."""
    return {
        "matches": len(covered.ids),
        "of": covered.looked_at,
        "first": covered.first,
        "last": covered.last,
        "incidents": [
            {
                "incident": row.id,
                "title": msgspec.json.decode(row.title),
                "state": row.state,
                "closed_as": row.closed_as,
                "matches": count,
                "of": row.matches,
            }
            for row, count in held[: hiding.SHOWN]
        ],
        "more_incidents": max(0, len(held) - hiding.SHOWN),
        "newest": [*covered.newest][::-1],
    }


def _keep(
    change: Connection, actor: Actor, saying: Saying, match: filters.Match, text: str, now: datetime, *, forced: bool
) -> int:
    """Keep a filter; its id. One that says the same and is in force is kept instead, and its days begin anew."""
    reason = saying.reason.strip()
    details: dict[str, Any] = {"incident": saying.incident, "rule": match.rule, "days": saying.days, "forced": forced}
    if reason:
        details["comment"] = Personal(reason)
    entry = ledger.record(change, actor=actor.name, action="incidents.normal", details=details, now=now)
    values = {"made_by": entry.seq, "expires": stamp(now + timedelta(days=saying.days))}
    in_force = hiding.in_force(change, now)
    same = next((number for number, _, kept in in_force if kept == text), None)
    if same is not None:
        change.execute(update(normals).where(normals.c.id == same).values(values))
        return same
    if len(in_force) >= hiding.MOST:
        raise UsageError("There are {most} filters already; end some of them first", most=hiding.MOST)
    row = {"rule_id": match.rule, "filter": text, **values}
    return int(change.execute(insert(normals).values(row).returning(normals.c.id)).scalar_one())


# --- afterwards -------------------------------------------------------------------------------------------------------------------


def list_(store: Store, _actor: Actor, listing: Listing) -> list[dict[str, Any]]:
    """What is normal, the newest first, with what it has hidden."""
    query = select(normals).order_by(normals.c.id.desc())
    if not listing.ended:
        query = query.where(normals.c.ended.is_(None))
    with store.read() as connection:
        return [_told(connection, row) for row in connection.execute(query).all()]


def _told(connection: Connection, row: Row[Any]) -> dict[str, Any]:
    entry = ledger.entry(connection, row.made_by)
    try:
        kept = read(row.filter)
        title, selection = Message(kept.title).to_plain(), kept.selection
    except ValueError:
        title, selection = message("it cannot be read, and hides nothing").to_plain(), {}
    return {
        "normal": row.id,
        "rule_id": row.rule_id,
        "rule": title,
        "selection": selection,
        "filter": row.filter,
        "made": entry.time,
        "by": entry.actor,
        "reason": entry.details.get("comment"),
        "forced": bool(entry.details.get("forced")),
        "expires": row.expires,
        "ended": row.ended,
        "hits": row.hits,
        "last_hit": row.last_hit,
    }


def end(store: Store, actor: Actor, ending: Ending) -> dict[str, Any]:
    """It is not normal (any more): what it has hidden comes back, and what comes is told again."""
    comment = ending.comment.strip()
    if len(comment) > LONGEST:
        raise UsageError("A reason has at most {longest:,} characters", longest=LONGEST)
    now = clock()
    with store.write() as change:
        row = change.execute(select(normals).where(normals.c.id == ending.normal)).first()
        if row is None:
            raise UsageError(
                "Nothing normal has the number {number}; `beffroi incidents normal --list` shows them",
                number=ending.normal,
            )
        if row.ended is not None:
            raise UsageError("Number {number} has ended already", number=ending.normal)
        details: dict[str, Any] = {"normal": row.id, "rule": row.rule_id, "expired": False}
        if comment:
            details["comment"] = Personal(comment)
        ledger.record(change, actor=actor.name, action="incidents.normal_end", details=details, now=now)
        change.execute(update(normals).where(normals.c.id == row.id).values(ended=stamp(now)))
        back = hiding.bring_back(change, row.id, actor.name, now)
        feed.tell(change, "normals", row.id)
        again = change.execute(select(normals).where(normals.c.id == row.id)).one()
        return _told(change, again) | {"back": back}
