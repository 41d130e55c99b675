"""Correlations, one kind and one decision at a time (docs/correlation.md)."""

from typing import Any

import pytest
import yaml

from beffroi.detect.correlation import (
    BaseMatch,
    Change,
    Contribution,
    Correlation,
    Correlator,
    Firing,
    Limits,
    Retraction,
    Unevaluable,
    arrange,
    in_order,
    silenced,
)
from beffroi.detect.correlation.translate import CorrelationDocument, translate_correlation

SECOND = 1_000_000
MINUTE = 60 * SECOND
YEAR = 365 * 86400 * SECOND


def correlation(section: dict[str, Any] | str, *, name: str = "top") -> Correlation:
    """A correlation from its section; the rules' ids are their names."""
    body = yaml.safe_load(section) if isinstance(section, str) else section
    document = {"title": name, "name": name, "status": "test", "level": "high", "correlation": body}
    rule = CorrelationDocument.from_dict(document)
    return translate_correlation(rule, lambda reference: reference, correlation_id=name)


def match(rule: str, second: float, identity: Any = None, **fields: Any) -> BaseMatch:
    """A match whose identity, unless given, is what one sees of it."""
    time = int(second * SECOND)
    return BaseMatch(rule, time, identity if identity is not None else (rule, time, *map(str, fields.values())), fields)


def seconds(changes: list[Change]) -> list[float]:
    """When the firings are."""
    assert all(isinstance(change, Firing) for change in changes)
    return [change.time_us / SECOND for change in changes]


def fires_at(section: dict[str, Any] | str, *matches: BaseMatch) -> list[float]:
    correlator = Correlator([correlation(section)])
    return seconds(correlator.feed(matches)) + seconds(correlator.settle())


BRUTE = """
type: event_count
rules: [failed]
group-by: [user]
timespan: 10s
condition: {gte: 3}
"""


def failed(second: float, user: str = "anna", **more: Any) -> BaseMatch:
    return match("failed", second, user=user, **more)


# --- the kinds ----------------------------------------------------------------------------------------------------------


def test_event_count_fires_at_the_event_that_makes_it_enough() -> None:
    correlator = Correlator([correlation(BRUTE)])
    assert correlator.feed([failed(1), failed(2)]) == []
    assert correlator.feed([failed(3)]) == [
        Firing(
            "top",
            3 * SECOND,
            1 * SECOND,
            (("user", "anna"),),
            tuple(Contribution("failed", n * SECOND, ("failed", n * SECOND, "anna")) for n in (1, 2, 3)),
            3,
        )
    ]


def test_ten_thousand_failures_are_one_alarm() -> None:
    assert fires_at(BRUTE, *(failed(n / 10) for n in range(10_000))) == [0.2]


def test_the_window_slides_and_never_snaps_to_the_clock() -> None:
    assert fires_at(BRUTE, failed(58), failed(59), failed(61)) == [61]
    assert fires_at(BRUTE, failed(1), failed(2), failed(11)) == []  # (1, 11] leaves the first out
    assert fires_at(BRUTE, failed(1), failed(2), failed(10.999999)) == [10.999999]


def test_it_fires_again_when_the_condition_was_false_in_between() -> None:
    assert fires_at(BRUTE, *map(failed, (1, 2, 3, 12, 13, 14))) == [3, 14]


def test_a_burst_within_one_moment_rings_again_after_a_quiet_timespan() -> None:
    burst = [failed(second, attempt=n) for second in (0, YEAR / SECOND) for n in range(20)]
    assert len(list(in_order(Correlator([correlation(BRUTE)], lateness_us=0), burst))) == 2


def test_groups_are_counted_apart_and_an_event_without_the_field_belongs_to_none() -> None:
    nobody = [match("failed", n, n=n) for n in range(5)] + [failed(n, user="") for n in range(5)]
    assert fires_at(BRUTE, *nobody, failed(6), failed(6, "bert"), failed(7), failed(7, "bert")) == []


def test_without_group_by_all_events_are_one_group() -> None:
    section = yaml.safe_load(BRUTE) | {"group-by": []}
    assert fires_at(section, failed(1), failed(2, "bert"), failed(3, "carl")) == [3]


