"""Whether this machine's own firewall lets a new packet in, worked out from its rules: nftables' (`nft -j list ruleset`, libnftables-json(5))
and iptables' (`iptables-save`). Nothing is sent and nothing is changed.

Each condition holds, does not hold, or cannot be decided here (None): so a port is open, closed, or it depends.
"""

import ipaddress
import re
import shlex
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from enum import StrEnum
from typing import Any, Final, NamedTuple

ACCEPT: Final = "accept"
DROP: Final = "drop"
FALL: Final = "fall through"
RETURN: Final = "return"
DEEPEST: Final = 32
"""Chains that lead into one another; the kernel has a bound of its own."""


class Let(StrEnum):
    """What becomes of a packet."""

    OPEN = "open"
    CLOSED = "closed"
    DEPENDS = "depends"


class Packet(NamedTuple):
    """The first packet of somebody in the house to a port of this machine. `peer` is an IPv4 address, None where none is known."""

    protocol: str
    port: int
    peer: str | None


Condition = Callable[[Packet], bool | None]


class Rule(NamedTuple):
    """All conditions must hold; then the verdict, or the chain to jump or go to."""

    conditions: tuple[Condition, ...]
    verdict: str | None = None
    target: str | None = None
    final: bool = False
    """A goto: what falls through the target falls through this chain too."""


class Chain(NamedTuple):
    """`policy` is ACCEPT or DROP where packets to this machine come in here; None for a chain that is only jumped to."""

    rules: list[Rule]
    policy: str | None = None


Chains = Mapping[str, Chain]


def let(tables: Iterable[Chains], packet: Packet) -> Let:
    """What becomes of a packet that must pass all chains at which packets come in. No chain at all: it is open."""
    found = {Let.OPEN}
    for chains in tables:
        for chain in chains.values():
            if chain.policy is None:
                continue
            ends = {chain.policy if end == FALL else end for end in _walk(chains, chain, packet, 0)}
            found.add(Let.DEPENDS if len(ends) > 1 else Let.OPEN if ends == {ACCEPT} else Let.CLOSED)
    return Let.CLOSED if Let.CLOSED in found else Let.DEPENDS if Let.DEPENDS in found else Let.OPEN


def _walk(chains: Chains, chain: Chain, packet: Packet, depth: int) -> set[str]:
    """How a packet may leave a chain: accepted, dropped, or through its end."""
    ends: set[str] = set()
    for rule in chain.rules:
        held = {condition(packet) for condition in rule.conditions}
        if False in held:
            continue
        here = {FALL} if rule.verdict == RETURN else {rule.verdict} if rule.verdict else set()
        goes_on = not here
        if rule.target is not None:
            to = chains.get(rule.target)
            here = {ACCEPT, DROP, FALL} if to is None or depth > DEEPEST else _walk(chains, to, packet, depth + 1)
            goes_on = FALL in here and not rule.final
            here = here - {FALL} if goes_on else here
        ends |= here
        if None not in held and not goes_on:
            return ends
    return ends | {FALL}


# --- conditions ----------------------------------------------------------------------------------------------------------


def _undecided(_packet: Packet) -> None:
    return None


def _protocol(names: Sequence[str], *, negated: bool = False) -> Condition:
    return lambda packet: (packet.protocol in names) is not negated


def _ports(ranges: Sequence[tuple[int, int]], *, negated: bool = False) -> Condition:
    return lambda packet: any(low <= packet.port <= high for low, high in ranges) is not negated


def _new(states: Iterable[str], *, negated: bool = False) -> Condition:
    fits = "new" in {state.lower() for state in states}
    return lambda _packet: fits is not negated


def _from(prefixes: Iterable[str], *, negated: bool = False) -> Condition:
    try:
        networks = [ipaddress.ip_network(prefix, strict=False) for prefix in prefixes]
    except ValueError:
        return _undecided

    def holds(packet: Packet) -> bool | None:
        if packet.peer is None:
            return None
        address = ipaddress.ip_address(packet.peer)
        return any(address in network for network in networks) is not negated

    return holds


