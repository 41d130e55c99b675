"""Senders that number their events and send each again until it is acknowledged, each in a thread: what they note as acknowledged
must be in the house whatever happened to it meanwhile."""

import contextlib
import json
import re
import socket
import struct
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Self

import elasticsearch
import elasticsearch.helpers
import httpx
import pylogbeat  # type: ignore[import-untyped]

from tests.service.house import House
from tests.service.windows import failed_login

NUMBERED = re.compile(rb"(bulk|hec|otlp|beats|relp|tcp|udp)-(\d+)-end")
"""The mark that each event bears, in whatever form it was sent."""
PLAIN = ("bulk", "hec", "otlp", "lumberjack")
"""The receivers that these senders reach without TLS."""
BATCH = 5
PAUSE = 0.02  # seconds between two batches
AGAIN = 0.05  # seconds until a batch is sent again

Attempt = Callable[[Sequence[int]], None]
"""Sends the events of these numbers, and returns once all are acknowledged. Raises what its client raises."""


class Sender(threading.Thread):
    """One of them. `connect` gives an attempt that holds its connection; it is asked anew after each failure."""

    def __init__(self, name: str, connect: "Callable[[], contextlib.AbstractContextManager[Attempt]]") -> None:
        super().__init__(name=name, daemon=True)
        self.acknowledged = 0
        """All events with lower numbers were acknowledged."""
        self.resent = 0
        """Batches that were sent again."""
        self.tries: Counter[int] = Counter()
        """How often each event was sent, so at most it may have come."""
        self.trouble: BaseException | None = None
        """What no sender expects."""
        self._connect = connect
        self._over = threading.Event()

    def run(self) -> None:
        while not self._over.is_set():
            try:
                with self._connect() as attempt:
                    while not self._over.is_set():
                        numbers = range(self.acknowledged, self.acknowledged + BATCH)
                        self.tries.update(numbers)
                        attempt(numbers)
                        self.acknowledged += BATCH
                        time.sleep(PAUSE)
            except (OSError, httpx.HTTPError, pylogbeat.ConnectionException, struct.error, elasticsearch.ApiError,
                    elasticsearch.TransportError, elasticsearch.helpers.BulkIndexError):  # fmt: skip
                self.resent += 1
                time.sleep(AGAIN)
            except BaseException as error:  # noqa: BLE001 - handed to the test
                self.trouble = error
                return

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def stop(self) -> None:
        """Send no more, once what is under way is acknowledged or given up. Raises what no sender expects."""
        self._over.set()
        self.join(30)
        assert not self.is_alive(), f"{self.name} does not end"
        if self.trouble is not None:
            raise self.trouble


def mark(protocol: str, number: int) -> str:
    return f"{protocol}-{number}-end"


def bulk(house: House) -> Sender:
    """Elastic's own client, with an `_id` for each document; the documents are Windows events on which a rule fires."""

    @contextlib.contextmanager
    def connect() -> Iterator[Attempt]:
        url = f"http://127.0.0.1:{house.ports['bulk']}"
        with elasticsearch.Elasticsearch(url, max_retries=0, request_timeout=5) as client:

            def attempt(numbers: Sequence[int]) -> None:
                documents = [
                    {"_index": "logs", "_id": f"d{number}", **failed_login(number, mark("bulk", number))}
                    for number in numbers
                ]
                done, _ = elasticsearch.helpers.bulk(client, documents)
                assert done == len(numbers)

            yield attempt

    return Sender("bulk", connect)


def _posted(house: House, protocol: str, path: str, body: Callable[[Sequence[int]], str]) -> Sender:
    @contextlib.contextmanager
    def connect() -> Iterator[Attempt]:
        with httpx.Client(base_url=f"http://127.0.0.1:{house.ports[protocol]}", timeout=5) as client:

            def attempt(numbers: Sequence[int]) -> None:
                headers = {"Content-Type": "application/json"}
                client.post(path, content=body(numbers), headers=headers).raise_for_status()

            yield attempt

    return Sender(protocol, connect)


def hec(house: House) -> Sender:
    """As Splunk's forwarders send."""
    return _posted(
        house, "hec", "/services/collector/event",
        lambda numbers: "".join(json.dumps({"event": mark("hec", number)}) for number in numbers),
    )  # fmt: skip


def otlp(house: House) -> Sender:
    """As an OpenTelemetry exporter sends, in JSON."""

    def body(numbers: Sequence[int]) -> str:
        records = [
            {"timeUnixNano": str(time.time_ns()), "body": {"stringValue": mark("otlp", number)}} for number in numbers
        ]
        return json.dumps({"resourceLogs": [{"scopeLogs": [{"logRecords": records}]}]})

    return _posted(house, "otlp", "/v1/logs", body)


def lumberjack(house: House) -> Sender:
    """pylogbeat, a window for each batch."""

    @contextlib.contextmanager
    def connect() -> Iterator[Attempt]:
        with pylogbeat.PyLogBeatClient("127.0.0.1", house.ports["lumberjack"], timeout=5) as client:

            def attempt(numbers: Sequence[int]) -> None:
                client.send([json.dumps({"message": mark("beats", number)}) for number in numbers])

            yield attempt

    return Sender("beats", connect)


def syslog_tcp(house: House) -> Sender:
    """A sender that is told nothing: what it counts as acknowledged is merely written to its socket."""

    @contextlib.contextmanager
    def connect() -> Iterator[Attempt]:
        with socket.create_connection(("127.0.0.1", house.ports["syslog_tcp"]), timeout=5) as client:

            def attempt(numbers: Sequence[int]) -> None:
                client.sendall("".join(f"<13>test: {mark('tcp', number)}\n" for number in numbers).encode())

            yield attempt

    return Sender("tcp", connect)


def syslog_udp(house: House) -> Sender:
    """As `syslog_tcp`, and not even a connection tells it that nobody is there."""

    @contextlib.contextmanager
    def connect() -> Iterator[Attempt]:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:

            def attempt(numbers: Sequence[int]) -> None:
                for number in numbers:
                    client.sendto(f"<13>test: {mark('udp', number)}".encode(), ("127.0.0.1", house.ports["syslog_udp"]))

            yield attempt

    return Sender("udp", connect)


def numbers_in(text: bytes) -> list[tuple[str, int]]:
    """The marks in a text: (protocol, number)."""
    return [(protocol.decode(), int(number)) for protocol, number in NUMBERED.findall(text)]


def told(senders: Sequence[Sender], kept: Mapping[str, Counter[int]]) -> str:
    """A line for each sender: what it sent and what is missing of it."""
    lines = []
    for each in senders:
        missing = len(set(range(each.acknowledged)) - kept[each.name].keys())
        lines.append(f"{each.name}: {each.acknowledged} sent, {each.resent} interruptions, {missing} lost")
    return "\n".join(lines)
