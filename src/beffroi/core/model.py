"""The nouns that every room shares. Defined once, here; rooms meet in them and never import each other."""

from typing import Any, NamedTuple

Fields = dict[str, Any]
"""One event, flat, under Sigma's field names. Values are what the source gave: str, int, float, bool, None or a list of
these; an absent key is an absent field. Comparison decides what null and empty mean (docs/sigma.md), readers never do."""

Event = tuple[int, Fields, bytes | str | None]
"""(record number, fields, raw JSON text). The number is EventRecordID, else the 1-based place in the file; the text is
given where the event travelled as JSON, so that keywords can be looked for before values are."""


class LogSource(NamedTuple):
    """What a Sigma rule is about (Sigma v2.1, "logsource"); None stands for "any"."""

    product: str | None = None
    category: str | None = None
    service: str | None = None

    def __str__(self) -> str:
        return "/".join(part or "*" for part in self)


class Message(NamedTuple):
    """A sentence with named places and what fills them, maybe messages in turn. `core.wording` turns it into words, at the
    edge only; `str()` is the English for machines."""

    sentence: str
    values: tuple[tuple[str, object], ...] = ()

    def __str__(self) -> str:
        return self.sentence.format_map(dict(self.values)) if self.values else self.sentence


def message(sentence: str, **values: object) -> Message:
    """`message("{count} more", count=3)`; the sentence is a literal, so that tools/words.py finds it for the catalogues."""
    return Message(sentence, tuple(values.items()))


class Fault(NamedTuple):
    """Something that could not be read: in which file, where in it, and one sentence saying what and why."""

    path: str
    place: str
    what: str

    def __str__(self) -> str:
        return f"{self.path}, {self.place}: {self.what}" if self.place else f"{self.path}: {self.what}"
