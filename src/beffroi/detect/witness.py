"""Witnesses: for each rule the rarest literals of which at least one must occur wherever the rule holds.

A rule is tried on an event only when one of its witnesses is seen in the field it belongs to, so thousands of rules
cost little more than the few that nearly fire. Witnesses only ever add candidates: a badly chosen one costs time, never
a match. (The idea is that of literal pre-filtering in multi-pattern matchers, e.g. RE2's FilteredRE2 and Hyperscan's.)
"""

from functools import lru_cache
from math import inf, prod
from typing import Any, NamedTuple

from beffroi.detect.ir import Expr, Witness, fields_of, is_single, leaves
from beffroi.detect.regexes import required_literals

EQUALS, STARTS, ENDS, CONTAINS, EMPTY, VALUE, TEST = "=", "<", ">", "~", "0", "*", "?"


# `literal` is in lower case and stands at the place `kind` says; for TEST it is the leaf itself; for EMPTY ("no value") and VALUE
# ("some value") nothing.

# How often pieces of text stand in ordinary Windows events: shares of the values of the fields that rules look at,
# estimated, not measured to the digit; only their order decides.
COMMON = {
    "c:\\windows\\system32\\": 0.5,
    "c:\\windows\\syswow64\\": 0.1,
    "c:\\program files\\": 0.15,
    "c:\\program files (x86)\\": 0.15,
    "c:\\users\\": 0.15,
    "\\appdata\\local\\temp\\": 0.05,
    "\\appdata\\local\\microsoft\\": 0.04,
    "\\appdata\\roaming\\microsoft\\windows\\": 0.04,
    "\\temp\\": 0.06,
    "\\downloads\\": 0.03,
    "\\desktop\\": 0.03,
    "c:\\programdata\\microsoft\\windows": 0.05,
    "windows defender": 0.04,
    "nt authority\\system": 0.4,
    "nt authority\\network service": 0.1,
    "authority": 0.4,
    "microsoft corporation": 0.5,
    "microsoft® windows® operating system": 0.5,
    "c:\\windows\\system32\\svchost.exe -k netsvcs -p -s ": 0.12,
    "c:\\windows\\system32\\windowspowershell\\v1.0\\powershell.exe": 0.25,
    "c:\\windows\\explorer.exe": 0.06,
    "\\cmd.exe /c ": 0.08,
    "c:\\windows\\system32\\cmd.exe": 0.25,
    "c:\\windows\\system32\\svchost.exe": 0.15,
    "c:\\windows\\system32\\net.exe": 0.06,
    "c:\\windows\\system32\\net1.exe": 0.06,
    "c:\\windows\\system32\\reg.exe": 0.06,
    "c:\\windows\\system32\\ping.exe": 0.06,
    "c:\\windows\\system32\\schtasks.exe": 0.015,
    "c:\\windows\\system32\\cscript.exe": 0.015,
    "c:\\windows\\system32\\wscript.exe": 0.015,
    "c:\\windows\\system32\\mshta.exe": 0.01,
    "c:\\windows\\system32\\regsvr32.exe": 0.015,
    "c:\\windows\\system32\\wbem\\wmic.exe": 0.015,
    "c:\\windows\\system32\\conhost.exe": 0.06,
    "c:\\windows\\system32\\rundll32.exe": 0.08,
    "c:\\program files\\google\\chrome\\application\\chrome.exe": 0.03,
    "c:\\program files\\microsoft office\\root\\office16\\outlook.exe": 0.02,
    "msiinstaller": 0.1,
    "0x3e7": 0.3,
    "c$": 0.1,
    "ipc$": 0.2,
    "\\rundll32.exe": 0.03,
    "\\conhost.exe 0xffffffff -forcev1": 0.05,
    "\\services.exe": 0.1,
    "\\lsass.exe": 0.08,
    "\\wbem\\wmiprvse.exe": 0.05,
    "\\microsoft.net\\framework64\\v4.0.30319\\": 0.05,
    "\\taskhostw.exe": 0.03,
    "\\mmc.exe": 0.03,
    "\\reg.exe": 0.02,
    "\\microsoft\\windows\\currentversion\\explorer\\": 0.12,
    "hklm\\software\\microsoft\\windows nt\\currentversion\\": 0.1,
    "hklm\\system\\currentcontrolset\\services\\": 0.15,
    "hku\\s-1-5-21-": 0.1,
    "\\control\\": 0.08,
    "\\policies\\": 0.04,
    "dword (0x00000001)": 0.15,
    "dword (0x00000000)": 0.15,
    "binary data": 0.15,
    "setvalue": 0.6,
    "createkey": 0.3,
    "deletevalue": 0.1,
    "deletekey": 0.1,
    "c:\\windows\\system32\\ntdll.dll": 0.5,
    "|unknown(": 0.1,
    ".exe": 0.6,
    ".dll": 0.4,
    ".tmp": 0.08,
    ".ps1": 0.06,
    ".bat": 0.03,
    ".vbs": 0.03,
    "http://": 0.06,
    "https://": 0.06,
    "://": 0.08,
    " /c ": 0.06,
    " -e": 0.08,
    " -c ": 0.05,
    " -p ": 0.1,
    " /": 0.3,
    " -": 0.3,
    "-": 0.5,
    "{": 0.2,
    "new-object": 0.05,
    "system.": 0.2,
    "function ": 0.2,
    "param": 0.2,
    "true": 0.4,
    "false": 0.4,
    "high": 0.3,
    "medium": 0.3,
    "tcp": 0.6,
    "udp": 0.3,
    "0x1000": 0.1,
    "0x1010": 0.05,
    "0x1400": 0.1,
    "0x1410": 0.05,
    "0x1fffff": 0.1,
    "0x1f3fff": 0.05,
    "kerberos": 0.1,
    "ntlm": 0.1,
    "admin": 0.1,
    "user": 0.2,
    "add": 0.08,
    "set": 0.15,
    "get": 0.15,
    "net": 0.15,
    "com": 0.3,
    "copy": 0.03,
    "start": 0.08,
    "create": 0.05,
    "delete": 0.03,
    "process": 0.12,
    "service": 0.12,
    "type": 0.06,
    "string": 0.08,
    "script": 0.08,
    "query": 0.04,
    "reg": 0.08,
    "local": 0.2,
    "software": 0.2,
    "current": 0.2,
    "public": 0.04,
    "enabled": 0.04,
    "hidden": 0.02,
    "value": 0.1,
    "install": 0.05,
    "update": 0.05,
    "security": 0.08,
    "powershell": 0.12,
    "rundll32": 0.03,
    "import": 0.05,
    "export": 0.02,
}

