"""`beffroi upgrade`: put this version in place of the installed one; it is taken back by itself where it does not come up."""

import click

from beffroi.cli.install import teller
from beffroi.cli.options import Shared, shared_options
from beffroi.core.errors import Exit
from beffroi.service.installing import Places
from beffroi.service.installing import upgrade as run


@click.command()
@shared_options
def upgrade(shared: Shared) -> Exit:
    """Put this version in place of the installed one. Run it from the new version's folder; needs root."""
    return Exit.DONE if run(Places(), teller(shared)) else Exit.PARTLY
