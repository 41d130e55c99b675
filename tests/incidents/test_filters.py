"""Filters as they are written: exact whatever an attacker wrote, the same for every tool, never wider than was meant."""

from typing import Any
from zoneinfo import ZoneInfo

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from beffroi.core.errors import UsageError
from beffroi.core.model import Fault, Fields, LogSource
from beffroi.detect.matcher import Matcher
from beffroi.detect.values import text_of
from beffroi.incidents.filters import CUT, Match, choose, escaped, written
from beffroi.incidents.normal import compiled, read
from beffroi.rules.parse import documents, translated

RULE = "11111111-2222-4333-8444-000000000001"
WINDOWS = LogSource("windows", "process_creation", None)

TRICKS = (
    "*", "?", "\\", "\\\\", "\\*", "\\\\?", "C:\\Windows\\", "\\\\serveur\\partage$", "a*b?c\\*d\\\\", "'", '"', "''", "'; drop", "null",
    "yes", "1e3", "0x1f", "2026-11-25", "<<", "=", "- a", "a: b", "a #b", "&a", "*a", "!!python/object/apply:os.system [id]", "|", "> x",
    "%Administrators%", "{a}", "[a]", "\x00", "\x1b[2J", "\x7f", "\x85", "\u2028", "\ufeff", "\ufffe", "é\r\nb", "a\nb", "\ta", " a ", "---", "...",
    "not selection", "selection", "İ", "ß", "😀", "\\" * 7 + "*", "a" * 300,
)  # fmt: skip

texts = st.one_of(st.sampled_from(TRICKS), st.text(st.characters(exclude_categories=["Cs"]), max_size=30))
values = st.one_of(
    texts,
    st.integers(-(2**40), 2**40),
    st.booleans(),
    st.lists(texts, max_size=4),
    st.none(),
    st.floats(allow_nan=False),
)


def match(
    fields: Fields, rule: str = RULE, title: str = "Shadow copies are deleted", logsource: LogSource = WINDOWS
) -> Match:
    return Match(rule, title, logsource, fields)


def filter_of(fields: Fields, *names: str) -> str:
    found = match(fields)
    return written(found, choose(found, names or tuple(fields)))


def other(text: str) -> str:
    return "x" if text.lower() != "x" else "y"


@pytest.mark.slow
@given(
    st.dictionaries(
        st.sampled_from(["User", "Image", "CommandLine", "cs-uri-query", "on", "New Value"]), values, min_size=1
    )
)
@settings(max_examples=400, deadline=None)
def test_a_filter_holds_for_what_it_was_made_from_and_for_nothing_else(fields: dict[str, Any]) -> None:
    usable = {name: value for name, value in fields.items() if "".join(_texts(value)).strip() not in ("", "-", "N/A")}
    if not usable:
        with pytest.raises(UsageError):
            choose(match(fields))
        return
    holds = compiled(filter_of(usable))
    assert holds(fields)
    assert holds(fields | {"more": "x"})
    for name, value in usable.items():
        assert not holds({each: its for each, its in usable.items() if each != name})
        assert not holds(usable | {name: ""})
        first = _texts(value)[0]
        assert not holds(usable | {name: f"{first}x"})
        assert not holds(usable | {name: f"x{first}"})
        assert not holds(usable | {name: other(first)})


def _texts(value: Any) -> tuple[str, ...]:
    text = text_of(value)
    return text if isinstance(text, tuple) else (text or "",)


@pytest.mark.parametrize("trick", TRICKS)
def test_every_trick_is_just_its_text(trick: str) -> None:
    fields = {"CommandLine": f"a{trick}z"}
    holds = compiled(filter_of(fields))
    assert holds(fields)
    assert holds({"CommandLine": f"A{trick}Z"})  # Sigma's comparison is caseless
    for wider in ("az", "aXz", "aXXz", f"a{trick * 2}z", "a\\z", f"a{trick}", trick):
        assert holds({"CommandLine": wider}) == (wider.lower() == f"a{trick}z".lower())


EVENT = {"Channel": "Microsoft-Windows-Sysmon/Operational", "EventID": 1, "Image": "C:\\vssadmin.exe"}
TEXT = f"""
title: Shadow copies are deleted
id: {RULE}
logsource: {{product: windows, category: process_creation}}
detection:
    selection: {{Image|endswith: 'vssadmin.exe'}}
    condition: selection
"""


