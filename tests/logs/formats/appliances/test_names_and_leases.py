"""DHCP and DNS. The lines are those of dnsmasq, dhcpd, Kea, unbound, BIND and RouterOS; machines and names are invented."""

import pytest

from beffroi.core.model import LogSource
from beffroi.logs.formats.appliances import dhcp, dns, mikrotik
from beffroi.logs.formats.common import Reader

MAC = "00:00:5e:00:53:01"


@pytest.mark.parametrize(
    ("reader", "text", "product", "hostname"),
    [
        (dhcp.read_dnsmasq, f"DHCPACK(br0) 192.0.2.5 {MAC} pc7", "dnsmasq", "pc7"),
        (dhcp.read_dnsmasq, f"12345 DHCPACK(br0) 192.0.2.5 {MAC.upper()} *", "dnsmasq", None),
        (dhcp.read_dhcpd, f"DHCPACK on 192.0.2.5 to {MAC} (pc7) via eth0", "dhcpd", "pc7"),
        (dhcp.read_dhcpd, f"DHCPREQUEST for 192.0.2.5 (192.0.2.1) from {MAC} (pc7) via eth0", "dhcpd", "pc7"),
        (dhcp.read_dhcpd, f"DHCPACK on 192.0.2.5 to {MAC} via eth0", "dhcpd", None),
        (
            dhcp.read_kea,
            f"INFO [kea-dhcp4.leases.0x1] DHCP4_LEASE_ALLOC [hwtype=1 {MAC}], cid=[01:{MAC}], tid=0x1: lease 192.0.2.5 has been allocated for 4000 seconds",
            "kea",
            None,
        ),
        (mikrotik.read, f"dhcp,info lan assigned 192.0.2.5 for {MAC.upper()} pc7", "mikrotik", "pc7"),
        (mikrotik.read, f"dhcp,info defconf assigned 192.0.2.5 to {MAC.upper()}", "mikrotik", None),
    ],
)
def test_who_has_which_address(reader: Reader, text: str, product: str, hostname: str | None) -> None:
    reading = reader(text)
    assert reading
    source, fields = reading
    assert source == LogSource(product, "dhcp", "dhcp")
    assert (fields["ip"], fields["mac"], fields.get("hostname")) == ("192.0.2.5", MAC, hostname)


@pytest.mark.parametrize(
    ("reader", "text", "expected"),
    [
        (dns.read_dnsmasq, "query[TXT] example.org from 192.0.2.5", ("example.org", "TXT", "192.0.2.5", None)),
        (
            dns.read_dnsmasq,
            "17 192.0.2.5/50000 query[A] example.org from 192.0.2.5",
            ("example.org", "A", "192.0.2.5", None),
        ),
        (dns.read_dnsmasq, "reply example.org is 203.0.113.9", ("example.org", None, None, "203.0.113.9")),
        (dns.read_unbound, "[99:0] info: 192.0.2.5 example.org. A IN", ("example.org", "A", "192.0.2.5", None)),
        (
            dns.read_bind,
            "client @0x7f00 192.0.2.5#50000 (example.org): query: example.org IN AAAA +E(0)K (192.0.2.1)",
            ("example.org", "AAAA", "192.0.2.5", None),
        ),
    ],
)
def test_which_names_are_asked_for(reader: Reader, text: str, expected: tuple[str | None, ...]) -> None:
    reading = reader(text)
    assert reading
    assert reading[0].category == "dns"
    assert tuple(reading[1].get(name) for name in ("query", "record_type", "src_ip", "answer")) == expected


@pytest.mark.parametrize(
    "reader", [dhcp.read_dnsmasq, dhcp.read_dhcpd, dhcp.read_kea, dns.read_dnsmasq, dns.read_unbound, dns.read_bind]
)
def test_other_lines_are_neither(reader: Reader) -> None:
    assert reader("started, version 2.90 cachesize 150") is None


def test_a_machine_that_only_asks_has_no_address_yet() -> None:
    reading = dhcp.read_dhcpd(f"DHCPDISCOVER from {MAC} (pc7) via eth0")
    assert reading == (
        LogSource("dhcpd", "dhcp", "dhcp"),
        {"action": "DHCPDISCOVER", "mac": MAC, "hostname": "pc7", "interface": "eth0"},
    )
