"""Actions: what can be done in a room, by whom. A function `(store, actor, arguments) → result` that writes its own ledger entry.

A room declares its own as `ACTIONS`; `web/app.py` offers them all and enforces the roles, once. Arguments are a msgspec
Struct, so that what comes in over a socket is checked before the function sees it; results are what JSON can hold.
"""

from collections.abc import Callable
from enum import IntEnum
from typing import Any, NamedTuple

import msgspec

from beffroi.store.database import Store


class Role(IntEnum):
    """What somebody may do, each role all that those below it may."""

    VIEWER = 0
    """Looks, changes nothing."""
    PROVIDER = 1
    """The visiting IT provider: connects sources, switches rules."""
    OWNER = 2
    """The director, and whoever commands the machine."""


class Actor(NamedTuple):
    """Who acts. The name is what the ledger holds, erasable."""

    name: str
    role: Role


class Nothing(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The arguments of an action that takes none."""


class Action(NamedTuple):
    """One action: its dotted name, what does it, the Struct of its arguments, the role it needs, and whether it writes."""

    name: str
    do: Callable[[Store, Actor, Any], Any]
    arguments: type[msgspec.Struct]
    role: Role
    writes: bool
