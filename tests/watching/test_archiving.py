"""The journal → the archive, in the process that really does it."""

import asyncio
import json
import signal
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import msgspec
import pytest

from beffroi.logs.arrival import Form
from beffroi.logs.journal import Journal
from beffroi.watching.archiving import Done, Job, rows
from tests.watching.watch import BRUSSELS, arrival, shadows

pytestmark = pytest.mark.slow


def keep(data: Path, count: int, start: int = 0) -> int:
    """Batches of a Windows event, a line of syslog, and something nobody can read."""

    async def main() -> int:
        position = 0
        with Journal.open(data / "journal") as journal:
            for number in range(start, start + count):
                await journal.append(arrival(shadows(number)))
                await journal.append(arrival(b"<86>Nov 25 12:00:00 nas doord: door %d" % number, form=Form.SYSLOG))
                position = await journal.append(arrival(b"{broken words %d" % number, form=Form.JSON))
        return position

    return asyncio.run(main())


def command(data: Path, until: int) -> list[str]:
    job = Job(
        str(data / "journal"),
        str(data / "archive"),
        until,
        "Europe/Brussels",
        3_650,
        0.5,
        datetime.now(UTC),
        compact=True,
    )
    return [sys.executable, "-I", "-X", "utf8", "-m", "beffroi.watching.archiving", msgspec.json.encode(job).decode()]


def archived(data: Path, until: int) -> Done:
    return msgspec.json.decode(subprocess.run(command(data, until), capture_output=True, check=True).stdout, type=Done)


def search(folder: Path, *words: str) -> list[dict[str, object]]:
    config = folder / "beffroi.toml"
    config.write_text(f'[paths]\ndata = "{folder / "data"}"\n')
    found = subprocess.run(
        [sys.executable, "-I", "-X", "utf8", "-m", "beffroi", "search", *words, "--json", "--config", str(config)],
        capture_output=True, check=False,
    )  # fmt: skip
    assert found.returncode in (0, 1), found.stderr
    text = found.stdout.decode()
    value = json.loads(text) if text.lstrip().startswith("[") else [json.loads(line) for line in text.splitlines()]
    return list(value)


def test_what_is_archived_and_what_is_only_in_the_journal_is_found_once(tmp_path: Path) -> None:
    data = tmp_path / "data"
    done = archived(data, keep(data, 3))
    assert done.position > 0
    assert done.faults == []
    keep(data, 2, start=3)
    assert len(search(tmp_path, "--text", "delete shadows", "--since", "2026-01-01")) == 5
    assert len(search(tmp_path, "--text", "broken words", "--since", "2026-01-01")) == 5  # nobody could read it


def test_killed_in_the_middle_it_goes_on_where_it_was(tmp_path: Path) -> None:
    data = tmp_path / "data"
    until = keep(data, 400)
    for pause in (0.15, 0.3, 0.45):
        child = subprocess.Popen(command(data, until), stdout=subprocess.DEVNULL)
        try:
            child.wait(pause)
        except subprocess.TimeoutExpired:
            child.send_signal(signal.SIGKILL)
            child.wait()
    assert archived(data, until).position == until
    assert len(search(tmp_path, "--text", "broken words", "--since", "2026-01-01", "--limit", "5000")) == 400


def test_what_nobody_can_read_is_kept_with_its_words(tmp_path: Path) -> None:
    until = keep(tmp_path, 1)
    found = list(rows(tmp_path / "journal", BRUSSELS, 0, until))
    assert len(found) == 3
    assert found[2].raw == b"{broken words 0"
    assert found[2].fields == {}
