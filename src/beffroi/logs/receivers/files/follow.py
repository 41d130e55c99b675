"""Text files followed, as `tail -F` does, through every way in which logs are rotated.

A file is known by its inode and by its first bytes, so that it is the same under another name (rename and create), another
under the same name, and the same again when a restart finds it elsewhere. Where a file is cut short (copytruncate), what was
not read yet is looked for in the copy beside it. The place reached is kept only after the intake has what stands before it:
after a crash lines may come twice, with the same ids, and none is lost. What was rotated away *and* compressed or deleted
before it was read cannot be read any more; that is said.
"""

import asyncio
import glob
import hashlib
import os
import secrets
import time
from collections.abc import Callable, Iterator, Sequence
from io import FileIO
from pathlib import Path
from typing import Any, Final, NamedTuple, Self

from beffroi.core.model import message
from beffroi.core.wording import shown
from beffroi.logs.arrival import Batch, Form, Intake, Proof
from beffroi.logs.formats.opening import hindrance, open_file
from beffroi.logs.receivers.files.lines import Line, Lines
from beffroi.logs.receivers.files.state import Complaints, keep, load, save

PRINT: Final = 1_024
"""Bytes by which the beginning of a file is known."""
LINE: Final = 1 << 20
"""Bytes of a line; what is longer is cut."""
COMPRESSED: Final = (".gz", ".xz", ".bz2", ".zst", ".Z", ".zip")
SLACK: Final = 1_000_000_000
"""Nanoseconds by which the clock of a file system may be behind."""
FILES: Final = 400
"""Files followed at once."""
_BLOCK: Final = 1 << 16
_TURN: Final = 1 << 20  # bytes read of one file before the others have their turn
_BATCH: Final = 500
_GRACE: Final = (
    30.0  # seconds for which a file that was rotated away is still looked at: its writer may not have noticed yet
)


class Followed(NamedTuple):
    """A file, or several by a pattern (`/var/log/app/*.log`), and the log source that a person stated for them."""

    pattern: str
    stated: str | None = None


