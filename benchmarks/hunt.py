"""How fast a hunt is: beside merely parsing the same files, and beside other engines on the same events and rules.

    .venv/bin/python benchmarks/hunt.py [--quick] [--only TABLE] [--runs N] [--json OUT]

Tables: `speed`, `start`, `rsigma`, `sqlite` (README.md beside this file says what each shows and how it is measured). `--quick`
takes the recordings once and every command once: it shows that all works, its figures are none.
"""

import argparse
import hashlib
import json
import os
import platform
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from benchmarks import material, peers
from benchmarks.bench import PROGRAMS, Bench
from benchmarks.measure import Argument, Command, Failed, in_turn, last_object, peak_memory, run, tell, unsteady
from benchmarks.tables import Table
from benchmarks.targets import against_targets

from beffroi import __version__

LOGS = ("alike", "differ", "quiet")


# --- tables --------------------------------------------------------------------------------------------------------


def speed(bench: Bench) -> list[Table]:
    """Each log, each set of rules, one process and two."""
    bench.fill_cache(bench.rules)
    return [
        _speed_of(bench, "recordings", "Attack recordings, EVTX", bench.recordings, "Exact copies of the recordings."),
        _speed_of(bench, "different", "Every longer value different, EVTX", bench.different, _DIFFERENT),
        _speed_of(bench, "differ", "Every longer value different, flat JSON lines", bench.differ, _FLAT),
        _speed_of(bench, "quiet", "Quiet log, flat JSON lines", bench.quiet, _FLAT),
    ]


_DIFFERENT = (
    "The same recordings, in which every longer value was replaced by one of the same size that comes once, so that none is known "
    "from an event before. The computer's name stays, which a recording holds once for many events."
)
_FLAT = (
    "JSON lines, whose mere parsing is not that of EVTX: a ratio to it says nothing beside one of an EVTX log, and a rate "
    "here has no reading of EVTX in it."
)


def _speed_of(bench: Bench, log: str, title: str, path: Path, what: str) -> Table:
    commands = {"parse": bench.parse_only(path)}
    for name, rules in bench.rules.items():
        place = bench.work / f"out-{len(commands)}"
        commands |= {
            f"{name} start": bench.smallest(rules),
            f"{name} ×1": bench.hunt(path, rules, out=place),
            f"{name} ×2": bench.hunt(path, rules, out=place.with_suffix(".two"), jobs=2),
            f"{name} shares": bench.shares(path, rules, place.with_suffix(".shares")),
        }
    runs = in_turn(commands, bench.runs)
    events, parse = int(last_object(commands["parse"].out)["events"]), runs["parse"].cpu
    rows: list[dict[str, Any]] = []
    notes = [what]
    for name in bench.rules:
        one, two, start = runs[f"{name} ×1"], runs[f"{name} ×2"], runs[f"{name} start"]
        for jobs, used in ((1, one), (2, two)):
            command = commands[f"{name} ×{jobs}"]
            rows.append(
                {
                    "rules": name,
                    "jobs": jobs,
                    "cpu": used.cpu,
                    "user": used.user,
                    "rate": events / used.cpu,
                    "going": events / (used.cpu - start.cpu) if jobs == 1 and used.cpu > 1.5 * start.cpu else None,
                    "ratio": used.cpu / parse,
                    "memory": peak_memory(command) / 1e6,
                    "matches": lines_of(command.out),
                }
            )
        rows[-1] |= {"against": two.cpu / one.cpu, "share": last_object(commands[f"{name} shares"].out)["share"]}
        if digest_of(commands[f"{name} ×1"].out) != digest_of(commands[f"{name} ×2"].out):
            notes.append(f"With {name} rules, two processes did not print what one did.")
    columns = {
        "rules": ("rules", "s"),
        "jobs": ("processes", "d"),
        "cpu": ("CPU, s", ".2f"),
        "rate": ("events/s a core", ",.0f"),
        "going": ("without start-up", ",.0f"),
        "ratio": ("× merely parsing", ".2f"),
        "memory": ("peak memory, MB", ",.0f"),
        "matches": ("matches", ",d"),
        "against": ("CPU against one process", ".2f"),
        "share": ("largest share", ".1%"),
    }
    given = f"{events:,} events; merely parsing them: {parse:.2f} s of CPU, {events / parse:,.0f} events/s a core"
    return Table(f"speed {log}", f"{title}: {given}", columns, rows, notes + unsteady(runs))


