"""`beffroi up`: the service, in the foreground, until Ctrl-C or until systemd stops it."""

import asyncio
import logging
import sys
from collections.abc import Iterable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import click

from beffroi.cli.options import Shared, shared_options
from beffroi.cli.owner import become_owner
from beffroi.core.config import Config, load
from beffroi.core.errors import BeffroiError, DefectError, Exit
from beffroi.core.model import Message, message
from beffroi.core.wording import Words, printable, spoken, words

if TYPE_CHECKING:
    from beffroi.service.running import Part, Service


@click.command()
@click.option("--check", is_flag=True, help="Only see whether it could run: data, keys and rules; receive nothing.")
@click.option("--data-dir", type=click.Path(path_type=Path), help="Where the house's data lie.")
@click.option("--config", type=click.Path(path_type=Path), help="Another configuration file.")
@shared_options
def up(shared: Shared, *, check: bool, data_dir: Path | None, config: Path | None) -> Exit:
    """Receive, keep and understand what the house's devices send, until Ctrl-C."""
    from beffroi.service import logs, running  # a heavy import: --help need not wait for it

    loaded = load(config, data_dir=data_dir)
    become_owner(loaded.data_dir)
    say = words(spoken(shared.lang))
    if check:
        running.check(loaded)
        _tell(shared, say, message("Everything is there; Beffroi can start"))
        return Exit.DONE
    logs.set_up(person=sys.stderr.isatty())
    try:
        asyncio.run(running.serve(loaded, partial(_servers, shared, say, loaded)))
    except (BeffroiError, OSError):
        raise
    except Exception:  # what it says may quote what came in, and this goes into the log
        logging.getLogger("beffroi.service").exception("Beffroi fell")
        raise DefectError from None
    return Exit.DONE


def _servers(shared: Shared, say: Words, config: Config, service: "Service") -> Iterable["Part"]:
    """The socket for commands, and a word to the person who waits at a terminal."""
    from beffroi.service import doctor
    from beffroi.service.commands import serve
    from beffroi.service.metrics import route
    from beffroi.service.status import actions
    from beffroi.web import local
    from beffroi.web.app import ACTIONS, application

    app = application(service.store, local.owner, actions=(*ACTIONS, *actions(service), doctor.action(service)))
    app.router.routes.append(route(service, local.owner))
    yield "serve commands", lambda: serve(app, local.listen(config.data_dir))
    if sys.stderr.isatty():
        yield "greet", lambda: _greet(shared, say, service)


async def _greet(shared: Shared, say: Words, service: "Service") -> None:
    await service.ready.wait()
    for each in service.receiving:
        if each.trouble is not None:
            _tell(shared, say, each.trouble)
        elif each.bound is not None:
            _tell(shared, say, message("{receiver} listens on port {port}", receiver=each.name, port=each.bound.port))
    _tell(shared, say, message("Beffroi watches; Ctrl-C stops it"))


def _tell(shared: Shared, say: Words, what: Message) -> None:
    if not shared.quiet:
        print(printable(say(what)), file=sys.stderr)
