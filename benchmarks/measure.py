"""Measuring whole processes, side by side: processor time from the system's own account, memory as the sum over processes.

Commands of one comparison are run in turn (A B C, A B C, …), so that a machine that gets slower or warmer meanwhile does so for
all of them alike. What a command prints goes to a file, as it would in use. A ratio is only ever made within one comparison.
"""

import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

Argument = str | os.PathLike[str]

WIDE = 0.25
"""A spread (most − least, by the median) above which a figure is called unsteady."""


@dataclass(frozen=True, slots=True)
class Command:
    """A program to measure. `before` is run before each of its runs, unmeasured; with `own_account` the processor time is the
    `cpu` (seconds) of the JSON object it prints last, not that of the whole process."""

    argv: Sequence[Argument]
    out: Path
    env: Mapping[str, str]
    before: Callable[[], None] | None = None
    own_account: bool = False


class Usage(NamedTuple):
    """One run: user and system processor time of the process and all its children, and time on the clock; in seconds."""

    user: float
    system: float
    wall: float


@dataclass(slots=True)
class Runs:
    """All runs of one command."""

    usages: list[Usage] = field(default_factory=list)

    @property
    def cpu(self) -> float:
        """Median of user + system seconds."""
        return statistics.median(usage.user + usage.system for usage in self.usages)

    @property
    def user(self) -> float:
        return statistics.median(usage.user for usage in self.usages)

    @property
    def wall(self) -> float:
        return statistics.median(usage.wall for usage in self.usages)

    @property
    def spread(self) -> float:
        """(Most − least) processor time by the median."""
        times = [usage.user + usage.system for usage in self.usages]
        return (max(times) - min(times)) / max(self.cpu, 1e-9)


class Failed(Exception):
    """A command did not end as it should."""


def run(command: Command) -> Usage:
    """One run; its output is in `command.out`, what it says besides in the same name with `.err`. Raises Failed."""
    if command.before:
        command.before()
    process, started = _start(command)
    _, status, used = os.wait4(process.pid, 0)
    wall = time.perf_counter() - started
    _judge(command, process, os.waitstatus_to_exitcode(status))
    if command.own_account:
        return Usage(last_object(command.out)["cpu"], 0.0, wall)
    return Usage(used.ru_utime, used.ru_stime, wall)


def in_turn(commands: Mapping[str, Command], times: int) -> dict[str, Runs]:
    """Every command `times` times, in turn."""
    runs = {name: Runs() for name in commands}
    for number in range(times):
        for name, command in commands.items():
            tell(f"{number + 1}/{times} {name}")
            runs[name].usages.append(run(command))
    return runs


def unsteady(runs: Mapping[str, Runs]) -> list[str]:
    """A warning for each command whose runs differ much."""
    return [
        f"Unsteady: {name}, {each.spread:.0%} between the least and the most of {len(each.usages)} runs."
        for name, each in runs.items()
        if len(each.usages) > 1 and each.spread > WIDE
    ]


def peak_memory(command: Command, every: float = 0.01) -> int:
    """Bytes: the most that the process and its children held together while it ran (proportional set size: what they share
    counts once), looked at `every` seconds. A run of its own, for looking costs time. Raises Failed."""
    if command.before:
        command.before()
    tell(f"memory of {' '.join(os.fspath(part) for part in command.argv)[:60]}…")
    process, _ = _start(command)
    most = 0
    while process.poll() is None:
        most = max(most, sum(map(_held, _family(process.pid))))
        time.sleep(every)
    _judge(command, process, process.returncode)
    return most


def tell(what: str) -> None:
    """What is going on, for whoever waits at a terminal."""
    if sys.stderr.isatty():
        print(f"\r\x1b[K{what}", end="", file=sys.stderr, flush=True)


def last_object(path: Path) -> dict[str, float]:
    """The JSON object on the last line of a file."""
    parsed: dict[str, float] = json.loads(path.read_text("utf-8").splitlines()[-1])
    return parsed


def _start(command: Command) -> tuple["subprocess.Popen[bytes]", float]:
    with command.out.open("wb") as out, _errors(command).open("wb") as errors:
        started = time.perf_counter()
        process = subprocess.Popen(
            command.argv, stdin=subprocess.DEVNULL, stdout=out, stderr=errors, env=dict(command.env)
        )
    return process, started


def _judge(command: Command, process: "subprocess.Popen[bytes]", status: int) -> None:
    process.returncode = status
    if status not in (0, 1):  # 1: a hunt in which something could not be read
        said = _errors(command).read_text("utf-8", "replace").strip().splitlines()
        raise Failed(f"{command.argv[0]} ended with {status}: {' / '.join(said[-4:]) or 'it said nothing'}")


def _errors(command: Command) -> Path:
    return command.out.with_name(command.out.name + ".err")


def _family(pid: int) -> list[int]:
    """A process and all that descend from it, as far as they are still there."""
    found, ahead = [], [pid]
    while ahead:
        found.append(ahead.pop())
        try:
            for task in Path(f"/proc/{found[-1]}/task").iterdir():
                ahead += map(int, (task / "children").read_text().split())
        except OSError:  # it ended meanwhile
            continue
    return found


def _held(pid: int) -> int:
    try:
        rollup = Path(f"/proc/{pid}/smaps_rollup").read_text()
    except OSError:
        return 0
    return next((int(line.split()[1]) << 10 for line in rollup.splitlines() if line.startswith("Pss:")), 0)
