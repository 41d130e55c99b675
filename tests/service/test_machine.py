"""What the machine says of itself, read from what its kernel and its programs really say, and from folders like theirs."""

import os
import shutil
import socket
import subprocess
import sys
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import pytest

from beffroi.service import machine
from beffroi.service.checks import Health
from tests.debian import environment, unpacked


def test_whoever_has_a_port_is_named() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        assert machine.holder_of(port) == Path("/proc/self/comm").read_text().strip()
    assert machine.holder_of(port) is None
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as taken:
        taken.bind(("127.0.0.1", 0))
        assert machine.holder_of(taken.getsockname()[1], udp=True) is not None
        assert machine.holder_of(taken.getsockname()[1]) is None


def test_where_systemd_does_not_run_nothing_is_said_of_it(tmp_path: Path) -> None:
    assert machine.unit(tmp_path / "none") == (None, None)


def test_systemctl_is_asked_where_systemd_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    if shutil.which("systemctl") is None:
        pytest.skip("needs systemctl")
    active, enabled = machine.unit(tmp_path)
    assert active in ("inactive", "active", "unknown", "offline")
    assert enabled in ("not-found", "enabled", "disabled")
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(machine, "ADMINISTRATOR", str(tmp_path))
    assert machine.unit(tmp_path) == ("unknown", "not-found")


def test_the_kernel_is_asked_about_the_clock() -> None:
    said = machine.clock()
    assert said.synchronised in (True, False, None)
    assert said.error_us is None or 0 <= said.error_us < machine.UNKNOWN_ERROR


def disk(folder: Path, *, errors: str | None = None, array: str = "") -> Health:
    """A disk as /sys and /proc show it."""
    device = folder.stat().st_dev
    name = "sdz1"
    (folder / "sys/devices" / name).mkdir(parents=True)
    (folder / "sys/dev/block").mkdir(parents=True)
    (folder / f"sys/dev/block/{os.major(device)}:{os.minor(device)}").symlink_to(folder / "sys/devices" / name)
    if errors is not None:
        (folder / "sys/fs/ext4" / name).mkdir(parents=True)
        (folder / "sys/fs/ext4" / name / "errors_count").write_text(errors)
    (folder / "proc").mkdir()
    (folder / "proc/mdstat").write_text(array)
    return machine.health(folder, folder / "sys", folder / "proc")


@pytest.mark.parametrize(
    ("errors", "array", "found"),
    [
        (None, "Personalities : \n", Health()),
        ("0\n", "md0 : active raid1 sda1[0] sdb1[1]\n      976 blocks [2/2] [UU]\n", Health(errors=0)),
        ("3\n", "md0 : active raid1 sda1[0]\n      976 blocks [2/1] [U_]\n", Health(errors=3, degraded=True)),
        ("strange", "", Health()),
    ],
)
def test_the_errors_that_the_system_counted_are_read(
    errors: str | None, array: str, found: Health, tmp_path: Path
) -> None:
    assert disk(tmp_path, errors=errors, array=array)._replace(failing=None) == found


@pytest.mark.slow
def test_rules_that_iptables_wrote_into_nftables_are_read_once(tmp_path: Path) -> None:
    if os.geteuid() != 0 or not shutil.which("unshare"):
        pytest.skip("needs root, to have a network of its own")
    root = unpacked("iptables", "nftables")
    (tmp_path / "iptables-save").symlink_to(next(root.glob("usr/sbin/iptables-nft-save")))
    (tmp_path / "nft").symlink_to(root / "usr/sbin/nft")
    env = environment(root) | {"XTABLES_LIBDIR": str(next(root.glob("usr/lib/*/xtables")))}
    env["PATH"] = f"{tmp_path}:{env['PATH']}"
    tool = root / "usr/sbin/xtables-nft-multi"
    script = f"""
{tool} iptables -P INPUT DROP
{tool} iptables -A INPUT -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT
{tool} iptables -A INPUT -p tcp -m multiport --dports 2514,6514 -j ACCEPT
"""
    program = (
        "from beffroi.service import machine\n"
        "print(machine.firewall({'relp': ('tcp', 2514), 'bulk': ('tcp', 9200), 'syslog_udp': ('udp', 514)}))"
    )
    done = subprocess.run(
        ["unshare", "-n", "sh", "-e", "-c", f'{script}\nexec {sys.executable} -I -c "$1"', "sh", program],
        env=env, capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip
    if "Operation not permitted" in done.stderr:
        pytest.skip("no network of one's own can be had here")
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == str(
        {"relp": ("tcp", 2514, "open"), "bulk": ("tcp", 9200, "closed"), "syslog_udp": ("udp", 514, "closed")}
    )


def test_why_the_journal_cannot_be_read_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert machine.journal_trouble() == "not installed"
    program = tmp_path / "journalctl"
    for script, said in (
        ("echo '{}'", None),
        ("echo 'No journal files were found.' >&2", "No journal files were found."),
        ("echo '{}'; echo 'Hint: You are currently not seeing messages from other users and the system.' >&2", "Hint:"),
        ("exit 3", "exit 3"),
    ):
        program.write_text(f"#!/bin/sh\n{script}\n")
        program.chmod(0o755)
        trouble = machine.journal_trouble()
        assert trouble is said if said is None else (trouble or "").startswith(said)


def test_what_nobody_in_the_house_is_to_reach_is_not_asked_of_the_firewall() -> None:
    told: list[dict[str, Any]] = [
        {"name": "relp", "port": 2514, "local": False},
        {"name": "syslog_udp", "port": 514, "local": False},
        {"name": "metrics", "port": 9100, "local": True},
        {"name": "bulk", "port": None, "local": False},
    ]
    assert machine.listening(told) == {"relp": ("tcp", 2514), "syslog_udp": ("udp", 514)}


def test_the_machines_beside_this_one_are_those_that_its_kernel_knows() -> None:
    for each in machine.neighbours():
        assert each.mac
        assert not ip_address(each.address).is_multicast
