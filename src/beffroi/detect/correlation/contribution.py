"""What an event means to a correlation: the group it belongs to and the values it adds."""

import hashlib
import itertools
from collections.abc import Mapping
from typing import Any

from beffroi.detect.correlation.definition import NUMERIC, Correlation
from beffroi.detect.correlation.ranked import Exact, exact
from beffroi.detect.correlation.records import Text
from beffroi.detect.values import number_of, text_of

LONGEST = 128
"""characters of a text that are kept; of a longer one the beginning and a digest"""
_MAPPED = "::ffff:"
MOST_TEXTS = 16
"""texts of a list that is grouped by; a longer list becomes one text"""

Key = tuple[Text, ...]


class Reader:
    """Reads the events of one rule for one correlation."""

    __slots__ = ("counted", "grouped", "is_number", "most")

    def __init__(self, correlation: Correlation, rule: str, most: int) -> None:
        self.grouped = tuple(correlation.field_of(name, rule) for name in correlation.group_by)
        self.counted = tuple(correlation.field_of(name, rule) for name in correlation.fields)
        self.is_number = correlation.kind in NUMERIC
        self.most = most

    def key(self, fields: Mapping[str, Any]) -> Key | None:
        """The texts grouped by, a list's as a tuple; None when one of the fields has no value."""
        key: list[Text] = []
        for name in self.grouped:
            text = text_of(fields.get(name))
            if not text:
                return None
            if isinstance(text, str):
                key.append(shortened(text) if len(text) > LONGEST or text[:2] == "::" else text)
            elif len(text) <= MOST_TEXTS:
                key.append(tuple(shortened(each) for each in text))
            else:
                key.append(shortened("\n".join(text) + "\n" * LONGEST))
        return tuple(key)

    def values(self, fields: Mapping[str, Any]) -> tuple[tuple[Any, ...], int] | None:
        """(what is counted, how many values were cut off); None when there is nothing to count.

        Of several fields every tuple of their values; of lists no more than `most`.
        """
        if not self.counted:
            return (), 0
        texts: list[tuple[str, ...]] = []
        for name in self.counted:
            text = text_of(fields.get(name))
            if not text:
                return None
            texts.append((text,) if isinstance(text, str) else text)
        if self.is_number:
            numbers = tuple(number for text in texts[0][: self.most] if (number := number_in(text)) is not None)
            return (numbers, max(0, len(texts[0]) - self.most)) if numbers else None
        if len(texts) == 1:
            return tuple(shortened(text) for text in texts[0][: self.most]), max(0, len(texts[0]) - self.most)
        combined = itertools.product(*(map(shortened, each[: self.most]) for each in texts))
        found = tuple(itertools.islice(combined, self.most))
        every = 1
        for each in texts:
            every *= len(each)
        return found, every - len(found)


def number_in(text: str) -> Exact | None:
    """The number a text writes, exactly; None where it writes none."""
    number = number_of(text)
    return number if number is None or isinstance(number, int) else exact(text)


def shortened(text: str) -> str:
    """A text of bounded length that two long texts share only if they are equal; an IPv4 address that IPv6 wraps (RFC 4291, 2.5.5.2)
    is that address: Windows writes one machine's both ways, Kerberos' service and its own."""
    if len(text) <= LONGEST:
        return text[len(_MAPPED) :] if text[: len(_MAPPED)].lower() == _MAPPED and "." in text else text
    digest = hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=16).hexdigest()
    return f"{text[:64]}…{digest}"
