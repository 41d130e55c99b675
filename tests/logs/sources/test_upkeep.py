"""What is done about sources now and then."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from sqlalchemy import select

from beffroi.core.errors import StoreError
from beffroi.core.model import Assurance, Source, SourceState
from beffroi.logs.sources import WaitingRoom, actions, upkeep
from beffroi.logs.sources.actions import Certified, Chosen, Made
from beffroi.logs.sources.upkeep import Due, due, tend
from beffroi.store import Store, findings
from beffroi.store.actions import Nothing
from beffroi.store.tables import certificates
from tests.logs.sources.conftest import NOON, ODETTE, arrival, met, plain

WEEK = timedelta(days=7)


def found(store: Store) -> list[tuple[str, str, str]]:
    with store.read() as connection:
        return [(each.kind, each.subject, each.severity) for each in findings.opened(connection)]


def said(store: Store) -> str:
    with store.read() as connection:
        (finding,) = findings.opened(connection, "source.certificate")
        return str(finding.message)


def fingerprint(made: dict[str, Any]) -> str:
    """As a sender's certificate is looked up by."""
    leaf = x509.load_pem_x509_certificate(made["certificate"].encode())
    return leaf.fingerprint(hashes.SHA256()).hex()


def microseconds(moment: datetime) -> int:
    return int(moment.timestamp() * 1_000_000)


def test_what_is_held_goes_where_its_sender_was_sent() -> None:
    known = [Source(f"s-{state}", "x", "relp", Assurance.ADDRESS, state) for state in SourceState]
    held = [source.id for source in known] + ["s-gone"]
    assert due(held, known) == Due(("s-accepted", "s-silent"), ("s-gone", "s-rejected"))
    assert due([], known) == Due((), ())


def test_a_stranger_is_a_finding_until_somebody_decides(store: Store) -> None:
    one, two = met(store, plain()), met(store, plain("192.168.7.21"))
    assert found(store) == [("source.new", one, "informational"), ("source.new", two, "informational")]
    actions.accept(store, ODETTE, Chosen(one))
    actions.reject(store, ODETTE, Chosen(two))
    assert found(store) == []


def test_strangers_who_stay_away_are_forgotten_with_all_they_sent(store: Store, tmp_path: Path) -> None:
    room = WaitingRoom.open(tmp_path)
    made = met(store, plain())
    room.hold(made, arrival(made, b"one", arrived=microseconds(NOON)))
    tend(store, room, NOON + WEEK - timedelta(hours=1))
    assert set(room.held()) == {made}
    tend(store, room, NOON + WEEK + timedelta(hours=1))
    assert room.held() == {}
    assert actions.list_(store, ODETTE, Nothing()) == []
    assert found(store) == []


@pytest.mark.parametrize(
    ("days", "severity"), [(300, None), (337, "low"), (367, "medium"), (391, "high"), (395, "high")]
)
def test_a_certificate_that_ends_is_told_in_time_and_no_longer_once_the_new_one_is_shown(
    days: int, severity: str | None, store: Store, tmp_path: Path
) -> None:
    made = actions.certificate(store, ODETTE, Certified("Portable"))
    actions.token(store, ODETTE, Made("Serveur"))
    room, now = WaitingRoom.open(tmp_path), datetime.now(UTC)
    later = now + timedelta(days=days)
    tend(store, room, later, [fingerprint(made)])
    assert found(store) == ([("source.certificate", made["id"], severity)] if severity else [])
    if severity is None:
        return
    assert f"beffroi sources certificate {made['id']} --renew" in said(store)
    renewed = actions.certificate(store, ODETTE, Certified(made["id"], renew=True))
    tend(store, room, later)
    assert found(store) == [("source.certificate", made["id"], severity)]
    assert "still shows its old certificate" in said(store)
    tend(store, room, now, [fingerprint(renewed)])
    assert found(store) == []


def test_a_certificate_that_was_made_and_lost_does_not_take_the_place_of_the_one_in_use(
    store: Store, tmp_path: Path
) -> None:
    first = actions.certificate(store, ODETTE, Certified("Portable"))
    room, now = WaitingRoom.open(tmp_path), datetime.now(UTC)
    tend(store, room, now, [fingerprint(first)])
    for _ in range(2):
        actions.certificate(store, ODETTE, Certified("Portable", renew=True))
    tend(store, room, now + timedelta(days=395))
    assert "still shows its old certificate" in said(store)


def test_what_ended_and_is_not_in_use_is_forgotten(store: Store, tmp_path: Path) -> None:
    first = actions.certificate(store, ODETTE, Certified("Portable"))
    second = actions.certificate(store, ODETTE, Certified("Portable", renew=True))
    room, now = WaitingRoom.open(tmp_path), datetime.now(UTC)
    tend(store, room, now + timedelta(days=500), [fingerprint(first), fingerprint(second)])
    with store.read() as connection:
        assert connection.execute(select(certificates.c.fingerprint)).scalars().all() == [fingerprint(second)]
    assert "nothing is taken from it" in said(store)


def test_a_stranger_s_messages_go_only_once_it_is_forgotten_for_good(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    room = WaitingRoom.open(tmp_path)
    made = met(store, plain())
    room.hold(made, arrival(made, b"one", arrived=microseconds(NOON + WEEK)))

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(upkeep, "_tell_endings", full)
    with pytest.raises(StoreError):
        tend(store, room, NOON + WEEK + timedelta(hours=1))
    assert set(room.held()) == {made}
    assert [row["id"] for row in actions.list_(store, ODETTE, Nothing())] == [made]


def test_of_a_rejected_source_nobody_need_renew_anything(store: Store, tmp_path: Path) -> None:
    made = actions.certificate(store, ODETTE, Certified("Portable"))
    actions.reject(store, ODETTE, Chosen(made["id"]))
    tend(store, WaitingRoom.open(tmp_path), datetime.now(UTC) + timedelta(days=390))
    assert found(store) == []
