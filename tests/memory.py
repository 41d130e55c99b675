"""How much memory something took, told so that neither earlier tests nor whoever started a program count."""

import re
from collections.abc import Sequence
from pathlib import Path

STATUS = Path("/proc/self/status")


def begin_peak() -> int:
    """Forget this process's peak; gives what it holds now, in KiB (proc(5): clear_refs)."""
    Path("/proc/self/clear_refs").write_text("5")
    return peak()


def peak() -> int:
    """The most this process held since `begin_peak`, in KiB."""
    found = re.search(r"VmHWM:\s+(\d+) kB", STATUS.read_text())
    assert found is not None
    return int(found[1])


def apart(command: Sequence[str]) -> list[str]:
    """A command for a program that bounds itself by getrusage: started directly, it would begin with the tests' own peak as its
    own, since Linux hands that on over `exec`. A shell between the two is small."""
    return ["/bin/sh", "-c", '"$@"; exit $?', "apart", *command]
