"""Strands → groups: what is likely one attack although no tie proves it. Pure; the same strands give the same groups.

Two strands are joined where they were active on one machine within minutes, or where one account acts on several machines within the hour,
unless they name different hands. The closest pairs come first, and a group never takes in who contradicts it: what names nobody goes to
its nearest neighbour and makes no bridge between two attackers.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import Final, NamedTuple

from beffroi.core.model import Message, message
from beffroi.incidents.strands import MINUTE, NEAR, Strand, gaps, same_hand

ACCOUNT: Final = 60 * MINUTE
"""One account on different machines within this time is one story."""
CROWD: Final = 64
"""Strands on one machine, or of one account, that are compared with each other: the newest. A flood is not compared."""

Pair = tuple[int, int]


class Join(NamedTuple):
    """Two strands may be one story: so many microseconds lie between them, on a host or of an account, and so many between their
    beginnings there. Who shares a hand comes before who merely lies near (`strange`)."""

    strange: bool
    gap: int
    begun: int
    on: str
    of_account: bool

    @property
    def order(self) -> tuple[bool, int, int]:
        """What comes first. Within a minute the beginnings decide: what goes on for long overlaps with much that is not of it, while the
        steps of an attack begin one after the other."""
        return self.strange, self.gap // MINUTE, self.begun

    @property
    def why(self) -> Message:
        """In words."""
        if self.of_account:
            return message("the same account {account}", account=self.on)
        seconds = self.gap // 1_000_000
        if seconds < 60:
            return message("on {host} within a minute", host=self.on)
        return message("on {host} within {minutes} minutes", host=self.on, minutes=-(-seconds // 60))


class Groups(NamedTuple):
    """The strands' ids, each group sorted; and for each strand that was joined to others, why."""

    groups: list[list[int]]
    why: dict[int, Message]


def group(strands: Mapping[int, Strand], together: Iterable[Pair] = (), apart: Iterable[Pair] = ()) -> Groups:
    """The groups of these strands. `together` and `apart` are pairs about which a person decided; that comes first."""
    groups = _Groups(strands, apart)
    for one, other in sorted(together):
        if one in strands and other in strands:
            groups.join(one, other, None)
    for (one, other), join in sorted(
        pairs(strands).items(), key=lambda each: (each[1].order, _order(strands, each[0]))
    ):
        groups.join(one, other, join)
    return groups.result()


def pairs(strands: Mapping[int, Strand]) -> dict[Pair, Join]:
    """Pairs of strands between which there is something, with what it is."""
    found: dict[Pair, Join] = {}
    on_host: dict[str, list[Strand]] = defaultdict(list)
    by_account: dict[str, list[Strand]] = defaultdict(list)
    for strand in strands.values():
        for host in strand.hosts:
            on_host[host].append(strand)
        for account in strand.accounts:
            by_account[account].append(strand)
    for account, some in by_account.items():
        for one, other in _each_two(some):
            apart = _between(one, other)
            if apart <= ACCOUNT and one.hosts.keys().isdisjoint(other.hosts):
                begun = abs(one.first - other.first)
                _closer(found, one, other, Join(False, apart, begun, account, of_account=True))
    for host, some in on_host.items():
        for one, other in _each_two(some):
            same = one.of_same(other)
            if same is False:
                continue
            near = min(gaps(one.hosts[host], other.hosts[host], NEAR), default=None)
            if near is not None:
                _closer(found, one, other, Join(not same, *near, host, of_account=False))
    return found


def reachable(strands: Mapping[int, Strand], changed: Iterable[int]) -> dict[int, Strand]:
    """The strands whose groups may change where these did: all that can be reached over machines and accounts they share."""
    shared: dict[str, list[int]] = defaultdict(list)
    for strand in strands.values():
        for each in _shared(strand):
            shared[each].append(strand.id)
    found: dict[int, Strand] = {}
    waiting = [each for each in changed if each in strands]
    seen: set[str] = set()
    while waiting:
        strand = strands[waiting.pop()]
        if strand.id in found:
            continue
        found[strand.id] = strand
        for each in _shared(strand):
            if each not in seen:
                seen.add(each)
                waiting.extend(shared[each])
    return found


def _shared(strand: Strand) -> Iterable[str]:
    yield from (f"h{host}" for host in strand.hosts)
    yield from (f"a{account}" for account in strand.accounts)


class _Groups:
    """Strands that are being joined."""

    def __init__(self, strands: Mapping[int, Strand], apart: Iterable[Pair]) -> None:
        self._strands = strands
        self._of: dict[int, int] = {each: each for each in strands}
        self._members: dict[int, list[int]] = {each: [each] for each in strands}
        self._accounts = {each: set(strand.accounts) for each, strand in strands.items()}
        self._addresses = {each: set(strand.addresses) for each, strand in strands.items()}
        self._apart: dict[int, set[int]] = defaultdict(set)
        for one, other in apart:
            self._apart[one].add(other)
            self._apart[other].add(one)
        self._why: dict[int, Message] = {}

    def join(self, one: int, other: int, join: Join | None) -> None:
        """Join two strands' groups, unless they contradict each other; without a `join` a person said so, which comes first."""
        into, gone = self._of[one], self._of[other]
        if into == gone or self._parted(into, gone) or not (join is None or self._fit(into, gone)):
            return
        if len(self._members[into]) < len(self._members[gone]):
            into, gone = gone, into
        for each in self._members[gone]:
            self._of[each] = into
        self._members[into] += self._members.pop(gone)
        self._accounts[into] |= self._accounts.pop(gone)
        self._addresses[into] |= self._addresses.pop(gone)
        later = max((one, other), key=lambda each: (self._strands[each].first, each))
        self._why.setdefault(later, message("somebody put them together") if join is None else join.why)

    def _fit(self, into: int, gone: int) -> bool:
        accounts, addresses = self._accounts, self._addresses
        return same_hand(accounts[into], addresses[into], accounts[gone], addresses[gone]) is not False

    def _parted(self, into: int, gone: int) -> bool:
        return any(
            not self._apart[each].isdisjoint(self._members[gone]) for each in self._members[into] if each in self._apart
        )

    def result(self) -> Groups:
        return Groups(sorted(sorted(each) for each in self._members.values()), self._why)


def _each_two(strands: list[Strand]) -> Iterable[tuple[Strand, Strand]]:
    newest = sorted(strands, key=lambda each: (-each.last, each.first, each.id))[:CROWD]
    for place, one in enumerate(newest):
        for other in newest[place + 1 :]:
            yield one, other


def _between(one: Strand, other: Strand) -> int:
    return max(0, max(one.first, other.first) - min(one.last, other.last))


def _closer(found: dict[Pair, Join], one: Strand, other: Strand, join: Join) -> None:
    pair = (min(one.id, other.id), max(one.id, other.id))
    if pair not in found or join.order < found[pair].order:
        found[pair] = join


def _order(strands: Mapping[int, Strand], pair: Pair) -> tuple[tuple[int, int, str], ...]:
    """Where two pairs are as close: by what the strands are, never by which came first."""
    return tuple(sorted((s.first, s.last, min(s.ties, default="")) for s in (strands[each] for each in pair)))
