"""A whole house that starts on a damaged journal or archive: it goes on, tells of it, and everything that is whole is found."""

import os
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.service import adversity
from tests.service.house import House, archived, searched
from tests.service.test_poison import shadows
from tests.service.test_whole import bulk

if TYPE_CHECKING:
    from collections.abc import Callable

pytestmark = [pytest.mark.long, pytest.mark.timeout(240)]
BATCH = 10


def cut(segment: Path) -> None:
    os.truncate(segment, segment.stat().st_size - 30)


def garbage(segment: Path) -> None:
    with segment.open("ab") as file:
        file.write(bytes(range(256)) * 3)


def zeros(segment: Path) -> None:
    """As a file system leaves it that had made the file longer and not written it yet."""
    with segment.open("ab") as file:
        file.write(bytes(1 << 16))


def overwritten(segment: Path) -> None:
    with segment.open("r+b") as file:
        file.seek(-400, os.SEEK_END)
        file.write(bytes(100))


def test_it_goes_on_behind_what_is_damaged_at_the_end_of_its_journal(tmp_path: Path) -> None:
    """What the disk itself lost is one batch each time: told, and nothing beside it."""
    damages: tuple[tuple[Callable[[Path], None], int], ...] = (
        (cut, BATCH), (garbage, 0), (zeros, 0), (overwritten, BATCH)
    )  # fmt: skip
    with House(tmp_path / "house", plain=("bulk",)) as house:
        sent = lost = 0
        for damage, costs in damages:
            for _ in range(2):
                bulk(house, *(shadows(sent + number) for number in range(BATCH)))
                sent += BATCH
            house.kill()
            damage(max((house.data / "journal").glob("*.journal")))
            lost += costs
            told = (house.folder / "log").stat().st_size
            house.start()
            assert "the end holds no whole record" in (house.folder / "log").read_text("utf-8")[told:]
        bulk(house, *(shadows(sent + number) for number in range(BATCH)))
        sent += BATCH
        house.settled()
        assert len(searched(house, "--text", "delete shadows")) == sent - lost
        assert sent - lost <= house.rows("SELECT count(*) FROM matches")[0][0] <= sent
        assert "Traceback" not in house.log()


def test_it_goes_on_with_an_archive_that_is_half_written(tmp_path: Path) -> None:
    often = adversity.constants(archiving__PAUSE=0.3, running__MINUTE=0.5)
    with House(tmp_path / "house", plain=("bulk",), python=adversity.python(tmp_path, often)) as house:
        archive = house.data / "archive"
        bulk(house, *(shadows(number) for number in range(BATCH)))
        archived(house)
        house.kill()
        [part] = archive.glob("day=*/*/*.parquet")
        half = part.read_bytes()[: part.stat().st_size // 2]
        part.with_name("0000000000000009-0000000000000010-0.parquet").write_bytes(
            half
        )  # moved there, not yet in the index
        (archive / "index.json.new").write_bytes((archive / "index.json").read_bytes()[:40])
        (archive / ".staging").mkdir(exist_ok=True)
        (archive / ".staging/0.parquet").write_bytes(half)
        house.start()
        bulk(house, *(shadows(number) for number in range(BATCH, 2 * BATCH)))
        archived(house)
        assert len(searched(house, "--text", "delete shadows")) == 2 * BATCH
        whole = (archive / "index.json").read_bytes()
        (archive / "index.json").write_bytes(whole[: len(whole) // 2])
        bulk(house, *(shadows(number) for number in range(2 * BATCH, 3 * BATCH)))
        assert house.until("SELECT 1 FROM findings WHERE subject = 'archive' AND closed IS NULL")
        (archive / "index.json").write_bytes(whole)
        archived(house)
        assert house.until("SELECT 1 FROM findings WHERE subject = 'archive' AND closed IS NOT NULL")
        assert len(searched(house, "--text", "delete shadows")) == 3 * BATCH
