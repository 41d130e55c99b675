"""Winlogbeat (and Elastic Agent) → fields. Shape: `winlog.*` in ECS, its keys nested or dotted, values text.

Winlogbeat calls unnamed Data param1, param2, … by their place. Providers with a manifest (they have a GUID) do use such
names themselves, older ones do not: without a GUID they become `Data`, with one they are kept and told as `Data` too.
Source: elastic/beats, winlogbeat/sys/winevent.
"""

from collections.abc import Mapping
from typing import Any

from beffroi.core.model import Fields
from beffroi.logs.formats import ecs
from beffroi.logs.formats.windows import value_of, whole

LEVELS = {"critical": 1, "error": 2, "warning": 3, "information": 4, "verbose": 5}
AUDIT = {"failure": "0x8010000000000000", "success": "0x8020000000000000"}
"""Keywords of the Security channel by `event.outcome`, which Winlogbeat takes from them; its words are translated by Windows."""
MOVED_TO = ("process", "file", "registry", "source", "destination", "network", "dns", "user")
PARAM = "param"


def is_winlogbeat(event: Mapping[str, Any]) -> bool:
    return isinstance(event.get("winlog"), dict) or "winlog.event_id" in event or "winlog.channel" in event


def normalise(event: Mapping[str, Any]) -> Fields:
    """The fields of one Winlogbeat event."""
    winlog = _below(event, "winlog")
    data = _below(winlog, "event_data")
    fields: Fields = {name: value_of(value) for name, value in data.items()}
    _unname(fields, named=bool(winlog.get("provider_guid")))
    for name, value in _below(winlog, "user_data").items():
        if name != "xml_name":
            fields.setdefault(name, value_of(value))
    user = _below(winlog, "user").get("identifier")
    level = winlog.get("level") or event.get("log.level") or _below(event, "log").get("level")
    for name, value in (
        ("Message", event.get("message") or winlog.get("message")),
        ("Level", LEVELS.get(level, level) if isinstance(level, str) else level),
        ("Task", winlog.get("task")),
        ("Opcode", winlog.get("opcode")),
        ("Keywords", _keywords(event, winlog)),
        ("Version", winlog.get("version")),
        ("UserID", user),
    ):
        if value is not None:
            fields.setdefault(name, value_of(value))
    code = winlog.get("event_id")
    if code is None:
        code = event.get("event.code") or _below(event, "event").get("code")
    fields["EventID"] = whole(value_of(code))
    fields["Channel"] = value_of(winlog.get("channel"))
    fields["Provider_Name"] = value_of(winlog.get("provider_name"))
    fields["Computer"] = value_of(winlog.get("computer_name"))
    fields["EventRecordID"] = whole(value_of(winlog.get("record_id")))
    fields["TimeCreated"] = value_of(winlog.get("time_created") or event.get("@timestamp"))
    if "module" in _below(event, "event") or not data:
        ecs.restore(fields, {name: _nested(event, name) for name in MOVED_TO})
    return fields


def _keywords(event: Mapping[str, Any], winlog: Mapping[str, Any]) -> Any:
    """Audit success and failure as Windows' own number, which is what rules ask for; others as words."""
    outcome = winlog.get("outcome") or event.get("event.outcome") or _below(event, "event").get("outcome")
    if winlog.get("channel") == "Security" and isinstance(outcome, str) and outcome in AUDIT:
        return AUDIT[outcome]
    return winlog.get("keywords")


def _below(event: Mapping[str, Any], name: str) -> dict[str, Any]:
    """What stands under `name`, whether nested ({"winlog": {"channel": …}}) or dotted ("winlog.channel": …)."""
    nested = event.get(name)
    found: dict[str, Any] = dict(nested) if isinstance(nested, dict) else {}
    prefix = f"{name}."
    for key, value in event.items():
        if key.startswith(prefix):
            found.setdefault(key[len(prefix) :], value)
    return found


def _nested(event: Mapping[str, Any], name: str) -> dict[str, Any]:
    """`_below`, with dots in the names below undone as well."""
    found: dict[str, Any] = {}
    for key, value in _below(event, name).items():
        inner = found
        *path, last = key.split(".")[:8]
        for part in path:
            below = inner.setdefault(part, {})
            inner = below if isinstance(below, dict) else {}
        inner[last] = value
    return found


def _unname(fields: Fields, *, named: bool) -> None:
    """param1, param2, … → `Data`; those that Winlogbeat left out for being empty count as ""."""
    places = sorted(
        int(name[5:]) for name in fields if name.startswith(PARAM) and name[5:].isdecimal() and len(name) < 9
    )
    if not places or places[0] < 1:
        return
    values = [fields.get(f"{PARAM}{place}", "") for place in range(1, places[-1] + 1)]
    if not named:
        for place in places:
            del fields[f"{PARAM}{place}"]
    fields.setdefault("Data", values[0] if len(values) == 1 else values)
