"""What a scenario expects, and what of it did not come true. Pure: incidents in, sentences out.

A scenario is a file beside this one: the story (`beffroi.demo.STORIES`), when it begins on the house's clock, and what must come of it. Rules are
not named, since the pack grows: an incident is known by its situations, its severity, and whom and what it names.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime
from pathlib import Path

import msgspec
import yaml
from benchmarks.hearing import Incident

from beffroi.core.situations import SITUATIONS
from beffroi.demo.said import ZONE
from beffroi.detect.ir import LEVELS

MEDIUM = LEVELS.index("medium")


class Expected(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """An incident that must come. The first match of one of its situations comes at `by` at the latest."""

    situations: tuple[str, ...]
    severity: str
    """At least."""
    by: str
    names: tuple[str, ...] = ()


class Scenario(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A file. Whatever incident names none of `hands` is no part of the story and must be `low` at most; those of the story that are graver are
    `incidents` at most, and none is of the situations in `never`."""

    title: str
    story: str
    start: str
    days: int = 1
    hands: tuple[str, ...] = ()
    incidents: int = 0
    expect: tuple[Expected, ...] = ()
    never: tuple[str, ...] = ()

    @property
    def begins(self) -> datetime:
        return clock(self.start)


def clock(text: str) -> datetime:
    """A moment of the house's clock."""
    return datetime.fromisoformat(text).replace(tzinfo=ZONE)


def read(path: Path) -> Scenario:
    """A scenario's file. Raises ValueError where it names something that does not exist."""
    # Without the loader's own types: a moment stays text.
    scenario = msgspec.convert(yaml.load(path.read_text("utf-8"), yaml.BaseLoader), Scenario, strict=False)
    unknown = {each for wanted in scenario.expect for each in wanted.situations} | set(scenario.never)
    if unknown := unknown - set(SITUATIONS):
        raise ValueError(f"{path.name}: no such situation: {', '.join(sorted(unknown))}")
    if wrong := {wanted.severity for wanted in scenario.expect} - set(LEVELS):
        raise ValueError(f"{path.name}: no such severity: {', '.join(sorted(wrong))}")
    return scenario


def misses(wanted: Expected, incident: Incident) -> list[str]:
    """What of an incident is not as expected."""
    found = []
    if lacking := set(wanted.situations) - incident.situations:
        found.append(f"no {', '.join(sorted(lacking))}")
    elif (came := incident.first(*wanted.situations)) > clock(wanted.by):
        found.append(f"came at {came.astimezone(ZONE):%H:%M:%S}, too late")
    if incident.grave < LEVELS.index(wanted.severity):
        found.append(f"only {incident.severity}")
    if nameless := {each.lower() for each in wanted.names} - incident.named:
        found.append(f"does not name {', '.join(sorted(nameless))}")
    return found


def missing(wanted: Expected, incidents: Sequence[Incident]) -> str:
    """Why no incident is the expected one; empty where one is."""
    faults = [(misses(wanted, each), each) for each in incidents]
    if any(not fault for fault, _ in faults):
        return ""
    nearest = min(faults, key=lambda each: len(each[0]), default=None)
    what = f"expected {' + '.join(wanted.situations)} ≥ {wanted.severity}"
    return f"{what}: no incident" if nearest is None else f"{what}: {', '.join(nearest[0])}: {nearest[1]}"


def faults(scenario: Scenario, incidents: Iterable[Incident]) -> list[str]:
    """All that did not come true, but for what is awaited."""
    incidents = list(incidents)
    found = [why for wanted in scenario.expect if (why := missing(wanted, incidents))]
    hands = {each.lower() for each in scenario.hands}
    graver = [each for each in incidents if each.grave >= MEDIUM]
    found += [f"nobody did anything, and yet: {each}" for each in graver if not hands & each.named]
    story = [each for each in graver if hands & each.named]
    if len(story) > scenario.incidents:
        found.append(f"{len(story)} incidents instead of {scenario.incidents} at most: {' | '.join(map(str, story))}")
    found += [f"must not be: {each}" for each in incidents if each.situations & set(scenario.never)]
    return found
