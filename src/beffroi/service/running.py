"""The service: what is started, in which order, and how it stops.

The order up: the store and its lock, the journal, the senders that are known, the process that understands, the receivers, the
socket for commands; then systemd is told. The order down is the other way round: nothing more is received, what was received is on disk,
and what is on disk is understood at the next start.
"""

import asyncio
import logging
import secrets
import signal
import ssl
import time
from collections import deque
from collections.abc import Awaitable, Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from datetime import datetime, timedelta
from functools import partial
from typing import Final

from sqlalchemy import Connection, select

from beffroi.core import discreet
from beffroi.core.allocating import give_back
from beffroi.core.clock import Clock
from beffroi.core.config import Config
from beffroi.core.discreet import Word
from beffroi.core.errors import StoreError
from beffroi.core.model import Message, message
from beffroi.incidents import hiding
from beffroi.incidents.raising import Raiser
from beffroi.logs.arrival import Busy
from beffroi.logs.journal import Journal
from beffroi.logs.receivers.files import drop
from beffroi.logs.sources import Registry, Unknown, WaitingRoom, records, upkeep
from beffroi.rules.repository import load
from beffroi.rules.switches import switched_off
from beffroi.rules.thresholds import thresholds
from beffroi.rules.update import folders as rule_folders
from beffroi.service import chores, machine, systemd
from beffroi.service.archiving import Archiving
from beffroi.service.child import Understanding
from beffroi.service.limits import more_files
from beffroi.service.metrics import Page, figures
from beffroi.service.receivers import Receiving, giving, readers, receivers
from beffroi.store import Store, feed, findings, settings, tables
from beffroi.store.authorities import DUE
from beffroi.store.house import House
from beffroi.watching import networks, recorder, selftest
from beffroi.watching.frames import Begin
from beffroi.watching.keeper import OWN, Keeper
from beffroi.watching.neighbours import Neighbours
from beffroi.watching.understanding import Seen, Understood, together

log = logging.getLogger("beffroi.service")

MINUTE: Final = 60.0
DAY: Final = 24 * 3_600.0
FIRST_TEST: Final = 20.0
"""Seconds after the start before the first sign of life is sent through the receivers."""
COMES_OUT: Final = 60.0
"""Seconds within which it must have come out."""
MARK: Final = 0.25
"""Seconds between two moments by which the lag is measured."""
RATE: Final = 60
"""Seconds over which the rate of events is told."""
MARKS: Final = 1_024
"""Moments that are remembered for the lag; when understanding stands still for days, every second one is let go of."""
BEHIND: Final = 300.0
"""Seconds of lag from which on a person is told."""
AGAIN: Final = 30.0
"""Seconds before a part of the service that failed is begun again."""
FELL: Final = 3_600.0
"""Seconds for which it is told that a part failed."""
NEIGHBOURLY: Final = 7 * DAY
"""Seconds for which a machine counts as being on the network."""

Part = tuple[str, Callable[[], Awaitable[None]]]
"""What a part of the service is called in the log, and what does it: begun again where it fails, so it opens what it needs itself."""


