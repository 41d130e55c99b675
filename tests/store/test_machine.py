"""What the machine is called, and where it is reached."""

from ipaddress import ip_address
from pathlib import Path

import pytest

from beffroi.store.machine import names, this_machine

FIB = """\
Local:
  +-- 0.0.0.0/0 3 0 5
     |-- 127.0.0.1
        /32 host LOCAL
     +-- 192.168.7.0/24 2 0 2
        |-- 192.168.7.0
           /24 link UNICAST
        |-- 192.168.7.5
           /32 host LOCAL
        |-- 192.168.7.255
           /32 link BROADCAST
     |-- 203.0.113.9
        /32 host LOCAL
"""


def test_only_private_addresses_of_this_machine_are_its_names(tmp_path: Path) -> None:
    (tmp_path / "fib_trie").write_text(FIB)
    (tmp_path / "if_inet6").write_text(
        "fd000000000000000000000000000005 02 40 00 80     eth0\n20010db8000000000000000000000005 02 40 00 80     eth0\n"
    )
    found = [str(address) for address in this_machine(tmp_path).addresses]
    assert found == ["127.0.0.1", "192.168.7.5", "::1", "fd00::5"]


def test_a_machine_whose_kernel_tells_nothing_is_reached_by_itself(tmp_path: Path) -> None:
    assert [str(address) for address in this_machine(tmp_path).addresses] == ["127.0.0.1", "::1"]


def test_this_very_machine_has_its_loopback() -> None:
    assert ip_address("127.0.0.1") in this_machine().addresses


@pytest.mark.parametrize(
    ("hostname", "expected"),
    [
        ("Tilleuls", "tilleuls"),
        ("beffroi.tilleuls.example", "beffroi.tilleuls.example"),
        ("nas_1", "beffroi"),
        ("localhost", "beffroi"),
        ("", "beffroi"),
        ("-x", "beffroi"),
        ("a" * 70, "beffroi"),
        ("a\nb", "beffroi"),
    ],
)
def test_a_name_that_no_certificate_can_hold_is_replaced(hostname: str, expected: str) -> None:
    assert names(hostname, ()).host == expected
