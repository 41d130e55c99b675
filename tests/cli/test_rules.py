"""`beffroi rules` as somebody types it: list, test, explain, coverage, update, switch."""

import io
import json
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from beffroi.cli.main import main
from beffroi.core.errors import Exit
from beffroi.core.situations import NAMESPACE, SITUATIONS, UNKNOWN
from beffroi.core.wording import LANGUAGES
from beffroi.rules.policy import SCRIPT
from beffroi.rules.repository import PACK
from tests.hunting.hunts import CLEARED, FAILED, GUESSED, WHOAMI, event, failed, rules, whoami, write

WHOAMI_ID, CLEARED_ID = "11111111-1111-4111-8111-111111111111", "22222222-2222-4222-8222-222222222222"
GUESSED_ID = "44444444-4444-4444-8444-444444444444"
CLEARED_TITLES = {
    "fr": "Journal d’événements effacé",
    "nl": "Gebeurtenislogboek gewist",
    "de": "Ereignisprotokoll gelöscht",
    "en": "Event log cleared",
}
Said = tuple[int, str, str]
Run = Callable[..., Said]


@pytest.fixture(autouse=True)
def at_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    home = tmp_path / "home"
    home.mkdir()
    for name in ("XDG_CACHE_HOME", "XDG_CONFIG_HOME", "XDG_DATA_HOME"):
        monkeypatch.setenv(name, str(home / name))
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("LC_ALL", "en_GB.UTF-8")
    return home


@pytest.fixture
def known(tmp_path: Path) -> Path:
    return rules(tmp_path / "rules")


@pytest.fixture
def data(tmp_path: Path) -> Path:
    return tmp_path / "data"


@pytest.fixture
def run(capfd: pytest.CaptureFixture[str]) -> Run:
    """(exit code, stdout, stderr) of `beffroi rules` with these arguments."""

    def run(*arguments: object) -> Said:
        code = main(["rules", *map(str, arguments)])
        return code, *capfd.readouterr()

    return run


def rows(said: Said) -> list[dict[str, Any]]:
    return [json.loads(line) for line in said[1].splitlines()]


# --- list ----------------------------------------------------------------------------------------------------------------


def test_list_shows_every_rule_of_the_pack_by_default(run: Run, data: Path) -> None:
    said = run("list", "--json", "--data-dir", data)
    assert said[0] == Exit.DONE
    assert len(rows(said)) >= 20
    assert all(row["path"].startswith(str(PACK)) and row["enabled"] and row["situation"] for row in rows(said))
    assert not data.exists()  # asking makes no store


def test_list_says_of_each_rule_what_it_is(run: Run, known: Path, data: Path) -> None:
    by_id = {row["id"]: row for row in rows(run("list", "--json", "--rules", known, "--data-dir", data))}
    assert len(by_id) == 6
    assert by_id[WHOAMI_ID] == {
        "id": WHOAMI_ID,
        "kind": "rule",
        "level": "medium",
        "tags": ["attack.discovery", "attack.t1033"],
        "sources": [{"product": "windows", "category": "process_creation"}],
        "situation": "house-explored",
        "languages": [],
        "title": "Somebody asks who they are",
        "path": str(known / "whoami.yml"),
        "enabled": True,
        "blind": None,
        "silent": False,
    }
    assert by_id[GUESSED_ID]["kind"] == "correlation"
    assert by_id[GUESSED_ID]["sources"] == [{"product": "windows", "service": "security"}]
    assert "%Servers%" in by_id["66666666-6666-4666-8666-666666666666"]["blind"]


def test_the_rules_of_the_pack_have_a_title_in_every_language(run: Run, data: Path) -> None:
    said = {language: run("list", "--data-dir", data, "--lang", language)[1] for language in LANGUAGES}
    assert [title in said[language] for language, title in CLEARED_TITLES.items()] == [True] * 4
    assert all(row["languages"] == list(LANGUAGES) for row in rows(run("list", "--json", "--data-dir", data)))
    told = rows(run("list", "--json", "--data-dir", data, "--lang", "fr"))
    assert CLEARED_TITLES["en"] in {row["title"] for row in told}


def test_each_rule_of_the_pack_has_the_situation_that_it_names(run: Run, data: Path) -> None:
    listed = rows(run("list", "--json", "--data-dir", data))
    assert {row["situation"] for row in listed} <= {*SITUATIONS}
    named = {row["id"]: [tag for tag in row["tags"] if tag.startswith(NAMESPACE)] for row in listed}
    assert all(named[row["id"]] == [NAMESPACE + row["situation"]] for row in listed if not row["silent"])
    assert not [row["title"] for row in listed if row["situation"] == UNKNOWN]


