"""A drop folder: what is laid into it is read as recordings are, kept as history, and put away.

A file is taken when it has not changed for a while; it goes to `done/` when the intake has all of it, or to `failed/` with a
`.txt` that says why. How far a file was read is kept, so that after a crash it goes on; what came twice then has the same ids.
"""

import asyncio
import hashlib
import os
import stat
import time
from collections.abc import Callable, Iterator
from datetime import datetime
from io import FileIO
from itertools import groupby, islice
from pathlib import Path
from typing import Any, Final, NamedTuple

import orjson

from beffroi.core.model import WHOLE, Event, Fault, message
from beffroi.core.wording import printable, shown, words
from beffroi.logs.archive.rows import dumped
from beffroi.logs.arrival import Batch, Form, Intake, Proof
from beffroi.logs.formats import FaultLog, Limits, Part, archive, recordings_in
from beffroi.logs.formats.budget import Budget
from beffroi.logs.formats.opening import hindrance, open_file
from beffroi.logs.formats.recognise import HEAD
from beffroi.logs.formats.sources import Rewound
from beffroi.logs.receivers.files import m365
from beffroi.logs.receivers.files.state import Complaints, keep, load, save

SETTLE: Final = 5.0
"""Seconds for which a file must not have changed."""
EMPTY: Final = 12
"""So many times longer an empty file must stay as it is: a slow copy begins with one."""
_BATCH: Final = 500
_BYTES: Final = 1 << 20
_UNFINISHED: Final = (".part", ".partial", ".tmp", ".crdownload", ".filepart", ".swp", "~")


class Item(NamedTuple):
    """One event of a dropped file, as it is handed over."""

    form: Form
    message: bytes
    id: str


class Drop:
    """Watches a drop folder until cancelled; `files`, `events` and `complaints` say what happened."""

    name: Final = "drop"

    def __init__(
        self, intake: Intake, folder: Path, state: Path, *, poll: float = 2.0, settle: float = SETTLE,
        limits: Limits | None = None, now: Callable[[], float] = time.monotonic,
        language: Callable[[], str] = lambda: "en",
    ) -> None:  # fmt: skip
        """`state` is the file that keeps how far was read. `poll` and `settle` are in seconds; `language` is that of the texts
        beside what could not be read."""
        self.complaints = Complaints()
        self.files = self.events = 0
        self._intake, self._folder, self._state = intake, folder, state
        self._poll, self._settle, self._now = poll, settle, now
        self._limits = limits or Limits()
        self._language = language
        self._seen: dict[str, tuple[tuple[int, int, int], float]] = {}
        self._far: dict[str, Any] = {}

    async def serve(self) -> None:
        """Watch until cancelled."""
        self._far = await asyncio.to_thread(load, self._state, self.complaints)
        while True:
            try:
                settled = await asyncio.to_thread(self._settled)
            except OSError as error:
                self.complaints.add(shown(self._folder), hindrance(error))
                settled = []
            for name in settled:
                try:
                    await self._take(name)
                except OSError as error:
                    self.complaints.add(shown(self._folder / name), hindrance(error))
                    self._seen.pop(name, None)
            if not settled:
                await asyncio.sleep(self._poll)

    def _settled(self) -> list[str]:
        """The names of files that have not changed for long enough, in order."""
        for folder in (self._folder, self._folder / "done", self._folder / "failed"):
            folder.mkdir(exist_ok=True, mode=0o770)
        there: dict[str, tuple[int, int, int]] = {}
        with os.scandir(self._folder) as entries:
            for entry in entries:
                if entry.name.startswith(".") or entry.name.lower().endswith(_UNFINISHED):
                    continue
                found = entry.stat(follow_symlinks=False)
                if not stat.S_ISDIR(found.st_mode):
                    there[entry.name] = (found.st_ino, found.st_size, found.st_mtime_ns)
                elif entry.name not in ("done", "failed"):
                    self.complaints.add(shown(entry.path), message("it is a folder; lay the files themselves here"))
        now = self._now()
        self._seen = {
            name: self._seen[name] if name in self._seen and self._seen[name][0] == state else (state, now)
            for name, state in there.items()
        }
        return sorted(
            name
            for name, ((_, size, _), since) in self._seen.items()
            if now - since >= self._settle * (1 if size else EMPTY)
        )

    async def _take(self, name: str) -> None:
        path = self._folder / name
        state, _ = self._seen.pop(name)
        faults: list[Fault] = []
        known = self._far.get("taken", 0) if self._far.get("file") == [name, *state] else 0
        items = _items(path, self._limits, faults)
        count = await asyncio.to_thread(_skip, items, known)
        proof = Proof(self.name, "", name=printable(shown(name)))
        while batch := await asyncio.to_thread(_some, items):
            for form, group in groupby(batch, key=lambda item: item.form):
                some = list(group)
                await keep(
                    self._intake,
                    proof,
                    Batch(form, [item.message for item in some], [item.id for item in some], historic=True),
                )
                count += len(some)
                self.events += len(some)
                self._far = {"file": [name, *state], "taken": count}
                await asyncio.to_thread(save, self._state, self._far)
        await asyncio.to_thread(self._put_away, path, state, count, faults)

    def _put_away(self, path: Path, state: tuple[int, ...], count: int, faults: list[Fault]) -> None:
        found = path.lstat()
        if (found.st_ino, found.st_size, found.st_mtime_ns) != state:
            self.complaints.add(shown(path), message("it changed while it was read; it will be read again"))
            return
        if not count and not faults:
            faults.append(Fault(shown(path.name), WHOLE, message("no event was found in it")))
        target = _free(self._folder / ("done" if count else "failed") / path.name)
        if faults:
            say = words(self._language())
            lines = [say("{count:,} events were kept.", count=count), *(say(fault.told) for fault in faults)]
            told = "".join(f"{printable(line)}\n" for line in lines)
            target.with_name(f"{target.name}.txt").write_text(told, "utf-8", "replace")
        path.rename(target)
        self.files += 1
        if faults:
            self.complaints.add(shown(target), faults[0].what)