class Follow:
    """Follows files until cancelled. `counts` and `complaints` say what happened."""

    name: Final = "file"

    def __init__(
        self, intake: Intake, files: Sequence[Followed], state: Path, *, poll: float = 0.5, grace: float = _GRACE,
        line: int = LINE, now: Callable[[], float] = time.monotonic,
    ) -> None:  # fmt: skip
        """`state` is the file in which the places are kept; a file that is there when a pattern is met for the first time is
        followed from its end on, one that comes later from its beginning. `poll` and `grace` are in seconds."""
        self.complaints = Complaints()
        self.lines = self.cut = 0
        self._intake, self._files, self._state = intake, files, state
        self._poll, self._grace, self._line, self._now = poll, grace, line, now
        self._looked = 0
        self._saved: int | None = None
        self._tails: dict[tuple[int, int], _Tail] = {}
        self._left: list[dict[str, Any]] = []
        """Of the last run: places of files that were not met again yet."""
        self._patterns: set[str] = set()
        self._changed = False

    async def serve(self) -> None:
        """Follow until cancelled."""
        await asyncio.to_thread(self.recall)
        try:
            while True:
                moved = await self.turn()
                if not moved:
                    await asyncio.sleep(self._poll)
        finally:
            for tail in self._tails.values():
                tail.close()
            self._tails.clear()

    def recall(self) -> None:
        """Take up what the last run kept; `serve` begins with it."""
        kept = load(self._state, self.complaints)
        files, patterns, looked = kept.get("files"), kept.get("patterns"), kept.get("looked")
        self._left = [each for each in files if _sane(each)] if isinstance(files, list) else []
        self._patterns = {each for each in patterns if isinstance(each, str)} if isinstance(patterns, list) else set()
        self._saved = looked if isinstance(looked, int) else 0

    async def turn(self) -> bool:
        """One look at every file; whether there was anything to read."""
        try:
            await asyncio.to_thread(self._look)
        except OSError as error:  # a disk that fails
            self.complaints.add(shown(error.filename or "?"), hindrance(error))
        if self._changed:
            await self._save()  # a file's birth is kept before its first line is handed over: so its ids stay
        moved = False
        for tail in list(self._tails.values()):
            lines, more = await asyncio.to_thread(tail.read, self.complaints)
            if lines:
                await self._hand_over(tail, lines)
            if more:
                moved = True
            elif tail.gone_since is not None and self._now() - tail.gone_since > self._grace:
                last = tail.lines.close()
                if last:
                    await self._hand_over(tail, last)
                del self._tails[tail.key]
                tail.close()
                self._changed = True
        if self._changed:
            await self._save()
        return moved

    async def _hand_over(self, tail: "_Tail", lines: list[Line]) -> None:
        # What a person named is the source: were it the file, each day's file of a rotation would be another, and soon silent.
        proof = Proof(self.name, "", name=shown(tail.followed.pattern))
        for start in range(0, len(lines), _BATCH):
            some = lines[start : start + _BATCH]
            ids = [f"{tail.birth}:{line.start}" for line in some]
            batch = Batch(Form.LINE, [line.text for line in some], ids, tail.followed.stated)
            await keep(self._intake, proof, batch)
            self.lines += len(some)
            self.cut += sum(line.cut for line in some)
            tail.taken, tail.taken_skipping = some[-1].end, some[-1].skips
            self._changed = True

    async def _save(self) -> None:
        files = [tail.plain() for tail in self._tails.values()] + self._left
        state = {"patterns": sorted(self._patterns), "files": files, "looked": self._looked}
        try:
            await asyncio.to_thread(save, self._state, state)
        except OSError as error:
            self.complaints.add(str(self._state), hindrance(error))
        else:
            self._changed = False

    # What is there. All of this runs in a thread.

    def _look(self) -> None:
        seen: set[tuple[int, int]] = set()
        last, self._looked = self._looked, time.time_ns()
        for followed in self._files:
            for path in self._expanded(followed.pattern):
                self._meet(path, followed, seen)
            if followed.pattern not in self._patterns:
                self._patterns.add(followed.pattern)
                self._changed = True
        for tail in list(self._tails.values()):  # more are found beside those that went
            if tail.key in seen:
                tail.gone_since = None
            elif tail.gone_since is None:
                tail.gone_since = self._now()
                self._find_unseen(tail.path, tail.followed, last)
        self._find_left()

    def _expanded(self, pattern: str) -> list[str]:
        if not glob.has_magic(pattern):
            return [pattern]
        found = sorted(glob.glob(pattern))  # noqa: PTH207 - patterns are whole paths
        if len(found) > FILES:
            self.complaints.add(pattern, message("only the first {most:,} files are followed", most=FILES))
        return found[:FILES]

    def _meet(self, path: str, followed: Followed, seen: set[tuple[int, int]]) -> None:
        try:
            # Whoever may write into a folder could put a link there to what only we may read; a single file a person named.
            found = os.stat(path, follow_symlinks=not glob.has_magic(followed.pattern))  # noqa: PTH116
            key = (found.st_dev, found.st_ino)
            tail = self._tails.get(key)
            if tail is not None:
                seen.add(key)
                if tail.gone_since is None and tail.path != path and os.path.exists(tail.path):  # noqa: PTH110
                    return  # two names of one file
                tail.path = path
                if tail.same(found.st_size):
                    return
                self._cut_short(tail)
                return
            file = open_file(path, follow=not glob.has_magic(followed.pattern))
        except FileNotFoundError:
            return
        except OSError as error:
            self.complaints.add(shown(path), hindrance(error))
            return
        tail = _Tail(file, path, followed, self._line)
        seen.add(tail.key)
        self._begin(tail, first=followed.pattern not in self._patterns)
        self._tails[tail.key] = tail
        self._changed = True

    def _begin(self, tail: "_Tail", *, first: bool) -> None:
        """Where to begin with a file that is met."""
        for kept in self._left:
            if tail.is_kept(kept):
                self._left.remove(kept)
                tail.resume(kept)
                return
        copied = next((other for other in self._tails.values() if tail.is_copy_of(other)), None)
        if copied is not None:
            tail.start_at(copied.taken)
        elif first:
            tail.start_at_end()

    def _cut_short(self, tail: "_Tail") -> None:
        """A file was emptied and begins anew: the rest of what it held may stand in a copy."""
        if not self._find_rest(tail.plain(), moved=False):
            self.complaints.add(shown(tail.path), message("it was emptied; lines that were not read yet may be lost"))
        tail.begin_anew()
        self._changed = True

    def _find_left(self) -> None:
        """Files of the last run that no pattern leads to any more: rotated while nobody looked."""
        if not self._left:
            return
        paths = {each["path"]: each for each in self._left} | {tail.path: tail.plain() for tail in self._tails.values()}
        for kept in [each for each in self._left if os.path.isdir(os.path.dirname(each["path"]))]:  # noqa: PTH112, PTH120
            self._left.remove(kept)
            self._changed = True
            if not self._find_rest(kept, moved=True) and not self._find_rest(kept, moved=False):
                self.complaints.add(
                    kept["path"], message("it was rotated away while it was not followed, and is not there any more")
                )
        if self._saved is not None:  # once: what was read to its end since then is forgotten
            saved, self._saved = self._saved, None
            for path, kept in paths.items():
                self._find_unseen(path, _followed(kept), saved)

    def _find_unseen(self, path: str, followed: Followed, since: int) -> None:
        """Files that were made and rotated away again since a moment (nanoseconds), when nobody looked."""
        for file, name in _neighbours(path):
            tail = _Tail(file, name, followed, self._line)
            inside = Path(name).name.startswith(Path(path).name) and not name.endswith(COMPRESSED)
            if (
                not inside
                or tail.changed <= since - SLACK
                or tail.key in self._tails
                or any(tail.is_copy_of(other) for other in self._tails.values())
            ):
                tail.close()
                continue
            tail.gone_since = self._now()
            self._tails[tail.key] = tail
            self._changed = True

    def _find_rest(self, kept: dict[str, Any], *, moved: bool) -> bool:
        """Whether what was kept of a file leads to it under another name (`moved`), or to a copy; that is followed then."""
        for file, path in _neighbours(kept["path"]):
            rest = _Tail(file, path, _followed(kept), self._line)
            if rest.begins_as(kept) and rest.is_kept(kept) == moved:
                known = self._tails.get(rest.key)
                if known is None:
                    rest.resume(kept)
                    rest.gone_since = self._now()
                    self._tails[rest.key] = rest
                    self._changed = True
                    return True
                rest.close()
                return bool(known.taken >= kept["place"])
            rest.close()
        return False


