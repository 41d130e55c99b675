"""Recordings cut into tasks: everything once, in order, nothing too large beside others."""

from pathlib import Path

import pytest

from beffroi.core.errors import InputError
from beffroi.core.model import Fault
from beffroi.hunting.tasks import TASK_BYTES, TASK_FILES, tasks


def test_small_files_go_together_and_a_large_one_ends_its_task(tmp_path: Path) -> None:
    for place in range(10):
        (tmp_path / f"{place}.json").write_bytes(b"x" * (TASK_BYTES if place == 4 else 10))
    cut = list(tasks([tmp_path], []))
    assert [[path.name for path in task.paths] for task in cut] == [
        ["0.json", "1.json", "2.json", "3.json", "4.json"],
        ["5.json", "6.json", "7.json", "8.json", "9.json"],
    ]
    assert [task.size for task in cut] == [TASK_BYTES + 40, 50]


def test_a_task_has_a_bounded_number_of_files(tmp_path: Path) -> None:
    for place in range(TASK_FILES * 2 + 1):
        (tmp_path / f"{place:04d}.json").touch()
    cut = list(tasks([tmp_path], []))
    assert [len(task.paths) for task in cut] == [TASK_FILES, TASK_FILES, 1]
    assert [path for task in cut for path in task.paths] == sorted(tmp_path.iterdir())


def test_what_a_folder_holds_besides_files_is_told_once(tmp_path: Path) -> None:
    (tmp_path / "a.json").touch()
    (tmp_path / "link").symlink_to("a.json")
    faults = list[Fault]()
    [task] = tasks([tmp_path], faults)
    assert [path.name for path in task.paths] == ["a.json"]
    assert [Path(fault.path).name for fault in faults] == ["link"]


def test_no_file_is_no_task(tmp_path: Path) -> None:
    assert list(tasks([tmp_path], [])) == []


def test_a_missing_path_is_an_error_before_the_first_task(tmp_path: Path) -> None:
    (tmp_path / "a.json").touch()
    with pytest.raises(InputError, match="gone"):
        next(tasks([tmp_path, tmp_path / "gone"], []))
