"""Packets: netfilter, filterlog, MikroTik, FortiGate, PAN-OS. The shapes are the vendors' documentation's, the values invented."""

from datetime import UTC, datetime

import pytest

from beffroi.core.model import LogSource
from beffroi.logs.formats.appliances import filterlog, fortigate, mikrotik, netfilter, paloalto
from beffroi.logs.formats.common import Reader

PACKET = "IN=eth0 OUT= MAC=00:00:5e:00:53:01:00:00:5e:00:53:02:08:00 SRC=203.0.113.9 DST=192.0.2.7 LEN=40 TOS=0x00 PREC=0x00 TTL=245 ID=1 "
TCP = PACKET + "PROTO=TCP SPT=40000 DPT=3389 WINDOW=1024 RES=0x00 SYN URGP=0 "


def only(reader: Reader, text: str, *names: str) -> dict[str, object]:
    reading = reader(text)
    assert reading is not None, text
    return {name: reading[1].get(name) for name in names}


@pytest.mark.parametrize(
    ("prefix", "product", "action", "stopped"),
    [
        ("[50028442.088484] [UFW BLOCK] ", "linux", "block", "true"),
        ("[UFW ALLOW] ", "linux", "allow", "false"),
        ("IPTABLES-DROP: ", "linux", "drop", "true"),
        ("REJECT wan in: ", "linux", "reject", "true"),
        ("fromlan ", "linux", None, None),
        ('[WAN_LOCAL-D-4000000003] DESCR="Block all" ', "unifi", "drop", "true"),
        ('gw [LAN_IN-A-2001] DESCR="[x] IN=eth9 OUT= let in" ', "unifi", "accept", "false"),
        ("[WAN_IN-RET-10] ", "unifi", "return", None),
    ],
)
def test_the_prefix_of_a_packet_says_what_was_done(
    prefix: str, product: str, action: str | None, stopped: str | None
) -> None:
    reading = netfilter.read(prefix + TCP)
    assert reading
    source, fields = reading
    assert source == LogSource(product, "firewall")
    assert (fields.get("action"), fields.get("blocked")) == (action, stopped)
    assert (fields["src_ip"], fields["src_port"], fields["dst_ip"], fields["dst_port"], fields["protocol"]) == (
        "203.0.113.9",
        40000,
        "192.0.2.7",
        3389,
        "tcp",
    )


def test_the_packet_within_an_icmp_error_is_not_the_packet() -> None:
    text = PACKET + "PROTO=ICMP TYPE=3 CODE=3 [SRC=192.0.2.7 DST=198.51.100.1 PROTO=UDP SPT=1 DPT=53 LEN=9 ]"
    assert only(netfilter.read, text, "src_ip", "protocol", "dst_port") == {
        "src_ip": "203.0.113.9",
        "protocol": "icmp",
        "dst_port": None,
    }


def test_ipv6_packets_have_their_addresses_in_the_usual_writing() -> None:
    text = "IN=eth0 OUT= MAC= SRC=2001:0db8:0000:0000:0000:0000:0000:0001 DST=ff02:0000:0000:0000:0000:0000:0000:00fb LEN=73 PROTO=UDP SPT=5353 DPT=5353"
    assert only(netfilter.read, text, "src_ip", "dst_ip") == {"src_ip": "2001:db8::1", "dst_ip": "ff02::fb"}


@pytest.mark.parametrize(
    "text", ["usb 1-1: new device", "XX=eth0 OUT= SRC=192.0.2.1", "IN=eth0 OUT= SRC=nobody", "x IN="]
)
def test_other_lines_of_a_kernel_are_no_packets(text: str) -> None:
    assert netfilter.read(text) is None


