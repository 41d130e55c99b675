"""What people do about incidents: all of it in the ledger, nothing that forgets what they decided."""

import json
from typing import Any

import pytest
from sqlalchemy import select, update

from beffroi.core.errors import UsageError
from beffroi.incidents import actions
from beffroi.incidents.actions import Closing, Merging, Saying, Splitting, Wanted, Which
from beffroi.incidents.raising import Raiser
from beffroi.store import Store, ledger, tables
from beffroi.store.actions import Actor, Nothing, Role
from tests.incidents.signs import keep, stories, text

ANNE = Actor("Anne Dubois", Role.OWNER)
ATTACK = {"host": "pc-1", "User": "anne", "LogonId": "0x111"}
OTHER = {"host": "pc-2", "minute": 30, "src_ip": "203.0.113.9", "rule": "other"}


@pytest.fixture
def two(store: Store, raiser: Raiser) -> Store:
    """Two incidents: 1 with two matches, 2 with one."""
    keep(store, ATTACK, ATTACK | {"minute": 1, "rule": "next"}, OTHER)
    raiser.catch_up()
    return store


def ids(store: Store, **wanted: Any) -> list[int]:
    return [each["id"] for each in actions.list_(store, ANNE, Wanted(**wanted))]


def show(store: Store, number: int = 1) -> dict[str, Any]:
    return actions.show(store, ANNE, Which(number))


def test_an_incident_tells_what_the_contract_names(two: Store) -> None:
    row = show(two)
    assert {"id", "state", "severity", "opened", "last_event", "title", "what", "entities", "matches", "techniques", "taken_by",
            "closed_as", "timeline"} <= row.keys()  # fmt: skip
    assert {"kind": "account", "value": "anne", "role": "actor"} in row["entities"]
    assert text(row["title"]) == "Rule r, on pc-1"
    assert [text(each["what"]) for each in row["timeline"]] == ["Rule r", "Rule next", "the incident was opened"]
    assert [each["match"] for each in row["evidence"]] == [1, 2]


def test_it_is_taken_closed_and_opened_again_and_the_ledger_says_by_whom(two: Store) -> None:
    taken = actions.take(two, ANNE, Which(1))
    assert (taken["state"], taken["taken_by"]) == ("taken", "Anne Dubois")
    closed = actions.close(two, ANNE, Closing(1, "exercise", "Le prestataire essayait."))
    assert (closed["state"], closed["closed_as"]) == ("closed", "exercise")
    assert ids(two) == [2]
    assert sorted(ids(two, closed=True)) == [1, 2]
    assert actions.reopen(two, ANNE, Which(1))["state"] == "new"
    assert "Le prestataire essayait." in [text(each["what"]) for each in show(two)["timeline"]][-2]
    with two.read() as connection:
        done = [(each.action, each.actor) for each in ledger.entries(connection, action="incidents")]
        assert done[2:] == [(f"incidents.{deed}", "Anne Dubois") for deed in ("take", "close", "reopen")]
        assert ledger.verify(connection).sound


def test_a_comment_and_a_name_can_be_erased_and_the_chain_holds(two: Store) -> None:
    actions.comment(two, ANNE, Saying(1, "Madame Petit a cliqué."))
    with two.write() as change:
        ledger.erase(change, "Madame Petit a cliqué.")
        assert ledger.verify(change).sound
    assert "Petit" not in str(show(two))


@pytest.mark.parametrize(
    ("act", "given", "said"),
    [
        (actions.take, Which(9), "There is no incident 9"),
        (actions.close, Closing(1, "boring"), "not closed as boring"),
        (actions.comment, Saying(1, "  "), "A comment says something"),
        (actions.comment, Saying(1, "x" * 3_000), "at most 2,000"),
        (actions.merge, Merging(1, 1), "cannot be put together"),
        (actions.split, Splitting(1, [3]), "has no match 3"),
        (actions.split, Splitting(1, []), "has no match"),
        (actions.split, Splitting(1, [1, 2]), "All of incident 1"),
    ],
)
def test_what_cannot_be_done_is_said_in_a_sentence(two: Store, act: Any, given: Any, said: str) -> None:
    with pytest.raises(UsageError, match=said):
        act(two, ANNE, given)


def test_a_closed_one_is_not_taken_and_a_merged_one_not_reopened(two: Store) -> None:
    actions.close(two, ANNE, Closing(2, "normal"))
    with pytest.raises(UsageError, match="open it again first"):
        actions.take(two, ANNE, Which(2))
    actions.reopen(two, ANNE, Which(2))
    actions.merge(two, ANNE, Merging(1, 2))
    with pytest.raises(UsageError, match="is part of incident 1"):
        actions.reopen(two, ANNE, Which(2))


def test_what_is_merged_by_hand_stays_one_whatever_comes(two: Store, raiser: Raiser) -> None:
    assert actions.merge(two, ANNE, Merging(1, 2))["matches"] == 3
    assert stories(two) == [{1, 2, 3}]
    keep(two, OTHER | {"minute": 31}, ATTACK | {"minute": 40})
    raiser.catch_up()
    assert stories(two) == [{1, 2, 3, 4, 5}]
    assert ids(two) == [1]


