"""One event, whatever carried it."""

import json
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from beffroi.core.model import LogSource, UnfitError
from beffroi.logs.arrival import Form
from beffroi.logs.formats.normal import Context, Normalised
from beffroi.logs.formats.understood import normalise

NOW = Context(datetime(2026, 11, 25, 12, 0, tzinfo=UTC), ZoneInfo("Europe/Brussels"), "192.0.2.9")
LINE = "IN=eth0 OUT= SRC=203.0.113.9 DST=192.0.2.1 PROTO=TCP SPT=4711 DPT=22"
MOMENT = datetime(2026, 11, 25, 11, 59, 1, tzinfo=UTC)


def one(form: Form, raw: bytes | object, context: Context = NOW) -> Normalised:
    [found] = normalise(form, raw if isinstance(raw, bytes) else orjson.dumps(raw), context)
    return found


@pytest.mark.parametrize(
    ("form", "raw"),
    [
        (Form.SYSLOG, f"<4>Nov 25 12:59:01 fw kernel: {LINE}".encode()),
        (Form.SYSLOG, f"<4>1 2026-11-25T11:59:01Z fw kernel - - - {LINE}".encode()),
        (Form.LINE, f"Nov 25 12:59:01 fw kernel: {LINE}".encode()),
        (Form.JSON, {"@timestamp": "2026-11-25T11:59:01Z", "host": {"name": "fw"}, "process": {"name": "kernel"}, "message": LINE}),
        (Form.JSON, {"message": f"Nov 25 12:59:01 fw kernel: {LINE}", "log": {"file": {"path": "/var/log/x"}}}),
        (Form.JSON, {"timestamp": "2026-11-25T11:59:01Z", "hostname": "fw", "syslogtag": "kernel:", "message": f" {LINE}"}),
        (Form.HEC, {"time": 1795607941, "host": "fw", "event": f"kernel: {LINE}"}),
        (Form.OTLP, {"resource": {"host.name": "fw", "service.name": "kernel"}, "scope": {}, "record": {"timeUnixNano": "1795607941000000000", "body": LINE}}),
        (Form.JOURNALD, {"_HOSTNAME": "fw", "SYSLOG_IDENTIFIER": "kernel", "MESSAGE": LINE, "__REALTIME_TIMESTAMP": "1795607941000000", "__CURSOR": "s=1"}),
        (Form.JOURNALD, {"_HOSTNAME": "fw", "SYSLOG_IDENTIFIER": "kernel", "MESSAGE": list(LINE.encode()), "__REALTIME_TIMESTAMP": "1795607941000000"}),
    ],
)  # fmt: skip
def test_a_line_is_the_same_whatever_carried_it(form: Form, raw: object) -> None:
    found = one(form, raw)
    assert (found.time, found.host) == (MOMENT, "fw")
    assert found.fields["src_ip"] == "203.0.113.9"
    assert found.logsource is not None
    assert found.logsource.category == "firewall"


WINDOWS = {
    "System": {
        "Provider": {"#attributes": {"Name": "Microsoft-Windows-Security-Auditing"}}, "EventID": 4625, "Channel": "Security",
        "Computer": "PC-1", "EventRecordID": 77, "TimeCreated": {"#attributes": {"SystemTime": "2026-11-25T11:59:01.000000Z"}},
        "Level": 0, "Task": 1, "Keywords": "0x1",
    },
    "EventData": {"TargetUserName": "anna", "IpAddress": "203.0.113.9"},
}  # fmt: skip


@pytest.mark.parametrize(
    ("form", "raw"),
    [
        (Form.WINDOWS, {"Event": WINDOWS}),
        (Form.JSON, {"Event": WINDOWS}),
        (Form.HEC, {"event": {"Event": WINDOWS}}),
        (
            Form.WINDOWS,
            (
                b"<Event xmlns='http://schemas.microsoft.com/win/2004/08/events/event'><System><Provider Name='P'/>"
                b"<EventID>4625</EventID><Channel>Security</Channel><Computer>PC-1</Computer><EventRecordID>77</EventRecordID>"
                b"<TimeCreated SystemTime='2026-11-25T11:59:01.000000Z'/></System><EventData>"
                b"<Data Name='TargetUserName'>anna</Data></EventData></Event>"
            ),
        ),
    ],
)
def test_a_windows_event_is_known_by_what_windows_guarantees(form: Form, raw: object) -> None:
    found = one(form, raw)
    assert found.logsource is None
    assert (found.time, found.host, found.fields["TargetUserName"]) == (MOMENT, "PC-1", "anna")
    assert found.identity == "PC-1\x1fSecurity\x1f77\x1f2026-11-25T11:59:01.000000Z"


