"""`beffroi incidents normal`: say that what a rule found is normal, see what is, and undo it."""

import sys
from collections.abc import Iterable
from typing import Any

import click
import orjson

from beffroi.cli.client import act, house_options
from beffroi.cli.options import Shared, shared_options
from beffroi.core.config import Config
from beffroi.core.errors import UsageError
from beffroi.core.model import Message
from beffroi.core.wording import Words, moment, number, printable, spoken, words


@click.command()
@click.argument("incident", type=click.IntRange(min=1), metavar="[INCIDENT]", required=False)
@click.option("--rule", default="", metavar="ID", help="Which rule, where several speak in the incident.")
@click.option("--match", type=click.IntRange(min=1), metavar="N", help="Which of its matches.  [default: the newest]")
@click.option(
    "--field", "fields", multiple=True, metavar="NAME", help="A field by which it is known again; give several."
)
@click.option("--days", type=click.IntRange(1, 366), default=90, show_default=True, help="For how long.")
@click.option("--reason", default="", metavar="TEXT", help="Why it is normal; it stands in the ledger.")
@click.option("--force", is_flag=True, help="Although it hides a true detection; needs a reason.")
@click.option("--keep-history", is_flag=True, help="Leave what came already in its incidents.")
@click.option("--dry-run", is_flag=True, help="Only show the filter and what it would have hidden.")
@click.option("--list", "listing", is_flag=True, help="Show what is normal, and what it has hidden.")
@click.option("--all", "ended", is_flag=True, help="With --list: also what has ended.")
@click.option("--end", type=click.IntRange(min=1), metavar="N", help="Undo number N: what it has hidden comes back.")
@shared_options
@house_options
def normal(
    shared: Shared, config: Config, incident: int | None, *, rule: str, match: int | None, fields: tuple[str, ...],
    days: int, reason: str, force: bool, keep_history: bool, dry_run: bool, listing: bool, ended: bool, end: int | None,
) -> None:  # fmt: skip
    """What a rule found in INCIDENT is normal: it is hidden from now on, counted, and seen again when its days are over."""
    if (incident is not None) + listing + (end is not None) != 1:
        raise UsageError("Name an incident, or say --list or --end")
    if listing:
        _list(shared, config, ended=ended)
    elif end is not None:
        _end(shared, config, end, reason)
    else:
        wish = {
            "incident": incident, "rule": rule, "match": match or 0, "fields": fields, "days": days, "reason": reason,
            "force": force, "history": not keep_history, "dry_run": dry_run,
        }  # fmt: skip
        told = act(config, "incidents.normal", wish)
        say = words(spoken(shared.lang))
        if shared.json:
            _json(_worded(told, say))
            return
        for line in _said(told, say, config.time_zone, spoken(shared.lang)):
            click.echo(printable(line))
        _show_newest(told, say, config.time_zone)


def _said(told: dict[str, Any], say: Words, zone: str, language: str) -> Iterable[str]:
    """What was said to be normal, line by line."""
    rule, day = Message.from_plain(told["rule"]), moment(told["expires"], zone)[:10]
    if told["normal"] is None:
        yield say("Until {day} this would be normal where “{rule}” finds it:", day=day, rule=rule)
    else:
        yield say("Until {day} this is normal where “{rule}” finds it:", day=day, rule=rule)
    for name, value in told["fields"].items():
        yield f"  {name} = {_short(value)}"
    hides = told["hides"]
    count, of = number(hides["matches"], language), number(hides["of"], language)
    if hides["matches"]:
        first, last = moment(hides["first"], zone), moment(hides["last"], zone)
        yield say(
            "Of {of} matches so far it holds for {count}, from {first} to {last}.",
            of=of,
            count=count,
            first=first,
            last=last,
        )
    else:
        yield say("Of {of} matches so far it holds for none.", of=of)
    if told["anywhere"]:
        yield say("Beware: it names neither who nor where, so it holds for whoever does this, on every machine.")
    for sample in told["true_detections"]["samples"]:
        yield say("Beware: it would hide what the rule must find (“{sample}”).", sample=sample)
    for incident in told["true_detections"]["incidents"]:
        yield say("Beware: it would hide incident {incident}, which was a real attack.", incident=incident)
    if told["normal"] is not None:
        if told["hidden"]:
            yield say("{count} of them left their incidents.", count=number(told["hidden"], language))
        yield say("To undo it: `beffroi incidents normal --end {number}`", number=told["normal"])


def _show_newest(told: dict[str, Any], say: Words, zone: str) -> None:
    from beffroi.cli.tables import table

    newest = told["hides"]["newest"]
    if newest and told["normal"] is None:
        click.echo(say("The newest of them:"))
        table(
            [say("When"), say("On which machine"), say("What")],
            [
                [
                    moment(each["time"], zone), each["host"] or "",
                    "  ".join(f"{name}={_short(value)}" for name, value in each["fields"].items()),
                ]
                for each in newest
            ],
        )  # fmt: skip


def _list(shared: Shared, config: Config, *, ended: bool) -> None:
    rows = act(config, "incidents.normals", {"ended": ended})
    say, language = words(spoken(shared.lang)), spoken(shared.lang)
    if shared.json:
        for row in rows:
            _json(_worded(row, say))
        return
    if not rows:
        click.echo(say("Nothing was called normal."))
        return
    from beffroi.cli.tables import table

    def until(row: dict[str, Any]) -> str:
        zone = config.time_zone
        if row["ended"]:
            return say("ended on {day}", day=moment(row["ended"], zone)[:10])
        return moment(row["expires"], zone)[:10]

    table(
        ["", say("Rule"), say("What"), say("Until"), say("Hidden"), say("Last time"), say("By"), say("Why")],
        [
            [
                str(row["normal"]), say(Message.from_plain(row["rule"])),
                "  ".join(f"{name}={_short(value)}" for name, value in row["selection"].items()),
                until(row), number(row["hits"], language), moment(row["last_hit"], config.time_zone), row["by"] or "", row["reason"] or "",
            ]
            for row in rows
        ],
        styles=["bold", "bold"],
    )  # fmt: skip


def _end(shared: Shared, config: Config, which: int, reason: str) -> None:
    row = act(config, "incidents.normal_end", {"normal": which, "comment": reason})
    say = words(spoken(shared.lang))
    if shared.json:
        _json(_worded(row, say))
        return
    click.echo(
        say("It is no longer normal; {count} matches come back.", count=number(row["back"], spoken(shared.lang)))
    )


def _short(value: Any, most: int = 160) -> str:
    """A value on one line."""
    text = ", ".join(map(str, value)) if isinstance(value, list) else str(value)
    return text if len(text) <= most else text[: most - 1] + "…"


def _json(row: dict[str, Any]) -> None:
    sys.stdout.buffer.write(orjson.dumps(row) + b"\n")


def _worded(row: dict[str, Any], say: Words) -> dict[str, Any]:
    """A row with each of its messages beside its words."""

    def both(plain: list[Any]) -> dict[str, Any]:
        return {"message": plain, "text": say(Message.from_plain(plain))}

    worded = {**row, "rule": both(row["rule"])}
    if "hides" in row:
        held = [{**each, "title": both(each["title"])} for each in row["hides"]["incidents"]]
        worded["hides"] = {**row["hides"], "incidents": held}
    return worded
