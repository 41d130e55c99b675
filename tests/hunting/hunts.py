"""A few rules, a few events and short ways to hunt with them."""

import json
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import orjson

from beffroi.core.model import Fields
from beffroi.hunting import Outcome, Request, hunt

BRUSSELS = ZoneInfo("Europe/Brussels")
START = datetime(2026, 11, 23, 2, 14, tzinfo=UTC)
SYSMON = "Microsoft-Windows-Sysmon/Operational"

WHOAMI = """\
title: Somebody asks who they are
id: 11111111-1111-4111-8111-111111111111
level: medium
tags: [attack.discovery, attack.t1033]
logsource: {product: windows, category: process_creation}
detection:
  selection:
    CommandLine|contains: whoami
  condition: selection
"""

CLEARED = """\
title: A log was cleared
id: 22222222-2222-4222-8222-222222222222
level: high
tags: [attack.execution, attack.defense-impairment, attack.t1685.005]
logsource: {product: windows, service: security}
detection:
  selection:
    EventID: 1102
  condition: selection
"""

FAILED = """\
title: A sign-in failed
id: 33333333-3333-4333-8333-333333333333
name: failed
level: low
logsource: {product: windows, service: security}
detection:
  selection:
    EventID: 4625
  condition: selection
"""

GUESSED = """\
title: Passwords are guessed
id: 44444444-4444-4444-8444-444444444444
level: critical
tags: [attack.credential-access]
correlation:
  type: event_count
  rules: [failed]
  group-by: [Computer, TargetUserName]
  timespan: 10m
  condition: {gte: 3}
"""

SUDO = """\
title: Somebody becomes root
id: 55555555-5555-4555-8555-555555555555
level: informational
logsource: {product: linux, service: auth}
detection:
  selection:
    message|contains: 'session opened for user root'
  condition: selection
"""

SERVERS = """\
title: A server is signed in to
id: 66666666-6666-4666-8666-666666666666
level: low
logsource: {product: windows, service: security}
detection:
  selection:
    EventID: 4624
    WorkstationName|expand: '%Servers%'
  condition: selection
"""

ALL = {
    "whoami": WHOAMI, "cleared": CLEARED, "guessed": f"{FAILED}---\n{GUESSED}", "sudo": SUDO, "servers": SERVERS,
}  # fmt: skip


def rules(folder: Path, **texts: str) -> Path:
    """A folder of rules, each a file of its name; all of the above where none is given."""
    folder.mkdir(exist_ok=True)
    for name, text in (texts or ALL).items():
        (folder / f"{name}.yml").write_text(text, "utf-8")
    return folder


def event(number: int = 1, *, seconds: float = 0, **fields: Any) -> Fields:
    """One flat Windows event: a harmless process unless `fields` say otherwise, `seconds` after the night began."""
    when = (START + timedelta(seconds=seconds)).isoformat().replace("+00:00", "Z")
    own = {
        "Channel": SYSMON,
        "EventID": 1,
        "Computer": "PC-ACCUEIL",
        "Provider_Name": "Microsoft-Windows-Sysmon",
        "EventRecordID": number,
        "TimeCreated": when,
    }
    return own | (fields or {"Image": "C:\\Windows\\notepad.exe", "CommandLine": "notepad"})


def whoami(number: int = 1, **fields: Any) -> Fields:
    return event(number, **{"Image": "C:\\Windows\\System32\\whoami.exe", "CommandLine": "whoami /all"} | fields)


def failed(number: int, *, seconds: float, who: str = "odette", **fields: Any) -> Fields:
    return event(number, seconds=seconds, Channel="Security", EventID=4625, TargetUserName=who, **fields)


def write(path: Path, events: Iterable[Fields]) -> Path:
    """The events as JSON lines."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(json.dumps(each) + "\n" for each in events), "utf-8")
    return path


def hunted(paths: Sequence[Path], rules: Sequence[Path], **options: Any) -> tuple[list[dict[str, Any]], Outcome]:
    """(matches, outcome) of a hunt."""
    lines, outcome = raw(paths, rules, **options)
    return [orjson.loads(line) for line in lines], outcome


def raw(paths: Sequence[Path], rules: Sequence[Path], **options: Any) -> tuple[list[bytes], Outcome]:
    """The same, with the matches as the lines they are."""
    lines: list[bytes] = []
    outcome = hunt(Request(paths=paths, zone=BRUSSELS, rules=rules, **options), lines.append)
    return lines, outcome
