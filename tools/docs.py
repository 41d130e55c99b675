"""Writes the pages of docs/ that are made from the code: `.venv/bin/python -I tools/docs.py`. tests/test_docs.py fails when one is stale."""

import re
from collections.abc import Callable, Iterator
from pathlib import Path

from beffroi.core import errors

DOCS = Path(__file__).resolve().parent.parent / "docs"
HEAD = "<!-- Made by tools/docs.py; do not edit. -->\n"


def errors_page() -> str:
    """docs/errors.md: every exit code, and every sentence that can come with it."""
    codes = [f"| {code.value} | {code.meaning} |" for code in errors.Exit]
    sentences = [f"| `{kind.__name__}` | {kind.exit_code.value} | {_sentence(kind)} |" for kind in _kinds()]
    return "\n".join(
        [
            HEAD,
            "# Exit codes and errors\n",
            "A command says on stderr what went wrong, where, and what to do; its exit code says it to scripts.\n",
            "| Code | Meaning |",
            "|---|---|",
            *codes,
            "",
            "| Error | Code | Sentence |",
            "|---|---|---|",
            *sentences,
            "",
        ]
    )


PAGES: dict[str, Callable[[], str]] = {"errors.md": errors_page}


def _kinds() -> Iterator[type[errors.BeffroiError]]:
    """Every error, in the order of the module."""
    for kind in vars(errors).values():
        if isinstance(kind, type) and issubclass(kind, errors.BeffroiError) and kind is not errors.BeffroiError:
            yield kind


def _sentence(kind: type[errors.BeffroiError]) -> str:
    """The sentence, its named places in capitals."""
    return re.sub(r"\{(\w+)\}", lambda place: place[1].upper(), kind.__doc__ or "").replace("|", "\\|")


if __name__ == "__main__":
    for name, page in PAGES.items():
        (DOCS / name).write_text(page(), encoding="utf-8")
