"""How evenly the processes of one hunt share its work.

    python benchmarks/shares.py JOBS CACHE_FOLDER OUT PATH RULES…

Prints a JSON object: `share` is the largest process's part of the processor time that all of them used together, `cpu` that
time in seconds. Matches go to OUT, as in use.
"""

import json
import sys
from pathlib import Path
from zoneinfo import ZoneInfo

from beffroi.hunting import Request, hunt


def main() -> None:
    jobs, cache, out, path, *rules = sys.argv[1:]
    request = Request(
        paths=(Path(path),),
        zone=ZoneInfo("Europe/Brussels"),
        rules=tuple(map(Path, rules)),
        jobs=int(jobs),
        cache_folder=Path(cache),
    )
    with Path(out).open("wb") as file:

        def keep(line: bytes) -> None:
            file.write(line + b"\n")

        shares = hunt(request, keep).shares
    print(json.dumps({"cpu": sum(shares), "share": max(shares) / sum(shares), "processes": len(shares)}))


if __name__ == "__main__":
    main()
