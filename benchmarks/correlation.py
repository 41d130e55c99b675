"""How fast correlations are, and whether the window makes them slower.

    python benchmarks/correlation.py [EVENTS]

Matches a second of user CPU, median of five runs, at 10, 1,000 and 100,000 events with that many distinct values in the window:
the lines should be flat. Then what the default limits mean in bytes.
"""

import statistics
import sys
import time
import tracemalloc
from collections.abc import Iterable
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "src"))

from beffroi.detect.correlation import BaseMatch, Correlation, Correlator, Limits

SECOND = 1_000_000
WINDOWS = (10, 1_000, 100_000)
KINDS: dict[str, dict[str, Any]] = {
    "event_count": {"condition": (("gte", 1 << 40),)},
    "value_count": {"condition": (("gte", 1 << 40),), "fields": ("value",)},
    "temporal, 3 rules": {"kind": "temporal", "rules": ("a", "b", "c"), "condition": (("gte", 3),)},
    "temporal_ordered, 3 rules": {"kind": "temporal_ordered", "rules": ("a", "b", "c"), "condition": (("gte", 3),)},
    "value_sum": {"condition": (("gte", 1 << 40),), "fields": ("number",)},
    "value_avg": {"condition": (("gte", 1 << 40),), "fields": ("number",)},
    "value_median": {"condition": (("gte", 1 << 40),), "fields": ("number",)},
}


def correlation(window: int, kind: str, **given: Any) -> Correlation:
    plain: dict[str, Any] = {
        "id": kind, "title": kind, "level": "high", "tags": (), "name": None, "path": "", "kind": kind, "rules": ("a",),
        "group_by": ("host",), "aliases": {}, "timespan": window * SECOND, "condition": (), "expression": None,
        "fields": (), "percentile": None, "generate": False,
    }  # fmt: skip
    return Correlation(**plain | given)


def matches(number: int, window: int, late: int = 0) -> list[BaseMatch]:
    """One a second in one group; the values of a window are all different. `late`: every tenth comes so many seconds late."""
    made = []
    for n in range(number):
        at = n - late if late and n % 10 == 0 else n
        fields = {"host": "pc", "value": f"value {at % window}", "number": at * 7919 % 10007}
        made.append(BaseMatch("abc"[at % 3] if at % 9 else "a", at * SECOND, ("log", n), fields))
    return made


def rate(definition: Correlation, given: list[BaseMatch], warm: int, limits: Limits) -> float:
    """Matches a second of CPU, the window being full."""

    def run(rest: Iterable[BaseMatch]) -> float:
        started = time.process_time()
        for match in rest:
            correlator.feed((match,))
        return time.process_time() - started

    runs = []
    for _ in range(5):
        correlator = Correlator([definition], lateness_us=3600 * SECOND, limits=limits)
        correlator.feed(given[:warm])
        runs.append((len(given) - warm) / run(given[warm:]))
    return statistics.median(runs)


def main() -> None:
    number = int(sys.argv[1]) if len(sys.argv) > 1 else 50_000
    limits = Limits(events=400_000, group_events=400_000)
    print(f"{'matches a second':<28}" + "".join(f"{window:>12,}" for window in WINDOWS))
    for late, words in ((0, ""), (30, ", a tenth 30 s late")):
        for kind, given in KINDS.items():
            if late and kind not in ("event_count", "value_count", "value_median"):
                continue
            line = f"{kind + words:<28}"
            for window in WINDOWS:
                rules = ("a", "b", "c")
                definition = correlation(window, **{"kind": kind, "rules": rules} | given)
                warm = min(window, 100_000)
                line += f"{rate(definition, matches(warm + number, window, late), warm, limits):>12,.0f}"
            print(line, flush=True)
    memory()


def memory() -> None:
    """What the default limits mean in bytes."""
    definition = correlation(86400, "value_count", condition=(("gte", 50),), fields=("value",))
    for words, hosts in (("one group", 1), ("groups of one event", 10**9)):
        tracemalloc.start()
        correlator = Correlator([definition], lateness_us=3600 * SECOND)
        for n in range(250_000):
            fields = {"host": f"host-{n % hosts:06}", "value": f"value-{n:032}"}
            correlator.feed((BaseMatch("a", n * 1000, ("log", n), fields),))
        groups, events = correlator.size
        print(
            f"{words}: {groups:,} groups and {events:,} events kept in {tracemalloc.get_traced_memory()[0] / 1e6:.0f} MB"
        )
        tracemalloc.stop()


if __name__ == "__main__":
    main()
