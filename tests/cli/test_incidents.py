"""`beffroi incidents` as people use it: a list that says what comes first, one incident as a page, and what they decide."""

import json
from pathlib import Path

import pytest

from beffroi.cli.main import main
from beffroi.core.errors import Exit
from beffroi.incidents.raising import Raiser
from beffroi.store import Store
from tests.incidents.signs import keep

KEYS = {"situation", "says", "course", "id", "state", "severity", "opened", "last_event", "title", "what", "entities", "matches", "techniques", "taken_by",
        "closed_as", "timeline"}  # fmt: skip


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """A house with two incidents: a critical one of two matches, and a moderate one."""
    with Store.open(tmp_path / "data") as store:
        keep(
            store,
            {
                "rule": "a",
                "level": 4,
                "title": "Event log cleared",
                "User": "anne",
                "LogonId": "0x111",
                "Image": "C:\\\x1b[31m.exe",
            },
            {
                "rule": "b",
                "level": 3,
                "minute": 1,
                "title": "Windows Defender switched off",
                "User": "anne",
                "LogonId": "0x111",
            },
            {"rule": "c", "level": 2, "host": "nas", "minute": 30, "title": "Event log cleared"},
        )
        Raiser(store).catch_up()
    return tmp_path / "data"


def run(data: Path, *arguments: str) -> Exit | int:
    return main(["incidents", *arguments, "--data-dir", str(data)])


def told(capsys: pytest.CaptureFixture[str]) -> str:
    return capsys.readouterr().out


