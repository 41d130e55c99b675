"""Arrivals of the journal → what they mean: matches, firings of correlations, and what each source has shown. No I/O, no clock.

The same arrivals from the same state give the same results, so after a crash what was not stored yet is simply understood again.
"""

from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from copy import copy
from datetime import UTC, datetime, timedelta, tzinfo
from functools import lru_cache
from ipaddress import ip_network
from typing import Any, Final

import msgspec

from beffroi.core import discreet
from beffroi.core.model import Assurance, Event, Fields, LogSource, UnfitError
from beffroi.detect.correlation import (
    BaseMatch,
    Contribution,
    Correlation,
    Correlator,
    Firing,
    Limits,
    Retraction,
    StateError,
    fields_needed,
    narrowed,
    silenced,
    with_groups,
)
from beffroi.detect.ir import Rule
from beffroi.detect.matcher import Match, Matcher
from beffroi.detect.values import address_of, micros_of, text_of
from beffroi.incidents import (
    SPECIFIC,
    Hand,
    Normals,
    Traces,
    common_hand,
    hand_of,
    loosened,
    tie_of_event,
    traces_of,
    traces_of_firing,
)
from beffroi.logs.arrival import Arrival, Form
from beffroi.logs.formats.connections import Connections
from beffroi.logs.formats.normal import Context, Normalised
from beffroi.logs.formats.understood import normalise
from beffroi.rules.repository import RuleSet
from beffroi.watching.remembered import Head, packed, unpacked
from beffroi.watching.selftest import token_in
from beffroi.watching.suspicion import Culprit

TEXT = 4_096  # characters of a field's value that a match keeps
FIELDS = 64  # fields that a match keeps
LIMITS = Limits(events=100_000)
"""A house is a small machine: some 40 MB for correlations. A hunt may have more."""
COMPLETING = 16  # events of one moment by which a firing is tied to what they are of
HOSTS = 32  # machines' names that are noted of a source in some arrivals …
MORE_HOSTS = 256  # … and in all that are told together


class Found(msgspec.Struct, array_like=True):
    """A rule held for an event, or a correlation fired. `time` is the event's own, else its arrival, in microseconds since 1970."""

    rule: str
    title: str
    level: str
    time: int
    arrived: int
    source: str
    host: str | None
    logsource: tuple[str | None, str | None, str | None]
    fields: dict[str, Any]
    position: int
    place: int
    identity: str | None
    historic: bool
    tags: tuple[str, ...] = ()
    traces: Traces = Traces()
    events: list[tuple[str, int, str]] | None = None
    """Of a correlation: (rule, time, identity) of the events behind it."""
    says: dict[str, str] | None = None
    """The rule's own sentence, by language."""


class Withdrawn(msgspec.Struct, array_like=True):
    """A late event showed that a firing did not happen."""

    identity: str


class Seen(msgspec.Struct):
    """What a source showed in some arrivals. Times are in microseconds since 1970."""

    receiver: str = ""
    """Where it was met last."""
    events: int = 0
    unread: int = 0
    """Messages that no reader understood: kept, searchable, but no rule saw their fields."""
    newest: int = 0
    offset: int | None = None
    """The smallest distance between an event's own time and its arrival, of events that are no recording; positive: its clock
    was ahead. What was stored for a while comes late, but not all of it."""
    hosts: set[str] = msgspec.field(default_factory=set)
    sure: Assurance | None = None
    """How sure it was who sent them: the least of it."""

    def add(self, later: "Seen") -> None:
        """Add what the source showed afterwards."""
        self.receiver = later.receiver or self.receiver
        self.events += later.events
        self.unread += later.unread
        self.newest = max(self.newest, later.newest)
        if later.offset is not None and (self.offset is None or abs(later.offset) < abs(self.offset)):
            self.offset = later.offset
        if len(self.hosts) < MORE_HOSTS:
            self.hosts |= later.hosts
        if later.sure is not None:
            self.sure = later.sure if self.sure is None else min(self.sure, later.sure)


