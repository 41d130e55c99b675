"""What Windows, its programs and the provider's tools do every day by themselves, much of which looks like an attack to a careless rule: scripts at
sign-in, printers reached through a pipe, antivirus that opens every process, services and tasks of updaters, copies of a database.
"""

from random import Random
from typing import Any, Final

from beffroi.demo import acts, cloud
from beffroi.demo.house import DNS, DOMAIN, SID, House, Machine, Person
from beffroi.demo.said import Said, every, in_order
from beffroi.demo.windows import POWERSHELL, SECURITY, SYSMON, SYSTEM, SYSTEM_ITSELF, Process, Session, Windows

SYSTEM32: Final = "C:\\Windows\\System32\\"
USERINIT: Final = f"{SYSTEM32}userinit.exe"
ANTIVIRUS: Final = "C:\\ProgramData\\Microsoft\\Windows Defender\\Platform\\4.18.26090.11-0\\MsMpEng.exe"
SHARES: Final = (("S:", "soins"), ("P:", "public"), ("A:", "animation"), ("Q:", "qualite"))


def _image(program: str) -> str:
    return f"{SYSTEM32}{program}.exe"


def signs_in(house: House, at: float, session: Session, machine: Machine) -> list[Said]:
    """What a sign-in starts: the script of the domain maps the shares, OneDrive and the tray come up, the domain's folders are read."""
    here, dc = acts.windows(house, machine.name), acts.windows(house, "SRV-DC")
    shell, script = here.runs(
        at + 3, session, USERINIT, f'{_image("cmd")} /c ""\\\\{DNS}\\NETLOGON\\ouverture.bat" "', _image("cmd")
    )  # fmt: skip
    story = [here.runs(at + 2, session, USERINIT, acts.EXPLORER)[1], script]
    for number, (letter, share) in enumerate(SHARES):
        story.append(
            here.runs(
                at + 3.4 + number * 0.3,
                session,
                shell,
                f"net  use {letter} \\\\nas\\{share} /persistent:no",
                _image("net"),
            )[1]
        )
    drive = f"C:\\Users\\{session.who.login}\\AppData\\Local\\Microsoft\\OneDrive\\OneDrive.exe"
    for number, command in enumerate(
        (
            f'"{drive}" /background',
            f"{SYSTEM32}SecurityHealthSystray.exe",
            f"{SYSTEM32}ctfmon.exe",
            f"{SYSTEM32}RuntimeBroker.exe -Embedding",
        )
    ):
        story.append(
            here.runs(
                at + 6 + number * 1.7, session, acts.EXPLORER, command, command.split(" /")[0].split(" -")[0].strip('"')
            )[1]
        )
    reader = Session(session.who, session.logon, machine.address)
    story += [
        dc.on_share(at + 4, reader, "NETLOGON", "ouverture.bat", "0x120089", "%%4416\n\t\t\t\t%%4423"),
        dc.on_share(at + 4.1, reader, "IPC$", "srvsvc", "0x12019f", "%%4416\n\t\t\t\t%%4417"),
    ]
    story.append(
        dc.on_share(
            at + 4.6,
            reader,
            "SYSVOL",
            f"{DNS}\\Policies\\{{31B2F340-016D-11D2-945F-00C04FB984F9}}\\gpt.ini",
            "0x120089",
            "%%4416\n\t\t\t\t%%4423",
        )
    )
    return in_order(story)


def works(rng: Random, house: House, at: float, until: float, session: Session, machine: Machine) -> list[Said]:
    """In the course of a shift: letters of the care server's own share, a printer that hangs on it, help from a Windows program."""
    care = acts.windows(house, "SRV-SOINS")
    reader = Session(session.who, hex(int(session.logon, 16) + 77), machine.address)
    story: list[Said] = []
    for _ in range(4):
        moment = rng.uniform(at, until)
        story.append(
            care.read(
                moment,
                reader,
                "Dossiers",
                f"dossiers\\resident {rng.randint(1, 82):02d}\\lettre {rng.randint(1, 30)}.pdf",
            )
        )
        if rng.random() < 0.3:
            story.append(
                care.wrote_on_share(
                    moment + 60,
                    reader,
                    "Dossiers",
                    f"dossiers\\resident {rng.randint(1, 82):02d}\\rapport {rng.randint(1, 30)}.docx",
                )
            )
    for _ in range(rng.randint(0, 2)):  # Windows 10 prints through a pipe of the print server
        moment = rng.uniform(at, until)
        story += [
            care.on_share(moment, reader, "IPC$", "spoolss", "0x12019f", "%%4416\n\t\t\t\t%%4417"),
            care.on_share(moment + 2, reader, "print$", "x64\\3\\UNIDRV.DLL", "0x120089", "%%4416"),
        ]
    return in_order(story)


