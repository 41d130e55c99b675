"""What the archive costs: processor time, own and its children's, for each row that is kept, merged and searched.

    python benchmarks/archive.py [ROWS]

Rows are Windows sign-ins and lines of sshd in turn, half a kilobyte each; beside them stands what writing the same lines as JSON
to one file costs, which cannot be avoided.
"""

import os
import resource
import sys
import tempfile
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "src"))

from beffroi.core.model import LogSource
from beffroi.logs.archive import Archiver, Query, Row, search
from beffroi.logs.archive.rows import line

START = 1_764_000_000_000_000
LATER = datetime(2030, 1, 1, tzinfo=UTC)
SIGN_IN = {
    "EventID": 4625, "Channel": "Security", "LogonType": 3, "SubjectUserSid": "S-1-0-0", "Status": "0xc000006d",
    "ProcessName": "C:\\Windows\\System32\\svchost.exe",
}  # fmt: skip


def rows(count: int) -> Iterator[Row]:
    """So many rows, fifty to an arrival."""
    for n in range(count):
        fields = {**SIGN_IN, "TargetUserName": f"user{n % 499}", "IpAddress": f"192.0.2.{n % 251}", "EventRecordID": n}
        source = LogSource("windows", None, "security") if n % 2 else LogSource("linux", None, "sshd")
        raw = b'{"Event":%d,"more":"%s"}' % (n, b"abcdefgh" * 30)
        yield Row(
            n // 50, n % 50, START + n * 1_000, START + n * 1_000, f"s{n % 20}", f"PC-{n % 20}", source, fields, raw
        )


def spent(work: Callable[[], object]) -> float:
    """Seconds of processor time."""
    before = os.times()
    work()
    return sum(os.times()[:4]) - sum(before[:4])


def measure(count: int) -> Iterator[str]:
    """A line for each figure."""
    made = spent(lambda: sum(1 for _ in rows(count)))
    with tempfile.TemporaryDirectory() as folder:
        plain = Path(folder, "plain")

        def write() -> None:
            with plain.open("wb") as file:
                file.writelines(map(line, rows(count)))
                os.fsync(file.fileno())

        archive = Path(folder, "archive")
        archiver = Archiver(archive)
        yield f"{'lines of JSON, synced':<40} {1e6 * (spent(write) - made) / count:8.2f} µs/row"

        def keep() -> None:
            archiver.add(rows(count))
            archiver.flush()

        kept = spent(keep)
        yield f"{'kept in the archive':<40} {1e6 * (kept - made) / count:8.2f} µs/row"
        yield f"{'merged':<40} {1e6 * spent(lambda: archiver.compact(LATER)) / count:8.2f} µs/row"
        yield f"{'on the disk':<40} {archiver.size / count:8.2f} bytes/row, of {plain.stat().st_size / count:.0f}"
        archiver.close()
        for name, query in {
            "the newest 100": Query(limit=100),
            "a text that is nowhere": Query(text="nowhere", limit=100),
            "a field": Query(fields=(("TargetUserName", "user7"),), limit=100),
            "everything": Query(),
        }.items():
            took = spent(lambda query=query: [len(block) for block in search(archive, query, faults=[])])  # type: ignore[misc]
            yield f"{'search: ' + name:<40} {took:8.2f} s"
        peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss >> 10
        yield f"{'most memory of a child':<40} {peak:8} MB"


if __name__ == "__main__":
    for told in measure(int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000):
        print(told)