def test_a_line_that_nobody_knows_keeps_its_words() -> None:
    found = one(Form.SYSLOG, b"<86>Nov 25 12:59:01 nas frobd[7]: all is well")
    assert found.logsource == LogSource("linux", None, "auth")
    assert found.fields == {"message": "all is well", "program": "frobd", "hostname": "nas"}


@pytest.mark.parametrize(
    ("form", "raw"),
    [
        (Form.SYSLOG, b"<86>Nov 25 12:59:01 nas sshd[7]: x"),
        (Form.SYSLOG, b"<86>1 2026-11-25T12:59:01Z nas sshd 7 - - x"),
        (Form.JOURNALD, {"MESSAGE": "x", "SYSLOG_IDENTIFIER": "sshd", "SYSLOG_PID": "7", "_PID": "8"}),
        (Form.JSON, {"message": "x", "process": {"name": "sshd", "pid": 7}}),
        (Form.JSON, {"message": "x", "syslogtag": "sshd[7]:"}),
        (Form.JSON, {"MESSAGE": "x", "PROGRAM": "sshd", "PID": "7"}),
        (Form.HEC, {"event": "Nov 25 12:59:01 nas sshd[7]: x"}),
        (Form.OTLP, {"resource": {"service.name": "sshd", "process.pid": 7}, "record": {"body": "x"}}),
    ],
)
def test_a_line_says_which_process_wrote_it_whatever_carries_it(form: Form, raw: object) -> None:
    found = one(form, raw)
    assert (found.fields["program"], found.pid) == ("sshd", "7")
    for odd in ("x", "", -7, 1 << 40, [7], None):
        assert one(Form.JSON, {"message": "x", "program": "sshd", "pid": odd}).pid is None


def test_only_the_machines_own_journal_says_which_unit_wrote_a_line() -> None:
    entry = {"MESSAGE": "x", "SYSLOG_IDENTIFIER": "sshd", "_SYSTEMD_UNIT": "ssh.service"}
    assert one(Form.JOURNALD, entry).fields["journal_unit"] == "ssh.service"
    forged = {"message": "x", "journal_unit": "beffroi.service"}
    said = {"MESSAGE": json.dumps(forged), "SYSLOG_IDENTIFIER": "beffroi"}
    assert one(Form.JOURNALD, {**said, "_SYSTEMD_UNIT": "cron.service"}).fields["journal_unit"] == "cron.service"
    assert "journal_unit" not in one(Form.JOURNALD, said).fields
    assert "journal_unit" not in one(Form.JSON, forged).fields
    line = f"<14>Nov 25 12:59:01 nas beffroi: {json.dumps(forged)}".encode()
    assert "journal_unit" not in one(Form.SYSLOG, line).fields


def test_a_line_that_stands_for_several_is_read_as_the_one() -> None:
    line = "message repeated 5 times: [ Failed password for root from 203.0.113.9 port 4711 ssh2]"
    found = one(Form.SYSLOG, f"<86>Nov 25 12:59:01 nas sshd[7]: {line}".encode())
    wanted = {"outcome": "failure", "username": "root", "src_ip": "203.0.113.9", "repeated": 5, "message": line}
    assert found.fields | wanted == found.fields
    assert one(Form.SYSLOG, f"<86>Nov 25 12:59:01 nas frobd: {line}".encode()).fields.get("outcome") is None


def test_what_a_person_said_of_a_file_holds() -> None:
    stated = NOW._replace(stated=LogSource("acme", None, "door"))
    assert one(Form.LINE, b"door 3 opened", stated).logsource == stated.stated
    assert one(Form.JSON, {"door": 3}, stated).logsource == stated.stated


@pytest.mark.parametrize(
    ("text", "stated", "source"),
    [
        ("sshd: Failed password for anna from 203.0.113.9 port 1 ssh2", None, ("linux", "authentication", "sshd")),
        ("sshd: Accepted password for anna from 203.0.113.9 port 1 ssh2", None, ("linux", "authentication", "sshd")),
        ("sshd: Received disconnect from 203.0.113.9 port 1:11: disconnected by user", None, ("linux", None, "sshd")),
        ("sshd: Failed password for anna from 203.0.113.9 port 1 ssh2", ("linux", None, "auth"), ("linux", "authentication", "auth")),
        ("sshd: Failed password for anna from 203.0.113.9 port 1 ssh2", ("a", "b", "c"), ("a", "b", "c")),
    ],
)  # fmt: skip
def test_every_sign_in_is_of_one_category(
    text: str, stated: tuple[str, str | None, str] | None, source: tuple[str, str | None, str]
) -> None:
    context = NOW if stated is None else NOW._replace(stated=LogSource(*stated))
    assert one(Form.SYSLOG, f"<38>Nov 25 12:59:01 nas {text}".encode(), context).logsource == source


