"""MikroTik RouterOS 6 and 7: topics ("system,error,critical"), then a sentence.

MikroTik's documentation, "Log" (https://help.mikrotik.com/docs/spaces/ROS/pages/328094/Log) and "Filter", action `log`.
"""

import re

from beffroi.core.model import Fields, LogSource
from beffroi.logs.formats.common import FAILURE, SUCCESS, Reading, address, endpoint, sign_in

_TOPICS = re.compile(r"([a-z0-9\-]{1,32}(?:,[a-z0-9!\-]{1,32}){1,8})(?::? |\Z)")
_PACKET = re.compile(r"\b(input|forward|output|prerouting|postrouting|srcnat|dstnat): in:")
_PROTOCOL = re.compile(r"proto ([A-Za-z0-9\-]{1,24})(?: \(([^()]{0,64})\))?, ")
_LEASE = re.compile(r"(\S{1,64}) (assigned|deassigned) (\S{1,45}) (?:for|to|from) ([0-9A-Fa-f:]{17})(?: (\S{1,64}))?")
_VERDICT = re.compile(r"(?:^|[^A-Za-z])(drop|deny|reject|block|accept|allow)", re.IGNORECASE)


def read(text: str) -> Reading | None:
    """Any line that begins with topics; one that is no packet, lease or sign-in keeps its topics and no more."""
    found = _TOPICS.match(text)
    if not found:
        return None
    topics = found[1].split(",")
    said = text[found.end() :]
    reading = None
    if "firewall" in topics:
        reading = _packet(said)
    elif "dhcp" in topics:
        reading = _lease(said)
    else:
        reading = _sign_in(said)
    if reading is None:
        reading = LogSource("mikrotik", None, topics[0]), {}
    reading[1]["topics"] = topics
    return reading


def _packet(said: str) -> Reading | None:
    """A packet: "drop-in input: in:ether1 out:(unknown 0), connection-state:new src-mac …, proto TCP (SYN), A:1->B:2, len 40"."""
    chain = _PACKET.search(said)
    if not chain:
        return None
    fields: Fields = {"chain": chain[1]}
    if prefix := said[: chain.start()].strip():
        fields["prefix"] = prefix
        if verdict := _VERDICT.search(prefix[:64]):
            fields["action"] = verdict[1].lower()
            fields["blocked"] = "false" if fields["action"] in {"accept", "allow"} else "true"
    interfaces = said[chain.end() : chain.end() + 160]
    fields["in_interface"] = interfaces.partition(" ")[0].rstrip(",")
    inward, sign, outward = interfaces.partition(" out:")
    if sign:
        fields["in_interface"] = inward
        fields["out_interface"] = outward.partition(",")[0]
    _, sign, mac = said[:512].partition("src-mac ")
    if sign:
        fields["mac"] = mac[:17].lower()
    protocol = _PROTOCOL.search(said[:1024])
    if not protocol:
        return None
    fields["protocol"] = protocol[1].lower()
    if protocol[2] is not None:
        fields["tcp_flags" if fields["protocol"] == "tcp" else "icmp_type"] = protocol[2]
    source, sign, rest = said[protocol.end() :].partition("->")
    destination = rest.partition(",")[0].partition(" ")[0]
    for name, value in (("src", source), ("dst", destination)):
        ip, port = endpoint(value)
        if ip is None:
            return None
        fields[f"{name}_ip"] = ip
        if port is not None:
            fields[f"{name}_port"] = port
    return LogSource("mikrotik", "firewall", "firewall"), fields


def _lease(said: str) -> Reading | None:
    found = _LEASE.match(said)
    if not found or not (ip := address(found[3])):
        return None
    fields: Fields = {"interface": found[1], "action": found[2], "ip": ip, "mac": found[4].lower()}
    if found[5]:
        fields["hostname"] = found[5]
    return LogSource("mikrotik", "dhcp", "dhcp"), fields


def _sign_in(said: str) -> Reading | None:
    source = LogSource("mikrotik", None, "system")
    if said.startswith("login failure for user "):
        # The user may hold " from … via …": the device's own stand last.
        user, sign, rest = said[23:].rpartition(" from ")
        if not sign and said[23:].startswith("from "):
            user, sign, rest = "", "from ", said[28:]
        origin, _, way = rest.partition(" via ")
        return (
            sign_in(source, FAILURE, user, origin.strip(), method=way.strip() or None, action="login") if sign else None
        )
    if said.startswith("user "):
        for words, outcome, action in ((" logged in from ", SUCCESS, "login"), (" logged out from ", None, "logout")):
            user, sign, rest = said[5:].rpartition(words)
            if sign:
                origin, _, way = rest.partition(" via ")
                return sign_in(source, outcome, user, origin.strip(), method=way.strip() or None, action=action)
    # Of a VPN: "<pptp-0>: user anna authentication failed".
    before, sign, _ = said.partition(" authentication failed")
    if sign and "user " in before[:64]:
        return sign_in(LogSource("mikrotik", None, "ppp"), FAILURE, before.partition("user ")[2], None, action="login")
    return None
