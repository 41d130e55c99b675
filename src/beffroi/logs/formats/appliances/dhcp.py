"""Who has which address: the lines of dnsmasq, ISC dhcpd and Kea. From them Beffroi later learns of machines that send nothing.

dnsmasq's src/rfc2131.c ("DHCPACK(br0) 192.0.2.5 00:00:5e:00:53:01 pc7"), dhcpd's server/dhcp.c ("DHCPACK on 192.0.2.5 to
00:00:5e:00:53:01 (pc7) via eth0"), Kea's "Kea Messages Manual" (DHCP4_LEASE_ALLOC).
"""

import re

from beffroi.core.model import Fields, LogSource
from beffroi.logs.formats.common import Reading, address

_MAC = r"[0-9A-Fa-f]{2}(?::[0-9A-Fa-f]{2}){5}"
_DNSMASQ = re.compile(
    rf"(?:\d{{1,12}} )?(DHCP[A-Z]{{3,12}})\(([^()\s]{{1,32}})\)(?: ([0-9A-Fa-f.:]{{3,45}}))?(?: ({_MAC}|[0-9a-f:]{{8,160}}))?(?: (\S{{1,253}}))?"
)
_DHCPD = re.compile(
    rf"(DHCP[A-Z]{{3,12}}) (?:on|for|of|from) ([0-9A-Fa-f.:]{{3,45}})(?: \([0-9A-Fa-f.:]{{3,45}}\))?"
    rf"(?: (?:to|from) ({_MAC}))?(?: \(([^()]{{1,253}})\))?(?: \([^()]{{0,64}}\))? ?(?:via (\S{{1,32}}))?"
)
_DHCPD_ASKS = re.compile(
    rf"(DHCPDISCOVER|DHCPINFORM) from ({_MAC})(?: \(([^()]{{1,253}})\))?(?: \([^()]{{0,64}}\))? ?(?:via (\S{{1,32}}))?"
)
_KEA = re.compile(
    rf"(DHCP[46]_LEASE_(?:ALLOC|RENEW|OFFER|ADVERT|REUSE|RECLAIM|RELEASE)|DHCP4_RELEASE)(?:ED)? \[hwtype=\d{{1,3}} ({_MAC})\]"
)
_KEA_ADDRESS = re.compile(r"(?:lease|address) ([0-9A-Fa-f.:]{3,45})")
_KINDS = {"LEASE_ALLOC": "DHCPACK", "LEASE_RENEW": "DHCPACK", "LEASE_REUSE": "DHCPACK", "RELEASE": "DHCPRELEASE"}


def read_dnsmasq(text: str) -> Reading | None:
    """A message of DHCP as dnsmasq tells it."""
    found = _DNSMASQ.match(text)
    return _lease("dnsmasq", found[1], found[3], found[4], found[5], found[2]) if found else None


def read_dhcpd(text: str) -> Reading | None:
    """A message of DHCP as ISC's dhcpd tells it."""
    if found := _DHCPD_ASKS.match(text):
        return _lease("dhcpd", found[1], None, found[2], found[3], found[4])
    found = _DHCPD.match(text)
    return _lease("dhcpd", found[1], found[2], found[3], found[4], found[5]) if found else None


def read_kea(text: str) -> Reading | None:
    """A lease as Kea tells it, with or without its own time in front."""
    found = _KEA.search(text[:512])
    if not found:
        return None
    kind = found[1].partition("_")[2]
    lease = _KEA_ADDRESS.search(text[:1024], found.end())
    return _lease("kea", _KINDS.get(kind, kind), lease[1] if lease else None, found[2], None, None)


def _lease(
    product: str, kind: str, given: str | None, mac: str | None, hostname: str | None, interface: str | None
) -> Reading | None:
    fields: Fields = {"action": kind}
    if given:
        ip = address(given)
        if ip is None:
            return None
        fields["ip"] = ip
    if mac:
        fields["mac"] = mac.lower()
    if hostname and hostname != "*":
        fields["hostname"] = hostname
    if interface:
        fields["interface"] = interface
    return LogSource(product, "dhcp", "dhcp"), fields