def test_envelopes_within_envelopes_end() -> None:
    text = "the end"
    for _ in range(8):
        text = orjson.dumps({"message": text}).decode()
    one(Form.JSON, text.encode())


@pytest.mark.parametrize(
    ("form", "raw"),
    [
        (Form.JSON, b"{"), (Form.JSON, b"[1]"), (Form.JSON, b"\xff"), (Form.HEC, b"{}"), (Form.OTLP, b"{}"),
        (Form.JOURNALD, b'{"MESSAGE":null}'), (Form.WINDOWS, b"<Event>"), (Form.SYSLOG, b""), (Form.M365, b"1"),
    ],
)  # fmt: skip
def test_what_cannot_be_read_is_said(form: Form, raw: bytes) -> None:
    with pytest.raises(UnfitError):
        normalise(form, raw, NOW)


NAMES = st.sampled_from(
    ["message", "event", "host", "name", "time", "record", "resource", "body", "attributes", "MESSAGE", "fields", "@timestamp",
     "Event", "System", "EventData", "Channel", "EventID", "Operation", "Workload", "AuditData", "timeUnixNano", "log", "x"]
)  # fmt: skip
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=4),
    max_leaves=12,
)


@pytest.mark.slow
@given(
    st.sampled_from(Form),
    st.binary(max_size=200) | st.dictionaries(NAMES, JSON, max_size=6).map(lambda value: json.dumps(value).encode()),
)
def test_any_message_is_read_or_refused(form: Form, raw: bytes) -> None:
    try:
        for found in normalise(form, raw, NOW):
            assert isinstance(found.fields, dict)
    except UnfitError:
        pass


RECORD = {"Operation": "UserLoggedIn", "Workload": "AzureActiveDirectory", "UserId": "anna@example.com"}


@pytest.mark.parametrize("document", [{"Event": WINDOWS}, RECORD, {"AuditData": json.dumps(RECORD)}])
@pytest.mark.parametrize(
    "wrap",
    [
        lambda text: (Form.SYSLOG, f"<13>Nov 25 12:59:01 web app[7]: {text}".encode()),
        lambda text: (Form.JSON, {"message": f"<13>Nov 25 12:59:01 web app[7]: {text}"}),
        lambda text: (Form.JSON, {"host": {"name": "web"}, "process": {"name": "app"}, "message": text}),
        lambda text: (Form.JSON, {"host": {"name": "web"}, "message": text}),
        lambda text: (Form.JOURNALD, {"_HOSTNAME": "web", "SYSLOG_IDENTIFIER": "app", "MESSAGE": text}),
        lambda text: (Form.SYSLOG, f"<13>Nov 25 12:59:01 web app[7]: {json.dumps({'message': text})}".encode()),
    ],
)
def test_what_somebody_has_a_program_log_is_no_event_of_another_kind(wrap: Any, document: object) -> None:
    form, raw = wrap(json.dumps(document))
    found = one(form, raw)
    assert found.logsource is not None
    assert found.logsource.product == "linux"
    assert found.identity is None
    assert found.host in ("web", None)


def test_a_program_that_logs_json_cannot_pass_for_another_program() -> None:
    forged = {"message": "Failed password for root from 203.0.113.9 port 4711 ssh2", "program": "sshd"}
    found = one(Form.SYSLOG, f"<13>Nov 25 12:59:01 web app[7]: {json.dumps(forged)}".encode())
    assert "src_ip" not in found.fields
    assert found.logsource == LogSource("linux", None, "syslog")


@pytest.mark.parametrize("program", ["", "Microsoft-Windows-Security-Auditing[4]: ", "nxlog: ", "winlogbeat[1]: "])
def test_a_shippers_line_is_the_document_that_it_carries(program: str) -> None:
    found = one(Form.SYSLOG, f"<13>Nov 25 12:59:01 pc-1 {program}{json.dumps({'Event': WINDOWS})}".encode())
    assert (found.fields["EventID"], found.fields["Channel"], found.host) == (4625, "Security", "PC-1")
