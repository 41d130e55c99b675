"""What the benchmarks read: recordings and rules of the corpus, repeated, changed and chosen. Made in a temporary folder at run
time; nothing of it ever enters the project.

Flat JSON lines are the shape in which peers can be compared: one object an event with the fields of System, EventData or
UserData side by side, and the hints `product`, `service` and `category` that RSigma's routing reads. No two events are equal, for
in life none are: `alike` gives each its own times, record number, process and session identifiers; `differ` makes every longer
value its own besides.
"""

import hashlib
import json
import os
import re
import shutil
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, Literal

from evtx import PyEvtxParser

ROOT = Path(__file__).resolve().parent.parent
EVENTS = 130_000
"""The least number of events of a full run."""

Mode = Literal["alike", "differ"]

_SYSMON = "Microsoft-Windows-Sysmon/Operational"
_POWERSHELL = "Microsoft-Windows-PowerShell/Operational"
_CATEGORIES = {
    1: "process_creation", 2: "file_change", 3: "network_connection", 5: "process_termination", 6: "driver_load",
    7: "image_load", 8: "create_remote_thread", 9: "raw_access_thread", 10: "process_access", 11: "file_event",
    12: "registry_event", 13: "registry_set", 14: "registry_rename", 15: "create_stream_hash", 17: "pipe_created",
    18: "pipe_created", 19: "wmi_event", 20: "wmi_event", 21: "wmi_event", 22: "dns_query", 23: "file_delete",
    25: "process_tampering", 26: "file_delete",
}  # fmt: skip
_SERVICES = {
    "Security": "security",
    "System": "system",
    "Application": "application",
    _SYSMON: "sysmon",
    _POWERSHELL: "powershell",
    "Windows PowerShell": "powershell-classic",
    "Microsoft-Windows-TaskScheduler/Operational": "taskscheduler",
    "Microsoft-Windows-Windows Defender/Operational": "windefend",
    "Microsoft-Windows-WMI-Activity/Operational": "wmi",
    "Microsoft-Windows-TerminalServices-LocalSessionManager/Operational": "terminalservices-localsessionmanager",
    "Microsoft-Windows-Bits-Client/Operational": "bits-client",
}
KEPT = frozenset({"Channel", "Provider_Name", "TimeCreated", "product", "service", "category"})
OWN = re.compile(r"(Process|Thread)I[dD]$|(Process|Logon|Source|Target)(Process)?G(uid|UID)$|^SourcePort$")
LONG = 12  # characters from which a value is taken for one of many


def corpus() -> Path | None:
    """The folder of real data, found as the tests find it; None where there is none."""
    folder = Path(os.environ.get("BEFFROI_CORPUS") or ROOT.parent / "shared" / "corpus")
    return folder.resolve() if folder.is_dir() else None


# --- recordings ----------------------------------------------------------------------------------------------------


def repeated(recordings: Path, folder: Path, copies: int) -> Path:
    """So many copies of every EVTX file under `recordings`, each in a folder of its own."""
    for number in range(copies):
        for path in sorted(recordings.rglob("*.evtx")):
            target = folder / f"{number + 1:02}" / path.relative_to(recordings)
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, target)
    return folder


def smallest(recordings: Path) -> Path:
    """The recording with the least to read."""
    return min(recordings.rglob("*.evtx"), key=lambda path: (path.stat().st_size, os.fspath(path)))


def flat_events(recordings: Path) -> list[dict[str, Any]]:
    """Every readable event under a folder, flat, in the order of the paths."""
    return list(_flat_events(recordings))


def _flat_events(recordings: Path) -> Iterator[dict[str, Any]]:
    record: Any
    for folder, _, names in sorted(os.walk(recordings)):
        for name in sorted(names):
            if name.endswith(".evtx"):
                try:
                    for record in PyEvtxParser(os.fspath(Path(folder, name))).records_json():
                        yield _flat(json.loads(record["data"])["Event"])
                except (OSError, RuntimeError, ValueError):  # the rest of a damaged file
                    continue


def _flat(event: dict[str, Any]) -> dict[str, Any]:
    system = event["System"]
    number = system["EventID"]
    number = number["#text"] if isinstance(number, dict) else number
    channel = system.get("Channel")
    flat: dict[str, Any] = {
        "EventID": number,
        "Channel": channel,
        "Computer": system.get("Computer"),
        "EventRecordID": system.get("EventRecordID"),
        "Provider_Name": _attribute(system, "Provider", "Name"),
        "TimeCreated": _attribute(system, "TimeCreated", "SystemTime"),
    }
    user_data = event.get("UserData")
    if isinstance(user_data, dict):
        user_data = next((part for part in user_data.values() if isinstance(part, dict)), None)
    for data in (event.get("EventData"), user_data):
        for name, value in data.items() if isinstance(data, dict) else ():
            if name != "#attributes":
                flat[name] = value.get("#text", json.dumps(value)) if isinstance(value, dict) else value
    return flat | _hints(flat)


