"""`beffroi support`: what somebody who helps needs to know, and nothing about anybody.

Nothing is redacted, because nothing comes in that would have to be: each value is named here, and is a number, a word of
Beffroi's own, or a source's id. No names, addresses, hosts, sentences, tokens or texts; the log is not in it.
"""

import os
import platform
import sys
import zipfile
from importlib import metadata
from pathlib import Path
from typing import Any, Final

import click
import orjson

from beffroi import __version__
from beffroi.cli.client import act, house_options
from beffroi.cli.options import Shared, shared_options
from beffroi.cli.owner import apart
from beffroi.core.config import Config
from beffroi.core.errors import Exit, UsageError
from beffroi.core.wording import printable, shown, spoken, words

STATUS: Final = (
    "state", "running", "events_per_second", "events_24h", "journal_lag_s", "sources", "sources_silent", "sources_waiting",
    "matches_24h", "matches_by_level", "disk_free_bytes", "rules",
)  # fmt: skip
SOURCE: Final = ("id", "kind", "assurance", "state", "proof", "events_24h")
FOLDERS: Final = ("archive", "drop", "journal", "keys", "read", "rules", "store.db", "store.db-wal", "waiting")
"""What of the data folder is measured: names of Beffroi's own."""


@click.command()
@click.option("--out", type=click.Path(path_type=Path), default=Path("beffroi-support.zip"), show_default=True,
              help="Where it is written; a file that is there is never overwritten.")  # fmt: skip
@click.option("--show", is_flag=True, help="Show all of it, not only its list.")
@click.option("--yes", is_flag=True, help="Write it without being asked.")
@shared_options
@house_options
def support(shared: Shared, config: Config, *, out: Path, show: bool, yes: bool) -> Exit:
    """Make a bundle for whoever helps: figures and states, nothing about anybody."""
    say = words(spoken(shared.lang))
    gathered: dict[str, Any] = apart(config.data_dir, lambda: gather(config))
    files = {name: orjson.dumps(value, option=orjson.OPT_INDENT_2) for name, value in gathered.items()}
    if not shared.json:
        click.echo(say("This goes into {path}:", path=printable(shown(out))))
        for name, text in files.items():
            click.echo(f"  {name:<20} {len(text):>7}")
            if show:
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
    """The bundle: name of each file → what it holds, as JSON can."""
    from beffroi.service.doctor import of_machine

    told, doctor, listed = act(config, "status"), act(config, "doctor"), act(config, "sources.list")
    checks = [*(each.to_plain() for each in of_machine(config, doctor)), *doctor["checks"]]
    system = platform.uname()
    return {
        "about.json": {
            "beffroi": __version__,
            "python": platform.python_version(),
            "system": [system.system, system.release, system.machine],
            "packages": {each.name: each.version for each in metadata.distributions()},
        },
        "status.json": {key: told[key] for key in STATUS},
        "findings.json": [
            {key: each[key] for key in ("kind", "severity", "first_seen", "last_seen")} for each in told["findings"]
        ],
        "receivers.json": [
            {"name": each["name"], "listens": each["port"] is not None, "tls": each["tls"], "counts": each["counts"]}
            for each in told["receivers"]
        ],
        "doctor.json": [{"check": each["check"], "state": each["state"]} for each in checks],
        "sources.json": [{key: each[key] for key in SOURCE} for each in listed],
        "configuration.json": {
            "listen": {name: None if listen is None else listen.port for name, listen in config.listen.items()},
            "plain": sorted(config.plain),
            "networks": None if config.networks is None else len(config.networks),
            "journal": config.journal,
            "followed": len(config.followed),
            "time_zone": config.time_zone,
        },
        "sizes.json": {name: _size(config.data_dir / name) for name in FOLDERS},
    }


def _size(path: Path) -> dict[str, int]:
    """How many files, and bytes."""
    files = [each for each in (path, *path.rglob("*")) if each.is_file() and not each.is_symlink()]
    return {"files": len(files), "bytes": sum(each.stat().st_size for each in files)}