def together(parts: Iterable[dict[str, Seen]]) -> dict[str, Seen]:
    """What each source showed in all parts, which come in their order."""
    shown: dict[str, Seen] = {}
    for part in parts:
        for source, seen in part.items():
            shown.setdefault(source, Seen()).add(seen)
    return shown


class Neighbour(msgspec.Struct, array_like=True, frozen=True):
    """A machine that a log speaks of (a DHCP lease): it may be one that sends nothing."""

    address: str
    mac: str | None
    name: str | None


class Understood(msgspec.Struct):
    """What some arrivals meant. `position` is the journal's after the last of them."""

    position: int
    events: int = 0
    found: list[Found] = msgspec.field(default_factory=list)
    withdrawn: list[Withdrawn] = msgspec.field(default_factory=list)
    seen: dict[str, Seen] = msgspec.field(default_factory=dict)
    selftests: list[tuple[str, str]] = msgspec.field(default_factory=list)
    """(receiver, token) of Beffroi's own signs of life that came out."""
    neighbours: dict[str, Neighbour] = msgspec.field(default_factory=dict)
    """Machines that logs spoke of, by hardware address, else by address."""
    defects: list[str] = msgspec.field(default_factory=list)
    """Kinds and places of errors by which readers or rules failed at some messages: our own defects, told once each."""

    def failed(self, error: Exception) -> None:
        """A message brought out a defect. Were it not passed over, understanding would begin again at it, and fail at it, for ever."""
        told = discreet.error(error)[:1_000]
        if told not in self.defects and len(self.defects) < 10:
            self.defects.append(told)


