"""`beffroi uninstall`: take the service away; the data only when a person types its name."""

import click

from beffroi.cli.install import teller
from beffroi.cli.options import Shared, shared_options
from beffroi.core.errors import UsageError
from beffroi.core.wording import printable, shown, spoken, words
from beffroi.service.installing import ACCOUNT, Places, removed
from beffroi.service.installing import uninstall as run


@click.command()
@click.option(
    "--purge", is_flag=True, help="Also delete all data of this house: events, ledger, keys. Asks for a typed word."
)
@click.option("--typed", metavar="WORD", help="The word that --purge asks for, for scripts.")
@click.option("--dry-run", is_flag=True, help="Only say what would be removed.")
@shared_options
def uninstall(shared: Shared, *, purge: bool, typed: str | None, dry_run: bool) -> None:
    """Take the service away. The data stay unless --purge. Needs root."""
    if dry_run:
        for path in removed(Places(), purge=purge):
            click.echo(printable(shown(path)))
        if not shared.quiet:
            click.echo(words(spoken(shared.lang))("Nothing was changed (--dry-run)."), err=True)
        return
    if purge:
        say = words(spoken(shared.lang))
        question = say('Everything this house has recorded will be gone for good. Type "{word}" to go on', word=ACCOUNT)
        if (typed if typed is not None else click.prompt(question, default="", show_default=False)) != ACCOUNT:
            raise UsageError("the word was not typed; nothing was changed", verb="uninstall")
    run(Places(), teller(shared), purge=purge)
