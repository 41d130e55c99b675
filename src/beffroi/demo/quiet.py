"""Quiet days: what forty people, their machines and the internet in front of the door do when nothing happens.

A month is some four hundred thousand messages: people read fewer files and firewalls stop fewer packets than in a real house, by about a factor of
five, but every kind of ordinary act is as frequent as it is there, and what counts to a threshold within minutes (the nightly copy, a Monday's
mistyped passwords, a scan of the website) has its real speed.
"""

from collections.abc import Iterator
from datetime import date, datetime, timedelta
from random import Random
from typing import Final

from beffroi.demo import acts, cloud, ordinary, upkeep
from beffroi.demo.acts import ANNEXE, DISK, GATE, NAS, PVE, RADIO, SENSE, WEB, windows
from beffroi.demo.house import House, Machine, Person
from beffroi.demo.lines import Unix
from beffroi.demo.said import ZONE, Said, Sent, Story, every, in_order, send, together
from beffroi.demo.windows import SYSTEM_ITSELF, Session

HOUR: Final = 3_600.0
BEGINS: Final = {"early": 6.6, "office": 8.4, "late": 13.6, "night": 20.6}
LASTS: Final = {"early": 7.6, "office": 8.2, "late": 7.4, "night": 10.2}
"""Shifts: when they begin, in hours of the house's clock, and how long they last."""
WARD: Final = ("PC-INF-1", "PC-INF-2", "PC-INF-3", "PC-ETAGE-1", "PC-ETAGE-2")
PLACES: Final = {
    "director": "PC-DIRECTION",
    "office": "PC-COMPTA",
    "care-chief": "PC-SOINS",
    "cook": "PC-CUISINE",
    "maintenance": "PORTABLE-1",
}
OFFICE: Final = frozenset({"director", "office", "care-chief"})
HOLIDAYS: Final = frozenset({(1, 1), (5, 1), (7, 21), (8, 15), (11, 1), (11, 11), (12, 25), (12, 26)})
"""Days on which offices are empty: month, day."""
BROWSER: Final = "Mozilla/5.0 (iPhone; CPU iPhone OS 18_1 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.1 Mobile/15E148 Safari/604.1"
CRAWLER: Final = "Mozilla/5.0 (compatible; bingbot/2.0; +http://www.bing.com/bingbot.htm)"
SEARCHED: Final = (
    "/wp-login.php",
    "/.env",
    "/admin/",
    "/phpmyadmin/index.php",
    "/.git/config",
    "/xmlrpc.php",
    "/backup.zip",
    "/api/v1/users",
)
VISITED: Final = ("/", "/visites", "/menu-de-la-semaine", "/activites", "/contact", "/images/jardin.jpg", "/style.css")
PROBED: Final = (22, 23, 80, 443, 445, 1433, 3389, 5060, 5900, 8080, 8443)


LEASES: Final = Unix("pfsense")
"""pfSense gives the addresses."""


def quiet(days: int, seed: int, start: datetime, house: House | None = None, density: float = 1.0) -> Iterator[Sent]:
    """So many quiet days from midnight (the house's clock) of the day of `start` on, in the order of their time. The same seed gives the
    same days; a lesser `density` leaves out of what there is much of. Patches come on the second Tuesday of a month and the provider on its Thursday; there are holidays."""
    return send(said_quietly(days, seed, start, house, density))


def said_quietly(
    days: int, seed: int, start: datetime, house: House | None = None, density: float = 1.0
) -> Iterator[Said]:
    """The same, before it is sent."""
    house = house or House()
    first = start.astimezone(ZONE).date()
    waiting: list[Said] = []  # what a night shift says after midnight
    for number in range(days + 1):
        midnight = _midnight(first + timedelta(number))
        today = _Day(house, first + timedelta(number), seed, density).said() if number < days else []
        waiting = in_order([*waiting, *(each for each in today if each.at >= midnight)])
        ends = _midnight(first + timedelta(number + 1))
        yield from (each for each in waiting if each.at < ends)
        waiting = [each for each in waiting if each.at >= ends]


def _midnight(day: date) -> float:
    return datetime(day.year, day.month, day.day, tzinfo=ZONE).timestamp()


