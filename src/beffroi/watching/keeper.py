"""Who keeps what is received (`logs.arrival.Intake`): senders are let in or held aside, batches go to the journal.

Fairness: each sender may have so many bytes under way, and all together so many. Beyond, a TCP sender's window closes and an
HTTP sender is told to come again; the others go on.
"""

import asyncio
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from typing import Final

import msgspec

from beffroi.core.errors import StoreError
from beffroi.core.model import Assurance
from beffroi.logs.arrival import Admission, Arrival, Batch, Busy, Proof, Refused
from beffroi.logs.journal import Journal
from beffroi.logs.sources import Known, Registry, Unknown, WaitingRoom
from beffroi.logs.sources.proofs import ProofKind
from beffroi.watching.networks import Network, is_loopback, lets_in

SHARE: Final = 8 << 20
"""Bytes that one sender may have under way."""
ALL: Final = 48 << 20
"""Bytes that all senders together may have under way."""
PIECE: Final = 4 << 20
"""Bytes of messages in one record of the journal; a larger batch (an HTTP body may have 32 MiB) becomes several."""
LONGEST: Final = 8 << 20
"""Bytes of one message; the rest of a longer one is cut off. Receivers cut far sooner."""
AROUND: Final = 64
"""Bytes that a message costs in a record beside its own and its id's, at most."""
SOON: Final = 2.0
"""Seconds after which a sender may try again when too much is under way."""
OWN: Final = "beffroi"
"""The receiver and the name under which this machine itself is a source."""


class Guest:
    """A sender that was let in (`logs.arrival.Admission`). Who it is is looked up anew when the sources have changed."""

    __slots__ = ("generation", "peer", "receiver", "who")

    def __init__(self, who: Known | Unknown, generation: int, proof: Proof) -> None:
        self.who = who
        self.generation = generation
        self.receiver = proof.receiver
        self.peer = proof.peer

    @property
    def held(self) -> bool:
        return self.who.held

    @property
    def assurance(self) -> Assurance:
        return self.who.assurance


Meet = Callable[[Unknown], str]
"""Brings a stranger into the store; its id. Raises Refused. Called in a thread."""


