"""Files opened without ever waiting: a folder of recordings may hold pipes, devices and links, put there on purpose."""

import os
import stat
from io import FileIO

from beffroi.core.model import Message, message
from beffroi.logs.formats.budget import Unreadable

_OPEN = os.O_RDONLY | os.O_CLOEXEC | os.O_NOCTTY | os.O_NONBLOCK  # a pipe without a writer must not make us wait
_KINDS = (
    (stat.S_ISLNK, message("it is a link; name what it points to in order to read that")),
    (stat.S_ISFIFO, message("it is a named pipe, not a file")),
    (stat.S_ISSOCK, message("it is a socket, not a file")),
    (stat.S_ISCHR, message("it is a device, not a file")),
    (stat.S_ISBLK, message("it is a device, not a file")),
)


def open_file(path: str, *, follow: bool) -> FileIO:
    """A regular file. Raises OSError; what is no regular file is Unreadable."""
    mode = os.stat(path, follow_symlinks=follow).st_mode  # noqa: PTH116 - before opening: to open a device can do something
    refuse(mode)
    descriptor = os.open(path, _OPEN | (0 if follow else os.O_NOFOLLOW))
    file = FileIO(descriptor)
    try:
        refuse(os.fstat(descriptor).st_mode)  # it may have been exchanged meanwhile
    except OSError:
        file.close()
        raise
    return file


def refuse(mode: int) -> None:
    """Raises Unreadable, with the reason, for the mode of anything but a regular file."""
    if not stat.S_ISREG(mode):
        raise Unreadable(next((what for is_kind, what in _KINDS if is_kind(mode)), message("it is no file")))


def hindrance(error: OSError) -> Message:
    """Why a file cannot be read, as a Fault says it."""
    if isinstance(error, Unreadable):
        return error.what
    return message("it cannot be read: {error}", error=error.strerror or str(error))
