"""A message of any form → events under Sigma's names: the one door, `normalise`.

Behind it stand the readers of headers (syslog.py), of programs' lines (services/, appliances/) and of documents (shapes.py, m365.py).
Whatever carried a line, it is read as the line it was: a shipper's JSON around it adds who and when, and changes nothing else.
"""

import re
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, Final

import orjson

from beffroi.core.model import Fields, LogSource, UnfitError, message
from beffroi.detect.values import moment_of, text_of
from beffroi.logs.arrival import Form
from beffroi.logs.formats import appliances, eventxml, m365, services, shapes, syslog
from beffroi.logs.formats.appliances import times, windowsxml
from beffroi.logs.formats.common import Reading
from beffroi.logs.formats.jsontext import loads_any
from beffroi.logs.formats.normal import Context, Normalised
from beffroi.logs.formats.syslog import SyslogMessage

DEPTH: Final = 4
"""Envelopes within envelopes that are opened."""

TIMES: Final = ("@timestamp", "timestamp", "time", "eventTime", "EventTime", "ts", "date")
HOSTS: Final = ("host.name", "host.hostname", "hostname", "host", "Computer", "agent.hostname", "agent.name", "HOST")
LINES: Final = ("message", "log", "MESSAGE", "msg", "event.original")
SHIPPERS: Final = re.compile(
    r"(?:Microsoft[-_ ]Windows|MSWinEventLog|EventLog|Service[_ ]Control[_ ]Manager|nxlog|winlogbeat|filebeat|logstash|fluent|vector"
    r"|rsyslog|syslog-ng|telegraf)",
    re.IGNORECASE,
)
"""Programs whose lines are another's documents. In any other program's line JSON is that program's own: whoever controls what it logs
(a name that is typed at a login) must not be able to write an event of Windows or of Microsoft 365."""
JOURNAL_UNIT: Final = "journal_unit"
"""Which unit of systemd wrote a line, as the kernel says and not the writer. Only lines of this machine's own journal have it, so that a
rule can tell a sign-in to Beffroi's own machine from one to another."""
PROGRAMS: Final = (
    "program",
    "process.name",
    "log.syslog.appname",
    "appname",
    "syslogtag",
    "programname",
    "PROGRAM",
    "ident",
)

_REPEATED: Final = re.compile(r"message repeated (\d{1,6}) times: \[ ?(.*)\]\Z", re.DOTALL)
"""rsyslog's summary of a line that came again ($RepeatedMsgReduction)."""
PIDS: Final = ("process.pid", "log.syslog.procid", "procid", "PID", "pid")


def normalise(form: Form, raw: bytes, context: Context) -> list[Normalised]:
    """The events of one message, nearly always one. Raises UnfitError for what cannot be read at all."""
    found = _READERS[form](raw, context)
    if form is not Form.JOURNALD:
        for event in found:
            event.fields.pop(JOURNAL_UNIT, None)
    return [event.categorised() for event in found]


def _line(raw: bytes, context: Context) -> list[Normalised]:
    return [_of_line(syslog.parse(raw, context), context)]


def _of_line(said: SyslogMessage, context: Context, depth: int = DEPTH, *, wrapped: bool = False) -> Normalised:
    """A line read by its program, else by its shape; one that nobody knows keeps its words. A line that is `wrapped` in a shipper's
    document is a program's own, whatever it holds."""
    text = said.text.removeprefix("@cee:").lstrip() if said.text.startswith("@cee:") else said.text
    if "<Event" in text[:256] and (fields := windowsxml.read(text)):
        return _windows(fields, said)
    repeated = _REPEATED.match(text) if text.startswith("message repeated ") else None
    if repeated is not None:
        text = repeated[2]
    reading = _reading(said, text)
    if reading is None and said.behind and (reading := services.of_text(said.behind)) is not None:
        said = said._replace(host=None, text=said.behind)
    if reading is None and text[:1] == "{" and depth:
        try:
            inner = _object(text.encode())
        except UnfitError:
            pass
        else:
            if wrapped or (said.program and not SHIPPERS.match(said.program.rpartition("/")[2])):
                found = _of_program(inner, said, context)
            else:
                found = _of_object(inner, context, depth - 1)
            return found._replace(time=found.time or said.time, host=found.host or said.host, shown=False)
    logsource, fields = reading if reading is not None else (_source_of(said, context), {})
    time, guessed = said.time, said.guessed
    if (
        (time is None or guessed)
        and reading is not None
        and (moment := services.stated(*reading) or times.stated(*reading))
    ):
        time, guessed = moment, False
    is_lease = logsource is not None and logsource.service == "dhcp"  # its hostname is another machine's
    if context.stated is not None:
        logsource = context.stated
    fields.setdefault("message", said.text)
    if said.program:
        fields.setdefault("program", said.program)
    if said.host is not None and not is_lease:
        fields.setdefault("hostname", said.host)
    if repeated is not None:
        fields["repeated"] = int(repeated[1])
    return Normalised(time, guessed, said.host, logsource, fields, pid=said.pid)


