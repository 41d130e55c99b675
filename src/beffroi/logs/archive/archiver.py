"""Events → the archive: gathered into batches, each there as a whole or not at all; merged; let go when they are old.

    feeder ── rows ──▶ spool (lines of JSON) ── child ──▶ staging/*.parquet ── rename ──▶ day=…/…/*.parquet ──▶ index.json

The spool is no promise: after a crash it is thrown away, and the feeder begins again behind `Archiver.position`, from the
journal. A batch is in the archive from the moment that the index names it, with the position that it reaches.
"""

import fcntl
import os
import shutil
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path
from typing import Any, Final, NamedTuple

import orjson
from msgspec.structs import replace

from beffroi.core.errors import StoreError
from beffroi.core.files import sync_folder
from beffroi.core.model import Fault, message
from beffroi.logs.archive import children, index
from beffroi.logs.archive.index import Part
from beffroi.logs.archive.rows import Group, Row, group_of, line

DAYS: Final = 90
"""How long events are kept unless set, from their arrival."""
SHARE: Final = 0.6
"""Of the disk that the archive may take unless set."""

_BLOCK = 4 << 20  # bytes of lines held before they are written to the spool
_SMALL = 48 << 20  # bytes of a file that is not merged any more
_WEIGHT = 768 << 20  # bytes before compression that a merged file may have
_ENOUGH = 8  # small files of a running day that are worth merging
_GROUP = 20_480  # rows that DuckDB compresses together
_FAT = 16 << 10  # bytes a row from which on files are not merged: a group of such rows would not fit into the memory
_MEMORY = 192 << 20
_MORE_MEMORY = 768 << 20  # tried where that was too small: single messages of many megabytes