class Service:
    """One house's service. Make it with `opened`, run it once."""

    def __init__(self, config: Config, store: Store, held: ExitStack) -> None:
        self.config = config
        self.store = store
        with store.read() as connection:
            self.clock = Clock(chores.last_alive(connection))
        self.started = self.clock.now().timestamp()
        self.house = House.open(store)
        with store.read() as connection:
            after, _, _ = recorder.begin_at(connection)
            registry = Registry.load(connection)
        self.journal = held.enter_context(
            Journal.open(config.data_dir / "journal", at_least=after, tell=lambda fault: log.warning("%s", fault.what))
        )
        self.waiting = WaitingRoom.open(config.data_dir)
        self._own = self.house.authorities.device(OWN, self.clock.now())
        self.keeper = Keeper(
            self.journal,
            registry,
            self.waiting,
            self._networks(),
            self._meet,
            own_certificate=_der(self._own.chain),
            clock=self.clock.micros,
        )
        self.understanding = Understanding(
            store,
            self._begin,
            tell=self._understood,
            tell_aside=partial(chores.tell_aside, store),
            clock=self.clock.micros,
        )
        self.receiving: list[Receiving] = receivers(config, self.keeper, self.house.authorities)
        self.giving = giving(config, self.keeper, self.house.authorities, Page(figures(self)))
        """Who listens without receiving: the figures for Prometheus, where a person stated it."""
        self.reading = readers(config, self.keeper, self._language)
        self.archive = Archiving(config, store, self.clock)
        self.neighbours = Neighbours()
        self.ready = asyncio.Event()
        """The receivers listen and the rules are loaded."""
        self._seen: deque[tuple[float, dict[str, Seen]]] = deque()
        self._rates: deque[tuple[float, int]] = deque([(time.monotonic(), 0)], maxlen=RATE + 1)
        self._marks: deque[tuple[int, float]] = deque([(self.journal.durable, time.monotonic())])
        """Positions of the journal with the moment at which they were on disk, a few a second."""
        self._tokens: dict[str, str] = {}
        """Signs of life that are on their way: token → receiver."""
        self._came_out = asyncio.Event()
        self._deciding = asyncio.Lock()
        self._fell: dict[str, tuple[float, Message]] = {}
        """Parts that failed: when, and what is to be said."""

    # --- what others ask ----------------------------------------------------------------------------------------------------

    @property
    def events_per_second(self) -> float:
        """Events taken in, over the last minute."""
        (then, before), now = self._rates[0], time.monotonic()
        return (self.keeper.events - before) / max(now - then, 1.0)

    @property
    def lag_seconds(self) -> float:
        """For how long the oldest event that is on disk has not been understood; 0 when all is."""
        self._let_marks_go()
        if self.journal.durable <= self.understanding.position:
            return 0.0
        if not self._marks:  # what came just after the last of them
            self._marks.append((self.journal.durable, time.monotonic()))
        return max(0.1, round(time.monotonic() - self._marks[0][1], 1))

    def _let_marks_go(self) -> None:
        """Forget the moments of what is understood."""
        while self._marks and self._marks[0][0] <= self.understanding.position:
            self._marks.popleft()

    # --- life ---------------------------------------------------------------------------------------------------------------

    async def run(self, further: Iterable[Part], stop: asyncio.Event) -> None:
        """Until `stop` is set. `further` are parts that others bring (the socket for commands); they are upheld as our own."""
        off = await asyncio.to_thread(chores.was_off, self.store, self.clock.now())
        if off is not None:
            log.warning("%s", off)
        async with asyncio.TaskGroup() as group:
            tasks = [
                group.create_task(self._upheld(name, work), name=name)
                for name, work in (
                    ("understand", self.understanding.run),
                    ("tell how far the journal is", self._follow_journal),
                    ("follow the store", self._follow_store),
                    ("raise incidents", self._raise_incidents),
                    ("look after the house", self._each_minute),
                    ("show signs of life", self._selftests),
                    ("archive", self._archive),
                    ("measure", self._measure),
                    ("feed the watchdog", self._watchdog),
                )
            ]
            tasks += [
                group.create_task(self._upheld(f"receive {each.name}", each.run), name=f"receive {each.name}")
                for each in self.receiving
            ]
            tasks += [group.create_task(self._upheld(f"give {each.name}", each.run)) for each in self.giving]
            tasks += [
                group.create_task(self._upheld(f"read {each.name}", each.serve), name=f"read {each.name}")
                for each in self.reading
            ]
            tasks += [group.create_task(self._upheld(name, work), name=name) for name, work in further]
            announcing = group.create_task(self._announce(), name="announce")
            await stop.wait()
            systemd.notify("STOPPING=1")
            log.info("stopping")
            for task in (*tasks, announcing):
                task.cancel()

    async def _upheld(self, name: str, work: Callable[[], Awaitable[None]]) -> None:
        """Do it; begin it again where it fails. One part that falls must not pull the others down: above all, receiving goes on."""
        while True:
            try:
                await work()
            except Exception as error:
                reason = discreet.error(error)[:300]
                if isinstance(error, StoreError | OSError):  # it says all there is to say
                    log.error("%s: %s; begun again in %s s", Word(name), Word(reason), AGAIN)  # noqa: TRY400
                else:
                    log.exception("%s: failed, and is begun again in %s s", Word(name), AGAIN)
                told = message(
                    "a part of Beffroi failed and was begun again ({name}): {reason}", name=name, reason=reason
                )
                self._fell[name] = time.monotonic(), told
                await asyncio.sleep(AGAIN)
            else:
                return

    async def _announce(self) -> None:
        for each in (*self.receiving, *self.giving):
            await each.tried.wait()
        await self.understanding.began.wait()
        self.ready.set()
        systemd.notify("READY=1")
        log.info("ready: %s receivers", sum(each.bound is not None for each in self.receiving))

    async def _follow_journal(self) -> None:
        position = -1
        while True:
            position = await self.journal.advanced(position)
            self._let_marks_go()
            if not self._marks or time.monotonic() - self._marks[-1][1] > MARK:
                self._marks.append((position, time.monotonic()))
                if len(self._marks) > MARKS:
                    self._marks = deque(list(self._marks)[::2])
            self.understanding.durable(position)

    # --- sources and rules --------------------------------------------------------------------------------------------------

    async def _follow_store(self) -> None:
        """Take in what people decide: sources, rules, settings."""
        with self._stirring() as stirred:
            since = await asyncio.to_thread(self._newest)
            await self._sources_changed()  # what was decided before this was listened to
            while True:
                await stirred.wait()
                stirred.clear()
                since, changed = await asyncio.to_thread(self._changes, since)
                if "sources" in changed:
                    await self._sources_changed()
                if changed & {"rules", "rule_switches", "rule_thresholds", "settings", "normals"}:
                    self.understanding.rules_changed()

    async def _raise_incidents(self) -> None:
        """Take note of matches as soon as they are in the store."""
        raiser = Raiser(self.store)
        with self._stirring() as stirred:
            while True:
                await asyncio.to_thread(raiser.catch_up)
                await stirred.wait()
                stirred.clear()

    @contextmanager
    def _stirring(self) -> Iterator[asyncio.Event]:
        """An event that is set after each transaction of the store."""
        loop = asyncio.get_running_loop()
        stirred = asyncio.Event()
        with self.store.listen(lambda: loop.call_soon_threadsafe(stirred.set)):
            yield stirred

    def _newest(self) -> int:
        with self.store.read() as connection:
            return feed.newest(connection)

    def _changes(self, since: int) -> tuple[int, set[str]]:
        changed: set[str] = set()
        with self.store.read() as connection:
            try:
                while told := feed.follow(connection, since):
                    since = told[-1].seq
                    changed |= {each.table for each in told}
            except feed.Missed as missed:
                return missed.seq, {"sources", "rules"}
        return since, changed

    async def _sources_changed(self) -> None:
        """Who is known now; what was held aside of somebody goes into the journal, or away. One at a time: two would bring it twice,
        and the older look at the store might win."""
        async with self._deciding:
            self.keeper.registry = registry = await asyncio.to_thread(self._registry)
            due = upkeep.due(self.waiting.held(), registry.sources)
            for source_id in due.discard:
                await asyncio.to_thread(self.waiting.discard, source_id)
            for source_id in due.release:
                await self._release(source_id)

    async def _release(self, source_id: str) -> None:
        try:
            for arrival in self.waiting.release(source_id):
                await self.keeper.keep_released(arrival)
        except Busy:  # it stays where it is until there is room; each minute it is tried again
            return
        await asyncio.to_thread(self.waiting.discard, source_id)

    def _registry(self) -> Registry:
        with self.store.read() as connection:
            return Registry.load(connection)

    def _meet(self, stranger: Unknown) -> str:
        with self.store.write() as change:
            return records.meet(change, stranger, now=self.clock.now())

    def _language(self) -> str:
        with self.store.read() as connection:
            return str(settings.get(connection, "house.language"))

    def _begin(self) -> Begin:
        folders = rule_folders(self.config.rules_dir)
        with self.store.read() as connection:
            lateness = settings.get(connection, "detection.lateness")
        return Begin(
            journal=str(self.config.data_dir / "journal"),
            rules=[str(folder) for folder in folders],
            cache=str(self.config.cache_dir),
            zone=self.config.time_zone,
            placeholders={},
            off=sorted(switched_off(self.store)),
            thresholds=dict(thresholds(self.store)),
            lateness=lateness * 60,
            normals=self._normals(),
        )

    def _normals(self) -> list[tuple[int, str, str]]:
        with self.store.read() as connection:
            return hiding.in_force(connection, self.clock.now())

    def _networks(self) -> Sequence[networks.Network]:
        stated = self.config.networks
        return networks.attached() if stated is None else networks.stated(stated)

    # --- what is understood -------------------------------------------------------------------------------------------------

    def _understood(self, results: list[Understood]) -> None:
        now = time.monotonic()
        self._see(now, together(result.seen for result in results))
        for result in results:
            self.neighbours.noted(result.neighbours.values(), now)
            for receiver, token in result.selftests:
                if self._tokens.get(token) == receiver:
                    del self._tokens[token]
                    self._came_out.set()
        while self._seen and now - self._seen[0][0] > 3_600:
            self._seen.popleft()

    def _see(self, now: float, shown: dict[str, Seen]) -> None:
        """Remember what sources showed, by the minute: under load there are many results a second."""
        if not self._seen or now - self._seen[-1][0] >= MINUTE:
            self._seen.append((now, {}))
        minute = self._seen[-1][1]
        for source, seen in shown.items():
            minute.setdefault(source, Seen()).add(seen)

    def _shown(self) -> dict[str, Seen]:
        """What each source showed in the last hour."""
        return together(batch for _, batch in self._seen)

    # --- chores -------------------------------------------------------------------------------------------------------------

    async def _each_minute(self) -> None:
        while True:
            try:
                await self._look_around()
            except (StoreError, OSError) as error:
                log.error("the data folder cannot be used: %s", error)  # noqa: TRY400 - it says all there is to say
            await asyncio.sleep(MINUTE)

    async def _look_around(self) -> None:
        self.keeper.networks = self._networks()
        leap, now = self.clock.look(), self.clock.now()
        if leap is not None:
            self._seen.clear()  # by the clock that was, everybody's would be wrong
            await asyncio.to_thread(chores.tell_leap, self.store, leap, now)
        shown = self._shown()
        await asyncio.to_thread(chores.keep_alive, self.store, now)
        listened = now - self.clock.since
        await asyncio.to_thread(chores.look_at_sources, self.store, now, shown, listened, sure=self.clock.sure)
        await asyncio.to_thread(hiding.expire, self.store, now)
        await asyncio.to_thread(chores.tell_noise, self.store, now)
        await asyncio.to_thread(self._tell_troubles, now)
        lately = time.monotonic() - DAY
        faults = [fault for each in self.reading for fault in each.complaints.since(lately)]
        await asyncio.to_thread(chores.tell_readers, self.store, faults, now)
        await self._look_at_neighbours(now, shown, listened)
        await asyncio.to_thread(self._let_go, now)
        if await asyncio.to_thread(self.house.authorities.renew_if_due, now):
            log.info("the server's certificate was renewed")
        if self._own.expires - now < DUE:
            self._own = await asyncio.to_thread(self.house.authorities.device, OWN, now)
            self.keeper.own_certificate = _der(self._own.chain)
        if self.waiting.held():
            await self._sources_changed()

    def troubles(self) -> dict[str, dict[str, tuple[str, Message]]]:
        """What the service knows to be wrong with itself just now: kind of finding → subject → severity and sentence."""
        listening = [*self.receiving, *self.giving]
        deaf = {each.name: ("medium", each.trouble) for each in listening if each.trouble is not None}
        own: dict[str, Message] = {}
        if self.keeper.full or self.journal.trouble is not None:
            own["disk"] = self.journal.trouble or message("the disk is nearly full: nothing more is acknowledged")
        if self.understanding.trouble is not None:
            own["understanding"] = self.understanding.trouble
        elif self.lag_seconds > BEHIND:
            own["understanding"] = message(
                "what comes in is kept, and understood {minutes:,} minutes late", minutes=round(self.lag_seconds / 60)
            )
        for name, (when, fell) in list(self._fell.items()):
            if time.monotonic() - when < FELL:
                own[name] = fell
            else:
                self._fell.pop(name, None)
        if self.archive.trouble is not None:
            own["archive"] = self.archive.trouble
        if self.understanding.faults:
            own["journal"] = message(
                "a part of the journal could not be read: {what}", what=self.understanding.faults[0].told
            )
        return {"receiver.deaf": deaf, "house.trouble": {name: ("high", said) for name, said in own.items()}}

    def _tell_troubles(self, now: datetime) -> None:
        """Findings of the service about itself: receivers that cannot listen, a full disk, nothing understood."""
        troubles = self.troubles()
        with self.store.write() as change:
            for kind, said in troubles.items():
                for subject, (severity, sentence) in said.items():
                    findings.raise_(change, kind, subject, severity, sentence, now=now)
                findings.close_others(change, kind, said, now=now)

    async def _look_at_neighbours(self, now: datetime, shown: dict[str, Seen], listened: timedelta) -> None:
        with suppress(OSError, ValueError):
            self.neighbours.noted(await asyncio.to_thread(machine.neighbours), time.monotonic())
        if listened < chores.SETTLED:
            return
        addresses = await asyncio.to_thread(self._addresses) | self.keeper.peers
        hosts = {host for seen in shown.values() for host in seen.hosts}
        unheard = self.neighbours.unheard(addresses, hosts, time.monotonic() - NEIGHBOURLY)
        await asyncio.to_thread(chores.tell_strangers, self.store, unheard, now)

    def _addresses(self) -> set[str]:
        """The addresses by which senders are known."""
        query = select(tables.sources.c.proof).where(tables.sources.c.proof_kind == "address")
        with self.store.read() as connection:
            return set(connection.scalars(query))

    def _let_go(self, now: datetime) -> None:
        """Forget what its days are over of: matches, hours, strangers, the feed, the journal that was understood."""
        with self.store.read() as connection:
            days = settings.get(connection, "archive.days")
            keep_from = self._keep_journal_from(connection)
        before, sure = now - timedelta(days=days), self.clock.sure
        if sure:
            recorder.forget(self.store, before)
            drop.forget(self.config.drop_dir, before)
            upkeep.tend(self.store, self.waiting, now, self.keeper.certificates)
        with self.store.write() as change:
            feed.prune(change)
            if sure:
                findings.forget(change, before)
        self.journal.trim(keep_from)

    def _keep_journal_from(self, connection: Connection) -> int:
        """The position before which nobody needs the journal any more: understanding begins again there, the archive has it."""
        _, _, state_after = recorder.begin_at(connection)
        return min(state_after, self.archive.reached)

    async def _archive(self) -> None:
        await self.ready.wait()
        await self.archive.run(lambda: self.understanding.position)

    async def _selftests(self) -> None:
        await self.ready.wait()
        await asyncio.sleep(FIRST_TEST)
        while True:
            if self.clock.unset:  # no certificate is valid yet
                await asyncio.sleep(MINUTE)
                continue
            await self.selftest()
            await asyncio.sleep(DAY)

    async def selftest(self) -> dict[str, str]:
        """A sign of life through every receiver that listens; those that failed, with the reason ("" where it never came out)."""
        context = self.house.authorities.client_context()
        await asyncio.to_thread(selftest.load_chain, context, self._own.key + self._own.chain, self.config.data_dir)
        listening = [each for each in self.receiving if each.bound is not None]
        failed: dict[str, str] = {}
        tokens: dict[str, str] = {}
        for each in listening:
            assert each.bound is not None
            token = secrets.token_hex(16)
            self._tokens[token] = tokens[token] = each.name
            host = each.bound.address if each.bound.address not in ("", "0.0.0.0", "::") else "127.0.0.1"  # noqa: S104 - compared, not bound
            target = selftest.Target(each.name, host, each.bound.port, context if each.tls else None)
            try:
                await selftest.send(target, token)
            except (OSError, TimeoutError) as error:
                failed[each.name] = str(error) or type(error).__name__
        with suppress(TimeoutError):
            async with asyncio.timeout(COMES_OUT):
                while not self._tokens.keys().isdisjoint(tokens):
                    self._came_out.clear()
                    await self._came_out.wait()
        for token, name in tokens.items():
            if self._tokens.pop(token, None) is not None:
                failed.setdefault(name, "")
        await asyncio.to_thread(
            chores.tell_selftest, self.store, [each.name for each in listening], failed, self.clock.now()
        )
        return failed

    async def _measure(self) -> None:
        while True:
            await asyncio.sleep(1)
            now = time.monotonic()
            self._rates.append((now, self.keeper.events))

    async def _watchdog(self) -> None:
        """Say that the loop turns: a service that hangs is started again."""
        pause = systemd.watchdog()
        while pause is not None:
            systemd.notify("WATCHDOG=1")
            await asyncio.sleep(pause)


async def serve(config: Config, further: Callable[[Service], Iterable[Part]]) -> None:
    """Run the service until SIGTERM or Ctrl-C. Raises StoreError where the data folder cannot be used."""
    give_back()
    more_files()
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    with ExitStack() as held:
        store = held.enter_context(await asyncio.to_thread(Store.open, config.data_dir))
        service = Service(config, store, held)
        await service.run(further(service), stop)


def check(config: Config) -> None:
    """See whether the service could run: the store opens and is migrated, the keys and the rules are good. Raises StoreError and
    InputError."""
    with Store.open(config.data_dir) as store:
        House.open(store)
        with store.read() as connection:
            recorder.begin_at(connection)
            Registry.load(connection)
        with Journal.open(config.data_dir / "journal"):
            pass
    load(rule_folders(config.rules_dir), cache_folder=config.cache_dir)


def _der(chain: bytes) -> bytes:
    """The first certificate of a PEM chain."""
    end = b"-----END CERTIFICATE-----"
    return ssl.PEM_cert_to_DER_cert((chain.partition(end)[0] + end).decode())
