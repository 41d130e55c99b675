"""The ledger: nothing is rewritten unseen, and a name can be forgotten without a hole."""

import json
import sqlite3
from contextlib import closing
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy.exc import IntegrityError

from beffroi.store import Personal, Store, Verification, ledger


@pytest.fixture
def written(store: Store) -> Store:
    """Three entries; the second speaks of Marcel Wauthy."""
    with store.write() as change:
        ledger.record(change, actor="Odette Lambin", action="rules.update", details={"set": "a"})
        ledger.record(change, actor="Odette Lambin", action="user.add", details={"person": Personal("Marcel Wauthy")})
        ledger.record(change, actor="beffroi", action="rules.found", details={"set": "b"})
    return store


def verified(store: Store, heads: dict[int, str] | None = None) -> Verification:
    with store.read() as connection:
        return ledger.verify(connection, heads=heads)


def tampered(store: Store, *statements: str) -> None:
    """Change the file behind the store's back, guards and all."""
    with closing(sqlite3.connect(store.data_dir / "store.db")) as raw, raw:
        for trigger in ("ledger_never_changes", "ledger_never_shrinks"):
            raw.execute(f"DROP TRIGGER IF EXISTS {trigger}")
        for statement in statements:
            raw.execute(statement)
    raw.close()


def test_an_entry_says_who_did_what_and_when(store: Store) -> None:
    with store.write() as change:
        made = ledger.record(
            change,
            actor="Odette Lambin",
            action="rules.switch",
            details={"rule": "x", "enabled": False, "tried": [1, None, {"who": Personal("Marcel Wauthy")}]},
            now=datetime(2026, 11, 23, 21, 4, 5, 678000, tzinfo=timezone(timedelta(hours=1))),
        )
    assert (made.seq, made.time, made.actor, made.action) == (
        1,
        "2026-11-23T20:04:05.678Z",
        "Odette Lambin",
        "rules.switch",
    )
    assert made.details == {"rule": "x", "enabled": False, "tried": [1, None, {"who": "Marcel Wauthy"}]}
    with store.read() as connection:
        assert ledger.entries(connection) == [made]
        assert ledger.entry(connection, 1) == made
        with pytest.raises(LookupError):
            ledger.entry(connection, 2)


def test_entries_are_found_by_action_and_the_newest_ones(written: Store) -> None:
    with written.read() as connection:
        assert [entry.seq for entry in ledger.entries(connection, action="rules")] == [1, 3]
        assert [entry.seq for entry in ledger.entries(connection, action="rules.found")] == [3]
        assert [entry.seq for entry in ledger.entries(connection, newest=2)] == [2, 3]
        assert ledger.entries(connection, action="rule") == []


def test_an_untouched_ledger_is_sound(written: Store) -> None:
    found = verified(written)
    assert (found.sound, found.entries, len(found.head)) == (True, 3, 64)


def test_an_empty_ledger_is_sound(store: Store) -> None:
    assert verified(store) == Verification(0, ledger.GENESIS, ())


def test_no_name_stands_in_the_chain(written: Store) -> None:
    with closing(sqlite3.connect(written.data_dir / "store.db")) as raw, raw:
        bodies = " ".join(body for (body,) in raw.execute("SELECT body FROM ledger"))
    raw.close()
    assert "Lambin" not in bodies
    assert "Wauthy" not in bodies


def test_a_forgotten_name_leaves_the_chain_sound_and_is_gone_from_the_file(written: Store) -> None:
    with written.write() as change:
        assert ledger.erase(change, "Marcel Wauthy") == 1
        assert ledger.entry(change, 2).details == {"person": None}
    assert verified(written).sound
    data = written.data_dir
    written.close()
    assert not any(b"Marcel Wauthy" in path.read_bytes() for path in data.iterdir())


