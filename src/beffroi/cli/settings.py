"""`beffroi settings`: what a house can set: for how long events are kept, the house's language, and more."""

import re
import sys

import click
import orjson

from beffroi.cli.client import act, house_options
from beffroi.cli.options import Listing, Shared, shared_options
from beffroi.core.config import Config
from beffroi.core.errors import UsageError
from beffroi.core.wording import printable, spoken, words

_NUMBER = re.compile(r"[0-9]{1,9}", re.ASCII)


@click.group(cls=Listing)
def settings() -> None:
    """Show what can be set, and set it; who set what stands in the ledger."""


@settings.command("list")
@shared_options
@house_options
def list_settings(shared: Shared, config: Config) -> None:
    """Every setting with its value, and what it is unless set."""
    rows = act(config, "settings.list")
    if shared.json:
        for row in rows:
            sys.stdout.buffer.write(orjson.dumps(row) + b"\n")
        return
    from beffroi.cli.tables import table

    say = words(spoken(shared.lang))
    nothing = say("nothing")
    table(
        [say("Setting"), say("Value"), say("Unless set")],
        [[row["name"], str(row["value"]) or nothing, str(row["default"]) or nothing] for row in rows],
        styles=["bold"],
    )


@settings.command("set")
@click.argument("name", metavar="NAME")
@click.argument("value", metavar="VALUE", required=False)
@click.option("--default", is_flag=True, help="Bring back what it is unless set.")
@shared_options
@house_options
def set_setting(shared: Shared, config: Config, name: str, value: str | None, *, default: bool) -> None:
    """Give the setting NAME a VALUE."""
    if (value is None) != default:
        raise UsageError("Say either a value or --default")
    numbers = {row["name"] for row in act(config, "settings.list") if isinstance(row["default"], int)}
    wanted = int(value) if value is not None and name in numbers and _NUMBER.fullmatch(value) else value
    done = act(config, "settings.set", {"name": name, "value": wanted})
    if shared.json:
        sys.stdout.buffer.write(orjson.dumps(done) + b"\n")
        return
    say = words(spoken(shared.lang))
    told = say("{name} is {value} from now on.", name=done["name"], value=str(done["value"]) or say("nothing"))
    click.echo(printable(told))
