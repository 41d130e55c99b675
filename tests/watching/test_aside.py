"""What is set aside stays so, as long as the journal holds it."""

import asyncio
from pathlib import Path

from beffroi.logs.journal import Journal
from beffroi.watching import aside
from beffroi.watching.suspicion import Culprit
from tests.watching.watch import arrival, shadows


def test_it_is_remembered_until_the_journal_lets_go_of_it(tmp_path: Path) -> None:
    assert aside.load(tmp_path) == frozenset()

    async def main() -> None:
        with Journal.open(tmp_path, segment_bytes=2_000) as journal:
            positions = [await journal.append(arrival(shadows(number))) for number in range(20)]
            first, last = Culprit(positions[0], 0), Culprit(positions[-1], 0)
            aside.add(tmp_path, [first])
            aside.add(tmp_path, [last])
            assert aside.load(tmp_path) == {first, last}
            journal.trim(positions[-2])
            aside.add(tmp_path, [])
            assert aside.load(tmp_path) == {last}

    asyncio.run(main())


def test_a_damaged_list_is_none(tmp_path: Path) -> None:
    (tmp_path / aside.NAME).write_bytes(b"[[5,")
    assert aside.load(tmp_path) == frozenset()
    aside.add(tmp_path, [Culprit(5, 1)])
    assert aside.load(tmp_path) == {Culprit(5, 1)}
