"""A machine of its own for real programs that want to be installed: Debian packages laid over this system's folders, root within,
its own network with nothing but loopback, its own /dev/log; all of it gone when the block ends, and nothing of the outside changed::

    with machine(debian.unpacked("samba", "rsyslog"), tmp_path) as inside:
        inside.run("smbd -D")

Namespaces and overlays of the kernel (unshare(1), overlayfs): it needs root, and skips where the kernel grants neither.
"""

import contextlib
import os
import subprocess
import sys
import tempfile
import time
import unittest
from collections.abc import Iterator
from pathlib import Path
from typing import Final

FORMATS: Final = {
    "traditional": "RSYSLOG_TraditionalFileFormat",
    "ISO 8601": "RSYSLOG_FileFormat",
    "RFC 3164": "forward",
    "RFC 5424": "RSYSLOG_SyslogProtocol23Format",
}
"""How rsyslogd writes one and the same message: Debian's files before and since 12, and what is sent to others."""

BOUND: Final = 60
"""Seconds that a command or a line may take on a slow machine."""

_ENVIRONMENT = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL": "C.UTF-8", "HOME": "/root"}
_MAKE = r"""
mount -t tmpfs -o mode=755 none "$1/root"
cd "$1/root"
mkdir -p dev/pts proc sys run tmp root home srv .over
chmod 1777 tmp
for top in usr etc var bin sbin lib lib64; do
    if [ -L "/$top" ]; then cp -P "/$top" .; continue; fi
    [ -d "/$top" ] || continue
    below="/$top"
    if [ -d "$2/$top" ]; then below="$2/$top:/$top"; fi
    mkdir "$top" ".over/$top" ".over/$top.work"
    mount -t overlay overlay -o "lowerdir=$below,upperdir=.over/$top,workdir=.over/$top.work" "$top"
done
for top in bin sbin lib lib64; do  # packages that know nothing yet of /usr merged
    if [ -L "$top" ] && [ -d "$2/$top" ]; then cp -a "$2/$top/." "$top/"; fi
done
mount -t proc proc proc
mount -t tmpfs -o mode=755 none dev
for node in null zero full random urandom; do touch "dev/$node"; mount --bind "/dev/$node" "dev/$node"; done
mkdir dev/pts dev/shm dev/net
if [ -c /dev/net/tun ]; then mknod dev/net/tun c 10 200; fi
mount -t devpts -o newinstance,ptmxmode=0666 devpts dev/pts
ln -s pts/ptmx dev/ptmx
ln -s /proc/self/fd dev/fd
ip link set lo up
hostname nas
touch "$1/ready"
exec chroot . sleep infinity
"""

_COLLECT = """
module(load="imuxsock" SysSock.UsePIDFromSystem="off")
$umask 0000
template(name="forward" type="string" string="<%PRI%>%TIMESTAMP% %HOSTNAME% %syslogtag:1:32%%msg:::sp-if-no-1st-sp%%msg%\\n")
{rules}
"""


