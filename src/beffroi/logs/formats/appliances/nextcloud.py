"""Nextcloud's log (`nextcloud.log`, or by syslog): one JSON object a line.

https://docs.nextcloud.com/server/latest/admin_manual/configuration_server/logging_configuration.html. Behind the sentence "Login
failed" stands the address that Nextcloud believes; `remoteAddr` says the same.
"""

from typing import Any

from beffroi.core.model import Fields, LogSource, UnfitError
from beffroi.logs.formats.common import FAILURE, SUCCESS, Reading, address, given
from beffroi.logs.formats.jsontext import loads_any
from beffroi.logs.formats.shapes import flat

_SOURCE = LogSource("nextcloud", None, "nextcloud")
_PLACES = (" (Remote IP: ", " (Remote IP '")


def read(text: str) -> Reading | None:
    """A line; None for what is no line of Nextcloud's."""
    if text[:1] != "{" or '"reqId"' not in text:
        return None
    try:
        event = loads_any(text)
    except UnfitError:
        return None
    return read_event(event) if isinstance(event, dict) else None


def read_event(event: dict[str, Any]) -> Reading | None:
    """The fields of one object; None for what is none of Nextcloud's."""
    said, origin = event.get("message"), event.get("remoteAddr")
    if "reqId" not in event or not isinstance(origin, str):
        return None
    fields: Fields = given(dict(flat(event)))
    if ip := address(origin):
        fields["src_ip"] = ip
    if isinstance(event.get("user"), str) and event["user"] not in {"", "--"}:
        fields["username"] = event["user"]
    if isinstance(said, str):
        _sign_in(said, fields)
    return _SOURCE, fields


def _sign_in(said: str, fields: Fields) -> None:
    if said.startswith("Login failed: "):
        user = said[14:]
        for place in _PLACES:
            before, sign, _ = user.rpartition(place)
            if sign:
                user = before
                break
        quoted = len(user) > 1 and user[0] == user[-1] == "'"
        fields.update(outcome=FAILURE, action="login", username=user[1:-1] if quoted else user)
    elif said.startswith("Login attempt of user"):
        fields.update(outcome=FAILURE, action="login")
    elif said.startswith("Login successful"):
        fields.update(outcome=SUCCESS, action="login")
    elif said.startswith("Bruteforce attempt from "):
        action = said.rpartition(' for action "')[2].partition('"')[0]
        fields.update(outcome=FAILURE, action=action or "login")
