"""The house rules that programs can hold: floors, types, style, locks."""

import ast
import os
import re
import shutil
import subprocess
import sys
import tomllib
from importlib.metadata import distributions
from pathlib import Path

import pytest

SCRIPTS = ("beffroi", "test", ".ci/run", "tools/environment.sh", "tools/setup.sh", "tools/lock")


FLOORS = "import sys; from importlinter.cli import lint_imports; sys.exit(lint_imports(no_cache=True, no_logo=True))"
"""Checks the package in the current folder against the contracts of pyproject.toml."""


def check(folder: Path, *arguments: str | Path) -> None:
    """Run this very Python in the folder; fail with what it prints unless it is content."""
    done = subprocess.run([sys.executable, "-I", *arguments], cwd=folder, capture_output=True, text=True, check=False)
    if done.returncode:
        pytest.fail(done.stdout + done.stderr, pytrace=False)


@pytest.fixture
def folders(root: Path) -> list[Path]:
    """Where our own Python stands."""
    return [root / name for name in ("src", "tests", "tools", "benchmarks") if any(root.glob(f"{name}/**/*.py"))]


@pytest.mark.slow
@pytest.mark.timeout(120)
def test_imports_only_go_down(root: Path) -> None:
    check(root, "-c", FLOORS)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("module", "line"),
    [
        ("core/model.py", "from beffroi.detect import ir"),
        ("detect/ir.py", "import time"),
        ("detect/ir.py", "def f() -> None:\n    import beffroi.cli.main"),
    ],
)
def test_an_import_that_goes_up_is_caught(module: str, line: str, root: Path, tmp_path: Path) -> None:
    shutil.copytree(root / "src" / "beffroi", tmp_path / "beffroi", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(root / "pyproject.toml", tmp_path)
    with (tmp_path / "beffroi" / module).open("a") as file:
        file.write(f"\n{line}\n")
    with pytest.raises(pytest.fail.Exception, match="BROKEN"):
        check(tmp_path, "-c", FLOORS)


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_mypy_is_content(root: Path, folders: list[Path]) -> None:
    check(root, "-m", "mypy", "--no-error-summary", *folders)


def test_ruff_is_content(root: Path, folders: list[Path]) -> None:
    check(root, "-m", "ruff", "check", "--quiet", *folders)


def test_everything_is_formatted(root: Path, folders: list[Path]) -> None:
    check(root, "-m", "ruff", "format", "--quiet", "--diff", *folders)


@pytest.mark.slow
def test_shellcheck_is_content(root: Path) -> None:
    shellcheck = Path(sys.executable).with_name("shellcheck")
    if not shellcheck.exists():
        pytest.skip("shellcheck has no wheel for this machine")
    done = subprocess.run([shellcheck, "-x", *SCRIPTS], cwd=root, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


POSSESSIVE = re.compile(r"[*+?}][+]|[(][?]>")
"""What makes a repetition or a group of a pattern keep all it took."""


@pytest.mark.slow
def test_no_pattern_is_possessive_which_the_python_of_debian_12_takes_wrongly(root: Path) -> None:
    """CPython before 3.11.5 goes on at the wrong place once a possessive repetition tried a way in vain (python/cpython#106052):
    what should match is passed over, without an error; atomic groups have their own fault (#101955). Debian 12 has 3.11.2."""
    found = [
        f"{path.relative_to(root)}:{node.lineno}"
        for path in root.glob("src/**/*.py")
        for node in ast.walk(ast.parse(path.read_text("utf-8")))
        if isinstance(node, ast.Constant) and isinstance(node.value, str | bytes)
        if POSSESSIVE.search(node.value if isinstance(node.value, str) else node.value.decode("latin-1"))
    ]
    assert found == []


def pins(lock: Path) -> dict[str, str]:
    """Name -> version of everything a lock file holds."""
    return dict(re.findall(r"^([\w.-]+)==(\S+)", lock.read_text("utf-8"), re.MULTILINE))


def normal(name: str) -> str:
    """A package's name as PEP 503 compares it."""
    return re.sub(r"[-_.]+", "-", name).lower()


def test_the_tests_run_on_the_very_packages_of_the_product(root: Path) -> None:
    assert pins(root / "requirements.lock").items() <= pins(root / "requirements-dev.lock").items()


def test_the_product_carries_nothing_but_what_its_lock_names(root: Path) -> None:
    (packages,) = root.glob(".venv/lib/python3.*/site-packages")
    installed = {normal(found.name): found.version for found in distributions(path=[os.fspath(packages)])}
    assert {name: installed[name] for name in installed.keys() - {"pip", "setuptools"}} == pins(
        root / "requirements.lock"
    )


def test_the_lock_names_no_place_to_fetch_from_and_has_a_hash_for_everything(root: Path) -> None:
    for name in ("requirements.lock", "requirements-dev.lock"):
        text = (root / name).read_text("utf-8")
        assert "://" not in text
        assert "--index-url" not in text
        entries = re.split(r"^(?=[\w.-]+==)", text, flags=re.MULTILINE)[1:]
        assert len(entries) == len(pins(root / name)) > 10
        assert all("--hash=sha256:" in entry for entry in entries)


def test_everything_the_product_asks_for_is_locked(root: Path) -> None:
    asked = tomllib.loads((root / "pyproject.toml").read_text("utf-8"))["project"]["dependencies"]
    assert {normal(re.split(r"[^\w.-]", wish, maxsplit=1)[0]) for wish in asked} <= pins(
        root / "requirements.lock"
    ).keys()
