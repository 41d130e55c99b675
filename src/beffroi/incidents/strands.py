"""Matches → strands: what one hand did, as far as ties prove it. Pure, bounded, and the same whatever the order of arrival.

A match takes hold of each of its ties at its own time; where a tie was held within its window, the two are of one strand. Ties are held in
*spells*, which grow and merge as matches fall into them, so the strands in the end do not depend on who came first.
"""

from collections.abc import Iterable, Iterator, Sequence
from typing import Final

import msgspec

from beffroi.incidents.traces import Tie, Traces

MINUTE: Final = 60_000_000  # microseconds
DAY: Final = 24 * 60 * MINUTE

WINDOWS: Final = {
    "process": 12 * 60 * MINUTE,
    "session": 12 * 60 * MINUTE,
    "process number": 15 * MINUTE,  # the system gives them again
    "address": 60 * MINUTE,
    "program": DAY,
    "event": 0,  # the very event: what a correlation's firing was completed by
    "again": DAY,  # the same rule for the very same thing
    "rule": 15 * MINUTE,  # the same rule for the same account, or for nobody in particular, on one machine
    "burst": MINUTE,  # the same rule on one machine, whoever it was, where not even a program is told
    "wild": DAY,  # a rule that fires everywhere
}
"""For how long after (or before) a tie was held another match that holds it is of the same strand, in microseconds."""

HORIZON: Final = max(WINDOWS.values())
"""Nothing older than this, counted from the newest match, can be continued."""

NEAR: Final = 3 * MINUTE
"""Matches on one machine this close are likely one attack (grouping.py)."""
WILD: Final = 30
"""So many strands a rule may begin in a day; from then on it is a rule gone wild, and what it finds is one more strand."""
MOST: Final = 4_096
"""Strands that are remembered; beyond, those that were continued longest ago are let go of."""
TIES: Final = 256
"""Ties of a strand that are remembered: those that were held last."""
FACETS: Final = 64
"""Accounts, addresses and machines of a strand that are remembered: an attacker chooses how many there are."""


class Sighting(msgspec.Struct, frozen=True):
    """A match as grouping sees it: the time of its event (microseconds since 1970), its rule, how grave it is (0 to 4), its traces."""

    rule: str
    time: int
    level: int
    host: str
    traces: Traces


class Spell(msgspec.Struct):
    """A time in which something went on, in microseconds since 1970."""

    first: int
    last: int


class Strand(msgspec.Struct):
    """Matches that hang together. `accounts` and `addresses` are those of whoever acted; `hosts` says when it was active where."""

    id: int
    first: int
    last: int
    level: int = 0
    count: int = 0
    hosts: dict[str, list[Spell]] = msgspec.field(default_factory=dict)
    accounts: set[str] = msgspec.field(default_factory=set)
    addresses: set[str] = msgspec.field(default_factory=set)
    ties: dict[str, list[Spell]] = msgspec.field(default_factory=dict)
    """By kind and value, one text."""

    def of_same(self, other: "Strand") -> bool | None:
        """Whether both are of one hand (`same_hand`)."""
        return same_hand(self.accounts, self.addresses, other.accounts, other.addresses)


def same_hand(accounts: set[str], addresses: set[str], others: set[str], their_addresses: set[str]) -> bool | None:
    """Whether two name the same attacker: True where they share an account or an address, False where both name some and share none, None
    where one of them names nobody."""
    if not accounts.isdisjoint(others) or not addresses.isdisjoint(their_addresses):
        return True
    return False if (accounts or addresses) and (others or their_addresses) else None


