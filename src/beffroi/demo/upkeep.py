"""What comes with keeping a house's machines in order: scripts, installers, updaters and what the provider does. Each of it is ordinary, and each
uses the very tools that attackers use.
"""

from random import Random
from typing import Final

from beffroi.demo import acts
from beffroi.demo.house import DNS, DOMAIN, House, Machine
from beffroi.demo.ordinary import SYSTEM32, script_block
from beffroi.demo.said import Said, every, in_order
from beffroi.demo.windows import SYSMON, SYSTEM_ITSELF, Process, Session

BITS: Final = (
    "Microsoft-Windows-Bits-Client/Operational",
    ("Microsoft-Windows-Bits-Client", "{EF1CC15B-46C1-414E-BB95-E76B077BD51E}"),
)
FIREWALL: Final = (
    "Microsoft-Windows-Windows Firewall With Advanced Security/Firewall",
    ("Microsoft-Windows-Windows Firewall With Advanced Security", "{D1BC9AFF-2ABF-4D71-9146-ECB2A986EB85}"),
)
TASKS: Final = (
    "Microsoft-Windows-TaskScheduler/Operational",
    ("Microsoft-Windows-TaskScheduler", "{DE7B24EA-73C8-4A09-985D-5BDADCFA9017}"),
)
POWERSHELL: Final = f"{SYSTEM32}WindowsPowerShell\\v1.0\\powershell.exe"
PROFILE: Final = "C:\\Users\\{}\\AppData\\"


def at_sign_in(house: House, at: float, session: Session, machine: Machine) -> list[Said]:
    """The rest of the script at sign-in: the printers are joined, a setting is written, the clock is put right, own papers are copied."""
    here = acts.windows(house, machine.name)
    script = f"\\\\{DNS}\\NETLOGON\\imprimantes.vbs"
    commands = (
        (f'cscript.exe //nologo "{script}"', "cscript.exe"), ("rundll32.exe printui.dll,PrintUIEntry /in /q /n \\\\SRV-SOINS\\IMP-SOINS", "rundll32.exe"),
        ('reg.exe  add "HKCU\\Software\\Dossier" /v Site /t REG_SZ /d tilleuls /f', "reg.exe"), ("w32tm.exe  /resync /nowait", "w32tm.exe"),
        (f"Robocopy.exe  C:\\Users\\{session.who.login}\\Documents \\\\nas\\public\\{session.who.login} /MIR /R:1 /W:1 /NP", "Robocopy.exe"),
        ("ipconfig.exe  /registerdns", "ipconfig.exe"),
    )  # fmt: skip
    parent = Process(
        4 * 977, f"{SYSTEM32}cmd.exe", f'{SYSTEM32}cmd.exe /c ""\\\\{DNS}\\NETLOGON\\ouverture.bat" "', session
    )
    return [
        here.runs(at + 5 + number * 0.6, session, parent, command, SYSTEM32 + image)[1]
        for number, (command, image) in enumerate(commands)
    ]


_OF_USERS: Final = (
    (f"{PROFILE}Local\\Microsoft\\Teams\\Update.exe", "--processStart Teams.exe"), (f"{PROFILE}Roaming\\Zoom\\bin\\Zoom.exe", "--action=join"),
    (f"{PROFILE}Local\\Microsoft\\OneDrive\\OneDriveStandaloneUpdater.exe", "/reporting"), (f"{PROFILE}Local\\WhatsApp\\WhatsApp.exe", ""),
    ("C:\\Users\\{}\\Downloads\\eID-QuickInstaller 5.1.24.exe", ""), ("C:\\Program Files\\Java\\jre1.8.0_401\\bin\\javaw.exe", "-jar ehealth-certificat.jar"),
    ("C:\\Windows\\System32\\msiexec.exe", '/i "C:\\Users\\{}\\Downloads\\lecteur-carte.msi"'), ("C:\\Windows\\System32\\cmd.exe", '/c start "" "\\\\nas\\public\\horaires.pdf"'),
    ("C:\\Program Files\\Adobe\\Acrobat DC\\Acrobat\\Acrobat.exe", '"C:\\Users\\{}\\AppData\\Local\\Microsoft\\Windows\\INetCache\\Content.Outlook\\7Q2\\facture.pdf"'),
)  # fmt: skip


def programs_of_people(
    rng: Random, house: House, at: float, until: float, session: Session, machine: Machine
) -> list[Said]:
    """Programs out of the folders of whoever uses them, installers that somebody fetched, a letter's attachment."""
    here, story = acts.windows(house, machine.name), list[Said]()
    for _ in range(2):
        path, rest = (part.replace("{}", session.who.login) for part in rng.choice(_OF_USERS))
        story.append(here.runs(rng.uniform(at, until), session, acts.EXPLORER, f'"{path}" {rest}'.strip(), path)[1])
    if rng.random() < 0.1:
        moment, teams = (
            rng.uniform(at, until),
            f"C:\\Users\\{session.who.login}\\AppData\\Local\\Microsoft\\Teams\\current\\Teams.exe",
        )
        story.append(here.event(
            moment, 2004, FIREWALL[0], FIREWALL[1], RuleId="{5B1C0D9E-8F11-4F0C-8A7E-7D3A1F5E2B64}", RuleName="teams.exe", Origin="1", ApplicationPath=teams,
            ServiceName="", Direction="1", Protocol="6", LocalPorts="*", RemotePorts="*", Action="3", Profiles="2", LocalAddresses="*", RemoteAddresses="*",
            Active="1", ModifyingUser=session.who.sid, ModifyingApplication=f"{SYSTEM32}svchost.exe",
        ))  # fmt: skip
    return in_order(story)


