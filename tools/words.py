"""Keeps the catalogues of words in step with the code: `.venv-test/bin/python -I tools/words.py`, with `--check` only looking.

A sentence is a literal where it is said: `say("…")`, `message("…")`, an error's docstring or first argument, the names in
NAMES, and the titles of the pack's rules. What a fault says is a Message by its type, so mypy finds the bare text. New
sentences come into every `.po` without a translation (or with the one of a sentence much like it, marked fuzzy), those that
nobody says any more go, and the `.mo` are made. What is left to translate is then told.
"""

import ast
import string
import sys
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path

import yaml
from babel.messages import Catalog
from babel.messages.mofile import read_mo, write_mo
from babel.messages.pofile import read_po, write_po

from beffroi.core import errors
from beffroi.core.attack import TACTICS
from beffroi.core.wording import LANGUAGES, LOCALE
from beffroi.detect.ir import LEVELS
from beffroi.rules.pack import rule_files

SOURCE = LOCALE.parent
NAMES = {"detect/ir.py": LEVELS, "core/attack.py": tuple(TACTICS.values())}
"""Sentences that are said by a variable, and where they stand."""

SAYING = ("say", "_say", "message")
ERRORS = {name for name, kind in vars(errors).items() if isinstance(kind, type) and issubclass(kind, Exception)}
TRANSLATED = [language for language in LANGUAGES if language != "en"]
HEADER = """\
# The words of Beffroi; kept by tools/words.py, translated by hand.
msgid ""
msgstr ""
"Language: {language}\\n"
"MIME-Version: 1.0\\n"
"Content-Type: text/plain; charset=utf-8\\n"
"Content-Transfer-Encoding: 8bit\\n"

"""


def sentences(source: Path = SOURCE) -> Catalog:
    """Everything Beffroi says, in the order of its files. Raises ValueError where a sentence cannot be found out."""
    found = Catalog()
    for path in sorted(source.rglob("*.py")):
        name = path.relative_to(source).as_posix()
        told = sorted(_said(ast.parse(path.read_text("utf-8")), name))
        for sentence in [*(sentence for _, sentence in told), *NAMES.get(name, ())]:
            found.add(sentence, locations=[(name, 0)])
    for path in rule_files(source / "rules" / "pack"):
        for rule in yaml.safe_load_all(path.read_bytes()):
            found.add(rule["title"], locations=[(path.relative_to(source).as_posix(), 0)])
    return found


def _said(tree: ast.AST, name: str) -> Iterator[tuple[int, str]]:
    """(line, sentence) of a module."""
    for node in ast.walk(tree):
        if isinstance(node, ast.ClassDef) and node.name in ERRORS:
            yield node.lineno, ast.get_docstring(node) or ""
        if not isinstance(node, ast.Call):
            continue
        called = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
        if called not in SAYING and called not in ERRORS:
            continue
        sentence = node.args[0] if node.args else None
        if isinstance(sentence, ast.Constant) and isinstance(sentence.value, str):
            yield node.lineno, sentence.value
        elif called == "message" or isinstance(sentence, ast.JoinedStr):
            raise ValueError(f'{name}:{node.lineno}: nobody can translate this; write message("… {{count}}", count=…)')
        reasons = [word.value for word in node.keywords if word.arg == "reason"]
        if any(isinstance(each, ast.Constant | ast.JoinedStr) for each in reasons):
            raise ValueError(f'{name}:{node.lineno}: nobody can translate this; write message("… {{count}}", count=…)')


def catalogue(language: str, folder: Path = LOCALE) -> Catalog:
    """A language's `.po`; empty where there is none yet."""
    path = _file(language, folder)
    if not path.exists():
        return Catalog(locale=language)
    with path.open("rb") as file:
        return read_po(file, locale=language)


def update(language: str, said: Catalog, folder: Path = LOCALE) -> None:
    """Bring a language's `.po` and `.mo` in step with what is said; the translations that fit stay."""
    words = catalogue(language, folder)
    words.update(said, update_header_comment=False)
    text = BytesIO()
    write_po(text, words, width=120, omit_header=True, ignore_obsolete=True, include_lineno=False)
    path = _file(language, folder)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(HEADER.format(language=language) + text.getvalue().decode().rstrip("\n") + "\n", "utf-8")
    if _made(language, folder) != _translations(
        words
    ):  # it carries the time it was made; the same words need no new one
        with path.with_suffix(".mo").open("wb") as file:
            write_mo(file, words)


def faults(language: str, said: Catalog, folder: Path = LOCALE) -> Iterator[str]:
    """What is wrong with a language's words, a line each."""
    words = catalogue(language, folder)
    expected, known = _ids(said), _ids(words)
    yield from (f"{language}: not in the catalogue: {sentence}" for sentence in expected - known)
    yield from (f"{language}: nobody says any more: {sentence}" for sentence in known - expected)
    for entry in words:
        sentence, told = str(entry.id), str(entry.string)
        if not sentence:
            continue
        if not told:
            yield f"{language}: not translated: {sentence}"
        elif entry.fuzzy:
            yield f"{language}: translated for a sentence like it, to be looked at: {sentence}"
        elif places(told) != places(sentence):
            yield f"{language}: names other places than the English: {sentence}"
    if _made(language, folder) != _translations(words):
        yield f"{language}: the .mo is not made from the .po"


def places(sentence: str) -> set[str]:
    """The named places of a sentence, with how they are to be written: {"count", "share:.1f"}."""
    return {
        f"{name}:{how}" if how else name for _, name, how, _ in string.Formatter().parse(sentence) if name is not None
    }


def _file(language: str, folder: Path) -> Path:
    return folder / language / "LC_MESSAGES" / "beffroi.po"


def _ids(words: Catalog) -> set[str]:
    return {str(entry.id) for entry in words if entry.id}


def _translations(words: Catalog) -> dict[str, str]:
    return {str(entry.id): str(entry.string) for entry in words if entry.id and entry.string and not entry.fuzzy}


def _made(language: str, folder: Path) -> dict[str, str] | None:
    """What the `.mo` says; None where there is none."""
    path = _file(language, folder).with_suffix(".mo")
    if not path.exists():
        return None
    with path.open("rb") as file:
        return _translations(read_mo(file))


if __name__ == "__main__":
    everything = sentences()
    if "--check" not in sys.argv[1:]:
        for each in TRANSLATED:
            update(each, everything)
    wrong = [fault for each in TRANSLATED for fault in faults(each, everything)]
    print("\n".join([*wrong, f"{len(_ids(everything))} sentences, {len(wrong)} faults"]))
    sys.exit(1 if wrong else 0)
