"""Files, folders and archives → recordings, each one file or archive member, recognised by its content."""

import os
import stat
import weakref
from collections.abc import Callable, Iterator, Sequence
from io import FileIO
from pathlib import Path
from typing import IO

from beffroi.core.errors import InputError
from beffroi.core.model import WHOLE, Event, Fault, message
from beffroi.core.wording import shown
from beffroi.logs.formats import archive, eventxml, evtx, jsonlines
from beffroi.logs.formats.budget import Budget, TooMuch
from beffroi.logs.formats.faults import FaultLog
from beffroi.logs.formats.limits import Limits
from beffroi.logs.formats.opening import hindrance, refuse
from beffroi.logs.formats.parts import Part
from beffroi.logs.formats.recognise import HEAD, MORE, Format, recognise, what_it_is
from beffroi.logs.formats.sources import Rewound, Source, Stretch, as_utf8


class Recording:
    """One file, part of a file or archive member, read lazily and once. `faults` fills while `events` runs."""

    def __init__(
        self, path: str, size: int, limits: Limits, opened: "_Opened | None", reopen: "Callable[[], _Opened]"
    ) -> None:
        self.path = path  # as shown to people: "dir/a.evtx", "b.zip!inner/c.evtx"
        self.size = size  # bytes; 0 where an archive does not say
        self.faults: list[Fault] = []
        self.more_faults = (
            0  # of a part, beyond those that are told: how many its file has shows when all parts are read
        )
        self._limits = limits
        self._opened = opened
        self._reopen = reopen

    def events(self) -> Iterator[Event]:
        """The events that can be read, in the file's order."""
        log = FaultLog(self.path, self.faults, self._limits.faults)
        opened, self._opened = self._opened, None
        try:
            opened = opened or self._reopen()
            yield from _events(opened, log, self._limits)
        except OSError as error:
            log.add(WHOLE, hindrance(error))
        finally:
            if opened:
                opened.close()
            if opened and opened.part:
                self.more_faults = log.untold
            else:
                log.close()

    def release(self) -> None:
        """Closes what was opened to recognise the file; `events` opens it again."""
        opened, self._opened = self._opened, None
        if opened:
            opened.close()


class _Opened:
    """A stream at its beginning, or where its part begins, with what was seen of it."""

    def __init__(self, source: Source, head: bytes, close: Callable[[], None], part: Part | None = None) -> None:
        self.source = source
        self.head = head
        self.close = close
        self.part = part


def recordings(paths: Sequence[Path], *, limits: Limits | None = None, faults: list[Fault]) -> Iterator[Recording]:
    """The recordings under `paths`: files, folders (walked in sorted order, links not followed), archives (opened).

    What is no recording is told to `faults`: pipes, folders that cannot be listed, archives beyond `limits`. Raises
    InputError at once, before anything is read, where a path does not exist.
    """
    return (each for file in files(paths, faults=faults) for each in recordings_in(file, limits=limits, faults=faults))


def _all_there(paths: Sequence[Path]) -> None:
    missing = [path for path in paths if not os.path.lexists(path)]
    if missing:
        raise InputError(
            path=", ".join(shown(path) for path in missing),
            reason=message("there is no such file or folder")
            if len(missing) == 1
            else message("there are no such files or folders"),
        )


def files(paths: Sequence[Path], *, faults: list[Fault]) -> Iterator[Part]:
    """Each file under `paths`, in the order in which `recordings` reads them; what a folder holds besides (links, pipes) is
    told to `faults` here. Raises InputError as `recordings` does."""
    _all_there(paths)
    return _files(paths, faults)


def _files(paths: Sequence[Path], faults: list[Fault]) -> Iterator[Part]:
    for path in map(os.fspath, paths):
        try:
            # A path that a person names is followed when it is a link; what a folder holds is not.
            named = os.stat(path)  # noqa: PTH116 - for thousands of files
        except OSError as error:
            faults.append(Fault(shown(path), WHOLE, hindrance(error)))
            continue
        if not stat.S_ISDIR(named.st_mode):
            yield Part(path, named.st_size, follow=True)
            continue
        for name in _walk(path.rstrip(os.sep) or os.sep, faults):
            try:
                found = os.lstat(name)
                refuse(found.st_mode)
            except OSError as error:
                faults.append(Fault(shown(name), WHOLE, hindrance(error)))
            else:
                yield Part(name, found.st_size, follow=False)


