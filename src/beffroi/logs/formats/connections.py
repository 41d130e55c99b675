"""What the lines of one connection to sshd say together: each try to sign in is one failure, whether several lines speak of it or none
says it alone.

A reader knows one line, and OpenSSH (auth.c, auth2.c, monitor.c, auth-pam.c) spreads a try over several of the same process:

- "Invalid user", "error: PAM:" and "Failed password" may be the same try: the first tells it, the others repeat it. So do the lines at
  the end of a connection ("maximum attempts exceeded", "Bye Bye").
- Refused keys, PAM's own word and "Too many authentication failures" leave open whether anybody failed: somebody offers every key he
  has, of several PAM modules the second lets him in. It was a failure where the connection ends before its sign-in, or where the same
  connection goes on as somebody else.

`step` is pure: a connection as it was and a line → as it is, and what the line tells. `Connections` keeps them, bounded in number and
age, whoever opens how many. What is not remembered (after a restart without state, in a flood, for lines that come late) leaves what a
line says alone: more failures than tries, or those untold that need the lines before.
"""

from collections.abc import Sequence
from typing import Final

import msgspec
from msgspec.structs import replace

from beffroi.core.model import Fields, LogSource
from beffroi.logs.formats.common import FAILURE, SUCCESS
from beffroi.logs.formats.normal import Normalised
from beffroi.logs.formats.services.origin import AUTH

ENTRIES: Final = 2_048
"""Connections that are remembered, those last heard of: twenty machines that each hold as many strangers as OpenSSH lets in at once
(MaxStartups, 100)."""
AGE: Final = 600_000_000
"""Microseconds, either way, after which a process of the same number is another: OpenSSH gives a sign-in two minutes."""
PROGRAMS: Final = frozenset({"sshd", "sshd-session", "sshd-auth"})
REPEATS: Final = (
    100  # failures of which one line speaks (rsyslog's "message repeated", sudo's attempts) that are told one by one
)
LONGEST: Final = 255  # signs of a text that is remembered
_SSHD: Final = LogSource("linux", None, "sshd")
EXCEEDED: Final = "maximum authentication attempts exceeded"
NAMED, TRIED = "named", "tried"


class Connection(msgspec.Struct, array_like=True, frozen=True):
    """What is remembered of a connection before its sign-in. `heard` is the time of its last line, in microseconds since 1970."""

    heard: int
    origin: dict[str, str | int] = {}
    """Whence, under the names of fields: `src_ip`, `src_host`, `src_port`."""
    told: bool = False
    """A failure was told."""
    expected: str = ""
    """Of the try that was told last more lines may come: it was told of its name (NAMED: "Invalid user"), or by PAM (TRIED)."""
    untold: str = ""
    """Why a try failed that was not told, in sshd's words."""
    user: str | None = None
    """Whose."""


def step(before: Connection, fields: Fields) -> tuple[Connection | None, Fields, Fields | None]:
    """(the connection after a line, None at its end; the line's fields; those of an earlier try that now turns out to have failed)."""
    outcome, user, why = fields.get("outcome"), _text(fields, "username"), _text(fields, "failure_reason")
    now = replace(before, origin=before.origin | _origin(fields))
    if outcome == SUCCESS:
        return None, fields, _earlier(now, user)
    if outcome == FAILURE:
        return _failure(now, fields)
    if fields.get("action") == "disconnect":
        return _end(now, fields)
    if why is None:
        return now, fields, None
    return replace(now, untold=why, user=user or now.user), fields, _earlier(now, user)


def _failure(now: Connection, fields: Fields) -> tuple[Connection | None, Fields, None]:
    """A line that says by itself that somebody failed: it tells a try, or repeats one that was told."""
    method = _text(fields, "method")
    if "reason" in fields or fields.get("failure_reason") == EXCEEDED:
        again, expected = now.told, ""
    elif method is None:
        again, expected = False, NAMED
    elif method == "PAM":
        again, expected = now.expected == NAMED, TRIED
    elif method == "none":  # with which every client begins, to hear what there is
        again, expected = now.told, now.expected
    else:
        again, expected = now.expected == NAMED or (now.expected == TRIED and method.startswith("keyboard-")), ""
    if again:
        fields = {name: value for name, value in fields.items() if name != "outcome"}
    after = None if "reason" in fields else replace(now, told=True, expected=expected, untold="", user=None)
    return after, fields, None


