"""Witnesses: a rule is tried less often, never too seldom."""

from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from beffroi.core.model import Fields
from beffroi.detect.atoms import value_test
from beffroi.detect.functions import function
from beffroi.detect.ir import Expr, Rule, Witness, leaves
from beffroi.detect.keywords import keyword_test
from beffroi.detect.values import text_of
from beffroi.detect.verify import reference
from beffroi.detect.witness import CONTAINS, ENDS, EQUALS, TEST, Gate, gate, ordered
from tests.detect.sigma import BRUSSELS, matches, rule

NAMES = ("CommandLine", "Image", "User", "EventType")
# Pieces that meet each other often, among them letters whose case is more than a pair, and separators the scanner uses.
PIECES = (
    "whoami",
    "WHOAMI",
    "\\cmd.exe",
    "C:\\Windows\\",
    "k",
    "\u212a",
    "s",
    "\u017f",
    "ß",
    "İ",
    "ı",
    "Σ",
    "ς",
    "\0",
    "*",
    "?",
    "-e",
    "",
)

texts = st.lists(st.sampled_from(PIECES), max_size=4).map("".join)
values = st.one_of(
    texts, st.none(), st.booleans(), st.integers(-1, 40), st.lists(st.one_of(texts, st.none()), max_size=3), st.just({"a": "whoami"})
)  # fmt: skip
events = st.dictionaries(st.sampled_from(NAMES), values, max_size=4)
modifiers = st.sampled_from([
    "", "", "|contains", "|startswith", "|endswith", "|cased", "|contains|cased", "|contains|all", "|startswith|cased",
    "|endswith|cased", "|neq",
])  # fmt: skip
plain = st.builds(lambda name, how: f"{name}{how}", st.sampled_from(NAMES), modifiers)
items = st.one_of(
    st.tuples(plain, st.lists(texts.filter(bool), min_size=1, max_size=3)),
    st.tuples(st.sampled_from([f"{name}|re{flag}" for name in NAMES for flag in ("", "|i")]),
              st.sampled_from(["who.mi", "(?i:who)?ami", "(?:whoami|cmd)", "^.hoami", "ta[sk]{2}", "k+\\.exe", "sk", "."]).map(lambda text: [text])),
    st.tuples(st.sampled_from([f"{name}|exists" for name in NAMES]), st.booleans()),
    st.tuples(st.sampled_from(["Image|fieldref", "User|fieldref"]), st.sampled_from(NAMES)),
    st.tuples(st.sampled_from([f"{name}|gt" for name in NAMES]), st.integers(0, 20)),
    st.tuples(st.sampled_from(NAMES), st.none()),
)  # fmt: skip
searches = st.one_of(
    st.lists(items, min_size=1, max_size=3).map(dict), st.lists(texts.filter(lambda text: len(text.strip("*?")) > 1), min_size=1, max_size=2)
)  # fmt: skip
conditions = st.sampled_from(
    ["a", "not a", "a and b", "a or b", "a and not b", "not (a and b)", "1 of them", "not 1 of them"]
)


def directly(expr: Expr, event: Fields) -> bool:
    """A condition worked out from the values alone: without witnesses, memories or groups."""
    if isinstance(expr, bool):
        return expr
    if expr[0] == "not":
        return not directly(expr[1], event)
    if expr[0] in ("and", "or"):
        each = [directly(part, event) for part in expr[1]]
        return all(each) if expr[0] == "and" else any(each)
    if expr[1] is None:
        return keyword_test(expr)(event)
    if expr[0] == "ref":
        return reference(expr)(event, event)
    value = event.get(expr[1])
    return value_test(expr, BRUSSELS)("" if value is None and expr[1] in event else text_of(value))


def made(a: Any, b: Any, condition: str) -> Rule | None:
    from sigma.exceptions import SigmaError

    from beffroi.detect.translate import UntranslatableError

    try:
        return rule({"a": a, "b": b, "condition": condition})
    except (SigmaError, UntranslatableError):
        return None


@pytest.mark.slow
@given(st.lists(st.tuples(searches, searches, conditions), min_size=1, max_size=4), st.lists(events, max_size=12))
@settings(suppress_health_check=list(HealthCheck))
def test_the_matcher_says_what_each_value_says_for_drawn_rules(
    drawn: list[tuple[Any, Any, str]], batch: list[Fields]
) -> None:
    rules = [each for one in drawn if (each := made(*one)) is not None]
    rules = [each._replace(id=str(number)) for number, each in enumerate(rules)]
    found = {(match.rule.id, match.place) for match in matches(rules, batch)}
    assert found == {
        (each.id, place) for each in rules for place, event in enumerate(batch) if directly(each.condition, event)
    }


@pytest.mark.slow
@given(searches, searches, conditions, events)
@settings(suppress_health_check=list(HealthCheck))
def test_putting_a_condition_in_another_order_changes_nothing(a: Any, b: Any, condition: str, event: Fields) -> None:
    built = made(a, b, condition)
    if built is not None:
        expr = built.condition
        assert directly(ordered(expr), event) is directly(gate(expr).condition, event) is directly(expr, event)