def _interface(names: Sequence[str], *, negated: bool = False) -> Condition:
    """Nobody in the house comes in by the loopback; which of the others it is, is not known."""
    if list(names) == ["lo"]:
        return lambda _packet: negated
    return _undecided


# --- nftables ------------------------------------------------------------------------------------------------------------


def nftables(listed: Any, *, without: frozenset[tuple[str, str]] = frozenset()) -> list[Chains]:
    """The tables of `nft -j list ruleset` that IPv4 packets pass; `without` are (family, table) read elsewhere. What is not of the
    documented shape is passed over."""
    tables: dict[tuple[str, str], dict[str, Chain]] = {}
    sets: dict[tuple[str, str, str], list[Any]] = {}
    items = [item for item in listed.get("nftables", ()) if isinstance(item, dict)] if isinstance(listed, dict) else []
    for item in items:
        match item:
            case {"set": {"family": str(family), "table": str(table), "name": str(name), "elem": list(members)}}:
                sets[family, table, name] = members
            case {"chain": {"family": "ip" | "inet" as family, "table": str(table), "name": str(name), **rest}}:
                policy = str(rest.get("policy", ACCEPT)) if rest.get("hook") == "input" else None
                tables.setdefault((family, table), {})[name] = Chain([], policy)
    for item in items:
        match item:
            case {"rule": {"family": family, "table": table, "chain": name, "expr": list(parts)}}:
                chain = tables.get((family, table), {}).get(name)
                if chain is not None:
                    own = {called: members for (*of, called), members in sets.items() if of == [family, table]}
                    chain.rules.extend(_nft_rules(parts, own))
    return [chains for key, chains in tables.items() if key not in without]


def _nft_rules(parts: list[Any], sets: Mapping[str, list[Any]]) -> list[Rule]:
    """A rule; of a verdict map one for each of its verdicts."""
    conditions: list[Condition] = []
    for part in parts:
        match part:
            case {"match": {"op": op, "left": left, "right": right}}:
                conditions.append(_nft_condition(op, left, right, sets))
            case {"vmap": {"key": key, "data": {"set": list(pairs)}}}:
                return [
                    _nft_verdict(verdict, (*conditions, _nft_condition("==", key, value, sets)))
                    or Rule((*conditions, _undecided), target="")
                    for value, verdict in pairs
                ]
            case {"counter": _} | {"log": _} | {"comment": _}:
                pass
            case _:
                rule = _nft_verdict(part, tuple(conditions))
                if rule is not None:
                    return [rule]
                conditions.append(_undecided)
    return [Rule(tuple(conditions))]


def _nft_verdict(part: Any, conditions: tuple[Condition, ...]) -> Rule | None:
    match part:
        case {"accept": _}:
            return Rule(conditions, ACCEPT)
        case {"drop": _} | {"reject": _}:
            return Rule(conditions, DROP)
        case {"return": _}:
            return Rule(conditions, RETURN)
        case {"jump": {"target": str(target)}}:
            return Rule(conditions, target=target)
        case {"goto": {"target": str(target)}}:
            return Rule(conditions, target=target, final=True)
    return None


