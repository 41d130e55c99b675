"""`beffroi hunt`: look through recordings for what the rules know. Writes nothing but its rule cache."""

import csv
import io
import os
import sys
import time
from datetime import UTC, datetime, tzinfo
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self
from zoneinfo import ZoneInfo

import click
import orjson

from beffroi.cli.options import Shared, shared_options
from beffroi.core.config import load as load_config
from beffroi.core.errors import Exit, InputError, UsageError
from beffroi.core.model import LogSource, UnfitError, message
from beffroi.core.wording import Words, spoken, words
from beffroi.detect.ir import LEVELS
from beffroi.detect.values import moment_of
from beffroi.hunting import Outcome, Request
from beffroi.hunting import hunt as run

if TYPE_CHECKING:
    from collections.abc import Callable

SMALL = 24 << 20  # bytes of recordings below which a second process costs more than it gains
FORMULAS = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")
COLUMNS = ("time", "level", "rule", "rule_id", "host", "file", "record_id", "tags", "logsource", "fields", "events")


@click.command()
@click.argument("paths", nargs=-1, required=True, type=click.Path(path_type=Path), metavar="PATH…")
@click.option(
    "--rules",
    "rules",
    multiple=True,
    type=click.Path(path_type=Path),
    metavar="DIR",
    help="Sigma rules: a folder or a file; may be given again.  [default: Beffroi's own]",
)
@click.option("--level", type=click.Choice(LEVELS), default=LEVELS[0], help="The least level that is told.")
@click.option("--since", metavar="TIME", help="Only events from this time on (ISO 8601; without a zone: the house's).")
@click.option("--until", metavar="TIME", help="Only events before this time.")
@click.option(
    "--logsource",
    metavar="product=…,category=…,service=…",
    help="What the events are, where they do not name a Windows channel.",
)
@click.option(
    "--placeholders",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="YAML: the values of the placeholders (%Servers%) that rules expand.",
)
@click.option("--csv", "as_csv", is_flag=True, help="Matches as CSV.")
@click.option("--jobs", type=click.IntRange(1, 256), help="Processes.  [default: one a core, one for little]")
@click.option("--config", type=click.Path(path_type=Path), help="Another configuration file.")
@shared_options
def hunt(shared: Shared, paths: tuple[Path, ...], **options: Any) -> Exit:  # fmt: skip
    """Look through recordings (EVTX, JSON, XML; archives, folders) for what the rules know."""
    if shared.json and options["as_csv"]:
        raise UsageError("--json and --csv cannot both be had", verb="hunt")
    config = load_config(options["config"])
    zone = ZoneInfo(config.time_zone)
    since, until = _moment("--since", options["since"], zone), _moment("--until", options["until"], zone)
    if since is not None and until is not None and since >= until:
        raise UsageError(
            "--since {since} is not before --until {until}: no event lies between them",
            since=options["since"], until=options["until"],
        )  # fmt: skip
    request = Request(
        paths=paths,
        zone=zone,
        rules=options["rules"],
        placeholders=_placeholders(options["placeholders"]),
        level=options["level"],
        since=since,
        until=until,
        logsource=stated_logsource(options["logsource"]),
        jobs=options["jobs"] or _jobs(paths),
        cache_folder=config.cache_dir,
    )
    language = spoken(shared.lang)
    if shared.json or options["as_csv"]:
        outcome = _machine_readable(request, shared, as_csv=options["as_csv"])
    else:
        outcome = _readable(request, shared, words(language), language)
    return Exit.PARTLY if outcome.faults or outcome.refused else Exit.DONE


def _machine_readable(request: Request, shared: Shared, *, as_csv: bool) -> Outcome:
    out = sys.stdout.buffer
    held: list[bytes] = []

    def lines(line: bytes) -> None:
        held.append(line)
        if len(held) >= 1_000:
            out.write(b"\n".join(held) + b"\n")
            held.clear()

    def rows(line: bytes) -> None:
        match = orjson.loads(line)
        text = io.StringIO()
        csv.writer(text).writerow([_cell(match.get(column)) for column in COLUMNS])
        out.write(text.getvalue().encode("utf-8", "replace"))

    if as_csv:
        out.write((",".join(COLUMNS) + "\r\n").encode())
    start = time.monotonic()
    with _Progress(shared) as progress:
        outcome = run(request, rows if as_csv else lines, progress.told)
    if held:
        out.write(b"\n".join(held) + b"\n")
    _close(outcome, shared, time.monotonic() - start)
    return outcome


