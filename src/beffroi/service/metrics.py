"""Figures of the service for Prometheus, read at the moment they are asked for (Prometheus' text format 0.0.4).

Labels are names of receivers, of levels and of states: none comes from outside, none names a person.
"""

import asyncio
import os
import resource
import shutil
import time
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.registry import Collector
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from beffroi.core.errors import ForbiddenError
from beffroi.service.status import status
from beffroi.store import findings
from beffroi.store.actions import Role
from beffroi.web.app import Who

if TYPE_CHECKING:
    from prometheus_client.metrics_core import Metric

    from beffroi.service.running import Service

TEXT: Final = "text/plain; version=0.0.4; charset=utf-8"
FRESH: Final = 1.0
"""Seconds for which figures over TCP are given again."""
TAKEN: Final = ("messages", "taken")
"""What receivers call the messages that they handed over."""


class Figures(Collector):
    """The service's figures, collected at each scrape."""

    def __init__(self, service: "Service") -> None:
        self._service = service

    def describe(self) -> list["Metric"]:
        """Nothing is collected when it is registered."""
        return []

    def collect(self) -> Iterator["Metric"]:
        """Every figure, as of now."""
        service = self._service
        yield from _receivers({each.name: each.counts() for each in service.receiving})
        refused = CounterMetricFamily("beffroi_senders_refused", "Senders turned away, by reason.", labels=["reason"])
        for reason, count in dict(service.keeper.turned_away).items():
            refused.add_metric([reason.replace(" ", "_")], count)
        yield refused
        yield CounterMetricFamily("beffroi_events_received", "Events taken in.", value=service.keeper.events)
        yield CounterMetricFamily("beffroi_events_understood", "Events understood.", value=service.understanding.events)
        restarts = service.understanding.deaths
        yield CounterMetricFamily(
            "beffroi_understanding_restarts", "Ends of the process that understands.", value=restarts
        )
        gauges = {
            "beffroi_under_way_bytes": ("Bytes received and not yet on disk.", service.keeper.under_way),
            "beffroi_journal_durable_position": ("Up to here the journal is on disk.", service.journal.durable),
            "beffroi_journal_understood_position": ("Up to here it is understood.", service.understanding.position),
            "beffroi_journal_lag_seconds": ("For how long the oldest event waits.", service.lag_seconds),
            "beffroi_archive_position": ("Up to here the journal is in the archive.", service.archived),
            "beffroi_disk_free_bytes": (
                "Free bytes where the data lie.", shutil.disk_usage(service.store.data_dir).free,
            ),
            "beffroi_start_time_seconds": ("When the service began, in seconds since 1970.", service.started),
        }  # fmt: skip
        for name, (meaning, value) in gauges.items():
            yield GaugeMetricFamily(name, meaning, value=value)
        yield from self._stored()
        yield from _processes()

    def _stored(self) -> Iterator["Metric"]:
        told = status(self._service.store, self._service, datetime.now(UTC))
        matches = GaugeMetricFamily("beffroi_matches_last_day", "Matches in 24 hours.", labels=["level"])
        for level in ("informational", "low", "medium", "high", "critical"):
            matches.add_metric([level], told["matches_by_level"].get(level, 0))
        yield matches
        sources = GaugeMetricFamily("beffroi_sources", "Sources by state.", labels=["state"])
        for state, count in (
            ("accepted", told["sources"] - told["sources_silent"]),
            ("silent", told["sources_silent"]),
            ("new", told["sources_waiting"]),
        ):
            sources.add_metric([state], count)
        yield sources
        open_ = GaugeMetricFamily("beffroi_findings_open", "Open findings by severity.", labels=["severity"])
        with self._service.store.read() as connection:
            severities = [each.severity for each in findings.opened(connection)]
        for severity in ("informational", "low", "medium", "high", "critical"):
            open_.add_metric([severity], severities.count(severity))
        yield open_