def of_machine(rng: Random, house: House, midnight: float, machine: Machine) -> list[Said]:
    """A day of a machine, whoever sits there: its own account, services, tasks and updaters; with Sysmon, what the antivirus and Windows do to
    other processes."""
    here, dc = acts.windows(house, machine.name), acts.windows(house, "SRV-DC")
    itself = Person(
        machine.name, f"{machine.name}$", "maintenance", "office", 1_500 + int(machine.address.rpartition(".")[2])
    )
    story: list[Said] = []
    for _ in range(4):
        moment = midnight + rng.uniform(0, 86_000)
        story += [
            dc.signed_in(moment, itself, 3, machine.address, machine.name)[1],
            dc.service_ticket(moment - 0.2, itself, machine.address, "SRV-DC$"),
        ]
    moment = midnight + rng.uniform(0, 80_000)
    updater = '"C:\\Program Files (x86)\\Google\\GoogleUpdater\\142.0.7444.0\\updater.exe"'
    if rng.random() < 0.05:
        story.append(
            here.service(
                moment,
                "Google Updater Service (GoogleUpdaterService142)",
                f"{updater} --system --windows-service --service=update",
                "auto start",
            )
        )
    if rng.random() < 0.3:
        version = f"{{{rng.randint(0, 0xFFFFFFFF):08X}-0B7E-4C53-8B2F-6E5B1C9C0A11}}"
        story.append(
            here.service(
                moment + 300,
                f"MpKsl{rng.randint(0, 0xFFFF):04x}",
                f"C:\\ProgramData\\Microsoft\\Windows Defender\\Definition Updates\\{version}\\MpKslDrv.sys",
            )
        )
    story += (here.runs(moment + number * 9, SYSTEM_ITSELF, acts.SERVICES, command, command.split(" -")[0].split(" /")[0].strip('"'))[1] for number, command in enumerate((
        f"{updater} --wake --system", f"{SYSTEM32}svchost.exe -k LocalSystemNetworkRestricted -p -s WdiSystemHost", f"{SYSTEM32}wuauclt.exe /RunHandlerComServer",
        f"{SYSTEM32}compattelrunner.exe -maintenance", f"{SYSTEM32}rundll32.exe {SYSTEM32}PcaSvc.dll,PcaPatchSdbTask", f"{SYSTEM32}sc.exe start w32time task_started",
        f"{SYSTEM32}gpupdate.exe /target:computer",
    )))  # fmt: skip
    if here.sysmon:
        story += _watched(rng, midnight, here)
    return in_order(story)


def _watched(rng: Random, midnight: float, here: Windows) -> list[Said]:
    """What Sysmon sees of a quiet machine."""
    guard = Process(3_412, ANTIVIRUS, f'"{ANTIVIRUS}"', SYSTEM_ITSELF)
    asker = Process(
        2_208, f"{SYSTEM32}wbem\\WmiPrvSE.exe", f"{SYSTEM32}wbem\\wmiprvse.exe -secured -Embedding", SYSTEM_ITSELF
    )
    host = Process(1_104, f"{SYSTEM32}svchost.exe", f"{SYSTEM32}svchost.exe -k netsvcs -p", SYSTEM_ITSELF)
    drive = Process(
        6_012,
        "C:\\Users\\r.collard\\AppData\\Local\\Microsoft\\OneDrive\\OneDrive.exe",
        "OneDrive.exe /background",
        SYSTEM_ITSELF,
    )
    lsass = f"{SYSTEM32}lsass.exe"
    story: list[Said] = []
    for _ in range(12):
        moment = midnight + rng.uniform(0, 86_000)
        story += [
            here.opened(moment, guard, lsass, "0x1000"), here.opened(moment + 1, host, lsass, "0x1000"), here.opened(moment + 2, asker, lsass, "0x1410"),
            here.called(moment + 3, host, "203.0.113.160", 443), here.wrote(moment + 4, host, "C:\\Windows\\Prefetch\\DOSSIER.EXE-1B2C3D4E.pf"),
            here.set_value(moment + 5, host, "HKLM\\System\\CurrentControlSet\\Services\\W32Time\\Config\\LastKnownGoodTime", "QWORD (0x01dc5d20-0x8f1c2a00)"),
            here.event(moment + 6, 22, SYSMON, RuleName="-", UtcTime="-", ProcessGuid="{b3a1f0c2-1a02-6925-5100-000000002f00}", ProcessId="1104", QueryName="settings-win.data.microsoft.example", QueryStatus="0", QueryResults="::ffff:203.0.113.160;", Image=host.image, User="NT AUTHORITY\\SYSTEM"),
        ]  # fmt: skip
    story.append(here.set_value(
        midnight + 33_000, drive, f"HKU\\{SID}-1113\\Software\\Microsoft\\Windows\\CurrentVersion\\Run\\OneDrive", '"C:\\Users\\r.collard\\AppData\\Local\\Microsoft\\OneDrive\\OneDrive.exe" /background'
    ))  # fmt: skip
    return story


