"""How easily the words of the situations are read, in each language, and which sentences are the hardest.

    .venv/bin/python benchmarks/readability.py [--worst N] [--json OUT]

Flesch's reading ease and its kin, from the length of sentences and of words: 0 is a law, 60 a newspaper, 100 a child's book. The language's own
formula each: Flesch 1948 (English), Kandel and Moles 1958 (French), Douma 1960 (Dutch), Amstad 1978 (German). The indices of two languages
are not to be compared: German has longer words. Syllables are counted as groups of vowels (see `syllables`): right for nine words in ten.
"""

import argparse
import json
import re
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
sys.path.insert(1, str(Path(__file__).resolve().parent.parent / "src"))

from beffroi.core.model import Message
from beffroi.core.wording import LANGUAGES, words
from beffroi.incidents.situations import WORDS

SAMPLE = {"machine": "srv-soins", "account": "k.lambert", "target": "k.lambert", "address": "203.0.113.7"}
"""What stands in the places while sentences are measured."""
LONGEST = 25
"""Words that a sentence may have."""

FORMULAS = {
    "en": (206.835, 1.015, 84.6),
    "fr": (207.0, 1.015, 73.6),
    "nl": (206.84, 0.93, 77.0),
    "de": (180.0, 1.0, 58.5),
}
"""Language → what is left of this many points after so many for each word of a sentence and so many for each syllable of a word."""

_END = re.compile(r"(?<=[.!?])\s+(?=[^\W\d_a-zà-ÿ]|[’'«„“])")
_WORD = re.compile(r"[^\W_](?:[\w.@/-]*\w)?")
_VOWELS = {
    "en": re.compile(r"[aeiouy]+"),
    "fr": re.compile(r"[aeiouyàâäéèêëîïôöùûüœæ]+"),
    "nl": re.compile(r"[aeiouyáàéèíóúj]*[aeiouyáàéèíóú]|[ëïöü][aeiou]*"),
    "de": re.compile(r"[aeiouyäöü]+"),
}
_SILENT = {
    "en": re.compile(r"(?<=[^aeiouyl])e(?:s|d)?$"),
    "fr": re.compile(r"(?<=[^aeiouyéèêàîïôû])(?:es?|(?<!m)ent)$"),
}


class Sentence(NamedTuple):
    """A sentence of a situation as it is said in a language."""

    situation: str
    text: str
    words: int
    syllables: int

    def ease(self, language: str) -> float:
        """How easily it is read by itself."""
        return ease(language, self.words, self.syllables)


def ease(language: str, length: float, syllables_in_all: float, sentences: int = 1) -> float:
    """The reading ease of so many words with so many syllables in so many sentences."""
    most, of_length, of_syllables = FORMULAS[language]
    return most - of_length * length / sentences - of_syllables * syllables_in_all / length


def sentences(text: str) -> list[str]:
    """The sentences of a text."""
    return [each for each in _END.split(text) if each]


def in_words(sentence: str) -> list[str]:
    """The words of a sentence; in French, what an apostrophe parts are two."""
    return _WORD.findall(sentence)


def syllables(word: str, language: str) -> int:
    """The syllables of a word: its groups of vowels, without the final e that English and French do not speak; one at least."""
    low = word.lower()
    silent = _SILENT.get(language)
    if silent is not None:
        low = silent.sub("", low) or low
    return max(len(_VOWELS[language].findall(low)), 1)


def said(language: str) -> Iterator[tuple[str, str]]:
    """(situation, text) of all that the situations say in a language, each text once."""
    say = words(language)
    known: set[str] = set()
    for name, told in WORDS.items():
        for each in (*told.what, told.why, *(step for _, step in told.steps), *told.call, told.silent):
            text = say(_sampled(each))
            if text not in known:
                known.add(text)
                yield name, text


def _sampled(sentence: Message) -> Message:
    return sentence._replace(
        values=tuple((place, value) for place, value in SAMPLE.items() if f"{{{place}}}" in sentence.sentence)
    )


def measured(language: str) -> list[Sentence]:
    """Every sentence of the situations in a language."""
    found = []
    for situation, text in said(language):
        for sentence in sentences(text):
            own = in_words(sentence)
            found.append(Sentence(situation, sentence, len(own), sum(syllables(each, language) for each in own)))
    return found


def summary(language: str, worst: int) -> dict[str, object]:
    """The figures of a language."""
    found = measured(language)
    length, spoken = sum(each.words for each in found), sum(each.syllables for each in found)
    hardest = sorted(found, key=lambda each: each.ease(language))[:worst]
    return {
        "language": language,
        "sentences": len(found),
        "words_a_sentence": round(length / len(found), 1),
        "longest": max(each.words for each in found),
        "ease": round(ease(language, length, spoken, len(found)), 1),
        "worst": [[round(each.ease(language), 1), each.situation, each.text] for each in hardest],
    }


def table(found: Iterable[dict[str, object]]) -> Iterator[str]:
    """The figures in Markdown."""
    rows = list(found)
    yield "| Language | Sentences | Words a sentence | Longest | Reading ease |"
    yield "|---|---|---|---|---|"
    for row in rows:
        yield f"| {row['language']} | {row['sentences']} | {row['words_a_sentence']} | {row['longest']} | {row['ease']} |"
    for row in rows:
        yield f"\nThe hardest in {row['language']}:\n"
        worst = row["worst"]
        assert isinstance(worst, list)
        for index, situation, text in worst:
            yield f"- {index} ({situation}) {text}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--worst", type=int, default=10, help="so many of the hardest sentences of each language")
    parser.add_argument("--json", type=Path, metavar="OUT")
    arguments = parser.parse_args()
    found = [summary(language, arguments.worst) for language in LANGUAGES]
    print("\n".join(table(found)))
    if arguments.json:
        arguments.json.write_text(json.dumps(found, ensure_ascii=False, indent=1), "utf-8")


if __name__ == "__main__":
    main()
