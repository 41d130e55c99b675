"""Keywords: values that may stand in any field of an event.

A keyword rule would need every value of every event. Instead the events' raw JSON is scanned, a batch at a time, for
pieces of the keywords that JSON writes as they are; only where one stands are the values looked at. What JSON could
write otherwise (escapes, letters that lower to ASCII) flags the event, so nothing is missed.
"""

import re
from bisect import bisect_right
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC
from itertools import accumulate
from typing import Any

import hyperscan

from beffroi.core.model import Event, Fields
from beffroi.detect.atoms import pair_test
from beffroi.detect.ir import Witness
from beffroi.detect.scanner import Hits
from beffroi.detect.values import text_of
from beffroi.detect.witness import CONTAINS, ENDS, EQUALS, STARTS

_VERBATIM = re.compile(r"[!#-.0-\[\]-~ ]+")  # printable ASCII that JSON never has to escape: not " / \
# Ways in which printable ASCII may stand in JSON other than as itself, or as a letter that lowers to it: the Kelvin sign, the
# long s (for RE2) and the dotted capital I.
_DISGUISED = (rb"\\u00[2-7]", rb"\\u212a", rb"\\u017f", rb"\\u0130", b"\xe2\x84\xaa", b"\xc5\xbf", b"\xc4\xb0")


def texts_of(fields: Fields) -> Iterator[str]:
    """Every text an event holds, names left out."""
    for value in fields.values():
        text = text_of(value)
        if text.__class__ is str:
            yield text
        elif text:
            yield from text


def keyword_test(leaf: list[Any]) -> Callable[[Fields], bool]:
    """Whether a leaf without a field holds for some value of an event."""
    test = pair_test(leaf, UTC)
    return lambda fields: any(text != "" and test((text, text.lower())) for text in texts_of(fields))


class KeywordScanner:
    """The witnesses that belong to no field."""

    def __init__(self) -> None:
        self._pieces: dict[bytes, set[int]] = {}
        self._all: set[int] = set()
        self._blunt: set[int] = set()  # rules without a piece that could be scanned for: tried on every event
        self._database: Any = None
        self._owners: list[Hits] = []

    def add(self, witness: Witness, rule: int) -> None:
        """Have a rule tried on events in whose text the witness may stand."""
        self._all.add(rule)
        longest = ""
        if witness.kind in (EQUALS, STARTS, ENDS, CONTAINS):
            longest = max(_VERBATIM.findall(witness.literal), key=len, default="")
        if len(longest) >= 2:
            self._pieces.setdefault(longest.lower().encode(), set()).add(rule)
        else:
            self._blunt.add(rule)

    def freeze(self) -> "KeywordScanner | None":
        """Build what scans; None where there is no keyword at all."""
        if not self._all:
            return None
        every = tuple(sorted(self._all))
        expressions = [re.escape(piece) for piece in self._pieces] + list(_DISGUISED)
        self._owners = [tuple(sorted(rules)) for rules in self._pieces.values()] + [every] * len(_DISGUISED)
        if self._pieces:
            self._database = hyperscan.Database(mode=hyperscan.HS_MODE_BLOCK)
            self._database.compile(
                expressions=expressions,
                ids=list(range(len(expressions))),
                elements=len(expressions),
                flags=[hyperscan.HS_FLAG_CASELESS] * len(expressions),
            )
        return self

    def look(self, events: Sequence[Event]) -> Iterator[tuple[int, Hits]]:
        """(place, rules worth trying) where a piece of a keyword may stand."""
        if self._blunt:
            blunt = tuple(self._blunt)
            for place in range(len(events)):
                yield place, blunt
        if self._database is None:
            return
        haystack = _joined(events)
        hits: list[tuple[int, int]] = []
        append = hits.append

        def seen(pattern: int, _start: int, end: int, _flags: int, _context: object) -> None:
            append((pattern, end))

        self._database.scan(haystack, match_event_handler=seen)
        if hits:
            ends = list(accumulate(len(_encoded(event)) + 1 for event in events))
            for pattern, end in hits:
                yield bisect_right(ends, end - 1), self._owners[pattern]


def _joined(events: Sequence[Event]) -> bytes:
    """The events' texts as one."""
    raws = [event[2] for event in events]
    try:
        return b"\n".join(raws)  # type: ignore[arg-type]
    except TypeError:
        return b"\n".join(map(_encoded, events))


def _encoded(event: Event) -> bytes:
    raw = event[2]
    if isinstance(raw, bytes):
        return raw
    text = "\n".join(texts_of(event[1])) if raw is None else raw
    return text.encode("utf-8", "surrogatepass")
