"""A syslog message, or a bare line of a log file → who wrote it, when, and what it says.

RFC 5424 (structured data) and RFC 3164, which describes habits rather than a rule: years and zones may be missing or stand anywhere,
hosts may be left out, and appliances put what they like. So nothing is required: what is not found is None, and the text is what is left.
"""

import re
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from ipaddress import ip_address
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
    behind: str = ""
    """All that stands behind the time, where the first word was taken for a host and no program is named: it may be no host."""


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
_WEEKDAY = r"(?:\[?(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun),? )?"  # programs' own files: "[Thu Jun 14 15:16:01.123456 2026] "
_NAMED = {"UTC": 0, "GMT": 0, "WET": 0, "WEST": 1, "BST": 1, "CET": 1, "CEST": 2, "EET": 2, "EEST": 3}
"""Zones that European devices name, in hours before UTC."""
_TAI_AHEAD = 10
"""Seconds that multilog's labels are before UTC: libtai's `tai_now` knows no leap second since 1972."""
_ISO_ZONE = r"(?P<zone>Z|[+-]\d\d:?\d\d)?"
_STAMPS = (
    # Jun 14 15:16:01 · Jun 14 2026 15:16:01 · Jun 14 15:16:01 2026 · Jun 14 15:16:01 CEST · …:01:
    re.compile(
        rf"{_BEFORE}{_WEEKDAY}{_MONTH} {{1,2}}(?P<day>\d{{1,2}}) (?:(?P<year>\d{{4}}) )?{_CLOCK}"
        r"(?: (?P<late_year>(?:19|20)\d\d)(?=[] ]|: |:\Z))?(?: (?-i:(?P<named>UTC|GMT|WES?T|CES?T|EES?T|BST))(?=[ :]))?\]?:? ?",
        re.IGNORECASE,
    ),
    # 2026-06-14T15:16:01.123+02:00 · 2026-06-14 15:16:01,123 · 2026/06/14 15:16:01
    re.compile(rf"{_BEFORE}(?P<year>\d{{4}})[-/](?P<number>\d\d)[-/](?P<day>\d\d)[T ]{_CLOCK} ?{_ISO_ZONE}:? ?"),
    # 2026 Jun 14 15:16:01
    re.compile(rf"{_BEFORE}(?P<year>\d{{4}}) {_MONTH} {{1,2}}(?P<day>\d{{1,2}}) {_CLOCK} ?", re.IGNORECASE),
)
_HOST = re.compile(r"([A-Za-z0-9_][A-Za-z0-9_.:%-]{0,254}) +")
# A tag has a letter: the date of another kind of line ("07/11/2022-06:09:52") has none.
# GNOME's sign-in writes "gdm-password][12]".
_TAG = re.compile(r"(?=[^\s:\[]{0,63}[A-Za-z])([A-Za-z0-9_][\w./()@+-]{0,63}?)(?:\](?=\[))?(?:\[([^\]\s]{0,32})\])?: ?")
_BRACKETED = re.compile(r"([A-Za-z0-9_][\w./@+-]{0,63})\[(\d{1,10})\] ")  # a tag whose colon was forgotten
_PEER = re.compile(r"(?:[^\s/]{1,255}/)?(?:\d{1,3}\.){3}\d{1,3}:\d{1,5}(?:/\S{1,255})? ")
"""A peer with its port, at the beginning of OpenVPN's lines: no host sends under such a name."""
# metalog's program, behind a time with a month's name: "[sshd] …"; a level in brackets is a web server's, else a thread's.
_METALOG = re.compile(r"\[(?!(?:emerg|alert|crit|error|warn|notice|info|debug|trace\d)\])([a-z][\w.+-]{0,31})\]:? ")
# What journalctl and fail2ban print of an entry without its time: "host program[1]: …".
_UNTIMED = re.compile(r"([A-Za-z0-9_][\w.-]{0,254}) ([A-Za-z0-9_][\w./@+-]{0,63})\[(\d{1,10})\]: ")
_TAI64 = re.compile(r"@([0-9a-f]{16})([0-9a-f]{8}) ")
_DATA = re.compile(
    r'\[([^\s="\]]{1,64})((?: +[^\s="\]]{1,64}="(?:[^"\\]|\\.)*")*) *\]'
)  # some write "]" in a value as it is
_PARAMETER = re.compile(r'([^\s="\]]{1,64})="((?:[^"\\]|\\.)*)"')
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
    colon = text[: len(text) - len(rest)].rstrip().endswith(":")
    if time is not None and _PEER.match(rest):
        return SyslogMessage(facility, severity, time, guessed, None, "", None, {}, rest)
    host, program, pid, said = _sender(rest, stamped=time is not None, colon=colon, months=text[:1].isalpha())
    behind = rest if host is not None and not program else ""
    return SyslogMessage(facility, severity, time, guessed, host, program, pid, {}, said, behind)


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


def _sender(
    text: str, *, stamped: bool, colon: bool = False, months: bool = True
) -> tuple[str | None, str, str | None, str]:
    """(host, program, pid, what is left). Where only one word stands before the text, a colon or a number in brackets makes it a
    program; without a time nothing is taken for a host: it is a bare line; behind a time with a colon only what stands before a tag
    ("2026-06-14T15:16:01+02:00: authentication failure" names none)."""
    tag = _TAG.match(text) or _BRACKETED.match(text)
    if tag is not None and text[tag.end() - 1] == ":" and _is_address(text.partition(" ")[0]):
        tag = None  # "2001:db8::1 …" has letters and colons too
    if tag is not None and (not stamped or not _is_host(tag, text)):
        return None, tag[1], tag[2], text[tag.end() :]
    if not stamped:
        if (untimed := _UNTIMED.match(text)) is not None:
            return untimed[1], untimed[2], untimed[3], text[untimed.end() :]
        return None, "", None, text
    if months and text[:1] == "[" and (own := _METALOG.match(text)) is not None:
        return None, own[1], None, text[own.end() :]
    host = _HOST.match(text)
    if host is None:
        return None, "", None, text
    rest = text[host.end() :].removeprefix(host[0])  # UniFi's gateways name themselves twice
    tag = _TAG.match(rest) or _BRACKETED.match(rest)
    name = host[1].rstrip(":")
    if tag is None:
        return (None, "", None, text) if colon else (name, "", None, rest)
    return name, tag[1], tag[2], rest[tag.end() :]


def _is_address(word: str) -> bool:
    """Whether it is an IPv6 address."""
    try:
        return len(word) <= 64 and ip_address(word.rstrip(":") if not word.endswith("::") else word).version == 6
    except ValueError:
        return False


def _is_host(tag: re.Match[str], text: str) -> bool:
    """Whether what looks like a tag is a host with a colon, before the real tag ("192.0.2.1: sshd[1]: …")."""
    rest = text[tag.end() :]
    return tag[2] is None and tag[1].count(".") >= 1 and _TAG.match(rest) is not None


def _stamp(text: str, context: Context) -> tuple[datetime | None, bool, str]:
    """(the time in UTC, whether its year or zone was guessed, what is left)."""
    if text[:1] == "@" and (label := _TAI64.match(text)):  # multilog's TAI64N labels (cr.yp.to/libtai/tai64.html)
        seconds = int(label[1], 16) - (1 << 62) - _TAI_AHEAD
        return epoch(seconds + int(label[2], 16) / 1e9), False, text[label.end() :]
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
