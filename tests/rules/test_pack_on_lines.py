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


@pytest.mark.slow
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


@pytest.mark.slow
def test_a_backup_job_that_puts_twenty_thousand_files_aside_is_low(pack: RuleSet) -> None:
    file = "/srv/residents/fiche{n}.docx"
    lines = [
        line(n / 20, f"smbd_audit: sauvegarde|{OWN}|nas2|residents|renameat|ok|{file}|{file}.bak".format(n=n))
        for n in range(20_000)
    ]
    assert {(each.title, each.level) for each in found(pack, lines)} == {("Very many files on a share renamed", "low")}


# --- what blocks a house, on lines as the devices send them -----------------------------------------------------------------


def journal(seconds: float, program: str, said: str, unit: str | None) -> bytes:
    """An entry of the machine's own journal, as journalctl gives it."""
    when = NIGHT - timedelta(minutes=40) + timedelta(seconds=seconds)
    entry = {
        "__REALTIME_TIMESTAMP": str(micros_of(when)), "__CURSOR": f"s=1;i={program}{seconds}", "_HOSTNAME": "beffroi",
        "SYSLOG_IDENTIFIER": program, "_PID": "77", "MESSAGE": said,
    }  # fmt: skip
    return orjson.dumps(entry if unit is None else {**entry, "_SYSTEMD_UNIT": unit})


def found_in_journal(pack: RuleSet, entries: list[bytes]) -> list[Found]:
    watch = Understander(pack, BRUSSELS)
    batch = arrival(*entries, form=Form.JOURNALD, arrived=micros_of(NIGHT))
    return [*watch.understand([(len(entries), batch)]).found, *watch.settle(len(entries), micros_of(NIGHT)).found]


SIGNED_IN = f"Accepted publickey for anna from {OWN} port 50001 ssh2: ED25519 SHA256:x"
STOP = "    anna : TTY=pts/0 ; PWD=/home/anna ; USER=root ; COMMAND=/usr/bin/systemctl stop beffroi"


def test_a_sign_in_to_beffrois_machine_and_the_stop_that_follows_are_one_story(pack: RuleSet) -> None:
    told = found_in_journal(
        pack, [journal(0, "sshd", SIGNED_IN, "ssh.service"), journal(60, "sudo", STOP, "session-4.scope")]
    )
    assert titles(told) == Counter(
        [
            "Somebody signed in to Beffroi's own machine",
            "Beffroi switched off by command",
            "Sign-in to Beffroi's machine, and then the watch attacked",
        ]
    )


def test_a_sign_in_to_a_machine_that_sends_its_log_is_none_to_beffrois(pack: RuleSet) -> None:
    assert titles(found(pack, [line(0, f"sshd: {SIGNED_IN}")])) == Counter()


def test_beffrois_own_restart_is_nothing_above_low(pack: RuleSet) -> None:
    told = '{"time": "2026-11-28T01:00:00.000Z", "level": "warning", "logger": "beffroi.service", "message": "Beffroi was off from 2026-11-28T00:00:00Z to 2026-11-28T00:40:00Z"}'
    entries = [
        journal(0, "systemd", "Stopping beffroi.service - Beffroi, the watchtower of this house...", "init.scope"),
        journal(1, "systemd", "beffroi.service: Deactivated successfully.", "init.scope"),
        journal(2, "systemd", "Started beffroi.service - Beffroi, the watchtower of this house.", "init.scope"),
        journal(3, "beffroi", told, "beffroi.service"),
    ]
    assert [(each.title, each.level) for each in found_in_journal(pack, entries)] == [
        ("Beffroi was off for a while", "low")
    ]


FORTIGATE = 'date=2026-11-28 time=01:{minute:02}:07 devname="fw" devid="FG1" logid="{logid}" vd="root" '


@pytest.mark.parametrize(
    ("lines", "title"),
    [
        (['type="event" subtype="system" user="admin" ui="GUI(192.168.10.5)" action="Edit" cfgpath="log.syslogd.setting" cfgattr="status[enable->disable]"'],
         "Firewall told to send its log no more (FortiGate)"),
        (['type="event" subtype="system" user="admin" ui="jsconsole(127.0.0.1)" action="Add" cfgpath="system.admin" cfgobj="x" cfgattr="password[*]accprofile[super_admin]"'],
         "Firewall changed without a sign-in or from the internet (FortiGate)"),
        (['type="utm" subtype="dns" srcip=192.168.10.77 dstip=192.0.2.53 qname="a.example" action="block" msg="Domain was blocked by dns botnet C&C" botnetdomain="a.example"'],
         "Machine calls attackers' server, says the firewall (FortiGate)"),
        ([f'type="utm" subtype="webfilter" srcip=192.168.10.77 dstip=203.0.113.{n} hostname="w{n}.example" url="/" action="blocked" cat=26 catdesc="Malicious Websites"' for n in range(12)],
         "Machine goes from one dangerous page to the next"),
        (['type="utm" subtype="anomaly" srcip=203.0.113.9 dstip=198.51.100.7 action="clear_session" attack="udp_flood" count=1200'],
         "Firewall says that it is being flooded"),
        (['type="traffic" subtype="forward" srcip=192.168.10.5 srcserver=1 dstip=203.0.113.9 dstport=443 proto=6 action="close" sentbyte=3200000000 rcvdbyte=1'],
         "Server sends very much to the internet in the night"),
    ],
)  # fmt: skip
def test_what_a_fortigate_sends_is_understood(pack: RuleSet, lines: list[str], title: str) -> None:
    told = found(
        pack, [(FORTIGATE.format(minute=n, logid="0100044547") + said).encode() for n, said in enumerate(lines)]
    )
    assert title in titles(told)


