"""Readers of appliances on the lines and expectations of CrowdSec's hub and of fail2ban: wherever these name an address, a user or a
service, ours is the same on the same line."""

import json
import re
from collections import defaultdict
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import pytest

from beffroi.logs.formats import appliances
from beffroi.logs.formats.appliances import windowsxml

USERS = ("username", "user", "target_user")
FAMILIES = (
    "exchange-imap-logs",
    "exchange-pop-logs",
    "exchange-smtp-logs",
    "fortinet-vpn-bf",
    "iptables-logs",
    "mikrotik-logs",
    "nextcloud-logs",
    "opnsense-gui-auth",
    "palo-alto-threat",
    "pfsense-gui-auth",
    "proxmox-backup-auth-logs",
    "smb-logs",
    "suricata-logs-fastlog",
    "synology-dsm-logs",
    "unifi-cef",
    "unifi-logs",
)
ATTACKS = ("proxmox-bf", "suricata-eve-detect", "synology-dsm-bf", "windows-bf")
"""Folders that only say what an attack was made of."""
NAMES = {"fortigate": "fortinet", "mikrotik/firewall": "tcp_udp", "proxmox": "proxmox-backup-api"}
"""CrowdSec's name for a service where it is neither our product, nor product and service, nor the protocol of a packet."""

_STAMP = re.compile(r"(?:<\d+>1 )?(?:\w{3} [ \d]\d [\d:]{8}|\d{4}-\d\d-\d\dT[\d:.+\-Z]{8,}(?<!:)) (\S+) ")
_PROGRAM = re.compile(r"([\w.\-/]+)(?:\[\d+\])?: |([\w.\-]+) \d+ - \[[^\]]*\] ")
_ASSERT = re.compile(
    r'results\["s01-parse"\]\["([^"]+)"\]\[(\d+)\]\.Evt\.(?:Meta\["(source_ip|username|user|target_user|service)"\]'
    r'|Parsed\["(message|username|user|target_user)"\]) == "(.*)"'
)
_EVENT = re.compile(r'results\[\d+\]\.Overflow\.Alert\.Events\[\d+\]\.GetMeta\("(source_ip|username)"\) == "(.*)"')


def told(line: str) -> dict[str, Any]:
    """What we say of a line, in the words of these tests. Only as much of the header is cut as these few files have."""
    program, text = "", line
    if stamp := _STAMP.match(line):
        text = line[stamp.end() :]
        if found := _PROGRAM.match(text):
            program, text = found[1] or found[2], text[found.end() :]
    elif line[:5] == "2026-" and "+01:00: " in line[:32]:
        text = line[25:]
    fields = windowsxml.read(text)
    if fields is not None:
        return {"source_ip": fields["IpAddress"], "user": fields["TargetUserName"], "fields": fields}
    reading = appliances.read(program, text)
    if reading is None:
        return {}
    source, fields = reading
    services = {source.product, f"{source.product}-{source.service}", fields.get("protocol")}
    services |= {NAMES.get(str(source.product)), NAMES.get(f"{source.product}/{source.service}")}
    return {"source_ip": fields.get("src_ip"), "user": fields.get("username"), "service": services, "fields": fields}


def agrees(ours: dict[str, Any], name: str, value: str) -> bool:
    if name == "service":
        return value in ours.get("service", ())
    if name == "source_ip":
        found = ours.get("source_ip")
        if not found:
            return False
        wanted = ip_address(value)
        return ip_address(found) in (wanted, getattr(wanted, "ipv4_mapped", None))
    return ours.get("user") == value


def expectations(folder: Path) -> list[dict[str, str]]:
    found: dict[tuple[str, str], dict[str, str]] = defaultdict(dict)
    for parser, number, meta, parsed, value in _ASSERT.findall((folder / "parser.assert").read_text()):
        name = meta or parsed
        found[parser, number]["user" if name in USERS else name] = json.loads(f'"{value}"')
    return [expected for expected in found.values() if {"source_ip", "user", "service"} & set(expected)]


def lines(folder: Path) -> list[str]:
    return [line for path in sorted(folder.glob("*.log")) for line in path.read_text().splitlines() if line.strip()]


@pytest.mark.parametrize("family", FAMILIES)
def test_crowdsec_and_we_say_the_same_of_a_line(corpus: Path, family: str) -> None:
    folder = corpus / "syslog" / "crowdsec-hub-tests" / family
    left = lines(folder)
    missed: list[dict[str, str]] = []
    wanted = expectations(folder)
    assert wanted
    for expected in wanted:
        said = expected.pop("message", "")
        # sshd's line in UniFi's file is another reader's.
        if expected.get("service") == "ssh":
            continue
        line = next(
            (
                line
                for line in left
                if said.strip() in line and all(agrees(told(line), name, value) for name, value in expected.items())
            ),
            None,
        )
        if line is None:
            missed.append(expected)
        else:
            left.remove(line)
    assert not missed


@pytest.mark.parametrize("family", ATTACKS)
def test_the_lines_of_an_attack_name_its_address_and_its_user(corpus: Path, family: str) -> None:
    folder = corpus / "syslog" / "crowdsec-hub-tests" / family
    readings = [told(line) for line in lines(folder)]
    wanted = _EVENT.findall((folder / "scenario.assert").read_text())
    assert wanted
    for name, value in wanted:
        kind = "user" if name in USERS else name
        assert any(agrees(reading, kind, value) for reading in readings), (name, value)


def test_fail2ban_and_we_agree_on_who_failed_to_sign_in_to_routeros(corpus: Path) -> None:
    expected: dict[str, Any] = {}
    count = 0
    for line in (corpus / "syslog" / "fail2ban-samples" / "routeros-auth").read_text().splitlines():
        if line.startswith("# failJSON: "):
            expected = json.loads(line[12:])
        elif line and not line.startswith("#"):
            ours = told(line)
            fields = ours.get("fields", {})
            assert (fields.get("outcome") == "failure") is expected["match"], line
            if expected["match"]:
                assert agrees(ours, "source_ip", expected["host"])
                assert ours["user"] == expected["user"]
            count += 1
    assert count == 4
