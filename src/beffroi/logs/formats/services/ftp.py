"""FTP servers: ProFTPD, vsftpd, Pure-FTPd. The sentences are those of their public sources (ProFTPD's mod_auth.c and log.c, vsftpd's
logging.c, Pure-FTPd's messages_en.h). A user's name may imitate the rest: the address stands before it, or is the last.
"""

import re

from beffroi.core.model import LogSource
from beffroi.logs.formats.common import FAILURE, SUCCESS, Reading
from beffroi.logs.formats.services import pam
from beffroi.logs.formats.services.origin import came

_PROFTPD = LogSource("linux", None, "proftpd")
_VSFTPD = LogSource("linux", None, "vsftpd")
_PURE = LogSource("linux", None, "pure-ftpd")

_SESSION = re.compile(r"\S{1,255} \((\S{0,255}?)\[([0-9A-Fa-f.:]{2,45})\]\)(?::| -) (.*)", re.DOTALL)
_NOBODY = re.compile(r"USER (.*): no such user found from \S{1,255} \[\S{1,64}\] to \S{1,64}\Z", re.DOTALL)
_FAILED = re.compile(r"USER (.*) \(Login failed\): (.{1,200})\Z", re.DOTALL)
_OKAY = re.compile(r"(?:USER|ANONYMOUS) (.*): Login successful\.?\Z", re.DOTALL)
_VIOLATION = re.compile(r"SECURITY VIOLATION: (.{1,256}) login attempted\.?\Z")
_MAXIMUM = re.compile(r"Maximum login attempts \(\d{1,6}\) exceeded")


def read_proftpd(text: str) -> Reading | None:
    """A sign-in of ProFTPD."""
    found = _SESSION.match(text.strip())
    if found is None:
        return None
    name, origin, said = found.groups()
    host = name if name != origin and not name.endswith(origin) else None
    if told := _NOBODY.match(said):
        return came(
            _PROFTPD, FAILURE, told[1], origin, action="login", failure_reason="no such user found", src_host=host
        )
    if told := _OKAY.match(said):
        return came(_PROFTPD, SUCCESS, told[1], origin, action="login", src_host=host)
    if told := _FAILED.match(said):
        return came(_PROFTPD, FAILURE, told[1], origin, action="login", failure_reason=told[2], src_host=host)
    if told := _VIOLATION.match(said):
        return came(
            _PROFTPD, FAILURE, told[1], origin, action="login", failure_reason="security violation", src_host=host
        )
    if _MAXIMUM.match(said):
        return came(_PROFTPD, FAILURE, None, origin, action="login", failure_reason=said, src_host=host)
    return came(_PROFTPD, None, None, origin, said=said, src_host=host)


_VSFTPD_PID = re.compile(r"\[pid \d{1,10}\] ")
_VSFTPD_LINE = re.compile(
    r'(?:\[(.*)\] )?(OK|FAIL) (LOGIN|UPLOAD|DOWNLOAD|DELETE|MKDIR|RMDIR|RENAME|CHMOD): Client "([^"]{1,64})"(?:, "(.*)")?',
    re.DOTALL,
)
_VSFTPD_CONNECT = re.compile(r'CONNECT: Client "([^"]{1,64})"\Z')
_VSFTPD_CLIENT = re.compile(r'(?:OK|FAIL) [A-Z]{5,8}: Client "([^"]{1,64})"')
_CATEGORIES = {
    "UPLOAD": "file_event",
    "MKDIR": "file_event",
    "DOWNLOAD": "file_access",
    "DELETE": "file_delete",
    "RMDIR": "file_delete",
    "RENAME": "file_rename",
}


def read_vsftpd(text: str) -> Reading | None:
    """A line of vsftpd's own log or of its syslog: sign-ins, and files. The last client counts: a name may hold another."""
    text = text.strip()
    if found := _VSFTPD_PID.match(text):
        text = text[found.end() :]
    found = _VSFTPD_LINE.match(text)
    if found is None:
        connected = _VSFTPD_CONNECT.match(text)
        return came(_VSFTPD, None, None, connected[1], action="connect") if connected else pam.read(text)
    user, word, what, origin, file = found.groups()
    # A user's name and a file's may each hold such a line: where they name different addresses, none is given.
    if len(set(_VSFTPD_CLIENT.findall(text))) > 1:
        origin = ""
    if what == "LOGIN":
        anonymous = file if user in {"ftp", "anonymous"} else None
        return came(_VSFTPD, SUCCESS if word == "OK" else FAILURE, user, origin, action="login", reason=anonymous)
    source = _VSFTPD._replace(category=_CATEGORIES.get(what) if word == "OK" else None)
    return came(
        source,
        None,
        user,
        origin,
        action=what.lower(),
        status=word,
        TargetFilename=(file or "").partition('", ')[0] or None,
    )


_PURE_LINE = re.compile(r"\((\S{1,256})@([^\s@()]{1,255})\) \[(\w{1,16})\] (.*)", re.DOTALL)
_PURE_FAILED = re.compile(r"Authentication failed for user \[(.*)\]\Z", re.DOTALL)
_PURE_OKAY = re.compile(r"(\S{1,256}) is now logged in\Z")


def read_pure(text: str) -> Reading | None:
    """A line of Pure-FTPd."""
    found = _PURE_LINE.match(text.strip())
    if found is None:
        return None
    user, origin, _, said = found.groups()
    if told := _PURE_FAILED.match(said):
        return came(_PURE, FAILURE, told[1], origin, action="login")
    if told := _PURE_OKAY.match(said):
        return came(_PURE, SUCCESS, told[1], origin, action="login")
    return came(_PURE, None, None if user == "?" else user, origin, said=said)
