"""Conditions, selections and keywords."""

import pytest

from beffroi.core.model import Fields, LogSource
from tests.detect.sigma import LINUX, fires, matches, rule

A, B, C = {"a": "1"}, {"b": "1"}, {"c": "1"}
SEARCHES = "sel_a: {a: 1}\nsel_b: {b: 1}\nother_c: {c: 1}\n_hidden: {h: 1}\n"


@pytest.mark.parametrize(
    ("condition", "fields", "expected"),
    [
        ("sel_a and sel_b", A | B, True),
        ("sel_a and sel_b", A, False),
        ("sel_a or sel_b", B, True),
        ("not sel_a", B, True),
        ("not sel_a", A, False),
        ("sel_a and not sel_b", A, True),
        ("sel_a and not (sel_b or other_c)", A | C, False),
        ("sel_a or sel_b and other_c", A, True),
        ("(sel_a or sel_b) and other_c", A, False),
        ("not sel_a and not sel_b", C, True),
        ("1 of sel_*", B, True),
        ("1 of sel_*", C, False),
        ("all of sel_*", A | B, True),
        ("all of sel_*", A, False),
        ("any of sel_*", A, True),
        ("1 of them", C, True),
        ("1 of them", {"h": "1"}, False),
        ("all of them", A | B | C, True),
        ("all of them", A | B, False),
        ("not 1 of sel_* and other_c", C, True),
        ("other_c and not 1 of sel_*", A | C, False),
        ("not all of sel_*", A, True),
        ("1 of sel_* and (not sel_b or other_c)", B, False),
    ],
)
def test_a_condition_is_read_as_the_specification_says(condition: str, fields: Fields, expected: bool) -> None:
    assert fires(SEARCHES + f"condition: {condition}\n", fields) is expected


def test_any_of_several_conditions_is_enough() -> None:
    several = SEARCHES + "condition: [sel_a, sel_b]\n"
    assert fires(several, A)
    assert fires(several, B)
    assert not fires(several, C)


def test_a_list_of_maps_is_an_or_and_a_map_is_an_and() -> None:
    detection = "{selection: [{a: 1, b: 1}, {c: 1}], condition: selection}"
    assert fires(detection, A | B)
    assert fires(detection, C)
    assert not fires(detection, A)


@pytest.mark.parametrize(
    ("detection", "fields", "expected"),
    [
        ("{keywords: [alpha, beta], condition: keywords}", {"x": "some BETA text"}, True),
        ("{keywords: [alpha, beta], condition: keywords}", {"beta": "nothing"}, False),
        ("{keywords: {'|all': [alpha, beta]}, condition: keywords}", {"x": "alpha", "y": "beta"}, True),
        ("{keywords: {'|all': [alpha, beta]}, condition: keywords}", {"x": "alpha"}, False),
        ("{keywords: ['al*ta'], condition: keywords}", {"x": "--alpha beta--"}, True),
        ("{keywords: ['al*ta'], condition: keywords}", {"x": "alpha", "y": "beta"}, False),
        ("{keywords: [4711], condition: keywords}", {"x": 4711}, True),
        ("{keywords: [alpha], condition: not keywords}", {"x": "beta"}, True),
        ("{keywords: ['back\\slash'], condition: keywords}", {"x": "a BACK\\slash"}, True),
        ("{keywords: ['\"'], condition: keywords}", {"x": 'a "quote"'}, True),
        ("{keywords: {'|re': 'al[p]ha'}, condition: keywords}", {"x": "an alpha"}, True),
        ("{keywords: [alpha], condition: keywords}", {"x": ["beta", "alpha"]}, True),
        ("{keywords: [alpha], sel: {y: 1}, condition: keywords and sel}", {"x": "alpha", "y": 1}, True),
        ("{keywords: [alpha], sel: {y: 1}, condition: keywords or sel}", {"y": 1}, True),
    ],
)
def test_keywords_stand_in_any_value(detection: str, fields: Fields, expected: bool) -> None:
    assert fires(detection, fields) is expected


@pytest.mark.parametrize(
    "raw",
    [
        b'{"x": "a mimikatz b"}',
        b'{"x": "a MimiKatz b"}',
        b'{"x": "a \\u006dimikatz b"}',
        b'{"x": "a mimi\\u006Batz b"}',
        b'{"x": "a mimi\\u212aatz b"}',
        '{"x": "a mimi\u212aatz b"}'.encode(),
        None,
    ],
)
def test_json_cannot_hide_a_keyword_by_its_way_of_writing(raw: bytes | None) -> None:
    import orjson

    from beffroi.detect.matcher import Matcher
    from tests.detect.sigma import BRUSSELS

    keywords = rule("{keywords: [mimikatz], condition: keywords}")
    fields = orjson.loads(raw) if raw else {"x": "a mimikatz b"}
    quiet = {"x": "nothing"}
    batch = [(1, quiet, orjson.dumps(quiet)), (2, fields, raw), (3, quiet, None)]
    assert [match.place for match in Matcher([keywords], BRUSSELS).match(batch, LINUX)] == [1]


def test_a_stated_log_source_serves_only_the_rules_it_satisfies() -> None:
    auth = rule("a: 1")
    whole = rule("a: 1", logsource={"product": "linux"})
    other = rule("a: 1", logsource={"product": "linux", "service": "cron"})
    category = rule("a: 1", logsource={"category": "webserver"})
    found = matches([auth, whole, other, category], [{"a": 1}], LogSource("linux", None, "auth"))
    assert [match.rule.logsource for match in found] == [auth.logsource, whole.logsource]


def test_matches_come_in_the_order_of_events_and_then_of_rules() -> None:
    first, second = rule("a: 1"), rule("b: 1")
    found = matches([first, second], [{"b": 1}, {"a": 1, "b": 1}, {}, {"a": 1}])
    assert [(match.place, match.rule is first) for match in found] == [(0, False), (1, True), (1, False), (3, True)]
