"""`beffroi VERB`: finds the verb's file, runs it, and turns what went wrong into a sentence and an exit code.

A verb is a click command of the same name in a file of the same name (`hunt` in `cli/hunt.py`), imported only when it is
called for, so that `beffroi hunt` pays for nothing else. It takes `@shared_options` (cli/options.py), returns an `Exit` or
None for done, and raises `BeffroiError` for what a person can cause.
"""

import os
import sys
from collections.abc import Sequence
from importlib import import_module

import click

from beffroi import __version__
from beffroi.core.errors import BeffroiError, DefectError, Exit, InputError

VERBS = {
    "up": "Receive, keep and understand what devices send.",
    "status": "How the house is, on one screen.",
    "doctor": "What is wrong here, and what to do about it.",
    "support": "Make a bundle for whoever helps, with nothing about anybody.",
    "hunt": "Look through recordings for what the rules know.",
    "search": "Look for events in the archive.",
    "incidents": "What happened, and what needs somebody first.",
    "sources": "Show who sends logs, and decide about them.",
    "settings": "Show what can be set, and set it.",
    "rules": "List, test, explain and update the rules.",
    "ledger": "Show who did what, and check that nothing of it was rewritten.",
    "install": "Make Beffroi a service that starts with this machine.",
    "upgrade": "Put this version in place of the installed one.",
    "uninstall": "Take the service away; the data stay.",
}
"""Every verb with its line in `beffroi --help`, which thereby imports none of them."""


class Verbs(click.Group):
    """The group of all verbs, each imported when it is used."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's signature
        return list(VERBS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        if cmd_name not in VERBS:
            return None
        module = import_module(f"beffroi.cli.{cmd_name}")
        command: click.Command = getattr(module, cmd_name)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002
        with formatter.section("Commands"):
            formatter.write_dl(list(VERBS.items()))


@click.group(cls=Verbs, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(__version__, prog_name="beffroi", message="%(prog)s %(version)s")
def beffroi() -> None:
    """Beffroi watches over a small care structure: it sees attacks and says what to do."""


def main(arguments: Sequence[str]) -> int:
    """Run one command line (without the program's name) and return its exit code; never raises."""
    code = _run(arguments)
    try:
        sys.stdout.flush()
    except OSError as error:
        # What stdout still holds can go nowhere; Python would complain once more when it flushes at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        if code in (Exit.DONE, Exit.PARTLY):
            return Exit.PIPE_CLOSED if isinstance(error, BrokenPipeError) else _tell(_of_system(error), arguments)
    return code


def _run(arguments: Sequence[str]) -> int:
    try:
        # Not beffroi.main(): click would turn a closed pipe into 1, which means "partly done" here.
        with beffroi.make_context("beffroi", list(arguments)) as context:
            code = beffroi.invoke(context)
    except click.exceptions.Exit as wish:  # --help and --version
        return wish.exit_code
    except BeffroiError as error:
        return _tell(error, arguments)
    except click.ClickException as error:
        error.show()
        return Exit.ERROR
    except (KeyboardInterrupt, click.Abort):
        return Exit.INTERRUPTED
    except BrokenPipeError:
        return Exit.PIPE_CLOSED
    except OSError as error:
        return _tell(_of_system(error), arguments)
    except Exception:  # noqa: BLE001 - the last line of defence: a defect of ours, shown whole
        import traceback

        traceback.print_exc()
        return _tell(DefectError(), arguments)
    return code if isinstance(code, int) else Exit.DONE


def _tell(error: BeffroiError, arguments: Sequence[str]) -> Exit:
    """Say it on stderr, in the language asked for: one sentence, then a line for each fault."""
    from beffroi.core.wording import printable, spoken, words

    say = words(spoken(_language(arguments)))
    sentence = say(error.template, **error.values)
    faults = [printable(say(fault.told)) for fault in error.faults]
    print("\n".join([f"beffroi: {sentence}", *faults]), file=sys.stderr)
    return error.exit_code


def _language(arguments: Sequence[str]) -> str | None:
    """What --lang says, read without click: what went wrong may have kept click from reading it."""
    after = "=".join(arguments).partition("--lang=")[2]
    return after[:2] or None


def _of_system(error: OSError) -> BeffroiError:
    """What the system refused, and for which file."""
    reason = error.strerror or str(error)
    return InputError(path=error.filename, reason=reason) if error.filename else BeffroiError(reason=reason)