class Understander:
    """All rules and correlations at work on what comes in. Not for two threads at once."""

    def __init__(
        self,
        ruleset: RuleSet,
        zone: tzinfo,
        aside: Collection[Culprit] = (),
        normals: Normals | None = None,
        *,
        lateness: int = 3_600,
    ) -> None:
        """`aside` are messages that are never read; `normals` say of which matches no correlation is to hear: all the same they are
        found, and whoever stores them hides them; `lateness` are the seconds by which an event may be late and still count in
        correlations."""
        self._zone = zone
        self._normals = normals if normals is not None else Normals()
        self._aside = frozenset(aside)
        self._feeding = fields_needed(ruleset.correlations)
        self._matcher = Matcher(ruleset.rules, zone)
        self._correlations = {each.id: each for each in ruleset.correlations}
        self._silent = silenced(ruleset.correlations)
        self._lateness_us = lateness * 1_000_000
        self._correlator = self._fresh()
        self._connections = Connections()

    def understand(
        self, arrivals: Sequence[tuple[int, Arrival]], alone: Callable[[int, int], None] | None = None
    ) -> Understood:
        """What the arrivals mean; each comes with the journal's position after it. With `alone` each message is understood on its
        own, and `alone` is told before which one it is (position, number): slower, and whatever it brings down is known."""
        result = Understood(position=arrivals[-1][0])
        groups: _Groups = {}
        now = max(arrival.arrived for _, arrival in arrivals)
        for position, arrival in arrivals:
            for _ in self._read(position, arrival, result, groups, alone):
                if alone is not None:
                    self._evaluate(groups, now, result)
                    groups.clear()
        self._evaluate(groups, now, result)
        return result

    def _fresh(self) -> Correlator:
        definitions = tuple(self._correlations.values())
        return Correlator(definitions, lateness_us=self._lateness_us, limits=LIMITS, hand_of=_who)

    def _evaluate(self, groups: "_Groups", now: int, result: Understood) -> None:
        """Rules, then correlations, over what was read."""
        bases: list[BaseMatch] = []
        found = [pair for logsource, heard in groups.items() for pair in self._matches(heard, logsource, result)]
        # In the order in which all came: else what one log tells last would make late what another told before.
        found.sort(key=_in_turn)
        for match, of in found:
            self._matched(match, of, result, bases)
        self._fire(self._correlator.feed(bases, now_us=now), now, result)

    def _matches(
        self, heard: "list[_Heard]", logsource: LogSource | None, result: Understood
    ) -> "list[tuple[Match, _Heard]]":
        """The matches with their events; where a rule fails at one event, the others' all the same."""
        try:
            return [
                (each, heard[each.place]) for each in self._matcher.match([each.event for each in heard], logsource)
            ]
        except Exception as error:  # noqa: BLE001 - as above
            result.failed(error)
            if len(heard) == 1:
                return []
        half = len(heard) // 2
        return self._matches(heard[:half], logsource, result) + self._matches(heard[half:], logsource, result)

    def settle(self, position: int, now: int) -> Understood:
        """What correlations put off; to be called each minute or so. `now` is in microseconds since 1970."""
        result = Understood(position=position)
        newest = self._correlator.newest_us
        if newest is not None and newest > now + 2 * self._lateness_us:
            # The house's clock was ahead and was put right: to what it saw then, all that comes now would be late.
            self._correlator = self._fresh()
        self._fire(self._correlator.settle(), now, result)
        return result

    @property
    def uncounted(self) -> dict[str, int]:
        """Events that correlations did not count, by reason: too late, too early, repeated, or given up for want of room."""
        return self._correlator.counts._asdict()

    def state(self) -> bytes:
        """What correlations and readers remember, to go on from later."""
        return packed(Head(self._correlator.head(), self._connections.state()), self._correlator.groups())

    def restore(self, state: bytes) -> bool:
        """Go on from a state; False where it is none of this version, and then nothing has changed."""
        try:
            head, groups = unpacked(state)
            self._correlator.restore(with_groups(head.correlations, groups))
        except StateError:
            return False
        self._connections.restore(head.connections)
        return True

    def _read(
        self,
        position: int,
        arrival: Arrival,
        result: Understood,
        groups: "_Groups",
        alone: Callable[[int, int], None] | None,
    ) -> Iterator[None]:
        """Bring the events of an arrival into their groups; it pauses after each message."""
        seen = result.seen.get(arrival.source)
        if seen is None:
            seen = result.seen[arrival.source] = Seen()
        seen.receiver = arrival.receiver
        if arrival.sure is not None:
            seen.sure = arrival.sure if seen.sure is None else min(seen.sure, arrival.sure)
        context = Context(moment(arrival.arrived), self._zone, arrival.peer, statement(arrival.stated))
        form = Form(arrival.form)
        place = 0
        for number, message in enumerate(arrival.messages):
            seen.events += 1
            if self._aside and (position, number) in self._aside:
                seen.unread += 1
                continue
            if alone is not None:
                alone(position, number)
            token = token_in(message)
            if token is not None:
                result.selftests.append((arrival.receiver, token))
            try:
                normals = normalise(form, message, context)
            except UnfitError:
                seen.unread += 1
                continue
            except Exception as error:  # noqa: BLE001 - whatever it is, one message must not stop the watch
                seen.unread += 1
                result.failed(error)
                continue
            sent_as = arrival.ids[number] if arrival.ids is not None else None
            for normal in normals:
                heard = _Heard(position, place, arrival, normal, sent_as if len(normals) == 1 else None, message)
                place += 1
                self._note(heard, seen, result)
                for nth, told in enumerate(self._connections.hear(arrival.source, normal, heard.time)):
                    if told.logsource is not None or told.fields:
                        groups.setdefault(told.logsource, []).append(heard.telling(nth, told))
            yield
        result.events += len(arrival.messages)

    def _note(self, heard: "_Heard", seen: Seen, result: Understood) -> None:
        """What an event tells of its source and of other machines."""
        normal = heard.normal
        seen.newest = max(seen.newest, heard.time)
        if not heard.arrival.historic and normal.time is not None:
            distance = heard.time - heard.arrival.arrived
            if seen.offset is None or abs(distance) < abs(seen.offset):
                seen.offset = distance
        if normal.host is not None and len(seen.hosts) < HOSTS:
            seen.hosts.add(normal.host[:255])
        logsource = normal.logsource
        if logsource is not None:
            neighbour = None if heard.arrival.historic else spoken_of(logsource, normal.fields)
            if neighbour is not None:
                result.neighbours[neighbour.mac or neighbour.address] = neighbour

    def _matched(self, match: Match, heard: "_Heard", result: Understood, bases: list[BaseMatch]) -> None:
        rule = match.rule
        feeds = self._feeding.get(rule.id)
        if feeds is not None and not heard.arrival.historic and self._normals.hides(rule.id, match.fields) is None:
            # Recordings are correlated by a hunt: here their time is long past, and what is happening now comes first.
            values = {name: text_of(match.fields[name]) for name in feeds if name in match.fields}
            bases.append(BaseMatch(rule.id, heard.time, heard.key, values))
        if not rule.silent:
            traces = loosened(heard.traces(match.fields), rule.tags)
            if feeds is not None:
                traces = msgspec.structs.replace(traces, ties=(*traces.ties, tie_of_event(heard.own)))
            result.found.append(
                Found(
                    rule=rule.id,
                    title=rule.title,
                    level=rule.level,
                    time=heard.time,
                    arrived=heard.arrival.arrived,
                    source=heard.arrival.source,
                    host=heard.normal.host,
                    logsource=heard.normal.logsource or rule.logsource,
                    fields=_kept(
                        match.looked_at() | {each: match.fields[each] for each in SPECIFIC if each in match.fields}
                    ),
                    position=heard.position,
                    place=heard.place,
                    identity=heard.identity,
                    historic=heard.arrival.historic,
                    tags=rule.tags,
                    traces=traces,
                    says=_said(rule),
                )
            )

    def _fire(self, changes: Iterable[Firing | Retraction], now: int, result: Understood) -> None:
        for change in changes:
            correlation = self._correlations[change.correlation]
            if correlation.id in self._silent:
                continue
            identity = f"{change.correlation}\x1f{change.time_us}\x1f{change.group!r}"
            if isinstance(change, Retraction):
                result.withdrawn.append(Withdrawn(identity))
                continue
            fields = {name: list(v) if isinstance(v, tuple) else v for name, v in change.group}
            events = narrowed(correlation, change.events, _who)
            hand = common_hand(_hand(each.identity) for each in events)
            completing = [_own_key(each) for each in events if each.time_us == change.time_us][:COMPLETING]
            result.found.append(
                Found(
                    rule=correlation.id,
                    title=correlation.title,
                    level=correlation.level,
                    time=change.time_us,
                    arrived=now,
                    source="",
                    host=hand[0],
                    logsource=(None, None, None),
                    fields=_kept(fields),
                    position=result.position,
                    place=-1,
                    identity=identity,
                    historic=False,
                    tags=correlation.tags,
                    traces=traces_of_firing(fields, hand, correlation.tags, completing),
                    events=[(each.rule_id, each.time_us, _own_key(each)) for each in events],
                    says=_said(correlation),
                )
            )


