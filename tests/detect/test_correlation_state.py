"""The correlator's memory as plain data. (That it goes on exactly is drawn in test_correlation_against_oracle.py.)"""

import copy
import json
from typing import Any

import orjson
import pytest
import yaml

from beffroi.detect.correlation import Correlation, Correlator, StateError
from tests.detect.test_correlation import BRUTE, LOWER, UPPER, correlation, failed, match, seconds

SUM = correlation("{type: value_sum, rules: [failed], timespan: 1m, condition: {field: n, gte: 100000}}", name="sum")


def kept(*definitions: Correlation) -> dict[str, Any]:
    """A state with a bit of everything."""
    correlator = Correlator(definitions)
    correlator.feed([failed(1, n="0.5"), failed(2, n=1 << 62), failed(2, n=-(1 << 63)), failed(2.5, n=str(2**70))])
    state: dict[str, Any] = json.loads(json.dumps(correlator.state()))
    return state


def test_a_restart_in_the_middle_changes_nothing() -> None:
    correlator = Correlator([correlation(BRUTE)])
    correlator.feed([failed(1), failed(2), failed(2)])
    state = orjson.loads(orjson.dumps(correlator.state()))
    after = Correlator([correlation(BRUTE)])
    assert after.restore(state) == ()
    assert after.counts.repeated == 1
    assert after.feed([failed(2)]) == []
    assert seconds(after.feed([failed(3)])) == [3]


def test_numbers_of_any_size_survive() -> None:
    state = kept(SUM)
    orjson.dumps(state)
    correlator = Correlator([SUM])
    correlator.restore(state)
    assert correlator.state() == state


def test_correlations_that_stayed_keep_their_state_when_the_rules_change() -> None:
    state = kept(correlation(BRUTE), SUM, LOWER, UPPER)
    changed = correlation(yaml.safe_load(BRUTE) | {"timespan": "20s"}, name="top")
    renamed = Correlation.from_plain(SUM.to_plain() | {"title": "Another title"})
    new = correlation("{type: event_count, rules: [failed], timespan: 1m, condition: {gte: 9}}", name="new")
    correlator = Correlator([changed, renamed, LOWER, new])
    assert correlator.restore(state) == ("top", "guessed")
    assert correlator.size[1] == 4 + 4  # of sum and many_failed


def test_a_correlation_above_one_that_changed_begins_anew() -> None:
    state = kept(LOWER, UPPER)
    lower = correlation(yaml.safe_load(BRUTE) | {"timespan": "20s"}, name="many_failed")
    assert set(Correlator([lower, UPPER]).restore(state)) == {"many_failed", "guessed"}


@pytest.mark.parametrize("state", [{}, {"format": "x"}, {"format": "beffroi correlation state", "version": 2}])
def test_foreign_data_are_refused_in_one_sentence(state: dict[str, Any]) -> None:
    with pytest.raises(StateError, match="not a beffroi correlation state"):
        Correlator([SUM]).restore(state)


def broken(state: dict[str, Any], path: list[Any], value: Any) -> dict[str, Any]:
    state = copy.deepcopy(state)
    inner: Any = state
    for step in path[:-1]:
        inner = inner[step]
    inner[path[-1]] = value
    return state


GROUP = ["correlations", "sum", "groups", 0]


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (["correlations"], []),
        (["newest"], "yesterday"),
        (["newest"], None),
        (["counts"], {"too_late": 1.5}),
        ([*GROUP, "key"], ["one too many"]),
        ([*GROUP, "events", 0, 0], 10**9),
        ([*GROUP, "events", 0, 0], True),
        ([*GROUP, "events", 0, 1], 1),
        ([*GROUP, "events", 0, 1], -1),
        ([*GROUP, "events", 0, 2], {"a": 1}),
        ([*GROUP, "events", 0, 2], [[[1]]]),
        ([*GROUP, "events", 0, 3], []),
        ([*GROUP, "events", 0, 3], ["1e999999999"]),
        ([*GROUP, "events", 0, 3], ["1/0"]),
        ([*GROUP, "events", 0], [1, 2]),
        ([*GROUP, "marks"], [[5, 1]]),
        ([*GROUP, "stale"], [5]),
        ([*GROUP, "withdrawn"], [99]),
        (GROUP, "a group"),
    ],
)
def test_a_broken_state_is_refused_and_changes_nothing(path: list[Any], value: Any) -> None:
    correlator = Correlator([SUM])
    correlator.feed([failed(1, n=99_999)])
    with pytest.raises(StateError):
        correlator.restore(broken(kept(SUM), path, value))
    assert seconds(correlator.feed([failed(2, n=1)])) == [2]


def test_a_group_twice_is_refused() -> None:
    state = kept(SUM)
    state["correlations"]["sum"]["groups"] *= 2
    with pytest.raises(StateError, match="twice"):
        Correlator([SUM]).restore(state)


def test_a_firing_that_had_to_be_told_again_is_told_after_the_restart() -> None:
    before = Correlator([LOWER, UPPER])
    before.feed([*map(failed, (1, 2, 3)), match("success", 4, user="anna"), failed(3, n="late")])
    after = Correlator([LOWER, UPPER])
    after.restore(json.loads(json.dumps(before.state())))
    [again] = after.settle()
    assert again == before.settle()[0]
    assert again.correlation == "guessed"
