"""What Beffroi's own rules see, and what they leave in peace, beside SigmaHQ's rules.

    .venv/bin/python benchmarks/coverage.py [--only TABLE] [--days N] [--seed N] [--json OUT]

Recordings of attacks, techniques, quiet logs, logs under attack, and what Windows' audit policy lets the rules see. README.md says how it is measured.
"""

import argparse
import importlib
import json
import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
sys.path.insert(1, str(Path(__file__).resolve().parent.parent / "src"))

from benchmarks import material
from benchmarks.playing import Outcome, Player
from benchmarks.tables import Table

from beffroi.core.attack import tactics_of, techniques_of
from beffroi.core.model import Event, Fields
from beffroi.core.situations import situation_of
from beffroi.detect.correlation import BaseMatch, Correlator, in_order, silenced
from beffroi.detect.ir import LEVELS
from beffroi.detect.matcher import Matcher
from beffroi.detect.values import micros_of, moment_of, text_of
from beffroi.logs.formats.recordings import recordings
from beffroi.rules.policy import audited
from beffroi.rules.policy.gains import gains, readers
from beffroi.rules.policy.windows import SUBCATEGORIES, TAIL
from beffroi.rules.repository import PACK, RuleSet, load

ZONE = ZoneInfo("Europe/Brussels")
MEDIUM = LEVELS.index("medium")
MUST, AIM = 0.75, 0.90
"""Shares of the recordings."""
GUESSING = ("password-guessing", "password-spraying")
YEAR = 2025
"""Old log lines name none."""
START = datetime(2026, 9, 7, tzinfo=ZONE)
"""A Monday: the quiet month begins."""


def speaking(ruleset: RuleSet) -> list[Any]:
    """Rules and correlations that speak for themselves."""
    silent = silenced(ruleset.correlations)
    everything: list[Any] = [*ruleset.rules, *ruleset.correlations]
    return [each for each in everything if each.id not in silent]


# --- recordings of attacks ------------------------------------------------------------------------------------------------------


class Looker:
    """One set of rules and correlations over one recording after the other."""

    def __init__(self, ruleset: RuleSet) -> None:
        self._matcher = Matcher(ruleset.rules, ZONE)
        self._correlations = ruleset.correlations
        self._graver = {each.id for each in speaking(ruleset) if LEVELS.index(each.level) >= MEDIUM}

    def sees(self, events: list[Event]) -> bool:
        """Whether something of medium level or above speaks, counting what correlations make of what is slighter."""
        found = [
            match for begin in range(0, len(events), 500) for match in self._matcher.match(events[begin : begin + 500])
        ]
        if any(match.rule.id in self._graver for match in found):
            return True
        base = [
            BaseMatch(match.rule.id, _micros(match.fields), str(place), {name: text_of(value) for name, value in match.fields.items()})
            for place, match in enumerate(found)
        ]  # fmt: skip
        correlator = Correlator(self._correlations, lateness_us=0)
        firings = in_order(correlator, sorted(base, key=lambda each: each.time_us))
        return any(firing.correlation in self._graver for firing in firings)


def _micros(fields: Fields) -> int:
    told = moment_of(str(text_of(fields.get("TimeCreated"))), UTC)
    return 0 if told is None else micros_of(told)


