r"""Sign-ins as Samba's authentication audit tells them (`log level = … auth_audit:2`), on NAS boxes and file servers.

    Auth: [SMB2,(null)] user [D]\[U] at [time] with [NTLMv2] status [NT_STATUS_…] workstation [W] remote host [ipv4:A:P] mapped to …

and the same as JSON (`auth_json_audit`). Samba's wiki, "Setting up Audit Logging"; source/auth/auth_log.c. Samba escapes what is no letter, but no bracket: the user's name and the
workstation's, both the client's, may imitate the rest.
"""

from datetime import UTC, datetime, timedelta
from typing import Any

from beffroi.core.model import Fields, LogSource
from beffroi.logs.formats.common import FAILURE, SUCCESS, Reading, endpoint
from beffroi.logs.formats.syslog import ZONES

_JSON_NAMES = (("status", "status"), ("clientDomain", "domain"), ("serviceDescription", "application"), ("passwordType", "method"), ("workstation", "workstation"))  # fmt: skip
MOST = 64  # places where the user's name might end that are tried

_SOURCE = LogSource("samba", None, "auth_audit")


def read(text: str) -> Reading | None:
    """A sign-in that succeeded or failed; None for other lines."""
    if not text.startswith("Auth: ["):
        return None
    what, sign, rest = text[7:].partition("] user [")
    domain, has_domain, rest = rest.partition("]\\[")
    if not sign or not has_domain:
        return None
    user, after, tail = _user(domain, rest)
    if after < 0:
        return None
    # The workstation's name, the client's own, ends where the last remote host before the end begins.
    place = rest.rfind("] remote host [", after, tail)
    if place < 0:
        return None
    remote, _, _ = rest[place + 15 :].partition("]")
    told = rest[after:place]
    status = told.partition(" status [")[2].partition("]")[0]
    ip, port = endpoint(remote)
    fields: Fields = {
        "outcome": SUCCESS if status == "NT_STATUS_OK" else FAILURE,
        "action": "login",
        "username": user,
        "domain": domain,
        "status": status,
        "application": what.partition(",")[0],
        "method": told.partition(" with [")[2].partition("]")[0],
        "workstation": told.partition(" workstation [")[2],
        "time": told.partition("]")[0].removeprefix("["),
    }
    if ip:
        fields["src_ip"] = ip
    if port is not None:
        fields["src_port"] = port
    return _SOURCE, {name: value for name, value in fields.items() if value != ""}


def time_of(fields: Fields) -> datetime | None:
    """When it was (UTC), of "Thu, 26 Nov 2026 03:44:30.540050 CET"; None in a zone whose name is not known."""
    written, _, zone = str(fields.get("time", "")).rpartition(" ")
    if zone not in ZONES or len(written) > 40:
        return None
    try:
        moment = datetime.strptime(written, "%a, %d %b %Y %H:%M:%S.%f").replace(tzinfo=UTC)
        return moment - timedelta(hours=ZONES[zone])
    except (ValueError, OverflowError):
        return None


def read_event(event: dict[str, Any]) -> Reading | None:
    """The same as JSON (`auth_json_audit`): {"timestamp": …, "type": "Authentication", "Authentication": {…}}; also what a client
    that has signed in may then reach ("Authorization"), which is no second sign-in."""
    kind = event.get("type")
    if kind not in {"Authentication", "Authorization"} or not isinstance(told := event.get(kind), dict):
        return None
    if not isinstance(remote := told.get("remoteAddress"), str):
        return None
    signs_in = kind == "Authentication"
    user = told.get("clientAccount" if signs_in else "account")
    ip, port = endpoint(remote)
    fields: Fields = {
        "action": "login" if signs_in else "authorization",
        "username": user,
        "src_ip": ip,
        "src_port": port,
    }
    if signs_in:
        fields["outcome"] = SUCCESS if told.get("status") == "NT_STATUS_OK" else FAILURE
    else:
        fields["domain"] = told.get("domain")
    fields |= {name: told[theirs] for theirs, name in _JSON_NAMES if theirs in told}
    return _SOURCE, {name: value for name, value in fields.items() if value not in (None, "")}


def _user(domain: str, rest: str) -> tuple[str, int, int]:
    r"""(The user, where the time begins, where what follows the remote host begins); -1 where there is none.

    A refused user is written a second time near the end ("mapped to [D]\[U]. local host"): the longest name that stands in both
    places is the one. One who was let in has a name that exists, and what he became ends what the client could write.
    """
    first = rest.find("] at [")
    at = len(rest) // 2 + 6  # nobody's name is longer, as it stands there twice
    for _ in range(MOST):
        at = rest.rfind("] at [", 0, at)
        if at < 0:
            break
        tail = rest.rfind(f"] mapped to [{domain}]\\[{rest[:at]}]. local host [", at)
        if tail >= 0:
            return rest[:at], at + 5, tail
    if first < 0:
        return "", -1, -1
    return rest[:first], first + 5, max(rest.rfind("] became ["), rest.rfind("] mapped to [")) % (len(rest) + 1)
