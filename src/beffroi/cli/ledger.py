"""`beffroi ledger`: who did what, and whether anybody rewrote it."""

import re
import sys
from collections.abc import Sequence
from typing import Any

import click
import orjson

from beffroi.cli.client import act, house_options
from beffroi.cli.options import Shared, shared_options
from beffroi.core.config import Config
from beffroi.core.errors import Exit, UsageError
from beffroi.core.model import Fault
from beffroi.core.wording import moment, number, printable, spoken, words


@click.group()
def ledger() -> None:
    """Show who did what, and check that nothing of it was rewritten."""


@ledger.command()
@click.option("--action", help="Only this action (sources.accept), or all of a kind (sources).")
@click.option("--newest", type=click.IntRange(min=1), metavar="N", help="Only the newest N entries.")
@shared_options
@house_options
def show(shared: Shared, config: Config, action: str | None, newest: int | None) -> None:
    """The entries, oldest first. A name that was erased is shown as such."""
    rows = act(config, "ledger.show", {"action": action, "newest": newest})
    if shared.json:
        for row in rows:
            sys.stdout.buffer.write(orjson.dumps(row) + b"\n")
        return
    say = words(spoken(shared.lang))
    if not rows:
        click.echo(say("The ledger holds nothing of that."))
        return
    from beffroi.cli.tables import table

    erased = say("(erased)")
    table(
        ["", say("When"), say("Who"), say("What"), say("Details")],
        [
            [
                str(row["seq"]), moment(row["time"], config.time_zone), row["actor"] or erased, row["action"],
                _details(row["details"]),
            ]
            for row in rows
        ],
        styles=["dim", "", "bold"],
    )  # fmt: skip


@ledger.command()
@click.option(
    "--head", "heads", multiple=True, metavar="N:HASH",
    help="The hash of entry N as an attestation or a mail said it; may be given again.",
)  # fmt: skip
@shared_options
@house_options
def verify(shared: Shared, config: Config, heads: Sequence[str]) -> Exit:
    """Check every entry and the chain they form. Exit code 2 where something was changed."""
    found = act(config, "ledger.verify", {"heads": dict(map(_head, heads))})
    faults = [Fault.from_plain(plain) for plain in found["faults"]]
    if shared.json:
        shown = {**found, "faults": [{"place": str(fault.place), "what": str(fault.what)} for fault in faults]}
        sys.stdout.buffer.write(orjson.dumps(shown) + b"\n")
        return Exit.DONE if found["sound"] else Exit.ERROR
    say, language = words(spoken(shared.lang)), spoken(shared.lang)
    for fault in faults:
        click.echo(printable(say("{place}: {what}", place=fault.place, what=fault.what)), err=True)
    count = number(found["entries"], language)
    if not found["sound"]:
        click.echo(say("The ledger was changed: {faults} of its {count} entries or names do not hold.",
                       faults=number(len(faults), language), count=count))  # fmt: skip
        return Exit.ERROR
    click.echo(say("The ledger holds: {count} entries, none changed.", count=count))
    if found["entries"]:
        click.echo(f"{found['entries']}:{found['head']}")
    return Exit.DONE


def _head(text: str) -> tuple[str, str]:
    found = re.fullmatch(r"([0-9]{1,15}):([0-9a-fA-F]{64})", text, re.ASCII)
    if found is None:
        raise UsageError(
            "--head {head} is no entry's number and hash, as `beffroi ledger verify` shows them", head=text
        )
    return found[1], found[2].lower()


def _details(details: dict[str, Any]) -> str:
    """Details as one line; what was erased, or never was, is a dash."""
    return "  ".join(f"{key}={_detail(part)}" for key, part in details.items())


def _detail(value: Any) -> str:
    return "–" if value is None else str(value).lower() if isinstance(value, bool) else str(value)
