"""What the process that understands is at just now, in memory that outlives it: when it dies or stands still, the service reads
there at what. A word said over their sockets might be lost with the process; this is not."""

import mmap
import os
import struct
from typing import Final, NamedTuple, Self

_LAYOUT: Final = struct.Struct("<qqq")
WHOLE: Final = -1
"""In the place of a message's number: all messages of the turn together."""


class At(NamedTuple):
    """A turn of the journal that began behind position `begin`. `number` is the message, counted from 0, of the arrival that ends at
    position `end`; or WHOLE, and then `end` is where the turn ends."""

    begin: int
    end: int
    number: int


class Mark:
    """One of both ends; the other has the same `handle`."""

    def __init__(self, handle: int) -> None:
        self.handle = handle
        self._memory = mmap.mmap(handle, _LAYOUT.size)

    @classmethod
    def make(cls) -> Self:
        """A new one, at nothing. Raises OSError."""
        handle = os.memfd_create("beffroi-mark", os.MFD_CLOEXEC)
        os.ftruncate(handle, _LAYOUT.size)
        made = cls(handle)
        made.clear()
        return made

    def set(self, begin: int, end: int, number: int = WHOLE) -> None:
        """From now on it is at this."""
        _LAYOUT.pack_into(self._memory, 0, begin, end, number)

    def clear(self) -> None:
        """It is between two turns."""
        self.set(-1, -1)

    def at(self) -> At | None:
        """What it is at; None between two turns."""
        found = At(*_LAYOUT.unpack_from(self._memory))
        return None if found.begin < 0 else found

    def close(self) -> None:
        """Let go of the memory."""
        self._memory.close()
        os.close(self.handle)
