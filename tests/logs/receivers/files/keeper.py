"""An intake for the tests of file readers: it writes what it is given to a file and syncs it, or has trouble as it is told."""

import asyncio
import os
from collections.abc import Awaitable, Callable, Coroutine
from pathlib import Path
from typing import Any, BinaryIO

import orjson

from beffroi.core.model import Assurance
from beffroi.logs.arrival import Admission, Batch, Proof


class Let:
    held = False
    assurance = Assurance.ADDRESS


class Keeper:
    """Keeps batches in memory, and on disk where a file is given; raises what stands in `troubles` first."""

    def __init__(self, file: Path | None = None) -> None:
        self.batches: list[tuple[Proof, Batch]] = []
        self.troubles: list[Exception] = []
        self._proof = Proof("", "")
        self._file: BinaryIO | None = file.open("ab") if file else None

    def admit(self, proof: Proof) -> Admission:
        self._proof = proof
        return Let()

    async def take(self, admission: Admission, batch: Batch, *, wait: bool = True) -> None:
        if self.troubles:
            raise self.troubles.pop(0)
        if self._file is not None:
            ids = batch.ids or [""] * len(batch.messages)
            pairs = [[own, text.decode()] for own, text in zip(ids, batch.messages, strict=True)]
            # Begun anew: the last line may be torn, when a process was killed in the middle of this.
            self._file.write(b"\n" + b"".join(orjson.dumps(pair) + b"\n" for pair in pairs))
            self._file.flush()
            os.fsync(self._file.fileno())
        else:
            self.batches.append((self._proof, batch))

    @property
    def messages(self) -> list[bytes]:
        return [text for _, batch in self.batches for text in batch.messages]

    @property
    def ids(self) -> list[str]:
        return [own for _, batch in self.batches for own in batch.ids or []]


def kept(file: Path) -> list[list[str]]:
    """What keepers wrote to a file: pairs of id and message, without torn ones."""
    lines = file.read_bytes().split(b"\n") if file.exists() else []
    return [orjson.loads(line) for line in lines if line.startswith(b'["') and line.endswith(b'"]')]


def until(serve: Callable[[], Coroutine[Any, Any, None]], done: Callable[[], bool], seconds: float = 20) -> None:
    """Serve until something holds; fails when it does not come to hold."""

    async def run() -> None:
        async with asyncio.timeout(seconds):
            async with asyncio.TaskGroup() as tasks:
                serving = tasks.create_task(serve())
                while not done():  # noqa: ASYNC110 - it looks at files, too
                    await asyncio.sleep(0.01)
                serving.cancel()

    asyncio.run(run())


def run(work: Awaitable[Any]) -> Any:
    async def bounded() -> Any:
        async with asyncio.timeout(20):
            return await work

    return asyncio.run(bounded())
