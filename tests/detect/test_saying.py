"""A rule's own sentence: one line in languages that Beffroi speaks, or a fault that says what is wrong with it."""

from pathlib import Path
from typing import Any

import pytest

from beffroi.core.model import UnfitError
from beffroi.detect.saying import LONGEST, own_sentence
from beffroi.rules.repository import load


def test_it_is_taken_as_it_stands_in_the_order_of_our_languages() -> None:
    said = own_sentence(
        {"beffroi": {"why_level": "x.", "says": {"en": "The {safe} is open.", "fr": "Le coffre est ouvert\u202f!"}}}
    )
    assert said == {"fr": "Le coffre est ouvert\u202f!", "en": "The {safe} is open."}
    assert list(said) == ["fr", "en"]


@pytest.mark.parametrize(
    "attributes",
    [None, {}, {"beffroi": None}, {"beffroi": "x"}, {"beffroi": {"why_level": "x."}}, {"beffroi": {"says": None}}],
)
def test_a_rule_need_say_nothing(attributes: dict[str, Any] | None) -> None:
    assert own_sentence(attributes) is None


@pytest.mark.parametrize(
    ("says", "fault"),
    [
        ("Le coffre", "not a mapping"), ([], "not a mapping"), ({}, "not a mapping"), ({"es": "La caja"}, "not a mapping"), ({1: "x"}, "not a mapping"),
        ({"fr": 3}, "one line"), ({"fr": None}, "one line"), ({"fr": " "}, "one line"), ({"fr": "a\nb"}, "one line"), ({"fr": "a\u2028b"}, "one line"),
        ({"fr": "a\x1b[31m"}, "one line"), ({"fr": "\u202egnp.exe"}, "one line"), ({"fr": "x", "en": "y" * (LONGEST + 1)}, f"“en” has more than {LONGEST}"),
    ],
)  # fmt: skip
def test_what_cannot_be_said_is_refused(says: object, fault: str) -> None:
    with pytest.raises(UnfitError, match=fault):
        own_sentence({"beffroi": {"says": says}})


RULES = """
title: The safe was opened
id: 3c1f0b1e-6c3e-4d43-9d3f-0a6a5b7c8d9e
logsource: {product: linux}
detection: {safe: {message: open}, condition: safe}
beffroi: {says: {fr: "Le coffre est ouvert."}}
---
title: The safe was opened often
id: 3c1f0b1e-6c3e-4d43-9d3f-0a6a5b7c8d9f
correlation:
    {type: event_count, rules: [3c1f0b1e-6c3e-4d43-9d3f-0a6a5b7c8d9e], group-by: [host], timespan: 1m, condition: {gte: 3}}
beffroi: {says: {de: "Der Safe steht oft offen."}}
---
title: Two lines
id: 3c1f0b1e-6c3e-4d43-9d3f-0a6a5b7c8d90
logsource: {product: linux}
detection: {safe: {message: open}, condition: safe}
beffroi: {says: {fr: "a\\nb"}}
---
title: No language
id: 3c1f0b1e-6c3e-4d43-9d3f-0a6a5b7c8d91
correlation:
    {type: event_count, rules: [3c1f0b1e-6c3e-4d43-9d3f-0a6a5b7c8d9e], group-by: [host], timespan: 1m, condition: {gte: 3}}
beffroi: {says: {es: "La caja"}}
"""


def test_rules_and_correlations_keep_theirs_in_the_cache_and_faulty_ones_are_refused(tmp_path: Path) -> None:
    (tmp_path / "own.yml").write_text(RULES)
    for _ in range(2):
        made = load([tmp_path / "own.yml"], cache_folder=tmp_path / "cache")
        assert [rule.says for rule in made.rules] == [{"fr": "Le coffre est ouvert."}]
        assert [each.says for each in made.correlations] == [{"de": "Der Safe steht oft offen."}]
        assert sorted("one line" in str(fault) for fault in made.refused) == [False, True]
