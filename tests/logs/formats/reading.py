"""Bytes through a reader: events and faults."""

import io
from types import ModuleType
from typing import Any

from beffroi.core.model import Event, Fault, Fields
from beffroi.logs.formats.faults import FaultLog
from beffroi.logs.formats.limits import Limits


def read(reader: ModuleType, data: bytes, limits: Limits | None = None) -> tuple[list[Event], list[str]]:
    """(events, faults as text) of `data`."""
    limits = limits or Limits()
    faults: list[Fault] = []
    log = FaultLog("log", faults, limits.faults)
    source = io.BytesIO(data)
    events = list(reader.read(source, log) if reader.__name__.endswith(".evtx") else reader.read(source, log, limits))
    log.close()
    return events, [f"{fault.place}: {fault.what}" for fault in faults]


def compared(fields: Fields) -> dict[str, Any]:
    """Fields as comparison takes them: values as text, null and empty left out."""

    def text(value: Any) -> Any:
        if isinstance(value, list):
            return [text(part) for part in value]
        if isinstance(value, bool):
            return str(value).lower()
        return "" if value is None else str(value)

    return {name: shown for name, value in fields.items() if (shown := text(value)) not in ("", [])}
