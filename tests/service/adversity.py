"""Adversity for a whole house: readers that crash, hang and eat memory, disks that are full or fail. The product knows nothing of it."""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests import debian
from tests.service.house import House

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


@contextmanager
def disk(folder: Path, megabytes: int) -> Iterator[None]:
    """A disk of its own below this folder, of so many MB: an ext4 in a sparse file. Skips the test where that cannot be had."""
    if os.geteuid() != 0 or not shutil.which("mkfs.ext4") or not Path("/dev/loop-control").exists():
        pytest.skip("needs root and loop devices, to make a small disk")
    image = folder.with_suffix(".img")
    with image.open("wb") as file:
        file.truncate(megabytes << 20)
    folder.mkdir()
    subprocess.run(["mkfs.ext4", "-q", "-m", "0", image], check=True)
    if (mounting := subprocess.run(["mount", "-o", "loop", image, folder], check=False)).returncode:
        pytest.skip(f"needs leave to mount: code {mounting.returncode}")
    try:
        yield
    finally:
        subprocess.run(["umount", "--lazy", folder], check=True)


def fill(path: Path, leave: int) -> None:
    """Take the disk's free space but so many bytes; with 0 all that there is."""
    with path.open("ab") as file:
        while (free := shutil.disk_usage(path.parent).free) > leave:
            try:
                os.posix_fallocate(file.fileno(), os.fstat(file.fileno()).st_size, min(free - leave, 16 << 20))
            except OSError:  # the last of it is the file system's own
                if leave:
                    raise
                file.write(bytes(free))
                return


class Faults:
    """System calls of a house's own process that fail while somebody wants them to (libfiu, which stands between it and the system)."""

    def __init__(self, folder: Path) -> None:
        self._root = debian.unpacked("fiu-utils")
        self._prefix = folder / "fiu"
        libraries = self._root / "usr/lib"
        preloaded = " ".join(str(libraries / "fiu" / f"fiu_{name}_preload.so") for name in ("run", "posix"))
        self.env = {
            "LD_LIBRARY_PATH": str(libraries),
            "LD_PRELOAD": preloaded,
            "FIU_CTRL_FIFO": str(self._prefix),
            "FIU_ENABLE": "",
        }

    @contextmanager
    def failing(self, house: House, number: int, *calls: str) -> Iterator[None]:
        """As long as the block these calls ("rw/write", "sync/fsync") fail with this errno."""
        for call in calls:
            self._say(house, f"enable name=posix/io/{call},failinfo={number}")
        try:
            yield
        finally:
            for call in calls:
                self._say(house, f"disable name=posix/io/{call}")

    def _say(self, house: House, command: str) -> None:
        assert house.process is not None
        pipes = f"{self._prefix}-{house.process.pid}"
        Path(f"{pipes}.in").write_text(f"{command}\n", "ascii")
        assert Path(f"{pipes}.out").read_text("ascii").strip() == "0"


class FalseClock:
    """A clock for a house and its processes that lies as somebody likes (libfaketime); what merely counts goes on as ever. `code` is for
    `python`: libfaketime may ask the system to sleep until a time that is none, which Python then complains about."""

    code = """
import threading, time
time.sleep = threading.Event().wait
"""

    def __init__(self, folder: Path) -> None:
        root = debian.unpacked("libfaketime")
        library = next(root.glob("usr/lib/*/faketime/libfaketimeMT.so.1"))
        self._file = folder / "clock"
        self.off(0)
        self.env = {
            "LD_PRELOAD": str(library),
            "FAKETIME_TIMESTAMP_FILE": str(self._file),
            "FAKETIME_NO_CACHE": "1",
            "FAKETIME_DONT_FAKE_MONOTONIC": "1",
            "DONT_FAKE_MONOTONIC": "1",
        }

    def off(self, seconds: int) -> None:
        """From now on it is so many seconds ahead."""
        draft = self._file.with_suffix(".new")
        draft.write_text(f"{seconds:+d}\n", "ascii")
        draft.replace(self._file)