def ties_of(sighting: Sighting) -> tuple[Tie, ...]:
    """The ties a match holds: those of its event, and those by which the same rule's matches hang together."""
    traces, rule = sighting.traces, sighting.rule
    ties = list(traces.ties)
    told = [each for each in ties if each.kind != "event"]
    actors = [each.value for each in traces.entities if each.kind == "account" and each.role == "actor"]
    origins = [each.value for each in traces.ties if each.kind == "address"]
    ties += [Tie("again", f"{rule} from {each}") for each in origins]
    if sighting.host:
        who = "" if traces.loose else " ".join(sorted(actors))
        if traces.detail:
            # The same words are typed by many: they are the same deed only where the same account typed them.
            ties.append(Tie("again", f"{rule} {sighting.host} {traces.detail} {who}"))
        elif not origins:
            # Where neither a program nor an address is told, the account may be one of several that an attacker has.
            ties.append(Tie("burst", f"{rule} {sighting.host}"))
            if not (actors or told or traces.loose):
                # An event that tells of the machine alone: there it is the very same deed, whoever did it.
                ties.append(Tie("again", f"{rule} {sighting.host}"))
        if not traces.loose:
            ties += [Tie("rule", f"{rule} {sighting.host} {each}") for each in actors]
        named = origins or actors or any(each.kind == "session" for each in traces.ties)
        if traces.loose or not named:
            ties.append(Tie("rule", f"{rule} {sighting.host}"))
    elif not (told or origins):
        # Nothing but the rule itself says what this is about.
        ties += [Tie("rule", f"{rule} {each}") for each in actors or [""]]
    return tuple(dict.fromkeys(ties))