class _Tail:
    """One file, held open; the place reached in it."""

    def __init__(self, file: FileIO, path: str, followed: Followed, most: int) -> None:
        found = os.fstat(file.fileno())
        self.key = (found.st_dev, found.st_ino)
        self.path, self.followed = path, followed
        self.birth = secrets.token_hex(8)
        self.gone_since: float | None = None
        self.taken = 0
        self.taken_skipping = False
        self.lines = Lines(most)
        self._file, self._most = file, most
        self._print_size, self._print = 0, ""
        self._learn()

    @property
    def changed(self) -> int:
        """When it was last written, in nanoseconds since 1970."""
        return os.fstat(self._file.fileno()).st_mtime_ns

    def close(self) -> None:
        self._file.close()

    def plain(self) -> dict[str, Any]:
        """What is kept of it."""
        return {
            "path": self.path, "pattern": self.followed.pattern, "stated": self.followed.stated, "device": self.key[0], "inode": self.key[1], "birth": self.birth,
            "size": self._print_size, "print": self._print, "place": self.taken, "skipping": self.taken_skipping,
        }  # fmt: skip

    def read(self, complaints: Complaints) -> tuple[list[Line], bool]:
        """(the next lines, whether anything was read)."""
        found: list[Line] = []
        begun = self.lines.read
        try:
            while self.lines.read - begun < _TURN and len(found) < 4 * _BATCH:
                block = os.pread(self._file.fileno(), _BLOCK, self.lines.read)
                if not block:
                    break
                found += self.lines.feed(block)
            self._learn()
        except OSError as error:
            complaints.add(shown(self.path), hindrance(error))
        if not found and self.lines.skipping:
            self.taken, self.taken_skipping = self.lines.place, True
        return found, self.lines.read > begun

    def same(self, size: int) -> bool:
        """Whether it is still the file of which so much was read."""
        return size >= self.lines.read and self._begins(self._print_size, self._print)

    def begins_as(self, kept: dict[str, Any]) -> bool:
        """Whether what was kept speaks of a file that begins as this does, and of no more than this holds."""
        size = os.fstat(self._file.fileno()).st_size
        return size >= int(kept["place"]) and int(kept["size"]) > 0 and self._begins(kept["size"], kept["print"])

    def is_kept(self, kept: dict[str, Any]) -> bool:
        """Whether it is the very file of which something was kept."""
        if self.key != (kept["device"], kept["inode"]):
            return False
        return self.begins_as(kept) or kept["size"] + kept["place"] < 1

    def is_copy_of(self, other: Self) -> bool:
        """Whether it was made by copying the other, as copytruncate does before it empties it."""
        ours, theirs = Path(self.path), Path(other.path)
        return (
            ours != theirs
            and ours.parent == theirs.parent
            and ours.name.startswith(theirs.name)
            and self.begins_as(other.plain())
        )

    def resume(self, kept: dict[str, Any]) -> None:
        self.birth = kept["birth"]
        self.start_at(kept["place"], skipping=kept["skipping"])

    def start_at(self, place: int, *, skipping: bool = False) -> None:
        self.taken, self.taken_skipping = place, skipping
        self.lines = Lines(self._most, place, skipping=skipping)

    def start_at_end(self) -> None:
        """Behind the last line that is whole."""
        size = os.fstat(self._file.fileno()).st_size
        back = max(0, size - self._most)
        last = os.pread(self._file.fileno(), size - back, back).rfind(b"\n") + 1
        self.start_at(back + last if last or not back else size)

    def begin_anew(self) -> None:
        self.birth = secrets.token_hex(8)
        self.start_at(0)
        self._print_size, self._print = 0, ""
        self._learn()

    def _learn(self) -> None:
        """Know the file by more of its beginning, while it is short."""
        if self._print_size < PRINT:
            head = os.pread(self._file.fileno(), PRINT, 0)
            if len(head) > self._print_size and (not self._print_size or self._begins(self._print_size, self._print)):
                self._print_size, self._print = len(head), hashlib.sha256(head).hexdigest()

    def _begins(self, size: int, print_: str) -> bool:
        if not size:
            return True
        head = os.pread(self._file.fileno(), size, 0)
        return len(head) == size and hashlib.sha256(head).hexdigest() == print_


