"""Events of Windows machines, as Winlogbeat or NXLog sends them: one JSON document each.

Field names and values are those of Microsoft's own event schemas (Security auditing, Service Control Manager, Sysmon, Defender). What numbers
an event needs (of a process, of a session) come from its time, so that the same story is always the same.
"""

import json
from dataclasses import dataclass
from typing import Any, Final, Literal

from beffroi.demo.house import DNS, DOMAIN, SID, Person
from beffroi.demo.said import Said, iso

SECURITY: Final = "Security"
SYSTEM: Final = "System"
SYSMON: Final = "Microsoft-Windows-Sysmon/Operational"
DEFENDER: Final = "Microsoft-Windows-Windows Defender/Operational"
POWERSHELL: Final = "Microsoft-Windows-PowerShell/Operational"
_PROVIDERS: Final = {
    SECURITY: ("Microsoft-Windows-Security-Auditing", "{54849625-5478-4994-A5BA-3E3B0328C30D}"),
    SYSTEM: ("Service Control Manager", "{555908D1-A6D7-4695-8E1E-26931D2012F4}"),
    SYSMON: ("Microsoft-Windows-Sysmon", "{5770385F-C22A-43E0-BF4C-06F5698FFBD9}"),
    DEFENDER: ("Microsoft-Windows-Windows Defender", "{11CD958A-C507-4EF3-B3F2-5FD9DFBD2C78}"),
    POWERSHELL: ("Microsoft-Windows-PowerShell", "{A0C1853B-5C40-4B15-8766-3CF1C58F985A}"),
}
UPDATES: Final = ("Microsoft-Windows-WindowsUpdateClient", "{945A8954-C147-4ACD-923F-40C45405A658}")
EVENTLOG: Final = ("Microsoft-Windows-Eventlog", "{FC65DDD8-D6EF-4962-83D5-6E5CFE9CE148}")
_FAILED: Final = frozenset({4625, 4771, 4776})
NOBODY: Final = "{00000000-0000-0000-0000-000000000000}"


@dataclass(frozen=True)
class Session:
    """Somebody signed in on a Windows machine."""

    who: Person
    logon: str
    address: str = "-"


@dataclass(frozen=True)
class Process:
    """A program that runs."""

    number: int
    image: str
    command: str
    session: Session


