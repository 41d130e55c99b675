"""What the tests of incidents share: matches as short as they can be written, and what they come to."""

import json
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import Any

import msgspec
from sqlalchemy import insert, select

from beffroi.core.model import Message
from beffroi.detect.values import iso_of
from beffroi.incidents.grouping import group
from beffroi.incidents.strands import MINUTE, Sighting, Strands
from beffroi.incidents.traces import host_name, traces_of
from beffroi.store import Store, tables

NOON = 1_795_604_400_000_000  # 2026-11-25 11:00 UTC, in microseconds
LEVELS = ("informational", "low", "medium", "high", "critical")
NOW = datetime(2026, 11, 25, 12, tzinfo=UTC)


def sign(
    minute: float = 0, host: str | None = "pc", rule: str = "r", level: int = 3, tags: Sequence[str] = (), **fields: Any
) -> Sighting:
    """A match `minute` minutes after noon."""
    return Sighting(rule, NOON + int(minute * MINUTE), level, host_name(host), traces_of(host, fields, tags))


def groups(signs: Sequence[Sighting]) -> list[list[int]]:
    """Which of the signs are one story, by their places; the stories in the order of their first."""
    strands = Strands()
    of: list[int] = []
    became: dict[int, int] = {}
    for fresh, each in enumerate(signs, 1):
        strand, gone = strands.add(each, fresh)
        of.append(strand.id)
        became |= {other.id: strand.id for other in gone}

    def now(strand: int) -> int:
        while strand in became:
            strand = became[strand]
        return strand

    story = {strand: place for place, members in enumerate(group(strands.alive).groups) for strand in members}
    found: dict[int, list[int]] = {}
    for place, first in enumerate(of):
        found.setdefault(story[now(first)], []).append(place)
    return sorted(found.values())


def keep(store: Store, *signs: dict[str, Any], first: int | None = None) -> list[int]:
    """Put matches into the store as the recorder does; their ids."""
    with store.write() as change:
        made = []
        for number, each in enumerate(signs):
            row = row_of(**each)
            row["position"] = first + number if first is not None else 0
            if first is None:
                row["identity"] = f"i{datetime.now(UTC).timestamp()}{number}{id(each)}"
            made.append(
                int(change.execute(insert(tables.matches).values(row).returning(tables.matches.c.id)).scalar_one())
            )
        return made


def row_of(
    minute: float = 0, host: str | None = "pc", rule: str = "r", level: int = 3, tags: Iterable[str] = (), historic: bool = False,
    title: str | None = None, says: dict[str, str] | None = None, logsource: str = "windows/*/*", **fields: Any,
) -> dict[str, Any]:  # fmt: skip
    """A match as the recorder writes it."""
    time = iso_of(NOON + int(minute * MINUTE))
    return {
        "position": 0, "place": 0, "identity": None, "rule_id": rule, "grouping": "", "title": title or f"Rule {rule}",
        "level": LEVELS[level], "time": time, "noted": time, "host": host, "source_id": "s-1", "logsource": logsource,
        "fields": json.dumps(fields), "historic": int(historic), "tags": json.dumps(list(tags)), "pending": 1,
        "traces": msgspec.json.encode(traces_of(host, fields, tags)).decode(),
        "says": None if says is None else json.dumps(says),
    }  # fmt: skip


def stories(store: Store) -> list[set[int]]:
    """The matches of each incident that is no part of another."""
    with store.read() as connection:
        rows = connection.execute(
            select(tables.strands.c.incident_id, tables.matches.c.id)
            .join(tables.matches, tables.matches.c.strand_id == tables.strands.c.id)
            .where(tables.strands.c.incident_id.is_not(None))
        ).all()
    found: dict[int, set[int]] = {}
    for row in rows:
        found.setdefault(row.incident_id, set()).add(row.id)
    return [found[each] for each in sorted(found)]


def text(plain: list[Any]) -> str:
    """The words of a message, in the language of the code."""
    from beffroi.core.wording import words

    return words("en")(Message.from_plain(plain))
