"""What the IT provider is given: commands that do what they say with any name an attacker chose, and links that lead somewhere."""

import shlex
from typing import Any

import pytest

from beffroi.core.attack import RETIRED, TECHNIQUES
from beffroi.core.situations import SITUATIONS
from beffroi.incidents.commands import _TOPIC_OF, KINDS, commands
from beffroi.incidents.judging import Facts, RuleSeen
from beffroi.incidents.technical import link_of, technical
from beffroi.incidents.traces import Entity

KNOWN = {"machine": "pc-accueil", "account": "k.lambert", "address": "203.0.113.7"}

HOSTILE = [
    "anne; rm -rf /", "anne'; Remove-Item C:\\ -Recurse; '", "$(reboot)", "`reboot`", "anne\nreboot", '"; end; config', "-rf", "--help", "a b",
    "anne|reboot", "<MACHINE>", "%COMSPEC%", "’; reboot", "анна", "x" * 80, "", "$env:USERNAME", "a&b", "@anne", "#", "a\\b",
]  # fmt: skip


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("situation", SITUATIONS)
def test_there_is_something_to_check_for_every_situation_on_every_kind_of_source(situation: str, kind: str) -> None:
    found = commands(situation, kind, KNOWN)
    assert found.check
    assert not any(
        place in each for each in (*found.check, *found.repair) for place in ("<MACHINE>", "<ACCOUNT>", "<ADDRESS>")
    )


def test_every_situation_has_its_topic() -> None:
    assert set(_TOPIC_OF) == set(SITUATIONS)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("value", HOSTILE)
def test_what_is_not_plainly_a_name_stands_in_no_command(value: str, kind: str) -> None:
    for situation in SITUATIONS:
        bare = commands(situation, kind, {})
        assert commands(situation, kind, dict.fromkeys(KNOWN, value)) == bare


@pytest.mark.parametrize("address", ["203.0.113.7", "2001:db8::7"])
def test_an_address_is_one_and_nothing_else(address: str) -> None:
    block = commands("password-guessing", "linux", {"address": address}).repair[-1]
    assert shlex.split(block) == ["sudo", "ip", "route", "add", "blackhole", address]
    assert "<ADDRESS>" in commands("password-guessing", "linux", {"address": address + "/8"}).repair[-1]


def test_each_shell_has_its_own_quotes() -> None:
    assert "Disable-ADAccount -Identity 'k.lambert'" in commands("password-guessed", "windows", KNOWN).repair
    assert "sudo pkill -KILL -u k.lambert" in commands("password-guessed", "linux", KNOWN).repair
    assert "sudo smbpasswd -d k.lambert" in commands("files-encrypted", "samba", KNOWN).repair
    assert 'edit "k.lambert"' in commands("password-guessed", "fortigate", KNOWN).repair[1]


def test_a_place_that_is_left_is_one_word_for_the_shell() -> None:
    for situation in SITUATIONS:
        for kind in ("linux", "samba"):
            for each in (*commands(situation, kind, {}).check, *commands(situation, kind, {}).repair):
                assert "<" not in " ".join(word for word in shlex.split(each) if not word.startswith("<"))
                assert "<ACCOUNT>" not in each.replace("'<ACCOUNT>'", "")


def facts(*tags: str) -> Facts:
    return Facts(count=3, first=1, last=9, rules={"r": RuleSeen("Rule r", 3, list(tags), 3, 1, 9)})


def part(products: set[str], entities: list[Entity], techniques: list[str] | None = None) -> dict[str, Any]:
    return technical(
        facts("attack.t1110"), "password-guessed", entities, techniques or [], {"r": {"EventID": 4625}}, products
    )


def test_it_names_the_rules_with_the_fields_of_one_match() -> None:
    [rule] = part({"windows"}, [])["rules"]
    assert (rule["id"], rule["level"], rule["count"], rule["fields"]) == ("r", "high", 3, {"EventID": 4625})


def test_commands_are_of_the_kinds_of_sources_that_saw_it() -> None:
    assert [each["kind"] for each in part({"synology", "windows", "*"}, [])["commands"]] == ["windows", "samba"]
    assert part({"*", "zyxel"}, [])["commands"] == []


def test_commands_are_about_the_account_that_acted() -> None:
    target, actor = Entity("account", "root", "target"), Entity("account", "k.lambert", "actor")
    [linux] = part({"linux"}, [target, actor])["commands"]
    assert "sudo usermod --lock --expiredate 1 k.lambert" in linux["repair"]


def test_links_lead_to_the_pages_of_attack() -> None:
    assert link_of("T1110.003") == "https://attack.mitre.org/techniques/T1110/003/"
    assert link_of("T1562.001") == "https://attack.mitre.org/techniques/T1685/"
    assert link_of("T1110.003/../evil") is None
    assert all(link_of(number) for number in (*TECHNIQUES, *RETIRED))
    [technique, unknown] = part(set(), [], ["T1486", "T9999"])["techniques"]
    assert technique == {
        "id": "T1486", "name": "Data Encrypted for Impact", "tactics": ["Impact"], "link": "https://attack.mitre.org/techniques/T1486/",
    }  # fmt: skip
    assert (unknown["name"], unknown["tactics"]) == ("T9999", [])
    [renumbered] = part(set(), [], ["T1562.001"])["techniques"]
    assert (renumbered["id"], renumbered["name"]) == ("T1685", "Disable or Modify Tools")