def test_a_correlation_that_rests_on_another_has_the_sources_of_what_lies_below(
    run: Run, known: Path, data: Path
) -> None:
    (known / "twice.yml").write_text(
        GUESSED.replace("4444", "7777").replace("[failed]", "[guessed]").replace("Passwords", "Often passwords")
    )
    (known / "guessed.yml").write_text(f"{FAILED}---\n" + GUESSED.replace("level", "name: guessed\nlevel"))
    by_title = {row["title"]: row for row in rows(run("list", "--json", "--rules", known, "--data-dir", data))}
    assert by_title["Often passwords are guessed"]["sources"] == [{"product": "windows", "service": "security"}]
    assert (by_title["Often passwords are guessed"]["silent"], by_title["Passwords are guessed"]["silent"]) == (
        False,
        True,
    )


def test_list_for_people_is_one_line_a_rule(run: Run, known: Path, data: Path) -> None:
    code, out, err = run("list", "--rules", known, "--data-dir", data)
    assert (code, out.count("\n"), err) == (Exit.DONE, 6, "")
    assert f"medium        rule        {WHOAMI_ID}  Somebody asks who they are\n" in out


def test_a_refused_rule_is_named_on_stderr_and_ends_with_1(run: Run, known: Path, data: Path) -> None:
    (known / "bad.yml").write_text("title: [")
    code, out, err = run("list", "--rules", known, "--data-dir", data)
    assert (code, out.count("\n")) == (Exit.PARTLY, 6)
    assert f"{known / 'bad.yml'}, line 2: not YAML" in err
    assert run("list", "--quiet", "--rules", known, "--data-dir", data)[2] == ""


@pytest.mark.parametrize(
    ("language", "told"),
    [
        ("fr", "Règle refusée\u202f: {path}, ligne 2\u202f: ce n’est pas du YAML (la clé 'id' s’y trouve deux fois)\n"),
        ("nl", "Geweigerde regel: {path}, lijn 2: dit is geen YAML (de sleutel 'id' staat er twee keer)\n"),
        ("de", "Abgelehnte Regel: {path}, Zeile 2: das ist kein YAML (der Schlüssel 'id' steht zweimal da)\n"),
    ],
)
def test_a_refused_rule_is_told_in_the_language_also_from_the_cache(
    run: Run, known: Path, data: Path, language: str, told: str
) -> None:
    (known / "bad.yml").write_text("id: 1\nid: 2\n")
    for _ in range(2):
        err = run("list", "--rules", known, "--data-dir", data, "--lang", language)[2]
        assert err == told.format(path=known / "bad.yml")


# --- test ----------------------------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_the_pack_passes_its_own_samples(run: Run) -> None:
    said = run("test", "--json")
    assert said[0] == Exit.DONE
    [summary] = rows(said)
    assert summary["failed"] == 0
    assert summary["samples"] > 40
    assert summary["rules"] == summary["speaking"] + summary["parts"]
    assert summary["speaking"] > summary["correlations"] > 0
    assert summary["parts"] > 0


def test_a_rule_that_does_not_do_what_its_sample_says_ends_with_2(run: Run, tmp_path: Path) -> None:
    folder = rules(tmp_path / "own", cleared=CLEARED)
    (folder / "cleared.samples.yml").write_text(
        "- fires: when the log is cleared\n  events:\n    - {Channel: Security, EventID: 1102}\n"
        "- silent: when it is not\n  events:\n    - {Channel: Security, EventID: 1102}\n"
    )
    code, out, _ = run("test", folder)
    assert code == Exit.ERROR
    assert out.splitlines() == [
        f"{folder / 'cleared.samples.yml'}, when it is not: fires 1 times instead of 0",
        "1 rules that speak, 0 of them correlations, and 0 parts of correlations; 2 samples, 1 failed",
    ]


def test_a_refused_rule_fails_the_test(run: Run, tmp_path: Path) -> None:
    folder = rules(tmp_path / "own", whoami=WHOAMI, bad=CLEARED.replace("EventID", "EventID|nonsense"))
    code, _, err = run("test", folder)
    assert code == Exit.ERROR
    assert "Unknown modifier 'nonsense'" in err


# --- explain ---------------------------------------------------------------------------------------------------------------


