"""What the readers of files share: how far they have come, kept as plain JSON, and patience with the intake."""

import asyncio
import os
import time
from pathlib import Path
from typing import Any, Final

import orjson

from beffroi.core.model import WHOLE, Fault, Message, message
from beffroi.logs.arrival import Batch, Busy, Intake, Proof, Refused

REJECTED: Final = 60.0
"""Seconds after which a source that a person rejected is tried again: they may have thought better of it."""
_MOST: Final = 100
_FORM: Final = 1


class Complaints:
    """The last things that went wrong, each once, with when that was."""

    def __init__(self) -> None:
        self.count = 0
        self._last: dict[Fault, float] = {}

    @property
    def last(self) -> list[Fault]:
        """What went wrong, the latest last."""
        return list(self._last)

    def since(self, moment: float) -> list[Fault]:
        """What went wrong after a moment of `time.monotonic`."""
        return [fault for fault, when in list(self._last.items()) if when >= moment]

    def add(self, path: str, what: Message) -> None:
        fault = Fault(path, WHOLE, what)
        self.count += 1
        self._last.pop(fault, None)
        self._last[fault] = time.monotonic()
        if len(self._last) > _MOST:
            del self._last[next(iter(self._last))]


def load(path: Path, complaints: Complaints) -> dict[str, Any]:
    """What `save` kept; nothing where there is nothing, and a complaint where it cannot be read."""
    try:
        kept = orjson.loads(path.read_bytes())
        if kept["form"] != _FORM or not isinstance(kept["state"], dict):
            raise ValueError
    except FileNotFoundError:
        return {}
    except (OSError, ValueError, KeyError, TypeError):
        complaints.add(str(path), message("how far was read is not known any more: it cannot be read"))
        return {}
    state: dict[str, Any] = kept["state"]
    return state


def save(path: Path, state: dict[str, Any]) -> None:
    """Replace what is kept; it is on disk when this returns. Raises OSError."""
    aside = path.with_name(path.name + ".new")
    with aside.open("wb") as file:
        file.write(orjson.dumps({"form": _FORM, "state": state}))
        file.flush()
        os.fsync(file.fileno())
    aside.replace(path)


async def keep(intake: Intake, proof: Proof, batch: Batch) -> None:
    """Hand a batch over, however long it takes. A file can wait; who writes it does not notice."""
    while True:
        try:
            await intake.take(intake.admit(proof), batch)
        except Busy as busy:
            await asyncio.sleep(max(0.05, busy.retry_after))
        except Refused:
            await asyncio.sleep(REJECTED)
        else:
            return
