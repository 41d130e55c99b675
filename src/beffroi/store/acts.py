"""What the store itself offers as Actions: its ledger, its settings, its findings."""

from typing import Any, Final

import msgspec

from beffroi.core.errors import UsageError
from beffroi.store import Store, findings, ledger, settings
from beffroi.store.actions import Action, Actor, Nothing, Role


class Which(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Which entries: only those of an action or of its parts, only the newest so many."""

    action: str | None = None
    newest: int | None = None


class Heads(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Heads that left the house: the hash of an entry by its number."""

    heads: dict[int, str] = {}


class Change(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A setting and its new value; null brings the default back."""

    name: str
    value: str | int | bool | None


class Kind(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Only findings of this kind or of its parts."""

    kind: str | None = None


def show(store: Store, _actor: Actor, which: Which) -> list[dict[str, Any]]:
    """The entries, oldest first; names are shown where they were not erased."""
    if which.newest is not None and which.newest < 1:
        raise UsageError("The newest {count} entries are none; ask for one at least", count=which.newest)
    with store.read() as connection:
        found = ledger.entries(connection, action=which.action, newest=which.newest)
    return [
        {
            "seq": each.seq,
            "time": each.time,
            "actor": each.actor,
            "action": each.action,
            "details": each.details,
            "hash": each.hash,
        }
        for each in found
    ]


def verify(store: Store, _actor: Actor, heads: Heads) -> dict[str, Any]:
    """Whether the chain holds, with every place where it does not."""
    with store.read() as connection:
        found = ledger.verify(connection, heads=heads.heads)
    faults = [fault.to_plain() for fault in found.faults]
    return {"sound": found.sound, "entries": found.entries, "head": found.head, "faults": faults}


def list_settings(store: Store, _actor: Actor, _arguments: Nothing) -> list[dict[str, Any]]:
    """Every setting with its value, its default and what it is for."""
    with store.read() as connection:
        values = settings.all_(connection)
    return [
        {"name": each.name, "value": values[each.name], "default": each.default, "help": each.help}
        for each in settings.SETTINGS
    ]


def set_setting(store: Store, actor: Actor, change: Change) -> dict[str, Any]:
    """Change a setting; the value it has now."""
    return {"name": change.name, "value": settings.set_(store, actor.name, change.name, change.value)}


def list_findings(store: Store, _actor: Actor, which: Kind) -> list[dict[str, Any]]:
    """The open findings, oldest first."""
    with store.read() as connection:
        found = findings.opened(connection, which.kind)
    return [{**each._asdict(), "message": each.message.to_plain()} for each in found]


ACTIONS: Final = (
    Action("ledger.show", show, Which, Role.VIEWER, writes=False),
    Action("ledger.verify", verify, Heads, Role.VIEWER, writes=False),
    Action("settings.list", list_settings, Nothing, Role.VIEWER, writes=False),
    Action("settings.set", set_setting, Change, Role.OWNER, writes=True),
    Action("findings.list", list_findings, Kind, Role.VIEWER, writes=False),
)
