"""A layer for the ATT&CK Navigator, as its format 4.5 wants it."""

import re
from typing import Any

from beffroi.rules.navigator import BLIND, Known, layer


def made(*known: Known) -> dict[str, Any]:
    return layer("Beffroi", "what it is", known, blind="blind")


def rule(title: str, *tags: str, able: bool = True) -> Known:
    return Known(title, tags, able)


def test_a_technique_stands_once_with_the_number_and_the_titles_of_its_rules() -> None:
    found = made(
        rule("b", "attack.credential-access", "attack.t1110.001", "attack.t1110"),
        rule("a", "attack.t1110.001"),
        rule("c", "attack.impact", "tlp.clear"),
    )["techniques"]
    assert [(each["techniqueID"], each["score"], each["comment"]) for each in found] == [
        ("T1110", 1, "b"),
        ("T1110.001", 2, "a\nb"),
    ]


def test_a_technique_whose_rules_cannot_fire_has_score_0_a_colour_and_a_legend() -> None:
    found = made(
        rule("a", "attack.t1110", able=False), rule("b", "attack.t1486"), rule("c", "attack.t1486", able=False)
    )
    blind, seen = found["techniques"]
    assert (blind["score"], blind["color"], blind["comment"]) == (0, BLIND, "a")
    assert (seen["score"], seen["comment"]) == (1, "b")
    assert "color" not in seen
    assert found["legendItems"] == [{"label": "blind", "color": BLIND}]
    assert made(rule("b", "attack.t1486"))["legendItems"] == []


def test_it_has_what_the_format_requires_also_without_any_rule() -> None:
    most = made(*(rule(str(number), "attack.t1003.001") for number in range(5)))
    for found in (made(), most):
        assert isinstance(found["name"], str)
        assert found["domain"] == "enterprise-attack"
        assert found["versions"]["layer"] == "4.5"
        assert tuple(map(int, found["versions"]["navigator"].split("."))) >= (4, 9, 0)
        gradient = found["gradient"]
        assert gradient["maxValue"] > gradient["minValue"]
        assert all(re.fullmatch("#[0-9a-f]{6}", colour) for colour in gradient["colors"])
    assert most["gradient"]["maxValue"] == 5
