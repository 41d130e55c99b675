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
        ("T1003.004", "LSA Secrets", ("credential-access",)),
        ("T1003.006", "DCSync", ("credential-access",)),
        ("T1003.008", "/etc/passwd and /etc/shadow", ("credential-access",)),
        ("T1014", "Rootkit", _STEALTH),
        ("T1018", "Remote System Discovery", ("discovery",)),
        ("T1021", "Remote Services", ("lateral-movement",)),
        ("T1021.001", "Remote Desktop Protocol", ("lateral-movement",)),
        ("T1021.002", "SMB/Windows Admin Shares", ("lateral-movement",)),
        ("T1021.003", "Distributed Component Object Model", ("lateral-movement",)),
        ("T1021.004", "SSH", ("lateral-movement",)),
        ("T1021.006", "Windows Remote Management", ("lateral-movement",)),
        ("T1027", "Obfuscated Files or Information", _STEALTH),
        ("T1027.010", "Command Obfuscation", _STEALTH),
        ("T1033", "System Owner/User Discovery", ("discovery",)),
        ("T1036", "Masquerading", _STEALTH),
        ("T1036.003", "Rename Legitimate Utilities", _STEALTH),
        ("T1036.005", "Match Legitimate Resource Name or Location", _STEALTH),
        ("T1036.010", "Masquerade Account Name", _STEALTH),
        ("T1037.001", "Logon Script (Windows)", _LASTING),
        ("T1039", "Data from Network Shared Drive", ("collection",)),
        ("T1040", "Network Sniffing", ("credential-access", "discovery")),
        ("T1046", "Network Service Discovery", ("discovery",)),
        ("T1047", "Windows Management Instrumentation", ("execution",)),
        ("T1053", "Scheduled Task/Job", ("execution", *_LASTING)),
        ("T1053.003", "Cron", ("execution", *_LASTING)),
        ("T1053.005", "Scheduled Task", ("execution", *_LASTING)),
        ("T1055", "Process Injection", ("privilege-escalation", "stealth")),
        ("T1055.012", "Process Hollowing", ("privilege-escalation", "stealth")),
        ("T1056", "Input Capture", ("credential-access", "collection")),
        ("T1056.001", "Keylogging", ("credential-access", "collection")),
        ("T1059", "Command and Scripting Interpreter", ("execution",)),
        ("T1059.001", "PowerShell", ("execution",)),
        ("T1059.003", "Windows Command Shell", ("execution",)),
        ("T1059.004", "Unix Shell", ("execution",)),
        ("T1059.005", "Visual Basic", ("execution",)),
        ("T1068", "Exploitation for Privilege Escalation", ("privilege-escalation",)),
        ("T1069", "Permission Groups Discovery", ("discovery",)),
        ("T1069.001", "Local Groups", ("discovery",)),
        ("T1069.002", "Domain Groups", ("discovery",)),
        ("T1070", "Indicator Removal", _STEALTH),
        ("T1071", "Application Layer Protocol", ("command-and-control",)),
        ("T1071.001", "Web Protocols", ("command-and-control",)),
        ("T1071.004", "DNS", ("command-and-control",)),
        ("T1072", "Software Deployment Tools", ("execution", "lateral-movement")),
        ("T1078", "Valid Accounts", ("initial-access", *_LASTING, "stealth")),
        ("T1078.001", "Default Accounts", ("initial-access", *_LASTING, "stealth")),
        ("T1078.002", "Domain Accounts", ("initial-access", *_LASTING, "stealth")),
        ("T1087", "Account Discovery", ("discovery",)),
        ("T1087.001", "Local Account", ("discovery",)),
        ("T1087.002", "Domain Account", ("discovery",)),
        ("T1090", "Proxy", ("command-and-control",)),
        ("T1090.003", "Multi-hop Proxy", ("command-and-control",)),
        ("T1098", "Account Manipulation", _LASTING),
        ("T1098.004", "SSH Authorized Keys", _LASTING),
        ("T1098.007", "Additional Local or Domain Groups", _LASTING),
        ("T1105", "Ingress Tool Transfer", ("command-and-control",)),
        ("T1110", "Brute Force", ("credential-access",)),
        ("T1110.001", "Password Guessing", ("credential-access",)),
        ("T1110.003", "Password Spraying", ("credential-access",)),
        ("T1110.004", "Credential Stuffing", ("credential-access",)),
        ("T1112", "Modify Registry", ("persistence", "defense-impairment")),
        ("T1113", "Screen Capture", ("collection",)),
        ("T1127", "Trusted Developer Utilities Proxy Execution", ("execution", "stealth")),
        ("T1127.001", "MSBuild", ("execution", "stealth")),
        ("T1133", "External Remote Services", ("initial-access", "persistence")),
        ("T1134", "Access Token Manipulation", ("privilege-escalation", "stealth")),
        ("T1134.001", "Token Impersonation/Theft", ("privilege-escalation", "stealth")),
        ("T1134.005", "SID-History Injection", ("privilege-escalation", "stealth")),
        ("T1135", "Network Share Discovery", ("discovery",)),
        ("T1136", "Create Account", ("persistence",)),
        ("T1136.001", "Local Account", ("persistence",)),
        ("T1136.002", "Domain Account", ("persistence",)),
        ("T1137", "Office Application Startup", ("persistence",)),
        ("T1137.001", "Office Template Macros", ("persistence",)),
        ("T1137.006", "Add-ins", ("persistence",)),
        ("T1187", "Forced Authentication", ("credential-access",)),
        ("T1190", "Exploit Public-Facing Application", ("initial-access",)),
        ("T1197", "BITS Jobs", ("execution", "persistence", "stealth")),
        ("T1204", "User Execution", ("execution",)),
        ("T1204.002", "Malicious File", ("execution",)),
        ("T1204.004", "Malicious Copy and Paste", ("execution",)),
        ("T1207", "Rogue Domain Controller", _STEALTH),
        ("T1210", "Exploitation of Remote Services", ("lateral-movement",)),
        ("T1218", "System Binary Proxy Execution", _STEALTH),
        ("T1218.002", "Control Panel", _STEALTH),
        ("T1218.005", "Mshta", _STEALTH),
        ("T1218.007", "Msiexec", _STEALTH),
        ("T1218.010", "Regsvr32", _STEALTH),
        ("T1218.011", "Rundll32", _STEALTH),
        ("T1218.014", "MMC", _STEALTH),
        ("T1219", "Remote Access Tools", ("command-and-control",)),
        ("T1219.001", "IDE Tunneling", ("command-and-control",)),
        ("T1219.002", "Remote Desktop Software", ("command-and-control",)),
        ("T1222.001", "Windows File and Directory Permissions Modification", ("defense-impairment",)),
        ("T1482", "Domain Trust Discovery", ("discovery",)),
        ("T1484", "Domain or Tenant Policy Modification", ("privilege-escalation", "defense-impairment")),
        ("T1484.001", "Group Policy Modification", ("privilege-escalation", "defense-impairment")),
        ("T1485", "Data Destruction", ("impact",)),
        ("T1486", "Data Encrypted for Impact", ("impact",)),
        ("T1489", "Service Stop", ("impact",)),
        ("T1490", "Inhibit System Recovery", ("impact",)),
        ("T1491", "Defacement", ("impact",)),
        ("T1491.001", "Internal Defacement", ("impact",)),
        ("T1498", "Network Denial of Service", ("impact",)),
        ("T1499", "Endpoint Denial of Service", ("impact",)),
        ("T1505", "Server Software Component", ("persistence",)),
        ("T1505.001", "SQL Stored Procedures", ("persistence",)),
        ("T1505.003", "Web Shell", ("persistence",)),
        ("T1529", "System Shutdown/Reboot", ("impact",)),
        ("T1531", "Account Access Removal", ("impact",)),
        ("T1543", "Create or Modify System Process", _LASTING),
        ("T1543.003", "Windows Service", _LASTING),
        ("T1546", "Event Triggered Execution", _LASTING),
        ("T1546.001", "Change Default File Association", _LASTING),
        ("T1546.002", "Screensaver", _LASTING),
        ("T1546.003", "Windows Management Instrumentation Event Subscription", _LASTING),
        ("T1546.007", "Netsh Helper DLL", _LASTING),
        ("T1546.008", "Accessibility Features", _LASTING),
        ("T1546.009", "AppCert DLLs", _LASTING),
        ("T1546.010", "AppInit DLLs", _LASTING),
        ("T1546.011", "Application Shimming", _LASTING),
        ("T1546.012", "Image File Execution Options Injection", _LASTING),
        ("T1546.013", "PowerShell Profile", _LASTING),
        ("T1546.015", "Component Object Model Hijacking", _LASTING),
        ("T1547", "Boot or Logon Autostart Execution", _LASTING),
        ("T1547.001", "Registry Run Keys / Startup Folder", _LASTING),
        ("T1547.002", "Authentication Package", _LASTING),
        ("T1547.004", "Winlogon Helper DLL", _LASTING),
        ("T1547.005", "Security Support Provider", _LASTING),
        ("T1547.008", "LSASS Driver", _LASTING),
        ("T1547.010", "Port Monitors", _LASTING),
        ("T1547.014", "Active Setup", _LASTING),
        ("T1548", "Abuse Elevation Control Mechanism", ("privilege-escalation",)),
        ("T1548.002", "Bypass User Account Control", ("privilege-escalation",)),
        ("T1548.003", "Sudo and Sudo Caching", ("privilege-escalation",)),
        ("T1550", "Use Alternate Authentication Material", ("stealth", "lateral-movement")),
        ("T1550.002", "Pass the Hash", ("stealth", "lateral-movement")),
        ("T1552", "Unsecured Credentials", ("credential-access",)),
        ("T1552.001", "Credentials In Files", ("credential-access",)),
        ("T1552.004", "Private Keys", ("credential-access",)),
        ("T1552.006", "Group Policy Preferences", ("credential-access",)),
        ("T1553", "Subvert Trust Controls", ("defense-impairment",)),
        ("T1555", "Credentials from Password Stores", ("credential-access",)),
        ("T1555.003", "Credentials from Web Browsers", ("credential-access",)),
        ("T1555.004", "Windows Credential Manager", ("credential-access",)),
        ("T1555.005", "Password Managers", ("credential-access",)),
        ("T1556", "Modify Authentication Process", ("persistence", "defense-impairment", "credential-access")),
        ("T1556.001", "Domain Controller Authentication", ("persistence", "defense-impairment", "credential-access")),
        ("T1557", "Adversary-in-the-Middle", ("credential-access", "collection")),
        ("T1557.001", "Name Resolution Poisoning and SMB Relay", ("credential-access", "collection")),
        ("T1557.003", "DHCP Spoofing", ("credential-access", "collection")),
        ("T1558", "Steal or Forge Kerberos Tickets", ("credential-access",)),
        ("T1558.001", "Golden Ticket", ("credential-access",)),
        ("T1558.002", "Silver Ticket", ("credential-access",)),
        ("T1558.003", "Kerberoasting", ("credential-access",)),
        ("T1558.004", "AS-REP Roasting", ("credential-access",)),
        ("T1560", "Archive Collected Data", ("collection",)),
        ("T1560.001", "Archive via Utility", ("collection",)),
        ("T1561", "Disk Wipe", ("impact",)),
        ("T1561.001", "Disk Content Wipe", ("impact",)),
        ("T1561.002", "Disk Structure Wipe", ("impact",)),
        ("T1563", "Remote Service Session Hijacking", ("lateral-movement",)),
        ("T1563.002", "RDP Hijacking", ("lateral-movement",)),
        ("T1564.001", "Hidden Files and Directories", _STEALTH),
        ("T1564.002", "Hidden Users", _STEALTH),
        ("T1565", "Data Manipulation", ("impact",)),
        ("T1565.001", "Stored Data Manipulation", ("impact",)),
        ("T1566", "Phishing", ("initial-access",)),
        ("T1566.001", "Spearphishing Attachment", ("initial-access",)),
        ("T1567", "Exfiltration Over Web Service", ("exfiltration",)),
        ("T1567.002", "Exfiltration to Cloud Storage", ("exfiltration",)),
        ("T1569", "System Services", ("execution",)),
        ("T1569.002", "Service Execution", ("execution",)),
        ("T1570", "Lateral Tool Transfer", ("lateral-movement",)),
        ("T1571", "Non-Standard Port", ("command-and-control",)),
        ("T1572", "Protocol Tunneling", ("command-and-control",)),
        ("T1574", "Hijack Execution Flow", ("execution", *_LASTING, "stealth")),
        ("T1574.001", "DLL", ("execution", *_LASTING, "stealth")),
        ("T1574.006", "Dynamic Linker Hijacking", ("execution", *_LASTING, "stealth")),
        ("T1574.009", "Path Interception by Unquoted Path", ("execution", *_LASTING, "stealth")),
        ("T1590.002", "DNS", ("reconnaissance",)),
        ("T1595", "Active Scanning", ("reconnaissance",)),
        ("T1595.002", "Vulnerability Scanning", ("reconnaissance",)),
        ("T1595.003", "Wordlist Scanning", ("reconnaissance",)),
        ("T1601", "Modify System Image", ("defense-impairment",)),
        ("T1649", "Steal or Forge Authentication Certificates", ("credential-access",)),
        ("T1685", "Disable or Modify Tools", ("defense-impairment",)),
        ("T1685.001", "Disable or Modify Windows Event Log", ("defense-impairment",)),
        ("T1685.004", "Disable or Modify Linux Audit System", ("defense-impairment",)),
        ("T1685.005", "Clear Windows Event Logs", ("defense-impairment",)),
        ("T1685.006", "Clear Linux or Mac System Logs", ("defense-impairment",)),
        ("T1686", "Disable or Modify System Firewall", ("defense-impairment",)),
        ("T1686.003", "Windows Host Firewall", ("defense-impairment",)),
        ("T1689", "Downgrade Attack", ("defense-impairment",)),
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
