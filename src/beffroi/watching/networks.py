"""From where is received: the networks a person stated, else the private ones that this machine is attached to.

Read from the kernel's own tables (proc(5): /proc/net/route, /proc/net/if_inet6), so no program need be there.
"""

import ipaddress
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Final

Network = ipaddress.IPv4Network | ipaddress.IPv6Network

PROC: Final = Path("/proc/net")
ON_LINK: Final = "00000000"  # no gateway: whoever is in there is on the same wire
UP: Final = 0x1
LINK_LOCAL: Final = ipaddress.ip_network("fe80::/10")


def attached(proc: Path = PROC) -> tuple[Network, ...]:
    """The private networks this machine is in, loopback among them; what cannot be read is not there."""
    found = {ipaddress.ip_network("127.0.0.0/8"), ipaddress.ip_network("::1/128"), LINK_LOCAL}
    with suppress(OSError):
        found.update(_version_4((proc / "route").read_text("ascii").splitlines()[1:]))
    with suppress(OSError):
        found.update(_version_6((proc / "if_inet6").read_text("ascii").splitlines()))
    return tuple(sorted(found, key=str))


def stated(texts: Iterable[str]) -> tuple[Network, ...]:
    """The networks of the configuration; this machine itself is always among them."""
    return (
        ipaddress.ip_network("127.0.0.0/8"),
        ipaddress.ip_network("::1/128"),
        *(ipaddress.ip_network(text) for text in texts),
    )


def lets_in(networks: Iterable[Network], peer: str) -> bool:
    """Whether an address lies in one of the networks."""
    address = _address(peer)
    return address is not None and any(address in network for network in networks)


def is_loopback(peer: str) -> bool:
    """Whether an address is this machine's own, which nobody can send from outside (RFC 1122, 3.2.1.3)."""
    address = _address(peer)
    return address is not None and address.is_loopback


def _address(peer: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    """The address; an IPv4 one that came over an IPv6 socket counts as itself."""
    try:
        address = ipaddress.ip_address(peer.partition("%")[0])
    except ValueError:
        return None
    return address.ipv4_mapped or address if isinstance(address, ipaddress.IPv6Address) else address


def _version_4(lines: Iterable[str]) -> Iterator[Network]:
    for line in lines:
        parts = line.split()
        if len(parts) < 8 or parts[2] != ON_LINK or not int(parts[3], 16) & UP:
            continue
        address, mask = (int.from_bytes(bytes.fromhex(parts[at]), "little") for at in (1, 7))
        network = ipaddress.ip_network((address, mask.bit_count()), strict=False)
        if network.prefixlen and network.is_private:
            yield network


def _version_6(lines: Iterable[str]) -> Iterator[Network]:
    for line in lines:
        parts = line.split()
        if len(parts) < 4:
            continue
        network = ipaddress.ip_network((int(parts[0], 16), int(parts[2], 16)), strict=False)
        if network.prefixlen < 128 and network.is_private:
            yield network