def _reading(said: SyslogMessage, text: str) -> Reading | None:
    """What the readers say of a line: the program's, or without a program those who know it by its shape."""
    if not said.program:
        return services.of_text(text) or appliances.of_text(text)
    return services.read(said.program, text) or appliances.read(said.program.rpartition("/")[2], text)


def _source_of(said: SyslogMessage, context: Context) -> LogSource | None:
    """The log source of a line whose reader is not known: Sigma's for Linux, by facility and program."""
    if context.stated is not None:
        return context.stated
    if said.program in _SERVICES:
        return LogSource("linux", None, _SERVICES[said.program])
    if said.facility in (syslog.AUTH, syslog.AUTHPRIV):
        return LogSource("linux", None, "auth")
    return LogSource("linux", None, "syslog") if said.program or said.facility is not None else None


_SERVICES: Final = {"cron": "cron", "CRON": "cron", "crond": "cron", "sudo": "sudo", "sshd": "sshd", "sshd-session": "sshd", "sshd-auth": "sshd", "vsftpd": "vsftpd",
                    "clamd": "clamav", "freshclam": "clamav", "guacd": "guacamole"}  # fmt: skip


def _json(raw: bytes, context: Context) -> list[Normalised]:
    return [_of_object(_object(raw), context)]


def _object(raw: bytes) -> dict[str, Any]:
    """A JSON object. Raises UnfitError."""
    try:
        value = orjson.loads(raw)
    except ValueError:
        try:
            value = loads_any(raw)
        except (ValueError, RecursionError) as error:
            raise UnfitError(message("it is no JSON")) from error
    if not isinstance(value, dict):
        raise UnfitError(message("it holds a value that is no JSON object"))
    return value


def _of_object(event: dict[str, Any], context: Context, depth: int = DEPTH) -> Normalised:
    """A document: a Windows event, a record of Microsoft 365, a line that a shipper wrapped, or fields as they are."""
    if m365.is_record(event):
        return _record(event)
    fields, shown = shapes.normalise(event)
    if fields.get("Channel") is not None and fields.get("EventID") is not None:
        return _windows(fields, None, shown=shown)
    time = _time(fields, context)
    host = _first(fields, HOSTS)
    reading = appliances.of_object(event)
    line = _first(fields, LINES) if reading is None else None
    if line is not None and depth:
        said = syslog.of_text(line, context)
        inner = _of_line(
            said._replace(
                program=said.program or _program(fields),
                pid=said.pid or _pid(fields),
                host=said.host or host,
                time=said.time or time,
            ),
            context,
            depth - 1,
            wrapped=True,
        )
        # Whoever wrapped it knows when it took it; the line itself knows when it happened.
        return inner._replace(fields={**fields, **inner.fields})
    logsource = context.stated
    if reading is not None:
        logsource, own = reading
        fields = {**fields, **own}
    return Normalised(time, guessed=False, host=host, logsource=logsource, fields=fields)


