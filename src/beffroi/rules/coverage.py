"""What can be seen: which rules could fire on what the sources send, which are blind, and what to switch on for them.

A rule is blind where no event of its log source comes, or where those that come never carry the fields it needs. Worked out
from the names of channels, events and fields only; no value of an event is kept.
"""

import operator
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from collections.abc import Set as AbstractSet
from functools import lru_cache
from typing import TYPE_CHECKING, Any, NamedTuple

from beffroi.core.model import Event, Message, message
from beffroi.detect.atoms import settled
from beffroi.detect.ir import Expr, Rule
from beffroi.detect.logsources import NO_EVENT_LOG, POWERSHELL, SECURITY, SERVICES, SYSMON, Target, targets, viewed
from beffroi.rules.policy import POLICIES, comes
from beffroi.rules.policy.windows import ELSEWHERE, OF_PROGRAMS, SUBCATEGORIES

if TYPE_CHECKING:
    from beffroi.detect.correlation import Correlation

Seen = Mapping[tuple[str, int], frozenset[str]]
"""(channel, event number) → the names of the fields that ever had a value in such events."""


class Blind(NamedTuple):
    """A rule that cannot fire, why, and what would let it see (several where any one of them would do)."""

    rule: Rule
    why: str
    advice: tuple[Message, ...]


class Coverage(NamedTuple):
    """The rules that can fire, those that cannot, and how many rules each piece of advice would open, the best first."""

    able: tuple[Rule, ...]
    blind: tuple[Blind, ...]
    advice: tuple[tuple[Message, int], ...]


class Inventory:
    """Gathers what the sources send: no values, only names. Bounded, since senders choose the names."""

    MOST_GROUPS = 20_000
    MOST_NAMES = 2_000

    def __init__(self) -> None:
        self._groups: dict[tuple[str, int], set[str]] = {}

    def add(self, events: Iterable[Event]) -> None:
        """Take note of some events."""
        for _, fields, _ in events:
            channel, number = fields.get("Channel"), fields.get("EventID")
            if isinstance(channel, str) and isinstance(number, int):
                names = self._groups.get((channel, number))
                if names is None:
                    if len(self._groups) >= self.MOST_GROUPS:
                        continue
                    names = self._groups[channel, number] = set()
                if len(names) < self.MOST_NAMES:
                    names.update([name for name, value in fields.items() if value not in (None, "", [])])

    def seen(self) -> dict[tuple[str, int], frozenset[str]]:
        """What was gathered."""
        return {key: frozenset(names) for key, names in self._groups.items()}


def coverage(rules: Iterable[Rule], seen: Seen) -> Coverage:
    """Which of the rules can fire on sources that send what was seen."""
    able: list[Rule] = []
    blind: list[Blind] = []
    gain: Counter[Message] = Counter()
    by_channel: dict[str, list[int]] = {}
    for channel, number in seen:
        by_channel.setdefault(channel.lower(), []).append(number)
    names = {channel.lower(): channel for channel, _ in seen}
    for rule in rules:
        why = _blindness(rule, seen, by_channel, names)
        if why is None:
            able.append(rule)
        else:
            blind.append(why)
            gain.update(why.advice)
    return Coverage(tuple(able), tuple(blind), tuple(gain.most_common()))


def hearing(correlations: Iterable["Correlation"], able: AbstractSet[str]) -> tuple["Correlation", ...]:
    """The correlations that can fire where only these rules can (by their ids), each after those it rests on."""
    from beffroi.detect.correlation import arrange

    alive, found = set(able), list["Correlation"]()
    for each in arrange(correlations)[0]:
        if _can_fire(each, alive):
            alive.add(each.id)
            found.append(each)
    return tuple(found)


