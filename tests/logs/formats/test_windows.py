from typing import Any

import pytest

from beffroi.logs.formats.windows import flatten
from tests.logs.formats.samples import event


def flat(data: Any = None, user: Any = None, **system: Any) -> dict[str, Any]:
    inner = event(7, {"A": "x"} if data is None else data, **system)["Event"]
    if user is not None:
        del inner["EventData"]
        inner["UserData"] = user
    return flatten(inner)


def test_an_ordinary_event() -> None:
    assert flat() == {
        "A": "x",
        "EventID": 1,
        "Channel": "Microsoft-Windows-Sysmon/Operational",
        "Provider_Name": "Microsoft-Windows-Sysmon",
        "Computer": "PC01",
        "EventRecordID": 7,
        "TimeCreated": "2020-01-01T00:00:00.000000Z",
        "Level": 4,
        "Task": 1,
        "Keywords": "0x8000000000000000",
        "Version": 5,
        "Opcode": 0,
        "UserID": "S-1-5-18",
    }


@pytest.mark.parametrize(
    ("data", "fields"),
    [
        ({"Data": {"#text": ["a", "b"]}, "Binary": None}, {"Data": ["a", "b"], "Binary": None}),
        ({"Data": {"#text": "a"}}, {"Data": "a"}),
        ({"#attributes": {"Name": "X"}, "param1": "a"}, {"param1": "a"}),
        ({"A": {"#text": 5, "#attributes": {"Type": "x"}}}, {"A": 5}),
        ({"A": {"#attributes": {"Type": "x"}}}, {"A": None}),
        ({"A": {"B": {"C": 1}}}, {"A": '{"B":{"C":1}}'}),
        ({"A": [1, {"b": 2}, [3]]}, {"A": [1, '{"b":2}', "[3]"]}),
        ("bare", {"Data": "bare"}),
        (["a", "b"], {"Data": ["a", "b"]}),
        (
            {"Data": [{"@Name": "A", "#text": "1"}, {"@Name": "B", "#text": "2"}, {"#text": "3"}]},
            {"A": "1", "B": "2", "Data": "3"},
        ),
        (
            {"Data": [{"#attributes": {"Name": "A"}, "#text": "1"}, {"#attributes": {"Name": "A"}, "#text": "2"}]},
            {"A": "1", "A_1": "2"},
        ),
    ],
)
def test_what_event_data_may_look_like(data: Any, fields: dict[str, Any]) -> None:
    found = flat(data)
    assert {name: found.get(name) for name in fields} == fields
    assert "#attributes" not in found
    assert found["EventID"] == 1


def test_null_event_data_are_no_fields() -> None:
    inner = event(7)["Event"]
    inner["EventData"] = None
    assert flatten(inner)["EventID"] == 1


def test_user_data_are_taken_from_one_level_further_down() -> None:
    found = flat(
        user={"EventXML": {"#attributes": {"xmlns": "x"}, "Param1": "a", "Inner": {"#attributes": {}, "P": "b"}}}
    )
    assert (found["Param1"], found["P"]) == ("a", "b")
    assert flat(user={"Text": "bare"})["Text"] == "bare"


def test_systems_six_names_win_and_its_others_give_way() -> None:
    mine = dict.fromkeys(
        ("EventID", "Channel", "Computer", "Provider_Name", "EventRecordID", "TimeCreated", "Level", "UserID"), "mine"
    )
    found = flat(mine)
    assert [name for name, value in found.items() if value == "mine"] == ["Level", "UserID"]
    assert [name for name, value in flat(user={"E": dict(mine)}).items() if value == "mine"] == ["Level", "UserID"]


@pytest.mark.parametrize("number", [4688, "4688", {"#text": 4688, "#attributes": {"Qualifiers": 0}}, {"#text": "4688"}])
def test_the_event_number_is_an_int(number: Any) -> None:
    assert flat(EventID=number)["EventID"] == 4688


def test_attributes_kept_apart_are_found() -> None:
    """As evtx_dump writes them with --separate-json-attributes."""
    inner = {
        "System": {
            "Provider_attributes": {"Name": "P"},
            "EventID": 4111,
            "EventID_attributes": {"Qualifiers": 16384},
            "TimeCreated_attributes": {"SystemTime": "2020"},
            "Security_attributes": {"UserID": "S-1"},
        },
        "EventData": {"A": "x"},
    }
    found = flatten(inner)
    assert (found["Provider_Name"], found["TimeCreated"], found["UserID"], found["EventID"]) == (
        "P",
        "2020",
        "S-1",
        4111,
    )


@pytest.mark.parametrize(
    "system", [None, [], "x", {}, {"EventID": None}, {"Provider": "x", "EventID": {}, "TimeCreated": 5}]
)
def test_an_odd_system_part_leaves_fields_empty(system: Any) -> None:
    assert flatten({"System": system, "EventData": {"A": "x"}})["A"] == "x"