def _said(rule: Rule | Correlation) -> dict[str, str] | None:
    return None if rule.says is None else dict(rule.says)


_OF_JSON = (Form.JSON, Form.WINDOWS)


class _Heard:
    """An event with where it lies in the journal."""

    __slots__ = ("arrival", "event", "identity", "known_key", "left", "normal", "place", "position", "time")

    def __init__(
        self, position: int, place: int, arrival: Arrival, normal: Normalised, sent_as: str | None, message: bytes
    ) -> None:
        self.position = position
        self.place = place
        self.arrival = arrival
        self.normal = normal
        self.time = micros_of(normal.time) if normal.time is not None else arrival.arrived
        # The source stands in front: nobody can pass for another sender's event and have it counted as known.
        own = normal.identity if normal.identity is not None else sent_as
        self.identity = None if own is None else f"{arrival.source}\x1f{own}"
        raw = message if normal.shown and arrival.form in _OF_JSON else None  # an envelope holds more than the fields
        self.event: Event = (place, normal.fields, raw)
        self.known_key = ""
        self.left: tuple[Fields, Traces] | None = None

    def telling(self, nth: int, event: Normalised) -> "_Heard":
        """One of the events that it tells of, the first of which is itself. The others have identities of their own, which are the
        same when it is understood again."""
        if event is self.normal:
            return self
        other = copy(self)
        other.normal = event
        other.event = (self.place, event.fields, self.event[2])
        if nth:
            other.identity = f"{self.arrival.source}\x1f{self.own}\x1f{nth}"
        other.known_key, other.left = "", None
        return other

    def traces(self, fields: Fields) -> Traces:
        """What it leaves, under the names of a rule's log source; rules of one log source see the same."""
        if self.left is None or self.left[0] is not fields:
            self.left = fields, traces_of(self.normal.host, fields)
        return self.left[1]

    @property
    def own(self) -> str:
        """What makes it this event: what its source guarantees, else where it lies."""
        return self.identity or f"{self.position}\x1f{self.place}"

    @property
    def key(self) -> str:
        """What makes it this event; behind it the hand that it shows, which is the same
        whenever it comes again. So a firing knows what all its events have in common. One text, for each correlation that the event
        feeds looks it up and remembers it."""
        if not self.known_key:
            hand = hand_of(self.normal.host, self.normal.fields)
            self.known_key = BEHIND.join((self.own, *((each or "").replace(BEHIND, "") for each in hand)))
        return self.known_key


