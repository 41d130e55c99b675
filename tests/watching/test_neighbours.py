"""Machines that send nothing."""

from beffroi.watching.neighbours import LIMIT, Neighbours, in_table
from beffroi.watching.understanding import Neighbour

ARP = """IP address       HW type     Flags       HW address            Mask     Device
192.0.2.1        0x1         0x2         02:00:00:00:00:AA     *        eth0
192.0.2.9        0x1         0x0         00:00:00:00:00:00     *        eth0
"""


def test_only_machines_that_answered_are_in_the_table() -> None:
    assert list(in_table(ARP)) == [Neighbour("192.0.2.1", "02:00:00:00:00:aa", None)]


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
