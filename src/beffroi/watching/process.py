"""The process that understands: it reads the journal, and tells the service what it found. `python -m beffroi.watching.process FD MARK`,
the first a socket, the second the memory of a `Mark`.

It writes nothing anywhere. When it dies or stands still the service starts another one from the last checkpoint, so a defect in a
reader or a rule engine stops neither receiving nor the bell for long; and what it was at is left in the mark.
"""

import gc
import os
import resource
import select
import signal
import socket
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

import msgspec

from beffroi.core import discreet
from beffroi.core.allocating import give_back
from beffroi.core.discreet import guarded
from beffroi.core.model import Fault, message
from beffroi.incidents import Normals
from beffroi.logs.arrival import Arrival
from beffroi.logs.journal import JournalReader, Trimmed
from beffroi.rules.repository import RuleSet, load
from beffroi.watching.frames import DOWN, LENGTH, Begin, Down, Ready, Result, State, Up, framed
from beffroi.watching.mark import Mark
from beffroi.watching.understanding import Understander, Understood

if TYPE_CHECKING:
    from beffroi.watching.suspicion import Culprit

TURN = 1 << 20  # bytes of the journal that are understood at a time
SETTLE = 60.0  # seconds between two looks at what correlations put off
SNAPSHOT = 30.0  # seconds between two states, when something came
FAULTS = 100  # of the journal that are told at a time
MEMORY = 1 << 30  # bytes that it may have; beyond, the message that asks for them fails, and not the machine
FIRST_TO_GO = 500  # of 1,000, how much sooner than others the system ends it where the machine has no memory left
YOUNG = (
    50_000  # objects that are made before the collector looks: what an event makes has no cycles, and goes by itself
)
MANY = 100_000  # events after which a state is taken sooner: after a crash they are understood again, within seconds


