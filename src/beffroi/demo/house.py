"""The house that the stories are about: Les Tilleuls, forty people, its machines and addresses. All of it is invented; addresses of RFC 5737
stand for the internet.
"""

from dataclasses import dataclass, field
from typing import Final, Literal, NoReturn

Role = Literal["nurse", "aide", "director", "office", "cook", "care-chief", "maintenance"]
Shift = Literal["early", "late", "night", "office"]

DOMAIN: Final = "TILLEULS"
DNS: Final = "tilleuls.example"
SID: Final = "S-1-5-21-2208431765-1103729388-4022173519"


@dataclass(frozen=True)
class Person:
    """Somebody with an account. `number` is the last part of its SID."""

    name: str
    login: str
    role: Role
    shift: Shift
    number: int

    @property
    def mail(self) -> str:
        return f"{self.login}@{DNS}"

    @property
    def sid(self) -> str:
        return f"{SID}-{self.number}"


@dataclass(frozen=True)
class Machine:
    """Something with an address. `kind` says what it is."""

    name: str
    address: str
    kind: Literal["workplace", "server", "nas", "firewall", "printer", "linux", "hypervisor", "telephone", "thing"]

    @property
    def mac(self) -> str:
        """A locally administered address, always the same for one machine."""
        third, last = (int(part) for part in self.address.split(".")[2:])
        return f"02:1d:{len(self.name):02x}:{sum(map(ord, self.name)) % 256:02x}:{third:02x}:{last:02x}"


_STAFF: Final = (
    ("Béatrice Lannoy", "director", "office"), ("Quentin Drèze", "office", "office"), ("Sylvie Mottart", "office", "office"),
    ("Renaud Collard", "care-chief", "office"), ("Fabienne Hault", "nurse", "early"), ("Mehdi Bouchra", "nurse", "early"),
    ("Claire Vandestoc", "nurse", "early"), ("Anneke Verlinde", "nurse", "late"), ("Joëlle Pirard", "nurse", "late"),
    ("Samuel Nkosi", "nurse", "late"), ("Ingrid Schaus", "nurse", "night"), ("Patrick Lhoir", "nurse", "night"),
    ("Nadia Ferhat", "nurse", "early"), ("Luc Thonet", "nurse", "late"), ("Marie-Ange Kabila", "aide", "early"),
    ("Dorothée Wuyts", "aide", "early"), ("Kevin Marchal", "aide", "early"), ("Rosa Iannuzzi", "aide", "early"),
    ("Fatima Zerouali", "aide", "early"), ("Christelle Bodart", "aide", "late"), ("Hugo Delpierre", "aide", "late"),
    ("Amandine Rouvroy", "aide", "late"), ("Yves Kinet", "aide", "late"), ("Leïla Haddouche", "aide", "late"),
    ("Nathalie Simar", "aide", "night"), ("Bogdan Ilie", "aide", "night"), ("Véronique Stas", "aide", "night"),
    ("Grégory Lambin", "aide", "early"), ("Monique Paulus", "aide", "early"), ("Carine Delvaux", "aide", "late"),
    ("Ahmet Yildiz", "aide", "late"), ("Élodie Crespin", "aide", "early"), ("Marc Hendrix", "cook", "early"),
    ("Julie Strepenne", "cook", "early"), ("Roland Piette", "cook", "late"), ("Paulo Teixeira", "maintenance", "office"),
    ("Aline Gérardin", "nurse", "early"), ("Thomas Wéry", "nurse", "late"), ("Sabrina Moulaert", "aide", "late"),
    ("Denis Jacquemart", "aide", "night"),
)  # fmt: skip
_PLAIN: Final = str.maketrans("éèëêàâäïîôöûüçÉ", "eeeeaaaiioouucE")


def _login(name: str) -> str:
    first, _, last = name.translate(_PLAIN).lower().partition(" ")
    return f"{first[0]}.{last.replace(' ', '')}"


def _staff() -> tuple[Person, ...]:
    return tuple(
        Person(name, _login(name), role, shift, 1_110 + number)  # type: ignore[arg-type] # the table above holds no others
        for number, (name, role, shift) in enumerate(_STAFF)
    )


def _machines() -> tuple[Machine, ...]:
    work = (
        ("PC-ACCUEIL", 31), ("PC-DIRECTION", 32), ("PC-COMPTA", 33), ("PC-SOINS", 34), ("PC-INF-1", 41), ("PC-INF-2", 42), ("PC-INF-3", 43),
        ("PC-ETAGE-1", 44), ("PC-ETAGE-2", 45), ("PC-CUISINE", 46), ("PORTABLE-1", 51),
    )  # fmt: skip
    return (
        *(Machine(name, f"192.168.10.{last}", "workplace") for name, last in work),
        Machine("SRV-DC", "192.168.10.5", "server"), Machine("SRV-SOINS", "192.168.10.6", "server"), Machine("SRV-TS", "192.168.10.8", "server"),
        Machine("nas", "192.168.10.9", "linux"), Machine("DISKSTATION", "192.168.10.10", "nas"), Machine("srv-web", "192.168.30.20", "linux"),
        Machine("pve", "192.168.10.3", "hypervisor"), Machine("fw-tilleuls", "192.168.10.1", "firewall"),
        Machine("pfsense", "192.168.30.1", "firewall"), Machine("rtr-annexe", "192.168.20.1", "firewall"),
        Machine("IMP-ACCUEIL", "192.168.10.71", "printer"), Machine("IMP-SOINS", "192.168.10.72", "printer"),
        Machine("TEL-1", "192.168.20.61", "telephone"), Machine("TEL-2", "192.168.20.62", "telephone"), Machine("TEL-3", "192.168.20.63", "telephone"),
        Machine("CAMERA-1", "192.168.20.81", "thing"), Machine("TV-SALON", "192.168.20.82", "thing"),
    )  # fmt: skip


@dataclass(frozen=True)
class House:
    """Les Tilleuls. Its IT provider is Quatrevents, who signs in as `adm.quatrevents` and comes through the VPN."""

    people: tuple[Person, ...] = field(default_factory=_staff)
    machines: tuple[Machine, ...] = field(default_factory=_machines)
    outside: str = "198.51.100.20"
    """The house's own address on the internet."""
    provider: Person = Person("Quatrevents", "adm.quatrevents", "maintenance", "office", 1_105)
    provider_outside: str = "198.51.100.140"
    backup: Person = Person("Sauvegarde", "svc-sauvegarde", "maintenance", "night", 1_106)
    """The account that the backup runs under."""

    def person(self, login: str) -> Person:
        """Who signs in under a name. Raises KeyError."""
        return next(
            (each for each in (*self.people, self.provider, self.backup) if each.login == login), None
        ) or _missing(login)

    def machine(self, name: str) -> Machine:
        """Raises KeyError."""
        return next((each for each in self.machines if each.name == name), None) or _missing(name)

    def of(self, kind: str) -> tuple[Machine, ...]:
        """The machines of a kind."""
        return tuple(each for each in self.machines if each.kind == kind)


def _missing(name: str) -> NoReturn:
    raise KeyError(name)


TILLEULS: Final = House()
