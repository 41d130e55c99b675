import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from beffroi.logs.formats import eventxml
from beffroi.logs.formats.limits import Limits
from tests.logs.formats.reading import read

NAMESPACE = "xmlns='http://schemas.microsoft.com/win/2004/08/events/event'"
SYSTEM = (
    "<System><Provider Name='Microsoft-Windows-Security-Auditing' Guid='{54849625-5478-4994-a5ba-3e3b0328c30d}'/>"
    "<EventID Qualifiers='0'>4688</EventID><Version>2</Version><Level>0</Level><Task>13312</Task><Opcode>0</Opcode>"
    "<Keywords>0x8020000000000000</Keywords><TimeCreated SystemTime='2026-01-01T00:00:00.1234567Z'/>"
    "<EventRecordID>17</EventRecordID><Correlation/><Execution ProcessID='4' ThreadID='8'/><Channel>Security</Channel>"
    "<Computer>PC01</Computer><Security UserID='S-1-5-18'/></System>"
)


def xml(data: str = "<EventData><Data Name='A'>1</Data></EventData>", system: str = SYSTEM) -> str:
    return f"<Event {NAMESPACE}>{system}{data}</Event>"


def fields(text: str) -> dict[str, object]:
    events, faults = read(eventxml, text.encode())
    assert faults == []
    return events[0][1]


def test_the_fields_of_an_event_are_sigmas() -> None:
    assert fields(xml()) == {
        "A": "1",
        "Version": 2,
        "Level": 0,
        "Task": 13312,
        "Opcode": 0,
        "Keywords": "0x8020000000000000",
        "UserID": "S-1-5-18",
        "EventID": 4688,
        "EventRecordID": 17,
        "Channel": "Security",
        "Computer": "PC01",
        "Provider_Name": "Microsoft-Windows-Security-Auditing",
        "TimeCreated": "2026-01-01T00:00:00.1234567Z",
    }


def test_unnamed_repeated_and_other_elements_of_event_data() -> None:
    found = fields(
        xml(
            "<EventData><Data>x</Data><Data> y</Data><Data Name='A'>1</Data><Data Name='A'>2</Data><Binary>00</Binary></EventData>"
        )
    )
    assert (found["Data"], found["A"], found["A_1"], found["Binary"]) == (["x", " y"], "1", "2", "00")
    assert fields(xml("<EventData><Data>x</Data></EventData>"))["Data"] == "x"
    assert fields(xml("<EventData>bare</EventData>"))["Data"] == "bare"


def test_user_data_is_flattened_by_one_level() -> None:
    found = fields(xml("<UserData><Outer xmlns='urn:x'><P1>a</P1><Inner><P2>b</P2></Inner></Outer></UserData>"))
    assert (found["P1"], found["P2"]) == ("a", "b")


def test_the_rendered_message_is_kept() -> None:
    assert (
        fields(xml("<RenderingInfo Culture='fr-FR'><Message>Un processus</Message></RenderingInfo>"))["Message"]
        == "Un processus"
    )


def test_systems_names_win_and_the_weaker_ones_do_not() -> None:
    found = fields(xml("<EventData><Data Name='Channel'>mine</Data><Data Name='Level'>mine</Data></EventData>"))
    assert (found["Channel"], found["Level"]) == ("Security", "mine")


@pytest.mark.parametrize(
    "text",
    [
        xml() + xml(),
        xml() + "\n" + xml() + "\r\n",
        f"<?xml version='1.0' encoding='utf-8'?>\n<Events>{xml()}\n{xml()}</Events>",
        f"Record 1\n<?xml version='1.0'?>\n{xml()}\nRecord 2\n<?xml version='1.0'?>\n{xml()}",
        "<s:Envelope><w:Events>"
        + f"<w:Event Action='x'><![CDATA[{xml()}]]></w:Event>" * 2
        + "</w:Events></s:Envelope>",
        xml().replace("><", ">\r\n  <") + xml().replace(" ", "\n"),
    ],
)
def test_what_stands_around_events_does_not_matter(text: str) -> None:
    events, faults = read(eventxml, text.encode())
    assert faults == []
    assert [(number, found["A"]) for number, found, _ in events] == [(17, "1"), (17, "1")]


def test_line_ends_in_values_stay_as_they_came() -> None:
    assert fields(xml("<EventData><Data Name='A'>x\r\n\ty</Data></EventData>"))["A"] == "x\r\n\ty"


