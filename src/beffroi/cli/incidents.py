"""`beffroi incidents`: what happened, what needs somebody first, and what people decide about it."""

import sys
from base64 import b64decode
from pathlib import Path
from typing import Any

import click
import orjson

from beffroi.cli.client import act, house_options
from beffroi.cli.normal import normal
from beffroi.cli.options import Listing, Shared, shared_options
from beffroi.cli.owner import apart
from beffroi.core.config import Config
from beffroi.core.files import fresh_file
from beffroi.core.model import Message
from beffroi.core.wording import Words, moment, number, printable, shown, spoken, words
from beffroi.detect.ir import LEVELS
from beffroi.incidents.telling import levels, states, told, worded

_number = click.argument("incident", type=click.IntRange(min=1), metavar="INCIDENT")


@click.group(cls=Listing)
def incidents() -> None:
    """Show what happened, most urgent first; take, close, reopen, merge and split incidents."""


@incidents.command("list")
@click.option("--all", "closed", is_flag=True, help="Also those that are closed.")
@click.option("--level", type=click.Choice(LEVELS), default=LEVELS[0], help="The least level that is listed.")
@click.option("--most", type=click.IntRange(1, 5_000), default=100, show_default=True, help="At most so many.")
@shared_options
@house_options
def list_incidents(shared: Shared, config: Config, *, closed: bool, level: str, most: int) -> None:
    """The incidents, what needs somebody first at the top."""
    rows = act(config, "incidents.list", {"closed": closed, "level": level, "most": most})
    language = spoken(shared.lang)
    say = words(language)
    if shared.json:
        for row in rows:
            _json(worded(row, say, language))
        return
    if not rows:
        click.echo(say("There is no incident."))
        return
    from beffroi.cli.tables import table

    level_names, state_names = levels(say), states(say)
    table(
        ["", say("How grave"), say("State"), say("What"), say("Last sign"), say("Signs"), say("Why now")],
        [
            [
                str(row["id"]), level_names[row["severity"]], state_names[row["state"]], say(Message.from_plain(row["title"])),
                moment(row["last_event"], config.time_zone), number(row["matches"], spoken(shared.lang)),
                say(Message.from_plain(row["urgent"])),
            ]
            for row in rows
        ],
        styles=["bold", "", "", "bold", "", "", "dim"],
    )  # fmt: skip
    if not shared.quiet:
        _tell_budget(config, say)


def _tell_budget(config: Config, say: Words) -> None:
    found = act(config, "incidents.budget")
    told = (
        say("In the last seven days {count} incidents were grave enough to call somebody; {budget} should be the most.",
            count=found["interruptions"], budget=found["budget"])
        if found["exceeded"]
        else say("In the last seven days {count} incidents were grave enough to call somebody.", count=found["interruptions"])
    )  # fmt: skip
    click.echo(f"\n{told}", err=True)


@incidents.command()
@_number
@click.option("--technical", is_flag=True, help="Also rules, their fields, commands to check and to repair, and links.")
@shared_options
@house_options
def show(shared: Shared, config: Config, incident: int, *, technical: bool) -> None:
    """What happened with INCIDENT, why it matters, what to do now, whom to call; then all that is known of it."""
    row = act(config, "incidents.show", {"incident": incident})
    language = spoken(shared.lang)
    say = words(language)
    if shared.json:
        _json(worded(row, say, language))
        return
    for line in told(row, say, config.time_zone, language, technical=technical):
        click.echo(printable(line) if line else "")


@incidents.command()
@_number
@shared_options
@house_options
def take(shared: Shared, config: Config, incident: int) -> None:
    """Say that you are at INCIDENT."""
    row = act(config, "incidents.take", {"incident": incident})
    say = words(spoken(shared.lang))
    _answer(shared, row, say("Incident {incident} is yours.", incident=incident))


