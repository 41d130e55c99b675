"""Adversity for a whole house: readers that crash, hang and eat memory; nothing of it is known to the product."""

import sys
from pathlib import Path

PROCESS = "beffroi.watching.process"

POISON = """
import ctypes
from beffroi.watching import understanding, archiving

def poisoned(read):
    def reading(form, raw, context):
        if b"segfault-now" in raw:
            ctypes.string_at(0)
        while b"loop-for-ever" in raw:
            pass
        if b"eat-memory" in raw:
            eaten = [bytes(64 << 20) for _ in range(1_000)]
        return read(form, raw, context)
    return reading

understanding.normalise = poisoned(understanding.normalise)
archiving.normalise = poisoned(archiving.normalise)
"""
"""A defect in a reader that ends its process, keeps it for ever, or makes it ask for 64 GB."""


def constants(**values: float | tuple[float, ...]) -> str:
    """Other values for constants: `child__HANG=3.0` is `beffroi.service.child.HANG`."""
    lines = []
    for name, value in values.items():
        module, _, constant = name.partition("__")
        lines.append(f"from beffroi.service import {module}; {module}.{constant} = {value!r}")
    return "\n".join(lines)


def python(folder: Path, code: str) -> Path:
    """A Python that runs this code before each module it is asked to run, also in the processes that those start."""
    path = folder / "python"
    path.write_text(f"""#!{sys.executable} -IXutf8
import runpy
import sys

sys.executable = {str(path)!r}
at = sys.argv.index("-m")
module, sys.argv = sys.argv[at + 1], sys.argv[at + 1:]
{code}
runpy.run_module(module, run_name="__main__", alter_sys=True)
""")
    path.chmod(0o755)
    return path