def test_limits_make_a_range() -> None:
    section = yaml.safe_load(BRUTE) | {"condition": {"gt": 1, "lte": 2}}
    assert fires_at(section, *map(failed, (1, 2, 3, 12, 12.5))) == [2, 12]


@pytest.mark.parametrize(
    ("operator", "limit", "expected"),
    [("gt", 2, [3]), ("gte", 2, [2]), ("lt", 2, [1]), ("lte", 2, [1]), ("eq", 2, [2]), ("neq", 2, [1, 3])],
)
def test_each_operator(operator: str, limit: int, expected: list[int]) -> None:
    section = yaml.safe_load(BRUTE) | {"condition": {operator: limit}}
    assert fires_at(section, *map(failed, (1, 2, 3))) == expected


def test_value_count_counts_different_values() -> None:
    section = """
    type: value_count
    rules: [failed]
    group-by: [ip]
    timespan: 10s
    condition: {field: user, gte: 3}
    """
    tries = [match("failed", n, ip="10.0.0.1", user=user) for n, user in enumerate(["a", "b", "a", "A", "b"])]
    assert fires_at(section, *tries) == [3]  # values are told apart by case, as fields are shown


def test_value_count_of_several_fields_counts_tuples_and_of_lists_each_element() -> None:
    section = """
    type: value_count
    rules: [seen]
    group-by: []
    timespan: 10s
    condition: {field: [user, host], gte: 3}
    """
    seen = [match("seen", n, user=pair[0], host=pair[1]) for n, pair in enumerate(["ax", "ay", "ax", "bx"])]
    assert fires_at(section, *seen) == [3]
    assert fires_at(section, match("seen", 1, user=["a", "b"], host=["x", "y"])) == [1]
    assert fires_at(section, match("seen", 1, user=["a", "b", "c"])) == []


def test_temporal_wants_all_rules_in_any_order() -> None:
    section = "{type: temporal, rules: [a, b, c], group-by: [host], timespan: 10s}"
    assert fires_at(section, *(match(rule, n, host="pc") for n, rule in enumerate("caab"))) == [3]
    assert fires_at(section, match("a", 0, host="pc"), match("b", 9, host="pc"), match("c", 10, host="pc")) == []


def test_temporal_with_a_limit_counts_different_rules() -> None:
    section = "{type: temporal, rules: [a, b, c], group-by: [host], timespan: 10s, condition: {gte: 2}}"
    assert fires_at(section, *(match(rule, n, host="pc") for n, rule in enumerate("aaac"))) == [3]


def test_temporal_ordered_wants_them_in_their_order() -> None:
    section = "{type: temporal_ordered, rules: [a, b, c], group-by: [host], timespan: 10s}"
    assert fires_at(section, *(match(rule, n, host="pc") for n, rule in enumerate("cbabac"))) == [5]
    assert fires_at(section, *(match(rule, n, host="pc") for n, rule in enumerate("cba"))) == []


def test_what_happens_in_one_moment_happens_in_any_order() -> None:
    section = "{type: temporal_ordered, rules: [a, b], group-by: [host], timespan: 10s}"
    assert fires_at(section, match("b", 1, host="pc"), match("a", 1, host="pc")) == [1]


def test_a_rule_listed_twice_in_an_order_needs_two_events() -> None:
    section = "{type: temporal_ordered, rules: [a, b, a], group-by: [], timespan: 10s}"
    assert fires_at(section, match("a", 1), match("b", 2)) == []
    assert fires_at(section, match("b", 1), match("a", 1)) == []
    assert fires_at(section, match("b", 1), match("a", 1, "one"), match("a", 1, "two")) == [1]


def test_ten_of_one_rule_and_then_another_are_counted_back_from_the_other() -> None:
    section = f"{{type: temporal_ordered, rules: [{'a, ' * 10}b], group-by: [], timespan: 10s}}"
    together = [match("a", 1, str(number)) for number in range(12)]
    assert fires_at(section, *together[:9], match("b", 2)) == []
    assert fires_at(section, *together[:6], *(match("a", 2, str(n)) for n in range(20, 24)), match("b", 3)) == [3]
    flood = [match("a", second, str(second)) for second in range(40)]
    assert fires_at(section, *flood, match("b", 39.5)) == [39.5]


