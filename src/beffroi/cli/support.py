"""`beffroi support`: what somebody who helps needs to know, and nothing about anybody. It is shown before it is written."""

import os
import sys
import zipfile
from pathlib import Path
from typing import Any

import click
import orjson

from beffroi.cli.client import act, house_options
from beffroi.cli.options import Shared, shared_options
from beffroi.cli.owner import apart
from beffroi.core.config import Config
from beffroi.core.errors import Exit, UsageError
from beffroi.core.wording import printable, shown, spoken, words


@click.command()
@click.option("--out", type=click.Path(path_type=Path), default=Path("beffroi-support.zip"), show_default=True,
              help="Where it is written; a file that is there is never overwritten.")  # fmt: skip
@click.option("--show", is_flag=True, help="With --yes: show all of it all the same.")
@click.option("--yes", is_flag=True, help="Write it without being asked.")
@shared_options
@house_options
def support(shared: Shared, config: Config, *, out: Path, show: bool, yes: bool) -> Exit:
    """Make a bundle for whoever helps: figures, states and the log, nothing about anybody."""
    say = words(spoken(shared.lang))
    files = {name: orjson.dumps(value, option=orjson.OPT_INDENT_2) for name, value in gather(config).items()}
    if not shared.json:
        click.echo(say("This goes into {path}:", path=printable(shown(out))))
        for name, text in files.items():
            click.echo(f"  {name:<20} {len(text):>7}")
            if show or not yes:
                click.echo(printable_lines(text.decode()))
    if not yes:
        if shared.json or not sys.stdin.isatty():
            raise UsageError("Nothing is written without --yes where nobody can be asked")
        if not click.confirm(say("Write it?")):
            return Exit.DONE
    handle = os.open(out, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    with os.fdopen(handle, "wb") as file, zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as bundle:
        for name, text in files.items():
            bundle.writestr(name, text)
    if shared.json:
        click.echo(
            orjson.dumps({"file": shown(out), "files": {name: len(text) for name, text in files.items()}}).decode()
        )
    elif not shared.quiet:
        click.echo(say("It is written; nothing was sent to anybody."))
    return Exit.DONE


def printable_lines(text: str) -> str:
    """A text of several lines, indented and harmless to a terminal."""
    return "\n".join(f"    {printable(line)}" for line in text.splitlines())


def gather(config: Config) -> dict[str, Any]:
    """The bundle: name of each file → what it holds, as JSON can. As root also what only root sees."""
    from beffroi.service import bundle
    from beffroi.service.doctor import of_machine

    def of_house() -> dict[str, Any]:
        told = {name: act(config, name) for name in ("status", "doctor", "sources.list", "log")}
        return {**told, "sizes": bundle.sizes(config.data_dir)}

    told = apart(config.data_dir, of_house)
    checks = [*(each.to_plain() for each in of_machine(config, told["doctor"])), *told["doctor"]["checks"]]
    lines = bundle.journal() or told["log"]
    return bundle.gathered(config, told["status"], checks, told["sources.list"], told["sizes"], lines)
