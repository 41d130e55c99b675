"""`beffroi doctor`: first aid. What is wrong here, and what to do about it."""

import shutil
import sys
import textwrap
from typing import Any

import click
import orjson

from beffroi.cli.client import act, house_options
from beffroi.cli.options import Shared, shared_options
from beffroi.core.config import Config
from beffroi.core.errors import Exit
from beffroi.core.model import Message
from beffroi.core.wording import printable, spoken, words

_SIGNS = {"good": ("✓", "green"), "warning": ("!", "yellow"), "bad": ("✗", "red"), "unknown": ("?", None)}


@click.command()
@click.option("--selftest", is_flag=True, help="Send a sign of life through every receiver now.")
@shared_options
@house_options
def doctor(shared: Shared, config: Config, *, selftest: bool) -> Exit:
    """Look whether everything is as it should be, and say what to do."""
    from beffroi.service import checks
    from beffroi.service.doctor import machine

    told = act(config, "doctor")
    found: list[dict[str, Any]] = [each.to_plain() for each in machine(config, told)]
    found += told["checks"]
    if selftest and told["running"]:
        found.append(checks.signs(act(config, "selftest")).to_plain())
    say = words(spoken(shared.lang))
    for each in found:
        for part in ("what", "do"):
            each[part] = None if each[part] is None else say(Message.from_plain(each[part]))
    bad = any(each["state"] == checks.BAD for each in found)
    if shared.json:
        click.echo(orjson.dumps({"checks": found}).decode())
    else:
        width = shutil.get_terminal_size().columns if sys.stdout.isatty() else 100
        for each in found:
            _show(each, max(width, 30))
    return Exit.PARTLY if bad else Exit.DONE


def _show(check: dict[str, Any], width: int) -> None:
    sign, colour = _SIGNS[check["state"]]
    lines = textwrap.wrap(printable(check["what"]), width - 4, break_on_hyphens=False)
    click.echo(click.style(f"{sign} ", fg=colour) + "\n  ".join(lines))
    if check["do"]:
        click.echo("\n".join(f"    {line}" for line in textwrap.wrap(f"→ {printable(check['do'])}", width - 6)))