def _nft_condition(op: str, left: Any, right: Any, sets: Mapping[str, list[Any]]) -> Condition:
    values = sets.get(right[1:]) if isinstance(right, str) and right.startswith("@") else _members(right)
    if values is None or op not in ("==", "!=", "in"):
        return _undecided
    negated = op == "!="
    with suppress(ValueError, TypeError, KeyError):
        match left:
            case {"payload": {"protocol": "tcp" | "udp" | "th" as protocol, "field": "dport"}}:
                own = _protocol(["tcp", "udp"] if protocol == "th" else [protocol])
                ports = _ports([_range(value) for value in values], negated=negated)
                return lambda packet: own(packet) and ports(packet)
            case {"payload": {"protocol": "tcp" | "udp" as protocol}}:
                own = _protocol([protocol])
                return lambda packet: None if own(packet) else False
            case {"payload": {"protocol": "ip", "field": "saddr"}}:
                return _from([_prefix(value) for value in values], negated=negated)
            case {"payload": {"protocol": "ip6" | "icmp" | "icmpv6"}}:
                return lambda _packet: False
            case {"payload": {"protocol": "ip", "field": "protocol"}} | {"meta": {"key": "l4proto"}}:
                return _protocol([str(value) for value in values], negated=negated)
            case {"meta": {"key": "iif" | "iifname"}}:
                return _interface([str(value) for value in values], negated=negated)
            case {"meta": {"key": "nfproto"}}:
                return lambda _packet: ("ipv4" in values) is not negated
            case {"ct": {"key": "state"}}:
                return _new([str(value) for value in values], negated=negated)
    return _undecided


def _members(right: Any) -> list[Any]:
    if isinstance(right, dict) and "set" in right:
        found = right["set"]
        return found if isinstance(found, list) else [found]
    return right if isinstance(right, list) else [right]


def _range(value: Any) -> tuple[int, int]:
    """Raises ValueError, TypeError or KeyError for what is no port."""
    if isinstance(value, dict):
        low, high = value["range"]
        return int(low), int(high)
    return int(value), int(value)


def _prefix(value: Any) -> str:
    """Raises TypeError or KeyError for what is no address."""
    if isinstance(value, dict):
        return f"{value['prefix']['addr']}/{value['prefix']['len']}"
    return str(value)


# --- iptables ------------------------------------------------------------------------------------------------------------


def iptables(saved: str) -> Chains:
    """The table "filter" of `iptables-save`."""
    chains: dict[str, Chain] = {}
    table = ""
    for line in saved.splitlines():
        if line.startswith("*"):
            table = line[1:].strip()
        elif table == "filter" and line.startswith(":"):
            name, policy = line[1:].split()[:2]
            chains[name] = Chain([], policy.lower() if name == "INPUT" else None)
        elif table == "filter" and line.startswith("-A "):
            with suppress(ValueError):  # a quote that nobody closed
                words = shlex.split(line)
                if words[1] in chains:
                    chains[words[1]].rules.append(_iptables_rule(words[2:]))
    return chains


def _iptables_rule(words: list[str]) -> Rule:
    conditions: list[Condition] = []
    verdict, target, final = None, None, False
    negated = False
    left = iter(words)
    for word in left:
        if word == "!":
            negated = True
            continue
        value = next(left, "")
        match word:
            case "-j" | "-g":
                verdict = {"ACCEPT": ACCEPT, "DROP": DROP, "REJECT": DROP, "RETURN": RETURN}.get(value)
                goes = verdict is None and value not in ("LOG", "NFLOG", "MARK", "CONNMARK", "SET", "TRACE", "AUDIT")
                target, final = (value if goes else None), word == "-g"
                break  # what follows are the target's own options
            case "-p":
                conditions.append(_protocol([value], negated=negated))
            case "--dport" | "--dports" | "--destination-port":
                ranges = [_span(each) for each in value.split(",")]
                conditions.append(_ports(ranges, negated=negated))
            case "-s":
                conditions.append(_from([value], negated=negated))
            case "-i":
                conditions.append(_interface([value], negated=negated))
            case "--ctstate" | "--state":
                conditions.append(_new(value.split(","), negated=negated))
            case "-m" | "--comment":
                pass
            case _:
                conditions.append(_undecided)
        negated = False
    return Rule(tuple(conditions), verdict, target, final=final)


def _span(text: str) -> tuple[int, int]:
    """Raises ValueError for what are no ports."""
    found = re.fullmatch(r"(\d{1,5})(?::(\d{1,5}))?", text, re.ASCII)
    if found is None:
        raise ValueError(text)
    return int(found[1]), int(found[2] or found[1])
