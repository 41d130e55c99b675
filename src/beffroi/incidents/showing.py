"""Incidents as they are shown: listed by what needs a person first, or one with all that is known of it. Sentences stay messages."""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import msgspec
from sqlalchemy import Connection, Row, func, select

from beffroi.core.model import Message, message
from beffroi.core.situations import situation_of
from beffroi.detect.ir import LEVELS
from beffroi.detect.values import iso_of, micros_of
from beffroi.incidents import records
from beffroi.incidents.judging import HIGH, Facts, urgency
from beffroi.incidents.situations import calls, doubt, steps, words_of
from beffroi.incidents.technical import technical
from beffroi.store import ledger, settings
from beffroi.store.tables import incidents, matches, strands
from beffroi.store.times import stamp

NEWEST: Final = 200  # matches of an incident that are shown one by one
MOMENTS: Final = 50  # moments of an incident's course that are told
WEEK: Final = timedelta(days=7)
CONSIDERED: Final = 5_000  # incidents among which the most urgent are looked for: the newest


def listed(connection: Connection, closed: bool, level: str, most: int, now: datetime) -> list[dict[str, Any]]:
    """The incidents, most urgent first."""
    query = (
        select(incidents)
        .where(incidents.c.merged_into.is_(None))
        .order_by(incidents.c.last_event.desc())
        .limit(CONSIDERED)
    )
    if not closed:
        query = query.where(incidents.c.state != "closed")
    least = LEVELS.index(level) if level in LEVELS else 0
    query = query.where(incidents.c.severity.in_(LEVELS[least:]))
    important = records.important(connection)
    rows = [(row, _urgency(row, important, now)) for row in connection.execute(query)]
    rows.sort(key=lambda each: (-each[1][0], -each[0].last_event, each[0].id))
    return [_told(connection, row, reason, score) for row, (score, reason) in rows[: max(most, 1)]]


def one(connection: Connection, row: Row[Any], now: datetime) -> dict[str, Any]:
    """One incident as it is listed."""
    score, reason = _urgency(row, records.important(connection), now)
    return _told(connection, row, reason, score)


def whole(connection: Connection, row: Row[Any], now: datetime) -> dict[str, Any]:
    """One incident with all that is known of it."""
    told = one(connection, row, now)
    done = list(_acts(connection, row.id))
    told["did"] = [each for each in done if each["by"] == records.SYSTEM]
    told["timeline"] = sorted([*told["timeline"], *done], key=lambda each: each["time"])
    told |= _explained(told["situation"], _details(row), grave=LEVELS.index(row.severity) >= HIGH)
    told["joined"] = [
        Message.from_plain(msgspec.json.decode(why)).to_plain()
        for why in connection.scalars(
            select(strands.c.why).where(strands.c.incident_id == row.id, strands.c.why.is_not(None)).distinct()
        )
    ]
    newest = _newest(connection, row.id)
    told["evidence"] = [match(each) for each in newest]
    told["technical"] = technical(
        records.facts_of(connection, row.id),
        told["situation"],
        _details(row).entities,
        told["techniques"],
        {each["rule_id"]: each["fields"] for each in told["evidence"]},
        {each.logsource.partition("/")[0] for each in newest},
    )
    return told


def _details(row: Row[Any]) -> records.Details:
    return msgspec.json.decode(row.details, type=records.Details)


def _situation(details: records.Details) -> str:
    """What a person is in; of an incident that an earlier Beffroi wrote, what its techniques tell."""
    return details.situation or situation_of(f"attack.{each}" for each in details.techniques)


def _explained(situation: str, details: records.Details, *, grave: bool) -> dict[str, Any]:
    """What people are told of a situation."""
    told, unsure = words_of(situation), doubt(grave=grave)
    return {
        "doubt": None if unsure is None else unsure.to_plain(),
        "why": told.why.to_plain(),
        "steps": [{"who": who, "text": what.to_plain()} for who, what in steps(situation, details.entities)],
        "call": [each.to_plain() for each in calls(situation, grave=grave)],
        "silent": told.silent.to_plain(),
    }


def _newest(connection: Connection, number: int) -> list[Row[Any]]:
    """The newest matches of an incident, by the time of their events. Strand by strand, so that an index finds them among a million."""
    found: list[Row[Any]] = []
    for strand in connection.scalars(select(strands.c.id).where(strands.c.incident_id == number)).all():
        query = select(matches).where(matches.c.strand_id == strand).order_by(matches.c.id.desc()).limit(NEWEST)
        found += connection.execute(query)
        found = sorted(found, key=lambda each: (each.time or each.noted, each.id))[-NEWEST:]
    return found


def budget(connection: Connection, now: datetime) -> dict[str, Any]:
    """How many incidents called somebody in the last seven days, how many may, and whether that is too many."""
    since = stamp(now - WEEK)
    count = connection.scalar(select(func.count()).select_from(incidents).where(incidents.c.interrupted >= since)) or 0
    may = settings.get(connection, "incidents.interruptions")
    return {"interruptions": count, "budget": may, "exceeded": count > may}