BEHIND: Final = "\x1e"
"""Stands in an event's key before each part of its hand, and in none of these parts."""


def _own_key(event: Contribution) -> str:
    return str(event.identity).rsplit(BEHIND, 4)[0]


def _hand(identity: object) -> Hand:
    """The hand that an event showed; nobody's where the correlations' state was written before they remembered it."""
    _, *hand = str(identity).rsplit(BEHIND, 4)
    if len(hand) != 4:
        return None, None, None, None
    host, account, address, session = (each or None for each in hand)
    return host, account, address, session


@lru_cache(maxsize=4_096)
def _who(identity: object) -> str | None:
    """Who did what an event tells of: the account, else the address it came from. Full power on Linux is nobody's in particular, as
    Windows' own accounts are."""
    _, account, address, _ = _hand(identity)
    return address if account in (None, "root") else account


_Groups = dict[LogSource | None, list[_Heard]]
"""Events that are evaluated together: those of a log source."""


def _in_turn(pair: tuple[Match, _Heard]) -> tuple[int, int]:
    """Where an event stands among all that came."""
    return pair[1].position, pair[1].place


def moment(micros: int) -> datetime:
    """The moment of so many microseconds since 1970 (UTC)."""
    return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=micros)


def spoken_of(logsource: LogSource, fields: Fields) -> Neighbour | None:
    """The machine of the house's network that a lease, or a packet of a firewall's log, speaks of."""
    if logsource.service == "dhcp":
        address, mac, name = (text_of(fields.get(each)) for each in ("ip", "mac", "hostname"))
        if isinstance(address, str) and address_of(address) is not None:  # a sender's text, kept for days: bounded
            return Neighbour(
                address, mac[:64] if isinstance(mac, str) else None, name[:255] if isinstance(name, str) else None
            )
    elif logsource.category == "firewall":
        address = fields.get("src_ip")
        if isinstance(address, str) and _of_a_house(address):
            return Neighbour(address, None, None)
    return None


@lru_cache(maxsize=4_096)
def _of_a_house(address: str) -> bool:
    """Whether an address is one that a house gives its own machines (RFC 1918, RFC 4193)."""
    found = address_of(address)
    return found is not None and any(found in network for network in _HOUSES)


_HOUSES = tuple(map(ip_network, ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "fc00::/7")))


@lru_cache(maxsize=256)
def statement(stated: str | None) -> LogSource | None:
    """The log source that a person stated ("product=linux,service=auth")."""
    try:
        return None if stated is None else LogSource.stated(stated)
    except ValueError:  # the configuration lets none in; a journal of another version must not stop the watch
        return None


def _kept(fields: Fields) -> dict[str, Any]:
    """Fields as a match keeps them: bounded, because their sender chose them."""
    return {name[:255]: _bounded(value) for name, value in list(fields.items())[:FIELDS]}


def _bounded(value: Any) -> Any:
    if value is None or isinstance(value, bool | float) or (isinstance(value, int) and abs(value) < 1 << 63):
        return value
    text = text_of(value)
    return [each[:TEXT] for each in text[:FIELDS]] if isinstance(text, tuple) else (text or "")[:TEXT]