def test_an_address_is_one_whether_ipv6_wraps_it_or_not() -> None:
    section = "{type: event_count, rules: [a], group-by: [ip], timespan: 10s, condition: {gte: 2}}"
    assert fires_at(section, match("a", 1, ip="192.0.2.1"), match("a", 2, ip="::FFFF:192.0.2.1")) == [2]
    assert fires_at(section, match("a", 1, ip="::1"), match("a", 2, ip="1")) == []
    section = "{type: value_count, rules: [a], group-by: [], timespan: 10s, condition: {field: ip, gte: 2}}"
    assert fires_at(section, match("a", 1, ip="192.0.2.1"), match("a", 2, ip="::ffff:192.0.2.1")) == []


@pytest.mark.parametrize(
    ("condition", "rules", "expected"),
    [
        ("a and not b", "a", [0]),
        ("a and not b", "ba", []),
        ("a and (b or c)", "ca", [1]),
        ("a AND NOT (b OR c)", "ca", []),
        ("not a or b", "b", [0]),
        ("a or b and c", "bc", [1]),
    ],
)
def test_a_condition_in_words_speaks_of_the_rules_in_the_window(
    condition: str, rules: str, expected: list[int]
) -> None:
    section = {"type": "temporal", "timespan": "10s", "condition": condition}
    assert fires_at(section, *(match(rule, n) for n, rule in enumerate(rules))) == expected


def test_a_condition_in_words_holds_in_order_for_the_rules_it_affirms() -> None:
    section = {
        "type": "temporal_ordered",
        "rules": ["a", "b", "c"],
        "timespan": "10s",
        "condition": "a and b and not c",
    }
    assert fires_at(section, match("a", 1), match("b", 2)) == [2]
    assert fires_at(section, match("b", 1), match("a", 2)) == []
    assert fires_at(section, match("a", 1), match("b", 2, "one"), match("c", 2), match("b", 3)) == []


@pytest.mark.parametrize(
    ("kind", "condition", "expected"),
    [
        ("value_sum", {"gte": 9}, [1, 6]),
        ("value_sum", {"eq": 0.3}, [5]),
        ("value_avg", {"gt": 4}, [1, 6]),
        ("value_avg", {"eq": 0.15}, [5]),
        ("value_median", {"lt": 4}, [0, 3]),
        ("value_percentile", {"percentile": 100, "gte": 8}, [1, 6]),
        ("value_percentile", {"percentile": 0, "lt": 0.15}, [4]),
        ("value_percentile", {"percentile": 10, "eq": 0.11}, [5]),
    ],
)
def test_metrics_are_exact_and_pass_over_what_is_no_number(
    kind: str, condition: dict[str, Any], expected: list[int]
) -> None:
    section = {"type": kind, "rules": ["sent"], "timespan": "2s", "condition": {"field": "bytes"} | condition}
    sizes = ["1", 8, "no number", "0x2", 0.1, 0.2, "1e1", None, ""]
    assert fires_at(section, *(match("sent", n, n, bytes=size) for n, size in enumerate(sizes))) == expected


def test_aliases_give_each_rule_its_own_field() -> None:
    section = """
    type: temporal
    rules: [error, connection]
    group-by: [inside]
    timespan: 10s
    aliases:
      inside: {error: destination, connection: source}
    """
    error = match("error", 1, destination="10.0.0.5", source="other")
    assert fires_at(section, error, match("connection", 2, source="10.0.0.5")) == [2]
    assert fires_at(section, error, match("connection", 2, source="other")) == []


# --- late, repeated, out of order ---------------------------------------------------------------------------------------


def test_the_same_event_again_counts_once_for_each_rule() -> None:
    correlator = Correlator([correlation(yaml.safe_load(BRUTE) | {"rules": ["failed", "locked"]})])
    same = ("pc", "Security", 17)
    again = [match("failed", 1, same, user="anna")] * 5 + [match("locked", 1, same, user="anna")] * 5
    assert correlator.feed(again) == []
    assert correlator.counts.repeated == 8
    assert seconds(correlator.feed([failed(2)])) == [2]


