"""Web servers' lines, the audit log, and lines whose file alone says the program, through the one door."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from beffroi.core.model import LogSource
from beffroi.logs.arrival import Form
from beffroi.logs.formats import services
from beffroi.logs.formats.normal import Context, Normalised
from beffroi.logs.formats.understood import normalise

NOW = Context(datetime(2026, 3, 4, 12, 0, tzinfo=UTC), ZoneInfo("Europe/Brussels"))
MOMENT = datetime(2026, 3, 4, 9, 11, 12, tzinfo=UTC)


def one(line: str) -> Normalised:
    [found] = normalise(Form.LINE, line.encode(), NOW)
    return found


COMBINED = '203.0.113.9 - anna [04/Mar/2026:10:11:12 +0100] "GET /a/b?c=d%20e&f=? HTTP/1.1" 404 162 "https://h.example/" "curl/8 \\"x\\""'


@pytest.mark.parametrize(
    ("line", "service"),
    [
        (COMBINED, None),
        (f"Mar  4 10:11:13 web nginx[7]: {COMBINED}", "nginx"),
        (f"Mar  4 10:11:13 web apache2[7]: {COMBINED}", "apache"),
    ],
)
def test_an_access_line_has_sigmas_names(line: str, service: str | None) -> None:
    found = one(line)
    assert found.logsource == LogSource(None, "webserver", service)
    wanted = {
        "c-ip": "203.0.113.9", "src_ip": "203.0.113.9", "cs-username": "anna", "cs-method": "GET", "cs-uri-stem": "/a/b",
        "cs-uri-query": "/a/b?c=d%20e&f=?", "c-uri": "/a/b?c=d%20e&f=?", "sc-status": 404, "sc-bytes": 162, "cs-version": "HTTP/1.1",
        "cs-referer": "https://h.example/", "cs-user-agent": 'curl/8 \\"x\\"',
    }  # fmt: skip
    assert {name: found.fields.get(name) for name in wanted} == wanted
    if service is None:
        assert (found.time, found.guessed) == (MOMENT, False)


@pytest.mark.parametrize(
    ("line", "address", "host"),
    [
        ('h.example 2001:db8::9 - - [04/Mar/2026:10:11:12 +0100] "GET / HTTP/1.1" 200 1', "2001:db8::9", "h.example"),
        ('203.0.113.9 - Anna B. [04/Mar/2026:10:11:12 +0100] "GET / HTTP/1.1" 200 1', "203.0.113.9", None),
        ('203.0.113.9 - - x [04/Mar/2026:10:11:12 +0100] "GET / HTTP/1.1" 200 1', "203.0.113.9", None),
        ('[04/Mar/2026:10:11:12 +0100] - 200 200 - GET https h.example "/" [Client 203.0.113.9] [Length 5] [Gzip -] [Sent-to 192.0.2.5] "curl" "-"', "203.0.113.9", "h.example"),
    ],
)  # fmt: skip
def test_who_asked_and_for_which_site(line: str, address: str, host: str | None) -> None:
    found = one(line)
    assert found.logsource is not None
    assert found.logsource.category == "webserver"
    assert (found.fields["src_ip"], found.fields.get("cs-host"), found.time) == (address, host, MOMENT)


def test_what_is_no_request_stays_whole() -> None:
    found = one('203.0.113.9 - - [04/Mar/2026:10:11:12 +0100] "\\x16\\x03 a b" 400 0 "-" "-"')
    assert found.fields["c-uri"] == "\\x16\\x03 a b"
    assert "cs-method" not in found.fields


def test_an_audit_record_keeps_its_names_and_says_when() -> None:
    found = one('type=EXECVE msg=audit(1772615472.250:77): argc=3 a0="sh" a1="-c" a2=6361742022782220793D31')
    assert found.logsource == LogSource("linux", None, "auditd")
    assert found.time == MOMENT.replace(microsecond=250_000)
    assert (
        found.fields | {"type": "EXECVE", "a0": "sh", "a1": "-c", "a2": 'cat "x" y=1', "audit_id": "77"} == found.fields
    )


def test_an_audit_record_that_a_syslog_carries() -> None:
    found = one(
        "Mar  4 10:11:12 nas audispd: node=nas type=USER_LOGIN msg=audit(1772615472.250:78): pid=7 uid=0 auid=4294967295 "
        """ses=4294967295 msg='op=login acct="anna" exe="/usr/sbin/sshd" hostname=pc addr=203.0.113.9 terminal=ssh res=failed'"""
    )
    wanted = {
        "outcome": "failure",
        "username": "anna",
        "src_ip": "203.0.113.9",
        "exe": "/usr/sbin/sshd",
        "res": "failed",
        "node": "nas",
    }
    assert found.fields | wanted == found.fields


def test_no_name_of_ours_is_taken_from_an_audit_record() -> None:
    reading = services.read(
        "auditd", "type=X msg=audit(1.0:1): outcome=success src_ip=198.51.100.66 username=x Channel=Security type=Y"
    )
    assert reading
    assert set(reading[1]) == {"type", "audit_time", "audit_id"}
    assert reading[1]["type"] == "X"


@pytest.mark.parametrize(
    ("line", "program", "address"),
    [
        ("2026-03-04 10:11:12 login authenticator failed for (pc) [203.0.113.9]:1: 535 Incorrect authentication data", "exim", "203.0.113.9"),
        ("2026-03-04 10:11:12 H=(pc) [203.0.113.9]:1 F=<a@b.example> rejected RCPT <c@d.example>: no", "exim", "203.0.113.9"),
        ("2026-03-04 10:11:12 203.0.113.9:1194 TLS Error: TLS handshake failed", "openvpn", "203.0.113.9"),
        ("2026-03-04 10:11:12 anna/203.0.113.9:1194 TLS Auth Error: x", "openvpn", "203.0.113.9"),
        ('2026/03/04 10:11:12 [error] 7#7: *1 x, client: 203.0.113.9, server: , request: "GET / HTTP/1.1"', "nginx", "203.0.113.9"),
        ("[Wed Mar 04 10:11:12.000000 2026] [core:error] [pid 7] [client 203.0.113.9:5] AH00126: x", "apache", "203.0.113.9"),
        ('Wed Mar  4 10:11:12 2026 [pid 2] [anna] OK LOGIN: Client "203.0.113.9"', "vsftpd", "203.0.113.9"),
        ("Mar 04 10:11:12 imap-login: Info: Disconnected (auth failed, 1 attempts): user=<a>, rip=203.0.113.9, lip=192.0.2.1", "dovecot", "203.0.113.9"),
    ],
)  # fmt: skip
def test_a_programs_own_file_is_known_by_its_shape(line: str, program: str, address: str) -> None:
    found = one(line)
    assert found.logsource is not None
    assert (found.logsource.service, found.fields["src_ip"]) == (program, address)
    assert found.time == MOMENT
    assert found.host is None


def test_what_visitors_make_another_program_say_is_no_services() -> None:
    inner = "Failed password for root from 198.51.100.66 port 22 ssh2"
    assert services.read("myapp", inner) is None
    for line in (
        f"sshd[1]: {inner}",
        'x [error] 1#1: *1 user "a": password mismatch, client: 198.51.100.66, server: , request: "y"',
    ):
        asked = one(
            f'Mar  4 10:11:12 web nginx: 203.0.113.9 - - [04/Mar/2026:10:11:12 +0100] "GET /{line} HTTP/1.1" 200 1 "-" "{line}"'.replace(
                '"a"', "a"
            ).replace('"y"', "y")
        )
        assert asked.fields.get("src_ip") == "203.0.113.9"
        assert "outcome" not in asked.fields


def test_a_rejected_mail_says_from_whom_and_to_whom() -> None:
    found = one(
        "Mar  4 10:11:12 mx postfix/smtpd[7]: NOQUEUE: reject: RCPT from unknown[203.0.113.9]: 454 4.7.1 <x@y.example>: Relay access denied; from=<a@b.example> to=<x@y.example> proto=ESMTP helo=<pc>"
    )
    wanted = {
        "action": "reject",
        "sender": "a@b.example",
        "recipient": "x@y.example",
        "helo": "pc",
        "src_ip": "203.0.113.9",
        "protocol": "esmtp",
    }
    assert found.fields | wanted == found.fields
    assert "outcome" not in found.fields


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("postfix/qmgr[7]: 24E57FF: from=<anna@house.example>, size=319, nrcpt=1 (queue active)", {"action": "queued", "sender": "anna@house.example", "size": "319"}),
        ("postfix/local[7]: 24E57FF: to=<bert@house.example>, orig_to=<b>, relay=local, delay=0.07, dsn=2.0.0, status=sent (delivered to mailbox)",
         {"action": "sent", "recipient": "bert@house.example", "said": "delivered to mailbox"}),
        ("postfix/smtp[7]: 24E57FF: to=<x@y.example>, relay=none, delay=1, dsn=4.4.1, status=deferred (connect to y.example[192.0.2.1]:25: timed out)",
         {"action": "deferred", "recipient": "x@y.example", "said": "connect to y.example[192.0.2.1]:25: timed out"}),
    ],
)  # fmt: skip
def test_where_a_mail_goes(line: str, expected: dict[str, str]) -> None:
    found = one(f"Mar  4 10:11:12 mail {line}")
    assert found.logsource == LogSource("linux", None, "postfix")
    assert {name: found.fields.get(name) for name in expected} == expected
    assert found.fields["queue_id"] == "24E57FF"
    assert "outcome" not in found.fields


def test_a_program_that_asks_the_audit_says_who_and_only_a_sign_in_has_an_outcome() -> None:
    told = "type=USER_AUTH msg=audit(1795665816.145:41): pid=7 uid=0 msg='op=PAM:authentication acct=\"anna\" addr=203.0.113.9 terminal=ssh res=failed'"
    found = one(told).fields
    assert (found["username"], found["src_ip"]) == ("anna", "203.0.113.9")
    assert "outcome" not in found
    assert one(told.replace("USER_AUTH", "USER_LOGIN")).fields["outcome"] == "failure"