def test_signs_that_xml_has_no_place_for_are_replaced() -> None:
    found = fields(xml("<EventData><Data Name='A'>a\x02b&#x1;c&#0;d&#xD800;e</Data></EventData>"))
    assert found["A"] == "a\ufffdb\ufffdc\ufffdd\ufffde"


def test_an_event_named_event_within_user_data_is_no_event_of_its_own() -> None:
    events, faults = read(
        eventxml, (xml("<UserData><Event xmlns='urn:x'><P>a</P></Event></UserData>") + xml()).encode()
    )
    assert faults == []
    assert [found.get("P") for _, found, _ in events] == ["a", None]


@pytest.mark.parametrize(
    "bad",
    [
        xml()[:-20],
        xml().replace("</System>", ""),
        xml("<EventData><Data Name='A'>&undefined;</Data></EventData>"),
        xml("<a>" * 100 + "</a>" * 100),
    ],
)
def test_a_bad_event_is_a_fault_with_its_line_and_reading_goes_on(bad: str) -> None:
    events, faults = read(eventxml, f"{xml()}\n{bad}\n{xml()}\n".encode())
    assert len(events) == 2
    assert [fault.split(":")[0] for fault in faults] == ["line 2"]


def test_entities_are_never_expanded_and_nothing_is_fetched() -> None:
    bomb = "<!DOCTYPE x [<!ENTITY a 'aaaaaaaaaa'><!ENTITY b '&a;&a;&a;&a;'><!ENTITY f SYSTEM 'file:///etc/passwd'>]>"
    events, faults = read(
        eventxml,
        (bomb + xml("<EventData><Data Name='A'>&b;</Data><Data Name='B'>&f;</Data></EventData>") + xml()).encode(),
    )
    assert [found.get("A") for _, found, _ in events] == ["1"]
    assert faults == ["line 1: it is no XML: undefined entity"]


def test_an_event_without_system_has_no_values_there() -> None:
    events, _ = read(eventxml, b"<Event><EventData/></Event>")
    assert events[0][0] == 1
    assert events[0][1]["EventID"] is None


def test_a_file_without_events_is_a_fault() -> None:
    assert read(eventxml, b"<html><body/></html>") == ([], [": there is no <Event> element in it"])


def test_too_long_an_event_is_a_fault_and_reading_goes_on() -> None:
    long = xml(f"<EventData><Data Name='A'>{'x' * 3_000_000}</Data></EventData>")
    events, faults = read(eventxml, f"{long}\n{xml()}\n".encode(), Limits(line=1_000_000))
    assert len(events) == 1
    assert faults == ["line 1: the event is longer than 1,000,000 bytes"]


@pytest.mark.slow
def test_a_value_of_ten_megabytes_and_a_hundred_thousand_fields_are_read() -> None:
    many = "".join(f"<Data Name='f{number}'>x</Data>" for number in range(100_000))
    for data in (f"<Data Name='A'>{'x' * 10_000_000}</Data>", many):
        assert len(fields(xml(f"<EventData>{data}</EventData>"))) >= 13


@pytest.mark.parametrize(
    "text",
    [
        "<Event " * 300_000,
        "<Event>" * 300_000,
        "<Event><System>" * 100_000,
        "<Event" + "a" * 2_000_000,
        "<Event" + " " * 3_000_000,
    ],
)
def test_tags_that_never_close_end_in_time(text: str) -> None:
    start = time.process_time()
    events, _ = read(eventxml, text.encode())
    assert events == []
    assert time.process_time() - start < 10


@given(st.binary(max_size=200), st.integers(0, len(xml())))
@settings(max_examples=200, deadline=None)
def test_no_bytes_make_the_reader_fail(data: bytes, place: int) -> None:
    text = xml().encode()
    read(eventxml, text[:place] + data + text[place:] + text)


VALUE = st.text(
    st.characters(min_codepoint=32, exclude_categories=["Cs"], exclude_characters="\x7f\ufffe\uffff"), max_size=30
)


@given(VALUE)
@settings(max_examples=100, deadline=None)
def test_every_text_comes_out_as_it_went_in(value: str) -> None:
    from xml.sax.saxutils import escape

    assert fields(xml(f"<EventData><Data Name='A'>{escape(value)}</Data></EventData>"))["A"] == value
