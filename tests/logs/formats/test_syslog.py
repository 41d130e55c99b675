"""Headers of syslog messages, as they really come."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from beffroi.core.model import UnfitError
from beffroi.logs.formats import syslog
from beffroi.logs.formats.normal import Context

BRUSSELS = ZoneInfo("Europe/Brussels")
NOW = Context(datetime(2026, 11, 25, 12, 0, tzinfo=UTC), BRUSSELS)


def at(*parts: int) -> datetime:
    return datetime(*parts, tzinfo=UTC)  # type: ignore[misc, arg-type]


@pytest.mark.parametrize(
    ("line", "time", "host", "program", "pid", "text"),
    [
        (b"<86>Nov 25 12:59:01 nas sshd[77]: Failed", at(2026, 11, 25, 11, 59, 1), "nas", "sshd", "77", "Failed"),
        (b"Nov  5 01:02:03 nas su: pam", at(2026, 11, 5, 0, 2, 3), "nas", "su", None, "pam"),
        (b"<13>Nov 25 12:59:01 sshd[77]: no host", at(2026, 11, 25, 11, 59, 1), None, "sshd", "77", "no host"),
        (b"<13>2026-11-25T12:59:01.5+01:00 nas cron: x", at(2026, 11, 25, 11, 59, 1, 500000), "nas", "cron", None, "x"),
        (b"<13>2026-11-25T12:59:01Z nas cron: x", at(2026, 11, 25, 12, 59, 1), "nas", "cron", None, "x"),
        (b"<13>Nov 25 2026 12:59:01 fw : %ASA-6: x", at(2026, 11, 25, 11, 59, 1), "fw", "", None, ": %ASA-6: x"),
        (b"<189>77: *Mar  1 18:46:11.123: %SYS-5: x", at(2027, 3, 1, 17, 46, 11, 123000), None, "", None, "%SYS-5: x"),
        (b"<30>Nov 25 12:59:01 CET nas ntpd: x", at(2026, 11, 25, 11, 59, 1), "nas", "ntpd", None, "x"),
        (b"<189>date=2026-11-25 time=12:59:01 devname=x", None, None, "", None, "date=2026-11-25 time=12:59:01 devname=x"),
        (b"<30>system,info,account user admin logged in", None, None, "", None, "system,info,account user admin logged in"),
        (b"\xef\xbb\xbf<13>Nov 25 12:59:01 nas x: \xe9t\xe9\r\n\0", at(2026, 11, 25, 11, 59, 1), "nas", "x", None, "été"),
        (b"<13>Nov 25 12:59:01 192.0.2.7: sshd[1]: y", at(2026, 11, 25, 11, 59, 1), "192.0.2.7", "sshd", "1", "y"),
        (b"<13>Nov 31 12:59:01 nas x: y", None, None, "", None, "Nov 31 12:59:01 nas x: y"),
        (b"2026-11-25T12:59:01+01:00: authentication failure", at(2026, 11, 25, 11, 59, 1), None, "", None, "authentication failure"),
        (b"<13>Nov 25 12:59:01: nas sshd[1]: y", at(2026, 11, 25, 11, 59, 1), "nas", "sshd", "1", "y"),
        (b"07/11/2022-06:09:52.602489  [**] x", None, None, "", None, "07/11/2022-06:09:52.602489  [**] x"),
        (b"<13>Nov 25 12:59:01 gw gw sshd[1]: y", at(2026, 11, 25, 11, 59, 1), "gw", "sshd", "1", "y"),
        (b"<13>Nov 25 12:59:01 2001:db8::a sshd[1]: y", at(2026, 11, 25, 11, 59, 1), "2001:db8::a", "sshd", "1", "y"),
        (b"<13>Nov 25 12:59:01 fe80::a: sshd[1]: y", at(2026, 11, 25, 11, 59, 1), "fe80::a", "sshd", "1", "y"),
        (b"fe80::a - - [x] y", None, None, "", None, "fe80::a - - [x] y"),
        (b"Nov 25 12:59:01 [sshd] y", at(2026, 11, 25, 11, 59, 1), None, "sshd", None, "y"),
        (b"2026-11-25 12:59:01 [main] y", at(2026, 11, 25, 11, 59, 1), None, "", None, "[main] y"),
        (b"2026/11/25 12:59:01 [error] 7#7: y", at(2026, 11, 25, 11, 59, 1), None, "", None, "[error] 7#7: y"),
        (b"[Wed Nov 25 12:59:01.5 2026] [core:error] y", at(2026, 11, 25, 11, 59, 1, 500000), None, "", None, "[core:error] y"),
        (b"Wed Nov 25 12:59:01 2026 [pid 2] y", at(2026, 11, 25, 11, 59, 1), None, "", None, "[pid 2] y"),
        (b"nas sshd[7]: y", None, "nas", "sshd", "7", "y"),
        (b"2026-11-25 12:59:01 anna/192.0.2.1:1194 TLS: y", at(2026, 11, 25, 11, 59, 1), None, "", None, "anna/192.0.2.1:1194 TLS: y"),
        (b"@4000000058d5e5b32faf0800 imap-login: y", at(2017, 3, 25, 3, 36, 9, 800000), None, "imap-login", None, "y"),
        (b"plain words", None, None, "", None, "plain words"),
        (b"<999>words", None, None, "", None, "<999>words"),
    ],
)  # fmt: skip
def test_what_stands_before_a_message(
    line: bytes, time: datetime | None, host: str | None, program: str, pid: str | None, text: str
) -> None:
    said = syslog.parse(line, NOW)
    assert (said.time, said.host, said.program, said.pid, said.text) == (time, host, program, pid, text)


def test_rfc_5424_with_its_data() -> None:
    line = b'<165>1 2026-11-25T12:59:01.003Z nas evntslog 8 ID47 [a@1 iut="3" q="x \\"y\\" \\]"][b@2 c="d"] \xef\xbb\xbfhello'
    said = syslog.parse(line, NOW)
    assert said == syslog.SyslogMessage(
        20, 5, at(2026, 11, 25, 12, 59, 1, 3000), False, "nas", "evntslog", "8",
        {"a@1": {"iut": "3", "q": 'x "y" ]'}, "b@2": {"c": "d"}}, "hello",
    )  # fmt: skip
    nothing = syslog.parse(b"<165>1 - - - - - -", NOW)
    assert (nothing.time, nothing.host, nothing.program, nothing.text) == (None, None, "", "")


@pytest.mark.parametrize(
    ("arrived", "stamp", "year"),
    [
        (at(2027, 1, 1, 0, 0, 5), b"Dec 31 23:59:58", 2026),  # a minute before midnight, heard a minute after
        (at(2026, 12, 31, 22, 59), b"Jan  1 00:00:01", 2027),  # a clock that is a little ahead
        (at(2028, 3, 1), b"Feb 29 10:00:00", 2028),
        (at(2026, 3, 1), b"Feb 29 10:00:00", None),
    ],
)
def test_a_year_that_is_not_said_is_the_nearest_one(arrived: datetime, stamp: bytes, year: int | None) -> None:
    said = syslog.parse(b"<13>" + stamp + b" nas x: y", Context(arrived, BRUSSELS))
    assert (said.time.astimezone(BRUSSELS).year if said.time else None) == year
    assert said.guessed is (year is not None)


def test_an_empty_message_is_told() -> None:
    with pytest.raises(UnfitError, match="the message is empty"):
        syslog.parse(b"\r\n\0", NOW)


@pytest.mark.slow
@given(
    st.binary(max_size=300)
    | st.from_regex(rb"<\d{1,3}>1? ?[A-Z][a-z]{2} [ \d]\d \d\d:\d\d:\d\d .{0,80}", fullmatch=True)
)
def test_any_bytes_are_read(line: bytes) -> None:
    try:
        syslog.parse(line, NOW)
    except UnfitError:
        assert not line.strip(b"\r\n\0 \xef\xbb\xbf")


@pytest.mark.parametrize(
    "line", [b"[a" + b' b="' * 20_000, b"A" * 200_000, b"<13>1 " + b"[x]" * 60_000, b"x[" * 100_000]
)
def test_a_long_line_costs_no_more_than_its_length(line: bytes) -> None:
    syslog.parse(line, NOW)
    syslog.parse(b"<13>Nov 25 12:59:01 " + line, NOW)


@pytest.mark.parametrize(
    "line",
    [
        b"<30>1 2026-03-04T10:11:12+01:00 nas smbd_audit 7 - -  anna|192.0.2.5|homes|rmdir|ok|plans",
        b"<30>Mar  4 10:11:12 nas smbd_audit[7]:   anna|192.0.2.5|homes|rmdir|ok|plans",
    ],
)
def test_blanks_before_a_text_are_none_of_it(line: bytes) -> None:
    assert syslog.parse(line, NOW).text == "anna|192.0.2.5|homes|rmdir|ok|plans"