# Fields with few values: none of them is rare, whatever its letters.
FEW_VALUES = {
    "EventType": 0.5,
    "Initiated": 0.5,
    "IntegrityLevel": 0.3,
    "LogonType": 0.3,
    "Protocol": 0.5,
    "Signed": 0.4,
    "SignatureStatus": 0.4,
    "Status": 0.3,
    "Company": 0.4,
    "Product": 0.4,
    "User": 0.2,
    "DestinationPort": 0.05,
    "DestinationIsIpv6": 0.5,
    "Provider_Name": 0.8,
    "ObjectType": 0.2,
    "Level": 0.4,
    "AccessMask": 0.1,
    "TargetUserName": 0.05,
    "EventID": 0.5,
}
# How much rarer a text becomes by one more letter of it: letters and what paths and commands are full of, and the rest.
_LETTER = dict.fromkeys("abcdefghijklmnopqrstuvwxyz0123456789", 0.62) | dict.fromkeys(' \\/.-:_"', 0.8)
_PLACE = {EQUALS: 0.02, ENDS: 0.4, STARTS: 0.5, CONTAINS: 1.0}
GROUPED = frozenset({"EventID", "Channel"})  # the same for all events that are looked at together: no witness


@lru_cache(maxsize=65_536)
def share(few: float, kind: str, literal: str) -> float:
    """Roughly the share of events in which this literal stands at this place, between 0 and 1; `few` is the share of each value of a
    field that has few of them."""
    placed = _PLACE[kind]
    guess = placed * prod(_LETTER.get(char, 0.1 if char < "\x7f" else 0.02) for char in literal[:24])
    for piece, often in COMMON.items():
        if literal in piece:
            there = kind == CONTAINS or (piece.startswith(literal) if kind == STARTS else piece.endswith(literal))
            guess = max(guess, often if there else often * placed * 0.3)
    if kind == EQUALS and few:
        return max(guess, few)
    return min(1.0, guess + 0.0005)


