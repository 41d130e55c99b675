"""What the machine says of itself: systemd, firewall, clock, disk, ports. Everything is only read, nothing fails where it cannot be."""

import ctypes
import json
import os
import re
import shutil
import subprocess
from collections.abc import Iterable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

from beffroi.service.checks import Clock, Health
from beffroi.service.firewall import Chains, Packet, iptables, let, nftables
from beffroi.service.installing import UNIT
from beffroi.watching.neighbours import ARP, in_table, told_by_ip
from beffroi.watching.networks import attached, is_loopback
from beffroi.watching.understanding import Neighbour

SYSTEMD: Final = Path("/run/systemd/system")
"""There where systemd runs (sd_booted(3))."""
STATUS: Final = 40  # where `status` and `maxerror` stand in struct timex on 64 bits (adjtimex(2))
ERROR: Final = 24
UNSYNCHRONISED: Final = 0x40  # STA_UNSYNC
UNKNOWN_ERROR: Final = 16_000_000  # microseconds: the kernel's "nobody told me"
ADMINISTRATOR: Final = "/usr/local/sbin:/usr/sbin:/sbin"
"""Where root's programs lie, which a person's PATH may leave out."""


def asked(program: str, *arguments: str) -> str | None:
    """What a program of the system prints, however it ends; None where it is not there or does not answer in time."""
    found = shutil.which(program) or shutil.which(program, path=ADMINISTRATOR)
    if found is None:
        return None
    try:
        done = subprocess.run(  # noqa: S603 - a program of the system, arguments of our own
            [found, *arguments], capture_output=True, text=True, errors="replace", timeout=20, check=False,
            env={**os.environ, "LC_ALL": "C.UTF-8"},
        )  # fmt: skip
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout


def unit(systemd: Path = SYSTEMD) -> tuple[str | None, str | None]:
    """What `systemctl is-active` and `is-enabled` say of our service; None where systemd does not run."""
    if not systemd.is_dir():
        return None, None
    active, enabled = (asked("systemctl", verb, UNIT) for verb in ("is-active", "is-enabled"))
    return (active or "").strip() or "unknown", (enabled or "").strip() or "not-found"


def neighbours() -> list[Neighbour]:
    """The machines of which the kernel knows now. Raises OSError, ValueError."""
    told = asked("ip", "-json", "neigh", "show")
    return list(told_by_ip(told)) if told else list(in_table(ARP.read_text("ascii")))


def clock() -> Clock:
    """What the kernel says of the clock (adjtimex(2), only read), and timedatectl of whether it is to be kept right."""
    state = ctypes.create_string_buffer(512)  # all zero: modes 0 changes nothing
    try:
        if ctypes.CDLL(None).adjtimex(state) < 0:
            return Clock(None)
    except (OSError, AttributeError):
        return Clock(None)
    kept = not int.from_bytes(state.raw[STATUS : STATUS + 4], "little") & UNSYNCHRONISED
    error = int.from_bytes(state.raw[ERROR : ERROR + 8], "little", signed=True)
    said = asked("timedatectl", "show", "--property=NTP") if SYSTEMD.is_dir() else None
    wanted = {"NTP=yes": True, "NTP=no": False}.get((said or "").strip())
    return Clock(kept, wanted, error if 0 <= error < UNKNOWN_ERROR else None)


def firewall(listening: Mapping[str, tuple[str, int]]) -> dict[str, tuple[str, int, str]] | None:
    """For each listener (its protocol and port) what becomes of a first packet from the house; None where the rules cannot be read."""
    tables = _tables()
    if tables is None:
        return None
    near = peer()
    return {
        name: (protocol, port, str(let(tables, Packet(protocol, port, near))))
        for name, (protocol, port) in listening.items()
    }


def _tables() -> list[Chains] | None:
    """What the firewall holds. What iptables wrote into nftables is read in its own words: nft names only half of it."""
    if os.geteuid() != 0:
        return None
    saved, listed = asked("iptables-save") or "", asked("nft", "-j", "list", "ruleset") or ""
    found: list[Chains] = [iptables(saved)] if saved else []
    if listed:
        with suppress(ValueError):
            same = "(nf_tables)" in saved and bool(iptables(saved))
            return [*found, *nftables(json.loads(listed), without=frozenset({("ip", "filter")} if same else ()))]
    if saved:
        return found
    # Without either program only whoever speaks the kernel's own tongue can have made rules: where it has no such code, there are none.
    modules = Path("/proc/modules")
    with suppress(OSError):
        if not re.search(r"^(nf_tables|ip_tables) ", modules.read_text("ascii"), re.MULTILINE):
            return []
    return None


def peer() -> str | None:
    """An address of the house, as a sender might have it: the first of a private IPv4 network that this machine is in."""
    for network in attached():
        if network.version == 4 and not is_loopback(str(network.network_address)):
            return str(network.network_address + 1)
    return None


def health(folder: Path, sys: Path = Path("/sys"), proc: Path = Path("/proc")) -> Health:
    """What is known of the disk beneath a folder."""
    read_only = bool(os.statvfs(folder).f_flag & os.ST_RDONLY)
    device = folder.stat().st_dev
    name = ""
    with suppress(OSError):
        name = (sys / f"dev/block/{os.major(device)}:{os.minor(device)}").resolve(strict=True).name
    errors: int | None = None
    with suppress(OSError, ValueError):
        errors = int((sys / "fs/ext4" / name / "errors_count").read_text("ascii")) if name else None
    degraded = False
    with suppress(OSError):
        degraded = bool(re.search(r"\[[U_]*_[U_]*\]", (proc / "mdstat").read_text("ascii")))
    return Health(read_only, errors, degraded, _smart(name) if name and os.geteuid() == 0 else None)


def _smart(name: str) -> bool | None:
    """Whether a disk says that it fails (`smartctl -H -j`); None where it does not say."""
    disk = re.sub(r"(?<=\d)p\d+$|(?<=[a-z])\d+$", "", name) if not name.startswith(("dm-", "md")) else ""
    said = asked("smartctl", "-H", "-j", f"/dev/{disk}") if disk else None
    try:
        passed = json.loads(said or "")["smart_status"]["passed"]
    except (ValueError, KeyError, TypeError):
        return None
    return not passed


def journal_trouble() -> str | None:
    """Why this process cannot read the machine's journal; None where it can. Call it in the process that is to read it."""
    program = shutil.which("journalctl")
    if program is None:
        return "not installed"
    try:
        done = subprocess.run(  # noqa: S603 - a program of the system, arguments of our own
            [program, "--lines=1", "--output=json", "--no-pager"], capture_output=True, text=True, errors="replace",
            timeout=20, check=False, env={**os.environ, "LC_ALL": "C.UTF-8"},
        )  # fmt: skip
    except (OSError, subprocess.TimeoutExpired) as error:
        return type(error).__name__
    partly = "not seeing messages from other users" in done.stderr
    if done.stdout.lstrip().startswith("{") and not partly:
        return None
    lines = [line.strip() for line in (done.stderr or done.stdout).splitlines() if line.strip()]
    return lines[0][:200] if lines else f"exit {done.returncode}"


def holder_of(port: int, *, udp: bool = False, proc: Path = Path("/proc")) -> str | None:
    """The name of the program that has a port; None where nobody has it or it may not be seen (proc(5))."""
    inodes = set()
    for table in ("udp", "udp6") if udp else ("tcp", "tcp6"):
        with suppress(OSError, ValueError, IndexError):
            for line in (proc / "net" / table).read_text("ascii").splitlines()[1:]:
                fields = line.split()
                if int(fields[1].rpartition(":")[2], 16) == port and (udp or fields[3] == "0A"):  # 0A: listening
                    inodes.add(f"socket:[{fields[9]}]")
    for process in proc.glob("[0-9]*") if inodes else ():
        with suppress(OSError):
            for handle in (process / "fd").iterdir():
                with suppress(OSError):
                    if str(handle.readlink()) in inodes:
                        return (process / "comm").read_text("utf-8", "replace").strip()
    return None


def listening(receivers: Iterable[Mapping[str, Any]]) -> dict[str, tuple[str, int]]:
    """Of what `doctor` tells of listeners, those that somebody in the house is to reach: protocol and port."""
    return {
        each["name"]: ("udp" if each["name"].endswith("_udp") else "tcp", each["port"])
        for each in receivers
        if each["port"] is not None and not each["local"]
    }
