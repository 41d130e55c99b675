"""QNAP QTS and QuTS hero, programs `qlogd` and `qulogd`: "conn log: Users: …, Source IP: …, …, Action: …" and "event log: …".

QNAP's manual, "System Connection Logs" and "Syslog Client Management", names the columns and the actions:
https://docs.qnap.com/operating-system/qts/5.2.x/en-us/ (QuLog Center).
"""

from beffroi.core.model import Fields, LogSource
from beffroi.logs.formats.common import FAILURE, SUCCESS, Reading, address, cut_last

_CATEGORIES = {
    "read": "file_access",
    "open": "file_access",
    "download": "file_access",
    "write": "file_event",
    "add": "file_event",
    "copy": "file_event",
    "mkdir": "file_event",
    "make dir": "file_event",
    "create directory": "file_event",
    "upload": "file_event",
    "delete": "file_delete",
    "remove": "file_delete",
    "rename": "file_rename",
    "move": "file_rename",
}
_LOGINS = {
    "login ok": SUCCESS,
    "login success": SUCCESS,
    "login fail": FAILURE,
    "login failed": FAILURE,
    "logout": None,
}
_NOTHING = {"---", "--", ""}
_EVENT_NAMES = (("Application", "application"), ("Category", "category"), ("Content", "said"))


def read(text: str) -> Reading | None:
    """A connection or an event; None for others."""
    if text.startswith("conn log: Users: "):
        return _connection(text[17:].rstrip().removesuffix("."))
    if text.startswith("event log: Users: "):
        return _event(text[18:].rstrip())
    return None


def _connection(text: str) -> Reading | None:
    rest, sign, action = text.rpartition(", Action: ")
    if not sign:
        return None
    is_sign_in = action.lower() in _LOGINS
    # Whoever tries to sign in types the user's name; whoever has signed in may name files. The other end is QNAP's own.
    if is_sign_in:
        rest, resource = cut_last(rest, ", Accessed resources: ")
        rest, way = cut_last(rest, ", Connection type: ")
        rest, computer = cut_last(rest, ", Computer name: ")
        user, sign, origin = rest.rpartition(", Source IP: ")
    else:
        user, sign, rest = rest.partition(", Source IP: ")
        origin, _, rest = rest.partition(", Computer name: ")
        computer, _, rest = rest.partition(", Connection type: ")
        way, _, resource = rest.partition(", Accessed resources: ")
    if not sign:
        return None
    fields: Fields = {"action": action, "username": user}
    for name, value in (("computer", computer), ("application", way), ("resource", resource)):
        if value not in _NOTHING:
            fields[name] = value
    if ip := address(origin):
        fields["src_ip"] = ip
    if is_sign_in:
        outcome = _LOGINS[action.lower()]
        fields.update({"action": "login", "outcome": outcome} if outcome else {"action": "logout"})
        return LogSource("qnap", None, "conn"), fields
    if "resource" in fields:
        fields["TargetFilename"] = fields["resource"]
    return LogSource("qnap", _CATEGORIES.get(action.lower()), "conn"), fields


def _event(text: str) -> Reading | None:
    user, sign, rest = text.partition(", Source IP: ")
    if not sign:
        return None
    origin, _, rest = rest.partition(", ")
    fields: Fields = {}
    if user not in _NOTHING:
        fields["username"] = user
    if ip := address(origin):
        fields["src_ip"] = ip
    rest = ", " + rest
    for title, name in _EVENT_NAMES:
        _, found, value = rest.partition(f", {title}: ")
        if found:
            fields[name] = value if title == "Content" else value.partition(", ")[0]
    said = str(fields.get("said", ""))
    if "Failed to log in" in said or "failed to log in" in said:
        fields.update(outcome=FAILURE, action="login")
    elif "ogged in" in said[:256]:
        fields.update(outcome=SUCCESS, action="login")
    return LogSource("qnap", None, "event"), fields
