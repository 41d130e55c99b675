"""What PAM, login, su, sudo and systemd-logind say, whatever program they say it in.

Linux-PAM's modules (pam_unix, pam_faillock, pam_access), SSSD's and Samba's for PAM, shadow's login.c and su.c, util-linux's login.c and
su-common.c, sudo's logging.c, systemd's logind-session.c. `ruser` is what a client sent: the last ` rhost=` is PAM's own, for the user behind it exists and has no blank.
"""

import re
from typing import Final

from beffroi.core.model import LogSource
from beffroi.logs.formats.common import FAILURE, SUCCESS, Reading, number
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
_SUMMED = "PAM "
"""What stands before a line that PAM writes when it is done, for no module in particular: how many failures more there were."""
# Sentences of single modules about a user, by how they begin; those that deny are failures.
_DENIED = (
    re.compile(r"(?P<why>access denied) for user `(?P<user>.{0,256})' from `(?P<host>[^']{0,255})'", re.DOTALL),
    re.compile(r"user '(?P<user>.{0,256})' (?P<why>denied access) \((?P<host>)", re.DOTALL),
)
_SAID = (
    ("account locked", re.compile(r"Consecutive login failures for user (\S{1,256}) account temporarily locked")),
    (
        "account locked",
        re.compile(r"[Uu]ser (\S{1,256}) (?:is temporarily locked out|\(\d{1,10}\) tally \d{1,9}, deny)"),
    ),
    ("password changed", re.compile(r"password changed for (\S{1,256})\Z")),
    (None, re.compile(r"received for user (\S{1,256}): \d{1,3} \(")),
    (None, re.compile(r"user '([^']{1,256})' granted access")),
    (None, re.compile(r"(?:account (?=\S{1,256} has expired)|expired password for user )(\S{1,256})")),
    (None, re.compile(r"auth could not identify password for \[(.{1,256})\]\Z", re.DOTALL)),
)
LONGEST: Final = 4_096  # signs of a line of login's
TELL_THEMSELVES: Final = frozenset({"sshd", "su", "su-l", "sudo", "sudo-i", "login"})
"""Programs that say themselves what PAM says before: one try shall be one failure."""


def read(text: str) -> Reading | None:
    """A line of a PAM module; None for others."""
    if text.startswith(_SUMMED):
        summed = _FAILED.match(text, len(_SUMMED))
        return came(AUTH, None, summed[4] or None, summed[3], said=text.rstrip()) if summed and summed[1] else None
    head = _MODULE.match(text)
    if head is None:
        return None
    service, kind = head[2], head[3]
    rest = text[head.end() :]
    if found := _FAILED.match(rest):
        more, asked, host, user = found.groups()
        return _failed(
            service, user or asked or None, host, None if more else "authentication failure", number(more or "")
        )
    if found := _SESSION.match(rest):
        by = (found[3] or "").partition("(")[0].removesuffix("LOGIN") or None
        return came(AUTH, None, found[2], "", application=service, action=f"session {found[1]}", by_user=by)
    if kind not in {"auth", "session", "account", "chauthtok"}:
        return None
    for pattern in _DENIED:
        if found := pattern.match(rest):
            return _failed(service, found["user"], found["host"], found["why"])
    for action, pattern in _SAID:
        if found := pattern.match(rest.rstrip()):
            return came(AUTH, None, found[1], "", application=service, action=action, said=rest)
    return came(AUTH, None, None, "", application=service, said=rest) if kind != "chauthtok" else None


def _failed(service: str, user: str | None, host: str, why: str | None, times: int | None = None) -> Reading:
    """A module lets somebody not in; whether that was a try that failed, some programs say themselves."""
    if service in TELL_THEMSELVES:
        return came(AUTH, None, user, host, application=service, failure_reason=why)
    why = why or "authentication failure"
    return came(
        AUTH, FAILURE, user, host, application=service, action="login", failure_reason=why, repeated=times
    )  # fmt: skip


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
    outcome = FAILURE if wrong and not wrong.startswith(_OF_SUDO) else None
    attempts = _ATTEMPTS.match(wrong or "")
    return came(
        _SUDO, outcome, user, "", action="sudo", command=command or None, failure_reason=wrong,
        repeated=number(attempts[1]) if attempts else None, **fields,
    )  # fmt: skip


_ATTEMPTS = re.compile(r"(\d{1,6}) incorrect password attempts")
_OF_SUDO: Final = ("problem with defaults", "unable to ", "parse error", "error in ", "unknown defaults")
"""How complaints about sudo's own files and surroundings begin, which are nobody's failure."""
_SUDO_NAMES: Final = {"TTY": "terminal", "PWD": "folder", "USER": "target_user", "GROUP": "target_group"}
_SEAT = re.compile(r"New session '?(\S{1,64}?)'? of user '?(\S{1,256}?)'?(?: with class .{1,100})?\.?\Z")
_LEFT_SEAT = re.compile(r"(?:Removed session|Session) (\S{1,64}?)(?: logged out\. Waiting for processes to exit)?\.\Z")


def read_logind(text: str) -> Reading | None:
    """systemd-logind's sessions; who signed in is told elsewhere, so it is no sign-in here."""
    text = text.rstrip()
    if found := _SEAT.match(text):
        return came(AUTH, None, found[2], "", action="session opened", session_id=found[1])
    if found := _LEFT_SEAT.match(text):
        return came(AUTH, None, None, "", action="session closed", session_id=found[1])
    return None