Choice = tuple[float, list[Witness]] | None

WORK, TESTED = 0.3, 0.3
"""What working out a field's part of a condition costs, where a witness was seen and for every new value; trying a whole rule costs 1."""


def choose(expr: Expr, *, positive: bool = True) -> Choice:
    """The cheapest witnesses of an expression (of its negation where not `positive`) and the share of events they let
    through; None where there are none."""
    if isinstance(expr, bool):
        return (0.0, []) if expr is not positive else None
    kind = expr[0]
    if kind == "not":
        return choose(expr[1], positive=not positive)
    if kind in ("and", "or"):
        choices = [choose(part, positive=positive) for part in expr[1]]
        if (kind == "and") is positive:
            return min((choice for choice in choices if choice is not None), key=lambda c: c[0], default=None)
        total, union = 0.0, []
        for choice in choices:
            if choice is None:
                return None
            total += choice[0]
            union.extend(choice[1])
        return total, union
    return _of_leaf(expr) if positive else _of_denied_leaf(expr)


def _of_denied_leaf(leaf: list[Any]) -> Choice:
    """NOT of a test holds nearly everywhere; only "has a value" and its opposite say something."""
    if leaf[1] in GROUPED:
        return None
    if leaf[0] == "some":
        return 0.9, [Witness(leaf[1], EMPTY, None)]
    if leaf[0] == "none":
        return 0.9, [Witness(leaf[1], VALUE, None)]
    return None


def _of_leaf(leaf: list[Any]) -> Choice:
    kind, field = leaf[0], leaf[1]
    if field in GROUPED:
        return None
    if kind == "none":
        return 0.9, [Witness(field, EMPTY, None)]
    if kind == "some":
        return 0.9, [Witness(field, VALUE, None)]
    if kind in ("exists", "ref"):
        return None
    found: list[Witness] = []
    if kind == "text":
        _, _, cased, equals, starts, ends, contains, globs = leaf
        for place, literals in ((EQUALS, equals), (STARTS, starts), (ENDS, ends), (CONTAINS, contains)):
            found.extend(_literal(field, place, literal, leaf, cased=bool(cased)) for literal in literals)
        for tokens in globs:
            longest = max((token for token in tokens if isinstance(token, str)), key=len, default="")
            found.append(_literal(field, CONTAINS, longest, leaf, cased=bool(cased)))
    elif kind == "re":
        literals = required_literals(leaf[2])
        if literals is None:
            found.append(Witness(field, TEST, leaf))
        else:
            found.extend(Witness(field, CONTAINS, literal) for literal in literals)
    else:
        found.append(Witness(field, TEST, leaf))
    few = FEW_VALUES.get(field or "", 0.0)
    costs = (0.3 if w.kind == TEST else share(few, w.kind, w.literal) for w in found)
    return sum(costs), list(dict.fromkeys(found)) if all(w.kind != TEST for w in found) else _joined(found)


def _literal(field: str | None, place: str, literal: str, leaf: list[Any], *, cased: bool) -> Witness:
    if cased:
        # Lowering a whole text can change a letter outside ASCII by its neighbours (final sigma): keep what cannot.
        if not literal.isascii():
            pieces = "".join(char if char.isascii() else "\0" for char in literal).split("\0")
            literal, place = max(pieces, key=len), CONTAINS
        literal = literal.lower()
    return Witness(field, place, literal) if literal else Witness(field, TEST, leaf)


