"""What the matches of an incident amount to: how grave it is, what it is called, what needs a person first. Pure.

Severity is that of the gravest rule, raised by what lies in the sequence: passwords guessed and then a sign-in, several stages of an
attack, several machines, a machine that matters. Each step is said.
"""

from collections.abc import Collection, Iterable
from typing import Final

import msgspec

from beffroi.core.model import Message, message
from beffroi.core.situations import NAMESPACE, latest, situation_of
from beffroi.detect.ir import LEVELS
from beffroi.incidents.situations import happened
from beffroi.incidents.traces import Entity, Traces

MEDIUM, HIGH, CRITICAL = 2, 3, 4
RULES: Final = 128  # rules of an incident that are told
ENTITIES: Final = 200  # entities of an incident that are told
ENTERED: Final = (
    "attack.t1078", "attack.t1133", "attack.t1190", "attack.initial-access", "attack.persistence", "attack.privilege-escalation",
    "attack.defense-evasion", "attack.stealth",
)  # fmt: skip
"""Techniques (valid accounts, external remote services, exploited service) and tactics that nobody shows whose sign-in is refused."""
TRIED: Final = NAMESPACE + "password-guessing"
CAME_IN: Final = frozenset(
    NAMESPACE + each
    for each in (
        "service-broken-into",
        "password-guessed",
        "sign-in-from-elsewhere",
        "old-sign-in",
        "administrator-at-night",
    )
)
"""Tags of situations in which somebody came in; of a sign-in that is refused they tell that it was tried."""
STAGES: Final = 3
"""So many tactics (ATT&CK) with something of medium level or above are an attack that moves on."""


class RuleSeen(msgspec.Struct):
    """A rule that held, how often, and when first and last (microseconds since 1970)."""

    title: str
    level: int
    tags: list[str]
    count: int
    first: int
    last: int
    says: dict[str, str] = {}
    """The rule's own sentence, by language."""


class Facts(msgspec.Struct):
    """What is known of some matches, however many: bounded."""

    count: int = 0
    first: int = 0
    last: int = 0
    rules: dict[str, RuleSeen] = msgspec.field(default_factory=dict)
    entities: dict[str, int] = msgspec.field(default_factory=dict)
    """By kind, role and value as one text: how many matches name it."""
    unlisted: int = 0
    """Entities and rules beyond what is listed."""

    def note(
        self, rule: str, title: str, level: int, tags: Iterable[str], time: int, traces: Traces,
        says: dict[str, str] | None = None,
    ) -> None:  # fmt: skip
        """Take in a match."""
        self._span(time, time)
        self.count += 1
        if traces.refused:  # rules for sign-ins from outside speak of entering, whether or not anybody came in
            tags = [TRIED if each in CAME_IN else each for each in tags if not each.startswith(ENTERED)]
        self._rule(rule, RuleSeen(title, level, list(tags), 1, time, time, says or {}))
        for each in traces.entities:
            self._entity(f"{each.kind}\x1f{each.role}\x1f{each.value}", 1)

    def add(self, other: "Facts") -> None:
        """Take in all that another knows."""
        if not other.count:
            return
        self._span(other.first, other.last)
        self.count += other.count
        self.unlisted += other.unlisted
        for rule, seen in other.rules.items():
            self._rule(rule, seen)
        for key, count in other.entities.items():
            self._entity(key, count)

    def _span(self, first: int, last: int) -> None:
        self.first, self.last = (min(self.first, first), max(self.last, last)) if self.count else (first, last)

    def _rule(self, rule: str, seen: RuleSeen) -> None:
        known = self.rules.get(rule)
        if known is not None:
            known.count += seen.count
            known.first, known.last = min(known.first, seen.first), max(known.last, seen.last)
            known.tags = sorted({*known.tags, *seen.tags})  # refused once and let in once: both are told
        elif len(self.rules) < RULES or seen.level >= MEDIUM:
            if len(self.rules) >= RULES:  # what is graver takes the place of what is not
                least = min(self.rules, key=lambda each: (self.rules[each].level, each))
                if self.rules[least].level >= seen.level:
                    self.unlisted += 1
                    return
                del self.rules[least]
                self.unlisted += 1
            self.rules[rule] = msgspec.structs.replace(seen)
        else:
            self.unlisted += 1

    def _entity(self, key: str, count: int) -> None:
        if key in self.entities or len(self.entities) < ENTITIES:
            self.entities[key] = self.entities.get(key, 0) + count
        else:
            self.unlisted += 1


class Judgement(msgspec.Struct, frozen=True):
    """What an incident is. `severity` is one of Sigma's levels; `reasons` say why it is no lower."""

    severity: str
    title: Message
    situation: str
    """One of core.situations.SITUATIONS."""
    what: Message
    says: dict[str, str]
    """What the gravest rule says of its own, by language; it stands before `what`."""
    course: Message
    """The first thing, the last, and how many signs lie between."""
    reasons: tuple[Message, ...]
    techniques: tuple[str, ...]
    tactics: tuple[str, ...]
    entities: tuple[Entity, ...]