@dataclass(frozen=True)
class Windows:
    """A Windows machine. With `sysmon` it tells by Sysmon what runs, without by the audit of process creation with command lines."""

    name: str
    address: str
    sysmon: bool = False
    shipper: Literal["winlogbeat", "nxlog"] = "winlogbeat"

    @property
    def full(self) -> str:
        return f"{self.name}.{DNS}"

    def event(
        self, at: float, number: int, channel: str = SECURITY, provider: tuple[str, str] | None = None, **data: Any
    ) -> Said:
        provider = provider or _PROVIDERS[channel]
        document = _nxlog if self.shipper == "nxlog" else _winlogbeat
        return Said(
            at, self.name, "json", lambda record: document(self.full, at, number, channel, provider, data, record)
        )

    # --- who signs in -----------------------------------------------------------------------------------------------------------

    def session(self, at: float, who: Person, address: str = "-") -> Session:
        return Session(who, hex(0x100000 + int(at * 1_000) % 0xEFFFFFFF), address)

    def signed_in(
        self, at: float, who: Person, kind: int, address: str = "-", station: str = "-"
    ) -> tuple[Session, Said]:
        """4624 of a logon type: 2 at the keyboard, 3 over the network, 7 unlocked, 10 by remote desktop."""
        session = self.session(at, who, address)
        net = kind == 3
        return session, self.event(
            at, 4624, SubjectUserSid="S-1-0-0" if net else "S-1-5-18", SubjectUserName="-" if net else f"{self.name}$",
            SubjectDomainName="-" if net else DOMAIN, SubjectLogonId="0x0" if net else "0x3e7", TargetUserSid=who.sid, TargetUserName=who.login,
            TargetDomainName=DOMAIN, TargetLogonId=session.logon, LogonType=str(kind), LogonProcessName="Kerberos" if net else "User32 ",
            AuthenticationPackageName="Kerberos" if net else "Negotiate", WorkstationName=station if net else self.name, LogonGuid=NOBODY,
            TransmittedServices="-", LmPackageName="-", KeyLength="0", ProcessId="0x0" if net else "0x4c8",
            ProcessName="-" if net else "C:\\Windows\\System32\\svchost.exe", IpAddress=address, IpPort="0" if address == "-" else "50113",
            ImpersonationLevel="%%1833", RestrictedAdminMode="-", TargetOutboundUserName="-", TargetOutboundDomainName="-",
            VirtualAccount="%%1843", TargetLinkedLogonId="0x0", ElevatedToken="%%1843",
        )  # fmt: skip

    def powerful(self, at: float, session: Session) -> Said:
        """4672: the session may do everything."""
        return self.event(
            at, 4672, SubjectUserSid=session.who.sid, SubjectUserName=session.who.login, SubjectDomainName=DOMAIN, SubjectLogonId=session.logon,
            PrivilegeList="SeSecurityPrivilege\n\t\t\tSeBackupPrivilege\n\t\t\tSeRestorePrivilege\n\t\t\tSeTakeOwnershipPrivilege\n\t\t\tSeDebugPrivilege",
        )  # fmt: skip

    def signed_out(self, at: float, session: Session, kind: int = 2) -> Said:
        return self.event(
            at, 4634, TargetUserSid=session.who.sid, TargetUserName=session.who.login, TargetDomainName=DOMAIN, TargetLogonId=session.logon,
            LogonType=str(kind),
        )  # fmt: skip

    def refused(
        self, at: float, user: str, address: str, *, known: bool = True, station: str = "-", kind: int = 3
    ) -> Said:
        """4625: a wrong password, or a name that nobody has."""
        here = kind == 2
        return self.event(
            at, 4625, SubjectUserSid="S-1-5-18" if here else "S-1-0-0", SubjectUserName=f"{self.name}$" if here else "-",
            SubjectDomainName=DOMAIN if here else "-", SubjectLogonId="0x3e7" if here else "0x0", TargetUserSid="S-1-0-0",
            TargetUserName=user, TargetDomainName=DOMAIN, Status="0xc000006d", FailureReason="%%2313",
            SubStatus="0xc000006a" if known else "0xc0000064", LogonType=str(kind), LogonProcessName="User32 " if here else "NtLmSsp ",
            AuthenticationPackageName="Negotiate" if here else "NTLM", WorkstationName=self.name if here else station, TransmittedServices="-",
            LmPackageName="-", KeyLength="0", ProcessId="0x4c8" if here else "0x0",
            ProcessName="C:\\Windows\\System32\\svchost.exe" if here else "-", IpAddress="127.0.0.1" if here else address, IpPort="0",
        )  # fmt: skip

    def ticket(self, at: float, who: Person, address: str) -> Said:
        """4768, on a domain controller: somebody's first ticket of the day."""
        return self.event(
            at, 4768, TargetUserName=who.login, TargetDomainName=DNS.upper(), TargetSid=who.sid, ServiceName="krbtgt", ServiceSid=f"{SID}-502",
            TicketOptions="0x40810010", Status="0x0", TicketEncryptionType="0x12", PreAuthType="2", IpAddress=f"::ffff:{address}", IpPort="49702",
            CertIssuerName="", CertSerialNumber="", CertThumbprint="",
        )  # fmt: skip

    def service_ticket(self, at: float, who: Person, address: str, service: str, encryption: str = "0x12") -> Said:
        """4769: a ticket for a service."""
        return self.event(
            at, 4769, TargetUserName=f"{who.login}@{DNS.upper()}", TargetDomainName=DNS.upper(), ServiceName=service, ServiceSid=f"{SID}-1003",
            TicketOptions="0x40810000", TicketEncryptionType=encryption, IpAddress=f"::ffff:{address}", IpPort="49703", Status="0x0",
            LogonGuid="{6F1D4A52-1B0E-4E67-9D35-0C5B9A1F7E21}", TransmittedServices="-",
        )  # fmt: skip

    def ticket_refused(self, at: float, who: Person, address: str) -> Said:
        """4771: a wrong password, told by the domain controller."""
        return self.event(
            at, 4771, TargetUserName=who.login, TargetSid=who.sid, ServiceName=f"krbtgt/{DOMAIN}", TicketOptions="0x40810010", Status="0x18",
            PreAuthType="2", IpAddress=f"::ffff:{address}", IpPort="49704", CertIssuerName="", CertSerialNumber="", CertThumbprint="",
        )  # fmt: skip

    # --- what runs --------------------------------------------------------------------------------------------------------------

    def runs(
        self, at: float, session: Session, parent: Process | str, command: str, image: str = ""
    ) -> tuple[Process, Said]:  # fmt: skip
        """A program starts. `parent` is a process, or the path of one that ran before."""
        if isinstance(parent, str):
            parent = Process(4 * (300 + sum(map(ord, parent)) % 900), parent, f'"{parent}"', session)
        program = image or command.split(maxsplit=1)[0].strip('"')
        made = Process(4 * (2_000 + int(at * 1_000) % 20_000), program, command, session)
        if self.sysmon:
            return made, self.event(at, 1, SYSMON, **self._created(at, made, parent))
        return made, self.event(
            at, 4688, SubjectUserSid=session.who.sid, SubjectUserName=session.who.login, SubjectDomainName=DOMAIN, SubjectLogonId=session.logon,
            NewProcessId=hex(made.number), NewProcessName=program, TokenElevationType="%%1938", ProcessId=hex(parent.number), CommandLine=command,
            TargetUserSid="S-1-0-0", TargetUserName="-", TargetDomainName="-", TargetLogonId="0x0", ParentProcessName=parent.image,
            MandatoryLabel="S-1-16-8192",
        )  # fmt: skip

    def _guid(self, process: Process) -> str:
        return f"{{b3a1f0c2-{int(process.session.logon, 16) & 0xFFFF:04x}-6925-{process.number & 0xFFFF:04x}-000000002f00}}"

    def _who(self, session: Session) -> str:
        return "NT AUTHORITY\\SYSTEM" if session.logon == "0x3e7" else f"{DOMAIN}\\{session.who.login}"

    def _created(self, at: float, made: Process, parent: Process) -> dict[str, Any]:
        session = made.session
        return {
            "RuleName": "-", "UtcTime": _utc(at), "ProcessGuid": self._guid(made), "ProcessId": str(made.number), "Image": made.image,
            "FileVersion": "10.0.22621.1 (WinBuild.160101.0800)", "Description": "-", "Product": "-", "Company": "-",
            "OriginalFileName": made.image.rpartition("\\")[2], "CommandLine": made.command, "CurrentDirectory": "C:\\Windows\\system32\\",
            "User": self._who(session), "LogonGuid": f"{{b3a1f0c2-1a02-6925-0000-{int(session.logon, 16):012x}}}", "LogonId": session.logon,
            "TerminalSessionId": "0" if session.logon == "0x3e7" else "2", "IntegrityLevel": "Medium",
            "Hashes": f"SHA256={sum(map(ord, made.image)) * 2_654_435_761 % (1 << 61):064X}", "ParentProcessGuid": self._guid(parent),
            "ParentProcessId": str(parent.number), "ParentImage": parent.image, "ParentCommandLine": parent.command,
            "ParentUser": self._who(parent.session),
        }  # fmt: skip

    def _by(self, at: float, process: Process) -> dict[str, Any]:
        return {
            "RuleName": "-", "UtcTime": _utc(at), "ProcessGuid": self._guid(process), "ProcessId": str(process.number), "Image": process.image,
            "User": self._who(process.session),
        }  # fmt: skip

    def wrote(self, at: float, process: Process, file: str) -> Said:
        """Sysmon 11."""
        return self.event(at, 11, SYSMON, **self._by(at, process), TargetFilename=file, CreationUtcTime=_utc(at))

    def set_value(self, at: float, process: Process, key: str, value: str) -> Said:
        """Sysmon 13."""
        return self.event(
            at, 13, SYSMON, EventType="SetValue", **self._by(at, process), TargetObject=key, Details=value
        )

    def called(self, at: float, process: Process, address: str, port: int) -> Said:
        """Sysmon 3."""
        return self.event(
            at, 3, SYSMON, **self._by(at, process), Protocol="tcp", Initiated="true", SourceIsIpv6="false", SourceIp=self.address,
            SourceHostname=self.full, SourcePort="51877", SourcePortName="-", DestinationIsIpv6="false", DestinationIp=address, DestinationHostname="-",
            DestinationPort=str(port), DestinationPortName="-",
        )  # fmt: skip

    def opened(self, at: float, process: Process, target: str, access: str) -> Said:
        """Sysmon 10."""
        return self.event(
            at, 10, SYSMON, RuleName="-", UtcTime=_utc(at), SourceProcessGUID=self._guid(process), SourceProcessId=str(process.number),
            SourceThreadId="6204", SourceImage=process.image, TargetProcessGUID="{b3a1f0c2-19f1-6925-0c00-000000002f00}", TargetProcessId="684",
            TargetImage=target, GrantedAccess=access, SourceUser=self._who(process.session), TargetUser="NT AUTHORITY\\SYSTEM",
            CallTrace=f"C:\\Windows\\SYSTEM32\\ntdll.dll+9d4c4|C:\\Windows\\System32\\KERNELBASE.dll+2c13e|{process.image}+a1f2",
        )  # fmt: skip

    # --- accounts, tasks, services, shares ----------------------------------------------------------------------------------------

    def _subject(self, by: Session) -> dict[str, Any]:
        return {
            "SubjectUserSid": by.who.sid, "SubjectUserName": by.who.login, "SubjectDomainName": DOMAIN, "SubjectLogonId": by.logon,
        }  # fmt: skip

    def made_account(self, at: float, by: Session, who: Person) -> Said:
        """4720."""
        return self.event(
            at, 4720, TargetUserName=who.login, TargetDomainName=DOMAIN, TargetSid=who.sid, **self._subject(by), PrivilegeList="-",
            SamAccountName=who.login, DisplayName=who.name, UserPrincipalName=who.mail, HomeDirectory="-", HomePath="-", ScriptPath="-",
            ProfilePath="-", UserWorkstations="-", PasswordLastSet="%%1794", AccountExpires="%%1794", PrimaryGroupId="513", AllowedToDelegateTo="-",
            OldUacValue="0x0", NewUacValue="0x15", UserAccountControl="\n\t\t%%2080\n\t\t%%2082\n\t\t%%2084", UserParameters="-", SidHistory="-",
            LogonHours="%%1793",
        )  # fmt: skip

    def made_administrator(self, at: float, by: Session, who: Person) -> Said:
        """4728, into the domain's administrators."""
        return self.event(
            at, 4728, MemberName=f"CN={who.name},CN=Users,DC=tilleuls,DC=example", MemberSid=who.sid, TargetUserName="Admins du domaine",
            TargetDomainName=DOMAIN, TargetSid=f"{SID}-512", **self._subject(by), PrivilegeList="-",
        )  # fmt: skip

    def on_share(self, at: float, by: Session, share: str, file: str, mask: str, accesses: str) -> Said:
        """5145."""
        return self.event(
            at, 5145, **self._subject(by), ObjectType="File", IpAddress=by.address, IpPort="50877", ShareName=f"\\\\*\\{share}",
            ShareLocalPath=f"\\??\\D:\\{share}", RelativeTargetName=file, AccessMask=mask, AccessList=accesses, AccessReason="-",
        )  # fmt: skip

    def read(self, at: float, by: Session, share: str, file: str) -> Said:
        return self.on_share(
            at, by, share, file, "0x120089", "%%1538\n\t\t\t\t%%1541\n\t\t\t\t%%4416\n\t\t\t\t%%4419\n\t\t\t\t%%4423"
        )

    def wrote_on_share(self, at: float, by: Session, share: str, file: str) -> Said:
        return self.on_share(
            at, by, share, file, "0x12019f", "%%1538\n\t\t\t\t%%1541\n\t\t\t\t%%4416\n\t\t\t\t%%4417\n\t\t\t\t%%4418"
        )

    def gone_from_share(self, at: float, by: Session, share: str, file: str) -> Said:
        return self.on_share(at, by, share, file, "0x110080", "%%1537\n\t\t\t\t%%1541\n\t\t\t\t%%4423")

    def service(self, at: float, name: str, path: str, start: str = "demand start") -> Said:
        """7045."""
        return self.event(
            at, 7045, SYSTEM, ServiceName=name, ImagePath=path, ServiceType="user mode service", StartType=start, AccountName="LocalSystem"
        )  # fmt: skip

    def service_state(self, at: float, name: str, state: str) -> Said:
        """7036; Winlogbeat and NXLog name the two parts alike."""
        return self.event(at, 7036, SYSTEM, param1=name, param2=state)

    def planned(self, at: float, by: Session, task: str, command: str, arguments: str) -> Said:
        """4698."""
        xml = (
            '<?xml version="1.0" encoding="UTF-16"?>\n<Task version="1.2" xmlns="http://schemas.microsoft.com/windows/2004/02/mit/task"><Actions '
            f'Context="Author"><Exec><Command>{command}</Command><Arguments>{arguments}</Arguments></Exec></Actions></Task>'
        )
        return self.event(
            at, 4698, **self._subject(by), TaskName=task, TaskContent=xml, ClientProcessStartKey="4785074604081254", ClientProcessId="7188",
            ParentProcessId="5120", RpcCallClientLocality="0", FQDN=self.full,
        )  # fmt: skip

    def cleared(self, at: float, by: Session) -> Said:
        """1102: somebody emptied the Security log."""
        return self.event(
            at, 1102, SECURITY, EVENTLOG, SubjectUserSid=by.who.sid, SubjectUserName=by.who.login, SubjectDomainName=DOMAIN, SubjectLogonId=by.logon
        )  # fmt: skip

    def updated(self, at: float, what: str, number: int = 19) -> Said:
        """19 and 43 of Windows Update: installed, being installed."""
        return self.event(
            at, number, SYSTEM, UPDATES, updateTitle=what, updateGuid="{2F8C0D61-0B7E-4C53-8B2F-6E5B1C9C0A11}", updateRevisionNumber="1",
            serviceGuid="{9482F4B4-E343-43B6-B170-9A65BC822C77}",
        )  # fmt: skip

    # --- Defender and PowerShell ----------------------------------------------------------------------------------------------------

    def defender(self, at: float, number: int, data: dict[str, Any]) -> Said:
        product = {"Product Name": "Microsoft Defender Antivirus", "Product Version": "4.18.26090.11"}
        return self.event(at, number, DEFENDER, **(product | data))

    def definitions(self, at: float, version: str) -> Said:
        """2000: Defender knows new dangers."""
        return self.defender(at, 2000, {
            "Current security intelligence Version": version, "Previous security intelligence Version": "1.419.0.0", "Update Source": "%%854",
            "Update Type": "%%803", "User": "NT AUTHORITY\\SYSTEM",
        })  # fmt: skip

    def malware(self, at: float, who: Person, name: str, file: str) -> Said:
        """1116."""
        return self.defender(at, 1116, {
            "Detection ID": "{7A1C6E0B-1B7E-4F43-9C52-6A5C1B5F0D11}", "Detection Time": iso(at), "Threat ID": "2147725414", "Threat Name": name,
            "Severity ID": "5", "Severity Name": "Severe", "Category ID": "8", "Category Name": "Trojan",
            "FWLink": "https://go.microsoft.com/fwlink/?linkid=37020", "Status Code": "1", "State": "1", "Source ID": "3",
            "Source Name": "Real-Time Protection", "Process Name": "C:\\Windows\\explorer.exe", "Detection User": f"{DOMAIN}\\{who.login}",
            "Path": f"file:_{file}", "Origin ID": "1", "Origin Name": "Local machine", "Execution ID": "1", "Execution Name": "Suspended",
            "Type ID": "0", "Type Name": "Concrete", "Pre Execution Status": "0", "Action ID": "9", "Action Name": "Not Applicable",
            "Error Code": "0x00000000", "Additional Actions ID": "0",
        })  # fmt: skip

    def protection_off(self, at: float) -> Said:
        """5001."""
        return self.defender(at, 5001, {})


