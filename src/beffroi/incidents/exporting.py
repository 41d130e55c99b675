"""The Action that makes evidence of one incident. It writes who took what out of the house, and when, into the ledger."""

from base64 import b64encode
from collections.abc import Callable
from pathlib import Path
from threading import Lock
from typing import Any, Final
from zoneinfo import ZoneInfo

import msgspec

from beffroi.core.errors import UsageError
from beffroi.incidents import evidence, records
from beffroi.incidents.evidence import Behind, Made, Wanted
from beffroi.store import Store, feed, ledger
from beffroi.store.actions import Action, Actor, Role
from beffroi.store.house import House
from beffroi.store.machine import this_machine
from beffroi.store.times import now as clock

FindEvents = Callable[[Path, str, Wanted], Behind]
"""The raw events behind an incident: the data folder, the house's time zone, which. The logs' room knows them, not this one."""

_ONE_AT_A_TIME: Final = Lock()
"""Evidence lies in the memory while it is made."""


class Exporting(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """An incident, and the time zone of the house."""

    incident: int
    zone: str = "UTC"


def actions(events_behind: FindEvents) -> tuple[Action, ...]:
    """What can be done about evidence."""

    def do(store: Store, actor: Actor, exporting: Exporting) -> dict[str, Any]:
        with _ONE_AT_A_TIME:
            return export(store, actor, exporting, events_behind)

    return (Action("incidents.export", do, Exporting, Role.PROVIDER, writes=True),)


def export(store: Store, actor: Actor, exporting: Exporting, events_behind: FindEvents) -> dict[str, Any]:
    """The evidence of an incident: its manifest, the SHA-256 of that, and the zip in Base64."""
    zone = _zone(exporting.zone)
    now = clock()
    key = House.open(store).key  # also where no service ran yet, the ledger names it: that is where it is looked up
    with store.read() as connection:
        row = records.find(connection, exporting.incident)
        if row is None:
            raise UsageError(
                "There is no incident {incident}; `beffroi incidents list` shows them", incident=exporting.incident
            )
        if row.merged_into is not None:
            raise UsageError(
                "Incident {incident} is part of incident {other}; export that one",
                incident=row.id,
                other=row.merged_into,
            )
        known = evidence.known(connection, row, now)
    behind = events_behind(store.data_dir, zone, known.wanted)
    by = Made(this_machine().host, actor.name, now, zone)
    made = evidence.made(known, behind, key, by)
    details = {"incident": exporting.incident, "manifest": made.digest}
    with store.write() as change:
        ledger.record(change, actor=actor.name, action="incidents.export", details=details, now=now)
        feed.tell(change, "incidents", exporting.incident)
    return {"manifest": made.manifest, "sha256": made.digest, "zip": b64encode(made.content).decode()}


def _zone(name: str) -> str:
    try:
        return ZoneInfo(name).key
    except (ValueError, OSError, LookupError) as error:
        raise UsageError("{zone} is no time zone", zone=name) from error
