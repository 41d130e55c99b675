"""Machines that are on the network, and which of them send nothing: a blind spot that nobody would see otherwise.

They are known from DHCP's logs and from the kernel's table of neighbours: `ip neigh` (ip-neighbour(8)), which knows IPv6 too, else
/proc/net/arp (proc(5)).
"""

import ipaddress
import json
from collections.abc import Collection, Iterable, Iterator
from pathlib import Path
from typing import Final

from beffroi.watching.understanding import Neighbour

ARP: Final = Path("/proc/net/arp")
COMPLETE: Final = 0x2  # ATF_COM: somebody answered
NOBODY: Final = frozenset({"FAILED", "INCOMPLETE", "NOARP"})
"""States of a neighbour (NUD) in which nobody answered."""
LIMIT: Final = 1_024
"""Machines that are remembered; a house has twenty."""
ADDRESSES: Final = 16
"""Addresses of one machine that are remembered."""


class Neighbours:
    """What is known of machines, the newest word on each; bounded."""

    def __init__(self) -> None:
        self._known: dict[str, tuple[float, Neighbour]] = {}
        self._addresses: dict[str, set[str]] = {}
        """All addresses of each: a machine has one of IPv4 and several of IPv6."""

    def noted(self, machines: Iterable[Neighbour], now: float) -> None:
        """Somebody spoke of these, at `now` (seconds, any clock that only rises)."""
        for machine in machines:
            key = machine.mac or machine.address
            before = self._known.pop(key, None)
            if before is not None and machine.name is None:
                machine = Neighbour(machine.address, machine.mac, before[1].name)  # noqa: PLW2901 - what was known stays
            self._known[key] = (now, machine)
            addresses = self._addresses.setdefault(key, set())
            if before is not None and before[0] != now:
                addresses.clear()  # what it had at the last look somebody else may have now
            if len(addresses) < ADDRESSES:
                addresses.add(machine.address)
            if len(self._known) > LIMIT:
                oldest = next(iter(self._known))
                del self._known[oldest], self._addresses[oldest]

    def unheard(self, addresses: Collection[str], hosts: Collection[str], since: float) -> list[Neighbour]:
        """Those spoken of since a moment of which none of the addresses sends, nor anybody under their name (caseless,
        without domain), in the order of their addresses' texts."""
        names = {_short(host) for host in hosts}
        return sorted(
            (
                machine
                for key, (seen, machine) in self._known.items()
                if seen >= since
                and self._addresses[key].isdisjoint(addresses)
                and (machine.name is None or _short(machine.name) not in names)
            ),
            key=lambda machine: machine.address,
        )


def told_by_ip(text: str) -> Iterator[Neighbour]:
    """The machines of which `ip -json neigh` tells, IPv4 last: it is what people know them by. Raises ValueError."""
    found: list[tuple[int, Neighbour]] = []
    for each in json.loads(text or "[]"):
        mac, states = str(each.get("lladdr", "")).lower(), set(each.get("state", ()))
        address = ipaddress.ip_address(each["dst"])
        if mac and mac != "00:00:00:00:00:00" and NOBODY.isdisjoint(states) and not address.is_multicast:
            found.append((address.version, Neighbour(str(address), mac, None)))
    yield from (machine for _, machine in sorted(found, key=lambda each: -each[0]))


def in_table(text: str) -> Iterator[Neighbour]:
    """The machines of /proc/net/arp."""
    for line in text.splitlines()[1:]:
        parts = line.split()
        if len(parts) >= 4 and int(parts[2], 16) & COMPLETE and parts[3] != "00:00:00:00:00:00":
            yield Neighbour(parts[0], parts[3].lower(), None)


def _short(name: str) -> str:
    return name.partition(".")[0].lower()
