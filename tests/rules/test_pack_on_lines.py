"""Beffroi's own rules on lines as devices send them, through the readers: whole attacks give few firings, quiet logs none."""

from collections import Counter
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import orjson
import pytest

from beffroi.detect.values import micros_of
from beffroi.logs.arrival import Form
from beffroi.rules.pack import TRIED_WITH
from beffroi.rules.repository import PACK, RuleSet, load
from beffroi.watching.understanding import Found, Understander
from tests.watching.watch import BRUSSELS, arrival

NIGHT = datetime(2026, 11, 28, 1, 10, tzinfo=UTC)
STRANGER, OWN = "203.0.113.45", "192.168.10.77"


@pytest.fixture(scope="module")
def pack() -> RuleSet:
    return load([PACK])


def found(pack: RuleSet, lines: Iterable[bytes], arrived: datetime = NIGHT) -> list[Found]:
    """What the lines mean, received in batches of 500 as a receiver hands them on."""
    watch = Understander(pack, BRUSSELS)
    all_lines, told = list(lines), []
    for at in range(0, len(all_lines), 500):
        batch = arrival(*all_lines[at : at + 500], form=Form.SYSLOG, arrived=micros_of(arrived))
        told += watch.understand([(at + 500, batch)]).found
    told += watch.settle(len(all_lines), micros_of(arrived)).found
    return told


def titles(told: Iterable[Found]) -> Counter[str]:
    return Counter(each.title for each in told)


def line(seconds: float, said: str) -> bytes:
    """As RFC 5424 has it, so that a fraction of a second counts."""
    when = (NIGHT - timedelta(minutes=40) + timedelta(seconds=seconds)).isoformat().replace("+00:00", "Z")
    program, _, text = said.partition(": ")
    return f"<38>1 {when} nas {program} - - - {text}".encode()


def guessing(address: str, tries: int, names: int) -> list[bytes]:
    return [
        line(number / 10, f"sshd: Failed password for invalid user n{number % names} from {address} port 4711 ssh2")
        for number in range(tries)
    ]


GUESSING = {"Passwords being guessed", "One password tried on many accounts"}


@pytest.mark.parametrize("name", ["OpenSSH", "Linux"])
def test_real_logs_under_attack_give_guessing_once_for_each_burst_and_nothing_else(
    corpus: Path, pack: RuleSet, name: str
) -> None:
    lines = (corpus / f"syslog/loghub/{name}/{name}_2k.log").read_bytes().splitlines()
    told = found(pack, lines, datetime(2015, 12, 11, tzinfo=UTC))
    assert titles(told).keys() <= GUESSING
    assert len({each.fields["src_ip"] for each in told}) >= 6
    assert len(told) <= 12


def test_a_real_quiet_log_gives_nothing_above_low(corpus: Path, pack: RuleSet) -> None:
    lines = (corpus / "syslog/loghub/Mac/Mac_2k.log").read_bytes().splitlines()
    assert [each.title for each in found(pack, lines) if each.level not in ("low", "informational")] == []


@pytest.mark.parametrize("address", [STRANGER, OWN])
def test_ten_thousand_failures_and_a_success_are_three_firings_of_one_address(pack: RuleSet, address: str) -> None:
    lines = guessing(address, 10_000, 5_000)
    inside = line(1_001, f"sshd: Accepted password for n77 from {address} port 4711 ssh2")
    told = found(pack, [*lines, inside])
    assert titles(told) == Counter([*GUESSING, "Signed in after a storm of wrong passwords"])
    assert {each.fields["src_ip"] for each in told} == {address}
    assert next(each.level for each in told if each.title.startswith("Signed in")) == "critical"


def test_an_hour_of_guessing_at_one_name_that_ends_well_for_the_thief_is_told(pack: RuleSet) -> None:
    lines = [line(n, f"sshd: Failed password for anna from {STRANGER} port 4711 ssh2") for n in range(0, 1_200, 15)]
    told = found(pack, [*lines, line(1_201, f"sshd: Accepted password for anna from {STRANGER} port 4711 ssh2")])
    assert titles(told)["Sign-in succeeded after many failures"] == 1
    assert {"src_ip": STRANGER, "username": "anna"} in [each.fields for each in told]


def test_what_different_doors_of_the_house_see_of_one_address_is_counted_together(pack: RuleSet) -> None:
    doors = [
        "Connection: User [{name}] from [{ip}] failed to sign in to [DSM] via [password] due to authorization failure.",
        "sshd: Failed password for {name} from {ip} port 4711 ssh2",
        "openvpn: {name}/{ip}:1194 TLS Auth Error: Auth Username/Password verification failed for peer",
        "dovecot: imap-login: Disconnected (auth failed, 1 attempts): user=<{name}>, method=PLAIN, rip={ip}, lip=192.0.2.1",
        "php-fpm: /index.php: webConfigurator authentication error for user '{name}' from: {ip}",
    ]  # fmt: skip
    lines = [
        line(10 * number, door.format(name=f"n{number}", ip=STRANGER)) for number, door in enumerate([*doors, *doors])
    ]
    assert titles(found(pack, lines)) == Counter(GUESSING)


def test_a_port_scan_and_the_guessing_that_follows_name_the_same_address(pack: RuleSet) -> None:
    packet = (
        "5,,,1000000103,igb0,match,block,in,4,0x0,,239,42,0,none,6,tcp,40,{ip},198.51.100.7,5678,{port},0,S,1,,1024,,"
    )
    scan = [line(port, "filterlog: " + packet.format(ip=STRANGER, port=port)) for port in range(1, 200)]
    later = [line(300 + n, f"sshd: Failed password for root from {STRANGER} port 4711 ssh2") for n in range(20)]
    told = found(pack, [*scan, *later])
    assert titles(told) == Counter(["Somebody on the internet looks for open doors", "Passwords being guessed"])
    assert {each.fields["src_ip"] for each in told} == {STRANGER}


