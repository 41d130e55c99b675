"""Suricata: EVE (JSON, by file or syslog) and the one-line alerts of `fast.log`, which Snort writes too.

https://docs.suricata.io/en/latest/output/eve/eve-json-format.html; EVE's own names stay, objects within it as dotted names.
"""

import re
from ipaddress import ip_address
from typing import Any

from beffroi.core.model import Fields, LogSource, UnfitError
from beffroi.logs.formats.common import Reading, address, given, last_colon
from beffroi.logs.formats.jsontext import loads_any
from beffroi.logs.formats.shapes import flat

_ALERT = re.compile(
    r"(?P<when>\d\d/\d\d(?:/\d{2,4})?-\d\d:\d\d:\d\d\.\d{1,6})?\s{0,4}(?:\[(?P<verdict>\w{1,16})\]\s)?(?:\[\*\*\]\s)?"
    r"\[(?P<gid>\d{1,10}):(?P<sid>\d{1,10}):(?P<rev>\d{1,10})\]\s"
)
_TAIL = re.compile(r"\{([\w\-]{1,24})\} ([0-9A-Fa-f.:]{2,60}) -> ([0-9A-Fa-f.:]{2,60})\s*\Z")
_TITLES = (("category", " [Classification: "), ("severity", " [Priority: "))

_ENDS = (("src_ip", "src_ip"), ("dest_ip", "dst_ip"), ("src_port", "src_port"), ("dest_port", "dst_port"))
_PROXY = {
    "http.url": "c-uri",
    "http.hostname": "cs-host",
    "http.http_method": "cs-method",
    "http.http_user_agent": "c-useragent",
    "http.http_refer": "cs-referrer",
    "http.status": "sc-status",
}
_WEBSERVER = {
    "http.url": "cs-uri",
    "http.hostname": "cs-host",
    "http.http_method": "cs-method",
    "http.http_user_agent": "cs-user-agent",
    "http.http_refer": "cs-referer",
    "http.status": "sc-status",
}


def read(text: str) -> Reading | None:
    """An EVE event or a line of fast.log; None for others."""
    if text[:1] == "{" and '"event_type"' in text:
        try:
            event = loads_any(text)
        except UnfitError:
            return None
        return read_eve(event) if isinstance(event, dict) else None
    return _fast(text) if "} " in text and " -> " in text else None


def is_eve(event: dict[str, Any]) -> bool:
    """Whether an object is an event of Suricata's."""
    return (
        isinstance(event.get("event_type"), str) and "timestamp" in event and ("flow_id" in event or "stats" in event)
    )


def read_eve(event: dict[str, Any]) -> Reading | None:
    """The fields of one EVE event, and under the names of Sigma's category what it says of a packet, a query or a request."""
    if not is_eve(event):
        return None
    kind = event["event_type"]
    fields = given(dict(flat(event)))
    for theirs, ours in _ENDS:
        value = event.get(theirs)
        if isinstance(value, str) and (found := address(value)):
            fields[ours] = found
        elif value.__class__ is int:
            fields[ours] = value
        fields.pop(f"given.{theirs}", None)
    if isinstance(event.get("proto"), str):
        fields["protocol"] = event["proto"].lower()
    category = None
    if kind in {"alert", "drop"}:
        action = fields.get("alert.action")
        if isinstance(action, str):
            fields["action"] = action
        fields["blocked"] = "true" if kind == "drop" or action == "blocked" else "false"
        category = "firewall" if kind == "drop" else None
    elif kind == "flow":
        category = "firewall"
        fields["blocked"] = "true" if fields.get("flow.action") == "drop" else "false"
    elif kind == "dns":
        category = "dns"
        _dns(event.get("dns"), fields)
    elif kind == "http":
        category = "proxy" if _goes_out(fields.get("dst_ip")) else "webserver"
        for theirs, ours in (_PROXY if category == "proxy" else _WEBSERVER).items():
            if theirs in fields:
                fields[ours] = fields[theirs]
        if category == "webserver":
            fields["c-ip"] = fields.get("src_ip")
    return LogSource("suricata", category, kind), fields


def _goes_out(destination: Any) -> bool:
    """Whether a request leaves the house: it is then what a proxy would have seen."""
    try:
        return not ip_address(destination).is_private
    except ValueError:
        return False


def _dns(dns: Any, fields: Fields) -> None:
    """Versions 1 and 2 of the object name one query; version 3 (Suricata 8) lists them."""
    if not isinstance(dns, dict):
        return
    queries = dns.get("queries") or dns.get("query")
    asked = queries[0] if isinstance(queries, list) and queries and isinstance(queries[0], dict) else dns
    if isinstance(asked.get("rrname"), str):
        fields["query"] = asked["rrname"]
    if isinstance(asked.get("rrtype"), str):
        fields["record_type"] = asked["rrtype"]
    answers = dns.get("answers")
    if isinstance(answers, list):
        found = [
            answer["rdata"] for answer in answers if isinstance(answer, dict) and isinstance(answer.get("rdata"), str)
        ]
        if found:
            fields["answer"] = found
    elif isinstance(dns.get("rdata"), str):
        fields["answer"] = dns["rdata"]


def _fast(text: str) -> Reading | None:
    head = _ALERT.match(text)
    tail = _TAIL.search(text, max(0, len(text) - 200)) if head else None
    if not head or not tail:
        return None
    said = text[head.end() : tail.start()]
    fields: Fields = {
        "event_type": "alert",
        "alert.gid": int(head["gid"]),
        "alert.signature_id": int(head["sid"]),
        "alert.rev": int(head["rev"]),
        "blocked": "true" if (head["verdict"] or "").lower() in {"drop", "wdrop"} else "false",
        "protocol": tail[1].lower(),
    }
    if head["when"]:
        fields["timestamp"] = head["when"]
    ends = [len(said)]
    for name, title in _TITLES:
        at = said.rfind(title)
        if at >= 0:
            ends.append(at)
            value = said[at + len(title) :].partition("]")[0]
            fields[f"alert.{name}"] = int(value) if value.isascii() and value.isdecimal() and len(value) < 9 else value
    fields["alert.signature"] = said[: min(ends)].removesuffix(" [**]").strip()
    for name, place in (("src", tail[2]), ("dst", tail[3])):
        ip, port = last_colon(place)
        if ip is None or (":" in place and "." not in place and place.count(":") < 8 and "::" not in place):
            ip, port = address(place), None
        if ip is None:
            return None
        fields[f"{name}_ip"] = ip
        if port is not None:
            fields[f"{name}_port"] = port
    return LogSource("suricata", None, "alert"), fields
