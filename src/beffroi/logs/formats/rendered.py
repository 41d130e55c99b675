"""The JSON that the `evtx` library renders, straight to flat fields: the way of nearly every event of a recording.

Only what is exactly as expected is taken; for anything else there is `windows.flatten`, which says what each field means.
The types below are what the decoder checks while it reads, which costs half of building all objects and looking afterwards.
"""

from collections.abc import Set as AbstractSet
from typing import Any

import msgspec
from msgspec import UNSET, UnsetType

from beffroi.core.model import Fields

Plain = str | int | float | bool | None


class _Name(msgspec.Struct, gc=False):
    Name: str


class _Provider(msgspec.Struct, gc=False):
    attributes: _Name = msgspec.field(name="#attributes")


class _Moment(msgspec.Struct, gc=False):
    SystemTime: str


class _Time(msgspec.Struct, gc=False):
    attributes: _Moment = msgspec.field(name="#attributes")


class _User(msgspec.Struct, gc=False):
    UserID: str | UnsetType = UNSET


class _Security(msgspec.Struct, gc=False):
    attributes: _User | None = msgspec.field(name="#attributes", default=None)


class _Qualified(msgspec.Struct, gc=False):
    number: int = msgspec.field(name="#text")


class _Texts(msgspec.Struct, gc=False):
    """Data without a name."""

    text: Plain | list[Plain] = msgspec.field(name="#text")


class _System(msgspec.Struct, gc=False):
    Provider: _Provider
    EventID: int | _Qualified
    Level: Plain
    Task: Plain
    Keywords: Plain
    TimeCreated: _Time
    EventRecordID: int
    Channel: str | None
    Computer: str
    Version: Plain | UnsetType = UNSET
    Opcode: Plain | UnsetType = UNSET
    Security: _Security | None = None


class _Event(msgspec.Struct, gc=False):
    System: _System
    EventData: dict[str, Plain | list[Plain] | _Texts] | None = None
    UserData: None = None


class _Record(msgspec.Struct, gc=False):
    Event: _Event


_decode = msgspec.json.Decoder(_Record).decode


def fields_of(raw: str, whole: AbstractSet[tuple[str | int, ...]]) -> Fields | None:
    """The fields of an event, as `windows.flatten` gives them; None where it is not as nearly all are. `whole` holds the kinds
    of events (number, provider, names of EventData) of which it is known that no name comes twice."""
    try:
        event = _decode(raw).Event
    except (msgspec.MsgspecError, UnicodeError, RecursionError):
        return None
    system = event.System
    data: Any = event.EventData
    if data is None:
        data = {}
    elif '"#text"' in raw:  # not always first: {"#attributes": …, "#text": …}
        data = {name: value.text if value.__class__ is _Texts else value for name, value in data.items()}
    number: Any = system.EventID
    if number.__class__ is not int:
        number = number.number
    name = system.Provider.attributes.Name
    if (number, name, *data) not in whole:
        return None
    data["EventID"] = number
    data["Channel"] = system.Channel
    data["Provider_Name"] = name
    data["Computer"] = system.Computer
    data["EventRecordID"] = system.EventRecordID
    data["TimeCreated"] = system.TimeCreated.attributes.SystemTime
    keep = data.setdefault
    keep("Level", system.Level)
    keep("Task", system.Task)
    keep("Keywords", system.Keywords)
    if system.Version is not UNSET:
        keep("Version", system.Version)
    if system.Opcode is not UNSET:
        keep("Opcode", system.Opcode)
    security = system.Security
    if security is not None and security.attributes is not None and security.attributes.UserID is not UNSET:
        keep("UserID", security.attributes.UserID)
    return data  # type: ignore[no-any-return]
