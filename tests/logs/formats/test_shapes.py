"""All shapes give the same fields on the same events."""

import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import orjson
import pytest
from evtx import PyEvtxParser

from beffroi.core.model import Event, Fields
from beffroi.logs.formats import eventxml, evtx, jsonlines
from tests.logs.formats import convert
from tests.logs.formats.reading import compared, read
from tests.logs.formats.samples import event

RECORDINGS = [
    "UACME_59_Sysmon.evtx",
    "Credential Access/MSSQL_multiple_failed_logon_EventID_18456.evtx",  # unnamed Data
    "Credential Access/ACL_ForcePwd_SPNAdd_User_Computer_Accounts.evtx",  # line ends in values
    "Credential Access/Zerologon_CVE-2020-1472_DFIR_System_NetLogon_Error_EventID_5805.evtx",  # UserData with a Channel
    "Persistence/Persistence_Shime_Microsoft-Windows-Application-Experience_Program-Telemetry_500.evtx",  # UserData
    "Command and Control/DE_RDP_Tunneling_TerminalServices-RemoteConnectionManagerOperational_1149.evtx",
    "Credential Access/LsassSilentProcessExit_process_exit_monitor_3001_lsass.evtx",  # EventData with attributes
]

Objects = list[dict[str, Any]]


def lines(events: list[dict[str, Any]]) -> bytes:
    return b"".join(convert.line(event) for event in events)


SHAPES: dict[str, Callable[[Objects], bytes]] = {
    "evtx-dump lines": lines,
    "evtx-dump pretty": lambda events: b"".join(
        b"Record %d\n" % place + orjson.dumps(event, option=orjson.OPT_INDENT_2) + b"\n"
        for place, event in enumerate(events)
    ),
    "array": orjson.dumps,
    "flat": lambda events: lines([convert.to_flat(event) for event in events]),
    "Winlogbeat": lambda events: lines([convert.to_winlogbeat(event) for event in events]),
    "Winlogbeat dotted": lambda events: lines([convert.to_winlogbeat(event, dotted=True) for event in events]),
    "NXLog": lambda events: lines([convert.to_nxlog(event) for event in events]),
    "Fluent Bit": lambda events: lines([convert.to_fluentbit(event) for event in events]),
    "XML lines": lambda events: "\r\n".join(convert.to_xml(event) for event in events).encode(),
    "XML document": lambda events: ("<Events>" + "".join(map(convert.to_xml, events)) + "</Events>").encode(),
    "XML in UTF-16": lambda events: "\n".join(map(convert.to_xml, events)).encode("utf-16"),
}


def as_sent_by_winlogbeat(fields: Fields) -> Fields:
    """What is left of an event's fields after Winlogbeat: see the table in windows.py."""
    left: Fields = {}
    for name, value in fields.items():
        if name not in ("Task", "Opcode", "Keywords", "Version", "Level"):
            parts = value if isinstance(value, list) else [value]
            sent = [part.replace("\r\n", "\n").rstrip("\n") for part in parts]
            while sent and not sent[-1]:  # empty ones at the end leave no trace
                sent.pop()
            left[name] = sent[0] if len(sent) == 1 else sent
    return {name: value for name, value in left.items() if value}


def without_level(fields: Fields) -> Fields:
    return {name: value for name, value in fields.items() if name != "Level" or value not in ("0", "4")}


def readable(fields: Fields) -> Fields:
    """XML has no place for most control characters."""
    return {
        name: value
        if isinstance(value, list)
        else "".join("\ufffd" if sign < " " and sign not in "\t\r\n" else sign for sign in value)
        for name, value in fields.items()
    }


