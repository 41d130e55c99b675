"""Every sentence in every language, and how the language is chosen."""

import gettext
import importlib.util
import re
import shutil
import sys
from pathlib import Path
from types import ModuleType

import pytest
from babel.messages import Catalog

from beffroi.core.model import message
from beffroi.core.wording import LANGUAGES, LOCALE, number, printable, spoken, words

TRANSLATED = [language for language in LANGUAGES if language != "en"]


@pytest.fixture(scope="module")
def tool(root: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location("words", root / "tools" / "words.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def said(tool: ModuleType) -> Catalog:
    found: Catalog = tool.sentences()
    return found


@pytest.fixture
def house(tool: ModuleType, tmp_path: Path) -> Path:
    """A small source folder with a complete German catalogue, to be spoiled."""
    (tmp_path / "room.py").write_text(
        'say("{count} copies", count=3)\nraise InputError(path=path, reason=message("gone"))\n'
    )
    tool.update("de", tool.sentences(tmp_path), tmp_path)
    po = tmp_path / "de" / "LC_MESSAGES" / "beffroi.po"
    translate(po, "{count} copies", "{count} Kopien")
    translate(po, "gone", "fort")
    tool.update("de", tool.sentences(tmp_path), tmp_path)
    return tmp_path


def translate(po: Path, sentence: str, told: str) -> None:
    text, done = re.subn(rf'(msgid "{re.escape(sentence)}"\nmsgstr) ".*"', rf'\1 "{told}"', po.read_text("utf-8"))
    assert done == 1
    po.write_text(text, "utf-8")


def faults(tool: ModuleType, house: Path) -> list[str]:
    return list(tool.faults("de", tool.sentences(house), house))


# --- the catalogues ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("language", TRANSLATED)
def test_every_sentence_is_in_the_catalogue_with_its_places_and_nothing_else_is(
    language: str, tool: ModuleType, said: Catalog
) -> None:
    wrong = list(tool.faults(language, said))
    assert not wrong, "run .venv-test/bin/python -I tools/words.py, then translate in the .po:\n" + "\n".join(wrong)


@pytest.mark.parametrize("language", TRANSLATED)
def test_pythons_own_gettext_reads_what_is_shipped(language: str, said: Catalog) -> None:
    with (LOCALE / language / "LC_MESSAGES" / "beffroi.mo").open("rb") as file:
        catalogue = gettext.GNUTranslations(file)
    assert all(catalogue.gettext(str(entry.id)) for entry in said if entry.id)


@pytest.mark.slow
def test_the_catalogues_are_as_the_tool_writes_them(tool: ModuleType, said: Catalog, tmp_path: Path) -> None:
    shutil.copytree(LOCALE, tmp_path / "locale")
    for language in TRANSLATED:
        tool.update(language, said, tmp_path / "locale")
        kept, anew = (folder / language / "LC_MESSAGES" / "beffroi.po" for folder in (LOCALE, tmp_path / "locale"))
        assert kept.read_text("utf-8") == anew.read_text("utf-8"), "run .venv-test/bin/python -I tools/words.py"


def test_french_puts_a_narrow_space_where_french_does(tool: ModuleType) -> None:
    # Not in code between backquotes, not in `file:line`, an address or the columns of a place.
    wrong = [
        told
        for entry in tool.catalogue("fr")
        if entry.id
        for told in [
            re.sub(
                r"`[^`]*`|https://|\{scheme\}://|\{path\}:\{line\}|FICHIER:NUMÉRO|\{\w+:[^}]*\}", "", str(entry.string)
            )
        ]
        if re.search(r"(?<!\u202f)[;:!?»]|«(?!\u202f)|\w'\w", re.sub(r"\d\d:\d\d:\d\dZ", "", told))
    ]
    assert not wrong


def test_the_languages_do_not_answer_in_english(tool: ModuleType) -> None:
    for language in TRANSLATED:
        same = {str(entry.id) for entry in tool.catalogue(language) if entry.id and entry.id == entry.string}
        # Those that are only places and signs are the same everywhere.
        assert not {sentence for sentence in same if re.search(r"[a-z]{3}", re.sub(r"\{.*?\}", "", sentence))}


# --- the tool ------------------------------------------------------------------------------------------------------


def test_a_complete_catalogue_has_no_fault(tool: ModuleType, house: Path) -> None:
    assert faults(tool, house) == []


def test_a_new_sentence_is_missed_then_asked_for(tool: ModuleType, house: Path) -> None:
    (house / "new.py").write_text('say("Nobody knows where the keys are")\n')
    assert faults(tool, house) == ["de: not in the catalogue: Nobody knows where the keys are"]
    tool.update("de", tool.sentences(house), house)
    assert faults(tool, house) == ["de: not translated: Nobody knows where the keys are"]


def test_a_changed_sentence_keeps_its_translation_until_somebody_looked_at_it(tool: ModuleType, house: Path) -> None:
    (house / "room.py").write_text('say("{count} copies!", count=3)\nmessage("gone")\n')
    tool.update("de", tool.sentences(house), house)
    assert faults(tool, house) == ["de: translated for a sentence like it, to be looked at: {count} copies!"]


def test_a_sentence_that_nobody_says_any_more_goes(tool: ModuleType, house: Path) -> None:
    (house / "room.py").write_text('message("gone")\n')
    assert faults(tool, house) == ["de: nobody says any more: {count} copies"]
    tool.update("de", tool.sentences(house), house)
    assert faults(tool, house) == []


def test_a_lost_place_is_found(tool: ModuleType, house: Path) -> None:
    translate(house / "de" / "LC_MESSAGES" / "beffroi.po", "{count} copies", "{number} Kopien")
    tool.update("de", tool.sentences(house), house)
    assert faults(tool, house) == ["de: names other places than the English: {count} copies"]


def test_a_forgotten_mo_is_found(tool: ModuleType, house: Path) -> None:
    translate(house / "de" / "LC_MESSAGES" / "beffroi.po", "gone", "weg")
    assert faults(tool, house) == ["de: the .mo is not made from the .po"]


def test_the_titles_of_the_pack_are_sentences_too(tool: ModuleType, house: Path) -> None:
    rule = house / "rules" / "pack" / "watch" / "log.yml"
    rule.parent.mkdir(parents=True)
    rule.write_text("title: Log cleared\n---\ntitle: Log full\n")
    rule.with_name("log.samples.yml").write_text("- title: nothing\n")
    wrong = faults(tool, house)
    assert sorted(wrong) == ["de: not in the catalogue: Log cleared", "de: not in the catalogue: Log full"]


@pytest.mark.parametrize(
    "line",
    [
        'say(f"{count} copies")',
        'InputError(path=path, reason="gone")',
        'message(f"gone")',
        'message("gone" if one else "all gone")',
        "message(sentence, count=3)",
    ],
)
def test_a_sentence_nobody_could_translate_is_refused(line: str, tool: ModuleType, tmp_path: Path) -> None:
    (tmp_path / "room.py").write_text(f"{line}\n")
    with pytest.raises(ValueError, match=r"room\.py:1: nobody can translate this"):
        tool.sentences(tmp_path)


# --- speaking ------------------------------------------------------------------------------------------------------


def test_french_is_spoken_where_nobody_says_otherwise() -> None:
    assert spoken(None, {}) == "fr"
    assert spoken(None, {"LANG": "C.UTF-8"}) == "fr"
    assert spoken(None, {"LANG": "it_IT.UTF-8"}) == "fr"


@pytest.mark.parametrize(
    ("asked", "env", "language"),
    [
        ("nl", {"LANG": "de_BE.UTF-8"}, "nl"),
        (None, {"LANG": "de_BE.UTF-8"}, "de"),
        (None, {"LANG": "nl_BE"}, "nl"),
        (None, {"LANG": "en_GB.UTF-8", "LC_MESSAGES": "nl_BE.UTF-8"}, "nl"),
        (None, {"LANG": "en_GB.UTF-8", "LC_MESSAGES": "nl_BE.UTF-8", "LC_ALL": "de_BE"}, "de"),
        (None, {"LANG": "en_GB.UTF-8", "LC_ALL": ""}, "en"),
        ("EN", {}, "en"),
    ],
)
def test_the_language_asked_for_goes_before_the_systems(asked: str | None, env: dict[str, str], language: str) -> None:
    assert spoken(asked, env) == language


@pytest.mark.parametrize(
    ("language", "told"),
    [
        ("fr", "Événements lus\u202f: 3 en 0,4 s"),
        ("nl", "Gelezen gebeurtenissen: 3 in 0,4 s"),
        ("de", "Gelesene Ereignisse: 3 in 0,4 s"),
        ("en", "3 events in 0.4 s"),
    ],
)
def test_a_sentence_is_said_in_each_language(language: str, told: str) -> None:
    assert words(language)("{count} events in {seconds} s", count=3, seconds=number(0.4, language, 1)) == told


def test_a_message_is_said_with_the_messages_inside_it() -> None:
    advice = message("turn on the audit of {audit} in the Security log", audit=message("Registry"))
    assert words("fr")(advice) == "Activer l’audit «\u202fRegistre\u202f» dans le journal Sécurité"
    assert words("fr")("{advice}: {count} more rules", advice=advice, count=2).startswith(words("fr")(advice))
    assert words("en")(advice) == str(advice) == "turn on the audit of Registry in the Security log"


@pytest.mark.parametrize(
    ("language", "told"),
    [
        ("fr", "la longueur dépasse 33\u202f554\u202f432 octets"),
        ("nl", "ze is langer dan 33.554.432 bytes"),
        ("de", "die Länge übersteigt 33.554.432 Bytes"),
        ("en", "it is longer than 33,554,432 bytes"),
    ],
)
def test_a_number_inside_a_message_is_written_as_the_language_writes_it(language: str, told: str) -> None:
    assert words(language)(message("it is longer than {most:,} bytes", most=33_554_432)) == told


def test_a_terminal_is_shown_no_sign_that_does_something() -> None:
    french = words("fr")("refused: {fault}", fault="a.yml")
    assert printable(french) == french == "Règle refusée\u202f: a.yml"
    assert printable("a\x1b[2J\u202eb\u2028c\u00a0d\n") == "a�[2J�b�c\u00a0d�"


def test_what_has_no_translation_stays_as_it_is() -> None:
    for language in LANGUAGES:
        assert words(language)("{never} said", never="{braces}") == "{braces} said"
        assert words(language)("{a brace of a path}") == "{a brace of a path}"
        assert words(language)("") == ""


@pytest.mark.parametrize(
    ("language", "whole", "broken"),
    [
        ("fr", "1\u202f204\u202f331", "-1\u202f204,50"),
        ("nl", "1.204.331", "-1.204,50"),
        ("de", "1.204.331", "-1.204,50"),
        ("en", "1,204,331", "-1,204.50"),
    ],
)
def test_numbers_are_written_as_the_language_writes_them(language: str, whole: str, broken: str) -> None:
    assert number(1_204_331, language) == whole
    assert number(-1204.5, language, 2) == broken
    assert number(0, language) == "0"


def test_at_run_time_nothing_but_python_is_needed(root: Path) -> None:
    assert "babel" not in (root / "requirements.lock").read_text("utf-8").lower()
    assert "babel" not in (root / "src" / "beffroi" / "core" / "wording.py").read_text("utf-8").lower()
    assert sys.modules["beffroi.core.wording"].gettext is gettext
