"""What the documentation says is what the code does."""

import importlib.util
import re
from pathlib import Path
from types import ModuleType

import pytest

from beffroi.cli.main import VERBS
from beffroi.core import errors
from beffroi.core.errors import Exit


@pytest.fixture(scope="module")
def generator(root: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location("docs", root / "tools" / "docs.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_every_page_made_from_the_code_is_up_to_date(generator: ModuleType, root: Path) -> None:
    stale = [name for name, page in generator.PAGES.items() if (root / "docs" / name).read_text("utf-8") != page()]
    assert not stale, f"run .venv/bin/python -I tools/docs.py: {stale}"


def test_every_exit_code_is_in_the_table(root: Path) -> None:
    page = (root / "docs" / "errors.md").read_text("utf-8")
    assert {int(code) for code in re.findall(r"^\| (\d+) \|", page, re.MULTILINE)} == {code.value for code in Exit}


def test_every_error_a_person_can_meet_stands_in_core_errors_and_so_in_the_table(root: Path) -> None:
    names = "|".join(
        name for name, kind in vars(errors).items() if isinstance(kind, type) and issubclass(kind, errors.BeffroiError)
    )
    elsewhere = [
        path.relative_to(root)
        for path in (root / "src").rglob("*.py")
        if path != Path(errors.__file__)
        and re.search(rf"^class \w+\((?:errors\.)?(?:{names})\)", path.read_text("utf-8"), re.MULTILINE)
    ]
    assert not elsewhere


@pytest.mark.parametrize("verb", sorted(VERBS))
def test_every_verb_stands_in_both_readmes(verb: str, root: Path) -> None:
    for name in ("README.md", "LISEZMOI.md"):
        assert f"beffroi {verb}" in (root / name).read_text("utf-8"), f"{name} says nothing of `beffroi {verb}`"


def test_every_relative_link_of_a_page_leads_somewhere(root: Path) -> None:
    broken = [
        f"{page.relative_to(root)}: {target}"
        for page in [*root.glob("*.md"), *root.glob("docs/**/*.md")]
        for target in re.findall(r"\]\(([^)#:\s]+)(?:#[^)\s]*)?\)", page.read_text("utf-8"))
        if not (page.parent / target).exists()
    ]
    assert not broken
