"""Machines that are on the network, and which of them send nothing: a blind spot that nobody would see otherwise.

They are known from DHCP's logs and from the kernel's table of neighbours (proc(5): /proc/net/arp).
"""

from collections.abc import Collection, Iterable, Iterator
from pathlib import Path
from typing import Final

from beffroi.watching.understanding import Neighbour

ARP: Final = Path("/proc/net/arp")
COMPLETE: Final = 0x2  # ATF_COM: somebody answered
LIMIT: Final = 1_024
"""Machines that are remembered; a house has twenty."""


class Neighbours:
    """What is known of machines, the newest word on each; bounded."""

    def __init__(self) -> None:
        self._known: dict[str, tuple[float, Neighbour]] = {}

    def noted(self, machines: Iterable[Neighbour], now: float) -> None:
        """Somebody spoke of these, at `now` (seconds, any clock that only rises)."""
        for machine in machines:
            key = machine.mac or machine.address
            before = self._known.pop(key, None)
            if before is not None and machine.name is None:
                machine = Neighbour(machine.address, machine.mac, before[1].name)  # noqa: PLW2901 - what was known stays
            self._known[key] = (now, machine)
            if len(self._known) > LIMIT:
                self._known.pop(next(iter(self._known)))

    def unheard(self, addresses: Collection[str], hosts: Collection[str], since: float) -> list[Neighbour]:
        """Those spoken of since a moment of which neither the address sends, nor anybody under their name (caseless,
        without domain), in the order of their addresses' texts."""
        names = {_short(host) for host in hosts}
        return sorted(
            (
                machine
                for seen, machine in self._known.values()
                if seen >= since
                and machine.address not in addresses
                and (machine.name is None or _short(machine.name) not in names)
            ),
            key=lambda machine: machine.address,
        )


def in_table(text: str) -> Iterator[Neighbour]:
    """The machines of the kernel's table."""
    for line in text.splitlines()[1:]:
        parts = line.split()
        if len(parts) >= 4 and int(parts[2], 16) & COMPLETE and parts[3] != "00:00:00:00:00:00":
            yield Neighbour(parts[0], parts[3].lower(), None)


def _short(name: str) -> str:
    return name.partition(".")[0].lower()
