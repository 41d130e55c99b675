"""Names of ATT&CK's tactics and of the techniques Beffroi's own rules speak of (MITRE ATT&CK Enterprise, v19).

Written down here, because nothing may be downloaded. © The MITRE Corporation; ATT&CK® is its registered trademark, used as its
terms of use allow.
"""

from collections.abc import Iterable
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

_STEALTH: Final = ("stealth",)
_LASTING: Final = ("persistence", "privilege-escalation")

TECHNIQUES: Final[dict[str, Technique]] = {
    number: Technique(number, name, tactics)
    for number, name, tactics in (
        ("T1003", "OS Credential Dumping", ("credential-access",)),
        ("T1003.001", "LSASS Memory", ("credential-access",)),
        ("T1003.002", "Security Account Manager", ("credential-access",)),
        ("T1003.003", "NTDS", ("credential-access",)),
        ("T1005", "Data from Local System", ("collection",)),
        ("T1020", "Automated Exfiltration", ("exfiltration",)),
        ("T1021", "Remote Services", ("lateral-movement",)),
        ("T1021.001", "Remote Desktop Protocol", ("lateral-movement",)),
        ("T1021.002", "SMB/Windows Admin Shares", ("lateral-movement",)),
        ("T1021.006", "Windows Remote Management", ("lateral-movement",)),
        ("T1027", "Obfuscated Files or Information", _STEALTH),
        ("T1027.010", "Command Obfuscation", _STEALTH),
        ("T1033", "System Owner/User Discovery", ("discovery",)),
        ("T1036", "Masquerading", _STEALTH),
        ("T1036.005", "Match Legitimate Resource Name or Location", _STEALTH),
        ("T1039", "Data from Network Shared Drive", ("collection",)),
        ("T1046", "Network Service Discovery", ("discovery",)),
        ("T1047", "Windows Management Instrumentation", ("execution",)),
        ("T1048", "Exfiltration Over Alternative Protocol", ("exfiltration",)),
        ("T1052", "Exfiltration Over Physical Medium", ("exfiltration",)),
        ("T1052.001", "Exfiltration over USB", ("exfiltration",)),
        ("T1053", "Scheduled Task/Job", ("execution", *_LASTING)),
        ("T1053.005", "Scheduled Task", ("execution", *_LASTING)),
        ("T1055", "Process Injection", ("privilege-escalation", "stealth")),
        ("T1056", "Input Capture", ("credential-access", "collection")),
        ("T1056.001", "Keylogging", ("credential-access", "collection")),
        ("T1059", "Command and Scripting Interpreter", ("execution",)),
        ("T1059.001", "PowerShell", ("execution",)),
        ("T1069", "Permission Groups Discovery", ("discovery",)),
        ("T1070", "Indicator Removal", _STEALTH),
        ("T1070.008", "Clear Mailbox Data", _STEALTH),
        ("T1078", "Valid Accounts", ("initial-access", *_LASTING, "stealth")),
        ("T1087", "Account Discovery", ("discovery",)),
        ("T1098", "Account Manipulation", _LASTING),
        ("T1098.002", "Additional Email Delegate Permissions", _LASTING),
        ("T1098.007", "Additional Local or Domain Groups", _LASTING),
        ("T1105", "Ingress Tool Transfer", ("command-and-control",)),
        ("T1110", "Brute Force", ("credential-access",)),
        ("T1110.001", "Password Guessing", ("credential-access",)),
        ("T1110.003", "Password Spraying", ("credential-access",)),
        ("T1110.004", "Credential Stuffing", ("credential-access",)),
        ("T1112", "Modify Registry", ("persistence", "defense-impairment")),
        ("T1113", "Screen Capture", ("collection",)),
        ("T1114", "Email Collection", ("collection",)),
        ("T1114.002", "Remote Email Collection", ("collection",)),
        ("T1114.003", "Email Forwarding Rule", ("collection",)),
        ("T1115", "Clipboard Data", ("collection",)),
        ("T1123", "Audio Capture", ("collection",)),
        ("T1125", "Video Capture", ("collection",)),
        ("T1133", "External Remote Services", ("initial-access", "persistence")),
        ("T1136", "Create Account", ("persistence",)),
        ("T1136.001", "Local Account", ("persistence",)),
        ("T1204", "User Execution", ("execution",)),
        ("T1204.002", "Malicious File", ("execution",)),
        ("T1213", "Data from Information Repositories", ("collection",)),
        ("T1213.002", "Sharepoint", ("collection",)),
        ("T1218", "System Binary Proxy Execution", _STEALTH),
        ("T1218.005", "Mshta", _STEALTH),
        ("T1218.010", "Regsvr32", _STEALTH),
        ("T1218.011", "Rundll32", _STEALTH),
        ("T1219", "Remote Access Tools", ("command-and-control",)),
        ("T1219.002", "Remote Desktop Software", ("command-and-control",)),
        ("T1482", "Domain Trust Discovery", ("discovery",)),
        ("T1485", "Data Destruction", ("impact",)),
        ("T1486", "Data Encrypted for Impact", ("impact",)),
        ("T1489", "Service Stop", ("impact",)),
        ("T1490", "Inhibit System Recovery", ("impact",)),
        ("T1505", "Server Software Component", ("persistence",)),
        ("T1505.003", "Web Shell", ("persistence",)),
        ("T1530", "Data from Cloud Storage", ("collection",)),
        ("T1534", "Internal Spearphishing", ("lateral-movement",)),
        ("T1537", "Transfer Data to Cloud Account", ("exfiltration",)),
        ("T1543", "Create or Modify System Process", _LASTING),
        ("T1543.003", "Windows Service", _LASTING),
        ("T1546", "Event Triggered Execution", _LASTING),
        ("T1546.001", "Change Default File Association", _LASTING),
        ("T1546.003", "Windows Management Instrumentation Event Subscription", _LASTING),
        ("T1546.012", "Image File Execution Options Injection", _LASTING),
        ("T1547", "Boot or Logon Autostart Execution", _LASTING),
        ("T1547.001", "Registry Run Keys / Startup Folder", _LASTING),
        ("T1547.004", "Winlogon Helper DLL", _LASTING),
        ("T1548", "Abuse Elevation Control Mechanism", ("privilege-escalation",)),
        ("T1548.002", "Bypass User Account Control", ("privilege-escalation",)),
        ("T1555", "Credentials from Password Stores", ("credential-access",)),
        ("T1560", "Archive Collected Data", ("collection",)),
        ("T1560.001", "Archive via Utility", ("collection",)),
        ("T1564", "Hide Artifacts", _STEALTH),
        ("T1564.008", "Email Hiding Rules", _STEALTH),
        ("T1565", "Data Manipulation", ("impact",)),
        ("T1565.001", "Stored Data Manipulation", ("impact",)),
        ("T1566", "Phishing", ("initial-access",)),
        ("T1566.001", "Spearphishing Attachment", ("initial-access",)),
        ("T1567", "Exfiltration Over Web Service", ("exfiltration",)),
        ("T1567.002", "Exfiltration to Cloud Storage", ("exfiltration",)),
        ("T1569", "System Services", ("execution",)),
        ("T1569.002", "Service Execution", ("execution",)),
        ("T1570", "Lateral Tool Transfer", ("lateral-movement",)),
        ("T1572", "Protocol Tunneling", ("command-and-control",)),
        ("T1595", "Active Scanning", ("reconnaissance",)),
        ("T1595.002", "Vulnerability Scanning", ("reconnaissance",)),
        ("T1595.003", "Wordlist Scanning", ("reconnaissance",)),
        ("T1657", "Financial Theft", ("impact",)),
        ("T1685", "Disable or Modify Tools", ("defense-impairment",)),
        ("T1685.005", "Clear Windows Event Logs", ("defense-impairment",)),
    )
}


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
    found = TECHNIQUES.get(number)
    if found is not None:
        return found
    above = TECHNIQUES.get(number.partition(".")[0])
    return Technique(number, number, above.tactics if above is not None else ())
