"""Rows for the tests of the archive: two log sources, a field of everything that is awkward."""

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import orjson

from beffroi.core.model import Fault, LogSource
from beffroi.logs.archive import Query, Row, search

DAY = 86_400_000_000
NOON = int(datetime(2026, 11, 25, 12, tzinfo=UTC).timestamp()) * 1_000_000
WINDOWS, SSHD = LogSource("windows", None, "security"), LogSource("linux", None, "sshd")
PER_ARRIVAL = 10


def row(number: int, **values: Any) -> Row:
    """The row with that number, ten to an arrival, one a millisecond."""
    made = Row(
        position=number // PER_ARRIVAL,
        place=number % PER_ARRIVAL,
        time=NOON + number * 1_000,
        arrived=NOON + number * 1_000 + 500,
        source=f"s{number % 3}",
        host=f"PC-{number % 20}",
        logsource=WINDOWS if number % 2 else SSHD,
        fields={"n": number, "TargetUserName": f"user{number % 50}"},
        raw=b'{"n": %d, "padding": "%s"}' % (number, b"x" * 100),
    )
    return made._replace(**values)


def rows(start: int, end: int) -> Iterator[Row]:
    return map(row, range(start, end))


def found(folder: Path, query: Query | None = None, **how: Any) -> list[dict[str, Any]]:
    """What a search finds, without any fault."""
    faults: list[Fault] = []
    lines = b"".join(search(folder, query or Query(), faults=faults, **how)).splitlines()
    assert faults == []
    return [orjson.loads(line) for line in lines]


def numbers(folder: Path, query: Query | None = None, **how: Any) -> list[int]:
    return [event["fields"]["n"] for event in found(folder, query, **how)]
