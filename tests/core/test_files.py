"""Files that last, and that overwrite nothing."""

import resource
import signal
import stat
from multiprocessing import get_context
from pathlib import Path

import pytest

from beffroi.core.files import fresh_file


def test_a_fresh_file_is_whole_and_its_owner_s_alone(tmp_path: Path) -> None:
    with fresh_file(tmp_path / "a") as write:
        assert (tmp_path / "a").read_bytes() == b""  # the name is claimed
        with pytest.raises(FileExistsError), fresh_file(tmp_path / "a"):
            pass
        write(b"whole")
    assert (tmp_path / "a").read_bytes() == b"whole"
    assert stat.S_IMODE((tmp_path / "a").stat().st_mode) == 0o600
    with pytest.raises(FileExistsError), fresh_file(tmp_path / "a"):
        pass
    assert [each.name for each in tmp_path.iterdir()] == ["a"]


def test_what_is_there_is_never_written_through_a_link(tmp_path: Path) -> None:
    (tmp_path / "a").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(FileExistsError), fresh_file(tmp_path / "a"):
        pass
    assert not (tmp_path / "elsewhere").exists()


def test_nothing_is_left_where_the_body_fails(tmp_path: Path) -> None:
    with pytest.raises(ZeroDivisionError), fresh_file(tmp_path / "a"):
        raise ZeroDivisionError
    assert list(tmp_path.iterdir()) == []


def _too_much(path: Path) -> None:
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1_000, 1_000))
    try:
        with fresh_file(path) as write:
            write(b"x" * 5_000)
    except OSError:
        raise SystemExit(7) from None


def test_nothing_is_left_where_there_is_no_room(tmp_path: Path) -> None:
    process = get_context("spawn").Process(target=_too_much, args=(tmp_path / "a",))
    process.start()
    process.join(60)
    assert process.exitcode == 7
    assert list(tmp_path.iterdir()) == []