def recordings_table(corpus: Path, ours: RuleSet, theirs: RuleSet) -> Table:
    folder = corpus / "evtx-attack-samples"
    own, other = Looker(ours), Looker(theirs)
    counts: dict[str, Counter[str]] = {}
    unseen, only_theirs = [], []
    for path in sorted(folder.rglob("*.evtx")):
        events = [event for each in recordings([path], faults=[]) for event in each.events()]
        inside = path.relative_to(folder)
        count = counts.setdefault(inside.parts[0] if len(inside.parts) > 1 else "(no folder)", Counter())
        seen = {"ours": own.sees(events), "theirs": other.sees(events)}
        count.update(name for name, yes in seen.items() if yes)
        count["all"] += 1
        if not any(seen.values()):
            unseen.append(str(inside))
        elif not seen["ours"]:
            only_theirs.append(str(inside))
    total = sum(counts.values(), Counter[str]())
    rows = [_share(tactic, count) for tactic, count in (*sorted(counts.items()), ("**all**", total))]
    share = total["ours"] / max(total["all"], 1)
    judged = "as hoped" if share >= AIM else "reached" if share >= MUST else "**missed**"
    return Table(
        "recordings",
        "Recordings of attacks with a match of medium level or above",
        {
            "tactic": ("folder", "s"), "all": ("recordings", "d"), "ours": ("Beffroi's pack", "d"), "ours_share": ("", ".0%"),
            "theirs": ("SigmaHQ's for Windows", "d"), "theirs_share": ("", ".0%"),
        },
        rows,
        [
            f"Must {MUST:.0%}, aim {AIM:.0%}: {judged}.",
            f"Seen by neither ({len(unseen)}): {', '.join(unseen) or 'none'}.",
            f"Seen by SigmaHQ's alone ({len(only_theirs)}): {', '.join(only_theirs) or 'none'}.",
        ],
    )  # fmt: skip


def _share(tactic: str, count: Counter[str]) -> dict[str, Any]:
    return {
        "tactic": tactic, "all": count["all"], "ours": count["ours"], "theirs": count["theirs"],
        "ours_share": count["ours"] / count["all"], "theirs_share": count["theirs"] / count["all"],
    }  # fmt: skip


# --- techniques, and how many rules ----------------------------------------------------------------------------------------------


def techniques_table(sets: dict[str, RuleSet]) -> Table:
    rows = []
    for name, ruleset in sets.items():
        spoken = speaking(ruleset)
        techniques = {technique.id for each in spoken for technique in techniques_of(each.tags)}
        correlations = {each.id for each in ruleset.correlations}
        rows.append(
            {
                "what": name, "rules": sum(each.id not in correlations for each in spoken), "correlations": sum(each.id in correlations for each in spoken),
                "parts": len(ruleset.rules) + len(ruleset.correlations) - len(spoken), "techniques": len(techniques),
                "whole": len({technique.partition(".")[0] for technique in techniques}),
                "tactics": len({tactic for each in spoken for tactic in tactics_of(each.tags)}),
            }
        )  # fmt: skip
    columns = {
        "what": ("", "s"), "rules": ("rules", ",d"), "correlations": ("correlations", ",d"), "parts": ("silent parts", ",d"),
        "techniques": ("techniques, with their sub-techniques", "d"), "whole": ("techniques", "d"), "tactics": ("tactics", "d"),
    }  # fmt: skip
    notes = ["Rules and correlations are those that speak for themselves; silent parts only feed a correlation."]
    notes += [f"Refused of {name}: {len(each.refused)}." for name, each in sets.items() if each.refused]
    return Table("techniques", "Rules, and the techniques of ATT&CK that they tell of", columns, rows, notes)


def policy_table(ours: RuleSet) -> Table:
    named = {
        "default": "Windows as it comes", "recommended": "with `beffroi rules policy`", "sysmon": "with that and Sysmon", "all": "all rules about Windows",
    }  # fmt: skip
    rows = [each._asdict() | {"policy": named[each.policy]} for each in gains(ours)]
    columns = {
        "policy": ("", "s"), "rules": ("rules that can fire", "d"), "correlations": ("correlations", "d"), "techniques": ("techniques", "d"),
    }  # fmt: skip
    return Table("policy", "What Windows' audit policy lets the pack see", columns, rows)


