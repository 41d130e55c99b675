"""What is done about sources now and then."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from beffroi.core.model import Assurance, Source, SourceState
from beffroi.logs.sources import WaitingRoom, actions
from beffroi.logs.sources.actions import Chosen, Made
from beffroi.logs.sources.upkeep import Due, due, tend
from beffroi.store import Store, findings
from beffroi.store.actions import Nothing
from tests.logs.sources.conftest import NOON, ODETTE, arrival, met, plain

WEEK = timedelta(days=7)


def found(store: Store) -> list[tuple[str, str, str]]:
    with store.read() as connection:
        return [(each.kind, each.subject, each.severity) for each in findings.opened(connection)]


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


@pytest.mark.parametrize(("days", "severity"), [(300, None), (360, "medium"), (395, "high"), (500, "high")])
def test_a_certificate_that_ends_is_told_in_time_and_no_longer_once_it_was_renewed(
    days: int, severity: str | None, store: Store, tmp_path: Path
) -> None:
    made = actions.certificate(store, ODETTE, Made("Portable"))
    actions.token(store, ODETTE, Made("Serveur"))
    room, now = WaitingRoom.open(tmp_path), datetime.now(UTC)
    tend(store, room, now + timedelta(days=days))
    assert found(store) == ([("source.certificate", made["id"], severity)] if severity else [])
    actions.certificate(store, ODETTE, Made("Portable", renew=True))
    tend(store, room, now)
    assert found(store) == []


def test_of_a_rejected_source_nobody_need_renew_anything(store: Store, tmp_path: Path) -> None:
    made = actions.certificate(store, ODETTE, Made("Portable"))
    actions.reject(store, ODETTE, Chosen(made["id"]))
    tend(store, WaitingRoom.open(tmp_path), datetime.now(UTC) + timedelta(days=390))
    assert found(store) == []
