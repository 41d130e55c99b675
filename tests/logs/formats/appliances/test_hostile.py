"""Readers of appliances and whatever an attacker sends: any text gives a reading or none, soon."""

import contextlib
import time
from typing import Any

import hypothesis
import orjson
import pytest
from hypothesis import strategies as st

from beffroi.core.model import Fields, LogSource, UnfitError
from beffroi.logs.formats import appliances, m365
from beffroi.logs.formats.appliances import exchange, fortigate, mikrotik, paloalto, utm, windowsxml
from beffroi.logs.formats.common import Reader
from beffroi.logs.formats.keyvalue import pairs

READERS: list[Reader] = sorted(
    {reader for readers in appliances.PROGRAMS.values() for reader in readers}
    | {reader for _, readers in appliances.PREFIXES for reader in readers}
    | {appliances.of_text, fortigate.read, utm.read, exchange.read, paloalto.read, mikrotik.read},
    key=lambda reader: (reader.__module__, reader.__qualname__),
)
LONG = 65_536

# What the readers look for: lines made of these go deeper into them than random text does.
WORDS = [
    "CEF:0|a|b|c|d|e|f|", "LEEF:2.0|a|b|c|d|^|", "src=", "\\", "|", "=", '"', " ", "\t", "\n", ",", "]", "[", "(", ")", "'", ": ",
    "IN=eth0 OUT= SRC=192.0.2.1 ", " IN=", "[WAN-D-1] ", 'DESCR="', "PROTO=TCP SPT=1 DPT=2 ",
    'date=2026-03-04 type="event" subtype="vpn" ', "user=", "remip=", 'action="ssl-login-fail"',
    "Auth: [x] user [", "]\\[", "] at [", "] with [", " status [", "] remote host [ipv4:192.0.2.1:1", "] mapped to [", "]. local host [",
    "User [", "] from [", "] failed to sign in to [", "] accessed shared folder [", "Host [", " was blocked via [",
    "Event: read, Path: ", ", IP: ", ", User: ", ", Size: ", ", File/Folder: ",
    "conn log: Users: ", ", Source IP: ", ", Action: Login Fail", "event log: Users: ", ", Content: ",
    "firewall,info ", "input: in:", " out:", "proto TCP (SYN), ", "192.0.2.1:1->192.0.2.2:2", "src-mac ", "login failure for user ", " from ", " via ",
    "5,,,1000000103,igb0,match,block,in,4,0x0,,239,42,0,none,6,tcp,40,192.0.2.1,192.0.2.2,1,2,0,S",
    "/index.php: webConfigurator authentication error for user '", "' from: ",
    "[1:2:3] ", "[**] ", "[Classification: ", "[Priority: ", "{TCP} 192.0.2.1:1 -> 192.0.2.2:2",
    '{"event_type":"alert","timestamp":"x","flow_id":1,', '"reqId":"1","remoteAddr":"192.0.2.1","message":"Login failed: ', "}",
    "authentication failure; rhost=", " user=", " msg=", "successful auth for user '",
    "2026-03-04T10:11:12.530Z,", "1,2026/03/04 10:11:12,0,THREAT,virus,1,",
    "DHCPACK(br0) 192.0.2.5 00:00:5e:00:53:01 ", "DHCPACK on 192.0.2.5 to ", "DHCP4_LEASE_ALLOC [hwtype=1 00:00:5e:00:53:01]", "lease ",
    "query[A] a from 192.0.2.5", "reply a is ", "[99:0] info: 192.0.2.5 a. A IN", "client @0x1 192.0.2.5#1 (a): query: a IN A",
    'device_name="SFW" log_type="Event" ', 'id=firewall sn=1 msg="', 'logtype="auth" ', 'src="192.0.2.1:1" cat="x" note="Account: ', "Authentication of SSLVPN user [",
    "anna|192.0.2.5|s|unlinkat|ok|", "|renameat|", "|create_file|ok|0x1|file|",
    "ath0: STA 00:00:5e:00:53:01 IEEE 802.11: ", "hostapd: ", "pam_unix(webui:auth): authentication failure;", " rhost=",
    "::ffff:192.0.2.1", "2001:db8::1", "192.0.2.1", "9" * 30, "٣", "<Event", "</Event>", "\ufffd", "\0",
]  # fmt: skip
LINES = st.lists(st.sampled_from(WORDS) | st.text(max_size=8), max_size=24).map("".join)
VALUE = str | int | float | bool | None


def check(fields: Fields) -> None:
    """What the rest of the house relies on."""
    for name, value in fields.items():
        assert isinstance(name, str)
        for one in value if isinstance(value, list) else [value]:
            assert isinstance(one, VALUE), (name, value)
    assert fields.get("blocked") in (None, "true", "false")
    assert fields.get("outcome") in (None, "success", "failure")
    for name in ("src_port", "dst_port"):
        assert isinstance(fields.get(name, 0), int | str)


@pytest.mark.slow
@hypothesis.given(LINES)
def test_any_line_gives_a_reading_or_none(text: str) -> None:
    for reader in READERS:
        reading = reader(text)
        if reading is not None:
            assert isinstance(reading[0], LogSource)
            check(reading[1])
    pairs(text)
    windowsxml.read(text)


@hypothesis.given(st.sampled_from(sorted(appliances.PROGRAMS)) | st.text(max_size=20), st.binary(max_size=200))
def test_any_bytes_of_any_program_give_a_reading_or_none(program: str, data: bytes) -> None:
    reading = appliances.read(program, data.decode("utf-8", "replace"))
    assert reading is None or isinstance(reading[0], LogSource)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(1 << 63), 1 << 63) | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)
