"""Stories of people who are inside already, or only in somebody's mailbox."""

from collections.abc import Iterator
from random import Random

from beffroi.demo import cloud
from beffroi.demo.acts import NAS, windows
from beffroi.demo.house import House
from beffroi.demo.said import Said, every

STRANGER = "203.0.113.81"


def invoice_fraud(house: House, at: float, rng: Random) -> Iterator[Said]:
    """Somebody has the accountant's password: the mailbox is read, a rule hides what the supplier writes, and an invoice with another account
    number goes out; what was sent is removed."""
    who = house.person("q.dreze")
    yield cloud.signed_in(at, who, STRANGER, cloud.LINUX, "Linux")
    for _, moment in every(at + 60, 45, 20):
        yield cloud.letters_read(moment, who, STRANGER, "Client=OWA;Action=ViaProxy", rng.randint(10, 60))
    yield cloud.mailbox_rule(
        at + 1_200, who, STRANGER, ".", From="compta@fournisseur.example", SubjectOrBodyContainsWords="facture;IBAN;paiement;virement",
        MoveToFolder="RSS Feeds", MarkAsRead="True",
    )  # fmt: skip
    yield cloud.letter_sent(at + 1_800, who, STRANGER, "RE: Facture 2026-0412, changement de compte bancaire")
    yield cloud.letters_deleted(
        at + 1_830, who, STRANGER, "RE: Facture 2026-0412, changement de compte bancaire", "HardDelete"
    )
    yield cloud.forwarding(at + 2_400, who, STRANGER, "q.dreze.tilleuls@courrier.example")


def rogue_application(house: House, at: float, rng: Random) -> Iterator[Said]:
    """A letter asks to accept an application that "protects" the mailbox; from then on it reads along."""
    who = house.person("r.collard")
    yield cloud.signed_in(at, who, house.outside)
    yield cloud.consent(at + 40, who, house.outside, "Protection du courrier")
    for _, moment in every(at + 600, 300, 12):
        yield cloud.letters_read(moment, who, STRANGER, "Client=REST;Client=RESTSystem;;", rng.randint(20, 90))


def curious_employee(house: House, at: float, rng: Random) -> Iterator[Said]:
    """In a quiet night an aide opens every resident's file, one after the other, and copies them to a stick."""
    who, place = house.person("b.ilie"), house.machine("PC-ETAGE-2")
    yield windows(house, "PC-ETAGE-2").signed_in(at, who, 2)[1]
    yield NAS.connected(at + 20, who.login, place.address, "soins")
    for number, moment in every(at + 30, 0.45, 2_600):
        yield NAS.read(
            moment,
            who.login,
            place.address,
            "soins",
            f"chambre {number // 32 + 1:02d}/{rng.choice(('bilan', 'plan', 'lettre'))} {number}.docx",
        )
