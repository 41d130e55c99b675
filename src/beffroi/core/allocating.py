"""How this process asks the system for memory."""

import ctypes
from contextlib import suppress
from typing import Final

_TRIM_THRESHOLD: Final = -1  # mallopt(3), malloc.h
_MMAP_THRESHOLD: Final = -3
_ARENA_MAX: Final = -8
_LARGE: Final = 256 << 10


def give_back() -> None:
    """Have what is freed given back to the system, where the C library is glibc. Unless told so, it takes each large block that was
    freed as a sign to keep the next ones, and keeps an arena for each thread: a process that lives for months only grows."""
    with suppress(OSError, AttributeError):  # another C library
        mallopt = ctypes.CDLL(None).mallopt
        for what, value in ((_ARENA_MAX, 2), (_MMAP_THRESHOLD, _LARGE), (_TRIM_THRESHOLD, _LARGE)):
            mallopt(what, value)