def _joined(found: list[Witness]) -> list[Witness]:
    """The same witnesses, each once; leaves are lists and have no hash."""
    kept: list[Witness] = []
    for witness in found:
        if witness not in kept:
            kept.append(witness)
    return kept


class Gate(NamedTuple):
    """What stands before a rule: the condition as it is best tried, its witnesses (None: it is tried on every event), and the
    `pivot`: the field whose own part of the condition, the last of the outermost AND, is worked out once a value, there
    where its witnesses are looked for (None: the witnesses are of several fields, or of none)."""

    condition: Expr
    witnesses: tuple[Witness, ...] | None
    pivot: str | None


def gate(expr: Expr) -> Gate:
    """The cheapest gate of a condition."""
    expr = ordered(expr)
    parts = expr[1] if isinstance(expr, list) and expr[0] == "and" and not is_pivot(expr) else [expr]
    best, found, chosen = inf, None, None
    for part in parts:
        choice = choose(part)
        pivots = is_pivot(part)
        if pivots and (choice is None or any(witness.kind in (EMPTY, VALUE, TEST) for witness in choice[1])):
            choice, cost = (0.0, [Witness(fields_of(part)[0], TEST, None)]), TESTED + likely(part)
        elif choice is not None:
            # With a pivot, what is seen is worked out at once and only what holds is tried further.
            cost = choice[0] * WORK + likely(part) if pivots else choice[0]
        else:
            continue
        if cost < best:
            best, found, chosen = cost, choice[1], part if pivots else None
    witnesses = None if found is None else tuple(found)
    if chosen is None:
        return Gate(expr, witnesses, None)
    return Gate(["and", [*(part for part in parts if part is not chosen), chosen]], witnesses, fields_of(chosen)[0])


def likely(expr: Expr, *, most: bool = True) -> float:
    """Roughly the share of events for which an expression holds, at the most or at the least: of several literals each may stand in
    an event of its own, or all in the same."""
    if isinstance(expr, bool):
        return float(expr)
    if expr[0] == "not":
        return 1.0 - likely(expr[1], most=not most)
    if expr[0] in ("and", "or"):
        shares = [likely(part, most=most) for part in expr[1]]
        return prod(shares) if expr[0] == "and" else min(1.0, sum(shares)) if most else max(shares)
    choice = choose(expr)
    if choice is None or any(witness.kind not in _PLACE for witness in choice[1]):
        return 0.5 if choice is None else choice[0]
    few = FEW_VALUES.get(expr[1] or "", 0.0)
    shares = [share(few, witness.kind, witness.literal) for witness in choice[1]]
    return min(1.0, sum(shares)) if most else max(shares)


def is_pivot(part: Expr) -> bool:
    """Whether a part of a condition depends on nothing but the value of one field, which is not the same for all events of a kind."""
    return is_single(part) and fields_of(part)[0] not in GROUPED


def ordered(expr: Expr) -> Expr:
    """The same expression with what decides soonest at the front: in an AND what is seldom true, in an OR what is often
    true, slow tests last; tests on the same field stand together."""
    if isinstance(expr, bool) or expr[0] not in ("and", "or", "not"):
        return expr
    if expr[0] == "not":
        return ["not", ordered(expr[1])]
    wanted = expr[0] == "and"
    by_field: dict[Any, list[Expr]] = {}
    for part in map(ordered, expr[1]):
        names = fields_of(part)
        alone = len(names) == 1 and all(leaf[1] is not None for leaf in leaves(part))
        by_field.setdefault(names[0] if alone else id(part), []).append(part)
    joined = [[expr[0], group] if len(group) > 1 else group[0] for group in by_field.values()]
    if len(joined) == 1:
        return joined[0]
    return [expr[0], sorted(joined, key=lambda part: _weight(part, wanted=wanted))]


def _weight(part: Expr, *, wanted: bool) -> float:
    choice = choose(part)
    often = 0.95 if choice is None else min(choice[0], 1.0)
    slow = any(leaf[0] in ("re", "time", "cidr") or leaf[1] is None for leaf in leaves(part))
    return (often if wanted else 1 - often) + (0.5 if slow else 0.0)