class _Spool:
    """The lines of one group, on their way."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.lines: list[bytes] = []
        self.weight = 0
        self.longest = 0


class Merged(NamedTuple):
    """What `Archiver.compact` did."""

    files: int
    into: int


class Archiver:
    """The one writer of an archive. Not to be used by two threads at once; its calls block, for seconds at most but `compact`.

    Every call may raise OSError (a full disk) or `children.Failed`; then nothing of the present batch is in the archive, and
    the feeder begins again behind `position`.
    """

    def __init__(
        self,
        folder: Path,
        *,
        days: int = DAYS,
        share: float = SHARE,
        rows: int = 50_000,
        size: int = 32 << 20,
        disk: Callable[[], int] | None = None,
    ) -> None:
        """`rows` and `size` (bytes of lines) bound a batch; `disk` tells how many bytes the disk has. Raises StoreError where
        another process writes this archive, or its index is damaged."""
        folder.mkdir(parents=True, exist_ok=True, mode=0o750)
        self._folder, self._days, self._share = folder, days, share
        self._most_rows, self._most_size = rows, size
        self._disk = disk or (lambda: shutil.disk_usage(folder).total)
        self._lock = _locked(folder)
        self._staging = folder / index.STAGING
        self._index = index.load(folder)
        self.faults: list[Fault] = []
        """Files found broken since this was last emptied."""
        self._reached = self._index.position
        self._reset()
        index.sweep(folder, self._index)

    @property
    def position(self) -> int:
        """The last journal position that is wholly in the archive, -1 at the beginning."""
        return self._index.position

    @property
    def waiting(self) -> int:
        """Rows that are not in the archive yet."""
        return self._rows

    @property
    def size(self) -> int:
        """Bytes of all files."""
        return sum(part.size for part in self._index.parts)

    def add(self, rows: Iterable[Row], *, reached: int | None = None) -> None:
        """Take the rows of whole arrivals, in the journal's order; those that are in the archive already are passed over.
        `reached` is the last position of which rows could have come, where it had none."""
        try:
            for row in rows:
                if row.position <= self._reached:
                    if row.position <= self._index.position:
                        continue
                elif self._rows >= self._most_rows or self._size >= self._most_size:
                    self.flush()
                self._put(row)
            if reached is not None:
                self._reached = max(self._reached, reached)
            if self._rows >= self._most_rows or self._size >= self._most_size:
                self.flush()
        except BaseException:
            self._reset()
            raise

    def flush(self) -> bool:
        """Bring what is waiting into the archive; whether there was anything."""
        try:
            return self._flush()
        except BaseException:
            self._reset()
            raise

    def compact(self, now: datetime) -> Merged:
        """Merge small files: many of a running day, any of a day that is over."""
        today, merged = now.astimezone(UTC).date().isoformat(), Merged(0, 0)
        for parts in list(_mergeable(self._index.parts, today)):
            if self._merge(parts):
                merged = Merged(merged.files + len(parts), merged.into + 1)
        index.sweep(self._folder, self._index)
        return merged

    def retain(self, now: datetime) -> list[str]:
        """Let go the days that are older than they should be, then the oldest as long as the archive takes too much of the
        disk, but never the newest; whole days always. Returns them."""
        sizes: dict[str, int] = {}
        for part in self._index.parts:
            sizes[part.day] = sizes.get(part.day, 0) + part.size
        first = (now.astimezone(UTC).date() - timedelta(days=self._days)).isoformat()
        gone = [day for day in sorted(sizes) if day < first]
        most, taken = int(self._disk() * self._share), sum(sizes.values()) - sum(map(sizes.__getitem__, gone))
        for day in sorted(sizes)[len(gone) : -1]:
            if taken <= most:
                break
            gone.append(day)
            taken -= sizes[day]
        if gone:
            self._commit(tuple(part for part in self._index.parts if part.day not in gone), self._index.position)
        index.sweep(self._folder, self._index)
        return gone

    def close(self) -> None:
        """Let another process write. What is waiting is thrown away: `flush` first."""
        shutil.rmtree(self._staging, ignore_errors=True)
        os.close(self._lock)

    def _reset(self) -> None:
        shutil.rmtree(self._staging, ignore_errors=True)
        self._spools: dict[Group, _Spool] = {}
        self._rows = self._size = self._held = 0
        self._begun, self._reached = self._index.position + 1, self._index.position

    def _put(self, row: Row) -> None:
        group, text = group_of(row), line(row)
        spool = self._spools.get(group)
        if spool is None:
            spool = self._spools[group] = _Spool(self._staging / f"{len(self._spools)}.ndjson")
        spool.lines.append(text)
        spool.weight += len(text)
        spool.longest = max(spool.longest, len(text))
        self._rows += 1
        self._size += len(text)
        self._held += len(text)
        self._reached = max(self._reached, row.position)
        if self._held >= _BLOCK:
            self._spill()

    def _spill(self) -> None:
        self._staging.mkdir(exist_ok=True, mode=0o750)
        for spool in self._spools.values():
            if spool.lines:
                with spool.path.open("ab") as file:
                    file.writelines(spool.lines)
                spool.lines.clear()
        self._held = 0

    def _flush(self) -> bool:
        if not self._spools:
            if self._reached > self._index.position:
                self._commit(self._index.parts, self._reached)
                self._reset()
            return False
        self._spill()
        jobs = [
            (f"{index.STAGING}/{spool.path.name}", f"{index.STAGING}/{spool.path.stem}.parquet", spool.longest)
            for spool in self._spools.values()
        ]
        begun, reached = self._begun, self._reached
        found = self._child({"task": "write", "files": jobs, "group": _GROUP})
        parts = [
            _part(group, f"{_range(begun, reached)}-{place}", answer, spool.weight, begun, reached)
            for place, ((group, spool), answer) in enumerate(zip(self._spools.items(), found, strict=True))
        ]
        for (_, source, _), part in zip(jobs, parts, strict=True):
            self._move(source, part.path)
        self._commit((*self._index.parts, *parts), reached)
        self._reset()
        return True

    def _merge(self, parts: Sequence[Part]) -> bool:
        head = parts[0]
        first, last = min(part.first for part in parts), max(part.last for part in parts)
        self._staging.mkdir(exist_ok=True, mode=0o750)
        target = f"{index.STAGING}/merged.parquet"
        names = [part.path for part in parts]
        told = len(self.faults)
        answers = self._child({"task": "merge", "files": names, "target": target, "group": _GROUP})
        if not answers:
            broken = {fault.path for fault in self.faults[told:]}
            marked = (replace(part, broken=True) if part.path in broken else part for part in self._index.parts)
            self._commit(tuple(marked), self._index.position)
            return False
        group = Group(head.day, head.logsource)
        weight = sum(part.weight for part in parts)
        names_taken = {part.path for part in self._index.parts}
        number = next(n for n in count() if f"{group.folder}/{_range(first, last)}-m{n}.parquet" not in names_taken)
        merged = _part(group, f"{_range(first, last)}-m{number}", answers[0], weight, first, last)
        self._move(target, merged.path)
        rest = [part for part in self._index.parts if part.path not in set(names)]
        self._commit((*rest, merged), self._index.position)
        return True

    def _child(self, job: dict[str, Any]) -> list[list[int]]:
        """What the child answers, a line a file; tried once more with more memory where that was too small."""
        for memory in (_MEMORY, _MORE_MEMORY):
            try:
                temporary = f"{index.STAGING}/memory"
                told: list[Fault] = []
                full = job | {"memory": memory, "temporary": temporary, "seconds": None}
                answer = b"".join(children.run(full, self._folder, told))
            except children.Failed as failed:
                if not failed.memory or memory == _MORE_MEMORY:
                    raise
            else:
                self.faults += told
                return [orjson.loads(each) for each in answer.splitlines()]
        raise AssertionError

    def _move(self, source: str, target: str) -> None:
        path = self._folder / target
        made = [folder for folder in (path.parent.parent, path.parent) if not folder.exists()]
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o750)
        (self._folder / source).rename(path)
        for folder in {path.parent, *(each.parent for each in made)}:
            sync_folder(folder)

    def _commit(self, parts: tuple[Part, ...], position: int) -> None:
        new = index.Index(
            position=position, parts=tuple(sorted(parts, key=lambda part: (part.day, part.first, part.path)))
        )
        index.save(self._folder, new)
        self._index = new


def _range(first: int, last: int) -> str:
    return f"{first:016d}-{last:016d}"


def _part(group: Group, name: str, answer: list[int], weight: int, first: int, last: int) -> Part:
    rows, earliest, latest, size = answer
    product, category, service = group.logsource
    return Part(
        path=f"{group.folder}/{name}.parquet", day=group.day, product=product, category=category, service=service,
        rows=rows, size=size, weight=weight, earliest=earliest, latest=latest, first=first, last=last,
    )  # fmt: skip


def _mergeable(parts: Sequence[Part], today: str) -> Iterator[list[Part]]:
    """Files to be merged, each list into one."""
    groups: dict[Group, list[Part]] = {}
    for part in parts:
        if not part.broken and part.size < _SMALL and part.weight < _FAT * part.rows:
            groups.setdefault(Group(part.day, part.logsource), []).append(part)
    for group, small in groups.items():
        least = _ENOUGH if group.day >= today else 2
        batch: list[Part] = []
        size = weight = 0
        for part in sorted(small, key=lambda part: part.first):
            if batch and (size + part.size > 2 * _SMALL or weight + part.weight > _WEIGHT):
                if len(batch) >= least:
                    yield batch
                batch, size, weight = [], 0, 0
            batch.append(part)
            size += part.size
            weight += part.weight
        if len(batch) >= least:
            yield batch


def _locked(folder: Path) -> int:
    descriptor = os.open(folder / ".writing", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o640)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        os.close(descriptor)
        raise StoreError(path=folder, reason=message("another process is writing it")) from error
    return descriptor
