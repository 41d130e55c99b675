"""OpenSSH's server and Dropbear: who signs in, who only tries.

The sentences are those of auth.c, auth2.c, monitor.c, packet.c and log.c of OpenSSH's portable source, and of Dropbear's svr-auth*.c.
A user's name is whatever a client sends ("x from 192.0.2.1 port 22"): the address is the one that the daemon wrote behind it, with the
port and protocol that follow.

What a line leaves open has a `failure_reason` and no outcome: PAM's own word, since sshd tells the try itself; a key that is refused,
since clients offer every key they have; too many failures of somebody whose address other lines name. logs.formats.connections puts
the lines of a connection together.
"""

import re
from typing import Final

from beffroi.core.model import LogSource
from beffroi.logs.formats.common import FAILURE, SUCCESS, Reading, number
from beffroi.logs.formats.services.origin import came

_SSHD = LogSource("linux", None, "sshd")
_DROPBEAR = LogSource("linux", None, "dropbear")
_PREAUTH = " [preauth]"
_SOLARIS = re.compile(r"\[ID \d{1,8} [a-z0-9.]{1,32}\] ")
_TRIED = re.compile(r"(Accepted|Failed|Postponed|Partial) (\S{1,64}) for (.*)", re.DOTALL)
# Behind the user: the address, the port, the protocol, then maybe a key or what the client says of itself.
_FROM = re.compile(r" from (\S{1,255})(?: port (\d{1,5})(?: (ssh[12])(?=[: ]|\Z)|\Z)|\Z)")
_PAM = re.compile(
    r"error: PAM: (.{1,200}?) for (?:(illegal user|invalid user) )?(.*) from (\S{1,255})(?: via \S{1,255})?\Z",
    re.DOTALL,
)
_INVALID = re.compile(
    r"(?:Illegal|Invalid|illegal|invalid) user (.*) from (\S{1,255})(?: port (\d{1,5}))?\Z", re.DOTALL
)
_NOT_ALLOWED = re.compile(r"User (.*) from (\S{1,255}) not allowed because (.{1,200})\Z", re.DOTALL)
_LOCKED = re.compile(
    r"User (.*) not allowed because (account is locked|shell .{1,200} (?:does not exist|is not executable))\Z",
    re.DOTALL,
)
_EXCEEDED = re.compile(
    r"maximum authentication attempts exceeded for (?:(invalid user) )?(.*) from (\S{1,255}) port (\d{1,5})", re.DOTALL
)
_ROOT = re.compile(r"ROOT LOGIN REFUSED FROM (\S{1,255})(?: port (\d{1,5}))?\Z")
_REFUSED = re.compile(r"refused connect from (\S{1,400}) \((\S{1,64})\)\Z")
_DISCONNECT = re.compile(
    r"(?:error: )?Received disconnect from (\S{1,255}?)(?: port (\d{1,5}))?: ?(\d{1,3}): (.*)\Z", re.DOTALL
)
# Behind a name that may hold anything: "Connection closed by authenticating user anna 192.0.2.1 port 22".
_LEFT = re.compile(
    r"(?:Connection (?:closed|reset) by|Disconnected from) (?:(?:invalid user|authenticating user|user) (.*) (\S{1,255}) port (\d{1,5})|(\S{1,255})(?: port (\d{1,5}))?)\Z",
    re.DOTALL,
)
_SENT_OFF = re.compile(
    r" (\S{1,64}) port (\d{1,5}): (Change of username or service not allowed|Too many authentication failures)"
)
_TOO_MANY = re.compile(
    r"Disconnecting: (Too many authentication failures)(?: for (?:invalid user )?(.*))?\Z", re.DOTALL
)
_DENIED = re.compile(r"Access denied for user (.*) by (PAM account configuration)\Z", re.DOTALL)
# Who came and did not even try to sign in.
_STRANGERS = tuple(
    re.compile(pattern, re.DOTALL)
    for pattern in (
        r"(?P<why>Did not receive identification string) from (?P<host>\S{1,255})(?: port (?P<port>\d{1,5}))?\Z",
        r"(?P<why>Bad protocol version identification) .* from (?P<host>\S{1,255})(?: port (?P<port>\d{1,5}))?\Z",
        r"Unable to negotiate with (?P<host>\S{1,255}) port (?P<port>\d{1,5}): (?P<why>no matching [\w ]{1,40}) found\.",
        r"(?:banner exchange|ssh_dispatch_run_fatal): Connection from (?P<host>\S{1,255}) port (?P<port>\d{1,5}): (?P<why>.{1,200})\Z",
        r"(?P<why>Timeout before authentication) for (?:connection from )?(?P<host>\S{1,255}?)(?:, | port (?P<port>\d{1,5})| to |\Z)",
        r"drop connection #\d{1,9} from \[(?P<host>[^\]\s]{1,255})\]:(?P<port>\d{1,5}) on \S{1,64} (?P<why>.{1,200})\Z",
    )
)
_CONNECTION = re.compile(r"Connection from (\S{1,255}) port (\d{1,5})(?: on (\S{1,255}) port (\d{1,5}))?")
_CHANGED = "Change of username or service not allowed"
_HASTE = {"Bye Bye", "Normal Shutdown, Thank you for playing"}
"""What SSH libraries for programs say when they leave; before a sign-in it is a try that failed."""


