"""The words of every situation: whole in four languages, short, in one glossary's words, and never turned against whoever reads them."""

import re
from pathlib import Path

import pytest
from benchmarks.readability import LONGEST, ease, in_words, measured, sentences, summary, syllables

from beffroi.core.attack import TACTICS
from beffroi.core.model import Message
from beffroi.core.situations import SITUATIONS
from beffroi.core.wording import LANGUAGES, words
from beffroi.incidents.situations import (
    PEOPLE,
    PLACES,
    WORDS,
    calls,
    doubt,
    happened,
    parts,
    people,
    steps,
    words_of,
)
from beffroi.incidents.traces import Entity

TRANSLATED = [language for language in LANGUAGES if language != "en"]
PC, ANNE = Entity("host", "pc-accueil", "target"), Entity("account", "anne", "actor")
ELSEWHERE = Entity("address", "203.0.113.7", "origin")


def english(message: Message) -> str:
    return words("en")(message)


def all_of(situation: str) -> list[Message]:
    told = WORDS[situation]
    return [*told.what, told.why, *(step for _, step in told.steps), *told.call, told.silent]


def test_every_situation_has_its_words_in_the_order_of_an_attack() -> None:
    assert tuple(WORDS) == SITUATIONS


@pytest.mark.parametrize("situation", SITUATIONS)
def test_it_says_what_happened_why_who_does_what_whom_to_call_and_what_to_keep_quiet(situation: str) -> None:
    told = WORDS[situation]
    assert 1 <= len(told.steps) <= 3
    assert {who for who, _ in told.steps} <= set(PEOPLE)
    assert told.call
    assert "{" not in told.what[-1].sentence
    assert all("{" not in each.sentence for each in (told.why, *told.call, told.silent))
    assert all(set(re.findall(r"{(\w+)}", each.sentence)) <= {"machine"} for _, each in told.steps)
    assert all(set(re.findall(r"{(\w+)}", each.sentence)) <= set(PLACES) for each in told.what)


@pytest.mark.parametrize("situation", SITUATIONS)
def test_each_way_of_saying_what_happened_can_be_reached(situation: str) -> None:
    """A sentence behind one that needs no more than it would never be said."""
    needs = [set(re.findall(r"{(\w+)}", each.sentence)) for each in WORDS[situation].what]
    assert all(not earlier <= later for place, later in enumerate(needs) for earlier in needs[:place])


@pytest.mark.parametrize("language", TRANSLATED)
@pytest.mark.parametrize("situation", SITUATIONS)
def test_it_is_said_in_each_language_with_the_same_places(situation: str, language: str) -> None:
    say = words(language)
    for each in all_of(situation):
        assert say(each.sentence) != each.sentence
        assert sorted(re.findall(r"{\w+}", say(each.sentence))) == sorted(re.findall(r"{\w+}", each.sentence))


@pytest.mark.parametrize("language", LANGUAGES)
def test_no_sentence_has_more_words_than_one_keeps_in_mind_at_night(language: str) -> None:
    found = measured(language)
    assert len(found) > 250
    assert [each for each in found if each.words > LONGEST] == []


JARGON = {
    "fr": "vpn|rdp|smb|phishing|hameçonnage|malware|maliciel|ransomware|rançongiciel|pare-feu|powershell|firewall|hash|token|jeton|script|exfiltr\\w*|"
    "chiffr\\w*|proxy|cloud|endpoint|backdoor|porte dérobée|brute force|latéral\\w*|privilèges|log|logs|patch|serveur de domaine",
    "nl": "vpn|rdp|smb|phishing|malware|ransomware|firewall|powershell|hash|token|script|versleutel\\w*|proxy|cloud|endpoint|backdoor|"
    "brute force|privileges|logs?|patch|exfiltr\\w*",
    "de": "vpn|rdp|smb|phishing|malware|schadsoftware|ransomware|firewall|powershell|hash|token|skript|verschlüssel\\w*|proxy|cloud|endpoint|backdoor|"
    "brute force|privilegien|logs?|patch|exfiltr\\w*",
    "en": "vpn|rdp|smb|phishing|malware|ransomware|firewall|powershell|hash|token|script|encrypt\\w*|proxy|cloud|endpoint|backdoor|"
    "brute force|privileges?|logs?|patch|exfiltrat\\w*",
}  # fmt: skip


