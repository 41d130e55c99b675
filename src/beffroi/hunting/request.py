"""What is asked of a hunt, and what came of it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, tzinfo
from pathlib import Path

from beffroi.core.model import Fault, LogSource


@dataclass(frozen=True, slots=True)
class Request:
    """A hunt: the recordings of `paths` under the rules of `rules` (none: Beffroi's own). `level` is the least that is
    told; `since` and `until` bound the events' own time (until is not included)."""

    paths: Sequence[Path]
    zone: tzinfo
    rules: Sequence[Path] = ()
    placeholders: Mapping[str, Sequence[str]] = field(default_factory=dict)
    level: str = "informational"
    since: datetime | None = None
    until: datetime | None = None
    logsource: LogSource | None = None
    jobs: int = 1
    cache_folder: Path | None = None


@dataclass(slots=True)
class Outcome:
    """What a hunt came to, counted. `blind` rules had nothing to look at in these recordings; `forgotten` events were too
    many for a correlation's memory; `others` are files that are no logs at all; `shares` is the CPU time in seconds of each process,
    without what was read before they were forked."""

    events: int = 0
    matches: int = 0
    unsourced: int = 0
    forgotten: int = 0
    others: int = 0
    faults: list[Fault] = field(default_factory=list)
    faults_uncounted: int = 0
    refused: Sequence[Fault] = ()
    rules: int = 0
    correlations: int = 0
    blind: int = 0
    shares: list[float] = field(default_factory=list)
