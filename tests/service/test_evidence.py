"""Evidence of an incident through a whole house: events from the journal, from the archive, and when they are gone."""

import json
import shutil
import stat
import zipfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from beffroi.cli.main import main
from tests.incidents.test_evidence import checked
from tests.service import adversity
from tests.service.house import House, archived
from tests.service.test_normal import backup
from tests.service.test_whole import bulk, now, windows

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]


def exported(house: House, incident: int, out: Path) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """(manifest, events) of an incident's evidence, as the command wrote it and openssl and sha256sum found it good."""
    arguments = ["incidents", "export", str(incident), "--out", str(out), "--config", str(house.config)]
    assert main([*arguments, "--lang", "en"]) == 0
    assert stat.S_IMODE(out.stat().st_mode) == 0o600
    folder = out.with_suffix("")
    with zipfile.ZipFile(out) as bundle:
        bundle.extractall(folder)
    assert checked(folder) == (True, True)
    events = [json.loads(line) for line in (folder / "events.jsonl").read_text("utf-8").splitlines()]
    return json.loads((folder / "manifest.json").read_bytes()), events


def test_evidence_of_a_whole_house(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    often = adversity.constants(archiving__PAUSE=0.3)
    with House(tmp_path / "house", plain=("bulk",), python=adversity.python(tmp_path, often)) as house:
        harmless = windows(9, 4624, now(), TargetUserName="petit")
        bulk(house, harmless, backup(1), harmless, backup(2))
        [(incident,)] = house.until("SELECT id FROM incidents WHERE matches = 2")
        manifest, fresh = exported(house, incident, tmp_path / "fresh.zip")
        assert manifest["counts"]["events"] == {"asked": 2, "here": 2, "left_out": 0, "unread": 0}
        assert [json.loads(each["raw"])["Event"]["System"]["EventRecordID"] for each in fresh] == [1, 2]
        archived(house)
        _, kept = exported(house, incident, tmp_path / "kept.zip")
        assert kept == fresh
        assert "sent to nobody" in capsys.readouterr().out

        wrong = {"TargetUserName": "petit", "LogonType": "3", "Status": "0xc000006d", "SubStatus": "0xc000006a",
                 "IpAddress": "203.0.113.7"}  # fmt: skip
        failures = [windows(100 + n, 4625, now(60 - n), **wrong) for n in range(15)]
        bulk(house, *failures)
        [(guessing,)] = house.until("SELECT s.incident_id FROM matches m JOIN strands s ON s.id = m.strand_id WHERE m.place < 0 "
                                    "AND s.incident_id IS NOT NULL LIMIT 1")  # fmt: skip
        _, tries = exported(house, guessing, tmp_path / "tries.zip")
        assert len([each for each in tries if "203.0.113.7" in each["raw"]]) >= 10

        before = (tmp_path / "kept.zip").read_bytes()
        again = [
            "incidents",
            "export",
            str(incident),
            "--out",
            str(tmp_path / "kept.zip"),
            "--config",
            str(house.config),
        ]
        assert main(again) == 2
        assert (tmp_path / "kept.zip").read_bytes() == before
        with ThreadPoolExecutor(2) as both:
            made = list(both.map(lambda _: house.act("incidents.export", incident=incident), range(2)))
        assert len({each["sha256"] for each in made}) == len(made)
        digests = [
            json.loads(row[0])["details"]["manifest"]
            for row in house.rows("SELECT body FROM ledger WHERE body LIKE '%incidents.export%'")
        ]
        assert {each["sha256"] for each in made} <= set(digests)
        assert len(digests) == 5
        assert "petit" not in house.log()

        house.stop()
        shutil.rmtree(house.data / "archive")
        (house.data / "archive").mkdir()
        for path in (house.data / "journal").iterdir():
            path.unlink()
        manifest, none = exported(house, incident, tmp_path / "gone.zip")  # without the service, by the command itself
        assert none == []
        assert manifest["counts"]["events"]["asked"] == 2


def test_nothing_is_left_where_it_cannot_be_made(tmp_path: Path) -> None:
    config = tmp_path / "beffroi.toml"
    config.write_text(f'[paths]\ndata = "{tmp_path / "data"}"\n')
    assert main(["incidents", "export", "7", "--out", str(tmp_path / "e.zip"), "--config", str(config)]) == 2
    assert not (tmp_path / "e.zip").exists()
