"""The raw events behind an incident, as the archive and the journal beyond it still hold them."""

from collections.abc import Generator, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import orjson

from beffroi.core.errors import InputError, StoreError
from beffroi.core.model import Fault
from beffroi.incidents.evidence import EVENT_BYTES, EVENTS, Behind, Wanted
from beffroi.logs.archive import Query, load_index, search
from beffroi.watching import aside
from beffroi.watching.archiving import rows

SECONDS = 40
"""Of processor time for one of the two searches: whoever asked waits."""

_COLUMNS = "time, arrived, source, host, position, place, raw"


def events_behind(data_dir: Path, zone: str, wanted: Wanted) -> Behind:
    """What is still kept of the events that are wanted, at most EVENTS in EVENT_BYTES: the newest. What cannot be
    searched is counted."""
    found: dict[tuple[int, int], bytes] = {}
    faults: list[Fault] = []
    size = failed = 0
    left_out = sum(max(len(asked) - EVENTS, 0) for asked in wanted)
    for query, sql in _searches(wanted):
        try:
            with closing(_found(data_dir, zone, query, sql, faults)) as events:
                for event in events:
                    place = event["position"], event["place"]
                    if place in found:
                        continue
                    line = orjson.dumps(event) + b"\n"
                    if len(found) == EVENTS or size + len(line) > EVENT_BYTES:
                        left_out += 1
                        break
                    found[place] = line
                    size += len(line)
        except (InputError, StoreError):
            failed += 1
    return Behind([line for _, line in sorted(found.items())], left_out, len(faults) + failed)


def _searches(wanted: Wanted) -> Iterator[tuple[Query, str]]:
    """The searches for what is wanted, each as what narrows it and as what it asks. All values are whole numbers."""
    if wanted.places:
        newest = sorted(wanted.places)[-EVENTS:]
        pairs = ", ".join(f"({position:d}, {place:d})" for position, place in newest)
        yield (
            Query(positions=tuple(sorted({position for position, _ in newest}))),
            f"SELECT {_COLUMNS} FROM events WHERE (position, place) IN (VALUES {pairs}) ORDER BY position DESC, place DESC",  # noqa: S608
        )
    if wanted.times:
        times = sorted(wanted.times)[-EVENTS:]
        moments = ", ".join(f"make_timestamp({time:d})" for time in times)
        yield (
            Query(since=times[0], until=times[-1] + 1),
            f"SELECT {_COLUMNS} FROM events WHERE time IN ({moments}) ORDER BY position DESC, place DESC",  # noqa: S608
        )


def _found(
    data_dir: Path, zone: str, query: Query, sql: str, faults: list[Fault]
) -> Generator[dict[str, Any], None, None]:
    journal, folder = data_dir / "journal", data_dir / "archive"
    if journal.is_dir():  # a house of today has a journal and no archive yet
        folder.mkdir(mode=0o750, exist_ok=True)
    until = query.positions[-1] if query.positions else None
    only = frozenset(query.positions) or None
    tail = rows(journal, ZoneInfo(zone), load_index(folder).position, until, faults.append, aside.load(journal), only)
    blocks = search(folder, query, tail=tail, sql=sql, faults=faults, seconds=SECONDS)
    try:
        for block in blocks:
            yield from map(orjson.loads, block.splitlines())
    finally:
        blocks.close()
