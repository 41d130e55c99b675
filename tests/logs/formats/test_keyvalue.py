import pytest

from beffroi.logs.formats.keyvalue import MOST, pairs, single


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('a=1 b="two words" c=', {"a": "1", "b": "two words", "c": ""}),
        (r'a="say \"x\" b=2" c=3', {"a": 'say "x" b=2', "c": "3"}),
        ('a="a "quoted" word" b=1', {"a": 'a "quoted', "b": "1"}),
        ('a="x"y" b=1', {"a": 'x"y', "b": "1"}),
        ('a="no end b=1', {"a": "no end b=1"}),
        ('a="ends so\\', {"a": "ends so\\"}),
        ("a=1 a=2 a=3", {"a": ["1", "2", "3"]}),
        ("no pairs here", {}),
        ("", {}),
    ],
)
def test_pairs_of_a_line(text: str, expected: dict[str, object]) -> None:
    assert pairs(text) == expected


def test_a_line_has_a_bounded_number_of_pairs() -> None:
    assert len(pairs(" ".join(f"n{i}=1" for i in range(2 * MOST)))) == MOST


def test_a_single_value_is_one_that_nobody_disputes() -> None:
    assert single({"a": "", "b": "2"}, "a", "b") == "2"
    assert single({"a": ["1", "1"]}, "a") == "1"
    assert single({"a": ["1", "2"]}, "a") is None
