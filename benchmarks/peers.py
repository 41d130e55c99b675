"""The programs Beffroi is compared with: where they come from, and why their matches differ where they do.

Both are fetched only by who runs the benchmark, into the project's ignored `.cache` folder. `RSIGMA=PATH` names a ready binary,
`SQLITE_PEER=PATH` a Python that holds the packages; a path where nothing is means: do without.
"""

import json
import os
import shutil
import subprocess
import sys
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

import yaml

CACHE = Path(__file__).resolve().parent.parent / ".cache" / "benchmarks"
RSIGMA = "0.23.0"
PACKAGES = ("pysigma-backend-sqlite==2.1.1", "pysigma==2.0.1")
PIPELINES = ("pysigma-pipeline-sysmon==2.0.0", "pysigma-pipeline-windows==2.0.1")
"""Without their dependencies: they ask for a pySigma older than the backend's, and work with the newer."""


class Absent(Exception):
    """The peer is not here and cannot be had; says why."""


def rsigma() -> Path:
    """RSigma's binary, built where there is cargo. Raises Absent."""
    given = os.environ.get("RSIGMA")
    if given:
        return _there(Path(given), "RSIGMA")
    built = CACHE / f"rsigma-{RSIGMA}"
    if not (built / "bin" / "rsigma").exists():
        cargo = shutil.which("cargo")
        if cargo is None:
            raise Absent("cargo is not here to build it, and RSIGMA=PATH names no binary")
        _made(
            [cargo, "install", "--locked", f"rsigma@{RSIGMA}", "--no-default-features", "--features", "evtx"],
            "--root",
            os.fspath(built),
        )
    return built / "bin" / "rsigma"


def sqlite() -> Path:
    """A Python with pySigma's SQLite backend. Raises Absent."""
    given = os.environ.get("SQLITE_PEER")
    if given:
        return _there(Path(given), "SQLITE_PEER")
    venv = CACHE / "sqlite"
    python = venv / "bin" / "python"
    if not (venv / "ready").exists():
        pip = [os.fspath(python), "-I", "-m", "pip", "install", "--quiet", "--only-binary", ":all:"]
        _made([sys.executable, "-I", "-m", "venv", "--clear", os.fspath(venv)])
        _made(pip, *PACKAGES)
        _made(pip, "--no-deps", *PIPELINES)
        (venv / "ready").touch()
    return python


def _there(path: Path, name: str) -> Path:
    if not os.access(path, os.X_OK):
        raise Absent(f"{name} names {path}, where no program is")
    return path


def _made(command: list[str], *more: str) -> None:
    argv = [*command, *more]
    print(f"Fetching a peer: {' '.join(argv)}", file=sys.stderr)
    done = subprocess.run(argv, capture_output=True, text=True, check=False)
    if done.returncode:
        said = done.stderr.strip().splitlines()
        raise Absent(f"it could not be made: {said[-1] if said else done.returncode}")


# --- the same matches? ---------------------------------------------------------------------------------------------


class Difference(NamedTuple):
    """A rule of which the two say different things: how often each fired."""

    rule_id: str
    title: str
    ours: int
    theirs: int
    why: str


def counts(matches: Path) -> Counter[str]:
    """Rule id → matches, of a file of JSON lines."""
    with matches.open("rb") as file:
        return Counter(str(json.loads(line).get("rule_id")) for line in file)


def differences(ours: Path, theirs: Path, rules: Iterable[Path], reasons: dict[str, str]) -> list[Difference]:
    """All rules whose counts differ, with the reason where it is known. `reasons` goes by a rule's id or by its log source's
    category or service."""
    left, right = counts(ours), counts(theirs)
    differing = sorted(rule_id for rule_id in left | right if left[rule_id] != right[rule_id])
    known = _rules(rules, set(differing))
    found = []
    for rule_id in differing:
        title, names = known.get(rule_id, ("(no rule of these folders)", ()))
        why = next((reasons[name] for name in (rule_id, *names) if name in reasons), "not traced")
        found.append(Difference(rule_id, title, left[rule_id], right[rule_id], why))
    return found


def _rules(folders: Iterable[Path], wanted: set[str]) -> dict[str, tuple[str, tuple[str, ...]]]:
    """Of the wanted rules: id → (title, what its log source is)."""
    known: dict[str, tuple[str, tuple[str, ...]]] = {}
    if not wanted:
        return known
    for path in (path for folder in folders for path in folder.rglob("*.yml")):
        text = path.read_text("utf-8")
        if any(rule_id in text for rule_id in wanted):
            for rule in yaml.load_all(text, yaml.CSafeLoader):
                source = rule.get("logsource") or {}
                names = tuple(str(source[name]) for name in ("category", "service") if source.get(name))
                known[str(rule.get("id"))] = (str(rule.get("title")), names)
    return known


_REGISTRY = (
    "the flat lines name one category an event: of the registry's, `registry_event` for event 12, `registry_set` for 13, "
    "`registry_rename` for 14; most of Sigma's mean several of the three"
)
_UNNAMED = "the flat lines name no service or category for the event, and then RSigma tries the rules of every one"
_NULL = (
    "the rule asks for a field that is null, the event's is an empty text: no value for Beffroi, a value for the peer"
)
RSIGMA_REASONS = {
    "registry_event": _REGISTRY,
    "registry_add": _REGISTRY,
    "registry_delete": _REGISTRY,
    "registry_set": _REGISTRY,
    "capi2": _UNNAMED,
    "database": _UNNAMED,
    "antivirus": "Beffroi reads Defender's events as an antivirus's, `Threat Name` as `Signature`; the flat lines do not say so",
    "2e4e488a-6164-4811-9ea1-f960c7359c40": _NULL,
    "4a0b2c7e-7cb2-495d-8b63-5f268e7bfd67": "`windash` on a value with `/`: Beffroi and pySigma also look for `-`, RSigma does not",
}
SQLITE_REASONS = {
    "2e4e488a-6164-4811-9ea1-f960c7359c40": _NULL,
    "3a9b8c1e-5b2e-4f7a-9d1c-2a7f3b6e1c55": "the Sysmon pipeline drops EventType, so that making the key counts as deleting it",
    "78d5cab4-557e-454f-9fb9-a222bd0d5edc": (
        "an address with something appended, as `differ` makes them, is no address for Beffroi; SQL compares its beginning as text"
    ),
    "process_creation": "without windows-audit the peer looks at Sysmon's event 1 only, not at Security's 4688",
}
