"""What can go wrong for a person: one class per thing they can meet, each with its sentence and its exit code.

A class's docstring *is* its sentence, with named places; `docs/errors.md` is generated from this module (tools/docs.py).
Raise the class with its values, or with a sentence of its own where only one place needs it::

    raise InputError(path=path, reason="it is a folder")
    raise UsageError("--since {since} is later than --until {until}", since=since, until=until)

The sentence says what, where (`file:line` or a record number) and what to do. What can go wrong many times in one input is
collected first and raised once, as `faults`. A fault of Beffroi itself is any other exception: it keeps its traceback.
"""

from collections.abc import Iterable
from enum import IntEnum
from typing import ClassVar, Self

from beffroi.core.model import Fault


class Exit(IntEnum):
    """How a command ends; the sentence is what docs/errors.md says of it."""

    meaning: str

    def __new__(cls, code: int, meaning: str) -> Self:
        member = int.__new__(cls, code)
        member._value_ = code
        member.meaning = meaning
        return member

    DONE = 0, "Done. Finding something, or nothing, changes no exit code."
    PARTLY = 1, "Done, but something could not be read or done; it is named on stderr."
    ERROR = 2, "Not done: the command was misused, or what it needed was missing or wrong."
    CONFIGURATION = 10, "The configuration is wrong."
    INTAKE = 20, "Events cannot be received."
    COPIES = 30, "A copy could not be made or checked."
    DRILL = 31, "A drill did not bring the files back."
    STORE = 40, "The store cannot be opened or written."
    DEFECT = 99, "A defect of Beffroi itself: please report the traceback that is shown."
    INTERRUPTED = 130, "Stopped with Ctrl-C."
    PIPE_CLOSED = 141, "Whoever read the output went away (as `head` does)."


class BeffroiError(Exception):
    """{reason}."""

    exit_code: ClassVar[Exit] = Exit.ERROR

    def __init__(self, sentence: str | None = None, /, *, faults: Iterable[Fault] = (), **values: object) -> None:
        """`sentence` replaces the class's own; `values` fill its named places; `faults` are shown below it, a line each."""
        self.template = sentence if sentence is not None else type(self).__doc__ or ""
        self.values = values
        self.faults = tuple(faults)
        super().__init__(self.template, values, self.faults)

    def __str__(self) -> str:
        # A sentence without values is taken as it is: it may hold braces of a path or a rule.
        return self.template.format_map(self.values) if self.values else self.template


class UsageError(BeffroiError):
    """{reason}; see `beffroi {verb} --help`."""


class ForbiddenError(BeffroiError):
    """You may not do this ({action}): ask the owner of the house."""


class InputError(BeffroiError):
    """{path}: {reason}."""


class RuleError(BeffroiError):
    """{path}:{line}: {reason}."""


class ConfigurationError(BeffroiError):
    """{path}:{line}: {reason}."""

    exit_code = Exit.CONFIGURATION


class StoreError(BeffroiError):
    """The store {path} cannot be used: {reason}."""

    exit_code = Exit.STORE


class StoreBusyError(StoreError):
    """The store {path} cannot be used: another Beffroi (process {holder}) is writing to it; try again later."""


class DefectError(BeffroiError):
    """Beffroi itself has a defect; please report the lines above."""

    exit_code = Exit.DEFECT