@pytest.mark.slow
@given(searches, searches, conditions, st.lists(events, max_size=4))
@settings(suppress_health_check=list(HealthCheck))
def test_a_condition_made_a_function_says_the_same(a: Any, b: Any, condition: str, several: list[Fields]) -> None:
    built = made(a, b, condition)
    if built is not None:
        expr = built.condition
        asked: list[Fields] = []

        def otherwise(event: Fields, _own: Fields) -> bool:
            asked.append(event)
            return directly(expr, event)

        try:
            verify = function(expr, lambda leaf: value_test(leaf, BRUSSELS), otherwise)
        except NotImplementedError:
            assert any(leaf[1] is None or leaf[0] == "ref" for leaf in leaves(expr))
            return
        for event in several:
            assert verify(event, event) is directly(expr, event)
        assert all(any(isinstance(value, list) for value in event.values()) for event in asked)


def test_what_a_rule_says_is_never_more_than_a_constant() -> None:
    """Names and literals made to look like code, in every place where a rule can say something."""
    hostile = "\"') or __import__('os').abort() #"
    leaf = ["text", hostile, 0, [hostile], [hostile, "x"], [hostile], [hostile, "\n"], []]
    verify = function(["and", [leaf, ["not", ["exists", hostile, False]]]], lambda _: bool, lambda *_: False)
    assert verify({hostile: hostile}, {}) is True
    assert verify({hostile: "y"}, {}) is False


def test_a_condition_tried_often_on_ever_new_values_becomes_a_function_and_says_the_same() -> None:
    built = rule("{s: {Image|endswith: '\\a.exe', User|contains: x}, t: {User|contains: q}, condition: s and not t}")
    batch: list[Fields] = [{"Image": "c:\\A.exe", "User": f"{n}{'x' * (n % 2)}{'q' * (n % 3)}"} for n in range(5_000)]
    batch.append({"Image": ["c:\\a.exe"], "User": ["x", 1]})
    found = [match.place for match in matches([built], batch)]
    assert found == [place for place, event in enumerate(batch) if directly(built.condition, event)]


@pytest.mark.parametrize(
    "value", ["task", "TASK", "ta\u017fk", "tas\u212a", "TA\u017f\u212a", "x task", "Σ ta\u017fk ς"]
)
def test_letters_that_only_a_pattern_takes_for_others_are_not_overlooked(value: str) -> None:
    """RE2's caseless k and s also match the Kelvin sign and the long s, which lowering a text changes or leaves."""
    for name, keyword in (("Image|re|i", False), ("Image|re", False), ("|re|i", True)):
        detection: dict[str, Any] = {name: "task"}
        built = rule({"a": [detection] if keyword else detection, "condition": "a"})
        beside: list[Fields] = [{"Image": "nothing"}, {"Image": value}, {"Image": "long \u017f"}]
        found = [match.place for match in matches([built], beside)]
        assert found == [place for place, event in enumerate(beside) if directly(built.condition, event)]
        assert (1 in found) or not name.endswith("|i")


def test_a_keyword_with_a_letter_that_lowers_to_two_is_not_overlooked() -> None:
    built = rule({"a": ["cmd.exe\u0130x"], "condition": "a"})
    for value in ("cmd.exe\u0130x", "CMD.EXEi\u0307x"):
        assert [match.place for match in matches([built], [{"Image": value}])] == [0]


def text(field: str, **places: list[str]) -> Expr:
    return ["text", field, 0, *(places.get(name, []) for name in ("equals", "starts", "ends", "contains")), []]


def test_of_an_and_the_rarest_part_is_the_witness_and_of_an_or_all_parts() -> None:
    common, rare = text("Image", ends=[".exe"]), text("CommandLine", contains=["sekurlsa::logonpasswords"])
    assert gate(["and", [common, rare]]) == Gate(
        ["and", [common, rare]], (Witness("CommandLine", CONTAINS, "sekurlsa::logonpasswords"),), "CommandLine"
    )
    assert gate(["or", [common, rare]]).witnesses == (
        Witness("Image", ENDS, ".exe"), Witness("CommandLine", CONTAINS, "sekurlsa::logonpasswords"),
    )  # fmt: skip


@pytest.mark.parametrize(
    ("expr", "expected"),
    [
        (["not", text("Image", ends=["x.exe"])], (Witness("Image", TEST, None),)),
        (["and", [["not", text("User", equals=["x"])], text("Image", ends=["x.exe"])]], (Witness("Image", ENDS, "x.exe"),)),
        (["or", [["not", text("User", equals=["x"])], text("Image", ends=["x.exe"])]], None),
        (["not", ["or", [text("A", equals=["x"]), ["not", text("B", equals=["y"])]]]], (Witness("B", EQUALS, "y"),)),
        (["exists", "A", True], None),
        (["ref", "A", "equals", "B", 0], None),
        (text("EventID", equals=["1"]), None),
        (text("Channel", equals=["security"]), None),
        (False, ()),
        (True, None),
    ],
)  # fmt: skip
def test_what_can_be_no_witness_is_none(expr: Expr, expected: tuple[Witness, ...] | None) -> None:
    assert gate(expr).witnesses == expected
