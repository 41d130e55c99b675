"""What runs in the child: lines of JSON → Parquet, several Parquet files → one, and searches. Started by `children`.

Standard input gives one line, the job; while it stays open somebody waits for the answer. Standard output is the answer, lines
of JSON; on standard error are faults and, last, why it failed. The working folder is the archive's: all names are relative, so
that nothing in the path of a house's data folder is taken for a pattern.
"""

import os
import resource
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import IO, Any

import duckdb
import orjson

from beffroi.core.model import WHOLE, Fault, Message, message
from beffroi.logs.archive.rows import COLUMNS, dumped, moment_text

_READ = "columns={" + ", ".join(f"'{name}': '{kind}'" for name, kind in COLUMNS.items()) + "}"
_TYPED = "* REPLACE (make_timestamp(time) AS time, make_timestamp(arrived) AS arrived)"
_EMPTY = (
    "SELECT "
    + ", ".join(
        f"NULL::{'TIMESTAMP' if name in ('time', 'arrived') else kind} AS {name}" for name, kind in COLUMNS.items()
    )
    + " WHERE false"
)
_LAST = 1 << 62  # of the journal's tail nothing is known
_LINE = 16 << 20  # bytes of a line that DuckDB takes without being told
_SLICE = 4_000  # events sorted at once
_SLACK = 384 << 20  # bytes beside DuckDB's own, for Python and the threads' stacks
_SHOWN = ("time", "arrived", "source", "host", "product", "category", "service", "fields", "raw")
_SELECT = f"epoch_us(time), position, place, epoch_us(arrived), {', '.join(_SHOWN[2:])}"
_FEW = 16  # files that are looked at first for the newest events


def connect(memory: int, temporary: str) -> duckdb.DuckDBPyConnection:
    """DuckDB in memory, within `memory` bytes, loading nothing from anywhere; what does not fit goes to `temporary`."""
    return duckdb.connect(
        config={
            "threads": 1,
            "memory_limit": f"{memory}B",
            "temp_directory": temporary,
            "max_temp_directory_size": "1GB",
            "autoinstall_known_extensions": False,
            "autoload_known_extensions": False,
            "allow_community_extensions": False,
            "python_enable_replacements": False,
        }
    )


def write(job: dict[str, Any], out: IO[bytes], _tell: Callable[[Fault], None]) -> None:
    """Each spool of lines → a Parquet file beside it, on disk when its line is written."""
    connection = connect(job["memory"], job["temporary"])
    for source, target, longest in job["files"]:
        size = max(_LINE, longest + 1)
        options = f"format='newline_delimited', maximum_object_size={size}, {_READ}"
        _copy(connection, f"SELECT {_TYPED} FROM read_json({_quoted(source)}, {options})", target, job["group"])
        _report(connection, target, out)


def merge(job: dict[str, Any], out: IO[bytes], tell: Callable[[Fault], None]) -> None:
    """Several Parquet files → one, in the order given. Broken ones are told, and then nothing is merged."""
    connection = connect(job["memory"], job["temporary"])
    broken = [name for name in job["files"] if not _sound(connection, name)]
    for name in broken:
        tell(Fault(name, WHOLE, _BROKEN))
    if not broken:
        names = ", ".join(map(_quoted, job["files"]))
        _copy(
            connection, f"SELECT * FROM read_parquet([{names}], hive_partitioning=false)", job["target"], job["group"]
        )
        _report(connection, job["target"], out)


_BROKEN = message("it is damaged and was passed over")


def _copy(connection: duckdb.DuckDBPyConnection, query: str, target: str, group: int) -> None:
    connection.execute(
        f"COPY ({query}) TO {_quoted(target)} (FORMAT parquet, COMPRESSION zstd, ROW_GROUP_SIZE {group:d})"
    )
    with Path(target).open("rb") as file:
        os.fsync(file.fileno())


def _report(connection: duckdb.DuckDBPyConnection, target: str, out: IO[bytes]) -> None:
    found = connection.execute(
        "SELECT count(*), epoch_us(min(time)), epoch_us(max(time)) FROM read_parquet(?)", [target]
    ).fetchone()
    assert found is not None
    out.write(orjson.dumps([*found, Path(target).stat().st_size]) + b"\n")


def _sound(connection: duckdb.DuckDBPyConnection, name: str) -> bool:
    """Whether all of a file can be read."""
    try:
        connection.execute(
            "SELECT max(hash(COLUMNS(*))) FROM read_parquet(?, hive_partitioning=false)", [name]
        ).fetchall()
    except duckdb.OutOfMemoryException:
        raise
    except duckdb.Error:
        return False
    return True


