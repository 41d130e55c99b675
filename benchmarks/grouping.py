"""How well matches become incidents: one attack is one, two are two.

    .venv/bin/python benchmarks/grouping.py [--rules pack|all] [--pairs N] [--seed N] [--json OUT]

Real events (the corpus' recordings, and stories in the exact shapes of their sources) are played through the house's real path: the process
that understands, with its rules and correlations, the recorder, a store, and what raises incidents. README.md says how it is measured.
"""

import argparse
import json
import os
import random
import sqlite3
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any, NamedTuple

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
sys.path.insert(1, str(Path(__file__).resolve().parent.parent / "src"))

import httpx
from benchmarks.interleavings import WRITTEN, Written
from benchmarks.interleavings_later import LATER
from benchmarks.one_attack import FLOODS, SCANS, SPREADING
from benchmarks.playing import Outcome, Player, machine_of, recorded
from benchmarks.shapes import START, Story, Windows
from benchmarks.tables import Table

from beffroi.incidents.traces import host_name
from beffroi.rules.repository import PACK, RuleSet, load
from tests.service.house import House

ROOT = Path(__file__).resolve().parent.parent
SIGMA = ("rules", "rules-emerging-threats", "rules-threat-hunting")
SEED = 5
HOUR = 3_600.0
CHOSEN = 8
"""Pairs of recordings among the twenty interleavings."""


class Recording(NamedTuple):
    """A recording of the corpus, what came of it alone, its machine and how long it lasts in seconds."""

    path: Path
    outcome: Outcome
    machine: str
    lasts: float


class Pair(NamedTuple):
    """Two stories together."""

    name: str
    alone: tuple[int, int]
    outcome: Outcome

    @property
    def two(self) -> bool:
        """Exactly two incidents, neither of which holds a match of the other's story, and each of the stories has one."""
        stories = [frozenset().union(*(each.stories for each in some)) for some in self.outcome.incidents.values()]
        return len(stories) == 2 and all(len(each) == 1 for each in stories) and stories[0] != stories[1]

    @property
    def reason(self) -> str:
        """What happened instead."""
        if self.two:
            return ""
        mixed = sorted(
            {each.title for some in self.outcome.incidents.values() for each in some if _is_odd(each.stories, some)}
        )
        count = len(self.outcome.incidents)
        return f"{count} incident{'s' * (count != 1)}" + (
            f"; among the other's: {', '.join(mixed[:3])}" if mixed else ""
        )


def _is_odd(stories: frozenset[str], some: list[Any]) -> bool:
    """Whether a match is of another story than most of its incident."""
    counts = [frozenset(each.stories) for each in some]
    most = max(sorted(set(counts), key=sorted), key=counts.count)
    return stories != most


def corpus() -> Path:
    """The folder of real data."""
    return Path(os.environ.get("BEFFROI_CORPUS") or ROOT.parent / "shared" / "corpus")


def rules(which: str, cache: Path | None = None) -> RuleSet:
    """Beffroi's own pack, or with it all rules of SigmaHQ."""
    folders = [PACK] if which == "pack" else [PACK, *(corpus() / "sigma" / each for each in SIGMA)]
    return load(folders, cache_folder=cache)


# --- what is measured -----------------------------------------------------------------------------------------------------------


def recordings(player: Player, *, historic: bool = False) -> Iterator[Recording]:
    """Each recording of the corpus, in a store of its own."""
    for path in sorted((corpus() / "evtx-attack-samples").rglob("*.evtx")):
        story = recorded(path)
        outcome = player.play({"it": story}, historic=historic)
        times = [each.at for each in story] or [0.0]
        yield Recording(path, outcome, machine_of(story), max(times) - min(times))


def told(player: Player, stories: dict[str, Callable[[Story], None]]) -> Iterator[tuple[str, Outcome]]:
    for name, tell in stories.items():
        story: Story = []
        tell(story)
        yield name, player.play({"it": story})


def written(player: Player, stories: tuple[Written, ...] = WRITTEN) -> Iterator[Pair]:
    """The interleavings that were written."""
    for tell in stories:
        one: Story = []
        other: Story = []
        tell(one, other)
        yield pair(player, tell.__name__.replace("_", " "), one, other)


def pair(player: Player, name: str, one: Story, other: Story) -> Pair:
    alone = [player.play({"it": each}) for each in (one, other)]
    return Pair(name, (len(alone[0].incidents), len(alone[1].incidents)), player.play({"one": one, "other": other}))


def fit(known: list[Recording]) -> dict[str, list[Recording]]:
    """Machine → its recordings that alone give exactly one incident and last less than an hour."""
    found: dict[str, list[Recording]] = {}
    for each in known:
        if len(each.outcome.incidents) == 1 and each.lasts < HOUR:
            found.setdefault(each.machine, []).append(each)
    return {machine: some for machine, some in sorted(found.items()) if len(some) > 1}