class Process:
    """The loop. `channel` is this end of the pair of sockets; what it is at stands in `mark`."""

    def __init__(self, channel: socket.socket, mark: Mark) -> None:
        self._channel = channel
        self._mark = mark
        self._aside: frozenset[Culprit] = frozenset()
        self._alone: tuple[int, int] | None = None
        self._heard = b""
        self._durable = 0
        self._position = 0
        self._stored = 0
        self._reader: JournalReader | None = None
        self._understander: Understander | None = None
        self._settled = self._snapshot = time.monotonic()
        self._since_snapshot = 0
        self._faults: list[Fault] = []

    def run(self) -> None:
        """Until the service closes its end."""
        for frames in self._frames():
            for frame in frames:
                if isinstance(frame, Begin):
                    self._begin(frame)
                else:
                    self._durable = max(self._durable, frame.position)
            self._turn()
            self._rest()

    def _begin(self, begin: Begin) -> None:
        gc.enable()
        ruleset = load(
            [Path(path) for path in begin.rules],
            placeholders=begin.placeholders,
            cache_folder=Path(begin.cache) if begin.cache else None,
            aside=True,
        )
        off = set(begin.off)
        ruleset = RuleSet(
            tuple(rule for rule in ruleset.rules if rule.id not in off),
            tuple(
                each.speaking_from(begin.thresholds[each.id]) if each.id in begin.thresholds else each
                for each in ruleset.correlations
                if each.id not in off
            ),
            ruleset.refused,
            ruleset.fingerprint,
        )
        before = self._understander
        if before is None:
            self._aside, self._alone = frozenset(begin.aside), begin.alone
        self._understander = Understander(
            ruleset, ZoneInfo(begin.zone), self._aside, Normals(begin.normals), lateness=begin.lateness
        )
        if before is not None:  # the rules changed between two batches; what is remembered is kept
            fresh = not self._understander.restore(before.state())
        else:
            self._reader = JournalReader(Path(begin.journal), tell=self._faults.append)
            fresh = bool(begin.state) and not self._understander.restore(begin.state)
            # What lies between the state and the checkpoint is understood again, for the correlations; it was stored already.
            self._position, self._stored = begin.state_after, begin.after
            self._durable = max(self._durable, self._stored)
        del before
        gc.unfreeze()  # the rules that were
        self._tell(
            Ready(len(ruleset.rules), len(ruleset.correlations), [fault.to_plain() for fault in ruleset.refused], fresh)
        )
        # The rules live as long as this process: the collector need not walk them over and over.
        gc.collect()
        gc.freeze()
        gc.set_threshold(YOUNG, 20, 20)

    def _turn(self) -> None:
        """Understand what is there, one turn, so that the service is heard in between."""
        if self._understander is None or self._reader is None or self._position >= self._durable:
            return
        arrivals = self._read()
        if arrivals:
            end = arrivals[-1][0]
            alone = self._alone is not None and self._position < self._alone[1] and end > self._alone[0]
            self._mark.set(self._position, end)
            understood = self._understander.understand(
                arrivals, partial(self._mark.set, self._position) if alone else None
            )
            self._mark.clear()
            self._since_snapshot += understood.events
        else:
            understood = Understood(self._position)
        self._position = understood.position
        # What holds nothing that can be read is passed too, or it would count as not understood for ever.
        if self._position > self._stored or self._faults:
            self._send(understood if self._position > self._stored else Understood(self._stored))
        if self._since_snapshot >= MANY:
            self._take_snapshot()

    def _read(self) -> list[tuple[int, Arrival]]:
        assert self._reader is not None
        until = self._stored if self._position < self._stored else self._durable
        try:
            arrivals = self._reader.read(self._position, TURN, until=until)
        except Trimmed as trimmed:
            # Only when somebody removed files: what is left is read, and the gap is told.
            lost = message("what lay here was removed before it was understood")
            self._faults.append(Fault(str(self._reader.folder), message("position {at}", at=self._position), lost))
            self._position = trimmed.oldest
            return []
        if not arrivals:
            self._position = until
        return arrivals

    def _rest(self) -> None:
        """What is due now and then, whether or not anything comes in: a house is never quiet for long."""
        now = time.monotonic()
        if self._understander is None:
            return
        if now - self._settled >= SETTLE:
            self._settled = now
            understood = self._understander.settle(self._position, time.time_ns() // 1000)
            if understood.found or understood.withdrawn:
                self._send(understood)
        if self._since_snapshot and now - self._snapshot >= SNAPSHOT:
            self._take_snapshot()

    def _take_snapshot(self) -> None:
        assert self._understander is not None
        self._snapshot = time.monotonic()
        self._since_snapshot = 0
        self._tell(State(self._position, self._understander.state()))

    def _send(self, understood: Understood) -> None:
        faults = [fault.to_plain() for fault in self._faults[:FAULTS]]
        self._faults.clear()
        uncounted = {} if self._understander is None else self._understander.uncounted
        self._tell(Result(understood, faults, time.process_time(), uncounted))

    def _tell(self, frame: Up) -> None:
        self._channel.sendall(framed(frame))

    def _frames(self) -> Iterator[list[Down]]:
        """What the service has said, all of it: after a wait that is many small steps, and one turn does for them. Nothing when it is
        time to look around."""
        poll = select.poll()
        poll.register(self._channel, select.POLLIN)
        while True:
            busy = self._understander is not None and self._position < self._durable
            if not poll.poll(0 if busy else 5_000):
                yield []
                continue
            block = self._channel.recv(1 << 20)
            if not block:
                return
            self._heard += block
            frames: list[Down] = []
            while len(self._heard) >= LENGTH.size:
                [length] = LENGTH.unpack_from(self._heard)
                if len(self._heard) < LENGTH.size + length:
                    break
                body = self._heard[LENGTH.size : LENGTH.size + length]
                self._heard = self._heard[LENGTH.size + length :]
                frames.append(DOWN.decode(body))
            yield frames


def main(arguments: list[str]) -> int:
    """Run until the service goes away."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the service's business; it closes our channel
    give_back()
    os.nice(5)  # receiving goes before understanding
    with suppress(OSError, ValueError):  # a hard limit that is lower, or no /proc
        resource.setrlimit(resource.RLIMIT_DATA, (MEMORY, MEMORY))
        Path("/proc/self/oom_score_adj").write_text(str(FIRST_TO_GO), "ascii")
    channel = socket.socket(fileno=int(arguments[0]))
    try:
        Process(channel, Mark(int(arguments[1]))).run()
    except (BrokenPipeError, ConnectionResetError):  # the service is gone; everything is in the journal
        return 0
    except msgspec.DecodeError as error:
        print(f"beffroi: a frame could not be read: {discreet.error(error)}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    raise SystemExit(guarded(main, sys.argv[1:]))
