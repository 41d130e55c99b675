"""A raw Windows record, as evtx-dump writes it in JSON, as flat fields; which records a Windows log source means.

Sources of the table: SigmaHQ's tests/thor.yml for channels and event numbers; Sysmon's and PowerShell's own event lists.
"""

import re
from typing import Any, NamedTuple

from .errors import Unsupported

Fields = dict[str, Any]
Stated = tuple[str | None, str | None, str | None]
"""product, category, service"""

SYSMON = "Microsoft-Windows-Sysmon/Operational"
POWERSHELL = ("Microsoft-Windows-PowerShell/Operational", "PowerShellCore/Operational")
CLASSIC = "Windows PowerShell"
DEFENDER = "Microsoft-Windows-Windows Defender/Operational"
APPLOCKER = "Microsoft-Windows-AppLocker/"
MITIGATIONS = "Microsoft-Windows-Security-Mitigations/"
SHIM = "Microsoft-Windows-Kernel-ShimEngine/"
EXPERIENCE = "Microsoft-Windows-Application-Experience/"

SERVICES: dict[str, tuple[str, ...]] = {
    "application": ("Application",),
    "security": ("Security",),
    "system": ("System",),
    "sysmon": (SYSMON,),
    "powershell": POWERSHELL,
    "powershell-classic": (CLASSIC,),
    "windefend": (DEFENDER,),
    "applocker": tuple(
        APPLOCKER + log
        for log in ("MSI and Script", "EXE and DLL", "Packaged app-Deployment", "Packaged app-Execution")
    ),
    "appmodel-runtime": ("Microsoft-Windows-AppModel-Runtime/Admin",),
    "application-experience": (EXPERIENCE + "Program-Telemetry", EXPERIENCE + "Program-Compatibility-Assistant"),
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
    "driver-framework": ("Microsoft-Windows-DriverFrameworks-UserMode/Operational",),
    "firewall-as": ("Microsoft-Windows-Windows Firewall With Advanced Security/Firewall",),
    "hyper-v-worker": ("Microsoft-Windows-Hyper-V-Worker",),
    "iis-configuration": ("Microsoft-IIS-Configuration/Operational",),
    "kernel-event-tracing": ("Microsoft-Windows-Kernel-EventTracing",),
    "kernel-shimengine": (SHIM + "Operational", SHIM + "Diagnostic"),
    "ldap": ("Microsoft-Windows-LDAP-Client/Debug",),
    "lsa-server": ("Microsoft-Windows-LSA/Operational",),
    "microsoft-servicebus-client": ("Microsoft-ServiceBus-Client",),
    "msexchange-management": ("MSExchange Management",),
    "ntfs": ("Microsoft-Windows-Ntfs/Operational",),
    "ntlm": ("Microsoft-Windows-NTLM/Operational",),
    "openssh": ("OpenSSH/Operational",),
    "printservice-admin": ("Microsoft-Windows-PrintService/Admin",),
    "printservice-operational": ("Microsoft-Windows-PrintService/Operational",),
    "security-mitigations": (MITIGATIONS + "Kernel Mode", MITIGATIONS + "User Mode"),
    "sense": ("Microsoft-Windows-SENSE/Operational",),
    "servicebus-client": ("Microsoft-ServiceBus-Client/Admin", "Microsoft-ServiceBus-Client/Operational"),
    "shell-core": ("Microsoft-Windows-Shell-Core/Operational",),
    "smbclient-connectivity": ("Microsoft-Windows-SmbClient/Connectivity",),
    "smbclient-security": ("Microsoft-Windows-SmbClient/Security",),
    "smbserver-connectivity": ("Microsoft-Windows-SMBServer/Connectivity",),
    "taskscheduler": ("Microsoft-Windows-TaskScheduler/Operational",),
    "terminalservices-localsessionmanager": ("Microsoft-Windows-TerminalServices-LocalSessionManager/Operational",),
    "vhdmp": ("Microsoft-Windows-VHDMP-Operational", "Microsoft-Windows-VHDMP/Operational"),
    "wmi": ("Microsoft-Windows-WMI-Activity/Operational",),
}


