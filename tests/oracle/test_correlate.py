"""Correlations over a handful of matches, counted by hand."""

from typing import Any

import pytest

from . import Unsupported, correlate, correlate_all


def at(seconds: float, name: str = "a", **fields: Any) -> tuple[str, int, dict[str, Any]]:
    return name, int(seconds * 1_000_000), fields


def moments(section: dict[str, Any], *matches: tuple[str, int, dict[str, Any]]) -> list[float]:
    """The seconds at which the correlation fires; the order of the matches must not matter."""
    section = {"rules": ["a"], "timespan": "10s", **section}
    forth, back = correlate({"correlation": section}, matches), correlate(section, matches[::-1])
    assert forth == back
    return [time / 1_000_000 for _, time in forth]


def test_event_count_fires_once_when_the_threshold_is_crossed() -> None:
    counted = {"type": "event_count", "condition": {"gte": 3}}
    assert moments(counted, at(0), at(1), at(2), at(3), at(4)) == [2]
    assert moments(counted, at(0), at(5), at(10)) == []  # the window is (0, 10]
    assert moments(counted, at(0), at(5), at(9.999)) == [9.999]
    assert moments(counted, at(0), at(1), at(2), at(30), at(31), at(32)) == [2, 32]
    assert moments(counted, at(0), at(0), at(0), at(1, "other")) == [0]


def test_a_range_is_left_and_entered_again() -> None:
    section = {"type": "event_count", "condition": {"gt": 1, "lte": 2}}
    assert moments(section, at(0), at(1), at(2), at(10.5)) == [1]
    assert moments(section, at(0), at(1), at(2), at(11.5)) == [1, 11.5]
    assert moments({"type": "event_count", "condition": {"neq": 1}}, at(0), at(1)) == [1]


def test_groups_are_counted_apart_and_an_event_without_the_field_is_ignored() -> None:
    section = {
        "type": "event_count",
        "rules": ["a"],
        "group-by": ["u", "h"],
        "timespan": "10s",
        "condition": {"gte": 2},
    }
    matches = [
        at(0, u="x", h=1),
        at(1, u="y", h=1),
        at(2, h=1),
        at(3, u="", h=1),
        at(4, u="x", h="1"),
        at(5, u="y", h=2),
    ]
    assert correlate(section, matches) == [(("x", "1"), 4_000_000)]


def test_aliases_name_each_rule_s_own_field() -> None:
    section = {
        "type": "temporal",
        "rules": ["a", "b"],
        "group-by": ["ip"],
        "aliases": {"ip": {"a": "src", "b": "dst"}},
        "timespan": "10s",
    }
    matches = [at(0, src="1", dst="2"), at(1, "b", src="1", dst="2"), at(2, "b", src="2", dst="1")]
    assert correlate(section, matches) == [(("1",), 2_000_000)]


def test_value_count_counts_distinct_values_or_tuples() -> None:
    one = {"type": "value_count", "condition": {"field": "u", "gte": 2}}
    assert moments(one, at(0, u="x"), at(1, u="x"), at(2, u=""), at(3), at(4, u="y")) == [4]
    two = {"type": "value_count", "condition": {"field": ["u", "h"], "gte": 2}}
    assert moments(two, at(0, u="x", h=1), at(1, u="x", h=1), at(2, u="y"), at(3, u="x", h=2)) == [3]


def test_temporal_wants_all_rules_in_any_order_and_temporal_ordered_in_theirs() -> None:
    both = {"type": "temporal", "rules": ["a", "b"]}
    ordered = {"type": "temporal_ordered", "rules": ["a", "b"]}
    assert moments(both, at(0, "b"), at(1, "a"), at(2, "b")) == [1]
    assert moments(ordered, at(0, "b"), at(1, "a"), at(2, "b")) == [2]
    assert moments(ordered, at(0, "a"), at(0, "b")) == [0]
    assert moments(both, at(0, "a"), at(10, "b")) == []
    assert moments({"type": "temporal_ordered", "rules": ["a", "b", "a"]}, at(0), at(1, "b"), at(2)) == [2]
    some = {"type": "temporal", "rules": ["a", "b", "c"], "condition": {"gte": 2}}
    assert moments(some, at(0, "c"), at(1, "a")) == [1]
    some["type"] = "temporal_ordered"
    assert moments(some, at(0, "c"), at(1, "a")) == []
    assert moments(some, at(0, "a"), at(1, "c")) == [1]


def test_extended_conditions() -> None:
    section = {"type": "temporal", "rules": ["a", "b", "c"], "condition": "(a or b) and not c"}
    assert moments(section, at(0, "c"), at(1, "a"), at(11, "a")) == [11]
    assert moments(section, at(0, "b"), at(1, "c")) == [0]
    ordered = {"type": "temporal_ordered", "rules": ["a", "b", "c"], "condition": "a and (b or c)"}
    assert moments(ordered, at(0, "b"), at(1, "a"), at(2, "c")) == [2]
    unlisted = {"type": "temporal", "condition": "a and b", "timespan": "10s"}
    assert correlate(unlisted, [at(0, "a"), at(1, "b")]) == [((), 1_000_000)]


@pytest.mark.parametrize(
    ("kind", "condition", "expected"),
    [
        ("value_sum", {"gt": 5}, [2]),
        ("value_avg", {"gte": 3}, [2]),
        ("value_median", {"lt": 1.5}, [0]),
        ("value_percentile", {"percentile": 50, "eq": 2}, [2]),
        ("value_percentile", {"percentile": 75, "eq": 4}, [2]),
    ],
)
def test_metrics_of_numbers(kind: str, condition: dict[str, Any], expected: list[int]) -> None:
    section = {"type": kind, "condition": {"field": "n", **condition}}
    assert moments(section, at(0, n=1), at(1, n="2"), at(1.5, n="x"), at(2, n="6")) == expected


def test_correlations_build_on_each_other() -> None:
    failures = {"type": "event_count", "rules": ["fail"], "group-by": ["u"], "timespan": "10s", "condition": {"gte": 2}}
    entry = {"type": "temporal_ordered", "rules": ["many", "ok"], "group-by": ["u"], "timespan": "1m"}
    documents = [{"name": "entered", "correlation": entry}, {"name": "many", "id": "x", "correlation": failures}]
    matches = [at(0, "fail", u="x"), at(1, "fail", u="x"), at(2, "ok", u="y"), at(3, "ok", u="x")]
    assert correlate_all(documents, matches) == {"many": [(("x",), 1_000_000)], "entered": [(("x",), 3_000_000)]}


@pytest.mark.parametrize(
    "section",
    [
        {"type": "sum"},
        {"type": "event_count"},
        {"type": "event_count", "condition": {"around": 3}},
        {"type": "event_count", "condition": "a and b"},
        {"type": "value_count", "condition": {"gte": 3}},
        {"type": "value_percentile", "condition": {"field": "f", "gte": 3}},
        {"type": "temporal", "timespan": "1 hour"},
        {"type": "temporal", "rules": []},
    ],
)
def test_a_correlation_that_cannot_be_evaluated_is_refused(section: dict[str, Any]) -> None:
    with pytest.raises(Unsupported):
        correlate({"rules": ["a"], "timespan": "10s", **section}, [at(0)])