def lines_table(ours: RuleSet) -> Table:
    said = {"": "nothing", "S": "successes", "F": "failures", "SF": "both"}
    read = readers(ours)
    rows = [
        {
            "name": each.name, "usual": said[SUBCATEGORIES[each.guid.removesuffix(TAIL)].usual], "recorded": said[each.recorded], "read": read[each.guid],
        }
        for each in audited()
    ]  # fmt: skip
    rows.sort(key=lambda row: -int(str(row["read"])))
    columns = {
        "name": ("subcategory", "s"), "usual": ("by itself, at most", "s"), "recorded": ("with the script", "s"), "read": ("rules of the pack that read it", "d"),
    }  # fmt: skip
    return Table(
        "lines",
        "What each line of `beffroi rules policy` is read by",
        columns,
        rows,
        ["Silent parts of correlations among them."],
    )


# --- quiet logs, and logs under attack -------------------------------------------------------------------------------------------


def lines(path: Path) -> Iterator[tuple[datetime, str, str, bytes]]:
    """A log file of old as its machine would have sent it by syslog. A line without a time has that of the line before."""
    at = datetime(YEAR, 1, 1, tzinfo=ZONE)
    for line in path.read_bytes().splitlines():
        text = line[:15].decode("ascii", "replace")
        with suppress(ValueError):
            at = max(at, datetime.strptime(f"{YEAR} {text}", "%Y %b %d %H:%M:%S").replace(tzinfo=ZONE))
        yield at, path.stem, "syslog", line


def quiet_table(corpus: Path, player: Player, days: int, seed: int) -> Table:
    played: dict[str, tuple[Iterable[Any], int]] = {}
    notes = [
        "No ordinary Windows event log is in the corpus: SigmaHQ's regression data hold what must fire, nothing innocent."
    ]
    mac = corpus / "syslog" / "loghub" / "Mac" / "Mac_2k.log"
    if mac.exists():
        played["loghub's Mac, a week"] = lines(mac), 7
    else:
        notes.append("loghub's Mac is not in the corpus.")
    try:
        quiet = importlib.import_module("beffroi.demo").quiet
    except (ImportError, AttributeError):
        notes.append("The simulated month is not measured: there is no `beffroi.demo.quiet` here.")
    else:
        name = f"a house of forty people, {days} days (seed {seed})"
        played[name] = quiet(days=days, seed=seed, start=START), days
    rows = []
    for name, (sent, lasts) in played.items():
        outcome = player.hear(sent)
        loud = {number: some for number, some in outcome.incidents.items() if _severity(outcome, number) >= MEDIUM}
        rows.append(
            {
                "what": name, "events": outcome.events, "matches": len(outcome.matches), "low": len(outcome.incidents) - len(loud),
                "loud": len(loud), "week": len(loud) / lasts * 7, "month": len(loud) / lasts * 30,
            }
        )  # fmt: skip
        notes += [f"{name}: {alike}" for alike in _alike(outcome)]
        slight = Counter(f"{each.title} ({each.level})" for each in outcome.matches if each.incident is None)
        if slight:
            notes.append(f"{name}, too slight for an incident: {_listed(slight)}")
    columns = {
        "what": ("", "s"), "events": ("messages", ",d"), "matches": ("matches", ",d"), "low": ("incidents of low severity", "d"),
        "loud": ("above low", "d"), "week": ("a week", ".2f"), "month": ("a month", ".1f"),
    }  # fmt: skip
    notes.insert(0, "Incidents above low: must be at most 1 a week, aim 0 a month.")
    return Table("quiet", "Quiet logs", columns, rows, notes)


def _severity(outcome: Outcome, incident: int) -> int:
    return LEVELS.index(outcome.severity(incident))


def _told(outcome: Outcome, incident: int) -> str:
    some = outcome.incidents[incident]
    titles = Counter(each.title for each in some)
    return f"{outcome.severity(incident)}, {some[0].time[:16]}, {some[0].host}: {_listed(titles)}"