class Source(NamedTuple):
    """One place where a category's events stand."""

    channels: tuple[str, ...]
    numbers: tuple[int, ...]
    event_types: tuple[str, ...] = ()
    """values of the field EventType, one of which is needed; () for any"""


def sysmon(*numbers: int, event_types: tuple[str, ...] = ()) -> list[Source]:
    return [Source((SYSMON,), numbers, event_types)]


CATEGORIES: dict[str, list[Source]] = {
    "process_creation": [*sysmon(1), Source(("Security",), (4688,))],
    "file_change": sysmon(2),
    "network_connection": sysmon(3),
    "sysmon_status": sysmon(4, 16),
    "process_termination": sysmon(5),
    "driver_load": sysmon(6),
    "image_load": sysmon(7),
    "create_remote_thread": sysmon(8),
    "raw_access_thread": sysmon(9),
    "process_access": sysmon(10),
    "file_event": sysmon(11),
    "registry_event": sysmon(12, 13, 14),
    "registry_add": sysmon(12, event_types=("CreateKey",)),
    "registry_delete": sysmon(12, event_types=("DeleteKey", "DeleteValue")),
    "registry_set": sysmon(13),
    "registry_rename": sysmon(14),
    "create_stream_hash": sysmon(15),
    "pipe_created": sysmon(17, 18),
    "wmi_event": sysmon(19, 20, 21),
    "dns_query": sysmon(22),
    "file_delete": sysmon(23, 26),
    "file_delete_detected": sysmon(26),
    "clipboard_capture": sysmon(24),
    "clipboard_change": sysmon(24),
    "process_tampering": sysmon(25),
    "file_block_executable": sysmon(27),
    "file_block_shredding": sysmon(28),
    "file_executable_detected": sysmon(29),
    "sysmon_error": sysmon(255),
    "ps_module": [Source(POWERSHELL, (4103,))],
    "ps_script": [Source(POWERSHELL, (4104,))],
    "ps_classic_start": [Source((CLASSIC,), (400,))],
    "ps_classic_provider_start": [Source((CLASSIC,), (600,))],
    "ps_classic_script": [Source((CLASSIC,), (800,))],
    "antivirus": [Source((DEFENDER,), (1006, 1007, 1008, 1009, 1010, 1011, 1012, 1017, 1018, 1019, 1115, 1116))],
}

INTEGRITY = {"S-1-16-4096": "Low", "S-1-16-8192": "Medium", "S-1-16-12288": "High", "S-1-16-16384": "System"}


def check_source(stated: Stated) -> None:
    """Refuse a Windows log source that no table knows: a rule on it could only be silent."""
    product, category, service = stated
    if not any(stated):
        raise Unsupported("the rule states no log source")
    if product == "windows" and category is not None and category not in CATEGORIES:
        raise Unsupported(f"no Windows log is known for the category {category!r}")
    if product == "windows" and service is not None and service not in SERVICES:
        raise Unsupported(f"no Windows log is known for the service {service!r}")


def same(one: Any, other: str) -> bool:
    return str(one).lower() == other.lower()


def covers(stated: Stated, fields: Fields) -> bool:
    """Whether a rule with this log source looks at this Windows event."""
    product, category, service = stated
    if product not in (None, "windows") or (category is None and service is None and product is None):
        return False
    channel = fields.get("Channel")
    if service is not None and not any(same(channel, log) for log in SERVICES.get(service, ())):
        return False
    return category is None or any(
        any(same(channel, log) for log in source.channels)
        and str(fields.get("EventID")) in map(str, source.numbers)
        and (not source.event_types or any(same(fields.get("EventType"), kind) for kind in source.event_types))
        for source in CATEGORIES.get(category, [])
    )


