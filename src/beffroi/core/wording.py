"""Words for people, in their language: gettext catalogues, whole sentences, named places.

English sentences are the keys (`locale/*/LC_MESSAGES/beffroi.po`, kept by tools/words.py); French comes first, so it is what
is spoken where nobody says which language to take.
"""

import gettext
import os
import string
from collections.abc import Callable, Mapping
from datetime import datetime
from functools import lru_cache
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from beffroi.core import model
from beffroi.core.model import Message

LANGUAGES = model.LANGUAGES
LOCALE = Path(__file__).parent.parent / "locale"

Words = Callable[..., str]
"""`say("{count} events", count=3)` or `say(a_message)`: the sentence in the language, its places filled."""


def spoken(asked: str | None, env: Mapping[str, str] = os.environ) -> str:
    """The language to speak: the one asked for, else the system's if Beffroi knows it, else French."""
    for wish in (asked, env.get("LC_ALL"), env.get("LC_MESSAGES"), env.get("LANG")):
        if wish and wish[:2].lower() in LANGUAGES:
            return wish[:2].lower()
    return LANGUAGES[0]


class _Places(string.Formatter):
    """Fills the places of a sentence; a number whose place is written `{count:,}` is written as the language writes it."""

    def __init__(self, language: str) -> None:
        self._language = language

    def format_field(self, value: Any, format_spec: str) -> str:
        written = super().format_field(value, format_spec)
        return _punctuated(written, self._language) if format_spec == "," else written


@lru_cache(maxsize=8)
def words(language: str) -> Words:
    """The function that says a sentence in a language of LANGUAGES. A sentence that has no translation stays English."""
    catalogue: gettext.NullTranslations = gettext.NullTranslations()
    if language != "en":
        catalogue = gettext.translation("beffroi", LOCALE, [language], fallback=True)
    places = _Places(language)

    def say(sentence: str | Message, /, **values: object) -> str:
        if isinstance(sentence, Message):
            return say(sentence.sentence, **dict(sentence.values))
        told = sentence and catalogue.gettext(sentence)  # gettext's own header stands under ""
        if not values:
            return told
        return places.vformat(
            told, (), {name: say(value) if isinstance(value, Message) else value for name, value in values.items()}
        )

    return say


def number(value: float, language: str, digits: int = 0) -> str:
    """A number as the language writes it: 1 204 331 in French, 1.204.331 in German and Dutch, 1,204,331 in English."""
    return _punctuated(f"{value:,.{digits}f}", language)


def _punctuated(plain: str, language: str) -> str:
    """A number as English writes it, with the signs that the language puts between its digits."""
    if language == "en":
        return plain
    thousands, point = ("\u202f", ",") if language == "fr" else (".", ",")
    return plain.replace(",", "\0").replace(".", point).replace("\0", thousands)


def moment(text: str | None, zone: str) -> str:
    """A moment of the store as people of the house read it: "2026-11-23 21:04"; nothing where there is none."""
    if not text:
        return ""
    try:
        return datetime.fromisoformat(text).astimezone(ZoneInfo(zone)).strftime("%Y-%m-%d %H:%M")
    except (ValueError, OverflowError):
        return text


def printable(text: str) -> str:
    """A text that moves no cursor, colours nothing and turns no line around: what an attacker wrote reaches a terminal here.
    The spaces that do not break a line stay, though Python prints no space but the plain one: French is full of them."""
    if text.isprintable():
        return text
    return "".join(char if char.isprintable() or char in "\u202f\u00a0" else "�" for char in text)


def shown(path: str | os.PathLike[str]) -> str:
    """A path as people and JSON can read it; bytes that are no UTF-8 stand in it as escapes."""
    return os.fsencode(path).decode("utf-8", "backslashreplace")