class Strands:
    """All strands that can still be continued. `fresh` gives a new strand its id. Not for two threads at once."""

    def __init__(self, strands: Iterable[Strand] = (), begun: Iterable[tuple[str, int]] = ()) -> None:
        """Begin with strands that are known; `begun` are the times at which rules began strands lately."""
        self.alive: dict[int, Strand] = {}
        self._holders: dict[str, list[tuple[Spell, int]]] = {}
        self._begun: dict[str, list[int]] = {}
        self._newest = 0
        for strand in strands:
            self._take_in(strand)
        for rule, time in begun:
            self._begun.setdefault(rule, []).append(time)

    def add(self, sighting: Sighting, fresh: int) -> tuple[Strand, list[Strand]]:
        """(the strand that a match is of, the strands that it has made one with it). `fresh` is the id of a new strand: the first of
        all that a match may begin with."""
        ties = ties_of(sighting)
        held = self._held(ties, sighting.time)
        if not held and self._is_wild(sighting):
            ties = (Tie("wild", sighting.rule),)
            held = self._held(ties, sighting.time)
        if held:
            # The larger one takes in the smaller, so that a flood does not move again and again.
            ids = sorted(held, key=lambda each: (-self.alive[each].count, each))
            strand = self.alive[ids[0]]
            gone = [self._merge(strand, self.alive[each]) for each in ids[1:]]
        else:
            strand, gone = Strand(fresh, sighting.time, sighting.time), []
            self.alive[fresh] = strand
        self._note(strand, sighting, ties)
        return strand, gone

    def old(self) -> list[Strand]:
        """The strands that are to be let go of: too old to be continued, or too many. `drop` them when that is written."""
        passed = [each for each in self.alive.values() if each.last < self._newest - HORIZON - HORIZON // 24]
        over = len(self.alive) - len(passed) - MOST
        if over > 0:
            gone = {each.id for each in passed}
            rest = sorted((each for each in self.alive.values() if each.id not in gone), key=lambda each: each.last)
            passed += rest[: over + MOST // 16]
        return passed

    def drop(self, strand: Strand) -> None:
        """Let go of a strand: nothing continues it any more."""
        del self.alive[strand.id]
        for tie in strand.ties:
            self._let_go(tie, strand.id)

    # --- ties ---------------------------------------------------------------------------------------------------------------------

    def _held(self, ties: Iterable[Tie], time: int) -> set[int]:
        found = set()
        for tie in ties:
            window = WINDOWS[tie.kind]
            for spell, strand in self._holders.get(_key(tie), ()):
                if spell.first - window <= time <= spell.last + window:
                    found.add(strand)
        return found

    def _is_wild(self, sighting: Sighting) -> bool:
        times = self._begun.setdefault(sighting.rule, [])
        times[:] = [each for each in times if abs(each - sighting.time) <= DAY][-WILD:]
        if len(times) >= WILD:
            return True
        times.append(sighting.time)
        return False

    def _note(self, strand: Strand, sighting: Sighting, ties: Iterable[Tie]) -> None:
        time = sighting.time
        self._newest = max(self._newest, time)
        strand.first, strand.last = min(strand.first, time), max(strand.last, time)
        strand.level = max(strand.level, sighting.level)
        strand.count += 1
        for tie in ties:
            self._hold(strand, _key(tie), Spell(time, time), WINDOWS[tie.kind])
        if sighting.host and (sighting.host in strand.hosts or len(strand.hosts) < FACETS):
            strand.hosts[sighting.host] = _with(strand.hosts.get(sighting.host, []), Spell(time, time), NEAR)
        if not sighting.traces.loose:
            for entity in sighting.traces.entities:
                if entity.kind == "account" and entity.role == "actor" and len(strand.accounts) < FACETS:
                    strand.accounts.add(entity.value)
                elif entity.kind == "address" and entity.role == "origin" and len(strand.addresses) < FACETS:
                    strand.addresses.add(entity.value)

    def _hold(self, strand: Strand, key: str, spell: Spell, window: int) -> None:
        spells = _with(strand.ties.pop(key, []), spell, window)
        strand.ties[key] = spells  # at the end: what was held last is let go of last
        others = [each for each in self._holders.get(key, ()) if each[1] != strand.id]
        self._holders[key] = others + [(each, strand.id) for each in spells]
        if len(strand.ties) > TIES:
            oldest = next(iter(strand.ties))
            del strand.ties[oldest]
            self._let_go(oldest, strand.id)

    def _let_go(self, key: str, strand: int) -> None:
        left = [each for each in self._holders.get(key, ()) if each[1] != strand]
        if left:
            self._holders[key] = left
        else:
            self._holders.pop(key, None)

    def _merge(self, strand: Strand, other: Strand) -> Strand:
        """Have one strand take in another, which is given back."""
        self.drop(other)
        strand.first, strand.last = min(strand.first, other.first), max(strand.last, other.last)
        strand.level = max(strand.level, other.level)
        strand.count += other.count
        for key, spells in other.ties.items():
            window = WINDOWS[key.partition(":")[0]]
            for spell in spells:
                self._hold(strand, key, spell, window)
        for host, spells in other.hosts.items():
            for spell in spells:
                strand.hosts[host] = _with(strand.hosts.get(host, []), spell, NEAR)
        strand.accounts |= other.accounts
        strand.addresses |= other.addresses
        return other

    def _take_in(self, strand: Strand) -> None:
        self.alive[strand.id] = strand
        self._newest = max(self._newest, strand.last)
        for key, spells in strand.ties.items():
            self._holders.setdefault(key, []).extend((each, strand.id) for each in spells)


def _key(tie: Tie) -> str:
    return f"{tie.kind}:{tie.value}"


def _with(spells: list[Spell], new: Spell, window: int) -> list[Spell]:
    """The spells with another, in their order; those between which less than the window lies are one."""
    apart, first, last = [], new.first, new.last
    for spell in spells:
        if spell.first - window <= last and first <= spell.last + window:
            first, last = min(first, spell.first), max(last, spell.last)
        else:
            apart.append(spell)
    return sorted([*apart, Spell(first, last)], key=lambda each: each.first)


def gaps(ours: Sequence[Spell], theirs: Sequence[Spell], window: int) -> Iterator[tuple[int, int]]:
    """The microseconds between spells that lie no further apart than the window, and those between their beginnings. Both are in their
    order, so each is gone through once."""
    begin = 0
    for one in ours:
        while begin < len(theirs) and theirs[begin].last + window < one.first:
            begin += 1
        for place in range(begin, len(theirs)):
            other = theirs[place]
            if other.first - window > one.last:
                break
            yield max(0, max(one.first, other.first) - min(one.last, other.last)), abs(one.first - other.first)
