"""Beffroi's own rules, by what they are about, each with recordings in small on which it must fire and must not.

Beside `accounts/new_administrator.yml` lies `accounts/new_administrator.samples.yml`, a list of samples::

    - fires: one sentence that says what happens           # or `silent:`
      rule: beffroi_passwords_sprayed                      # its name, title or id; only where several of the file speak
      matches: 1                                           # where not every event matches (a correlation: 1 unless said)
      events:
        - {Channel: Security, EventID: 4732, TargetSid: S-1-5-32-544}
        - {times: 12, every: 20, event: {…}}               # twelve such events, twenty seconds apart
      logsource: {product: samba, category: file_rename}   # of events that name no channel of Windows

Events are flat and in Sigma's names, as the readers give them. What every event has and the sample does not care about
(computer, record number, time, provider) is filled in; in `times`, `{number}` within a text is 1, 2, 3 and so on. The titles of the rules are sentences of the catalogues (tools/words.py),
so that people read them in their language. Persons, houses and machines in them are invented.
"""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final, NamedTuple

import yaml

from beffroi.core.errors import RuleError
from beffroi.core.model import Fields, LogSource, message

FOLDER: Final = Path(__file__).parent
SAMPLES: Final = ".samples.yml"
SILENT_LEVEL: Final = "informational"
"""Rules of this level are only parts of a correlation; every other one speaks and has samples."""

TRIED_WITH: Final = {
    "ghost_paths": ("Vandermolen-Achille.docx", "mots-de-passe-banque.xlsx"),
    "ghost_accounts": ("a.vandermolen",),
}
"""What the placeholders stand for while samples are tried. In a house they are filled once it has decoys; until then the rules
that ask for one are blind."""

START: Final = datetime(2026, 11, 23, 2, 14, tzinfo=UTC)
PROVIDERS: Final = {
    "Security": "Microsoft-Windows-Security-Auditing",
    "System": "Service Control Manager",
    "Microsoft-Windows-Sysmon/Operational": "Microsoft-Windows-Sysmon",
    "Microsoft-Windows-Windows Defender/Operational": "Microsoft-Windows-Windows Defender",
    "Microsoft-Windows-PowerShell/Operational": "Microsoft-Windows-PowerShell",
}


class Sample(NamedTuple):
    """Events and what a rule must make of them: `matches` times it fires, 0 for an innocent sample. `rule` is its id; `logsource`
    that of events which name no channel of Windows."""

    rule: str
    name: str
    events: tuple[Fields, ...]
    matches: int
    path: Path
    logsource: LogSource | None = None

    @property
    def fires(self) -> bool:
        return self.matches > 0


def rule_files(folder: Path = FOLDER) -> list[Path]:
    """The rule files of a pack, in the order of their names."""
    return [path for path in sorted(folder.rglob("*.yml")) if not path.name.endswith(SAMPLES)]


def samples(path: Path) -> list[Sample]:
    """The samples of a rule file, or of all rule files of a folder. Raises RuleError where a samples file is no good."""
    files = rule_files(path) if path.is_dir() else [path]
    return [sample for file in files for sample in _samples(file)]


def _samples(rule_file: Path) -> Iterator[Sample]:
    file = rule_file.with_name(rule_file.stem + SAMPLES)
    if not file.exists():
        return
    speaking = [rule for rule in _documents(rule_file) if rule.get("level") != SILENT_LEVEL]
    ids = {
        name: str(rule["id"]) for rule in speaking for name in (rule["id"], rule.get("name"), rule.get("title")) if name
    }
    alone = str(speaking[0]["id"]) if len(speaking) == 1 else None
    correlations = {str(rule["id"]) for rule in speaking if "correlation" in rule}
    for number, given in enumerate(_documents(file)[0], 1):
        try:
            fires = "fires" in given
            rule = ids[given["rule"]] if "rule" in given or alone is None else alone
            events = tuple(_complete(given["events"]))
            expected = 1 if rule in correlations else len(events)
            yield Sample(
                rule=rule,
                name=given["fires" if fires else "silent"],
                events=events,
                matches=int(given.get("matches", expected)) if fires else 0,
                path=file,
                logsource=LogSource(**given["logsource"]) if "logsource" in given else None,
            )
        except (KeyError, TypeError, ValueError) as error:
            raise RuleError(
                path=file,
                line=1,
                reason=message("sample {number} is not complete ({error})", number=number, error=str(error)),
            ) from error


def _documents(path: Path) -> list[Any]:
    try:
        return list(yaml.load_all(path.read_bytes(), Loader=yaml.CSafeLoader))
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark is not None else 1
        raise RuleError(path=path, line=line, reason=str(error.problem)) from error


def _complete(events: list[dict[str, Any]]) -> Iterator[Fields]:
    """The events with what was left out, one second apart unless they say otherwise."""
    when, number = START, 0
    for given in events:
        event = given.get("event", given)
        for count in range(1, given.get("times", 1) + 1) if event is not given else (1,):
            number += 1
            when += timedelta(seconds=given.get("every", 1) if event is not given else 1)
            time = {"TimeCreated": when.isoformat(timespec="milliseconds").replace("+00:00", "Z")}
            windows = {
                "Provider_Name": PROVIDERS.get(event["Channel"], event["Channel"]),
                "Computer": "PC-ACCUEIL.tilleuls.example",
                "EventRecordID": 52000 + number,
            } if "Channel" in event else {}  # fmt: skip
            yield windows | time | {name: _numbered(value, count) for name, value in event.items()}


def _numbered(value: Any, count: int) -> Any:
    return value.replace("{number}", str(count)) if isinstance(value, str) else value
