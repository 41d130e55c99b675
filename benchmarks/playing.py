"""Plays what machines said through the house's real path, without its sockets: arrivals → `Understander` → `recorder.record` → `Raiser`.

Each play has a store of its own. Every event says which story it is of, which the house is not told; so of every incident is known whose matches
it holds.
"""

import json
import shutil
import tempfile
from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple, Self
from zoneinfo import ZoneInfo

import msgspec
from benchmarks.shapes import Said, Story
from sqlalchemy import select

from beffroi.core.model import UnfitError
from beffroi.core.situations import situation_of
from beffroi.detect.ir import LEVELS
from beffroi.detect.values import micros_of, moment_of, text_of
from beffroi.incidents.raising import Raiser
from beffroi.incidents.traces import Traces
from beffroi.logs.archive.rows import dumped
from beffroi.logs.arrival import Arrival, Form
from beffroi.logs.formats.normal import Context
from beffroi.logs.formats.recordings import recordings
from beffroi.logs.formats.understood import normalise
from beffroi.rules.repository import RuleSet
from beffroi.store import Store, tables
from beffroi.watching.recorder import record
from beffroi.watching.understanding import Understander, moment

ZONE = ZoneInfo("Europe/Brussels")
BATCH = 200
"""Events that are understood and recorded in one transaction."""
MEDIUM = LEVELS.index("medium")
HOUR = 3_600.0


class Seen(NamedTuple):
    """A match as it was recorded. `stories` are those of its events: of a correlation there can be several. `incident` is None where it
    was found too slight for one."""

    time: str
    host: str | None
    level: str
    title: str
    stories: frozenset[str]
    incident: int | None
    severity: str | None
    situation: str
    named: frozenset[str]
    """The machines, accounts, addresses and files that it names, and what a correlation is grouped by, in small letters."""


class Outcome(NamedTuple):
    """What came of a play."""

    matches: list[Seen]
    events: int

    @property
    def incidents(self) -> dict[int, list[Seen]]:
        found: dict[int, list[Seen]] = {}
        for each in self.matches:
            if each.incident is not None:
                found.setdefault(each.incident, []).append(each)
        return found

    @property
    def grave(self) -> bool:
        """Whether something of medium level or above was found."""
        return any(LEVELS.index(each.level) >= MEDIUM for each in self.matches)

    def severity(self, incident: int) -> str:
        return next(each.severity or "" for each in self.matches if each.incident == incident)


class Player:
    """The house's path with one set of rules, begun anew for each play."""

    def __init__(self, rules: RuleSet) -> None:
        self._understander = Understander(rules, ZONE)
        self._fresh = self._understander.state()
        self._folder = tempfile.TemporaryDirectory()
        self._empty = Path(self._folder.name) / "empty"
        Store.open(self._empty).close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._folder.cleanup()

    def play(self, stories: dict[str, Story], *, historic: bool = False) -> Outcome:
        """All stories at once, each event in its turn, as received half a second after it happened; `historic`, as a recording that is laid
        into the drop folder."""
        told = sorted(((said, name) for name, story in stories.items() for said in story), key=lambda each: each[0].at)
        data = Path(self._folder.name) / "data"
        shutil.copytree(self._empty, data)
        assert self._understander.restore(self._fresh)
        try:
            with Store.open(data) as store:
                return self._through(store, told, historic=historic)
        finally:
            shutil.rmtree(data)

    def hear(self, sent: Iterable[tuple[datetime, str, str, bytes]]) -> Outcome:
        """A stream of messages in the order of their time, as (moment, source, form, message), each received half a second later. However long, little
        of it is held at once; of its matches is not known which story they are of."""
        data = Path(self._folder.name) / "data"
        shutil.copytree(self._empty, data)
        assert self._understander.restore(self._fresh)
        try:
            with Store.open(data) as store:
                raiser, position, now, stream = Raiser(store), 0, 0, iter(sent)
                while batch := list(islice(stream, BATCH)):
                    arrivals = []
                    for at, source, form, message in batch:
                        position += 1
                        now = max(now, round((at.timestamp() + 0.5) * 1e6))
                        arrivals.append((position, Arrival(now, f"s-{source}", "bulk", "192.0.2.7", form, [message])))
                    self._keep(store, raiser, self._understander.understand(arrivals), now)
                self._settle(store, raiser, position, now)
                return Outcome(_seen(store, None, {}), position)
        finally:
            shutil.rmtree(data)

    def _settle(self, store: Store, raiser: Raiser, position: int, now: int) -> None:
        for _ in range(2):  # an hour later nothing late is waited for any more
            now += int(HOUR * 1e6)
            self._keep(store, raiser, self._understander.settle(position, now), now)

    def _through(self, store: Store, told: Sequence[tuple[Said, str]], *, historic: bool) -> Outcome:
        raiser, keys, story_at = Raiser(store), dict[str, str](), dict[int, str]()
        records = Counter[str]()
        now, position = 0, 0
        for begin in range(0, len(told), BATCH):
            arrivals = []
            for said, name in told[begin : begin + BATCH]:
                records[said.source] += 1
                now = max(now, int((said.at + 0.5) * 1e6))
                arrival = Arrival(
                    now,
                    f"s-{said.source}",
                    "bulk",
                    "192.0.2.7",
                    said.form,
                    [said.render(records[said.source])],
                    historic=historic,
                )
                position += 1
                arrivals.append((position, arrival))
                story_at[position] = name
                keys.update(dict.fromkeys(_keys(position, arrival), name))
            self._keep(store, raiser, self._understander.understand(arrivals), now)
        self._settle(store, raiser, position, now)
        return Outcome(_seen(store, keys, story_at), len(told))

    def _keep(self, store: Store, raiser: Raiser, understood: Any, now: int) -> None:
        record(store, [understood], now)
        raiser.catch_up(moment(now))


