"""Errors between two processes: as JSON with their sentences unsaid, so that whoever reads them chooses the language."""

from typing import Any

from beffroi.core import errors
from beffroi.core.errors import BeffroiError
from beffroi.core.model import Fault, Message


def error_to_plain(error: BeffroiError) -> dict[str, Any]:
    """As JSON can hold it."""
    values = tuple((name, _value(value)) for name, value in error.values.items())
    return {
        "error": type(error).__name__,
        "message": Message(error.template, values).to_plain(),
        "faults": [fault.to_plain() for fault in error.faults],
    }


def error_from_plain(plain: Any) -> BeffroiError:
    """What `error_to_plain` gave, to be raised. Raises ValueError for anything else."""
    match plain:
        case {"error": str(name), "message": said, "faults": list(faults)}:
            kind = getattr(errors, name, None)
            if not (isinstance(kind, type) and issubclass(kind, BeffroiError)):
                raise ValueError(f"no error: {name}")
            message = Message.from_plain(said)
            made = kind(message.sentence, faults=map(Fault.from_plain, faults), **dict(message.values))
            assert isinstance(made, BeffroiError)
            return made
    raise ValueError("no error")


def _value(value: object) -> Any:
    return value if isinstance(value, str | int | float | Message) else str(value)
