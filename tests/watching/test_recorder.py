"""What was understood, in the store: once, all of it or nothing."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import insert, select

from beffroi.core.errors import StoreError
from beffroi.core.model import Assurance, LogSource
from beffroi.incidents.filters import Match, choose, written
from beffroi.logs.sources import records
from beffroi.store import Store, feed, ledger, tables
from beffroi.store.times import stamp
from beffroi.watching import recorder
from beffroi.watching.frames import State
from beffroi.watching.understanding import Found, Seen, Understood, Withdrawn
from tests.watching.watch import MINUTE, NOON


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with Store.open(tmp_path / "data") as opened:
        with opened.write() as change:
            row = {"id": "s-one", "name": "ONE", "kind": "bulk", "assurance": 1, "state": "accepted", "proof_kind": "address",
                   "proof": "192.0.2.7", "created": "2026-11-01T00:00:00.000Z"}  # fmt: skip
            change.execute(insert(tables.sources).values(row))
        yield opened


def found(place: int = 0, identity: str | None = None, position: int = 100, **more: Any) -> Found:
    values: dict[str, Any] = {
        "rule": "r", "title": "T", "level": "high", "time": NOON, "arrived": NOON, "source": "s-one", "host": "pc",
        "logsource": ("windows", None, None), "fields": {"a": 1}, "position": position, "place": place,
        "identity": identity, "historic": False,
    }  # fmt: skip
    return Found(**(values | more))


def firing(*events: str) -> Found:
    return found(-1, "c\x1f1", rule="c", source="", events=[("r", NOON, each) for each in events])


def rows(store: Store) -> list[Any]:
    with store.read() as connection:
        return list(connection.execute(select(tables.matches).order_by(tables.matches.c.id)).all())


def record(store: Store, *results: Understood) -> int:
    return recorder.record(store, results, NOON + MINUTE)


@pytest.mark.parametrize("identity", [None, "s-one\x1fa"])
def test_what_is_understood_again_is_recorded_once(store: Store, identity: str | None) -> None:
    assert record(store, Understood(100, found=[found(identity=identity)])) == 1
    assert record(store, Understood(100, found=[found(identity=identity)])) == 0
    assert len(rows(store)) == 1


def test_an_event_that_is_sent_again_is_recorded_once_where_it_has_an_identity(store: Store) -> None:
    record(store, Understood(100, found=[found(identity="a"), found(1)]))
    record(store, Understood(200, found=[found(identity="a", position=200), found(1, position=200)]))
    assert [row.position for row in rows(store)] == [100, 100, 200]


def test_a_firing_that_is_told_again_has_other_events_and_one_that_is_withdrawn_goes(store: Store) -> None:
    record(store, Understood(100, found=[firing("a", "b")]))
    record(store, Understood(200, found=[firing("a", "b", "c")]))
    [row] = rows(store)
    assert row.events.count("[") == 4
    record(store, Understood(300, withdrawn=[Withdrawn("c\x1f1")]))
    assert rows(store) == []


def test_recordings_are_told_to_nobody(store: Store) -> None:
    with store.read() as connection:
        since = feed.newest(connection)
    record(store, Understood(100, found=[found(historic=True), found(1)]))
    with store.read() as connection:
        told = [each.row_id for each in feed.follow(connection, since) if each.table == "matches"]
    assert told == [str(row.id) for row in rows(store) if not row.historic]


def test_it_is_all_of_it_or_nothing(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: Any, **__: Any) -> None:
        raise StoreError(path="store.db", reason="the disk is full")

    with monkeypatch.context() as patched:
        patched.setattr(records, "heard", full)
        with pytest.raises(StoreError):
            record(store, Understood(100, found=[found()], seen={"s-one": Seen(events=1)}))
    assert rows(store) == []
    with store.read() as connection:
        assert recorder.begin_at(connection) == (0, b"", 0)


def test_the_checkpoint_and_the_state_are_where_to_begin(store: Store) -> None:
    record(store, Understood(100), Understood(300))
    recorder.keep_state(store, State(200, b'{"a":"\n"}'), NOON)
    recorder.keep_state(store, State(250, b'{"a":"\n\n"}'), NOON)
    with store.read() as connection:
        assert recorder.begin_at(connection) == (300, b'{"a":"\n\n"}', 250)


def test_a_source_is_as_sure_as_its_last_connection(store: Store) -> None:
    def sure() -> int:
        with store.read() as connection:
            return connection.scalar(select(tables.sources.c.assurance)) or 0

    record(store, Understood(100, seen={"s-one": Seen(events=1, sure=Assurance.TOKEN)}))
    assert sure() == Assurance.TOKEN
    record(store, Understood(200, seen={"s-one": Seen(events=1)}))  # kept by an earlier Beffroi: nobody knows
    assert sure() == Assurance.TOKEN
    record(store, Understood(300, seen={"s-one": Seen(events=1, sure=Assurance.ADDRESS)}))  # its token over plain text
    assert sure() == Assurance.ADDRESS


def test_a_source_that_is_gone_is_no_matter(store: Store) -> None:
    record(
        store, Understood(100, found=[found(source="s-gone")], seen={"s-gone": Seen(events=4), "s-one": Seen(events=3)})
    )
    assert len(rows(store)) == 1
    with store.read() as connection:
        assert connection.execute(select(tables.source_hours.c.source_id, tables.source_hours.c.events)).all() == [
            ("s-one", 3)
        ]


def test_what_is_old_is_forgotten(store: Store) -> None:
    record(store, Understood(100, found=[found()]))
    noted = datetime.fromtimestamp((NOON + MINUTE) / 1e6, UTC)
    assert recorder.forget(store, noted - timedelta(seconds=1)) == 0
    assert recorder.forget(store, noted + timedelta(seconds=1)) == 1


def called_normal(store: Store, text: str, *, rule: str = "r", until: datetime, ended: str | None = None) -> int:
    with store.write() as change:
        entry = ledger.record(change, actor="Anne Dubois", action="incidents.normal")
        row = {"rule_id": rule, "filter": text, "made_by": entry.seq, "expires": stamp(until), "ended": ended}
        return int(change.execute(insert(tables.normals).values(row).returning(tables.normals.c.id)).scalar_one())


def filter_of(rule: str = "r", **fields: Any) -> str:
    match = Match(rule, "T", LogSource("windows"), fields)
    return written(match, choose(match))


def normals(store: Store) -> list[tuple[int, str | None]]:
    with store.read() as connection:
        rows = connection.execute(select(tables.normals).order_by(tables.normals.c.id)).all()
        return [(row.hits, row.last_hit) for row in rows]


LATER = datetime.fromtimestamp(NOON / 1e6, UTC) + timedelta(days=1)


def test_what_is_normal_is_kept_hidden_and_counted_once(store: Store) -> None:
    number = called_normal(store, filter_of(User="anne"), until=LATER)
    normal, other = found(fields={"User": "Anne"}), found(1, fields={"User": "bert"})
    for _ in range(2):  # after a crash it is understood again
        record(store, Understood(100, found=[normal, other]))
    assert [(row.hidden_by, row.pending) for row in rows(store)] == [(number, 0), (None, 1)]
    assert normals(store) == [(1, rows(store)[0].noted)]


def test_a_firing_that_is_told_again_is_counted_once_and_stays_as_it_was(store: Store) -> None:
    number = called_normal(store, filter_of("c", TargetUserName="anna"), rule="c", until=LATER)
    normal = firing("a", "b")
    normal.fields = {"TargetUserName": "anna"}
    record(store, Understood(100, found=[normal]))
    record(store, Understood(200, found=[normal, found()]))
    assert [(row.rule_id, row.hidden_by, row.pending) for row in rows(store)] == [("c", number, 0), ("r", None, 1)]
    assert normals(store)[0][0] == 1
    record(store, Understood(300, withdrawn=[Withdrawn("c\x1f1")]))
    assert [row.rule_id for row in rows(store)] == ["r"]


def test_what_has_ended_or_expired_hides_nothing_although_nobody_has_looked_since(store: Store) -> None:
    noon = datetime.fromtimestamp(NOON / 1e6, UTC)
    called_normal(store, filter_of(User="anne"), until=LATER, ended=stamp(noon))
    called_normal(store, filter_of(User="anne"), until=noon)  # the service was off when it expired
    called_normal(store, "no filter at all", until=LATER)
    record(store, Understood(100, found=[found(fields={"User": "anne"})]))
    assert [(row.hidden_by, row.pending) for row in rows(store)] == [(None, 1)]
