"""`beffroi status`: how the house is, on one screen."""

import shutil
import textwrap
from typing import Any

import click
import orjson

from beffroi.cli.client import act, house_options
from beffroi.cli.options import Shared, shared_options
from beffroi.core.config import Config
from beffroi.core.model import Message
from beffroi.core.wording import Words, number, printable, spoken, words

LISTED = 12  # findings that are shown; the rest is counted


@click.command()
@shared_options
@house_options
def status(shared: Shared, config: Config) -> None:
    """Say in one sentence how the house is, and what asks for somebody."""
    found = act(config, "status")
    if shared.json:
        click.echo(orjson.dumps(found).decode())
        return
    language = spoken(shared.lang)
    say = words(language)
    click.secho(_hanging("", printable(_sentence(found, say))), bold=True, fg=_COLOURS[found["state"]])
    click.echo()
    facts = _facts(found, say, language)
    edge = max(len(label) for label, _ in facts) + 4
    for label, value in facts:
        click.echo(_hanging(f"  {printable(label)}".ljust(edge), printable(value)))
    _list_findings(found["findings"], say)


_COLOURS = {"calm": "green", "todo": "yellow", "alarm": "red", "blind": "yellow"}


def _hanging(head: str, text: str) -> str:
    """A text behind its head, wrapped to the terminal, its further lines below its first."""
    width = max(40, shutil.get_terminal_size().columns)
    return "\n".join(
        textwrap.wrap(text, width, initial_indent=head, subsequent_indent=" " * len(head), break_on_hyphens=False)
    )


def _sentence(found: dict[str, Any], say: Words) -> str:
    if not found["running"]:
        return say("Beffroi is not running: nobody watches. Start it with `beffroi up`.")
    match found["state"]:
        case "alarm":
            return say("Something happened that a person must look at.")
        case "blind" if not found["heard"]:
            return say("Beffroi is running and hears nobody yet: `beffroi sources` says how to be heard.")
        case "blind":
            return say("Something is not seen at the moment; nothing is called calm until it is.")
        case "todo":
            return say("All is well; a few things wait for somebody.")
    return say("All is calm.")


def _facts(found: dict[str, Any], say: Words, language: str) -> list[tuple[str, str]]:
    """What one looks for first, each with its name."""
    listening = [each for each in found["receivers"] if each["port"] is not None]
    sources = say(
        "{heard:,} of {count:,} heard, {silent:,} silent",
        heard=found["heard"], count=found["sources"], silent=found["sources_silent"],
    )  # fmt: skip
    if found["sources_waiting"]:
        sources += ", " + say("{count:,} new: decide with `beffroi sources`", count=found["sources_waiting"])
    facts = [
        (say("Events in 24 h"), number(found["events_24h"], language)),
        (say("Matches in 24 h"), _levels(found["matches_by_level"], say, language)),
        (say("Sources"), sources),
    ]
    if found["running"]:
        rate = number(found["events_per_second"], language, 1)
        facts += [
            (say("At present"), say("{rate} events a second, understood within {lag} s", rate=rate,
                                    lag=number(found["journal_lag_s"], language, 1))),
            (say("Listening"), ", ".join(f"{each['name']}\u00a0{each['port']}" for each in listening) or say("nowhere")),
            (say("Rules"), number(found["rules"] or 0, language)),
        ]  # fmt: skip
    facts.append((say("Free disk"), say("{count} GB", count=number(found["disk_free_bytes"] / 1e9, language, 1))))
    facts.append((say("Version"), found["version"]))
    return facts


def _levels(counts: dict[str, int], say: Words, language: str) -> str:
    names = {
        "critical": say("critical"), "high": say("high"), "medium": say("medium"), "low": say("low"),
        "informational": say("informational"),
    }  # fmt: skip
    told = [f"{number(counts[level], language)} {name}" for level, name in names.items() if counts.get(level)]
    return ", ".join(told) or say("none")


def _list_findings(findings: list[dict[str, Any]], say: Words) -> None:
    if not findings:
        return
    order = ("critical", "high", "medium", "low", "informational")
    click.echo("\n" + say("What asks for somebody:"))
    for each in sorted(findings, key=lambda finding: order.index(finding["severity"]))[:LISTED]:
        click.echo(_hanging("  · ", printable(say(Message.from_plain(each["message"])))))
    if len(findings) > LISTED:
        click.echo("  " + say("and {count:,} more", count=len(findings) - LISTED))