def _walk(folder: str, faults: list[Fault]) -> Iterator[str]:
    """The files below `folder`, in the order of their names, folders among them."""
    waiting = [iter([folder])]
    while waiting:
        path = next(waiting[-1], None)
        if path is None:
            waiting.pop()
            continue
        try:
            with os.scandir(path) as entries:
                listed = sorted((entry.name, entry.is_dir(follow_symlinks=False)) for entry in entries)
        except OSError as error:
            faults.append(Fault(shown(path), WHOLE, hindrance(error)))
            continue
        # Files directly, folders when their turn comes.
        below: list[str] = []
        for name, is_folder in listed:
            if is_folder:
                below.append(f"{path}{os.sep}{name}")
            else:
                yield f"{path}{os.sep}{name}"
        waiting.append(iter(below))


def recordings_in(part: Part, *, limits: Limits | None = None, faults: list[Fault]) -> Iterator[Recording]:
    """The recordings in a file, or the one in a part of a file."""
    limits = limits or Limits()
    name = shown(part.path)

    def opened() -> _Opened:
        file = part.open()
        try:
            head = file.read(HEAD)
            file.seek(part.start)
        except OSError:
            file.close()
            raise
        return _Opened(file, head, file.close, part if part.cut_from else None)

    try:
        first = opened()
    except OSError as error:
        faults.append(Fault(name, WHOLE, hindrance(error)))
        return
    if not first.part and recognise(first.head) is Format.ARCHIVE:
        assert isinstance(first.source, FileIO)
        yield from _archive(first.source, name, Budget(limits), limits.nesting, faults)
        return
    recording = Recording(name, part.size, limits, first, opened)
    try:
        yield recording
    finally:
        recording.release()


def _archive(
    file: IO[bytes] | FileIO, path: str, budget: Budget, nesting: int, faults: list[Fault]
) -> Iterator[Recording]:
    """The recordings in an archive. It stays open as long as one of them may still be read."""
    owner = _Owner(file)
    try:
        for member in archive.members(file, path, budget):
            name = f"{path}!{member.name}"
            try:
                head = member.open().read(HEAD)
                if recognise(head) is not Format.ARCHIVE:
                    yield Recording(name, member.size, budget.limits, None, _reopener(member, owner))
                elif nesting:
                    inner = archive.spooled(member.open(), budget.limits)
                    yield from _archive(inner, name, budget, nesting - 1, faults)
                else:
                    deep = message("it is an archive in too many others; it was not opened")
                    faults.append(Fault(name, WHOLE, deep))
            except TooMuch:
                raise
            except OSError as error:
                faults.append(Fault(name, WHOLE, hindrance(error)))
    except OSError as error:
        faults.append(Fault(path, WHOLE, hindrance(error)))


class _Owner:
    """Closes a file when nobody holds the owner any more."""

    def __init__(self, file: IO[bytes] | FileIO) -> None:
        weakref.finalize(self, file.close)


def _reopener(member: archive.Member, owner: _Owner) -> Callable[[], _Opened]:
    def opened(_held: _Owner = owner) -> _Opened:
        source = member.open()
        head = source.read(HEAD)
        return _Opened(Rewound(head, source), head, lambda: None)

    return opened


def _events(opened: _Opened, log: FaultLog, limits: Limits) -> Iterator[Event]:
    """What a stream holds, by the reader for its format."""
    source, head = opened.source, opened.head
    if opened.part:
        return _events_of_part(opened.part, opened, log, limits)
    kind = recognise(head)
    if kind is Format.UNKNOWN and len(head) == HEAD:
        head = source.read(MORE)
        source = Rewound(head, source)
        kind = recognise(head)
    if kind is Format.EVTX:
        return evtx.read(source, log)
    if kind is Format.JSON:
        return jsonlines.read(as_utf8(head, source), log, limits)
    if kind is Format.XML:
        return eventxml.read(as_utf8(head, source), log, limits)
    if kind is Format.UNKNOWN:
        log.add(WHOLE, what_it_is(head))
    elif log.path.lower().endswith((".evtx", ".xml", ".zip", ".7z", ".gz")):
        # An empty text log is a whole log without lines; these formats are never empty.
        log.add(WHOLE, message("the file is empty"))
    return iter(())


def _events_of_part(part: Part, opened: _Opened, log: FaultLog, limits: Limits) -> Iterator[Event]:
    """What a part of a file holds; only EVTX and JSON by the line are cut."""
    source, head = opened.source, opened.head
    if recognise(head) is Format.EVTX:
        if part.start:
            source = Rewound(head[: evtx.FILE_HEADER], source)
        return evtx.read(source, log, part.before, part.until)
    if part.end is not None:
        source = Stretch(source, part.end - part.start)
    return jsonlines.read_lines(source if part.start else as_utf8(head, source), log, limits, part.before)