def test_what_is_split_by_hand_stays_apart_whatever_comes(store: Store, raiser: Raiser) -> None:
    keep(store, {"rule": "a"}, {"rule": "b", "minute": 1, "User": "anne"})
    raiser.catch_up()
    assert stories(store) == [{1, 2}]
    made = actions.split(store, ANNE, Splitting(1, [2]))
    assert (made["id"], made["matches"]) == (2, 1)
    assert stories(store) == [{1}, {2}]
    keep(store, {"rule": "a", "minute": 2}, {"rule": "c", "minute": 2.5, "User": "anne"})
    raiser.catch_up()
    assert stories(store) == [{1, 3}, {2, 4}]
    # And back again.
    actions.merge(store, ANNE, Merging(1, 2))
    assert stories(store) == [{1, 2, 3, 4}]


def test_what_ties_hold_together_can_be_split_match_by_match(two: Store, raiser: Raiser) -> None:
    made = actions.split(two, ANNE, Splitting(1, [2]))
    assert stories(two) == [{1}, {3}, {2}]
    assert text(made["title"]) == "Rule next, on pc-1"
    assert text(show(two, 1)["title"]) == "Rule r, on pc-1"
    keep(two, ATTACK | {"minute": 50})  # the ties go on with those that stayed
    raiser.catch_up()
    assert stories(two) == [{1, 4}, {3}, {2}]


def test_what_needs_a_person_first_stands_first_with_the_reason(store: Store, raiser: Raiser) -> None:
    keep(
        store,
        {"level": 2, "host": "a", "rule": "a"},
        {"level": 4, "host": "b", "rule": "b", "minute": 9},
        {"level": 4, "host": "c", "rule": "c", "minute": 18, "historic": True},
    )
    raiser.catch_up()
    rows = actions.list_(store, ANNE, Wanted())
    assert [each["severity"] for each in rows] == ["critical", "medium", "critical"]
    assert text(rows[-1]["urgent"]).startswith("it lies in the past")
    assert text(rows[0]["urgent"]) == "nobody has taken it"
    number = rows[0]["id"]
    actions.take(store, ANNE, Which(number))
    assert text(actions.list_(store, ANNE, Wanted())[0]["urgent"]) == "somebody is at it"
    assert [each["severity"] for each in actions.list_(store, ANNE, Wanted(level="high"))] == ["critical", "critical"]
    assert len(actions.list_(store, ANNE, Wanted(most=1))) == 1


def test_the_week_s_interruptions_are_counted_against_their_budget(store: Store, raiser: Raiser) -> None:
    keep(store, *[{"level": 3, "host": f"pc-{n}", "rule": f"r{n}"} for n in range(3)], {"level": 2, "host": "x"})
    raiser.catch_up()
    assert actions.budget(store, ANNE, Nothing()) == {"interruptions": 3, "budget": 2, "exceeded": True}


@pytest.mark.slow
def test_a_long_story_is_told_bounded_and_nothing_is_cut_unsaid(store: Store, raiser: Raiser) -> None:
    keep(store, *[ATTACK | {"minute": n / 60, "rule": f"r{n}", "Image": f"C:\\{n}.exe"} for n in range(700)])
    raiser.catch_up()
    row = show(store)
    assert row["matches"] == 700
    assert len(row["evidence"]) == 200
    assert row["unlisted"] > 0


def test_everybody_may_look_and_a_viewer_decides_nothing() -> None:
    needed = {each.name: each.role for each in actions.ACTIONS}
    assert {name for name, role in needed.items() if role is Role.VIEWER} == {
        "incidents.list",
        "incidents.show",
        "incidents.budget",
    }


def test_the_timeline_is_that_of_the_incident_alone(two: Store) -> None:
    actions.comment(two, ANNE, Saying(2, "Autre chose"))
    assert "Autre chose" not in str(show(two, 1))
    with two.read() as connection:
        assert connection.execute(select(tables.strands.c.id)).all()


def test_an_incident_of_an_earlier_beffroi_is_told_by_its_techniques(two: Store) -> None:
    details = {
        "entities": [["host", "pc-1", "target"]],
        "techniques": ["T1490"],
        "tactics": [],
        "reasons": [],
        "unlisted": 0,
    }
    with two.write() as change:
        change.execute(update(tables.incidents).values(details=json.dumps(details)))
    row = show(two)
    assert (row["situation"], row["says"], row["course"]) == ("copies-destroyed", {}, None)
    assert text(row["steps"][0]["text"]).startswith("Take pc-1 off the network")


def test_what_beffroi_did_is_what_the_ledger_says_that_it_did_and_not_what_people_did(two: Store) -> None:
    actions.take(two, ANNE, Which(1))
    assert [(text(each["what"]), each["by"]) for each in show(two)["did"]] == [("the incident was opened", "beffroi")]
