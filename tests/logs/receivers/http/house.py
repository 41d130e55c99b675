"""A receiver that is really served, in a thread with a loop of its own, and an intake that remembers."""

import asyncio
import contextlib
import http.client
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from beffroi.core.config import Listen
from beffroi.core.model import Assurance
from beffroi.logs.arrival import Admission, Batch, Busy, Proof, Refused
from beffroi.logs.receivers.http.exchange import Receiver
from beffroi.logs.receivers.http.serving import HttpServer

TOKEN = "0Kf3-wachter-im-turm"


@dataclass
class Let:
    proof: Proof
    held: bool = False
    assurance: Assurance = Assurance.TOKEN


@dataclass
class Keeper:
    """An intake that keeps what it is given in memory. It is busy for as many takes as `busy` says, with a full disk where `full`;
    knows no token but `tokens`, if given; takes `delay` seconds for a batch."""

    busy: int = 0
    full: bool = False
    delay: float = 0
    tokens: set[str] | None = None
    rejected: bool = False
    proofs: list[Proof] = field(default_factory=list)
    batches: list[Batch] = field(default_factory=list)

    def admit(self, proof: Proof) -> Admission:
        self.proofs.append(proof)
        if self.tokens is not None and proof.token not in self.tokens:
            raise Refused
        return Let(proof)

    async def take(self, admission: Admission, batch: Batch, *, wait: bool = True) -> None:
        assert isinstance(admission, Let)
        assert not wait, "over HTTP there is an answer for not now"
        assert batch.messages
        assert batch.ids is None or len(batch.ids) == len(batch.messages)
        if self.rejected:
            raise Refused(known=True)
        if self.busy:
            self.busy -= 1
            raise Busy(0.2, full=self.full)
        await asyncio.sleep(self.delay)
        self.batches.append(batch)

    @property
    def messages(self) -> list[bytes]:
        return [each for batch in list(self.batches) for each in batch.messages]

    def wait(self, count: int, seconds: float = 20) -> list[bytes]:
        """The messages, once there are so many."""
        until(lambda: len(self.messages) >= count, seconds)
        return self.messages


def until(condition: Callable[[], object], seconds: float = 20) -> None:
    """Wait for something to become true."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it did not happen in time"
        time.sleep(0.01)


@contextlib.contextmanager
def serving(receiver: Receiver, **named: Any) -> Iterator[int]:
    """Serve it on loopback as long as the block; its port."""
    server = HttpServer(receiver, Listen("127.0.0.1", 0), **named)
    port = server.bind()[1]
    tasks: list[asyncio.Task[None]] = []
    loops: list[asyncio.AbstractEventLoop] = []
    ended: list[BaseException] = []

    async def main() -> None:
        async with asyncio.TaskGroup() as group:
            loops.append(asyncio.get_running_loop())
            tasks.append(group.create_task(server.serve()))

    def run() -> None:
        try:
            asyncio.run(main())
        except BaseException as error:  # noqa: BLE001 - handed to the test
            ended.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    try:
        until(lambda: tasks or ended)
        yield port
    finally:
        if thread.is_alive():
            loops[0].call_soon_threadsafe(tasks[0].cancel)
        thread.join(20)
        assert not thread.is_alive(), "it did not stop"
    assert not ended, ended


@dataclass
class Reply:
    status: int
    body: bytes
    headers: http.client.HTTPMessage


def ask(
    port: int, method: str, path: str, body: Any = None, headers: Mapping[str, str] | None = None, **named: Any
) -> Reply:
    """One request over a connection of its own."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20, **named)
    try:
        connection.request(method, path, body, dict(headers or {}))
        answer = connection.getresponse()
        return Reply(answer.status, answer.read(), answer.headers)
    finally:
        connection.close()
