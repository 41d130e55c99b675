"""The figures for Prometheus, from a whole house, read by Prometheus' own client."""

import time
from pathlib import Path

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families

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
