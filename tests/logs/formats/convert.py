"""One event as `evtx` gives it → the same event as other collectors send it: what makes "all shapes give the same" testable.

Each function takes the whole JSON object of an EVTX record ({"Event": {"System": …, "EventData": …}}) and is written from
the collector's documentation and source, not from our readers.
"""

import json
from typing import Any
from xml.sax.saxutils import escape, quoteattr

Object = dict[str, Any]


def parts(event: Object) -> tuple[Object, list[tuple[str, Any]], Object | None]:
    """(System, EventData as (name, value) in order with "" for unnamed, the one element of UserData)."""
    inner = event["Event"]
    pairs: list[tuple[str, Any]] = []
    data = inner.get("EventData")
    for name, value in (data or {}).items() if isinstance(data, dict) else ():
        if name == "#attributes":
            continue
        if name == "Data":
            text = value["#text"] if isinstance(value, dict) else value
            pairs += [("", item) for item in (text if isinstance(text, list) else [text])]
        else:
            pairs.append((name, value))
    if data is not None and not isinstance(data, dict):
        pairs.append(("", data))
    return inner["System"], pairs, inner.get("UserData")


def text(value: Any) -> str:
    if value is None:
        return ""
    return str(value).lower() if isinstance(value, bool) else str(value)


def attribute(system: Object, element: str, name: str) -> Any:
    return ((system.get(element) or {}).get("#attributes") or {}).get(name)


def number(system: Object) -> int:
    code = system["EventID"]
    return int(code["#text"] if isinstance(code, dict) else code)


def user_pairs(user: Object | None) -> tuple[str, list[tuple[str, Any]]]:
    """(name of UserData's element, its children)."""
    for name, element in (user or {}).items():
        if isinstance(element, dict):
            return name, [(key, value) for key, value in element.items() if key != "#attributes"]
    return "", []


def to_flat(event: Object) -> Object:
    """One flat object under Sigma's names, as ../shared/checks/flat.py writes it."""
    system, pairs, user = parts(event)
    flat: Object = {
        "EventID": number(system),
        "Channel": system.get("Channel"),
        "Computer": system.get("Computer"),
        "EventRecordID": system.get("EventRecordID"),
        "Provider_Name": attribute(system, "Provider", "Name"),
        "TimeCreated": attribute(system, "TimeCreated", "SystemTime"),
    }
    unnamed = [value for name, value in pairs if not name]
    own: Object = {name: value for name, value in [*pairs, *user_pairs(user)[1]] if name and name not in flat}
    if unnamed:
        own["Data"] = unnamed if len(unnamed) > 1 else unnamed[0]
    soft: Object = {name: system[name] for name in ("Level", "Task", "Opcode", "Keywords", "Version") if name in system}
    sid = attribute(system, "Security", "UserID")
    if sid is not None:
        soft["UserID"] = sid
    return soft | own | flat


LEVELS = {0: "information", 1: "critical", 2: "error", 3: "warning", 4: "information", 5: "verbose"}


def to_winlogbeat(event: Object, *, dotted: bool = False) -> Object:
    """As Winlogbeat 8 sends it: values text, empty ones left out, CR LF made LF, unnamed Data param1, param2, …"""
    system, pairs, user = parts(event)

    def fields(pairs: list[tuple[str, Any]]) -> Object:
        found: Object = {}
        for place, (name, value) in enumerate(pairs, 1):
            sent = text(value)
            if sent:
                found.setdefault(name or f"param{place}", sent.replace("\r\n", "\n").rstrip("\n"))
        return found

    winlog: Object = {
        "api": "wineventlog",
        "channel": system.get("Channel"),
        "computer_name": system.get("Computer"),
        "event_id": str(number(system)),
        "provider_guid": attribute(system, "Provider", "Guid"),
        "provider_name": attribute(system, "Provider", "Name"),
        "record_id": system.get("EventRecordID"),
        "version": system.get("Version") or None,
        "process": {
            "pid": attribute(system, "Execution", "ProcessID"),
            "thread": {"id": attribute(system, "Execution", "ThreadID")},
        },
        "event_data": fields(pairs) or None,
    }
    element, inner = user_pairs(user)
    if inner:
        winlog["user_data"] = fields(inner) | {"xml_name": element}
    sid = attribute(system, "Security", "UserID")
    if sid:
        winlog["user"] = {"identifier": sid}
    winlog = {name: value for name, value in winlog.items() if value is not None}
    keywords = int(system.get("Keywords") or "0x0", 16)
    outcome = {"outcome": "failure"} if keywords >> 52 & 1 else {"outcome": "success"} if keywords >> 53 & 1 else {}
    sent: Object = {
        "@timestamp": attribute(system, "TimeCreated", "SystemTime"),
        "ecs": {"version": "8.0.0"},
        "event": {"code": str(number(system)), "kind": "event", "provider": winlog.get("provider_name")} | outcome,
        "host": {"name": system.get("Computer")},
        "log": {"level": LEVELS.get(system.get("Level", 0), "information")},
        "winlog": winlog,
    }
    return _dotted(sent) if dotted else sent


