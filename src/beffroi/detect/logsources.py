"""What a Sigma log source means: which channels and events of Windows, under which names.

The correspondence follows the taxonomy of the Sigma specification v2.1 (appendix "taxonomy") and SigmaHQ's own
THOR mapping; Sysmon's and Windows' event numbers are Microsoft's. Kept here in one table, because every rule that
is fed the wrong log source is either blind or a false alarm.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

from beffroi.core.model import Fields, LogSource
from beffroi.detect.ir import Expr

SYSMON = "Microsoft-Windows-Sysmon/Operational"
SECURITY = "Security"
POWERSHELL = ("Microsoft-Windows-PowerShell/Operational", "PowerShellCore/Operational")
POWERSHELL_CLASSIC = "Windows PowerShell"
DEFENDER = "Microsoft-Windows-Windows Defender/Operational"

SERVICES: dict[str, tuple[str, ...]] = {
    "appmodel-runtime": ("Microsoft-Windows-AppModel-Runtime/Admin",),
    "application": ("Application",),
    "application-experience": (
        "Microsoft-Windows-Application-Experience/Program-Telemetry",
        "Microsoft-Windows-Application-Experience/Program-Compatibility-Assistant",
    ),
    "applocker": (
        "Microsoft-Windows-AppLocker/MSI and Script",
        "Microsoft-Windows-AppLocker/EXE and DLL",
        "Microsoft-Windows-AppLocker/Packaged app-Deployment",
        "Microsoft-Windows-AppLocker/Packaged app-Execution",
    ),
    "appxdeployment-server": ("Microsoft-Windows-AppXDeploymentServer/Operational",),
    "appxpackaging-om": ("Microsoft-Windows-AppxPackaging/Operational",),
    "bitlocker": ("Microsoft-Windows-BitLocker/BitLocker Management",),
    "bits-client": ("Microsoft-Windows-Bits-Client/Operational",),
    "capi2": ("Microsoft-Windows-CAPI2/Operational",),
    "certificateservicesclient-lifecycle-system": (
        "Microsoft-Windows-CertificateServicesClient-Lifecycle-System/Operational",
    ),
    "codeintegrity-operational": ("Microsoft-Windows-CodeIntegrity/Operational",),
    "dhcp": ("Microsoft-Windows-DHCP-Server/Operational",),
    "diagnosis-scripted": ("Microsoft-Windows-Diagnosis-Scripted/Operational",),
    "dns-client": ("Microsoft-Windows-DNS Client Events/Operational",),
    "dns-server": ("DNS Server",),
    "dns-server-analytic": ("Microsoft-Windows-DNS-Server/Analytical",),
    "dns-server-audit": ("Microsoft-Windows-DNS-Server/Audit",),
    "driver-framework": ("Microsoft-Windows-DriverFrameworks-UserMode/Operational",),
    "firewall-as": ("Microsoft-Windows-Windows Firewall With Advanced Security/Firewall",),
    "hyper-v-worker": ("Microsoft-Windows-Hyper-V-Worker", "Microsoft-Windows-Hyper-V-Worker-Admin"),
    "iis-configuration": ("Microsoft-IIS-Configuration/Operational",),
    "kernel-event-tracing": ("Microsoft-Windows-Kernel-EventTracing", "Microsoft-Windows-Kernel-EventTracing/Admin"),
    "kernel-shimengine": (
        "Microsoft-Windows-Kernel-ShimEngine/Operational",
        "Microsoft-Windows-Kernel-ShimEngine/Diagnostic",
    ),
    "ldap": ("Microsoft-Windows-LDAP-Client/Debug",),
    "lsa-server": ("Microsoft-Windows-LSA/Operational",),
    "microsoft-servicebus-client": (
        "Microsoft-ServiceBus-Client",
        "Microsoft-ServiceBus-Client/Admin",
        "Microsoft-ServiceBus-Client/Operational",
    ),
    "msexchange-management": ("MSExchange Management",),
    "ntfs": ("Microsoft-Windows-Ntfs/Operational",),
    "ntlm": ("Microsoft-Windows-NTLM/Operational",),
    "openssh": ("OpenSSH/Operational",),
    "powershell": POWERSHELL,
    "powershell-classic": (POWERSHELL_CLASSIC,),
    "printservice-admin": ("Microsoft-Windows-PrintService/Admin",),
    "printservice-operational": ("Microsoft-Windows-PrintService/Operational",),
    "security": (SECURITY,),
    "security-mitigations": (
        "Microsoft-Windows-Security-Mitigations/Kernel Mode",
        "Microsoft-Windows-Security-Mitigations/User Mode",
    ),
    "sense": ("Microsoft-Windows-SENSE/Operational",),
    "shell-core": ("Microsoft-Windows-Shell-Core/Operational",),
    "smbclient-connectivity": ("Microsoft-Windows-SmbClient/Connectivity",),
    "smbclient-security": ("Microsoft-Windows-SmbClient/Security",),
    "smbserver-connectivity": ("Microsoft-Windows-SMBServer/Connectivity",),
    "sysmon": (SYSMON,),
    "system": ("System",),
    "taskscheduler": ("Microsoft-Windows-TaskScheduler/Operational",),
    "terminalservices-localsessionmanager": ("Microsoft-Windows-TerminalServices-LocalSessionManager/Operational",),
    "vhdmp": ("Microsoft-Windows-VHDMP-Operational", "Microsoft-Windows-VHDMP/Operational"),
    "windefend": (DEFENDER,),
    "wmi": ("Microsoft-Windows-WMI-Activity/Operational",),
}
SERVICES["servicebus-client"] = SERVICES["microsoft-servicebus-client"]

NO_EVENT_LOG = {
    "file_access": "opening of files",
    "file_rename": "renaming of files",
}
"""Categories that Windows offers through live tracing (ETW) only: no event log ever holds them."""


class Target(NamedTuple):
    """One place where events of a log source lie: channels (empty: any), event numbers (None: any), a condition
    besides, and the view under which the rule sees their fields."""

    channels: tuple[str, ...]
    events: frozenset[int] | None = None
    guard: Expr = True
    view: str = "plain"


def _sysmon(*events: int, guard: Expr = True) -> Target:
    return Target((SYSMON,), frozenset(events), guard)


def _event_type(*names: str) -> Expr:
    return ["text", "EventType", 0, [name.lower() for name in names], [], [], [], []]


CATEGORIES: dict[str, tuple[Target, ...]] = {
    "antivirus": (
        Target(
            (DEFENDER,),
            frozenset({1006, 1007, 1008, 1009, 1010, 1011, 1012, 1017, 1018, 1019, 1115, 1116}),
            view="antivirus",
        ),
    ),
    "clipboard_capture": (_sysmon(24),),
    "clipboard_change": (_sysmon(24),),
    "create_remote_thread": (_sysmon(8),),
    "create_stream_hash": (_sysmon(15),),
    "dns_query": (_sysmon(22),),
    "driver_load": (_sysmon(6),),
    "file_block_executable": (_sysmon(27),),
    "file_block_shredding": (_sysmon(28),),
    "file_change": (_sysmon(2),),
    "file_delete": (_sysmon(23, 26),),
    "file_delete_detected": (_sysmon(26),),
    "file_event": (_sysmon(11),),
    "file_executable_detected": (_sysmon(29),),
    "image_load": (_sysmon(7),),
    "network_connection": (_sysmon(3),),
    "pipe_created": (_sysmon(17, 18),),
    "process_access": (_sysmon(10),),
    "process_creation": (
        _sysmon(1),
        Target((SECURITY,), frozenset({4688}), view="process_4688"),
    ),
    "process_tampering": (_sysmon(25),),
    "process_termination": (_sysmon(5),),
    "ps_classic_provider_start": (Target((POWERSHELL_CLASSIC,), frozenset({600})),),
    "ps_classic_script": (Target((POWERSHELL_CLASSIC,), frozenset({800})),),
    "ps_classic_start": (Target((POWERSHELL_CLASSIC,), frozenset({400})),),
    "ps_module": (Target(POWERSHELL, frozenset({4103})),),
    "ps_script": (Target(POWERSHELL, frozenset({4104})),),
    "raw_access_thread": (_sysmon(9),),
    "registry_add": (_sysmon(12, guard=_event_type("CreateKey")),),
    "registry_delete": (_sysmon(12, guard=_event_type("DeleteKey", "DeleteValue")),),
    "registry_event": (_sysmon(12, 13, 14),),
    "registry_rename": (_sysmon(14),),
    "registry_set": (_sysmon(13),),
    "sysmon_error": (_sysmon(255),),
    "sysmon_status": (_sysmon(4, 16),),
    "wmi_event": (_sysmon(19, 20, 21),),
}


def event_number(value: Any) -> int | None:
    """The event number a field holds: a whole number, or its decimal writing; None for anything else."""
    if value.__class__ is int:
        return value
    return int(value) if isinstance(value, str) and value.isdecimal() and len(value) < 20 else None


def targets(source: LogSource) -> tuple[Target, ...] | None:
    """Where in Windows' event logs a rule of this log source looks; None where Windows has no such log.

    A rule for another product has no target among Windows' channels either; it applies to events whose log source
    is stated (see `applies`).
    """
    if source.product not in (None, "windows"):
        return None
    if source.category is None and source.service is None:
        return (Target(()),) if source.product else None
    found: tuple[Target, ...] = (Target(()),)
    if source.category is not None:
        known = CATEGORIES.get(source.category)
        if known is None:
            return None
        found = known
    if source.service is not None:
        channels = SERVICES.get(source.service)
        if channels is None:
            return None
        view = "spaced" if channels == (DEFENDER,) else "plain"
        found = tuple(
            target._replace(
                channels=tuple(channel for channel in channels if not target.channels or channel in target.channels),
                view=view if target.view == "plain" else target.view,
            )
            for target in found
            if not target.channels or set(target.channels) & set(channels)
        )
    return found or None


def applies(rule: LogSource, stated: LogSource) -> bool:
    """Whether a rule is about events whose log source somebody stated: each part the rule names must be the same."""
    return any(rule) and all(want is None or want == have for want, have in zip(rule, stated, strict=True))


# --- views: the same event under the names a log source promises ---------------------------------------------------

INTEGRITY = {"S-1-16-4096": "Low", "S-1-16-8192": "Medium", "S-1-16-12288": "High", "S-1-16-16384": "System"}


def _decimal(value: Any) -> Any:
    """Security 4688 writes process numbers in hexadecimal, Sysmon in decimal."""
    if isinstance(value, str) and value[:2].lower() == "0x":
        try:
            return int(value, 16)
        except ValueError:
            return value
    return value


def _process_4688(fields: Fields) -> Fields:
    """Security 4688 as Sysmon 1 names it (Microsoft's documentation of both events); own names stay."""
    view = dict(fields)
    for name, original in (("Image", "NewProcessName"), ("ParentImage", "ParentProcessName")):
        if original in fields:
            view[name] = fields[original]
    if "NewProcessId" in fields:
        view["ParentProcessId"] = _decimal(fields.get("ProcessId"))
        view["ProcessId"] = _decimal(fields["NewProcessId"])
    if "MandatoryLabel" in fields:
        label = fields["MandatoryLabel"]
        view["IntegrityLevel"] = INTEGRITY.get(label, label) if isinstance(label, str) else label
    if "SubjectUserName" in fields:
        domain = fields.get("SubjectDomainName")
        view["User"] = f"{domain}\\{fields['SubjectUserName']}" if domain else fields["SubjectUserName"]
    return view


def _spaced(fields: Fields) -> Fields:
    """Defender's names hold spaces ("New Value"); rules write them without or with an underscore."""
    view = dict(fields)
    for name, value in fields.items():
        if " " in name:
            view.setdefault(name.replace(" ", ""), value)
            view.setdefault(name.replace(" ", "_"), value)
    return view


def _antivirus(fields: Fields) -> Fields:
    view = _spaced(fields)
    for name, original in (("Signature", "ThreatName"), ("Filename", "Path")):
        if original in view:
            view.setdefault(name, view[original])
    return view


VIEWS: dict[str, Callable[[Fields], Fields]] = {
    "process_4688": _process_4688,
    "spaced": _spaced,
    "antivirus": _antivirus,
}


def viewed(view: str, fields: Fields) -> Fields:
    """An event's fields as a rule of that view sees them; the event itself is left as it is."""
    change = VIEWS.get(view)
    return fields if change is None else change(fields)
