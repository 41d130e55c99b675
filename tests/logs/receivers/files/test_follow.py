"""Files followed through every way of rotating them, by logrotate itself and by hand; killed and started again."""

import gzip
import logging
import logging.handlers
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import orjson
import pytest

from beffroi.logs.arrival import Busy, Form, Proof, Refused
from beffroi.logs.receivers.files import Follow, Followed, state
from tests.debian import environment, unpacked
from tests.logs.receivers.files.keeper import Keeper, kept, run, until


class Bench:
    """A followed file and what comes out; each turn looks once."""

    def __init__(self, folder: Path, pattern: str = "app.log", **how: float) -> None:
        self.folder, self.log, self.keeper = folder, folder / "app.log", Keeper()
        self._pattern, self._how = pattern, how
        self.start()

    def start(self) -> None:
        files = [Followed(str(self.folder / self._pattern), "product=linux,service=app")]
        self.follow = Follow(self.keeper, files, self.folder / "state", **self._how)  # type: ignore[arg-type]
        self.follow.recall()

    def stop(self) -> None:
        for tail in self.follow._tails.values():
            tail.close()

    def restart(self) -> None:
        self.stop()
        self.start()

    def write(self, *lines: str, end: str = "\n") -> None:
        with self.log.open("a") as file:
            file.write("".join(line + end for line in lines))

    def turn(self) -> list[str]:
        """What came in this turn."""
        before = len(self.keeper.messages)
        while run(self.follow.turn()):
            pass
        return [text.decode() for text in self.keeper.messages[before:]]


@pytest.fixture
def made(tmp_path: Path) -> Iterator[Callable[..., Bench]]:
    """Makes benches, and puts them away in the end."""
    benches: list[Bench] = []

    def make(what: str = "app.log", **how: float) -> Bench:
        benches.append(Bench(tmp_path, what, **how))
        return benches[-1]

    yield make
    for bench in benches:
        bench.stop()


@pytest.fixture
def bench(made: Callable[..., Bench]) -> Bench:
    bench = made()
    bench.turn()
    return bench


def test_a_file_that_comes_later_is_read_from_its_beginning(bench: Bench) -> None:
    bench.write("one", "two", "")
    assert bench.turn() == ["one", "two"]
    ((proof, batch),) = bench.keeper.batches
    assert proof == Proof("file", "", name=str(bench.log))
    assert (batch.form, batch.stated, batch.historic) == (Form.LINE, "product=linux,service=app", False)
    bench.write("three")
    assert bench.turn() == ["three"]
    assert len(set(bench.keeper.ids)) == 3


def test_a_file_that_is_there_at_first_is_read_from_its_end(made: Callable[..., Bench], tmp_path: Path) -> None:
    (tmp_path / "app.log").write_text("old\nolder\nbegun")
    bench = made()
    assert bench.turn() == []
    bench.write(" and ended", "new")
    assert bench.turn() == ["begun and ended", "new"]


def test_a_line_is_whole_or_waits(bench: Bench) -> None:
    bench.write("half", end="")
    assert bench.turn() == []
    bench.restart()
    bench.write(" and half")
    assert bench.turn() == ["half and half"]


def test_a_restart_goes_on_where_it_was(bench: Bench) -> None:
    bench.write("one")
    bench.turn()
    bench.restart()
    assert bench.turn() == []
    bench.write("two")
    assert bench.turn() == ["two"]


@pytest.mark.parametrize("restarted", [False, True])
def test_rename_and_create(bench: Bench, restarted: bool) -> None:
    bench.write("one")
    bench.turn()
    bench.write("two")
    bench.log.rename(bench.folder / "app.log.1")
    bench.write("three")
    if restarted:
        bench.restart()
    assert sorted(bench.turn()) == ["three", "two"]
    with (bench.folder / "app.log.1").open("a") as late:  # its writer has not noticed yet
        late.write("late\n")
    if not restarted:
        assert bench.turn() == ["late"]
    assert bench.follow.complaints.count == 0


def test_rotated_twice_before_anybody_looked(bench: Bench) -> None:
    bench.write("one")
    bench.turn()
    bench.write("two")
    bench.log.rename(bench.folder / "app.log.2")
    bench.write("three")
    bench.log.rename(bench.folder / "app.log.1")
    bench.write("four")
    assert sorted(bench.turn()) == ["four", "three", "two"]
    assert bench.turn() == []
    assert bench.follow.complaints.count == 0


def test_renamed_and_then_copied_and_emptied_before_anybody_looked(bench: Bench) -> None:
    bench.write("one")
    bench.turn()
    bench.write("two")
    bench.log.rename(bench.folder / "app.log.2")
    bench.write("three")
    shutil.copy(bench.log, bench.folder / "app.log.1")
    os.truncate(bench.log, 0)
    bench.write("four")
    assert sorted(bench.turn()) == ["four", "three", "two"]
    assert bench.turn() == []


