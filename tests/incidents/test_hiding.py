"""What filters do to the store: what they hide leaves what is open, stays where it was decided, and comes back whole."""

import contextlib
import json
import shutil
from datetime import timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import select, update

from beffroi.core.errors import UsageError
from beffroi.incidents import actions, hiding, normals
from beffroi.incidents.actions import Closing, Merging, Wanted, Which
from beffroi.incidents.normals import Ending, Listing, Saying
from beffroi.incidents.raising import Raiser
from beffroi.store import Store, ledger, tables
from beffroi.store.actions import Actor, Role
from beffroi.store.times import stamp
from tests.incidents.signs import NOW, keep, stories, text

ANNE = Actor("Anne Dubois", Role.PROVIDER)
BACKUP: dict[str, Any] = {
    "host": "srv",
    "rule": "shadows",
    "User": "TILLEULS\\backup",
    "CommandLine": "vssadmin delete shadows /quiet",
    "Computer": "srv",
}
NIGHT = 24 * 60


def nothing_silenced(_rule: str, _hides: Any) -> list[str]:
    return []


def say(store: Store, **saying: Any) -> dict[str, Any]:
    wish = Saying(**({"incident": 1} | saying))
    return normals.say_normal(store, ANNE, wish, nothing_silenced, NOW)


def hidden(store: Store) -> dict[int, int | None]:
    with store.read() as connection:
        rows = connection.execute(select(tables.matches.c.id, tables.matches.c.hidden_by).order_by(tables.matches.c.id))
        return {row.id: row.hidden_by for row in rows}


def listed(store: Store, *, closed: bool = False) -> dict[int, dict[str, Any]]:
    return {each["id"]: each for each in actions.list_(store, ANNE, Wanted(closed=closed))}


def nights(store: Store, raiser: Raiser, count: int = 3) -> None:
    """The same work of a backup, night after night; each an incident."""
    keep(store, *[BACKUP | {"minute": 2 * NIGHT * night} for night in range(count)])
    raiser.catch_up(NOW)


def sound(store: Store) -> None:
    """What must hold whatever happened: no match waits, none is lost, and what incidents say of themselves is what they hold."""
    with store.read() as connection:
        assert ledger.verify(connection).sound
        assert connection.scalars(select(tables.matches.c.id).where(tables.matches.c.pending == 1)).all() == []
        known = set(connection.scalars(select(tables.strands.c.id)))
        of = set(connection.scalars(select(tables.matches.c.strand_id).where(tables.matches.c.strand_id.is_not(None))))
        assert of <= known
        for row in connection.execute(select(tables.incidents)).all():
            held = connection.execute(
                select(tables.matches.c.id)
                .join(tables.strands, tables.strands.c.id == tables.matches.c.strand_id)
                .where(tables.strands.c.incident_id == row.id)
            ).all()
            assert row.merged_into is not None or len(held) == row.matches, row


def test_every_night_of_the_same_work_is_hidden_and_its_incidents_are_closed_as_normal(
    store: Store, raiser: Raiser
) -> None:
    nights(store, raiser)
    assert len(listed(store)) == 3
    told = say(store, reason="La sauvegarde de nuit")
    assert (told["hides"]["matches"], told["hides"]["of"], told["hidden"]) == (3, 3, 3)
    assert [each["incident"] for each in told["hides"]["incidents"]] == [1, 2, 3]
    raiser.catch_up(NOW)
    assert listed(store) == {}
    assert {each["closed_as"] for each in listed(store, closed=True).values()} == {"normal"}
    assert set(hidden(store).values()) == {told["normal"]}
    shown = actions.show(store, ANNE, Which(1))
    assert len(shown["evidence"]) == 1  # it can still be read
    assert {
        "closed as something normal",
        "what a rule found was called normal, for 90 days: La sauvegarde de nuit",
    } <= {text(each["what"]) for each in shown["timeline"]}
    sound(store)


def test_what_is_not_normal_stays_and_its_incident_is_told_anew(store: Store, raiser: Raiser) -> None:
    session = {"LogonId": "0x1234", "minute": 1}
    keep(
        store,
        BACKUP | session,
        BACKUP | session | {"CommandLine": "whoami", "rule": "who", "level": 2},
        BACKUP | session,
    )
    raiser.catch_up(NOW)
    assert listed(store)[1]["severity"] == "high"
    say(store, rule="shadows")
    raiser.catch_up(NOW)
    assert stories(store) == [{2}]
    incident = listed(store)[1]
    assert (incident["matches"], incident["severity"], text(incident["title"])) == (1, "medium", "Rule who, on srv")
    sound(store)


