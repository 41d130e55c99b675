"""Reading a journal while another process writes it: no lock, nothing written, damaged parts passed over and told."""

from bisect import bisect_right
from collections.abc import Callable
from operator import itemgetter
from pathlib import Path
from types import TracebackType
from typing import Self

import msgspec

from beffroi.core.model import Fault, Message, message
from beffroi.logs.arrival import Arrival
from beffroi.logs.journal.disk import REAL, Disk
from beffroi.logs.journal.frames import FRAME
from beffroi.logs.journal.segments import Name, Segment, names_in, place


class Trimmed(LookupError):
    """What was asked for was deleted; `oldest` is where the journal begins now."""

    def __init__(self, position: int, oldest: int) -> None:
        super().__init__(f"position {position} was trimmed; the oldest is {oldest}")
        self.position = position
        self.oldest = oldest


class JournalReader:
    """A reader of the journal in a folder. It keeps the file open that it read last."""

    def __init__(self, folder: Path, *, disk: Disk = REAL, tell: Callable[[Fault], None] = lambda _: None) -> None:
        """`tell` is given what cannot be read, once as long as one reads on from where one stopped."""
        self.folder = folder
        self._disk = disk
        self._tell = tell
        self._decode = msgspec.msgpack.Decoder(Arrival).decode
        self._names: list[Name] = []
        self._befores: dict[Name, int] = {}
        self._current: Segment | None = None
        self._resume = (-1, -1)
        """Asked for the first, go on from the second: nothing that can be read lies between."""

    @property
    def oldest(self) -> int:
        """Where the journal begins; 0 where there is nothing yet. Raises OSError."""
        names = names_in(self._disk, self.folder)
        return names[0].base if names else 0

    def read(self, position: int, limit_bytes: int, until: int | None = None) -> list[tuple[int, Arrival]]:
        """(position after it, arrival) from a position on: about `limit_bytes` of them, one at least where there is one.

        `until` is a position that the writer called durable; nothing past it is looked at. Without it all is read that stands
        there whole: for when nobody writes. An empty list says that there is nothing new. Raises Trimmed, OSError.
        """
        if until is not None and position >= until:
            return []
        asked = position
        if position == self._resume[0]:
            position = self._resume[1]
        found: list[tuple[int, Arrival]] = []
        # The last segment may have been left for a new one since.
        self._look()
        while (limit_bytes > 0 or not found) and (until is None or position < until):
            index = bisect_right(self._names, position, key=itemgetter(0)) - 1
            if index < 0:
                if self._names:
                    raise Trimmed(position, self._names[0].base)
                break
            following = self._names[index + 1] if index + 1 < len(self._names) else None
            try:
                segment = self._segment(self._names[index])
                before = self._before(following) if following is not None else None
            except FileNotFoundError:
                self._look()
                continue
            end = segment.end
            if before is not None:
                end = min(end, before)
            if until is not None:
                end = min(end, until)
            if position < end:
                stretch = segment.read(position, end, max(limit_bytes, 1))
                position = stretch.position
                unfinished = before is None and until is None and bool(stretch.passed) and stretch.passed[-1][1] == end
                if unfinished:
                    position, _ = stretch.passed.pop()
                self._told(stretch.passed, message("no whole record stands here; it was passed over"))
                found += self._arrivals(stretch.records)
                limit_bytes -= sum(FRAME.size + len(body) for _, body in stretch.records)
                if unfinished:
                    break
                if position < end:
                    continue
            if following is None or before is None or position == until:
                break
            if max(position, end) < before:
                self._told([(max(position, end), before)], message("this part is missing"))
            position = following.base
        reached = found[-1][0] if found else asked
        if position > reached:
            self._resume = (reached, position)
        return found

    def close(self) -> None:
        """Let go of the file."""
        if self._current is not None:
            self._current.close()
            self._current = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _look(self) -> None:
        """Which segments are there?"""
        self._names = names_in(self._disk, self.folder)
        if self._befores.keys() - self._names:
            self._befores = {name: before for name, before in self._befores.items() if name in self._names}

    def _segment(self, name: Name) -> Segment:
        if self._current is None or self._current.name != name:
            self.close()
            self._current = Segment(self._disk, self.folder, name)
        return self._current

    def _before(self, name: Name) -> int:
        """Where the segment ended that stands before this one."""
        if name not in self._befores:
            segment = Segment(self._disk, self.folder, name)
            try:
                header = segment.header
            finally:
                segment.close()
            if header is None:
                return name.base
            self._befores[name] = min(header.before, name.base)
        return self._befores[name]

    def _arrivals(self, records: list[tuple[int, memoryview]]) -> list[tuple[int, Arrival]]:
        arrivals: list[tuple[int, Arrival]] = []
        for after, body in records:
            try:
                arrivals.append((after, self._decode(body)))
            except (msgspec.MsgspecError, ValueError, RecursionError) as error:
                what = message("the record is whole but holds no arrival: {error}", error=str(error))
                self._told([(after - FRAME.size - len(body), after)], what)
        return arrivals

    def _told(self, parts: list[tuple[int, int]], what: Message) -> None:
        for start, stop in parts:
            self._tell(Fault(str(self.folder), place(start, stop), what))
