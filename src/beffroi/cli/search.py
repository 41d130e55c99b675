"""`beffroi search`: look for events in the archive. Reads only; needs no running service."""

import csv
import io
import re
import sys
import time
from collections.abc import Callable, Generator, Iterator
from datetime import UTC, datetime, timedelta
from itertools import islice
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import click
import orjson

from beffroi.cli.client import act
from beffroi.cli.options import Shared, shared_options
from beffroi.cli.owner import become_owner
from beffroi.core.config import Config
from beffroi.core.config import load as load_config
from beffroi.core.errors import Exit, UsageError
from beffroi.core.model import Fault, LogSource
from beffroi.core.wording import spoken, words
from beffroi.detect.values import moment_of

COLUMNS = ("time", "arrived", "source", "host", "logsource", "fields", "raw")
SHOWN = 100  # events for a person, unless --limit says otherwise
UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days", "w": "weeks"}
IDENTIFIER = re.compile(r"s-[0-9a-f]{10}", re.ASCII)
_AGO = re.compile(r"-(\d{1,6})([smhdw])", re.ASCII)


@click.command()
@click.option(
    "--since", metavar="TIME", help="From this time on: ISO 8601 (without a zone: the house's), or -2h, -30m, -7d."
)
@click.option("--until", metavar="TIME", help="Before this time.")
@click.option("--source", "sources", multiple=True, metavar="SOURCE",
              help="From this source, by its name or identifier; may be given again.")  # fmt: skip
@click.option(
    "--host", "hosts", multiple=True, metavar="NAME", help="From this machine, * for any text; may be given again."
)
@click.option("--logsource", metavar="product=…,category=…,service=…", help="Of this log source.")
@click.option("--text", metavar="TEXT", help="With this in the message as it came, in capitals or not.")
@click.option(
    "--field",
    "fields",
    multiple=True,
    metavar="NAME=VALUE",
    help="With this field, * for any text; given again: and that.",
)
@click.option("--sql", metavar="SELECT", help='Instead of all these: one SELECT over the view "events" (DuckDB).')
@click.option(
    "--limit", type=click.IntRange(1), help=f"The newest so many.  [default: {SHOWN}; all with --json or --csv]"
)
@click.option("--csv", "as_csv", is_flag=True, help="Events as CSV.")
@click.option("--config", type=click.Path(path_type=Path), help="Another configuration file.")
@click.option("--data-dir", type=click.Path(path_type=Path), help="Another data folder.")
@shared_options
def search(shared: Shared, **options: Any) -> Exit:
    """Look for events in the archive: newest first, everything that is stated must hold."""
    from beffroi.logs.archive import load_index
    from beffroi.logs.archive import search as run
    from beffroi.watching.archiving import rows

    if shared.json and options["as_csv"]:
        raise UsageError("--json and --csv cannot both be had", verb="search")
    config = load_config(options["config"], data_dir=options["data_dir"])
    zone = ZoneInfo(config.time_zone)
    options["sources"] = tuple(_identifier(config, each) for each in options["sources"])
    query, limit = _query(options, zone, datetime.now(UTC), shared, as_csv=options["as_csv"])
    faults: list[Fault] = []
    become_owner(config.data_dir)
    folder = config.data_dir / "archive"
    if (config.data_dir / "journal").is_dir():  # a house of today has a journal and no archive yet
        folder.mkdir(mode=0o750, exist_ok=True)
    # What came in lately is not in the archive yet: it is read from the journal.
    tail = rows(config.data_dir / "journal", zone, load_index(folder).position, None, faults.append)
    found = run(folder, query, tail=tail, sql=options["sql"], faults=faults)
    start = time.monotonic()
    try:
        if shared.json:
            _lines(found, limit)
        elif options["as_csv"]:
            _csv(_rows(found, limit), None if options["sql"] else COLUMNS)
        else:
            _shown(_rows(found, limit), shared, options, lambda: time.monotonic() - start, limit, zone)
    finally:
        found.close()
    say = words(spoken(shared.lang))
    for fault in faults:
        click.echo(say("not searched: {fault}", fault=fault.told), err=True)
    return Exit.PARTLY if faults else Exit.DONE


def _identifier(config: Config, source: str) -> str:
    """The identifier of a source that a person named. One that is whole is taken as it is: the archive may hold events of sources
    that are known no more. Raises UsageError where there is no such source, or several."""
    if IDENTIFIER.fullmatch(source):
        return source
    if not (config.data_dir / "store.db").exists():  # nothing is made by looking for something
        raise UsageError('There is no source "{source}"; `beffroi sources list` shows them', source=source)
    return str(act(config, "sources.find", {"source": source})["id"])


