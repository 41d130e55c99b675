"""Matches as a person reads them: by machine, then by what the attacker was after, in the order of time."""

import io
from typing import Any

import orjson
import pytest
from rich.console import Console

from beffroi.core.wording import words
from beffroi.hunting import report as reporting
from beffroi.hunting.report import Report
from beffroi.hunting.spill import SortedSpill


def match(**more: Any) -> bytes:
    line = {
        "time": "2026-11-23T02:14:00.5Z",
        "rule_id": "11111111-1111-4111-8111-111111111111",
        "rule": "Somebody asks who they are",
        "level": "medium",
        "tags": ["attack.discovery", "attack.t1033"],
        "host": "PC-ACCUEIL",
        "file": "night/a.evtx",
        "record_id": 7,
        "logsource": {"product": "windows", "category": None, "service": None},
        "fields": {"EventID": 1, "CommandLine": "whoami /all"},
    }
    return orjson.dumps(line | more)


def shown(*lines: bytes, width: int = 100, language: str = "en") -> list[str]:
    out = io.StringIO()
    report = Report(Console(file=out, width=width, highlight=False, force_terminal=False), words(language), language)
    for line in lines:
        report.add(line)
    report.show()
    return out.getvalue().splitlines()


def test_matches_stand_under_their_machine_and_tactic_in_the_order_of_time() -> None:
    assert shown(
        match(host="PC-2", time="2026-11-23T02:15:00Z"),
        match(time="2026-11-23T03:00:00Z", rule="A log was cleared", tags=["attack.defense-impairment"], level="high"),
        match(time="2026-11-23T02:20:00Z", rule="Second"),
        match(time="2026-11-23T02:10:00Z", rule="First"),
        match(host=None, time=None, tags=[], fields={}, rule="Nobody"),
    ) == [
        "",
        "machine not named",
        "  no tactic named",
        "    without time          medium   Nobody",
        "      a.evtx #7",
        "",
        "PC-2",
        "  Discovery",
        "    2026-11-23 02:15:00   medium   Somebody asks who they are",
        "      a.evtx #7  CommandLine=whoami /all",
        "",
        "PC-ACCUEIL",
        "  Defense Impairment",
        "    2026-11-23 03:00:00   high   A log was cleared",
        "      a.evtx #7  CommandLine=whoami /all",
        "  Discovery",
        "    2026-11-23 02:10:00   medium   First",
        "      a.evtx #7  CommandLine=whoami /all",
        "    2026-11-23 02:20:00   medium   Second",
        "      a.evtx #7  CommandLine=whoami /all",
    ]


def test_fractions_of_a_second_are_in_order_too() -> None:
    rows = shown(
        match(time="2026-11-23T02:14:00.5Z", rule="second"), match(time="2026-11-23T02:14:00Z", rule="first"),
        match(time="2026-11-23T02:14:00.25Z", rule="between"),
    )  # fmt: skip
    assert [row.split()[-1] for row in rows if row.startswith("    2026")] == ["first", "between", "second"]


def test_of_several_tactics_the_furthest_counts() -> None:
    rows = shown(match(tags=["attack.impact", "attack.execution", "attack.t1486", "cve.2026-1"]))
    assert rows[2] == "  Impact"


def test_a_correlation_shows_how_many_events_and_where_they_begin_and_end() -> None:
    events = [
        {"file": "n/a.evtx", "record_id": number, "time": "2026-11-23T02:14:00Z", "rule_id": "x"}
        for number in (3, 4, 5)
    ]
    rows = shown(match(file=None, record_id=None, events=events, total=3, fields={"TargetUserName": "odette"}))
    assert rows[-1] == "      3 × a.evtx #3 … #5  TargetUserName=odette"


def test_a_long_value_is_cut_and_a_line_never_wraps() -> None:
    rows = shown(match(fields={"CommandLine": "x" * 5_000, "Image": "y" * 5_000, "A": "b\nc"}), width=80)
    assert len(rows) == 5
    assert all(len(row) <= 80 for row in rows)
    assert shown(match(fields={"A": "b\n\t c"}))[-1] == "      a.evtx #7  A=b c"


@pytest.mark.parametrize("field", ["host", "rule", "file", "fields"])
def test_no_control_character_reaches_the_terminal(field: str) -> None:
    evil = "a\x1b]0;owned\x07\x1b[2J\x9b31m\u202eexe.txt\x00\r\x08"
    rows = shown(match(**{field: {"CommandLine": evil, evil: "x"} if field == "fields" else evil}))
    assert all(row.isprintable() for row in rows)
    assert "owned" in "".join(rows)


def test_markup_in_a_value_is_text() -> None:
    assert shown(match(fields={"A": "[bold red]x[/]"}, host="[link=x]y"))[1] == "[link=x]y"


def test_it_speaks_the_language_asked_for() -> None:
    assert shown(match(host=None), language="fr")[1] == words("fr")("machine not named") != "machine not named"


def test_a_title_of_the_pack_is_said_in_the_language_and_any_other_stays() -> None:
    rows = shown(match(rule="Event log cleared"), match(rule="Whoami run as SYSTEM"), language="fr")
    assert any(row.endswith("Journal d’événements effacé") for row in rows)
    assert any(row.endswith("Whoami run as SYSTEM") for row in rows)


def test_more_matches_than_memory_holds_are_shown_all(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reporting, "SortedSpill", lambda: SortedSpill(in_memory=2_000))
    lines = [match(time=f"2026-11-23T02:14:{59 - second:02d}Z", rule=f"rule {second}") for second in range(60)]
    rows = [row for row in shown(*lines) if row.startswith("    2026")]
    assert [row.split()[-1] for row in rows] == [str(second) for second in reversed(range(60))]


def test_tabs_newlines_and_lone_surrogates_in_a_machines_name_do_no_harm() -> None:
    rows = shown(match(host="PC\t1\n2"), match(host="PC\t1\n3"))
    assert len([row for row in rows if row.startswith("PC")]) == 2


def test_a_title_longer_than_the_terminal_goes_on_below_and_the_place_is_never_cut_off() -> None:
    told = shown(match(rule="Somebody asks who they are, again and again", fields={"A": "x" * 90}), width=60)
    assert told[3:] == [
        "    2026-11-23 02:14:00   medium   Somebody asks who they",
        "                                   are, again and again",
        "      a.evtx #7  A=" + "x" * 40 + "…",
    ]
