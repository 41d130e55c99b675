"""From where is received."""

from pathlib import Path

import pytest

from beffroi.watching.networks import attached, lets_in, stated

ROUTE = """Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT
eth0\t00000000\t0102A8C0\t0003\t0\t0\t0\t00000000\t0\t0\t0
eth0\t0002A8C0\t00000000\t0001\t0\t0\t0\t00FFFFFF\t0\t0\t0
eth1\t00007150\t00000000\t0001\t0\t0\t0\t00FFFFFF\t0\t0\t0
eth2\t0000000A\t00000000\t0000\t0\t0\t0\t000000FF\t0\t0\t0
"""
SIX = """fd000000000000010000000000000005 02 40 00 80 eth0
20010db8000100000000000000000005 02 40 00 80 eth1
2a020000000000000000000000000005 02 40 00 80 eth1
"""


@pytest.fixture
def proc(tmp_path: Path) -> Path:
    (tmp_path / "route").write_text(ROUTE)
    (tmp_path / "if_inet6").write_text(SIX)
    return tmp_path


@pytest.mark.parametrize(
    ("peer", "let_in"),
    [
        ("192.168.2.7", True),
        ("::ffff:192.168.2.7", True),
        ("192.168.3.7", False),
        ("80.113.0.9", False),  # attached, but public
        ("10.0.0.9", False),  # its interface is down
        ("203.0.113.9", False),  # behind the gateway
        ("127.0.0.1", True),
        ("::1", True),
        ("fd00:0:0:1::9", True),
        ("fe80::1%eth0", True),
        ("2a02::9", False),
        ("nobody", False),
        ("", False),
    ],
)
def test_only_private_networks_on_the_same_wire_are_let_in(peer: str, let_in: bool, proc: Path) -> None:
    assert lets_in(attached(proc), peer) is let_in


def test_what_a_person_stated_holds_instead_of_it() -> None:
    networks = stated(["203.0.113.0/24"])
    assert lets_in(networks, "203.0.113.9")
    assert not lets_in(networks, "192.168.2.7")
    assert lets_in(networks, "127.0.0.1")


def test_a_machine_whose_tables_cannot_be_read_still_hears_itself(tmp_path: Path) -> None:
    assert lets_in(attached(tmp_path / "none"), "127.0.0.1")