def _can_fire(correlation: "Correlation", alive: AbstractSet[str]) -> bool:
    if correlation.expression is not None:
        return _can_be(correlation.expression, alive)
    present = sum(rule in alive for rule in correlation.rules)
    if not correlation.kind.startswith("temporal"):
        return present > 0
    limits = correlation.condition or (("gte", len(correlation.rules)),)  # all of them, unless it says how many
    return any(
        all(getattr(operator, _OPERATORS[name])(count, limit) for name, limit in limits)
        for count in range(1, present + 1)
    )


_OPERATORS = {"gt": "gt", "gte": "ge", "lt": "lt", "lte": "le", "eq": "eq", "neq": "ne"}


def _can_be(expression: list[Any], alive: AbstractSet[str]) -> bool:
    """Whether an expression over rules can be true; what is denied need not happen."""
    kind, inner = expression
    if kind == "rule":
        return inner in alive
    if kind == "not":
        return True
    return (all if kind == "and" else any)(_can_be(each, alive) for each in inner)


def _blindness(rule: Rule, seen: Seen, by_channel: Mapping[str, list[int]], names: Mapping[str, str]) -> Blind | None:
    if rule.blind is not None:
        name = rule.blind.partition("%")[2].partition("%")[0]
        return Blind(
            rule, rule.blind, (message("give values to the list (the list %{name}% has no values)", name=name),)
        )
    places = targets(rule.logsource)
    if places is None:
        return _no_windows_log(rule)
    condition = rule.condition
    advice: list[Message] = []
    why = ""
    for target, said in _by_channel(places, rule, condition):
        missing: set[str] = set()
        come = False
        for channel, number in _groups(target, rule, by_channel, names):
            come = True
            available = _available(target.view, seen[channel, number])
            settled_here = _could(condition, channel, number)
            if _can_hold(settled_here, available)[0] and _can_hold(target.guard, available)[0]:
                return None
            missing |= _missing(settled_here, available)
        if not said:
            continue
        if come and missing:
            why = why or f"its fields never come: {', '.join(sorted(missing))}"
            advice.append(_fields_advice(target, rule, missing))
        elif not come:
            if _merely_quiet(target, rule, by_channel):
                return None
            advice.append(_source_advice(target, rule))
    return Blind(rule, why or "no event of its log source comes", tuple(dict.fromkeys(advice)))


def _by_channel(places: Iterable[Target], rule: Rule, condition: Expr) -> Iterator[tuple[Target, bool]]:
    """(place where a rule looks, whether it says enough of it). A rule about all of Windows looks where its condition says, and where events of its
    numbers are known to have its fields; it is looked for in whatever else comes as well, of which nothing can be advised."""
    for target in places:
        if target.channels:
            yield target, True
            continue
        found: dict[str, set[int]] = {channel: set() for channel in _channels(condition)}
        for channel in found:
            found[channel] = {number for number in rule.events or () if _could(condition, channel, number) is not False}
        anywhere = settled(condition, {"Channel": ""}) is not False
        for (channel, number), fields in _all_there_is() if anywhere else ():
            if rule.events and number in rule.events and _can_hold(_could(condition, channel, number), fields)[0]:
                found.setdefault(channel, set()).add(number)
        for channel, numbers in sorted(found.items()):
            if numbers or (rule.events is None and settled(condition, {"Channel": channel}) is not False):
                yield target._replace(channels=(channel,), events=frozenset(numbers) if numbers else None), True
        if anywhere:
            yield target, not found


def looks_at(rule: Rule, channel: str, number: int, fields: frozenset[str]) -> bool:
    """Whether a rule can fire on an event of that channel and number which has those fields."""
    condition = rule.condition
    for target in targets(rule.logsource) or ():
        here = not target.channels or channel in target.channels
        if here and all(events is None or number in events for events in (target.events, rule.events)):
            available = _available(target.view, fields)
            if all(_can_hold(expr, available)[0] for expr in (_could(condition, channel, number), target.guard)):
                return True
    return False


def _could(condition: Expr, channel: str, number: int) -> Expr:
    return settled(condition, {"Channel": channel, "EventID": str(number)})


