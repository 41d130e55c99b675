"""Beffroi's own log."""

import json
import logging
import sys

from beffroi.service.logs import Lines


def test_a_record_is_one_line_of_json() -> None:
    record = logging.LogRecord("beffroi.x", logging.INFO, "x.py", 1, "%s events\nfrom %s", (3, "s-1"), None)
    record.created, record.msecs = 1_800_000_000.25, 250.0
    line = Lines().format(record)
    assert "\n" not in line
    assert json.loads(line) == {
        "time": "2027-01-15T08:00:00.250Z", "level": "info", "logger": "beffroi.x", "message": "3 events\nfrom s-1",
    }  # fmt: skip


def test_a_defect_keeps_its_traceback() -> None:
    try:
        raise ValueError("here")
    except ValueError:
        record = logging.LogRecord("beffroi.x", logging.ERROR, "x.py", 1, "broken", (), sys.exc_info())
    assert "ValueError: here" in json.loads(Lines().format(record))["error"]
