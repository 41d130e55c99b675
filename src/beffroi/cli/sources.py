"""`beffroi sources`: who sends logs, and what people decide about it."""

import contextlib
import os
import re
import sys
from datetime import UTC, datetime, time, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import click
import orjson

from beffroi.cli.client import act, house_options
from beffroi.cli.options import Listing, Shared, shared_options
from beffroi.cli.owner import apart
from beffroi.core.config import Config
from beffroi.core.errors import InputError, UsageError
from beffroi.core.model import message
from beffroi.core.wording import Words, moment, number, printable, shown, spoken, words


@click.group(cls=Listing)
def sources() -> None:
    """Show who sends logs; accept, reject and name senders, give them tokens and certificates."""


@sources.command("list")
@shared_options
@house_options
def list_sources(shared: Shared, config: Config) -> None:
    """Every source: who it is, how sure that is, and when it was last heard."""
    rows = act(config, "sources.list")
    if shared.json:
        for row in rows:
            _json(row)
        return
    say, language = words(spoken(shared.lang)), spoken(shared.lang)
    heard = any(row["proof"] != "local" for row in rows)
    if not heard:
        click.echo(say("Nobody sends anything yet."))
        if not shared.quiet:
            click.echo(f"\n{_how_to_be_heard(config, say)}", err=True)
    if not rows:
        return
    from beffroi.cli.tables import table

    def day(text: str) -> str:
        return moment(text, config.time_zone)[:10]

    states, proofs = _states(say), _proofs(say)

    def state(row: dict[str, Any]) -> str:
        now, until = states[row["state"]], row["silenced_until"]
        ahead = until and datetime.fromisoformat(until) > datetime.now(UTC)
        return say("{state}, may be silent until {day}", state=now, day=day(until)) if ahead else now

    def proof(row: dict[str, Any]) -> str:
        known = say("this machine itself") if row["proof"] == "local" else proofs[row["assurance"]]
        return say("{proof} until {day}", proof=known, day=day(row["expires"])) if row["expires"] else known

    table(
        [
            say("Called"), say("State"), say("Known by"), say("Last event"), say("Events in 24 h"), say("Identifier"),
        ],
        [
            [
                row["name"], state(row), proof(row),
                moment(row["last_event"], config.time_zone), number(row["events_24h"], language), row["id"],
            ]
            for row in rows
        ],
        styles=["bold", "", "", "", "", "dim"],
    )  # fmt: skip
    if shared.quiet:
        return
    for row in rows:
        if row["state"] == "new":
            _ask(row, say)


def _how_to_be_heard(config: Config, say: Words) -> str:
    """What to do at the devices so that they send."""
    syslog, bulk = config.listen["syslog_udp"] or config.listen["syslog_tcp"], config.listen["bulk"]
    ways = []
    if syslog is not None:
        ways.append(
            say("Firewall, NAS, printer: enter this machine as their syslog server, port {port}.", port=syslog.port)
        )
    if bulk is not None:
        ways.append(
            say("Windows PC or server: Winlogbeat, with this machine as Elasticsearch, port {port}, and a token: "
                "`beffroi sources token NAME`.", port=bulk.port)
        )  # fmt: skip
    ways.append(
        say("Whatever shows a certificate (rsyslog, syslog-ng): `beffroi sources certificate NAME --out FOLDER`.")
    )
    return "\n".join(f"  {way}" for way in ways)


def _ask(row: dict[str, Any], say: Words) -> None:
    """Say of a stranger what can be done."""
    told = (
        say("Somebody new sends from {address} and calls itself “{name}”.", address=row["address"], name=row["claimed"])
        if row["claimed"]
        else say("Somebody new sends from {address}.", address=row["address"])
    )
    click.echo(printable(f"\n{told}".strip("\n")), err=True)
    click.echo(f"  beffroi sources accept {row['id']}    beffroi sources reject {row['id']}", err=True)


def _states(say: Words) -> dict[str, str]:
    return {"new": say("new"), "accepted": say("accepted"), "rejected": say("rejected"), "silent": say("silent")}


def _proofs(say: Words) -> dict[str, str]:
    return {"none": say("nothing"), "address": say("address"), "token": say("token"), "certificate": say("certificate")}


@sources.command()
@click.argument("source", metavar="SOURCE")
@click.option("--name", help="What to call it from now on.")
@shared_options
@house_options
def accept(shared: Shared, config: Config, source: str, name: str | None) -> None:
    """Take what SOURCE sends, and what was held aside of it. SOURCE is its identifier or its name."""
    say = _say(shared)
    row = act(config, "sources.accept", {"source": source, "name": name})
    _told(shared, row, say("What “{name}” sends counts from now on.", name=row["name"]))


@sources.command()
@click.argument("source", metavar="SOURCE")
@shared_options
@house_options
def reject(shared: Shared, config: Config, source: str) -> None:
    """Take nothing more from SOURCE; what was held aside of it goes."""
    say = _say(shared)
    row = act(config, "sources.reject", {"source": source})
    _told(shared, row, say("Nothing more is taken from “{name}”.", name=row["name"]))


@sources.command()
@click.argument("name", metavar="NAME")
@click.option("--renew", is_flag=True, help="Replace the token of the source NAME; the old one is void at once.")
@shared_options
@house_options
def token(shared: Shared, config: Config, name: str, *, renew: bool) -> None:
    """Make a source NAME that shows a token, and show the token: this once, and never again."""
    say = _say(shared)
    row = act(config, "sources.token", {"name": name, "renew": renew})
    if shared.json:
        _json(row)
        return
    if not shared.quiet:
        click.echo(say("The token of “{name}”; it is shown this once:", name=printable(row["name"])), err=True)
    click.echo(row["token"])