def overlapping(player: Player, known: list[Recording], seed: int, count: int = CHOSEN) -> Iterator[Pair]:
    """Pairs of recordings of one machine, drawn: the second begins while the first goes on."""
    draw, of = random.Random(seed), fit(known)  # noqa: S311 - drawn again the same
    for _ in range(count):
        machine = draw.choice([each for each in of if any(one.lasts >= 1 for one in of[each])])
        first = draw.choice([each for each in of[machine] if each.lasts >= 1])
        second = draw.choice([each for each in of[machine] if each.path != first.path])
        yield _both(player, first, second, draw.uniform(0, first.lasts))


def anywhere(player: Player, known: list[Recording], seed: int, count: int) -> Iterator[tuple[Pair, float]]:
    """Pairs of recordings of one machine, drawn from all pairs alike, anywhere within one hour; with each the seconds between them (0 where
    they overlap)."""
    draw, of = random.Random(seed), fit(known)  # noqa: S311 - drawn again the same
    every = [(one, other) for some in of.values() for one in some for other in some if one.path < other.path]
    for _ in range(count):
        one, other = draw.choice(every)
        if draw.random() < 0.5:
            one, other = other, one
        late = draw.uniform(0, max(HOUR - other.lasts, one.lasts))
        yield _both(player, one, other, late), max(0.0, late - one.lasts)


def _both(player: Player, one: Recording, other: Recording, late: float) -> Pair:
    stories = {
        "one": recorded(one.path, begin=START), "other": recorded(other.path, begin=START + late),
    }  # fmt: skip
    name = f"{one.path.stem} + {other.path.stem} ({one.machine}, {late:.0f} s later)"
    return Pair(name, (1, 1), player.play(stories))


def delays(count: int) -> list[float]:
    """Through a whole service: seconds from when a match can be seen in its store until its incident can, sorted. Each match is of a machine
    of its own; both are looked for every half millisecond."""
    took = []
    with (
        tempfile.TemporaryDirectory() as folder,
        House(Path(folder) / "house", plain=("bulk",)) as house,
        closing(sqlite3.connect(f"file:{house.data / 'store.db'}?mode=ro", uri=True, timeout=10)) as store,
    ):
        for number in range(count):
            story: Story = []
            machine = Windows(f"PC-{number}", "192.168.1.9")
            who = machine.sign_in(story, 0, f"user{number}", 2)
            machine.run(
                story,
                1,
                who,
                "C:\\Windows\\System32\\cmd.exe",
                "vssadmin.exe delete shadows /all",
                "C:\\Windows\\System32\\vssadmin.exe",
            )
            body = f'{{"create":{{}}}}\n{story[-1].render(number).decode()}\n'
            httpx.post(f"http://127.0.0.1:{house.ports['bulk']}/_bulk", content=body, timeout=20).raise_for_status()
            matched = _seen_from(store, "matches WHERE pending >= 0 AND host LIKE ?", f"PC-{number}.%")
            raised = _seen_from(
                store,
                "matches JOIN strands s ON s.id = strand_id WHERE s.incident_id IS NOT NULL AND host LIKE ?",
                f"PC-{number}.%",
            )
            took.append(raised - matched)
    return sorted(took)


def _seen_from(store: sqlite3.Connection, what: str, value: str) -> float:
    until = time.monotonic() + 60
    while store.execute(f"SELECT 1 FROM {what} LIMIT 1", (value,)).fetchone() is None:  # noqa: S608 - our own words
        if time.monotonic() > until:
            raise TimeoutError(what)
        time.sleep(0.000_5)
    return time.perf_counter()


# --- tables -----------------------------------------------------------------------------------------------------------------------


def recordings_table(known: list[Recording], how: str) -> Table:
    grave = [each for each in known if each.outcome.grave]
    most = max((len(each.outcome.incidents) for each in known), default=0)
    rows = [
        {
            "what": f"recordings, {how}", "count": len(known), "most": most, "grave": len(grave),
            "one": sum(len(each.outcome.incidents) == 1 for each in grave),
            "more": sum(len(each.outcome.incidents) > 1 for each in known),
            "none": sum(not each.outcome.incidents for each in grave),
        }
    ]  # fmt: skip
    columns = {
        "what": ("", "s"), "count": ("recordings", "d"), "most": ("most incidents", "d"), "grave": ("with a match ≥ medium", "d"),
        "one": ("of these one", "d"), "more": ("more", "d"), "none": ("none", "d"),
    }  # fmt: skip
    notes = [_apart(each) for each in known if len(each.outcome.incidents) > 1]
    notes += [f"none: {each.path.stem}" for each in grave if not each.outcome.incidents]
    return Table(f"recordings {how}", f"Each recording alone ({how})", columns, rows, notes)