@given(texts, texts)
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_a_rule_with_its_filter_loaded_beside_it_is_hidden_exactly_where_the_filter_holds(
    said: str, else_: str
) -> None:
    """The document is Sigma: put beside the rules it does what it does here."""
    fields: Fields = EVENT | {"CommandLine": f"a{said}", "User": ["x*", "y"]}
    text = filter_of(fields, "CommandLine", "User")
    faults: list[Fault] = []
    found = [*documents("rule.yml", TEXT.encode(), faults), *documents("filter.yml", text.encode(), faults)]
    rules, _ = translated(found, {}, faults)
    assert (faults, len(found), len(rules)) == ([], 2, 1)
    events = [
        fields, fields | {"CommandLine": f"a{else_}"}, fields | {"User": "x*"}, fields | {"CommandLine": ["b", f"a{said}"]}, EVENT,
    ]  # fmt: skip
    matched = {
        each.place for each in Matcher(rules, ZoneInfo("UTC")).match([(n, each, None) for n, each in enumerate(events)])
    }
    assert matched == {place for place, each in enumerate(events) if not compiled(text)(each)}
    assert 0 not in matched


def test_what_was_cut_when_it_was_kept_is_known_by_its_beginning() -> None:
    long = "\\*" * CUT
    holds = compiled(filter_of({"CommandLine": long[:CUT], "User": ["a" * CUT, "b"]}))
    assert holds({"CommandLine": long, "User": ["b", "a" * (CUT + 5)]})
    assert not holds({"CommandLine": "x" + long, "User": ["b", "a" * (CUT + 5)]})


def test_it_is_a_document_that_any_tool_of_sigma_reads() -> None:
    text = filter_of({"CommandLine": "vssadmin delete shadows", "EventID": 1})
    body = yaml.safe_load(text)
    assert body["title"] == "Normal: Shadow copies are deleted"
    assert body["logsource"] == {"product": "windows"}
    assert body["filter"] == {
        "rules": [RULE], "selection": {"CommandLine": "vssadmin delete shadows", "EventID": 1}, "condition": "not selection",
    }  # fmt: skip
    assert text == filter_of({"CommandLine": "vssadmin delete shadows", "EventID": 1})
    assert body["id"] != yaml.safe_load(filter_of({"CommandLine": "vssadmin delete shadows"}))["id"]


@pytest.mark.parametrize(
    ("rule", "title"),
    [("x: y\n- '", 'a\n"b": {c}\x00'), ("*", "Normal: " * 60), ("!!int 3", "%YAML 1.1\n---\nfilter: null")],
)
def test_a_rules_own_id_and_title_break_nothing(rule: str, title: str) -> None:
    found = match({"User": "anne"}, rule, title, LogSource("a: b", "*", "\\"))
    kept = read(written(found, choose(found)))
    assert (kept.rule, kept.selection) == (rule, {"User": "anne"})


def test_left_alone_it_names_who_where_and_what_each_once() -> None:
    fields = {
        "EventID": 4688, "Computer": "PC-1", "NewProcessName": "C:\\a.exe", "Image": "C:\\a.exe", "User": "TILLEULS\\anne", "SubjectUserName": "anne",
        "CommandLine": "a.exe /x", "ProcessId": 77, "IpAddress": "-", "LogonId": "0x3e7", "ParentImage": "",
    }  # fmt: skip
    chosen = choose(match(fields))
    assert list(chosen) == ["Computer", "User", "SubjectUserName", "Image", "CommandLine"]


def test_a_source_with_fields_of_its_own_is_known_by_those() -> None:
    assert choose(match({"eventName": "DeleteTrail", "EventID": 3, "arn": "a"})) == {
        "eventName": "DeleteTrail",
        "arn": "a",
    }


@pytest.mark.parametrize(
    ("fields", "names", "said"),
    [
        ({}, (), "says nothing by which"),
        ({"User": None, "Image": "", "IpAddress": "-", "List": []}, (), "says nothing by which"),
        ({"EventID": 4625, "User": "anne"}, ("EventID",), "nearly everything"),
        ({"EventID": 4625, "LogonType": 3}, (), "nearly everything"),
        ({"User": "anne"}, ("Users",), "nothing in the field Users; there are: User"),
        ({"User": "anne", "IpAddress": "-"}, ("User", "IpAddress"), "nothing in the field IpAddress"),
    ],
)
def test_what_would_hide_everything_is_refused(fields: Fields, names: tuple[str, ...], said: str) -> None:
    with pytest.raises(UsageError, match=said):
        choose(match(fields), names)


@pytest.mark.parametrize(
    ("plain", "sigma"),
    [("C:\\a\\b", "C:\\a\\b"), ("\\\\srv\\x", "\\\\\\\\srv\\x"), ("a*", "a\\*"), ("a\\*", "a\\\\\\*"), ("a\\", "a\\"), ("\\\\", "\\\\\\\\")],
)  # fmt: skip
def test_backslashes_stay_readable_where_they_may(plain: str, sigma: str) -> None:
    assert escaped(plain) == sigma
