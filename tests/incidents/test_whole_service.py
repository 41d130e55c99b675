"""A whole house: what its machines say over the network becomes one incident, however often the power fails meanwhile."""

import json
import random
import socket
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from beffroi.detect.values import iso_of
from tests.service.house import PATIENCE, House

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]

KILLS = 12
STRANGER = "203.0.113.71"
INCIDENTS = """
SELECT i.id, i.severity, i.matches FROM incidents i WHERE i.merged_into IS NULL ORDER BY i.id
"""


class Night:
    """One attack: guessing at the NAS by SSH, a success, and then on a PC a hidden shell that deletes the copies; event by event."""

    def __init__(self, now: float) -> None:
        self.lines: list[str] = []
        self.documents: list[tuple[str, dict[str, Any]]] = []
        """With the sender's own number, as a shipper gives it so that it can send again."""
        for number in range(60):
            self._line(
                now - 900 + 5 * number, 4_000 + number, f"Failed password for root from {STRANGER} port 40022 ssh2"
            )
        self._line(now - 590, 4_100, f"Accepted password for root from {STRANGER} port 40022 ssh2")
        began = now - 500
        logon = {
            "TargetUserName": "root",
            "TargetLogonId": "0x51a2b3",
            "LogonType": "10",
            "IpAddress": STRANGER,
            "TargetUserSid": "S-1-5-21-1-2-3-1001",
        }
        self._event(began, 4624, logon)
        for number, (image, command) in enumerate((
            ("powershell.exe", "powershell.exe -nop -w hidden -enc " + "JABjAD0ATgBlAHcALQBPAGIAagBlAGMAdAA" * 2),
            ("vssadmin.exe", "vssadmin.exe delete shadows /all /quiet"), ("wbadmin.exe", "wbadmin.exe delete catalog -quiet"),
            ("reg.exe", "reg.exe save HKLM\\SAM C:\\Users\\Public\\s.hiv"),
        )):  # fmt: skip
            process = {
                "SubjectUserName": "root", "SubjectLogonId": "0x51a2b3", "NewProcessId": hex(0x1000 + 4 * number), "ProcessId": "0xff0",
                "NewProcessName": f"C:\\Windows\\System32\\{image}", "CommandLine": command, "ParentProcessName": "C:\\Windows\\System32\\cmd.exe",
            }  # fmt: skip
            self._event(began + 20 * number + 10, 4688, process)

    def _line(self, at: float, pid: int, text: str) -> None:
        self.lines.append(f"<86>1 {iso_of(int(at * 1e6))} nas sshd {pid} - - {text}")

    def _event(self, at: float, event: int, data: dict[str, str]) -> None:
        number = len(self.documents)
        winlog = {
            "channel": "Security", "computer_name": "SRV-TILLEULS.tilleuls.example", "event_id": str(event), "record_id": 84_000 + number,
            "provider_name": "Microsoft-Windows-Security-Auditing", "event_data": data,
        }  # fmt: skip
        self.documents.append((f"w{number}", {"@timestamp": iso_of(int(at * 1e6)), "winlog": winlog}))


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("cache")


@pytest.fixture
def house(tmp_path: Path, cache: Path) -> Iterator[House]:
    with House(tmp_path / "house", plain=("bulk",), cache=cache) as made:
        yield made


def send_lines(house: House, lines: list[str]) -> None:
    """Over TCP, whose sender is told nothing: wait until the house has them."""
    before = events(house)
    with socket.create_connection(("127.0.0.1", house.ports["syslog_tcp"]), timeout=10) as sender:
        sender.sendall("".join(f"{line}\n" for line in lines).encode())
    until = time.monotonic() + PATIENCE
    while events(house) < before + len(lines):
        assert time.monotonic() < until, house.log()
        time.sleep(0.02)


def send_documents(house: House, documents: list[tuple[str, dict[str, Any]]]) -> None:
    body = "".join(f"{json.dumps({'create': {'_id': name}})}\n{json.dumps(document)}\n" for name, document in documents)
    answer = httpx.post(f"http://127.0.0.1:{house.ports['bulk']}/_bulk", content=body, timeout=20)
    assert answer.status_code == 200
    assert answer.json()["errors"] is False


def events(house: House) -> int:
    return int(house.rows("SELECT coalesce(sum(events), 0) FROM source_hours")[0][0])


def outcome(house: House) -> tuple[list[tuple[Any, ...]], set[tuple[str, str]]]:
    """(incidents, the matches' rules and times), once everything has been understood and noted."""
    assert house.act("selftest") == {}  # what was sent after all else has come out
    until = time.monotonic() + PATIENCE
    while house.rows("SELECT 1 FROM matches WHERE pending = 1 LIMIT 1"):
        assert time.monotonic() < until, house.log()
        time.sleep(0.02)
    matches = house.rows("SELECT rule_id, time FROM matches")
    assert len(matches) == len(set(matches)), "a match was recorded twice"
    return house.rows(INCIDENTS), set(matches)


def test_what_comes_over_the_network_is_one_incident_and_soon(house: House) -> None:
    night = Night(time.time())
    send_lines(house, night.lines)
    for each in night.documents:
        send_documents(house, [each])
    found, matches = outcome(house)
    assert [severity for _, severity, _ in found] == ["critical"]
    assert len(matches) >= 6
    [(shown)] = house.act("incidents.list")
    assert shown["severity"] == "critical"


def test_kills_at_any_moment_change_no_incident(house: House, tmp_path: Path, cache: Path) -> None:
    """The same night in two houses, of which one loses its power a dozen times, right after it has acknowledged something."""
    night, seed = Night(time.time()), random.randrange(1 << 32)
    told = [(f"l{number}", {"message": line}) for number, line in enumerate(night.lines)] + night.documents
    send_documents(house, told)
    calm = outcome(house)
    assert [severity for _, severity, _ in calm[0]] == ["critical"]

    draw = random.Random(seed)
    cuts = sorted(draw.sample(range(1, len(told)), KILLS - 1))
    with House(tmp_path / "stormy", plain=("bulk",), cache=cache) as stormy:
        for begin, end in zip([0, *cuts], [*cuts, len(told)], strict=True):
            send_documents(stormy, told[begin:end])
            time.sleep(draw.uniform(0, 0.1))  # before, while or after it is understood and raised
            stormy.kill()
            stormy.start()
            if draw.random() < 0.5:  # as a shipper that was never told
                send_documents(stormy, told[begin:end])
        stormy_found = outcome(stormy)
    assert stormy_found[1] == calm[1], f"seed {seed}"
    assert [each[1:] for each in stormy_found[0]] == [each[1:] for each in calm[0]], f"seed {seed}"
