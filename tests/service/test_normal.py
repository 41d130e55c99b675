"""What somebody calls normal, through a whole house: hidden as it comes, through kills and restarts, until its days are over."""

import json
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from beffroi.cli.main import main
from tests.service.house import House
from tests.service.test_whole import bulk, now, windows

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]

COMMAND = "vssadmin.exe  Delete Shadows /All /Quiet"


def run(house: House, capsys: pytest.CaptureFixture[str], *arguments: str, code: int = 0) -> str:
    ended = main(["incidents", "normal", "--config", str(house.config), "--lang", "en", *arguments])
    said = capsys.readouterr()
    assert ended == code, said
    return said.out + said.err


def backup(number: int, user: str = "sauvegarde*", command: str = COMMAND) -> dict[str, object]:
    data = {"CommandLine": command, "NewProcessName": "C:\\Windows\\System32\\vssadmin.exe", "SubjectUserName": user,
            "SubjectLogonId": hex(70_000 + number), "NewProcessId": hex(4 * number)}  # fmt: skip
    return windows(number, 4688, now(), **data)


def match(house: House, number: int) -> tuple[Any, ...]:
    """(hidden by, waits, is of an incident) of the match of an event, once it is stored."""
    query = (
        "SELECT m.hidden_by, m.pending, s.incident_id FROM matches m LEFT JOIN strands s ON s.id = m.strand_id "
        "WHERE m.identity LIKE ? AND m.pending = 0"
    )
    [found] = house.until(query, f"%\x1f{number}\x1f%")
    return found


def test_what_somebody_calls_normal_is_hidden_until_its_days_are_over(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with House(tmp_path / "house", plain=("bulk",)) as house:
        bulk(house, backup(1), backup(2))
        [(incident,)] = house.until("SELECT id FROM incidents WHERE matches = 2")
        assert house.act("status")["state"] == "alarm"

        wide = run(house, capsys, str(incident), "--field", "CommandLine", code=2)
        assert "what the rule must find" in wide
        trial = json.loads(run(house, capsys, str(incident), "--field", "CommandLine", "--dry-run", "--json"))
        assert (trial["hides"]["matches"], trial["normal"], len(trial["true_detections"]["samples"])) == (2, None, 1)
        assert trial["anywhere"]
        assert "neither who nor where" in run(house, capsys, str(incident), "--field", "CommandLine", "--dry-run")
        assert house.rows("SELECT * FROM normals") == []

        said = run(house, capsys, str(incident), "--reason", "La sauvegarde de nuit", "--days", "30")
        assert "User = sauvegarde*" in said
        assert "2 of them left their incidents." in said
        [(number, state, closed_as)] = house.rows("SELECT n.id, i.state, i.closed_as FROM normals n, incidents i")
        assert (state, closed_as) == ("closed", "normal")

        bulk(house, backup(3))  # at once: nobody waits for the process that understands
        bulk(house, backup(4, user="sauvegarde2"))
        assert match(house, 3) == (number, 0, None)
        hidden_by, _, other = match(house, 4)
        assert hidden_by is None
        assert other not in (None, incident)
        house.kill()
        house.start()
        bulk(house, backup(5))
        assert match(house, 5) == (number, 0, None)
        assert "La sauvegarde de nuit" in run(house, capsys, "--list")
        [listed] = house.act("incidents.normals")
        assert (listed["hits"], listed["ended"]) == (4, None)

        house.stop()
        with closing(sqlite3.connect(house.data / "store.db")) as store:
            store.execute("UPDATE normals SET expires = '2026-01-01T00:00:00.000Z'")
            store.commit()
        house.start()
        bulk(house, backup(6))
        assert match(house, 6)[0] is None
        assert house.until("SELECT ended FROM normals WHERE ended IS NOT NULL")
        assert match(house, 5)[0] == number  # it was normal then
        assert "Nothing was called normal." in run(house, capsys, "--list")

        again = house.act("incidents.normal", incident=match(house, 6)[2])["normal"]
        assert again != number
        assert match(house, 6)[0] == again
        assert "1 matches come back" in run(house, capsys, "--end", str(again))
        hidden_by, _, back = match(house, 6)
        assert (hidden_by, house.rows("SELECT state FROM incidents WHERE id = ?", back)) == (None, [("new",)])
        run(house, capsys, "--end", str(again), code=2)
