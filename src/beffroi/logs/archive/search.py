"""Searches in the archive and in what the journal holds beyond it. The work is done in a child, the answer streams."""

import os
import tempfile
from collections.abc import Generator, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from beffroi.core.errors import InputError, StoreError, UsageError
from beffroi.core.model import Fault, LogSource, message
from beffroi.logs.archive import children, index
from beffroi.logs.archive.index import Part
from beffroi.logs.archive.query import Query, may_hold, where
from beffroi.logs.archive.rows import Row, group_of, line

SECONDS: Final = 120
"""Of processor time for one search unless set."""
MEMORY: Final = 160 << 20
"""Bytes for DuckDB in one search unless set."""


def search(
    folder: Path,
    query: Query,
    *,
    sql: str | None = None,
    tail: Iterable[Row] = (),
    faults: list[Fault],
    seconds: int = SECONDS,
    memory: int = MEMORY,
) -> Generator[bytes, None, None]:
    """What is found, as blocks of whole lines of JSON: events with `time`, `arrived`, `source`, `host`, `logsource`, `fields`,
    `raw`, newest first; or the rows of `sql`, one SELECT over the view `events` (the archive's columns, docs/search.md), which holds
    at least all that fits the query.

    `tail` is what the journal holds behind `index.load(folder).position`; it is read after the index, and rows that are in the
    archive too are passed over. Broken files are told to `faults` and passed over. Closing the iterator ends the search.
    Raises StoreError where there is no archive to read, InputError where it took too long or too much memory, UsageError for
    an SQL that cannot be run.
    """
    if not folder.is_dir():
        raise StoreError(path=folder, reason=message("there is no archive yet"))
    with _reading(folder), _workplace(folder) as temporary:  # what is not locked may be swept
        held = index.load(folder)
        parts = tuple(part for part in held.parts if may_hold(part, query))
        condition, values = where(query)
        job: dict[str, Any] = {
            "task": "search",
            "files": [(part.path, part.size, part.latest) for part in parts],
            "tail": _spooled(tail, held.position, query, folder / temporary),
            "where": condition,
            "values": values,
            "limit": query.limit,
            "sql": sql,
            "memory": memory,
            "temporary": temporary,
            "seconds": seconds,
        }
        try:
            yield from children.run(job, folder, faults)
        except children.Failed as failed:
            raise _told(failed, folder, seconds, sql) from failed


@contextmanager
def _workplace(folder: Path) -> Iterator[str]:
    """A folder for what does not fit into the memory, as the child may call it. Beside the archive, because /tmp may itself lie
    in the memory; elsewhere only for those who may not write there."""
    if os.access(folder, os.W_OK):
        with tempfile.TemporaryDirectory(prefix=index.SEARCHING, dir=folder) as place:
            yield Path(place).name
    else:
        with tempfile.TemporaryDirectory(prefix="beffroi-search-") as place:
            yield place


def _told(failed: children.Failed, folder: Path, seconds: int, sql: str | None) -> Exception:
    if failed.timed_out:
        return InputError(
            path=folder,
            reason=message(
                "the search took more than {seconds} s; ask for a shorter time or fewer events", seconds=seconds
            ),
        )
    if failed.memory:
        return InputError(
            path=folder, reason=message("the search needs too much memory; ask for a shorter time or fewer events")
        )
    if sql is not None:
        return UsageError("--sql cannot be run: {error}", error=failed.reason, verb="search")
    return InputError(path=folder, reason=failed.reason)


class _reading:  # noqa: N801 - used as a function
    """`index.reading`, with its errors as a person meets them."""

    def __init__(self, folder: Path) -> None:
        self._folder, self._held = folder, index.reading(folder)

    def __enter__(self) -> None:
        try:
            self._held.__enter__()
        except FileNotFoundError as error:
            raise StoreError(path=self._folder, reason=message("there is no archive yet")) from error
        except OSError as error:
            raise StoreError(path=self._folder, reason=error.strerror or str(error)) from error

    def __exit__(self, *_: object) -> None:
        self._held.__exit__(None, None, None)


def _spooled(tail: Iterable[Row], position: int, query: Query, temporary: Path) -> int | None:
    """The tail as a file of lines: the length of the longest; None where it has nothing to look at."""
    path, longest = temporary / "tail.ndjson", 0
    with path.open("wb") as file:
        for row in tail:
            if row.position > position and may_hold(_alone(row), query):
                text = line(row)
                longest = max(longest, len(text))
                file.write(text)
    return longest or None


def _alone(row: Row) -> Part:
    """A row as if it were a file, so that the same is passed over."""
    product, category, service = row.logsource or LogSource()
    moment = row.time if row.time is not None else row.arrived
    return Part(
        path="", day=group_of(row).day, product=product, category=category, service=service, rows=1, size=0, weight=0,
        earliest=moment, latest=moment, first=row.position, last=row.position,
    )  # fmt: skip