def servers(house: House, midnight: float, day: int) -> list[Said]:
    """The servers at night: the database is copied by the provider's script, Windows makes its own copy, an account of the backup works by itself;
    on Sundays a server starts anew."""
    care, dc = acts.windows(house, "SRV-SOINS"), acts.windows(house, "SRV-DC")
    begin = midnight + 3_600
    job, signed = care.signed_in(begin, house.backup, 4)
    shell = f"{SYSTEM32}WindowsPowerShell\\v1.0\\powershell.exe"
    script, ran = care.runs(
        begin + 1,
        SYSTEM_ITSELF,
        f"{SYSTEM32}svchost.exe",
        "powershell.exe -NoProfile -ExecutionPolicy Bypass -File C:\\Quatrevents\\copie-sql.ps1",
        shell,
    )
    text = "$jour = Get-Date -Format yyyyMMdd\nBackup-SqlDatabase -ServerInstance 'SRV-SOINS' -Database 'Dossier' -BackupFile \"D:\\Copies\\dossier-$jour.bak\"\nGet-ChildItem D:\\Copies -Filter *.bak | Where-Object LastWriteTime -lt (Get-Date).AddDays(-14) | Remove-Item"
    story = [
        signed, ran, script_block(care, begin + 2, text, "C:\\Quatrevents\\copie-sql.ps1"),
        care.runs(begin + 900, job, f"{SYSTEM32}taskhostw.exe", f"{SYSTEM32}wbadmin.exe start backup -backupTarget:\\\\DISKSTATION\\copies -include:D: -vssFull -quiet")[1],
        care.service_state(begin + 903, "Volume Shadow Copy", "running"), care.service_state(begin + 904, "Microsoft Software Shadow Copy Provider", "running"),
        care.runs(begin + 960, job, script, f"{SYSTEM32}vssadmin.exe list shadows")[1], care.service_state(begin + 1_500, "Volume Shadow Copy", "stopped"),
        care.signed_out(begin + 1_600, job, 4),
        dc.event(begin + 50, 4624, SubjectUserSid="S-1-0-0", SubjectUserName="-", SubjectDomainName="-", SubjectLogonId="0x0", TargetUserSid="S-1-5-7",
                 TargetUserName="ANONYMOUS LOGON", TargetDomainName="NT AUTHORITY", TargetLogonId=hex(int(begin)), LogonType="3", LogonProcessName="NtLmSsp ",
                 AuthenticationPackageName="NTLM", WorkstationName="IMP-SOINS", LmPackageName="NTLM V1", KeyLength="128", ProcessId="0x0", ProcessName="-",
                 IpAddress="192.168.10.72", IpPort="49155", ImpersonationLevel="%%1833", ElevatedToken="%%1843"),
    ]  # fmt: skip
    if day == 6:
        restart = begin + 7_200
        story += [
            care.event(restart, 1074, SYSTEM, ("User32", "{B0AA8734-56F7-41CC-B2F4-DE228E98B946}"), param1=f"{SYSTEM32}shutdown.exe (SRV-SOINS)", param2="SRV-SOINS",
                       param3="Aucun titre pour cette raison", param4="0x800000ff", param5="redémarrer", param6="Redémarrage de la semaine", param7="NT AUTHORITY\\SYSTEM"),
            care.runs(restart - 1, SYSTEM_ITSELF, f"{SYSTEM32}svchost.exe", f"{SYSTEM32}shutdown.exe /r /t 60")[1],
            care.event(restart + 240, 6005, SYSTEM, ("EventLog", ""), Data=""),
        ]  # fmt: skip
    return in_order(story)


