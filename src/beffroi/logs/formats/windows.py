"""One Windows event as evtx-dump renders it → flat fields under Sigma's names. The other Windows shapes end here too.

The fields of a Windows event, whatever it travelled in (`core.model.Fields`):

=================  =====================================================================================
EventID            int; System/EventID (its Qualifiers are left out)
Channel, Computer  text; System
Provider_Name      text; System/Provider/@Name
EventRecordID      int; System
TimeCreated        System/TimeCreated/@SystemTime as it came
Level, Task,
Opcode, Keywords,
Version            System, unless EventData has a field of that name
UserID             System/Security/@UserID, where there is one, unless EventData has a field of that name
others             EventData: each named Data under its name, the unnamed ones together as `Data` (a list, or the
                   text itself where there is only one), other elements (`Binary`) under their own names;
                   UserData: the children of its one element, and the children of those that have some;
                   `Message`: the rendered sentence, where the shape carries it
=================  =====================================================================================

The same value in each shape. Comparison takes every value as text, and null, empty and absent as no value, so these are
equal; what is really lost on the way stands in the last column.

=============  ===============================  ====================  ======================================================
Shape          numbers, booleans                no value              what its sender changes
=============  ===============================  ====================  ======================================================
EVTX           JSON numbers, true/false         null or ""            (GUID without braces: the `evtx` library's rendering)
evtx-dump      as EVTX                          as EVTX
flat           as sent                          as sent
Event XML      text; EventID and                empty element         repeated names get _1, _2 as in EVTX
               EventRecordID become int
Winlogbeat     text, also true/false            field left out        CR LF → LF, line ends at the end cut; the second of two
                                                                      equal names dropped; Task, Opcode, Keywords as words;
                                                                      Level as a word (0 and 4 are both "information");
                                                                      unnamed Data as param1, param2, …
NXLog          text; its own names numbers      field left out        EventTime without zone; Keywords as a signed number;
                                                                      names are caseless: of ProcessID and ProcessId one stays
=============  ===============================  ====================  ======================================================
"""

from collections.abc import Mapping
from typing import Any

import orjson

from beffroi.core.model import Fields, UnfitError, message

SOFT = ("Level", "Task", "Opcode", "Keywords", "Version")
"""Names of System that a field of EventData hides."""

NESTED = 64  # elements within elements of a value, at most, before it is kept as JSON text


_OPEN = {dict, list}  # types of values that must be looked into


def flatten(event: dict[str, Any]) -> Fields:
    """The fields of `event`: what evtx-dump puts under "Event". Its EventData is used up: it becomes the fields.

    What is not as it should be is absent. Raises UnfitError where `event` is no object at all.
    """
    try:
        # The way of nearly every event; any surprise takes the careful way below, which does not mind what was added.
        system = event["System"]
        data: Fields = event["EventData"]
        if data is None:
            data = {}
        elif not _OPEN.isdisjoint(map(type, data.values())):
            data = plain(data)
        number = system["EventID"]
        data["EventID"] = number if number.__class__ is int else int(number["#text"])
        data["Channel"] = system["Channel"]
        data["Provider_Name"] = system["Provider"]["#attributes"]["Name"]
        data["Computer"] = system["Computer"]
        data["EventRecordID"] = system["EventRecordID"]
        data["TimeCreated"] = system["TimeCreated"]["#attributes"]["SystemTime"]
        keep = data.setdefault
        keep("Level", system["Level"])
        keep("Task", system["Task"])
        keep("Keywords", system["Keywords"])
        if "Version" in system:
            keep("Version", system["Version"])
        if "Opcode" in system:
            keep("Opcode", system["Opcode"])
        security = system.get("Security")
        if security:
            keep("UserID", security["#attributes"]["UserID"])
        return data
    except (KeyError, TypeError, AttributeError, ValueError):
        return _carefully(event)


