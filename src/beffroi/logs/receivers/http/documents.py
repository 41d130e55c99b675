"""Whether a piece of a body is one JSON object, found out at the least cost: its values are skipped over, not made."""

from typing import Final

import msgspec

from beffroi.logs.formats.jsontext import loads_any


class _Any(msgspec.Struct):
    """Any JSON object: its names and values are looked at by nobody."""


_skip: Final = msgspec.json.Decoder(_Any).decode


def is_object(text: bytes) -> bool:
    """Whether `text`, which is UTF-8, is one JSON object.

    What is JSON to the readers of logs alone (NaN, lone surrogates, tabs in text) is one too: an event must not get lost because
    somebody signed in under an impossible name. Nesting is bounded by what those readers take.
    """
    try:
        _skip(text)
    except (msgspec.MsgspecError, RecursionError):
        try:
            return isinstance(loads_any(text), dict)
        except (ValueError, RecursionError):
            return False
    return True
