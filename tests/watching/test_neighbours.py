"""Machines that send nothing."""

import pytest

from beffroi.core.model import Fields, LogSource
from beffroi.watching.neighbours import LIMIT, Neighbours, in_table, told_by_ip
from beffroi.watching.understanding import Neighbour, spoken_of

ARP = """IP address       HW type     Flags       HW address            Mask     Device
192.0.2.1        0x1         0x2         02:00:00:00:00:AA     *        eth0
192.0.2.9        0x1         0x0         00:00:00:00:00:00     *        eth0
"""


def test_only_machines_that_answered_are_in_the_table() -> None:
    assert list(in_table(ARP)) == [Neighbour("192.0.2.1", "02:00:00:00:00:aa", None)]


def test_what_ip_tells_is_who_answered_ipv6_too_and_ipv4_last() -> None:
    told = """[{"dst": "192.0.2.1", "dev": "eth0", "lladdr": "02:00:00:00:00:AA", "state": ["REACHABLE"]},
        {"dst": "192.0.2.9", "dev": "eth0", "state": ["FAILED"]}, {"dst": "192.0.2.8", "lladdr": "00:00:00:00:00:00", "state": ["NOARP"]},
        {"dst": "fd00::7", "dev": "eth0", "lladdr": "02:00:00:00:00:aa", "state": ["STALE"]},
        {"dst": "fd00::8", "dev": "eth0", "lladdr": "02:00:00:00:00:bb", "state": ["DELAY"]}]"""
    assert [(each.address, each.mac) for each in told_by_ip(told)] == [
        ("fd00::7", "02:00:00:00:00:aa"), ("fd00::8", "02:00:00:00:00:bb"), ("192.0.2.1", "02:00:00:00:00:aa"),
    ]  # fmt: skip
    assert list(told_by_ip("")) == []


def test_a_machine_with_several_addresses_is_heard_under_each() -> None:
    known = Neighbours()
    known.noted([Neighbour("fd00::7", "a", None), Neighbour("192.0.2.1", "a", None)], 0)
    assert known.unheard({"fd00::7"}, set(), 0) == []
    assert [each.address for each in known.unheard({"fd00::8"}, set(), 0)] == ["192.0.2.1"]
    known.noted([Neighbour("192.0.2.1", "a", None)], 1)  # the other address is somebody else's by now
    assert [each.address for each in known.unheard({"fd00::7"}, set(), 0)] == ["192.0.2.1"]


def test_who_sends_under_its_address_or_its_name_is_heard() -> None:
    known = Neighbours()
    known.noted([Neighbour("192.0.2.1", "a", "ROUTER"), Neighbour("192.0.2.2", "b", "PC-2.house.lan")], 0)
    known.noted([Neighbour("192.0.2.3", "c", None), Neighbour("192.0.2.4", "d", "Printer")], 0)
    assert [each.name for each in known.unheard({"192.0.2.3"}, {"pc-2"}, 0)] == ["ROUTER", "Printer"]
    assert known.unheard({"192.0.2.3"}, {"pc-2"}, 1) == []


def test_the_newest_word_counts_and_a_name_is_kept() -> None:
    known = Neighbours()
    known.noted([Neighbour("192.0.2.1", "a", "PC-1")], 0)
    known.noted([Neighbour("192.0.2.77", "a", None)], 5)
    assert known.unheard((), (), 0) == [Neighbour("192.0.2.77", "a", "PC-1")]


def test_a_flood_of_names_takes_no_memory() -> None:
    known = Neighbours()
    known.noted((Neighbour(f"n{n}", None, None) for n in range(10 * LIMIT)), 0)
    assert len(known.unheard((), (), 0)) == LIMIT


@pytest.mark.parametrize(
    ("logsource", "fields", "machine"),
    [
        (
            LogSource("linux", None, "dhcp"),
            {"ip": "192.168.2.7", "mac": "a", "hostname": "PC"},
            Neighbour("192.168.2.7", "a", "PC"),
        ),
        (LogSource("linux", None, "dhcp"), {"mac": "a"}, None),
        (LogSource(None, "firewall", None), {"src_ip": "192.168.2.7"}, Neighbour("192.168.2.7", None, None)),
        (LogSource(None, "firewall", None), {"src_ip": "fd00::7"}, Neighbour("fd00::7", None, None)),
        (LogSource(None, "firewall", None), {"src_ip": "203.0.113.9"}, None),
        (LogSource(None, "firewall", None), {"src_ip": ["192.168.2.7"]}, None),
        (LogSource("linux", None, "sshd"), {"src_ip": "192.168.2.7"}, None),
    ],
)
def test_leases_and_packets_speak_of_the_house_s_own_machines(
    logsource: LogSource, fields: Fields, machine: Neighbour | None
) -> None:
    assert spoken_of(logsource, fields) == machine