def test_a_late_event_moves_the_alarm_to_where_it_belongs() -> None:
    correlator = Correlator([correlation(BRUTE)])
    assert seconds(correlator.feed(map(failed, (1, 5, 8)))) == [8]
    fired, retracted = correlator.feed([failed(3)])
    assert isinstance(fired, Firing)
    assert fired.time_us == 5 * SECOND
    assert retracted == Retraction("top", 8 * SECOND, (("user", "anna"),))


def test_a_late_event_that_changes_nothing_but_the_list_is_told_when_things_settle() -> None:
    section = yaml.safe_load(BRUTE) | {"condition": {"field": "ip", "gte": 2}, "type": "value_count"}
    correlator = Correlator([correlation(section)])
    [first] = correlator.feed([failed(1, ip="x"), failed(5, ip="y")])
    assert correlator.feed([failed(3, ip="x")]) == []
    [again] = correlator.settle()
    assert isinstance(first, Firing)
    assert isinstance(again, Firing)
    assert again.key == first.key
    assert (first.total, again.total) == (2, 3)
    assert correlator.settle() == []


def test_further_events_of_the_moment_that_fired_are_no_further_alarms() -> None:
    correlator = Correlator([correlation(BRUTE)])
    told = [change for n in range(1000) for change in correlator.feed([failed(1, attempt=n)])]
    assert len(told) == 1
    [again] = correlator.settle()
    assert isinstance(again, Firing)
    assert again.total == 1000
    assert len(again.events) == Limits().listed


def test_what_comes_later_than_the_lateness_is_counted_and_said() -> None:
    correlator = Correlator([correlation(BRUTE)], lateness_us=MINUTE)
    assert correlator.feed([failed(1), failed(2), failed(63), failed(2.9)]) == []
    assert correlator.counts.too_late == 1
    assert seconds(correlator.feed([failed(3)])) == [3]


def test_one_wrong_clock_does_not_make_everybody_late() -> None:
    correlator = Correlator([correlation(BRUTE)])
    future = failed(100 * YEAR / SECOND, "mallory")
    assert seconds(correlator.feed([failed(1), future, failed(2), failed(3)], now_us=3 * SECOND)) == [3]
    assert correlator.counts.too_early == 1


# --- building on each other ---------------------------------------------------------------------------------------------

LOWER = correlation(BRUTE, name="many_failed")
UPPER = correlation(
    "{type: temporal_ordered, rules: [many_failed, success], group-by: [user], timespan: 1m}", name="guessed"
)


def test_a_firing_is_an_event_for_the_correlation_above_and_the_lower_one_is_silent() -> None:
    correlator = Correlator([UPPER, LOWER])
    assert correlator.feed([*map(failed, (1, 2, 3)), match("success", 20, user="bert")]) == []
    [guessed] = correlator.feed([match("success", 30, user="anna")])
    assert isinstance(guessed, Firing)
    assert (guessed.correlation, guessed.time_us, guessed.first_us) == ("guessed", 30 * SECOND, 1 * SECOND)
    assert [event.rule_id for event in guessed.events] == ["failed", "failed", "failed", "success"]
    assert guessed.total == 2


def test_with_generate_both_speak() -> None:
    upper = Correlation.from_plain(UPPER.to_plain() | {"generate": True})
    correlator = Correlator([LOWER, upper])
    told = correlator.feed([*map(failed, (1, 2, 3)), match("success", 30, user="anna")])
    assert [change.correlation for change in told] == ["many_failed", "guessed"]
    assert silenced([LOWER, upper]) == {"failed"}
    assert silenced([LOWER, UPPER]) == {"failed", "many_failed", "success"}


