"""Memory that is freed goes back to the system."""

import subprocess
import sys

SCRIPT = """
import sys
from beffroi.core.allocating import give_back

def held():
    return next(int(line.split()[1]) for line in open("/proc/self/status") if line.startswith("VmRSS"))

if sys.argv[1:]:
    give_back()
block = bytearray(b"x") * (20 << 20)  # freed, it teaches glibc to keep blocks up to this size
del block
before = held()
blocks = [bytearray(b"x") * (8 << 20) for _ in range(10)]
last = bytearray(b"x") * (1 << 20)  # lies behind them
del blocks
print(held() - before)
"""


def kept(*arguments: str) -> int:
    """KiB that are held on to of 80 MiB that were freed."""
    done = subprocess.run([sys.executable, "-c", SCRIPT, *arguments], capture_output=True, text=True, check=True)
    return int(done.stdout)


def test_what_a_process_frees_goes_back_although_something_lies_behind_it() -> None:
    assert kept("give back") < 10 << 10
    assert kept() > 60 << 10, "glibc does so by itself now: the setting can go"
