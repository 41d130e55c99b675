"""First aid: each check has a case in which it is not good, and a whole house in which it is."""

import json
import os
import re
import socket
import sqlite3
import time
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from beffroi.cli.main import main
from beffroi.core import config
from beffroi.core.model import LogSource, message
from beffroi.logs.archive import Archiver
from beffroi.service import checks, doctor
from beffroi.service.checks import Clock, Health
from beffroi.store import Store
from tests.logs.archive.made import rows
from tests.service.house import House

NOW = datetime(2026, 11, 26, tzinfo=UTC)
GB = 10**9


def states(*found: checks.Check) -> list[str]:
    assert all(each.do is not None for each in found if each.state in (checks.WARNING, checks.BAD))
    assert all(each.do is None for each in found if each.state == checks.GOOD)
    return [each.state for each in found]


def test_what_is_good_is_called_good() -> None:
    assert set(
        states(
            *checks.service(True, "active", "enabled"), checks.receiver("relp", 2514, None, None),
            checks.clock(Clock(True, True, 1_000)), *checks.disk(50 * GB, 100 * GB, GB, 100, 200),
            checks.folder("/d", 0o700, 7, 7), checks.certificate("certificate.server", NOW + timedelta(days=90), NOW),
            checks.device("s-1", NOW + timedelta(days=90), message("x"), "x", NOW), checks.sources(3, 0, 0),
            checks.rules(36, 0), checks.blind({}, 36), checks.lag(0.2), checks.store(["ok"]), checks.ledger(4, 0),
            checks.archive(None, 90), checks.signs([]), checks.health(Health(errors=0), root=False),
            checks.health(Health(failing=False), root=True), checks.journal(True, None), checks.journal(False, "x"),
            checks.configuration("/a", "/a", started=True, changed=False),
            checks.configuration(None, None, started=True, changed=False),
            checks.configuration("/a", None, started=False, changed=True),
            *checks.firewall({"relp": ("tcp", 2514, "open")}, root=True, peer=None),
        )
    ) == {"good"}  # fmt: skip


def test_each_check_sees_what_is_wrong() -> None:
    assert states(*checks.service(False, None, None)) == ["bad", "unknown"]
    assert states(*checks.service(True, "inactive", "disabled")) == ["warning", "warning"]
    assert states(checks.receiver("relp", None, message("x"), "nginx")) == ["bad"]
    for clock in (Clock(False), Clock(False, True), Clock(False, False)):
        assert states(checks.clock(clock)) == ["warning"]
    assert states(checks.clock(Clock(None))) == ["unknown"]
    assert states(*checks.disk(GB, 100 * GB, 2 * GB, 1, 200)) == ["bad", "bad"]
    assert states(*checks.disk(5 * GB, 100 * GB, GB, 0, 0)) == ["warning"]
    for disk in (Health(read_only=True), Health(failing=True), Health(degraded=True)):
        assert states(checks.health(disk, root=True)) == ["bad"]
    assert states(checks.health(Health(errors=3), root=True), checks.health(Health(), root=True)) == [
        "warning", "unknown",
    ]  # fmt: skip
    assert states(checks.folder("/d", 0o750, 7, 7), checks.folder("/d", 0o700, 0, 7)) == ["bad", "bad"]
    for name in ("certificate.server", "certificate.authority.servers", "certificate.authority.devices"):
        assert states(checks.certificate(name, NOW + timedelta(days=5), NOW)) == ["warning"]
        assert states(checks.certificate(name, NOW - timedelta(days=5), NOW)) == ["bad"]
    assert states(checks.device("s-1", NOW + timedelta(days=5), message("x"), "x", NOW)) == ["warning"]
    assert states(checks.sources(0, 0, 0), checks.sources(2, 1, 0), checks.sources(2, 0, 1)) == ["warning"] * 3
    assert states(checks.rules(None, 0), checks.rules(5, 1)) == ["bad", "warning"]
    assert states(checks.blind({"linux/*/auth": 2}, 5), checks.blind(None, 5)) == ["warning", "unknown"]
    assert states(checks.lag(300), checks.store(["row 1 missing"]), checks.ledger(4, 1)) == ["bad"] * 3
    assert states(checks.archive(message("x"), 90), checks.signs(["relp"])) == ["bad", "bad"]
    assert states(checks.finding("house.trouble", 7, "high", message("x"))) == ["bad"]
    assert states(checks.finding("source.clock", 8, "low", message("x"))) == ["warning"]
    assert states(checks.journal(True, "No journal files were found.")) == ["warning"]
    assert states(checks.configuration("/a", "/b", started=True, changed=False)) == ["warning"]
    assert states(checks.configuration("/a", "/a", started=True, changed=True)) == ["warning"]
    ends = {"relp": ("tcp", 2514, "closed"), "bulk": ("tcp", 9200, "depends"), "otlp": ("tcp", 4318, "open")}
    assert states(*checks.firewall(ends, root=True, peer="192.0.2.1")) == ["bad", "unknown"]
    assert states(*checks.firewall(None, root=False, peer=None)) == ["unknown"]