def test_explain_says_why_a_rule_fires_on_a_record(run: Run, known: Path, tmp_path: Path) -> None:
    path = write(tmp_path / "a.json", [event(7), whoami(8)])
    code, out, err = run("explain", WHOAMI_ID, f"{path}:8", "--rules", known)
    assert (code, err) == (Exit.DONE, "")
    assert out.splitlines() == [
        "Somebody asks who they are", "The rule fires.", "  ✓ CommandLine contains 'whoami'   ← whoami /all",
    ]  # fmt: skip


def test_explain_says_why_it_does_not_fire_on_the_first_event(run: Run, known: Path, tmp_path: Path) -> None:
    path = write(tmp_path / "a.json", [event(7), whoami(8)])
    [row] = rows(run("explain", WHOAMI_ID[:4], path, "--json", "--rules", known))
    assert row == {
        "rule_id": WHOAMI_ID, "rule": "Somebody asks who they are", "applies": True, "fires": False,
        "condition": {"asks": "CommandLine contains 'whoami'", "holds": False, "value": "notepad"},
    }  # fmt: skip


def test_explain_reads_an_event_from_stdin_and_names_another_log_source(
    run: Run, known: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def asked(text: bytes, *more: str) -> Said:
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(text)))
        return run("explain", WHOAMI_ID, "-", "--rules", known, *more)

    assert "The rule fires." in asked(json.dumps(whoami()).encode())[1]
    assert (
        "The event is not of the log source windows/process_creation/*"
        in asked(b'{"Channel": "System", "EventID": 1}')[1]
    )
    flat = b'{"CommandLine": "whoami"}'
    assert "The rule fires." in asked(flat, "--logsource", "product=windows,category=process_creation")[1]
    for wrong in (b"", b"[1]", b"{", b"\xff"):
        code, out, err = asked(wrong)
        assert (code, out) == (Exit.ERROR, "")
        assert err.startswith("beffroi: stdin: ")


@pytest.mark.parametrize(
    ("rule", "said"),
    [("9", "no rule has an id that begins with 9"), ("", "rules have an id that begins with "),
     (GUESSED_ID, "no rule has an id that begins with")],
)  # fmt: skip
def test_explain_needs_one_rule(run: Run, known: Path, tmp_path: Path, rule: str, said: str) -> None:
    path = write(tmp_path / "a.json", [whoami()])
    code, _, err = run("explain", rule, path, "--rules", known)
    assert code == Exit.ERROR
    assert said in err


@pytest.mark.parametrize("where", ["{path}:99", "{path}.gone", "{path}:x"])
def test_explain_of_an_event_that_is_not_there_says_how_to_name_it(
    run: Run, known: Path, tmp_path: Path, where: str
) -> None:
    path = write(tmp_path / "a.json", [whoami()])
    code, _, err = run("explain", WHOAMI_ID, where.format(path=path), "--rules", known)
    assert code == Exit.ERROR
    assert err.count("\n") == 1
    assert str(path) in err


def test_no_control_character_of_an_event_reaches_the_terminal(run: Run, known: Path, tmp_path: Path) -> None:
    path = write(tmp_path / "a.json", [whoami(CommandLine="whoami \x1b]0;owned\x07\x9b2J\u202e")])
    out = run("explain", WHOAMI_ID, path, "--rules", known)[1]
    assert all(line.isprintable() for line in out.splitlines())


# --- coverage ----------------------------------------------------------------------------------------------------------------


def test_coverage_counts_and_says_what_to_switch_on(run: Run, known: Path, tmp_path: Path) -> None:
    without: dict[str, Any] = {"NewProcessName": "a.exe", "CommandLine": "", "Channel": "Security", "EventID": 4688}
    path = write(tmp_path / "a.json", [event(1) | without, failed(2, seconds=1)])
    code, out, err = run("coverage", path, "--rules", known)
    assert (code, err) == (Exit.DONE, "")
    first, *others = out.splitlines()
    assert first == "2 rules can fire on what these recordings hold; 3 are blind."
    assert "turn on command lines in event 4688: 1 more rules" in others


def test_coverage_as_json_names_each_blind_rule(run: Run, known: Path, tmp_path: Path) -> None:
    path = write(tmp_path / "a.json", [whoami()])
    summary, *others = rows(run("coverage", path, "--rules", known, "--json"))
    assert summary == {"kind": "summary", "able": 1, "blind": 4, "refused": 0}
    blind = [row for row in others if row["kind"] == "blind"]
    assert len(blind) == 4
    assert all(row["why"] and row["advice"] for row in blind)
    assert {row["kind"] for row in others} == {"advice", "blind"}


