import io
import json
import time
import tracemalloc
from typing import TYPE_CHECKING, Any

import pytest

from beffroi.logs.formats import jsondoc
from beffroi.logs.formats.faults import FaultLog
from beffroi.logs.formats.sources import Source

if TYPE_CHECKING:
    from beffroi.core.model import Fault

OBJECTS: list[dict[str, Any]] = [
    {"a": 'braces } { and "quotes" \\', "b": {"c": []}},
    {"a": "C:\\Windows\\", "b": "\\\\"},
    {"a": '\\"', "b": {"{": '"}'}},
]
PRETTY = "\n".join(json.dumps(each, indent=2) for each in OBJECTS).encode()


class InParts:
    """Gives one part at each call, whatever was asked for."""

    def __init__(self, *parts: bytes) -> None:
        self._parts = iter(parts)

    def read(self, _size: int, /) -> bytes:
        return next(self._parts, b"")


def objects(source: Source, longest: int = 1 << 25) -> tuple[list[tuple[int, bytes]], list[str]]:
    faults: list[Fault] = []
    found = list(jsondoc.objects(source, FaultLog("log", faults, 10), longest))
    return found, [f"{fault.place}: {fault.what}" for fault in faults]


def test_an_object_comes_as_it_is_written_with_its_line() -> None:
    found, faults = objects(io.BytesIO(PRETTY))
    assert faults == []
    assert [json.loads(text) for _, text in found] == OBJECTS
    assert [line for line, _ in found] == [1, 7, 11]


def test_the_bytes_may_be_cut_anywhere() -> None:
    """A cut within a string, an escape or between objects is where most files over 256 KB are cut."""
    whole = objects(io.BytesIO(PRETTY))
    for place in range(1, len(PRETTY)):
        assert objects(InParts(PRETTY[:place], PRETTY[place:])) == whole
    assert objects(InParts(*(bytes([byte]) for byte in PRETTY))) == whole


def test_a_string_ends_with_its_line() -> None:
    found, faults = objects(io.BytesIO(b'{"a": "no end }\n}\n{"a": 1}\n'))
    assert (found, faults) == ([(1, b'{"a": "no end }\n}'), (3, b'{"a": 1}')], [])


def test_a_string_that_the_end_of_the_bytes_cuts_costs_only_its_object() -> None:
    found, faults = objects(io.BytesIO(b'{"a": 1}\n{"a": "cut }'))
    assert found == [(1, b'{"a": 1}')]
    assert [fault.split(":")[0] for fault in faults] == ["line 2"]


@pytest.mark.parametrize(
    ("between", "faults"),
    [
        (b"Record 17\n", []),
        (b" , [\t]\r\nRecord 17\nRecord 18\n", []),
        (b"Record\n", ["line 1: 6 bytes here are no JSON object"]),
        (b"RecoRecord 1rd 2\n", ["line 1: 16 bytes here are no JSON object"]),
    ],
)
def test_what_dumps_write_between_objects_is_no_fault(between: bytes, faults: list[str]) -> None:
    found, told = objects(io.BytesIO(b'{"a": 1}' + between + b'{"a": 2}'))
    assert ([text for _, text in found], told) == ([b'{"a": 1}', b'{"a": 2}'], faults)


@pytest.mark.slow
@pytest.mark.parametrize(
    "data",
    [
        b"[" + b'"",' * 2_000_000,
        b'{"a": [' + b'"",' * 2_000_000 + b"0]}",
        b'{"' + b"\\n" * 3_000_000 + b'"}',
        b'{"' + b"\\" * 6_000_001,
        b'{"' + b'\\"' * 3_000_000,
        b'{"' + b"x" * 6_000_000,
        b'"\n' * 3_000_000,
        b"Record 1 " * 700_000 + b"x",
    ],
    ids=[
        "strings",
        "strings of one object",
        "escapes",
        "backslashes",
        "quotes",
        "one string",
        "cut strings",
        "records",
    ],
)
def test_no_bytes_take_long_or_many_times_their_own_memory(data: bytes) -> None:
    start = time.process_time()
    objects(io.BytesIO(data))
    assert time.process_time() - start < 5
    tracemalloc.start()
    try:
        objects(io.BytesIO(data))
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 5 * len(data)
