"""Beffroi's own log: one JSON object a line on stderr, which systemd keeps. Never a resident's data, a token or a message's text.

What is logged are counts, names of receivers and sources' ids; sentences are the code's own. Anything that came from outside stays out.
"""

import json
import logging
import sys
import time
from typing import Any


class Lines(logging.Formatter):
    """A record as a line of JSON."""

    def format(self, record: logging.LogRecord) -> str:
        line: dict[str, Any] = {
            "time": time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(record.created)) + f".{int(record.msecs):03d}Z",
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
        }
        if record.exc_info:
            line["error"] = self.formatException(record.exc_info)
        return json.dumps(line, ensure_ascii=False)


def set_up(*, person: bool = False) -> None:
    """From now on everything that is logged goes to stderr in this form; libraries are heard from WARNING on. A `person` at a
    terminal is told what is wrong only, in plain words."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(logging.Formatter("%(message)s") if person else Lines())
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(logging.WARNING)
    logging.getLogger("beffroi").setLevel(logging.WARNING if person else logging.INFO)