def test_coverage_of_what_cannot_be_read_ends_with_1_and_of_nothing_with_2(
    run: Run, known: Path, tmp_path: Path
) -> None:
    (tmp_path / "broken.evtx").write_bytes(b"ElfFile\0")
    code, _, err = run("coverage", tmp_path / "broken.evtx", "--rules", known)
    assert code == Exit.PARTLY
    assert "broken.evtx" in err
    assert run("coverage", tmp_path / "gone", "--rules", known)[0] == Exit.ERROR


def test_coverage_with_refused_rules_names_them(run: Run, known: Path, tmp_path: Path) -> None:
    (known / "bad.yml").write_text("title: [")
    code, _, err = run("coverage", write(tmp_path / "a.json", [whoami()]), "--rules", known)
    assert code == Exit.PARTLY
    assert "bad.yml, line 2" in err


def test_coverage_wants_to_know_what_is_sent(run: Run, tmp_path: Path) -> None:
    assert run("coverage")[0] == Exit.ERROR
    code, _, err = run("coverage", write(tmp_path / "a.json", [whoami()]), "--policy", "sysmon")
    assert (code, "either recordings or --policy" in err) == (Exit.ERROR, True)


def test_coverage_of_a_policy_says_what_windows_lets_the_rules_see(run: Run, known: Path) -> None:
    firsts = {
        policy: run("coverage", "--policy", policy, "--rules", known)[1].splitlines()[0]
        for policy in ("default", "recommended", "sysmon")
    }
    assert firsts == {
        "default": "2 rules can fire on what Windows records unless told; 2 are blind.",
        "recommended": "3 rules can fire with the audit policy that Beffroi recommends; 1 are blind.",
        "sysmon": "3 rules can fire with that audit policy and Sysmon; 1 are blind.",
    }


def test_a_layer_for_the_navigator_needs_no_recordings(run: Run, known: Path) -> None:
    code, out, err = run("coverage", "--navigator", "-", "--rules", known, "--lang", "fr")
    assert (code, err) == (Exit.DONE, "")
    layer = json.loads(out)
    assert all(each["score"] > 0 and each["comment"] for each in layer["techniques"])
    assert [layer] == rows(run("coverage", "--navigator", "-", "--rules", known, "--json", "--lang", "fr"))
    assert len(layer["techniques"]) == len({each["techniqueID"] for each in layer["techniques"]}) > 0


def test_a_layer_names_the_rules_of_the_pack_in_the_language_asked_for(run: Run) -> None:
    layer = json.loads(run("coverage", "--navigator", "-", "--lang", "de")[1])
    comments = "\n".join(each["comment"] for each in layer["techniques"])
    assert CLEARED_TITLES["de"] in comments
    assert CLEARED_TITLES["en"] not in comments


def test_a_layer_of_recordings_shows_techniques_that_are_blind_on_them(run: Run, known: Path, tmp_path: Path) -> None:
    path, layer_file = write(tmp_path / "a.json", [whoami()]), tmp_path / "layer.json"
    code, out, err = run("coverage", path, "--navigator", layer_file, "--rules", known)
    assert code == Exit.DONE
    assert out.startswith("1 rules can fire on what these recordings hold")
    assert "layer.json" in err
    scores = {bool(each["score"]) for each in json.loads(layer_file.read_text("utf-8"))["techniques"]}
    assert scores == {True, False}
    code, _, err = run("coverage", path, "--navigator", layer_file, "--rules", known)
    assert (code, "cannot be written" in err) == (Exit.ERROR, True)  # what is there already stays


def test_a_rule_that_is_switched_off_is_not_in_the_layer(run: Run, data: Path) -> None:
    def comments() -> str:
        return run("coverage", "--navigator", "-", "--lang", "en", "--data-dir", data)[1]

    cleared = next(
        row for row in rows(run("list", "--json", "--data-dir", data)) if row["title"] == "Event log cleared"
    )
    assert "Event log cleared" in comments()
    run("switch", cleared["id"], "off", "--reason", "we clear it each night", "--data-dir", data)
    assert "Event log cleared" not in comments()


# --- policy ------------------------------------------------------------------------------------------------------------------


