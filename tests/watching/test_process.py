"""The process that understands, spoken to as the service speaks to it."""

import asyncio
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TypeVar

import pytest

from beffroi.logs.journal import Journal
from beffroi.watching import process
from beffroi.watching.frames import LENGTH, UP, Begin, Durable, Ready, Result, State, Up, framed
from beffroi.watching.mark import Mark
from tests.watching.watch import MANY, MINUTE, NOON, RULES, SHADOWS, arrival, failed, rules, shadows

T = TypeVar("T", Ready, Result, State)


class Line:
    """Our end of the pair of sockets."""

    def __init__(self, ours: socket.socket, folder: Path) -> None:
        self.socket = ours
        self.folder = folder
        ours.settimeout(30)

    def begin(self, **more: object) -> Ready:
        begin = Begin(
            str(self.folder / "journal"), [str(rules(self.folder / "rules"))], None, "Europe/Brussels", {}, []
        )
        for name, value in more.items():
            setattr(begin, name, value)
        return self.until(Ready, begin)

    def tell(self, frame: Begin | Durable) -> None:
        self.socket.sendall(framed(frame))

    def hear(self) -> Up:
        [length] = LENGTH.unpack(self._exactly(LENGTH.size))
        heard: Up = UP.decode(self._exactly(length))
        return heard

    def until(self, kind: type[T], frame: Begin | Durable) -> T:
        self.tell(frame)
        while not isinstance(heard := self.hear(), kind):
            pass
        return heard

    def results(self, position: int, after: int = 0) -> list[Result]:
        """What the journal up to a position means."""
        self.tell(Durable(position))
        found: list[Result] = []
        while after < position:
            heard = self.hear()
            if isinstance(heard, Result):
                found.append(heard)
                after = heard.understood.position
        return found

    def _exactly(self, count: int) -> bytes:
        data = b""
        while len(data) < count:
            block = self.socket.recv(count - len(data))
            assert block, "it went away"
            data += block
        return data


def keep(folder: Path, *batches: list[bytes], segment: int = 32 << 20, trim: int = 0) -> list[int]:
    async def main() -> list[int]:
        with Journal.open(folder / "journal", segment_bytes=segment) as journal:
            positions = [await journal.append(arrival(*batch)) for batch in batches]
            journal.trim(trim)
            return positions

    return asyncio.run(main())


@contextmanager
def real(folder: Path) -> Iterator[Line]:
    ours, theirs = socket.socketpair()
    mark = Mark.make()
    with ours:
        with theirs, closing(mark):
            handles = [theirs.fileno(), mark.handle]
            child = subprocess.Popen(
                [sys.executable, "-I", "-X", "utf8", "-m", "beffroi.watching.process", *map(str, handles)],
                pass_fds=handles,
            )
        try:
            yield Line(ours, folder)
            ours.close()
            assert child.wait(10) == 0  # it ends when the service goes
        finally:
            child.kill()
            child.wait()


def told(results: list[Result]) -> list[str]:
    return [each.rule for result in results for each in result.understood.found]


@pytest.mark.slow
def test_rules_that_change_between_two_batches_keep_what_correlations_remember(tmp_path: Path) -> None:
    first, second = keep(
        tmp_path, [failed(1), failed(2, NOON + MINUTE), shadows(3)], [failed(4, NOON + 2 * MINUTE), shadows(5)]
    )
    with real(tmp_path) as line:
        ready = line.begin()
        assert (ready.rules, ready.correlations, ready.refused, ready.fresh) == (4, 1, [], False)
        assert told(line.results(first)) == [SHADOWS]
        rules(tmp_path / "rules", RULES.replace("delete shadows", "never said"))
        begin = Begin(str(tmp_path / "journal"), [str(tmp_path / "rules")], None, "Europe/Brussels", {}, [])
        assert not line.until(Ready, begin).fresh
        assert told(line.results(second, first)) == [MANY]


@pytest.mark.slow
def test_rules_that_are_switched_off_are_silent_and_another_versions_state_begins_anew(tmp_path: Path) -> None:
    [position] = keep(tmp_path, [shadows(1)])
    with real(tmp_path) as line:
        ready = line.begin(off=[SHADOWS], state=b"{}", state_after=0)
        assert ready.fresh
        assert told(line.results(position)) == []


@pytest.mark.slow
def test_a_rule_speaks_from_the_number_on_that_the_house_set(tmp_path: Path) -> None:
    [position] = keep(tmp_path, [failed(1), failed(2, NOON + MINUTE)])
    with real(tmp_path) as line:
        line.begin(thresholds={MANY: 2, "not-here": 7})
        assert told(line.results(position)) == [MANY]


@pytest.mark.slow
def test_many_small_steps_that_waited_are_understood_in_few_turns(tmp_path: Path) -> None:
    """Else whoever was kept from working for a while, by a store that was locked, would never catch up."""
    positions = keep(tmp_path, *[[shadows(number)] for number in range(300)])
    with real(tmp_path) as line:
        line.tell(Begin(str(tmp_path / "journal"), [str(rules(tmp_path / "rules"))], None, "Europe/Brussels", {}, []))
        for position in positions:
            line.tell(Durable(position))
        results = line.results(positions[-1])
    assert len(told(results)) == 300
    assert len(results) < 30


@pytest.mark.slow
def test_what_was_removed_or_damaged_is_told_and_passed(tmp_path: Path) -> None:
    batches = [[shadows(number)] * 4 for number in range(12)]
    positions = keep(tmp_path, *batches, segment=8_000, trim=7_000)
    segments = sorted((tmp_path / "journal").glob("*.journal"))
    damaged = bytearray(segments[1].read_bytes())
    damaged[100:140] = bytes(40)
    segments[1].write_bytes(damaged)
    with real(tmp_path) as line:
        line.begin()
        results = line.results(positions[-1])
    faults = [fault for each in results for fault in each.faults]
    assert len(faults) >= 2
    assert len(set(told(results))) == 1
    assert 0 < sum(each.understood.events for each in results) < 48


@pytest.mark.slow
def test_state_is_taken_while_something_always_comes_in(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A house is never quiet for five seconds: what is due now and then must not wait for that."""
    monkeypatch.setattr(process, "SNAPSHOT", 0.2)
    positions = keep(tmp_path, *[[failed(number)] for number in range(40)])
    ours, theirs = socket.socketpair()
    with ours, theirs, closing(Mark.make()) as mark:
        monkeypatch.setattr("gc.freeze", lambda: None)  # it would freeze the objects of all tests
        served = threading.Thread(target=process.Process(theirs, mark).run, daemon=True)
        served.start()
        line = Line(ours, tmp_path)
        line.begin()
        states: list[State] = []
        stop = threading.Event()

        def trickle() -> None:
            for position in positions:
                line.tell(Durable(position))
                stop.wait(0.05)

        sender = threading.Thread(target=trickle)
        sender.start()
        while not states:
            heard = line.hear()
            if isinstance(heard, State):
                states.append(heard)
        stop.set()
        sender.join()
        assert 0 < states[0].position < positions[-1]
        ours.shutdown(socket.SHUT_WR)
        served.join(10)
        assert not served.is_alive()