# https://docs.netgate.com/pfsense/en/latest/monitoring/logs/raw-filter-format.html
FILTERLOG = {
    "tcp over IPv4": (
        "5,,,1000000103,igb0,match,block,in,4,0x0,,239,42,0,none,6,tcp,40,203.0.113.9,192.0.2.1,5678,23,0,S,123,,1024,,mss",
        LogSource("pfsense", "firewall", "filterlog"),
        {
            "src_ip": "203.0.113.9",
            "dst_port": 23,
            "protocol": "tcp",
            "tcp_flags": "S",
            "blocked": "true",
            "interface": "igb0",
        },
    ),
    "udp over IPv6, OPNsense": (
        "81,,,02f4bab031b57d1e30553ce08e0ec131,em0,match,pass,out,6,0x00,0xa1b2c,64,udp,17,98,2001:db8::5,2001:db8::1,5000,53,98",
        LogSource("opnsense", "firewall", "filterlog"),
        {
            "src_ip": "2001:db8::5",
            "src_port": 5000,
            "dst_port": 53,
            "protocol": "udp",
            "blocked": "false",
            "direction": "out",
        },
    ),
    "icmp over IPv4": (
        "4,,,1000000104,em0,match,block,in,4,0x0,,64,1,0,DF,1,icmp,84,203.0.113.9,192.0.2.1,request,7,1,64",
        LogSource("pfsense", "firewall", "filterlog"),
        {"protocol": "icmp", "icmp_type": "request", "dst_port": None},
    ),
    "icmp over IPv6": (
        "4,,,1000000104,em0,match,block,in,6,0x00,0x00000,255,ICMPv6,58,32,fe80::1,ff02::1,",
        LogSource("pfsense", "firewall", "filterlog"),
        {"protocol": "icmpv6", "src_ip": "fe80::1", "blocked": "true"},
    ),
}


@pytest.mark.parametrize(("text", "source", "expected"), FILTERLOG.values(), ids=FILTERLOG)
def test_filterlog_names_its_columns(text: str, source: LogSource, expected: dict[str, object]) -> None:
    reading = filterlog.read(text)
    assert reading
    assert reading[0] == source
    assert only(filterlog.read, text, *expected) == expected


@pytest.mark.parametrize(
    "text", ["", ",".join("a" * 30), ",".join(["4"] * 30), "4,,,1,em0,match,block,in,4,0,,1,1,0,DF,1,icmp,84,x,y,z"]
)
def test_filterlog_refuses_other_columns(text: str) -> None:
    assert filterlog.read(text) is None


MIKROTIK = {
    "drop": (
        "firewall,info drop-in input: in:ether1 out:(unknown 0), connection-state:new src-mac 00:00:5E:00:53:01, proto TCP (SYN), 203.0.113.9:4000->192.0.2.1:23, len 40",
        {
            "action": "drop",
            "blocked": "true",
            "src_ip": "203.0.113.9",
            "dst_port": 23,
            "chain": "input",
            "mac": "00:00:5e:00:53:01",
            "in_interface": "ether1",
        },
    ),
    "IPv6 without brackets": (
        "firewall,info forward: in:lan out:wan, connection-state:new proto ICMP (type 8, code 0), 2001:db8::1->2001:db8::2, len 84",
        {
            "src_ip": "2001:db8::1",
            "dst_ip": "2001:db8::2",
            "protocol": "icmp",
            "icmp_type": "type 8, code 0",
            "out_interface": "wan",
        },
    ),
    "translated": (
        "firewall,info ok accept forward: in:lan out:wan, proto UDP, 192.0.2.5:53->198.51.100.1:53, NAT (192.0.2.5:53->203.0.113.1:53)->198.51.100.1:53, len 60",
        {"src_ip": "192.0.2.5", "dst_ip": "198.51.100.1", "action": "accept", "blocked": "false"},
    ),
}


@pytest.mark.parametrize(("text", "expected"), MIKROTIK.values(), ids=MIKROTIK)
def test_mikrotik_names_a_packet(text: str, expected: dict[str, object]) -> None:
    reading = mikrotik.read(text)
    assert reading
    assert reading[0] == LogSource("mikrotik", "firewall", "firewall")
    assert only(mikrotik.read, text, *expected) == expected