class Keeper:
    """The intake. It belongs to one event loop."""

    def __init__(
        self,
        journal: Journal,
        registry: Registry,
        waiting: WaitingRoom,
        networks: Sequence[Network],
        meet: Meet,
        *,
        own_certificate: bytes | None = None,
        clock: Callable[[], int] = lambda: time.time_ns() // 1000,
    ) -> None:
        self._journal = journal
        self._waiting = waiting
        self._meet = meet
        self.own_certificate = own_certificate
        """DER; what this machine's own sign of life shows."""
        self._clock = clock
        self.networks = networks
        """From where is received."""
        self._registry = registry
        self._generation = 0
        self._meeting = asyncio.Lock()
        self._under_way: Counter[str] = Counter()
        self._total = 0
        self._room = asyncio.Condition()
        self.events = 0
        """Events taken since the start."""
        self.cut = 0
        """Messages that were too long for the journal."""
        self.turned_away: Counter[str] = Counter()
        """How often somebody was refused, by reason."""
        self.certificates: set[str] = set()
        """Fingerprints of the certificates that known senders showed since the start."""
        self.full = False
        """The disk is nearly full: nothing is acknowledged."""

    @property
    def registry(self) -> Registry:
        """Who is known."""
        return self._registry

    @registry.setter
    def registry(self, registry: Registry) -> None:
        """Sources have changed; who is connected is looked up anew."""
        self._registry = registry
        self._generation += 1

    @property
    def under_way(self) -> int:
        """Bytes received and not yet on disk."""
        return self._total

    def admit(self, proof: Proof) -> Admission:
        """Let a sender in. Raises Refused."""
        if proof.peer and not lets_in(self.networks, proof.peer):
            self.turned_away["network"] += 1
            raise Refused
        known_by = Proof(OWN, "", name=OWN) if self._is_own(proof) else proof
        try:
            who = self._registry.admit(known_by)
        except Refused as refused:
            self.turned_away["rejected" if refused.known else "unknown"] += 1
            raise
        if who.key.kind is ProofKind.CERTIFICATE:
            self.certificates.add(who.key.value)
        return Guest(who, self._generation, proof)

    def _is_own(self, proof: Proof) -> bool:
        """Whether it is this machine itself: its sign of life, or its other programs, by an address that cannot come from outside."""
        if proof.certificate is not None:
            return proof.certificate == self.own_certificate
        return proof.token is None and not proof.encrypted and is_loopback(proof.peer)

    async def take(self, admission: Admission, batch: Batch, *, wait: bool = True) -> None:
        """Keep a batch; it is on disk when this returns. Raises Busy and Refused, and nothing else: no trouble of a disk ends
        whoever receives."""
        guest = admission
        assert isinstance(guest, Guest)
        if guest.generation != self._generation:
            guest.who, guest.generation = self._registry.again(guest.who), self._generation
        if not batch.messages:
            return
        if isinstance(guest.who, Unknown) and guest.who.source_id is None:
            await self._met(guest)
        source = guest.who.source.id if isinstance(guest.who, Known) else guest.who.source_id
        assert source is not None
        size = sum(map(len, batch.messages))
        await self._make_room(source, size, wait=wait)
        try:
            who = guest.who
            arrival = Arrival(self._clock(), source, guest.receiver, guest.peer, batch.form, batch.messages, batch.ids,
                              batch.stated, batch.historic)  # fmt: skip
            if who.held:
                await self._hold(arrival)
            else:
                for part in self._parts(arrival):
                    await self._keep(part)
        finally:
            await self._give_room(source, size)
        self.events += len(batch.messages)

    async def keep_released(self, arrival: Arrival) -> None:
        """Keep what was held aside, now that a person accepted its sender. Raises Busy."""
        for part in self._parts(arrival):
            await self._keep(part)

    async def _met(self, guest: Guest) -> None:
        """Bring a stranger into the store, once, however many of its connections send at the same time."""
        async with self._meeting:
            who = guest.who
            assert isinstance(who, Unknown)
            known = self._registry.again(who)
            if isinstance(known, Unknown) and known.source_id is None:
                try:
                    known = known._replace(source_id=await asyncio.to_thread(self._meet, known))
                except StoreError as error:
                    self.turned_away["store"] += 1
                    raise Busy(SOON) from error
            guest.who = known

    def _parts(self, arrival: Arrival) -> Iterator[Arrival]:
        """The arrival in pieces that the journal takes; nearly always one."""
        ids = arrival.ids
        sizes = [len(each) + AROUND for each in arrival.messages]
        if ids is not None:
            sizes = [size + 4 * len(each) for size, each in zip(sizes, ids, strict=True)]
        if sum(sizes) <= PIECE:
            yield arrival
            return
        start = size = 0
        for number, own in enumerate(sizes):
            if size and size + own > PIECE:
                yield self._part(arrival, start, number)
                start, size = number, 0
            size += own
        yield self._part(arrival, start, len(sizes))

    def _part(self, arrival: Arrival, start: int, stop: int) -> Arrival:
        messages = arrival.messages[start:stop]
        long = sum(len(each) > LONGEST for each in messages)
        if long:
            self.cut += long
            messages = [each[:LONGEST] for each in messages]
        ids = None if arrival.ids is None else arrival.ids[start:stop]
        return msgspec.structs.replace(arrival, messages=messages, ids=ids)

    async def _keep(self, arrival: Arrival) -> None:
        try:
            await self._journal.append(arrival)
        except Busy as busy:
            self.full = busy.full
            raise
        self.full = False

    async def _hold(self, arrival: Arrival) -> None:
        """Aside, until a person decides; a room that is full stays as it is."""
        try:
            await asyncio.to_thread(self._waiting.hold, arrival.source, arrival)
        except Busy:
            self.turned_away["room full"] += 1
            raise
        except OSError as error:  # a disk that fails or is read-only; the strangers' room is again what it was
            self.turned_away["disk"] += 1
            raise Busy(SOON, full=True) from error

    async def _make_room(self, source: str, size: int, *, wait: bool) -> None:
        # One batch may always be under way: else one that is larger than its share would wait for ever.
        def crowded() -> bool:
            mine = self._under_way[source]
            return bool((mine and mine + size > SHARE) or (self._total and self._total + size > ALL))

        if crowded():
            if not wait:
                raise Busy(SOON)
            async with self._room:
                await self._room.wait_for(lambda: not crowded())
        self._under_way[source] += size
        self._total += size

    async def _give_room(self, source: str, size: int) -> None:
        self._total -= size
        self._under_way[source] -= size
        if self._under_way[source] <= 0:
            del self._under_way[source]
        async with self._room:
            self._room.notify_all()