def _neighbours(path: str) -> Iterator[tuple[FileIO, str]]:
    """The files beside one whose names begin or end alike, as those that rotation makes; the newest first."""
    own = Path(path)
    stem = own.name.split(".", 1)[0]
    try:
        with os.scandir(own.parent) as entries:
            beside = [
                entry for entry in entries if entry.name.startswith(stem) and entry.is_file(follow_symlinks=False)
            ]
        found = [(entry.stat().st_mtime_ns, entry.path) for entry in beside]
    except OSError:
        return
    for _, name in sorted(found, reverse=True)[:FILES]:
        try:
            yield open_file(name, follow=False), name
        except OSError:
            continue


def _followed(kept: dict[str, Any]) -> Followed:
    """By what it was found; an earlier version kept the file's path only."""
    return Followed(kept.get("pattern") or kept["path"], kept["stated"])


def _sane(kept: Any) -> bool:
    kinds = {
        "path": str,
        "device": int,
        "inode": int,
        "birth": str,
        "size": int,
        "print": str,
        "place": int,
        "skipping": bool,
    }
    if not isinstance(kept, dict) or not all(isinstance(kept.get(name), str | None) for name in ("stated", "pattern")):
        return False
    return (
        all(isinstance(kept.get(name), kind) for name, kind in kinds.items())
        and 0 <= kept["size"] <= PRINT <= 1 << 20
        and kept["place"] >= 0
    )
