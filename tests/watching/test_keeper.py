"""The keeper: who is let in, who waits, and that no sender's load or a disk's trouble is another sender's."""

import asyncio
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import ExitStack
from datetime import UTC, datetime
from ipaddress import ip_network
from pathlib import Path
from typing import Any

import pytest

from beffroi.core.errors import StoreError
from beffroi.core.model import Assurance
from beffroi.logs.arrival import Arrival, Batch, Busy, Form, Proof, Refused
from beffroi.logs.journal import Journal, JournalReader, RealDisk
from beffroi.logs.sources import Registry, Unknown, WaitingRoom, records
from beffroi.store import Store
from beffroi.store.tables import sources
from beffroi.watching.keeper import ALL, OWN, SHARE, Guest, Keeper

NETWORKS = (ip_network("192.168.7.0/24"), ip_network("127.0.0.0/8"))
NEIGHBOUR = Proof("syslog_tcp", "192.168.7.20")
CERTIFICATE = b"the certificate of this machine"


class Gate(RealDisk):
    """The disk of this machine; a test may close it for a while, or count it as full."""

    def __init__(self) -> None:
        self.gate = asyncio.Event()
        self.loop: asyncio.AbstractEventLoop | None = None
        self.room = 1 << 40

    def sync(self, handle: int) -> None:
        if self.loop is not None:
            asyncio.run_coroutine_threadsafe(self.gate.wait(), self.loop).result(20)
        super().sync(handle)

    def free(self, folder: Path) -> int:
        return self.room


class Desk:
    """A keeper with a real journal, store and waiting room."""

    def __init__(self, folder: Path, held: ExitStack) -> None:
        self.disk = Gate()
        self.store = held.enter_context(Store.open(folder))
        self.journal = held.enter_context(Journal.open(folder / "journal", disk=self.disk))
        self.waiting = WaitingRoom.open(folder)
        self.met: list[str] = []
        self.keeper = Keeper(
            self.journal, self.registry(), self.waiting, NETWORKS, self.meet, own_certificate=CERTIFICATE
        )

    def registry(self) -> Registry:
        with self.store.read() as connection:
            return Registry.load(connection)

    def meet(self, stranger: Unknown) -> str:
        self.met.append(stranger.peer)
        with self.store.write() as change:
            return records.meet(change, stranger, now=datetime(2026, 11, 25, tzinfo=UTC))

    def accept(self, *peers: str) -> None:
        self.decide("accepted", peers)

    def decide(self, state: str, peers: Sequence[str]) -> None:
        for peer in peers:
            admitted = self.registry().admit(Proof("syslog_tcp", peer))
            if isinstance(admitted, Unknown):
                self.meet(admitted)
            with self.store.write() as change:
                change.execute(sources.update().where(sources.c.proof == peer).values(state=state, assurance=1))
        self.met.clear()
        self.keeper.registry = self.registry()

    def kept(self) -> list[Arrival]:
        with JournalReader(self.journal.folder) as reader:
            return [arrival for _, arrival in reader.read(0, 1 << 30)]


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    with ExitStack() as held:
        yield Desk(tmp_path / "data", held)


def lines(*messages: bytes, ids: list[str] | None = None) -> Batch:
    return Batch(Form.SYSLOG, list(messages), ids)


def run(work: Callable[[], Awaitable[Any]]) -> None:
    async def bounded() -> None:
        async with asyncio.timeout(30):
            await work()

    asyncio.run(bounded())


async def turns(count: int = 20) -> None:
    for _ in range(count):
        await asyncio.sleep(0)


def test_what_an_accepted_sender_sends_is_in_the_journal(desk: Desk) -> None:
    desk.accept("192.168.7.20")

    async def send() -> None:
        guest = desk.keeper.admit(NEIGHBOUR)
        assert not guest.held
        await desk.keeper.take(guest, lines(b"one", b"two", ids=["a", "b"]))

    run(send)
    [arrival] = desk.kept()
    assert (arrival.messages, arrival.ids, arrival.peer) == ([b"one", b"two"], ["a", "b"], "192.168.7.20")
    assert arrival.sure is Assurance.ADDRESS
    assert desk.keeper.events == 2
    assert desk.keeper.under_way == 0


def test_who_sent_is_remembered_by_address_whatever_they_are_known_by(desk: Desk) -> None:
    desk.accept(NEIGHBOUR.peer)
    own = Proof("bulk", "192.168.7.21", certificate=CERTIFICATE, encrypted=True)

    async def main() -> None:
        for proof in (NEIGHBOUR, own):
            await desk.keeper.take(desk.keeper.admit(proof), Batch(Form.LINE, [b"x"]))

    asyncio.run(main())
    assert desk.keeper.peers == {"192.168.7.20", "192.168.7.21"}