def _of_program(event: dict[str, Any], said: SyslogMessage, context: Context) -> Normalised:
    """What a program logs as JSON: its fields as they are, of its own log source and of no other."""
    reading = appliances.of_object(event)
    logsource, own = reading if reading is not None else (None, {})
    fields = {**shapes.flat(event), **own}
    fields.setdefault("message", said.text)
    if said.program:
        fields.setdefault("program", said.program)
    source = context.stated or logsource or _source_of(said, context) or LogSource("linux", None, "syslog")
    return Normalised(
        said.time or _time(fields, context), guessed=said.guessed, host=said.host, logsource=source, fields=fields
    )


def _program(fields: Fields) -> str:
    """Which program wrote a wrapped line ("sshd[12]:" as rsyslog's syslogtag)."""
    name = _first(fields, PROGRAMS) or ""
    return name.rstrip(": ").partition("[")[0][:64]


def _pid(fields: Fields) -> str | None:
    """The number of its process, where the shipper says it."""
    for name in PIDS:
        value = fields.get(name)
        if isinstance(value, int) and 0 < value < 1 << 31:
            return str(value)
        if isinstance(value, str) and value.isdecimal():
            return value
    tag = _first(fields, ("syslogtag",)) or ""
    return tag.rstrip(": ").removesuffix("]").partition("[")[2] or None


def _windows(fields: Fields, said: SyslogMessage | None, *, shown: bool = False) -> Normalised:
    """A Windows event: its source guarantees computer, channel, record number and time together (they alone repeat)."""
    host, channel, record, created = (
        text_of(fields.get(name)) for name in ("Computer", "Channel", "EventRecordID", "TimeCreated")
    )
    time = moment_of(created, UTC) if isinstance(created, str) else None
    if time is None and said is not None:
        time = said.time
    identity = None
    if isinstance(host, str) and channel and record and created:
        identity = f"{host}\x1f{channel}\x1f{record}\x1f{created}"
    name = host if isinstance(host, str) and host else said.host if said is not None else None
    return Normalised(time, guessed=False, host=name, logsource=None, fields=fields, identity=identity, shown=shown)


def _windows_event(raw: bytes, context: Context) -> list[Normalised]:
    if raw.lstrip()[:1] == b"<":
        return [_windows(eventxml.parse(raw.decode("utf-8", "replace")), None)]
    return _json(raw, context)


def _record(event: dict[str, Any]) -> Normalised:
    record = m365.of_record(m365.unwrapped(event))
    return Normalised(
        record.time,
        guessed=False,
        host=None,
        logsource=record.logsource,
        fields=record.fields,
        identity=record.identity,
    )


def _m365(raw: bytes, _context: Context) -> list[Normalised]:
    return [_record(_object(raw))]


def _journald(raw: bytes, context: Context) -> list[Normalised]:
    """systemd.journal-fields(7): fields may be lists of bytes where they are no text, or null where they are too long."""
    entry = _object(raw)
    text = _journal_text(entry.get("MESSAGE"))
    if not text:
        raise UnfitError(message("the message is empty"))
    micros = entry.get("__REALTIME_TIMESTAMP")
    time = (
        syslog.epoch(int(micros) / 1e6) if isinstance(micros, str) and micros.isdecimal() and len(micros) < 20 else None
    )
    facility, priority = (_digit(entry.get(name)) for name in ("SYSLOG_FACILITY", "PRIORITY"))
    said = SyslogMessage(
        facility, priority, time, guessed=False,
        host=_journal_text(entry.get("_HOSTNAME")) or None,
        program=_journal_text(entry.get("SYSLOG_IDENTIFIER") or entry.get("_COMM")),
        pid=_journal_text(entry.get("SYSLOG_PID") or entry.get("_PID")) or None,
        structured={}, text=text,
    )  # fmt: skip
    cursor = entry.get("__CURSOR")
    found = _of_line(said, context)
    found.fields.pop(JOURNAL_UNIT, None)
    if unit := _journal_text(entry.get("_SYSTEMD_UNIT")):
        found.fields[JOURNAL_UNIT] = unit
    return [found._replace(identity=cursor if isinstance(cursor, str) else None)]


