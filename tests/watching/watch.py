"""What the tests of the watch share: a few rules, and arrivals."""

import json
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from beffroi.logs.arrival import Arrival, Form
from beffroi.rules.repository import load
from beffroi.watching.understanding import Understander

BRUSSELS = ZoneInfo("Europe/Brussels")
NOON = 1_795_604_400_000_000  # 2026-11-25 11:00 UTC, in microseconds
MINUTE = 60_000_000

SHADOWS = "11111111-2222-4333-8444-000000000001"
MANY = "11111111-2222-4333-8444-000000000002"
FAILED = "11111111-2222-4333-8444-000000000003"
DOOR = "11111111-2222-4333-8444-000000000004"
REFUSED = "11111111-2222-4333-8444-000000000005"
RULES = f"""
title: Shadow copies are deleted
id: {SHADOWS}
logsource: {{product: windows, category: process_creation}}
detection:
    selection: {{CommandLine|contains: 'delete shadows'}}
    condition: selection
level: high
---
title: Many failed logins from one address
id: {MANY}
correlation:
    type: event_count
    rules: [{FAILED}]
    group-by: [IpAddress]
    timespan: 10m
    condition: {{gte: 3}}
level: critical
---
title: A failed login
id: {FAILED}
logsource: {{product: windows, service: security}}
detection:
    selection: {{EventID: 4625}}
    condition: selection
level: low
---
title: The door is open
id: {DOOR}
logsource: {{product: linux, service: auth}}
detection:
    selection: {{message|contains: 'door is open'}}
    condition: selection
level: medium
---
title: Somebody was not let in
id: {REFUSED}
logsource: {{product: linux, service: sshd}}
detection:
    selection: {{outcome: failure}}
    condition: selection
level: low
"""


def rules(folder: Path, text: str = RULES) -> Path:
    """A folder with these rules."""
    folder.mkdir(exist_ok=True)
    (folder / "own.yml").write_text(text)
    return folder


def understander(folder: Path, text: str = RULES) -> Understander:
    return Understander(load([rules(folder, text)]), BRUSSELS)


def iso(micros: int) -> str:
    from beffroi.detect.values import iso_of

    return iso_of(micros)


def windows(number: int, event: int = 4688, at: int = NOON, **data: str) -> bytes:
    """An event as evtx-dump writes it; of the Security log."""
    system = {
        "Provider": {"#attributes": {"Name": "Microsoft-Windows-Security-Auditing"}}, "EventID": event,
        "Channel": "Security", "Computer": "PC-ACCUEIL", "EventRecordID": number,
        "TimeCreated": {"#attributes": {"SystemTime": iso(at)}}, "Level": 0, "Task": 0,
    }  # fmt: skip
    return json.dumps({"Event": {"System": system, "EventData": data}}).encode()


def shadows(number: int, at: int = NOON) -> bytes:
    return windows(number, 4688, at, CommandLine="vssadmin delete shadows /all", NewProcessName="C:\\vssadmin.exe")


def failed(number: int, at: int = NOON, address: str = "203.0.113.9") -> bytes:
    return windows(number, 4625, at, IpAddress=address, TargetUserName="anna")


def arrival(
    *messages: bytes, form: Form = Form.WINDOWS, source: str = "s-one", arrived: int = NOON, **more: Any
) -> Arrival:
    return Arrival(arrived, source, "bulk", "192.0.2.7", form, list(messages), **more)
