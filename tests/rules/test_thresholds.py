"""A house that says itself from how many on a rule speaks."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from beffroi.core.errors import UsageError
from beffroi.detect.correlation import Correlation
from beffroi.rules.repository import PACK, load
from beffroi.rules.thresholds import MOST, set_threshold, thresholds
from beffroi.store import Store, feed, ledger


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with Store.open(tmp_path) as opened:
        yield opened


def test_a_threshold_is_kept_with_who_and_why_until_it_is_given_back(store: Store) -> None:
    set_threshold(store, "Odette Lambin", "guessing", count=30, reason="the copier's old password")
    set_threshold(store, "Odette Lambin", "gone", count=2, reason="seen elsewhere")
    set_threshold(store, "Marcel Wauthy", "gone", count=None, reason="as it was")
    assert thresholds(store) == {"guessing": 30}
    with store.read() as connection:
        assert [each.table for each in feed.follow(connection, 0)] == ["rule_thresholds"] * 3
        told = [(each.actor, each.details["count"]) for each in ledger.entries(connection, action="rules.threshold")]
    assert told == [("Odette Lambin", 30), ("Odette Lambin", 2), ("Marcel Wauthy", None)]


@pytest.mark.parametrize(
    ("rule", "count", "reason"),
    [("", 3, "x"), ("a\nb", 3, "x"), ("a" * 201, 3, "x"), ("a", 0, "x"), ("a", MOST + 1, "x"), ("a", 3, " "), ("a", 3, "x" * 1001)],
)  # fmt: skip
def test_a_threshold_needs_a_rule_a_number_and_a_reason(rule: str, count: int, reason: str, store: Store) -> None:
    with pytest.raises(UsageError):
        set_threshold(store, "Odette Lambin", rule, count=count, reason=reason)
    assert thresholds(store) == {}


def pack() -> dict[str | None, Correlation]:
    return {each.name: each for each in load([PACK]).correlations}


def test_a_rule_that_counts_speaks_from_another_number_on_and_means_something_else_then() -> None:
    sprayed = pack()["beffroi_passwords_sprayed"]
    set_to = sprayed.speaking_from(3)
    assert (set_to.threshold, set_to.id) == (3, sprayed.id)
    assert set_to.meaning != sprayed.meaning  # what was counted towards the other number is not taken over
    assert sprayed.speaking_from(sprayed.threshold or 0).threshold == sprayed.threshold


def test_a_rule_that_counts_nothing_stays_as_it_is() -> None:
    for each in pack().values():
        assert (each.speaking_from(3) == each) is (each.threshold in (None, 3))
