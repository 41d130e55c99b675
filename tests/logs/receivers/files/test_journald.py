"""The machine's journal, read by the real journalctl from journals that systemd-journal-remote wrote."""

import asyncio
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import orjson
import pytest

from beffroi.logs.arrival import Form, Proof
from beffroi.logs.receivers.files import Journald
from tests.debian import environment, unpacked
from tests.logs.receivers.files.keeper import Keeper, run, until


class Journal:
    """A folder with a journal that grows by `add`; each call makes a file of its own, as rotation does."""

    def __init__(self, folder: Path) -> None:
        if not shutil.which("journalctl"):
            pytest.skip("needs journalctl (Debian's systemd)")
        self.root = unpacked("systemd-journal-remote")
        self.folder = folder / "journal"
        self.folder.mkdir()
        self.count = 0
        self.boot = "1234567890abcdef1234567890abcdef"

    def add(self, *messages: str) -> None:
        entries = []
        for message in messages:
            self.count += 1
            moment = 1_764_000_000_000_000 + self.count
            entries.append(
                f"__REALTIME_TIMESTAMP={moment}\n__MONOTONIC_TIMESTAMP={self.count}\n_BOOT_ID={self.boot}\n"
                f"PRIORITY=6\n_COMM=sshd\nSYSLOG_IDENTIFIER=sshd\n_HOSTNAME=nas\nMESSAGE={message}\n\n"
            )
        made = self.folder.parent / f"{self.count}.journal"
        command: list[str | Path] = [self.root / "lib/systemd/systemd-journal-remote", f"--output={made}", "-"]
        subprocess.run(
            command,
            env=environment(self.root),
            input="".join(entries).encode(),
            check=True,
            timeout=20,
            capture_output=True,
        )
        made.rename(self.folder / made.name)

    def reader(self, keeper: Keeper, **how: float) -> Journald:
        arguments = [f"--directory={self.folder}"]
        return Journald(keeper, self.folder.parent / "state", arguments=arguments, pause=0.05, **how)  # type: ignore[arg-type]


@pytest.fixture
def journal(tmp_path: Path) -> Journal:
    return Journal(tmp_path)


def told(keeper: Keeper) -> list[str]:
    return [orjson.loads(text)["MESSAGE"] for text in keeper.messages]


@pytest.mark.slow
def test_what_comes_is_read_and_after_a_restart_it_goes_on(journal: Journal, tmp_path: Path) -> None:
    journal.add("old")
    keeper = Keeper()
    reader = journal.reader(keeper)
    added = 0.0

    def done() -> bool:
        nonlocal added
        if time.monotonic() > added + 2 and journal.count < 4:  # journalctl must have begun
            if added:
                journal.add("one", 'with "__CURSOR":"forged"', "three")
            added = time.monotonic()
        return len(keeper.messages) >= 3

    until(reader.serve, done)
    assert told(keeper) == ["one", 'with "__CURSOR":"forged"', "three"]
    proof, batch = keeper.batches[0]
    assert (proof, batch.form) == (Proof("journald", ""), Form.JOURNALD)
    assert keeper.ids == [orjson.loads(text)["__CURSOR"] for text in keeper.messages]
    journal.add("while it was off", "and more")
    again = Keeper()
    until(journal.reader(again).serve, lambda: len(again.messages) >= 2)
    assert told(again) == ["while it was off", "and more"]
    assert not set(again.ids) & set(keeper.ids)


@pytest.mark.slow
def test_ten_thousand_entries_come_once_and_in_order(journal: Journal, tmp_path: Path) -> None:
    journal.add("first")
    keeper = Keeper()
    listed = subprocess.run(
        ["journalctl", "-o", "json", f"--directory={journal.folder}"], capture_output=True, check=True, timeout=20
    )
    cursor = orjson.loads(listed.stdout)["__CURSOR"]
    (tmp_path / "state").write_bytes(orjson.dumps({"form": 1, "state": {"cursor": cursor}}))
    journal.add(*(f"entry {number}" for number in range(10_000)))
    until(journal.reader(keeper).serve, lambda: len(keeper.messages) >= 10_000, 40)
    assert told(keeper) == [f"entry {number}" for number in range(10_000)]


def test_a_machine_without_journalctl_is_told_once(tmp_path: Path) -> None:
    reader = Journald(Keeper(), tmp_path / "state", program="no-such-journalctl")
    run(reader.serve())
    (fault,) = reader.complaints.last
    assert "has no journalctl" in str(fault)


def program(folder: Path, body: str) -> str:
    path = folder / "fake-journalctl"
    path.write_text(f"#!{sys.executable}\nimport sys, time\n{body}")
    path.chmod(0o755)
    return str(path)


def test_it_is_started_again_when_it_ends_and_says_why(tmp_path: Path) -> None:
    name = program(
        tmp_path, "sys.stderr.write('x' * 100_000 + '\\nFailed to seek to cursor: Invalid argument'); sys.exit(1)"
    )
    (tmp_path / "state").write_bytes(orjson.dumps({"form": 1, "state": {"cursor": "s=1"}}))
    reader = Journald(Keeper(), tmp_path / "state", program=name, pause=0.01)
    until(reader.serve, lambda: reader.complaints.count >= 2)
    assert "Failed to seek to cursor" in str(reader.complaints.last[0])
    assert reader._cursor is None


def test_what_is_no_entry_or_too_long_is_passed_over(tmp_path: Path) -> None:
    name = program(
        tmp_path,
        """
print("no json")
print('{"__CURSOR":"s=1","MESSAGE":"' + "x" * 5_000_000 + '"}')
print('{"__CURSOR" : "s=2;i=3", "MESSAGE":"good"}', flush=True)
time.sleep(30)
""",
    )
    keeper = Keeper()
    reader = Journald(keeper, tmp_path / "state", program=name)
    until(reader.serve, lambda: bool(keeper.messages))
    assert keeper.ids == ["s=2;i=3"]
    assert reader.cut == 1


def test_a_cursor_from_a_tampered_file_is_no_argument(tmp_path: Path) -> None:
    (tmp_path / "state").write_bytes(orjson.dumps({"form": 1, "state": {"cursor": "s=1 --file=/etc/passwd\n"}}))
    name = program(tmp_path, f"open({str(tmp_path / 'said')!r}, 'w').write(repr(sys.argv)); time.sleep(30)")
    reader = Journald(Keeper(), tmp_path / "state", program=name)
    until(reader.serve, lambda: (tmp_path / "said").exists() and bool((tmp_path / "said").read_text()))
    assert "passwd" not in (tmp_path / "said").read_text()


def test_the_child_ends_with_its_reader(tmp_path: Path) -> None:
    name = program(tmp_path, f"import os; open({str(tmp_path / 'pid')!r}, 'w').write(str(os.getpid())); time.sleep(60)")

    async def cancelled() -> None:
        reader = Journald(Keeper(), tmp_path / "state", program=name)
        async with asyncio.timeout(20), asyncio.TaskGroup() as tasks:
            serving = tasks.create_task(reader.serve())
            while not (tmp_path / "pid").exists() or not (tmp_path / "pid").read_text():  # noqa: ASYNC110
                await asyncio.sleep(0.01)
            serving.cancel()

    asyncio.run(cancelled())
    pid = int((tmp_path / "pid").read_text())
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)
