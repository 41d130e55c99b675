"""What is kept between starts: taken when it is ours and whole, else as if it were not there."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from beffroi.rules import cache, parse, repository
from beffroi.rules.repository import PACK, RuleSet, load
from tests.rules.test_repository import correlation, folder, rule


@pytest.fixture
def known(tmp_path: Path) -> Path:
    return folder(tmp_path / "rules", a=rule(), b=correlation(), bad="a: [")


@pytest.fixture
def kept(tmp_path: Path) -> Path:
    return tmp_path / "kept"


def only(kept: Path) -> Path:
    [path] = kept.iterdir()
    return path


def plain(found: RuleSet) -> object:
    return found.rules, [each.to_plain() for each in found.correlations], found.refused, found.fingerprint


@pytest.fixture
def untouched(monkeypatch: pytest.MonkeyPatch) -> None:
    """Translating is forbidden: what loads now comes from the cache."""
    monkeypatch.setattr(parse, "documents", pytest.fail)


def test_what_was_kept_is_what_was_translated(known: Path, kept: Path, request: pytest.FixtureRequest) -> None:
    made = load([known], cache_folder=kept)
    assert made.refused
    request.getfixturevalue("untouched")
    assert plain(load([known], cache_folder=kept)) == plain(made)


def test_the_whole_pack_comes_back_as_it_was(kept: Path, request: pytest.FixtureRequest) -> None:
    made = load([PACK], cache_folder=kept)
    request.getfixturevalue("untouched")
    assert plain(load([PACK], cache_folder=kept)) == plain(made)


def test_a_start_from_the_cache_loads_neither_pysigma_nor_yaml(known: Path, kept: Path) -> None:
    load([known], cache_folder=kept)
    program = (
        f"import sys; from pathlib import Path; from beffroi.rules.repository import load\n"
        f"assert len(load([Path({str(known)!r})], cache_folder=Path({str(kept)!r})).rules) == 1\n"
        f"print([name for name in ('sigma', 'yaml', 'pyparsing', 'requests') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-I", "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


@pytest.mark.slow
@pytest.mark.parametrize("cache_works", [True, False])
def test_what_is_translated_aside_leaves_nothing_behind_and_fails_with_the_cache_alone(
    known: Path, kept: Path, cache_works: bool
) -> None:
    folder = kept if cache_works else Path("/proc/nowhere")
    program = (
        f"import sys; from pathlib import Path; from beffroi.rules.repository import load\n"
        f"print(len(load([Path({str(known)!r})], cache_folder=Path({str(folder)!r}), aside=True).rules), 'sigma' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-I", "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout == f"1 {not cache_works}\n"


def test_what_is_kept_belongs_to_its_owner_alone(known: Path, kept: Path) -> None:
    load([known], cache_folder=kept)
    assert kept.stat().st_mode & 0o777 == 0o700
    assert only(kept).stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("mode", [0o620, 0o602, 0o666])
def test_a_file_that_others_may_write_is_not_taken(known: Path, kept: Path, mode: int) -> None:
    load([known], cache_folder=kept)
    path = only(kept)
    assert cache.read(kept, path.stem) is not None
    path.chmod(mode)
    assert cache.read(kept, path.stem) is None


def test_a_file_of_somebody_else_is_not_taken(known: Path, kept: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    load([known], cache_folder=kept)
    path = only(kept)
    monkeypatch.setattr(os, "geteuid", lambda: path.stat().st_uid + 1)
    assert cache.read(kept, path.stem) is None


def test_a_link_a_folder_and_a_pipe_are_not_taken(known: Path, kept: Path, tmp_path: Path) -> None:
    load([known], cache_folder=kept)
    path = only(kept)
    path.rename(tmp_path / "real")
    path.symlink_to(tmp_path / "real")
    assert cache.read(kept, path.stem) is None
    path.unlink()
    path.mkdir()
    assert cache.read(kept, path.stem) is None


@pytest.mark.timeout(10)
def test_a_pipe_in_its_place_does_not_make_it_wait(known: Path, kept: Path) -> None:
    load([known], cache_folder=kept)
    path = only(kept)
    path.unlink()
    os.mkfifo(path, 0o600)
    assert cache.read(kept, path.stem) is None


def test_what_was_kept_for_other_rules_is_not_taken(known: Path, kept: Path) -> None:
    load([known], cache_folder=kept)
    path = only(kept)
    other = "0" * 40
    path.rename(kept / f"{other}.rules")
    assert cache.read(kept, other) is None


@pytest.mark.slow
@given(st.data())
@settings(max_examples=60, suppress_health_check=list(HealthCheck))
def test_no_flipped_bit_cut_or_addition_is_ever_taken(data: st.DataObject) -> None:
    body = b'{"rules":[]}\n' * 3
    whole = cache.FORMAT + cache._digest("f", body).encode() + b"\n" + body
    change = data.draw(st.sampled_from(["flip", "cut", "add"]))
    place = data.draw(st.integers(0, len(whole) - 1))
    if change == "flip":
        broken = bytearray(whole)
        broken[place] ^= 1 << data.draw(st.integers(0, 7))
    else:
        broken = bytearray(whole[:place] if change == "cut" else whole + data.draw(st.binary(min_size=1)))
    folder = Path(os.environ.get("TMPDIR", "/tmp")) / f"beffroi-cache-{os.getpid()}"
    folder.mkdir(mode=0o700, exist_ok=True)
    path = folder / "f.rules"
    try:
        path.write_bytes(broken)
        path.chmod(0o600)
        assert cache.read(folder, "f") is None
        path.write_bytes(whole)
        assert cache.read(folder, "f") == body
    finally:
        path.unlink()
        folder.rmdir()


@pytest.mark.slow
def test_any_damage_to_the_file_gives_the_same_rules_as_none(known: Path, kept: Path) -> None:
    made = plain(load([known], cache_folder=kept))
    path = only(kept)
    whole = path.read_bytes()
    for place in [*range(0, len(whole), max(1, len(whole) // 60)), len(whole) - 1]:
        broken = bytearray(whole)
        broken[place] ^= 0x10
        path.write_bytes(broken)
        assert plain(load([known], cache_folder=kept)) == made
        assert path.read_bytes() == whole  # and it was put right


def test_a_whole_file_whose_content_is_none_of_ours_is_not_taken(known: Path, kept: Path) -> None:
    made = load([known], cache_folder=kept)
    for body in (b"", b"[]", b"{}", b'{"rules":[[1]],"correlations":[],"refused":[]}\n{}', b"\xff", b'{"rules":5}',
                 b'{"rules":[],"correlations":[1],"refused":[]}', b'{"rules":[],"correlations":[],"refused":[5]}',
                 b'{"rules":[],"correlations":[{}],"refused":[]}',
                 b'{"rules":[],"correlations":[],"refused":[["a.yml","line 1","no rule"]]}',
                 b'{"rules":[],"correlations":[],"refused":[["a.yml",["",{}],["no",[1]]]]}',
                 b'{"rules":[],"correlations":[],"refused":[["a.yml",["",{}],["{x}",{"x":{}}]]]}'):  # fmt: skip
        cache.write(kept, made.fingerprint, body)
        assert plain(load([known], cache_folder=kept)) == plain(made)


@pytest.mark.parametrize("where", ["/proc/none/kept", "/dev/null/kept"])
def test_a_cache_that_cannot_be_written_is_no_fault(known: Path, where: str) -> None:
    assert len(load([known], cache_folder=Path(where)).rules) == 1


def test_a_file_where_the_folder_should_be_is_no_fault(known: Path, kept: Path) -> None:
    kept.write_text("mine")
    assert len(load([known], cache_folder=kept).rules) == 1
    assert kept.read_text() == "mine"


def test_a_full_disk_leaves_nothing_behind(known: Path, kept: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "replace", full)
    assert len(load([known], cache_folder=kept).rules) == 1
    assert list(kept.iterdir()) == []


def test_only_the_sets_used_last_are_kept(kept: Path) -> None:
    for number in range(cache.KEPT + 5):
        cache.write(kept, f"{number:040d}", b"x")
        os.utime(kept / f"{number:040d}.rules", (number, number))
        if number > 0:
            assert cache.read(kept, f"{0:040d}") == b"x"  # used: stays
    left = sorted(int(path.stem) for path in kept.iterdir())
    assert len(left) == cache.KEPT
    assert left[0] == 0


def test_what_a_killed_process_left_half_written_is_tidied_away(kept: Path) -> None:
    kept.mkdir(mode=0o700)
    (kept / "tmpold.part").write_text("half")
    os.utime(kept / "tmpold.part", (0, 0))
    (kept / "tmpnew.part").write_text("somebody writes this now")
    cache.write(kept, "f", b"x")
    assert sorted(path.name for path in kept.iterdir()) == ["f.rules", "tmpnew.part"]


@pytest.mark.slow
@pytest.mark.timeout(60)
def test_two_starts_that_fill_the_cache_at_once_both_load(kept: Path) -> None:
    program = (
        "import sys; from pathlib import Path; from beffroi.rules.repository import PACK, load\n"
        f"sys.stdin.read(1); print(len(load([PACK], cache_folder=Path({str(kept)!r})).rules))"
    )
    both = [
        subprocess.Popen([sys.executable, "-I", "-c", program], stdin=-1, stdout=-1, stderr=-1, text=True)
        for _ in range(3)
    ]
    for process in both:
        assert process.stdin is not None
        process.stdin.write("go")
        process.stdin.flush()
    told = {process.communicate() for process in both}
    assert len(told) == 1
    assert told.pop()[1] == ""
    assert only(kept).suffix == ".rules"
    assert repository.load([PACK], cache_folder=kept).rules
