"""What an event leaves of who did it: the entities a person is shown, and the ties that hold events of one attack together.

Pure: the fields of an event in, `Traces` out. A *tie* is something that two events can only share if one hand did both: a process
(Sysmon's GUID, or a number on a machine), a sign-in session, an address that came in, a program file by its hash. A machine is
no tie: in a house many things happen on one. Names of fields are Windows' and Sysmon's own, and those of docs/fields.md.
"""

import hashlib
import re
from collections.abc import Iterable, Iterator
from functools import lru_cache
from typing import Any, Final

import msgspec

from beffroi.core.model import Fields
from beffroi.detect.values import address_of, number_of, text_of

LONGEST: Final = 255  # characters of a value that is kept
MOST: Final = 24  # entities of one event

CLEARED: Final = frozenset({"attack.t1070.001", "attack.t1685.005"})
"""ATT&CK's technique "clear Windows event logs", before and after its renumbering."""


class Entity(msgspec.Struct, array_like=True, frozen=True):
    """A machine, account, address, program, file or share, and its part in the event.

    Kinds: "host", "account", "address", "process", "file", "share". Roles: "actor" (did it), "origin" (it came from there), "target" (it
    was done to it), "tool" (it was done with it).
    """

    kind: str
    value: str
    role: str


class Tie(msgspec.Struct, array_like=True, frozen=True):
    """What events of one attack share. `kind` names the window within which it holds (strands.py)."""

    kind: str
    value: str


class Traces(msgspec.Struct, array_like=True, frozen=True):
    """All of it. `loose` events name an account without saying that it is the attacker's: somebody who wipes the traces of
    another, or a sign-in that came from the machine itself."""

    entities: tuple[Entity, ...] = ()
    ties: tuple[Tie, ...] = ()
    loose: bool = False
    detail: str = ""
    """A digest of what exactly was done (program and command, file, registry key), so that its repetition is known again."""
    refused: bool = False
    """A sign-in that was tried in vain: nobody came in."""


def traces_of(host: str | None, fields: Fields, tags: Iterable[str] = ()) -> Traces:
    """What an event leaves; `host` is the machine that it is about, `tags` those of the rule that held for it."""
    return loosened(_traces_of(host, fields), tags)


def loosened(traces: Traces, tags: Iterable[str]) -> Traces:
    """The traces of an event as a rule with these tags sees them: many rules may hold for one."""
    if traces.loose or CLEARED.isdisjoint(tags):
        return traces
    return msgspec.structs.replace(traces, loose=True)


def _traces_of(host: str | None, fields: Fields) -> Traces:
    look = _Look(fields)
    machine = host_name(host) or host_name(look.text("Computer"))
    ties = tuple(dict.fromkeys(_ties(look, machine)))
    origins = list(dict.fromkeys(_origins(look)))
    actors, targets = _accounts(look)
    entities = [Entity("host", machine, "target")] if machine else []
    entities += [Entity("address", each, "origin") for each in origins]
    entities += [Entity("account", each, "actor") for each in actors]
    entities += [Entity("account", each, "target") for each in targets]
    entities += _things(look)
    return Traces(
        tuple(dict.fromkeys(entities))[:MOST],
        (*ties, *(Tie("address", each) for each in origins)),
        _loose(look, from_elsewhere=bool(origins)),
        _detail(look),
        look.event in _REFUSED or _is_failure(look),
    )


Hand = tuple[str | None, str | None, str | None, str | None]
"""What several events can have in common: machine, account that acted, address it came from, sign-in session; None where an event names none,
or several."""


def hand_of(host: str | None, fields: Fields) -> Hand:
    """The hand that an event shows, as a correlation remembers it."""
    look = _Look(fields)
    name = host or look.text("Computer")
    machine = host_name(name)
    found = (_accounts(look)[0], list(_origins(look)), list(_sessions(look, machine)) if machine else [])
    account, address, session = (each[0] if len(set(each)) == 1 else None for each in found)
    return name[:LONGEST] if name else None, account, address, session


def common_hand(hands: Iterable[Hand]) -> Hand:
    """What several events have in common."""
    seen = list(hands)
    if not seen:
        return None, None, None, None
    hosts, accounts, addresses, sessions = map(list, zip(*seen, strict=True))
    host, address, session = map(_common, (hosts, addresses, sessions))
    # Tries from an address name nobody who acted, and the sign-in that they end in does: it is the only one who did.
    account = _common([each for each in accounts if each is not None] if address else accounts)
    if host is None and len({host_name(each[0]) for each in seen}) == 1:
        host = seen[0][0]  # one source writes its name with the domain
    return host, account, address, session