def test_the_policy_is_shown_or_written_as_it_lies_in_the_pack(run: Run, tmp_path: Path) -> None:
    code, out, err = run("policy")
    assert (code, out, err) == (Exit.DONE, SCRIPT.read_text("ascii"), "")
    assert rows(run("policy", "--json")) == [{"name": "beffroi-audit.ps1", "text": out}]
    code, out, err = run("policy", "--output", tmp_path / "audit.ps1")
    assert (code, out) == (Exit.DONE, "")
    assert (tmp_path / "audit.ps1").read_bytes() == SCRIPT.read_bytes()
    assert "powershell -ExecutionPolicy Bypass -File audit.ps1" in err
    assert run("policy", "--output", tmp_path / "audit.ps1")[0] == Exit.ERROR  # it may be another's


# --- update and switch -------------------------------------------------------------------------------------------------------


@pytest.fixture
def archive(tmp_path: Path) -> Path:
    path = tmp_path / "new.zip"
    with zipfile.ZipFile(path, "w") as made:
        made.writestr("rules/whoami.yml", WHOAMI)
        made.writestr("rules/bad.yml", CLEARED.replace("EventID", "EventID|nonsense"))
    return path


@pytest.mark.slow
def test_update_takes_an_archive_into_use_shows_its_sum_and_goes_back(run: Run, archive: Path, data: Path) -> None:
    def listed() -> set[str]:
        return {row["id"] for row in rows(run("list", "--json", "--quiet", "--data-dir", data))}

    code, out, err = run("update", "--from", archive, "--dry-run", "--data-dir", data)
    assert code == Exit.PARTLY
    assert "Nothing was changed (--dry-run)." in out
    assert WHOAMI_ID not in listed()
    code, out, err = run("update", "--from", archive, "--data-dir", data)
    assert code == Exit.PARTLY
    assert out.startswith("SHA-256 ")
    assert "1 rules loaded, 1 refused" in out
    assert "They are in use now." in out
    assert "Unknown modifier 'nonsense'" in err
    assert WHOAMI_ID in listed()
    again = rows(run("update", "--from", archive, "--sha256", out.split()[1], "--data-dir", data, "--json", "-q"))
    assert again[0]["sha256"] == out.split()[1]
    assert run("update", "--from", archive, "--sha256", "0" * 64, "--data-dir", data)[0] == Exit.ERROR
    assert WHOAMI_ID in listed()


def test_update_needs_to_know_where_from(run: Run, archive: Path, data: Path) -> None:
    for arguments in ([], ["--from", archive, "--back"]):
        code, _, err = run("update", *arguments, "--data-dir", data)
        assert code == Exit.ERROR
        assert "say where the rules are" in err


@pytest.mark.slow
def test_a_rule_that_is_switched_off_is_listed_as_off_until_it_is_on_again(run: Run, data: Path) -> None:
    chosen = rows(run("list", "--json", "--data-dir", data))[0]["id"]

    def enabled() -> bool:
        return bool(
            next(row for row in rows(run("list", "--json", "--data-dir", data)) if row["id"] == chosen)["enabled"]
        )

    assert enabled()
    code, out, _ = run("switch", chosen, "off", "--reason", "our printer", "--data-dir", data)
    assert (code, out) == (Exit.DONE, f"The rule {chosen} is off.\n")
    assert not enabled()
    run("switch", chosen, "on", "--reason", "new printer", "--data-dir", data)
    assert enabled()


@pytest.mark.slow
def test_a_rule_that_counts_is_listed_with_the_number_that_the_house_set(run: Run, data: Path) -> None:
    def listed() -> dict[str, dict[str, Any]]:
        return {row["id"]: row for row in rows(run("list", "--json", "--data-dir", data))}

    before = listed()
    chosen = next(row["id"] for row in before.values() if row.get("threshold"))
    own = before[chosen]["own_threshold"]
    said = run("threshold", chosen, "--count", own + 5, "--reason", "our copier", "--data-dir", data)
    assert said[:2] == (Exit.DONE, f"The rule {chosen} speaks from {own + 5} on.\n")
    assert (listed()[chosen]["threshold"], listed()[chosen]["own_threshold"]) == (own + 5, own)
    run("threshold", chosen, "--default", "--reason", "new copier", "--data-dir", data)
    assert listed() == before
    uncounted = next(row["id"] for row in before.values() if row["kind"] == "correlation" and row["threshold"] is None)
    code, _, err = run("threshold", uncounted, "--count", 3, "--reason", "x", "--data-dir", data)
    assert code == Exit.ERROR
    assert "counts nothing" in err
    assert run("threshold", chosen, "--reason", "x", "--data-dir", data)[0] == Exit.ERROR


def test_a_switch_without_a_reason_is_misuse(run: Run, data: Path) -> None:
    assert run("switch", WHOAMI_ID, "off", "--data-dir", data)[0] == Exit.ERROR
