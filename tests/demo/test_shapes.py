"""What the generator makes is what the real sources send: every message of it is understood, field by field."""

import json
import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address, ip_network
from itertools import pairwise
from random import Random

import pytest

from beffroi.core.model import LogSource
from beffroi.demo import STORIES, House, Sent, Story, acts, cloud, play, quiet, send
from beffroi.demo.acts import ANNEXE, DISK, GATE, NAS, PVE, RADIO, SENSE, WEB
from beffroi.demo.said import ZONE, Said
from beffroi.demo.windows import SYSTEM_ITSELF, Windows
from beffroi.logs.arrival import Form
from beffroi.logs.formats.normal import Context, Normalised
from beffroi.logs.formats.understood import normalise

HOUSE = House()
AT = datetime(2026, 11, 28, 1, 10, tzinfo=UTC).timestamp()
ANNA, BAD = HOUSE.person("f.hault"), "203.0.113.66"
PC = Windows("PC-INF-1", "192.168.10.41")
WORDS = {"message", "program", "hostname", "said"}
"""What every line has, read or not."""


def understood(sent: Sent) -> Normalised:
    """A message as the house reads it half a second after it was sent."""
    context = Context(sent.at + timedelta(seconds=0.5), ZONE, "192.0.2.7", None)
    [event] = normalise(Form(sent.form), sent.message, context)
    return event


def one(said: Said) -> Normalised:
    [sent] = send([said])
    return understood(sent)


def is_read(event: Normalised) -> bool:
    """Whether a reader knew the message: it gave fields beside the words, and a log source of its own."""
    return bool(event.fields.get("EventID") and event.fields.get("Channel")) or bool(event.fields.keys() - WORDS)


KEPT_AS_WORDS = re.compile(rb"CRON\[|starting task UPID|System: SYSTEM:|uid=1000")
"""Lines that Beffroi keeps as they are, because they say nothing that it reads: cron's, a hypervisor's tasks."""


