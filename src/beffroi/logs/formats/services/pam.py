"""What PAM, login, su, sudo and systemd-logind say, whatever program they say it in.

Linux-PAM's modules/pam_unix (support.c, pam_unix_sess.c), shadow's login.c and su.c, util-linux's login.c and su-common.c, sudo's
logging.c. `ruser` is what a client sent: the last ` rhost=` is PAM's own, for the user behind it exists and has no blank.
"""

import re
from typing import Final

from beffroi.core.model import LogSource
from beffroi.logs.formats.common import FAILURE, SUCCESS, Reading
from beffroi.logs.formats.services.origin import AUTH, came

_SUDO = LogSource("linux", None, "sudo")
_MODULE = re.compile(r"pam_(\w{1,32})\(([^():\s]{1,64}):(\w{1,16})\): ")
_FAILED = re.compile(
    r"(?:authentication failure|(\d{1,6}) more authentication failures?); (?:\w{1,16}=\S{0,256} ){0,8}?ruser=(.*) rhost=(\S*)(?:  ?user=(\S{1,256}))?(?: \[preauth\])?\s*\Z",
    re.DOTALL,
)
_SESSION = re.compile(
    r"session (opened|closed) for user ([^\s(]{1,256})(?:\(uid=\d{1,10}\))?(?: by (.{0,256}))?\s*\Z", re.DOTALL
)
LONGEST: Final = 4_096  # signs of a line of login's
TELL_THEMSELVES: Final = frozenset({"sshd", "su", "su-l", "sudo", "sudo-i", "login"})
"""Programs that say themselves what PAM says before: one try shall be one failure."""


def read(text: str) -> Reading | None:
    """A line of a PAM module; None for others."""
    head = _MODULE.match(text)
    if head is None:
        return None
    service, kind = head[2], head[3]
    rest = text[head.end() :]
    told = _told(service, rest, None if service in TELL_THEMSELVES else FAILURE)
    if told is None and kind in {"auth", "session", "account"}:
        return came(AUTH, None, None, "", application=service, said=rest)
    return told


def read_module(service: str, text: str) -> Reading | None:
    """A line of a module that stands in the program's name, as Linux-PAM before 0.99 wrote it: `sshd(pam_unix)[1]: authentication
    failure; …`. Such an sshd kept its own word of it for another log."""
    return _told(service, text, FAILURE)


def _told(service: str, rest: str, outcome: str | None) -> Reading | None:
    if found := _FAILED.match(rest):
        _more, asked, host, user = found.groups()
        return came(
            AUTH, outcome, user or asked or None, host, application=service,
            action="login" if outcome else None, failure_reason="authentication failure" if outcome else None,
        )  # fmt: skip
    if found := _SESSION.match(rest):
        by = (found[3] or "").partition("(")[0].removesuffix("LOGIN") or None
        return came(AUTH, None, found[2], "", application=service, action=f"session {found[1]}", by_user=by)
    return None


_FAILED_LOGIN = re.compile(
    r"FAILED LOGIN(?: SESSION)? \(?\d{0,6}\)?(?: on '?(\S{1,64}?)'?)?(?: from '?(\S{1,255}?)'?)? FOR '?(.*?)'?, (.{1,200})\Z",
    re.DOTALL,
)
_LOGIN_ON = re.compile(r"(?:ROOT )?LOGIN ON (\S{1,64})(?: BY (\S{1,256}))?(?: FROM (\S{1,255}))?\Z")


def read_login(text: str) -> Reading | None:
    """A sign-in at the console."""
    text = text.rstrip()[:LONGEST]
    if found := _FAILED_LOGIN.match(text):
        return came(
            AUTH,
            FAILURE,
            found[3],
            found[2] or "",
            action="login",
            application="login",
            terminal=found[1],
            failure_reason=found[4],
        )
    if found := _LOGIN_ON.match(text):
        user = found[2] or ("root" if text.startswith("ROOT") else None)
        return came(AUTH, SUCCESS, user, found[3] or "", action="login", application="login", terminal=found[1])
    return read(text)


_SU = re.compile(r"(FAILED SU )?\(to (\S{1,256})\) (\S{1,256}) on (\S{1,64})\Z")
_SU_SHADOW = re.compile(r"(Successful|FAILED) su for (\S{1,256}) by (\S{1,256})\Z")


def read_su(text: str) -> Reading | None:
    """Somebody becomes somebody else."""
    text = text.rstrip()
    if found := _SU.match(text):
        return came(
            AUTH, FAILURE if found[1] else SUCCESS, found[3], "", action="su", target_user=found[2], terminal=found[4]
        )
    if found := _SU_SHADOW.match(text):
        return came(
            AUTH, SUCCESS if found[1] == "Successful" else FAILURE, found[3], "", action="su", target_user=found[2]
        )
    return read(text)


def read_sudo(text: str) -> Reading | None:
    """sudo's line: `anna : [what went wrong ;] TTY=… ; PWD=… ; USER=… ; COMMAND=…`. The command, the caller's, comes last."""
    user, sign, rest = text.strip().partition(" : ")
    if not sign or " " in user:
        return read(text)
    before, _, command = rest.partition("COMMAND=")
    fields: dict[str, str] = {}
    wrong = None
    for part in before.split(" ; "):
        name, equals, value = part.partition("=")
        if equals and name in _SUDO_NAMES:
            fields.setdefault(_SUDO_NAMES[name], value)
        elif part.strip() and not equals:
            wrong = wrong or part.strip()
    outcome = FAILURE if wrong else None
    return came(_SUDO, outcome, user, "", action="sudo", command=command or None, failure_reason=wrong, **fields)


_SUDO_NAMES: Final = {"TTY": "terminal", "PWD": "folder", "USER": "target_user", "GROUP": "target_group"}
_SEAT = re.compile(r"New session (\S{1,64}) of user (\S{1,256}?)\.?\Z")


def read_logind(text: str) -> Reading | None:
    """systemd-logind's new sessions; who signed in is told elsewhere, so it is no sign-in here."""
    if found := _SEAT.match(text.rstrip()):
        return came(AUTH, None, found[2], "", action="session opened", session_id=found[1])
    return None
