"""Keywords: values that may stand in any field of an event.

A keyword rule would need every value of every event. Instead the events' raw JSON is scanned, a batch at a time, for
pieces of the keywords that JSON writes as they are; only where one stands are the values looked at. What JSON could
write otherwise (escapes, letters that lower to ASCII) flags the event, so nothing is missed.
"""

import re
from collections.abc import Callable, Iterator
from datetime import UTC
from typing import Any

import hyperscan

from beffroi.core.model import Event, Fields
from beffroi.detect.atoms import pair_test
from beffroi.detect.ir import Witness
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
        self._hits: list[int] = []
        self._owners: list[tuple[int, ...]] = []

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
            append = self._hits.append
            self._seen = lambda pattern, _start, _end, _flags, _context: append(pattern)
        return self

    def look(self, event: Event) -> set[int] | None:
        """The rules worth trying on an event, since a piece of one of their keywords may stand in it."""
        if self._database is not None:
            raw = event[2]
            self._database.scan(raw if raw.__class__ is bytes else _encoded(event), match_event_handler=self._seen)
        if not self._blunt and not self._hits:
            return None
        found = {*self._blunt, *(rule for pattern in self._hits for rule in self._owners[pattern])}
        self._hits.clear()
        return found


def _encoded(event: Event) -> bytes:
    raw = event[2]
    if isinstance(raw, bytes):
        return raw
    if raw is None:
        raw = "\n".join([value if value.__class__ is str else _written(value) for value in event[1].values()])
    return raw.encode("utf-8", "surrogatepass")


def _written(value: Any) -> str:
    text = text_of(value)
    return text if isinstance(text, str) else "\n".join(text or ())
