"""What people do about what is normal: told before it is done, refused where it would hide an attack, in the ledger."""

import threading
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import insert, select

from beffroi.core.errors import UsageError
from beffroi.core.model import Fields
from beffroi.incidents import actions, normals
from beffroi.incidents.actions import Closing, Wanted
from beffroi.incidents.hiding import MOST
from beffroi.incidents.normals import Ending, Listing, Saying, Silenced
from beffroi.incidents.raising import Raiser
from beffroi.store import Store, ledger, tables
from beffroi.store.actions import Actor, Role
from beffroi.store.times import stamp
from tests.incidents.signs import NOW, keep, row_of, text

ANNE = Actor("Anne Dubois", Role.PROVIDER)
BACKUP: dict[str, Any] = {
    "host": "srv",
    "rule": "shadows",
    "User": "TILLEULS\\backup",
    "CommandLine": "vssadmin delete shadows /quiet",
    "Computer": "srv",
}
SAMPLE = {"User": "TILLEULS\\anne", "CommandLine": "vssadmin delete shadows /quiet", "Computer": "PC-ACCUEIL"}


def silenced(rule: str, hides: Callable[[Fields], bool]) -> list[str]:
    """One rule has one sample."""
    return ["an attacker deletes the shadow copies"] if rule == "shadows" and hides(SAMPLE) else []


def say(store: Store, *, by: Silenced = silenced, now: datetime = NOW, **saying: Any) -> dict[str, Any]:
    return normals.say_normal(store, ANNE, Saying(**({"incident": 1} | saying)), by, now)


def listed(store: Store, *, ended: bool = False) -> list[dict[str, Any]]:
    return normals.list_(store, ANNE, Listing(ended=ended))


@pytest.fixture
def one(store: Store, raiser: Raiser) -> Store:
    """An incident with two rules, and another of the same rule."""
    keep(store, BACKUP, BACKUP | {"minute": 1, "rule": "who", "CommandLine": "whoami"})
    keep(store, BACKUP | {"minute": 4_000, "User": "TILLEULS\\anne"})
    raiser.catch_up(NOW)
    return store


def test_a_trial_tells_all_and_changes_nothing(one: Store) -> None:
    with one.read() as connection:
        before = len(ledger.entries(connection))
    told = say(one, rule="shadows", fields=["CommandLine"], dry_run=True)
    assert told["hides"]["matches"] == told["hides"]["of"] == 2
    assert (told["hides"]["first"], told["hides"]["last"]) == (
        "2026-11-25T11:00:00.000000Z",
        "2026-11-28T05:40:00.000000Z",
    )
    assert [(each["incident"], each["matches"], each["of"]) for each in told["hides"]["incidents"]] == [
        (1, 1, 2),
        (2, 1, 1),
    ]
    assert [each["match"] for each in told["hides"]["newest"]] == [3, 1]
    assert told["true_detections"] == {"samples": ["an attacker deletes the shadow copies"], "incidents": []}
    assert (told["normal"], told["anywhere"]) == (None, True)
    assert "not selection" in told["filter"]
    with one.read() as connection:
        assert len(ledger.entries(connection)) == before
        assert connection.execute(select(tables.normals)).all() == []
        assert connection.scalars(select(tables.matches.c.hidden_by)).all() == [None] * 3


def test_what_the_rule_must_find_is_not_hidden_unless_somebody_forces_it_and_says_why(one: Store) -> None:
    for wish in ({}, {"force": True}, {"force": True, "reason": "  "}):
        with pytest.raises(
            UsageError, match="Say why it is forced" if wish else "an attacker deletes the shadow copies"
        ):
            say(one, rule="shadows", fields=["CommandLine"], **wish)
    assert listed(one) == []
    say(one, rule="shadows", fields=["CommandLine"], force=True, reason="Nous le savons")
    [row] = listed(one)
    assert (row["forced"], row["reason"], row["by"]) == (True, "Nous le savons", "Anne Dubois")
    with one.read() as connection:
        [entry] = ledger.entries(connection, action="incidents.normal")
        assert entry.details == {
            "incident": 1,
            "rule": "shadows",
            "days": 90,
            "forced": True,
            "comment": "Nous le savons",
        }


def test_left_alone_the_filter_is_narrow_enough_to_hide_no_sample(one: Store) -> None:
    told = say(one, rule="shadows")
    assert told["fields"] == {
        "Computer": "srv",
        "User": "TILLEULS\\backup",
        "CommandLine": "vssadmin delete shadows /quiet",
    }
    assert (told["hides"]["matches"], told["hides"]["of"], told["hidden"], told["anywhere"]) == (1, 2, 1, False)
    [row] = listed(one)
    assert (row["hits"], row["expires"], row["forced"]) == (1, stamp(NOW + timedelta(days=90)), False)
    assert text(row["rule"]) == "Rule shadows"
    with one.read() as connection:
        assert "backup" not in str([each.body for each in connection.execute(select(tables.ledger))])