def start(bench: Bench) -> list[Table]:
    """From the command to its answer, on the smallest recording."""
    cold: dict[str, Command] = {}
    for name, rules in bench.rules.items():
        command = bench.smallest(rules)
        cold[name] = Command(command.argv, command.out, command.env, before=bench.empty_cache)
    run(bench.smallest(bench.rules[bench.windows]))  # Python's own caches are not what is measured
    without = in_turn(cold, bench.runs)
    bench.fill_cache(bench.rules)
    cached = in_turn({name: bench.smallest(rules) for name, rules in bench.rules.items()}, bench.runs)
    rows = [
        {
            "rules": name,
            "cached_wall": cached[name].wall,
            "cached_cpu": cached[name].cpu,
            "without_wall": without[name].wall,
            "without_cpu": without[name].cpu,
        }
        for name in bench.rules
    ]
    columns = {
        "rules": ("rules", "s"),
        "cached_wall": ("cached, s on the clock", ".2f"),
        "cached_cpu": ("cached, s of CPU", ".2f"),
        "without_wall": ("without cache, s on the clock", ".2f"),
        "without_cpu": ("without cache, s of CPU", ".2f"),
    }
    notes = unsteady({f"cached {name}": each for name, each in cached.items()})
    return [Table("start", "Start: the smallest hunt", columns, rows, notes + unsteady(without))]


def rsigma(bench: Bench) -> list[Table]:
    """Beffroi and RSigma, whole processes, one core, the same flat lines and rules."""
    title = f"Beside RSigma {peers.RSIGMA} on the same flat JSON lines, whole processes, one core"
    try:
        binary = peers.rsigma()
    except peers.Absent as absent:
        return [Table("absent", title, {}, notes=[f"Not measured: {absent}."])]
    sets = [bench.windows, list(bench.rules)[-1]]
    folders = {sets[0]: bench.rules[sets[0]][0], sets[1]: bench.work / "all"}
    folders[sets[1]].mkdir()
    for folder in bench.rules[sets[1]]:  # RSigma takes one folder, and follows no links
        material.copied_rules(folder, folders[sets[1]] / folder.name)
    sides: dict[str, Command] = {}
    for log in LOGS:
        for name in sets:
            path, out = getattr(bench, log), bench.work / f"{log}-{len(sides)}"
            argv: list[Argument] = [
                binary,
                "engine",
                "eval",
                "-r",
                folders[name],
                "-e",
                f"@{path}",
                "--logsource-routing",
            ]
            sides |= {
                f"ours {log} {name}": bench.hunt(path, [folders[name]], out=out.with_suffix(".ours")),
                f"theirs {log} {name}": Command(argv, out.with_suffix(".theirs"), bench.env),
            }
    return _side_by_side(bench, "rsigma", title, sides, folders, peers.RSIGMA_REASONS, bench.runs)


def sqlite(bench: Bench) -> list[Table]:
    """Beffroi and SQL, whole processes, one core, the same flat lines and rules."""
    title = f"Beside {peers.PACKAGES[0].replace('==', ' ')} on the same flat JSON lines, whole processes, one core"
    try:
        python = peers.sqlite()
    except peers.Absent as absent:
        return [Table("absent", title, {}, notes=[f"Not measured: {absent}."])]
    folder = bench.rules[bench.windows][0]
    sides: dict[str, Command] = {}
    for log in LOGS:
        path, out = getattr(bench, log), bench.work / f"{log}-sql"
        theirs = out.with_suffix(".theirs")
        argv: list[Argument] = [python, "-I", "-X", "utf8", PROGRAMS / "sqlite_peer.py", folder, path, theirs]
        sides |= {
            f"ours {log} {bench.windows}": bench.hunt(path, [folder], out=out.with_suffix(".ours")),
            f"theirs {log} {bench.windows}": Command(argv, theirs.with_suffix(".said"), bench.env),
        }
    times = min(bench.runs, 3)  # a minute each
    return _side_by_side(bench, "sqlite", title, sides, {bench.windows: folder}, peers.SQLITE_REASONS, times)


def _side_by_side(
    bench: Bench,
    key: str,
    title: str,
    sides: dict[str, Command],
    folders: dict[str, Path],
    reasons: dict[str, str],
    times: int,
) -> list[Table]:
    """`sides` holds pairs, "ours LOG RULES" and "theirs LOG RULES"; a peer's matches are in the file of its output with the
    suffix .theirs."""
    small: dict[str, Command] = {}
    for name, folder in folders.items():
        small[f"start {name}"] = bench.smallest([folder])
        run(small[f"start {name}"])  # fills the cache
    runs = in_turn(small | sides, times)
    rows: list[dict[str, Any]] = []
    differences: list[tuple[str, peers.Difference]] = []
    for pair in (name.removeprefix("ours ") for name in sides if name.startswith("ours ")):
        log, rules = pair.split(" ", 1)
        ours, theirs = sides[f"ours {pair}"], sides[f"theirs {pair}"]
        printed = theirs.out.with_suffix(".theirs")
        events = lines_of(getattr(bench, log))
        used, peer = runs[f"ours {pair}"].cpu, runs[f"theirs {pair}"].cpu
        rows.append(
            {
                "log": log,
                "events": events,
                "rules": rules,
                "ours": used,
                "start": runs[f"start {rules}"].cpu,
                "theirs": peer,
                "our_rate": events / used,
                "their_rate": events / peer,
                "ratio": peer / used,
                "our_matches": lines_of(ours.out),
                "their_matches": lines_of(printed),
                "memory": peak_memory(ours) / 1e6,
                "their_memory": peak_memory(theirs) / 1e6,
            }
        )
        differences += [(log, each) for each in peers.differences(ours.out, printed, [folders[rules]], reasons)]
    columns = {
        "log": ("log", "s"),
        "events": ("events", ",d"),
        "rules": ("rules", "s"),
        "ours": ("Beffroi, s", ".2f"),
        "start": ("of which start", ".2f"),
        "theirs": ("peer, s", ".2f"),
        "our_rate": ("Beffroi, events/s", ",.0f"),
        "their_rate": ("peer, events/s", ",.0f"),
        "ratio": ("times less CPU", ".2f"),
        "our_matches": ("matches", ",d"),
        "their_matches": ("peer's", ",d"),
        "memory": ("memory, MB", ",.0f"),
        "their_memory": ("peer's", ",.0f"),
    }
    notes = [f"Median of {times}." if times > 1 else "One run.", *unsteady(runs)]
    return [Table(key, title, columns, rows, notes), _differing(key, differences)]


