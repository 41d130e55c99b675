"""Suricata. The objects follow its documentation, "EVE JSON Format"; addresses and names are invented."""

from typing import Any

import orjson
import pytest

from beffroi.core.model import LogSource
from beffroi.logs.formats.appliances import suricata

BASE = {
    "timestamp": "2026-03-04T10:11:12.123456+0100",
    "flow_id": 1,
    "src_ip": "192.0.2.5",
    "src_port": 50000,
    "dest_ip": "203.0.113.9",
    "dest_port": 80,
    "proto": "TCP",
}
# The documentation addresses count as private, so a public one stands where a request has to leave the house.
OUT = {**BASE, "dest_ip": "9.9.9.9"}

EVENTS: dict[str, tuple[dict[str, Any], LogSource, dict[str, Any]]] = {
    "alert": (
        {
            **BASE,
            "event_type": "alert",
            "alert": {"action": "blocked", "signature_id": 7, "signature": "A name", "severity": 1},
        },
        LogSource("suricata", None, "alert"),
        {"dst_ip": "203.0.113.9", "dst_port": 80, "protocol": "tcp", "blocked": "true", "alert.signature": "A name"},
    ),
    "query of version 2": (
        {**BASE, "event_type": "dns", "dns": {"type": "query", "rrname": "example.org", "rrtype": "A"}},
        LogSource("suricata", "dns", "dns"),
        {"query": "example.org", "record_type": "A", "answer": None},
    ),
    "answer of version 2": (
        {
            **BASE,
            "event_type": "dns",
            "dns": {
                "type": "answer",
                "rrname": "example.org",
                "rrtype": "TXT",
                "answers": [{"rdata": "IEX"}, {"rdata": "b"}],
            },
        },
        LogSource("suricata", "dns", "dns"),
        {"query": "example.org", "answer": ["IEX", "b"]},
    ),
    "query of version 3": (
        {
            **BASE,
            "event_type": "dns",
            "dns": {"version": 3, "type": "request", "queries": [{"rrname": "example.org", "rrtype": "AAAA"}]},
        },
        LogSource("suricata", "dns", "dns"),
        {"query": "example.org", "record_type": "AAAA"},
    ),
    "request that goes out": (
        {
            **OUT,
            "event_type": "http",
            "http": {
                "hostname": "example.org",
                "url": "/a.exe",
                "http_method": "GET",
                "http_user_agent": "curl",
                "status": 200,
            },
        },
        LogSource("suricata", "proxy", "http"),
        {"c-uri": "/a.exe", "cs-host": "example.org", "c-useragent": "curl", "sc-status": 200},
    ),
    "request that comes in": (
        {**BASE, "dest_ip": "192.168.1.2", "event_type": "http", "http": {"url": "/?x", "http_user_agent": "nikto"}},
        LogSource("suricata", "webserver", "http"),
        {"cs-uri": "/?x", "cs-user-agent": "nikto", "c-ip": "192.0.2.5"},
    ),
    "tls": (
        {**BASE, "event_type": "tls", "tls": {"sni": "example.org"}},
        LogSource("suricata", None, "tls"),
        {"tls.sni": "example.org"},
    ),
    "flow": (
        {**BASE, "event_type": "flow", "flow": {"state": "closed"}},
        LogSource("suricata", "firewall", "flow"),
        {"blocked": "false", "flow.state": "closed"},
    ),
}


@pytest.mark.parametrize(("event", "source", "expected"), EVENTS.values(), ids=EVENTS)
def test_an_event_has_the_names_of_its_category(
    event: dict[str, Any], source: LogSource, expected: dict[str, Any]
) -> None:
    reading = suricata.read(orjson.dumps(event).decode())
    assert reading
    assert reading[0] == source
    assert {name: reading[1].get(name) for name in expected} == expected


TAIL = "[Classification: Attempted Information Leak] [Priority: 2]"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            f"03/04/2026-10:11:12.123456  [**] [1:2008578:4] ET SCAN A [**] {TAIL} {{UDP}} 203.0.113.9:5116 -> 192.0.2.5:5060",
            {
                "alert.signature": "ET SCAN A",
                "alert.signature_id": 2008578,
                "src_ip": "203.0.113.9",
                "dst_port": 5060,
                "blocked": "false",
            },
        ),
        (
            f"03/04/2026-10:11:12.123456  [Drop] [**] [1:7:4] A [Priority: 9] B [**] {TAIL} {{TCP}} 2001:db8::1:4000 -> 2001:db8::2:22",
            {
                "alert.signature": "A [Priority: 9] B",
                "alert.severity": 2,
                "src_ip": "2001:db8::1",
                "src_port": 4000,
                "dst_port": 22,
                "blocked": "true",
            },
        ),
        (
            f"[1:7:4] A {TAIL} {{ICMP}} 203.0.113.9:8 -> 192.0.2.5:0",
            {
                "alert.signature": "A",
                "alert.category": "Attempted Information Leak",
                "src_ip": "203.0.113.9",
                "protocol": "icmp",
            },
        ),
    ],
)
def test_an_alert_of_one_line(text: str, expected: dict[str, Any]) -> None:
    reading = suricata.read(text)
    assert reading
    assert reading[0] == LogSource("suricata", None, "alert")
    assert {name: reading[1].get(name) for name in expected} == expected


@pytest.mark.parametrize(
    "text", ["{}", '{"event_type"', '{"event_type": 7, "timestamp": 1}', "[1:2:3] no end", "[**] -> } "]
)
def test_what_is_no_event_is_nothing(text: str) -> None:
    assert suricata.read(text) is None
