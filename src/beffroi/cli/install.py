"""`beffroi install`: make Beffroi a service of this machine."""

import sys

import click

from beffroi.cli.options import Shared, shared_options
from beffroi.core.model import Message
from beffroi.core.wording import printable, spoken, words
from beffroi.service.installing import Places, Say
from beffroi.service.installing import install as run


@click.command()
@shared_options
def install(shared: Shared) -> None:
    """Make Beffroi a service that starts with this machine. Needs root."""
    run(Places(), teller(shared))


def teller(shared: Shared) -> Say:
    """What tells a person on stderr what is being done."""
    say = words(spoken(shared.lang))

    def tell(what: Message) -> None:
        if not shared.quiet:
            print(f"· {printable(say(what))}", file=sys.stderr)

    return tell