def _alike(outcome: Outcome) -> Iterator[str]:
    """The incidents, those of the same severity and rules together, the most frequent first: how many, and the first of them."""
    sorts: dict[tuple[str, frozenset[str]], list[int]] = {}
    for number, some in outcome.incidents.items():
        sorts.setdefault((outcome.severity(number), frozenset(each.title for each in some)), []).append(number)
    for numbers in sorted(sorts.values(), key=len, reverse=True):
        yield f"{len(numbers)} ×, the first: {_told(outcome, numbers[0])}"


def _listed(titles: Counter[str]) -> str:
    return ", ".join(f"{title} × {count}" if count > 1 else title for title, count in titles.most_common(12))


def attacked_table(corpus: Path, player: Player, ours: RuleSet) -> Table:
    situations = {each.title: situation_of(each.tags) for each in speaking(ours)}
    rows, notes = [], []
    for name in ("OpenSSH", "Linux"):
        path = corpus / "syslog" / "loghub" / name / f"{name}_2k.log"
        if not path.exists():
            notes.append(f"loghub's {name} is not in the corpus.")
            continue
        outcome = player.hear(lines(path))
        of = {number: {situations[each.title] for each in some} for number, some in outcome.incidents.items()}
        others = [number for number, told in of.items() if not told <= {*GUESSING}]
        rows.append(
            {
                "what": f"loghub's {name}", "events": outcome.events, "matches": len(outcome.matches), "incidents": len(of),
                "guessing": len(of) - len(others), "others": len(others),
            }
        )  # fmt: skip
        notes += [f"{name}, another: {_told(outcome, number)} ({', '.join(sorted(of[number]))})" for number in others]
    columns = {
        "what": ("", "s"), "events": ("lines", ",d"), "matches": ("matches", ",d"), "incidents": ("incidents", "d"),
        "guessing": ("passwords guessed at", "d"), "others": ("others", "d"),
    }  # fmt: skip
    return Table(
        "attacked",
        "Logs of machines under attack: passwords are guessed, and nothing else happens",
        columns,
        rows,
        notes,
    )


# --- all of it --------------------------------------------------------------------------------------------------------------------

TABLES = ("recordings", "techniques", "policy", "lines", "quiet", "attacked")


def tables(corpus: Path, wanted: Iterable[str], cache: Path, *, days: int, seed: int) -> Iterator[Table]:
    sigma = corpus / "sigma"
    ours = load([PACK], cache_folder=cache)

    def windows() -> RuleSet:
        return load([sigma / "rules" / "windows"], cache_folder=cache)

    def everything() -> RuleSet:
        return load(
            [sigma / name for name in ("rules", "rules-emerging-threats", "rules-threat-hunting")], cache_folder=cache
        )

    with Player(ours) as player:
        make: dict[str, Callable[[], Table]] = {
            "recordings": lambda: recordings_table(corpus, ours, windows()),
            "techniques": lambda: techniques_table(
                {"Beffroi's pack": ours, "SigmaHQ's for Windows": windows(), "SigmaHQ's, all": everything()}
            ),
            "policy": lambda: policy_table(ours),
            "lines": lambda: lines_table(ours),
            "quiet": lambda: quiet_table(corpus, player, days, seed),
            "attacked": lambda: attacked_table(corpus, player, ours),
        }
        for name in wanted:
            yield make[name]()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", choices=TABLES, action="append", metavar="TABLE", help=", ".join(TABLES))
    parser.add_argument("--days", type=int, default=28, help="days of the simulated quiet month")
    parser.add_argument("--seed", type=int, default=6)
    parser.add_argument("--json", type=Path)
    given = parser.parse_args()
    corpus = material.corpus()
    if corpus is None:
        parser.exit(2, "There is no corpus: set BEFFROI_CORPUS.\n")
    found = []
    with tempfile.TemporaryDirectory() as cache:
        for table in tables(corpus, given.only or TABLES, Path(cache), days=given.days, seed=given.seed):
            print(table.markdown(), flush=True)
            found.append(table.plain())
    if given.json:
        given.json.write_text(json.dumps(found, indent=1, ensure_ascii=False), "utf-8")


if __name__ == "__main__":
    main()