def plain(value: Any) -> Any:
    """A JSON value of evtx-dump without its XML attributes."""
    return value.get("#text") if isinstance(value, dict) else value


def attribute(system: dict[str, Any], element: str, name: str) -> Any:
    found = system.get(element)
    return (found.get("#attributes") or {}).get(name) if isinstance(found, dict) else None


def children(element: Any) -> dict[str, Any]:
    """The child elements, attributes left out."""
    return (
        {name: value for name, value in element.items() if name not in ("#attributes", "#text")}
        if isinstance(element, dict)
        else {}
    )


def flatten(raw: dict[str, Any]) -> Fields:
    """The flat fields of a record: those of System, then EventData or UserData."""
    event = raw["Event"]
    system = event["System"]
    fields: Fields = {
        name: plain(system[name]) for name in ("Level", "Task", "Opcode", "Keywords", "Version") if name in system
    }
    if attribute(system, "Security", "UserID") is not None:
        fields["UserID"] = attribute(system, "Security", "UserID")
    fields |= event_data(event.get("EventData"))
    fields |= user_data(event.get("UserData"))
    number = plain(system.get("EventID"))
    fields |= {
        "EventID": int(number) if isinstance(number, str) and number.isdecimal() else number,
        "Channel": plain(system.get("Channel")),
        "Provider_Name": attribute(system, "Provider", "Name"),
        "Computer": plain(system.get("Computer")),
        "EventRecordID": plain(system.get("EventRecordID")),
        "TimeCreated": attribute(system, "TimeCreated", "SystemTime"),
    }
    return fields


def event_data(data: Any) -> Fields:
    """Named Data under their names; the unnamed together as Data, a list unless there is only one."""
    if isinstance(data, str):
        return {"Data": data}
    fields = {name: plain(value) for name, value in children(data).items()}
    if isinstance(fields.get("Data"), list) and len(fields["Data"]) == 1:
        fields["Data"] = fields["Data"][0]
    return fields


def user_data(data: Any) -> Fields:
    """The children of the one element under UserData; where such a child has children itself, these instead of it."""
    fields: Fields = {}
    for element in list(children(data).values())[:1]:
        for name, value in children(element).items():
            if children(value):
                fields |= {inner: plain(deep) for inner, deep in children(value).items()}
            else:
                fields[name] = plain(value)
    return fields


def translated(stated: Stated, fields: Fields) -> Fields:
    """The event as a rule of this log source sees it: 4688 in Sysmon's words, Defender in those of `antivirus`."""
    category = stated[1]
    if category == "process_creation" and same(fields.get("Channel"), "Security"):
        return fields | process_creation(fields)
    if category == "antivirus":
        names = {"Signature": "Threat Name", "Filename": "Path"}
        return {new: fields[old] for new, old in names.items() if old in fields} | fields
    return fields


def process_creation(event: Fields) -> Fields:
    """What Security 4688 says, under Sysmon's names and in Sysmon's spelling."""
    renamed: Fields = {}
    for new, old in {"Image": "NewProcessName", "ParentImage": "ParentProcessName"}.items():
        if old in event:
            renamed[new] = event[old]
    for new, old in {"ProcessId": "NewProcessId", "ParentProcessId": "ProcessId"}.items():
        if old in event:
            renamed[new] = without_hexadecimal(event[old])
    if event.get("MandatoryLabel") in INTEGRITY:
        renamed["IntegrityLevel"] = INTEGRITY[event["MandatoryLabel"]]
    if event.get("SubjectDomainName") and event.get("SubjectUserName"):
        renamed["User"] = f"{event['SubjectDomainName']}\\{event['SubjectUserName']}"
    return renamed


def without_hexadecimal(value: Any) -> Any:
    is_hexadecimal = isinstance(value, str) and re.fullmatch("0[xX][0-9a-fA-F]+", value)
    return str(int(value, 16)) if is_hexadecimal else value
