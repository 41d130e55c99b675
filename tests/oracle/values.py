"""What a field's value is: its texts, whether there is one at all, the number, the address, the point in time."""

import ipaddress
import re
from collections.abc import Iterator
from datetime import datetime
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

DECIMAL = re.compile(r"[+-]?([0-9]+(\.[0-9]*)?|\.[0-9]+)([eE][+-]?[0-9]+)?")
HEXADECIMAL = re.compile(r"0[xX][0-9a-fA-F]+")
EPOCH = re.compile(r"[0-9]{9,10}(\.[0-9]{1,9})?|[0-9]{13}|[0-9]{16}")
MOMENT = re.compile(r"\d{4}-\d\d-\d\d([T ]\d\d:\d\d(:\d\d([.,]\d+)?)? ?(Z|[+-]\d\d:?\d\d)?)?", re.ASCII | re.IGNORECASE)

Address = ipaddress.IPv4Address | ipaddress.IPv6Address


def elements(value: Any) -> Iterator[Any]:
    """The single values of a field: itself, or those of a list (lists inside lists too)."""
    if isinstance(value, dict):
        value = value.get("#text")
    if isinstance(value, list):
        for element in value:
            yield from elements(element)
    else:
        yield value


def text(value: Any) -> str:
    """A single value as it is compared: '' is "no value"."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float) and value.is_integer() and -1e30 < value < 1e30:
        return str(int(value))  # 5.0 is the number 5
    return str(value)


def texts(value: Any) -> list[str]:
    """The texts of those elements that have a value."""
    return [text(element) for element in elements(value) if text(element) != ""]


def lacks_value(value: Any) -> bool:
    """Absent (given as None), null, '' and a list of nothing but these are "no value"."""
    return all(text(single) == "" for single in elements(value))


def number(value: str) -> Decimal | None:
    """The number written as a decimal or, with 0x, hexadecimal integer; nothing else is one, not even with spaces around."""
    if HEXADECIMAL.fullmatch(value):
        return Decimal(int(value, 16))
    return Decimal(value) if DECIMAL.fullmatch(value) else None


def address(value: str) -> Address | None:
    try:
        return ipaddress.ip_address(value)
    except ValueError:
        return None


def moment(value: str, zone: ZoneInfo) -> datetime | None:
    """A time as the clock on the house's wall showed it: ISO 8601 (one without zone was already that clock), or seconds,
    milliseconds or microseconds since 1970 by their 9 or 10, 13 or 16 digits."""
    if EPOCH.fullmatch(value):
        scale = {13: 1_000, 16: 1_000_000}.get(len(value.split(".", maxsplit=1)[0]), 1)
        return datetime.fromtimestamp(float(Decimal(value) / scale), zone)
    if not MOMENT.fullmatch(value):
        return None
    try:
        stamp = datetime.fromisoformat(
            value.replace(" +", "+").replace(" -", "-").replace(",", ".").upper().replace(" Z", "Z")
        )
        return stamp.astimezone(zone) if stamp.tzinfo else stamp
    except (ValueError, OverflowError):
        return None


def time_part(stamp: datetime, part: str) -> int:
    """One of minute, hour, day, week (ISO 8601), month, year."""
    return stamp.isocalendar().week if part == "week" else int(getattr(stamp, part))
