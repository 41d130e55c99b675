"""The options every verb has, and what they came to."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import wraps
from typing import Any, Concatenate, TypeVar

import click

from beffroi.core.wording import LANGUAGES

R = TypeVar("R")


@dataclass(frozen=True, slots=True)
class Shared:
    """What the common options say."""

    json: bool
    """One JSON document or JSON lines on stdout, and nothing else there."""
    quiet: bool
    """Neither progress nor remarks on stderr; errors all the same."""
    lang: str | None
    """The language to speak, one of LANGUAGES; None for the system's (core.wording.spoken)."""


def shared_options(verb: Callable[Concatenate[Shared, ...], R]) -> Callable[..., R]:
    """Give a verb --json, --quiet and --lang; it receives them as one `Shared`, its first argument."""

    @click.option("--json", is_flag=True, help="Machine-readable output: JSON lines on stdout, nothing else there.")
    @click.option("--quiet", "-q", is_flag=True, help="No progress and no remarks.")
    @click.option("--lang", type=click.Choice(LANGUAGES), help="The language to speak.  [default: the system's]")
    @wraps(verb)
    def with_shared(*args: Any, **kwargs: Any) -> R:
        shared = Shared(json=kwargs.pop("json"), quiet=kwargs.pop("quiet"), lang=kwargs.pop("lang"))
        return verb(shared, *args, **kwargs)

    return with_shared


class Listing(click.Group):
    """A group of commands whose bare name means its `list`."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        if not args or (args[0].startswith("-") and args[0] not in ctx.help_option_names):
            args = ["list", *args]
        return super().parse_args(ctx, args)
