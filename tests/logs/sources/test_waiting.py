"""The waiting room: what strangers send is kept, within bounds, through any crash."""

import errno
import os
import signal
import stat
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from beffroi.core.errors import StoreError
from beffroi.logs.arrival import Arrival, Busy
from beffroi.logs.sources.waiting import Limits, WaitingRoom
from tests.logs.sources.conftest import arrival


def test_what_is_held_comes_out_as_it_went_in_and_in_order(tmp_path: Path) -> None:
    room = WaitingRoom.open(tmp_path)
    kept = [
        arrival("s-1", b"<13>one", b"\xff\x00"),
        Arrival(2, "s-1", "bulk", "192.168.7.20", "json", [b"{}"], ["id"], "product=linux", historic=True),
    ]
    for each in kept:
        room.hold("s-1", each)
    room.hold("s-2", arrival("s-2", b"other"))
    assert list(WaitingRoom.open(tmp_path).release("s-1")) == kept
    assert list(WaitingRoom.open(tmp_path).release("s-1")) == kept
    assert list(room.release("s-3")) == []


def test_what_comes_while_it_is_released_is_not_acknowledged_and_then_discarded(tmp_path: Path) -> None:
    room = WaitingRoom.open(tmp_path)
    room.hold("s-1", arrival("s-1", b"one"))
    released = room.release("s-1")
    with pytest.raises(Busy):
        room.hold("s-1", arrival("s-1", b"two"))
    room.hold("s-2", arrival("s-2", b"other"))
    assert [each.messages for each in released] == [[b"one"]]
    room.discard("s-1")
    room.hold("s-1", arrival("s-1", b"three"))
    assert [each.messages for each in room.release("s-1")] == [[b"three"]]


def test_only_its_owner_reads_it(tmp_path: Path) -> None:
    WaitingRoom.open(tmp_path).hold("s-1", arrival("s-1", b"one"))
    modes = [stat.S_IMODE((tmp_path / name).stat().st_mode) for name in ("waiting", "waiting/s-1.held")]
    assert modes == [0o700, 0o600]


def test_discarded_is_gone_and_makes_room(tmp_path: Path) -> None:
    room = WaitingRoom.open(tmp_path, Limits(senders=1))
    room.hold("s-1", arrival("s-1", b"one"))
    with pytest.raises(Busy):
        room.hold("s-2", arrival("s-2", b"two"))
    room.discard("s-1")
    room.discard("s-1")
    room.hold("s-2", arrival("s-2", b"two"))
    assert list(room.release("s-1")) == []
    assert set(room.held()) == {"s-2"}


@pytest.mark.parametrize("limits", [Limits(bytes_each=500), Limits(bytes_all=500)])
def test_a_room_that_is_full_acknowledges_nothing_more(limits: Limits, tmp_path: Path) -> None:
    room = WaitingRoom.open(tmp_path, limits)
    taken = 0
    with pytest.raises(Busy) as caught:  # noqa: PT012 - the one that fails is not known beforehand
        for _ in range(100):
            room.hold("s-1", arrival("s-1", b"x" * 50))
            taken += 1
    assert not caught.value.full
    assert taken > 2
    assert len(list(room.release("s-1"))) == taken
    assert (tmp_path / "waiting" / "s-1.held").stat().st_size == room.held()["s-1"] <= 500


def test_one_sender_s_full_room_is_not_another_s(tmp_path: Path) -> None:
    room = WaitingRoom.open(tmp_path, Limits(bytes_each=200))
    with pytest.raises(Busy):
        room.hold("s-1", arrival("s-1", b"x" * 300))
    room.hold("s-2", arrival("s-2", b"x"))


@pytest.mark.slow
def test_a_torn_end_is_cut_off_wherever_it_is_torn(tmp_path: Path) -> None:
    room = WaitingRoom.open(tmp_path)
    room.hold("s-1", arrival("s-1", b"one"))
    path = tmp_path / "waiting" / "s-1.held"
    first = path.read_bytes()
    room.hold("s-1", arrival("s-1", b"two"))
    whole = path.read_bytes()
    for length in range(len(first), len(whole)):
        path.write_bytes(whole[:length])
        room = WaitingRoom.open(tmp_path)
        assert room.cut == length - len(first)
        room.hold("s-1", arrival("s-1", b"three"))
        assert [each.messages for each in room.release("s-1")] == [[b"one"], [b"three"]]


