"""What a field's value means when it is compared: decided once, here (the words are in docs/sigma.md).

A value is reduced to one of three things: `None` or `""` (no value: absent, null, empty and empty lists are one),
a text, or a tuple of texts (a list: a test holds when it holds for one of them).
"""

import ipaddress
import json
import re
from datetime import UTC, datetime, timedelta, tzinfo
from typing import Any

Text = str | tuple[str, ...] | None

_DECIMAL = re.compile(r"[+-]?([0-9]{1,40}(\.[0-9]{0,40})?|\.[0-9]{1,40})([eE][+-]?[0-9]{1,3})?", re.ASCII)
_HEXADECIMAL = re.compile(r"0[xX][0-9a-fA-F]{1,32}", re.ASCII)
_MOMENT = re.compile(
    r"\d{4}-\d\d-\d\d([T ]\d\d:\d\d(:\d\d([.,]\d{1,9})?)? ?(Z|[+-]\d\d:?\d\d)?)?", re.ASCII | re.IGNORECASE
)
_1970, _MICROSECOND = datetime(1970, 1, 1, tzinfo=UTC), timedelta(microseconds=1)
_EPOCH = re.compile(r"[0-9]{9,10}(\.[0-9]{1,9})?|[0-9]{13}|[0-9]{16}", re.ASCII)


def text_of(value: Any) -> Text:
    """The value as it is compared. Booleans are written as JSON writes them, numbers in decimal."""
    kind = value.__class__
    if kind is str or value is None:
        return value  # type: ignore[no-any-return]
    if kind is bool:
        return "true" if value else "false"
    if kind is int:
        return str(value) if -(10**30) < value < 10**30 else hex(value)
    if kind is float:
        # 5.0 and 5 are one number, in JSON and in rules.
        return str(int(value)) if value.is_integer() and abs(value) < 1e30 else repr(value)
    if kind is list or kind is tuple:
        texts = [text for element in value for text in _flat(text_of(element))]
        return tuple(texts) if len(texts) > 1 else texts[0] if texts else ""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"), default=str)


def _flat(text: Text) -> tuple[str, ...]:
    return text if isinstance(text, tuple) else (text,) if text else ()


def number_of(text: str) -> int | float | None:
    """The number a text writes in decimal or 0x-hexadecimal; None for anything else, however close."""
    if _DECIMAL.fullmatch(text):
        try:
            return int(text)
        except ValueError:
            return float(text)
    if _HEXADECIMAL.fullmatch(text):
        return int(text, 16)
    return None


def address_of(text: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    """The IP address a text writes, None for anything else."""
    if len(text) > 64:
        return None
    try:
        return ipaddress.ip_address(text)
    except ValueError:
        return None


def micros_of(moment: datetime) -> int:
    """The moment in microseconds since 1970."""
    return (moment - _1970) // _MICROSECOND


def iso_of(micros: int) -> str:
    """The moment of so many microseconds since 1970, in ISO 8601 (UTC)."""
    moment = _1970 + timedelta(microseconds=micros)
    return moment.isoformat(timespec="microseconds").replace("+00:00", "Z")


def moment_of(text: str, zone: tzinfo) -> datetime | None:
    """The moment a text writes, in the zone: ISO 8601 (without a zone it is the zone's own), or seconds, milliseconds
    or microseconds since 1970. None where it is no time."""
    if len(text) > 64:
        return None
    if _EPOCH.fullmatch(text):
        whole = text.partition(".")[0]
        scale = {13: 10**3, 16: 10**6}.get(len(whole), 1)
        # Integers and a time span, because floating seconds round microseconds.
        micros = int(whole) * 10**6 // scale + int((text.partition(".")[2] + "000000")[:6])
        return (_1970 + timedelta(microseconds=micros)).astimezone(zone)
    if not _MOMENT.fullmatch(text):
        return None
    try:
        text = text.upper().replace(",", ".")  # Python knows no small z
        moment = datetime.fromisoformat(text.replace(" +", "+").replace(" -", "-").replace(" Z", "Z"))
        return moment.astimezone(zone) if moment.tzinfo else moment.replace(tzinfo=zone)
    except (ValueError, OverflowError):
        return None
