"""First aid: each check has a case in which it is not good, and a whole house in which it is."""

import json
import socket
import sqlite3
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from beffroi.cli.main import main
from beffroi.core.model import message
from beffroi.service import checks, doctor
from beffroi.store import Store
from tests.service.house import House

NOW = datetime(2026, 11, 26, tzinfo=UTC)
GB = 10**9


def states(*found: checks.Check) -> list[str]:
    assert all((each.do is not None) == (each.state in (checks.WARNING, checks.BAD)) for each in found)
    return [each.state for each in found]


def test_what_is_good_is_called_good() -> None:
    assert set(
        states(
            *checks.service(True, "enabled"), checks.receiver("relp", 2514, None, None), checks.clock(True),
            *checks.disk(50 * GB, 100 * GB, GB, 100, 200), checks.folder("/d", 0o700, 7, 7),
            checks.certificate("c", "x", NOW + timedelta(days=90), NOW), checks.sources(3, 0, 0), checks.rules(36, 0),
            checks.lag(0.2), checks.store(["ok"]), checks.ledger(4, 0), checks.archive(None, 90), checks.signs([]),
        )
    ) == {"good"}  # fmt: skip


def test_each_check_sees_what_is_wrong() -> None:
    assert states(*checks.service(False, None)) == ["bad", "warning"]
    assert states(checks.receiver("relp", None, message("x"), "nginx")) == ["bad"]
    assert states(checks.clock(False), checks.clock(None)) == ["warning", "unknown"]
    assert states(*checks.disk(GB, 100 * GB, 2 * GB, 1, 200)) == ["bad", "bad"]
    assert states(*checks.disk(5 * GB, 100 * GB, GB, 0, 0)) == ["warning"]
    assert states(checks.folder("/d", 0o750, 7, 7), checks.folder("/d", 0o700, 0, 7)) == ["bad", "bad"]
    assert states(checks.certificate("c", "x", NOW + timedelta(days=5), NOW)) == ["warning"]
    assert states(checks.certificate("c", "x", NOW - timedelta(days=5), NOW)) == ["bad"]
    assert states(checks.sources(0, 0, 0), checks.sources(2, 1, 0), checks.sources(2, 0, 1)) == ["warning"] * 3
    assert states(checks.rules(None, 0), checks.rules(5, 1)) == ["bad", "warning"]
    assert states(checks.lag(300), checks.store(["row 1 missing"]), checks.ledger(4, 1)) == ["bad"] * 3
    assert states(checks.archive(message("x"), 90), checks.signs(["relp"])) == ["bad", "bad"]
    assert states(checks.finding("house.trouble", "high", message("x"))) == ["bad"]
    assert states(checks.finding("source.clock", "low", message("x"))) == ["warning"]


def test_whoever_has_a_port_is_named() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        assert doctor.holder_of(port) == Path("/proc/self/comm").read_text().strip()
    assert doctor.holder_of(port) is None


def test_without_a_service_it_says_so_and_a_rewritten_ledger_is_seen(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data = tmp_path / "data"
    with Store.open(data):
        pass
    assert main(["sources", "token", "NAS", "--data-dir", str(data), "-q"]) == 0
    with closing(sqlite3.connect(data / "store.db")) as store, store:
        for (name,) in store.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'").fetchall():
            store.execute(f"DROP TRIGGER {name}")
        store.execute("UPDATE ledger SET body = replace(body, 'sources', 'quelles') WHERE seq = 1")
    (data / "archive").mkdir()
    (data / "archive" / "index.json").write_text("{")
    capsys.readouterr()
    assert main(["doctor", "--json", "--lang", "en", "--data-dir", str(data)]) == 1
    found = {each["check"]: each for each in json.loads(capsys.readouterr().out)["checks"]}
    assert found["service"]["state"] == found["ledger"]["state"] == found["archive"]["state"] == "bad"
    assert found["store"] == {"check": "store", "state": "good", "what": "the store is whole", "do": None}


@pytest.mark.slow
@pytest.mark.timeout(180)
def test_a_house_that_is_well_has_nothing_bad(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with House(tmp_path / "house") as house:
        code = main(["doctor", "--selftest", "--json", "--lang", "en", "--config", str(house.config)])
        found = {each["check"]: each["state"] for each in json.loads(capsys.readouterr().out)["checks"]}
        assert (code, [check for check, state in found.items() if state == "bad"]) == (0, [])
        good = (
            "service",
            "port.relp",
            "rules",
            "understanding",
            "store",
            "ledger",
            "archive",
            "selftest",
            "certificate",
        )
        assert {found[each] for each in good} == {"good"}
