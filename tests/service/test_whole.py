"""A whole house: what is sent is kept, understood, found and told, through stops, kills and people's decisions."""

import json
import os
import shutil
import signal
import socket
import time
import zipfile
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from beffroi.cli.main import main
from tests.service.house import House

pytestmark = [pytest.mark.slow, pytest.mark.timeout(180)]

RULE = """
title: Shadow copies are deleted
id: 11111111-2222-4333-8444-000000000001
logsource: {product: windows, category: process_creation}
detection:
    selection: {CommandLine|contains: 'delete shadows'}
    condition: selection
level: high
---
title: Many failed logins from one address
id: 11111111-2222-4333-8444-000000000002
correlation:
    type: event_count
    rules: [11111111-2222-4333-8444-000000000003]
    group-by: [IpAddress]
    timespan: 10m
    condition: {gte: 5}
level: critical
---
title: A failed login
id: 11111111-2222-4333-8444-000000000003
logsource: {product: windows, service: security}
detection:
    selection: {EventID: 4625}
    condition: selection
level: low
"""


def windows(number: int, event: int, time_: str, **data: str) -> dict[str, object]:
    """An event as evtx-dump writes it."""
    channel = "Security" if event in (4625, 4688) else "Microsoft-Windows-Sysmon/Operational"
    system = {
        "Provider": {"#attributes": {"Name": "Microsoft-Windows-Security-Auditing"}}, "EventID": event, "Channel": channel,
        "Computer": "PC-ACCUEIL", "EventRecordID": number, "TimeCreated": {"#attributes": {"SystemTime": time_}},
        "Level": 0, "Task": 0, "Keywords": "0x8020000000000000",
    }  # fmt: skip
    return {"Event": {"System": system, "EventData": data}}


def now(ago: float = 0) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%S.000000Z", time.gmtime(time.time() - ago))


def bulk(house: House, *documents: dict[str, object], ids: bool = False) -> None:
    """Send documents to `_bulk` in plain text, and see them acknowledged."""
    lines: list[str] = []
    for number, document in enumerate(documents):
        lines += [json.dumps({"create": {"_id": f"d{number}"} if ids else {}}), json.dumps(document)]
    answer = httpx.post(f"http://127.0.0.1:{house.ports['bulk']}/_bulk", content="\n".join(lines) + "\n", timeout=20)
    assert answer.status_code == 200
    assert answer.json()["errors"] is False


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("cache")


@pytest.fixture(scope="module")
def loaded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data folder into which somebody loaded our rules."""
    folder = tmp_path_factory.mktemp("loaded")
    with zipfile.ZipFile(folder / "rules.zip", "w") as archive:
        archive.writestr("own.yml", RULE)
    (folder / "beffroi.toml").write_text(f'[paths]\ndata = "{folder / "data"}"\n')
    assert (
        main(["rules", "update", "--from", str(folder / "rules.zip"), "--config", str(folder / "beffroi.toml"), "-q"])
        == 0
    )
    return folder / "data"


@pytest.fixture
def house(tmp_path: Path, cache: Path, loaded: Path) -> Iterator[House]:
    made = House(tmp_path / "house", plain=("bulk", "relp"), cache=cache)
    shutil.copytree(loaded, made.data, symlinks=True)
    with made:
        yield made


def test_what_is_sent_is_understood_and_told(house: House) -> None:
    bulk(house, windows(1, 4688, now(), CommandLine="vssadmin delete shadows /all", NewProcessName="C:\\vssadmin.exe"))
    [(title, level, host, fields)] = house.until(
        "SELECT title, level, host, fields FROM matches WHERE rule_id LIKE '%0001'"
    )
    assert (title, level, host) == ("Shadow copies are deleted", "high", "PC-ACCUEIL")
    assert json.loads(fields) == {
        "CommandLine": "vssadmin delete shadows /all", "Computer": "PC-ACCUEIL", "Image": "C:\\vssadmin.exe", "NewProcessName": "C:\\vssadmin.exe",
    }  # fmt: skip
    status = house.act("status")
    assert status["state"] == "alarm"
    assert status["matches_24h"] >= 1
    assert house.rows("SELECT count(*) FROM feed WHERE table_name = 'matches'")[0][0] >= 1


def test_a_correlation_survives_a_kill_and_fires_once(house: House) -> None:
    for number in range(4):
        bulk(house, windows(number, 4625, now(60 - number), IpAddress="203.0.113.9", TargetUserName="anna"))
    house.settled()
    house.kill()
    house.start()
    bulk(house, windows(9, 4625, now(), IpAddress="203.0.113.9", TargetUserName="anna"))
    [(level, events)] = house.until("SELECT level, events FROM matches WHERE rule_id LIKE '%0002'")
    assert level == "critical"
    assert len(json.loads(events)) == 5
    assert house.rows("SELECT count(*) FROM matches WHERE rule_id LIKE '%0003'") == [
        (0,)
    ]  # it only speaks through the other


def test_an_event_that_is_sent_again_is_told_once(house: House) -> None:
    event = windows(7, 4688, now(), CommandLine="vssadmin delete shadows /all")
    bulk(house, event)
    bulk(house, event, event)
    house.settled()
    assert len(house.until("SELECT id FROM matches WHERE rule_id LIKE '%0001'")) == 1


def test_a_stranger_waits_until_a_person_decides(house: House) -> None:
    """Over the machine's other loopback addresses nobody is a stranger, so the sender proves a token nobody gave."""
    answer = httpx.post(
        f"http://127.0.0.1:{house.ports['bulk']}/_bulk",
        content='{"create":{}}\n{"a":1}\n',
        headers={"Authorization": "ApiKey bm86"},
    )
    assert answer.status_code == 401
    assert house.act("status")["events_24h"] == 0


