"""What a rule gone wild costs: a million matches an hour become incidents, and the list stays at hand.

    .venv/bin/python benchmarks/incidents.py [--matches N] [--json OUT]

Matches are put into a store as the service records them (278 a second of event time, one transaction each second), and taken note of
at once, by the service's own code; nothing else runs. Each kind of flood is a process of its own. Printed are CPU for a match, the process's memory (PSS)
at its peak, how long the list and one incident take to answer meanwhile (p95), how long raising adds to a match's way (p99 of
one transaction), how many incidents a person would see, and the size of the store.
"""

import argparse
import json
import random
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "src"))

import msgspec
from sqlalchemy import func, insert, select

from beffroi.detect.values import iso_of
from beffroi.incidents import actions, traces_of
from beffroi.incidents.raising import Raiser
from beffroi.store import Store, feed, tables
from beffroi.store.actions import Actor, Role

RATE = 278  # matches a second: a million an hour
BEGIN = 1_774_000_000_000_000  # microseconds since 1970
WHO = Actor("benchmark", Role.OWNER)

Fields = dict[str, Any]


def one_machine(_draw: random.Random, _n: int) -> Fields:
    """The same thing again and again on one machine."""
    return {
        "Computer": "PC-ACCUEIL",
        "Image": "C:\\Tools\\copy.exe",
        "CommandLine": "copy.exe /all",
        "User": "HOUSE\\anne",
    }


def own_processes(draw: random.Random, n: int) -> Fields:
    """Twenty machines and sixty people, each match a process of its own with a command of its own."""
    return {
        "Computer": f"PC-{draw.randrange(20):02}", "Image": "C:\\Tools\\copy.exe", "CommandLine": f"copy.exe {n}",
        "ProcessGuid": f"{{{n:032x}}}", "LogonId": hex(0x10000 + n), "User": f"HOUSE\\user{draw.randrange(60)}",
    }  # fmt: skip


def attackers_choice(draw: random.Random, n: int) -> Fields:
    """Whoever sends the logs chooses everything: each match names a machine, a person and an address that never come again."""
    return {"Computer": f"host-{n}", "username": f"user{n}", "src_ip": _address(draw)}


def _address(draw: random.Random) -> str:
    return ".".join(str(draw.randrange(1, 255)) for _ in range(4))


FLOODS: dict[str, Callable[[random.Random, int], Fields]] = {
    "one machine": one_machine,
    "a process each": own_processes,
    "all values new": attackers_choice,
}


def row(n: int, second: int, fields: Fields) -> dict[str, Any]:
    """A match as the recorder writes it."""
    time_ = iso_of(BEGIN + second * 1_000_000)
    host = fields["Computer"]
    return {
        "position": n, "place": 0, "identity": None, "rule_id": "wild", "grouping": "", "title": "A rule gone wild", "level": "high",
        "time": time_, "noted": time_, "host": host, "source_id": "s-1", "logsource": "windows/process_creation/*",
        "fields": json.dumps(fields), "historic": 0, "tags": '["attack.t1059"]', "pending": 1,
        "traces": msgspec.json.encode(traces_of(host, fields)).decode(),
    }  # fmt: skip


def flood(name: str, matches: int) -> dict[str, Any]:
    """One flood in this process."""
    draw, make = random.Random(7), FLOODS[name]  # noqa: S311 - drawn again the same
    raising, listing, showing = [], [], []
    cpu, peak = 0.0, 0
    with tempfile.TemporaryDirectory() as folder, Store.open(Path(folder) / "data") as store:
        raiser, n, second = Raiser(store), 0, 0
        before = memory()
        while n < matches:
            rows = [row(n + each, second, make(draw, n + each)) for each in range(min(RATE, matches - n))]
            with store.write() as change:
                change.execute(insert(tables.matches), rows)
                for each in change.scalars(select(tables.matches.c.id).where(tables.matches.c.pending == 1)).all():
                    feed.tell(change, "matches", each)
            n, second = n + len(rows), second + 1
            begun, wall = time.process_time(), time.perf_counter()
            raiser.catch_up()
            cpu += time.process_time() - begun
            raising.append(time.perf_counter() - wall)
            if second % 60 == 0:
                with store.write() as change:
                    feed.prune(change)
                wall = time.perf_counter()
                found = actions.list_(store, WHO, actions.Wanted())
                listing.append(time.perf_counter() - wall)
                if found:
                    wall = time.perf_counter()
                    actions.show(store, WHO, actions.Which(found[0]["id"]))
                    showing.append(time.perf_counter() - wall)
                peak = max(peak, memory())
        with store.read() as connection:
            count = connection.scalar(
                select(func.count()).select_from(tables.incidents).where(tables.incidents.c.merged_into.is_(None))
            )
        size = sum(each.stat().st_size for each in (Path(folder) / "data").glob("store.db*"))
    return {
        "flood": name, "matches": n, "cpu_us": cpu / n * 1e6, "memory_mb": peak / 1e6, "before_mb": before / 1e6,
        "list_ms": p95(listing), "show_ms": p95(showing), "raise_ms": sorted(raising)[int(len(raising) * 0.99)] * 1e3,
        "incidents": count, "store_mb": size / 1e6,
    }  # fmt: skip


def one_by_one(matches: int) -> list[float]:
    """Seconds that raising takes where matches come singly, as in a house: from the recorder's transaction to the incident's."""
    draw, took = random.Random(7), []  # noqa: S311 - drawn again the same
    with tempfile.TemporaryDirectory() as folder, Store.open(Path(folder) / "data") as store:
        raiser = Raiser(store)
        for n in range(matches):
            with store.write() as change:
                change.execute(insert(tables.matches), [row(n, 60 * n, own_processes(draw, n))])
            begun = time.perf_counter()
            raiser.catch_up()
            took.append(time.perf_counter() - begun)
    return sorted(took)


def p95(seconds: list[float]) -> float:
    return statistics.quantiles(seconds, n=20)[-1] * 1e3 if len(seconds) > 1 else seconds[0] * 1e3 if seconds else 0.0


def memory() -> int:
    """The process's share of memory (PSS) in bytes."""
    for line in Path("/proc/self/smaps_rollup").read_text("ascii").splitlines():
        if line.startswith("Pss:"):
            return int(line.split()[1]) * 1024
    raise RuntimeError("this kernel tells no PSS")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--matches", type=int, default=1_000_000)
    parser.add_argument("--json", type=Path)
    parser.add_argument("--only", choices=sorted(FLOODS))
    parser.add_argument("--here", action="store_true", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.here:
        print(json.dumps(flood(given.only, given.matches)))
        return
    print(
        f"| a flood of {given.matches:,} | CPU a match | memory | list, p95 | one, p95 | raising, p99 | incidents | store |"
    )
    print("|---|---|---|---|---|---|---|---|")
    found = []
    for name in [given.only] if given.only else FLOODS:
        argv = [sys.executable, "-I", "-X", "utf8", __file__, "--here", "--only", name, "--matches", str(given.matches)]
        done = subprocess.run(argv, check=True, capture_output=True, text=True)
        each = json.loads(done.stdout)
        found.append(each)
        print(
            f"| {name} | {each['cpu_us']:.0f} µs | {each['memory_mb']:.0f} MB | {each['list_ms']:.1f} ms | {each['show_ms']:.1f} ms "
            f"| {each['raise_ms']:.1f} ms | {each['incidents']} | {each['store_mb']:,.0f} MB |",
            flush=True,
        )
    singly = one_by_one(1_000)
    print(f"\nMatches one by one: raising takes {singly[500] * 1e3:.1f} ms (median), {singly[990] * 1e3:.1f} ms (p99).")
    if given.json:
        given.json.write_text(json.dumps(found, indent=1), "utf-8")


if __name__ == "__main__":
    main()