def _keys(position: int, arrival: Arrival) -> list[str]:
    """By what a correlation names an event."""
    context = Context(moment(arrival.arrived), ZONE, arrival.peer, None)
    try:
        normals = normalise(Form(arrival.form), arrival.messages[0], context)
    except UnfitError:
        return []
    return [
        f"{position}\x1f{place}" if each.identity is None else f"{arrival.source}\x1f{each.identity}"
        for place, each in enumerate(normals)
    ]


def _seen(store: Store, keys: dict[str, str] | None, story_at: dict[int, str]) -> list[Seen]:
    m, s, i = tables.matches.c, tables.strands.c, tables.incidents.c
    query = (
        select(
            m.time,
            m.host,
            m.level,
            m.title,
            m.position,
            m.place,
            m.events,
            m.tags,
            m.fields,
            m.traces,
            s.incident_id,
            i.severity,
        )
        .outerjoin(tables.strands, m.strand_id == s.id)
        .outerjoin(tables.incidents, s.incident_id == i.id)
        .order_by(m.time, m.id)
    )
    with store.read() as connection:
        rows = connection.execute(query).all()
    found = []
    for row in rows:
        if keys is None:
            stories = frozenset[str]()
        elif row.place >= 0:
            stories = frozenset({story_at[row.position]})
        else:
            stories = frozenset(keys[identity] for _, _, identity in json.loads(row.events))
        found.append(
            Seen(
                row.time, row.host, row.level, row.title, stories, row.incident_id, row.severity,
                situation_of(json.loads(row.tags)), _named(row),
            )
        )  # fmt: skip
    return found


def _named(row: Any) -> frozenset[str]:
    entities = msgspec.json.decode(row.traces, type=Traces).entities
    values = [each.value for each in entities] + [
        each for each in json.loads(row.fields).values() if isinstance(each, str)
    ]
    return frozenset(each.lower() for each in (*values, row.host) if each)


# --- recordings as stories ------------------------------------------------------------------------------------------------------


def recorded(path: Path, *, begin: float | None = None) -> Story:
    """A recording as its machine would have sent it while it happened: evtx-dump's JSON, the record's own number and time. With `begin`
    (seconds since 1970) all its times are shifted so that it begins then."""
    events = [event for each in recordings([path], faults=[]) for event in each.events()]
    times = [time for event in events if (time := _time(event[1])) is not None]
    if not times:
        return []
    shift = 0.0 if begin is None else begin - min(times)
    story: Story = []
    last = min(times)
    for _, fields, raw in events:
        last = time if (time := _time(fields)) is not None else last
        if raw is None:
            form, message = Form.JSON, dumped(fields)
        else:
            form, message = Form.WINDOWS, raw if isinstance(raw, bytes) else raw.encode("utf-8", "replace")
        message = _shifted(message, shift) if shift else message
        story.append(Said(last + shift, str(fields.get("Computer")), form, partial(_as_it_was, message)))
    return story


def _as_it_was(message: bytes, _record: int) -> bytes:
    return message


def _time(fields: Any) -> float | None:
    told = moment_of(str(text_of(fields.get("TimeCreated"))), UTC)
    return None if told is None else micros_of(told) / 1e6


def _shifted(message: bytes, shift: float) -> bytes:
    """A document in which every time that tells when the event happened is another."""

    def walk(value: Any) -> Any:
        if not isinstance(value, dict):
            return value
        return {
            name: moved(each)
            if name in ("SystemTime", "TimeCreated", "UtcTime") and isinstance(each, str)
            else walk(each)
            for name, each in value.items()
        }

    def moved(text: str) -> str:
        told = moment_of(text, UTC)
        if told is None:
            return text
        at = datetime.fromtimestamp(micros_of(told) / 1e6 + shift, UTC)
        return at.strftime("%Y-%m-%dT%H:%M:%S.%fZ") if "T" in text else at.strftime("%Y-%m-%d %H:%M:%S.%f")[:-3]

    return msgspec.json.encode(walk(msgspec.json.decode(message)))


def machine_of(story: Iterable[Said]) -> str:
    """The machine that says most of a story."""
    counts = Counter(each.source for each in story)
    return max(sorted(counts), key=counts.__getitem__, default="")