def judge(facts: Facts, important: Collection[str] = ()) -> Judgement:
    """What some matches amount to; `important` are machines that matter to the house (in small letters, without their domain)."""
    grave = max(facts.rules.values(), key=lambda each: (each.level, -each.first, each.title))
    entities = sorted(_entities(facts), key=lambda each: (-facts.entities[_key(each)], each.kind, each.value))
    level, reasons = _severity(facts, grave, entities, important)
    techniques = sorted(
        {tag[7:].upper() for seen in facts.rules.values() for tag in seen.tags if tag[:8] == "attack.t"}
    )
    situation = _situation(facts.rules.values(), grave.level)
    return Judgement(
        severity=LEVELS[level],
        title=_title(grave, entities),
        situation=situation,
        what=happened(situation, entities),
        says=grave.says,
        course=_course(facts),
        reasons=tuple(reasons),
        techniques=tuple(techniques),
        tactics=tuple(_tactics(facts.rules.values())),
        entities=tuple(entities),
    )


def _situation(rules: Collection[RuleSeen], gravest: int) -> str:
    """What a person is in: of the gravest signs the one that an attack comes to last. Guessed passwords that let somebody in are grave,
    however slight each sign of them is."""
    least, found = gravest, []
    if _guessed(rules) and gravest < CRITICAL:
        least, found = HIGH, ["password-guessed"]
    return latest([*found, *(situation_of(seen.tags) for seen in rules if seen.level >= least)])


def _severity(
    facts: Facts, grave: RuleSeen, entities: list[Entity], important: Collection[str]
) -> tuple[int, list[Message]]:
    level = grave.level
    reasons = [message("the gravest sign is “{rule}”", rule=Message(grave.title))]
    if _guessed(facts.rules.values()):
        level = CRITICAL
        reasons.append(message("passwords were guessed, and then a sign-in succeeded"))
    stages = _tactics(seen for seen in facts.rules.values() if seen.level >= MEDIUM)
    if len(stages) >= STAGES and level < CRITICAL:
        level += 1
        reasons.append(message("it shows {count} stages of an attack", count=len(stages)))
    hosts = [each.value for each in entities if each.kind == "host"]
    if len(hosts) > 1 and level < HIGH and "lateral-movement" in stages:
        level = HIGH
        reasons.append(message("it moves over {count} machines", count=len(hosts)))
    matters = next((each for each in hosts if each in important), None)
    if matters is not None and level < CRITICAL:
        level += 1
        reasons.append(message("{host} matters to the house", host=matters))
    return min(level, CRITICAL), reasons


def _guessed(rules: Iterable[RuleSeen]) -> bool:
    """Whether a sign-in with an account that is there (T1078) came after guessing (T1110)."""
    guessing, entered = [], []
    for seen in rules:
        guesses, enters = (any(tag.startswith(each) for tag in seen.tags) for each in ("attack.t1110", "attack.t1078"))
        if guesses and enters and seen.level >= MEDIUM:
            return True
        if guesses and seen.level >= MEDIUM:
            guessing.append(seen.first)
        if enters:
            entered.append(seen.last)
    return bool(guessing and entered) and min(guessing) <= max(entered)


def _tactics(rules: Iterable[RuleSeen]) -> list[str]:
    """ATT&CK's tactics, as Sigma's tags name them."""
    found = {tag[7:] for seen in rules for tag in seen.tags if tag.startswith("attack.") and tag[7:8].isalpha()}
    return sorted(each for each in found if not (each[0] in "tgs" and each[1:2].isdigit()))


def _key(entity: Entity) -> str:
    return f"{entity.kind}\x1f{entity.role}\x1f{entity.value}"


def _entities(facts: Facts) -> Iterable[Entity]:
    for key in facts.entities:
        kind, role, value = key.split("\x1f", 2)
        yield Entity(kind, value, role)


def _title(grave: RuleSeen, entities: list[Entity]) -> Message:
    """The gravest rule's title, with where or by whom."""
    what = Message(grave.title)
    hosts = [each.value for each in entities if each.kind == "host"]
    if len(hosts) > 1:
        return message("{what}, on {host} and {count} more", what=what, host=hosts[0], count=len(hosts) - 1)
    if hosts:
        return message("{what}, on {host}", what=what, host=hosts[0])
    for entity in entities:
        if entity.kind == "address":
            return message("{what}, from {address}", what=what, address=entity.value)
        if entity.kind == "account":
            return message("{what}, account {account}", what=what, account=entity.value)
    return what


def _course(facts: Facts) -> Message:
    first = min(facts.rules.values(), key=lambda each: (each.first, -each.level))
    last = max(facts.rules.values(), key=lambda each: (each.last, each.level))
    if facts.count == 1:
        return message("One sign: {first}.", first=Message(first.title))
    if first.title == last.title:
        return message("{count:,} signs: {first}.", count=facts.count, first=Message(first.title))
    return message(
        "{count:,} signs, from “{first}” to “{last}”.",
        count=facts.count, first=Message(first.title), last=Message(last.title),
    )  # fmt: skip


def urgency(
    *, state: str, severity: str, historic: bool, last_event: int, now: int, important: bool
) -> tuple[int, Message]:
    """(how urgently a person is needed, higher first; why). Times are in microseconds since 1970."""
    level = LEVELS.index(severity)
    if state == "closed":
        return 0, message("it is closed")
    if historic:
        return 1 + level, message("it lies in the past: a recording that was brought in")
    going_on = now - last_event < 3_600_000_000
    score = 100 * level + 40 * (state == "new") + 30 * going_on + 20 * important + 10
    if state == "new" and going_on:
        return score, message("it is going on, and nobody has taken it")
    if state == "new":
        return score, message("nobody has taken it")
    if going_on:
        return score, message("it is going on")
    return score, message("somebody is at it")
