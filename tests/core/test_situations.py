"""Every rule leads to a situation, the nearest that its tags allow."""

import pytest

from beffroi.core.attack import TACTICS
from beffroi.core.situations import SITUATIONS, UNKNOWN, situation_of


@pytest.mark.parametrize(
    ("tags", "situation"),
    [
        (["attack.t1110", "beffroi.password-guessed"], "password-guessed"),
        (["beffroi.no-such", "attack.t1110.001"], "password-guessing"),
        (["attack.credential-access", "attack.t1110.003"], "password-spraying"),
        (["attack.defense_evasion", "attack.t9999"], "foreign-code"),
        (["cve.2021-44228", "attack.g0001"], UNKNOWN),
        ([], UNKNOWN),
    ],
)
def test_an_own_tag_comes_before_a_technique_and_that_before_a_tactic(tags: list[str], situation: str) -> None:
    assert situation_of(tags) == situation


def test_every_tactic_has_its_situation() -> None:
    assert all(situation_of([f"attack.{tactic}"]) in SITUATIONS[:-1] for tactic in TACTICS)
