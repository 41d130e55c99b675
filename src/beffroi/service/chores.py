"""What the service looks after each minute: sources that are quiet, off the clock, unreadable or changed; machines that send nothing;
the daily sign of life through every receiver; what the house was off. Each is a finding, raised here and closed here."""

import logging
from collections.abc import Collection, Iterable, Mapping
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import Connection, select, update

from beffroi.core.model import Message, SourceState, message
from beffroi.store import Store, feed, findings, tables
from beffroi.store.times import stamp
from beffroi.watching import rhythm
from beffroi.watching.understanding import Neighbour, Seen

log = logging.getLogger("beffroi.chores")

QUIET: Final = "source.quiet"
CLOCK: Final = "source.clock"
UNREAD: Final = "source.unread"
CHANGED: Final = "source.changed"
STRANGER: Final = "network.unheard"
OFF: Final = "house.off"
SELFTEST: Final = "receiver.selftest"

GAP: Final = timedelta(minutes=2)
"""A shorter stop (an upgrade, a restart) is not worth a finding."""
SHOWN: Final = timedelta(days=7)
"""How long a finding of something that is over stays open."""


def look_at_sources(store: Store, now: datetime, seen: Mapping[str, Seen]) -> None:
    """Raise and close what is to be said of each accepted source. `seen` is what each showed in the last hour."""
    hour = int(now.timestamp() // 3_600)
    with store.read() as connection:
        sources = connection.execute(
            select(tables.sources).where(tables.sources.c.state.in_([SourceState.ACCEPTED, SourceState.SILENT]))
        ).all()
        hours: dict[str, dict[int, int]] = {}
        unread: dict[str, list[int]] = {}
        rows = connection.execute(select(tables.source_hours).where(tables.source_hours.c.hour >= hour - rhythm.MEMORY))
        for row in rows:
            hours.setdefault(row.source_id, {})[row.hour] = row.events
            if row.hour > hour - 24:
                counts = unread.setdefault(row.source_id, [0, 0])
                counts[0] += row.unread
                counts[1] += row.events
    said: dict[str, dict[str, tuple[str, Message]]] = {QUIET: {}, CLOCK: {}, UNREAD: {}, CHANGED: {}}
    silent: set[str] = set()
    for source in sources:
        of_source = hours.get(source.id, {})
        last = _moment(source.last_arrival) or _moment(source.created) or now
        until = _moment(source.silenced_until)
        announced = until is not None and until > now
        if rhythm.is_silent(of_source, last.timestamp(), now.timestamp()) and not announced:
            silent.add(source.id)
            said[QUIET][source.id] = (
                "medium",
                message("{name} has sent nothing since {time}", name=source.name, time=stamp(last, "seconds"))
                if source.last_arrival
                else message("{name} has never sent anything", name=source.name),
            )
        shown = seen.get(source.id)
        if shown is not None and shown.offset is not None:
            off = rhythm.clock(shown.offset / 1_000_000, shown.events)
            if off is not None:
                said[CLOCK][source.id] = ("low", _clock(source.name, off.seconds))
        bad, events = unread.get(source.id, [0, 0])
        if rhythm.unread(bad, events):
            said[UNREAD][source.id] = (
                "low",
                message("{count:,} of {events:,} messages of {name} could not be read in the last day",
                        count=bad, events=events, name=source.name),
            )  # fmt: skip
        change = rhythm.changed(of_source, hour)
        if change is not None:
            said[CHANGED][source.id] = (
                "low",
                message("{name} sent {events:,} events in a day instead of {usual:,}",
                        name=source.name, events=change.events, usual=change.usual),
            )  # fmt: skip
    with store.write() as change_:
        for kind, subjects in said.items():
            if kind == CLOCK:  # only what showed enough is known to be right again
                still = set(subjects) | {source.id for source in sources if _undecided(seen.get(source.id))}
            else:
                still = set(subjects)
            for subject, (severity, sentence) in subjects.items():
                findings.raise_(change_, kind, subject, severity, sentence, now=now)
            findings.close_others(change_, kind, still, now=now)
        _mark(change_, {source.id: source.state for source in sources}, silent)


def _undecided(seen: Seen | None) -> bool:
    return seen is None or seen.offset is None or seen.events < rhythm.ENOUGH


def _clock(name: str, seconds: int) -> Message:
    minutes = max(1, round(abs(seconds) / 60))
    if seconds > 0:
        return message("the clock of {name} is {minutes:,} minutes ahead", name=name, minutes=minutes)
    return message("the clock of {name} is {minutes:,} minutes behind", name=name, minutes=minutes)


def _mark(change: Connection, states: Mapping[str, str], silent: Collection[str]) -> None:
    """Let a source's state say whether it is silent."""
    for source, state in states.items():
        wanted = SourceState.SILENT if source in silent else SourceState.ACCEPTED
        if state != wanted:
            change.execute(update(tables.sources).where(tables.sources.c.id == source).values(state=str(wanted)))
            feed.tell(change, "sources", source)


def was_off(store: Store, now: datetime) -> Message | None:
    """Say that the house was off, from the last checkpoint to now; None where it was not worth saying. At each start."""
    with store.write() as change:
        last = change.scalar(select(tables.checkpoints.c.updated).where(tables.checkpoints.c.name == ALIVE))
        since = _moment(last)
        alive(change, now)
        if since is None or now - since < GAP:
            return None
        said = message(
            "Beffroi was off from {since} to {until}", since=stamp(since, "seconds"), until=stamp(now, "seconds")
        )
        findings.raise_(change, OFF, stamp(since, "seconds"), "medium", said, now=now)
        return said


ALIVE: Final = "alive"


def alive(change: Connection, now: datetime) -> None:
    """Note that the service runs; what is told after a stop begins here."""
    change.execute(tables.checkpoints.delete().where(tables.checkpoints.c.name == ALIVE))
    change.execute(tables.checkpoints.insert().values(name=ALIVE, position=0, updated=stamp(now, "seconds")))


def keep_alive(store: Store, now: datetime) -> None:
    """Each minute: note that the service runs, and close what is long over."""
    with store.write() as change:
        alive(change, now)
        for finding in findings.opened(change, OFF):
            seen = _moment(finding.last_seen)
            if seen is not None and now - seen > SHOWN:
                findings.close(change, OFF, finding.subject, now=now)


def tell_selftest(store: Store, receivers: Iterable[str], missing: Mapping[str, str], now: datetime) -> None:
    """What became of the signs of life: for each receiver that failed, why ("" where it simply never came out)."""
    with store.write() as change:
        for receiver in receivers:
            if receiver not in missing:
                findings.close(change, SELFTEST, receiver, now=now)
                continue
            why = missing[receiver]
            said = (
                message("{receiver} did not take Beffroi's own sign of life: {reason}", receiver=receiver, reason=why)
                if why
                else message("Beffroi's own sign of life went in by {receiver} and did not come out", receiver=receiver)
            )
            findings.raise_(change, SELFTEST, receiver, "high", said, now=now)


def tell_strangers(store: Store, strangers: Iterable[Neighbour], now: datetime) -> None:
    """List the machines that are on the network and send nothing."""
    with store.write() as change:
        still = set()
        for each in strangers:
            still.add(each.mac or each.address)
            said = (
                message("{name} ({address}) is on the network and sends nothing", name=each.name, address=each.address)
                if each.name
                else message("{address} is on the network and sends nothing", address=each.address)
            )
            findings.raise_(
                change,
                STRANGER,
                each.mac or each.address,
                "informational",
                said,
                now=now,
            )
        findings.close_others(change, STRANGER, still, now=now)


def _moment(text: str | None) -> datetime | None:
    return None if text is None else datetime.fromisoformat(text)