def search(job: dict[str, Any], out: IO[bytes], tell: Callable[[Fault], None]) -> None:
    """The events that a query's condition lets through, newest first, or what a person's own SQL gives."""
    connection = connect(job["memory"], job["temporary"])
    connection.execute("SET TimeZone = 'UTC'")  # for whoever compares with now()
    files: list[tuple[str, int]] = []
    for name, size, latest in job["files"]:
        try:
            whole = Path(name).stat().st_size == size
        except OSError:
            whole = False
        if whole:
            files.append((name, latest))
        else:
            tell(Fault(name, WHOLE, message("it is missing or cut off and was passed over")))
    if job["tail"] is not None:
        source, longest = f"{job['temporary']}/tail.ndjson", job["tail"]
        tail = f"{job['temporary']}/tail.parquet"
        options = f"format='newline_delimited', maximum_object_size={max(_LINE, longest + 1)}, {_READ}"
        _copy(connection, f"SELECT {_TYPED} FROM read_json({_quoted(source)}, {options})", tail, 20_480)
        files.append((tail, _LAST))
    looking = _Search(connection, files, job, tell)
    rows = looking.by_sql() if job["sql"] is not None else looking.by_condition()
    for line in rows:
        out.write(line)


class _Search:
    """A search that names broken files and goes on without them."""

    def __init__(
        self,
        connection: duckdb.DuckDBPyConnection,
        files: list[tuple[str, int]],
        job: dict[str, Any],
        tell: Callable[[Fault], None],
    ) -> None:
        """`files` are names, each with the time of the latest event in it."""
        self._connection, self._job, self._tell = connection, job, tell
        self._dated = sorted(files, key=lambda file: -file[1])
        self._files = [name for name, _ in self._dated]

    def by_condition(self) -> Iterator[bytes]:
        """Sorting whole events does not fit into the memory; so the order is found first, then slice by slice is fetched."""
        where, values, limit = self._job["where"], self._job["values"], self._job["limit"]
        order = "ORDER BY time DESC, position DESC, place DESC"
        last = "" if limit is None else f"LIMIT {limit:d}"
        if limit is not None and limit <= _SLICE:
            yield from map(
                _line, self._newest(f"SELECT {_SELECT} FROM {{events}} WHERE {where} {order} {last}", values, limit)
            )
            return
        marks = self._rows(
            f"SELECT epoch_us(time), position, place FROM {{events}} WHERE {where} {order} {last}",
            values,
            keep=lambda number: number % _SLICE == 0,
        )
        after: tuple[int, int, int] | None = None
        left = limit
        for mark in [*marks, None]:
            terms, more = [where], list(values)
            for sign, bound in (("<", after), (">", mark)):
                if bound is not None:  # spelt out: DuckDB knows no BETWEEN of rows
                    terms.append(
                        f"time {sign}= make_timestamp(?::BIGINT) AND (time {sign} make_timestamp(?::BIGINT)"
                        f" OR position {sign} ?::BIGINT OR position = ?::BIGINT AND place {sign}{'=' * (bound is mark)} ?::BIGINT)"
                    )
                    time, position, place = bound
                    more += [time, time, position, position, place]
            limited = "" if left is None else f"LIMIT {left:d}"
            rows = self._rows(f"SELECT {_SELECT} FROM {{events}} WHERE {' AND '.join(terms)} {order} {limited}", more)
            yield from map(_line, rows)
            if left is not None:
                left -= len(rows)
            after = mark

    def _newest(self, query: str, values: Sequence[Any], limit: int) -> list[Any]:
        """Few events are mostly found in few files: the newest are looked at first, and the others only if they can hold one
        that is newer than the oldest found."""
        found: list[Any] = []
        at, step = 0, _FEW
        while at < len(self._dated) and (len(found) < limit or self._dated[at][1] >= found[-1][0]):
            self._files = [name for name, _ in self._dated[at : at + step]]
            found = sorted([*found, *self._rows(query, values)], key=lambda row: row[:3], reverse=True)[:limit]
            at, step = at + step, 2 * step
        return found

    def _rows(self, query: str, values: Sequence[Any], keep: Callable[[int], bool] = lambda _number: True) -> list[Any]:
        """The rows of a query (those whose number, from 1, is to be kept), without files that turn out to be broken."""
        while True:
            try:
                number, kept = 0, []
                self._connection.execute(query.replace("{events}", f"({self._events()})"), values)
                while rows := self._connection.fetchmany(1_024):
                    for row in rows:
                        number += 1
                        if keep(number):
                            kept.append(row)
                return kept
            except duckdb.OutOfMemoryException:
                raise
            except duckdb.Error:
                if not self._drop_broken():
                    raise

    def _drop_broken(self) -> bool:
        broken = [name for name in self._files if not _sound(self._connection, name)]
        for name in broken:
            self._tell(Fault(name, WHOLE, _BROKEN))
            self._files.remove(name)
        return bool(broken)

    def _events(self, kind: str = "") -> str:
        if not self._files:
            return _EMPTY
        names = ", ".join(map(_quoted, self._files))
        return f"SELECT *{kind} FROM read_parquet([{names}], hive_partitioning=false)"

    def by_sql(self) -> Iterator[bytes]:
        """A person's own query over the view `events`, with the doors shut before it is even read."""
        connection = self._connection
        self._view()
        allowed = ", ".join(_quoted(str(Path(name).absolute())) for name in self._files)
        connection.execute(f"SET allowed_paths = [{allowed}]")
        connection.execute("SET enable_external_access = false")
        connection.execute("SET lock_configuration = true")
        statements = connection.extract_statements(self._job["sql"])
        if len(statements) != 1 or statements[0].type != duckdb.StatementType.SELECT:
            raise Refused(message("one SELECT is expected, and nothing else"))
        told = False
        while True:
            try:
                connection.execute(self._job["sql"])
                names = [column[0] for column in connection.description or ()]
                kinds = [str(column[1]) == "JSON" for column in connection.description or ()]
                unique = [name if names.index(name) == place else f"{name}_{place}" for place, name in enumerate(names)]
                while rows := connection.fetchmany(256):
                    for row in rows:
                        told = True
                        values = [_document(each) if kind else each for each, kind in zip(row, kinds, strict=True)]
                        yield _answer(dict(zip(unique, values, strict=True)))
                return
            except duckdb.OutOfMemoryException:
                raise
            except duckdb.Error as error:
                if told or isinstance(error, _MISTAKES) or not self._drop_broken():
                    raise
                self._view()

    def _view(self) -> None:
        events = self._events(" REPLACE (fields::JSON AS fields)")
        self._connection.execute(f"CREATE OR REPLACE VIEW events AS {events}")


