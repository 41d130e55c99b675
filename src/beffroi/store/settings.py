"""What a director changes: each setting is declared once, with its default and its help; who changed it stands in the ledger."""

import json
from collections.abc import Callable
from typing import Any, Final, NamedTuple

from sqlalchemy import Connection, delete, insert, select

from beffroi.core.errors import UsageError
from beffroi.core.model import UnfitError, message
from beffroi.core.wording import LANGUAGES
from beffroi.store import Personal, Store, feed, ledger, tables


class Setting(NamedTuple):
    """One setting: its dotted name, its default, what it is for, and how a new value is checked (raises UnfitError)."""

    name: str
    default: Any
    help: str
    read: Callable[[Any], Any]


def _whole(least: int, most: int) -> Callable[[Any], int]:
    def read(value: Any) -> int:
        if not isinstance(value, int) or isinstance(value, bool) or not least <= value <= most:
            raise UnfitError(message("a whole number from {least} to {most} is expected", least=least, most=most))
        return value

    return read


def _line(value: Any) -> str:
    if not isinstance(value, str) or len(value) > 100 or not value.isprintable():
        raise UnfitError(message("one line of at most {longest} characters is expected", longest=100))
    return value.strip()


def _list(value: Any) -> str:
    if not isinstance(value, str) or len(value) > 2_000 or not value.isprintable():
        raise UnfitError(message("one line of at most {longest} characters is expected", longest=2_000))
    return value.strip()


def _language(value: Any) -> str:
    if value not in LANGUAGES:
        raise UnfitError(message("one of {known} is expected", known=", ".join(LANGUAGES)))
    return str(value)


SETTINGS: Final[tuple[Setting, ...]] = (
    Setting("house.name", "", "What the house is called, on pages and papers.", _line),
    Setting("house.language", "fr", f"The language of pages and messages: {', '.join(LANGUAGES)}.", _language),
    Setting("archive.days", 90, "For how many days events are kept, counted from their arrival.", _whole(1, 3650)),
    Setting(
        "archive.disk_share", 60, "How much of the disk they may fill, in per cent; the oldest go first.", _whole(5, 90)
    ),
    Setting(
        "detection.lateness", 60, "For how many minutes a late event still counts in correlations.", _whole(0, 1440)
    ),
    Setting(
        "incidents.important",
        "",
        "Machines that matter most (the server, the storage), by name, with commas between.",
        _list,
    ),
    Setting(
        "incidents.interruptions",
        2,
        "How many incidents a week may call somebody before the IT provider is told that there is too much noise.",
        _whole(0, 100),
    ),
    Setting(
        "sources.waiting_days",
        7,
        "For how many days is kept aside what a sender sends that nobody accepted.",
        _whole(1, 90),
    ),
)

_KNOWN: Final = {setting.name: setting for setting in SETTINGS}


def get(connection: Connection, name: str) -> Any:
    """The value of a setting. Raises KeyError for one that is not declared."""
    setting = _KNOWN[name]
    kept = connection.execute(select(tables.settings.c.value).where(tables.settings.c.name == name)).scalar()
    if kept is None:
        return setting.default
    try:
        return setting.read(json.loads(kept))
    except (UnfitError, ValueError):  # kept by another version, whose limits were others
        return setting.default


def set_(store: Store, actor: str, name: str, value: Any) -> Any:
    """Change a setting (an Action); None brings its default back. Returns the value it has now.

    Raises UsageError for a setting that does not exist or a value that it cannot have.
    """
    setting = _KNOWN.get(name)
    if setting is None:
        raise UsageError("There is no setting {name}; there are: {known}", name=name, known=", ".join(_KNOWN))
    try:
        new = None if value is None else setting.read(value)
    except UnfitError as error:
        raise UsageError("{name}: {reason}", name=name, reason=error.what) from error
    with store.write() as change:
        entry = ledger.record(
            change,
            actor=actor,
            action="settings.set",
            # The house's name may name somebody, so what a person typed is as erasable as a name.
            details={"setting": name, "value": Personal(new) if isinstance(new, str) else new},
        )
        change.execute(delete(tables.settings).where(tables.settings.c.name == name))
        if new is not None:
            row = {"name": name, "value": json.dumps(new, ensure_ascii=False), "seq": entry.seq}
            change.execute(insert(tables.settings).values(row))
        feed.tell(change, "settings", name)
    return setting.default if new is None else new


def all_(connection: Connection) -> dict[str, Any]:
    """Every setting with its value."""
    return {setting.name: get(connection, setting.name) for setting in SETTINGS}
