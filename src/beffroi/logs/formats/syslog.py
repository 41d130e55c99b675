"""A syslog message, or a bare line of a log file → who wrote it, when, and what it says.

RFC 5424 (structured data) and RFC 3164, which describes habits rather than a rule: years and zones may be missing or stand anywhere,
hosts may be left out, and appliances put what they like. So nothing is required: what is not found is None, and the text is what is left.
"""

import re
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from typing import Final, NamedTuple

from beffroi.core.model import UnfitError, message
from beffroi.logs.formats.normal import Context

LONGEST: Final = 256 << 10
"""Bytes of a message that are looked at; receivers cut earlier."""

AUTH, AUTHPRIV = 4, 10
"""Facilities of security messages (RFC 5424, 6.2.1)."""


class SyslogMessage(NamedTuple):
    """A message without its header. `program` is "" where it names none; `structured` is RFC 5424's data: id → name → value."""

    facility: int | None
    severity: int | None
    time: datetime | None
    guessed: bool
    host: str | None
    program: str
    pid: str | None
    structured: dict[str, dict[str, str]]
    text: str


_PRI = re.compile(r"<(\d{1,3})>")
_MONTHS = {
    name: number
    for number, name in enumerate(
        ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"], 1
    )
}
_MONTH = r"(?P<month>Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)"
_CLOCK = r"(?P<hour>\d\d):(?P<minute>\d\d):(?P<second>\d\d)(?:[.,](?P<fraction>\d{1,9}))?"
# A sequence number, and marks of a clock that is not set (Cisco IOS: "*" never, "." no longer).
_BEFORE = r"(?:\d{1,10}: )?[*.]?"
_NAMED = {"UTC": 0, "GMT": 0, "WET": 0, "WEST": 1, "BST": 1, "CET": 1, "CEST": 2, "EET": 2, "EEST": 3}
"""Zones that European devices name, in hours before UTC."""
_ISO_ZONE = r"(?P<zone>Z|[+-]\d\d:?\d\d)?"
_STAMPS = (
    # Jun 14 15:16:01 · Jun 14 2026 15:16:01 · Jun 14 15:16:01 2026 · Jun 14 15:16:01 CEST · …:01:
    re.compile(
        rf"{_BEFORE}{_MONTH} {{1,2}}(?P<day>\d{{1,2}}) (?:(?P<year>\d{{4}}) )?{_CLOCK}"
        r"(?: (?P<late_year>(?:19|20)\d\d)(?=[ :]))?(?: (?-i:(?P<named>UTC|GMT|WES?T|CES?T|EES?T|BST))(?=[ :]))?:? ?",
        re.IGNORECASE,
    ),
    # 2026-06-14T15:16:01.123+02:00 · 2026-06-14 15:16:01,123 · 2026/06/14 15:16:01
    re.compile(rf"{_BEFORE}(?P<year>\d{{4}})[-/](?P<number>\d\d)[-/](?P<day>\d\d)[T ]{_CLOCK} ?{_ISO_ZONE}:? ?"),
    # 2026 Jun 14 15:16:01
    re.compile(rf"{_BEFORE}(?P<year>\d{{4}}) {_MONTH} {{1,2}}(?P<day>\d{{1,2}}) {_CLOCK} ?", re.IGNORECASE),
)
_HOST = re.compile(r"([A-Za-z0-9_][A-Za-z0-9_.:%-]{0,254}) +")
_TAG = re.compile(r"([A-Za-z0-9_][\w./()@+-]{0,63}?)(?:\[([^\]\s]{0,32})\])?: ?")
_BRACKETED = re.compile(r"([A-Za-z0-9_][\w./@+-]{0,63})\[(\d{1,10})\] ")  # a tag whose colon was forgotten
_DATA = re.compile(r'\[([^\s="\]]{1,64})((?: +[^\s="\]]{1,64}="(?:[^"\\\]]|\\.)*")*) *\]')
_PARAMETER = re.compile(r'([^\s="\]]{1,64})="((?:[^"\\\]]|\\.)*)"')
_ESCAPED = re.compile(r'\\(["\\\]])')


def text_of(message_: bytes) -> str:
    """The characters of a message: UTF-8, else what Western European machines wrote before it, so that it stays readable."""
    message_ = message_[:LONGEST].removeprefix(b"\xef\xbb\xbf").strip(b"\r\n\0 ")
    try:
        text = message_.decode("utf-8")
    except UnicodeDecodeError:
        text = message_.decode("cp1252", "replace")
    return text


def parse(message_: bytes, context: Context) -> SyslogMessage:
    """The parts of a message. Raises UnfitError where there is nothing in it."""
    return of_text(text_of(message_), context)