def test_a_rule_sees_where_its_log_source_arrives() -> None:
    sysmon = LogSource("windows", None, "microsoft-windows-sysmon/operational")
    for wanted, arrived, sees in (
        (LogSource("linux", None, "sshd"), {LogSource("linux", None, "sshd")}, True),
        (LogSource("linux"), {LogSource("linux", None, "sshd")}, True),
        (LogSource("linux", None, "auth"), {sysmon}, False),
        (LogSource("windows", "process_creation"), {sysmon}, True),
        (LogSource("windows", None, "security"), {sysmon}, False),
        (LogSource("windows", None, "security"), {LogSource("windows", None, "security")}, True),
        (LogSource("windows"), {sysmon}, True),
        (LogSource("windows"), {LogSource("linux", None, "sshd")}, False),
    ):
        assert doctor._sees(wanted, arrived) is sees, (wanted, arrived)


@pytest.mark.slow
def test_rules_that_see_nothing_are_told_by_what_arrived_of_late(tmp_path: Path) -> None:
    house = config.load(
        env={"HOME": str(tmp_path)}, data_dir=tmp_path / "data", root=False, system_file=tmp_path / "none"
    )
    assert doctor.blind(house, NOW).state == "unknown"
    archiver = Archiver(house.data_dir / "archive")
    archiver.add(rows(0, 20))  # the Security log of Windows, and sshd, at the end of November
    archiver.flush()
    archiver.close()
    found = doctor.blind(house, NOW)
    assert (found.check, found.state) == ("rules.blind", "warning")
    values = dict(found.what.values)
    assert 0 < int(str(values["count"])) < int(str(values["total"]))
    assert "windows/*/security" not in str(found.facts)
    assert doctor.blind(house, NOW + timedelta(days=30)).state == "unknown"  # that is long ago


def test_a_port_that_another_program_has_is_told_with_its_name(tmp_path: Path) -> None:
    house = config.load(env={"HOME": str(tmp_path)}, data_dir=tmp_path, root=False, system_file=tmp_path / "none")
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        house = replace(house, listen={**house.listen, "relp": config.Listen("127.0.0.1", port)})
        told = {"name": "relp", "port": None, "local": False, "trouble": message("it is taken").to_plain()}
        found = doctor.of_machine(house, {"running": False, "receivers": [told]})
    [check] = [each for each in found if each.check == "port.relp"]
    program = Path("/proc/self/comm").read_text().strip()
    assert (check.state, str(check.facts)) == ("bad", f"the port is held by {program}")


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
    assert found["store"] == {
        "check": "store", "state": "good", "what": "The store is whole", "do": None, "facts": None,
    }  # fmt: skip
    assert capsys.readouterr().out == ""
    main(["doctor", "--lang", "en", "--data-dir", str(data)])
    shown = capsys.readouterr().out
    assert "✗ Beffroi does not run: nothing is received\n  → Start it" in shown
    assert "The store is whole" not in shown
    main(["doctor", "--all", "--lang", "en", "--data-dir", str(data)])
    assert "✓ The store is whole" in capsys.readouterr().out


@pytest.mark.slow
@pytest.mark.timeout(180)
def test_a_house_that_is_well_has_nothing_bad(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with House(tmp_path / "house") as house:
        os.utime(house.config, (0, 0))  # it was written again since the start, with the ports that were free
        code = main(["doctor", "--selftest", "--json", "--lang", "en", "--config", str(house.config)])
        listed = json.loads(capsys.readouterr().out)["checks"]
        found = {each["check"]: each["state"] for each in listed}
        assert (code, [check for check, state in found.items() if state == "bad"]) == (0, [])
        good = (
            "service", "configuration", "port.relp", "rules", "understanding", "store", "ledger", "archive", "selftest",
            "certificate.server", "certificate.authority.servers", "certificate.authority.devices", "journal",
        )  # fmt: skip
        assert {found[each] for each in good} == {"good"}
        assert len(found) == len(listed)  # each has a name of its own
        assert all(set(each) == {"check", "state", "what", "do", "facts"} for each in listed)
        assert [each for each in found if not known(each)] == []
        future = time.time() + 5
        os.utime(house.config, (future, future))
        main(["doctor", "--json", "--lang", "en", "--config", str(house.config)])
        found = {each["check"]: each["state"] for each in json.loads(capsys.readouterr().out)["checks"]}
        assert found["configuration"] == "warning"


def known(check: str) -> bool:
    """Whether docs/doctor.md names a check."""
    patterns = [re.sub(r"[A-Z]+", r"[\\w.-]+", re.escape(name)) for name in checks.NAMES]
    return any(re.fullmatch(pattern, check) for pattern in patterns)
