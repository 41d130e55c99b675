"""The Linux audit framework's records (auditd, audisp's syslog plug-in, the kernel's own `audit:` lines), under their own field names as
Sigma's auditd rules take them.

Format: the Linux Audit Documentation's "Event field dictionary" and audit-userspace's lib; the kernel writes what it does not trust (a name,
a command, an argument with a quote or a blank) as hexadecimal digits without quotes, so nothing within a value imitates another field.
"""

import re
from datetime import UTC, datetime, timedelta
from typing import Final

from beffroi.core.model import Fields, LogSource
from beffroi.logs.formats.common import FAILURE, SUCCESS, Reading, address
from beffroi.logs.formats.keyvalue import MOST

_SOURCE = LogSource("linux", None, "auditd")
_HEAD = re.compile(
    r"(?:node=(\S{1,255}) )?type=([\w\[\]]{1,64}) (?:msg=)?audit\((\d{1,12}(?:\.\d{1,3})?):(\d{1,20})\): ?"
)
_PAIR = re.compile(r"""([A-Za-z_][\w.-]{0,63})=(?:"([^"]*)"|'([^']*)'|([^\s'"]\S*|))""")
_HEXADECIMAL = re.compile(r"(?:[0-9A-F]{2})+\Z")
_ARGUMENT = re.compile(r"a\d{1,5}(?:\[\d{1,5}\])?\Z")
_ENCODED: Final = frozenset(
    {
        "name",
        "comm",
        "exe",
        "proctitle",
        "cwd",
        "acct",
        "cmd",
        "data",
        "path",
        "key",
        "dir",
        "old",
        "new",
        "file",
        "grp",
        "saddr_path",
    }
)
"""Fields that the kernel writes in hexadecimal where they hold what is no plain word."""


def read(text: str) -> Reading | None:
    """A record of the audit log; None for other lines."""
    text = text.removeprefix("audit: ")
    head = _HEAD.match(text)
    if head is None:
        return None
    node, kind, moment, serial = head.groups()
    fields: Fields = {"type": kind}
    rest, _, enriched = text[head.end() :].partition("\x1d")
    _pairs(rest, kind, fields)
    _pairs(enriched, kind, fields)
    fields["audit_time"], fields["audit_id"] = moment, serial
    if node:
        fields["node"] = node
    if kind.startswith(("USER_", "CRED_")):
        _who(fields)
        if kind == "USER_LOGIN" and (result := fields.get("res")) in {"success", "failed"}:
            fields["outcome"], fields["action"] = SUCCESS if result == "success" else FAILURE, "login"
    return _SOURCE, fields


def _pairs(text: str, kind: str, fields: Fields) -> None:
    """The pairs of a record; of two of one name the first is the kernel's, what stands within `msg='…'` the program's."""
    for count, found in enumerate(_PAIR.finditer(text)):
        if count == MOST:
            break
        name, quoted, inner, plain = found.groups()
        if inner is not None and name == "msg":
            _pairs(inner, kind, fields)
            continue
        value = quoted if quoted is not None else inner if inner is not None else plain
        if quoted is None and inner is None and (name in _ENCODED or (kind == "EXECVE" and _ARGUMENT.match(name))):
            value = _decoded(value)
        if name not in _OURS:
            fields.setdefault(name, value)


_OURS: Final = frozenset(
    {"src_ip", "username", "outcome", "action", "audit_time", "audit_id", "Channel", "node", "type"}
)


def _decoded(value: str) -> str:
    """The text behind hexadecimal digits; NUL, which parts the words of a title, becomes a blank."""
    if len(value) < 2 or not _HEXADECIMAL.match(value):
        return value
    return bytes.fromhex(value).decode("utf-8", "replace").rstrip("\0").replace("\0", " ")


def _who(fields: Fields) -> None:
    """Of a program's record: one try at sshd makes several, of which USER_LOGIN alone is the sign-in."""
    user, origin = fields.get("acct"), fields.get("addr")
    if isinstance(user, str):
        fields["username"] = user
    if isinstance(origin, str) and (ip := address(origin)):
        fields["src_ip"] = ip


def time_of(fields: Fields) -> datetime | None:
    """When the kernel saw it (UTC)."""
    written = fields.get("audit_time")
    if not isinstance(written, str):
        return None
    seconds, _, milli = written.partition(".")
    try:
        return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(seconds=int(seconds), milliseconds=int(milli.ljust(3, "0")))
    except OverflowError:
        return None
