"""Log lines of programs on servers → log source and fields: `PROGRAMS` says whose a program's lines are.

Every reader is pure: `(text) -> (LogSource, Fields) | None`, where text stands behind the syslog header.
"""

from collections.abc import Mapping
from typing import Final

from beffroi.logs.formats.appliances.common import Reader, Reading

PROGRAMS: Final[Mapping[str, tuple[Reader, ...]]] = {}
"""A program's name in the syslog header → the readers of its lines, in the order in which they are asked."""


def read(program: str, text: str) -> Reading | None:
    """The reading of a message of a program; None where nobody knows it."""
    for reader in PROGRAMS.get(program, ()):
        if reading := reader(text):
            return reading
    return None
