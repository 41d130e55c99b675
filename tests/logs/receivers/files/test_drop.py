"""Recordings and audit exports laid into the drop folder: read whole, kept as history, put away."""

import csv
import io
import os
import random
import signal
import subprocess
import sys
import time
import zipfile
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import orjson
import pytest

from beffroi.logs.arrival import Form, Proof
from beffroi.logs.formats import FaultLog, Limits, recordings
from beffroi.logs.receivers.files import Drop, drop, m365
from tests.logs.receivers.files.keeper import Keeper, kept, run, until

RECORD = {
    "CreationTime": "2026-11-20T08:15:00", "Id": "00000000-0000-4000-8000-000000000001", "Operation": "UserLoggedIn",
    "OrganizationId": "00000000-0000-4000-8000-00000000000f", "RecordType": 15, "Workload": "AzureActiveDirectory",
    "UserId": "lea.dubois@maison.example", "ClientIP": "203.0.113.7", "ExtendedProperties": [{"Name": "x", "Value": 'a "b", c'}],
}  # fmt: skip
BROKEN = b"ElfFile\0" + b"\xff" * 5_000


def record(number: int, **values: Any) -> dict[str, Any]:
    return {**RECORD, "Id": f"00000000-0000-4000-8000-{number:012d}", **values}


def purview(records: list[dict[str, Any]], separator: str = ",") -> str:
    text = io.StringIO()
    rows = csv.writer(text, delimiter=separator)
    rows.writerow(
        ["RecordId", "CreationDate", "RecordType", "Operation", "UserId", "AuditData", "AssociatedAdminUnits"]
    )
    for each in records:
        rows.writerow(
            [each["Id"], each["CreationTime"], 15, each["Operation"], each["UserId"], orjson.dumps(each).decode(), ""]
        )
    return text.getvalue()


class Folder:
    def __init__(self, folder: Path) -> None:
        self.path, self.state, self.keeper = folder / "drop", folder / "state", Keeper()
        self.path.mkdir()
        self.drop = self.start()

    def start(self) -> Drop:
        self.drop = Drop(self.keeper, self.path, self.state, poll=0.01, settle=0.05, limits=Limits(line=1 << 20))
        return self.drop

    def lay(self, name: str, content: bytes | str) -> Path:
        path = self.path / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path

    def work(self, files: int = 1) -> None:
        until(self.drop.serve, lambda: self.drop.files >= files)

    def named(self, folder: str) -> list[str]:
        return sorted(path.name for path in (self.path / folder).iterdir())


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    return Folder(tmp_path)


def test_event_logs_are_taken_whole_with_an_identity(folder: Folder, corpus: Path) -> None:
    source = min((corpus / "evtx-attack-samples" / "Execution").glob("*.evtx"))
    wanted = [event for recording in recordings([source], faults=[]) for event in recording.events()]
    folder.lay("night.evtx", source.read_bytes())
    folder.work()
    assert folder.keeper.messages == [str(event[2]).encode() for event in wanted]
    assert len(set(folder.keeper.ids)) == len(wanted) > 0
    proof, batch = folder.keeper.batches[0]
    assert (proof, batch.form, batch.historic) == (Proof("drop", "", name="night.evtx"), Form.WINDOWS, True)
    assert folder.named("done") == ["night.evtx"]
    assert folder.named("failed") == []
    ids = folder.keeper.ids.copy()
    folder.lay("the same again.evtx", source.read_bytes())
    folder.work(2)
    assert folder.keeper.ids == ids * 2


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
@pytest.mark.parametrize("separator", [",", ";"])
def test_purview_csv(encoding: str, separator: str, folder: Folder) -> None:
    records = [record(1), record(2, UserId="zoé@maison.example", Note="l\nine" + "x" * 100_000)]
    folder.lay("audit.csv", purview(records, separator).encode(encoding))
    folder.work()
    assert [orjson.loads(text) for text in folder.keeper.messages] == records
    assert folder.keeper.ids == [each["Id"] for each in records]
    assert {(batch.form, batch.historic) for _, batch in folder.keeper.batches} == {(Form.M365, True)}
    assert folder.named("done") == ["audit.csv"]


@pytest.mark.parametrize(
    "content",
    [
        orjson.dumps([record(1), record(2)]),
        b"\n".join(map(orjson.dumps, (record(1), record(2)))),
        orjson.dumps([{"Identity": "x", "AuditData": orjson.dumps(record(n)).decode()} for n in (1, 2)]),
        orjson.dumps([{"Identity": "x", "AuditData": record(n)} for n in (1, 2)], option=orjson.OPT_INDENT_2),
    ],
)
def test_audit_records_as_json_in_every_export_s_shape(content: bytes, folder: Folder) -> None:
    folder.lay("audit.json", content)
    folder.work()
    assert [orjson.loads(text) for text in folder.keeper.messages] == [record(1), record(2)]
    assert {batch.form for _, batch in folder.keeper.batches} == {Form.M365}
    assert folder.keeper.ids == [record(1)["Id"], record(2)["Id"]]


