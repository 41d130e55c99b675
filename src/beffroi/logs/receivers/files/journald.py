"""The machine's own journal: `journalctl --follow` as a child, with the cursor of the last entry that the intake has.

`journalctl` reads what it may: the service's user must be in the group systemd-journal. Each entry's cursor is its identity
(systemd.journal-fields(7), "__CURSOR").
"""

import asyncio
import contextlib
import re
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from beffroi.core.model import message
from beffroi.logs.arrival import Batch, Form, Intake, Proof
from beffroi.logs.formats.opening import hindrance
from beffroi.logs.receivers.files.lines import Line, Lines
from beffroi.logs.receivers.files.state import Complaints, keep, load, save

ENTRY: Final = 1 << 20
"""Bytes of an entry; longer ones are passed over and counted. journalctl itself leaves out fields beyond 4,096 bytes."""
_BLOCK: Final = 1 << 18
_BATCH: Final = 500
_CURSOR: Final = re.compile(
    rb'"__CURSOR"\s*:\s*"([^"\\]{1,512})"'
)  # quotes within a message are escaped, so it cannot forge one
_SAFE: Final = re.compile(r"[0-9A-Za-z=;_-]{1,512}", re.ASCII)
_LONGEST_PAUSE: Final = 60.0


class Journald:
    """Reads the machine's journal until cancelled; `complaints` and `entries` say what happened."""

    name: Final = "journald"

    def __init__(
        self,
        intake: Intake,
        state: Path,
        *,
        arguments: Sequence[str] = (),
        program: str = "journalctl",
        pause: float = 1.0,
    ) -> None:
        """`state` is the file that keeps the cursor; without one it begins with what comes from now on. `arguments` go to
        journalctl (`--directory=…`); `pause` in seconds before it is started again after it ended, doubled each time."""
        self.complaints = Complaints()
        self.entries = self.cut = 0
        self._intake, self._state, self._arguments, self._program, self._pause = (
            intake,
            state,
            arguments,
            program,
            pause,
        )
        self._cursor: str | None = None
        self._moved = False

    async def serve(self) -> None:
        """Read until cancelled; returns at once, with a complaint, where the machine has no journalctl."""
        program = shutil.which(self._program)
        if program is None:
            self.complaints.add(self._program, message("this machine has no journalctl; its own journal is not read"))
            return
        kept = await asyncio.to_thread(load, self._state, self.complaints)
        cursor = kept.get("cursor")
        self._cursor = cursor if isinstance(cursor, str) and _SAFE.fullmatch(cursor) else None
        pause = self._pause
        while True:
            before = self.entries
            await self._run(program)
            pause = self._pause if self.entries > before else min(2 * pause, _LONGEST_PAUSE)
            await asyncio.sleep(pause)

    async def _run(self, program: str) -> None:
        start = ["--lines=0"] if self._cursor is None else [f"--after-cursor={self._cursor}", "--no-tail"]
        child = await asyncio.create_subprocess_exec(
            program, "--output=json", "--follow", "--quiet", *start, *self._arguments,
            stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
        )  # fmt: skip
        assert child.stdout is not None
        assert child.stderr is not None
        try:
            async with asyncio.TaskGroup() as tasks:
                said = tasks.create_task(_last_line(child.stderr))
                await self._read(child.stdout)
            code = await child.wait()
            reason = said.result() or f"exit {code}"
            self.complaints.add(
                self._program, message("journalctl ended and is started again: {reason}", reason=reason)
            )
            if code and "cursor" in reason.lower():
                self._cursor = None
        finally:
            with contextlib.suppress(ProcessLookupError):
                child.kill()
            await child.wait()

    async def _read(self, stream: asyncio.StreamReader) -> None:
        lines = Lines(ENTRY)
        while data := await stream.read(_BLOCK):
            found = [line for line in lines.feed(data) if not self._is_cut(line)]
            for start in range(0, len(found), _BATCH):
                await self._hand_over([line.text for line in found[start : start + _BATCH]])

    def _is_cut(self, line: Line) -> bool:
        self.cut += line.cut
        return line.cut

    async def _hand_over(self, entries: list[bytes]) -> None:
        cursors = [found[1].decode() if (found := _CURSOR.search(entry)) else None for entry in entries]
        kept = [(entry, cursor) for entry, cursor in zip(entries, cursors, strict=True) if cursor is not None]
        if not kept:
            return
        batch = Batch(Form.JOURNALD, [entry for entry, _ in kept], [cursor for _, cursor in kept])
        await keep(self._intake, Proof(self.name, ""), batch)
        self.entries += len(kept)
        self._cursor = kept[-1][1]
        try:
            await asyncio.to_thread(save, self._state, {"cursor": self._cursor})
        except OSError as error:
            self.complaints.add(str(self._state), hindrance(error))


async def _last_line(stream: asyncio.StreamReader) -> str:
    """The last of what it says, whatever it says."""
    last = b""
    while data := await stream.read(1 << 12):
        last = (last + data)[-1_000:]
    return last.decode("utf-8", "replace").strip().rpartition("\n")[2]