def read(text: str) -> Reading | None:
    """A line of sshd; None for one that names nobody."""
    text = text.rstrip()
    preauth = text.endswith(_PREAUTH)
    if preauth:
        text = text[: -len(_PREAUTH)]
    if text.startswith("[ID ") and (found := _SOLARIS.match(text)):
        text = text[found.end() :]
    text = text.removeprefix("fatal: ")
    reader = _BY_WORD.get(text.partition(" ")[0])
    reading = reader(text, preauth) if reader is not None else None
    if reading is not None and preauth:
        reading[1]["phase"] = "preauth"
    return reading


def _tried(text: str, _: bool) -> Reading | None:
    found = _TRIED.match(text)
    if found is None:
        return None
    word, method, rest = found.groups()
    invalid = rest.startswith(("invalid user ", "illegal user "))
    if invalid:
        rest = rest[13:]
    place = _place(method, rest)
    if place is None:
        return None
    user, host, port = rest[: place.start()], place[1], number(place[2] or "")
    outcome = {"Accepted": SUCCESS, "Failed": FAILURE}.get(word)
    if outcome == FAILURE and not invalid and method in {"publickey", "none"}:
        outcome = None
    reason = "invalid user" if invalid and outcome else None
    if word == "Failed" and method == "publickey" and outcome is None:
        reason = "Failed publickey"
    return came(
        _SSHD, outcome, user, host, src_port=port, method=method,
        action="login" if outcome else None, failure_reason=reason,
    )  # fmt: skip


def _place(method: str, rest: str) -> re.Match[str] | None:
    """Where the daemon says whence. A user's name comes before and may hold the same words, so the last with a protocol counts. Only
    behind a certificate or a host's key stands something else that a client writes: then the first does that a colon follows."""
    places = list(_FROM.finditer(rest))
    full = [one for one in places if one[3]]
    if method == "hostbased" or "-CERT " in rest:
        full = [one for one in full if rest[one.end() : one.end() + 1] != " "][:1] or full
    found = full or places
    return found[-1] if found else None


def _error(text: str, preauth: bool) -> Reading | None:
    if found := _PAM.match(text):
        reason, invalid, user, host = found.groups()
        return came(_SSHD, FAILURE, user, host, action="login", failure_reason=invalid or reason, method="PAM")
    if text.startswith("error: Received"):
        return _received(text, preauth)
    return _exceeded(text.removeprefix("error: "), preauth) or _stranger(text.removeprefix("error: "), preauth)


def _exceeded(text: str, _: bool) -> Reading | None:
    if found := _EXCEEDED.match(text):
        _invalid, user, host, port = found.groups()
        return came(
            _SSHD,
            FAILURE,
            user,
            host,
            src_port=number(port),
            action="login",
            failure_reason="maximum authentication attempts exceeded",
        )
    return None


def _invalid_user(text: str, _: bool) -> Reading | None:
    if found := _INVALID.match(text):
        user, host, port = found.groups()
        return came(
            _SSHD, FAILURE, user, host, src_port=number(port or ""), action="login", failure_reason="invalid user"
        )
    return None


def _not_allowed(text: str, _: bool) -> Reading | None:
    if found := _NOT_ALLOWED.match(text):
        user, host, reason = found.groups()
        return came(_SSHD, FAILURE, user, host, action="login", failure_reason=reason)
    if found := _LOCKED.match(text):
        return came(_SSHD, None, found[1], "", failure_reason=found[2])
    return None


def _root(text: str, _: bool) -> Reading | None:
    if found := _ROOT.match(text):
        return came(
            _SSHD,
            FAILURE,
            "root",
            found[1],
            src_port=number(found[2] or ""),
            action="login",
            failure_reason="root login refused",
        )
    return None


def _refused(text: str, _: bool) -> Reading | None:
    if found := _REFUSED.match(text):
        return came(_SSHD, FAILURE, None, found[2], action="login", failure_reason="refused connect")
    return None


def _received(text: str, preauth: bool) -> Reading | None:
    found = _DISCONNECT.match(text)
    if found is None:
        return _left(text, preauth)
    host, port, code, said = found.groups()
    failed = (code == "3" and said.endswith("Auth fail")) or (code == "11" and preauth and said in _HASTE)
    return came(
        _SSHD, FAILURE if failed else None, None, host, src_port=number(port or ""),
        action="login" if failed else "disconnect", reason=said,
    )  # fmt: skip


def _left(text: str, _: bool) -> Reading | None:
    if found := _LEFT.match(text):
        user, host, port, alone, its_port = found.groups()
        return came(_SSHD, None, user, host or alone, src_port=number(port or its_port or ""), action="disconnect")
    return None


