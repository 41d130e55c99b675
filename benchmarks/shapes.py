"""Events as real sources write them, for stories that are told to the house: Windows' Security log and Sysmon as Winlogbeat sends them, and
lines of sshd, sudo, Samba's audit, FortiGate, Dovecot, nginx and the Linux kernel's firewall.

A story is a list of `Said`; each shape adds to it. Field names and values are those of the vendors' own documentation; people, houses and
machines are invented (addresses of RFC 5737 stand for the internet).
"""

import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, NamedTuple

from beffroi.logs.arrival import Form

START = datetime(2026, 11, 25, 13, 5, tzinfo=UTC).timestamp()
"""A Wednesday afternoon; the moments of a story are seconds after it."""
DOMAIN, SID = "TILLEULS", "S-1-5-21-2208431765-1103729388-4022173519"
SYSMON = "Microsoft-Windows-Sysmon/Operational"
PROVIDERS = {
    "Security": ("Microsoft-Windows-Security-Auditing", "{54849625-5478-4994-A5BA-3E3B0328C30D}"),
    "System": ("Service Control Manager", "{555908D1-A6D7-4695-8E1E-26931D2012F4}"),
    SYSMON: ("Microsoft-Windows-Sysmon", "{5770385F-C22A-43E0-BF4C-06F5698FFBD9}"),
    "Microsoft-Windows-Windows Defender/Operational": (
        "Microsoft-Windows-Windows Defender", "{11CD958A-C507-4EF3-B3F2-5FD9DFBD2C78}",
    ),
}  # fmt: skip


class Said(NamedTuple):
    """What one machine said. `at` is in seconds since 1970; `render` is given the number of its record, in the order of a machine's time."""

    at: float
    source: str
    form: Form
    render: Callable[[int], bytes]


Story = list[Said]


