"""What a hunt is asked to reach, and what this run reached."""

from collections.abc import Callable, Iterable, Sequence
from typing import Any, NamedTuple

from benchmarks.tables import Row, Table

Rows = Callable[[str], Sequence[Row]]


class Target(NamedTuple):
    """What must and what should be reached; `pick` finds the figure among the rows of tables, by their keys."""

    what: str
    must: float
    aim: float
    form: str
    at_least: bool
    pick: Callable[[Rows], Iterable[float]]


def _speed(log: str, column: str, jobs: int = 1) -> Callable[[Rows], Iterable[float]]:
    """Of the row with all rules."""
    return lambda rows: [row[column] for row in rows(f"speed {log}") if row["jobs"] == jobs][-1:]


def _peer(table: str, log: str) -> Callable[[Rows], Iterable[float]]:
    """Of the row with the Windows rules."""
    return lambda rows: [row["ratio"] for row in rows(table) if row["log"] == log][:1]


def _memory(rows: Rows) -> Iterable[float]:
    tables = ("speed recordings", "speed different", "speed differ", "speed quiet", "rsigma", "sqlite")
    return [row["memory"] for table in tables for row in rows(table)]


TARGETS = (
    Target(
        "attack recordings, all rules: events/s a core", 70_000, 100_000, ",.0f", True, _speed("recordings", "rate")
    ),
    Target("attack recordings, all rules: × merely parsing", 4.5, 3.3, ".2f", False, _speed("recordings", "ratio")),
    Target(
        "every value different, EVTX, all rules: events/s a core",
        35_000,
        50_000,
        ",.0f",
        True,
        _speed("different", "rate"),
    ),
    Target(
        "every value different, EVTX, all rules: × merely parsing", 7, 4.5, ".2f", False, _speed("different", "ratio")
    ),
    Target(
        "every value different, flat lines, all rules: events/s a core",
        35_000,
        50_000,
        ",.0f",
        True,
        _speed("differ", "rate"),
    ),
    Target(
        "every value different, flat lines, all rules: × merely parsing",
        7,
        4.5,
        ".2f",
        False,
        _speed("differ", "ratio"),
    ),
    Target("times less CPU than RSigma, alike, Windows rules", 1.5, 3, ".2f", True, _peer("rsigma", "alike")),
    Target("times less CPU than RSigma, all different", 1.5, 2.5, ".2f", True, _peer("rsigma", "differ")),
    Target("times less CPU than RSigma, quiet log", 2, 3, ".2f", True, _peer("rsigma", "quiet")),
    Target("times less CPU than SQL, alike, Windows rules", 15, 30, ".1f", True, _peer("sqlite", "alike")),
    Target("two processes, recordings: CPU against one", 1.15, 1.05, ".2f", False, _speed("recordings", "against", 2)),
    Target("two processes, recordings: largest share", 0.57, 0.52, ".1%", False, _speed("recordings", "share", 2)),
    Target("two processes, one flat file: CPU against one", 1.15, 1.05, ".2f", False, _speed("differ", "against", 2)),
    Target("two processes, one flat file: largest share", 0.57, 0.52, ".1%", False, _speed("differ", "share", 2)),
    Target("most memory of any hunt above, MB", 250, 130, ",.0f", False, _memory),
    Target(
        "start, cached, all rules: s on the clock",
        0.6,
        0.35,
        ".2f",
        False,
        lambda rows: [row["cached_wall"] for row in rows("start")][-1:],
    ),
)


def against_targets(tables: Sequence[Table]) -> Table:
    """A row a target; those whose table was not made are left out."""
    by_key = {table.key: table.rows for table in tables}
    found: list[dict[str, Any]] = []
    for target in TARGETS:
        figures = list(target.pick(lambda key: by_key.get(key, ())))
        if figures:
            figure = max(figures)
            found.append(
                {
                    "what": target.what,
                    "must": format(target.must, target.form),
                    "aim": format(target.aim, target.form),
                    "figure": figure,
                    "here": format(figure, target.form),
                    "judged": _judged(target, figure),
                }
            )
    columns = {
        "what": ("what", "s"),
        "must": ("must", "s"),
        "aim": ("aim", "s"),
        "here": ("here", "s"),
        "judged": ("", "s"),
    }
    return Table("targets", "Against the targets", columns, found)


def _judged(target: Target, figure: float) -> str:
    def reached(goal: float) -> bool:
        return figure >= goal if target.at_least else figure <= goal

    return "as hoped" if reached(target.aim) else "reached" if reached(target.must) else "**missed**"