# Fortinet, "FortiOS Log Message Reference": traffic, event/system, event/vpn, utm/webfilter, utm/virus, utm/dns.
HEAD = 'date=2026-03-04 time=10:11:12 devname="fgt" devid="FGT0000000000000" eventtime=1772615472000000000 tz="+0100" '
FORTIGATE = {
    "let through": (
        'logid="0000000013" type="traffic" subtype="forward" level="notice" srcip=192.0.2.5 srcport=50000 dstip=198.51.100.1 dstport=443 proto=6 action="close" service="HTTPS"',
        LogSource("fortigate", "firewall", "traffic"),
        {"src_ip": "192.0.2.5", "dst_port": 443, "protocol": "tcp", "blocked": "false", "service": "HTTPS"},
    ),
    "denied": (
        'logid="0000000013" type="traffic" subtype="local" level="notice" srcip=203.0.113.9 srcport=5 dstip=192.0.2.1 dstport=22 proto=6 action="deny"',
        LogSource("fortigate", "firewall", "traffic"),
        {"blocked": "true", "action": "deny"},
    ),
    "administrator refused": (
        'logid="0100032002" type="event" subtype="system" level="alert" user="admin" ui="https(203.0.113.9)" method="https" srcip=203.0.113.9 dstip=192.0.2.1 action="login" status="failed" reason="passwd_invalid" msg="Administrator admin login failed"',
        LogSource("fortigate", None, "event"),
        {"outcome": "failure", "username": "admin", "src_ip": "203.0.113.9", "failure_reason": "passwd_invalid"},
    ),
    "SSL VPN up": (
        'logid="0101039424" type="event" subtype="vpn" level="information" action="tunnel-up" tunneltype="ssl-web" remip=203.0.113.9 user="anna" group="staff"',
        LogSource("fortigate", None, "event"),
        {"outcome": "success", "username": "anna", "src_ip": "203.0.113.9"},
    ),
    "SSL VPN, only connected": (
        'logid="0101039943" type="event" subtype="vpn" level="information" action="ssl-new-con" remip=203.0.113.9 user="N/A"',
        LogSource("fortigate", None, "event"),
        {"outcome": None, "src_ip": "203.0.113.9"},
    ),
    "IPsec refused": (
        'logid="0101037128" type="event" subtype="vpn" level="error" action="negotiate" remip=203.0.113.9 status="failure" xauthuser="bert"',
        LogSource("fortigate", None, "event"),
        {"username": "bert", "outcome": None},
    ),
    "policy added": (
        'logid="0100044547" type="event" subtype="system" level="information" user="admin" action="Add" cfgpath="firewall.policy" msg="Add firewall.policy 7"',
        LogSource("fortigate", None, "event"),
        {"action": "Add", "cfgpath": "firewall.policy", "outcome": None},
    ),
    "page blocked": (
        'logid="0316013056" type="utm" subtype="webfilter" eventtype="ftgd_blk" level="warning" srcip=192.0.2.5 hostname="example.org" url="https://example.org/a.exe" action="blocked"',
        LogSource("fortigate", "proxy", "utm"),
        {"c-uri": "https://example.org/a.exe", "cs-host": "example.org", "blocked": "true"},
    ),
    "virus": (
        'logid="0211008192" type="utm" subtype="virus" level="warning" srcip=192.0.2.5 filename="a.exe" virus="EICAR_TEST_FILE" action="blocked"',
        LogSource("fortigate", "antivirus", "utm"),
        {"Signature": "EICAR_TEST_FILE", "Filename": "a.exe"},
    ),
    "name asked for": (
        'logid="1501054802" type="utm" subtype="dns" eventtype="dns-query" level="information" srcip=192.0.2.5 qname="example.org" qtype="A" action="pass"',
        LogSource("fortigate", "dns", "utm"),
        {"query": "example.org", "record_type": "A", "blocked": "false"},
    ),
}


