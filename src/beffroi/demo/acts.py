"""Acts: what people and programs of a house do, each as a stream of what the machines say of it, in the order of its time.

Stories are put together from these. Whoever acts is a `Person`, whatever is random comes from a `Random` that the story brings.
"""

from collections.abc import Iterator, Sequence
from random import Random
from typing import Final

from beffroi.demo import cloud
from beffroi.demo.firewalls import FortiGate, MikroTik, PfSense, UniFi
from beffroi.demo.house import House, Machine, Person
from beffroi.demo.lines import Proxmox, Synology, Unix
from beffroi.demo.said import Said, every, in_order
from beffroi.demo.windows import Session, Windows

EXPLORER: Final = "C:\\Windows\\explorer.exe"
CMD: Final = "C:\\Windows\\System32\\cmd.exe"
SERVICES: Final = "C:\\Windows\\System32\\services.exe"
TO_NAS: Final = "192.168.10.9"

NAS = Unix("nas")
WEB = Unix("srv-web")
PVE = Proxmox("pve")
DISK = Synology("DISKSTATION")
GATE = FortiGate("fw-tilleuls")
SENSE = PfSense("pfsense")
ANNEXE = MikroTik("rtr-annexe")
RADIO = UniFi("AP-ETAGE")
_SYSMON: Final = frozenset({"PC-SOINS", "SRV-SOINS", "PC-DIRECTION"})
_NXLOG: Final = frozenset({"PC-INF-1", "PC-INF-2", "PC-INF-3"})


def windows(house: House, name: str) -> Windows:
    """A Windows machine of the house; some have Sysmon, some send by NXLog."""
    return Windows(name, house.machine(name).address, name in _SYSMON, "nxlog" if name in _NXLOG else "winlogbeat")


# --- the daily work ---------------------------------------------------------------------------------------------------------------


def arrives(house: House, at: float, who: Person, machine: Machine) -> tuple[Session, list[Said]]:
    """Somebody signs in at a workplace and opens the care dossier and the shares: the domain controller, the workplace, the server and
    the NAS tell it."""
    here, dc, care = windows(house, machine.name), windows(house, "SRV-DC"), windows(house, "SRV-SOINS")
    session, signed = here.signed_in(at + 0.4, who, 2)
    _, opened = care.signed_in(at + 41, who, 3, machine.address, machine.name)
    return session, in_order([
        dc.ticket(at, who, machine.address), signed, dc.service_ticket(at + 0.5, who, machine.address, f"{machine.name}$"),
        dc.service_ticket(at + 40, who, machine.address, "SRV-SOINS$"), opened,
        NAS.connected(at + 9, who.login, machine.address, "soins"),
        here.runs(at + 20, session, EXPLORER, '"C:\\Program Files\\Dossier\\Dossier.exe" /site:tilleuls', "C:\\Program Files\\Dossier\\Dossier.exe")[1],
    ])  # fmt: skip


def mistypes(house: House, at: float, who: Person, machine: Machine, times: int) -> list[Said]:
    """A password typed wrongly at a workplace, some times."""
    here, dc = windows(house, machine.name), windows(house, "SRV-DC")
    return [
        said
        for number in range(times)
        for said in (
            dc.ticket_refused(at + number * 7, who, machine.address),
            here.refused(at + number * 7 + 0.1, who.login, "-", kind=2),
        )
    ]


def files(rng: Random, at: float, until: float, who: Person, address: str, count: int) -> Iterator[Said]:
    """Ordinary work on a share: letters and care plans read, some of them written."""
    for moment in sorted(rng.uniform(at, until) for _ in range(count)):
        name = f"chambre {rng.randint(1, 82):02d}/{rng.choice(('plan de soins', 'transmission', 'courrier', 'prescription'))} {rng.randint(1, 40)}.docx"
        yield NAS.read(moment, who.login, address, "soins", name)
        if rng.random() < 0.2:
            temporary = name.rpartition("/")[0] + f"/~WRD{rng.randint(0, 9_999):04d}.tmp"
            yield NAS.wrote(moment + 0.2, who.login, address, "soins", temporary)
            yield NAS.renamed(moment + 0.3, who.login, address, "soins", temporary, name)


