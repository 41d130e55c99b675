"""What readers of lines share: how an address is written, how a sign-in and a filtered packet are named.

A reader takes the text of a message (behind its syslog header) and gives its log source and its fields, or None where the text
is none of its own. It neither fails on any text nor takes more than linear time: a log line is whatever its sender likes, and
parts of it (a user name that somebody typed, a file name, a host name) are whatever an attacker likes. Where such a part could
imitate the words around it, the reader takes the words that the device itself wrote last (or first), never those within.
"""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from ipaddress import ip_address
from typing import Any, TypeAlias

from beffroi.core.model import Fields, LogSource

Reading: TypeAlias = tuple[LogSource, Fields]
Reader: TypeAlias = Callable[[str], Reading | None]

SUCCESS, FAILURE = "success", "failure"
LONGEST = 40  # signs of a time
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_FAR = 253_402_300_800  # seconds: the year 10000
LONGEST_ADDRESS = 64  # signs: 45 of IPv6 with an IPv4 tail, brackets, a zone


@lru_cache(maxsize=8_192)
def address(text: str) -> str | None:
    """The address in its shortest usual writing, IPv4 where IPv6 only wraps it (RFC 4291, 2.5.5.2); None for anything else."""
    if len(text) > LONGEST_ADDRESS:
        return None
    try:
        found = ip_address(text.strip("[] "))
    except ValueError:
        return None
    if found.version == 6 and found.ipv4_mapped is not None:
        return str(found.ipv4_mapped)
    return str(found)


def endpoint(text: str) -> tuple[str | None, int | None]:
    """(address, port) of "192.0.2.1:80", "[2001:db8::1]:80", "2001:db8::1", "ipv4:192.0.2.1:80"; None for what is not there."""
    if len(text) > LONGEST_ADDRESS + 16:
        return None, None
    text = text.removeprefix("ipv4:").removeprefix("ipv6:")
    if text[:1] == "[":
        host, _, port = text[1:].partition("]")
        return address(host), number(port.lstrip(":"))
    if text.count(":") == 1:
        host, _, port = text.partition(":")
        return address(host), number(port)
    return address(text), None


def last_colon(text: str) -> tuple[str | None, int | None]:
    """(address, port) where a port always follows the last colon, also behind IPv6 without brackets."""
    host, _, port = text.rpartition(":")
    return address(host), number(port)


def number(text: str) -> int | None:
    """A whole number without a sign; None for anything else."""
    return int(text) if text.isascii() and text.isdecimal() and len(text) < 20 else None


def iso(value: Any) -> datetime | None:
    """ISO 8601 with a zone ("2026-03-04T10:11:12.123456+0100"), in UTC; None for anything else."""
    if not isinstance(value, str) or not 19 <= len(value) <= LONGEST:
        return None
    try:
        when = datetime.fromisoformat(value)
        return None if when.tzinfo is None else when.astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def epoch(value: Any) -> datetime | None:
    """Seconds, milli-, micro- or nanoseconds since 1970, in UTC; None for anything else."""
    stamp = number(value) if isinstance(value, str) else value
    if stamp.__class__ is not int or stamp < 0:
        return None
    unit = 1
    while stamp // unit >= _FAR // 2:  # past the year 5980: it is in a smaller unit
        unit *= 1000
    return _EPOCH + timedelta(microseconds=stamp * 1_000_000 // unit)


def cut_last(text: str, words: str) -> tuple[str, str]:
    """(what stands before the last `words`, what stands behind); all of it and nothing where they are not there."""
    before, sign, behind = text.rpartition(words)
    return (before, behind) if sign else (text, "")


def sign_in(source: LogSource, outcome: str | None, user: str | None, origin: str | None, **more: object) -> Reading:
    """Somebody signed in, or could not; without an outcome: signed out, or did something else. `origin` is an address as the device
    wrote it; what is None is left out."""
    fields: Fields = {} if outcome is None else {"outcome": outcome}
    if user is not None:
        fields["username"] = user
    if origin is not None and (found := address(origin)):
        fields["src_ip"] = found
    for name, value in more.items():
        if value is not None:
            fields[name] = value
    return source, fields


OURS = frozenset(("src_ip", "dst_ip", "src_port", "dst_port", "username", "outcome", "blocked", "Channel"))
"""Names that readers alone give. `Channel` would make the event one of Windows' (detect.logsources)."""


def given(fields: Fields) -> Fields:
    """The same fields, in which the sender used none of our own names: `outcome=success` within a message, maybe put there by
    somebody, becomes `given.outcome`. For readers whose names come from the message."""
    for name in OURS.intersection(fields):
        fields[f"given.{name}"] = fields.pop(name)
    return fields


_STOPPED = {"drop", "dropped", "block", "blocked", "deny", "denied", "reject", "rejected", "discard", "d", "r", "b"}
_PASSED = {"accept", "accepted", "allow", "allowed", "pass", "passed", "permit", "forward", "a"}


def blocked(word: str) -> str | None:
    """Sigma's `blocked` ("true", "false") for a firewall's word; None where the word says neither."""
    word = word.lower()
    return "true" if word in _STOPPED else "false" if word in _PASSED else None