def test_other_json_and_xml_are_json_with_ids_of_the_file_s_own(folder: Folder) -> None:
    folder.lay("a.json", b'{"EventID":1,"Channel":"x"}\n{"EventID":1,"Channel":"x"}\n')
    xml = '<Event xmlns="http://schemas.microsoft.com/win/2004/08/events/event"><System><EventID>4625</EventID><Channel>Security</Channel></System></Event>'
    folder.lay("b.xml", xml)
    folder.work(2)
    assert {batch.form for _, batch in folder.keeper.batches} == {Form.JSON}
    assert len(set(folder.keeper.ids)) == 3
    assert orjson.loads(folder.keeper.messages[2])["EventID"] == 4625


def test_an_archive_with_everything(folder: Folder) -> None:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("audit.csv", purview([record(1), record(2)]))
        archive.writestr("events.json", b'{"EventID":1,"Channel":"x"}')
        archive.writestr("README.txt", b"hello")
    folder.lay("all.zip", packed.getvalue())
    folder.work()
    assert sorted(batch.form for _, batch in folder.keeper.batches) == [Form.JSON, Form.M365]
    assert len(folder.keeper.messages) == 3
    assert folder.named("done") == ["all.zip", "all.zip.txt"]
    told = (folder.path / "done" / "all.zip.txt").read_text()
    assert "all.zip!README.txt" in told
    assert str(folder.path) not in told
    assert "audit.csv" not in told


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "content", "why"),
    [
        ("holiday.jpg", b"\xff\xd8\xff\xe0 JFIF", "it is no event log"),
        ("empty.evtx", b"", "the file is empty"),
        ("empty.csv", purview([]).encode(), "no event was found"),
        ("bomb.gz", b"\x1f\x8b\x08\0\0\0\0\0\0\3nonsense", "all"),
        ("wrong.csv", b"a,AuditData\r\n1,{\r\n", "it is no JSON"),
        ("short.csv", b"a,AuditData\r\n1\r\n", "it has no AuditData"),
        ("other.csv", b'a,AuditData\r\n1,"{""x"":1}"\r\n', "is no record of an audit log"),
        ("unending.csv", b'a,AuditData\r\n1,"{' + b"x" * 3_000_000, "this is no CSV"),
        ("broken.evtx", BROKEN, "chunk"),
    ],
)
def test_what_cannot_be_read_is_put_away_with_the_reason(name: str, content: bytes, why: str, folder: Folder) -> None:
    folder.lay(name, content)
    folder.work()
    assert folder.keeper.messages == []
    assert folder.named("failed") == [name, f"{name}.txt"]
    told = (folder.path / "failed" / f"{name}.txt").read_text()
    assert "0 events were kept." in told
    assert why == "all" or why in told
    assert [fault.path for fault in folder.drop.complaints.last] == [str(folder.path / "failed" / name)]


@pytest.mark.slow
def test_links_pipes_and_folders_lead_nowhere(folder: Folder, tmp_path: Path) -> None:
    (tmp_path / "secret.json").write_bytes(b'{"secret": 1}')
    (folder.path / "link.json").symlink_to(tmp_path / "secret.json")
    os.mkfifo(folder.path / "pipe.json")
    (folder.path / "folder").mkdir()
    folder.work(2)
    assert folder.keeper.messages == []
    assert folder.named("failed") == ["link.json", "link.json.txt", "pipe.json", "pipe.json.txt"]
    assert any("lay the files themselves here" in str(fault) for fault in folder.drop.complaints.last)


def test_names_are_never_taken_twice_nor_shown_raw(folder: Folder) -> None:
    for number in (1, 2):
        folder.lay("a\x1b[31m.json", orjson.dumps(record(number)))
        folder.work(number)
    assert len(folder.named("done")) == 2
    assert all("\x1b" not in proof.name for proof, _ in folder.keeper.batches if proof.name)


def test_a_file_that_still_grows_or_is_hidden_waits(tmp_path: Path) -> None:
    now = 0.0
    (tmp_path / "drop").mkdir()
    drop = Drop(Keeper(), tmp_path / "drop", tmp_path / "state", settle=5, now=lambda: now)
    for name in ("a.json", ".b.json", "c.json.part", "d.json.crdownload"):
        (tmp_path / "drop" / name).write_text("{")
    assert drop._settled() == []
    now = 4
    with (tmp_path / "drop" / "a.json").open("a") as file:
        file.write("}")
    assert drop._settled() == []
    now = 8
    assert drop._settled() == []
    now = 9
    assert drop._settled() == ["a.json"]


def test_an_empty_file_may_be_a_copy_that_has_just_begun(tmp_path: Path) -> None:
    now = 0.0
    (tmp_path / "drop").mkdir()
    drop = Drop(Keeper(), tmp_path / "drop", tmp_path / "state", settle=5, now=lambda: now)
    (tmp_path / "drop" / "a.json").touch()
    assert drop._settled() == []
    now = 59
    assert drop._settled() == []
    now = 60
    assert drop._settled() == ["a.json"]