def _differing(key: str, differences: list[tuple[str, peers.Difference]]) -> Table:
    """A row a rule: how often it fired for Beffroi and for the peer, log by log; the reasons stand below."""
    rows: dict[str, dict[str, Any]] = {}
    letters: dict[str, str] = {}
    for log, each in differences:
        letter = letters.setdefault(each.why, chr(ord("a") + len(letters)))
        row = rows.setdefault(each.rule_id, {"rule": each.rule_id, "title": each.title, "why": letter})
        seen = f"{each.ours:,} : {each.theirs:,}"
        if seen not in row.get(log, ""):  # the larger set of rules mostly says the same again
            row[log] = " / ".join(filter(None, (row.get(log), seen)))
    columns = {
        "rule": ("rule", "s"),
        "title": ("title", "s"),
        **{log: (f"{log}, Beffroi : peer", "s") for log in LOGS},
        "why": ("why", "s"),
    }
    title = "Rules that fired differently" if rows else "No rule fired differently"
    return Table(
        f"{key} differences", title, columns, list(rows.values()), [f"{x}: {why}." for why, x in letters.items()]
    )


TABLES: dict[str, Callable[[Bench], list[Table]]] = {"speed": speed, "start": start, "rsigma": rsigma, "sqlite": sqlite}


# --- the whole -----------------------------------------------------------------------------------------------------


def lines_of(path: Path) -> int:
    with path.open("rb") as file:
        return sum(block.count(b"\n") for block in iter(lambda: file.read(1 << 20), b""))


def digest_of(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "blake2b").hexdigest()


def _machine(arguments: argparse.Namespace) -> list[str]:
    model = next(
        (
            line.split(":", 1)[1].strip()
            for line in Path("/proc/cpuinfo").read_text().splitlines()
            if "model name" in line
        ),
        platform.machine(),
    )
    before = f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.1f} before"
    said = [f"Beffroi {__version__}, CPython {platform.python_version()}, {model}, {before}."]
    how = f"each the median of {arguments.runs} runs, commands in turn" if arguments.runs > 1 else "one run each"
    said.append(
        "CPU is user + system seconds of whole processes, start-up and writing the matches to a file included; "
        f"{how}. The rule cache is filled and the files are in the page cache unless said otherwise."
    )
    if arguments.quick:
        said.append(
            "A quick run: it shows that all works. Start-up weighs far too much in it for its figures to count."
        )
    return said


def main() -> int:
    parser = argparse.ArgumentParser(description="How fast a hunt is.")
    parser.add_argument("--quick", action="store_true", help="the recordings once, every command once")
    parser.add_argument("--only", choices=TABLES, action="append", help="only this table; may be given again")
    parser.add_argument("--runs", type=int, help="how often every command is run  [default: 5, with --quick 1]")
    parser.add_argument("--json", type=Path, metavar="OUT", help="also write everything to this file")
    arguments = parser.parse_args()
    arguments.runs = arguments.runs or (1 if arguments.quick else 5)
    corpus = material.corpus()
    if corpus is None:
        print("no corpus: set BEFFROI_CORPUS to its folder", file=sys.stderr)
        return 2
    print("## Hunt\n\n" + "\n\n".join(_machine(arguments)) + "\n", flush=True)
    done: list[Table] = []
    with tempfile.TemporaryDirectory(prefix="beffroi-benchmark-") as folder:
        bench = Bench(Path(folder), corpus, arguments.quick, arguments.runs)
        for name in arguments.only or TABLES:
            try:
                tables = TABLES[name](bench)
            except Failed as failed:
                print(f"\n{name}: {failed}", file=sys.stderr)
                return 1
            tell("")
            for table in tables:
                print(table.markdown(), flush=True)
            done += tables
    if not arguments.quick:
        done.append(against_targets(done))
        print(done[-1].markdown())
    if arguments.json:
        arguments.json.write_text(
            json.dumps(
                {"quick": arguments.quick, "runs": arguments.runs, "tables": [table.plain() for table in done]},
                indent=1,
            )
        )
    return 0


if __name__ == "__main__":
    sys.exit(main())
