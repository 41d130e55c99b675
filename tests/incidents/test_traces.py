"""What an event leaves of who did it."""

from typing import Any

import pytest

from beffroi.detect.logsources import viewed
from beffroi.incidents.traces import Entity, account_name, common_hand, hand_of, host_name, traces_of, traces_of_firing

PROCESS = {
    "EventID": 1, "Computer": "PC-Accueil.maison.local", "User": "MAISON\\Anne", "LogonId": "0x3f2a1",
    "ProcessGuid": "{c1a2b3d4-0000-0000-0000-000000000001}", "Image": "C:\\Users\\anne\\evil.exe",
    "ParentProcessGuid": "{c1a2b3d4-0000-0000-0000-000000000002}", "ParentImage": "C:\\Windows\\explorer.exe",
    "CommandLine": "evil.exe /go", "Hashes": "SHA1=00,MD5=11,SHA256=ABCDEF,IMPHASH=22",
}  # fmt: skip


def ties(fields: dict[str, Any], host: str | None = "pc") -> set[tuple[str, str]]:
    return {(each.kind, each.value) for each in traces_of(host, fields).ties}


def test_a_process_ties_by_itself_its_parent_its_session_and_its_file() -> None:
    assert ties(PROCESS | {"ParentImage": "C:\\Windows\\System32\\cmd.exe"}) == {
        ("process", "pc {c1a2b3d4-0000-0000-0000-000000000001}"),
        ("process", "pc {c1a2b3d4-0000-0000-0000-000000000002}"),
        ("session", "pc 0x3f2a1"),
        ("program", "abcdef"),
    }


AUDITED = {
    "EventID": 4688, "NewProcessId": "0x1b58", "NewProcessName": "C:\\Windows\\System32\\vssadmin.exe", "ProcessId": "0x5c",
    "ParentProcessName": "C:\\Windows\\System32\\cmd.exe", "SubjectLogonId": "0x3e7",
}  # fmt: skip


def test_an_audited_process_ties_by_its_number_and_its_parents_also_where_rules_see_it_as_sysmons() -> None:
    both = {("process number", "pc 0x1b58"), ("process number", "pc 0x5c")}
    assert ties(AUDITED) == both
    assert ties(dict(viewed("process_4688", AUDITED))) == both
    desktop = AUDITED | {"ParentProcessName": "C:\\Windows\\explorer.exe"}
    assert ties(dict(viewed("process_4688", desktop))) == {("process number", "pc 0x1b58")}


def test_a_firing_is_of_the_hand_that_all_its_events_show() -> None:
    first = hand_of("PC-Accueil.maison.local", PROCESS)
    again = hand_of("pc-accueil", PROCESS | {"ProcessGuid": "{7}"})
    assert first == ("PC-Accueil.maison.local", "anne", None, "pc-accueil 0x3f2a1")
    traces = traces_of_firing({"Computer": "pc-accueil"}, common_hand([first, again]))
    assert Entity("account", "anne", "actor") in traces.entities
    assert Entity("host", "pc-accueil", "target") in traces.entities
    assert {(each.kind, each.value) for each in traces.ties} == {("session", "pc-accueil 0x3f2a1")}


def test_events_of_two_hands_make_a_firing_nobodys() -> None:
    anne = hand_of("pc", PROCESS)
    bert = hand_of("pc", PROCESS | {"User": "MAISON\\Bert.X", "LogonId": "0x77"})
    beth = hand_of("server", {"EventID": 4624, "TargetUserName": "bert.y", "IpAddress": "203.0.113.9"})
    assert traces_of_firing({}, common_hand([anne, bert])) == traces_of("pc", {})
    assert common_hand([bert, beth]) == common_hand([]) == (None, None, None, None)


def test_who_signed_in_after_tries_that_name_nobody_is_whose_the_firing_is() -> None:
    tried = ("nas", None, "203.0.113.9", None)
    came_in, another = ("nas", "anne", "203.0.113.9", None), ("nas", "bert", "203.0.113.9", None)
    assert common_hand([tried, tried, came_in]) == came_in
    assert common_hand([tried, came_in, another]) == tried


def test_a_person_whose_program_defender_found_is_named() -> None:
    found = traces_of("pc", {"EventID": 1116, "Detection User": "MAISON\\anne", "Threat Name": "Worm"})
    assert Entity("account", "anne", "actor") in found.entities


def test_a_refused_sign_in_let_nobody_in() -> None:
    assert traces_of("pc", {"EventID": 4625, "TargetUserName": "anne"}).refused
    assert traces_of("nas", {"outcome": "failure", "username": "anne"}).refused
    assert not traces_of("pc", {"EventID": 4624, "TargetUserName": "anne"}).refused