def tie_of_event(own: str) -> Tie:
    """What ties a match to the firing that its event completed; `own` is what makes the event that event."""
    return Tie("event", hashlib.blake2b(own.encode("utf-8", "surrogatepass"), digest_size=8).hexdigest())


def traces_of_firing(group: Fields, hand: Hand, tags: Iterable[str] = (), completing: Iterable[str] = ()) -> Traces:
    """What a correlation's firing leaves: what it was grouped by, the hand that all events behind it show, and the events that made it true
    (`completing`, what makes each that event): whose they are it is."""
    host, account, address, session = hand
    traces = traces_of(host, group, tags)
    entities = [Entity("address", address, "origin")] if address else []
    entities += [Entity("account", account, "actor")] if account else []
    ties = [Tie("address", address)] if address else []
    ties += [Tie("session", session)] if session else []
    ties += map(tie_of_event, completing)
    return msgspec.structs.replace(
        traces,
        entities=tuple(dict.fromkeys((*traces.entities, *entities)))[:MOST],
        ties=tuple(dict.fromkeys((*traces.ties, *ties))),
    )


def _common(values: list[str | None]) -> str | None:
    return values[0] if len(set(values)) == 1 else None


@lru_cache(maxsize=4_096)
def host_name(name: str | None) -> str:
    """A machine's name as it is compared: without its domain, in small letters; an address stays whole."""
    if not name:
        return ""
    name = name.strip().lower()[:LONGEST]
    return name if address_of(name) is not None else name.partition(".")[0]


@lru_cache(maxsize=4_096)
def account_name(name: str | None) -> str | None:
    """An account as it is compared: without its domain, in small letters; None for the system's own and for machines'."""
    if not name:
        return None
    own = name.strip().lower().rpartition("\\")[2].partition("@")[0][:LONGEST]
    if own in _SYSTEM or own.endswith("$") or own.startswith(("dwm-", "umfd-")):
        return None
    return own


class _Look:
    """Fields, looked up as text."""

    def __init__(self, fields: Fields) -> None:
        self._fields = fields

    def text(self, *names: str) -> str | None:
        """The first of these fields that has a value."""
        for name in names:
            value = self._fields.get(name)
            if value is None:
                continue
            text = value if value.__class__ is str else text_of(value)
            if isinstance(text, str) and text not in ("", "-"):
                return text
        return None

    def number(self, name: str) -> int | None:
        value: Any = self._fields.get(name)
        if value is None:
            return None
        if isinstance(value, str):
            value = number_of(value)
        return value if isinstance(value, int) and not isinstance(value, bool) else None

    @property
    def event(self) -> int | None:
        return self.number("EventID")


# --- ties -------------------------------------------------------------------------------------------------------------------------


def _ties(look: _Look, machine: str) -> Iterator[Tie]:
    if not machine:
        return
    for guid, image in (
        ("ProcessGuid", "Image"),
        ("ParentProcessGuid", "ParentImage"),
        ("SourceProcessGUID", "SourceImage"),
        ("SourceProcessGuid", "SourceImage"),
        ("TargetProcessGUID", "TargetImage"),
        ("TargetProcessGuid", "TargetImage"),
    ):
        process = look.text(guid)
        if process is not None and process.strip("{}0-") and _file(look.text(image)) not in _OF_ALL:
            yield Tie("process", f"{machine} {process.lower()[:64]}")
    if look.event == 4688:
        # Numbers of processes come again, so they hold for a short while only. Where a rule sees the event as Sysmon's (logsources.py), its
        # ProcessId is the new process's own; the event itself calls the parent's so.
        parent = "ParentProcessId" if look.text("ParentProcessId") else "ProcessId"
        for name, image in (("NewProcessId", "NewProcessName"), (parent, "ParentProcessName")):
            given = look.number(name)
            if given is not None and _file(look.text(image)) not in _OF_ALL:
                yield Tie("process number", f"{machine} {given:#x}")
    yield from (Tie("session", each) for each in _sessions(look, machine))
    hashed, program = look.text("Hashes"), look.text("Image")
    if hashed and program and not program.lower().startswith(_INSTALLED):
        digests = dict(_DIGEST.findall(hashed))
        digest = digests.get("SHA256") or digests.get("SHA1") or digests.get("MD5")
        if digest:
            yield Tie("program", digest.lower())


def _sessions(look: _Look, machine: str) -> Iterator[str]:
    for name in ("LogonId", "SubjectLogonId", "TargetLogonId"):
        session = look.number(name)
        if session is not None and session not in _SYSTEM_SESSIONS:
            yield f"{machine} {session:#x}"
    for name in ("session_id", "queue_id"):
        own = look.text(name)
        if own is not None:
            yield f"{machine} {own[:64]}"