def test_a_token_is_a_source_of_its_own(house: House) -> None:
    made = house.act("sources.token", name="PC 7")
    port = house.ports["bulk"]
    answer = httpx.post(
        f"http://127.0.0.1:{port}/_bulk",
        content='{"create":{}}\n{"a":1}\n',
        headers={"Authorization": f"Bearer {made['token']}"},
    )
    assert answer.status_code == 200
    house.until("SELECT 1 FROM source_hours JOIN sources ON id = source_id WHERE name = 'PC 7'")
    [listed] = [each for each in house.act("sources.list") if each["name"] == "PC 7"]
    assert (listed["state"], listed["events_24h"], listed["kind"]) == ("accepted", 1, "bulk")


def test_it_stops_when_it_is_told_and_says_how_long_it_was_off(house: House) -> None:
    bulk(house, {"message": "before"})
    assert house.stop() == 0
    house.start()
    house.settled()
    assert house.act("status")["events_24h"] == 1
    assert house.rows("SELECT kind FROM findings WHERE kind = 'house.off'") == []  # a short stop is none


def test_when_the_process_that_understands_dies_another_one_goes_on(house: House) -> None:
    bulk(house, {"message": "before"})
    house.settled()
    assert house.process is not None
    children = Path(f"/proc/{house.process.pid}/task/{house.process.pid}/children").read_text().split()
    for child in children:
        if b"beffroi.watching.process" in Path(f"/proc/{child}/cmdline").read_bytes():
            os.kill(int(child), signal.SIGKILL)
    bulk(house, windows(1, 4688, now(), CommandLine="vssadmin delete shadows /all"))
    assert house.until("SELECT id FROM matches WHERE rule_id LIKE '%0001'")


def test_the_sign_of_life_comes_out_of_every_receiver(house: House) -> None:
    missing = house.act("selftest")
    assert missing == {}


def test_syslog_over_tcp_is_found_by_its_words(house: House) -> None:
    with socket.create_connection(("127.0.0.1", house.ports["syslog_tcp"])) as sender:
        sender.sendall(b"<86>Nov 25 12:00:00 nas frobd[1]: the door is open\n")
    house.until("SELECT 1 FROM source_hours WHERE events > 0")


def test_what_a_sender_did_wrong_is_shown(house: House) -> None:
    with socket.create_connection(("127.0.0.1", house.ports["relp"]), timeout=20) as client:
        client.sendall(b"<13>this is no RELP\n")
        while client.recv(100):
            pass
    [relp] = [each for each in house.act("status")["receivers"] if each["name"] == "relp"]
    [complaint] = relp["complaints"]
    assert (complaint["address"], complaint["times"]) == ("127.0.0.1", 1)
    assert "is not RELP" in complaint["message"][0]


def test_new_rules_are_taken_in_while_it_runs(house: House, tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "rules.zip", "w") as archive:
        archive.writestr("new.yml", RULE.replace("delete shadows", "wbadmin delete").replace("0001", "0009"))
    update = ["rules", "update", "--from", str(tmp_path / "rules.zip"), "--config", str(house.config), "-q"]
    assert main(update) == 0
    until = time.monotonic() + 30
    while time.monotonic() < until and not house.rows("SELECT 1 FROM matches WHERE rule_id LIKE '%0009'"):
        bulk(house, windows(1, 4688, now(), CommandLine="wbadmin delete catalog"))
        time.sleep(0.2)
    assert ("11111111-2222-4333-8444-000000000009",) in house.rows("SELECT rule_id FROM matches")
    assert [each["action"] for each in house.act("ledger.show", action="rules")][-1] == "rules.update"
