"""Every modifier of Sigma v2.1, and what a value means (docs/sigma.md)."""

from typing import Any

import pytest

from beffroi.detect.translate import UntranslatableError
from tests.detect.sigma import fires, rule


@pytest.mark.parametrize(
    ("detection", "value", "expected"),
    [
        ("field: abc", "ABC", True),
        ("field: abc", "abcd", False),
        ("field: a*c", "aXXc", True),
        ("field: a*c*e", "abcde", True),
        ("field: a*bc*bc", "abcbc", True),
        ("field: a*bc*bc", "abc", False),
        ("field: a?c", "abc", True),
        ("field: a?c", "ac", False),
        ("field: 'a\\*c'", "a*c", True),
        ("field: 'a\\*c'", "abc", False),
        ("field: 'a\\?c'", "abc", False),
        ("field: 'a\\\\*'", "a\\tail", True),
        ("field: 'C:\\Windows\\*'", "c:\\windows\\x", False),
        ("field|contains: BCD", "abcde", True),
        ("field|startswith: AB", "abc", True),
        ("field|startswith: AB", "xabc", False),
        ("field|endswith: BC", "abc", True),
        ("field|endswith: BC", "abcx", False),
        ("field|contains|all: [ab, cd]", "abcd", True),
        ("field|contains|all: [ab, xx]", "abcd", False),
        ("field|cased: Abc", "Abc", True),
        ("field|cased: Abc", "abc", False),
        ("field|contains|cased: Bc", "aBcd", True),
        ("field|contains|cased: Bc", "abcd", False),
        ("field|re: '^a[0-9]+c$'", "a123c", True),
        ("field|re: '^a[0-9]+c$'", "A123C", False),
        ("field|re|i: '^a[0-9]+c$'", "A123C", True),
        ("field|re: 'a.c'", "a\nc", False),
        ("field|re|s: 'a.c'", "a\nc", True),
        ("field|re|m: '^c$'", "a\nc\nd", True),
        ("field|re: '^c$'", "a\nc\nd", False),
        ("field|neq: abc", "abd", True),
        ("field|neq: abc", "ABC", False),
        ("field|neq: [abc, abd]", "abd", False),
        ("field|contains|neq: bc", "abcd", False),
        ("field: 5", 5, True),
        ("field: 5", "5", True),
        ("field: '5'", 5, True),
        ("field: 5", "55", False),
        ("field: true", True, True),
        ("field: 'true'", True, True),
        ("field: true", 1, False),
        ("field: 1", True, False),
        ("field|lt: 5", 4, True),
        ("field|lt: 5", 5, False),
        ("field|lte: 5", "5", True),
        ("field|gt: 5", "5.5", True),
        ("field|gte: 5", "0x5", True),
        ("field|gt: 5", "many", False),
        ("field|gt: 5", "1_000", False),
        ("field|gt: 5", "nan", False),
        ("field|cidr: 10.0.0.0/8", "10.1.2.3", True),
        ("field|cidr: 10.0.0.0/8", "11.1.2.3", False),
        ("field|cidr: 10.0.0.0/8", "10.1.2.3.4", False),
        ("field|cidr: 'fe80::/10'", "fe80::1", True),
        ("field|cidr: 10.0.0.0/8", "::ffff:10.0.0.1", False),
        ("field|base64: hello", "aGVsbG8=", True),
        ("field|base64offset|contains: hello", "xxaGVsbG8xx", True),
        ("field|base64offset|contains: hello", "IGhlbGxv", True),
        ("field|utf16le|base64offset|contains: hello", "aABlAGwAbABvA", True),
        ("field|wide|base64offset|contains: hello", "aABlAGwAbABvA", True),
        ("field|utf16be|base64offset|contains: hello", "AGgAZQBsAGwAb", True),
        ("field|utf16|base64: hello", "//5oAGUAbABsAG8A", True),
        ("field|utf16le|base64: 'hé'", "aADpAA==", True),
        ("field|windash|contains: ' -x '", "a -x b", True),
        ("field|windash|contains: ' -x '", "a /x b", True),
        ("field|windash|contains: ' -x '", "a \u2013x b", True),
        ("field|windash|contains: ' -x '", "a \u2014x b", True),
        ("field|windash|contains: ' -x '", "a \u2015x b", True),
        ("field|windash|contains: ' -x '", "a +x b", False),
        ("field|minute: 58", "2026-01-31T23:58:00Z", True),
        ("field|hour: 0", "2026-01-31T23:58:00Z", True),
        ("field|hour: 23", "2026-01-31T23:58:00Z", False),
        ("field|day: 1", "2026-01-31T23:58:00Z", True),
        ("field|month: 2", "2026-01-31T23:58:00Z", True),
        ("field|week: 5", "2026-01-31T23:58:00Z", True),
        ("field|year: 2026", "2026-01-31T23:58:00Z", True),
        ("field|hour|lt: 6", "2026-01-31T23:58:00Z", True),
        ("field|hour|gte: 6", "2026-01-31T23:58:00Z", False),
        ("field|hour: 0", 1769903880, True),
        ("field|hour: 0", "no time", False),
    ],
)
def test_a_modifier_says_what_the_specification_says(detection: str, value: Any, expected: bool) -> None:
    assert fires(detection, {"field": value}) is expected


