"""What makes a house this house: its key and its two authorities, made at the first start and named in the ledger."""

from datetime import datetime
from typing import NamedTuple, Self

from beffroi.store import Store, feed, ledger
from beffroi.store.authorities import Authorities, Kind
from beffroi.store.housekey import HouseKey
from beffroi.store.machine import Names, this_machine
from beffroi.store.times import now as clock

KEYS = "house.keys"
"""The action whose newest entry names the keys in use."""

SYSTEM = "beffroi"


class House(NamedTuple):
    """The house's key and authorities."""

    key: HouseKey
    authorities: Authorities

    @classmethod
    def open(cls, store: Store, *, names: Names | None = None, now: datetime | None = None) -> Self:
        """Open the keys, or make them; where they are others than the ledger says, an entry says so. Raises StoreError."""
        now = now if now is not None else clock()
        names = names if names is not None else this_machine()
        house = cls(HouseKey.open(store.data_dir), Authorities.open(store.data_dir, names, now))
        held = {
            "house": house.key.fingerprint,
            "servers": house.authorities.fingerprint(Kind.SERVERS),
            "devices": house.authorities.fingerprint(Kind.DEVICES),
        }
        with store.read() as connection:
            known = ledger.entries(connection, action=KEYS, newest=1)
        if not known or known[0].details != held:
            with store.write() as change:
                ledger.record(change, actor=SYSTEM, action=KEYS, details=held, now=now)
                feed.tell(change, "house", "keys")
        return house