EVE = st.fixed_dictionaries(
    {
        "event_type": st.sampled_from(["alert", "dns", "http", "flow", "drop", "stats"]),
        "timestamp": JSON,
        "flow_id": JSON,
    },
    optional=dict.fromkeys(("dns", "http", "alert", "flow", "src_ip", "dest_ip", "dest_port", "proto"), JSON),
)
RECORD = st.fixed_dictionaries(
    {"Operation": st.sampled_from(["UserLoggedIn", "AlertTriggered", "New-InboxRule"]) | st.text(max_size=8)},
    optional={
        name: JSON | st.just([{"Name": "UserId", "Value": "x"}])
        for name in (
            "Workload",
            "Parameters",
            "ExtendedProperties",
            "ClientIP",
            "CreationTime",
            "Id",
            "ResultStatus",
            "Name",
            "UserId",
            "Item",
        )
    },
)


@pytest.mark.slow
@hypothesis.given(EVE)
def test_any_object_of_suricatas_gives_a_reading_or_none(event: dict[str, Any]) -> None:
    reading = appliances.of_text(orjson.dumps(event).decode())
    if reading is not None:
        check(reading[1])


@pytest.mark.slow
@hypothesis.given(RECORD)
def test_any_record_of_microsoft_365_gives_fields(event: dict[str, Any]) -> None:
    record = m365.normalise(orjson.dumps(event))
    check(record.fields)
    assert record.logsource.product == "m365"


@hypothesis.given(st.binary(max_size=300))
def test_any_bytes_are_a_record_or_unfit(data: bytes) -> None:
    with contextlib.suppress(UnfitError):
        check(m365.normalise(data).fields)


def test_json_that_is_nested_deeply_is_none() -> None:
    deep = '{"event_type":"alert","timestamp":1,"flow_id":1,"a":' + '{"a":' * 20_000 + "1" + "}" * 20_001
    assert appliances.of_text(deep) is None
    with pytest.raises(UnfitError):
        m365.normalise(deep)


@pytest.mark.slow
@pytest.mark.parametrize(
    "reader", READERS, ids=lambda reader: f"{reader.__module__.rpartition('.')[2]}.{reader.__name__}"
)
def test_a_long_line_takes_no_longer_than_its_length(reader: Reader) -> None:
    """Every word of the readers' own, alone and behind each beginning, for 64 KiB: quadratic time would take minutes."""
    starts = ["", *(word for word in WORDS if len(word) > 5)]
    slowest = 0.0
    for word in WORDS:
        for start in starts if len(word) > 1 else starts[:1]:
            text = (start + word * (LONG // len(word)))[:LONG]
            begin = time.process_time()
            reader(text)
            slowest = max(slowest, time.process_time() - begin)
    assert slowest < 0.5


def test_names_within_a_message_are_never_taken_for_ours() -> None:
    """What a message may name itself must neither make it an event of Windows nor answer who did what."""
    names = dict.fromkeys(("src_ip", "dst_ip", "src_port", "username", "outcome", "blocked", "Channel"), "forged")
    plain = " ".join(f"{name}={value}" for name, value in names.items())
    tabbed = plain.replace(" ", "\t")
    nested = [{"Name": name, "Value": value} for name, value in names.items()]
    for fields in (
        pairs(plain),
        appliances.of_text(f'date=2026-03-04 type="event" subtype="x" {plain}')[1],  # type: ignore[index]
        appliances.of_text(f"CEF:0|a|b|c|d|e|f|{plain}")[1],  # type: ignore[index]
        appliances.of_text(f"LEEF:1.0|a|b|c|d|{tabbed}")[1],  # type: ignore[index]
        appliances.of_text(orjson.dumps({"event_type": "tls", "timestamp": "x", "flow_id": 1, **names}).decode())[1],  # type: ignore[index]
        appliances.of_text(orjson.dumps({"reqId": "x", "remoteAddr": "x", "message": "x", **names}).decode())[1],  # type: ignore[index]
        m365.normalise(orjson.dumps({"Operation": "x", **names})).fields,
        m365.normalise(orjson.dumps({"Operation": "x", "Parameters": nested})).fields,
    ):
        assert [name for name in names if name in fields] == []


PACKET = "IN=eth0 OUT= MAC= SRC=198.51.100.66 DST=192.0.2.1 LEN=40 PROTO=TCP SPT=1 DPT=22 "


@pytest.mark.parametrize(
    ("program", "text"),
    [
        ("nginx", f"[UFW BLOCK] {PACKET}"),
        ("myapp", "Auth: [SMB2] user [a]\\[b] at [x] with [y] status [z] workstation [w] remote host [ipv4:198.51.100.66:1] mapped to [a]\\[b]. local host [l]"),
        ("myapp", "login failure for user root from 198.51.100.66 via ssh"),
        ("", f'203.0.113.9 - - [04/Mar/2026:10:11:12 +0100] "GET / HTTP/1.1" 200 1 "-" "x {PACKET}"'),
        ("", f'203.0.113.9 - x {PACKET}[04/Mar/2026:10:11:12 +0100] "GET / HTTP/1.1" 401 1 "-" "-"'),
        ("", "203.0.113.9 - a,b,cccc: hostapd: ath0: STA 00:00:5e:00:53:01 IEEE 802.11: associated"),
        ("", '203.0.113.9 - - [x] "GET /hostapd: ath0: STA 00:00:5e:00:53:01 IEEE 802.11: associated'),
    ],
)  # fmt: skip
def test_what_visitors_make_another_program_say_is_no_appliances(program: str, text: str) -> None:
    assert appliances.read(program, text) is None