def test_two_entries_of_one_person_cannot_be_linked_by_their_commitments(store: Store) -> None:
    with store.write() as change:
        for _ in range(2):
            ledger.record(change, actor="Odette Lambin", action="test")
        bodies = [json.loads(body) for (body,) in change.exec_driver_sql("SELECT body FROM ledger").all()]
    assert bodies[0]["actor"] != bodies[1]["actor"]


@pytest.mark.parametrize(
    ("statements", "said"),
    [
        (
            ["UPDATE ledger SET body = replace(body, '\"a\"', '\"z\"') WHERE seq = 1"],
            "entry 1: its text does not fit its hash",
        ),
        (["UPDATE ledger SET hash = 'x' WHERE seq = 2"], "entry 3: it does not follow"),
        (["DELETE FROM ledger WHERE seq = 2"], "entry 3: entry 2 should stand here"),
        (["UPDATE ledger SET body = '[', hash = 'y' WHERE seq = 3"], "entry 3: its text does not fit its hash"),
        (["UPDATE names SET name = 'Ginette Piron'"], "it is not the name that was committed to"),
    ],
)
def test_what_was_changed_is_found(written: Store, statements: list[str], said: str) -> None:
    tampered(written, *statements)
    found = verified(written)
    assert not found.sound
    assert any(said in str(fault) for fault in found.faults)


def test_a_chain_rewritten_with_right_hashes_is_found_by_a_head_that_left_the_house(
    store: Store, tmp_path: Path
) -> None:
    with store.write() as change:
        heads = {made.seq: made.hash for made in (ledger.record(change, actor="O", action=f"a{n}") for n in range(3))}
    with Store.open(tmp_path / "other") as forged, forged.write() as change:
        for number in range(3):
            ledger.record(change, actor="O", action=f"b{number}")
        assert ledger.verify(change).sound
        found = ledger.verify(change, heads={2: heads[2]})
    assert [str(fault) for fault in found.faults] == [
        f"ledger, entry 2: it is not the entry whose hash {heads[2][:12]}… left the house"
    ]
    assert verified(store, heads).sound


def test_an_end_that_was_cut_off_is_found_by_a_head_that_left_the_house(written: Store) -> None:
    head = verified(written).head
    tampered(written, "DELETE FROM ledger WHERE seq = 3")
    assert verified(written).sound
    assert "it left the house once and is gone" in str(verified(written, {3: head}).faults[0])


@pytest.mark.parametrize("statement", ["UPDATE ledger SET body = ''", "DELETE FROM ledger"])
def test_our_own_code_cannot_change_an_entry(written: Store, statement: str) -> None:
    with pytest.raises(IntegrityError, match="the ledger only grows"), written.write() as change:
        change.exec_driver_sql(statement)


@pytest.mark.parametrize("value", [1.5, {1: 2}, datetime(2026, 1, 1, tzinfo=UTC), b"a", {"name": "x"}])
def test_a_detail_without_a_single_written_form_is_refused(store: Store, value: object) -> None:
    with pytest.raises(TypeError), store.write() as change:
        ledger.record(change, actor="O", action="test", details={"value": value})


def test_a_destroyed_entry_is_shown_as_such(written: Store) -> None:
    tampered(written, "UPDATE ledger SET body = '[' WHERE seq = 2")
    with written.read() as connection:
        assert [entry.action for entry in ledger.entries(connection)] == ["rules.update", "?", "rules.found"]


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**70), 2**70) | st.text() | st.text().map(Personal),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.text().filter(lambda key: key != "name"), inner, max_size=4)
    ),
    max_leaves=12,
)


@pytest.mark.slow
@settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.dictionaries(st.text().filter(lambda key: key != "name"), VALUES, max_size=4), st.text())
def test_whatever_is_recorded_is_read_back_the_same_and_sound(
    store: Store, details: dict[str, object], actor: str
) -> None:
    with store.write() as change:
        made = ledger.record(change, actor=actor, action="test", details=details)
        assert (made.actor, made.details) == (actor, details)
        assert ledger.entry(change, made.seq) == made
        assert ledger.verify(change).sound
