"""Which rules a house has switched off, by whom and why. Kept by rule id, so that an update of the rules changes none of it."""

from collections.abc import Mapping
from typing import Any, Final, NamedTuple

import msgspec
from sqlalchemy import delete, insert, select

from beffroi.core.errors import UsageError
from beffroi.store import Entry, Personal, Store, feed, ledger
from beffroi.store.actions import Action, Actor, Nothing, Role
from beffroi.store.tables import rule_switches

LONGEST_ID = 200
LONGEST_REASON = 1000


class Switch(NamedTuple):
    """How somebody set a rule. `reason` and `who` are None once they were erased."""

    rule_id: str
    enabled: bool
    reason: str | None
    who: str | None
    when: str


def checked(rule_id: str, reason: str) -> tuple[str, str]:
    """The id of a rule that somebody sets and why, both without what surrounds them. Raises UsageError where either is none."""
    rule_id, reason = rule_id.strip(), reason.strip()
    if not rule_id or len(rule_id) > LONGEST_ID or not rule_id.isprintable():
        raise UsageError("A rule is named by its id, one line of at most {longest} characters", longest=LONGEST_ID)
    if not reason or len(reason) > LONGEST_REASON:
        raise UsageError("Say why in at most {longest} characters: somebody will ask in a year", longest=LONGEST_REASON)
    return rule_id, reason


def switch(store: Store, actor: str, rule_id: str, *, enabled: bool, reason: str) -> Entry:
    """Switch a rule on or off (an Action). A rule that is not loaded may be switched: it may come back with an update.

    Raises UsageError where the id is no id or the reason is missing, StoreError where it cannot be kept.
    """
    rule_id, reason = checked(rule_id, reason)
    with store.write() as change:
        entry = ledger.record(
            change,
            actor=actor,
            action="rules.switch",
            # A reason often names somebody, so it is as erasable as a name.
            details={"rule": rule_id, "enabled": enabled, "reason": Personal(reason)},
        )
        change.execute(delete(rule_switches).where(rule_switches.c.rule_id == rule_id))
        change.execute(insert(rule_switches).values(rule_id=rule_id, enabled=int(enabled), seq=entry.seq))
        feed.tell(change, "rule_switches", rule_id)
    return entry


def switches(store: Store) -> Mapping[str, Switch]:
    """All switches that were ever set, by rule id; a rule without one is on."""
    found = {}
    with store.read() as connection:
        for row in connection.execute(select(rule_switches).order_by(rule_switches.c.rule_id)).all():
            entry = ledger.entry(connection, row.seq)
            reason = entry.details.get("reason")
            found[row.rule_id] = Switch(row.rule_id, bool(row.enabled), reason, entry.actor, entry.time)
    return found


def switched_off(store: Store) -> frozenset[str]:
    """The ids of the rules that must stay silent."""
    with store.read() as connection:
        query = select(rule_switches.c.rule_id).where(rule_switches.c.enabled == 0)
        return frozenset(connection.execute(query).scalars())


class Switching(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Which rule, on or off, and why."""

    rule_id: str
    enabled: bool
    reason: str


def _switch(store: Store, actor: Actor, wish: Switching) -> dict[str, Any]:
    switch(store, actor.name, wish.rule_id, enabled=wish.enabled, reason=wish.reason)
    return {"rule_id": wish.rule_id, "enabled": wish.enabled, "reason": wish.reason}


def _off(store: Store, _actor: Actor, _arguments: Nothing) -> list[str]:
    return sorted(switched_off(store))


ACTIONS: Final = (
    Action("rules.off", _off, Nothing, Role.VIEWER, writes=False),
    Action("rules.switch", _switch, Switching, Role.PROVIDER, writes=True),
)