def _attribute(system: dict[str, Any], element: str, name: str) -> Any:
    return ((system.get(element) or {}).get("#attributes") or {}).get(name)


def _hints(flat: dict[str, Any]) -> dict[str, Any]:
    channel, number = flat["Channel"], flat["EventID"]
    hints: dict[str, Any] = {"product": "windows"}
    if channel in _SERVICES:
        hints["service"] = _SERVICES[channel]
    if channel == _SYSMON and number in _CATEGORIES:
        hints["category"] = _CATEGORIES[number]
    elif channel == "Security" and number == 4688:
        hints |= {
            "category": "process_creation",
            "Image": flat.get("NewProcessName"),
            "ParentImage": flat.get("ParentProcessName"),
        }
    elif channel == _POWERSHELL and number in (4103, 4104):
        hints["category"] = "ps_module" if number == 4103 else "ps_script"
    return hints


def write_flat(events: Iterable[dict[str, Any]], out: Path, mode: Mode, copies: int) -> Path:
    """So many copies of the events as JSON lines, no two of them equal."""
    base, count = list(events), 0
    with out.open("w") as file:
        for _ in range(copies):
            for event in base:
                count += 1
                file.write(json.dumps(_made_own(event, count, mode)) + "\n")
    return out


def _made_own(event: dict[str, Any], count: int, mode: Mode) -> dict[str, Any]:
    second = count // 50
    day, hour, minute = 1 + second // 86400 % 28, second // 3600 % 24, second // 60 % 60
    time = f"2026-11-{day:02}T{hour:02}:{minute:02}:{second % 60:02}.{count % 1000000:06}Z"
    own: dict[str, Any] = {"TimeCreated": time, "EventRecordID": 1_000_000 + count}
    if "UtcTime" in event:
        own["UtcTime"] = time[:-4].replace("T", " ")
    for name, value in event.items():
        if OWN.search(name):
            own[name] = _identifier(value, count)
        elif mode == "differ" and name not in KEPT and isinstance(value, str) and len(value) > LONG:
            own[name] = f"{value} {count:x}"
    return event | own


def _identifier(value: Any, count: int) -> Any:
    if isinstance(value, int):
        return 1000 + 4 * (count % 16000)
    text = str(value)
    return f"{text[:-6]}{count % 0xFFFFFF:06x}" if len(text) > LONG else f"{count % 65000}"


def without(events: list[dict[str, Any]], matches: Path) -> list[dict[str, Any]]:
    """The events that no match of a hunt through `write_flat(events, …, copies=1)` names."""
    with matches.open("rb") as file:
        hit = {json.loads(line)["record_id"] for line in file}
    return [event for count, event in enumerate(events, 1) if 1_000_000 + count not in hit]


def copies_for(events: int, quick: bool) -> int:
    """How often so many events are repeated: once in a quick run, else until there are enough."""
    return 1 if quick else -(-EVENTS // events)


# --- rules ---------------------------------------------------------------------------------------------------------


def rule_sets(sigma: Path, folder: Path) -> dict[str, list[Path]]:
    """Name → folders of rules. The small sets are samples of those for Windows, for others cost nothing on these logs; each
    holds the smaller ones, and which rules they are depends on the rules' paths alone."""
    everything = [sigma / name for name in ("rules", "rules-emerging-threats", "rules-threat-hunting")]
    windows = [path for top in everything for path in top.rglob("*.yml") if _is_windows(path)]
    windows.sort(key=lambda path: hashlib.blake2b(os.fsencode(path.relative_to(sigma))).digest())
    sets: dict[str, list[Path]] = {}
    for size in (10, 100, 1_000):
        sample = folder / f"{size}-rules"
        sample.mkdir()
        for path in windows[:size]:
            shutil.copyfile(path, sample / path.name)
        sets[f"{size:,}"] = [sample]
    sets[f"Windows, {_count([everything[0] / 'windows']):,}"] = [everything[0] / "windows"]
    sets[f"all, {_count(everything):,}"] = everything
    return sets


def _is_windows(path: Path) -> bool:
    return "product: windows" in path.read_text("utf-8")


def _count(folders: Iterable[Path]) -> int:
    return sum(1 for folder in folders for _ in folder.rglob("*.yml"))


def copied_rules(folder: Path, target: Path) -> None:
    """The rules of a folder, without what else lies there."""
    for path in folder.rglob("*.yml"):
        copy = target / path.relative_to(folder)
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, copy)