def forget(folder: Path, before: datetime) -> int:
    """Delete what was put away before a moment: its events are gone by then, and the file holds the same. How many files."""
    gone = 0
    for away in (folder / "done", folder / "failed"):
        if not away.is_dir() or away.is_symlink():
            continue
        with os.scandir(away) as entries:
            for entry in entries:
                found = entry.stat(follow_symlinks=False)
                # Its status changed last when it was moved here; what it was written at is the recording's own matter.
                if stat.S_ISREG(found.st_mode) and found.st_ctime < before.timestamp():
                    Path(entry.path).unlink(missing_ok=True)
                    gone += 1
    return gone


def _free(path: Path) -> Path:
    """A name that is not taken yet, nor is its `.txt`."""
    number, free = 1, path
    while os.path.lexists(free) or os.path.lexists(f"{free}.txt"):
        number += 1
        free = path.with_name(f"{path.stem} ({number}){path.suffix}")
    return free


def _skip(items: Iterator[Item], count: int) -> int:
    """Pass over so many; how many there were."""
    return sum(1 for _ in islice(items, count))


def _some(items: Iterator[Item]) -> list[Item]:
    found: list[Item] = []
    size = 0
    for item in items:
        found.append(item)
        size += len(item.message)
        if len(found) >= _BATCH or size >= _BYTES:
            break
    return found


def _items(path: Path, limits: Limits, faults: list[Fault]) -> Iterator[Item]:
    """Every event that a file holds, in an order that is always the same; what cannot be read goes to `faults`."""
    try:
        file = open_file(os.fspath(path), follow=False)
    except OSError as error:
        faults.append(Fault(shown(path.name), WHOLE, hindrance(error)))
        return
    with file:
        mark = _mark(file)
        head = file.read(HEAD)
        file.seek(0)
        inner: set[str] = set()
        if not archive.is_archive(head) and m365.is_csv(head):
            yield from _exported(shown(path.name), head, file, limits, faults, mark)
            return
        if archive.is_archive(head):
            yield from _exports(file, shown(path.name), limits, faults, mark, inner)
    part = Part(os.fspath(path), path.lstat().st_size, follow=False)
    told: list[Fault] = []
    for recording in recordings_in(part, limits=limits, faults=told):
        if recording.path.rpartition("!")[2] in inner:
            continue
        for place, event in enumerate(recording.events()):
            yield _item(event, f"{mark}:{recording.path.rpartition('!')[2]}:{place}")
        told += recording.faults
    faults += [fault._replace(path=fault.path.removeprefix(shown(path.parent) + os.sep)) for fault in told]


def _item(event: Event, own: str) -> Item:
    """An event of a recording: as it travelled where it was JSON, else its fields."""
    number, fields, raw = event
    if raw is not None:
        text = raw if isinstance(raw, bytes) else raw.encode("utf-8", "replace")
        if text.startswith(b'{"Event":{"#attributes"'):
            parts = (fields.get("Computer"), fields.get("Channel"), number, fields.get("TimeCreated"))
            return Item(Form.WINDOWS, text, "\x1f".join(map(str, parts)))
        if b'"AuditData"' in text or b'"Operation"' in text:
            try:
                record = m365.record_of(orjson.loads(text))
            except ValueError:
                record = None
            if record is not None:
                return Item(Form.M365, record.text, record.id or own)
        return Item(Form.JSON, text, own)
    return Item(Form.JSON, dumped(fields), own)


def _exports(file: FileIO, name: str, limits: Limits, faults: list[Fault], mark: str, read: set[str]) -> Iterator[Item]:
    """The audit exports as CSV in an archive, which are no recordings to others; their names go to `read`."""
    try:
        for member in archive.members(file, name, Budget(limits)):
            source = member.open()
            head = source.read(HEAD)
            if m365.is_csv(head):
                read.add(member.name)
                whole = Rewound(head, source)
                yield from _exported(f"{name}!{member.name}", head, whole, limits, faults, f"{mark}:{member.name}")
    except OSError:
        return  # who reads the others will say it


def _exported(name: str, head: bytes, source: Any, limits: Limits, faults: list[Fault], mark: str) -> Iterator[Item]:
    log = FaultLog(name, faults, limits.faults)
    try:
        for place, record in enumerate(m365.read_csv(head, source, log, limits)):
            yield Item(Form.M365, record.text, record.id or f"{mark}:{place}")
    except OSError as error:
        log.add(WHOLE, hindrance(error))
    log.close()


def _mark(file: FileIO) -> str:
    """What the file's content is known by."""
    digest = hashlib.sha256()
    while block := file.read(1 << 20):
        digest.update(block)
    file.seek(0)
    return digest.hexdigest()[:32]
