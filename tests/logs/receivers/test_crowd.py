"""Who may connect where not all may."""

import math

import pytest

from beffroi.logs.receivers.crowd import AWAY, OF_ALL, OF_ONE, Crowd


class Member:
    def __init__(self, peer: str, heard: float) -> None:
        self.peer, self.heard = peer, heard

    def abort(self) -> None:
        self.heard = math.inf


def crowd(*members: Member, most: int = 4, per_peer: int = 3) -> Crowd[Member]:
    made = Crowd[Member](most, per_peer, lambda peer: not peer.startswith("away"))
    for each in members:
        made.join(each)
    return made


@pytest.mark.parametrize(("peer", "why"), [("away", AWAY), ("a", OF_ONE), ("b", None)])
def test_an_address_has_its_share(peer: str, why: str | None) -> None:
    assert crowd(*(Member("a", number) for number in range(3))).refusal(peer) == why


def test_the_largest_crowd_loses_its_idlest_to_a_newcomer() -> None:
    members = [Member("a", 5), Member("a", 3), Member("a", 4), Member("b", 1)]
    found = crowd(*members)
    assert found.refusal("c") is None
    assert [each.heard for each in members] == [5, math.inf, 4, 1]
    assert found.refusal("d") is None  # before the first is gone: another one goes
    assert [each.heard for each in members] == [5, math.inf, math.inf, 1]


def test_a_newcomer_of_the_largest_crowd_pushes_nobody_out() -> None:
    members = [Member(peer, 1) for peer in "aabb"]
    found = crowd(*members)
    assert found.refusal("a") == OF_ALL
    assert found.refusal("c") is None
    found.leave(next(each for each in members if each.heard == math.inf))
    assert len(found.members) == 3
    assert found.refusal("a") is None
