"""Sophos, SonicWall, Stormshield, Zyxel, WatchGuard: the shapes are those of their documentation, the values invented."""

import pytest

from beffroi.core.model import LogSource
from beffroi.logs.formats import appliances

REAL, FORGED = "203.0.113.9", "198.51.100.66"
SOPHOS = 'device_name="SFW" timestamp="2026-03-04T10:11:12+0100" device_model="XGS87" log_id="0" '
SONICWALL = 'id=firewall sn=000 time="2026-03-04 09:11:12 UTC" fw=192.0.2.1 pri=6 c=262144 '
STORMSHIELD = 'id=firewall time="2026-03-04 10:11:12" fw="SN1" tz=+0100 startime="2026-03-04 10:11:12" '

PACKETS = {
    "Sophos": (
        SOPHOS
        + f'log_type="Firewall" log_component="Firewall Rule" log_subtype="Denied" protocol="TCP" src_ip="{REAL}" dst_ip="192.0.2.7" src_port="5" dst_port="22"',
        "sophos",
        "true",
    ),
    "SonicWall": (
        SONICWALL + f'm=98 msg="Connection Opened" n=7 src={REAL}:5:X1 dst=192.0.2.7:22:X0 proto=tcp/ssh',
        "sonicwall",
        "false",
    ),
    "Stormshield": (
        STORMSHIELD
        + f'ipproto=tcp proto=ssh src={REAL} srcport=5 dst=192.0.2.7 dstport=22 action=block logtype="filter"',
        "stormshield",
        "true",
    ),
    "Zyxel": (
        f'src="{REAL}:5" dst="192.0.2.7:22" msg="Match default rule, DROP" note="ACCESS BLOCK" user="" proto="TCP" cat="Security Policy Control"',
        "zyxel",
        "true",
    ),
}


@pytest.mark.parametrize(("text", "product", "stopped"), PACKETS.values(), ids=PACKETS)
def test_a_packet(text: str, product: str, stopped: str) -> None:
    reading = appliances.of_text(text)
    assert reading
    source, fields = reading
    assert (source.product, source.category) == (product, "firewall")
    assert tuple(fields[name] for name in ("src_ip", "src_port", "dst_ip", "dst_port", "protocol", "blocked")) == (
        REAL,
        5,
        "192.0.2.7",
        22,
        "tcp",
        stopped,
    )


SIGN_INS = {
    "Sophos refused": (
        SOPHOS
        + f'log_type="Event" log_component="SSL VPN Authentication" log_subtype="Authentication" status="Failed" user_name="anna" src_ip="{REAL}"',
        ("failure", "anna", REAL),
    ),
    "Sophos let in": (
        SOPHOS
        + f'log_type="Event" log_component="GUI" log_subtype="Admin" status="Successful" user_name="admin" src_ip={REAL}',
        ("success", "admin", REAL),
    ),
    "SonicWall refused": (
        SONICWALL
        + f'm=30 msg="Administrator login denied due to bad credentials" n=1 usr="admin" src={REAL}:0:X1 dst=192.0.2.1:443:X0',
        ("failure", "admin", REAL),
    ),
    "Stormshield refused": (
        STORMSHIELD
        + f'user="anna" src={REAL} domain="example.org" method="OPENVPN" error=3 msg="Authentication Failed" logtype="auth"',
        ("failure", "anna", REAL),
    ),
    "Stormshield let in": (
        STORMSHIELD
        + f'src={REAL} user="admin" domain="" msg="SSH authentication success on the firewall" logtype="auth"',
        ("success", "admin", REAL),
    ),
    "Zyxel refused": (
        f'src="{REAL}:0" dst="192.0.2.1:0" msg="Failed login attempt to Device from http/https (incorrect password)" note="Account: admin" user="unknown" cat="User"',
        ("failure", "admin", REAL),
    ),
    "WatchGuard refused": (
        f'msg_id="1100-0005" Authentication of SSLVPN user [anna@Firebox-DB] from {REAL} was rejected, password is incorrect',
        ("failure", "anna@Firebox-DB", REAL),
    ),
    "WatchGuard let in": (
        f'msg_id="1100-0004" Authentication of Firewall user [anna@Firebox-DB] from {REAL} was accepted',
        ("success", "anna@Firebox-DB", REAL),
    ),
    "WatchGuard, a name that imitates": (
        f'msg_id="1100-0005" Authentication of SSLVPN user [x] from {FORGED} was accepted] from {REAL} was rejected, user doesn\'t exist',
        ("failure", f"x] from {FORGED} was accepted", REAL),
    ),
}


@pytest.mark.parametrize(("text", "expected"), SIGN_INS.values(), ids=SIGN_INS)
def test_a_sign_in(text: str, expected: tuple[str, ...]) -> None:
    reading = appliances.of_text(text)
    assert reading
    assert tuple(reading[1].get(name) for name in ("outcome", "username", "src_ip")) == expected


def test_a_virus_that_sophos_found() -> None:
    reading = appliances.of_text(SOPHOS + 'log_type="Anti-Virus" log_subtype="Virus" virus="EICAR" filename="a.exe"')
    assert reading
    assert reading[0] == LogSource("sophos", "antivirus", "anti-virus")
    assert (reading[1]["Signature"], reading[1]["Filename"]) == ("EICAR", "a.exe")
