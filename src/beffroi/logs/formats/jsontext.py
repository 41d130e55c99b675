"""JSON as it really comes: orjson for what is JSON, the standard library for what nearly is (NaN, lone surrogates, tabs in text).

A whole number of more than 64 bits becomes a float in both.
"""

import json
import re
from typing import Any

import orjson

from beffroi.core.model import UnfitError, message


def loads_any(text: bytes | str) -> Any:
    """The value of `text`. Raises UnfitError. Lone surrogates and broken UTF-8 become U+FFFD."""
    try:
        return orjson.loads(text)
    except ValueError as error:
        reason = str(error).partition(": line ")[0]
    if isinstance(text, bytes):
        text = text.decode("utf-8-sig", "replace")
    text = text.strip(" \t\r\n,")
    try:
        value = json.loads(text, parse_int=_number, strict=False)
    except RecursionError:
        raise UnfitError(message("it is nested too deeply")) from None
    except ValueError:
        raise UnfitError(message("it is no JSON: {error}", error=reason)) from None
    return _mended(value) if "\\u" in text or _SURROGATE.search(text) else value


_SURROGATE = re.compile("[\ud800-\udfff]")


def _number(digits: str) -> int | float:
    if len(digits) <= 20 and -(1 << 63) <= (number := int(digits)) < 1 << 64:
        return number
    return float(digits)


def _mended(value: Any) -> Any:
    """`value` with every lone surrogate replaced: such text can be neither written nor compared."""
    if isinstance(value, str):
        return _SURROGATE.sub("\ufffd", value)
    if isinstance(value, list):
        return [_mended(part) for part in value]
    if isinstance(value, dict):
        return {_mended(name): _mended(part) for name, part in value.items()}
    return value


def loads_repeated(text: str) -> Any:
    """The value of JSON text in which objects repeat names: the second `name` becomes `name_1`, and so on.

    That is how the `evtx` library writes events whose Data repeat names; other readers keep only the last of them.
    """
    return json.loads(text, object_pairs_hook=_repeated)


def _repeated(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) == len(pairs):
        return found
    found = {}
    seen: dict[str, int] = {}
    for name, value in pairs:
        count = seen.get(name, 0)
        seen[name] = count + 1
        found[f"{name}_{count}" if count else name] = value
    return found