_MISTAKES = (duckdb.ProgrammingError, duckdb.NotSupportedError)
"""What is wrong with a query itself, so that no file is suspected."""


def _document(value: Any) -> Any:
    return orjson.loads(value) if isinstance(value, str) else value


def _answer(row: dict[str, Any]) -> bytes:
    try:
        return orjson.dumps(row, default=_plain, option=_OPTIONS) + b"\n"
    except TypeError:  # a number beyond 64 bits
        return dumped(row) + b"\n"


_OPTIONS = orjson.OPT_NAIVE_UTC | orjson.OPT_UTC_Z | orjson.OPT_NON_STR_KEYS


class Refused(Exception):
    """A person's query that is not run."""

    def __init__(self, what: Message) -> None:
        super().__init__(str(what))
        self.what = what


def _plain(value: Any) -> Any:
    return value.hex() if isinstance(value, bytes) else str(value)


def _line(row: Sequence[Any]) -> bytes:
    time, _, _, arrived, source, host, product, category, service, fields, raw = row
    shown = {
        "time": moment_text(time),
        "arrived": moment_text(arrived),
        "source": source,
        "host": host,
        "logsource": {"product": product, "category": category, "service": service},
        "fields": orjson.Fragment(fields.encode()),
        "raw": raw,
    }
    return orjson.dumps(shown) + b"\n"


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def _watch() -> None:
    """End when whoever waits for the answer is gone."""
    os.read(0, 1)
    os._exit(3)


def main() -> int:
    """Do the job that stands on standard input; returns the exit code."""
    line = bytearray()
    while not line.endswith(b"\n"):  # not buffered: the rest of the pipe belongs to the watch
        block = os.read(0, 1 << 16)
        if not block:
            return 3
        line += block
    job = orjson.loads(line)
    threading.Thread(target=_watch, daemon=True).start()
    os.nice(5)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_DATA, (job["memory"] + _SLACK,) * 2)
    if job["seconds"]:
        resource.setrlimit(resource.RLIMIT_CPU, (job["seconds"], job["seconds"] + 5))

    def tell(fault: Fault) -> None:
        _say({"fault": fault.to_plain()})

    try:
        out = sys.stdout.buffer
        {"write": write, "merge": merge, "search": search}[job["task"]](job, out, tell)
        out.flush()
    except BrokenPipeError:
        return 3
    except (duckdb.OutOfMemoryException, MemoryError) as error:
        _say({"error": _first_line(error), "memory": True})
        return 4
    except Refused as error:
        _say({"error": error.what.to_plain(), "memory": False})
        return 4
    except (duckdb.Error, OSError) as error:
        _say({"error": _first_line(error), "memory": False})
        return 4
    return 0


def _say(what: dict[str, Any]) -> None:
    os.write(2, orjson.dumps(what) + b"\n")


def _first_line(error: BaseException) -> str:
    return str(error).split("\n", 1)[0] or type(error).__name__


if __name__ == "__main__":
    sys.stdout.flush()
    code = main()
    try:
        sys.stdout.flush()
    finally:
        os._exit(code)  # DuckDB need not clean up, and the watch must not be waited for