def encrypting(ending: str) -> list[bytes]:
    """Samba's lines while a share is encrypted at the usual speed, forty files a second."""
    who = f"smbd_audit: o.lambin|{OWN}|pc7|residents"
    return [
        line(number / 40 + step / 1000, f"{who}|{what}".format(file=f"/srv/residents/fiche{number}.docx", ending=ending))
        for number in range(600)
        for step, what in enumerate(
            ("create_file|ok|0x12019f|file|overwrite_if|{file}", "pwrite_send|ok|{file}", "renameat|ok|{file}|{file}{ending}")
        )
    ]  # fmt: skip


def test_a_share_that_is_being_encrypted_is_told_before_the_hundred_and_second_file(pack: RuleSet) -> None:
    told = found(pack, encrypting(".lockbit"))
    assert titles(told) == Counter(
        ["Files on a share are being encrypted", "Files on a share replaced one after another"]
    )
    first = min(told, key=lambda each: each.time)
    assert (first.level, first.fields) == ("critical", {"src_ip": OWN, "username": "o.lambin"})
    assert first.time <= micros_of(NIGHT - timedelta(minutes=40) + timedelta(seconds=102 / 40))


def test_a_backup_job_that_puts_twenty_thousand_files_aside_is_low(pack: RuleSet) -> None:
    file = "/srv/residents/fiche{n}.docx"
    lines = [
        line(n / 20, f"smbd_audit: sauvegarde|{OWN}|nas2|residents|renameat|ok|{file}|{file}.bak".format(n=n))
        for n in range(20_000)
    ]
    assert {(each.title, each.level) for each in found(pack, lines)} == {("Very many files on a share renamed", "low")}


def record(said: dict[str, object]) -> bytes:
    return orjson.dumps({"CreationTime": "2026-11-28T00:40:00", "Id": str(said), "ResultStatus": "Succeeded", **said})


def test_a_stranger_in_a_mailbox_who_hides_letters_is_told_from_microsofts_own_records(pack: RuleSet) -> None:
    who = {"UserId": "compta@tilleuls.example", "ClientIP": f"{STRANGER}:50123"}
    entered = record({"Operation": "UserLoggedIn", "Workload": "AzureActiveDirectory", **who})
    words = [{"Name": "SubjectContainsWords", "Value": "facture;IBAN"}, {"Name": "MoveToFolder", "Value": "RSS Feeds"}]
    hides = record(
        {
            "Operation": "New-InboxRule", "Workload": "Exchange", **who, "CreationTime": "2026-11-28T00:49:00",
            "Parameters": [*words, {"Name": "Name", "Value": "."}],
        }
    )  # fmt: skip
    assert titles(found(pack, [entered, hides])) == Counter(
        [
            "Mailbox entered, and soon a rule that sends on or hides",
            "Mailbox rule hides letters",
            "Mailbox rule hides letters about invoices or payments",
            "Mailbox rule with a name of nothing but dots or signs",
        ]
    )


def test_a_rule_that_outlook_made_and_an_empty_mailbox_are_understood(pack: RuleSet) -> None:
    actions = orjson.dumps([{"ActionType": "Forward", "Recipients": ["boite77@courriel.example"]}]).decode()
    lines = [
        record({"Operation": name, "Workload": "Exchange", "UserId": "a@tilleuls.example", "OperationProperties": given})
        for name, given in (
            ("UpdateInboxRules", [{"Name": "RuleActions", "Value": actions}]),
            ("MailItemsAccessed", [{"Name": "MailAccessType", "Value": "Bind"}, {"Name": "IsThrottled", "Value": "True"}]),
        )
    ]  # fmt: skip
    assert titles(found(pack, lines)) == Counter(
        ["Mailbox rule sends letters on to another address", "So many letters read that Microsoft stopped counting"]
    )


def test_an_account_that_writes_to_the_world_through_the_houses_own_server_is_told_once(pack: RuleSet) -> None:
    client = "postfix/submission/smtpd: {id}: client=unknown[{ip}], sasl_method=PLAIN, sasl_username=accueil"
    lines = [line(10 * n, client.format(id=f"4ABCD{n:04}", ip=STRANGER)) for n in range(230)]
    assert titles(found(pack, lines)) == Counter(["One account sends very many letters through the house's server"])


def test_the_decoy_machine_and_a_decoy_file_speak() -> None:
    canary = (
        b'<14>1 2026-11-28T00:40:00Z leurre opencanaryd - - - {"dst_host": "192.168.10.9", "dst_port": 22, "local_time": '
        b'"2026-11-28 00:40:00.1", "logdata": {"USERNAME": "admin"}, "logtype": 4002, "node_id": "leurre-1", "src_host": "192.168.10.77", "src_port": 50123}'
    )
    opened = line(
        1, "WinFileService: Event: read, Path: /direction/mots-de-passe-banque.xlsx, File/Folder: File, Size: 6.00 KB, "
        f"User: o.lambin, IP: {OWN}",
    )  # fmt: skip
    house = load([PACK], placeholders=TRIED_WITH)
    assert titles(found(house, [canary, opened])) == Counter(["Decoy machine touched", "Decoy file opened"])
