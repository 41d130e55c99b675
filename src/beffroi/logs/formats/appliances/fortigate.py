"""FortiGate (FortiOS 6 to 7.6): `date=… time=… logid="…" type="traffic" subtype="forward" …`.

Names and meanings: Fortinet, "FortiOS Log Message Reference" (https://docs.fortinet.com/product/fortigate). Sigma's rules know the
product as `fortigate` with the `type` as service (`event`) and Fortinet's own field names, which all stay.
"""

from datetime import UTC, datetime

from beffroi.core.model import Fields, LogSource
from beffroi.logs.formats.common import FAILURE, SUCCESS, Reading, address, epoch, number
from beffroi.logs.formats.keyvalue import pairs, single

_PROTOCOLS = {"1": "icmp", "6": "tcp", "17": "udp", "47": "gre", "50": "esp", "58": "ipv6-icmp", "132": "sctp"}
_ADDRESSES = {"src_ip": ("srcip", "remip"), "dst_ip": ("dstip",)}
_PORTS = {"src_port": "srcport", "dst_port": "dstport"}
_UTM = {"virus": "antivirus", "webfilter": "proxy", "dns": "dns"}
_SIGMA: dict[str, dict[str, str]] = {
    "antivirus": {"Signature": "virus", "Filename": "filename"},
    "proxy": {"c-uri": "url", "cs-host": "hostname", "cs-method": "httpmethod", "c-useragent": "agent"},
    "dns": {"query": "qname", "record_type": "qtype", "answer": "ipaddr"},
}
_STOPPED = {
    "deny",
    "block",
    "blocked",
    "dropped",
    "server-rst",
    "reset",
    "reset_client",
    "reset_server",
    "clear_session",
}
# What `action` says of a sign-in, with Fortinet's `status` where the action itself does not tell.
_FAILED_ACTIONS = {"ssl-login-fail", "negotiate-error", "auth-failed"}
_SIGN_IN_ACTIONS = {"login", "authentication", "auth", "auth-logon", "fortigate-login"}


def is_fortigate(text: str) -> bool:
    """Whether a line is a FortiGate's: its date, its device or its log number stands first."""
    return text.startswith(("date=", "logver=", "timestamp=", "devname=", "devid=", "logid=")) and " type=" in text


def read(text: str) -> Reading | None:
    """A line of any type; None where it is no FortiGate's."""
    if not is_fortigate(text):
        return None
    fields = pairs(text)
    kind = single(fields, "type")
    if kind is None or "subtype" not in fields:
        return None
    for ours, theirs in _ADDRESSES.items():
        if (value := single(fields, *theirs)) and (found := address(value)):
            fields[ours] = found
    for ours, name in _PORTS.items():
        if (value := single(fields, name)) and (port := number(value)) is not None:
            fields[ours] = port
    if user := single(fields, "user", "unauthuser", "xauthuser"):
        fields["username"] = user
    if protocol := single(fields, "proto"):
        fields["protocol"] = _PROTOCOLS.get(protocol, protocol)
    return LogSource("fortigate", _category(kind, fields), kind), fields


def _category(kind: str, fields: Fields) -> str | None:
    """Sigma's category, with the names it promises."""
    action = (single(fields, "action") or "").lower()
    if kind == "traffic":
        if action:
            # "close", "timeout", "client-rst" and the like end a session that was let through.
            fields["blocked"] = "true" if action in _STOPPED else "false"
        return "firewall"
    if kind == "event":
        _sign_in(action, fields)
        return None
    category = _UTM.get(single(fields, "subtype") or "")
    if category is None:
        return None
    for ours, theirs in _SIGMA[category].items():
        if value := single(fields, theirs):
            fields.setdefault(ours, value)
    if action:
        fields["blocked"] = "true" if action in _STOPPED else "false"
    return category


def _sign_in(action: str, fields: Fields) -> None:
    status = (single(fields, "status") or "").lower()
    if action in _FAILED_ACTIONS and status not in {"success", "negotiate_success"}:
        fields["outcome"] = FAILURE
    elif action == "tunnel-up" and fields.get("username", "N/A") != "N/A":
        fields["outcome"] = SUCCESS
    elif action in _SIGN_IN_ACTIONS and status:
        fields["outcome"] = SUCCESS if status in {"success", "logon"} else FAILURE
    if fields.get("outcome") == FAILURE and (reason := single(fields, "reason", "error_reason")):
        fields["failure_reason"] = reason


def time_of(fields: Fields) -> datetime | None:
    """When it happened: `eventtime` (seconds, milli-, micro- or nanoseconds since 1970, as the version has it), else `date`,
    `time` and `tz`; None without them or a zone."""
    if (when := epoch(single(fields, "eventtime"))) is not None:
        return when
    day, clock, zone = single(fields, "date"), single(fields, "time"), single(fields, "tz")
    if not (day and clock and zone):
        return None
    try:
        return datetime.strptime(f"{day} {clock} {zone}", "%Y-%m-%d %H:%M:%S %z").astimezone(UTC)
    except (ValueError, OverflowError):
        return None