def _end(now: Connection, fields: Fields) -> tuple[Connection | None, Fields, None]:
    """The connection ends: whoever tried and was not let in has failed."""
    user = _text(fields, "username") or now.user
    why = now.untold if now.told else _text(fields, "failure_reason") or now.untold
    if not why or not ("failure_reason" in fields or fields.get("phase") == "preauth"):
        return None, fields, None
    if "src_ip" not in now.origin and "src_host" not in now.origin:  # the next line may say whence
        return replace(now, untold=why, user=user), fields, None
    return None, {**_failed(why, user, now.origin), **fields, "outcome": FAILURE, "action": "login"}, None


def _earlier(now: Connection, user: str | None) -> Fields | None:
    """The failure of the one who tried before, where somebody else goes on."""
    if not now.untold or now.user is None or user is None or _plain(now.user) == _plain(user):
        return None
    return _failed(now.untold, now.user, now.origin)


def _plain(name: str) -> str:
    r"""A name without its directory, which writes it in several ways: `HOUSE\anna`, `Anna@house.example`."""
    return name.casefold().rpartition("\\")[2].partition("@")[0]


def _failed(why: str, user: str | None, origin: Fields) -> Fields:
    named = {} if user is None else {"username": user}
    return {**origin, **named, "outcome": FAILURE, "action": "login", "failure_reason": why}


def _text(fields: Fields, name: str) -> str | None:
    """A field's text as it is remembered; None for what a shipper wrote there that is none."""
    value = fields.get(name)
    return value[:LONGEST] if isinstance(value, str) else None


def _origin(fields: Fields) -> dict[str, str | int]:
    found = {name: _text(fields, name) for name in ("src_ip", "src_host")} | {"src_port": _port(fields.get("src_port"))}
    return {name: value for name, value in found.items() if value is not None}


def _port(value: object) -> int | None:
    return value if isinstance(value, int) and 0 <= value < 1 << 16 else None


class Connections:
    """What is remembered of connections, by source, machine and process. Not for two threads at once."""

    def __init__(self) -> None:
        self._kept: dict[tuple[str, str, str], Connection] = {}

    def hear(self, source: str, event: Normalised, time: int) -> list[Normalised]:
        """What an event of a source tells: itself first, then other events that it tells of, which have the same time and place and
        no words of their own. `time` is the event's, else its arrival, in microseconds since 1970."""
        told = self._told(source, event, time)
        times = event.fields.get("repeated")
        if isinstance(times, int) and times > 1 and event.fields.get("outcome") == FAILURE:
            unsaid = {name: value for name, value in event.fields.items() if name != "message"}
            for _ in range(min(times, REPEATS) - 1):
                told += self._told(source, event._replace(fields=unsaid), time)
        return told

    def _told(self, source: str, event: Normalised, time: int) -> list[Normalised]:
        if event.pid is None or _text(event.fields, "program") not in PROGRAMS:
            return [event]
        key = (source, (event.host or "")[:LONGEST], event.pid[:LONGEST])
        fresh = Connection(time)
        before = self._kept.pop(key, fresh)
        after, fields, earlier = step(fresh if _another(before, event.fields, time) else before, event.fields)
        if after is not None and after != fresh:
            self._keep(key, replace(after, heard=time))
        told = [event if fields is event.fields else event._replace(fields=fields)]
        if earlier is not None:
            where: Fields = {name: event.fields[name] for name in ("hostname", "program") if name in event.fields}
            told.append(
                event._replace(
                    logsource=_SSHD if event.logsource == AUTH else event.logsource, fields={**where, **earlier}
                )
            )
        return told

    def _keep(self, key: tuple[str, str, str], connection: Connection) -> None:
        self._kept[key] = connection
        if len(self._kept) > ENTRIES:
            del self._kept[next(iter(self._kept))]

    def state(self) -> list[tuple[tuple[str, str, str], Connection]]:
        """All that is remembered, to go on from later."""
        return list(self._kept.items())

    def restore(self, state: Sequence[tuple[tuple[str, str, str], Connection]]) -> None:
        """Go on from a state."""
        self._kept = dict(state[-ENTRIES:])


def _another(before: Connection, fields: Fields, time: int) -> bool:
    """Whether a line is another connection's: the system gives the numbers of processes again."""
    if fields.get("action") == "connect" or abs(time - before.heard) > AGE:
        return True
    origin = _origin(fields)
    return any(
        name in origin and before.origin.get(name, origin[name]) != origin[name] for name in ("src_ip", "src_port")
    )
