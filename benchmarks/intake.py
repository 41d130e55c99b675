"""How much the service takes in, how soon it finds what is in it, and what it needs, with real senders.

    .venv/bin/python benchmarks/intake.py [--quick] [--only PART] [--minutes N] [--json OUT]

Parts: `sustained`, `burst`, `latency`, `memory`, `idle` (README.md beside this file says what each shows and how it is measured).
`--quick` sends a little of everything: it shows that all works, its figures are none.
"""

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
import zipfile
from contextlib import suppress
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from benchmarks.measure import _family, _held
from benchmarks.tables import Table
from evtx import PyEvtxParser

from beffroi.cli.main import main as beffroi
from beffroi.logs.journal import JournalReader
from beffroi.watching.selftest import token_in
from tests.service.house import House
from tests.service.windows import RULE, RULE_ID, failed_login

HERE = Path(__file__).resolve().parent
PLAIN = ("bulk", "hec", "otlp", "lumberjack", "relp")
TICK = os.sysconf("SC_CLK_TCK")
PARTS = ("sustained", "burst", "latency", "memory", "idle")


def cpu_of(pid: int) -> float:
    """User and system seconds of a process, of its children and of those that have ended."""
    total = 0
    for each in _family(pid):
        with suppress(OSError):
            total += sum(map(int, Path(f"/proc/{each}/stat").read_text().rpartition(")")[2].split()[11:15]))
    return total / TICK


def pss_of(pid: int) -> int:
    """Bytes of memory of a process and its children; what they share counts once."""
    return sum(map(_held, _family(pid)))


def windows_events(corpus: Path, into: Path, count: int) -> Path:
    """Recorded Windows events, one JSON object a line."""
    with into.open("w", encoding="utf-8") as out:
        for path in sorted((corpus / "evtx-attack-samples").rglob("*.evtx")):
            with suppress(RuntimeError):
                for record in PyEvtxParser(os.fspath(path)).records_json():
                    assert record is not None
                    out.write(json.dumps(json.loads(record["data"])) + "\n")
                    count -= 1
                    if not count:
                        return into
    return into


