"""How many it takes before a correlation speaks, where a house has set that otherwise than the rule's author.

Kept by rule id beside the switches, so that an update of the rules changes none of it.
"""

from collections.abc import Mapping
from typing import Any, Final

import msgspec
from sqlalchemy import delete, insert, select

from beffroi.core.errors import UsageError
from beffroi.rules.switches import checked
from beffroi.store import Entry, Personal, Store, feed, ledger
from beffroi.store.actions import Action, Actor, Nothing, Role
from beffroi.store.tables import rule_thresholds

MOST: Final = 1_000_000


def set_threshold(store: Store, actor: str, rule_id: str, *, count: int | None, reason: str) -> Entry:
    """Have a correlation speak from so many on; None for the rule's own number. A rule that is not loaded may be set: it may come back.

    Raises UsageError where the id is no id, the number is out of bounds or the reason is missing, StoreError where it cannot be kept.
    """
    rule_id, reason = checked(rule_id, reason)
    if count is not None and not 1 <= count <= MOST:
        raise UsageError("A threshold is a number from 1 to {most}", most=MOST)
    with store.write() as change:
        details = {"rule": rule_id, "count": count, "reason": Personal(reason)}
        entry = ledger.record(change, actor=actor, action="rules.threshold", details=details)
        change.execute(delete(rule_thresholds).where(rule_thresholds.c.rule_id == rule_id))
        if count is not None:
            change.execute(insert(rule_thresholds).values(rule_id=rule_id, least=count, seq=entry.seq))
        feed.tell(change, "rule_thresholds", rule_id)
    return entry


def thresholds(store: Store) -> Mapping[str, int]:
    """The numbers that were set, by rule id."""
    with store.read() as connection:
        rows = connection.execute(select(rule_thresholds.c.rule_id, rule_thresholds.c.least)).all()
    return {row.rule_id: row.least for row in rows}


class Setting(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Which correlation, from how many on (None: as its author says), and why."""

    rule_id: str
    count: int | None
    reason: str


def _set(store: Store, actor: Actor, wish: Setting) -> dict[str, Any]:
    set_threshold(store, actor.name, wish.rule_id, count=wish.count, reason=wish.reason)
    return {"rule_id": wish.rule_id, "count": wish.count, "reason": wish.reason}


def _all(store: Store, _actor: Actor, _arguments: Nothing) -> dict[str, int]:
    return dict(sorted(thresholds(store).items()))


ACTIONS: Final = (
    Action("rules.thresholds", _all, Nothing, Role.VIEWER, writes=False),
    Action("rules.threshold", _set, Setting, Role.PROVIDER, writes=True),
)
