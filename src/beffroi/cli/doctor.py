"""`beffroi doctor`: first aid. What is wrong here, and what to do about it."""

import textwrap
from datetime import UTC, datetime
from typing import Any

import click
import orjson

from beffroi.cli.client import act, house_options
from beffroi.cli.options import Shared, shared_options
from beffroi.cli.owner import apart
from beffroi.cli.tables import width
from beffroi.core.config import RECEIVERS, Config
from beffroi.core.errors import Exit
from beffroi.core.model import Message
from beffroi.core.wording import Words, printable, spoken, words

_SIGNS = {"good": ("✓", "green"), "warning": ("!", "yellow"), "bad": ("✗", "red"), "unknown": ("?", "cyan")}


@click.command()
@click.option("--selftest", is_flag=True, help="Send a sign of life through every receiver now.")
@click.option("--all", "whole", is_flag=True, help="Also what is as it should be, and the facts behind each.")
@shared_options
@house_options
def doctor(shared: Shared, config: Config, *, selftest: bool, whole: bool) -> Exit:
    """Look whether everything is as it should be, and say what to do. With sudo it sees more."""
    from beffroi.service.doctor import looked

    # The data are looked at as their owner, the machine as whoever asks: root sees the firewall, and who has a port.
    seen = apart(config.data_dir, lambda: _of_house(config, selftest=selftest))
    found = looked(config, seen["told"], seen["blind"])
    if seen["selftest"] is not None:
        found.insert(0, seen["selftest"])
    say = words(spoken(shared.lang))
    for each in found:
        for part in ("what", "do", "facts"):
            each[part] = None if each[part] is None else _begun(say(Message.from_plain(each[part])))
    bad = any(each["state"] == "bad" for each in found)
    if shared.json:
        click.echo(orjson.dumps({"checks": found}).decode())
    else:
        _show(found, say, whole=whole)
    return Exit.PARTLY if bad else Exit.DONE


def _of_house(config: Config, *, selftest: bool) -> dict[str, Any]:
    """What the data's owner sees."""
    from beffroi.service import checks
    from beffroi.service.doctor import blind

    told = act(config, "doctor")
    signs = checks.signs(act(config, "selftest")).to_plain() if selftest and told["running"] else None
    return {"told": told, "blind": blind(config, datetime.now(UTC)).to_plain(), "selftest": signs}


def _begun(sentence: str) -> str:
    """A sentence with a capital letter, unless it begins with what is called as it is written."""
    first = sentence.partition(" ")[0]
    return sentence if first in (*RECEIVERS, "metrics") else sentence[:1].upper() + sentence[1:]


def _show(found: list[dict[str, Any]], say: Words, *, whole: bool) -> None:
    columns = width()
    good = sum(each["state"] == "good" for each in found)
    for each in found:
        if whole or each["state"] != "good":
            _show_one(each, columns, facts=whole)
    if not whole:
        told = (
            say("{count:,} more things are as they should be (`beffroi doctor --all` shows them)", count=good)
            if good < len(found)
            else say("all {count:,} things are as they should be (`beffroi doctor --all` shows them)", count=good)
        )
        _show_one({"state": "good", "what": told, "do": None, "facts": None}, columns, facts=False)


def _show_one(check: dict[str, Any], columns: int, *, facts: bool) -> None:
    sign, colour = _SIGNS[check["state"]]
    click.echo(click.style(f"{sign} ", fg=colour) + _wrapped(check["what"], columns, 2))
    if check["do"]:
        click.echo("  → " + _wrapped(check["do"], columns, 4))
    if facts and check["facts"]:
        click.secho("    " + _wrapped(check["facts"], columns, 4), dim=True)


def _wrapped(text: str, columns: int, edge: int) -> str:
    """A text behind `edge` columns, its further lines below its first."""
    lines = textwrap.wrap(printable(text), max(columns - edge, 20), break_on_hyphens=False)
    return f"\n{' ' * edge}".join(lines)
