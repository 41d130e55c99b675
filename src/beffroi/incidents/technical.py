"""The part of an incident for whoever looks after the machines: rules, fields, commands to check and to repair, links. Pure."""

import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any, Final

from beffroi.core.attack import RETIRED, TACTICS, techniques_of
from beffroi.core.model import Message
from beffroi.detect.ir import LEVELS
from beffroi.incidents.commands import KINDS, commands
from beffroi.incidents.judging import Facts
from beffroi.incidents.traces import Entity

RULES: Final = 20  # rules that are told, the gravest first
LINK: Final = "https://attack.mitre.org/techniques/"

_KIND_OF: Final = {
    "windows": "windows", "linux": "linux", "proxmox": "linux", "samba": "samba", "synology": "samba", "qnap": "samba",
    "fortigate": "fortigate", "m365": "m365", "exchange": "m365",
}  # fmt: skip
"""Products of log sources → kinds of sources that commands are known for. A NAS shares its files with Samba."""

_NUMBER: Final = re.compile(r"T(\d{4})(?:\.(\d{3}))?", re.ASCII)


def technical(
    facts: Facts,
    situation: str,
    entities: Sequence[Entity],
    techniques: Iterable[str],
    shown: Mapping[str, Mapping[str, Any]],
    products: Collection[str],
) -> dict[str, Any]:
    """It as plain data. `shown` are the fields of a match of each rule, by its id; `products` those of the log sources."""
    grave = sorted(facts.rules.items(), key=lambda each: (-each[1].level, each[1].first))
    kinds = {_KIND_OF[each] for each in products if each in _KIND_OF}
    values = _values(entities)
    return {
        "rules": [
            {
                "id": rule, "title": Message(seen.title).to_plain(), "level": LEVELS[seen.level], "count": seen.count,
                "tags": seen.tags, "fields": dict(shown.get(rule, {})),
            }
            for rule, seen in grave[:RULES]
        ],
        "commands": [
            {"kind": kind, **commands(situation, kind, values)._asdict()} for kind in KINDS if kind in kinds
        ],
        "techniques": [
            {"id": each.id, "name": each.name, "tactics": [TACTICS[key] for key in each.tactics], "link": link_of(each.id)}
            for each in techniques_of(f"attack.{number}" for number in techniques)
        ],
    }  # fmt: skip


def link_of(technique: str) -> str | None:
    """ATT&CK's page of a technique by its number; None for what is no number."""
    number = _NUMBER.fullmatch(RETIRED.get(technique, technique))
    if number is None:
        return None
    return f"{LINK}T{number[1]}/" + (f"{number[2]}/" if number[2] else "")


def _values(entities: Sequence[Entity]) -> dict[str, str]:
    """What commands are about: the most frequent of each kind, the account rather that acted."""
    found: dict[str, str] = {}
    for place, kind, role in (
        ("machine", "host", "target"),
        ("account", "account", "actor"),
        ("account", "account", "target"),
        ("address", "address", "origin"),
    ):
        for each in entities:
            if each.kind == kind and each.role == role:
                found.setdefault(place, each.value)
    return found
