"""Windows events for whole houses, and a rule that fires on them."""

import time
import zipfile
from pathlib import Path
from typing import Any

from beffroi.cli.main import main

RULE_ID = "11111111-2222-4333-8444-0000000000a1"
RULE = f"""
title: A failed login
id: {RULE_ID}
logsource: {{product: windows, service: security}}
detection:
    selection: {{EventID: 4625}}
    condition: selection
level: low
"""


def failed_login(number: int, name: str) -> dict[str, Any]:
    """An event as evtx-dump writes it; `number` is its record's."""
    system = {
        "Provider": {"#attributes": {"Name": "Microsoft-Windows-Security-Auditing"}}, "EventID": 4625,
        "Channel": "Security", "Computer": "PC-ACCUEIL", "EventRecordID": number, "Level": 0, "Task": 0,
        "TimeCreated": {"#attributes": {"SystemTime": time.strftime("%Y-%m-%dT%H:%M:%S.000000Z", time.gmtime())}},
        "Keywords": "0x8010000000000000",
    }  # fmt: skip
    return {"Event": {"System": system, "EventData": {"TargetUserName": name, "IpAddress": "203.0.113.9"}}}


def load_rule(folder: Path) -> Path:
    """A data folder into which somebody loaded the rule."""
    with zipfile.ZipFile(folder / "rules.zip", "w") as archive:
        archive.writestr("own.yml", RULE)
    config = folder / "beffroi.toml"
    config.write_text(f'[paths]\ndata = "{folder / "data"}"\n')
    assert main(["rules", "update", "--from", str(folder / "rules.zip"), "--config", str(config), "-q"]) == 0
    return folder / "data"