def test_a_batch_larger_than_a_record_of_the_journal_is_kept_in_several(desk: Desk) -> None:
    desk.accept("192.168.7.20")
    messages = [b"%07d" % number * 100_000 for number in range(45)]  # 31 MB, as one body of HTTP may bring

    async def send() -> None:
        await desk.keeper.take(
            desk.keeper.admit(NEIGHBOUR), lines(*messages, ids=[f"id{number}" for number in range(45)]), wait=False
        )

    run(send)
    kept = desk.kept()
    assert len(kept) > 1
    assert [each for arrival in kept for each in arrival.messages] == messages
    assert [each for arrival in kept for each in arrival.ids or ()] == [f"id{number}" for number in range(45)]


def test_many_small_messages_with_long_names_fit_too(desk: Desk) -> None:
    desk.accept("192.168.7.20")
    names = [f"{number:06d}" + "\N{SNOWMAN}" * 500 for number in range(12_000)]
    run(lambda: desk.keeper.take(desk.keeper.admit(NEIGHBOUR), lines(*[b""] * 12_000, ids=names)))
    assert [each for arrival in desk.kept() for each in arrival.ids or ()] == names


def test_a_message_longer_than_any_record_is_cut(desk: Desk) -> None:
    desk.accept("192.168.7.20")
    run(lambda: desk.keeper.take(desk.keeper.admit(NEIGHBOUR), lines(b"x" * (20 << 20))))
    [arrival] = desk.kept()
    assert arrival.messages == [b"x" * (8 << 20)]
    assert desk.keeper.cut == 1


def test_one_sender_has_its_share_and_the_others_go_on(desk: Desk) -> None:
    desk.accept("192.168.7.20", "192.168.7.21")

    async def send() -> None:
        desk.disk.loop = asyncio.get_running_loop()
        greedy, other = (desk.keeper.admit(Proof("syslog_tcp", f"192.168.7.{each}")) for each in (20, 21))
        async with asyncio.TaskGroup() as group:
            first = group.create_task(desk.keeper.take(greedy, lines(b"a" * (SHARE - 10))))
            await turns()
            with pytest.raises(Busy) as busy:
                await desk.keeper.take(greedy, lines(b"b" * 20), wait=False)
            assert not busy.value.full
            waits = group.create_task(desk.keeper.take(greedy, lines(b"c" * 20)))
            goes_on = group.create_task(desk.keeper.take(other, lines(b"d" * 20), wait=False))
            await turns()
            assert not first.done()
            assert desk.keeper.under_way == SHARE + 10  # the patient one stands outside
            desk.disk.gate.set()
            await goes_on
            await waits
        assert desk.keeper.under_way == 0

    run(send)
    assert sorted(arrival.messages[0][:1] for arrival in desk.kept()) == [b"a", b"c", b"d"]