@pytest.mark.parametrize("restarted", [False, True])
def test_copytruncate_loses_nothing_that_was_copied(bench: Bench, restarted: bool) -> None:
    bench.write("one")
    bench.turn()
    bench.write("two")
    shutil.copy(bench.log, bench.folder / "app.log-20261125")
    os.truncate(bench.log, 0)
    bench.write("3")
    if restarted:
        bench.restart()
    assert sorted(bench.turn()) == ["3", "two"]
    assert bench.turn() == []
    assert bench.follow.complaints.count == 0


def test_what_was_made_and_rotated_away_while_nobody_looked_is_read_once(bench: Bench) -> None:
    bench.write("one")
    bench.turn()
    gone = {"path": str(bench.folder / "unmounted" / "x.log"), "device": 1, "inode": 1, "birth": "b", "stated": None}
    kept = orjson.loads((bench.folder / "state").read_bytes())
    kept["state"]["files"].append({**gone, "size": 0, "print": "", "place": 0, "skipping": False})
    (bench.folder / "state").write_bytes(orjson.dumps(kept))
    bench.stop()
    for number in (2, 1):
        bench.write(f"file {number}")
        bench.log.rename(bench.folder / f"app.log.{number}")
    bench.write("new")
    (bench.folder / "app.log.3.gz").write_bytes(gzip.compress(b"older"))
    (bench.folder / "other.log").write_text("other\n")
    bench._how = {"grace": -1}
    bench.start()
    assert sorted(bench.turn()) == ["file 1", "file 2", "new"]
    assert bench.turn() == bench.turn() == []


def test_emptied_and_longer_again_before_anybody_looked(bench: Bench) -> None:
    bench.write("one")
    bench.turn()
    os.truncate(bench.log, 0)
    bench.write("another", "and another")
    assert bench.turn() == ["another", "and another"]
    (fault,) = bench.follow.complaints.last
    assert "may be lost" in str(fault)


def test_what_is_rotated_away_and_compressed_unread_is_said(bench: Bench) -> None:
    bench.write("one")
    bench.turn()
    bench.write("two")
    bench.stop()
    (bench.folder / "app.log.1.gz").write_bytes(gzip.compress(bench.log.read_bytes()))
    held = bench.log.open()  # so that the inode is not given to the new file
    bench.log.unlink()
    bench.write("three")
    bench.start()
    assert bench.turn() == ["three"]
    held.close()
    (fault,) = bench.follow.complaints.last
    assert "is not there any more" in str(fault)


def test_a_pattern_with_rotated_files_in_it_reads_nothing_twice(made: Callable[..., Bench], tmp_path: Path) -> None:
    bench = made("app.log*")
    bench.turn()
    bench.write("one")
    (tmp_path / "app.log.other").write_text("else\n")
    assert bench.turn() == ["one", "else"]
    bench.log.rename(tmp_path / "app.log.1")
    bench.write("two")
    assert bench.turn() == ["two"]
    shutil.copy(bench.log, tmp_path / "app.log.copy")
    os.truncate(bench.log, 0)
    assert bench.turn() == []
    bench.restart()
    bench.write("three")
    assert bench.turn() == ["three"]


def test_all_files_of_a_pattern_are_one_source_through_every_rotation(
    made: Callable[..., Bench], tmp_path: Path
) -> None:
    bench = made("app*.log")
    bench.turn()
    bench.write("one")
    bench.turn()
    bench.write("two")
    bench.log.rename(tmp_path / "app.log.1")
    (tmp_path / "app-20261126.log").write_text("three\n")
    bench.write("four")
    bench.restart()
    bench.write("five")
    assert sorted(bench.turn()) == ["five", "four", "three", "two"]
    assert {proof.name for proof, _ in bench.keeper.batches} == {str(tmp_path / "app*.log")}