def _carefully(event: Mapping[str, Any]) -> Fields:
    """`flatten` for events that are not as nearly all are."""
    if not isinstance(event, dict):
        raise UnfitError(message("there is no event in it"))
    system = event.get("System")
    if not isinstance(system, dict):
        system = {}
    data = event.get("EventData")
    if data is None:
        fields = user_data(event.get("UserData"))
    elif isinstance(data, dict):
        fields = plain(data)
    else:
        fields = {"Data": value_of(data)}
    for name in SOFT:
        if name in system:
            fields.setdefault(name, value_of(system[name]))
    user = attribute(system.get("Security") or system.get("Security_attributes"), "UserID")
    if user is not None:
        fields.setdefault("UserID", user)
    fields["EventID"] = whole(value_of(system.get("EventID")))
    fields["Channel"] = value_of(system.get("Channel"))
    fields["Provider_Name"] = attribute(system.get("Provider") or system.get("Provider_attributes"), "Name")
    fields["Computer"] = value_of(system.get("Computer"))
    fields["EventRecordID"] = whole(value_of(system.get("EventRecordID")))
    time = system.get("TimeCreated") or system.get("TimeCreated_attributes")
    fields["TimeCreated"] = time if isinstance(time, str) else attribute(time, "SystemTime")
    return fields


def attribute(element: Any, name: str) -> Any:
    """The attribute `name` of an element, in either of evtx-dump's ways of writing attributes; None where there is none."""
    if not isinstance(element, dict):
        return None
    attributes = element.get("#attributes")
    return value_of((attributes if isinstance(attributes, dict) else element).get(name))


def plain(data: Mapping[str, Any]) -> Fields:
    """EventData's fields without evtx-dump's wrappers. Other tools write a list of {"@Name": n, "#text": v} under "Data"."""
    fields: Fields = {}
    for name, value in data.items():
        if name == "Data" and isinstance(value, list) and any(isinstance(item, dict) for item in value):
            _named_list(value, fields)
        elif name != "#attributes":
            add(fields, name, value_of(value))
    return fields


def _named_list(items: list[Any], fields: Fields) -> None:
    unnamed = []
    for item in items:
        name = None
        if isinstance(item, dict):
            name = item.get("@Name") or item.get("Name") or attribute(item, "Name")
        if isinstance(name, str) and name:
            add(fields, name, value_of({key: part for key, part in item.items() if key not in ("@Name", "Name")}))
        else:
            unnamed.append(value_of(item))
    if unnamed:
        fields["Data"] = unnamed[0] if len(unnamed) == 1 else unnamed


def add(fields: Fields, name: str, value: Any) -> None:
    """A field more; of equal names the second becomes `name_1`, as in the `evtx` library's JSON."""
    if name in fields:
        count = 1
        while f"{name}_{count}" in fields and count < NESTED:
            count += 1
        name = f"{name}_{count}"
    fields[name] = value


def value_of(value: Any) -> Any:
    """A value as detection takes it: {"#text": x} is x, other objects are their JSON text, lists hold no objects."""
    if isinstance(value, dict):
        if "#text" in value:
            return value_of(value["#text"]) if not isinstance(value["#text"], dict) else as_text(value["#text"])
        rest = {name: part for name, part in value.items() if name != "#attributes"}
        return as_text(rest) if rest else None
    if isinstance(value, list):
        return [as_text(part) if isinstance(part, dict | list) else part for part in value]
    return value


def as_text(value: Any) -> str:
    """A nested value as compact JSON."""
    try:
        return orjson.dumps(value).decode()
    except (TypeError, ValueError, RecursionError):
        return str(value)


def user_data(data: Any) -> Fields:
    """UserData: the children of its element, and one level of theirs, under their own names; attributes are left out."""
    fields: Fields = {}
    if not isinstance(data, dict):
        return fields
    for name, element in data.items():
        if name == "#attributes":
            continue
        if not isinstance(element, dict) or "#text" in element:
            add(fields, name, value_of(element))
            continue
        for inner, value in element.items():
            if inner == "#attributes":
                continue
            if isinstance(value, dict) and "#text" not in value:
                for innermost, part in value.items():
                    if innermost != "#attributes":
                        add(fields, innermost, value_of(part))
            else:
                add(fields, inner, value_of(value))
    return fields


def whole(value: Any) -> Any:
    """`value` as an int where it is the text of one (at most 20 digits), else as it is."""
    if isinstance(value, str) and len(value) <= 20 and value.isascii() and value.isdigit():
        return int(value)
    return value
