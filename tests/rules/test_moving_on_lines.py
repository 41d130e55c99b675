"""The rules of moving on events and lines as their sources send them, through the readers: what is ordinary stays quiet."""

import json
from collections import Counter
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from beffroi.detect.values import micros_of
from beffroi.logs.arrival import Form
from beffroi.rules.repository import PACK, RuleSet, load
from beffroi.watching.understanding import Found, Understander
from tests.watching.watch import BRUSSELS, arrival, iso

NIGHT = datetime(2026, 11, 28, 0, 10, tzinfo=UTC)  # ten past one on the wall
NOON = datetime(2026, 11, 27, 11, 0, tzinfo=UTC)
PERSON = "S-1-5-21-1004336348-1177238915-682003330-1104"


@pytest.fixture(scope="module")
def pack() -> RuleSet:
    return load([PACK])


def event(number: int, at: datetime, event_id: int, computer: str = "SRV1.tilleuls.example", **data: Any) -> bytes:
    """An event of the Security log as evtx-dump writes it."""
    system = {
        "Provider": {"#attributes": {"Name": "Microsoft-Windows-Security-Auditing"}}, "EventID": event_id,
        "Channel": "Security", "Computer": computer, "EventRecordID": number,
        "TimeCreated": {"#attributes": {"SystemTime": iso(micros_of(at))}}, "Level": 0, "Task": 0,
    }  # fmt: skip
    return json.dumps({"Event": {"System": system, "EventData": data}}).encode()


def understood(pack: RuleSet, messages: Iterable[bytes], form: Form, arrived: datetime) -> list[Found]:
    watch = Understander(pack, BRUSSELS)
    told = list(watch.understand([(0, arrival(*messages, form=form, arrived=micros_of(arrived)))]).found)
    return told + list(watch.settle(1, micros_of(arrived)).found)


def loud(told: Iterable[Found]) -> Counter[str]:
    return Counter(each.title for each in told if each.level not in ("low", "informational"))


def visit(start: datetime) -> list[bytes]:
    """A provider's remote maintenance: desktop, shares, a service and a planned task, an update's restart."""
    steps: list[tuple[int, dict[str, Any]]] = [
        (4624, {"LogonType": 10, "ElevatedToken": "%%1842", "TargetUserName": "admin.it", "TargetUserSid": PERSON,
                "LogonProcessName": "User32 ", "IpAddress": "10.8.0.2", "IpPort": "0"}),
        (4672, {"SubjectUserName": "admin.it", "SubjectUserSid": PERSON, "PrivilegeList": "SeDebugPrivilege"}),
        (5140, {"SubjectUserName": "admin.it", "ShareName": "\\\\*\\Logiciels", "IpAddress": "192.168.10.5"}),
        (4697, {"SubjectUserName": "admin.it", "ServiceName": "Agent",
                "ServiceFileName": "C:\\Program Files\\Agent\\agent.exe"}),
        (4698, {"SubjectUserName": "admin.it", "SubjectUserSid": PERSON, "TaskName": "\\Agent",
                "TaskContent": "<Exec><Command>C:\\Program Files\\Agent\\agent.exe</Command></Exec>"}),
        (4688, {"SubjectUserSid": "S-1-5-20", "SubjectUserName": "SRV1$",
                "NewProcessName": "C:\\Windows\\System32\\sppsvc.exe"}),
        (4724, {"SubjectUserName": "admin.it", "TargetUserName": "anne"}),
    ]  # fmt: skip
    return [event(n, start + timedelta(minutes=3 * n), id_, **data) for n, (id_, data) in enumerate(steps)]


def test_a_providers_visit_at_night_is_nothing_above_low(pack: RuleSet) -> None:
    told = understood(pack, visit(NIGHT), Form.WINDOWS, NIGHT + timedelta(hours=1))
    assert Counter(each.title for each in told) == Counter(["Administrator signs in at night"])
    assert loud(told) == Counter()


def test_a_providers_visit_at_noon_is_nothing_at_all(pack: RuleSet) -> None:
    assert understood(pack, visit(NOON), Form.WINDOWS, NOON + timedelta(hours=1)) == []


@pytest.mark.parametrize(("start", "expected"), [(NIGHT, 1), (NOON, 0)])
def test_the_same_visit_with_a_change_of_rights_is_loud_by_night_only(
    pack: RuleSet, start: datetime, expected: int
) -> None:
    group = {"SubjectUserName": "admin.it", "TargetUserName": "Soins", "TargetSid": f"{PERSON}9", "MemberSid": PERSON}
    raised = event(90, start + timedelta(minutes=30), 4728, **group)
    told = understood(pack, [*visit(start), raised], Form.WINDOWS, start + timedelta(hours=1))
    assert loud(told)["Administrator changes accounts or rights at night"] == expected


