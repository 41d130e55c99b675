import json
import time
import tracemalloc
from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from beffroi.core.model import Event
from beffroi.logs.formats import jsonlines
from beffroi.logs.formats.limits import Limits
from beffroi.logs.formats.sources import as_utf8, encoding_of
from tests.logs.formats.reading import read


def flat(number: int = 1, **fields: Any) -> dict[str, Any]:
    return {"EventID": 1, "Channel": "c", "Provider_Name": "p", "EventRecordID": number, **fields}


def texts(data: bytes, limits: Limits | None = None) -> tuple[list[Event], list[str]]:
    return read(jsonlines, data, limits)


def test_a_flat_line_is_given_as_it_is_with_its_text() -> None:
    line = orjson.dumps(flat(5, a="b", c=[1, "x"], d=None, e=True, f=1.5))
    events, faults = texts(line + b"\n" + line)
    assert faults == []
    assert events == [(5, orjson.loads(line), line + b"\n"), (5, orjson.loads(line), line)]


def test_without_a_record_number_the_line_is_the_number() -> None:
    events, _ = texts(b'{"a":1}\n\n{"a":2}\r\n{"a":3}')
    assert [(number, fields) for number, fields, _ in events] == [(1, {"a": 1}), (3, {"a": 2}), (4, {"a": 3})]


def test_numbers_sent_as_text_become_numbers() -> None:
    events, _ = texts(b'{"EventID":"4688","Channel":"Security","EventRecordID":"17","ProviderName":"p"}\n')
    assert events[0][0] == 17
    assert events[0][1]["EventID"] == 4688
    assert events[0][1]["Provider_Name"] == "p"


def test_objects_within_objects_get_dotted_names() -> None:
    events, _ = texts(b'{"userIdentity":{"arn":"x","session":{"mfa":false}},"empty":{},"list":[{"a":1},[2],3]}\n')
    assert events[0][1] == {
        "userIdentity.arn": "x",
        "userIdentity.session.mfa": False,
        "empty": None,
        "list": ['{"a":1}', "[2]", 3],
    }


def test_braces_in_values_do_not_matter() -> None:
    events, faults = texts(orjson.dumps(flat(1, guid="{5770385F}")) + b"\n")
    assert (events[0][1]["guid"], faults) == ("{5770385F}", [])


@pytest.mark.parametrize(
    "bad",
    [
        b'{"a": 1',
        b"hello",
        b"17",
        b'"text"',
        b'{"a": tru}',
        b"\x00\x00\x00\x00",
        b"\xff\xfe\xfd",
        b"}{",
        b"[1, 2",
        b"{" * 5_000,
        b"[" * 100_000,
        b'{"a":' * 20_000 + b"1" + b"}" * 20_000,
    ],
)
def test_a_bad_line_is_a_fault_with_its_number_and_reading_goes_on(bad: bytes) -> None:
    events, faults = texts(b'{"a":1}\n' + bad + b'\n{"a":3}\n')
    assert [fields["a"] for _, fields, _ in events] == [1, 3]
    assert [fault.split(":")[0] for fault in faults] == ["line 2"]


@pytest.mark.parametrize(
    ("text", "fields"),
    [
        (b'{"a": NaN, "b": -Infinity}', {"a": "nan", "b": "-inf"}),
        (b'{"a": "x\\ud800y"}', {"a": "x\ufffdy"}),
        (b'{"\\udfff": 1}', {"\ufffd": "1"}),
        (b'{"a": "caf\xe9"}', {"a": "caf\ufffd"}),
        (b'{"a": 1},', {"a": "1"}),
        (b', {"a": 1}', {"a": "1"}),
        (b'{"a": 1, "a": 2}', {"a": "2"}),
        (b'{"a": 1' + b"0" * 30 + b"}", {"a": "1e+30"}),
        (b'{"a": 1' + b"0" * 30 + b', "b": NaN}', {"a": "1e+30", "b": "nan"}),
        (b'{"a": ' + b"9" * 5_000 + b"}", {"a": "inf"}),
        (b'\xef\xbb\xbf{"a": 1}', {"a": "1"}),
        (b'\t {"a": "tab\tin it"}', {"a": "tab\tin it"}),
    ],
)
def test_what_is_nearly_json_is_read(text: bytes, fields: dict[str, str]) -> None:
    events, faults = texts(b'{"first":1}\n' + text + b"\n")
    assert faults == []
    assert {name: str(value) for name, value in events[1][1].items()} == fields
    orjson.dumps(events[1][1])  # it can be written again


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-16-le", "utf-16-be"])
def test_other_encodings_are_recognised(encoding: str) -> None:
    text = '{"a":"é"}\r\n{"a":"\U0001f514"}\r\n'
    data = text.encode(encoding)

    class Small:
        """Gives odd numbers of bytes, so that characters are cut."""

        def __init__(self) -> None:
            self.left = data

        def read(self, size: int, /) -> bytes:
            part, self.left = self.left[: min(size, 7)], self.left[min(size, 7) :]
            return part

    from beffroi.logs.formats.faults import FaultLog

    source = as_utf8(data, Small())
    events = list(jsonlines.read(source, FaultLog("x", [], 1), Limits()))
    assert [fields["a"] for _, fields, _ in events] == ["é", "\U0001f514"]
    assert encoding_of(b"plain")[0] == "utf-8"