@pytest.mark.parametrize(("text", "source", "expected"), FORTIGATE.values(), ids=FORTIGATE)
def test_fortigate_keeps_its_names_and_adds_those_of_sigma(
    text: str, source: LogSource, expected: dict[str, object]
) -> None:
    reading = fortigate.read(HEAD + text)
    assert reading
    assert reading[0] == source
    assert only(fortigate.read, HEAD + text, *expected) == expected


def test_who_is_named_twice_differently_in_a_line_is_nobody() -> None:
    forged = (
        HEAD
        + 'type="event" subtype="system" user="x" srcip=198.51.100.66 a="" srcip=203.0.113.9 action="login" status="failed"'
    )
    assert only(fortigate.read, forged, "src_ip", "srcip") == {
        "src_ip": None,
        "srcip": ["198.51.100.66", "203.0.113.9"],
    }
    escaped = (
        HEAD
        + r'type="event" subtype="system" user="x\" srcip=198.51.100.66 a=\"" srcip=203.0.113.9 action="login" status="failed"'
    )
    assert only(fortigate.read, escaped, "src_ip", "username") == {
        "src_ip": "203.0.113.9",
        "username": 'x" srcip=198.51.100.66 a="',
    }


@pytest.mark.parametrize(
    ("stamp", "expected"),
    [
        ("eventtime=1772615472123456789", datetime(2026, 3, 4, 9, 11, 12, 123457, UTC)),
        ("eventtime=1772615472", datetime(2026, 3, 4, 9, 11, 12, 0, UTC)),
        ('date=2026-03-04 time=10:11:12 tz="+0100"', datetime(2026, 3, 4, 9, 11, 12, 0, UTC)),
        ("date=2026-03-04 time=10:11:12", None),
        ("date=2026-99-04 time=10:11:12 tz=+0100", None),
        ("date=0001-01-01 time=00:00:00 tz=+0100", None),
        ("eventtime=9999999999999999999", datetime(2286, 11, 20, 17, 46, 39, 0, UTC)),
    ],
)
def test_fortigate_states_its_time(stamp: str, expected: datetime | None) -> None:
    from beffroi.logs.formats.keyvalue import pairs

    found = fortigate.time_of(pairs(stamp))
    assert (found and found.replace(microsecond=0)) == (expected and expected.replace(microsecond=0))


def panos(kind: str, subtype: str, **columns: str) -> str:
    row = [""] * 45
    row[:9] = [
        "1",
        "2026/03/04 10:11:12",
        "007",
        kind,
        subtype,
        "2561",
        "2026/03/04 10:11:12",
        "192.0.2.5",
        "198.51.100.1",
    ]
    row[24], row[25], row[29] = "50000", "443", "tcp"
    for place, value in columns.items():
        row[int(place[1:])] = value
    return ",".join(row)


def test_panos_packets_threats_and_viruses() -> None:
    let = panos("TRAFFIC", "end", c11="out", c12="house\\anna", c30="allow")
    assert only(paloalto.read, let, "src_ip", "dst_port", "username", "blocked", "rule") == {
        "src_ip": "192.0.2.5",
        "dst_port": 443,
        "username": "house\\anna",
        "blocked": "false",
        "rule": "out",
    }
    reading = paloalto.read(panos("THREAT", "virus", c30="reset-both", c31='"a, b.exe"', c32="Eicar(1)"))
    assert reading
    assert reading[0] == LogSource("paloalto", "antivirus", "threat")
    assert (reading[1]["Filename"], reading[1]["Signature"], reading[1]["blocked"]) == ("a, b.exe", "Eicar(1)", "true")
    assert paloalto.read("1,2026/03/04,007,NOTHING,x,y") is None
