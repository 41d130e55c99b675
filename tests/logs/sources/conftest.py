"""What the tests of sources share: a store, and senders."""

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from beffroi.logs.arrival import Arrival, Proof
from beffroi.logs.sources import Registry, Unknown, records
from beffroi.store import Store
from beffroi.store.actions import Actor, Role

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
ODETTE = Actor("Odette Lambin", Role.OWNER)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with Store.open(tmp_path / "data") as opened:
        yield opened


def registry(store: Store) -> Registry:
    with store.read() as connection:
        return Registry.load(connection)


def plain(peer: str = "192.168.7.20", name: str | None = None) -> Proof:
    """A sender of syslog in plain text."""
    return Proof("syslog_udp", peer, name=name)


def met(store: Store, proof: Proof, now: datetime = NOON) -> str:
    """Have a stranger in the store; its id."""
    admitted = registry(store).admit(proof)
    assert isinstance(admitted, Unknown)
    with store.write() as change:
        return records.meet(change, admitted, now=now)


def arrival(source: str, *messages: bytes, arrived: int = 1_000_000) -> Arrival:
    return Arrival(arrived, source, "syslog_udp", "192.168.7.20", "syslog", list(messages))
