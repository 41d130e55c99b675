"""The nouns that every room shares. Defined once, here; rooms meet in them and never import each other."""

from enum import IntEnum, StrEnum
from typing import Any, Final, NamedTuple, Self, TypeAlias

Fields = dict[str, Any]
"""One event, flat, under Sigma's field names. Values are what the source gave: str, int, float, bool, None or a list of
these; an absent key is an absent field. Comparison decides what null and empty mean (docs/sigma.md), readers never do."""

Event = tuple[int, Fields, bytes | str | None]
"""(record number, fields, raw JSON text). The number is EventRecordID, else the 1-based place in the file; the text is
given where the event travelled as JSON, so that keywords can be looked for before values are."""


LANGUAGES: Final = ("fr", "nl", "de", "en")
"""What Beffroi speaks; French comes first."""


class LogSource(NamedTuple):
    """What a Sigma rule is about (Sigma v2.1, "logsource"); None stands for "any"."""

    product: str | None = None
    category: str | None = None
    service: str | None = None

    def __str__(self) -> str:
        return "/".join(part or "*" for part in self)

    @classmethod
    def stated(cls, text: str) -> Self:
        """What a person wrote: "product=linux,service=auth". Raises ValueError for anything else."""
        parts: dict[str, str] = {}
        for part in text.split(","):
            name, _, value = part.partition("=")
            if name.strip() not in cls._fields or not value.strip():
                raise ValueError(text)
            parts[name.strip()] = value.strip()
        return cls(**parts)


class Assurance(IntEnum):
    """How sure it is that a source is who it seems, in rising order. What rests on ADDRESS or less never blocks anybody,
    silences an alarm or counts in an attestation."""

    NONE = 0
    ADDRESS = 1
    TOKEN = 2
    CERTIFICATE = 3


class SourceState(StrEnum):
    """Where a source stands: nobody has decided yet, a person accepted it, a person refused it, accepted but unheard of late."""

    NEW = "new"
    ACCEPTED = "accepted"
    REJECTED = "rejected"
    SILENT = "silent"


class Source(NamedTuple):
    """Something that sends logs. `id` never changes and names no person; `name` is what people call it; `kind` is the receiver
    it was met on ("syslog", "bulk", "drop", …)."""

    id: str
    name: str
    kind: str
    assurance: Assurance
    state: SourceState


Value: TypeAlias = "str | int | float | Message"
"""What fills a place of a Message: plain, so that a message can be kept, compared and sent to another process."""


class Message(NamedTuple):
    """A sentence with named places and what fills them, maybe messages in turn. `core.wording` turns it into words, at the
    edge only; `str()` is the English for machines."""

    sentence: str
    values: tuple[tuple[str, Value], ...] = ()

    def __str__(self) -> str:
        return self.sentence.format_map(dict(self.values)) if self.values else self.sentence

    def to_plain(self) -> list[Any]:
        """As JSON can hold it."""
        values = {name: value.to_plain() if isinstance(value, Message) else value for name, value in self.values}
        return [self.sentence, values]

    @classmethod
    def from_plain(cls, plain: Any) -> Self:
        """What `to_plain` gave. Raises ValueError for anything else."""
        match plain:
            case [str(sentence), dict(values)]:
                return cls(sentence, tuple((name, _value(value)) for name, value in values.items()))
        raise ValueError(f"no message: {plain!r}")


def _value(plain: Any) -> Value:
    return plain if isinstance(plain, str | int | float) else Message.from_plain(plain)


def message(sentence: str, /, **values: Value) -> Message:
    """`message("{count} more", count=3)`; the sentence is a literal, so that tools/words.py finds it for the catalogues."""
    return Message(sentence, tuple(values.items()))


class UnfitError(ValueError):
    """Something cannot be taken as it is; `what` says why. Whoever catches it knows the file and the place, and makes a Fault."""

    def __init__(self, what: Message) -> None:
        super().__init__(what)
        self.what = what

    def __str__(self) -> str:
        return str(self.what)


WHOLE: Final = Message("")
"""The place of a fault that concerns no part of a file in particular."""


class Fault(NamedTuple):
    """Something that could not be read: in which file, where in it (or WHOLE), and one sentence saying what and why."""

    path: str
    place: Message
    what: Message

    @property
    def told(self) -> Message:
        """All of it, as one sentence."""
        if self.place == WHOLE:
            return message("{path}: {what}", path=self.path, what=self.what)
        return message("{path}, {place}: {what}", path=self.path, place=self.place, what=self.what)

    def __str__(self) -> str:
        return str(self.told)

    def to_plain(self) -> list[Any]:
        """As JSON can hold it."""
        return [self.path, self.place.to_plain(), self.what.to_plain()]

    @classmethod
    def from_plain(cls, plain: Any) -> Self:
        """What `to_plain` gave. Raises ValueError for anything else."""
        match plain:
            case [str(path), place, what]:
                return cls(path, Message.from_plain(place), Message.from_plain(what))
        raise ValueError(f"no fault: {plain!r}")
