"""What a regular expression cannot match without: a literal may be missed, never a match."""

from typing import Any

import pytest
import re2
from hypothesis import example, given
from hypothesis import strategies as st

from beffroi.detect.regexes import required_literals

CHARS = "abkKsSeİıſK\u00e9-_\\ ./:{}`^%"
PLAIN = st.sampled_from(list("abcksxyzKS013 -_/:%~`\u00e9\u017f\u212a")).map(re2.escape)
CLASSES = st.sampled_from(
    [".", r"\d", r"\w", r"\s", r"\b", "[abc]", "[^a]", "[a-z]", "[]x]", "[^]x]", "[[:alpha:]]", r"[\]k]", "^", "$"]
)
QUANTIFIERS = st.sampled_from(["", "", "", "*", "+", "?", "{2}", "{0,2}", "{1,}", "*?", "+?", "??", "{2,3}?"])
FLAGS = st.sampled_from(["", "(?i)", "(?s)", "(?im)", "(?U)"])


def _grown(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    group = st.builds("({}{})".format, st.sampled_from(["", "?:", "?i:", "?P<n>"]), inner)
    return st.one_of(
        st.builds("{}{}".format, group, QUANTIFIERS),
        st.builds("{}|{}".format, inner, inner),
        st.builds("{}{}".format, inner, inner),
    )


ATOM = st.builds(lambda atom, times: atom + times, st.one_of(PLAIN, PLAIN, CLASSES), QUANTIFIERS)
PATTERNS = st.builds(
    "{}{}".format, FLAGS, st.recursive(st.lists(ATOM, min_size=1, max_size=8).map("".join), _grown, max_leaves=6)
)
TEXTS = st.text(alphabet=st.sampled_from(list("abcksxyzKSAB013 -_/:%~`.]\u00e9\u017f\u212a\n")), max_size=40)


def compiled(pattern: str) -> Any:
    options = re2.Options()
    options.log_errors = False
    try:
        return re2.compile(pattern, options)
    except re2.error:
        return None


def folded(text: str) -> str:
    """As the scanner sees a text: in lower case, the long s made s."""
    return text.lower().replace("\u017f", "s")


def holds(pattern: str, text: str) -> bool:
    """One of the required literals stands in the text wherever the pattern is found in it."""
    search = compiled(pattern)
    literals = required_literals(pattern)
    if search is None or literals is None or search.search(text) is None:
        return True
    return any(literal in folded(text) or literal in text.lower() for literal in literals)


@pytest.mark.slow
@given(PATTERNS, TEXTS)
@example("(?i)task", "ta\u017fk")
@example("(?i)task", "tas\u212a")
def test_where_a_drawn_pattern_is_found_one_of_its_literals_stands(pattern: str, text: str) -> None:
    assert holds(pattern, text)


MEMBERS = {
    ".": "xé",
    r"\d": "07",
    r"\w": "a_",
    r"\s": " \t",
    "[abc]": "abc",
    "[^a]": "bK",
    "[a-z]": "az",
    "[]x]": "]x",
    "[[:alpha:]]": "aZ",
}
TIMES = {"": (1, 1), "*": (0, 3), "+": (1, 3), "?": (0, 1), "{2}": (2, 2), "{0,2}": (0, 2), "{1,}": (1, 3), "{2,3}": (2, 3),
         "*?": (0, 3), "+?": (1, 3), "??": (0, 1)}  # fmt: skip
OTHER_CASES = {"k": "kK\u212a", "s": "sS\u017f"}


@st.composite
def repeated(draw: st.DrawFn, part: st.SearchStrategy[tuple[str, str]], *, group: bool) -> tuple[str, str]:
    pattern, _ = drawn = draw(part)
    times = draw(st.sampled_from([*[""] * 25, *TIMES]))  # mostly none, or no three letters would stand together
    if group:
        pattern = f"({draw(st.sampled_from(['', '?:']))}{pattern})"
    least, most = TIMES[times]
    return pattern + times, drawn[1] * draw(st.integers(least, most))


LETTERS = st.sampled_from(list("abcksxyz013 -_/:%~`")).map(lambda char: (re2.escape(char), char))
MEMBER = st.sampled_from(sorted(MEMBERS)).flatmap(lambda kind: st.tuples(st.just(kind), st.sampled_from(MEMBERS[kind])))
PAIRS: st.SearchStrategy[tuple[str, str]] = st.recursive(
    st.lists(repeated(st.one_of(*[LETTERS] * 9, MEMBER), group=False), min_size=1, max_size=12).map(
        lambda parts: ("".join(pattern for pattern, _ in parts), "".join(text for _, text in parts))
    ),
    lambda inner: st.one_of(
        repeated(inner, group=True),
        st.tuples(inner, inner).map(lambda two: (two[0][0] + two[1][0], two[0][1] + two[1][1])),
        st.tuples(inner, inner, st.booleans()).map(lambda two: (f"({two[0][0]}|{two[1][0]})", (two[1] if two[2] else two[0])[1])),
    ),
    max_leaves=6,
)  # fmt: skip
"""A pattern and a text made together, so that the pattern matches it."""


@pytest.mark.slow
@given(PAIRS, st.text(max_size=3), st.data())
def test_where_a_text_is_made_for_a_pattern_one_of_its_literals_stands(
    pair: tuple[str, str], around: str, data: st.DataObject
) -> None:
    pattern, text = pair
    if data.draw(st.booleans()):
        pattern = f"(?i){pattern}"
        text = "".join(data.draw(st.sampled_from(OTHER_CASES.get(char, char + char.upper()))) for char in text)
    assert compiled(pattern).search(around + text) is not None
    assert holds(pattern, around + text)


@pytest.mark.parametrize(
    ("pattern", "literals"),
    [
        ("mimikatz", ["mimikatz"]),
        ("(?i)MimiKatz", ["mimikatz"]),
        (r"\\Temp\\[a-z]{5}\.exe", ["\\temp\\"]),
        ("(whoami|hostname)", ["whoami", "hostname"]),
        ("(?:whoami|hostname)+ /all", ["whoami", "hostname"]),
        ("abcd?", ["abc"]),
        ("abc*defg", ["defg"]),
        ("a.b", None),
        ("whoami|a.b", None),
        ("(whoami)?", None),
        ("(whoami){0,3}", None),
        ("[whoami]", None),
        (r"\Qwhoami\E", None),
        ("(?U)whoami", None),
        ("(?i:whoami)", None),
        ("(?i:who)?ami", None),
        ("(?i:a){0,2}", None),
        ("(?s)(?i)whoami", None),
        (r"who\x61mi", None),
        (r"\p{Greek}whoami", None),
        ("", None),
        ("(", None),
        ("[", None),
        ("whoami\\", None),
        ("a{1", None),
    ],
)
def test_the_literals_are_the_longest_certain_ones(pattern: str, literals: list[str] | None) -> None:
    assert required_literals(pattern) == literals


@pytest.mark.timeout(10)
@pytest.mark.parametrize(
    "pattern",
    ["(" * 50_000 + "a" + ")" * 50_000, "[" + "[:" * 50_000 + "]", "(a|" * 3_000, "a{1" * 5_000, "\\" * 9_999, "(?:" * 500 + "abc" + ")" * 500],
    ids=["groups", "classes", "alternatives", "quantifiers", "backslashes", "nested"],
)  # fmt: skip
def test_a_pattern_made_to_be_slow_gives_up_at_once(pattern: str) -> None:
    assert required_literals(pattern) is None