def test_a_pretty_object_an_array_and_objects_one_after_the_other_are_read() -> None:
    objects = [{"a": number, "text": 'braces } { and "quotes" \\'} for number in range(1, 4)]
    pretty = [json.dumps(value, indent=2) for value in objects]
    for text in (
        pretty[0] + "\n" + pretty[1] + pretty[2],
        json.dumps(objects, indent=4),
        json.dumps(objects),
        "[\n" + ",\n".join(json.dumps(value) for value in objects) + "\n]\n",
        "\n".join(f"Record {number}\n{text}" for number, text in enumerate(pretty)),
        json.dumps(objects, indent=0),
    ):
        events, faults = texts(text.encode())
        assert faults == []
        assert [fields["a"] for _, fields, _ in events] == [1, 2, 3]
        assert all(raw is not None and orjson.loads(raw)["a"] == fields["a"] for _, fields, raw in events)


def test_a_broken_pretty_object_costs_only_itself() -> None:
    good = json.dumps({"a": {"b": 1}}, indent=2)
    text = f'{good}\n{{\n  "a": {{\n    "b": 2\n{good}\n{good}\n'
    events, faults = texts(text.encode())
    assert len(events) == 3
    assert [fault.split(":")[0] for fault in faults] == ["line 6"]


def test_rubbish_between_pretty_objects_is_named() -> None:
    good = json.dumps({"a": {"b": 1}}, indent=2)
    events, faults = texts(f"{good}\nrubbish here\n{good}\n".encode())
    assert len(events) == 2
    assert faults == ["line 5: 12 bytes here are no JSON object"]


@pytest.mark.slow
def test_large_objects_of_a_document_are_read_in_time() -> None:
    start = time.process_time()
    large = json.dumps([{"a": "x" * 8_000_000, "b": number} for number in range(3)], indent=1)
    events, faults = texts(large.encode())
    assert ([fields["b"] for _, fields, _ in events], faults) == ([0, 1, 2], [])
    assert time.process_time() - start < 5


@pytest.mark.slow
def test_a_document_of_braces_that_never_close_ends_in_time() -> None:
    start = time.process_time()
    events, faults = texts(b'{"a":\n' * 200_000)
    assert events == []
    assert faults
    assert time.process_time() - start < 10


def test_a_value_of_ten_megabytes_is_read() -> None:
    events, faults = texts(orjson.dumps(flat(1, a="x" * 10_000_000)) + b'\n{"a":1}\n')
    assert (len(events), faults, len(events[0][1]["a"])) == (2, [], 10_000_000)


def test_a_hundred_thousand_fields_are_read() -> None:
    events, faults = texts(orjson.dumps({f"f{number}": number for number in range(100_000)}) + b"\n")
    assert (len(events[0][1]), faults) == (100_000, [])


def test_too_long_a_line_is_a_fault_and_takes_no_memory() -> None:
    limits = Limits(line=100_000)
    data = b'{"a":1}\n' + b"x" * 5_000_000 + b'\n{"a":3}\n'
    tracemalloc.start()
    try:
        events, faults = texts(data, limits)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert [number for number, _, _ in events] == [1, 3]
    assert faults == ["line 2: it is longer than 100,000 bytes"]
    assert peak < 4_000_000


@pytest.mark.slow
def test_a_line_of_too_many_parts_is_a_fault() -> None:
    events, faults = texts(b'{"a":1}\n{"a":[' + b"[]," * 2_000_000 + b"1]}\n")
    assert (len(events), faults) == (1, ["line 2: it has more than 1,000,000 parts"])


def test_a_million_bad_lines_are_counted_not_kept() -> None:
    events, faults = texts(b'{"a":1}\n' + b"x\n" * 5_000)
    assert len(events) == 1
    assert len(faults) == 1_001
    assert faults[-1] == ": 4,000 more places could not be read"


VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**64 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)


@pytest.mark.slow
@given(st.lists(st.dictionaries(st.text(max_size=8), VALUES, max_size=5), max_size=6))
@settings(max_examples=100, deadline=None)
def test_every_object_of_every_line_comes_out(objects: list[dict[str, Any]]) -> None:
    data = b"".join(json.dumps(value).encode() + b"\n" for value in objects)
    events, faults = texts(data)
    assert len(events) + len(faults) >= len([value for value in objects if value])


@given(st.binary(max_size=300), st.sampled_from([b"", b'{"a":1}\n', b"{\n", b"[{", b'{"Event":{"System":']))
@settings(max_examples=200, deadline=None)
def test_no_bytes_make_the_reader_fail(data: bytes, before: bytes) -> None:
    texts(before + data)


JSONISH = st.text(st.sampled_from('{}[]":,\\ \n0a'), max_size=60)


@given(JSONISH)
@settings(max_examples=300, deadline=None)
def test_no_text_that_looks_like_json_makes_the_reader_fail(text: str) -> None:
    texts(text.encode())