@sources.command()
@click.argument("name", metavar="NAME")
@click.option("--out", type=click.Path(path_type=Path), required=True, help="The folder to write the files to.")
@click.option("--renew", is_flag=True, help="For the source NAME that is there; what it has counts until it ends.")
@click.option("--replace", is_flag=True, help="For the source NAME that is there; what it has is void at once.")
@shared_options
@house_options
def certificate(shared: Shared, config: Config, name: str, out: Path, *, renew: bool, replace: bool) -> None:
    """Make a source NAME that shows a certificate; write its key, its certificate and the authority to trust."""
    if renew and replace:
        raise UsageError("Say either --renew or --replace")
    say = _say(shared)
    paths = _wanted(name, out)
    asked = {"name": name, "renew": renew, "replace": replace}
    row = apart(config.data_dir, lambda: act(config, "sources.certificate", asked))
    for path, kind in paths.items():
        _write(path, row.pop(kind), 0o600 if kind == "key" else 0o644)
    files = {kind: shown(path) for path, kind in paths.items()}
    if shared.json:
        _json({**row, "files": files})
        return
    for written in files.values():
        click.echo(printable(written))
    if not shared.quiet:
        day = row["expires"][:10]
        click.echo(say("The certificate of “{name}” ends on {day}.", name=printable(row["name"]), day=day), err=True)


@sources.command()
@click.argument("source", metavar="SOURCE")
@click.option("--until", help="2026-12-24 (that day included), or a date and time.")
@click.option("--for", "during", help="For how long: 12h, 14d, 3w.")
@click.option("--end", is_flag=True, help="The silence is over.")
@shared_options
@house_options
def silence(shared: Shared, config: Config, source: str, until: str | None, during: str | None, *, end: bool) -> None:
    """Say that SOURCE will say nothing for a while, so that its silence alarms nobody."""
    if (until is not None) + (during is not None) + end != 1:
        raise UsageError("Say either --until, --for or --end")
    when = _moment(until, config.time_zone) if until else _later(during) if during else None
    row = act(config, "sources.silence", {"source": source, "until": when.isoformat() if when else None})
    say = _say(shared)
    if when is None:
        _told(shared, row, say("“{name}” is expected to be heard again.", name=row["name"]))
        return
    until = moment(row["silenced_until"], config.time_zone)
    _told(shared, row, say("“{name}” may be silent until {until}.", name=row["name"], until=until))


@sources.command()
@click.argument("source", metavar="SOURCE")
@click.argument("name", metavar="NAME")
@shared_options
@house_options
def rename(shared: Shared, config: Config, source: str, name: str) -> None:
    """Call SOURCE something else."""
    say = _say(shared)
    row = act(config, "sources.rename", {"source": source, "name": name})
    _told(shared, row, say("It is called “{name}” now.", name=row["name"]))


def _say(shared: Shared) -> Words:
    return words(spoken(shared.lang))


def _json(row: dict[str, Any]) -> None:
    sys.stdout.buffer.write(orjson.dumps(row) + b"\n")


def _told(shared: Shared, row: dict[str, Any], sentence: str) -> None:
    if shared.json:
        _json(row)
    else:
        click.echo(printable(sentence))


def _wanted(name: str, out: Path) -> dict[Path, str]:
    """The files to write, none of which may be there: a key is never overwritten. Raises InputError, OSError."""
    stem = re.sub(r"[^A-Za-z0-9._-]+", "-", name).strip("-.") or "device"
    out.mkdir(mode=0o700, parents=True, exist_ok=True)
    paths = {out / f"{stem}.key": "key", out / f"{stem}.crt": "certificate", out / "ca.crt": "ca"}
    for path, kind in paths.items():
        if kind != "ca" and os.path.lexists(path):
            raise InputError(path=path, reason=message("there is such a file already; name another folder"))
    return paths


def _write(path: Path, text: str, mode: int) -> None:
    """A new file with its rights from the start, on the disk. The authority's may be there from another device."""
    if mode != 0o600:
        with contextlib.suppress(FileNotFoundError):
            path.unlink()
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, mode)
    with os.fdopen(handle, "w", encoding="ascii") as file:
        file.write(text)
        file.flush()
        os.fsync(handle)


def _moment(text: str, zone: str) -> datetime:
    """A moment that a person typed; a day means its end, in the house's zone. Raises UsageError."""
    try:
        when = datetime.fromisoformat(text)
    except ValueError:
        raise UsageError("--until {until} is no date (2026-12-24) and no date and time", until=text) from None
    if re.fullmatch(r"[0-9]{4}-?[0-9]{2}-?[0-9]{2}", text):
        when = datetime.combine(when, time(23, 59, 59))
    return when if when.tzinfo is not None else when.replace(tzinfo=ZoneInfo(zone))


def _later(text: str) -> datetime:
    """The end of a span from now: "12h", "14d", "3w". Raises UsageError."""
    found = re.fullmatch(r"([0-9]{1,4})([hdw])", text, re.ASCII)
    if found is None:
        raise UsageError("--for {span} is no span of time; write 12h, 14d or 3w", span=text)
    hours = {"h": 1, "d": 24, "w": 168}[found[2]]
    return datetime.now(UTC) + timedelta(hours=int(found[1]) * hours)
