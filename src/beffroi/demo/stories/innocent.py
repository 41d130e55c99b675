"""Stories that look like an attack and are none, and one machine that does what an attacker would."""

from collections.abc import Iterator
from random import Random

from beffroi.demo import acts
from beffroi.demo.acts import NAS, windows
from beffroi.demo.house import House
from beffroi.demo.said import Said, every, in_order


def provider_at_night(house: House, at: float, rng: Random) -> list[Said]:
    """The provider repairs a server at night, as agreed: VPN, remote desktop, a service started anew, the firewall and the NAS looked at."""
    del rng
    return acts.visit(house, at, 90, ("ipconfig /all", "gpupdate /force", "sfc /scannow"))


def backup_renames(house: House, at: float, rng: Random) -> Iterator[Said]:
    """The backup program has a new version and gives 20,000 of its files new names."""
    del rng
    return acts.renames(house, at, 20_000)


def printer_scans(house: House, at: float, rng: Random) -> Iterator[Said]:
    """A printer looks for open shares on every machine of the network: a fault of its software, or somebody inside it."""
    printer = house.machine("IMP-SOINS")
    targets = [f"192.168.10.{last}" for last in range(1, 120)]
    rng.shuffle(targets)
    return acts.scan(at, printer.address, targets, (445, 139), 0.8)


def forgotten_password(house: House, at: float, rng: Random) -> list[Said]:
    """Back from holidays: a nurse types six wrong passwords at a workplace, waits, asks, and is let in."""
    del rng
    who, place = house.person("n.ferhat"), house.machine("PC-INF-2")
    session, opened = acts.arrives(house, at + 600, who, place)
    return in_order([
        *acts.mistypes(house, at, who, place, 6), *opened, windows(house, place.name).signed_out(at + 4_000, session),
    ])  # fmt: skip


def summer_party(house: House, at: float, rng: Random) -> list[Said]:
    """Six hundred photographs are laid on the share, looked through and sorted: a third is renamed, some are thrown away."""
    who, address = house.person("p.teixeira").login, house.machine("PORTABLE-1").address
    names = [f"photos/DSC_{number:04d}.jpg" for number in range(600)]
    story = [NAS.wrote(moment, who, address, "animation", names[number]) for number, moment in every(at, 0.4, 600)]
    story += (
        NAS.read(moment, who, address, "animation", names[number]) for number, moment in every(at + 900, 1.0, 600)
    )
    for number, moment in every(at + 1_800, 4.0, 200):
        name = rng.choice(names)
        if number % 5:
            story.append(NAS.renamed(moment, who, address, "animation", name, f"photos/fête {number:03d}.jpg"))
        else:
            story.append(NAS.deleted(moment, who, address, "animation", name))
    return in_order(story)


def nothing(house: House, at: float, rng: Random) -> list[Said]:
    """Only the quiet house."""
    del house, at, rng
    return []