@lru_cache(maxsize=1)
def _all_there_is() -> tuple[tuple[tuple[str, int], frozenset[str]], ...]:
    return tuple(comes(POLICIES[-1]).items())


_CHANNELS = {
    channel.lower(): channel for channels in (*SERVICES.values(), ELSEWHERE, OF_PROGRAMS) for channel in channels
}
"""A translated condition has them in small letters."""


def _channels(condition: Expr) -> set[str]:
    """The channels that a condition names."""
    return {
        _CHANNELS.get(str(channel).lower(), str(channel))
        for leaf in _positive(condition)
        if leaf[0] == "text" and leaf[1] == "Channel" and isinstance(leaf[3], list)
        for channel in leaf[3]
    }


def _no_windows_log(rule: Rule) -> Blind:
    category = rule.logsource.category or ""
    if rule.logsource.product in (None, "windows") and category in NO_EVENT_LOG:
        return Blind(rule, f"no event log holds the {NO_EVENT_LOG[category]}: Windows only traces it", ())
    return Blind(
        rule,
        "no source of this kind sends events",
        (message("connect a source of the kind {source}", source=str(rule.logsource)),),
    )


def _groups(
    target: Target, rule: Rule, by_channel: Mapping[str, list[int]], names: Mapping[str, str]
) -> Iterator[tuple[str, int]]:
    channels = [channel.lower() for channel in target.channels] or list(by_channel)
    for channel in channels:
        for number in by_channel.get(channel, ()):
            wanted = target.events is None or number in target.events
            if wanted and (rule.events is None or number in rule.events):
                yield names[channel], number


def _merely_quiet(target: Target, rule: Rule, by_channel: Mapping[str, list[int]]) -> bool:
    """The channel is sent and nothing has to be switched on for such events: they only did not happen yet."""
    numbers = target.events if target.events is not None else rule.events
    for channel in target.channels:
        came = by_channel.get(channel.lower())
        if came is None or channel == SYSMON or target.view == "process_4688":
            continue
        if channel in POWERSHELL and numbers and numbers <= {4103, 4104}:
            continue
        audited = [events for events, _ in _SECURITY_AUDIT if channel == SECURITY and numbers and events & numbers]
        if not audited or any(events.intersection(came) for events in audited):
            return True
    return not target.channels and bool(by_channel)


def _available(view: str, fields: frozenset[str]) -> frozenset[str]:
    return frozenset(viewed(view, dict.fromkeys(fields, "x")))


def _can_hold(expr: Expr, available: frozenset[str]) -> tuple[bool, bool]:
    """(can be true, can be false) when fields outside `available` never have a value."""
    if isinstance(expr, bool):
        return expr, not expr
    kind = expr[0]
    if kind == "not":
        true, false = _can_hold(expr[1], available)
        return false, true
    if kind in ("and", "or"):
        parts = [_can_hold(part, available) for part in expr[1]]
        if kind == "and":
            return all(true for true, _ in parts), any(false for _, false in parts)
        return any(true for true, _ in parts), all(false for _, false in parts)
    if expr[1] is None or (expr[1] in available and (kind != "ref" or expr[3] in available)):
        return True, True
    holds = kind == "none" or (kind == "exists" and not expr[2])
    return holds, not holds


def _missing(expr: Expr, available: frozenset[str]) -> set[str]:
    """The absent fields that matter: one that alone would do, else all that the condition asks for."""
    absent = {name for leaf in _positive(expr) for name in _names(leaf) if name not in available}
    for name in sorted(absent):
        if _can_hold(expr, available | {name})[0]:
            return {name}
    return absent


def _names(leaf: list[object]) -> list[str]:
    return [str(name) for name in (leaf[1], leaf[3] if leaf[0] == "ref" else None) if name is not None]


