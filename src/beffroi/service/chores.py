"""What the service looks after each minute: sources that are quiet, off the clock, unreadable or changed; machines that send nothing;
the daily sign of life through every receiver; what the house was off. Each is a finding, raised here and closed here."""

import logging
from collections.abc import Collection, Iterable, Mapping
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import Connection, select, update

from beffroi.core.clock import Leap
from beffroi.core.model import Fault, Message, SourceState, message
from beffroi.incidents.showing import budget
from beffroi.store import Store, feed, findings, tables
from beffroi.store.times import stamp
from beffroi.watching import rhythm
from beffroi.watching.suspicion import Culprit
from beffroi.watching.understanding import Neighbour, Seen

log = logging.getLogger("beffroi.chores")

QUIET: Final = "source.quiet"
CLOCK: Final = "source.clock"
UNREAD: Final = "source.unread"
CHANGED: Final = "source.changed"
STRANGER: Final = "network.unheard"
OFF: Final = "house.off"
SELFTEST: Final = "receiver.selftest"
READER: Final = "reader.trouble"
NOISE: Final = "incidents.noise"
ASIDE: Final = "message.aside"
LEAPT: Final = "house.clock"
OVER: Final = (OFF, ASIDE, LEAPT)
"""What has happened and does not go on."""

GAP: Final = timedelta(minutes=2)
"""A shorter stop (an upgrade, a restart) is not worth a finding."""
RECORDINGS: Final = "drop"
"""The kind of a file that somebody laid down to be read once: nobody waits to hear of it again."""
SETTLED: Final = timedelta(hours=1)
"""For how long the house must have listened before it says that somebody is not heard."""
SHOWN: Final = timedelta(days=7)
"""How long a finding of something that is over stays open."""


def look_at_sources(
    store: Store, now: datetime, seen: Mapping[str, Seen], listened: timedelta, *, sure: bool = True
) -> None:
    """Raise and close what is to be said of each accepted source. `seen` is what each showed in the last hour. `listened` is for how
    long the house has been listening with a steady clock: nobody is missed for longer than that. While the house's own clock is not
    `sure`, nobody else's is called wrong."""
    hour = int(now.timestamp() // 3_600)
    with store.read() as connection:
        sources = connection.execute(
            select(tables.sources).where(
                tables.sources.c.state.in_([SourceState.ACCEPTED, SourceState.SILENT]),
                tables.sources.c.kind != RECORDINGS,
            )
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
        heard = _heard(last, now, now - listened, missed=source.state == SourceState.SILENT)
        if rhythm.is_silent(of_source, heard.timestamp(), now.timestamp()) and not announced:
            silent.add(source.id)
            said[QUIET][source.id] = (
                "medium",
                message("{name} has sent nothing since {time}", name=source.name, time=stamp(last, "seconds"))
                if source.last_arrival
                else message("{name} has never sent anything", name=source.name),
            )
        shown = seen.get(source.id)
        if sure and shown is not None and shown.offset is not None and not _undecided(shown, listened):
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
                still = set(subjects) | {source.id for source in sources if _undecided(seen.get(source.id), listened)}
            else:
                still = set(subjects)
            for subject, (severity, sentence) in subjects.items():
                findings.raise_(change_, kind, subject, severity, sentence, now=now)
            findings.close_others(change_, kind, still, now=now)
        _mark(change_, {source.id: source.state for source in sources}, silent)


def _heard(last: datetime, now: datetime, since: datetime, *, missed: bool) -> datetime:
    """From when on a source is missed that sent last at `last`: who is missed already stays so until it sends."""
    if last > now:  # by a clock that has been put right meanwhile
        return since
    return last if missed else max(last, since)


def _undecided(seen: Seen | None, listened: timedelta) -> bool:
    """Whether what a source showed says nothing of its clock: too little, or all of it from before the house listened again."""
    if seen is None or seen.offset is None or seen.events < rhythm.ENOUGH:
        return True
    return -seen.offset > listened / timedelta(microseconds=1)


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
        since = last_alive(change)
        alive(change, now)
        if since is None or now - since < GAP:
            return None
        said = message(
            "Beffroi was off from {since} to {until}", since=stamp(since, "seconds"), until=stamp(now, "seconds")
        )
        findings.raise_(change, OFF, stamp(since, "seconds"), "medium", said, now=now)
        return said


ALIVE: Final = "alive"


def last_alive(connection: Connection) -> datetime | None:
    """When the service was last known to run."""
    return _moment(connection.scalar(select(tables.checkpoints.c.updated).where(tables.checkpoints.c.name == ALIVE)))


def tell_leap(store: Store, leap: Leap, now: datetime) -> None:
    """Say that this machine's own clock was set."""
    before, after = stamp(leap.before, "seconds"), stamp(leap.after, "seconds")
    said = message(
        "the clock of this machine was set from {before} to {after}: for a day nothing is let go of because of its age",
        before=before, after=after,
    )  # fmt: skip
    log.warning("%s", said)
    with store.write() as change:
        findings.raise_(change, LEAPT, before, "medium", said, now=now)


def alive(change: Connection, now: datetime) -> None:
    """Note that the service runs; what is told after a stop begins here."""
    change.execute(tables.checkpoints.delete().where(tables.checkpoints.c.name == ALIVE))
    change.execute(tables.checkpoints.insert().values(name=ALIVE, position=0, updated=stamp(now, "seconds")))


def keep_alive(store: Store, now: datetime) -> None:
    """Each minute: note that the service runs, and close what is long over."""
    with store.write() as change:
        alive(change, now)
        for finding in [each for kind in OVER for each in findings.opened(change, kind)]:
            seen = _moment(finding.last_seen)
            if seen is not None and abs(now - seen) > SHOWN:
                findings.close(change, finding.kind, finding.subject, now=now)


def tell_aside(store: Store, culprit: Culprit, now: datetime | None = None) -> None:
    """Say that a message ended the process that understands each time, and is passed over from now on."""
    said = message(
        "a message ended the process that understands each time it was read, and was set aside: position {position} of the journal, "
        "number {number} of its arrival",
        position=culprit.position, number=culprit.number,
    )  # fmt: skip
    with store.write() as change:
        findings.raise_(change, ASIDE, f"{culprit.position}/{culprit.number}", "medium", said, now=now)


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


def tell_readers(store: Store, faults: Iterable[Fault], now: datetime) -> None:
    """Say what went wrong with files and the machine's journal, the last of each file: nobody would see it otherwise."""
    with store.write() as change:
        said = {fault.path: message("while logs were read: {what}", what=fault.told) for fault in faults}
        for path, sentence in said.items():
            findings.raise_(change, READER, path, "low", sentence, now=now)
        findings.close_others(change, READER, said, now=now)


def tell_noise(store: Store, now: datetime) -> None:
    """Say that too many incidents called somebody this week: people who are called for nothing no longer come."""
    with store.read() as connection:
        found = budget(connection, now)
    with store.write() as change:
        if not found["exceeded"]:
            findings.close(change, NOISE, "", now=now)
            return
        said = message(
            "{count} incidents called somebody in the last seven days instead of {budget} at most: call normal what is normal, or have "
            "the IT provider look at the rules",
            count=found["interruptions"], budget=found["budget"],
        )  # fmt: skip
        findings.raise_(change, NOISE, "", "medium", said, now=now)


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
            findings.raise_(change, STRANGER, each.mac or each.address, "informational", said, now=now)
        findings.close_others(change, STRANGER, still, now=now)


def _moment(text: str | None) -> datetime | None:
    return None if text is None else datetime.fromisoformat(text)