def _journal_text(value: Any) -> str:
    if isinstance(value, list):
        try:
            return syslog.text_of(bytes(value))
        except (TypeError, ValueError):
            return str(value[0]) if value else ""
    return value if isinstance(value, str) else ""


def _digit(value: Any) -> int | None:
    return int(value) if isinstance(value, str) and value.isdecimal() and len(value) < 3 else None


def _hec(raw: bytes, context: Context) -> list[Normalised]:
    """Splunk's envelope: what it says of time and host counts where the event itself says nothing."""
    envelope = _object(raw)
    event = envelope.get("event")
    time = _epoch_of(envelope.get("time"))
    host = envelope.get("host") if isinstance(envelope.get("host"), str) else None
    if isinstance(event, str):
        said = syslog.of_text(event, context)
        found = _of_line(said._replace(host=said.host or host, time=said.time or time), context)
    elif isinstance(event, dict):
        found = _of_object(event, context)
    else:
        raise UnfitError(message("the envelope holds no event"))
    extra = envelope.get("fields")
    if isinstance(extra, dict):
        found = found._replace(fields={**shapes.flat(extra), **found.fields})
    return [found._replace(time=found.time or time, host=found.host or host)]


def _otlp(raw: bytes, context: Context) -> list[Normalised]:
    """A log record as the OTLP receiver keeps it: `resource` and `record.attributes` are flat."""
    envelope = _object(raw)
    resource, record = envelope.get("resource"), envelope.get("record")
    if not isinstance(resource, dict) or not isinstance(record, dict):
        raise UnfitError(message("the envelope holds no event"))
    attributes = record.get("attributes") if isinstance(record.get("attributes"), dict) else {}
    nanos = next(
        (record[name] for name in ("timeUnixNano", "observedTimeUnixNano") if _positive(record.get(name))), None
    )
    time = None if nanos is None else syslog.epoch(int(nanos) / 1e9)
    host, program = (
        resource.get(name) if isinstance(resource.get(name), str) else None for name in ("host.name", "service.name")
    )
    body = record.get("body")
    extra = {**shapes.flat(resource), **shapes.flat(attributes or {})}
    if isinstance(body, dict):
        found = _of_object(body, context)
    elif body is not None and (
        text := str(text_of(body) if not isinstance(body, list) else orjson.dumps(body).decode())
    ):
        said = syslog.of_text(text, context)
        found = _of_line(
            said._replace(
                program=said.program or program or "",
                pid=said.pid or _pid(extra),
                host=said.host or host,
                time=time or said.time,
            ),
            context,
        )
    elif extra:
        found = _of_object(extra, context)
        extra = {}
    else:
        raise UnfitError(message("the message is empty"))
    return [found._replace(time=time or found.time, host=found.host or host, fields={**extra, **found.fields})]


def _positive(value: Any) -> bool:
    return (isinstance(value, int) and 0 < value < 1 << 63) or (
        isinstance(value, str) and value.isdecimal() and len(value) < 20 and int(value) > 0
    )


def _epoch_of(value: Any) -> datetime | None:
    if isinstance(value, str):
        return moment_of(value, UTC)
    return (
        syslog.epoch(value)
        if isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < 1e12
        else None
    )


def _time(fields: Fields, context: Context) -> datetime | None:
    for name in TIMES:
        value = fields.get(name)
        text = text_of(value) if isinstance(value, str | int | float) else None
        if isinstance(text, str) and (moment := moment_of(text, context.zone)):
            try:
                return moment.astimezone(UTC)
            except OverflowError:
                continue
    return None


def _first(fields: Fields, names: tuple[str, ...]) -> str | None:
    return next((value for name in names if isinstance(value := fields.get(name), str) and value), None)


_READERS: Final[dict[Form, Callable[[bytes, Context], list[Normalised]]]] = {
    Form.SYSLOG: _line,
    Form.LINE: _line,
    Form.JSON: _json,
    Form.WINDOWS: _windows_event,
    Form.M365: _m365,
    Form.JOURNALD: _journald,
    Form.HEC: _hec,
    Form.OTLP: _otlp,
}