def _told(connection: Connection, row: Row[Any], reason: Message, score: int) -> dict[str, Any]:
    details = _details(row)
    return {
        "id": row.id,
        "state": row.state,
        "severity": row.severity,
        "opened": row.opened,
        "first_event": iso_of(row.first_event),
        "last_event": iso_of(row.last_event),
        "title": msgspec.json.decode(row.title),
        "situation": _situation(details),
        "says": details.says,
        "what": msgspec.json.decode(row.what),
        "course": details.course,
        "entities": [{"kind": each.kind, "value": each.value, "role": each.role} for each in details.entities],
        "matches": row.matches,
        "techniques": details.techniques,
        "tactics": details.tactics,
        "reasons": details.reasons,
        "unlisted": details.unlisted,
        "urgency": score,
        "urgent": reason.to_plain(),
        "taken_by": _who(connection, row.taken_by) if row.state == "taken" else None,
        "closed_as": row.closed_as,
        "merged_into": row.merged_into,
        "historic": bool(row.historic),
        "timeline": list(_course(records.facts_of(connection, row.id))),
    }


def _course(facts: Facts) -> Iterable[dict[str, Any]]:
    """What happened, rule by rule, each at its first time."""
    order = sorted(facts.rules.values(), key=lambda each: (-each.level, each.first))[:MOMENTS]
    for seen in sorted(order, key=lambda each: (each.first, each.title)):
        what = Message(seen.title)
        if seen.count > 1:
            what = message("{what} ({count:,} times)", what=what, count=seen.count)
        until = iso_of(seen.last) if seen.last > seen.first else None
        sign = {"time": iso_of(seen.first), "until": until, "kind": "sign", "level": LEVELS[seen.level], "by": None}
        yield sign | {"what": what.to_plain()}


def _acts(connection: Connection, number: int) -> Iterable[dict[str, Any]]:
    for entry in acts(connection, number):
        act = {"time": entry.time, "until": None, "kind": "act", "level": None, "by": entry.actor}
        yield act | {"what": _act(entry).to_plain()}


def acts(connection: Connection, number: int) -> list[ledger.Entry]:
    """What was done about an incident: its entries in the ledger, in their order."""
    return [
        entry
        for entry in ledger.entries(connection, action="incidents")
        if number in (entry.details.get("incident"), entry.details.get("merged"))
    ]


def _act(entry: ledger.Entry) -> Message:
    details = entry.details
    said = details.get("comment")
    match entry.action:
        case "incidents.open":
            what = message("the incident was opened")
        case "incidents.take":
            what = message("taken")
        case "incidents.close":
            what = message("closed as {reason}", reason=_reason(str(details.get("reason"))))
        case "incidents.reopen":
            what = message("opened again")
        case "incidents.merge":
            what = message(
                "incident {other} became part of incident {incident}",
                other=details.get("merged", 0), incident=details.get("incident", 0),
            )  # fmt: skip
        case "incidents.split":
            what = message("{count} matches were taken out as another incident", count=details.get("matches", 0))
        case "incidents.normal":
            what = message("what a rule found was called normal, for {days} days", days=details.get("days", 0))
        case "incidents.withdraw":
            what = message("withdrawn: late events showed that it did not happen")
        case "incidents.export":
            what = message("exported as signed evidence")
        case "incidents.comment":
            return message("comment: {text}", text=str(said))
        case _:
            what = Message(entry.action)
    return what if not said else message("{what}: {text}", what=what, text=str(said))


def _reason(reason: str) -> Message:
    match reason:
        case "real":
            return message("a real attack")
        case "exercise":
            return message("an exercise")
        case "normal":
            return message("something normal")
        case _:
            return message("a duplicate")


def _who(connection: Connection, seq: int | None) -> str | None:
    if seq is None:
        return None
    try:
        return ledger.entry(connection, seq).actor
    except LookupError:
        return None


def match(row: Row[Any]) -> dict[str, Any]:
    """One match as it is shown."""
    return {
        "match": row.id,
        "time": row.time or row.noted,
        "rule_id": row.rule_id,
        "rule": Message(row.title).to_plain(),
        "level": row.level,
        "host": row.host,
        "source": row.source_id,
        "fields": msgspec.json.decode(row.fields),
    }


def _urgency(row: Row[Any], important: frozenset[str], now: datetime) -> tuple[int, Message]:
    details = _details(row)
    matters = any(each.kind == "host" and each.value in important for each in details.entities)
    return urgency(
        state=row.state,
        severity=row.severity,
        historic=bool(row.historic),
        last_event=row.last_event,
        now=micros_of(now.astimezone(UTC)),
        important=matters,
    )