def of_updaters(rng: Random, house: House, midnight: float, machine: Machine) -> list[Said]:
    """Updaters fetch by Windows' own service, and register their tasks anew."""
    here, moment = acts.windows(house, machine.name), midnight + rng.uniform(0, 80_000)
    story = [
        here.event(moment, 59, *BITS, transferId="{1F0C2A44-8BE1-4D07-9C1E-2A448BE1D07C}", name="Edge Component Updater", Id="{6F1D4A52-1B0E-4E67-9D35-0C5B9A1F7E21}",
                   url="http://msedge.b.tlu.dl.delivery.mp.microsoft.com/filestreamingservice/files/8d3a", peer="", fileTime="2026-11-26T01:00:00.000Z", fileLength="81920",
                   bytesTotal="81920", bytesTransferred="0"),
        here.event(moment + 40, 140, *TASKS, TaskName="\\MicrosoftEdgeUpdateTaskMachineUA", UserName=f"{DOMAIN}\\{machine.name}$"),
        here.event(moment + 50, 200, *TASKS, TaskName="\\Microsoft\\Windows\\UpdateOrchestrator\\Schedule Scan", ActionName=f"{SYSTEM32}usoclient.exe",
                   TaskInstanceId="{9E1B2A01-5C1F-4C2E-8D0B-4D8E9B1A2F6A}", EnginePID="1104"),
    ]  # fmt: skip
    if rng.random() < 0.15:
        updater = "C:\\Program Files (x86)\\Microsoft\\EdgeUpdate\\MicrosoftEdgeUpdate.exe"
        story.append(here.planned(moment + 60, SYSTEM_ITSELF, "\\MicrosoftEdgeUpdateTaskMachineCore", updater, "/c"))
    if here.sysmon:
        edge = Process(
            7_240, "C:\\Program Files (x86)\\Microsoft\\Edge\\Application\\msedge.exe", "msedge.exe", SYSTEM_ITSELF
        )
        for number, name in enumerate(
            (
                "\\mojo.7240.9121.1183",
                "\\crashpad_7240_XQ",
                "\\Winsock2\\CatalogChangeListener-450-0",
                "\\PSHost.133771.3412.DefaultAppDomain.powershell",
            )
        ):
            story.append(here.event(moment + 70 + number, 17, SYSMON, EventType="CreatePipe", PipeName=name, Image=edge.image, ProcessId="7240", User="NT AUTHORITY\\SYSTEM",
                                    ProcessGuid="{b3a1f0c2-1a02-6925-5200-000000002f00}", UtcTime="-", RuleName="-"))  # fmt: skip
    return in_order(story)