def test_what_starts_everything_ties_nothing() -> None:
    assert not {each for each in ties(PROCESS) if each[1].endswith("2}")}  # the parent is the desktop
    assert ties(PROCESS | {"LogonId": "0x3e7"}) == ties(PROCESS) - {("session", "pc 0x3f2a1")}
    installed = PROCESS | {"Image": "C:\\Windows\\System32\\whoami.exe"}
    assert ("program", "abcdef") not in ties(installed)


def test_a_session_is_the_same_written_in_decimal_or_not() -> None:
    assert ties({"SubjectLogonId": 258721}) == ties({"TargetLogonId": "0x3f2a1"}) == {("session", "pc 0x3f2a1")}


def test_without_a_machine_only_addresses_tie() -> None:
    assert ties(PROCESS | {"src_ip": "203.0.113.9"} | {"Computer": None}, None) == {("address", "203.0.113.9")}


@pytest.mark.parametrize("text", ["127.0.0.1", "::1", "fe80::1", "-", "LOCAL", "0.0.0.0", "not an address", ""])
def test_no_guest_came_from_the_machine_itself(text: str) -> None:
    assert not ties({"EventID": 4624, "IpAddress": text})


def test_an_address_is_one_however_it_is_written() -> None:
    assert ties({"IpAddress": "::ffff:203.0.113.9"}) == ties({"src_ip": "203.0.113.9"}) == {("address", "203.0.113.9")}


def test_who_is_tried_did_nothing_and_who_came_in_did() -> None:
    def accounts(**fields: Any) -> set[tuple[str, str]]:
        return {(e.value, e.role) for e in traces_of("pc", fields).entities if e.kind == "account"}

    assert accounts(EventID=4625, TargetUserName="anne", IpAddress="203.0.113.9") == {("anne", "target")}
    assert accounts(EventID=4624, TargetUserName="anne", IpAddress="203.0.113.9") == {("anne", "actor")}
    assert accounts(outcome="failure", username="anne") == {("anne", "target")}
    assert accounts(outcome="success", username="anne@maison.be") == {("anne", "actor")}
    assert accounts(EventID=4732, SubjectUserName="admin", MemberName="anne") == {
        ("admin", "actor"),
        ("anne", "target"),
    }


@pytest.mark.parametrize("name", ["SYSTEM", "AUTORITE NT\\Système", "PC-1$", "DWM-3", "LOCAL SERVICE", "-", "", None])
def test_the_system_is_nobody(name: str | None) -> None:
    assert account_name(name) is None


def test_a_machine_is_one_with_and_without_its_domain_and_an_address_stays_whole() -> None:
    assert host_name("PC-1.maison.local") == host_name("pc-1") == "pc-1"
    assert host_name("192.168.1.20") == "192.168.1.20"
    assert host_name(None) == host_name("") == ""


def test_wiping_the_log_and_coming_from_itself_name_no_attacker() -> None:
    assert traces_of("pc", {"EventID": 1102, "SubjectUserName": "anne"}).loose
    assert traces_of("pc", {}, ["attack.t1070.001"]).loose
    assert traces_of("pc", {"EventID": 4624, "IpAddress": "127.0.0.1"}).loose
    assert not traces_of("pc", {"EventID": 4624, "IpAddress": "203.0.113.9"}).loose


def test_the_very_same_deed_is_known_again_and_another_is_not() -> None:
    def detail(**fields: Any) -> str:
        return traces_of("pc", fields).detail

    assert detail(Image="C:\\a.exe", CommandLine="a /1") == detail(Image="c:\\A.EXE", CommandLine="A /1") != ""
    assert detail(Image="C:\\a.exe", CommandLine="a /1") != detail(Image="C:\\a.exe", CommandLine="a /2")
    assert detail(EventID=1) == ""


def test_what_an_attacker_writes_is_bounded_and_never_fails() -> None:
    hostile = dict.fromkeys(
        ("User", "Image", "LogonId", "src_ip", "TargetFilename", "Hashes", "session_id"), "x" * 100000
    )
    traces = traces_of("h" * 100_000, hostile)
    assert all(len(each.value) <= 600 for each in traces.entities)
    assert all(len(each.value) <= 600 for each in traces.ties)
    odd: dict[str, Any] = {
        "User": ["a", "b"],
        "LogonId": True,
        "ProcessGuid": 7,
        "EventID": "1 OR 1",
        "Image": None,
        "src_ip": 5,
    }
    assert traces_of("pc", odd).entities[0] == Entity("host", "pc", "target")
