"""The store's matches become the store's incidents: once, all of it or nothing, whatever comes late or is withdrawn."""

import random
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from sqlalchemy import delete, event, select, update

from beffroi.core.errors import StoreError
from beffroi.incidents.raising import Raiser
from beffroi.store import Store, feed, ledger, tables
from tests.incidents.signs import keep, stories, text


def rows(store: Store) -> list[Any]:
    with store.read() as connection:
        return list(connection.execute(select(tables.incidents).order_by(tables.incidents.c.id)))


def deeds(store: Store) -> list[str]:
    with store.read() as connection:
        return [each.action for each in ledger.entries(connection, action="incidents")]


def told(store: Store) -> set[str]:
    with store.read() as connection:
        return {each.row_id for each in feed.follow(connection, 0, 10_000) if each.table == "incidents"}


def test_a_match_of_medium_level_opens_an_incident_and_says_so(store: Store, raiser: Raiser) -> None:
    keep(store, {"level": 2, "title": "Event log cleared"})
    assert raiser.catch_up() == 1
    (row,) = rows(store)
    assert (row.state, row.severity, row.matches, row.interrupted) == ("new", "medium", 1, None)
    assert deeds(store) == ["incidents.open"]
    assert told(store) == {str(row.id)}


def test_slight_matches_open_nothing_and_are_part_of_what_comes(store: Store, raiser: Raiser) -> None:
    keep(store, {"level": 1, "rule": "a"}, {"level": 0, "rule": "b", "minute": 1})
    raiser.catch_up()
    assert rows(store) == []
    keep(store, {"level": 3, "rule": "c", "minute": 2})
    raiser.catch_up()
    (row,) = rows(store)
    assert (row.matches, row.severity) == (3, "high")
    assert row.interrupted is not None


@pytest.mark.slow
def test_all_that_waits_is_taken_in_batches(store: Store, raiser: Raiser) -> None:
    keep(store, *[{"minute": n / 60} for n in range(1_203)])
    assert raiser.catch_up() == 1_203
    assert raiser.catch_up() == 0
    assert [row.matches for row in rows(store)] == [1_203]


def test_guessing_and_then_a_sign_in_from_there_is_one_incident_and_critical(store: Store, raiser: Raiser) -> None:
    guess = {"rule": "guess", "level": 2, "tags": ["attack.t1110.001"], "host": None, "IpAddress": "203.0.113.9"}
    keep(store, *[guess | {"minute": n / 100} for n in range(300)])
    raiser.catch_up()
    assert [row.severity for row in rows(store)] == ["medium"]
    keep(
        store,
        {
            "rule": "in",
            "level": 0,
            "minute": 4,
            "tags": ["attack.t1078"],
            "EventID": 4624,
            "IpAddress": "203.0.113.9",
            "TargetUserName": "anne",
        },
    )
    raiser.catch_up()
    (row,) = rows(store)
    assert (row.severity, row.matches) == ("critical", 301)


def test_a_late_match_that_ties_two_incidents_makes_them_one_and_the_older_stays(store: Store, raiser: Raiser) -> None:
    keep(
        store,
        {"rule": "a", "host": "pc-1", "User": "anne"},
        {"rule": "b", "host": "pc-2", "minute": 30, "src_ip": "203.0.113.9"},
    )
    raiser.catch_up()
    assert len(stories(store)) == 2
    keep(store, {"rule": "c", "host": "pc-2", "minute": 31, "src_ip": "203.0.113.9", "User": "anne"})
    raiser.catch_up()
    one, other = rows(store)
    assert stories(store) == [{1, 2, 3}]
    assert (other.state, other.closed_as, other.merged_into) == ("closed", "duplicate", one.id)
    assert deeds(store)[-1] == "incidents.merge"


def test_what_a_person_is_at_stays_when_it_is_one_with_an_older_one(store: Store, raiser: Raiser) -> None:
    keep(
        store,
        {"rule": "a", "host": "pc-1", "User": "anne"},
        {"rule": "b", "host": "pc-2", "minute": 30, "src_ip": "203.0.113.9"},
    )
    raiser.catch_up()
    with store.write() as change:
        change.execute(update(tables.incidents).where(tables.incidents.c.id == 2).values(state="taken"))
    keep(store, {"rule": "c", "host": "pc-2", "minute": 31, "src_ip": "203.0.113.9", "User": "anne"})
    raiser.catch_up()
    one, two = rows(store)
    assert (one.merged_into, two.state) == (two.id, "taken")


