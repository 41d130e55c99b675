"""The journal → the archive, in a process of its own: `python -m beffroi.watching.archiving JOB`, where JOB is JSON.

It begins behind what the archive holds, so being killed at any moment costs time and nothing else. The journal may be trimmed only
as far as the archive reaches.
"""

import os
import sys
from collections.abc import Callable, Collection, Iterator, Sequence
from datetime import datetime, tzinfo
from pathlib import Path
from zoneinfo import ZoneInfo

import msgspec

from beffroi.core.discreet import guarded
from beffroi.core.model import Fault, LogSource
from beffroi.detect.values import micros_of
from beffroi.logs.archive import Archiver, Row
from beffroi.logs.arrival import Arrival, Form
from beffroi.logs.formats.normal import Context, Normalised
from beffroi.logs.formats.understood import normalise
from beffroi.logs.journal import JournalReader, Trimmed
from beffroi.watching.suspicion import Culprit
from beffroi.watching.understanding import moment, statement

TURN = 4 << 20  # bytes of the journal that are read at a time


class Job(msgspec.Struct, forbid_unknown_fields=True):
    """What to archive: up to which position, and what to keep as of `now`. `compact` also merges small files; what is `aside` is not
    read."""

    journal: str
    archive: str
    until: int
    zone: str
    days: int
    share: float
    now: datetime
    compact: bool = False
    aside: list[Culprit] = []


class Done(msgspec.Struct):
    """What came of it: the position that the archive reaches, its size in bytes, the days that were let go."""

    position: int
    size: int
    gone: list[str]
    faults: list[list[object]]


def rows(
    journal: Path,
    zone: tzinfo,
    after: int,
    until: int | None,
    tell: Callable[[Fault], None] = lambda _: None,
    aside: Collection[Culprit] = (),
    only: Collection[int] | None = None,
) -> Iterator[Row]:
    """The events of the journal behind a position, as the archive holds them. Without `until` all that is whole on disk; with `only`
    those of the arrivals at these positions."""
    unread = frozenset(aside)
    for position, arrival in _arrivals(journal, after, until, tell):
        if only is None or position in only:
            yield from _rows(position, arrival, zone, unread)


def _arrivals(
    journal: Path, after: int, until: int | None, tell: Callable[[Fault], None]
) -> Iterator[tuple[int, Arrival]]:
    with JournalReader(journal, tell=tell) as reader:
        position = max(after, 0)
        while True:
            try:
                found = reader.read(position, TURN, until)
            except Trimmed as trimmed:
                position = trimmed.oldest
                continue
            if not found:
                return
            yield from found
            position = found[-1][0]


def _rows(position: int, arrival: Arrival, zone: tzinfo, unread: Collection[Culprit]) -> Iterator[Row]:
    context = Context(moment(arrival.arrived), zone, arrival.peer, statement(arrival.stated))
    place = 0
    for number, raw in enumerate(arrival.messages):
        normals = None if (position, number) in unread else _read(Form(arrival.form), raw, context)
        if normals is None:
            # Nobody can read it, and it was acknowledged: it is kept, and found by its words.
            yield Row(position, place, None, arrival.arrived, arrival.source, None, None, {}, raw, arrival.historic)
            place += 1
            continue
        for normal in normals:
            yield Row(
                position,
                place,
                None if normal.time is None else micros_of(normal.time),
                arrival.arrived,
                arrival.source,
                normal.host,
                normal.logsource or _windows(normal.fields),
                normal.fields,
                raw,
                arrival.historic,
            )
            place += 1


def _read(form: Form, raw: bytes, context: Context) -> Sequence[Normalised] | None:
    try:
        return normalise(form, raw, context)
    except Exception:  # noqa: BLE001 - UnfitError, or a defect of a reader: either way only the words are known
        return None


def _windows(fields: dict[str, object]) -> LogSource | None:
    channel = fields.get("Channel")
    return LogSource("windows", None, channel.lower()) if isinstance(channel, str) and channel else None


def archive(job: Job) -> Done:
    """Do it. Raises OSError and StoreError; then what was wholly written before stays."""
    faults: list[Fault] = []
    archiver = Archiver(Path(job.archive), days=job.days, share=job.share)
    try:
        archiver.add(
            rows(Path(job.journal), ZoneInfo(job.zone), archiver.position, job.until, faults.append, job.aside)
        )
        archiver.flush()
        gone = archiver.retain(job.now)
        if job.compact:
            archiver.compact(job.now)
        faults += archiver.faults
        return Done(archiver.position, archiver.size, gone, [fault.to_plain() for fault in faults[:100]])
    finally:
        archiver.close()


def main(arguments: list[str]) -> int:
    """Archive as the job says, and tell on stdout what came of it."""
    os.nice(10)  # nobody waits for it
    done = archive(msgspec.json.decode(arguments[0], type=Job))
    sys.stdout.buffer.write(msgspec.json.encode(done) + b"\n")
    return 0


if __name__ == "__main__":
    raise SystemExit(guarded(main, sys.argv[1:]))
