"""One JSON object → one event, by what it holds. Lines of one file may differ, so every object is looked at."""

from typing import Any

from beffroi.core.model import Fields, UnfitError, message
from beffroi.logs.formats import eventxml, nxlog, winlogbeat
from beffroi.logs.formats.windows import as_text, flatten, whole

XML_KEYS = ("System", "log", "message", "Message", "event.original", "xml", "Xml", "EventXml")
"""Where collectors put an event's XML: Fluent Bit's winevtlog with Render_Event_As_XML under `System`, its tail under `log`."""

PROVIDER_KEYS = ("ProviderName", "Provider", "EventSourceName", "SourceName")
DEPTH = 16  # of objects within objects that become dotted names; deeper ones are kept as JSON text


def normalise(event: dict[str, Any]) -> tuple[Fields, bool]:
    """(the fields of one JSON object, whether its JSON text shows their values as they are).

    Raises UnfitError where the object holds XML that cannot be read.
    """
    inner = event.get("_source")
    if isinstance(inner, dict):  # an export of Elasticsearch
        event = inner
    inner = event.get("Event")
    if isinstance(inner, dict):
        return flatten(inner), True
    if winlogbeat.is_winlogbeat(event):
        return winlogbeat.normalise(event), True
    if nxlog.is_nxlog(event):
        return nxlog.normalise(event), True
    if isinstance(event.get("System"), dict) and ("EventData" in event or "UserData" in event):
        return flatten(event), True
    for key in XML_KEYS:
        text = event.get(key)
        if isinstance(text, str) and "<Event" in text[:256]:
            # &amp; and the like: the text of the line does not show the values.
            return _from_xml(text, event), False
    return flat(event), True


def _from_xml(text: str, event: dict[str, Any]) -> Fields:
    start = text.find("<Event ") if "<Event " in text else text.find("<Event>")
    end = text.rfind("</Event>")
    if start < 0 or end < start:
        raise UnfitError(message("the XML in it holds no whole <Event>"))
    fields = eventxml.parse(text[start : end + 8])
    rendered = event.get("Message")
    if isinstance(rendered, str) and rendered and "<Event" not in rendered[:256]:
        fields.setdefault("Message", rendered)
    return fields


def flat(event: dict[str, Any]) -> Fields:
    """A flat object as it is; objects within it under dotted names ("userIdentity.arn"), as Sigma's rules call them."""
    fields = event
    if not {dict, list}.isdisjoint(map(type, event.values())):
        fields = {}
        _dotted(event, "", fields, DEPTH)
    if "EventID" in fields and "Channel" in fields:
        for name in ("EventID", "EventRecordID"):
            if name in fields:
                fields[name] = whole(fields[name])
        if "Provider_Name" not in fields:
            name = next((name for name in PROVIDER_KEYS if isinstance(fields.get(name), str)), "")
            if name:
                fields["Provider_Name"] = fields[name]
        if "StringInserts" in fields:  # Fluent Bit without XML: the values of EventData without their names
            fields.setdefault("Data", fields["StringInserts"])
    return fields


def _dotted(value: dict[str, Any], prefix: str, fields: Fields, depth: int) -> None:
    for name, part in value.items():
        if isinstance(part, dict) and part:
            if depth:
                _dotted(part, f"{prefix}{name}.", fields, depth - 1)
            else:
                fields[prefix + name] = as_text(part)
        elif isinstance(part, list):
            fields[prefix + name] = [as_text(item) if isinstance(item, dict | list) else item for item in part]
        else:
            fields[prefix + name] = None if isinstance(part, dict) else part