def test_a_flipped_bit_ends_what_can_be_trusted_and_is_counted(tmp_path: Path) -> None:
    room = WaitingRoom.open(tmp_path)
    for text in (b"one", b"two"):
        room.hold("s-1", arrival("s-1", text))
    path = tmp_path / "waiting" / "s-1.held"
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)
    room = WaitingRoom.open(tmp_path)
    assert [each.messages for each in room.release("s-1")] == [[b"one"]]
    assert room.cut > 0


@pytest.mark.slow
def test_after_kill_9_all_that_was_held_is_there(tmp_path: Path) -> None:
    code = """
    import os, pathlib, sys
    from beffroi.logs.sources.waiting import WaitingRoom
    from tests.logs.sources.conftest import arrival
    room = WaitingRoom.open(pathlib.Path(sys.argv[1]))
    for number in range(1000):
        room.hold(f"s-{number % 3}", arrival("s-1", str(number).encode()))
        print(number, flush=True)
    """
    process = subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(code), str(tmp_path)],
        stdout=subprocess.PIPE,
        env=os.environ | {"PYTHONPATH": os.pathsep.join([*sys.path, os.fspath(Path(__file__).parents[3])])},
    )
    assert process.stdout is not None
    for _ in range(20):
        assert process.stdout.readline()
    process.kill()
    acknowledged = 20 + len(process.communicate()[0].splitlines())
    assert process.returncode == -signal.SIGKILL
    room = WaitingRoom.open(tmp_path)
    held = sorted(int(each.messages[0]) for source in ("s-0", "s-1", "s-2") for each in room.release(source))
    assert held in (list(range(acknowledged)), list(range(acknowledged + 1)))


def test_days_are_bounded_too(tmp_path: Path) -> None:
    room = WaitingRoom.open(tmp_path)
    for when in (10, 20, 30):
        room.hold("s-1", arrival("s-1", str(when).encode(), arrived=when))
    room.hold("s-2", arrival("s-2", b"old", arrived=5))
    assert room.expire(before=20) == ["s-2"]
    assert [each.arrived for each in WaitingRoom.open(tmp_path).release("s-1")] == [20, 30]
    room.hold("s-1", arrival("s-1", b"40", arrived=40))
    assert [each.arrived for each in WaitingRoom.open(tmp_path).release("s-1")] == [20, 30, 40]
    assert set(room.held()) == {"s-1"}


def test_what_an_expiry_left_that_failed_is_in_the_way_of_no_other(tmp_path: Path) -> None:
    room = WaitingRoom.open(tmp_path)
    for when in (10, 20):
        room.hold("s-1", arrival("s-1", str(when).encode(), arrived=when))
    (tmp_path / "waiting" / "s-1.held.draft").write_bytes(b"half of one, when the disk was full")
    assert room.expire(before=20) == []
    assert [each.arrived for each in WaitingRoom.open(tmp_path).release("s-1")] == [20]


def test_what_a_killed_expiry_left_is_swept_away(tmp_path: Path) -> None:
    WaitingRoom.open(tmp_path).hold("s-1", arrival("s-1", b"one"))
    (tmp_path / "waiting" / "s-1.held.draft").write_bytes(b"half")
    room = WaitingRoom.open(tmp_path)
    assert [path.name for path in (tmp_path / "waiting").iterdir()] == ["s-1.held"]
    assert set(room.held()) == {"s-1"}


def test_a_full_disk_is_told_and_leaves_no_half_record(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    room = WaitingRoom.open(tmp_path)
    room.hold("s-1", arrival("s-1", b"one"))
    real = os.write

    def full(handle: int, data: bytes) -> int:
        if len(data) > 10:
            return real(handle, data[:10])
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "write", lambda handle, data: full(handle, data[: len(data) // 2]))
    with pytest.raises(Busy) as caught:
        room.hold("s-1", arrival("s-1", b"two"))
    assert caught.value.full
    monkeypatch.undo()
    room.hold("s-1", arrival("s-1", b"three"))
    assert [each.messages for each in room.release("s-1")] == [[b"one"], [b"three"]]


@pytest.mark.parametrize("name", ["../store", "s-/../../x", "", "s-A", "s-1\n"])
def test_only_an_id_of_a_source_becomes_a_file_s_name(name: str, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="no id"):
        WaitingRoom.open(tmp_path).hold(name, arrival("s-1", b"one"))


def test_a_folder_that_cannot_be_is_told(tmp_path: Path) -> None:
    (tmp_path / "waiting").write_text("")
    with pytest.raises(StoreError):
        WaitingRoom.open(tmp_path)