def test_a_late_event_corrects_the_correlation_above_too() -> None:
    # The upper one wants exactly one burst; the late event moves it behind the success.
    upper = correlation(
        "{type: temporal_ordered, rules: [quiet, success], group-by: [user], timespan: 1m}", name="upper"
    )
    lower = correlation(yaml.safe_load(BRUTE) | {"condition": {"eq": 2}}, name="quiet")
    correlator = Correlator([lower, upper])
    assert seconds(correlator.feed([failed(1), failed(2), match("success", 3, user="anna")])) == [3]
    assert correlator.feed([failed(2, attempt="x")]) == [Retraction("upper", 3 * SECOND, (("user", "anna"),))]


def test_correlations_in_a_circle_are_refused_and_the_others_run() -> None:
    one = correlation("{type: event_count, rules: [two], timespan: 1m, condition: {gte: 1}}", name="one")
    two = correlation("{type: event_count, rules: [one], timespan: 1m, condition: {gte: 1}}", name="two")
    ready, refused = arrange([one, UPPER, two, LOWER])
    assert [each.id for each in ready] == ["many_failed", "guessed"]
    assert {each.id: str(why) for each, why in refused} == dict.fromkeys(
        ["one", "two"], "correlations wait for each other: one, two"
    )
    with pytest.raises(Unevaluable, match="wait for each other"):
        Correlator([one, two])


def test_a_field_that_the_lower_correlation_does_not_group_by_is_refused() -> None:
    upper = correlation("{type: event_count, rules: [many_failed], group-by: [ip], timespan: 1m, condition: {gte: 2}}")
    rests_on_it = correlation("{type: event_count, rules: [top], timespan: 1m, condition: {gte: 2}}", name="more")
    ready, refused = arrange([rests_on_it, upper, LOWER])
    assert ready == [LOWER]
    assert [str(why) for _, why in refused] == [
        "it groups by ip, but the correlation many_failed it rests on does not group by it",
        "it rests on the correlation top, which cannot be evaluated",
    ]


# --- limits ---------------------------------------------------------------------------------------------------------------


def test_beyond_the_groups_allowed_the_quietest_are_forgotten_and_counted() -> None:
    correlator = Correlator([correlation(BRUTE)], limits=Limits(groups=100))
    correlator.feed(failed(n / 100, f"user {n}") for n in range(1000))
    groups, events = correlator.size
    assert groups == events <= 100
    assert correlator.counts.groups_forgotten == correlator.counts.events_forgotten == 1000 - groups
    # The latest are still there.
    assert seconds(correlator.feed([failed(9.995, "user 999", n=1), failed(9.996, "user 999", n=2)])) == [9.996]


def test_a_flood_of_one_correlation_does_not_empty_another() -> None:
    other = correlation(yaml.safe_load(BRUTE) | {"rules": ["locked"]}, name="other")
    correlator = Correlator([correlation(BRUTE), other], limits=Limits(groups=100, events=300))
    correlator.feed([match("locked", 1, user="anna"), match("locked", 2, user="anna")])
    correlator.feed(failed(2 + n / 1000, f"user {n}") for n in range(5000))
    assert seconds(correlator.feed([match("locked", 8, user="anna")])) == [8]


def test_events_no_window_can_hold_are_let_go_without_being_counted_as_lost() -> None:
    correlator = Correlator([correlation(BRUTE)], lateness_us=0)
    correlator.feed(failed(n, f"user {n % 50}") for n in range(10_000))
    correlator.settle()
    assert correlator.size[1] < 200
    assert correlator.counts.events_forgotten == 0


def test_of_a_list_so_many_values_are_taken_and_the_rest_is_counted() -> None:
    section = "{type: value_count, rules: [seen], timespan: 10s, condition: {field: name, gte: 5}}"
    correlator = Correlator([correlation(section)], limits=Limits(values=4))
    assert correlator.feed([match("seen", 1, name=["a", "b", "c", "d", "e", "f"])]) == []
    assert correlator.counts.values_cut == 2


def test_long_texts_are_kept_short_and_told_apart_all_the_same() -> None:
    correlator = Correlator([correlation(BRUTE)])
    long = "x" * 10_000_000
    [firing] = correlator.feed([failed(1, long), failed(2, long + "y"), failed(2.5, long), failed(3, long)])
    assert isinstance(firing, Firing)
    assert len(str(firing.group[0][1])) < 200
