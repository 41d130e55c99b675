"""The quick way through a rendered event gives what the careful way gives, or nothing at all."""

from pathlib import Path
from typing import Any

import orjson
import pytest
from evtx import PyEvtxParser
from hypothesis import given, settings
from hypothesis import strategies as st

from beffroi.logs.formats.rendered import fields_of
from beffroi.logs.formats.windows import flatten
from tests.logs.formats.samples import event


class Every:
    """Every kind of event is known to repeat no name."""

    def __contains__(self, kind: object) -> bool:
        return True


EVERY: Any = Every()


def both(one: dict[str, Any]) -> tuple[dict[str, Any] | None, dict[str, Any]]:
    text = orjson.dumps(one).decode()
    return fields_of(text, EVERY), flatten(orjson.loads(text)["Event"])


def test_every_event_of_the_corpus_is_the_same_both_ways(corpus: Path) -> None:
    quick = careful = 0
    for folder in ("evtx-attack-samples", "sigma/regression_data"):
        for path in sorted((corpus / folder).rglob("*.evtx")):
            records: Any = PyEvtxParser(str(path), number_of_threads=1).records_json()
            for record in records:
                fields = fields_of(record["data"], EVERY)
                if fields is None:
                    careful += 1
                else:
                    quick += 1
                    assert fields == flatten(orjson.loads(record["data"])["Event"])
    assert quick + careful == 8_369
    assert careful < 200  # UserData and the like: few, or the quick way would be of no use


@pytest.mark.parametrize(
    "change",
    [
        {"Provider": None},
        {"EventID": "4688"},
        {"EventID": {"#text": 4688, "#attributes": {"Qualifiers": 0}}},
        {"Channel": None},
        {"Level": "4"},
        {"Version": None},
        {"Security": None},
        {"Security": {"#attributes": {}}},
        {"TimeCreated": {"#attributes": {}}},
        {"EventRecordID": "17"},
        {"Keywords": {"#text": "x"}},
    ],
)
@pytest.mark.parametrize(
    "data",
    [
        None,
        {},
        {"Data": {"#text": ["a", None]}},
        {"A": {"#text": True}},
        {"A": {"#attributes": {"Type": "x"}, "#text": 5}},
        {"A": [1, "b"]},
        {"Level": "x"},
    ],
)
def test_what_is_not_as_expected_is_left_to_the_careful_way(change: dict[str, Any], data: Any) -> None:
    one = event(7, {"A": "x"}, **change)
    one["Event"]["EventData"] = data
    quick, careful = both(one)
    assert quick is None or quick == careful


PLAIN = st.none() | st.booleans() | st.integers(-(2**63), 2**64 - 1) | st.text(max_size=10)
VALUE = PLAIN | st.lists(PLAIN, max_size=3) | st.fixed_dictionaries({"#text": PLAIN | st.lists(PLAIN, max_size=2)})
NAMES = st.sampled_from(["A", "Data", "Level", "UserID", "EventID", "Channel", "#text"]) | st.text(max_size=5)
INNER = st.dictionaries(NAMES | st.just("#attributes"), PLAIN, max_size=2)


@pytest.mark.slow
@given(st.dictionaries(NAMES, VALUE | INNER, max_size=6))
@settings(max_examples=300, deadline=None)
def test_whatever_event_data_hold_the_two_ways_agree(data: dict[str, Any]) -> None:
    quick, careful = both(event(7, data))
    assert quick is None or quick == careful