def _dotted(nested: Object, prefix: str = "") -> Object:
    flat: Object = {}
    for name, value in nested.items():
        flat |= _dotted(value, f"{prefix}{name}.") if isinstance(value, dict) else {prefix + name: value}
    return flat


SEVERITY = {1: (5, "CRITICAL"), 2: (4, "ERROR"), 3: (3, "WARNING"), 5: (1, "DEBUG")}


def to_nxlog(event: Object) -> Object:
    """As NXLog 5's im_msvistalog with to_json sends it: EventData beside its own names, values text, Keywords signed.

    Its manual does not say what becomes of unnamed Data; they are taken over as `Data`.
    """
    system, pairs, user = parts(event)
    severity, word = SEVERITY.get(system.get("Level", 4), (2, "INFO"))
    keywords = int(system.get("Keywords") or "0x0", 16)
    sent: Object = {
        "EventTime": attribute(system, "TimeCreated", "SystemTime"),
        "Hostname": system.get("Computer"),
        "Keywords": keywords - (1 << 64) if keywords >> 63 else keywords,
        "EventType": word,
        "SeverityValue": severity,
        "Severity": word,
        "EventID": number(system),
        "SourceName": attribute(system, "Provider", "Name"),
        "ProviderGuid": attribute(system, "Provider", "Guid"),
        "Version": system.get("Version"),
        "Task": system.get("Task"),
        "OpcodeValue": system.get("Opcode"),
        "RecordNumber": system.get("EventRecordID"),
        "ExecutionProcessID": attribute(system, "Execution", "ProcessID"),
        "ExecutionThreadID": attribute(system, "Execution", "ThreadID"),
        "Channel": system.get("Channel"),
        "UserID": attribute(system, "Security", "UserID"),
        "EventReceivedTime": "2026-11-23 12:00:00",
        "SourceModuleName": "eventlog",
        "SourceModuleType": "im_msvistalog",
    }
    sent = {name: value for name, value in sent.items() if value is not None}
    fixed = {"EventTime", "Hostname", "EventID", "SourceName", "RecordNumber", "Channel"}
    for name, value in [*pairs, *user_pairs(user)[1]]:
        if name and name not in fixed and text(value):
            sent[name] = text(value)
    unnamed = [text(value) for name, value in pairs if not name]
    if unnamed:
        sent["Data"] = unnamed if len(unnamed) > 1 else unnamed[0]
    return sent


def to_xml(event: Object) -> str:
    """As Windows renders it (EvtRenderEventXml): on one line, values as text."""
    system, pairs, user = parts(event)
    code = system["EventID"]
    qualifiers = (code.get("#attributes") or {}).get("Qualifiers") if isinstance(code, dict) else None
    xml = "<Event xmlns='http://schemas.microsoft.com/win/2004/08/events/event'><System>"
    for name, value in system.items():
        attributes = (value.get("#attributes") if isinstance(value, dict) else None) or {}
        if name == "EventID":
            shown = f" Qualifiers={quoteattr(str(qualifiers))}" if qualifiers is not None else ""
            xml += f"<EventID{shown}>{number(system)}</EventID>"
        elif attributes or value is None:
            xml += f"<{name}" + "".join(f" {key}={quoteattr(str(part))}" for key, part in attributes.items()) + "/>"
        else:
            xml += f"<{name}>{_escaped(value)}</{name}>"
    xml += "</System>"
    if "EventData" in event["Event"]:
        xml += "<EventData>"
        for name, value in pairs:
            if name == "Binary":
                xml += f"<Binary>{_escaped(value)}</Binary>"
            else:
                xml += (
                    f"<Data Name={quoteattr(name)}>{_escaped(value)}</Data>"
                    if name
                    else f"<Data>{_escaped(value)}</Data>"
                )
        xml += "</EventData>"
    element, inner = user_pairs(user)
    if element:
        xml += f"<UserData><{element} xmlns='urn:example'>"
        xml += "".join(f"<{name}>{_escaped(value)}</{name}>" for name, value in inner)
        xml += f"</{element}></UserData>"
    return xml + "</Event>"


def _escaped(value: Any) -> str:
    # Windows writes what XML has no place for as a reference; so must a carriage return, or a parser makes it a line feed.
    return "".join(f"&#{ord(sign)};" if sign < " " and sign not in "\t\n" else sign for sign in escape(text(value)))


def to_fluentbit(event: Object) -> Object:
    """As Fluent Bit's winevtlog sends it with Render_Event_As_XML: the whole event as XML under `System`."""
    _, pairs, _ = parts(event)
    return {
        "date": 1764000000.0,
        "System": to_xml(event),
        "Message": "",
        "StringInserts": [value for _, value in pairs],
    }


def line(event: Object) -> bytes:
    return json.dumps(event).encode() + b"\n"
