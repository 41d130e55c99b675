"""A whole house whose disk is full or fails, and whose store is locked: senders wait, nothing is lost, and it goes on by itself."""

import errno
import json
import sqlite3
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path

import pytest

from tests.service import adversity, senders
from tests.service.house import PATIENCE, House, searched
from tests.service.senders import Sender, numbers_in

# pylogbeat forgets to close what broke.
pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(240),
    pytest.mark.filterwarnings("ignore:.*unclosed <socket:ResourceWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]
OFTEN = adversity.constants(running__MINUTE=0.5, child__AGAIN=0.2)


@contextmanager
def sending(house: House) -> Iterator[list[Sender]]:
    """Everybody who is acknowledged; in the end all of that must be found, by whoever searches, and nothing may have fallen."""
    all_of = [senders.bulk(house), senders.hec(house), senders.otlp(house), senders.lumberjack(house)]
    assert house.process is not None
    began = house.process.pid
    with ExitStack() as stack:
        for each in all_of:
            stack.enter_context(each)
        goes_on(all_of)
        yield all_of
        goes_on(all_of)
    house.settled()
    assert house.process.poll() is None
    assert house.process.pid == began
    assert "Traceback" not in (house.folder / "log").read_text("utf-8")
    found: dict[str, set[int]] = {each.name: set() for each in all_of}
    for event in searched(house):
        for protocol, number in numbers_in(json.dumps(event).encode()):
            found[protocol].add(number)
    for each in all_of:
        assert set(range(each.acknowledged)) <= found[each.name]
    until(lambda: not troubles(house))


def until(condition: Callable[[], object]) -> None:
    end = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.1)


def goes_on(all_of: Sequence[Sender]) -> None:
    """Wait until every sender was acknowledged more."""
    before = [each.acknowledged for each in all_of]
    until(lambda: all(each.acknowledged > then + senders.BATCH for each, then in zip(all_of, before, strict=True)))


def stands(all_of: Sequence[Sender]) -> None:
    """Wait until every sender was turned away, and see that none is acknowledged any more."""
    before = [each.resent for each in all_of]
    until(lambda: all(each.resent > then + 1 for each, then in zip(all_of, before, strict=True)))
    acknowledged = [each.acknowledged for each in all_of]
    time.sleep(1)
    assert [each.acknowledged for each in all_of] == acknowledged


def troubles(house: House) -> dict[str, str]:
    """What status says is wrong."""
    found = house.act("status")["findings"]
    return {each["subject"]: json.dumps(each["message"]) for each in found if each["kind"] == "house.trouble"}


def test_a_disk_that_fills_up_makes_senders_wait_and_loses_nothing(tmp_path: Path) -> None:
    with (
        adversity.disk(tmp_path / "disk", 700),
        House(tmp_path / "disk/house", plain=senders.PLAIN, python=adversity.python(tmp_path, OFTEN)) as house,
        sending(house) as all_of,
    ):
        ballast = tmp_path / "disk/ballast"
        adversity.fill(ballast, 500 << 20)
        stands(all_of)  # before it is full: the store and the archive still have room
        until(lambda: "fewer than" in troubles(house).get("disk", ""))
        assert house.act("status")["state"] == "blind"
        assert house.rows("SELECT 1 FROM findings WHERE subject = 'disk' AND closed IS NULL")
        adversity.fill(ballast, 0)
        stands(all_of)
        assert "disk" in troubles(house)
        ballast.unlink()


@pytest.mark.long
@pytest.mark.parametrize(
    ("number", "calls"),
    [
        (errno.EROFS, ["rw/writev", "rw/pwrite", "rw/ftruncate", "sync/fsync", "sync/fdatasync"]),
        (errno.EIO, ["sync/fsync", "sync/fdatasync"]),
    ],
    ids=["read-only", "failing"],
)
def test_a_disk_that_takes_nothing_makes_senders_wait_and_loses_nothing(
    tmp_path: Path, number: int, calls: list[str]
) -> None:
    faults = adversity.Faults(tmp_path)
    made = House(tmp_path / "house", plain=senders.PLAIN, python=adversity.python(tmp_path, OFTEN), env=faults.env)
    with made as house, sending(house) as all_of, faults.failing(house, number, *calls):
        stands(all_of)
        assert "the disk takes nothing" in troubles(house)["disk"]
        assert house.act("status")["state"] == "blind"


@pytest.mark.long
def test_a_store_that_somebody_locks_for_half_a_minute_loses_nothing(tmp_path: Path) -> None:
    with (
        House(tmp_path / "house", plain=senders.PLAIN, python=adversity.python(tmp_path, OFTEN)) as house,
        sending(house) as all_of,
        closing(sqlite3.connect(house.data / "store.db", isolation_level=None)) as other,
    ):
        other.execute("BEGIN IMMEDIATE")
        locked = time.monotonic()
        goes_on(all_of)  # what the journal keeps needs no store
        until(lambda: "another program is writing to it" in troubles(house).get("understanding", ""))
        time.sleep(max(0.0, locked + 30 - time.monotonic()))
        goes_on(all_of)
        other.execute("ROLLBACK")