_PROGRAMS: Final = (
    '"C:\\Program Files\\Microsoft Office\\root\\Office16\\WINWORD.EXE" /n "\\\\nas\\soins\\courrier.docx"',
    '"C:\\Program Files (x86)\\Microsoft\\Edge\\Application\\msedge.exe" --profile-directory=Default',
    '"C:\\Program Files\\Microsoft Office\\root\\Office16\\OUTLOOK.EXE"',
    '"C:\\Program Files\\Microsoft Office\\root\\Office16\\EXCEL.EXE" "\\\\nas\\direction\\horaires.xlsx"',
    '"C:\\Program Files\\Adobe\\Acrobat DC\\Acrobat\\Acrobat.exe" "C:\\Users\\Public\\Documents\\menu.pdf"',
    '"C:\\Windows\\System32\\notepad.exe"',
    '"C:\\Windows\\splwow64.exe" 12288',
    '"C:\\Windows\\System32\\mstsc.exe" "C:\\Users\\Public\\Desktop\\SRV-TS.rdp"',
)


def programs(
    rng: Random, house: House, at: float, until: float, session: Session, machine: Machine, count: int
) -> Iterator[Said]:
    """Programs that somebody opens in the course of a shift."""
    here = windows(house, machine.name)
    for moment in sorted(rng.uniform(at, until) for _ in range(count)):
        command = rng.choice(_PROGRAMS)
        yield here.runs(moment, session, EXPLORER, command, command.split('"')[1])[1]


def letters(rng: Random, at: float, until: float, who: Person, address: str, count: int) -> Iterator[Said]:
    """Mail in Microsoft 365, read and answered."""
    for moment in sorted(rng.uniform(at, until) for _ in range(count)):
        if rng.random() < 0.6:
            yield cloud.letters_read(moment, who, address, "Client=OWA;Action=ViaProxy", rng.randint(1, 6))
        else:
            yield cloud.letter_sent(
                moment, who, address, rng.choice(("Horaire de la semaine", "RE: visite", "Commande", "Facture 2026"))
            )


# --- the nights -----------------------------------------------------------------------------------------------------------------------


def backup(house: House, at: float, count: int, pause: float = 0.12, day: str = "20261126") -> Iterator[Said]:
    """The nightly copy: it reads the shares of the NAS, writes to the DiskStation under a temporary name and renames when it is done."""
    who, address = house.backup.login, house.machine("pve").address
    yield PVE.cron(at, "/usr/local/bin/sauvegarde-nuit")
    yield NAS.connected(at + 1, who, address, "soins")
    yield DISK.signed_in(at + 2, who, address, "CIFS(SMB3)")
    for number, moment in every(at + 3, pause, count):
        file = f"chambre {number % 82 + 1:02d}/document {number}.docx"
        yield NAS.read(moment, who, address, "soins", file)
        if number % 12 == 0:
            target = f"/copies/{day}/bloc-{number // 12:05d}"
            yield DISK.file(moment + 0.03, "write", f"{target}.tmp", who, address, "16.00 MB")
            yield DISK.file(moment + 0.06, "rename", f"{target}.tmp -> {target}.bin", who, address, "16.00 MB")
    yield DISK.system(at + 4 + count * pause, f"Backup task [{day}] finished successfully.")


def cleaned(house: House, at: float, count: int) -> Iterator[Said]:
    """Once a month the backup throws away the oldest of its full copies, block by block."""
    who, address = house.backup.login, house.machine("pve").address
    for number, moment in every(at, 0.2, count):
        yield DISK.file(moment, "delete", f"/copies/mensuelle-1/bloc-{number:05d}.bin", who, address, "16.00 MB")


def renames(house: House, at: float, count: int, pause: float = 0.02) -> Iterator[Said]:
    """A backup program that gives its files new names, all of them: once, when its version changes."""
    who, address = house.backup.login, house.machine("pve").address
    yield NAS.connected(at, who, address, "copies")
    for number, moment in every(at + 1, pause, count):
        name = f"archives/2026/bloc-{number:05d}"
        yield NAS.renamed(moment, who, address, "copies", f"{name}.v1", f"{name}.v2")


