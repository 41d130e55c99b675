"""Attacks that are one story: floods of failed sign-ins, a scan and the sign-in that follows, and three machines in a row."""

from collections.abc import Callable

from benchmarks.interleavings import CMD, EXPLORER, NAMES, OUTSIDE, guessing
from benchmarks.shapes import Lines, Story, Windows, every

Tell = Callable[[Story], None]
FLOOD = 10_000
PAUSE = 0.2
"""Seconds between two tries: a flood takes 33 minutes."""
END = FLOOD * PAUSE + 20


def _windows(story: Story) -> None:
    server = Windows("SRV-TS", "192.168.1.8")
    for number, at in every(0, PAUSE, FLOOD):
        server.refused(story, at, f"{NAMES[number % len(NAMES)]}{number % 400}", OUTSIDE[0], known=number % 9 == 0)


def _windows_success(story: Story) -> None:
    _windows(story)
    Windows("SRV-TS", "192.168.1.8").sign_in(story, END, "compta", 3, OUTSIDE[0], "workstation")


def _sshd(story: Story) -> None:
    server = Lines("srv-web")
    for number, at in every(0, PAUSE, FLOOD):
        server.ssh_guess(
            story,
            at,
            2_000 + number % 28_000,
            f"user{number % 900}" if number % 3 else "root",
            OUTSIDE[1],
            known=number % 3 == 0,
        )


def _sshd_success(story: Story) -> None:
    _sshd(story)
    Lines("srv-web").sshd(story, END, 31_000, f"Accepted password for root from {OUTSIDE[1]} port 51022 ssh2")


def _vpn(story: Story) -> None:
    gate = Lines("fw-tilleuls")
    for number, at in every(0, PAUSE, FLOOD):
        gate.vpn_refused(story, at, f"{NAMES[number % len(NAMES)]}{number % 150 or ''}", OUTSIDE[2])


def _vpn_success(story: Story) -> None:
    _vpn(story)
    Lines("fw-tilleuls").vpn_opened(story, END, "j.dupont", OUTSIDE[2], "10.212.134.201")


def _mail(story: Story) -> None:
    server = Lines("mail")
    for number, at in every(0, PAUSE, FLOOD):
        server.mailbox_refused(story, at, f"{NAMES[number % len(NAMES)]}@tilleuls.example", OUTSIDE[3])


def _mail_success(story: Story) -> None:
    _mail(story)
    Lines("mail").mailbox_opened(story, END, "direction@tilleuls.example", OUTSIDE[3])


FLOODS: dict[str, Tell] = {
    "Windows (4625)": _windows, "Windows, then 4624": _windows_success, "sshd": _sshd, "sshd, then accepted": _sshd_success,
    "FortiGate VPN": _vpn, "FortiGate VPN, then tunnel up": _vpn_success, "Dovecot": _mail, "Dovecot, then login": _mail_success,
}  # fmt: skip


def scan_then_ssh(story: Story) -> None:
    """A server's own firewall sees the scan; half an hour later the same address guesses at SSH and gets in."""
    server = Lines("srv-web")
    for number, at in every(0, 0.7, 400):
        server.packet(story, at, OUTSIDE[1], "192.0.2.20", 1 + number * 37 % 9_000)
    for number, at in every(1_900, 3, 60):
        server.ssh_guess(story, at, 7_000 + number, "root", OUTSIDE[1], known=True)
    server.sshd(story, 2_100, 7_200, f"Accepted password for root from {OUTSIDE[1]} port 42022 ssh2")


def scan_then_vpn(story: Story) -> None:
    """FortiGate sees the scan; the same address then tries the VPN's names, and one opens."""
    gate = Lines("fw-tilleuls")
    for number, at in every(0, 2, 200):
        gate.denied(story, at, OUTSIDE[2], "198.51.100.2", 1 + number * 53 % 9_000)
    for number, at in every(900, 9, 60):
        gate.vpn_refused(story, at, NAMES[number % len(NAMES)], OUTSIDE[2])
    gate.vpn_opened(story, 1_500, "compta", OUTSIDE[2], "10.212.134.202")


def scan_then_desktop(story: Story) -> None:
    """FortiGate sees the scan, Windows the one sign-in by remote desktop that follows: its password was bought."""
    gate, server = Lines("fw-tilleuls"), Windows("SRV-TS", "192.168.1.8")
    for number, at in every(0, 1.5, 300):
        gate.denied(story, at, OUTSIDE[3], "198.51.100.2", 1 + number * 31 % 9_000)
    server.sign_in(story, 1_700, "m.lambert", 10, OUTSIDE[3])


SCANS: dict[str, Tell] = {
    "Linux' firewall, then SSH": scan_then_ssh, "FortiGate, then VPN": scan_then_vpn, "FortiGate, then remote desktop": scan_then_desktop,
}  # fmt: skip


def one_account(story: Story) -> None:
    """A stolen account goes from machine to machine by remote desktop and looks around on each, a quarter of an hour apart."""
    machines = [
        Windows("PC-KINE", "192.168.1.77", sysmon=True),
        Windows("SRV-TILLEULS", "192.168.1.2", sysmon=True),
        Windows("PC-COMPTA", "192.168.1.33"),
    ]
    came_from = "192.168.1.90"
    for number, machine in enumerate(machines):
        begin = number * 900.0
        who = machine.sign_in(story, begin, "adm.janssens", 10, came_from)
        shell = machine.run(story, begin + 40, who, EXPLORER, f'"{CMD}"', CMD)
        for step, asked in enumerate(
            ("whoami /all", 'net group "domain admins" /domain', "nltest /dclist:", "quser", "systeminfo")
        ):
            machine.run(
                story, begin + 60 + 15 * step, who, shell, asked, f"C:\\Windows\\System32\\{asked.split()[0]}.exe"
            )
        machine.run(
            story,
            begin + 180,
            who,
            shell,
            "reg.exe save HKLM\\SAM C:\\Users\\Public\\s.hiv",
            "C:\\Windows\\System32\\reg.exe",
        )
        came_from = machine.address


def one_address(story: Story) -> None:
    """One address of the internet guesses at three machines one after the other, whose remote desktop stands open."""
    for number, (name, address) in enumerate(
        (("SRV-TS", "192.168.1.8"), ("PC-ACCUEIL", "192.168.1.41"), ("PC-DIRECTION", "192.168.1.40"))
    ):
        guessing(Windows(name, address), story, number * 1_000.0, OUTSIDE[0], tries=120)


def one_tool(story: Story) -> None:
    """The same program, under another name and by another account on each of three machines; only its digest is the same."""
    digest = "9F2C7B1E44D0A36B58E1C09D7A4F3E6210B5C8D7E9F0A1B2C3D4E5F60718293A"
    for number, (name, address, user, file) in enumerate(
        (
            ("PC-SOINS1", "192.168.1.51", "soins1", "upd.exe"),
            ("PC-SOINS2", "192.168.1.52", "i.claes", "svhost.exe"),
            ("SRV-FICHIERS", "192.168.1.5", "backup", "1.exe"),
        )
    ):
        machine = Windows(name, address, sysmon=True)
        who = machine.sign_in(story, number * 1_500.0, user, 2)
        tool = machine.run(
            story,
            number * 1_500.0 + 60,
            who,
            EXPLORER,
            f"C:\\Users\\Public\\{file} -s",
            f"C:\\Users\\Public\\{file}",
            digest,
        )
        machine.opened(story, number * 1_500.0 + 75, tool, "C:\\Windows\\System32\\lsass.exe", "0x1010")


SPREADING: dict[str, Tell] = {"one account": one_account, "one address": one_address, "one program": one_tool}