def of_text(text: str, context: Context) -> SyslogMessage:
    """The same of its characters."""
    if not text:
        raise UnfitError(message("the message is empty"))
    facility = severity = None
    found = _PRI.match(text)
    if found is not None and int(found[1]) <= 191:
        facility, severity = divmod(int(found[1]), 8)
        text = text[found.end() :].lstrip(" ")
        if text.startswith("1 "):
            modern = _rfc5424(text[2:], facility, severity, context)
            if modern is not None:
                return modern
    time, guessed, rest = _stamp(text, context)
    host, program, pid, rest = _sender(rest, stamped=time is not None)
    return SyslogMessage(facility, severity, time, guessed, host, program, pid, {}, rest)


def _rfc5424(text: str, facility: int, severity: int, context: Context) -> SyslogMessage | None:
    """TIMESTAMP HOSTNAME APP-NAME PROCID MSGID SD MSG; None where it is not so after all."""
    parts = text.split(" ", 5)
    if len(parts) < 6:
        return None
    stamp, host, program, pid, _, rest = parts
    time, guessed = None, False
    if stamp != "-":
        time, guessed, behind = _stamp(stamp, context)
        if time is None or behind:
            return None
    structured: dict[str, dict[str, str]] = {}
    if rest[:1] == "-":
        rest = rest[1:]
    else:
        at = 0
        while found := _DATA.match(rest, at):
            structured[found[1]] = {name: _ESCAPED.sub(r"\1", value) for name, value in _PARAMETER.findall(found[2])}
            at = found.end()
        if not at:
            return None
        rest = rest[at:]
    return SyslogMessage(
        facility, severity, time, guessed, _given(host), _given(program) or "", _given(pid), structured,
        rest.removeprefix(" ").removeprefix("\ufeff"),
    )  # fmt: skip


def _given(part: str) -> str | None:
    return None if part == "-" else part


def _sender(text: str, *, stamped: bool) -> tuple[str | None, str, str | None, str]:
    """(host, program, pid, what is left). Where only one word stands before the text, a colon or a number in brackets makes it a
    program; without a time nothing is taken for a host: it is a bare line."""
    tag = _TAG.match(text) or _BRACKETED.match(text)
    if tag is not None and (not stamped or not _is_host(tag, text)):
        return None, tag[1], tag[2], text[tag.end() :]
    if not stamped:
        return None, "", None, text
    host = _HOST.match(text)
    if host is None:
        return None, "", None, text
    rest = text[host.end() :]
    tag = _TAG.match(rest) or _BRACKETED.match(rest)
    name = host[1].rstrip(":")
    if tag is None:
        return name, "", None, rest
    return name, tag[1], tag[2], rest[tag.end() :]


def _is_host(tag: re.Match[str], text: str) -> bool:
    """Whether what looks like a tag is a host with a colon, before the real tag ("192.0.2.1: sshd[1]: …")."""
    rest = text[tag.end() :]
    return tag[2] is None and tag[1].count(".") >= 1 and _TAG.match(rest) is not None


def _stamp(text: str, context: Context) -> tuple[datetime | None, bool, str]:
    """(the time in UTC, whether its year or zone was guessed, what is left)."""
    for pattern in _STAMPS:
        found = pattern.match(text)
        if found is None:
            continue
        parts = found.groupdict()
        month = int(parts["number"]) if parts.get("number") else _MONTHS[parts["month"].lower()]
        clock = (int(parts["hour"]), int(parts["minute"]), min(int(parts["second"]), 59))
        micros = int((parts["fraction"] or "0")[:6].ljust(6, "0"))
        year = parts.get("year") or parts.get("late_year")
        named = parts.get("named")
        zone = timezone(timedelta(hours=_NAMED[named])) if named else _zone(parts.get("zone"))
        try:
            if year is not None:
                naive = datetime(int(year), month, int(parts["day"]), *clock, micros)  # noqa: DTZ001 - the zone comes next
                moment = naive.replace(tzinfo=zone or context.zone)
            else:
                moment = _nearest(month, int(parts["day"]), clock, micros, context, zone or context.zone)
            return moment.astimezone(UTC), year is None or zone is None, text[found.end() :]
        except (ValueError, OverflowError):
            return None, False, text
    return None, False, text


def _zone(text: str | None) -> tzinfo | None:
    if not text:
        return None
    if text == "Z":
        return UTC
    minutes = int(text[1:3]) * 60 + int(text[-2:])
    return datetime.strptime(text.replace(":", ""), "%z").tzinfo if minutes < 24 * 60 else None


def _nearest(
    month: int, day: int, clock: tuple[int, int, int], micros: int, context: Context, zone: tzinfo
) -> datetime:
    """The moment of the year in which it lies nearest to its arrival. Raises ValueError where no year has that day."""
    candidates = []
    for year in (context.arrived.year - 1, context.arrived.year, context.arrived.year + 1):
        try:
            candidates.append(datetime(year, month, day, *clock, micros, tzinfo=zone))
        except ValueError:  # 29 February
            continue
    if not candidates:
        raise ValueError
    return min(candidates, key=lambda moment: abs(moment - context.arrived))


def epoch(seconds: float) -> datetime | None:
    """The moment of so many seconds since 1970; None beyond the calendar."""
    try:
        return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(seconds=seconds)
    except OverflowError:
        return None