def updates(house: House, at: float, names: Sequence[str]) -> Iterator[Said]:
    """Windows updates itself by night, one machine after the other; each starts again."""
    for number, name in enumerate(names):
        here, begin = windows(house, name), at + number * 95.0
        title = "2026-11 Mise à jour cumulative pour Windows 11 Version 24H2 pour les systèmes x64 (KB5068861)"
        yield here.updated(begin, title, 43)
        yield here.service_state(begin + 20, "Windows Modules Installer", "running")
        yield here.updated(begin + 61, title)
        yield here.service_state(begin + 70, "Windows Update", "stopped")


# --- the provider -----------------------------------------------------------------------------------------------------------------------


def visit(house: House, at: float, minutes: int, commands: Sequence[str] = ()) -> list[Said]:
    """The IT provider comes through the VPN, signs in on the servers by remote desktop, looks after something and leaves."""
    who, given = house.provider, "10.212.134.10"
    story = [GATE.vpn_opened(at, who.login, house.provider_outside, given)]
    for number, name in enumerate(("SRV-DC", "SRV-SOINS")):
        server, begin = windows(house, name), at + 60 + number * minutes * 25
        session, signed = server.signed_in(begin, who, 10, given)
        story += [windows(house, "SRV-DC").ticket(begin - 1, who, given), signed, server.powerful(begin + 0.1, session)]
        story += [
            server.runs(
                begin + 30,
                session,
                EXPLORER,
                '"C:\\Windows\\System32\\mmc.exe" services.msc',
                "C:\\Windows\\System32\\mmc.exe",
            )[1]
        ]
        for step, command in enumerate(commands):
            image = f"C:\\Windows\\System32\\{command.split(maxsplit=1)[0]}.exe"
            story.append(server.runs(begin + 60 + step * 40, session, CMD, command, image)[1])
        story += [
            server.service_state(begin + 200, "Spouleur d’impression", "stopped"),
            server.service_state(begin + 204, "Spouleur d’impression", "running"),
        ]
        story.append(server.signed_out(begin + minutes * 20, session, 10))
    story += [GATE.admin_signed_in(at + minutes * 52, who.login, given)]
    story += _looks_after(at + minutes * 53, given)
    story.append(GATE.vpn_closed(at + minutes * 60, who.login, house.provider_outside, given, minutes))
    return in_order(story)


def _looks_after(at: float, address: str) -> list[Said]:
    """The provider looks at the hypervisor and the NAS."""
    return [
        PVE.signed_in(at, "root@pam"), *NAS.ssh_opened(at + 20, "quatrevents", address), NAS.sudo(at + 31, "quatrevents", "/usr/bin/apt-get upgrade"),
        *NAS.ssh_closed(at + 300, "quatrevents", address),
    ]  # fmt: skip


# --- what attackers do --------------------------------------------------------------------------------------------------------------------


def spray(at: float, address: str, names: Sequence[str], pause: float, country: str = "Netherlands") -> Iterator[Said]:
    """One password tried on many accounts of the VPN."""
    for number, moment in every(at, pause, len(names)):
        yield GATE.vpn_refused(moment, names[number], address, country)


def guessing(
    at: float,
    machine: Unix,
    address: str,
    names: Sequence[str],
    count: int,
    pause: float,
    known: Sequence[str] = ("root",),
) -> Iterator[Said]:
    """Passwords tried on sshd, hour after hour."""
    for number, moment in every(at, pause, count):
        name = names[number % len(names)]
        yield from machine.ssh_refused(moment, name, address, known=name in known)


def encryption(
    at: float, who: str, address: str, count: int, per_second: float, ending: str = ".locked9", machine: Unix = NAS
) -> Iterator[Said]:
    """Files of a share read, written anew and given one more ending, one after another."""
    share = "soins"
    for number in range(count):
        moment = at + number / per_second
        file = f"chambre {number % 82 + 1:02d}/document {number}.docx"
        yield machine.read(moment, who, address, share, file)
        yield machine.wrote(moment + 0.2 / per_second, who, address, share, file)
        yield machine.renamed(moment + 0.4 / per_second, who, address, share, file, file + ending)


def scan(at: float, source: str, targets: Sequence[str], ports: Sequence[int], pause: float) -> Iterator[Said]:
    """Doors tried on other machines, which pfSense between the networks does not let through."""
    doors = [(target, port) for target in targets for port in ports]
    for number, moment in every(at, pause, len(doors)):
        yield SENSE.packet(moment, source, *doors[number])