@pytest.mark.parametrize(
    ("said", "title"),
    [
        ("php-fpm: /status_logs_settings.php: Configuration Change: admin@192.168.10.5 (Local Database): Changed system logging options.",
         "Sending of the log or reporting changed at the firewall (pfSense, OPNsense)"),
        ("audit: user root@192.168.10.5 changed configuration to /conf/backup/config-1.6.xml in /api/auth/user/add /api/auth/user/add made changes",
         "New or changed user of the firewall (pfSense, OPNsense)"),
        ("miniupnpd: redirecting port 5001 to 192.168.10.20:5001 protocol TCP for: NAS", "Door into the house opened by a device itself (UPnP)"),
        ("kernel: EXT4-fs (sdb1): Remounting filesystem read-only", "Disk pulled out or failing while in use"),
        ("shell: [root]: esxcli vm process kill --type=force --world-id=21", "Virtual machines killed or their copies deleted by command (VMware)"),
        ("System: admin2:#011Backup task [Copie de nuit] was deleted.", "Copies or a volume of the NAS deleted (Synology)"),
        ("System: admin:#011User [bert] was added to the group [administrators].", "New administrator of the NAS (Synology)"),
        ("qulogd: event log: Users: admin2, Source IP: 192.168.10.77, Computer name: ---, Application: Storage & Snapshots, Category: Snapshot, Content: [Storage & Snapshots] Deleted snapshot. Volume: DataVol1.",
         "Copies or a volume of the NAS deleted (QNAP)"),
        ("sudo: anna : TTY=pts/0 ; PWD=/ ; USER=root ; COMMAND=/usr/sbin/zfs destroy -r tank/residents", "Copies destroyed by command on a Linux machine or NAS"),
        ("audispd: type=PROCTITLE msg=audit(1795826000.123:77): proctitle=73687265640A002F6465762F736461", "Disk wiped by command on a Linux machine or NAS"),
        ("audispd: type=PROCTITLE msg=audit(1795826000.123:78): proctitle=776970656673002D61002F6465762F736461", "Disk wiped by command on a Linux machine or NAS"),
        ("pvedaemon: <root@pam> starting task UPID:pve:0003C76F:00F0CD27:6AB6D538:imgdel:local:root@pam:", "Virtual machine or backup deleted on the hypervisor"),
        ('suricata: {"timestamp":"2026-11-28T01:00:00.000000+0000","flow_id":1,"event_type":"alert","src_ip":"192.168.10.77","src_port":50000,"dest_ip":"203.0.113.9","dest_port":443,"proto":"TCP","alert":{"action":"allowed","signature":"ET MALWARE Made-up","category":"Malware Command and Control Activity Detected","severity":1}}',
         "Network watch sees malware in the house"),
    ],
)  # fmt: skip
def test_what_a_device_says_in_one_line_is_understood(pack: RuleSet, said: str, title: str) -> None:
    assert titles(found(pack, [line(0, said)])) == Counter([title])


@pytest.mark.parametrize(
    ("said", "title"),
    [
        ("system,info user bert added by admin", "New or changed user of the router (MikroTik)"),
        ("system,info log action changed by admin", "Log of the router switched off or changed (MikroTik)"),
        ("dhcp,critical,error dhcp alert on bridge: discovered unknown dhcp server, mac 00:00:5E:00:53:07, ip 192.168.1.1",
         "Foreign machine hands out addresses in the network"),
        ("CEF:0|Ubiquiti|UniFi Network|10.0|201|Threat Detected and Blocked|7|proto=TCP act=blocked UNIFIcategory=Security UNIFIsubCategory=Intrusion Prevention src=192.168.10.77 dst=203.0.113.9 UNIFIipsSignature=ET MALWARE Made-up UNIFIrisk=high msg=x",
         "Machine calls attackers' server, says the firewall (UniFi)"),
        ('device="SFW" date=2026-11-28 time=01:00:00 timezone="CET" device_name="XG" log_id=050101618001 log_type="ATP" log_component="Firewall" log_subtype="Drop" threatname="C2/Generic-A" src_ip=192.168.10.77 dst_ip=203.0.113.9',
         "Machine calls attackers' server, says the firewall (Sophos)"),
    ],
)  # fmt: skip
def test_what_a_device_says_without_a_program_is_understood(pack: RuleSet, said: str, title: str) -> None:
    assert titles(found(pack, [f"<134>Nov 28 01:50:00 device {said}".encode()])) == Counter([title])


def test_documents_encrypted_on_a_synology_are_told(pack: RuleSet) -> None:
    lines = [
        line(n / 20, f"WinFileService: Event: write, Path: /residents/fiche{n}.docx.akira, File/Folder: File, Size: 6.00 KB, User: o.lambin, IP: {OWN}")
        for n in range(200)
    ]  # fmt: skip
    told = found(pack, lines)
    assert titles(told) == Counter(["Documents on a share get foreign endings one after another"])
    assert told[0].fields == {"src_ip": OWN, "username": "o.lambin"}


def test_a_nightly_copy_to_a_nas_is_nothing_above_low(pack: RuleSet) -> None:
    who = f"Size: 6.00 KB, User: sauvegarde, IP: {OWN}"
    lines = [
        line(n / 20, f"WinFileService: Event: {what}, Path: /copies/{n}.docx{ending}, File/Folder: File, {who}")
        for n in range(3_000)
        for what, ending in (("write", ".tmp"), ("rename", ".bak"), ("delete", ".old"))
    ]
    assert {each.level for each in found(pack, lines)} <= {"low"}


def test_documents_of_nextcloud_that_are_encrypted_are_told(pack: RuleSet) -> None:
    said = '{{"reqId":"x","level":1,"time":"2026-11-28T00:40:{second:02}+00:00","remoteAddr":"192.168.10.77","user":"o.lambin","app":"admin_audit","method":"MOVE","url":"/","message":{message}}}'
    lines = [
        line(n / 10, "Nextcloud: " + said.format(
            second=n // 10, message=orjson.dumps(f'File with id "{n}" renamed from "/r/f{n}.docx" to "/r/f{n}.docx.locked"').decode()))
        for n in range(150)
    ]  # fmt: skip
    assert titles(found(pack, lines))["Documents on a share get foreign endings one after another"] == 1


def test_a_providers_visit_to_beffrois_machine_is_nothing_above_low(pack: RuleSet) -> None:
    who = "    anna : TTY=pts/0 ; PWD=/home/anna ; USER=root ; COMMAND="
    orders = [
        "/usr/bin/apt upgrade", "/usr/bin/nano /etc/beffroi/beffroi.toml", "/usr/bin/systemctl restart beffroi", "/bin/bash",
        "/usr/bin/du -sh /var/lib/beffroi", "/usr/local/bin/beffroi doctor",
    ]  # fmt: skip
    told = found_in_journal(
        pack,
        [
            journal(0, "sshd", SIGNED_IN, "ssh.service"),
            *(journal(60 + n, "sudo", who + each, "session-4.scope") for n, each in enumerate(orders)),
        ],
    )
    assert {each.level for each in told} == {"low"}
    assert len(told) == 3


def test_who_may_not_become_administrator_of_beffrois_machine_and_tries_is_told(pack: RuleSet) -> None:
    said = "    bert : user NOT in sudoers ; TTY=pts/0 ; PWD=/home/bert ; USER=root ; COMMAND=/bin/bash"
    told = found_in_journal(pack, [journal(0, "sudo", said, "session-5.scope")])
    assert "Somebody without the right wanted to become administrator of Beffroi's machine" in titles(told)
    assert titles(found(pack, [line(0, f"sudo: {said}")])) == Counter()


def test_servers_of_a_hypervisor_that_lose_their_current_are_told_and_its_servicing_is_not(pack: RuleSet) -> None:
    def tasks(kind: str) -> list[bytes]:
        return [
            line(10 * n, f"pvedaemon: <root@pam> starting task UPID:pve:0003C76F:00F0CD27:6AB6D53{n}:{kind}:10{n}:root@pam:")
            for n in range(5)
        ]  # fmt: skip

    assert titles(found(pack, tasks("qmstop"))) == Counter(
        ["Several servers of a hypervisor switched off hard (Proxmox)"]
    )
    assert titles(found(pack, [*tasks("qmshutdown"), *tasks("qmstart"), *tasks("vzdump")])) == Counter()


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
    lines = [line(5 * n, client.format(id=f"4ABCD{n:04}", ip=STRANGER)) for n in range(530)]
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
