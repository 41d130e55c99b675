"""Setting up in all weathers. A lock of one package stands in for the real one: the launcher is tried here, not the packages."""

import os
import re
import resource
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

pytestmark = [pytest.mark.long, pytest.mark.timeout(300)]

NOBODY = 65534
as_root = pytest.mark.skipif(os.geteuid() != 0, reason="needs root, to become somebody else or to mount")


@pytest.fixture
def house(root: Path) -> Iterator[Path]:
    """A fresh copy of what the launcher needs, in a folder with a space, where everybody may look."""
    with tempfile.TemporaryDirectory(prefix="beffroi-") as name:
        Path(name).chmod(0o755)
        folder = Path(name) / "a house"
        fill(folder, root)
        yield folder


def fill(folder: Path, root: Path) -> None:
    for tree in ("src", "tools"):
        shutil.copytree(root / tree, folder / tree, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(root / "beffroi", folder)
    (folder / "requirements.lock").write_text(entry(root, "click"), "utf-8")


def entry(root: Path, name: str) -> str:
    """What the real lock says of one package."""
    found = re.search(rf"^{name}==.*\n(?: +--hash.*\n)+", (root / "requirements.lock").read_text("utf-8"), re.MULTILINE)
    assert found is not None
    return found[0]


def start(
    house: Path, *before: str, user: int | None = None, env: dict[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    """`./beffroi --version`, after a wrapper where one is given."""
    return subprocess.run(
        [*before, house / "beffroi", "--version"],
        env={**os.environ, **(env or {})},
        user=user,
        capture_output=True,
        text=True,
        check=False,
    )


def assert_ready(house: Path) -> None:
    """It starts, says nothing but its answer, and nothing half-made lies about."""
    done = start(house)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("beffroi ")
    assert {path.name for path in house.glob(".venv*")} == {".venv"}


def assert_refused(done: subprocess.CompletedProcess[str], sentence: str) -> None:
    """It gave up with this, in French and in English, and with nothing only a programmer reads."""
    *before, french, english = done.stderr.splitlines()
    assert (done.returncode, done.stdout) == (2, "")
    assert french.startswith("beffroi: ")
    assert english.startswith("beffroi: ")
    assert sentence in english
    assert len(before) <= 4, done.stderr
    assert "Traceback" not in done.stderr


def test_the_first_start_keeps_stdout_for_the_answer_and_the_second_says_nothing(house: Path) -> None:
    done = start(house)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("beffroi ")
    assert done.stdout.count("\n") == 1
    assert len(done.stderr.splitlines()) == 4
    assert_ready(house)


def test_it_starts_through_a_link_from_elsewhere_with_an_empty_environment(house: Path, tmp_path: Path) -> None:
    (tmp_path / "home").mkdir()
    (tmp_path / "watch").symlink_to(house / "beffroi")
    command = [
        "env",
        "-i",
        f"HOME={tmp_path / 'home'}",
        f"PATH={os.environ['PATH']}",
        "LANG=C.UTF-8",
        "../watch",
        "--version",
    ]
    done = subprocess.run(command, cwd=tmp_path / "home", capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("beffroi ")


def test_variables_meant_for_other_pythons_change_nothing(house: Path, tmp_path: Path) -> None:
    (tmp_path / "click.py").write_text("raise SystemExit('not this one')")
    nonsense = {"PYTHONPATH": os.fspath(tmp_path), "PYTHONWARNINGS": "error", "PIP_USER": "1"}
    assert start(house, env=nonsense).returncode == 0
    assert start(house, env=nonsense).stderr == ""


def test_of_two_first_starts_at_once_both_answer(house: Path) -> None:
    both = [subprocess.Popen([house / "beffroi", "--version"], stdout=-1, stderr=-1, text=True) for _ in range(2)]
    ends = [(*one.communicate(), one.returncode) for one in both]
    assert [code for *_, code in ends] == [0, 0], ends
    assert all(out.startswith("beffroi ") for out, *_ in ends)
    assert sum("Another set-up" in err for _, err, _ in ends) == 1
    assert_ready(house)


@pytest.mark.parametrize("after", [0.1, 1.0, 2.5])
@pytest.mark.parametrize("everything", [True, False], ids=["with its children", "alone"])
def test_killed_half_way_it_does_no_harm(after: float, everything: bool, house: Path) -> None:
    process = subprocess.Popen([house / "beffroi", "--version"], stdout=-3, stderr=-3, start_new_session=True)
    time.sleep(after)
    if everything:
        os.killpg(process.pid, signal.SIGKILL)
    else:
        process.kill()
    process.wait()
    assert start(house).returncode == 0
    assert_ready(house)


def test_a_new_lock_is_set_up_and_the_old_one_serves_until_then(house: Path, root: Path) -> None:
    assert start(house).returncode == 0
    lock = house / "requirements.lock"
    lock.write_text(lock.read_text("utf-8") + entry(root, "mdurl"), "utf-8")
    assert "setting itself up" in start(house).stderr
    assert list(house.glob(".venv/lib/python3.*/site-packages/mdurl"))
    assert_ready(house)


def test_a_python_that_went_away_is_replaced(house: Path) -> None:
    assert start(house).returncode == 0
    for link in (house / ".venv" / "bin").glob("python*"):
        link.unlink()
        link.symlink_to("/nowhere/python3.9")
    assert start(house).returncode == 0
    assert_ready(house)


def test_it_may_be_moved(house: Path) -> None:
    assert start(house).returncode == 0
    assert_ready(house.rename(house.with_name("another house")))


def test_a_package_that_is_not_the_expected_one_is_not_installed(house: Path) -> None:
    lock = house / "requirements.lock"
    lock.write_text(re.sub(r"sha256:\w{8}", "sha256:00000000", lock.read_text("utf-8")), "utf-8")
    assert_refused(start(house), "not the one expected")
    assert not list(house.glob(".venv*"))


def test_no_package_for_this_machine_is_a_sentence(house: Path) -> None:
    lock = house / "requirements.lock"
    lock.write_text(re.sub(r"==[\d.]+", "==0.0.1", lock.read_text("utf-8")), "utf-8")
    assert_refused(start(house), "no packages for this machine")


@as_root
def test_a_folder_one_may_not_write_is_a_sentence(house: Path) -> None:
    assert_refused(start(house, user=NOBODY), f"the folder {house} cannot be written")


@as_root
def test_once_set_up_somebody_else_may_start_it(house: Path) -> None:
    everybodys = "/usr/bin:/bin"
    if subprocess.run(["/usr/bin/python3", "-c", "import ensurepip"], stderr=-3, check=False).returncode:
        pytest.skip("the system's own Python cannot make environments")
    assert start(house, env={"PATH": everybodys}).returncode == 0
    done = start(house, user=NOBODY, env={"PATH": everybodys})
    assert (done.returncode, done.stderr) == (0, "")


@as_root
def test_set_up_by_root_in_somebodys_folder_it_stays_theirs(house: Path) -> None:
    subprocess.run(["chown", "-R", f"{NOBODY}:{NOBODY}", house], check=True)
    assert start(house).returncode == 0
    assert {path.lstat().st_uid for path in house.rglob("*")} == {NOBODY}


@as_root
def test_without_a_network_it_is_a_sentence(house: Path) -> None:
    assert_refused(start(house, "unshare", "--net"), "check the internet connection")


@as_root
def test_a_full_disk_is_a_sentence_and_leaves_nothing(root: Path, tmp_path: Path) -> None:
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=14m", "tmpfs", tmp_path], check=False).returncode:
        pytest.skip("may not mount here")
    try:
        fill(tmp_path / "house", root)
        assert_refused(start(tmp_path / "house"), "the disk is full")
        assert not list((tmp_path / "house").glob(".venv*"))
    finally:
        subprocess.run(["umount", tmp_path], check=True)


def other_python() -> Path | None:
    """A Python besides the system's that can make environments."""
    elsewhere = [folder for folder in os.environ["PATH"].split(":") if folder not in ("/usr/bin", "/bin")]
    found = shutil.which("python3", path=":".join(elsewhere))
    able = "import ensurepip, sys; assert (3, 11) <= sys.version_info < (3, 14); print(sys._base_executable)"
    done = subprocess.run([found or "false", "-I", "-c", able], capture_output=True, text=True, check=False)
    return Path(done.stdout.strip()) if done.returncode == 0 else None


def venv_python(house: Path) -> Path:
    return (house / ".venv" / "bin" / "python").resolve()


def test_the_systems_own_python_comes_first(house: Path) -> None:
    other, system = other_python(), Path("/usr/bin/python3").resolve()
    if other is None or subprocess.run([system, "-c", "import ensurepip"], stderr=-3, check=False).returncode:
        pytest.skip("there are not two Pythons that can make environments")
    assert start(house, env={"PATH": f"{other.parent}:{os.environ['PATH']}"}).returncode == 0
    assert venv_python(house) == system


@as_root
def test_a_python_that_will_not_do_is_passed_over(house: Path, tmp_path: Path) -> None:
    other, system = other_python(), Path("/usr/bin/python3").resolve()
    if other is None or not system.exists():
        pytest.skip("there are not two Pythons")
    bad = tmp_path / "python3"
    bad.write_text("#!/bin/sh\nexit 1\n")
    bad.chmod(0o755)
    instead = 'mount --bind "$1" "$2" && shift 2 && exec "$@"'
    done = start(house, "unshare", "--mount", "sh", "-c", instead, "sh", str(bad), str(system))
    assert done.returncode == 0, done.stderr
    assert venv_python(house) == other.resolve()
    assert_ready(house)


def test_a_later_start_costs_less_than_10_milliseconds_more_than_the_product_itself(house: Path) -> None:
    assert start(house).returncode == 0
    python = house / ".venv" / "bin" / "python"
    launched, direct = [], []
    for _ in range(30):
        launched.append(seconds([house / "beffroi", "--version"]))
        direct.append(seconds([python, "-I", "-X", "utf8", "-m", "beffroi", "--version"]))
    assert min(launched) - min(direct) < 0.010


def seconds(command: list[str | Path]) -> float:
    """How long it keeps the processor busy; how long others on the machine make it wait is no affair of ours."""
    before = busy()
    subprocess.run(command, stdout=-3, check=True)
    return busy() - before


def busy() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime
