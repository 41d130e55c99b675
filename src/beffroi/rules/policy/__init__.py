"""What Windows records: as it comes, with the policy that Beffroi recommends, and with Sysmon besides; and what each lets rules see.

The policy is one file, `beffroi-audit.ps1`, which a provider starts and can take back. It is read here too, so that what is counted
is what it sets. `windows.py` says which event comes of what.
"""

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final, NamedTuple

from beffroi.detect.logsources import POWERSHELL, SECURITY, SYSMON
from beffroi.rules.policy.windows import (
    ALWAYS,
    COMMON,
    ELSEWHERE,
    OF_PROGRAMS,
    OF_SECURITY,
    OF_SYSMON,
    SCRIPTS,
    SUBCATEGORIES,
    SWITCHED_ON,
    TAIL,
)

SCRIPT: Final = Path(__file__).with_name("beffroi-audit.ps1")
POLICIES: Final = ("default", "recommended", "sysmon")
"""As Windows comes; with the script; with the script and Sysmon, all its events."""

_SUBJECT: Final = "SubjectUserSid SubjectUserName SubjectDomainName SubjectLogonId"


class Audited(NamedTuple):
    """A line of the script's audit policy."""

    guid: str
    name: str
    recorded: str
    """"S", "F" or "SF"."""
    why: str


class Value(NamedTuple):
    """A value of the registry that the script sets, and why."""

    key: str
    name: str
    kind: str
    content: str
    why: str


class Log(NamedTuple):
    """A log that the script gives room, in MiB."""

    channel: str
    size: int


_AUDIT: Final = re.compile(
    r"# (?P<name>[^:\n]+): (?P<why>[^\n]+)\n +@\('\{(?P<guid>[0-9A-F-]{36})\}', '(?P<what>[A-Za-z, ]+)'\)"
)
_VALUE: Final = re.compile(
    r"# (?P<why>[^\n]+)\n +@\('(?P<key>S[^']+)', '(?P<name>[^']+)', '(?P<kind>DWord|String)', '?(?P<content>[^')]+)'?\)"
)
_LOG: Final = re.compile(r"@\('(?P<channel>[^']+)', (?P<size>\d+)mb\)")


def script() -> str:
    """The text of the script."""
    return SCRIPT.read_text("ascii")


def audited() -> list[Audited]:
    """What of the Security log the script has recorded."""
    return [
        Audited(
            each["guid"], each["name"], ("S" if "Success" in each["what"] else "") + ("F" if "Failure" in each["what"] else ""), each["why"]
        )
        for each in _AUDIT.finditer(script())
    ]  # fmt: skip


def values() -> list[Value]:
    """What it sets in the registry."""
    return [
        Value(each["key"], each["name"], each["kind"], each["content"], each["why"])
        for each in _VALUE.finditer(script())
    ]


def logs() -> list[Log]:
    """The logs it gives room."""
    return [Log(each["channel"], int(each["size"])) for each in _LOG.finditer(script())]


def comes(policy: str) -> Mapping[tuple[str, int], frozenset[str]]:
    """(channel, event number) → fields of all that a house of Windows machines sends under one of POLICIES."""
    return dict(_comes(policy))


def _comes(policy: str) -> Iterator[tuple[tuple[str, int], frozenset[str]]]:
    recorded = {guid: each.usual for guid, each in SUBCATEGORIES.items()}
    set_here = {(value.key.rsplit("\\", 2)[1], value.name) for value in values()} if policy != "default" else set()
    if policy != "default":
        for line in audited():
            own = line.guid.removesuffix(TAIL)
            recorded[own] = "".join(sorted({*recorded[own], *line.recorded}, reverse=True))
    for number in sorted({*ALWAYS, *_numbers(recorded)}):
        fields = OF_SECURITY.get(number, _SUBJECT)
        if number == 4688 and ("System", "ProcessCreationIncludeCmdLine_Enabled") in set_here:
            fields += " CommandLine"
        yield (SECURITY, number), _names(fields.split(" "))
    for channel, events in (ELSEWHERE | OF_PROGRAMS | ({} if policy == "default" else SWITCHED_ON)).items():
        for number, own in events.items():
            yield (channel, number), _names(own.split("|"))
    for number, name in ((4103, "EnableModuleLogging"), (4104, "EnableScriptBlockLogging")):
        if ("PowerShell", name) in set_here:  # PowerShell 7 has keys of its own, under another name
            yield (POWERSHELL[0], number), _names(SCRIPTS[number].split("|"))
    if policy == "sysmon":
        for number, own in OF_SYSMON.items():
            yield (SYSMON, number), _names(own.split(" "))


def _numbers(recorded: Mapping[str, str]) -> Iterator[int]:
    for guid, what in recorded.items():
        if "S" in what:
            yield from SUBCATEGORIES[guid].success
        if "F" in what:
            yield from SUBCATEGORIES[guid].failure


def _names(own: list[str]) -> frozenset[str]:
    return frozenset([*COMMON.split(" "), *own]) - {""}