def _sent_off(text: str, _: bool) -> Reading | None:
    """`Disconnecting invalid user anna 192.0.2.1 port 22: why`: where the name and the reason's names say different addresses, none is
    given, for either may be the client's."""
    if found := _TOO_MANY.match(text):
        return came(_SSHD, None, found[2], "", action="disconnect", failure_reason=found[1])
    _before, known, rest = text.partition(" user ")
    places = list(_SENT_OFF.finditer(rest)) if known else []
    if not places:
        return None
    sure = len({one[1] for one in places}) == 1
    failed = _CHANGED in rest
    return came(
        _SSHD, FAILURE if failed else None, rest[: places[0].start()], places[0][1] if sure else "",
        src_port=number(places[0][2]) if sure else None, action="login" if failed else "disconnect",
        **{"failure_reason" if failed else "reason": places[0][3]},
    )  # fmt: skip


def _connection(text: str, preauth: bool) -> Reading | None:
    if found := _CONNECTION.match(text):
        host, port, here, at = found.groups()
        return came(
            _SSHD, None, None, host, src_port=number(port), dst_ip=here, dst_port=number(at or ""), action="connect"
        )
    return _left(text, preauth)


def _denied(text: str, _: bool) -> Reading | None:
    if found := _DENIED.match(text):
        return came(_SSHD, None, found[1], "", action="disconnect", failure_reason=found[2])
    return None


def _stranger(text: str, _: bool) -> Reading | None:
    for pattern in _STRANGERS:
        if found := pattern.match(text):
            return came(
                _SSHD, None, None, found["host"], src_port=number(found["port"] or ""), action="disconnect", reason=found["why"]
            )  # fmt: skip
    return None


_BY_WORD: Final = {
    "Accepted": _tried, "Failed": _tried, "Postponed": _tried, "Partial": _tried, "error:": _error, "maximum": _exceeded,
    "Invalid": _invalid_user, "Illegal": _invalid_user, "User": _not_allowed, "ROOT": _root, "refused": _refused,
    "Received": _received, "Connection": _connection, "Disconnected": _left, "Disconnecting": _sent_off,
    "Disconnecting:": _sent_off, "Access": _denied, "Did": _stranger, "Bad": _stranger, "Unable": _stranger, "banner": _stranger,
    "ssh_dispatch_run_fatal:": _stranger, "Timeout": _stranger, "drop": _stranger,
}  # fmt: skip


# Dropbear; some builds repeat pid and time.
_AGAIN = re.compile(r"\[\d{1,10}\] [A-Z][a-z]{2} [ \d]\d \d\d:\d\d:\d\d ")
_BAD = re.compile(r"[Bb]ad (PAM )?password attempt for '(.*)' from (\S{1,64}):(\d{1,5})\Z", re.DOTALL)
_NOBODY = re.compile(r"[Ll]ogin attempt for nonexistent user(?: '(.*)')?(?: from (\S{1,64}):(\d{1,5}))?\Z", re.DOTALL)
_OKAY = re.compile(
    r"(Password|Pubkey|PAM password) auth succeeded for '(.*)'(?: with .{1,200})? from (\S{1,64}):(\d{1,5})\Z",
    re.DOTALL,
)
_EXIT_OLD = re.compile(
    r"[Ee]xit before auth \(user '(.*)', \d{1,9} fails\): (Max auth tries reached).* from (\S{1,64}):(\d{1,5})\Z",
    re.DOTALL,
)
_EXIT = re.compile(
    r"[Ee]xit before auth from <(\S{1,64}):(\d{1,5})>: (?:\(user '(.*)', \d{1,9} fails\): )?(.*)\Z", re.DOTALL
)


def read_dropbear(text: str) -> Reading | None:
    """A line of Dropbear's, on routers and NAS boxes; None for one that names nobody."""
    text = text.rstrip()
    if text[:1] == "[" and (found := _AGAIN.match(text)):
        text = text[found.end() :]
    if found := _BAD.match(text):
        return _dropbear(FAILURE, found[2], found[3], found[4], failure_reason="bad password")
    if found := _NOBODY.match(text):
        return _dropbear(FAILURE, found[1], found[2], found[3], failure_reason="nonexistent user")
    if found := _OKAY.match(text):
        return _dropbear(SUCCESS, found[2], found[3], found[4], method=found[1].lower())
    if found := _EXIT_OLD.match(text):
        return _dropbear(FAILURE, found[1], found[3], found[4], failure_reason=found[2])
    if found := _EXIT.match(text):
        failed = found[4].startswith("Max auth tries reached")
        return _dropbear(
            FAILURE if failed else None,
            found[3],
            found[1],
            found[2],
            **{"failure_reason" if failed else "reason": found[4]},
        )
    return None


def _dropbear(outcome: str | None, user: str | None, host: str | None, port: str | None, **more: object) -> Reading:
    return came(
        _DROPBEAR,
        outcome,
        user,
        host or "",
        src_port=number(port or ""),
        action="login" if outcome else "disconnect",
        **more,
    )