class _Day:
    """One day. Its chance depends on the seed and the date alone."""

    def __init__(self, house: House, day: date, seed: int, density: float) -> None:
        self.house = house
        self.day = day
        self.rng = Random(f"{seed} {day}")  # noqa: S311 - drawn again the same
        self.midnight = _midnight(day)
        self.density = density
        self.works = day.weekday() < 5 and (day.month, day.day) not in HOLIDAYS

    def at(self, hour: float, spread: float = 0.0) -> float:
        """A moment of the day, `spread` hours later at most."""
        return self.midnight + hour * HOUR + (self.rng.uniform(0, spread * HOUR) if spread else 0.0)

    def said(self) -> list[Said]:
        parts: list[Story] = [
            *(self.shift(who) for who in self.present()), self.night(), self.network(), self.internet(), self.website(), self.things(),
            self.machines(), self.sometimes(),
        ]  # fmt: skip
        return list(together(*parts))

    def present(self) -> list[Person]:
        """Who works today: offices on weekdays, three of four of the others."""
        return [
            who for who in self.house.people
            if (self.works if who.shift == "office" else self.rng.random() < (0.72 if self.day.weekday() < 5 else 0.55))
        ]  # fmt: skip

    def many(self, count: int) -> int:
        """So many of what there is much of, as dense as these days are told."""
        return round(count * self.density)

    # --- people -----------------------------------------------------------------------------------------------------------------

    def shift(self, who: Person) -> list[Said]:
        """Somebody's day: sign in (now and then with a mistyped password), files, programs, mail, sign out."""
        rng, house = self.rng, self.house
        name = "PC-ACCUEIL" if who.login == "s.mottart" else PLACES.get(who.role, rng.choice(WARD))
        place = house.machine(name)
        begin, lasts = self.at(BEGINS[who.shift], 0.4), LASTS[who.shift] * HOUR
        office = who.role in OFFICE
        story: list[Said] = []
        if rng.random() < (0.2 if self.day.weekday() == 0 else 0.08):
            wrong = rng.choice((1, 1, 1, 2, 2, 3, 5))
            story += acts.mistypes(house, begin - 10 - wrong * 7, who, place, wrong)
        session, opened = acts.arrives(house, begin, who, place)
        story += opened
        here = windows(house, name)
        for _ in range(rng.randint(1, 4)):  # locked, and unlocked with the password
            story.append(here.signed_in(begin + rng.uniform(0.05, 0.95) * lasts, who, 7)[1])
        story += ordinary.signs_in(house, begin + 1, session, place)
        story += upkeep.at_sign_in(house, begin + 1, session, place)
        story += upkeep.programs_of_people(rng, house, begin + 60, begin + lasts, session, place)
        count = {"nurse": 70, "aide": 30, "cook": 8}.get(who.role, 80)
        story += acts.files(rng, begin + 60, begin + lasts, who, place.address, self.many(count))
        story += acts.programs(rng, house, begin + 60, begin + lasts, session, place, 8 if office else 4)
        story += ordinary.works(rng, house, begin + 60, begin + lasts, session, place)
        story += self.seldom(who, begin, lasts, session, place)
        if office or rng.random() < 0.3:
            story += self.mail(who, begin, lasts, 14 if office else 3)
        story += (
            GATE.forwarded(
                begin + rng.uniform(0, lasts),
                place.address,
                f"203.0.113.{rng.randint(120, 200)}",
                443,
                rng.randint(2_000, 90_000),
                rng.randint(9_000, 4_000_000),
            )
            for _ in range(6)
        )
        story += self.telephone(who, begin, lasts)
        story.append(here.signed_out(begin + lasts + 90, session))
        return in_order(story)

    def mail(self, who: Person, begin: float, lasts: float, count: int) -> list[Said]:
        rng, outside = self.rng, self.house.outside
        story = list(acts.letters(rng, begin + 120, begin + lasts, who, outside, count))
        if rng.random() < 0.05:
            story.append(cloud.refused(begin + 100, who, outside))
        if rng.random() < 0.4:
            story.append(cloud.signed_in(begin + 110, who, outside))
        if rng.random() < 0.5:
            story.append(
                cloud.file(begin + 0.4 * lasts, who, outside, "FileModified", f"planning {self.day:%Y-%m}.xlsx")
            )
            story.append(cloud.file(begin + 0.6 * lasts, who, outside, "FileAccessed", "règlement.docx"))
        if rng.random() < 0.012:  # a rule that keeps order, of which nobody need hear
            story.append(
                cloud.mailbox_rule(
                    begin + 0.5 * lasts,
                    who,
                    outside,
                    "Catalogues",
                    From="catalogue@fournisseur.example",
                    MoveToFolder="Catalogues",
                )
            )
        if rng.random() < 0.02:  # scans of the day are printed at home
            story.append(cloud.signed_in(begin + lasts + 2 * HOUR, who, "198.51.100.77"))
        return story

    def seldom(self, who: Person, begin: float, lasts: float, session: Session, place: Machine) -> list[Said]:
        """What somebody does now and then: the accounts are kept on the server of remote desktops, a portable is used at home, somebody is
        helped."""
        rng, house, story = self.rng, self.house, list[Said]()
        if who.role in {"office", "director"}:
            desk = windows(house, "SRV-TS")
            far, signed = desk.signed_in(begin + 900, who, 10, place.address)
            story += [
                signed,
                *acts.programs(rng, house, begin + 1_000, begin + lasts - 100, far, house.machine("SRV-TS"), 4),
                desk.signed_out(begin + lasts, far, 10),
            ]
        if who.login == "q.dreze" and self.day.day == 3:
            story.append(ordinary.packs_archive(house, begin + 3 * HOUR, session))
        if rng.random() < 0.002:
            story.append(ordinary.help_asked(house, begin + 2 * HOUR, session, place))
        return in_order(story)

    def telephone(self, who: Person, begin: float, lasts: float) -> list[Said]:
        """A telephone joins the radio and gets an address; it leaves and comes back as its bearer walks."""
        number = 100 + who.number % 100
        mac, address = f"02:aa:10:00:00:{number % 256:02x}", f"192.168.20.{number}"
        story: list[Said] = [ANNEXE.lease(begin + 5, address, mac, f"telephone-{number}")]
        for _ in range(self.rng.randint(1, 5)):
            moment = begin + self.rng.uniform(0, lasts)
            story += [*RADIO.joined(moment, mac), RADIO.left(moment + 300, mac)]
        return story

    # --- machines ---------------------------------------------------------------------------------------------------------------

    def night(self) -> Iterator[Said]:
        """The copy at two o'clock; on the first of a month the old ones go."""
        copies = acts.backup(self.house, self.at(2.0, 0.03), self.many(4_000), 0.1, f"{self.day:%Y%m%d}")
        if self.day.day == 1:
            return together(copies, acts.cleaned(self.house, self.at(4), 1_400))
        return copies

    def network(self) -> list[Said]:
        """Leases renewed by day and by night."""
        story: list[Said] = []
        for machine in (*self.house.of("workplace"), *self.house.of("printer")):
            for quarter in range(4):
                story += LEASES.lease(self.at(quarter * 6, 5), machine.address, machine.mac, machine.name)
        return in_order(story)

    def things(self) -> list[Said]:
        """Printers, cameras and the television look for neighbours and for their makers, which the firewall does not let them."""
        rng, story = self.rng, list[Said]()
        for machine in (*self.house.of("printer"), *self.house.of("thing"), *self.house.of("telephone")):
            for _ in range(self.many(80)):
                moment = self.at(0, 24)
                target, port = rng.choice(
                    (
                        ("192.168.10.255", 161),
                        ("203.0.113.150", 443),
                        ("192.168.10.5", 389),
                        ("203.0.113.151", 123),
                        ("192.168.10.9", 445),
                    )
                )
                story.append(SENSE.packet(moment, machine.address, target, port, udp=port in (161, 123)))
        for number in range(rng.randint(4, 12)):  # scanned letters arrive in a folder
            moment = self.at(8, 9)
            story += [
                NAS.connected(moment, "scanner", "192.168.10.71", "scans"),
                NAS.wrote(moment + 1, "scanner", "192.168.10.71", "scans", f"scan-{number:04d}.pdf"),
            ]
        return in_order(story)

    def machines(self) -> list[Said]:
        """What Windows, cron and the antivirus do by themselves."""
        rng, story = self.rng, list[Said]()
        for machine in (*self.house.of("workplace"), *self.house.of("server")):
            here = windows(self.house, machine.name)
            for hour in (5, 11, 17):
                story.append(here.definitions(self.at(hour, 2), f"1.419.{self.day.timetuple().tm_yday}.{hour}"))
            for _ in range(6):
                name = rng.choice(
                    (
                        "Windows Update",
                        "Background Intelligent Transfer Service",
                        "Windows Modules Installer",
                        "Edge Update Service",
                    )
                )
                story.append(here.service_state(self.at(0, 24), name, rng.choice(("running", "stopped"))))
            for command in (
                "C:\\Windows\\System32\\svchost.exe -k netsvcs -p -s wuauserv", "C:\\Windows\\System32\\taskhostw.exe",
                '"C:\\Program Files (x86)\\Microsoft\\EdgeUpdate\\MicrosoftEdgeUpdate.exe" /ua /installsource scheduler',
                "C:\\Windows\\System32\\MpCmdRun.exe SignatureUpdate -ScheduleJob", "C:\\Windows\\System32\\conhost.exe 0xffffffff -ForceV1",
            ):  # fmt: skip
                story.append(here.runs(self.at(0, 24), SYSTEM_ITSELF, acts.SERVICES, command)[1])
            story += ordinary.of_machine(rng, self.house, self.midnight, machine)
            story += upkeep.of_updaters(rng, self.house, self.midnight, machine)
        story += ordinary.servers(self.house, self.midnight, self.day.weekday())
        for hour in range(24):
            story += [
                NAS.cron(self.at(hour, 0.9), "run-parts /etc/cron.hourly"),
                WEB.cron(self.at(hour, 0.9), "/usr/lib/php/sessionclean"),
            ]
        return in_order(story)

    # --- the internet ---------------------------------------------------------------------------------------------------------------

    def internet(self) -> list[Said]:
        """Everybody's doors are tried all day: at the firewall, now and then all of them, and at Microsoft's sign-in page."""
        rng, story = self.rng, list[Said]()
        for _ in range(self.many(600)):
            story.append(
                GATE.denied(self.at(0, 24), f"203.0.113.{rng.randint(1, 110)}", self.house.outside, rng.choice(PROBED))
            )
        for _ in range(self.many(300)):
            story.append(
                ANNEXE.dropped(self.at(0, 24), f"203.0.113.{rng.randint(1, 110)}", "198.51.100.21", rng.choice(PROBED))
            )
        if rng.random() < 0.25:
            begin, who = self.at(0, 23), f"203.0.113.{rng.randint(1, 110)}"
            story += (
                GATE.denied(moment, who, self.house.outside, 20 + number * 37)
                for number, moment in every(begin, 1.5, 200)
            )
        for _ in range(rng.randint(2, 10)):
            story.append(
                cloud.refused(
                    self.at(0, 24), rng.choice(self.house.people), f"203.0.113.{rng.randint(1, 110)}", "Mozilla/5.0"
                )
            )
        for _ in range(rng.randint(0, 4)):
            story.append(upkeep.filtered(rng, self.at(8, 12), rng.choice(self.house.of("workplace")).address))
        if rng.random() < 0.3:
            story.append(upkeep.attacked(self.at(0, 24), f"203.0.113.{rng.randint(1, 110)}", "192.168.30.20"))
        for _ in range(rng.randint(0, 3)):
            story.append(
                GATE.vpn_refused(
                    self.at(0, 24),
                    rng.choice(("admin", "test", "vpn", "guest")),
                    f"203.0.113.{rng.randint(1, 110)}",
                    "Netherlands",
                )
            )
        return in_order(story)

    def website(self) -> list[Said]:
        """Families, search engines, and those who look for weak spots."""
        rng, story = self.rng, list[Said]()
        for _ in range(self.many(300)):
            story.append(
                WEB.page(self.at(7, 16), f"198.51.100.{rng.randint(30, 230)}", rng.choice(VISITED), 200, BROWSER)
            )
        for _ in range(self.many(120)):
            story.append(WEB.page(self.at(0, 24), "192.0.2.130", rng.choice(VISITED), 200, CRAWLER))
        for _ in range(self.many(60)):
            story.append(
                WEB.page(
                    self.at(0, 24),
                    f"203.0.113.{rng.randint(1, 110)}",
                    rng.choice(SEARCHED),
                    404,
                    "python-requests/2.32",
                )
            )
        if rng.random() < 0.5:
            begin, who = self.at(0, 23), f"203.0.113.{rng.randint(1, 110)}"
            story += (
                WEB.page(moment, who, f"/{rng.choice(SEARCHED).strip('/')}/{number}", 404, "Mozilla/5.0 zgrab/0.x")
                for number, moment in every(begin, 1.2, 90)
            )
        for _ in range(6):
            story.append(WEB.mailbox_opened(self.at(8, 10), "info@tilleuls.example", self.house.outside))
        story += WEB.mail_sent(self.at(9, 8), "info@tilleuls.example", self.house.outside, "famille@courrier.example")
        return in_order(story)

    # --- now and then ---------------------------------------------------------------------------------------------------------------

    def sometimes(self) -> list[Said]:
        """What comes once a week or once a month."""
        story: list[Said] = []
        second_week = 8 <= self.day.day <= 14
        if second_week and self.day.weekday() == 1:
            names = [each.name for each in (*self.house.of("workplace"), *self.house.of("server"))]
            story += acts.updates(self.house, self.at(3.2), names)
        if second_week and self.day.weekday() == 3:  # after the patches the provider looks, in the evening
            story += acts.visit(self.house, self.at(20.5, 0.5), 70, ("ipconfig /all", "gpupdate /force"))
            story += upkeep.by_provider(self.house, self.at(21.1))
        if (
            self.day.weekday() == 1 and self.day.day > 20
        ):  # a printer does not print: a visit by day, with the usual questions
            story += acts.visit(
                self.house, self.at(10.2, 1), 25, ("ipconfig /all", "ping 192.168.10.71", "tasklist /svc")
            )
        if self.works and self.rng.random() < 0.08:  # photographs of the summer party, laid on the share
            begin, who = self.at(14, 2), self.house.person("p.teixeira")
            story += (
                NAS.wrote(moment, who.login, "192.168.10.51", "animation", f"photos/fête {number:04d}.jpg")
                for number, moment in every(begin, 0.4, 250)
            )
        if self.works and self.rng.random() < 0.1:  # a new colleague, or a forgotten password set anew
            by = windows(self.house, "SRV-DC")
            session, signed = by.signed_in(self.at(11), self.house.provider, 3, "192.168.10.34", "PC-SOINS")
            story += [
                signed,
                by.made_account(
                    self.at(11) + 60,
                    session,
                    Person("Nouvelle Collègue", f"n.collegue{self.day.day}", "aide", "early", 1_300 + self.day.day),
                ),
            ]
        if self.works and self.rng.random() < 0.12:
            who = self.rng.choice(self.house.people)
            story += (
                ordinary.account_kept(self.house, self.at(10) + number * 40, who, number)
                for number in self.rng.choice(((4724, 4738), (4740, 4767), (4725,)))
            )
        if self.works and self.rng.random() < 0.08:
            story += ordinary.cloud_kept(self.house, self.at(9.5, 1), self.rng)
        if self.rng.random() < 0.1:  # somebody's telephone still has last month's password for the mailbox
            story += (
                WEB.mailbox_refused(moment, "info@tilleuls.example", "198.51.100.91")
                for _, moment in every(self.at(12, 4), 95, 60)
            )
        if self.rng.random() < 0.15:  # somebody from the VPN's list works from home
            who = self.house.person("b.lannoy")
            begin = self.at(19, 1.5)
            story += [
                GATE.vpn_opened(begin, who.login, "198.51.100.77", "10.212.134.21"),
                GATE.vpn_closed(begin + 5_000, who.login, "198.51.100.77", "10.212.134.21", 80),
            ]
            story += LEASES.tunnel(begin - HOUR, "q.dreze", "198.51.100.78")
            if self.rng.random() < 0.4:
                story += [GATE.vpn_refused(begin - 40, who.login, "198.51.100.77")]
        if self.rng.random() < 0.1:
            story += [
                DISK.refused(self.at(9, 8), "q.dreze", "192.168.10.33"),
                DISK.signed_in(self.at(18), "q.dreze", "192.168.10.33"),
            ]
        story.append(PVE.signed_in(self.at(2) - 5, "root@pam"))
        return in_order(story)
