"""Recordings cut into tasks: everything once, in order, nothing too large beside others."""

from pathlib import Path

import pytest

from beffroi.hunting import tasks as module
from beffroi.hunting.tasks import TASK_BYTES, TASK_FILES, Task, tasks
from beffroi.logs.formats import files
from tests.hunting.hunts import event, write


def cut_up(folder: Path, *, cut: bool = False) -> list[Task]:
    return list(tasks(files([folder], faults=[]), cut=cut))


def names(task: Task) -> list[str]:
    return [Path(part.path).name for part in task.parts]


def test_small_files_go_together_and_a_large_one_ends_its_task(tmp_path: Path) -> None:
    for place in range(10):
        (tmp_path / f"{place}.json").write_bytes(b"x" * (TASK_BYTES if place == 4 else 10))
    cut = cut_up(tmp_path)
    assert list(map(names, cut)) == [
        ["0.json", "1.json", "2.json", "3.json", "4.json"],
        ["5.json", "6.json", "7.json", "8.json", "9.json"],
    ]
    assert [task.size for task in cut] == [TASK_BYTES + 40, 50]


def test_a_large_file_is_cut_and_each_part_is_a_task(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "TASK_BYTES", 10_000)
    monkeypatch.setattr(module, "PART_BYTES", 5_000)
    for place in range(3):
        write(tmp_path / f"{place}.json", (event(number) for number in range(100 if place == 1 else 1)))
    assert list(map(names, cut_up(tmp_path))) == [["0.json", "1.json"], ["2.json"]]
    cut = cut_up(tmp_path, cut=True)
    assert list(map(names, cut)) == [["0.json"], *[["1.json"]] * (len(cut) - 2), ["2.json"]]
    assert len(cut) > 5
    assert sum(task.size for task in cut) == sum(path.stat().st_size for path in tmp_path.iterdir())


def test_a_large_file_that_must_stay_whole_is_a_task_of_its_own(tmp_path: Path) -> None:
    for place in range(3):
        (tmp_path / f"{place}.json").write_bytes(b"x" * (TASK_BYTES if place == 1 else 10))
    assert list(map(names, cut_up(tmp_path, cut=True))) == [["0.json"], ["1.json"], ["2.json"]]


def test_a_task_has_a_bounded_number_of_files(tmp_path: Path) -> None:
    for place in range(TASK_FILES * 2 + 1):
        (tmp_path / f"{place:04d}.json").touch()
    cut = cut_up(tmp_path)
    assert [len(task.parts) for task in cut] == [TASK_FILES, TASK_FILES, 1]
    assert [Path(part.path) for task in cut for part in task.parts] == sorted(tmp_path.iterdir())


def test_no_file_is_no_task(tmp_path: Path) -> None:
    assert cut_up(tmp_path) == []