def _positive(expr: Expr, *, positive: bool = True) -> Iterator[list[object]]:
    if isinstance(expr, bool):
        return
    if expr[0] == "not":
        yield from _positive(expr[1], positive=not positive)
    elif expr[0] in ("and", "or"):
        for part in expr[1]:
            yield from _positive(part, positive=positive)
    elif positive:
        yield expr


# --- what to switch on ---------------------------------------------------------------------------------------------


def _written(*names: str) -> frozenset[int]:
    """The numbers of the events that these subcategories of the audit policy write."""
    some = [each for each in SUBCATEGORIES.values() if each.name in names]
    return frozenset(number for each in some for number in (*each.success, *each.failure))


_SECURITY_AUDIT = (
    # Events of the Security log and what to switch on for them, as one would say it: some subcategories belong together.
    (_written("Process Creation", "Process Termination"), message("Process Creation")),
    (_written("Logon", "Logoff", "Special Logon"), message("Logon, Logoff and Special Logon")),
    (_written("Kerberos Authentication Service", "Kerberos Service Ticket Operations", "Credential Validation"), message("Kerberos and Credential Validation")),
    (_written("User Account Management", "Computer Account Management"), message("User and Computer Account Management")),
    (_written("Security Group Management"), message("Security Group Management")),
    (_written("Security System Extension"), message("Security System Extension")),
    (_written("Other Object Access Events"), message("Other Object Access Events")),
    (_written("File Share"), message("File Share")),
    (_written("Detailed File Share"), message("Detailed File Share")),
    (_written("File System", "Registry", "Kernel Object", "SAM", "Handle Manipulation") - {4657}, message("File System, Registry, Kernel Object and SAM")),
    (frozenset({4657}), message("Registry")),
    (_written("Directory Service Access", "Directory Service Changes"), message("Directory Service Access and Changes")),
    (_written("Filtering Platform Connection", "Filtering Platform Packet Drop", "Filtering Platform Policy Change"), message("Filtering Platform Connection")),
    (_written("Audit Policy Change"), message("Audit Policy Change")),
    (_written("Certification Services"), message("Certification Services")),
    (_written("Plug and Play Events"), message("Plug and Play Events")),
)  # fmt: skip


def _fields_advice(target: Target, rule: Rule, missing: set[str]) -> Message:
    fields = ", ".join(sorted(missing))
    if target.view == "process_4688" and missing & {"CommandLine", "ParentCommandLine"}:
        if "CommandLine" in missing:
            return message("turn on command lines in event 4688")
        return message("install Sysmon: event 4688 never names the parent's command line")
    if target.view == "process_4688":
        return message("install Sysmon: event 4688 has no {fields}", fields=fields)
    where = "/".join(target.channels[:1]) or str(rule.logsource)
    return message("have {where} send {fields}", where=where, fields=fields)


def _source_advice(target: Target, rule: Rule) -> Message:
    channel = target.channels[0] if target.channels else ""
    numbers = target.events if target.events is not None else rule.events
    if channel == SYSMON:
        if numbers is None:
            return message("install Sysmon")
        if len(numbers) == 1:
            return message("install Sysmon with event {number}", number=_listed(numbers))
        return message("install Sysmon with events {numbers}", numbers=_listed(numbers))
    if target.view == "process_4688":
        return message("turn on the audit of Process Creation (event 4688) with command lines")
    if channel in POWERSHELL and numbers and numbers <= {4103, 4104}:
        if 4104 in numbers:
            return message("turn on PowerShell script block logging (event {numbers})", numbers=_listed(numbers))
        return message("turn on PowerShell module logging (event {numbers})", numbers=_listed(numbers))
    if channel == SECURITY and numbers:
        named = [name for events, name in _SECURITY_AUDIT if events & numbers]
        if named:
            return message("turn on the audit of {audit} in the Security log", audit=named[0])
    return (
        message("have the channel {channel} sent", channel=channel) if channel else message("connect Windows machines")
    )


def _listed(numbers: Iterable[int]) -> str:
    return ", ".join(map(str, sorted(numbers)))
