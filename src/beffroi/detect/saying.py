"""A rule's own first sentence: `beffroi: {says: {fr: "…", en: "…"}}`, by language. It reaches people as it stands."""

from collections.abc import Mapping
from typing import Any, Final

from beffroi.core.model import LANGUAGES, UnfitError, message

LONGEST: Final = 200  # characters of it


def own_sentence(attributes: Mapping[str, Any] | None) -> dict[str, str] | None:
    """What a rule says of its own; None where it says nothing. `attributes` are those of a rule that Sigma does not know. Raises
    UnfitError where it cannot be said."""
    block = (attributes or {}).get("beffroi")
    says = block.get("says") if isinstance(block, dict) else None
    if says is None:
        return None
    if not isinstance(says, dict) or not says or not all(name in LANGUAGES for name in says):
        raise UnfitError(message("`beffroi.says` is not a mapping of languages (fr, nl, de, en) to sentences"))
    for language, sentence in says.items():
        if not isinstance(sentence, str) or not sentence.strip() or not _plain(sentence):
            raise UnfitError(
                message(
                    "the sentence of `beffroi.says` in “{language}” must be one line of plain text", language=language
                )
            )
        if len(sentence) > LONGEST:
            raise UnfitError(
                message(
                    "the sentence of `beffroi.says` in “{language}” has more than {most} characters",
                    language=language,
                    most=LONGEST,
                )
            )
    return {language: says[language].strip() for language in LANGUAGES if language in says}


def _plain(sentence: str) -> bool:
    """Whether it is one line that moves no cursor; the spaces that do not break a line are French."""
    return all(letter.isprintable() or letter in "\u202f\u00a0" for letter in sentence)