@pytest.mark.parametrize("nothing", [{}, {"field": None}, {"field": ""}, {"field": []}, {"field": [None, ""]}])
@pytest.mark.parametrize(
    ("detection", "expected"),
    [
        ("field: null", True),
        ("field: ''", True),
        ("field: []", True),
        ("field: '*'", False),
        ("field: '?*'", False),
        ("field|contains: ''", False),
        ("field|re: '.*'", False),
        ("field|lt: 5", False),
        ("field|cidr: 0.0.0.0/0", False),
        ("field|neq: abc", True),
        ("field|neq: null", False),
        ("{selection: {field: abc}, condition: not selection}", True),
        ("{selection: {field|contains: a}, condition: not selection}", True),
        ("{selection: {field: null}, condition: not selection}", False),
    ],
)
def test_absent_null_and_empty_are_one(nothing: dict[str, Any], detection: str, expected: bool) -> None:
    assert fires(detection, nothing) is expected


def test_exists_asks_for_the_name_and_not_for_a_value() -> None:
    for present in ({"field": "x"}, {"field": ""}, {"field": None}):
        assert fires("field|exists: true", present)
        assert not fires("field|exists: false", present)
    assert not fires("field|exists: true", {"other": "x"})
    assert fires("field|exists: false", {"other": "x"})


@pytest.mark.parametrize(
    ("modifiers", "other", "expected"),
    [
        ("fieldref", "ABC", True),
        ("fieldref", "ab", False),
        ("fieldref|startswith", "ab", True),
        ("fieldref|startswith", "bc", False),
        ("fieldref|endswith", "bc", True),
        ("fieldref|contains", "b", True),
        ("fieldref|neq", "abc", False),
        ("fieldref|neq", "x", True),
        ("fieldref", None, False),
        ("fieldref", "a*", False),
    ],
)
def test_fieldref_compares_with_another_fields_value(modifiers: str, other: Any, expected: bool) -> None:
    assert fires(f"field|{modifiers}: other", {"field": "abc", "other": other}) is expected


def test_fieldref_is_false_where_neither_field_has_a_value() -> None:
    assert not fires("field|fieldref: other", {})


def test_a_list_holds_where_one_of_its_elements_does() -> None:
    assert fires("field: b", {"field": ["a", "B"]})
    assert fires("field|contains|all: [a, b]", {"field": ["xa", "xb"]})
    assert not fires("{selection: {field: b}, condition: not selection}", {"field": ["a", "b"]})
    assert fires("{selection: {field: c}, condition: not selection}", {"field": ["a", "b"]})


def test_expand_takes_the_values_of_a_placeholder() -> None:
    values = {"placeholders": {"Servers": ["srv-a", "srv-b*"]}}
    assert fires("field|expand: '%Servers%'", {"field": "SRV-A"}, **values)
    assert fires("field|contains|expand: 'x%Servers%'", {"field": "--xsrv-a--"}, **values)
    assert not fires("field|expand: '%Servers%'", {"field": "srv-c"}, **values)


def test_a_placeholder_without_values_makes_the_rule_blind_and_not_an_alarm() -> None:
    detection = "{selection: {field|expand: '%Nobody%'}, condition: not selection}"
    made = rule(detection)
    assert made.blind == "the list %Nobody% has no values"
    assert not fires(detection, {"field": "x"})


@pytest.mark.parametrize(
    "pattern",
    ["(?=a)b", "(?<!a)b", r"(a)\1", "a{2000}{2000}", "("],
)
def test_a_regular_expression_that_re2_does_not_take_is_refused(pattern: str) -> None:
    with pytest.raises(Exception, match=r"[Rr]egular expression"):
        rule({"field|re": pattern})


@pytest.mark.parametrize(
    "detection", ["{selection: ['|re: ('], condition: nothing}", "field|nosuch: 1", "field|base64: a*b"]
)
def test_what_cannot_be_evaluated_is_refused(detection: str) -> None:
    from sigma.exceptions import SigmaError

    with pytest.raises((UntranslatableError, SigmaError)):
        rule(detection)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("KELVIN", True),
        ("\u212aelvin", True),  # the Kelvin sign lowers to k
        ("kelv\u0130n", False),  # I with dot lowers to two characters
    ],
)
def test_letters_that_change_when_lowered_are_compared_lowered(value: str, expected: bool) -> None:
    assert fires("field|contains: kelvin", {"field": value}) is expected


@pytest.mark.parametrize(
    ("detection", "value", "expected"),
    [
        ("field|re|i: strasse", "\u017ftra\u017f\u017fe", True),  # RE2 folds the long s
        ("field|re|i: kelvin", "\u212aELVIN", True),
        ("field|contains|cased: 'ΟΔΟΣ'", "x ΟΔΟΣ y", True),
        ("field|contains|cased: 'ΟΔΟΣ'", "ΟΔΟΣΑ", True),  # the last letter lowers otherwise inside a word
        ("field|contains|cased: 'ΟΔΟΣ'", "οδος", False),
    ],
)
def test_a_witness_never_loses_a_match_to_case_folding(detection: str, value: str, expected: bool) -> None:
    assert fires(detection, {"field": value}) is expected
