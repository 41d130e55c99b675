"""Firewalls of small houses that write `name=value`: Sophos, SonicWall, Stormshield, Zyxel; and WatchGuard's sign-ins.

Sophos, "Syslog guide" (SFOS 18 to 21); SonicWall, "SonicOS Log Events Reference Guide"; Stormshield, "Description of audit logs" (SNS 4);
Zyxel, "USG FLEX/ATP log messages"; WatchGuard, "Log Catalog" (Fireware 12). The devices' own names stay.
"""

import re

from beffroi.core.model import Fields, LogSource
from beffroi.logs.formats.common import (
    FAILURE,
    SUCCESS,
    Reading,
    address,
    blocked,
    endpoint,
    number,
    sign_in,
)
from beffroi.logs.formats.keyvalue import pairs, single

_SIGN_IN_WORDS = (
    ("login denied", FAILURE),
    ("login failed", FAILURE),
    ("failed to login", FAILURE),
    ("failed login", FAILURE),
    ("authentication failed", FAILURE),
    ("wrong credentials", FAILURE),
    ("login allowed", SUCCESS),
    ("login successful", SUCCESS),
    ("logged in", SUCCESS),
    ("authentication success", SUCCESS),
)
# Fireware: "Authentication of SSLVPN user [anna@Firebox-DB] from 192.0.2.1 was rejected, …".
_WATCHGUARD = re.compile(r"Authentication of (\S{1,32}) user \[")


def read(text: str) -> Reading | None:
    """A line of one of them; None for others."""
    if text.startswith(("device=", "device_name=")) and " log_type=" in text:
        return _sophos(pairs(text))
    if text.startswith("id=") and " sn=" in text[:64]:
        return _sonicwall(pairs(text))
    if text.startswith(("id=firewall ", "time=")) and " logtype=" in text:
        return _stormshield(pairs(text))
    if text.startswith('src="') and " cat=" in text:
        return _zyxel(pairs(text))
    return None


def _put(fields: Fields, ends: dict[str, tuple[str, ...]], ports: dict[str, str], user: tuple[str, ...]) -> None:
    for ours, theirs in ends.items():
        if (value := single(fields, *theirs)) and (found := address(value)):
            fields[ours] = found
    for ours, name in ports.items():
        if (value := single(fields, name)) and (port := number(value)) is not None:
            fields[ours] = port
    if name_of := single(fields, *user):
        fields["username"] = name_of


def _outcome(said: str) -> str | None:
    """What a sentence of the device's says of a sign-in."""
    low = said[:512].lower()
    return next((outcome for words, outcome in _SIGN_IN_WORDS if words in low), None)


def _sophos(fields: Fields) -> Reading:
    _put(
        fields,
        {"src_ip": ("given.src_ip",), "dst_ip": ("given.dst_ip",)},
        {"src_port": "given.src_port", "dst_port": "given.dst_port"},
        ("user_name",),
    )
    kind = (single(fields, "log_type") or "").lower()
    status = (single(fields, "status") or "").lower()
    if protocol := single(fields, "protocol"):
        fields["protocol"] = protocol.lower()
    if kind == "firewall":
        word = single(fields, "log_subtype") or status
        fields["action"] = word.lower()
        if stopped := blocked(word):
            fields["blocked"] = stopped
        return LogSource("sophos", "firewall", kind), fields
    part = (single(fields, "log_component") or "").lower()
    if kind == "event" and status in {"failed", "successful", "success"}:
        subtype = (single(fields, "log_subtype") or "").lower()
        if subtype == "authentication" or "authentication" in part or "gui" in part or "login" in part:
            fields.update(outcome=FAILURE if status == "failed" else SUCCESS, action="login")
    if kind in {"anti-virus", "anti virus"} and (virus := single(fields, "virus")):
        fields["Signature"] = virus
        fields["Filename"] = single(fields, "filename", "file_name") or ""
        return LogSource("sophos", "antivirus", "anti-virus"), fields
    return LogSource("sophos", None, kind.replace(" ", "_") or None), fields