def _cell(value: Any) -> str:
    """A cell of the CSV. A leading character that a spreadsheet would take for a formula is disarmed (OWASP, "CSV
    injection"): the attacker writes the values."""
    text = value if isinstance(value, str) else "" if value is None else orjson.dumps(value).decode()
    return "'" + text if text.startswith(FORMULAS) else text


def _readable(request: Request, shared: Shared, say: Words, language: str) -> Outcome:
    from rich.console import Console

    from beffroi.hunting.report import Report
    from beffroi.hunting.summary import closing, remarks

    class Quiet(Console):
        def on_broken_pipe(self) -> None:  # Rich would end the process with 1, which means "partly done" here
            raise BrokenPipeError

    console = Quiet(highlight=False, soft_wrap=False)
    report = Report(console, say, language)
    start = time.monotonic()
    with _Progress(shared) as progress:
        outcome = run(request, report.add, progress.told)
    report.show()
    if not shared.quiet:
        remarks(outcome, lambda line: click.echo(line, err=True), say)
    console.print()
    console.print(closing(outcome, time.monotonic() - start, say, language), soft_wrap=True)
    return outcome


def _close(outcome: Outcome, shared: Shared, seconds: float) -> None:
    """Machines read stdout; people are told on stderr."""
    if shared.quiet:
        return
    from beffroi.hunting.summary import closing, remarks

    language = spoken(shared.lang)
    remarks(outcome, lambda line: click.echo(line, err=True), words(language))
    click.echo(closing(outcome, seconds, words(language), language), err=True)


class _Progress:
    """A progress bar with rate and time left, on a terminal only."""

    def __init__(self, shared: Shared) -> None:
        self.told: Callable[[int, int], None] | None = None
        self._bar: Any = None
        self._shown = not shared.quiet and sys.stderr.isatty()

    def __enter__(self) -> Self:
        if self._shown:
            self.told = self._tell
        return self

    def _tell(self, read: int, total: int) -> None:
        if self._bar is None:  # made here, after the processes were forked: it runs a thread
            from rich.console import Console
            from rich.progress import BarColumn, DownloadColumn, Progress, TimeRemainingColumn, TransferSpeedColumn

            self._bar = Progress(
                BarColumn(),
                DownloadColumn(),
                TransferSpeedColumn(),
                TimeRemainingColumn(),
                console=Console(stderr=True),
                transient=True,
            )
            self._bar.start()
            self._bar.add_task("", total=total)
        self._bar.update(0, completed=read)

    def __exit__(self, *_: object) -> None:
        if self._bar is not None:
            self._bar.stop()


def _jobs(paths: tuple[Path, ...]) -> int:
    """One process a core, but one only for what is read in a second."""
    size = 0
    for path in paths:
        for folder, _, names in os.walk(path) if path.is_dir() else [(str(path.parent), [], [path.name])]:
            for name in names:
                try:
                    size += os.lstat(os.path.join(folder, name)).st_size  # noqa: PTH118 - many files
                except OSError:
                    continue
                if size > SMALL:
                    return len(os.sched_getaffinity(0))
    return 1


def _moment(option: str, text: str | None, zone: tzinfo) -> datetime | None:
    if text is None:
        return None
    moment = moment_of(text, zone)
    if moment is None:
        raise UsageError(
            "{option} {text}: no time; write it as 2026-11-23T20:00:00Z or 2026-11-23", option=option, text=text
        )
    return moment.astimezone(UTC)


def stated_logsource(text: str | None) -> LogSource | None:
    if text is None:
        return None
    try:
        return LogSource.stated(text)
    except ValueError as error:
        raise UsageError(
            "--logsource {text}: write it as product=linux,service=auth (product, category, service)", text=text
        ) from error


def _placeholders(path: Path | None) -> Any:
    if path is None:
        return {}
    from beffroi.rules.parse import placeholders_from

    try:
        return placeholders_from(path.read_text("utf-8"))
    except OSError as error:
        reason = message("cannot be read: {error}", error=error.strerror or str(error))
        raise InputError(path=path, reason=reason) from None
    except UnicodeError:
        raise InputError(path=path, reason=message("the file is not UTF-8 text")) from None
    except UnfitError as error:
        raise InputError(path=path, reason=error.what) from None