def test_after_a_failed_transaction_and_after_a_restart_nothing_is_missing_or_raised_twice(store: Store) -> None:
    first = Raiser(store)
    keep(store, {"rule": "a", "User": "anne", "LogonId": "0x111"})
    first.catch_up()
    keep(store, {"rule": "b", "minute": 300, "User": "anne", "LogonId": "0x111"})

    def refuse(*_: Any) -> None:
        raise StoreError(path="store.db", reason="no room")

    event.listen(store._writer, "commit", refuse)
    with pytest.raises(StoreError):
        first.catch_up()
    event.remove(store._writer, "commit", refuse)
    assert [row.matches for row in rows(store)] == [1]
    Raiser(store).catch_up()  # another process goes on
    assert [row.matches for row in rows(store)] == [2]
    keep(store, {"rule": "c", "minute": 301, "User": "anne", "LogonId": "0x111"})
    first.catch_up()  # what the first remembers is older than the store
    assert [row.matches for row in rows(store)] == [3]
    assert stories(store) == [{1, 2, 3}]


def test_a_withdrawn_firing_leaves_its_incident_and_an_empty_one_is_closed(store: Store, raiser: Raiser) -> None:
    keep(
        store,
        {"rule": "a", "host": None, "src_ip": "203.0.113.9"},
        {"rule": "b", "host": None, "minute": 1, "src_ip": "203.0.113.9"},
    )
    raiser.catch_up()

    def withdraw(match: int) -> None:
        with store.write() as change:
            strand = change.scalar(select(tables.matches.c.strand_id).where(tables.matches.c.id == match))
            change.execute(delete(tables.matches).where(tables.matches.c.id == match))
            change.execute(update(tables.strands).where(tables.strands.c.id == strand).values(stale=1))
        raiser.catch_up()

    withdraw(1)
    (row,) = rows(store)
    assert (row.id, row.state, row.matches) == (1, "new", 1)
    withdraw(2)
    (row,) = rows(store)
    assert (row.state, row.matches) == ("closed", 0)
    assert deeds(store) == ["incidents.open", "incidents.withdraw"]


def test_the_past_and_the_present_are_no_story_and_the_past_calls_nobody(store: Store, raiser: Raiser) -> None:
    keep(store, {"level": 4, "historic": True}, {"level": 4})
    raiser.catch_up()
    present, past = sorted(rows(store), key=lambda row: row.historic)
    assert (past.historic, past.interrupted) == (1, None)
    assert present.interrupted is not None


def test_hidden_matches_are_passed_over(store: Store, raiser: Raiser) -> None:
    keep(store, {})
    with store.write() as change:
        change.execute(update(tables.matches).values(hidden_by=1))
    assert raiser.catch_up() == 1
    assert rows(store) == []


def close(store: Store, reason: str, number: int = 1) -> None:
    from beffroi.incidents import actions
    from beffroi.store.actions import Actor, Role

    actions.close(store, Actor("anne", Role.OWNER), actions.Closing(number, reason))


@pytest.mark.parametrize(
    ("reason", "level", "state"),
    [
        ("real", 3, "new"),
        ("normal", 3, "closed"),
        ("exercise", 3, "closed"),
        ("normal", 4, "new"),
        ("exercise", 4, "new"),
    ],
)
def test_what_goes_on_after_it_was_closed_is_opened_again_where_that_matters(
    store: Store, raiser: Raiser, reason: str, level: int, state: str
) -> None:
    keep(store, {"User": "anne", "LogonId": "0x111"})
    raiser.catch_up()
    close(store, reason)
    keep(store, {"minute": 60, "rule": "next", "level": level, "User": "anne", "LogonId": "0x111"})
    raiser.catch_up()
    (row,) = rows(store)
    assert (row.state, row.matches) == (state, 2)
    assert ("incidents.reopen" in deeds(store)) is (state == "new")


def test_what_merely_lies_near_something_normal_is_an_incident_of_its_own(store: Store, raiser: Raiser) -> None:
    keep(store, {"rule": "backup"})
    raiser.catch_up()
    close(store, "normal")
    keep(store, {"minute": 1, "rule": "attack"})
    raiser.catch_up()
    assert [(row.state, row.matches) for row in rows(store)] == [("closed", 1), ("new", 1)]


