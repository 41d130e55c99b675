"""Situations: what a person can be in when an incident is raised, some forty of them. Rules name theirs, incidents carry its words.

A rule names its situation by a tag of our own namespace, `beffroi.password-guessed` (Sigma's tags are `namespace.name`); where it
names none, its ATT&CK techniques do (of several the one that an attack comes to last), then its tactics, and last of all `unknown`.
"""

from collections.abc import Iterable
from typing import Final

from beffroi.core.attack import RETIRED

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
_TECHNIQUES: Final = {
    "network-scan": "T1046 T1595",
    "service-attacked": "T1190",
    "service-broken-into": "T1505",
    "password-guessing": "T1110",
    "password-spraying": "T1110.003",
    "password-guessed": "T1621",
    "sign-in-from-elsewhere": "T1078 T1133 T1199 T1550.001 T1550.004 T1669",
    "rogue-application": "T1528 T1671",
    "attachment-opened": "T1203 T1204 T1221 T1566 T1684",
    "attack-prepared": "T1583 T1584 T1585 T1586 T1587 T1588 T1589 T1590 T1591 T1592 T1593 T1594 T1596 T1597 T1598 T1608 T1650 T1681 T1682 "
    "T1683",
    "new-administrator": "T1098.003 T1098.006 T1098.007",
    "account-changed": "T1098 T1136 T1531",
    "foothold": "T1037 T1053 T1137 T1176 T1197 T1200 T1205 T1525 T1542 T1543 T1546 T1547 T1554 T1653 T1668",
    "remote-control": "T1219",
    "defences-off": "T1112 T1222 T1553 T1556 T1578 T1599 T1600 T1601 T1647 T1666 T1685 T1686 T1687 T1688 T1689",
    "traces-wiped": "T1070 T1685.005 T1685.006 T1690",
    "malware-found": "T1014 T1587.001 T1588.001 T1588.002",
    "foreign-code": "T1006 T1027 T1036 T1047 T1055 T1059 T1091 T1105 T1106 T1127 T1129 T1140 T1189 T1195 T1202 T1211 T1216 T1218 T1220 T1480 "
    "T1496 T1497 T1535 T1559 T1564 T1569 T1574 T1609 T1610 T1612 T1620 T1622 T1648 T1651 T1659 T1674 T1675 T1677 T1678 T1679",
    "full-power": "T1068 T1134 T1207 T1484 T1548 T1558.001 T1611",
    "passwords-stolen": "T1003 T1056.002 T1056.003 T1111 T1187 T1212 T1539 T1552 T1555 T1557 T1558 T1606 T1649",
    "house-explored": "T1007 T1010 T1012 T1016 T1018 T1033 T1049 T1057 T1069 T1082 T1083 T1087 T1120 T1124 T1135 T1201 T1217 T1482 T1518 "
    "T1526 T1538 T1580 T1613 T1614 T1615 T1619 T1652 T1654 T1673 T1680",
    "machine-to-machine": "T1021 T1072 T1080 T1210 T1550 T1563 T1570",
    "steered-from-outside": "T1001 T1008 T1071 T1090 T1092 T1095 T1102 T1104 T1132 T1568 T1571 T1572 T1573 T1665",
    "files-read": "T1005 T1025 T1039 T1119 T1213 T1530 T1602",
    "files-packed": "T1074 T1560",
    "files-sent-out": "T1011 T1020 T1029 T1030 T1041 T1048 T1052 T1537 T1567",
    "mailbox-forwards": "T1114.003",
    "mailbox-hides": "T1564.008",
    "mailbox-entered": "T1098.002 T1114 T1534",
    "spied-on": "T1040 T1056 T1113 T1115 T1123 T1125 T1185",
    "copies-destroyed": "T1490",
    "files-encrypted": "T1486",
    "files-deleted": "T1485 T1561",
    "ransom-note": "T1491.001",
    "machines-stopped": "T1489 T1495 T1529",
    "service-flooded": "T1498 T1499 T1667",
    "payment-fraud": "T1657 T1684.001",
    "data-falsified": "T1491 T1565",
}
_OF_TECHNIQUE: Final = {number: situation for situation, numbers in _TECHNIQUES.items() for number in numbers.split()}
"""Every technique of ATT&CK, and the sub-techniques that tell of something else than theirs."""


_GENERAL: Final = ("foreign-code", "data-falsified", UNKNOWN)
"""Said only where nothing else is: almost every attack runs something."""


def latest(situations: Iterable[str]) -> str:
    """The one of these that an attack comes to last; `unknown` where there is none."""
    known = [each for each in situations if each in SITUATIONS]
    return max(known, key=lambda each: (each not in _GENERAL, each != UNKNOWN, SITUATIONS.index(each)), default=UNKNOWN)


def situation_of(tags: Iterable[str]) -> str:
    """The situation that a rule with these tags tells of, one of SITUATIONS."""
    parts = [tag.lower() for tag in tags]
    named = [tag.removeprefix(NAMESPACE) for tag in parts if tag.startswith(NAMESPACE)]
    named = [each for each in named if each in SITUATIONS]
    if named:
        return latest(named)
    own = [tag.removeprefix("attack.").replace("_", "-") for tag in parts if tag.startswith("attack.")]
    found = [each for each in map(_of_technique, own) if each is not None]
    if found:
        return latest(found)
    return next((_OF_TACTIC[name] for name in own if name in _OF_TACTIC), UNKNOWN)


def _of_technique(name: str) -> str | None:
    number = RETIRED.get(name.upper(), name.upper())
    return _OF_TECHNIQUE.get(number) or _OF_TECHNIQUE.get(number.partition(".")[0])