def every_shape() -> Iterator[Story]:
    """Each shape that the generator knows, once or more."""
    session, signed = PC.signed_in(AT, ANNA, 2)
    process, created = PC.runs(AT, session, acts.EXPLORER, "C:\\Windows\\System32\\cmd.exe /c dir")
    yield [
        signed,
        created,
        PC.signed_out(AT, session),
        PC.powerful(AT, session),
        PC.refused(AT, "f.hault", BAD),
        PC.refused(AT, "x", "-", kind=2),
    ]
    yield [
        PC.ticket(AT, ANNA, "192.168.10.41"),
        PC.service_ticket(AT, ANNA, "192.168.10.41", "SRV-SOINS$"),
        PC.ticket_refused(AT, ANNA, "192.168.10.41"),
    ]
    yield [
        PC.made_account(AT, session, ANNA),
        PC.made_administrator(AT, session, ANNA),
        PC.read(AT, session, "soins", "a.docx"),
    ]
    yield [
        PC.wrote_on_share(AT, session, "soins", "a.docx"),
        PC.gone_from_share(AT, session, "soins", "a.docx"),
        PC.service(AT, "x", "C:\\x.exe"),
    ]
    yield [
        PC.service_state(AT, "Windows Update", "running"),
        PC.planned(AT, session, "\\x", "cmd", "/c dir"),
        PC.cleared(AT, session),
        PC.updated(AT, "KB1"),
    ]
    yield [PC.definitions(AT, "1.2"), PC.malware(AT, ANNA, "Trojan:Win32/X", "C:\\x.exe"), PC.protection_off(AT)]
    seen = Windows("PC-SOINS", "192.168.10.34", sysmon=True, shipper="nxlog")
    yield [
        seen.runs(AT, session, process, "C:\\Windows\\System32\\whoami.exe")[1],
        seen.wrote(AT, process, "C:\\a"),
        seen.set_value(AT, process, "HKLM\\x", "y"),
    ]
    yield [
        seen.called(AT, process, BAD, 443),
        seen.opened(AT, process, "C:\\Windows\\system32\\lsass.exe", "0x1010"),
        seen.updated(AT, "KB1"),
    ]
    yield [
        *WEB.ssh_refused(AT, "root", BAD, known=True),
        *WEB.ssh_refused(AT, "bob", BAD, known=False),
        *WEB.ssh_opened(AT, "quatrevents", BAD),
    ]
    yield [
        *WEB.ssh_closed(AT, "quatrevents", BAD),
        WEB.sudo(AT, "quatrevents", "/bin/ls"),
        WEB.sudo_refused(AT, "quatrevents", "/bin/ls"),
        WEB.cron(AT, "x"),
    ]
    yield [
        NAS.connected(AT, "a", BAD, "s"),
        NAS.read(AT, "a", BAD, "s", "f"),
        NAS.wrote(AT, "a", BAD, "s", "f"),
        NAS.renamed(AT, "a", BAD, "s", "f", "g"),
    ]
    yield [
        NAS.deleted(AT, "a", BAD, "s", "f"),
        WEB.mailbox_refused(AT, "a", BAD),
        WEB.mailbox_opened(AT, "a", BAD),
        WEB.mail_refused(AT, "a", BAD),
    ]
    yield [
        *WEB.mail_sent(AT, "a@x.example", BAD, "b@y.example"),
        *WEB.tunnel(AT, "anna", BAD),
        WEB.tunnel_refused(AT, BAD),
        WEB.page(AT, BAD, "/", 200, "x"),
    ]
    yield [
        *WEB.lease(AT, "192.168.10.41", "02:1d:00:00:00:01", "PC-INF-1"),
        PVE.signed_in(AT, "root@pam"),
        PVE.refused(AT, "root@pam", BAD),
    ]
    yield [
        PVE.task(AT, "qmstop", 101, "root@pam"),
        DISK.signed_in(AT, "a", BAD),
        DISK.refused(AT, "a", BAD),
        DISK.opened(AT, "a", BAD, "s"),
    ]
    yield [
        DISK.file(AT, "rename", "/s/a -> /s/b", "a", BAD),
        DISK.system(AT, "Shared folder [s] was removed."),
        GATE.vpn_refused(AT, "a", BAD),
    ]
    yield [
        GATE.vpn_opened(AT, "a", BAD, "10.212.134.9"),
        GATE.vpn_closed(AT, "a", BAD, "10.212.134.9", 9),
        GATE.admin_signed_in(AT, "a", BAD),
    ]
    yield [
        GATE.denied(AT, BAD, HOUSE.outside, 23),
        GATE.forwarded(AT, "192.168.10.41", BAD, 443, 10, 20),
        SENSE.packet(AT, "192.168.10.71", "192.168.10.5", 445),
    ]
    yield [
        SENSE.packet(AT, "192.168.10.71", "192.168.10.5", 161, udp=True),
        ANNEXE.lease(AT, "192.168.20.5", "02:1d:00:00:00:01", "tel"),
    ]
    yield [
        ANNEXE.signed_in(AT, "admin", BAD),
        ANNEXE.refused(AT, "admin", BAD),
        ANNEXE.dropped(AT, BAD, HOUSE.outside, 23),
        *RADIO.joined(AT, "02:1d:00:00:00:01"),
    ]
    yield [
        RADIO.left(AT, "02:1d:00:00:00:01"),
        cloud.signed_in(AT, ANNA, BAD),
        cloud.refused(AT, ANNA, BAD),
        cloud.mailbox_rule(AT, ANNA, BAD, ".", DeleteMessage="True"),
    ]
    yield [
        cloud.forwarding(AT, ANNA, BAD, "x@y.example"),
        cloud.letters_read(AT, ANNA, BAD, "x", 2),
        cloud.letter_sent(AT, ANNA, BAD, "x"),
    ]
    yield [
        cloud.letters_deleted(AT, ANNA, BAD, "x"),
        cloud.file(AT, ANNA, BAD, "FileDownloaded", "a.docx"),
        cloud.consent(AT, ANNA, BAD, "Reader"),
    ]


