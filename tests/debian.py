"""Real programs for the tests: Debian packages fetched and unpacked beside the project, never installed.

So rsyslog and syslog-ng, which conflict in Debian, stand side by side and nothing of the machine changes::

    root = unpacked("rsyslog", "rsyslog-relp")
    with running(root, "usr/sbin/rsyslogd", "-n", "-f", "some.conf", log=tmp_path / "log"):
        ...

A set of packages is fetched once and lies in `.debian/`, which Git ignores; deleting it is harmless.
"""

import contextlib
import fcntl
import hashlib
import os
import platform
import re
import shutil
import subprocess
import tempfile
import time
import unittest
from collections.abc import Iterator, Mapping
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
FOLDER = ROOT / ".debian"
"""Where the sets are kept: a folder each."""

ENGLISH = {**os.environ, "LC_ALL": "C.UTF-8", "DEBIAN_FRONTEND": "noninteractive"}

NEW = re.compile(r"^Inst (\S+) \(", re.MULTILINE)
"""What apt would install that is not there in any version; an upgrade has the old version in brackets before."""


def unpacked(*packages: str) -> Path:
    """The folder in which these packages and the dependencies that this machine lacks are unpacked: `usr/sbin/rsyslogd` lies
    below it. Raises unittest.SkipTest, as pytest takes it, where there is no Debian to fetch
    them from."""
    if not shutil.which("apt-get") or not shutil.which("dpkg"):
        raise unittest.SkipTest("needs Debian's apt, to fetch real programs")
    target = FOLDER / _name(packages)
    if target.is_dir():
        return target
    FOLDER.mkdir(exist_ok=True)
    with (FOLDER / "lock").open("w") as lock:  # apt's own locks do not wait
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not target.is_dir():
            _make(target, packages)
    return target


def _name(packages: tuple[str, ...]) -> str:
    """A name for the set on this system: what is there on one may be lacking on another that shares the folder."""
    system = Path("/etc/os-release").read_text("utf-8") if Path("/etc/os-release").exists() else ""
    told = "\n".join([*sorted(set(packages)), platform.machine(), system])
    return f"{min(packages)}-{hashlib.sha256(told.encode()).hexdigest()[:12]}"


def _make(target: Path, packages: tuple[str, ...]) -> None:
    """Fetch and unpack beside, then rename: half a set is never seen."""
    with tempfile.TemporaryDirectory(dir=FOLDER, prefix="making-") as made:
        root, fetched = Path(made, "root"), Path(made, "fetched")
        root.mkdir(mode=0o755)
        fetched.mkdir()
        if not _fetch(packages, fetched):
            if os.geteuid() != 0:
                raise unittest.SkipTest(
                    f"apt knows no way to {', '.join(packages)}, and only root may refresh its lists"
                )
            _update()
            shutil.rmtree(fetched)
            fetched.mkdir()
            assert _fetch(packages, fetched), f"apt cannot fetch {', '.join(packages)}"
        for package in fetched.glob("*.deb"):
            subprocess.run(["dpkg", "-x", package, root], check=True)
        root.rename(target)


def _update() -> None:
    """Refresh apt's lists; another project's tests may be at it, and its lock does not wait either."""
    tries = 0
    while "Could not get lock" in (done := _apt("update")).stderr and tries < 12:
        tries += 1
        time.sleep(5)
    assert done.returncode == 0, done.stderr


def _fetch(packages: tuple[str, ...], folder: Path) -> bool:
    """Download the packages and what they need; False where apt's lists are missing or too old for it."""
    plan = _apt("install", "--simulate", "--no-install-recommends", *packages)
    if plan.returncode:
        return False
    wanted = sorted({*packages, *NEW.findall(plan.stdout)})
    return _apt("download", *wanted, cwd=folder).returncode == 0


def _apt(*arguments: str, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
    command = ["apt-get", "-q", *arguments]
    return subprocess.run(command, cwd=cwd, env=ENGLISH, stdin=-3, capture_output=True, text=True, check=False)


def environment(root: Path) -> dict[str, str]:
    """The environment in which an unpacked program finds its libraries and its neighbours."""
    libraries = sorted({each.parent for top in ("usr/lib", "lib") for each in root.glob(f"{top}/**/lib*.so.*")})
    programs = [root / "usr/sbin", root / "usr/bin", root / "sbin", root / "bin"]
    return {
        **os.environ,
        "LC_ALL": "C.UTF-8",
        "LD_LIBRARY_PATH": ":".join(str(each) for each in libraries),
        "SYSLOGNG_PREFIX": str(root / "usr"),  # where syslog-ng and loggen look for their own
        "PATH": ":".join([*(str(each) for each in programs if each.is_dir()), os.environ.get("PATH", "")]),
    }


def modules(root: Path, name: str) -> Path:
    """The folder in which a program keeps its modules: `modules(root, "rsyslog")` is for rsyslogd's `-M`."""
    return next(found for found in sorted(root.glob(f"usr/lib/*/{name}")) + sorted(root.glob(f"usr/lib/{name}")))


def ran(
    root: Path, program: str, *arguments: str | Path, timeout: float = 30, data: str | None = None
) -> subprocess.CompletedProcess[str]:
    """Run an unpacked program to its end: `ran(root, "usr/bin/loggen", "--help")`."""
    command = [root / program, *arguments]
    return subprocess.run(
        command, env=environment(root), input=data, capture_output=True, text=True, check=False, timeout=timeout
    )


@contextlib.contextmanager
def running(
    root: Path,
    program: str,
    *arguments: str | Path,
    log: Path,
    cwd: Path | None = None,
    env: Mapping[str, str] | None = None,
) -> Iterator[subprocess.Popen[bytes]]:
    """An unpacked program that runs as long as the block; what it prints is added to `log`. `env` adds to its environment."""
    with log.open("ab") as output:
        process = subprocess.Popen(
            [root / program, *arguments],
            cwd=cwd,
            env={**environment(root), **(env or {})},
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
        )
    try:
        yield process
    finally:
        process.terminate()
        try:
            process.wait(timeout=10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait(timeout=10)
