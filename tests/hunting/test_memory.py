"""Memory stays flat, however much is hunted through."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.hunting.hunts import event, failed, whoami

LARGEST = 250  # MB, the whole process at its peak

HUNT = """
import re, sys
from pathlib import Path
from zoneinfo import ZoneInfo
from beffroi.hunting import Request, hunt
lines = 0
def count(line):
    global lines
    lines += 1
rules = [Path(path) for path in sys.argv[3:]]
request = Request(paths=[Path(sys.argv[1])], zone=ZoneInfo("Europe/Brussels"), rules=rules, cache_folder=Path(sys.argv[2]))
hunt(request, count)  # the first time, the rules are translated: not what is measured
print(lines)
"""
# Not ru_maxrss, which a new process takes over from the one that starts it: it would tell of the tests' own peak.
PEAK = "print(int(re.search(r'VmHWM:\\s+(\\d+) kB', Path('/proc/self/status').read_text())[1]) // 1024)\n"


@pytest.mark.long
@pytest.mark.timeout(600)
@pytest.mark.parametrize("alike", [True, False], ids=["all alike", "every value different"])
def test_two_hundred_thousand_events_with_all_rules_take_less_than_250_mb(
    alike: bool, tmp_path: Path, every_rule: list[Path], kept: Path
) -> None:
    path = tmp_path / "large.json"
    with path.open("w", encoding="utf-8") as file:
        for number in range(200_000):
            own = 0 if alike else number
            some = (
                whoami(number, CommandLine=f"whoami /all {own}", User=f"u{own}", Hashes=f"MD5={own:032x}")
                if number % 10 == 0
                else failed(number, seconds=number, who=f"u{own}")
                if number % 10 == 1
                else event(
                    number,
                    Image=f"C:\\Program Files\\{own}\\a.exe",
                    CommandLine=f'"C:\\a {own}.exe" -x {own} ' + "y" * 200,
                )
            )
            file.write(json.dumps(some) + "\n")
    arguments = [str(kept), *map(str, every_rule)]
    warm = tmp_path / "small.json"
    warm.write_text(json.dumps(whoami()) + "\n", "utf-8")
    subprocess.run([sys.executable, "-I", "-c", HUNT, str(warm), *arguments], check=True, capture_output=True)
    done = subprocess.run(
        [sys.executable, "-I", "-c", HUNT + PEAK, str(path), *arguments], check=True, capture_output=True, text=True
    )
    lines, peak = map(int, done.stdout.split())
    assert lines >= 20_000
    assert peak < LARGEST
