"""Moments as the store writes them: ISO 8601 in UTC with milliseconds, which sort as text."""

from datetime import UTC, datetime


def now() -> datetime:
    """The machine's clock, where a caller gave no moment of its own."""
    return datetime.now(UTC)


def stamp(moment: datetime | None = None, timespec: str = "milliseconds") -> str:
    """A moment (now, unless given) as "2026-11-23T20:04:05.678Z", to the millisecond unless `timespec` (datetime.isoformat) says
    otherwise."""
    when = moment if moment is not None else now()
    return when.astimezone(UTC).isoformat(timespec=timespec).replace("+00:00", "Z")


def hour(moment: datetime) -> int:
    """Which hour since 1970 (UTC) a moment is in."""
    return int(moment.timestamp() // 3600)