def test_what_hangs_together_with_what_is_normal_speaks_for_itself(store: Store, raiser: Raiser) -> None:
    """The incident of the backup is closed as normal: an attack from its very session must not vanish in it."""
    session = {"LogonId": "0x1234"}
    keep(store, BACKUP | session)
    raiser.catch_up(NOW)
    say(store)
    keep(store, BACKUP | session | {"minute": 1, "CommandLine": "mimikatz", "rule": "theft"})
    raiser.catch_up(NOW)
    assert [(each["id"], each["state"]) for each in listed(store).values()] == [(2, "new")]
    sound(store)


def test_undone_all_of_it_is_as_it_was(store: Store, raiser: Raiser) -> None:
    keep(store, BACKUP | {"minute": 2 * NIGHT * 2 + 1, "CommandLine": "whoami", "rule": "who"})
    nights(store, raiser)
    before = listed(store)
    was = stories(store)
    number = say(store, incident=3, rule="shadows")["normal"]
    raiser.catch_up(NOW)
    assert stories(store) != was
    ended = normals.end(store, ANNE, Ending(number, "Ce n'était pas la sauvegarde"))
    assert ended["back"] == 3
    raiser.catch_up(NOW)
    assert set(hidden(store).values()) == {None}
    assert sorted(map(sorted, stories(store))) == sorted(map(sorted, was))
    after = listed(store)
    assert {n: (e["state"], e["matches"], e["severity"]) for n, e in after.items()} == {
        n: (e["state"], e["matches"], e["severity"]) for n, e in before.items()
    }
    sound(store)


def test_undone_after_somebody_like_it_came_they_are_one_story(store: Store, raiser: Raiser) -> None:
    keep(store, BACKUP)
    raiser.catch_up(NOW)
    number = say(store)["normal"]
    keep(store, BACKUP | {"minute": 9, "CommandLine": "mimikatz", "LogonId": "0x9", "rule": "theft"})
    keep(store, BACKUP | {"minute": 9, "LogonId": "0x9"})  # by a process that did not know yet
    raiser.catch_up(NOW)
    assert len(listed(store)) == 1
    normals.end(store, ANNE, Ending(number))
    raiser.catch_up(NOW)
    assert sum(len(each) for each in stories(store)) == 3
    assert len(listed(store)) == 1
    sound(store)


def test_what_was_undone_before_anybody_looked_is_counted_once(store: Store, raiser: Raiser) -> None:
    keep(
        store, BACKUP, *[{"host": "pc-2", "rule": each, "User": "anne", "LogonId": "0x77"} for each in ("who", "theft")]
    )
    raiser.catch_up(NOW)
    number = say(store, incident=2, rule="who")["normal"]
    normals.end(store, ANNE, Ending(number))
    actions.merge(store, ANNE, Merging(1, 2))
    raiser.catch_up(NOW)
    assert listed(store)[1]["matches"] == 3
    sound(store)


@pytest.mark.slow
@pytest.mark.parametrize("reason", ["real", "exercise", "duplicate", "normal"])
def test_what_is_closed_stays_as_it_was_decided(store: Store, raiser: Raiser, reason: str) -> None:
    nights(store, raiser)
    actions.close(store, ANNE, Closing(2, reason))
    if reason == "real":
        with pytest.raises(UsageError, match="would hide incident 2, which was a real attack"):
            say(store)
        assert set(hidden(store).values()) == {None}
    told = say(store, force=reason == "real", reason="Le test mensuel")
    assert (told["hides"]["matches"], told["hidden"]) == (3, 2)
    raiser.catch_up(NOW)
    assert hidden(store) == {1: told["normal"], 2: None, 3: told["normal"]}
    assert listed(store, closed=True)[2]["closed_as"] == reason
    sound(store)


def test_the_history_can_be_left_alone(store: Store, raiser: Raiser) -> None:
    nights(store, raiser)
    assert say(store, history=False)["hidden"] == 0
    raiser.catch_up(NOW)
    assert len(listed(store)) == 3
    with store.read() as connection:
        assert hiding.loaded(connection, NOW).hides("shadows", BACKUP) == 1


