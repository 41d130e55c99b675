"""Filters as they are read: they hide what they say, and one that cannot be read hides nothing."""

import pytest

from beffroi.core.model import LogSource
from beffroi.incidents.filters import Match, choose, written
from beffroi.incidents.normal import Normals, compiled, read


def text(**fields: object) -> str:
    match = Match("r", "Title", LogSource("windows"), dict(fields))
    return written(match, choose(match))


def test_each_filter_is_for_its_own_rule_and_the_oldest_that_holds_is_counted() -> None:
    normals = Normals(
        [(1, "r", text(User="anne")), (2, "r", text(User="bert")), (3, "r", text(User="anne", Computer="pc"))]
    )
    assert normals.hides("r", {"User": "Anne", "Computer": "pc"}) == 1
    assert normals.hides("r", {"User": "bert"}) == 2
    assert normals.hides("r", {"User": "carl"}) is None
    assert normals.hides("r", {}) is None
    assert normals.hides("other", {"User": "anne"}) is None
    assert Normals().hides("r", {"User": "anne"}) is None


@pytest.mark.parametrize(
    "bad",
    [
        "", "a", "[", "filter: {}", "- a", "\x00", "title: a\nfilter: {rules: [r], selection: {}, condition: not selection}",
        "title: a\nfilter: {rules: [r], selection: {User: anne}, condition: selection}",
        "title: a\nfilter: {rules: [r, s], selection: {User: anne}, condition: not selection}",
        "title: a\nfilter: {rules: [r], selection: [anne], condition: not selection}",
        "title: a\nfilter: {rules: [r], selection: {User|nosuch: anne}, condition: not selection}",
        "title: a\nfilter: {rules: [r], selection: {User|re: '('}, condition: not selection}",
        "title: a\nfilter: {rules: [r], selection: {User|expand: '%a%'}, condition: not selection}",
        "title: !!python/name:os.system\nfilter: {rules: [r], selection: {User: anne}, condition: not selection}",
    ],
)  # fmt: skip
def test_what_is_no_filter_of_ours_hides_nothing_and_is_told(bad: str) -> None:
    normals = Normals([(7, "r", bad), (8, "r", text(User="anne"))])
    assert normals.unread == [7]
    assert normals.hides("r", {"User": "anne"}) == 8
    assert normals.hides("r", {"User": "x"}) is None
    with pytest.raises(ValueError):
        compiled(bad)


def test_it_is_read_back_with_its_rule_and_title() -> None:
    kept = read(text(User="anne", Computer="pc"))
    assert (kept.rule, kept.title, kept.selection) == ("r", "Title", {"Computer": "pc", "User": "anne"})
