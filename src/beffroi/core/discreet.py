"""What a log may hold: our own words, numbers, moments and identifiers; of an error its kind and its place, never what it says.

A library's exception may quote what it was given, which may be a resident's. So nothing that comes from outside is taken out of a
log: only what is known to be harmless comes in.
"""

import os
import re
import string
import sys
import traceback
from collections.abc import Callable, Iterator, Mapping
from types import TracebackType
from typing import Any, Final

from beffroi.core.errors import BeffroiError, Exit
from beffroi.core.model import Message, UnfitError

HIDDEN: Final = "…"
"""Stands for what is not said."""
HARMLESS: Final = re.compile(
    r"s-[0-9a-f]{10}|[0-9]{4}-[0-9]{2}-[0-9]{2}(?:[T ][0-9]{2}:[0-9]{2}(?::[0-9]{2}(?:\.[0-9]{1,9})?)?)?(?:Z|[+-][0-9]{2}:[0-9]{2})?",
    re.ASCII,
)
"""Texts that are said: a source's identifier, a moment in ISO 8601."""
FRAMES: Final = 12  # places of an error that are told, the innermost ones
CAUSES: Final = 4  # errors behind an error that are told


class Word(str):
    """A text of Beffroi's own, or of the system's fixed ones, which may be logged: a receiver's name, what a part is called."""

    __slots__ = ()


class _Hidden(str):
    """Whatever format is asked of it."""

    __slots__ = ()

    def __format__(self, _spec: str) -> str:
        return HIDDEN


def value(given: object) -> object:
    """What may be said of a value."""
    if isinstance(given, bool | int | float | Word) or given is None:
        return given
    if isinstance(given, Message):
        return sentence(given.sentence, dict(given.values))
    if isinstance(given, BaseException):
        return error(given)
    return given if isinstance(given, str) and HARMLESS.fullmatch(given) else _Hidden(HIDDEN)


def sentence(template: str, values: Mapping[str, object]) -> str:
    """One of our own sentences; in its places what may be said of the values."""
    if not values:
        return template
    try:
        return string.Formatter().vformat(template, (), {name: value(each) for name, each in values.items()})
    except (ValueError, LookupError, TypeError):
        return template


def error(given: BaseException) -> str:
    """The kind of an error, where it came up, innermost place last, and what lies behind it."""
    return " ← ".join(_one(each) for each in _chain(given))


def _chain(given: BaseException) -> Iterator[BaseException]:
    """An error and its causes; of a group the first."""
    each: BaseException | None = given
    for _ in range(CAUSES):
        if each is None:
            return
        yield each
        each = (
            each.exceptions[0]
            if isinstance(each, BaseExceptionGroup)
            else each.__cause__ or (None if each.__suppress_context__ else each.__context__)
        )


def _one(given: BaseException) -> str:
    kind = type(given)
    name = kind.__qualname__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__qualname__}"
    return f"{name}{_words(given)}{_places(given.__traceback__)}"


def _words(given: BaseException) -> str:
    """What of its text is ours."""
    match given:
        case BeffroiError():
            return f" ({sentence(given.template, given.values)})"
        case UnfitError():
            return f" ({value(given.what)})"
        case OSError() if given.errno is not None:
            return f" ({os.strerror(given.errno)})"
    return ""


def _places(trace: TracebackType | None) -> str:
    found = [
        f"{frame.f_globals.get('__name__', '?')}:{line} {frame.f_code.co_name}"
        for frame, line in traceback.walk_tb(trace)
    ]
    return f" in {' > '.join(found[-FRAMES:])}" if found else ""


def guarded(main: Callable[[list[str]], int], arguments: list[str]) -> int:
    """Run a process of ours, whose complaint goes into the service's log: where it fails, one discreet line on stderr."""
    try:
        return main(arguments)
    except Exception as failed:  # noqa: BLE001 - the last line of defence of the process
        print(f"beffroi: {error(failed)}", file=sys.stderr)
        return Exit.DEFECT


def complaint(said: bytes) -> str:
    """What `guarded` said, at the end of a process's stderr; "" where it ended in another way (a signal, a library's own words)."""
    last = said.decode("utf-8", "replace").strip().rpartition("\n")[2]
    return last.removeprefix("beffroi: ")[:1_000] if last.startswith("beffroi: ") else ""


def arguments(given: Any) -> Any:
    """What may be said of a log record's arguments: a tuple, a mapping, or one value."""
    if isinstance(given, tuple):
        return tuple(map(value, given))
    return {name: value(each) for name, each in given.items()} if isinstance(given, Mapping) else given
