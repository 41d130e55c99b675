import errno
import os
import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from beffroi.core.errors import InputError
from beffroi.core.model import Fault
from beffroi.logs.formats import Limits, files, recordings
from beffroi.logs.formats.recognise import NO_LOG
from tests.logs.formats.samples import thirty

LINES = b'{"a":1}\n{"a":2}\n'


@pytest.fixture(autouse=True)
def no_waiting() -> Iterator[None]:
    """Whoever waits for a pipe is stopped by the suite's own time-out; no thread may stay behind."""
    before = threading.active_count()
    yield
    assert threading.active_count() == before


def read(*paths: Path) -> tuple[dict[str, int], list[Fault]]:
    faults: list[Fault] = []
    found = {}
    told: list[Fault] = []
    for recording in recordings(paths, faults=faults):
        found[recording.path] = sum(1 for _ in recording.events())
        told += recording.faults
    return found, [*faults, *told]


def test_a_folder_is_walked_in_the_order_of_names(tmp_path: Path) -> None:
    for name in ("b/2.json", "a/9.json", "a/1.evtx", "c.json", "a/x/0.json"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(thirty() if name.endswith("evtx") else LINES)
    found, faults = read(tmp_path)
    assert faults == []
    assert [name.removeprefix(f"{tmp_path}/") for name in found] == [
        "c.json",
        "a/1.evtx",
        "a/9.json",
        "a/x/0.json",
        "b/2.json",
    ]
    assert list(found.values()) == [2, 30, 2, 2, 2]
    assert [file.path for file in files([tmp_path], faults=[])] == list(found)


def test_names_say_nothing(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_bytes(thirty())
    (tmp_path / "b.evtx").write_bytes(LINES)
    (tmp_path / "c").write_bytes(b"\xef\xbb\xbf" + LINES)
    (tmp_path / "d").write_bytes("<?xml version='1.0'?>\n<Events><Event><System/></Event></Events>".encode("utf-16"))
    found, faults = read(tmp_path)
    assert (list(found.values()), faults) == ([30, 2, 2, 1], [])


def test_a_missing_path_is_an_error_before_anything_is_read(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_bytes(LINES)
    with pytest.raises(InputError, match="nowhere: there is no such file or folder"):
        recordings([tmp_path / "a.json", tmp_path / "nowhere"], faults=[])
    with pytest.raises(InputError, match=r"one, .*two: there are no such files or folders"):
        files([tmp_path / "one", tmp_path / "two"], faults=[])


def test_pipes_sockets_devices_and_links_are_named_and_nothing_hangs(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(tmp_path / "socket"))
    (tmp_path / "a.json").write_bytes(LINES)
    (tmp_path / "link.json").symlink_to(tmp_path / "a.json")
    (tmp_path / "loop").symlink_to(tmp_path)
    (tmp_path / "nowhere").symlink_to(tmp_path / "gone")
    found, faults = read(tmp_path)
    assert list(found.values()) == [2]
    named = {Path(fault.path).name: str(fault.what) for fault in faults}
    assert named == {
        "pipe": "it is a named pipe, not a file",
        "socket": "it is a socket, not a file",
        "link.json": "it is a link; name what it points to in order to read that",
        "loop": "it is a link; name what it points to in order to read that",
        "nowhere": "it is a link; name what it points to in order to read that",
    }
    told: list[Fault] = []
    assert [Path(file.path).name for file in files([tmp_path], faults=told)] == ["a.json"]
    assert len(told) == 5


def test_a_path_that_is_named_is_followed(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_bytes(LINES)
    (tmp_path / "link").symlink_to(tmp_path / "a.json")
    (tmp_path / "gone").symlink_to(tmp_path / "nowhere")
    assert list(read(tmp_path / "link")[0].values()) == [2]
    found, faults = read(tmp_path / "gone", Path("/dev/null"))
    assert found == {}
    assert [str(fault.what) for fault in faults] == [
        "it cannot be read: No such file or directory",
        "it is a device, not a file",
    ]


def test_what_may_not_be_read_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Root may read everything, so the refusal is played."""

    def refuse(*_: object, **__: object) -> None:
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))

    (tmp_path / "a.json").write_bytes(LINES)
    with monkeypatch.context() as patch:
        patch.setattr(os, "open", refuse)
        assert [str(fault.what) for fault in read(tmp_path)[1]] == ["it cannot be read: Permission denied"]
    monkeypatch.setattr(os, "scandir", refuse)
    assert [str(fault.what) for fault in read(tmp_path)[1]] == ["it cannot be read: Permission denied"]


def test_a_file_that_vanishes_or_changes_meanwhile_is_named(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_bytes(LINES)
    (tmp_path / "b.json").write_bytes(LINES)
    gathered = list(recordings([tmp_path], faults=[]))
    (tmp_path / "a.json").unlink()
    (tmp_path / "b.json").unlink()
    os.mkfifo(tmp_path / "b.json")
    assert [list(recording.events()) for recording in gathered] == [[], []]
    assert [str(recording.faults[0].what) for recording in gathered] == [
        "it cannot be read: No such file or directory",
        "it is a named pipe, not a file",
    ]


def test_a_file_cut_while_it_is_read_ends_there(tmp_path: Path) -> None:
    path = tmp_path / "a.evtx"
    path.write_bytes(thirty())
    (recording,) = recordings([path], faults=[])
    events = recording.events()
    first = next(events)
    os.truncate(path, 70_000)
    assert first[0] == 1
    assert len(list(events)) == 9
    assert recording.faults


def test_names_that_are_no_utf8_are_read_and_shown(tmp_path: Path) -> None:
    raw = os.fsencode(tmp_path) + b"/caf\xe9.json"
    Path(os.fsdecode(raw)).write_bytes(LINES)
    found, faults = read(tmp_path)
    assert faults == []
    (name,) = found
    assert name.endswith("/caf\\xe9.json")
    name.encode()


@pytest.mark.parametrize(
    ("name", "data", "what"),
    [
        ("a.evtx", b"", "the file is empty"),
        ("a.txt", b"# A title\n\nSome words.\n", str(NO_LOG)),
        ("a.png", b"\x89PNG\r\n\x1a\n" + bytes(5_000), str(NO_LOG)),
        ("a.log", bytes(10_000), "it holds nothing but zeros"),
        ("a.tar", b"name".ljust(257, b"\0") + b"ustar\x00", "it is a tar archive; unpack it first"),
    ],
)
def test_what_is_no_log_is_named(tmp_path: Path, name: str, data: bytes, what: str) -> None:
    (tmp_path / name).write_bytes(data)
    found, faults = read(tmp_path)
    assert list(found.values()) == [0]
    assert [str(fault.what) for fault in faults] == [what]


def test_an_empty_text_log_is_a_whole_log(tmp_path: Path) -> None:
    (tmp_path / "app.json").write_bytes(b"")
    found, faults = read(tmp_path)
    assert (list(found.values()), faults) == ([0], [])


def test_json_behind_a_long_beginning_of_rubbish_is_found(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"rubbish\n" * 2_000 + LINES)
    found, faults = read(tmp_path)
    assert list(found.values()) == [2]
    assert len(faults) == 1_001 or faults


def test_descriptors_are_given_back(tmp_path: Path) -> None:
    for number in range(50):
        (tmp_path / f"{number}.json").write_bytes(LINES)

    def opened() -> int:
        return sum(1 for _ in Path("/proc/self/fd").iterdir())

    before = opened()
    gathered = list(recordings([tmp_path], faults=[]))
    assert opened() == before
    for recording in gathered:
        assert next(recording.events())  # and no further
    assert opened() == before


def test_limits_can_be_given(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_bytes(LINES + b'{"a":"' + b"x" * 100 + b'"}\n')
    (recording,) = recordings([tmp_path], limits=Limits(line=50), faults=[])
    assert len(list(recording.events())) == 2
    assert list(map(str, recording.faults)) == [f"{recording.path}, line 3: it is longer than 50 bytes"]
