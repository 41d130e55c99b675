"""The figures for Prometheus, from a whole house, read by Prometheus' own client."""

import asyncio
import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import pytest
from prometheus_client import CollectorRegistry, Metric
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.parser import text_string_to_metric_families
from prometheus_client.registry import Collector

from beffroi.core.config import Listen, load
from beffroi.logs.receivers.http.serving import HttpServer
from beffroi.service.metrics import TEXT, Page, figures
from beffroi.service.receivers import giving
from beffroi.service.running import Service
from beffroi.store import Store
from tests.service.house import House


@pytest.mark.slow
@pytest.mark.timeout(180)
def test_the_figures_say_what_happened_and_name_nobody(tmp_path: Path) -> None:
    with House(tmp_path / "house", plain=("bulk",)) as house:
        house.act("sources.token", name="Odette Lambin")
        answer = httpx.post(
            f"http://127.0.0.1:{house.ports['bulk']}/_bulk", content='{"create":{}}\n{"a":"Odette"}\n' * 3
        )
        assert answer.status_code == 200
        until = time.monotonic() + 30
        while True:
            text = house.metrics()
            families = {each.name: each for each in text_string_to_metric_families(text)}
            figures = {
                (sample.name, *sample.labels.values()): sample.value
                for family in families.values()
                for sample in family.samples
            }
            if figures["beffroi_events_understood_total",] >= 3 or time.monotonic() > until:
                break
            time.sleep(0.1)
    assert all(each.name.startswith("beffroi_") and each.documentation for each in families.values())
    assert figures["beffroi_events_received_total",] == 3
    assert figures["beffroi_events_understood_total",] == 3
    assert figures["beffroi_receiver_messages_total", "bulk"] == 3
    assert figures["beffroi_receiver_messages_total", "relp"] == 0
    assert figures["beffroi_journal_durable_position",] > 0
    assert figures["beffroi_journal_lag_seconds",] == 0
    assert figures["beffroi_sources", "accepted"] >= 1
    assert figures["beffroi_process_resident_bytes", "service"] > 1 << 20
    assert figures["beffroi_process_resident_bytes", "understanding"] > 1 << 20
    assert figures["beffroi_process_cpu_seconds_total", "service"] > 0
    assert "Odette" not in text
    assert "127.0.0.1" not in text


@pytest.mark.slow
@pytest.mark.timeout(180)
def test_over_tcp_they_are_given_where_a_person_stated_it(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    with House(tmp_path / "house", listen=f"metrics = {port}\n") as house:
        given = httpx.get(f"http://127.0.0.1:{port}/metrics")
        families = {each.name for each in text_string_to_metric_families(given.text)}
        assert (given.status_code, given.headers["content-type"]) == (200, TEXT)
        assert "beffroi_events_received" in families
        assert httpx.get(f"http://127.0.0.1:{port}/actions/status").status_code == 404
        assert httpx.post(f"http://127.0.0.1:{port}/metrics").status_code == 405
        assert "metrics" not in {each["name"] for each in house.act("status")["receivers"]}


@pytest.mark.parametrize(
    ("stated", "encrypted"),
    [('"127.0.0.1:0"', False), ("0", False), ('"[::1]:0"', False), ('"0.0.0.0:0"', True), ('"192.0.2.1:0"', True)],
)
def test_beyond_this_machine_they_go_in_tls(stated: str, encrypted: bool, tmp_path: Path) -> None:
    (tmp_path / "beffroi.toml").write_text(f'[paths]\ndata = "{tmp_path / "data"}"\n[listen]\nmetrics = {stated}\n')
    with ExitStack() as held:
        store = held.enter_context(Store.open(tmp_path / "data"))
        service = Service(load(tmp_path / "beffroi.toml"), store, held)
        assert [(each.name, each.tls) for each in service.giving] == [("metrics", encrypted)]


def test_unless_stated_nobody_listens_and_a_public_address_is_turned_away(tmp_path: Path) -> None:
    with ExitStack() as held:
        store = held.enter_context(Store.open(tmp_path / "data"))
        config = load(env={}, data_dir=tmp_path / "data", system_file=tmp_path / "none")
        service = Service(config, store, held)
        assert service.giving == []
        [made] = giving(
            replace(config, metrics=Listen("127.0.0.1", 0)),
            service.keeper,
            service.house.authorities,
            Page(figures(service)),
        )
        serve = made._open()
        server = serve.__self__  # type: ignore[attr-defined]
        assert isinstance(server, HttpServer)
        assert server.welcome is not None
        assert [server.welcome(peer) for peer in ("127.0.0.1", "203.0.113.9", "2001:db8::1")] == [True, False, False]
        assert server._socket is not None
        server._socket.close()


def test_whoever_asks_all_the_time_costs_little() -> None:
    collected = 0

    class Counting(Collector):
        def collect(self) -> Iterator[Metric]:
            nonlocal collected
            collected += 1
            yield GaugeMetricFamily("beffroi_x", "x", value=1)

    registry = CollectorRegistry()
    registry.register(Counting())
    page, before = Page(registry), collected
    sent: list[dict[str, Any]] = []

    async def send(event: dict[str, Any]) -> None:
        sent.append(event)

    async def main() -> None:
        async with asyncio.TaskGroup() as group:
            for _ in range(50):
                group.create_task(page({"path": "/metrics", "method": "GET"}, None, send))

    asyncio.run(main())
    assert collected - before < 10
    assert sum(event.get("status") == 200 for event in sent) == 50
