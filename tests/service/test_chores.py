"""What the service looks after: each finding is raised where it should be, and closed again."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import insert

from beffroi.core.clock import Leap
from beffroi.core.model import WHOLE, Fault, message
from beffroi.incidents.raising import Raiser
from beffroi.service import chores
from beffroi.store import Store, findings, tables
from beffroi.watching.suspicion import Culprit
from beffroi.watching.understanding import Neighbour, Seen
from tests.incidents.signs import keep

LONG = timedelta(days=30)
NOW = datetime(2026, 11, 25, 12, 0, tzinfo=UTC)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with Store.open(tmp_path / "data") as opened:
        yield opened


def stamp(moment: datetime) -> str:
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def source(
    store: Store, name: str, last: datetime | None, *, hours: range = range(0), unread: int = 0, **more: str
) -> None:
    """A source that sent 10 events in each of the hours before `last`."""
    row = {
        "id": name, "name": name.upper(), "kind": "syslog_tcp", "assurance": 1, "state": "accepted",
        "proof_kind": "address", "proof": name, "created": stamp(NOW - timedelta(days=30)),
        "last_arrival": None if last is None else stamp(last),
    }  # fmt: skip
    with store.write() as change:
        change.execute(insert(tables.sources).values(row | more))
        newest = int((last or NOW).timestamp() // 3600)
        for hour in hours:
            change.execute(
                insert(tables.source_hours).values(source_id=name, hour=newest - hour, events=10, unread=unread)
            )


def said(store: Store, kind: str) -> list[str]:
    with store.read() as connection:
        return [str(each.message) for each in findings.opened(connection, kind)]


def state(store: Store, name: str) -> str:
    with store.read() as connection:
        return str(connection.execute(tables.sources.select().where(tables.sources.c.id == name)).one().state)


def test_a_source_that_went_quiet_is_told_and_told_well_again(store: Store) -> None:
    source(store, "fw", NOW - timedelta(hours=6), hours=range(500))
    chores.look_at_sources(store, NOW, {}, LONG)
    assert said(store, chores.QUIET) == ["FW has sent nothing since 2026-11-25T06:00:00Z"]
    assert state(store, "fw") == "silent"
    with store.write() as change:
        change.execute(tables.sources.update().values(last_arrival=stamp(NOW)))
    chores.look_at_sources(store, NOW, {}, LONG)
    assert said(store, chores.QUIET) == []
    assert state(store, "fw") == "accepted"


def test_nobody_is_silent_for_what_could_not_be_heard(store: Store) -> None:
    source(store, "fw", NOW - timedelta(days=2), hours=range(500))
    chores.look_at_sources(store, NOW, {}, timedelta(minutes=2))
    assert said(store, chores.QUIET) == []
    chores.look_at_sources(store, NOW + timedelta(hours=6), {}, timedelta(hours=6))
    assert said(store, chores.QUIET) == ["FW has sent nothing since 2026-11-23T12:00:00Z"]
    chores.look_at_sources(store, NOW + timedelta(hours=2), {}, timedelta(0))  # a restart makes nobody well again
    assert state(store, "fw") == "silent"
    assert len(said(store, chores.QUIET)) == 1


def test_a_recording_that_was_read_is_not_waited_for(store: Store) -> None:
    source(store, "night.evtx", NOW - timedelta(days=30), hours=range(2), kind="drop")
    chores.look_at_sources(store, NOW, {}, LONG)
    assert said(store, chores.QUIET) == []
    assert state(store, "night.evtx") == "accepted"


def test_what_went_wrong_with_files_is_told(store: Store) -> None:
    fault = Fault("/var/log/app.log", WHOLE, message("it may not be read"))
    chores.tell_readers(store, [fault], NOW)
    assert said(store, chores.READER) == ["while logs were read: /var/log/app.log: it may not be read"]
    chores.tell_readers(store, [], NOW)
    assert said(store, chores.READER) == []


def test_a_silence_that_was_announced_is_no_finding(store: Store) -> None:
    until = stamp(NOW + timedelta(days=1))
    source(store, "pc", NOW - timedelta(days=5), hours=range(500), silenced_until=until)
    chores.look_at_sources(store, NOW, {}, LONG)
    assert said(store, chores.QUIET) == []


def test_nobody_is_missed_for_longer_than_was_listened_with_a_steady_clock(store: Store) -> None:
    day = timedelta(days=1)
    source(store, "fw", NOW - timedelta(minutes=1), hours=range(500))
    chores.look_at_sources(store, NOW + day, {}, timedelta())
    assert said(store, chores.QUIET) == []
    chores.look_at_sources(store, NOW + day + timedelta(hours=6), {}, timedelta(hours=6))
    assert len(said(store, chores.QUIET)) == 1
    chores.look_at_sources(store, NOW + 2 * day, {}, timedelta())  # who is missed already stays so
    assert len(said(store, chores.QUIET)) == 1
    chores.look_at_sources(store, NOW - day, {}, timedelta())  # set right: it sent in a future that never came
    assert said(store, chores.QUIET) == []
    chores.look_at_sources(store, NOW - day + timedelta(hours=6), {}, timedelta(hours=6))
    assert len(said(store, chores.QUIET)) == 1


def test_nobody_elses_clock_is_wrong_while_ours_may_be(store: Store) -> None:
    source(store, "cam", NOW, hours=range(500))
    chores.look_at_sources(store, NOW, {"cam": Seen(events=50, offset=3_600_000_000)}, LONG, sure=False)
    assert said(store, chores.CLOCK) == []


def test_that_our_clock_leapt_is_told_for_a_week(store: Store) -> None:
    chores.tell_leap(store, Leap(NOW, NOW + timedelta(days=1)), NOW)
    [told] = said(store, chores.LEAPT)
    assert "2026-11-26T12:00:00Z" in told
    chores.keep_alive(store, NOW + timedelta(days=6))
    assert said(store, chores.LEAPT) == [told]
    chores.keep_alive(store, NOW + timedelta(days=8))
    assert said(store, chores.LEAPT) == []


def test_a_message_that_was_set_aside_is_told_with_its_place_for_a_week(store: Store) -> None:
    chores.tell_aside(store, Culprit(4_711, 3), NOW)
    chores.tell_aside(store, Culprit(4_711, 3), NOW)
    [told] = said(store, chores.ASIDE)
    assert "position 4711 of the journal, number 3" in told
    chores.keep_alive(store, NOW + timedelta(days=8))
    assert said(store, chores.ASIDE) == []


def test_too_many_interruptions_a_week_are_told_and_no_longer_so_a_week_later(store: Store) -> None:
    keep(store, *[{"level": 3, "host": f"pc-{number}", "rule": f"r{number}"} for number in range(3)])
    Raiser(store).catch_up(NOW)
    chores.tell_noise(store, NOW)
    [told] = said(store, chores.NOISE)
    assert told.startswith("3 incidents called somebody in the last seven days instead of 2 at most")
    chores.tell_noise(store, NOW + timedelta(days=8))
    assert said(store, chores.NOISE) == []


def test_a_source_that_never_sent_anything_is_told(store: Store) -> None:
    source(store, "nas", None)
    chores.look_at_sources(store, NOW, {}, LONG)
    assert said(store, chores.QUIET) == ["NAS has never sent anything"]


def test_nobody_is_missed_before_a_person_accepted_it(store: Store) -> None:
    source(store, "x", NOW - timedelta(days=9), hours=range(500), state="new")
    chores.look_at_sources(store, NOW, {}, LONG)
    assert said(store, chores.QUIET) == []


def test_a_clock_that_is_off_is_told_until_it_is_right(store: Store) -> None:
    source(store, "cam", NOW, hours=range(500))
    chores.look_at_sources(store, NOW, {"cam": Seen(events=50, offset=3_600_000_000)}, LONG)
    assert said(store, chores.CLOCK) == ["the clock of CAM is 60 minutes ahead"]
    chores.look_at_sources(store, NOW, {}, LONG)  # too little was heard to know
    assert len(said(store, chores.CLOCK)) == 1
    chores.look_at_sources(store, NOW, {"cam": Seen(events=50, offset=2_000_000)}, LONG)
    assert said(store, chores.CLOCK) == []


def test_what_waited_while_the_house_was_off_says_nothing_of_a_clock(store: Store) -> None:
    source(store, "nas", NOW, hours=range(500))
    stored = {"nas": Seen(events=50, offset=-6 * 3_600_000_000)}
    chores.look_at_sources(store, NOW, stored, timedelta(minutes=2))
    assert said(store, chores.CLOCK) == []
    chores.look_at_sources(store, NOW, stored, timedelta(hours=7))
    assert said(store, chores.CLOCK) == ["the clock of NAS is 360 minutes behind"]


def test_a_source_that_nobody_can_read_is_told(store: Store) -> None:
    source(store, "box", NOW, hours=range(500), unread=9)
    chores.look_at_sources(store, NOW, {}, LONG)
    assert said(store, chores.UNREAD) == ["216 of 240 messages of BOX could not be read in the last day"]


def test_what_the_house_was_off_is_told_once(store: Store) -> None:
    assert chores.was_off(store, NOW) is None  # the first start ever
    assert chores.was_off(store, NOW + timedelta(seconds=30)) is None
    off = chores.was_off(store, NOW + timedelta(hours=3))
    assert str(off) == "Beffroi was off from 2026-11-25T12:00:30Z to 2026-11-25T15:00:00Z"
    assert said(store, chores.OFF) == [str(off)]
    chores.keep_alive(store, NOW + timedelta(days=8))
    assert said(store, chores.OFF) == []


def test_a_sign_of_life_that_does_not_come_out_is_told(store: Store) -> None:
    chores.tell_selftest(store, ["relp", "bulk", "hec"], {"relp": "", "bulk": "refused"}, NOW)
    assert said(store, chores.SELFTEST) == [
        "Beffroi's own sign of life went in by relp and did not come out",
        "bulk did not take Beffroi's own sign of life: refused",
    ]
    chores.tell_selftest(store, ["relp", "bulk", "hec"], {}, NOW)
    assert said(store, chores.SELFTEST) == []


def test_machines_that_send_nothing_are_listed(store: Store) -> None:
    chores.tell_strangers(
        store, [Neighbour("192.0.2.7", "02:00:00:00:00:01", "PC-7"), Neighbour("192.0.2.8", None, None)], NOW
    )
    assert said(store, chores.STRANGER) == [
        "PC-7 (192.0.2.7) is on the network and sends nothing",
        "192.0.2.8 is on the network and sends nothing",
    ]
    chores.tell_strangers(store, [], NOW)
    assert said(store, chores.STRANGER) == []