def _origins(look: _Look) -> Iterator[str]:
    """Addresses that it came from, without the machine's own."""
    # A connection that Windows' filter saw names this machine first: it is no guest.
    if look.event in (3, 5156, 5157, 5158):
        return
    for name in ("IpAddress", "ClientAddress", "SourceIp", "SourceAddress", "src_ip", "c-ip", "ClientIP"):
        text = look.text(name)
        address = _guest(text) if text is not None else None
        if address is not None:
            yield address


@lru_cache(maxsize=4_096)
def _guest(text: str) -> str | None:
    """An address as it is compared; None for what is none, and for the machine's own."""
    address = address_of(text.removeprefix("::ffff:"))
    if address is None or address.is_loopback or address.is_link_local or address.is_unspecified:
        return None
    return str(address)


# --- who and what -----------------------------------------------------------------------------------------------------------------

_FAILED = frozenset({4625, 4771, 4768, 4776})
_REFUSED = frozenset({4625, 4771})
_OPENED = frozenset({4624, 4648, 4769})


def _accounts(look: _Look) -> tuple[list[str], list[str]]:
    """(accounts that acted, accounts that it was tried or done to). A name that somebody merely tries is not theirs."""
    event = look.event
    failed = event in _FAILED or _is_failure(look)
    actors: list[str] = []
    targets: list[str] = []
    for name in (
        "User",
        "SourceUser",
        "SubjectUserName",
        "username",
        "by_user",
        "cs-username",
        "UserId",
        "Detection User",
    ):
        account = account_name(look.text(name))
        if account is not None:
            (targets if failed and name in ("username", "cs-username", "UserId") else actors).append(account)
    for name in ("TargetUserName", "target_user", "MemberName"):
        account = account_name(look.text(name))
        if account is not None:
            (actors if event in _OPENED and name == "TargetUserName" else targets).append(account)
    return list(dict.fromkeys(actors)), [each for each in dict.fromkeys(targets) if each not in actors]


def _is_failure(look: _Look) -> bool:
    return look.text("outcome") == "failure" or look.text("ResultStatus") == "Failed"


def _things(look: _Look) -> Iterator[Entity]:
    for names, kind, role in (
        (("Image", "NewProcessName", "ProcessName", "SourceImage"), "process", "tool"),
        (("TargetImage",), "process", "target"),
        (("TargetFilename", "RelativeTargetName"), "file", "target"),
        (("ShareName", "share"), "share", "target"),
    ):
        text = look.text(*names)
        if text is not None:
            yield Entity(kind, text[:LONGEST], role)


def _loose(look: _Look, *, from_elsewhere: bool) -> bool:
    if look.event in (1102, 104):
        return True
    return look.event in (4624, 4625, 4648, 5140, 5145) and not from_elsewhere


def _detail(look: _Look) -> str:
    parts = [
        look.text("Image", "NewProcessName") or "",
        look.text("CommandLine", "TargetObject", "TargetFilename", "RelativeTargetName", "Filename", "c-uri") or "",
    ]
    if not any(parts):
        return ""
    return hashlib.blake2b("\0".join(parts).lower().encode("utf-8", "replace"), digest_size=8).hexdigest()


def _file(path: str | None) -> str:
    return (path or "").replace("/", "\\").rpartition("\\")[2].lower()


_DIGEST: Final = re.compile(r"(SHA256|SHA1|MD5)=([0-9A-Fa-f]{2,64})")
"""A program's digests as Sysmon writes them."""

_SYSTEM: Final = frozenset(
    ("", "-", "system", "local service", "network service", "anonymous logon", "window manager", "lokaler dienst",
     "netzwerkdienst", "système", "service local", "service réseau", "lokale service", "netwerkservice", "(unknown)")
)  # fmt: skip
"""Accounts of the system itself, as the Windows of our languages call them."""

_SYSTEM_SESSIONS: Final = frozenset({0, 0x3E3, 0x3E4, 0x3E5, 0x3E7})
"""Sessions of anonymous, network service, local service and system: everybody's."""

_OF_ALL: Final = frozenset(
    ("explorer.exe", "services.exe", "svchost.exe", "winlogon.exe", "wininit.exe", "lsass.exe", "userinit.exe", "taskhostw.exe",
     "taskhost.exe", "taskeng.exe", "csrss.exe", "smss.exe", "system", "sihost.exe", "dllhost.exe", "wmiprvse.exe", "spoolsv.exe",
     "dwm.exe", "runtimebroker.exe")
)  # fmt: skip
"""Programs that start, or are touched by, what has nothing to do with each other."""

_INSTALLED: Final = ("c:\\windows\\", "c:\\program files\\", "c:\\program files (x86)\\")