def _query(
    options: dict[str, Any], zone: ZoneInfo, now: datetime, shared: Shared, *, as_csv: bool
) -> tuple[Any, int | None]:
    from beffroi.logs.archive import Query

    limit: int | None = options["limit"]
    if limit is None and not shared.json and not as_csv:
        limit = SHOWN
    since = moment("--since", options["since"], zone, now)
    until = moment("--until", options["until"], zone, now)
    if since is not None and until is not None and since >= until:
        raise UsageError(
            "--since {since} is not before --until {until}: no event lies between them",
            since=options["since"], until=options["until"],
        )  # fmt: skip
    if options["sql"] is not None:
        narrowing = ("since", "until", "sources", "hosts", "logsource", "text", "fields")
        stated = [name for name in narrowing if options[name]]
        if stated:
            raise UsageError(
                "--sql says all by itself: write {option} into its WHERE", option=f"--{stated[0].rstrip('s')}"
            )
    query = Query(
        since=since,
        until=until,
        sources=options["sources"],
        hosts=options["hosts"],
        logsource=_logsource(options["logsource"]),
        text=options["text"],
        fields=tuple(_field(each) for each in options["fields"]),
        limit=limit,
    )
    return query, limit


def _logsource(text: str | None) -> LogSource | None:
    if text is None:
        return None
    from beffroi.cli.hunt import stated_logsource

    return stated_logsource(text)


def _field(text: str) -> tuple[str, str]:
    name, sign, value = text.partition("=")
    if not sign or not name:
        raise UsageError("--field {text}: write it as TargetUserName=admin*", text=text)
    return name, value


def moment(option: str, text: str | None, zone: ZoneInfo, now: datetime) -> int | None:
    """A time on the command line in microseconds since 1970: ISO 8601, or so long ago (-2h). Raises UsageError."""
    if text is None:
        return None
    ago = _AGO.fullmatch(text)
    try:
        found = now - timedelta(**{UNITS[ago[2]]: int(ago[1])}) if ago else moment_of(text, zone)
    except OverflowError:
        found = None
    if found is None:
        raise UsageError(
            "{option} {text}: no time; write it as 2026-11-23T20:00:00Z, 2026-11-23, or -2h for two hours ago",
            option=option, text=text,
        )  # fmt: skip
    return (found - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1)


def _lines(blocks: Generator[bytes, None, None], limit: int | None) -> None:
    out = sys.stdout.buffer
    left = limit
    for block in blocks:
        if left is not None:
            lines = block.splitlines(keepends=True)[:left]
            left -= len(lines)
            out.write(b"".join(lines))
            if not left:
                return
        else:
            out.write(block)


def _rows(blocks: Generator[bytes, None, None], limit: int | None) -> Iterator[dict[str, Any]]:
    return islice((orjson.loads(line) for block in blocks for line in block.splitlines()), limit)


def _csv(rows: Iterator[dict[str, Any]], columns: tuple[str, ...] | None) -> None:
    from beffroi.cli.hunt import _cell

    out = sys.stdout.buffer

    def write(cells: list[str]) -> None:
        text = io.StringIO()
        csv.writer(text).writerow(cells)
        out.write(text.getvalue().encode("utf-8", "replace"))

    if columns is not None:
        write(list(columns))
    for row in rows:
        if columns is None:  # of an SQL: whatever its rows are called
            columns = tuple(row)
            write([_cell(name) for name in columns])
        write([_cell(row[name]) for name in columns])


def _shown(
    rows: Iterator[dict[str, Any]],
    shared: Shared,
    options: dict[str, Any],
    seconds: Callable[[], float],
    limit: int | None,
    zone: ZoneInfo,
) -> None:
    from rich.console import Console

    from beffroi.cli.searched import events, table

    class Quiet(Console):
        def on_broken_pipe(self) -> None:  # Rich would end the process with 1, which means "partly done" here
            raise BrokenPipeError

    console = Quiet(highlight=False, soft_wrap=False)
    language = spoken(shared.lang)
    say = words(language)
    if options["sql"] is not None:
        table(console, rows, say)
        return
    count, oldest = events(console, rows, say, options["text"], zone)
    if shared.quiet:
        return
    console.print()
    if not count:
        closing = say("No event was found.")
    elif count == limit:
        closing = say(
            "The newest {count:,} events. Older ones: --until {time}, or a greater --limit.", count=count, time=oldest
        )
    else:
        closing = say("{count:,} events.", count=count)
    console.print(f"{closing} {say('({seconds} s)', seconds=round(seconds(), 1))}", soft_wrap=True, style="dim")
