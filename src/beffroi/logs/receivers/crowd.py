"""Who may connect where not all may: one sender with many connections keeps nobody else out."""

from collections import Counter
from collections.abc import Callable
from typing import Final, Generic, Protocol, TypeVar

AWAY: Final = "not of our networks"
OF_ONE: Final = "too many of one peer"
OF_ALL: Final = "too many connections"


class Member(Protocol):
    """A connection. `heard` is when its last bytes came, in any clock that only rises; infinite once it was told to go."""

    peer: str
    heard: float

    def abort(self) -> None:
        """End it now, whatever is under way."""


M = TypeVar("M", bound=Member)


class Crowd(Generic[M]):
    """The connections of one receiver."""

    def __init__(self, most: int, per_peer: int, welcome: Callable[[str], bool] | None) -> None:
        """At most so many in all, and of one address; `welcome` says which addresses may connect at all."""
        self._most, self._per_peer, self._welcome = most, per_peer, welcome
        self._peers: Counter[str] = Counter()
        self.members: set[M] = set()

    def refusal(self, peer: str) -> str | None:
        """Why this address may not have one more connection; None where it may. When all are taken, whoever has most of them
        loses its idlest one, unless that is the newcomer itself."""
        if self._welcome is not None and not self._welcome(peer):
            return AWAY
        if self._peers[peer] >= self._per_peer:
            return OF_ONE
        if self._peers.total() < self._most:
            return None
        crowd, most = self._peers.most_common(1)[0]
        if most <= self._peers[peer] + 1:
            return OF_ALL
        min((each for each in self.members if each.peer == crowd), key=lambda each: each.heard).abort()
        return None

    def join(self, member: M) -> None:
        """It connects."""
        self.members.add(member)
        self._peers[member.peer] += 1

    def leave(self, member: M) -> None:
        """It has ended."""
        self.members.discard(member)
        self._peers[member.peer] -= 1
        if not self._peers[member.peer]:
            del self._peers[member.peer]