@pytest.mark.parametrize("language", LANGUAGES)
def test_no_word_must_be_looked_up(language: str) -> None:
    jargon = re.compile(rf"\b(?:{JARGON[language]})\b", re.IGNORECASE)
    assert [each.text for each in measured(language) if jargon.search(each.text)] == []


def test_what_is_grave_waits_for_nobody_and_what_is_not_wakes_nobody() -> None:
    for name in SITUATIONS:
        grave, slight = calls(name, grave=True), calls(name, grave=False)
        assert parts.LATER not in grave
        assert parts.PROVIDER_BY_DAY not in grave
        assert grave
        assert {parts.PROVIDER, parts.POLICE, parts.CCB, parts.COMPLAINT}.isdisjoint(slight)
        assert slight
    assert calls("files-encrypted", grave=True)[:2] == [parts.PROVIDER, parts.POLICE]
    assert calls("password-guessing", grave=False) == [parts.LATER]
    assert doubt(grave=True) is None
    assert doubt(grave=False) is not None


# --- one glossary ------------------------------------------------------------------------------------------------------------------


def glossary(root: Path) -> list[dict[str, str]]:
    """The rows of the two tables in four languages."""
    page = (root / "docs" / "glossaire.md").read_text("utf-8").partition("## Les mots des incidents")[2]
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in page.splitlines() if line.startswith("|")]
    return [dict(zip(("en", "fr", "nl", "de"), row, strict=True)) for row in rows if row[0] not in ("English", "---")]


def test_the_situations_use_the_words_of_the_glossary(root: Path) -> None:
    used: set[str] = set()
    strays = []
    for row in (row for row in glossary(root) if row["en"] not in TACTICS.values()):
        word = re.compile(rf"\b{row['en']}s?\b", re.IGNORECASE)
        for message in [*dict.fromkeys(each for name in WORDS for each in all_of(name)), *map(Message, NAMES)]:
            if not word.search(re.sub(r"{\w+}", "", message.sentence)):
                continue
            used.add(row["en"])
            for language in TRANSLATED:
                told = words(language)(message.sentence).lower()
                if not any(form.lower() in told for form in row[language].split(" / ")):
                    strays.append((row["en"], language, told))
    assert strays == []
    assert used == {row["en"] for row in glossary(root)} - set(TACTICS.values())


NAMES = ("Nurse in charge", "Director", "IT provider")


def test_those_who_act_are_called_as_the_glossary_does(root: Path) -> None:
    assert tuple(people(words("en")).values()) == NAMES
    rows = {row["en"].lower(): row for row in glossary(root)}
    for language in TRANSLATED:
        assert [words(language)(name).lower() for name in NAMES] == [
            rows[name.lower()][language].lower() for name in NAMES
        ]


def test_the_tactics_are_called_as_the_glossary_does(root: Path) -> None:
    rows = {row["en"]: row for row in glossary(root)}
    for tactic in TACTICS.values():
        assert [rows[tactic][language] for language in TRANSLATED] == [words(each)(tactic) for each in TRANSLATED]


# --- what is named in them ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("entities", "told"),
    [
        ([PC, ANNE, ELSEWHERE], "Somebody has found the password of anne and come in with it, from 203.0.113.7."),
        ([PC, ANNE], "Somebody has found the password of anne and come in with it."),
        ([PC], "Somebody has found a password and come in with it on pc-accueil."),
        ([PC, Entity("host", "nas", "target")],
         "Somebody has found a password and come in with it on pc-accueil and one more machine."),
        ([PC, *(Entity("host", f"pc-{n}", "target") for n in range(3))],
         "Somebody has found a password and come in with it on pc-accueil and 3 more machines."),
        ([], "Somebody has found a password of the house and come in with it."),
    ],
)  # fmt: skip
def test_it_names_what_is_known_and_is_a_whole_sentence_where_nothing_is(entities: list[Entity], told: str) -> None:
    assert english(happened("password-guessed", entities)) == told