def by_provider(house: House, at: float) -> list[Said]:
    """On an evening after the patches: idle accounts are listed, the care program gets its new version and an exclusion of the antivirus, the queue
    of the printers is emptied, the hypervisor is started anew with all its machines, the firewall's settings are saved."""
    care, dc, given = acts.windows(house, "SRV-SOINS"), acts.windows(house, "SRV-DC"), "10.212.134.10"
    who = care.session(at, house.provider, given)
    shell = Process(4 * 1_501, f"{SYSTEM32}cmd.exe", "cmd.exe", who)
    lines = (
        ("net.exe stop Spooler", "net.exe"), ('cmd.exe /c del /q "C:\\Windows\\System32\\spool\\PRINTERS\\*.*"', "cmd.exe"), ("net.exe start Spooler", "net.exe"),
        ('msiexec.exe /i "D:\\Quatrevents\\Dossier 12.4.msi" /qn /l*v D:\\Quatrevents\\dossier.log', "msiexec.exe"), ("sc.exe query DossierService", "sc.exe"),
        ("powercfg.exe /h off", "powercfg.exe"), ("sfc.exe /scannow", "sfc.exe"), ("dism.exe /online /cleanup-image /restorehealth", "dism.exe"),
        ("netsh.exe advfirewall show allprofiles", "netsh.exe"), ('shutdown.exe /r /t 300 /c "Mise à jour du dossier"', "shutdown.exe"),
    )  # fmt: skip
    story = [
        care.runs(at + number * 55, who, shell, line, SYSTEM32 + image)[1] for number, (line, image) in enumerate(lines)
    ]
    story += [
        script_block(dc, at + 20, "Search-ADAccount -AccountInactive -TimeSpan 90.00:00:00 | Export-Csv C:\\Quatrevents\\inactifs.csv -NoTypeInformation", "C:\\Quatrevents\\inactifs.ps1"),
        dc.runs(at + 19, dc.session(at, house.provider, given), acts.EXPLORER, "powershell.exe -ExecutionPolicy Bypass -File C:\\Quatrevents\\inactifs.ps1", POWERSHELL)[1],
        care.defender(at + 200, 5007, {
            "Old Value": "", "New Value": "HKLM\\SOFTWARE\\Microsoft\\Windows Defender\\Exclusions\\Paths\\C:\\Program Files\\Dossier = 0x0",
        }),
        care.service(at + 230, "DossierService", '"C:\\Program Files\\Dossier\\DossierService.exe"', "auto start"),
        care.event(at + 231, 4697, SubjectUserSid=house.provider.sid, SubjectUserName=house.provider.login, SubjectDomainName=DOMAIN, SubjectLogonId=who.logon, ServiceName="DossierService", ServiceFileName='"C:\\Program Files\\Dossier\\DossierService.exe"', ServiceType="0x10", ServiceStartType="2", ServiceAccount="LocalSystem"),
        care.event(at + 232, 4648, SubjectUserSid=house.provider.sid, SubjectUserName=house.provider.login, SubjectDomainName=DOMAIN, SubjectLogonId=who.logon, TargetUserName="svc-sauvegarde", TargetDomainName=DOMAIN, TargetServerName="nas", TargetInfo="nas", ProcessId="0x1a2c", ProcessName=f"{SYSTEM32}svchost.exe", IpAddress="-", IpPort="-"),
    ]  # fmt: skip
    for number, command in enumerate(
        (
            "/usr/bin/systemctl restart smbd",
            "/usr/bin/tail -n 200 /var/log/syslog",
            "/usr/sbin/smbstatus",
            "/bin/nano /etc/samba/smb.conf",
            "/usr/bin/crontab -l",
        )
    ):
        story.append(acts.NAS.sudo(at + 700 + number * 40, "quatrevents", command))
    story.append(acts.NAS.sudo_refused(at + 690, "quatrevents", "/usr/bin/systemctl restart smbd"))
    story += (
        acts.PVE.task(moment, "qmshutdown", 100 + number, "root@pam") for number, moment in every(at + 1_200, 45, 4)
    )
    story += (acts.PVE.task(moment, "qmstart", 100 + number, "root@pam") for number, moment in every(at + 1_900, 30, 4))
    story += _of_firewall(at + 2_400)
    return in_order(story)


def _of_firewall(at: float) -> list[Said]:
    gate = acts.GATE
    return [
        gate.log(at, 'logid="0100032095" type="event" subtype="system" level="warning" vd="root" logdesc="Admin performed an action from GUI" user="adm.quatrevents" '
                     'ui="GUI(10.212.134.10)" action="download" status="success" msg="User adm.quatrevents downloaded config file from GUI(10.212.134.10)"'),
        gate.log(at + 60, 'logid="0100044547" type="event" subtype="system" level="information" vd="root" logdesc="Object attribute configured" user="adm.quatrevents" '
                          'ui="GUI(10.212.134.10)" action="Edit" cfgtid=917504 cfgpath="firewall.address" cfgobj="SRV-SOINS" cfgattr="comment[]" msg="Edit firewall.address SRV-SOINS"'),
    ]  # fmt: skip


def filtered(rng: Random, at: float, address: str) -> Said:
    """A page that the firewall's filter did not let through."""
    return acts.GATE.log(
        at,
        f'logid="0316013056" type="utm" subtype="webfilter" eventtype="ftgd_blk" level="warning" vd="root" policyid=3 sessionid={int(at) % 900_000} srcip={address} '
        f'srcport={49_152 + rng.randint(0, 9_000)} srcintf="lan" srcintfrole="lan" dstip=203.0.113.{rng.randint(120, 200)} dstport=443 dstintf="wan1" dstintfrole="wan" proto=6 '
        f'service="HTTPS" hostname="jeux.example" profile="maison" action="blocked" reqtype="direct" url="https://jeux.example/" sentbyte=517 rcvdbyte=0 direction="outgoing" '
        f'msg="URL belongs to a denied category in policy" method="domain" cat=20 catdesc="Games"',
    )  # fmt: skip


def attacked(at: float, stranger: str, here: str) -> Said:
    """An attempt from the internet that the firewall knew and dropped."""
    return acts.GATE.log(
        at,
        f'logid="0419016384" type="utm" subtype="ips" eventtype="signature" level="alert" vd="root" severity="high" srcip={stranger} srccountry="Netherlands" dstip={here} '
        f'srcintf="wan1" srcintfrole="wan" dstintf="dmz" dstintfrole="dmz" sessionid={int(at) % 900_000} action="dropped" proto=6 service="HTTPS" policyid=5 '
        f'attack="Apache.Log4j.Error.Log.Remote.Code.Execution" srcport=44313 dstport=443 direction="outgoing" attackid=51006 profile="protect" '
        f'msg="misc: Apache.Log4j.Error.Log.Remote.Code.Execution" crscore=30 crlevel="high"',
    )  # fmt: skip
