"""The tests' own rules: with the corpus present, skipping one of its tests is a failure; in the background all is as in front."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

CASES = """
import pytest

def test_of_the_corpus(corpus):
    pytest.skip("gave up quietly")

def test_of_something_else():
    pytest.skip("not on this machine")
"""


@pytest.mark.slow
@pytest.mark.parametrize(
    ("there", "outcome", "reason"),
    [(True, "1 failed, 1 skipped", "although the corpus is there: "), (False, "2 skipped", "set BEFFROI_CORPUS")],
)
def test_a_skipped_test_of_a_present_corpus_fails(
    there: bool, outcome: str, reason: str, root: Path, tmp_path: Path
) -> None:
    shutil.copy(root / "tests" / "conftest.py", tmp_path)
    (tmp_path / "test_cases.py").write_text(CASES)
    environment = {**os.environ, "BEFFROI_CORPUS": os.fspath(tmp_path if there else tmp_path / "nowhere")}
    command = [sys.executable, "-I", "-m", "pytest", "-rs", "."]
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
    assert outcome in done.stdout.splitlines()[-1]
    assert reason in done.stdout


IN_THE_BACKGROUND = """
import os, signal, subprocess, sys

def test_ctrl_c_reaches_programs_but_not_the_tests():
    os.kill(os.getpid(), signal.SIGINT)
    program = "import signal; assert signal.getsignal(signal.SIGINT) is signal.default_int_handler"
    subprocess.run([sys.executable, "-I", "-c", program], check=True)
"""


@pytest.mark.slow
def test_programs_started_by_tests_in_the_background_hear_ctrl_c(root: Path, tmp_path: Path) -> None:
    shutil.copy(root / "tests" / "conftest.py", tmp_path)
    (tmp_path / "test_cases.py").write_text(IN_THE_BACKGROUND)
    command = ["env", "--ignore-signal=INT", sys.executable, "-I", "-m", "pytest", "."]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert "1 passed" in done.stdout.splitlines()[-1], done.stdout