@pytest.mark.parametrize("story", list(every_shape()))
def test_every_shape_is_read_with_its_fields_and_its_time(story: Story) -> None:
    for sent in send(story):
        event = understood(sent)
        assert is_read(event) or KEPT_AS_WORDS.search(sent.message), sent.message
        assert event.time is not None
        assert abs(event.time - sent.at) < timedelta(seconds=1.5), sent.message


def test_every_message_of_a_quiet_week_is_read() -> None:
    unread = [
        sent.message
        for sent in quiet(7, 3, datetime(2026, 12, 8, tzinfo=UTC))
        if not is_read(understood(sent)) and not KEPT_AS_WORDS.search(sent.message)
    ]
    assert unread == []


@pytest.mark.slow
@pytest.mark.parametrize("name", STORIES)
def test_every_story_is_read_in_the_order_of_its_time_and_the_same_when_told_again(name: str) -> None:
    told, again = (list(send(STORIES[name](HOUSE, AT, Random(7)))) for _ in range(2))
    assert told == again
    assert all(before.at <= after.at for before, after in pairwise(told))
    assert [
        sent.message for sent in told if not is_read(understood(sent)) and not KEPT_AS_WORDS.search(sent.message)
    ] == []


@pytest.mark.parametrize(
    ("said", "source", "fields"),
    [
        (NAS.renamed(AT, "anna", BAD, "soins", "a.docx", "a.docx.x"), LogSource("samba", "file_rename", "full_audit"),
         {"username": "anna", "src_ip": BAD, "share": "soins", "TargetFilename": "a.docx", "renamed": "a.docx.x"}),
        (DISK.file(AT, "rename", "/soins/a", "anna", BAD), LogSource("synology", "file_rename", "winfileservice"),
         {"username": "anna", "src_ip": BAD, "TargetFilename": "/soins/a"}),
        (DISK.refused(AT, "anna", BAD), LogSource("synology", "authentication", "connection"), {"outcome": "failure", "username": "anna", "src_ip": BAD}),
        (GATE.vpn_opened(AT, "anna", BAD, "10.212.134.9"), LogSource("fortigate", "authentication", "event"),
         {"outcome": "success", "username": "anna", "src_ip": BAD, "srccountry": "Belgium"}),
        (SENSE.packet(AT, "192.168.10.71", "192.168.10.5", 445), LogSource("pfsense", "firewall", "filterlog"),
         {"blocked": "true", "src_ip": "192.168.10.71", "dst_ip": "192.168.10.5", "dst_port": 445, "protocol": "tcp"}),
        (ANNEXE.dropped(AT, BAD, "198.51.100.21", 23), LogSource("mikrotik", "firewall", "firewall"), {"blocked": "true", "src_ip": BAD, "dst_port": 23}),
        (WEB.page(AT, BAD, "/a.php?x=1", 404, "curl"), LogSource(None, "webserver", "nginx"), {"src_ip": BAD, "sc-status": 404, "cs-uri-stem": "/a.php"}),
        (WEB.tunnel(AT, "anna", BAD)[3], LogSource("linux", "authentication", "openvpn"), {"outcome": "success", "username": "anna", "src_ip": BAD}),
        (PVE.refused(AT, "root@pam", BAD), LogSource("proxmox", "authentication", "auth"), {"outcome": "failure", "username": "root@pam", "src_ip": BAD}),
        (cloud.mailbox_rule(AT, ANNA, BAD, ".", MoveToFolder="RSS"), LogSource("m365", None, "exchange"),
         {"Operation": "New-InboxRule", "MoveToFolder": "RSS", "Parameters.Name": ".", "src_ip": BAD, "username": ANNA.mail}),
    ],
)  # fmt: skip
def test_a_shape_says_who_did_what_from_where(said: Said, source: LogSource, fields: dict[str, object]) -> None:
    event = one(said)
    assert event.logsource == source
    assert fields.items() <= event.fields.items()


@pytest.mark.parametrize("shipper", ["winlogbeat", "nxlog"])
def test_both_shippers_of_windows_say_the_same(shipper: str) -> None:
    machine = Windows("PC-INF-1", "192.168.10.41", shipper=shipper)  # type: ignore[arg-type] # the two there are
    event = one(machine.signed_in(AT, ANNA, 3, "192.168.10.42", "PC-INF-2")[1])
    expected = {
        "EventID": 4624,
        "Channel": "Security",
        "Computer": "PC-INF-1.tilleuls.example",
        "TargetUserName": "f.hault",
        "IpAddress": "192.168.10.42",
    }
    assert expected.items() <= event.fields.items()
    assert event.identity is not None