def test_what_domain_controllers_backups_and_machines_do_by_themselves_is_quiet(pack: RuleSet) -> None:
    ordinary: list[tuple[int, dict[str, Any]]] = [
        (4662, {"SubjectUserName": "SRV-DC2$", "AccessMask": "0x100", "ObjectServer": "DS",
                "Properties": "%%7688 {1131f6ad-9c07-11d1-f79f-00c04fc2dcd2}"}),
        (4742, {"SubjectUserSid": "S-1-5-18", "SubjectUserName": "SRV-DC1$", "TargetUserName": "PC7$",
                "PasswordLastSet": "11/27/2026 1:14:00 AM", "ServicePrincipalNames": "HOST/PC7", "PrimaryGroupId": "-"}),
        (4768, {"TargetUserName": "anne", "PreAuthType": "2", "Status": "0x0", "TicketEncryptionType": "0x12",
                "IpAddress": "::ffff:192.168.10.34"}),
        (4769, {"TargetUserName": "scan@TILLEULS.EXAMPLE", "ServiceName": "nas", "TicketEncryptionType": "0x17",
                "Status": "0x0", "IpAddress": "::ffff:192.168.10.60"}),
        (4769, {"TargetUserName": "anne@TILLEULS.EXAMPLE", "ServiceName": "SRV1$", "TicketEncryptionType": "0x12",
                "Status": "0x20", "IpAddress": "::ffff:192.168.10.34"}),
        (4624, {"LogonType": 3, "LogonProcessName": "NtLmSsp ", "KeyLength": 0, "TargetUserName": "scan",
                "TargetUserSid": PERSON, "IpAddress": "192.168.10.60", "IpPort": "50122"}),
        (4624, {"LogonType": 3, "LogonProcessName": "Kerberos", "TargetUserName": "SRV1$", "IpAddress": "::1"}),
        (4624, {"LogonType": 5, "ElevatedToken": "%%1842", "TargetUserName": "SYSTEM", "TargetUserSid": "S-1-5-18"}),
        (5145, {"SubjectUserName": "svc-sauvegarde", "ShareName": "\\\\*\\C$", "RelativeTargetName": "Soins\\plan.xlsx",
                "IpAddress": "192.168.10.8", "AccessMask": "0x1"}),
        (5145, {"SubjectUserName": "anne", "ShareName": "\\\\*\\IPC$", "RelativeTargetName": "srvsvc",
                "IpAddress": "192.168.10.34", "AccessMask": "0x12019f"}),
        (4799, {"SubjectUserName": "PC7$", "SubjectUserSid": "S-1-5-18", "TargetSid": "S-1-5-32-544",
                "TargetUserName": "Administrateurs", "CallerProcessId": "0x4d2",
                "CallerProcessName": "C:\\Windows\\System32\\svchost.exe"}),
    ]  # fmt: skip
    machines = ["SRV1.tilleuls.example", "SRV-DC1.tilleuls.example", "PC7.tilleuls.example"]
    messages = [
        event(100 * round_ + n, NIGHT + timedelta(seconds=40 * round_ + n), id_, machines[round_ % 3], **data)
        for round_ in range(60)
        for n, (id_, data) in enumerate(ordinary)
    ]
    assert understood(pack, messages, Form.WINDOWS, NIGHT + timedelta(hours=1)) == []


def syslog(host: str, said: str, seconds: int) -> bytes:
    when = (NIGHT + timedelta(seconds=seconds)).isoformat().replace("+00:00", "Z")
    program, _, text = said.partition(": ")
    return f"<38>1 {when} {host} {program} - - - {text}".encode()


@pytest.mark.parametrize(("devices", "expected"), [(3, 0), (4, 1)])
def test_one_machine_that_signs_in_to_four_devices_by_ssh_is_told_once(
    pack: RuleSet, devices: int, expected: int
) -> None:
    entered = "sshd: Accepted publickey for root from 192.168.10.77 port {port} ssh2: RSA SHA256:abc"
    lines = [syslog(f"nas{n}", entered.format(port=50_000 + n), 20 * n) for n in range(devices)]
    told = understood(pack, lines, Form.SYSLOG, NIGHT + timedelta(hours=1))
    assert loud(told)["One machine signs in to many others by SSH"] == expected


def test_a_list_of_all_names_asked_for_is_told_by_the_name_server(pack: RuleSet) -> None:
    question = "named: client @0x7f1 192.168.10.77#41234 (tilleuls.example): query: tilleuls.example IN {kind} -T"
    lines = [syslog("srv-dns", question.format(kind=kind), n) for n, kind in enumerate(("A", "SOA", "AXFR"))]
    told = understood(pack, lines, Form.SYSLOG, NIGHT + timedelta(hours=1))
    assert loud(told) == Counter(["All names of the network asked for from the name server"])


SUDO = "sudo: o.lambin : TTY=pts/0 ; PWD=/tmp ; USER=root ; COMMAND="
CLOSED = (
    "smbd: Auth: [SMB2,(null)] user [TILLEULS]\\[ancien] at [Sat, 28 Nov 2026 01:10:00.000000 CET] with [NTLMv2] "
    "status [NT_STATUS_ACCOUNT_DISABLED] workstation [PC7] remote host [ipv4:192.168.10.77:51234] mapped to "
    "[TILLEULS]\\[ancien]. local host [ipv4:192.168.10.6:445]"
)


@pytest.mark.parametrize(
    ("said", "titles"),
    [
        (SUDO + "/usr/bin/cat /etc/shadow", ["Passwords of a Linux machine or NAS read"]),
        (SUDO + "/usr/bin/nmap -sS 192.168.10.0/24", ["Linux machine or NAS searches the network"]),
        (CLOSED, ["Closed account of the file server tried"]),
        (SUDO + "/usr/bin/apt-get upgrade", []),
    ],
)
def test_what_is_done_on_a_linux_machine_or_nas_is_told_by_its_own_words(
    pack: RuleSet, said: str, titles: list[str]
) -> None:
    told = understood(pack, [syslog("nas1", said, 0)], Form.SYSLOG, NIGHT + timedelta(hours=1))
    assert [each.title for each in told] == titles
