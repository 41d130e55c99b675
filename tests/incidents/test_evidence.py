"""Evidence of an incident: checked as police would, with openssl and sha256sum; bounded; harmless to whoever opens it."""

import base64
import io
import json
import subprocess
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import insert, select, update

from beffroi.core.errors import UsageError
from beffroi.incidents import actions, evidence, exporting, records
from beffroi.incidents.actions import Closing, Merging, Saying
from beffroi.incidents.evidence import HASHES, KEY, SIGNATURE, Behind, Made, Wanted
from beffroi.incidents.exporting import Exporting
from beffroi.incidents.raising import Raiser
from beffroi.store import Store, ledger, settings, tables
from beffroi.store.actions import Actor, Role
from beffroi.store.housekey import HouseKey
from tests.incidents.signs import NOW, keep, row_of

ANNE = Actor("Anne Dubois", Role.OWNER)
ATTACK = {"host": "pc-1", "User": "anne", "LogonId": "0x111"}
OTHER = {"host": "pc-2", "minute": 30, "src_ip": "203.0.113.9", "rule": "other"}
LINE = b'{"raw":"<13>un message","position":7,"place":0}\n'


@pytest.fixture
def two(store: Store, raiser: Raiser) -> Store:
    """Two incidents: 1 with two matches, 2 with one."""
    keep(store, ATTACK, ATTACK | {"minute": 1, "rule": "next"}, OTHER)
    raiser.catch_up()
    return store


def export(store: Store, incident: int = 1, zone: str = "Europe/Brussels") -> dict[str, Any]:
    return exporting.export(store, ANNE, Exporting(incident, zone), lambda *_: Behind([LINE]))


def unpacked(made: dict[str, Any], folder: Path) -> Path:
    with zipfile.ZipFile(io.BytesIO(base64.b64decode(made["zip"]))) as bundle:
        assert bundle.testzip() is None
        bundle.extractall(folder)
    return folder


def checked(folder: Path) -> tuple[bool, bool]:
    """Whether the signature holds and whether all files do, by the very commands that the text names."""
    signed, whole = (
        subprocess.run(
            ["bash", "-o", "pipefail", "-c", command], cwd=folder, capture_output=True, text=True, check=False
        )
        for command in (SIGNATURE, HASHES)
    )
    return signed.returncode == 0, whole.returncode == 0


def lines(path: Path) -> Iterator[dict[str, Any]]:
    return map(json.loads, path.read_text("utf-8").splitlines())


def test_it_is_checked_without_beffroi(two: Store, tmp_path: Path) -> None:
    actions.comment(two, ANNE, Saying(1, "Vu avec le prestataire."))
    folder = unpacked(export(two), tmp_path / "out")
    assert sorted(each.name for each in folder.iterdir()) == [
        "LISEZMOI.txt", "events.jsonl", "house.pem", "incident.json", "ledger.jsonl", "manifest.json", "manifest.sig",
        "matches.jsonl", "recit.txt",
    ]  # fmt: skip
    assert checked(folder) == (True, True)
    said = (folder / "LISEZMOI.txt").read_text("utf-8")
    assert all(command in said for command in (SIGNATURE, HASHES, KEY))
    digest = subprocess.run(["bash", "-c", KEY], cwd=folder, capture_output=True, text=True, check=True).stdout.split()[
        -1
    ]
    assert digest == HouseKey.open(two.data_dir).fingerprint
    assert digest in said
    assert json.loads((folder / "incident.json").read_bytes())["title"]["text"] == "Rule r, on pc-1"
    assert [each["rule_id"] for each in lines(folder / "matches.jsonl")] == ["r", "next"]
    assert [each["raw"] for each in lines(folder / "events.jsonl")] == ["<13>un message"]
    told = list(lines(folder / "ledger.jsonl"))
    assert [each["action"] for each in told] == ["incidents.open", "incidents.comment"]
    assert all(ledger._hash(each["body"]) == each["hash"] for each in told)
    assert "Incident 1" in (folder / "recit.txt").read_text("utf-8")


