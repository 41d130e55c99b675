"""Names of ATT&CK's tactics and techniques (MITRE ATT&CK Enterprise, v19 of April 2026).

They stand in attack.csv, a technique a line (number; name; tactics), because nothing may be downloaded. © 2026 The MITRE Corporation.
This work is reproduced and distributed with the permission of The MITRE Corporation. ATT&CK® is its registered trademark.
"""

from collections.abc import Iterable, Iterator, Mapping
from functools import cached_property
from pathlib import Path
from typing import Final, NamedTuple


class Technique(NamedTuple):
    """How attackers do something: its number ("T1003.001"), its name, and the tactics it serves, as keys of TACTICS."""

    id: str
    name: str
    tactics: tuple[str, ...]


TACTICS: Final[dict[str, str]] = {
    "reconnaissance": "Reconnaissance",
    "resource-development": "Resource Development",
    "initial-access": "Initial Access",
    "execution": "Execution",
    "persistence": "Persistence",
    "privilege-escalation": "Privilege Escalation",
    "stealth": "Stealth",
    "defense-impairment": "Defense Impairment",
    "defense-evasion": "Defense Evasion",  # until v18; v19 made the two before it out of this one
    "credential-access": "Credential Access",
    "discovery": "Discovery",
    "lateral-movement": "Lateral Movement",
    "collection": "Collection",
    "command-and-control": "Command and Control",
    "exfiltration": "Exfiltration",
    "impact": "Impact",
}
"""What an attacker is after in one step: the name in tags → the name in words, in the order of an attack."""

RETIRED: Final[dict[str, str]] = {
    "T1070.001": "T1685.005", "T1070.002": "T1685.006",
    "T1562": "T1685", "T1562.001": "T1685", "T1562.002": "T1685.001", "T1562.003": "T1690", "T1562.004": "T1686",
    "T1562.006": "T1685", "T1562.007": "T1686.001", "T1562.008": "T1685.002", "T1562.009": "T1688", "T1562.010": "T1689",
    "T1562.011": "T1685.003", "T1562.012": "T1685.004", "T1562.013": "T1686.002",
    "T1574.002": "T1574.001", "T1656": "T1684.001", "T1672": "T1684.002",
}  # fmt: skip
"""Numbers that rules of before v19 still name → the number in its place."""


class _Techniques(Mapping[str, Technique]):
    """All of them, read when the first is asked for: few commands do."""

    @cached_property
    def _known(self) -> dict[str, Technique]:
        rows = (line.split(";") for line in Path(__file__).with_suffix(".csv").read_text("utf-8").splitlines())
        return {number: Technique(number, name, tuple(tactics.split())) for number, name, tactics in rows}

    def __getitem__(self, number: str) -> Technique:
        return self._known[number]

    def __iter__(self) -> Iterator[str]:
        return iter(self._known)

    def __len__(self) -> int:
        return len(self._known)


TECHNIQUES: Final = _Techniques()
"""All of ATT&CK Enterprise: number → technique, in the order of their numbers."""


def tactics_of(tags: Iterable[str]) -> tuple[str, ...]:
    """The keys of the tactics a rule's tags name, in the order of an attack; where they name none, those of its techniques.

    Tags are Sigma's: "attack.credential-access" (also with an underscore) and "attack.t1003.001".
    """
    parts = [tag.lower().removeprefix("attack.").replace("_", "-") for tag in tags if tag.lower().startswith("attack.")]
    named = {part for part in parts if part in TACTICS}
    if not named:
        named = {key for part in parts for key in _known(part).tactics}
    return tuple(key for key in TACTICS if key in named)


def techniques_of(tags: Iterable[str]) -> tuple[Technique, ...]:
    """The techniques a rule's tags name, in their order; one without a name here is named by its number."""
    numbers = [tag[7:].upper() for tag in tags if tag[:8].lower() == "attack.t" and tag[8:9].isdigit()]
    return tuple(_known(number) for number in dict.fromkeys(numbers))


def _known(part: str) -> Technique:
    """A technique by its number; a sub-technique not listed here takes the tactics of its technique."""
    number = part.upper()
    found = TECHNIQUES.get(RETIRED.get(number, number))
    if found is not None:
        return found
    above = TECHNIQUES.get(number.partition(".")[0])
    return Technique(number, number, above.tactics if above is not None else ())
