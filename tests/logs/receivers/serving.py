"""A receiver that is really served, beside the test: in a thread with a loop of its own, so that clients may block."""

import asyncio
import contextlib
import socket
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

from beffroi.core.model import Assurance
from beffroi.logs.arrival import Admission, Batch, Busy, Proof, Refused


@dataclass
class Let:
    """The admission of a Recorder."""

    proof: Proof
    held: bool = False
    assurance: Assurance = Assurance.ADDRESS


class Recorder:
    """An intake that keeps what it is given in memory. It is busy for as many takes as `busy` says, refuses while `refusing`, and
    takes `delay` seconds for each batch."""

    def __init__(self, *, busy: int = 0, delay: float = 0) -> None:
        self.taken: list[tuple[Proof, Batch]] = []
        self.proofs: list[Proof] = []
        self.busy = busy
        self.delay = delay
        self.refusing = False
        self.started = 0  # takes, also those that are not over

    def admit(self, proof: Proof) -> Admission:
        self.proofs.append(proof)
        if self.refusing:
            raise Refused(known=True)
        return Let(proof)

    async def take(self, admission: Admission, batch: Batch, *, wait: bool = True) -> None:
        assert wait
        assert isinstance(admission, Let)
        assert batch.messages
        self.started += 1
        if self.busy:
            self.busy -= 1
            raise Busy(0.05, full=True)
        if self.refusing:
            raise Refused(known=True)
        await asyncio.sleep(self.delay)
        self.taken.append((admission.proof, batch))

    @property
    def messages(self) -> list[bytes]:
        return [each for _, batch in list(self.taken) for each in batch.messages]

    def wait(self, count: int, seconds: float = 20) -> list[bytes]:
        """The messages, once there are so many."""
        until(lambda: sum(len(batch.messages) for _, batch in list(self.taken)) >= count, seconds)
        return self.messages


def until(condition: object, seconds: float = 20) -> None:
    """Wait for something to become true."""
    assert callable(condition)
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it did not happen in time"
        time.sleep(0.005)


class Receiver(Protocol):
    def bind(self) -> tuple[str, int]: ...

    async def serve(self) -> None: ...


@contextlib.contextmanager
def serving(receiver: Receiver) -> Iterator[int]:
    """Serve it as long as the block; its port."""
    port = receiver.bind()[1]
    loop = asyncio.new_event_loop()
    ended: list[BaseException] = []

    tasks: list[asyncio.Task[None]] = []

    async def main() -> None:
        task = asyncio.current_task()
        assert task is not None
        tasks.append(task)
        await receiver.serve()

    def run() -> None:
        try:
            with asyncio.Runner(loop_factory=lambda: loop) as runner:
                runner.run(main())
        except asyncio.CancelledError:
            pass
        except BaseException as error:  # noqa: BLE001 - handed to the test
            ended.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    try:
        until(lambda: tasks or ended)
        yield port
    finally:
        if thread.is_alive():
            with contextlib.suppress(RuntimeError):  # it has ended by itself
                loop.call_soon_threadsafe(tasks[0].cancel)
        thread.join(20)
        assert not thread.is_alive(), "it did not stop"
    assert not ended, ended


def connected(port: int, seconds: float = 10) -> socket.socket:
    return socket.create_connection(("127.0.0.1", port), timeout=seconds)


def closed(client: socket.socket) -> bytes:
    """What still comes, once the other side has ended the connection."""
    got = b""
    with contextlib.suppress(ConnectionError):
        while data := client.recv(65536):
            got += data
    return got