@pytest.mark.slow
def test_every_byte_of_every_file_is_covered(two: Store, tmp_path: Path) -> None:
    folder = unpacked(export(two), tmp_path / "out")
    for path in sorted(folder.iterdir()):
        good = path.read_bytes()
        for at in {0, len(good) // 3, len(good) - 1}:
            path.write_bytes(good[:at] + bytes([good[at] ^ 1]) + good[at + 1 :])
            assert checked(folder) != (True, True), (path.name, at)
        path.write_bytes(good)
    assert checked(folder) == (True, True)


def test_the_ledger_says_who_took_what(two: Store) -> None:
    made = export(two)
    with two.read() as connection:
        [entry] = ledger.entries(connection, action="incidents.export")
        assert (entry.actor, entry.details) == ("Anne Dubois", {"incident": 1, "manifest": made["sha256"]})
        before = ledger.entry(connection, entry.seq - 1)
        assert made["manifest"]["ledger"] == {"seq": before.seq, "hash": before.hash}
        assert ledger.verify(connection).sound
        [keys] = ledger.entries(connection, action="house.keys")
        assert keys.details["house"] == made["manifest"]["key"]


def test_the_same_is_the_same_bytes(two: Store) -> None:
    with two.read() as connection:
        row = records.find(connection, 1)
        assert row is not None
        known = evidence.known(connection, row, NOW)
    key, by = HouseKey.open(two.data_dir), Made("beffroi", "anne", NOW, "UTC")
    first, again = (evidence.made(known, Behind([LINE]), key, by) for _ in range(2))
    assert first == again
    with zipfile.ZipFile(io.BytesIO(first.content)) as bundle:
        assert {each.date_time for each in bundle.infolist()} == {(2026, 11, 25, 12, 0, 0)}
        assert {each.extra for each in bundle.infolist()} == {b""}


def test_hostile_text_moves_no_cursor_and_no_file(store: Store, raiser: Raiser, tmp_path: Path) -> None:
    evil = "\x1b]0;owned\x07\x1b[2J../../etc/passwd\r\nIncident 2: rien\u202e"
    keep(store, {"host": "pc-1", "User": evil, "LogonId": "0x1", "title": evil})
    raiser.catch_up()
    folder = unpacked(export(store), tmp_path / "out")
    for name in ("recit.txt", "LISEZMOI.txt"):
        text = (folder / name).read_text("utf-8")
        assert all(char.isprintable() or char in "\n\u202f\u00a0" for char in text), name
    [match] = lines(folder / "matches.jsonl")
    assert match["fields"]["User"] == evil
    assert checked(folder) == (True, True)


def test_it_speaks_the_house_s_language(two: Store, tmp_path: Path) -> None:
    settings.set_(two, "anne", "house.language", "nl")
    folder = unpacked(export(two), tmp_path / "out")
    assert "Bewijs" in (folder / "README.txt").read_text("utf-8")
    assert (folder / "story.txt").exists()


@pytest.mark.slow
def test_many_matches_are_bounded_and_it_says_so(two: Store, tmp_path: Path) -> None:
    with two.write() as change:
        rows = [
            row_of(minute=2 + number / 1e4) | {"identity": f"m{number}", "strand_id": 1} for number in range(100_000)
        ]
        change.execute(insert(tables.matches), rows)
        strand = change.scalar(select(tables.strands.c.id).where(tables.strands.c.incident_id == 1))
        change.execute(update(tables.matches).where(tables.matches.c.identity.like("m%")).values(strand_id=strand))
    made = exporting.export(two, ANNE, Exporting(1), lambda *_: Behind([], 3, 2))
    counts = made["manifest"]["counts"]
    assert (counts["matches"]["kept"], counts["matches"]["here"]) == (100_002, evidence.MATCHES)
    assert len(base64.b64decode(made["zip"])) < evidence.MATCH_BYTES
    folder = unpacked(made, tmp_path / "out")
    newest = list(lines(folder / "matches.jsonl"))
    assert newest[-1]["match"] == 100_003
    assert [each["match"] for each in newest] == sorted(each["match"] for each in newest)
    said = " ".join((folder / "LISEZMOI.txt").read_text("utf-8").split())
    assert "10 000" in said.replace("\u202f", " ")
    assert counts["events"]["left_out"] == 3
    assert counts["events"]["unread"] == 2


def test_a_correlation_s_events_are_wanted(store: Store, raiser: Raiser) -> None:
    [base] = keep(store, ATTACK)
    with store.write() as change:
        change.execute(
            update(tables.matches).where(tables.matches.c.id == base).values(identity="known", position=90, place=4)
        )
        events = [["a", 1, "70\x1f3"], ["a", 2, "known"], ["a", 3_000_000, "srv\x1fSecurity\x1f12"]]
        row = row_of(minute=1, host="pc-1", User="anne", LogonId="0x111") | {
            "identity": "c",
            "place": -1,
            "position": 99,
            "events": json.dumps(events),
        }
        change.execute(insert(tables.matches).values(row))
    raiser.catch_up()
    with store.read() as connection:
        row_ = records.find(connection, 1)
        assert row_ is not None
        assert evidence.known(connection, row_, NOW).wanted == Wanted(
            frozenset({(70, 3), (90, 4)}), frozenset({3_000_000})
        )


def test_what_is_closed_is_exported_and_what_is_part_of_another_is_not(two: Store) -> None:
    actions.close(two, ANNE, Closing(1, "real"))
    assert export(two)["manifest"]["incident"] == 1
    actions.reopen(two, ANNE, actions.Which(1))
    actions.merge(two, ANNE, Merging(1, 2))
    with pytest.raises(UsageError, match="export that one"):
        export(two, 2)
    with pytest.raises(UsageError, match="There is no incident 9"):
        export(two, 9)


@pytest.mark.parametrize("zone", ["../../etc/passwd", "/etc/passwd", "", "Nowhere"])
def test_a_zone_is_a_zone(zone: str, two: Store) -> None:
    with pytest.raises(UsageError, match="no time zone"):
        export(two, zone=zone)
