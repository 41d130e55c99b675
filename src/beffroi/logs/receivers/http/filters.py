"""Elasticsearch's `filter_path`: which parts of an answer a client wants ("errors,items.*.status").

Source: Elasticsearch's documentation, "Common options", "Response filtering". `*` stands for a part of a name, `**` for any number of
names, a leading `-` leaves out. Empty objects and lists are left out with what was in them.
"""

from fnmatch import fnmatchcase
from typing import Any, Final

MOST: Final = 32
"""Patterns that are looked at, and names in each."""

Pattern = tuple[str, ...]


def patterns(text: str) -> tuple[list[Pattern], list[Pattern]]:
    """(wanted, left out) of a query's `filter_path`."""
    wanted: list[Pattern] = []
    without: list[Pattern] = []
    for each in text.split(",")[:MOST]:
        name = each.strip()
        if name:
            (without if name.startswith("-") else wanted).append(tuple(name.lstrip("-").split(".")[:MOST]))
    return wanted, without


def filtered(value: dict[str, Any], text: str) -> dict[str, Any]:
    """What of `value` a `filter_path` asks for; all of it where the text is empty."""
    wanted, without = patterns(text)
    found: Any = value
    if wanted:
        found = _only(found, wanted)
    if without:
        found = _except(found, without)
    return found if isinstance(found, dict) else {}


def _below(name: str, wanted: list[Pattern]) -> list[Pattern]:
    """The rest of each pattern once `name` is passed; an empty one has come to its end."""
    rest: list[Pattern] = []
    for pattern in wanted:
        if pattern[0] == "**":
            rest.append(pattern)
            pattern = pattern[1:]  # noqa: PLW2901 - `**` may also stand for nothing
            if not pattern:
                rest.append(())
                continue
        if fnmatchcase(name, pattern[0]):
            rest.append(pattern[1:])
    return rest


def _only(value: Any, wanted: list[Pattern]) -> Any:
    if isinstance(value, list):
        return [part for part in (_only(each, wanted) for each in value) if part not in (None, {}, [])]
    if not isinstance(value, dict):
        return None
    kept = {}
    for name, part in value.items():
        rest = _below(name, wanted)
        if () in rest:
            kept[name] = part
        elif rest and (inner := _only(part, rest)) not in (None, {}, []):
            kept[name] = inner
    return kept


def _except(value: Any, without: list[Pattern]) -> Any:
    if isinstance(value, list):
        return [part for part in (_except(each, without) for each in value) if part not in ({}, [])]
    if not isinstance(value, dict):
        return value
    kept = {}
    for name, part in value.items():
        rest = _below(name, without)
        if () in rest:
            continue
        inner = _except(part, rest) if rest else part
        if inner not in ({}, []) or part in ({}, []):
            kept[name] = inner
    return kept