def test_what_somebody_put_together_stays_together(store: Store, raiser: Raiser) -> None:
    keep(store, BACKUP, BACKUP | {"minute": 1, "CommandLine": "whoami", "rule": "who", "LogonId": "0x7"},
         BACKUP | {"minute": 0.5, "LogonId": "0x7"})  # fmt: skip
    keep(store, {"host": "pc-2", "minute": 300, "src_ip": "203.0.113.9", "rule": "other"})
    raiser.catch_up(NOW)
    actions.merge(store, ANNE, Merging(1, 2))
    say(store, rule="shadows")
    raiser.catch_up(NOW)
    keep(store, {"host": "pc-2", "minute": 301, "src_ip": "203.0.113.9", "rule": "other"})
    raiser.catch_up(NOW)
    assert [sorted(each) for each in stories(store)] == [[2, 4, 5]]
    sound(store)


def test_a_large_strand_keeps_its_shape_and_is_counted_anew(
    store: Store, raiser: Raiser, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("beffroi.incidents.raising.REBUILT", 2)
    session = {"LogonId": "0x1234"}
    others = [{"minute": 6 + n, "CommandLine": "x", "rule": "who", "level": 2} for n in range(4)]
    keep(store, *[BACKUP | session | {"minute": n} for n in range(5)], *[BACKUP | session | each for each in others])
    raiser.catch_up(NOW)
    say(store, rule="shadows")
    raiser.catch_up(NOW)
    assert (listed(store)[1]["matches"], listed(store)[1]["severity"]) == (4, "medium")
    sound(store)


def test_a_strand_that_is_long_over_is_counted_anew(store: Store, raiser: Raiser) -> None:
    session = {"LogonId": "0x1234"}
    keep(store, BACKUP | session, BACKUP | session | {"minute": 1, "CommandLine": "x", "rule": "who", "level": 2})
    keep(store, BACKUP | {"minute": 9 * NIGHT, "host": "other", "Computer": "other"})
    raiser.catch_up(NOW)
    with store.read() as connection:
        query = select(tables.strands.c.alive).where(tables.strands.c.incident_id == 1)
        assert connection.scalars(query).all() == [0]
    say(store, rule="shadows")
    raiser.catch_up(NOW)
    assert (listed(store)[1]["matches"], listed(store)[1]["severity"]) == (1, "medium")
    assert listed(store)[2]["matches"] == 1
    sound(store)


def test_it_ends_by_itself_and_what_was_hidden_stays_hidden(store: Store, raiser: Raiser) -> None:
    nights(store, raiser, 2)
    number = say(store, days=3)["normal"]
    for later, ended in ((timedelta(days=2.9), []), (timedelta(days=3), [number]), (timedelta(days=9), [])):
        assert hiding.expire(store, NOW + later) == ended
    raiser.catch_up(NOW)
    assert set(hidden(store).values()) == {number}
    [row] = normals.list_(store, ANNE, Listing(ended=True))
    assert (row["ended"], row["hits"]) == (stamp(NOW + timedelta(days=3)), 2)
    assert normals.list_(store, ANNE, Listing()) == []
    with store.read() as connection:
        last = ledger.entries(connection, action="incidents.normal_end")[-1]
    assert (last.actor, last.details["expired"]) == ("beffroi", True)
    hiding.expire(store, NOW + timedelta(days=3) + hiding.FORGOTTEN)
    assert normals.list_(store, ANNE, Listing(ended=True)) == []  # a filter names persons


def test_a_clock_that_jumps_never_makes_it_hide_longer(store: Store, raiser: Raiser) -> None:
    nights(store, raiser, 1)
    say(store, days=3)
    with store.read() as connection:
        for days, holds in ((-4_000, True), (0, True), (2.9, True), (3, False), (4_000, False)):
            found = hiding.loaded(connection, NOW + timedelta(days=days)).hides("shadows", BACKUP)
            assert (found is not None) == holds, days  # also where no chore has ended it yet
    assert hiding.expire(store, NOW - timedelta(days=4_000)) == []
    hiding.expire(store, NOW + timedelta(days=4_000))
    assert hiding.expire(store, NOW) == []
    with store.read() as connection:
        assert hiding.loaded(connection, NOW).hides("shadows", BACKUP) is None


def test_a_filter_that_cannot_be_read_hides_nothing_and_can_be_ended(store: Store, raiser: Raiser) -> None:
    nights(store, raiser, 1)
    number = say(store, history=False)["normal"]
    with store.write() as change:
        change.execute(update(tables.normals).values(filter="title: [\n"))
    with store.read() as connection:
        assert hiding.loaded(connection, NOW).unread == [number]
    [row] = normals.list_(store, ANNE, Listing())
    assert "cannot be read" in text(row["rule"])
    assert normals.end(store, ANNE, Ending(number))["back"] == 0


WORK = (
    BACKUP,
    BACKUP | {"LogonId": "0x1234"},
    BACKUP | {"LogonId": "0x1234", "CommandLine": "whoami", "rule": "who", "level": 2},
    {"host": "pc-2", "rule": "who", "User": "TILLEULS\\anne", "CommandLine": "whoami", "Computer": "pc-2"},
    {"host": "pc-2", "rule": "theft", "User": "TILLEULS\\anne", "CommandLine": "mimikatz", "Computer": "pc-2", "LogonId": "0x77"},
    {"host": None, "rule": "spray", "IpAddress": "203.0.113.9"},
)  # fmt: skip

kept = st.tuples(st.just("keep"), st.sampled_from(WORK), st.integers(0, 40))
steps = st.one_of(
    kept,
    st.tuples(st.just("say"), st.sampled_from(["shadows", "who", "theft", "spray"]), st.integers(1, 4)),
    st.tuples(st.just("end"), st.integers(1, 4), st.just(0)),
    st.tuples(st.just("close"), st.sampled_from(["real", "exercise", "normal"]), st.integers(1, 4)),
    st.tuples(st.just("reopen"), st.integers(1, 4), st.just(0)),
    st.tuples(st.just("merge"), st.integers(1, 4), st.integers(1, 4)),
    st.tuples(st.sampled_from(["raise", "restart"]), st.just(0), st.just(0)),
)


@pytest.fixture(scope="module")
def empty(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store that holds nothing, to be copied: to make one takes longer than a whole example."""
    folder = tmp_path_factory.mktemp("empty") / "data"
    Store.open(folder).close()
    return folder


@pytest.mark.slow
@pytest.mark.timeout(300)
@given(st.lists(kept, min_size=2, max_size=5), st.lists(steps, min_size=4, max_size=14))
@settings(max_examples=50)
def test_whatever_people_say_in_whatever_order_nothing_that_is_not_normal_is_lost(
    empty: Path, begun: list[tuple[Any, ...]], done: list[tuple[Any, ...]]
) -> None:
    with TemporaryDirectory() as folder, Store.open(shutil.copytree(empty, Path(folder) / "data")) as store:
        raiser = Raiser(store)
        for what, one, other in [*begun, ("raise", 0, 0), *done]:
            with contextlib.suppress(UsageError):
                if what == "keep":
                    _store(store, one | {"minute": other})
                elif what == "say":
                    say(store, incident=other, rule=one, force=True, reason="parce que")
                elif what == "end":
                    normals.end(store, ANNE, Ending(one))
                elif what == "close":
                    actions.close(store, ANNE, Closing(other, one))
                elif what == "reopen":
                    actions.reopen(store, ANNE, Which(one))
                elif what == "merge":
                    actions.merge(store, ANNE, Merging(one, other))
                else:
                    raiser = raiser if what == "raise" else Raiser(store)
                    raiser.catch_up(NOW)
        raiser.catch_up(NOW)
        sound(store)
        Raiser(store).catch_up(NOW)
        with store.read() as connection:
            ended = set(connection.scalars(select(tables.normals.c.id).where(tables.normals.c.ended.is_not(None))))
            told = set(connection.scalars(select(tables.strands.c.id).where(tables.strands.c.incident_id.is_not(None))))
            for row in connection.execute(select(tables.matches)).all():
                assert row.hidden_by not in ended
                grave = row.level not in ("informational", "low")
                assert row.hidden_by is not None or row.strand_id in told or not grave, row


def _store(store: Store, sign: dict[str, Any]) -> None:
    """A match as the recorder stores it: hidden at once where it is normal."""
    [number] = keep(store, sign)
    with store.write() as change:
        row = change.execute(select(tables.matches).where(tables.matches.c.id == number)).one()
        by = hiding.loaded(change, NOW).hides(row.rule_id, json.loads(row.fields))
        if by is not None:
            change.execute(update(tables.matches).where(tables.matches.c.id == number).values(hidden_by=by, pending=0))