def _receivers(counted: dict[str, dict[str, int]]) -> Iterator["Metric"]:
    taken = CounterMetricFamily("beffroi_receiver_messages", "Messages handed over.", labels=["receiver"])
    busy = CounterMetricFamily("beffroi_receiver_busy", "Batches put off: too much was under way.", labels=["receiver"])
    for receiver, counts in counted.items():
        taken.add_metric([receiver], sum(counts.get(name, 0) for name in TAKEN))
        busy.add_metric([receiver], counts.get("busy", 0))
    yield taken
    yield busy


def _processes() -> Iterator["Metric"]:
    """What the service's own process and those it started cost, by what they are (proc(5), /proc/pid/stat and statm)."""
    cpu = CounterMetricFamily("beffroi_process_cpu_seconds", "Processor time.", labels=["process"])
    memory = GaugeMetricFamily("beffroi_process_resident_bytes", "Resident memory.", labels=["process"])
    own = os.getpid()
    seconds: dict[str, float] = {}
    bytes_: dict[str, int] = {}
    try:
        children = [int(each) for each in Path(f"/proc/{own}/task/{own}/children").read_text("ascii").split()]
    except OSError:  # a kernel without that file
        children = []
    for pid in (own, *children):
        try:
            folder = Path(f"/proc/{pid}")
            command = (folder / "cmdline").read_bytes()
            fields = (folder / "stat").read_text("utf-8", "replace").rpartition(")")[2].split()
            pages = int((folder / "statm").read_text("ascii").split()[1])
        except (OSError, IndexError, ValueError):  # it has ended meanwhile
            continue
        what = "service" if pid == own else _kind(command)
        seconds[what] = seconds.get(what, 0.0) + (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
        bytes_[what] = bytes_.get(what, 0) + pages * resource.getpagesize()
    for what, spent in seconds.items():
        cpu.add_metric([what], spent)
        memory.add_metric([what], bytes_[what])
    yield cpu
    yield memory


def _kind(command: bytes) -> str:
    """Which of our processes a command line is."""
    for part, what in ((b"watching.process", "understanding"), (b"watching.archiving", "archiving")):
        if part in command:
            return what
    return "other"


class Page:
    """`GET /metrics` over TCP, on bare ASGI. What was worked out a moment ago is given again: whoever asks all the time costs little."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.tally: Counter[str] = Counter()
        self._registry = registry
        self._asked = asyncio.Lock()
        self._made = -FRESH
        self._text = b""

    async def __call__(self, scope: Any, _receive: Any, send: Any) -> None:
        """One request. HttpServer has seen to it that it is HTTP, and of one of our networks."""
        if scope["path"] != "/metrics":
            await _answer(send, 404, b"")
        elif scope["method"] not in ("GET", "HEAD"):
            await _answer(send, 405, b"")
        else:
            self.tally["asked"] += 1
            await _answer(send, 200, await self._figures())

    async def _figures(self) -> bytes:
        async with self._asked:
            if time.monotonic() - self._made >= FRESH:
                self._text = await asyncio.to_thread(generate_latest, self._registry)
                self._made = time.monotonic()
            return self._text


async def _answer(send: Any, status: int, body: bytes) -> None:
    headers = [
        (b"content-type", TEXT.encode()),
        (b"content-length", b"%d" % len(body)),
        (b"cache-control", b"no-store"),
    ]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


def figures(service: "Service") -> CollectorRegistry:
    """The service's figures, to be worked out when they are asked for."""
    registry = CollectorRegistry()
    registry.register(Figures(service))
    return registry


def route(service: "Service", who: Who) -> Route:
    """`GET /metrics` for whoever may look."""
    registry = figures(service)

    def metrics(request: Request) -> Response:  # not async: it reads the store, so it has a thread of its own
        actor = who(request)
        if actor is None or actor.role < Role.VIEWER:
            raise ForbiddenError(action="/metrics")
        return Response(generate_latest(registry), headers={"Content-Type": TEXT, "Cache-Control": "no-store"})

    return Route("/metrics", metrics, methods=["GET"])