SYSTEM_ITSELF: Final = Session(Person("SYSTEM", "SRV$", "maintenance", "office", 18), "0x3e7")


def _utc(at: float) -> str:
    return iso(at)[:-1].replace("T", " ")


def _winlogbeat(
    computer: str, at: float, number: int, channel: str, provider: tuple[str, str], data: dict[str, Any], record: int
) -> bytes:
    winlog: dict[str, Any] = {
        "channel": channel, "computer_name": computer, "event_id": str(number), "record_id": 84_000 + record, "provider_name": provider[0],
        "provider_guid": provider[1], "api": "wineventlog", "process": {"pid": 712, "thread": {"id": 724}}, "opcode": "Info",
        "event_data": {name: value for name, value in data.items() if value != ""},
    }  # fmt: skip
    event: dict[str, Any] = {"code": str(number), "provider": provider[0], "kind": "event", "created": iso(at + 1.2)}
    if channel == SECURITY:
        failed = number in _FAILED
        winlog["keywords"] = ["Audit Failure" if failed else "Audit Success"]
        event["outcome"] = "failure" if failed else "success"
    document = {
        "@timestamp": iso(at), "winlog": winlog, "event": event, "log": {"level": "information"}, "host": {"name": computer},
        "ecs": {"version": "8.0.0"}, "agent": {"type": "winlogbeat", "version": "8.19.3", "name": computer.partition(".")[0]},
    }  # fmt: skip
    return json.dumps(document, ensure_ascii=False).encode()


