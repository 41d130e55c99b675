"""One event as the archive holds it, and the line of JSON in which it travels to whoever writes Parquet.

Measured against `executemany`, lists as parameters and CSV: lines of JSON are the cheapest way into DuckDB that is bounded in
memory and takes any text (benchmarks/archive.py).
"""

import re
from datetime import UTC, datetime, timedelta
from typing import Any, Final, NamedTuple

import orjson

from beffroi.core.model import Fields, LogSource

COLUMNS: Final = {
    "time": "BIGINT",
    "arrived": "BIGINT",
    "source": "VARCHAR",
    "host": "VARCHAR",
    "product": "VARCHAR",
    "category": "VARCHAR",
    "service": "VARCHAR",
    "fields": "VARCHAR",
    "raw": "VARCHAR",
    "position": "BIGINT",
    "place": "BIGINT",
    "historic": "BOOLEAN",
}
"""The columns in their order, with their types in a line. In Parquet the two times are TIMESTAMP (microseconds, UTC)."""

_NAMES: Final = tuple(COLUMNS)
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_FIRST: Final = -62_135_596_800_000_000  # the year 1
_END: Final = 253_402_300_800_000_000  # the year 10000


class Row(NamedTuple):
    """An event to be archived. Times are microseconds since 1970 (UTC)."""

    position: int
    """The place of its arrival in the journal, rising."""
    place: int
    """Its place within its arrival, from 0."""
    time: int | None
    """When it happened; None where it does not say: then its arrival counts."""
    arrived: int
    source: str
    """`Source.id`."""
    host: str | None
    logsource: LogSource | None
    fields: Fields
    raw: bytes | str
    """The message as it came; what is no UTF-8 in it is shown as U+FFFD."""
    historic: bool = False


class Group(NamedTuple):
    """What lies in one file: the events of a log source that arrived on a day (UTC)."""

    day: str
    logsource: LogSource

    @property
    def folder(self) -> str:
        """Where it lies. The name is for people; what is in it the index says, so that two may share a folder."""
        return (
            f"day={self.day}/{_safe(self.logsource.product)}_{_safe(self.logsource.service or self.logsource.category)}"
        )


def group_of(row: Row) -> Group:
    """The group a row belongs to."""
    return Group(day_of(row.arrived), row.logsource or LogSource())


def day_of(moment: int) -> str:
    """The day (UTC) of a moment, as 2026-11-25."""
    return moment_text(moment)[:10]


def moment_text(moment: int) -> str:
    """Microseconds since 1970 as ISO 8601 in UTC; what no calendar holds is moved to its end."""
    text = (_EPOCH + timedelta(microseconds=min(max(moment, _FIRST), _END - 1))).isoformat()
    return text.replace("+00:00", "Z")


def line(row: Row) -> bytes:
    """The row as a line of JSON, its end included."""
    time = row.time if row.time is not None and _FIRST <= row.time < _END else row.arrived
    raw = row.raw if isinstance(row.raw, str) else row.raw.decode("utf-8", "replace")
    source = row.logsource or LogSource()
    values = (
        time, row.arrived, row.source, row.host, source.product, source.category, source.service,
        dumped(row.fields).decode(), raw, row.position, row.place, row.historic,
    )  # fmt: skip
    return dumped(dict(zip(_NAMES, values, strict=True))) + b"\n"


def dumped(value: Any) -> bytes:
    """JSON, also of what JSON has no place for: a lone surrogate becomes U+FFFD, a number beyond 64 bits its text."""
    try:
        return orjson.dumps(value)
    except TypeError:
        return orjson.dumps(_clean(value))


def _clean(value: Any) -> Any:
    if isinstance(value, dict):
        return {_clean(str(name)): _clean(part) for name, part in value.items()}
    if isinstance(value, list | tuple):
        return [_clean(part) for part in value]
    if value is None or isinstance(value, bool | float) or (isinstance(value, int) and -(2**63) <= value < 2**64):
        return value
    return str(value).encode("utf-8", "replace").decode()


def _safe(name: str | None) -> str:
    return re.sub(r"[^a-z0-9-]+", "-", (name or "any").lower())[:40] or "any"