def test_a_link_that_a_pattern_finds_is_not_followed(made: Callable[..., Bench], tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("geheim\n")
    bench = made("*.log")
    bench.turn()
    bench.log.symlink_to(tmp_path / "secret")
    os.mkfifo(tmp_path / "pipe.log")
    assert bench.turn() == []
    assert len(bench.follow.complaints.last) == 2
    named = made()  # one that a person named is
    named.follow._patterns = {str(bench.log)}
    assert named.turn() == ["geheim"]


def test_a_line_of_many_megabytes_is_cut_and_costs_little(made: Callable[..., Bench], tmp_path: Path) -> None:
    bench = made(line=1_000)
    bench.turn()
    with bench.log.open("wb") as file:
        file.write(b"x" * 5_000_000)
    assert bench.turn() == ["x" * 1_000]
    bench.restart()
    bench.write("y", "after")
    assert bench.turn() == ["after"]
    assert bench.keeper.ids[-1].endswith(":5000002")


def test_it_waits_for_the_intake_and_keeps_no_place_before(bench: Bench) -> None:
    bench.write("one")
    bench.keeper.troubles = [Busy(0.01), Busy(0.01, full=True)]
    assert bench.turn() == ["one"]
    bench.write("two")
    bench.keeper.troubles = [ZeroDivisionError()]
    with pytest.raises(ZeroDivisionError):
        bench.turn()
    bench.restart()
    assert bench.turn() == ["two"]


def test_a_rejected_file_is_tried_again_later(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(state, "REJECTED", 0.01)
    bench.write("one")
    bench.keeper.troubles = [Refused(known=True)] * 3
    assert bench.turn() == ["one"]


def test_places_that_cannot_be_read_are_said_and_nothing_breaks(tmp_path: Path) -> None:
    for nonsense in (b"", b"[", b'{"form":1,"state":{"files":[{"path":3}],"patterns":[]}}', b'{"form":1,"state":[]}'):
        (tmp_path / "state").write_bytes(nonsense)
        keeper = Keeper()
        follow = Follow(keeper, [Followed(str(tmp_path / "app.log"))], tmp_path / "state", poll=0.01)
        (tmp_path / "app.log").unlink(missing_ok=True)

        def written() -> bool:
            if (tmp_path / "state").read_bytes() != nonsense and not (tmp_path / "app.log").exists():  # noqa: B023
                (tmp_path / "app.log").write_text("one\n")
            return bool(keeper.messages)  # noqa: B023

        until(follow.serve, written)


CONFIGURATION = """
"{log}" {{
    rotate 50
    {how}
    missingok
    nodateext
}}
"""


@pytest.mark.slow
@pytest.mark.parametrize("how", ["create", "copytruncate", "create\n    compress\n    delaycompress"])
def test_logrotate_loses_no_line(how: str, tmp_path: Path) -> None:
    root = unpacked("logrotate")
    log = tmp_path / "app.log"
    (tmp_path / "conf").write_text(CONFIGURATION.format(log=log, how=how))
    (tmp_path / "conf").chmod(0o600)
    handler = logging.handlers.WatchedFileHandler(log)
    keeper = Keeper()
    follow = Follow(keeper, [Followed(str(log))], tmp_path / "state", poll=0.01, grace=5)
    written = rotations = 0

    def done() -> bool:
        nonlocal written, rotations
        if not follow._patterns:
            return False
        for _ in range(20):
            handler.emit(logging.LogRecord("", 0, "", 0, f"line {written}", (), None))
            written += 1
        if written % 400 == 0 and rotations < 8:
            arguments: list[str | Path] = [
                root / "usr/sbin/logrotate",
                "--force",
                "--state",
                tmp_path / "rotated",
                tmp_path / "conf",
            ]
            subprocess.run(arguments, check=True, timeout=10, capture_output=True, env=environment(root))
            rotations += 1
        return rotations == 8 and len(keeper.messages) >= written - 20 and written > 4_000

    until(follow.serve, done, 40)
    handler.close()
    found = {int(text.split()[1]) for text in keeper.messages}
    assert found >= set(range(written - 20))
    assert len(keeper.messages) == len(set(keeper.ids)) == len(found)


FOLLOWER = """
import asyncio, sys
from pathlib import Path
from beffroi.logs.receivers.files import Follow, Followed
from tests.logs.receivers.files.keeper import Keeper
folder = Path(sys.argv[1])
follow = Follow(Keeper(folder / "kept"), [Followed(str(folder / "*.log"))], folder / "state", poll=0.01, grace=3)
asyncio.run(follow.serve())
"""


@pytest.mark.slow
@pytest.mark.timeout(120)
def test_killed_under_load_no_line_is_lost(root: Path, tmp_path: Path) -> None:
    chance = random.Random(7)
    log, written, kills = tmp_path / "app.log", 0, 0

    (tmp_path / "state").write_bytes(orjson.dumps({"form": 1, "state": {"patterns": [str(tmp_path / "*.log")]}}))
    log.write_text("line 0\n")
    written = 1
    with subprocess.Popen([sys.executable, "-c", FOLLOWER, tmp_path], cwd=root) as follower:
        while b'/app.log"' not in (tmp_path / "state").read_bytes():
            time.sleep(0.01)  # the file is known: from now on nothing may be lost, however slow the machine is
        follower.send_signal(signal.SIGKILL)
    while kills < 15:
        with subprocess.Popen([sys.executable, "-c", FOLLOWER, tmp_path], cwd=root) as follower:
            end = time.monotonic() + chance.uniform(0.25, 0.9)
            while time.monotonic() < end:
                with log.open("a") as file:
                    for _ in range(200):
                        file.write(f"line {written}\n")
                        written += 1
                if chance.random() < 0.05:
                    log.rename(tmp_path / f"app.log.{kills}-{written}")
                time.sleep(0.03)
            follower.send_signal(signal.SIGKILL)
        kills += 1
        if chance.random() < 0.3 and log.exists():
            log.rename(tmp_path / f"app.log.{kills}")
    with subprocess.Popen([sys.executable, "-c", FOLLOWER, tmp_path], cwd=root) as follower:
        end = time.monotonic() + 60
        while time.monotonic() < end and len({text for _, text in kept(tmp_path / "kept")}) < written:
            time.sleep(0.2)
        follower.kill()
    told = kept(tmp_path / "kept")
    missing = sorted(set(range(written)) - {int(text.split()[1]) for _, text in told})
    assert missing == []
    assert {text for _, text in told} == {f"line {number}" for number in range(written)}
    assert written > 10_000
    assert (
        len({own for own, _ in told}) == len({(own, text) for own, text in told}) == written
    )  # what comes twice has its id