class Machine:
    """Runs commands inside; `id` is its first process, as the outside numbers it."""

    def __init__(self, process: int, folder: Path) -> None:
        self.process = process
        self.folder = folder
        self._within = ["chroot", str(folder / "root")]

    def run(self, script: str, *, check: bool = True, kernel: bool = False) -> str:
        """What a shell script prints, both ways; `kernel` numbers processes as the outside does, which the kernel's audit asks for.
        Raises AssertionError where it fails and `check` is set."""
        return self._entered(
            ["--mount", *([] if kernel else ["--pid"])], [*self._within, "sh", "-ec", script], check=check
        )

    def python(self, script: str) -> str:
        """The same of Python code of this interpreter, outside, which uses the network inside."""
        return self._entered([], [sys.executable, "-I", "-c", script], check=True)

    def _entered(self, more: list[str], command: list[str], *, check: bool) -> str:
        with tempfile.TemporaryFile(dir=self.folder) as said:  # no pipe: a daemon that is started keeps it open
            done = subprocess.run(
                ["nsenter", "--target", str(self.process), "--net", "--uts", *more, "--", *command],
                env=_ENVIRONMENT, stdin=subprocess.DEVNULL, stdout=said, stderr=subprocess.STDOUT, timeout=BOUND, check=False,
            )  # fmt: skip
            said.seek(0)
            told = said.read().decode("utf-8", "replace")
        assert not check or done.returncode == 0, f"{command[-1]}: {told}"
        return told

    def skip(self, why: str) -> None:
        """Leave: what is unpacked here cannot be tried. Raises unittest.SkipTest."""
        raise unittest.SkipTest(why)

    def until(self, condition: str, *, kernel: bool = False) -> None:
        """Wait until a shell command succeeds. Raises AssertionError where it does not within BOUND."""
        end = time.monotonic() + BOUND
        while "still not" in (told := self.run(f"{condition} || echo still not", kernel=kernel)):
            assert time.monotonic() < end, f"{condition}: {told}"
            time.sleep(0.1)

    @contextlib.contextmanager
    def kernels(self, *command: str) -> Iterator[None]:
        """A program that runs as long as the block, under the outside's process numbers (see `run`)."""
        entered = ["nsenter", "--target", str(self.process), "--mount", "--net", "--uts", "--", *self._within, *command]
        process = subprocess.Popen(
            entered, env=_ENVIRONMENT, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        try:
            yield
        finally:
            process.terminate()
            process.wait(BOUND)

    def write(self, path: str, text: str) -> None:
        """A file inside."""
        told = self.folder / "told"
        told.write_text(text, "utf-8")
        with told.open("rb") as given:
            subprocess.run(
                ["nsenter", "--target", str(self.process), "--mount", "--", *self._within, "sh", "-ec", 'mkdir -p "${1%/*}"; cat > "$1"', "sh", path],
                env=_ENVIRONMENT, stdin=given, check=True, timeout=BOUND,
            )  # fmt: skip

    def read(self, path: str) -> bytes:
        """A file inside."""
        return Path(f"/proc/{self.process}/root{path}").read_bytes()

    def collect(self) -> None:
        """Start rsyslogd, which writes what comes to /dev/log in every one of FORMATS."""
        rules = "\n".join(
            f'action(type="omfile" file="/var/log/{number}" template="{name}")'
            for number, name in enumerate(FORMATS.values())
        )
        self.write("/etc/rsyslog.test", _COLLECT.format(rules=rules))
        self.run("mkdir -p /run /var/spool/rsyslog; rsyslogd -f /etc/rsyslog.test -i /run/rsyslog.pid")
        self.until("[ -S /dev/log ]")

    def collected(self) -> dict[str, list[bytes]]:
        """Format → every line that came, once all that was sent has come."""
        self.run("logger -t beffroi-end all")
        for number in range(len(FORMATS)):
            self.until(f"grep -q beffroi-end /var/log/{number}")
        return {
            name: [line for line in self.read(f"/var/log/{number}").splitlines() if b"beffroi-end" not in line]
            for number, name in enumerate(FORMATS)
        }


@contextlib.contextmanager
def machine(packages: Path, folder: Path) -> Iterator[Machine]:
    """A machine with these unpacked packages as long as the block; `folder` is scratch outside."""
    if os.geteuid() != 0:
        raise unittest.SkipTest("needs root, for a machine of its own")
    (folder / "root").mkdir(parents=True)
    command = ["unshare", "--mount", "--net", "--uts", "--pid", "--fork", "--kill-child=KILL", "sh", "-ec", _MAKE, "sh"]
    with (folder / "made").open("wb") as told:
        process = subprocess.Popen(
            [*command, folder, packages], stdin=subprocess.DEVNULL, stdout=told, stderr=subprocess.STDOUT
        )
    try:
        yield Machine(_first(process, folder), folder)
    finally:
        process.kill()
        process.wait(BOUND)


def _first(process: subprocess.Popen[bytes], folder: Path) -> int:
    """The machine's first process, once it is ready."""
    end = time.monotonic() + BOUND
    while not (folder / "ready").exists():
        if process.poll() is not None:
            raise unittest.SkipTest(
                f"this system grants no machine of its own: {(folder / 'made').read_text().strip()}"
            )
        assert time.monotonic() < end, "the machine does not get ready"
        time.sleep(0.02)
    children = Path(f"/proc/{process.pid}/task/{process.pid}/children")
    while not (found := children.read_text().split()):
        assert time.monotonic() < end
    return int(found[0])
