"""Lines of appliances through the one door, with their header and in a shipper's JSON."""

from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

import orjson
import pytest

from beffroi.core.model import LogSource
from beffroi.logs.arrival import Form
from beffroi.logs.formats.normal import Context, Normalised
from beffroi.logs.formats.understood import normalise

NOW = Context(datetime(2026, 3, 4, 12, 0, tzinfo=UTC), ZoneInfo("Europe/Brussels"))
WHEN = datetime(2026, 3, 4, 9, 11, 12, tzinfo=UTC)
NEXTCLOUD: dict[str, Any] = {
    "reqId": "1",
    "time": "2026-03-04T09:11:12+00:00",
    "remoteAddr": "203.0.113.9",
    "user": "--",
    "message": "Login failed: anna (Remote IP: 203.0.113.9)",
}
EVENT = (
    "<Event xmlns='http://schemas.microsoft.com/win/2004/08/events/event'><System><EventID>1102</EventID><Channel>Security</Channel>"
    "</System></Event>"
)


def one(form: Form, raw: str | dict[str, Any]) -> Normalised:
    [found] = normalise(form, raw.encode() if isinstance(raw, str) else orjson.dumps(raw), NOW)
    return found


@pytest.mark.parametrize(
    ("form", "raw"),
    [
        (Form.LINE, orjson.dumps(NEXTCLOUD).decode()),
        (Form.SYSLOG, "<14>Mar  4 10:11:12 cloud Nextcloud[7]: " + orjson.dumps(NEXTCLOUD).decode()),
        (Form.JSON, NEXTCLOUD),
        (Form.JSON, {"message": orjson.dumps(NEXTCLOUD).decode(), "log": {"file": {"path": "/var/log/nextcloud.log"}}}),
        (Form.HEC, {"event": NEXTCLOUD}),
    ],
)
def test_a_refusal_of_nextclouds_is_one_whatever_carried_it(form: Form, raw: str | dict[str, Any]) -> None:
    found = one(form, raw)
    assert found.logsource == LogSource("nextcloud", "authentication", "nextcloud")
    assert tuple(found.fields[name] for name in ("outcome", "username", "src_ip")) == ("failure", "anna", "203.0.113.9")
    assert found.time == WHEN


def test_the_time_of_a_firewall_counts_where_the_header_has_none() -> None:
    found = one(
        Form.SYSLOG, '<189>date=2026-03-04 time=10:11:12 tz="+0100" type="event" subtype="vpn" action="tunnel-up"'
    )
    assert (found.time, found.guessed) == (WHEN, False)


def test_a_lease_names_the_machine_that_has_it_and_no_other() -> None:
    found = one(Form.SYSLOG, "<30>Mar  4 10:11:12 gw dnsmasq-dhcp[7]: DHCPACK(br0) 192.0.2.5 00:00:5e:00:53:01")
    assert found.host == "gw"
    assert found.fields["ip"] == "192.0.2.5"
    assert "hostname" not in found.fields


@pytest.mark.parametrize(
    ("text", "source", "expected"),
    [
        (
            "<14>Mar  4 10:11:12 nas WinFileService Event: delete, Path: /a, File/Folder: File, Size: 1 KB, User: anna, IP: 192.0.2.5",
            LogSource("synology", "file_delete", "winfileservice"),
            {"username": "anna", "TargetFilename": "/a"},
        ),
        (
            "<14>Mar  4 10:11:12 nas System SYSTEM:#011User [bert] was created.",
            LogSource("synology", None, "system"),
            {"said": "User [bert] was created."},
        ),
        (
            "<14>Mar  4 10:11:12 nas Connection: User [anna] from [203.0.113.9] failed to sign in to [DSM] via [password] due to authorization failure.",
            LogSource("synology", "authentication", "connection"),
            {"outcome": "failure", "username": "anna"},
        ),
        (
            "<30>Mar  4 10:11:12 NAS1 qulogd[7]: conn log: Users: anna, Source IP: 203.0.113.9, Computer name: ---, Connection type: SSH, Accessed resources: ---, Action: Login Fail",
            LogSource("qnap", "authentication", "conn"),
            {"outcome": "failure", "username": "anna"},
        ),
        (
            '<30>Mar  4 10:11:12 ("U7LT,00005e005301,v6.6.55") hostapd: ath0: STA 00:00:5e:00:53:02 IEEE 802.11: associated',
            LogSource("unifi", None, "hostapd"),
            {"mac": "00:00:5e:00:53:02", "action": "associated"},
        ),
        (
            "<134>Mar  4 10:11:12 pf filterlog[7]: 5,,,1000000103,igb0,match,block,in,4,0x0,,239,42,0,none,6,tcp,40,203.0.113.9,192.0.2.1,5678,23,0,S,1,,1024,,",
            LogSource("pfsense", "firewall", "filterlog"),
            {"dst_port": 23, "blocked": "true"},
        ),
        (
            '<134>1 2026-03-04T10:11:12+01:00 OPN filterlog 7 - [meta sequenceId="1"] 81,,,02f4bab031b57d1e30553ce08e0ec131,em0,match,pass,in,4,0x0,,64,1,0,DF,17,udp,60,192.0.2.5,203.0.113.9,5000,53,40',
            LogSource("opnsense", "firewall", "filterlog"),
            {"dst_port": 53, "blocked": "false"},
        ),
        (
            "<14>Mar  4 10:11:12 mt system,info,account user anna logged in from 203.0.113.9 via winbox",
            LogSource("mikrotik", "authentication", "system"),
            {"outcome": "success", "username": "anna"},
        ),
        (
            '<29>id=firewall sn=0 time="2026-03-04 09:11:12 UTC" fw=192.0.2.1 pri=1 c=32 m=30 msg="Administrator login denied due to bad credentials" n=1 usr="admin" src=203.0.113.9:0:X1',
            LogSource("sonicwall", "authentication", "users"),
            {"outcome": "failure", "username": "admin"},
        ),
    ],
)  # fmt: skip
def test_a_line_with_its_header_finds_its_reader(text: str, source: LogSource, expected: dict[str, object]) -> None:
    found = one(Form.SYSLOG, text)
    assert found.logsource == source
    assert {name: found.fields.get(name) for name in expected} == expected


def test_an_event_of_windows_within_a_name_is_none() -> None:
    assert one(Form.SYSLOG, f"<14>Mar  4 10:11:12 pc {EVENT}").fields["Channel"] == "Security"
    for text in (f"sshd[7]: Invalid user {EVENT} from 203.0.113.9", f"app: {EVENT} was typed", f"app: x {EVENT}"):
        found = one(Form.SYSLOG, f"<14>Mar  4 10:11:12 host {text}")
        assert "Channel" not in found.fields
        assert found.logsource is not None