@pytest.mark.parametrize(
    ("wish", "said"),
    [
        ({}, "Several rules speak in incident 1; say which one finds what is normal: shadows, who"),
        ({"incident": 9}, "There is no incident 9"),
        ({"rule": "other"}, "The rule other holds for nothing in incident 1"),
        ({"match": 3}, "Incident 1 has no match 3"),
        ({"match": 1, "rule": "who"}, "Incident 1 has no match 1"),
        ({"rule": "who", "days": 0}, "1 to 366 days"),
        ({"rule": "who", "days": 367}, "1 to 366 days"),
        ({"rule": "who", "reason": "x" * 1_001}, "at most 1,000"),
        ({"rule": "who", "fields": ["User"] * 33}, "At most 32 fields"),
        (
            {"rule": "who", "fields": ["ParentImage"]},
            "nothing in the field ParentImage; there are: User, CommandLine, Computer",
        ),
    ],
)
def test_what_cannot_be_done_is_said(one: Store, wish: dict[str, Any], said: str) -> None:
    with pytest.raises(UsageError) as refused:
        say(one, **wish)
    assert said in str(refused.value)
    assert listed(one) == []


def test_a_match_that_was_named_is_the_one(one: Store) -> None:
    assert say(one, match=2)["fields"]["CommandLine"] == "whoami"


def test_the_same_said_again_is_the_same_and_its_days_begin_anew(one: Store) -> None:
    first = say(one, rule="shadows", days=3)
    later = NOW + timedelta(days=1)
    keep(one, BACKUP | {"minute": 2, "LogonId": "0x7"})  # by a process that did not know yet
    Raiser(one).catch_up(NOW)
    again = say(one, incident=3, days=3, now=later)
    assert (again["normal"], again["hidden"]) == (first["normal"], 1)
    [row] = listed(one)
    assert (row["hits"], row["expires"]) == (2, stamp(later + timedelta(days=3)))
    normals.end(one, ANNE, Ending(first["normal"]))
    with pytest.raises(UsageError, match="has ended already"):
        normals.end(one, ANNE, Ending(first["normal"]))
    with pytest.raises(UsageError, match="Nothing normal has the number 77"):
        normals.end(one, ANNE, Ending(77))
    Raiser(one).catch_up(NOW)
    assert say(one, incident=3)["normal"] != first["normal"]
    assert [row["ended"] is None for row in listed(one, ended=True)] == [True, False]


def test_there_is_a_most_and_it_is_said(one: Store) -> None:
    say(one, rule="shadows", history=False)
    with one.write() as change:
        [row] = change.execute(select(tables.normals)).all()
        more = {"rule_id": "r", "filter": "x", "made_by": row.made_by, "expires": row.expires}
        change.execute(insert(tables.normals), [more] * (MOST - 1))
    with pytest.raises(UsageError, match=f"There are {MOST} filters already"):
        say(one, rule="who")


def test_a_correlation_is_known_by_what_it_groups_by_and_by_nothing_it_is_refused(store: Store, raiser: Raiser) -> None:
    keep(store, {"host": None, "rule": "many", "TargetUserName": "anna", "IpAddress": "203.0.113.9"})
    keep(store, {"host": None, "rule": "all", "minute": 900})
    with store.write() as change:
        change.execute(tables.matches.update().values(logsource="*/*/*", place=-1))
    raiser.catch_up(NOW)
    told = say(store, incident=1)
    assert told["fields"] == {"TargetUserName": "anna", "IpAddress": "203.0.113.9"}
    assert "logsource" not in told["filter"]
    with pytest.raises(UsageError, match="rules switch"):
        say(store, incident=2)


def test_two_who_say_it_at_once_and_one_who_closes_it_make_one_of_it(one: Store) -> None:
    failed: list[BaseException] = []
    together = threading.Barrier(3)

    def doing(work: Callable[[], object]) -> threading.Thread:
        def run() -> None:
            together.wait(30)
            try:
                work()
            except UsageError:
                pass
            except BaseException as error:  # noqa: BLE001 - handed to the test
                failed.append(error)

        return threading.Thread(target=run)

    threads = [
        doing(lambda: say(one, rule="shadows", reason="moi")),
        doing(lambda: say(one, rule="shadows", reason="moi aussi")),
        doing(lambda: actions.close(one, ANNE, Closing(1, "real"))),
    ]
    for each in threads:
        each.start()
    for each in threads:
        each.join(60)
    assert failed == []
    Raiser(one).catch_up(NOW)
    rows = listed(one)
    assert len(rows) <= 1
    with one.read() as connection:
        assert ledger.verify(connection).sound
        hidden = [row.hidden_by for row in connection.execute(select(tables.matches.c.hidden_by))]
    assert sum(each is not None for each in hidden) == (rows[0]["hits"] if rows else 0)


@pytest.mark.slow
def test_ten_thousand_matches_are_hidden_and_brought_back(store: Store, raiser: Raiser) -> None:
    count = 10_000
    with store.write() as change:
        rows = [
            row_of(**(BACKUP | {"minute": n / 10, "User": f"user{n % 40}", "LogonId": f"0x{n % 40 + 4096:x}"}))
            | {"position": n}
            for n in range(count)
        ]
        change.execute(insert(tables.matches), rows)
    raiser.catch_up(NOW)
    told = say(store, by=lambda *_: [], fields=["CommandLine"], match=1)
    assert told["hidden"] == told["hides"]["matches"] == count
    raiser.catch_up(NOW)
    assert actions.list_(store, ANNE, Wanted()) == []
    assert normals.end(store, ANNE, Ending(told["normal"]))["back"] == count
    raiser.catch_up(NOW)
    assert sum(each["matches"] for each in actions.list_(store, ANNE, Wanted())) == count
    told = say(store, by=lambda *_: [], fields=["User"], match=1)
    assert told["hidden"] == count // 40
    raiser.catch_up(NOW)
    assert sum(each["matches"] for each in actions.list_(store, ANNE, Wanted())) == count - count // 40