def test_why_a_file_could_not_be_read_is_said_in_the_language_of_the_house(tmp_path: Path) -> None:
    (tmp_path / "drop").mkdir()
    (tmp_path / "drop" / "a.json").touch()
    drop = Drop(Keeper(), tmp_path / "drop", tmp_path / "state", settle=0, language=lambda: "fr")
    [name] = drop._settled()
    run(drop._take(name))
    told = (tmp_path / "drop" / "failed" / "a.json.txt").read_text("utf-8")
    assert told == "Événements gardés\u202f: 0.\na.json\u202f: aucun événement n’y a été trouvé\n"


def test_a_file_that_changes_while_it_is_read_is_read_again(folder: Folder) -> None:
    path = folder.lay("a.json", orjson.dumps(record(1)) + b"\n")

    class Meddler(Keeper):
        async def take(self, *args: Any, **how: Any) -> None:
            await super().take(*args, **how)
            if len(self.batches) == 1:
                with path.open("ab") as file:
                    file.write(orjson.dumps(record(2)))

    folder.keeper = Meddler()
    folder.start()
    folder.work()
    assert folder.keeper.ids == [record(1)["Id"], record(1)["Id"], record(2)["Id"]]
    assert folder.named("done") == ["a.json"]


DROPPER = """
import asyncio, sys
from pathlib import Path
from beffroi.logs.receivers.files import Drop
from tests.logs.receivers.files.keeper import Keeper
folder = Path(sys.argv[1])
asyncio.run(Drop(Keeper(folder / "kept"), folder / "drop", folder / "state", poll=0.01, settle=0.01).serve())
"""


@pytest.mark.slow
@pytest.mark.timeout(120)
def test_killed_while_it_reads_nothing_is_lost_and_what_comes_twice_has_its_id(root: Path, tmp_path: Path) -> None:
    chance = random.Random(3)
    (tmp_path / "drop").mkdir()
    text = "".join(orjson.dumps({"EventID": 1, "n": number}).decode() + "\n" for number in range(100_000))
    (tmp_path / "drop" / "many.json").write_text(text)
    done, state = tmp_path / "drop" / "done" / "many.json", tmp_path / "state"
    kills = 0
    while not done.exists() and kills < 60:
        before = state.stat().st_mtime_ns if state.exists() else None
        with subprocess.Popen([sys.executable, "-c", DROPPER, tmp_path], cwd=root) as dropper:
            # However slow the machine is, it gets some way.
            while not done.exists() and (not state.exists() or state.stat().st_mtime_ns == before):
                time.sleep(0.005)
            time.sleep(chance.uniform(0, 0.4))
            dropper.send_signal(signal.SIGKILL)
        kills += 1
    pairs = kept(tmp_path / "kept")
    found = {orjson.loads(text)["n"]: own for own, text in pairs}
    assert kills > 2
    assert found.keys() == set(range(100_000))
    assert len(set(found.values())) == 100_000 == len({own for own, _ in pairs})
    assert len(pairs) <= 100_000 + kills * 1_000


@pytest.mark.parametrize(
    ("head", "is_export"),
    [
        (b'"RecordId","AuditData"\r\n', True),
        (b"\xef\xbb\xbfRecordId;AuditData\n", True),
        (b'#TYPE Deserialized.Something\r\n"PSComputerName","AuditData"\r\n', True),
        ("RecordId,AuditData\r\n".encode("utf-16"), True),
        (b'{"AuditData": 1}', False),
        (b'[{"a":1,"AuditData":2}', False),
        (b"RecordId,Data\nAuditData", False),
        (b"", False),
    ],
)
def test_exports_are_known_by_their_first_line(head: bytes, is_export: bool) -> None:
    assert m365.is_csv(head) is is_export


def test_a_first_line_of_powershell_is_passed_over() -> None:
    text = b"#TYPE Deserialized.Something\r\n" + purview([record(1)]).encode()
    faults: list[Any] = []
    found = list(m365.read_csv(text, io.BytesIO(text), FaultLog("a", faults, 10), Limits()))
    assert ([each.id for each in found], faults) == ([record(1)["Id"]], [])


def test_what_was_put_away_goes_with_its_days_and_nothing_else_does(tmp_path: Path) -> None:
    for away in ("done", "failed"):
        (tmp_path / away).mkdir()
        (tmp_path / away / "old.evtx").write_bytes(b"x")
        os.utime(tmp_path / away / "old.evtx", (0, 0))  # when it was written is the recording's own matter
    (tmp_path / "waiting.evtx").write_bytes(b"x")
    (tmp_path / "outside").write_bytes(b"x")
    (tmp_path / "done" / "link").symlink_to(tmp_path / "outside")
    (tmp_path / "done" / "folder").mkdir()
    now = datetime.now(UTC)
    assert drop.forget(tmp_path, now - timedelta(days=1)) == 0
    assert drop.forget(tmp_path, now + timedelta(minutes=1)) == 2
    assert sorted(each.name for each in tmp_path.rglob("*")) == [
        "done",
        "failed",
        "folder",
        "link",
        "outside",
        "waiting.evtx",
    ]
    assert drop.forget(tmp_path / "nowhere", now) == 0