def same(shape: str, ours: list[Event], theirs: list[Event]) -> None:
    assert [number for number, _, _ in ours] == [number for number, _, _ in theirs]
    for (_, left, _), (_, right, _) in zip(ours, theirs, strict=True):
        expected, found = compared(left), compared(right)
        if shape.startswith("Winlogbeat"):
            expected, found = as_sent_by_winlogbeat(expected), as_sent_by_winlogbeat(found)
            if "param1" in found:  # a provider with a GUID: told both ways
                added = set(found) - set(expected)
                assert added <= {"Data", *(name for name in found if name.startswith("param"))}
                found = {name: value for name, value in found.items() if name not in added}
        elif shape == "NXLog":
            expected, found = without_level(expected), without_level(found)
        elif "XML" in shape or shape == "Fluent Bit":
            expected = readable(expected)
        assert found == expected


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("recording", RECORDINGS)
def test_a_recording_gives_the_same_fields_in_every_shape(corpus: Path, recording: str, shape: str) -> None:
    ours, faults = read(evtx, (corpus / "evtx-attack-samples" / recording).read_bytes())
    assert faults == []
    objects = [orjson.loads(raw) for _, _, raw in ours if raw is not None]
    data = SHAPES[shape](objects)
    encoded = data.decode("utf-16").encode() if shape == "XML in UTF-16" else data
    theirs, faults = read(eventxml if "XML" in shape else jsonlines, encoded)
    assert faults == []
    same(shape, ours, theirs)


@pytest.mark.parametrize("recording", RECORDINGS)
def test_the_librarys_own_xml_gives_the_same_fields(corpus: Path, recording: str) -> None:
    data = (corpus / "evtx-attack-samples" / recording).read_bytes()
    ours, _ = read(evtx, data)
    records: Any = PyEvtxParser(io.BytesIO(data)).records()
    xml = "\n".join(record["data"] for record in records).encode()
    theirs, faults = read(eventxml, xml)
    assert faults == []
    same("XML", ours, theirs)


@pytest.mark.slow
def test_no_event_of_the_corpus_is_lost_or_altered_in_any_shape(corpus: Path) -> None:
    count = 0
    for folder in ("evtx-attack-samples", "sigma/regression_data"):
        for path in sorted((corpus / folder).rglob("*.evtx")):
            ours, faults = read(evtx, path.read_bytes())
            assert faults == [], path
            count += len(ours)
            objects = [orjson.loads(raw) for _, _, raw in ours if raw is not None]
            for shape in ("evtx-dump lines", "flat", "Winlogbeat", "NXLog", "XML lines"):
                theirs, faults = read(eventxml if "XML" in shape else jsonlines, SHAPES[shape](objects))
                assert faults == [], path
                same(shape, ours, theirs)
    assert count == 8_369


def roughly(fields: Fields) -> Fields:
    """Whoever made the twins cut spaces at the end of values, and wrote one by hand."""
    return {name: str(value).strip().lower() for name, value in compared(fields).items() if name != "TimeCreated"}


def test_the_twins_of_the_regression_data_are_the_same_event(corpus: Path) -> None:
    twins = 0
    for path in sorted((corpus / "sigma/regression_data").rglob("*.json")):
        ours, _ = read(evtx, path.with_suffix(".evtx").read_bytes())
        theirs, faults = read(jsonlines, path.read_bytes())
        assert faults == [], path
        all_of_ours = [roughly(fields) for _, fields, _ in ours]
        assert theirs
        assert all(roughly(fields) in all_of_ours for _, fields, _ in theirs), path
        twins += 1
    assert twins == 100


def test_lines_of_one_file_may_be_of_different_shapes() -> None:
    one = event(7)
    data = lines(
        [one, convert.to_flat(one), convert.to_winlogbeat(one), convert.to_nxlog(one), convert.to_fluentbit(one)]
    )
    events, faults = read(jsonlines, data)
    assert faults == []
    assert [number for number, _, _ in events] == [7] * 5
    assert len({fields["Image"] for _, fields, _ in events}) == 1


def test_an_export_of_elasticsearch_is_unwrapped() -> None:
    events, _ = read(jsonlines, convert.line({"_index": "logs", "_source": convert.to_winlogbeat(event(7))}))
    assert events[0][1]["Image"] == "C:\\Windows\\notepad.exe"


def test_the_raw_text_is_given_only_where_it_shows_the_values() -> None:
    one = event(7)
    shown = read(jsonlines, lines([one, convert.to_flat(one)]))[0]
    hidden = read(jsonlines, lines([convert.to_fluentbit(one)]))[0] + read(eventxml, convert.to_xml(one).encode())[0]
    assert [isinstance(raw, bytes) and b"notepad" in raw for _, _, raw in shown] == [True, True]
    assert [raw for _, _, raw in hidden] == [None, None]
