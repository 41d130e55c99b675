"""Every rule leads to a situation, the nearest that its tags allow."""

from pathlib import Path

import pytest
import yaml

from beffroi.core import situations
from beffroi.core.attack import RETIRED, TACTICS, TECHNIQUES
from beffroi.core.situations import SITUATIONS, UNKNOWN, situation_of


@pytest.mark.parametrize(
    ("tags", "situation"),
    [
        (["attack.t1110", "beffroi.password-guessed"], "password-guessed"),
        (["beffroi.no-such", "attack.t1110.001"], "password-guessing"),
        (["attack.credential-access", "attack.t1110.003"], "password-spraying"),
        (["attack.defense_evasion", "attack.t9999"], "foreign-code"),
        (["attack.t1490", "attack.t1204.002", "attack.t1047"], "copies-destroyed"),
        (["attack.t1106", "attack.t1003.001"], "passwords-stolen"),
        (["attack.t1685", "attack.t1059"], "defences-off"),
        (["attack.t1562.001"], "defences-off"),
        (["attack.t1114"], "mailbox-entered"),
        (["attack.t1114.003"], "mailbox-forwards"),
        (["attack.t1114.099"], "mailbox-entered"),
        (["cve.2021-44228", "attack.g0001"], UNKNOWN),
        ([], UNKNOWN),
    ],
)
def test_an_own_tag_comes_before_a_technique_and_that_before_a_tactic(tags: list[str], situation: str) -> None:
    assert situation_of(tags) == situation


def test_every_tactic_has_its_situation() -> None:
    assert all(situation_of([f"attack.{tactic}"]) in SITUATIONS[:-1] for tactic in TACTICS)


@pytest.mark.parametrize("number", [*TECHNIQUES, *RETIRED])
def test_every_technique_has_its_situation(number: str) -> None:
    assert situation_of([f"attack.{number.lower()}"]) in SITUATIONS[:-1]


def test_the_table_names_no_technique_that_is_not_there() -> None:
    assert situations._OF_TECHNIQUE.keys() <= TECHNIQUES.keys()
    assert set(situations._TECHNIQUES) <= set(SITUATIONS)
    numbers = " ".join(situations._TECHNIQUES.values()).split()
    assert len(numbers) == len(set(numbers))


def test_every_tagged_rule_of_sigmahq_leads_to_a_situation(corpus: Path) -> None:
    tags = [
        [str(tag) for tag in rule.get("tags") or ()]
        for path in corpus.glob("sigma/rules*/**/*.yml")
        for rule in yaml.load_all(path.read_bytes(), getattr(yaml, "CSafeLoader", yaml.SafeLoader))
        if "title" in rule
    ]
    assert len(tags) > 3_000
    lost = [each for each in tags if situation_of(each) == UNKNOWN and any(tag.startswith("attack.t") for tag in each)]
    assert lost == []
