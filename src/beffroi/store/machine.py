"""What this machine is called and where it is reached, asked of its own kernel: no name server is asked."""

import ipaddress
import re
import socket
from pathlib import Path
from typing import Final, NamedTuple

Address = ipaddress.IPv4Address | ipaddress.IPv6Address

PRIVATE: Final = tuple(
    ipaddress.ip_network(prefix)
    for prefix in (
        "10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "127.0.0.0/8", "169.254.0.0/16",
        "fc00::/7", "fe80::/10", "::1/128",
    )
)  # fmt: skip
"""Where a house's own machines are: RFC 1918, RFC 4193, loopback and link-local."""

FALLBACK: Final = "beffroi"
"""What a machine is called in certificates whose own name is none that a certificate can hold."""


class Names(NamedTuple):
    """The name of a machine (RFC 1123, lower case) and its private addresses."""

    host: str
    addresses: tuple[Address, ...]


def names(hostname: str, addresses: tuple[Address, ...]) -> Names:
    """What of a machine's name and addresses can stand in a certificate of the house."""
    plain = hostname.strip(".").lower()
    fits = len(plain) <= 60 and re.fullmatch(
        r"[a-z0-9](?:[a-z0-9-]*[a-z0-9])?(?:\.[a-z0-9](?:[a-z0-9-]*[a-z0-9])?)*", plain
    )
    return Names(
        plain if fits and plain != "localhost" else FALLBACK, tuple(sorted({*filter(private, addresses)}, key=str))
    )


def private(address: Address) -> bool:
    """Whether an address is one of a house's own network."""
    return any(address in network for network in PRIVATE if network.version == address.version)


def this_machine(proc: Path = Path("/proc/net")) -> Names:
    """The name and addresses that the machine has now."""
    found: set[Address] = {ipaddress.ip_address("127.0.0.1"), ipaddress.ip_address("::1")}
    try:
        trie = (proc / "fib_trie").read_text("ascii", "replace")
        found |= {ipaddress.IPv4Address(text) for text in re.findall(r"\|-- ([0-9.]+)\n +/32 host LOCAL", trie)}
    except (OSError, ValueError):
        pass  # a machine without IPv4, or in a container that hides it
    try:
        lines = (proc / "if_inet6").read_text("ascii", "replace").splitlines()
        found |= {ipaddress.IPv6Address(int(line.split()[0], 16)) for line in lines if line}
    except (OSError, ValueError):
        pass
    return names(socket.gethostname(), tuple(found))