def test_a_machine_that_matters_makes_it_graver(store: Store, raiser: Raiser) -> None:
    from beffroi.store.settings import set_

    set_(store, "anne", "incidents.important", "NAS.maison.local, server")
    keep(store, {"level": 2, "host": "nas"})
    raiser.catch_up()
    (row,) = rows(store)
    assert row.severity == "high"
    assert "matters" in row.details


def test_a_title_with_braces_is_shown_as_it_is(store: Store, raiser: Raiser) -> None:
    import msgspec

    keep(store, {"title": "Run {0.__class__} {host}"}, {"title": "{", "minute": 1, "rule": "b"})
    raiser.catch_up()
    (row,) = rows(store)
    assert text(msgspec.json.decode(row.title)) == "Run {0.__class__} {host}, on pc"


SIGNS = st.fixed_dictionaries(
    {
        "minute": st.integers(0, 50),
        "host": st.sampled_from(["pc-1", "pc-2", None]),
        "rule": st.sampled_from(["r1", "r2"]),
        "level": st.integers(1, 4),
    },
    optional={
        "User": st.sampled_from(["anne", "bert"]),
        "LogonId": st.sampled_from(["0x111", "0x222"]),
        "src_ip": st.sampled_from(["203.0.113.9", "198.51.100.7"]),
    },
)


PARTING: list[dict[str, Any]] = [
    {"minute": 4, "host": "pc-2", "rule": "r1", "level": 1, "User": "bert", "src_ip": "203.0.113.9"},
    {"minute": 0, "host": "pc-1", "rule": "r1", "level": 1},
    {"minute": 0, "host": "pc-2", "rule": "r1", "level": 2, "User": "anne"},
    {"minute": 0, "host": "pc-1", "rule": "r1", "level": 1, "User": "anne", "src_ip": "203.0.113.9"},
]
"""The last joins the others by its account, until the first shows that it is of somebody else."""


@pytest.mark.slow
@example(signs=PARTING, seed=256958993)
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(signs=st.lists(SIGNS, min_size=1, max_size=8, unique_by=str), seed=st.integers(0, 1 << 30))
def test_in_any_order_in_any_batches_over_any_restarts_the_incidents_are_the_same(
    tmp_path_factory: pytest.TempPathFactory, signs: list[dict[str, Any]], seed: int
) -> None:
    draw = random.Random(seed)
    found = []
    for order in (signs, draw.sample(signs, len(signs))):
        with Store.open(tmp_path_factory.mktemp("order") / "data") as store:
            raiser = Raiser(store)
            place = []
            for each in order:
                (number,) = keep(store, each)
                place.append((number, signs.index(each)))
                if draw.random() < 0.5:
                    raiser = raiser if draw.random() < 0.5 else Raiser(store)
                    raiser.catch_up()
            raiser.catch_up()
            of = dict(place)
            found.append(sorted(sorted(of[each] for each in story) for story in stories(store)))
            with store.read() as connection:
                counted = connection.execute(
                    select(tables.incidents.c.matches).where(
                        tables.incidents.c.merged_into.is_(None), tables.incidents.c.matches > 0
                    )
                ).scalars()
                assert sorted(counted) == sorted(len(each) for each in stories(store))
    assert found[0] == found[1]


def test_a_rule_about_refused_sign_ins_that_speaks_of_entering_lets_nobody_in(store: Store, raiser: Raiser) -> None:
    """SigmaHQ's "Failed Logon From Public IP" bears the technique of valid accounts."""
    tried = {"EventID": 4625, "TargetUserName": "anne", "IpAddress": "203.0.113.9"}
    keep(
        store,
        {"rule": "guessing", "level": 2, "tags": ["attack.credential-access", "attack.t1110"], "minute": 0, **tried},
        {"rule": "from outside", "level": 2, "tags": ["attack.initial-access", "attack.t1078"], "minute": 1, **tried},
    )
    raiser.catch_up()
    assert [each.severity for each in rows(store)] == ["medium"]
    entered = tried | {"EventID": 4624}
    keep(store, {"rule": "entered", "level": 1, "tags": ["attack.t1078"], "minute": 2, **entered})
    raiser.catch_up()
    assert [each.severity for each in rows(store)] == ["critical"]
