"""The cost nobody can avoid: merely parsing recordings, and throwing away what was read.

    python benchmarks/parse_only.py PATH

EVTX files are turned into JSON text by the same library that Beffroi uses, JSON lines parsed by the same parser. Prints the events and the processor time (user + system, seconds) of the loop alone: starting Python and importing the
libraries is left out, which can only make a hunt look slower beside it.
"""

import json
import sys
import time
from pathlib import Path

import orjson
from evtx import PyEvtxParser


def evtx(file: Path) -> int:
    """Parse a recording; returns how many events there were."""
    count = 0
    try:
        for _ in PyEvtxParser(str(file)).records_json():
            count += 1
    except (OSError, RuntimeError, ValueError):
        pass  # damaged; the hunt mends what can be mended, which is its own cost
    return count


def lines(file: Path) -> int:
    count = 0
    with file.open("rb") as opened:
        for line in opened:
            orjson.loads(line)
            count += 1
    return count


def main() -> None:
    path = Path(sys.argv[1])
    started = time.process_time()
    files = sorted(path.rglob("*.*")) if path.is_dir() else [path]
    events = sum(evtx(file) if file.suffix == ".evtx" else lines(file) for file in files if file.is_file())
    print(json.dumps({"events": events, "cpu": time.process_time() - started}))


if __name__ == "__main__":
    main()