def iso(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%dT%H:%M:%S.%f") + "Z"


@dataclass(frozen=True)
class Session:
    """Somebody signed in on a Windows machine."""

    user: str
    number: int
    address: str = "-"
    domain: str = DOMAIN
    sid: str = ""

    @property
    def logon(self) -> str:
        return hex(self.number)


@dataclass(frozen=True)
class Process:
    """A program that runs."""

    number: int
    image: str
    command: str
    session: Session
    digest: str = ""


SYSTEM = Session("SRV-TILLEULS$", 0x3E7, domain=DOMAIN, sid="S-1-5-18")


@dataclass
class Windows:
    """A Windows machine; with `sysmon` it tells by Sysmon what runs, without by the audit of process creation with command lines."""

    name: str
    address: str
    sysmon: bool = False
    _next: int = field(default=0x51A0)
    _sids: dict[str, str] = field(default_factory=dict)

    def event(self, story: Story, at: float, number: int, channel: str = "Security", **data: Any) -> None:
        provider, guid = PROVIDERS[channel]

        def render(record: int) -> bytes:
            winlog = {
                "channel": channel, "computer_name": f"{self.name}.tilleuls.example", "event_id": str(number), "record_id": 84_000 + record,
                "provider_name": provider, "provider_guid": guid, "api": "wineventlog", "event_data": data, "process": {"pid": 712, "thread": {"id": 724}},
            }  # fmt: skip
            if channel == "Security":
                winlog["keywords"] = ["Audit Failure" if number == 4625 else "Audit Success"]
            document = {
                "@timestamp": iso(START + at), "winlog": winlog, "event": {"code": str(number), "provider": provider, "kind": "event"},
                "host": {"name": f"{self.name}.tilleuls.example"}, "agent": {"type": "winlogbeat", "version": "8.19.3"},
            }  # fmt: skip
            return json.dumps(document).encode()

        story.append(Said(START + at, self.name, Form.JSON, render))

    def sid(self, user: str) -> str:
        return self._sids.setdefault(user, f"{SID}-{1_104 + len(self._sids)}")

    def number(self) -> int:
        self._next += 0x134
        return self._next

    def sign_in(self, story: Story, at: float, user: str, kind: int, address: str = "-", station: str = "-") -> Session:
        """4624 of a logon type: 2 at the keyboard, 3 over the network, 10 by remote desktop."""
        session = Session(user, 0x2A0000 + 0x1D35 * self.number(), address, sid=self.sid(user))
        self.event(
            story, at, 4624, SubjectUserSid="S-1-5-18" if kind != 3 else "S-1-0-0", SubjectUserName=f"{self.name}$" if kind != 3 else "-",
            SubjectDomainName=DOMAIN if kind != 3 else "-", SubjectLogonId="0x3e7" if kind != 3 else "0x0", TargetUserSid=session.sid,
            TargetUserName=user, TargetDomainName=DOMAIN, TargetLogonId=session.logon, LogonType=str(kind),
            LogonProcessName="User32 " if kind != 3 else "NtLmSsp ", AuthenticationPackageName="Negotiate" if kind != 3 else "NTLM",
            WorkstationName=station if kind == 3 else self.name, LogonGuid="{00000000-0000-0000-0000-000000000000}", TransmittedServices="-",
            LmPackageName="NTLM V2" if kind == 3 else "-", KeyLength="128" if kind == 3 else "0", ProcessId="0x0" if kind == 3 else "0x4c8",
            ProcessName="-" if kind == 3 else "C:\\Windows\\System32\\svchost.exe", IpAddress=address, IpPort="0" if address == "-" else "50113",
            ImpersonationLevel="%%1833", RestrictedAdminMode="-", TargetOutboundUserName="-", TargetOutboundDomainName="-", VirtualAccount="%%1843",
            TargetLinkedLogonId="0x0", ElevatedToken="%%1843",
        )  # fmt: skip
        return session

    def refused(
        self, story: Story, at: float, user: str, address: str, *, known: bool = True, station: str = "-"
    ) -> None:
        """4625: a wrong password, or a name that nobody has."""
        self.event(
            story, at, 4625, SubjectUserSid="S-1-0-0", SubjectUserName="-", SubjectDomainName="-", SubjectLogonId="0x0", TargetUserSid="S-1-0-0",
            TargetUserName=user, TargetDomainName="", Status="0xc000006d", FailureReason="%%2313",
            SubStatus="0xc000006a" if known else "0xc0000064", LogonType="3", LogonProcessName="NtLmSsp ", AuthenticationPackageName="NTLM",
            WorkstationName=station, TransmittedServices="-", LmPackageName="-", KeyLength="0", ProcessId="0x0", ProcessName="-", IpAddress=address,
            IpPort="0",
        )  # fmt: skip

    def run(
        self,
        story: Story,
        at: float,
        session: Session,
        parent: Process | str,
        command: str,
        image: str = "",
        digest: str = "",
    ) -> Process:
        """A program starts. `parent` is a process, or the path of one that ran before the story."""
        if isinstance(parent, str):
            parent = Process(self.number(), parent, f'"{parent}"', session)
        program = image or command.split(maxsplit=1)[0].strip('"')
        made = Process(self.number(), program, command, session, digest)
        if self.sysmon:
            self.event(story, at, 1, SYSMON, **self._created(at, made, parent))
        else:
            self.event(
                story, at, 4688, SubjectUserSid=session.sid, SubjectUserName=session.user, SubjectDomainName=session.domain,
                SubjectLogonId=session.logon, NewProcessId=hex(made.number), NewProcessName=program, TokenElevationType="%%1938",
                ProcessId=hex(parent.number), CommandLine=command, TargetUserSid="S-1-0-0", TargetUserName="-", TargetDomainName="-",
                TargetLogonId="0x0", ParentProcessName=parent.image, MandatoryLabel="S-1-16-8192",
            )  # fmt: skip
        return made

    def guid(self, process: Process) -> str:
        return f"{{b3a1f0c2-{process.session.number & 0xFFFF:04x}-6925-{process.number & 0xFFFF:04x}-000000002f00}}"

    def _who(self, session: Session) -> str:
        return "NT AUTHORITY\\SYSTEM" if session.logon == "0x3e7" else f"{session.domain}\\{session.user}"

    def _created(self, at: float, made: Process, parent: Process) -> dict[str, str]:
        session = made.session
        digest = made.digest or f"{sum(map(ord, made.image)) * 2_654_435_761 % (1 << 61):064X}"
        return {
            "RuleName": "-", "UtcTime": iso(START + at)[:-4].replace("T", " "), "ProcessGuid": self.guid(made), "ProcessId": str(made.number),
            "Image": made.image, "FileVersion": "10.0.19041.1 (WinBuild.160101.0800)", "Description": "-", "Product": "-", "Company": "-",
            "OriginalFileName": made.image.rpartition("\\")[2], "CommandLine": made.command, "CurrentDirectory": "C:\\Windows\\system32\\",
            "User": self._who(session), "LogonGuid": f"{{b3a1f0c2-1a02-6925-{session.number & 0xFFFF:04x}-{session.number:012x}}}",
            "LogonId": session.logon, "TerminalSessionId": "0" if session.logon == "0x3e7" else "2", "IntegrityLevel": "Medium",
            "Hashes": f"SHA256={digest}", "ParentProcessGuid": self.guid(parent), "ParentProcessId": str(parent.number),
            "ParentImage": parent.image, "ParentCommandLine": parent.command, "ParentUser": self._who(parent.session),
        }  # fmt: skip

    def wrote(self, story: Story, at: float, process: Process, file: str) -> None:
        """Sysmon 11."""
        self.event(
            story,
            at,
            11,
            SYSMON,
            **self._of(at, process),
            TargetFilename=file,
            CreationUtcTime=iso(START + at)[:-4].replace("T", " "),
        )

    def set(self, story: Story, at: float, process: Process, key: str, value: str) -> None:
        """Sysmon 13."""
        self.event(
            story, at, 13, SYSMON, EventType="SetValue", **self._of(at, process), TargetObject=key, Details=value
        )

    def called(self, story: Story, at: float, process: Process, address: str, port: int) -> None:
        """Sysmon 3."""
        self.event(
            story, at, 3, SYSMON, **self._of(at, process), Protocol="tcp", Initiated="true", SourceIsIpv6="false", SourceIp=self.address,
            SourceHostname=self.name, SourcePort="51877", DestinationIsIpv6="false", DestinationIp=address, DestinationPort=str(port),
        )  # fmt: skip

    def opened(self, story: Story, at: float, process: Process, target: str, access: str) -> None:
        """Sysmon 10."""
        self.event(
            story, at, 10, SYSMON, RuleName="-", UtcTime=iso(START + at)[:-4].replace("T", " "), SourceProcessGUID=self.guid(process),
            SourceProcessId=str(process.number), SourceThreadId="6204", SourceImage=process.image,
            TargetProcessGUID="{b3a1f0c2-19f1-6925-0c00-000000002f00}", TargetProcessId="684", TargetImage=target, GrantedAccess=access,
            CallTrace="C:\\Windows\\SYSTEM32\\ntdll.dll+9d4c4|C:\\Windows\\System32\\KERNELBASE.dll+2c13e|" + process.image + "+a1f2",
            SourceUser=self._who(process.session), TargetUser="NT AUTHORITY\\SYSTEM",
        )  # fmt: skip

    def _of(self, at: float, process: Process) -> dict[str, str]:
        return {
            "RuleName": "-", "UtcTime": iso(START + at)[:-4].replace("T", " "), "ProcessGuid": self.guid(process),
            "ProcessId": str(process.number), "Image": process.image, "User": self._who(process.session),
        }  # fmt: skip

    def made_administrator(self, story: Story, at: float, by: Session, user: str) -> None:
        """4720 and, a little later, 4732 into the group of administrators."""
        subject = {
            "SubjectUserSid": by.sid,
            "SubjectUserName": by.user,
            "SubjectDomainName": by.domain,
            "SubjectLogonId": by.logon,
        }
        sid = self.sid(user)
        self.event(
            story, at, 4720, TargetUserName=user, TargetDomainName=self.name, TargetSid=sid, **subject, PrivilegeList="-", SamAccountName=user,
            DisplayName="%%1793", UserPrincipalName="-", HomeDirectory="%%1793", PasswordLastSet="%%1794", AccountExpires="%%1794",
            PrimaryGroupId="513", OldUacValue="0x0", NewUacValue="0x15", UserAccountControl="%%2080 %%2082 %%2084", LogonHours="%%1797",
        )  # fmt: skip
        self.event(
            story, at + 6, 4732, MemberName="-", MemberSid=sid, TargetUserName="Administrators", TargetDomainName="Builtin",
            TargetSid="S-1-5-32-544", **subject, PrivilegeList="-",
        )  # fmt: skip

    def planned(self, story: Story, at: float, by: Session, task: str, command: str, arguments: str) -> None:
        """4698."""
        xml = (
            '<?xml version="1.0" encoding="UTF-16"?><Task version="1.2" xmlns="http://schemas.microsoft.com/windows/2004/02/mit/task"><Actions '
            f'Context="Author"><Exec><Command>{command}</Command><Arguments>{arguments}</Arguments></Exec></Actions></Task>'
        )
        self.event(
            story, at, 4698, SubjectUserSid=by.sid, SubjectUserName=by.user, SubjectDomainName=by.domain, SubjectLogonId=by.logon, TaskName=task,
            TaskContent=xml, ClientProcessStartKey="4785074604081254", ClientProcessId="7188", ParentProcessId="5120", RpcCallClientLocality="0",
            FQDN=f"{self.name}.tilleuls.example",
        )  # fmt: skip

    def on_share(self, story: Story, at: float, by: Session, share: str, file: str, mask: str, accesses: str) -> None:
        """5145."""
        self.event(
            story, at, 5145, SubjectUserSid=by.sid, SubjectUserName=by.user, SubjectDomainName=by.domain, SubjectLogonId=by.logon,
            ObjectType="File", IpAddress=by.address, IpPort="50877", ShareName=f"\\\\*\\{share}", ShareLocalPath=f"\\??\\D:\\{share}",
            RelativeTargetName=file, AccessMask=mask, AccessList=accesses, AccessReason="-",
        )  # fmt: skip

    def service(self, story: Story, at: float, name: str, path: str) -> None:
        """7045."""
        self.event(
            story, at, 7045, "System", ServiceName=name, ImagePath=path, ServiceType="user mode service", StartType="demand start",
            AccountName="LocalSystem",
        )  # fmt: skip

    def malware(self, story: Story, at: float, user: str, name: str, file: str) -> None:
        """Defender's 1116."""
        self.event(
            story, at, 1116, "Microsoft-Windows-Windows Defender/Operational", **{
                "Product Name": "Microsoft Defender Antivirus", "Product Version": "4.18.26090.11", "Detection ID": "{7A1C6E0B-1B7E-4F43-9C52-6A5C1B5F0D11}",
                "Detection Time": iso(START + at), "Threat ID": "2147725414", "Threat Name": name, "Severity ID": "5", "Severity Name": "Severe",
                "Category ID": "8", "Category Name": "Trojan", "Status Code": "1", "State": "1", "Source ID": "3", "Source Name": "Real-Time Protection",
                "Process Name": "C:\\Windows\\explorer.exe", "Detection User": f"{DOMAIN}\\{user}", "Path": f"file:_{file}", "Origin ID": "1",
                "Origin Name": "Local machine", "Execution ID": "1", "Type ID": "0", "Action ID": "9", "Error Code": "0x00000000",
            },
        )  # fmt: skip


@dataclass(frozen=True)
class Lines:
    """A machine that says lines by syslog."""

    name: str

    def say(self, story: Story, at: float, priority: int, tag: str, text: str) -> None:
        """As rsyslog forwards (RFC 5424, with fractions of a second)."""
        program, _, pid = tag.partition("[")
        line = f"<{priority}>1 {iso(START + at)} {self.name} {program} {pid.rstrip(']') or '-'} - - {text}"
        story.append(Said(START + at, self.name, Form.SYSLOG, lambda _: line.encode()))

    def sshd(self, story: Story, at: float, pid: int, text: str) -> None:
        self.say(story, at, 86, f"sshd[{pid}]", text)

    def ssh_guess(self, story: Story, at: float, pid: int, user: str, address: str, *, known: bool) -> None:
        """One wrong password, with the lines around it."""
        port = 30_000 + pid % 30_000
        if not known:
            self.sshd(story, at, pid, f"Invalid user {user} from {address} port {port}")
        named = user if known else f"invalid user {user}"
        self.sshd(story, at + 0.8, pid, f"Failed password for {named} from {address} port {port} ssh2")
        self.sshd(
            story,
            at + 1.1,
            pid,
            f"Connection closed by {'authenticating' if known else 'invalid'} user {user} {address} port {port} [preauth]",
        )

    def samba(self, story: Story, at: float, user: str, address: str, share: str, what: str) -> None:
        """`full_audit:prefix = %u|%I|%S`."""
        self.say(story, at, 173, "smbd_audit[2231]", f"{user}|{address}|{share}|{what}")

    def packet(self, story: Story, at: float, source: str, target: str, port: int) -> None:
        """A packet that the kernel's firewall did not let in."""
        text = (
            f"[482113.{int(at * 1000) % 1_000_000:06}] [UFW BLOCK] IN=eth0 OUT= MAC=02:42:ac:11:00:02:02:42:5d:1e:9a:f0:08:00 SRC={source} DST={target} LEN=44 "
            f"TOS=0x00 PREC=0x00 TTL=243 ID={20_000 + port % 40_000} PROTO=TCP SPT=44313 DPT={port} WINDOW=1024 RES=0x00 SYN URGP=0 "
        )
        self.say(story, at, 4, "kernel", text.rstrip())

    def fortigate(self, story: Story, at: float, text: str) -> None:
        """FortiOS's own way; the time stands in the line."""
        moment = START + at
        local = datetime.fromtimestamp(moment + 3_600, UTC)
        line = (
            f'<189>date={local:%Y-%m-%d} time={local:%H:%M:%S} devname="{self.name}" devid="FGT60FTK00000000" eventtime={int(moment * 1e9)} '
            f'tz="+0100" {text}'
        )
        story.append(Said(moment, self.name, Form.SYSLOG, lambda _: line.encode()))

    def vpn_refused(self, story: Story, at: float, user: str, address: str) -> None:
        self.fortigate(
            story, at,
            f'logid="0101039426" type="event" subtype="vpn" level="alert" vd="root" logdesc="SSL VPN login fail" action="ssl-login-fail" tunneltype="ssl-web" '
            f'tunnelid=0 remip={address} user="{user}" group="N/A" dst_host="N/A" reason="sslvpn_login_permission_denied" msg="SSL user failed to logged in"',
        )  # fmt: skip

    def vpn_opened(self, story: Story, at: float, user: str, address: str, given: str) -> None:
        self.fortigate(
            story, at,
            f'logid="0101039947" type="event" subtype="vpn" level="information" vd="root" logdesc="SSL VPN tunnel up" action="tunnel-up" '
            f'tunneltype="ssl-tunnel" tunnelid=1173204880 remip={address} tunnelip={given} user="{user}" group="VPN-Personnel" dst_host="N/A" '
            f'reason="tunnel established" msg="SSL tunnel established"',
        )  # fmt: skip

    def denied(self, story: Story, at: float, source: str, target: str, port: int) -> None:
        """FortiGate did not let a packet through."""
        self.fortigate(
            story, at,
            f'logid="0001000014" type="traffic" subtype="local" level="notice" vd="root" srcip={source} srcport=44313 srcintf="wan1" srcintfrole="wan" '
            f'dstip={target} dstport={port} dstintf="root" dstintfrole="undefined" sessionid={port + 880_000} proto=6 action="deny" policyid=0 '
            f'policytype="local-in-policy" service="tcp/{port}" trandisp="noop" app="tcp/{port}" duration=0 sentbyte=0 rcvdbyte=0 sentpkt=0',
        )  # fmt: skip

    def mailbox_refused(self, story: Story, at: float, user: str, address: str) -> None:
        """Dovecot."""
        self.say(
            story, at, 22, "dovecot",
            f"imap-login: Disconnected: Connection closed (auth failed, 1 attempts in 2 secs): user=<{user}>, method=PLAIN, rip={address}, "
            f"lip=192.0.2.20, TLS, session=<{int(at * 1000):x}AAAA>",
        )  # fmt: skip

    def mailbox_opened(self, story: Story, at: float, user: str, address: str) -> None:
        self.say(
            story, at, 22, "dovecot",
            f"imap-login: Login: user=<{user}>, method=PLAIN, rip={address}, lip=192.0.2.20, mpid=4411, TLS, session=<{int(at * 1000):x}BBBB>",
        )  # fmt: skip

    def page(self, story: Story, at: float, address: str, path: str, status: int, agent: str) -> None:
        """nginx's access log, combined format."""
        local = datetime.fromtimestamp(START + at + 3_600, UTC)
        self.say(
            story, at, 190, "nginx",
            f'{address} - - [{local:%d/%b/%Y:%H:%M:%S} +0100] "GET {path} HTTP/1.1" {status} 153 "-" "{agent}"',
        )  # fmt: skip


def every(begin: float, pause: float, count: int) -> Iterable[tuple[int, float]]:
    """(number, moment), regularly and not quite so, as networks are."""
    return ((number, begin + number * pause + (number * 7 % 5) * pause / 11) for number in range(count))
