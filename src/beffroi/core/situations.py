"""Situations: what a person can be in when an incident is raised, some forty of them. Rules name theirs, incidents carry its words.

A rule names its situation by a tag of our own namespace, `beffroi.password-guessed` (Sigma's tags are `namespace.name`); where it
names none, its ATT&CK techniques do, then its tactics, and last of all `unknown`.
"""

from collections.abc import Iterable
from typing import Final

NAMESPACE: Final = "beffroi."
UNKNOWN: Final = "unknown"

SITUATIONS: Final = (
    # getting in
    "network-scan", "service-attacked", "service-broken-into", "password-guessing", "password-spraying", "password-guessed",
    "sign-in-from-elsewhere", "old-sign-in", "rogue-application", "attachment-opened", "attack-prepared",
    # staying
    "new-administrator", "account-changed", "foothold", "remote-control", "defences-off", "traces-wiped", "malware-found",
    "foreign-code", "full-power",
    # moving
    "passwords-stolen", "house-explored", "machine-to-machine", "administrator-at-night", "steered-from-outside",
    # stealing
    "files-read", "files-packed", "files-sent-out", "mailbox-forwards", "mailbox-hides", "mailbox-entered", "decoy-touched", "spied-on",
    # blocking
    "copies-destroyed", "files-encrypted", "files-deleted", "ransom-note", "machines-stopped", "service-flooded",
    # money
    "payment-fraud", "resident-swindled",
    # the watch itself, and the rest
    "watch-attacked", "data-falsified", UNKNOWN,
)  # fmt: skip
"""All situations, in the order of an attack."""

_OF_TACTIC: Final = {
    "reconnaissance": "network-scan",
    "resource-development": "attack-prepared",
    "initial-access": "service-attacked",
    "execution": "foreign-code",
    "persistence": "foothold",
    "privilege-escalation": "full-power",
    "stealth": "foreign-code",
    "defense-impairment": "defences-off",
    "defense-evasion": "foreign-code",
    "credential-access": "passwords-stolen",
    "discovery": "house-explored",
    "lateral-movement": "machine-to-machine",
    "collection": "spied-on",
    "command-and-control": "steered-from-outside",
    "exfiltration": "files-sent-out",
    "impact": "data-falsified",
}
_OF_TECHNIQUE: Final = {
    "T1110": "password-guessing",
    "T1110.003": "password-spraying",
    "T1486": "files-encrypted",
    "T1490": "copies-destroyed",
}


def situation_of(tags: Iterable[str]) -> str:
    """The situation that a rule with these tags tells of, one of SITUATIONS."""
    parts = [tag.lower() for tag in tags]
    for tag in parts:
        if tag.startswith(NAMESPACE) and tag.removeprefix(NAMESPACE) in SITUATIONS:
            return tag.removeprefix(NAMESPACE)
    own = [tag.removeprefix("attack.").replace("_", "-") for tag in parts if tag.startswith("attack.")]
    for name in own:
        number = name.upper()
        found = _OF_TECHNIQUE.get(number) or _OF_TECHNIQUE.get(number.partition(".")[0])
        if found is not None:
            return found
    return next((_OF_TACTIC[name] for name in own if name in _OF_TACTIC), UNKNOWN)