def _nxlog(
    computer: str, at: float, number: int, channel: str, provider: tuple[str, str], data: dict[str, Any], record: int
) -> bytes:
    """`to_json` with NXLog's `DateFormat YYYY-MM-DDThh:mm:ss.sUTC`: without it the times are local and name no zone."""
    failed = channel == SECURITY and number in _FAILED
    kind = ("AUDIT_FAILURE" if failed else "AUDIT_SUCCESS") if channel == SECURITY else "INFO"
    keywords = (
        (-9218868437227405312 if failed else -9214364837600034816) if channel == SECURITY else -9223372036854775808
    )
    document = {
        "EventTime": iso(at), "Hostname": computer, "Keywords": keywords, "EventType": kind, "SeverityValue": 4 if failed else 2,
        "Severity": "ERROR" if failed else "INFO", "EventID": number, "SourceName": provider[0], "ProviderGuid": provider[1], "Version": 0, "Task": 0,
        "OpcodeValue": 0, "RecordNumber": 84_000 + record, "ExecutionProcessID": 712, "ExecutionThreadID": 724, "Channel": channel, "Opcode": "Info",
        **{name: value for name, value in data.items() if value != ""}, "EventReceivedTime": iso(at + 1.2), "SourceModuleName": "eventlog",
        "SourceModuleType": "im_msvistalog",
    }  # fmt: skip
    return json.dumps(document, ensure_ascii=False).encode()