def test_a_machine_counts_its_records_up() -> None:
    story = [PC.service_state(AT + number, "Windows Update", "running") for number in range(3)]
    assert [json.loads(sent.message)["winlog"]["record_id"] for sent in send(story)] == [84_001, 84_002, 84_003]


def test_the_same_seed_gives_the_same_days_and_another_gives_others() -> None:
    start = datetime(2026, 12, 1, tzinfo=UTC)
    day = list(quiet(1, 1, start))
    assert day == list(quiet(1, 1, start))
    assert day != list(quiet(1, 2, start))


def test_quiet_days_come_in_the_order_of_their_time_and_follow_the_calendar() -> None:
    days = list(quiet(3, 1, datetime(2026, 12, 24, 12, tzinfo=UTC)))
    assert all(before.at <= after.at for before, after in pairwise(days))
    assert days[0].at >= datetime(2026, 12, 23, 23, tzinfo=UTC)
    offices = {
        sent.at.astimezone(ZONE).day for sent in days if sent.source == "PC-DIRECTION" and b'"4624"' in sent.message
    }
    assert offices == {24}


def test_a_person_and_a_machine_that_nobody_knows_are_told() -> None:
    assert HOUSE.person("adm.quatrevents").name == "Quatrevents"
    assert len(HOUSE.people) == 40
    assert len({each.login for each in HOUSE.people}) == 40
    for asked in (HOUSE.person, HOUSE.machine):
        with pytest.raises(KeyError):
            asked("nobody")


def test_what_the_machine_itself_does_is_its_own() -> None:
    event = one(PC.runs(AT, SYSTEM_ITSELF, acts.SERVICES, "C:\\Windows\\System32\\svchost.exe -k netsvcs")[1])
    assert event.fields["SubjectUserSid"].startswith("S-1-5-")


def test_a_line_that_nobody_knows_counts_as_unread() -> None:
    assert not is_read(one(WEB.cron(AT, "x")))
    assert not is_read(one(NAS.say(AT, 173, "smbd_audit[2231]:", "f.hault 192.168.10.41 soins opened plan.docx")))


def test_a_story_is_told_in_the_midst_of_a_quiet_day() -> None:
    start = datetime(2026, 11, 26, 14, tzinfo=UTC)
    told = list(play("printer_scans", start, seed=3))
    assert any(sent.source == "pfsense" and b"192.168.10.72,192.168.10.1" in sent.message for sent in told)
    assert any(sent.source == "PC-INF-1" for sent in told)
    assert all(before.at <= after.at for before, after in pairwise(told))
    assert told[0].at < start < told[-1].at
    with pytest.raises(KeyError):
        next(play("nonsense", start))


BYTE = r"(?:25[0-5]|2[0-4]\d|1\d\d|[1-9]?\d)"
ADDRESS = re.compile(rf"(?<![\w./])(?:{BYTE}\.){{3}}{BYTE}(?![\w.]|/\d)".encode())
OURS = [
    ip_network(each)
    for each in ("10.0.0.0/8", "192.168.0.0/16", "127.0.0.0/8", "192.0.2.0/24", "198.51.100.0/24", "203.0.113.0/24")
]
"""Private networks, and those of documentation (RFC 5737)."""


def test_no_address_of_a_stranger_is_in_any_message() -> None:
    start = datetime(2026, 11, 12, tzinfo=UTC)  # the evening of the provider
    told = [*quiet(1, 3, start), *(sent for tell in STORIES.values() for sent in send(tell(HOUSE, AT, Random(7))))]
    found = {text.decode() for sent in told for text in ADDRESS.findall(sent.message)}
    masks = {each for each in found if each.startswith("255.")}
    assert len(found) > 100
    assert [each for each in found - masks if not any(ip_address(each) in network for network in OURS)] == []
