"""Exports of Microsoft 365's unified audit log → its records, one JSON text each; what their fields mean is not known here.

Purview gives CSV with a column `AuditData` that holds the record as JSON ("Export, configure, and view audit log records",
Microsoft Learn); PowerShell's `Search-UnifiedAuditLog | ConvertTo-Json` gives objects with `AuditData`; the Management Activity
API gives the records themselves (Office 365 Management Activity API schema: `Id`, `CreationTime`, `Operation`, `RecordType`).
"""

import csv
import io
from collections.abc import Iterator
from typing import Any, Final, NamedTuple

import orjson

from beffroi.core.model import UnfitError, message
from beffroi.logs.formats.faults import FaultLog, reason
from beffroi.logs.formats.jsontext import loads_any
from beffroi.logs.formats.limits import Limits
from beffroi.logs.formats.sources import Source, as_utf8, buffered, encoding_of

COLUMN: Final = "AuditData"
_NEEDED: Final = ("CreationTime", "Operation")
_HINTS: Final = ("RecordType", "Workload", "UserId", "OrganizationId")


class Record(NamedTuple):
    """A record as JSON text, and the id that Microsoft gave it ("" where it has none)."""

    text: bytes
    id: str


def record_of(value: Any) -> Record | None:
    """The record in a JSON object: itself, or what its `AuditData` holds; None where it is no record of that log.

    Raises UnfitError where its AuditData cannot be read.
    """
    if not isinstance(value, dict):
        return None
    inner = value.get(COLUMN)
    if isinstance(inner, str) and inner:
        value = loads_any(inner)
    elif isinstance(inner, dict):
        value = inner
    if not isinstance(value, dict) or not all(isinstance(value.get(name), str) for name in _NEEDED):
        return None
    if not any(name in value for name in _HINTS):
        return None
    own = value.get("Id")
    return Record(orjson.dumps(value), own if isinstance(own, str) else "")


def is_csv(head: bytes) -> bool:
    """Whether a file that begins with `head` is a CSV with such a column."""
    encoding, mark = encoding_of(head)
    text = head[mark:].decode(encoding, "replace").lstrip("\r\n")
    while text.startswith("#TYPE"):  # Windows PowerShell's Export-Csv
        text = text.partition("\n")[2]
    first = text.partition("\n")[0].strip("\r")
    return (
        first.isprintable()
        and "{" not in first
        and COLUMN in (name.strip('" ') for name in first.replace(";", ",").split(","))
    )


def read_csv(head: bytes, source: Source, log: FaultLog, limits: Limits) -> Iterator[Record]:
    """Every record of such a CSV, which begins with `head`; what cannot be read goes to `log`."""
    csv.field_size_limit(
        limits.line
    )  # the process's own, which nobody else sets; AuditData is often longer than its 128 KiB
    lines = _lines(buffered(as_utf8(head, source), 1 << 16), limits)
    first = next((line for line in lines if line.strip() and not line.startswith("#TYPE")), "")
    separator = ";" if first.count(";") > first.count(",") else ","  # Excel's, where the comma is in numbers
    names = [name.strip() for name in next(csv.reader([first], delimiter=separator), [])]
    place = names.index(COLUMN)
    reader = csv.reader(lines, delimiter=separator)
    while True:
        try:
            row = next(reader, None)
            if row is None:
                return
            if not row:
                continue
            if len(row) <= place:
                raise UnfitError(message("it has no {column}", column=COLUMN))
            record = record_of({COLUMN: row[place]})
            if record is None:
                raise UnfitError(message("its {column} is no record of an audit log", column=COLUMN))
        except UnfitError as error:
            log.add_line(reader.line_num + 1, reason(error))
        except csv.Error as error:  # a quote that never ends: what follows cannot be told apart
            log.add_line(reader.line_num + 1, message("this is no CSV: {error}", error=str(error)))
            return
        else:
            yield record


def _lines(stream: io.BufferedReader, limits: Limits) -> Iterator[str]:
    while line := stream.readline(limits.line):
        yield line.decode("utf-8", "replace").replace("\0", "\ufffd")
