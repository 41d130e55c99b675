"""Exchange's protocol logs. Columns after Microsoft's "Protocol logging …" pages; the people are invented."""

import pytest

from beffroi.core.model import LogSource
from beffroi.logs.formats.appliances import exchange, windowsxml

IMAP = '2026-03-04T10:11:12.530Z,00E,2,192.0.2.1:143,203.0.113.9:35070,{user},168,31,31,{command},PLAIN,"{answer}",'
SMTP = "2026-03-04T10:11:12.270Z,EX\\Default Frontend EX,08D,9,192.0.2.1:25,203.0.113.9:53722,{sign},{said},"
NO = 'R=""2 NO AUTHENTICATE failed."";Msg=""AuthFailed:LogonDenied,User: anna"";ErrMsg=AuthFailed:LogonDenied'


@pytest.mark.parametrize(
    ("text", "service", "expected"),
    [
        (IMAP.format(user="anna", command="authenticate", answer=NO), "imap", ("failure", "anna", "203.0.113.9")),
        (IMAP.format(user="anna", command="login", answer="R=ok"), "imap", ("success", "anna", "203.0.113.9")),
        (
            IMAP.format(user="anna", command="auth", answer=NO).replace(":143,", ":110,"),
            "pop",
            ("failure", "anna", "203.0.113.9"),
        ),
        (IMAP.format(user="anna", command="select", answer="R=ok"), "imap", (None, "anna", "203.0.113.9")),
        (SMTP.format(sign=">", said="535 5.7.3 Authentication unsuccessful"), "smtp", ("failure", None, "203.0.113.9")),
        (SMTP.format(sign=">", said="235 <authentication response>"), "smtp", ("success", None, "203.0.113.9")),
        (SMTP.format(sign="<", said="535 said the client"), "smtp", (None, None, "203.0.113.9")),
    ],
)
def test_who_signs_in_to_a_mailbox(text: str, service: str, expected: tuple[str | None, ...]) -> None:
    reading = exchange.read(text)
    assert reading
    assert reading[0] == LogSource("exchange", None, service)
    assert tuple(reading[1].get(name) for name in ("outcome", "username", "src_ip")) == expected


def test_other_lines_are_none_of_exchanges() -> None:
    for text in ("", "2026-03-04T10:11:12.530Z,a,b", "#Fields: date-time", "2026-03-04 10:11:12.530Z,,,,,,,,,,,,"):
        assert exchange.read(text) is None


EVENT = (
    "- <Event xmlns='http://schemas.microsoft.com/win/2004/08/events/event'>- <System><EventID>4625</EventID><Channel>Security</Channel>"
    "<EventRecordID>7</EventRecordID></System>- <EventData><Data Name='TargetUserName'>anna</Data>"
    "<Data Name='IpAddress'>203.0.113.9</Data></EventData></Event>"
)


def test_an_event_of_windows_within_a_message() -> None:
    fields = windowsxml.read(EVENT)
    assert fields is not None
    assert (fields["EventID"], fields["Channel"], fields["TargetUserName"], fields["IpAddress"]) == (
        4625,
        "Security",
        "anna",
        "203.0.113.9",
    )
    assert windowsxml.read("<Event><System></Event>") is None
    assert windowsxml.read("no event") is None