def _sonicwall(fields: Fields) -> Reading:
    """`src=192.0.2.1:5000:X0`: address, port, interface."""
    for ours, name in (("src", "src"), ("dst", "dst")):
        parts = (single(fields, name) or "").split(":", 3)
        if found := address(parts[0]):
            fields[f"{ours}_ip"] = found
        if len(parts) > 1 and (port := number(parts[1])) is not None:
            fields[f"{ours}_port"] = port
    if user := single(fields, "usr", "user"):
        fields["username"] = user
    if protocol := single(fields, "proto"):
        fields["protocol"] = protocol.partition("/")[0].lower()
    said = single(fields, "msg") or ""
    if outcome := _outcome(said):
        fields.update(outcome=outcome, action="login")
        return LogSource("sonicwall", None, "users"), fields
    low = said.lower()
    if "connection opened" in low or "connection closed" in low:
        fields["blocked"] = "false"
    elif "packet dropped" in low or "connection dropped" in low or "connection denied" in low:
        fields["blocked"] = "true"
    return LogSource("sonicwall", "firewall" if "blocked" in fields else None, "firewall"), fields


def _stormshield(fields: Fields) -> Reading:
    _put(
        fields,
        {"src_ip": ("src",), "dst_ip": ("dst",)},
        {"src_port": "srcport", "dst_port": "dstport"},
        ("user",),
    )
    if protocol := single(fields, "ipproto"):
        fields["protocol"] = protocol.lower()
    kind = single(fields, "logtype") or ""
    if kind in {"filter", "connection", "alarm"} and (stopped := blocked(single(fields, "action") or "")):
        fields["blocked"] = stopped
    if kind in {"auth", "xvpn", "server"}:
        said = single(fields, "msg") or ""
        outcome = _outcome(said)
        if outcome is None and kind == "auth" and (error := single(fields, "error")) and error != "0":
            outcome = FAILURE
        if outcome:
            fields.update(outcome=outcome, action="login")
    return LogSource("stormshield", "firewall" if kind in {"filter", "connection"} else None, kind), fields


def _zyxel(fields: Fields) -> Reading:
    """`src="192.0.2.1:5000" dst="…" msg="…" note="ACCESS BLOCK"`; who signs in stands in the note: "Account: anna"."""
    for ours, name in (("src", "src"), ("dst", "dst")):
        ip, port = endpoint(single(fields, name) or "")
        if ip:
            fields[f"{ours}_ip"] = ip
        if port is not None:
            fields[f"{ours}_port"] = port
    note = single(fields, "note") or ""
    account = note.removeprefix("Account: ") if note.startswith("Account: ") else single(fields, "user", "usr")
    if account:
        fields["username"] = account
    if protocol := single(fields, "proto"):
        fields["protocol"] = protocol.lower()
    said = single(fields, "msg") or ""
    if outcome := _outcome(said):
        fields.update(outcome=outcome, action="login")
        return LogSource("zyxel", None, "user"), fields
    if note in {"ACCESS BLOCK", "ACCESS DROP", "ACCESS REJECT", "ACCESS FORWARD"}:
        fields["blocked"] = "false" if note == "ACCESS FORWARD" else "true"
        return LogSource("zyxel", "firewall", "security_policy"), fields
    return LogSource("zyxel", None, None), fields


def read_watchguard(text: str) -> Reading | None:
    """A sign-in to a Firebox: its VPN, its pages for users."""
    found = _WATCHGUARD.search(text[:256])
    if not found:
        return None
    rest = text[found.end() :]
    for words, outcome in (("was rejected", FAILURE), ("was accepted", SUCCESS)):
        # The user may hold all of this: the device's own stand last.
        before, sign, reason = rest.rpartition(f" {words}")
        user, has_origin, origin = before.rpartition("] from ")
        if sign and has_origin and address(origin):
            why = reason.lstrip(", ") or None
            return sign_in(
                LogSource("watchguard", None, "authentication"),
                outcome,
                user,
                origin,
                action="login",
                application=found[1],
                failure_reason=why if outcome == FAILURE else None,
            )
    return None
