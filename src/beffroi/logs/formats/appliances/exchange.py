"""Microsoft Exchange's protocol logs of IMAP, POP and SMTP: comma-separated lines.

Columns: Microsoft, "Protocol logging for POP3 and IMAP4 in Exchange Server" and "Protocol logging in Exchange Server". SMTP's columns
are others: time, connector, session, sequence, local, remote, event, data, context.
"""

import csv

from beffroi.core.model import LogSource
from beffroi.logs.formats.common import FAILURE, SUCCESS, Reading, endpoint, sign_in

LONGEST = 16_384  # signs of a line that is looked at: Exchange cuts its own far below
_SMTP_FAILED = ("535 ", "530 5.7.")
_WAYS = {"authenticate", "auth", "login", "user", "pass"}


def read(text: str) -> Reading | None:
    """A command with its answer; None for what has other columns."""
    # A time (or what is left where a header's reader took it), a comma, and enough columns: everything else is none of Exchange's.
    is_timed = text[4:5] == "-" and text[23:25] == "Z,"
    if len(text) > LONGEST or not (is_timed or text[:1] == ",") or text.count(",") < 7:
        return None
    try:
        columns = next(csv.reader([text.replace("\n", " ").replace("\r", " ").replace("\0", " ")]))
    except (csv.Error, StopIteration):
        return None
    if len(columns) >= 12 and ":" in columns[3] and ":" in columns[4] and columns[2].isdecimal():
        return _mailbox(columns)
    if len(columns) in {8, 9} and ":" in columns[4] and ":" in columns[5]:
        return _smtp(columns)
    return None


def _mailbox(columns: list[str]) -> Reading:
    here, port = endpoint(columns[3])
    ip, client_port = endpoint(columns[4])
    user, command, context = columns[5], columns[9].strip().lower(), columns[11]
    service = "pop" if port in {110, 995} else "imap"
    source = LogSource("exchange", None, service)
    more = {
        "date-time": columns[0] or None,
        "dst_ip": here,
        "dst_port": port,
        "src_port": client_port,
        "command": command,
    }
    if command not in _WAYS or (command == "user" and "AuthFailed" not in context):
        ip_field = {"src_ip": ip} if ip else {}
        return source, {
            name: value for name, value in {**more, **ip_field, "username": user or None}.items() if value is not None
        }
    failed = "AuthFailed" in context or "-ERR" in context or " NO " in context[:64]
    _, sign, reason = context.partition("ErrMsg=")
    return sign_in(
        source,
        FAILURE if failed else SUCCESS,
        user or None,
        ip,
        action="login",
        failure_reason=reason.partition(";")[0] if sign and failed else None,
        **more,
    )


def _smtp(columns: list[str]) -> Reading:
    here, port = endpoint(columns[4])
    ip, client_port = endpoint(columns[5])
    source = LogSource("exchange", None, "smtp")
    more = {
        "date-time": columns[0] or None,
        "dst_ip": here,
        "dst_port": port,
        "src_port": client_port,
        "connector": columns[1],
    }
    said = columns[7]
    if columns[6] == ">" and said.startswith(_SMTP_FAILED):
        return sign_in(source, FAILURE, None, ip, action="login", failure_reason=said, **more)
    if columns[6] == ">" and said.startswith("235 "):
        return sign_in(source, SUCCESS, None, ip, action="login", **more)
    fields = {**more, "src_ip": ip, "said": said}
    return source, {name: value for name, value in fields.items() if value is not None}