@incidents.command()
@_number
@click.option(
    "--as", "reason", type=click.Choice(("real", "exercise", "normal", "duplicate")), required=True,
    help="What it was.",
)  # fmt: skip
@click.option("--comment", default="", help="What is to be remembered of it.")
@shared_options
@house_options
def close(shared: Shared, config: Config, incident: int, reason: str, comment: str) -> None:
    """INCIDENT is over."""
    row = act(config, "incidents.close", {"incident": incident, "reason": reason, "comment": comment})
    say = words(spoken(shared.lang))
    _answer(shared, row, say("Incident {incident} is closed.", incident=incident))


@incidents.command()
@_number
@shared_options
@house_options
def reopen(shared: Shared, config: Config, incident: int) -> None:
    """INCIDENT is not over."""
    row = act(config, "incidents.reopen", {"incident": incident})
    say = words(spoken(shared.lang))
    _answer(shared, row, say("Incident {incident} is open again.", incident=incident))


@incidents.command()
@_number
@click.argument("text")
@shared_options
@house_options
def comment(shared: Shared, config: Config, incident: int, text: str) -> None:
    """Say TEXT of INCIDENT, for those who come later."""
    row = act(config, "incidents.comment", {"incident": incident, "comment": text})
    say = words(spoken(shared.lang))
    _answer(shared, row, say("Noted with incident {incident}.", incident=incident))


@incidents.command()
@_number
@click.argument("other", type=click.IntRange(min=1), metavar="OTHER")
@shared_options
@house_options
def merge(shared: Shared, config: Config, incident: int, other: int) -> None:
    """INCIDENT and OTHER are one story; OTHER becomes part of INCIDENT."""
    row = act(config, "incidents.merge", {"incident": incident, "other": other})
    say = words(spoken(shared.lang))
    _answer(shared, row, say("Incident {other} is part of incident {incident} now.", incident=incident, other=other))


@incidents.command()
@_number
@click.argument("matches", type=click.IntRange(min=1), nargs=-1, required=True, metavar="MATCH…")
@shared_options
@house_options
def split(shared: Shared, config: Config, incident: int, matches: tuple[int, ...]) -> None:
    """MATCH… of INCIDENT are another story (their numbers: `show --json`, "evidence")."""
    row = act(config, "incidents.split", {"incident": incident, "matches": list(matches)})
    say = words(spoken(shared.lang))
    _answer(shared, row, say("They are incident {incident} now.", incident=row["id"]))


@incidents.command()
@_number
@click.option("--out", type=click.Path(path_type=Path, dir_okay=False), required=True, metavar="FILE.zip",
              help="Where it is written; a file that is there is never overwritten.")  # fmt: skip
@shared_options
@house_options
def export(shared: Shared, config: Config, incident: int, *, out: Path) -> None:
    """Write all that is known of INCIDENT as evidence for police or insurer, signed with the house's key."""
    wish = {"incident": incident, "zone": config.time_zone}
    with fresh_file(out) as write:
        made = apart(config.data_dir, lambda: act(config, "incidents.export", wish))
        write(b64decode(made.pop("zip")))
    if shared.json:
        _json({"file": shown(out), **made})
        return
    say, language = words(spoken(shared.lang)), spoken(shared.lang)
    counts = made["manifest"]["counts"]
    click.echo(
        say("The evidence is in {path}: {matches} signs and {events} messages behind them.", path=printable(shown(out)),
            matches=number(counts["matches"]["here"], language), events=number(counts["events"]["here"], language))
    )  # fmt: skip
    if not shared.quiet:
        click.echo(
            say(
                "It holds personal data and was sent to nobody. The text in it says how to check it, and what it lacks."
            )
        )


incidents.add_command(normal)


def _answer(shared: Shared, row: dict[str, Any], sentence: str) -> None:
    if shared.json:
        language = spoken(shared.lang)
        _json(worded(row, words(language), language))
    else:
        click.echo(printable(sentence))


def _json(row: dict[str, Any]) -> None:
    sys.stdout.buffer.write(orjson.dumps(row) + b"\n")
