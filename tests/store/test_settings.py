"""Settings: declared, checked, and in the ledger."""

from typing import Any

import pytest
from sqlalchemy import text

from beffroi.core.errors import UsageError
from beffroi.store import Store, feed, ledger, settings


def get(store: Store, name: str) -> Any:
    with store.read() as connection:
        return settings.get(connection, name)


def test_unset_it_is_the_default_and_the_default_is_a_value_it_could_have(store: Store) -> None:
    with store.read() as connection:
        assert settings.all_(connection) == {each.name: each.default for each in settings.SETTINGS}
    for each in settings.SETTINGS:
        assert each.read(each.default) == each.default


def test_a_change_is_kept_told_and_in_the_ledger_and_can_be_taken_back(store: Store) -> None:
    assert settings.set_(store, "Odette Lambin", "archive.days", 30) == 30
    assert settings.set_(store, "Odette Lambin", "house.name", " Les Tilleuls ") == "Les Tilleuls"
    assert (get(store, "archive.days"), get(store, "house.name")) == (30, "Les Tilleuls")
    assert settings.set_(store, "Odette Lambin", "archive.days", None) == 90
    assert get(store, "archive.days") == 90
    with store.read() as connection:
        assert [each.row_id for each in feed.follow(connection, 0)] == ["archive.days", "house.name", "archive.days"]
        entries = ledger.entries(connection, action="settings")
    assert [(each.actor, each.details["value"]) for each in entries] == [
        ("Odette Lambin", 30), ("Odette Lambin", "Les Tilleuls"), ("Odette Lambin", None),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("archive.day", 3, "There is no setting archive.day"),
        ("archive.days", 0, "from 1 to 3650"),
        ("archive.days", True, "a whole number"),
        ("archive.days", "30", "a whole number"),
        ("house.language", "it", "fr, nl, de, en"),
        ("house.name", "Les\u202eTilleuls", "one line"),
        ("house.name", "x" * 101, "100 characters"),
        ("house.name", ["x"], "one line"),
    ],
)
def test_what_it_cannot_be_is_refused_and_nothing_is_written(name: str, value: object, said: str, store: Store) -> None:
    with pytest.raises(UsageError, match=said):
        settings.set_(store, "Odette Lambin", name, value)
    with store.read() as connection:
        assert ledger.entries(connection) == []


def test_a_kept_value_that_makes_no_sense_any_more_gives_the_default(store: Store) -> None:
    settings.set_(store, "Odette Lambin", "archive.days", 30)
    for kept in ("99999", "["):
        with store.write() as change:
            change.execute(text("UPDATE settings SET value = :kept"), {"kept": kept})
        assert get(store, "archive.days") == 90
