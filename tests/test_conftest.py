"""The tests' own rule: with the corpus present, skipping one of its tests is a failure."""

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