class Bench:
    """A folder to work in, with the rules loaded once."""

    def __init__(self, corpus: Path, work: Path, *, quick: bool, minutes: float) -> None:
        self.work = work
        self.quick = quick
        self.minutes = minutes
        self.events = windows_events(corpus, work / "events", 2_000 if quick else 20_000)
        with zipfile.ZipFile(work / "rules.zip", "w") as archive:
            archive.writestr("own/own.yml", RULE)
            for path in sorted((corpus / "sigma").glob("rules*/**/*.yml")):
                archive.write(path, path.relative_to(corpus / "sigma"))
        config = work / "beffroi.toml"
        config.write_text(f'[paths]\ndata = "{work / "loaded"}"\ncache = "{work / "cache"}"\n')
        assert beffroi(["rules", "update", "--from", str(work / "rules.zip"), "--config", str(config), "-q"]) == 0

    def house(self, name: str) -> House:
        made = House(self.work / name, plain=PLAIN, cache=self.work / "cache")
        shutil.copytree(self.work / "loaded", made.data, symlinks=True)
        return made

    def send(self, ports: dict[str, int], count: int, rate: float = 0) -> list["subprocess.Popen[bytes]"]:
        """Half by `_bulk`, half by TCP."""
        program = [sys.executable, "-I", str(HERE / "sending.py")]
        ways = (("bulk", str(self.events), ports["bulk"]), ("tcp", "-", ports["syslog_tcp"]))
        return [
            subprocess.Popen([*program, kind, path, str(port), str(count // 2), str(rate / 2)])
            for kind, path, port in ways
        ]


def ended(senders: list["subprocess.Popen[bytes]"]) -> None:
    for each in senders:
        if each.wait():
            raise RuntimeError("a sender failed")


def kept(data: Path) -> int:
    """Events in the journal, Beffroi's own signs of life left out."""
    position = count = 0
    with JournalReader(data / "journal") as reader:
        while arrivals := reader.read(position, 8 << 20):
            count += sum(token_in(each) is None for _, arrival in arrivals for each in arrival.messages)
            position = arrivals[-1][0]
    return count


def all_kept(data: Path, count: int, patience: float = 120) -> int:
    """Wait until so many are there (TCP's last lines are acknowledged to nobody); how many are."""
    until = time.monotonic() + patience
    while (found := kept(data)) < count and time.monotonic() < until:
        time.sleep(0.5)
    return found


def pid_of(house: House) -> int:
    assert house.process is not None
    return house.process.pid


def sustained(bench: Bench) -> Table:
    count = 4_000 if bench.quick else 480_000
    with bench.house("sustained") as house:
        before, began = cpu_of(pid_of(house)), time.monotonic()
        ended(bench.send(house.ports, count))
        assert all_kept(house.data, count) == count
        house.settled(600)
        full, wall = cpu_of(pid_of(house)) - before, time.monotonic() - began
        matches = house.rows("SELECT count(*) FROM matches")[0][0]
    bare = bench.house("bare")
    process = subprocess.Popen([sys.executable, "-I", HERE / "receive_only.py", bare.config], stdout=subprocess.PIPE)
    try:
        assert process.stdout is not None
        ports = json.loads(process.stdout.readline())
        before = cpu_of(process.pid)
        ended(bench.send(ports, count))
        assert all_kept(bare.data, count) == count
        alone = cpu_of(process.pid) - before
    finally:
        process.kill()
        process.communicate()
    row = {"events": count, "cpu": full, "rate": count / full, "wall": count / wall, "alone": count / alone,
           "ratio": full / alone, "matches": matches}  # fmt: skip
    columns = {
        "events": ("events", ",d"), "rate": ("events/s a core", ",.0f"), "wall": ("events/s on the clock", ",.0f"),
        "alone": ("received only, events/s a core", ",.0f"), "ratio": ("× receiving only", ".1f"), "matches": ("matches", ",d"),
    }  # fmt: skip
    return Table("sustained", "Sustained (must 5,000 a core and ≤ 12 ×, aim 20,000 and ≤ 4 ×)", columns, [row])


def burst(bench: Bench) -> Table:
    seconds, rate = (2, 2_000) if bench.quick else (60, 10_000)
    with bench.house("burst") as house:
        began = time.monotonic()
        ended(bench.send(house.ports, seconds * rate, rate))
        sent = time.monotonic()
        found = all_kept(house.data, seconds * rate)
        house.settled(600)
        drained = time.monotonic()
    row = {"events": seconds * rate, "sent": sent - began, "lost": seconds * rate - found, "drained": drained - sent}
    columns = {"events": ("events", ",d"), "sent": ("sent in, s", ".1f"), "lost": ("lost", ",d"), "drained": ("drained after, s", ".1f")}  # fmt: skip
    return Table("burst", "Burst (must nothing lost, aim drained in 30 s)", columns, [row])


def latency(bench: Bench) -> Table:
    import httpx

    marks = 5 if bench.quick else 200
    waits = []
    with bench.house("latency") as house:
        senders = bench.send(house.ports, 1_000 * (marks // 4 + 5), 1_000)
        found = "SELECT 1 FROM matches WHERE rule_id = ? AND host = 'PC-ACCUEIL' GROUP BY rule_id HAVING count(*) > ?"
        with httpx.Client(base_url=f"http://127.0.0.1:{house.ports['bulk']}") as client:
            for number in range(marks):
                event = json.dumps(failed_login(number, f"mark{number}"))
                began = time.monotonic()
                body = f'{{"create":{{"_id":"m{number}"}}}}\n{event}\n'
                client.post("/_bulk", content=body).raise_for_status()
                assert house.until(found, RULE_ID, number)
                waits.append(time.monotonic() - began)
                time.sleep(0.1)
        for each in senders:
            each.kill()
            each.wait()
    waits.sort()
    row = {"events": marks, "p50": statistics.median(waits), "p99": waits[int(len(waits) * 0.99)]}
    columns = {"events": ("marked events", ",d"), "p50": ("p50, s", ".2f"), "p99": ("p99, s", ".2f")}
    return Table("latency", "Event sent → match in the store at 1,000/s (must p99 1.5 s, aim 0.5 s)", columns, [row])


def memory(bench: Bench) -> Table:
    seconds = 5.0 if bench.quick else bench.minutes * 60
    rows = []
    with bench.house("memory") as house:
        senders = bench.send(house.ports, int(seconds * 1_000), 1_000)
        began, steps = time.monotonic(), 5
        for step in range(1, steps + 1):
            time.sleep(max(0.0, began + seconds * step / steps - time.monotonic()))
            rows.append({"minutes": seconds * step / steps / 60, "pss": pss_of(pid_of(house)) / 1e6})
        ended(senders)
    columns = {"minutes": ("minutes at 1,000/s", ".1f"), "pss": ("memory, MB", ",.0f")}
    return Table("memory", "Memory (must 300 MB, aim 200 MB and flat)", columns, rows)


def idle(bench: Bench) -> Table:
    seconds = 2.0 if bench.quick else 60.0
    with bench.house("idle") as house:
        time.sleep(0 if bench.quick else 30)
        before = cpu_of(pid_of(house))
        time.sleep(seconds)
        row = {"seconds": seconds, "share": (cpu_of(pid_of(house)) - before) / seconds}
    columns = {"seconds": ("seconds", ".0f"), "share": ("of a core", ".2%")}
    return Table("idle", "Idle (must 1 % of a core, aim 0.3 %)", columns, [row])


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--only", choices=PARTS, action="append")
    parser.add_argument("--minutes", type=float, default=5)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    corpus = Path(os.environ.get("BEFFROI_CORPUS") or HERE.parent.parent / "shared" / "corpus")
    tables = []
    with tempfile.TemporaryDirectory() as work:
        bench = Bench(corpus, Path(work), quick=options.quick, minutes=options.minutes)
        for part in options.only or PARTS:
            table: Any = globals()[part](bench)
            tables.append(table)
            print(table.markdown(), flush=True)
    if options.json:
        options.json.write_text(json.dumps({"tables": [table.plain() for table in tables]}))
    return 0


if __name__ == "__main__":
    sys.exit(main())