def script_block(here: Windows, at: float, text: str, path: str = "") -> Said:
    """4104: PowerShell runs a piece of script."""
    return here.event(
        at, 4104, POWERSHELL, MessageNumber="1", MessageTotal="1", ScriptBlockText=text, ScriptBlockId="5c1f0c2e-7d0b-4d8e-9b1a-2f6a7c8d9e01", Path=path
    )  # fmt: skip


def account_kept(house: House, at: float, who: Person, number: int) -> Said:
    """4724 (a password set anew by the provider), 4738 (changed), 4740 (locked), 4767 (unlocked), 4725 (a colleague has left)."""
    by = house.provider
    data: dict[str, Any] = {
        "TargetUserName": who.login, "TargetDomainName": DOMAIN if number != 4740 else "PC-INF-2", "TargetSid": who.sid, "SubjectUserSid": by.sid,
        "SubjectUserName": by.login, "SubjectDomainName": DOMAIN, "SubjectLogonId": "0x2f81c",
    }  # fmt: skip
    return acts.windows(house, "SRV-DC").event(at, number, SECURITY, **data)


def cloud_kept(house: House, at: float, rng: Random) -> list[Said]:
    """The provider looks after Microsoft 365: somebody's password, a shared mailbox, a licence; the direction's files come to a new portable."""
    who, address, director = house.provider, house.provider_outside, house.person("b.lannoy")
    story = [
        cloud.signed_in(at, who, address),
        cloud.record(at + 100, "Reset user password.", "AzureActiveDirectory", 8, who, ResultStatus="Success", ObjectId=rng.choice(house.people).mail,
                     AzureActiveDirectoryEventType=1, ModifiedProperties=[], Target=[{"ID": "User", "Type": 2}], Actor=[{"ID": who.mail, "Type": 5}]),
        cloud.record(at + 160, "Update user.", "AzureActiveDirectory", 8, who, ResultStatus="Success", ObjectId=rng.choice(house.people).mail,
                     AzureActiveDirectoryEventType=1, ModifiedProperties=[{"Name": "AssignedLicense", "NewValue": "[SkuName=O365_BUSINESS]", "OldValue": "[]"}],
                     Target=[{"ID": "User", "Type": 2}], Actor=[{"ID": who.mail, "Type": 5}]),
        cloud.record(at + 220, "Add-MailboxPermission", "Exchange", 1, who, ResultStatus="True", ClientIP=f"{address}:50991", ExternalAccess=False,
                     OrganizationName="tilleuls-example.onmicrosoft.com", ObjectId="info",
                     Parameters=[{"Name": "Identity", "Value": "info"}, {"Name": "User", "Value": "s.mottart"}, {"Name": "AccessRights", "Value": "FullAccess"}]),
        cloud.record(at + 9_000, "SharingSet", "SharePoint", 14, director, ClientIP=house.outside, EventSource="SharePoint", ItemType="File",
                     ObjectId="https://tilleuls-example.sharepoint.com/sites/direction/Documents/convention.docx", TargetUserOrGroupName="comptable@fiduciaire.example",
                     TargetUserOrGroupType="Guest", SourceFileName="convention.docx", SiteUrl="https://tilleuls-example.sharepoint.com/sites/direction/"),
    ]  # fmt: skip
    story += (
        cloud.file(
            moment,
            director,
            house.outside,
            "FileSyncDownloadedFull",
            f"archive {number:03d}.docx",
            "Microsoft SkyDriveSync 25.199",
        )
        for number, moment in every(at + 12_000, 1.5, 300)
    )
    return in_order(story)


def packs_archive(house: House, at: float, session: Session) -> Said:
    """At the month's end the accountant packs last month's papers, by the menu of 7-Zip, on the share."""
    program = "C:\\Program Files\\7-Zip\\7zG.exe"
    return acts.windows(house, "PC-COMPTA").runs(
        at,
        session,
        acts.EXPLORER,
        f'"{program}" a -i#7zMap4471:92:7zEvent9013 -t7z -sae -- "\\\\nas\\compta\\2026-10.7z"',
        program,
    )[1]


def help_asked(house: House, at: float, session: Session, machine: Machine) -> Said:
    """The maker of the care program helps somebody over the telephone, by TeamViewer's program for guests."""
    program = f"C:\\Users\\{session.who.login}\\Downloads\\TeamViewerQS.exe"
    return acts.windows(house, machine.name).runs(at, session, acts.EXPLORER, f'"{program}"', program)[1]
