"""Rules as plain data: folded, settled, and back from a cache as they were."""

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from beffroi.detect.atoms import holds, settled
from beffroi.detect.ir import Expr, Rule, all_of, any_of, event_numbers, fields_of, leaves, negated
from tests.detect.sigma import rule

A: Expr = ["text", "A", 0, ["a"], [], [], [], []]
B: Expr = ["text", "B", 0, ["b"], [], [], [], []]

leaf = st.builds(
    lambda name, value: ["text", name, 0, [value], [], [], [], []],
    st.sampled_from(["EventID", "Channel", "A"]),
    st.sampled_from(["1", "2", "security"]),
)
expressions = st.recursive(
    st.one_of(st.booleans(), leaf),
    lambda inner: st.one_of(
        st.builds(lambda part: ["not", part], inner),
        st.builds(
            lambda kind, parts: [kind, parts], st.sampled_from(["and", "or"]), st.lists(inner, min_size=1, max_size=3)
        ),
    ),
    max_leaves=8,
)


def evaluated(expr: Expr, event: dict[str, str]) -> bool:
    if isinstance(expr, bool):
        return expr
    if expr[0] == "not":
        return not evaluated(expr[1], event)
    if expr[0] in ("and", "or"):
        each = [evaluated(part, event) for part in expr[1]]
        return all(each) if expr[0] == "and" else any(each)
    return holds(expr, event.get(expr[1]))


event_drawn = st.fixed_dictionaries(
    {"EventID": st.sampled_from(["1", "2", "3"]), "Channel": st.sampled_from(["Security", "System"])},
    optional={"A": st.sampled_from(["1", "x"])},
)


def test_constants_are_folded_and_nesting_is_opened() -> None:
    assert all_of([True, A, True]) == A
    assert all_of([A, False]) is False
    assert all_of([]) is True
    assert all_of([["and", [A, B]], A]) == ["and", [A, B, A]]
    assert any_of([False, A]) == A
    assert any_of([A, True]) is True
    assert any_of([]) is False
    assert negated(["not", A]) == A
    assert negated(True) is False


def test_texts_of_one_field_are_joined_and_the_parts_stay_as_they_were() -> None:
    first: Expr = ["text", "A", 0, ["a"], ["b"], [], [], []]
    second: Expr = ["text", "A", 0, ["a", "c"], [], [], ["d"], []]
    before = orjson.dumps([first, second])
    assert any_of([first, B, ["or", [second]]]) == ["or", [["text", "A", 0, ["a", "c"], ["b"], [], ["d"], []], B]]
    assert any_of([first, ["text", "A", 1, ["a"], [], [], [], []]]) != first
    assert orjson.dumps([first, second]) == before


@given(expressions, event_drawn)
def test_settling_what_is_known_changes_no_outcome(expr: Expr, event: dict[str, str]) -> None:
    known = {name: event[name] for name in ("EventID", "Channel")}
    left = settled(expr, known)
    assert evaluated(left, event) is evaluated(expr, event)
    assert not set(fields_of(left)) & set(known)


@given(expressions, event_drawn)
def test_a_rule_holds_only_for_the_event_numbers_it_says(expr: Expr, event: dict[str, str]) -> None:
    for positive in (True, False):
        numbers = event_numbers(expr, positive=positive)
        if numbers is not None and int(event["EventID"]) not in numbers:
            assert evaluated(expr, event) is not positive


def test_a_reference_to_what_is_known_is_left_for_the_event() -> None:
    reference: Expr = ["ref", "EventID", "equals", "A", 0]
    assert settled(reference, {"EventID": "1"}) == reference
    assert settled(["and", [reference, ["text", "EventID", 0, ["1"], [], [], [], []]]], {"EventID": "1"}) == reference


def test_event_numbers_with_wildcards_or_of_another_alphabet_bind_nothing() -> None:
    assert event_numbers(["text", "EventID", 0, ["4624", "4625"], [], [], [], []]) == frozenset({4624, 4625})
    assert event_numbers(["text", "EventID", 0, ["1"], ["46"], [], [], []]) is None
    assert event_numbers(["text", "EventID", 0, ["٤"], [], [], [], []]) is None
    assert event_numbers(["num", "EventID", "gt", 5]) is None


def test_leaves_and_fields_come_in_the_order_of_the_text() -> None:
    expr: Expr = [
        "and",
        [["not", B], ["or", [A, ["ref", "C", "equals", "D", 0], ["text", None, 0, [], [], [], ["k"], []]]], True],
    ]
    assert [each[0] for each in leaves(expr)] == ["text", "text", "ref", "text"]
    assert fields_of(expr) == ("B", "A", "C", "D")


RULES = [
    rule({"A": "x"}),
    rule({"EventID": 1, "A|re": "who(ami)?", "B|exists": True, "C|cidr": "10.0.0.0/8"}, {"product": "windows"}),
    rule({"A|expand": "%none%"}, tags=["attack.t1033"], name="other"),
    rule({"a": ["keyword", "\u212a"], "condition": "not a"})._replace(silent=True),
]


@pytest.mark.parametrize("made", RULES)
def test_a_rule_comes_back_from_plain_data_as_it_was(made: Rule) -> None:
    plain = orjson.loads(orjson.dumps(made.to_plain()))
    assert Rule.from_plain(plain, made.condition_json) == made


@pytest.mark.parametrize("plain", [[], [1] * 5, [None] * 12])
def test_what_is_no_rule_is_refused_with_one_of_two_errors(plain: list[object]) -> None:
    with pytest.raises((TypeError, ValueError)):
        Rule.from_plain(plain, b"true")


def test_the_condition_is_anothers_to_change() -> None:
    made = rule({"A": "x"})
    first = made.condition
    assert isinstance(first, list)
    first.clear()
    assert made.condition != first


def test_a_number_that_no_event_can_bear_limits_a_rule_to_no_event_number() -> None:
    assert event_numbers(["text", "EventID", 0, ["4625"], [], [], [], []]) == frozenset({4625})
    assert event_numbers(["text", "EventID", 0, ["4625", "9" * 25], [], [], [], []]) is None
