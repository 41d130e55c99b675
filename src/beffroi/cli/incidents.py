"""`beffroi incidents`: what happened, what needs somebody first, and what people decide about it."""

import sys
from collections.abc import Iterable
from typing import Any

import click
import orjson

from beffroi.cli.client import act, house_options
from beffroi.cli.normal import normal
from beffroi.cli.options import Listing, Shared, shared_options
from beffroi.core.config import Config
from beffroi.core.model import Message
from beffroi.core.wording import Words, number, printable, spoken, words
from beffroi.detect.ir import LEVELS

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
    say = words(spoken(shared.lang))
    if shared.json:
        for row in rows:
            _json(_worded(row, say))
        return
    if not rows:
        click.echo(say("There is no incident."))
        return
    from beffroi.cli.tables import moment, table

    levels, states = _levels(say), _states(say)
    table(
        ["", say("How grave"), say("State"), say("What"), say("Last sign"), say("Signs"), say("Why now")],
        [
            [
                str(row["id"]), levels[row["severity"]], states[row["state"]], say(Message.from_plain(row["title"])),
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
@shared_options
@house_options
def show(shared: Shared, config: Config, incident: int) -> None:
    """All that is known of INCIDENT."""
    row = act(config, "incidents.show", {"incident": incident})
    say = words(spoken(shared.lang))
    if shared.json:
        _json(_worded(row, say))
        return
    for line in _told(row, say, config.time_zone, spoken(shared.lang)):
        click.echo(printable(line) if line else "")


def _told(row: dict[str, Any], say: Words, zone: str, language: str) -> Iterable[str]:
    """One incident on a terminal, line by line."""
    from beffroi.cli.tables import moment

    levels, states = _levels(say), _states(say)
    yield say("Incident {incident}: {title}", incident=row["id"], title=Message.from_plain(row["title"]))
    state = states[row["state"]]
    if row["taken_by"]:
        state = say("{state} by {name}", state=state, name=row["taken_by"])
    urgent = Message.from_plain(row["urgent"])
    yield say("{severity}, {state}; {reason}", severity=levels[row["severity"]], state=state, reason=urgent)
    yield ""
    yield say(Message.from_plain(row["what"]))
    for reason in row["reasons"]:
        yield f"  · {say(Message.from_plain(reason))}"
    if row["joined"]:
        yield ""
        yield say("Told together because of:")
        for why in row["joined"]:
            yield f"  · {say(Message.from_plain(why))}"
    roles = _roles(say)
    if row["entities"]:
        yield ""
        yield say("Who, from where, with what:")
        for entity in row["entities"][:20]:
            role = roles.get((entity["kind"], entity["role"]), entity["kind"])
            yield "  " + say("{what}: {text}", what=role, text=entity["value"])
        if len(row["entities"]) > 20:
            yield "  " + say("and {count} more (`--json` tells all)", count=number(len(row["entities"]) - 20, language))
    yield ""
    yield say("Course:")
    for each in row["timeline"]:
        who = f" ({each['by']})" if each["by"] else ""
        yield f"  {moment(each['time'], zone)}  {say(Message.from_plain(each['what']))}{who}"
    if row["techniques"]:
        yield ""
        yield say("ATT&CK: {techniques}", techniques=", ".join(row["techniques"]))


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


incidents.add_command(normal)


def _answer(shared: Shared, row: dict[str, Any], sentence: str) -> None:
    if shared.json:
        _json(_worded(row, words(spoken(shared.lang))))
    else:
        click.echo(printable(sentence))


def _json(row: dict[str, Any]) -> None:
    sys.stdout.buffer.write(orjson.dumps(row) + b"\n")


def _worded(row: dict[str, Any], say: Words) -> dict[str, Any]:
    """An incident with each of its messages beside its words."""
    worded = dict(row)
    for name in ("title", "what", "urgent"):
        worded[name] = _both(row[name], say)
    for name in ("reasons", "joined"):
        if name in row:
            worded[name] = [_both(each, say) for each in row[name]]
    worded["timeline"] = [{**each, "what": _both(each["what"], say)} for each in row["timeline"]]
    if "evidence" in row:
        worded["evidence"] = [{**each, "rule": _both(each["rule"], say)} for each in row["evidence"]]
    return worded


def _both(plain: list[Any], say: Words) -> dict[str, Any]:
    return {"message": plain, "text": say(Message.from_plain(plain))}


def _levels(say: Words) -> dict[str, str]:
    return {
        "informational": say("for information"),
        "low": say("slight"),
        "medium": say("serious"),
        "high": say("severe"),
        "critical": say("very severe"),
    }


def _states(say: Words) -> dict[str, str]:
    return {"new": say("to be taken"), "taken": say("taken"), "closed": say("closed")}


def _roles(say: Words) -> dict[tuple[str, str], str]:
    return {
        ("host", "target"): say("Machine concerned"),
        ("address", "origin"): say("From the address"),
        ("account", "actor"): say("Account that acted"),
        ("account", "target"): say("Account concerned"),
        ("process", "tool"): say("Program"),
        ("process", "target"): say("Program concerned"),
        ("file", "target"): say("File"),
        ("share", "target"): say("Shared folder"),
    }