def _apart(recording: Recording) -> str:
    parts = [
        f"{some[0].time[11:19]} to {some[-1].time[11:19]} {some[0].title}"
        for some in recording.outcome.incidents.values()
    ]
    return f"{len(parts)}: {recording.path.stem} ({recording.lasts:.0f} s): {' / '.join(parts)}"


def told_table(key: str, title: str, outcomes: Iterator[tuple[str, Outcome]]) -> Table:
    rows = [
        {
            "what": name, "events": outcome.events, "matches": len(outcome.matches), "incidents": len(outcome.incidents),
            "severity": ", ".join(outcome.severity(each) for each in outcome.incidents), "hosts": len({host_name(each.host) for each in outcome.matches if each.host}),
        }
        for name, outcome in outcomes
    ]  # fmt: skip
    columns = {
        "what": ("", "s"), "events": ("events", ","), "matches": ("matches", ","), "hosts": ("machines", "d"), "incidents": ("incidents", "d"),
        "severity": ("severity", "s"),
    }  # fmt: skip
    return Table(key, title, columns, rows)


def pairs_table(key: str, title: str, pairs: list[Pair], target: str = "") -> Table:
    rows = [
        {
            "what": each.name, "alone": " + ".join(map(str, each.alone)), "together": len(each.outcome.incidents),
            "two": "yes" if each.two else "**no**", "reason": each.reason,
        }
        for each in pairs
    ]  # fmt: skip
    columns = {
        "what": ("", "s"), "alone": ("incidents alone", "s"), "together": ("together", "d"), "two": ("two and unmixed", "s"),
        "reason": ("else", "s"),
    }  # fmt: skip
    return Table(key, title, columns, rows, [f"{sum(each.two for each in pairs)} of {len(pairs)} stay two{target}."])


def anywhere_table(drawn: list[tuple[Pair, float]]) -> Table:
    rows = []
    for name, least, most in (
        ("overlapping", -1.0, 0.0),
        ("up to 3 minutes apart", 0.0, 180.0),
        ("further apart", 180.0, HOUR),
    ):
        some = [each for each, gap in drawn if least < gap <= most]
        if some:
            rows.append({"what": name, "pairs": len(some), "two": sum(each.two for each in some) / len(some)})
    rows.append({"what": "all", "pairs": len(drawn), "two": sum(each.two for each, _ in drawn) / len(drawn)})
    columns = {"what": ("", "s"), "pairs": ("pairs", "d"), "two": ("stay two", ".0%")}
    return Table("anywhere", "Two recordings of one machine, drawn, anywhere within an hour", columns, rows)


def tables(which: str, cache: Path, *, count: int, seed: int) -> Iterator[Table]:
    """All tables with one set of rules."""
    with Player(rules(which, cache)) as player:
        known = list(recordings(player))
        yield recordings_table(known, "live")
        yield recordings_table(list(recordings(player, historic=True)), "dropped in")
        for key, title, stories in (
            ("flood", "Ten thousand failed sign-ins, and one that succeeds", FLOODS),
            ("scan", "A port scan and the sign-in that follows", SCANS),
            ("spread", "One attack over three machines", SPREADING),
        ):
            yield told_table(key, title, told(player, stories))
        within = [drawn for drawn, _ in anywhere(player, known, seed + 1, CHOSEN)]
        two = "Two unrelated attacks on one machine"
        yield pairs_table("two", f"{two} within an hour", [*written(player), *within], " (must 18, aim 20)")
        yield pairs_table("later", f"{two} within an hour, six more", list(written(player, LATER)))
        yield pairs_table("at once", f"{two} at the same moment", list(overlapping(player, known, seed)))
        if count:
            yield anywhere_table(list(anywhere(player, known, seed, count)))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rules", choices=("pack", "all"), action="append")
    parser.add_argument("--pairs", type=int, default=200)
    parser.add_argument("--singly", type=int, default=60, help="matches whose way through a whole service is timed")
    parser.add_argument("--seed", type=int, default=SEED)
    parser.add_argument("--json", type=Path)
    given = parser.parse_args()
    found: list[dict[str, Any]] = []
    with tempfile.TemporaryDirectory() as cache:
        for which in given.rules or ["pack", "all"]:
            print(f"## Rules: {which}\n")
            for table in tables(which, Path(cache), count=given.pairs, seed=given.seed):
                print(table.markdown(), flush=True)
                found.append({"rules": which, **table.plain()})
    took = [each * 1e3 for each in delays(given.singly)]
    print(
        f"From a match in the service's store to its incident there, {len(took)} times: {took[len(took) // 2]:.1f} ms (median), "
        f"{took[int(len(took) * 0.95)]:.1f} ms (p95), without other load."
    )
    if given.json:
        given.json.write_text(json.dumps(found, indent=1, ensure_ascii=False), "utf-8")


if __name__ == "__main__":
    main()