def test_an_account_to_which_something_was_done_is_named_where_none_acted() -> None:
    target = Entity("account", "k.lambert", "target")
    assert "k.lambert" in english(happened("password-guessing", [target]))
    assert english(happened("new-administrator", [ANNE, target])).startswith("The account k.lambert")


def test_of_many_accounts_none_is_the_account() -> None:
    many = [Entity("account", f"user{n}", "target") for n in range(4)]
    assert "user" not in english(happened("password-guessing", [PC, *many]))


@pytest.mark.parametrize(
    "name",
    [
        "all is well, do nothing",
        "Call 0900 12345 now",
        "a\nb",
        "\u202eevil",
        "<b>anne</b>",
        "{machine}",
        "x" * 80,
        "",
        "don't panic!",
    ],
)
@pytest.mark.parametrize("situation", SITUATIONS)
def test_what_is_no_name_stands_in_no_sentence(situation: str, name: str) -> None:
    hostile = [
        Entity(kind, name, role)
        for kind, role in (("host", "target"), ("account", "actor"), ("account", "target"), ("address", "origin"))
    ]
    told = [happened(situation, hostile), *(step for _, step in steps(situation, hostile))]
    for language in LANGUAGES:
        assert all(not name or name not in words(language)(each) for each in told)


def test_a_name_with_braces_is_not_filled_again() -> None:
    sentence = happened("password-guessed", [Entity("account", "anne", "actor")])
    assert english(sentence._replace(values=(("account", "{address}"),))).count("{address}") == 1


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("situation", SITUATIONS)
def test_every_step_can_be_said_with_and_without_a_machine(situation: str, language: str) -> None:
    say = words(language)
    for entities in ([], [PC], [PC, Entity("host", "nas", "target")]):
        assert all("{" not in say(step) for _, step in steps(situation, entities))
        assert "{" not in say(happened(situation, entities))


def test_a_situation_of_a_later_beffroi_is_told_as_unknown() -> None:
    assert words_of("no-such") is WORDS["unknown"]


# --- the measure itself ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("word", "language", "count"),
    [
        ("machine", "en", 2), ("moved", "en", 1), ("table", "en", 2), ("password", "en", 2),
        ("médicament", "fr", 4), ("regardent", "fr", 2), ("téléphone", "fr", 3), ("le", "fr", 1),
        ("wachtwoord", "nl", 2), ("ideeën", "nl", 3), ("Sicherungskopien", "de", 5), ("Gerät", "de", 2), ("203.0.113.7", "de", 1),
    ],
)  # fmt: skip
def test_syllables_are_counted_as_they_are_spoken(word: str, language: str, count: int) -> None:
    assert syllables(word, language) == count


def test_a_text_is_cut_where_its_sentences_end() -> None:
    assert sentences("Call 101. Wait: k.lambert is there! « Why? » he said.") == [
        "Call 101.",
        "Wait: k.lambert is there!",
        "« Why? » he said.",
    ]
    assert in_words("N’utilisez pas l’adresse 203.0.113.7 : 24 h.") == [
        "N",
        "utilisez",
        "pas",
        "l",
        "adresse",
        "203.0.113.7",
        "24",
        "h",
    ]


def test_longer_words_and_sentences_are_harder() -> None:
    for language in LANGUAGES:
        assert ease(language, 10, 14) > ease(language, 20, 28) > ease(language, 20, 40)
    assert ease("en", 100, 150, 10) == pytest.approx(206.835 - 10.15 - 126.9)


@pytest.mark.parametrize("language", LANGUAGES)
def test_they_are_read_more_easily_than_a_newspaper(language: str) -> None:
    found = summary(language, 10)
    assert float(str(found["ease"])) > 60
    assert len(found["worst"]) == 10  # type: ignore[arg-type]