@pytest.mark.slow
def test_all_senders_together_are_bounded(desk: Desk) -> None:
    peers = [f"192.168.7.{number}" for number in range(20, 20 + ALL // SHARE + 1)]
    desk.accept(*peers)

    async def send() -> None:
        desk.disk.loop = asyncio.get_running_loop()
        guests = [desk.keeper.admit(Proof("syslog_tcp", peer)) for peer in peers]
        async with asyncio.TaskGroup() as group:
            for guest in guests[:-1]:
                group.create_task(desk.keeper.take(guest, lines(*[b"x" * (SHARE // 8)] * 8)))
            await turns()
            assert desk.keeper.under_way == ALL
            with pytest.raises(Busy):
                await desk.keeper.take(guests[-1], lines(b"y"), wait=False)
            desk.disk.gate.set()
        await desk.keeper.take(guests[-1], lines(b"y"), wait=False)

    run(send)


@pytest.mark.slow
def test_a_full_disk_is_said_and_gives_the_room_back(desk: Desk) -> None:
    desk.accept("192.168.7.20")

    async def send() -> None:
        guest = desk.keeper.admit(NEIGHBOUR)
        desk.disk.room = 0
        with pytest.raises(Busy) as busy:
            await desk.keeper.take(guest, lines(b"x"))
        assert busy.value.full
        assert desk.keeper.full
        assert desk.keeper.under_way == 0
        desk.disk.room = 1 << 40
        await asyncio.sleep(1.1)
        await desk.keeper.take(guest, lines(b"x"))
        assert not desk.keeper.full

    run(send)
    assert desk.keeper.events == 1


def test_a_sender_that_is_rejected_meanwhile_is_refused_on_the_same_connection(desk: Desk) -> None:
    desk.accept("192.168.7.20")

    async def send() -> None:
        guest = desk.keeper.admit(NEIGHBOUR)
        await desk.keeper.take(guest, lines(b"x"))
        desk.decide("rejected", ["192.168.7.20"])
        with pytest.raises(Refused) as refused:
            await desk.keeper.take(guest, lines(b"y"))
        assert refused.value.known
        with pytest.raises(Refused):
            desk.keeper.admit(NEIGHBOUR)

    run(send)
    assert desk.keeper.turned_away == {"rejected": 1}
    assert [arrival.messages for arrival in desk.kept()] == [[b"x"]]


def test_a_stranger_with_many_connections_is_met_once_and_held(desk: Desk) -> None:
    async def send() -> None:
        guests = [desk.keeper.admit(NEIGHBOUR) for _ in range(20)]
        assert all(guest.held and guest.assurance is Assurance.NONE for guest in guests)
        async with asyncio.TaskGroup() as group:
            for number, guest in enumerate(guests):
                group.create_task(desk.keeper.take(guest, lines(b"%d" % number)))

    run(send)
    with desk.store.read() as connection:
        assert len(connection.execute(sources.select().where(sources.c.proof == "192.168.7.20")).all()) == 1
    assert desk.kept() == []
    [held] = desk.waiting.held()
    assert len(list(desk.waiting.release(held))) == 20


def test_what_was_held_is_kept_once_its_sender_is_accepted(desk: Desk) -> None:
    async def send() -> None:
        guest = desk.keeper.admit(NEIGHBOUR)
        await desk.keeper.take(guest, lines(b"before"))
        desk.accept("192.168.7.20")
        [source] = desk.waiting.held()
        for arrival in desk.waiting.release(source):
            await desk.keeper.keep_released(arrival)
        desk.waiting.discard(source)
        await desk.keeper.take(guest, lines(b"after"))  # over the connection that it had as a stranger

    run(send)
    assert [arrival.messages for arrival in desk.kept()] == [[b"before"], [b"after"]]
    assert desk.waiting.held() == {}


def test_whoever_is_not_of_our_networks_is_turned_away(desk: Desk) -> None:
    desk.accept("198.51.100.9")
    with pytest.raises(Refused):
        desk.keeper.admit(Proof("relp", "198.51.100.9"))
    assert desk.keeper.turned_away == {"network": 1}


@pytest.mark.parametrize(
    ("proof", "own"),
    [
        (Proof("syslog_tcp", "127.0.0.5"), True),
        (Proof("syslog_tcp", "::ffff:127.0.0.1"), True),
        (Proof("journald", ""), False),  # it has a name of its own
        (Proof("relp", "192.168.7.1", certificate=CERTIFICATE, encrypted=True), True),
        (Proof("syslog_tcp", "192.168.7.1"), False),
    ],
)
def test_this_machine_is_known_by_what_nobody_else_can_show(desk: Desk, proof: Proof, *, own: bool) -> None:
    guest = desk.keeper.admit(proof if proof.peer else proof._replace(name="journald"))
    assert isinstance(guest, Guest)
    assert (guest.who.key.value == f"{OWN}:{OWN}") is own


def test_another_certificate_from_this_machine_is_not_this_machine(desk: Desk) -> None:
    with pytest.raises(Refused):
        desk.keeper.admit(Proof("relp", "127.0.0.1", certificate=b"another", encrypted=True))
    with pytest.raises(Refused):
        desk.keeper.admit(Proof("bulk", "127.0.0.1", token="unknown"))
    assert desk.keeper.turned_away == {"unknown": 2}


def test_a_store_that_cannot_be_written_makes_strangers_wait_and_nobody_fall(tmp_path: Path) -> None:
    def broken(stranger: Unknown) -> str:
        raise StoreError(path=tmp_path, reason=f"no room for {stranger.peer}")

    with ExitStack() as held:
        desk = Desk(tmp_path / "data", held)
        desk.accept("192.168.7.21")
        keeper = Keeper(desk.journal, desk.registry(), desk.waiting, NETWORKS, broken)

        async def send() -> None:
            with pytest.raises(Busy):
                await keeper.take(keeper.admit(NEIGHBOUR), lines(b"x"))
            await keeper.take(keeper.admit(Proof("syslog_tcp", "192.168.7.21")), lines(b"y"))

        run(send)
        assert [arrival.messages for arrival in desk.kept()] == [[b"y"]]


def test_a_waiting_room_that_cannot_be_written_is_busy_and_no_defect(desk: Desk) -> None:
    async def send() -> None:
        guest = desk.keeper.admit(NEIGHBOUR)
        await desk.keeper.take(guest, lines(b"first"))
        [source] = desk.waiting.held()
        room = desk.journal.folder.parent / "waiting" / f"{source}.held"
        room.unlink()
        room.mkdir()  # whoever we are, nobody writes into a folder: EISDIR
        with pytest.raises(Busy):
            await desk.keeper.take(guest, lines(b"second"))
        room.rmdir()
        assert desk.keeper.under_way == 0

    run(send)
    assert desk.keeper.turned_away == {"disk": 1}