def test_the_most_urgent_stands_first_and_the_bare_name_lists(data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(data, "--lang", "fr") == Exit.DONE
    out = told(capsys)
    assert out.index("très grave") < out.index("sérieux")
    assert "personne ne s’en occupe" in out
    assert run(data, "list", "--lang", "en", "--level", "high") == Exit.DONE
    assert "serious" not in told(capsys)


def test_json_has_what_the_contract_names_each_message_beside_its_words(
    data: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(data, "list", "--json", "--lang", "nl") == Exit.DONE
    rows = [json.loads(line) for line in told(capsys).splitlines()]
    assert [row["severity"] for row in rows] == ["critical", "medium"]
    assert all(row.keys() >= KEYS for row in rows)
    assert rows[1]["title"]["message"][0] == "{what}, on {host}"
    assert rows[1]["title"]["text"].endswith(", op nas")
    assert {"kind": "account", "value": "anne", "role": "actor"} in rows[0]["entities"]
    assert run(data, "show", "1", "--json", "--lang", "de") == Exit.DONE
    [row] = [json.loads(line) for line in told(capsys).splitlines()]
    assert row.keys() >= KEYS | {"evidence", "joined", "reasons"}
    assert [each["what"]["text"] for each in row["timeline"]][-1] == "der Vorfall wurde eröffnet"


def test_one_incident_is_a_page_without_what_an_attacker_wrote_for_a_terminal(
    data: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(data, "show", "1", "--lang", "fr") == Exit.DONE
    out = told(capsys)
    assert "Compte qui a agi : anne" in out.replace("\u202f", " ").replace("\u00a0", " ")
    assert "\x1b" not in out
    assert "C:\\�[31m.exe" in out


def test_it_is_taken_said_something_of_closed_and_opened_again(data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for arguments in (
        ("take", "1"),
        ("comment", "1", "C'est Anne"),
        ("close", "1", "--as", "exercise"),
        ("reopen", "1"),
    ):
        assert run(data, *arguments, "--lang", "en") == Exit.DONE
    assert told(capsys).splitlines() == [
        "Incident 1 is yours.", "Noted with incident 1.", "Incident 1 is closed.", "Incident 1 is open again.",
    ]  # fmt: skip
    assert run(data, "show", "1", "--lang", "en") == Exit.DONE
    out = told(capsys)
    assert "comment: C'est Anne" in out
    assert "closed as an exercise" in out


def test_incidents_are_put_together_and_taken_apart(data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(data, "merge", "1", "2", "--lang", "en") == Exit.DONE
    assert run(data, "split", "1", "3", "--lang", "en") == Exit.DONE
    assert told(capsys).splitlines() == ["Incident 2 is part of incident 1 now.", "They are incident 3 now."]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("show", "9"), "There is no incident 9"),
        (("split", "1", "3"), "has no match 3"),
        (("merge", "1", "1"), "cannot be put together"),
    ],
)
def test_what_cannot_be_done_ends_with_a_sentence(
    data: Path, capsys: pytest.CaptureFixture[str], arguments: tuple[str, ...], said: str
) -> None:
    assert run(data, *arguments, "--lang", "en") == Exit.ERROR
    assert said in capsys.readouterr().err


def test_a_house_where_nothing_happened_says_so(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(tmp_path / "data", "--lang", "en") == Exit.DONE
    assert told(capsys) == "There is no incident.\n"


@pytest.fixture
def grave(tmp_path: Path) -> Path:
    """A house where files are being made unreadable, seen by a rule of the house's own, with a name in it that an attacker chose."""
    with Store.open(tmp_path / "data") as store:
        keep(
            store,
            {"rule": "own", "level": 4, "title": "Disk on fire", "tags": ["attack.t1486", "beffroi.files-encrypted"], "host": "srv-soins",
             "User": "anne", "LogonId": "0x1", "Image": "C:\\Users\\anne\\'; rm -rf.exe",
             "says": {"fr": "C'est le disque {D} des plans de soins.", "en": "It is disk {D} with the care plans."}},
            {"rule": "nas", "level": 3, "title": "Renamed", "host": "srv-soins", "User": "anne", "LogonId": "0x1", "logsource": "samba/*/full_audit"},
        )  # fmt: skip
        Raiser(store).catch_up()
    return tmp_path / "data"


def test_it_says_what_happened_then_why_then_what_to_do_then_whom_to_call_and_only_then_what_is_technical(
    grave: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(grave, "show", "1", "--lang", "en") == Exit.DONE
    out = told(capsys)
    places = [
        out.index(each)
        for each in (
            "It is disk {D} with the care plans.\nOn srv-soins, with the account anne, files are being made unreadable one after another.",
            "Why it matters:",
            "What you do now:\n  1. Nurse in charge: Take srv-soins off the network now; if you cannot, switch off the network cabinet.\n  2. Nurse",
            "  3. IT provider: ",
            "Whom to call:\n  · Call your IT provider now, at any hour.\n  · Police: dial 101",
            "What to tell nobody until then:",
            "What Beffroi did:\n  ",
            "Technical part, for the IT provider",
            "Course:",
            "ATT&CK: T1486",
        )
    ]
    assert places == sorted(places)
    assert "Disable-ADAccount" not in out


def test_json_tells_the_situation_the_steps_and_the_technical_part_in_the_language_asked_for(
    grave: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(grave, "show", "1", "--json", "--lang", "fr") == Exit.DONE
    row = json.loads(told(capsys))
    assert row["situation"] == "files-encrypted"
    assert row["says"] == "C'est le disque {D} des plans de soins."
    assert [step["role"] for step in row["steps"]] == ["nurse", "nurse", "provider"]
    assert all(step["who"] and step["text"] for step in row["steps"])
    assert row["why"]["text"]
    assert row["silent"]["text"]
    assert len(row["call"]) == 4
    assert [each["what"]["message"][0] for each in row["did"]] == ["the incident was opened"]
    assert {each["kind"] for each in row["technical"]["commands"]} == {"windows", "samba"}
    assert [rule["id"] for rule in row["technical"]["rules"]] == ["own", "nas"]
    assert [each["link"] for each in row["technical"]["techniques"]] == ["https://attack.mitre.org/techniques/T1486/"]
    assert run(grave, "show", "1", "--json", "--lang", "nl") == Exit.DONE
    assert json.loads(told(capsys))["says"] == "C'est le disque {D} des plans de soins."


def test_the_technical_part_is_unfolded_where_it_is_asked_for(grave: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(grave, "show", "1", "--technical", "--lang", "en") == Exit.DONE
    out = told(capsys)
    assert "    Get-SmbSession | Where-Object ClientUserName -like ('*\\' + 'anne') | Close-SmbSession -Force" in out
    assert "    sudo smbpasswd -d anne" in out
    assert "    sudo smbcontrol smbd kill-client-ip '<ADDRESS>'" in out
    assert "Disk on fire: very severe, own" in out
    assert "T1486 Data Encrypted for Impact (Impact)\n  https://attack.mitre.org/techniques/T1486/" in out
