"""What a person is in: of the gravest signs the one that an attack comes to last."""

import pytest

from beffroi.core.wording import words
from beffroi.incidents.judging import Facts, Judgement, judge
from beffroi.incidents.traces import Entity, Traces
from tests.incidents.signs import NOON

LOW, MEDIUM, HIGH, CRITICAL = 1, 2, 3, 4
PC = Entity("host", "pc-1", "target")


def judged(*signs: tuple[int, str], refused: bool = False) -> Judgement:
    """Signs of (level, tags), one after the other."""
    facts = Facts()
    for place, (level, tags) in enumerate(signs):
        facts.note(f"r{place}", f"Rule {place}", level, tags.split(), NOON + place, Traces((PC,), refused=refused))
    return judge(facts)


@pytest.mark.parametrize(
    ("signs", "situation"),
    [
        ([(HIGH, "beffroi.password-guessed"), (HIGH, "beffroi.files-encrypted")], "files-encrypted"),
        ([(HIGH, "beffroi.files-encrypted"), (HIGH, "beffroi.password-guessed")], "files-encrypted"),
        ([(CRITICAL, "beffroi.password-guessed"), (MEDIUM, "beffroi.files-read")], "password-guessed"),
        ([(HIGH, "beffroi.passwords-stolen"), (HIGH, "attack.t1059.001")], "passwords-stolen"),
        ([(HIGH, "beffroi.copies-destroyed"), (HIGH, "beffroi.data-falsified")], "copies-destroyed"),
        ([(HIGH, "attack.t1059.001"), (HIGH, "")], "foreign-code"),
        ([(MEDIUM, "attack.t1110"), (MEDIUM, "attack.t1078"), (MEDIUM, "beffroi.house-explored")], "password-guessed"),
        ([(HIGH, "")], "unknown"),
    ],
)  # fmt: skip
def test_it_is_the_latest_of_the_gravest_signs(signs: list[tuple[int, str]], situation: str) -> None:
    assert judged(*signs).situation == situation


def test_a_sign_in_that_was_refused_is_a_try_and_nobody_is_said_to_have_come_in() -> None:
    verdict = judged((HIGH, "attack.t1078 beffroi.sign-in-from-elsewhere"), refused=True)
    assert verdict.situation == "password-guessing"
    assert words("en")(verdict.what) == "Somebody is trying one password after another on pc-1."


@pytest.mark.parametrize("order", [(True, False), (False, True)])
def test_a_rule_that_saw_both_a_refusal_and_an_entry_tells_the_entry(order: tuple[bool, bool]) -> None:
    facts = Facts()
    for place, refused in enumerate(order):
        tags = ["attack.t1078", "beffroi.password-guessed"]
        facts.note("r", "Rule", HIGH, tags, NOON + place, Traces((PC,), refused=refused))
    assert judge(facts).situation == "password-guessed"
    assert "attack.t1078" in facts.rules["r"].tags


def test_what_happened_is_a_sentence_and_the_course_beside_it() -> None:
    verdict = judged((MEDIUM, "beffroi.attachment-opened"), (HIGH, "beffroi.files-encrypted"))
    say = words("en")
    assert say(verdict.what) == "On pc-1, files are being made unreadable one after another."
    assert say(verdict.course) == "2 signs, from “Rule 0” to “Rule 1”."
    assert say(verdict.title) == "Rule 1, on pc-1"


def test_the_gravest_rule_s_own_sentence_goes_with_it() -> None:
    facts = Facts()
    facts.note("a", "Slight", LOW, [], NOON, Traces(), {"fr": "Moins grave."})
    facts.note("b", "Grave", HIGH, [], NOON, Traces(), {"fr": "Le coffre est ouvert."})
    assert judge(facts).says == {"fr": "Le coffre est ouvert."}
