"""Beffroi's own log: one JSON object a line on stderr, which systemd keeps. Never a resident's data, a token or a message's text.

What is logged are our own sentences with counts, moments, names of receivers and sources' ids (`core.discreet`); of an error its
kind and its place. What a library says stays out, since it may quote what it was given. The newest lines are kept in memory for
`beffroi support`, which thereby needs no journal.
"""

import json
import logging
import sys
import time
from collections import deque
from typing import Any, Final

from beffroi.core import discreet

KEPT: Final = 500
"""Lines that are kept in memory."""


class Lines(logging.Formatter):
    """A record as a line of JSON."""

    def format(self, record: logging.LogRecord) -> str:
        line: dict[str, Any] = {
            "time": time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(record.created)) + f".{int(record.msecs):03d}Z",
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": said(record),
        }
        if record.exc_info and record.exc_info[1] is not None:
            line["error"] = discreet.error(record.exc_info[1])
        return json.dumps(line, ensure_ascii=False)


class Plain(logging.Formatter):
    """A record for a person at a terminal."""

    def format(self, record: logging.LogRecord) -> str:
        error = record.exc_info[1] if record.exc_info else None
        return said(record) if error is None else f"{said(record)}\n  {discreet.error(error)}"


class Kept(logging.Handler):
    """The newest lines, for whoever helps."""

    def __init__(self) -> None:
        super().__init__()
        self.setFormatter(Lines())
        self.lines: deque[str] = deque(maxlen=KEPT)

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(self.format(record))


kept: Final = Kept()
"""Of this process."""


def said(record: logging.LogRecord) -> str:
    """A record's sentence with what may be said of its values; of a library's, where it was written."""
    if not record.name.startswith("beffroi"):
        return f"a library says something ({record.module}:{record.lineno})"
    template = record.msg if type(record.msg) is str else str(discreet.value(record.msg))
    arguments = discreet.arguments(record.args)
    try:
        return template % arguments if arguments else template
    except (TypeError, ValueError):
        return template


def set_up(*, person: bool = False) -> None:
    """From now on everything that is logged goes to stderr in this form; libraries are heard from WARNING on. A `person` at a
    terminal is told what is wrong only, in plain words."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(Plain() if person else Lines())
    root = logging.getLogger()
    root.handlers[:] = [handler, kept]
    root.setLevel(logging.WARNING)
    # What a library set up for itself would be printed whole, with its values, or not heard at all.
    for name in tuple(root.manager.loggerDict):
        own = logging.getLogger(name)
        own.handlers.clear()
        own.propagate = True
        own.setLevel(logging.NOTSET)
    logging.captureWarnings(capture=True)
    logging.raiseExceptions = False  # else a record that cannot be written is shown whole, with its values
    logging.getLogger("beffroi").setLevel(logging.WARNING if person else logging.INFO)
