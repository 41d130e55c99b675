"""Appliances' log lines → log source and fields. `PROGRAMS` says whose a program's lines are, `of_text` asks a line without one.

Every reader is pure: `(text) -> (LogSource, Fields) | None`, where text stands behind the syslog header.
"""

from collections.abc import Mapping
from typing import Any, Final

from beffroi.logs.formats import cef, leef
from beffroi.logs.formats.appliances import (
    dhcp,
    dns,
    exchange,
    filterlog,
    fortigate,
    gateways,
    mikrotik,
    netfilter,
    nextcloud,
    paloalto,
    proxmox,
    qnap,
    samba,
    samba_audit,
    suricata,
    synology,
    unifi,
    utm,
)
from beffroi.logs.formats.common import Reader, Reading

__all__ = ["PREFIXES", "PROGRAMS", "Reader", "Reading", "of_object", "of_text", "read"]

PROGRAMS: Final[Mapping[str, tuple[Reader, ...]]] = {
    "CEF": (cef.read,),
    "LEEF": (leef.read,),
    "filterlog": (filterlog.read,),
    "kernel": (netfilter.read, qnap.read),
    "php-fpm": (gateways.read,),
    "audit": (gateways.read,),
    "hostapd": (unifi.read,),
    "dnsmasq-dhcp": (dhcp.read_dnsmasq,),
    "dnsmasq": (dns.read_dnsmasq, dhcp.read_dnsmasq),
    "dhcpd": (dhcp.read_dhcpd,),
    "kea-dhcp4": (dhcp.read_kea,),
    "kea-dhcp6": (dhcp.read_kea,),
    "unbound": (dns.read_unbound,),
    "named": (dns.read_bind,),
    "Connection": (synology.read,),
    "WinFileService": (synology.read,),
    "FileStation": (synology.read,),
    "System": (synology.read,),
    "qlogd": (qnap.read,),
    "qulogd": (qnap.read,),
    "suricata": (suricata.read,),
    "snort": (suricata.read,),
    "pvedaemon": (proxmox.read,),
    "pveproxy": (proxmox.read,),
    "proxmox-backup-api": (proxmox.read,),
    "proxmox-backup-proxy": (proxmox.read,),
    "admd": (utm.read_watchguard,),
    "sessiond": (utm.read_watchguard,),
    "Auth": (lambda text: samba.read(f"Auth: {text}"),),  # Samba's own file has no header before it
    "smbd_audit": (samba_audit.read,),
    "smbd": (samba.read,),
    "smbd_auth": (samba.read,),
    "Nextcloud": (nextcloud.read,),
    "nextcloud": (nextcloud.read,),
}
"""A program's name in the syslog header → the readers of its lines, in the order in which they are asked."""

PREFIXES: Final[tuple[tuple[str, tuple[Reader, ...]], ...]] = (("synoscgi", (synology.read_pam,)),)
"""The same for programs whose name only begins so."""


_OPEN = ("CEF:", "LEEF:", "date=", "devname=", "logver=", "{")
"""What a line may begin with to be read by its shape although a program of no appliance's wrote it."""


def read(program: str, text: str) -> Reading | None:
    """The reading of a message: by its program where that is one of ours, by its shape where it has none.

    What another program says is not looked through for shapes: a web server's line holds whatever its visitors ask for, and must not
    be taken for a firewall's.
    """
    if not program:
        return of_text(text)
    readers = PROGRAMS.get(program)
    if readers is None:
        readers = next((known for start, known in PREFIXES if program.startswith(start)), ())
    for reader in readers:
        if reading := reader(text):
            return reading
    if text.startswith(_OPEN):
        return of_text(text)
    # RouterOS's topics may look like a program.
    return mikrotik.read(f"{program} {text}") if "," in program else None


def of_text(text: str) -> Reading | None:
    """The reading of a message whose program is not known, by what it begins with."""
    first = text[:1]
    for start, reader in _STARTS.get(first, ()):
        if text.startswith(start) and (reading := reader(text)):
            return reading
    if " IN=" in text and (reading := netfilter.read(text)):
        return reading
    if first.isalpha() and first.islower() and "," in text[:33] and (reading := mikrotik.read(text)):
        return reading
    return unifi.read_access_point(text) if "hostapd" in text[:128] else None


def of_object(event: dict[str, Any]) -> Reading | None:
    """The same of a message that is a JSON object already read."""
    return suricata.read_eve(event) or nextcloud.read_event(event) or samba.read_event(event)


_SHAPES: Final[tuple[tuple[str, Reader], ...]] = (
    ("CEF:", cef.read),
    ("0|", cef.read),
    ("1|", cef.read),
    ("LEEF:", leef.read),
    ("date=", fortigate.read),
    ("devname=", fortigate.read),
    ("devid=", fortigate.read),
    ("logver=", fortigate.read),
    ("timestamp=", fortigate.read),
    ("logid=", fortigate.read),
    ("device", utm.read),
    ("id=", utm.read),
    ("time=", utm.read),
    ('src="', utm.read),
    ("msg_id=", utm.read_watchguard),
    ("Authentication of ", utm.read_watchguard),
    ("Auth: [", samba.read),
    ("conn log: ", qnap.read),
    ("event log: ", qnap.read),
    ("IN=", netfilter.read),
    ("User [", synology.read),
    ("Host [", synology.read),
    ("Connection: ", lambda text: synology.read(text[12:])),
    ("Event: ", synology.read),
    ("WinFileService", synology.read),
    ("FileStation", synology.read),
    ("{", suricata.read),
    ("{", nextcloud.read),
    ("[", suricata.read),
    ("[", dns.read_unbound),
    ("authentication failure; rhost=", proxmox.read),
    (": ", proxmox.read),
    (",", exchange.read),
    ("System ", lambda text: synology.read(text[7:])),
    ("Connection ", lambda text: synology.read(text[11:])),
    ("successful auth for user '", proxmox.read),
    ("/", gateways.read),
    *(
        (str(digit), reader)
        for digit in range(10)
        for reader in (suricata.read, exchange.read, paloalto.read, dhcp.read_kea)
    ),
)
_STARTS: Final[dict[str, tuple[tuple[str, Reader], ...]]] = {
    first: tuple(shape for shape in _SHAPES if shape[0][0] == first) for first in {shape[0][0] for shape in _SHAPES}
}
