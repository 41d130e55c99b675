"""Packets that the Linux kernel's firewall logged: iptables and nftables `LOG`, UFW, UniFi and other gateways built on it.

The shape is the kernel's (net/netfilter/nf_log_syslog.c): a prefix of the administrator's, then `IN=… OUT=… MAC=… SRC=…`. The
prefix is all that tells a drop from an accept: UFW writes "[UFW BLOCK]", UniFi "[WAN_LOCAL-D-2147483647]" (rule set, verdict,
rule) and `DESCR="…"`.
"""

import re

from beffroi.core.model import Fields, LogSource
from beffroi.logs.formats.common import Reading, address, blocked, number

LONGEST_PREFIX = 256  # signs, UniFi's description with it; iptables allows 29 and nftables 127
MOST = 64  # parts of a packet's description; the kernel writes about thirty

_UPTIME = re.compile(r"\[ *\d{1,15}\.\d{1,9}\] ?")
_UNIFI = re.compile(r"\[([^\[\]\s]{1,64})-([ADR]|RET|CUSTOM)-([\w-]{1,24})\]")
_DESCRIPTION = re.compile(r'DESCR="([^"]{0,256})"')
_WORD = re.compile(r"[A-Za-z]+")
_VERDICTS = {"A": "accept", "D": "drop", "R": "reject", "RET": "return"}
_NAMES = {"SRC": "src_ip", "DST": "dst_ip", "SPT": "src_port", "DPT": "dst_port"}


def read(text: str) -> Reading | None:
    """A packet, as text after the header says it; None for every other line of a kernel."""
    at = 0 if text.startswith("IN=") else text.rfind(" IN=") + 1
    if (not at and not text.startswith("IN=")) or " OUT=" not in text[at : at + 64]:
        return None
    if at > LONGEST_PREFIX or ('"' in text[:at] and 'DESCR="' not in text[:at]):
        return None
    fields: Fields = {}
    for part in text[at:].rstrip().split(" ", MOST)[:MOST]:
        name, sign, value = part.partition("=")
        if part.startswith("[SRC=") or (part[:1] == "[" and "INCOMPLETE" in text):
            break  # the packet that an ICMP error is about, or how much of one there was
        # The kernel writes capitals, and options in brackets. Anything else is another program's line that somebody imitates.
        if not name.isupper() and part[:1] not in {"", "("}:
            return None
        if sign and value and name not in fields:
            fields[name] = value
    for name, ours in _NAMES.items():
        written = fields.get(name, "")
        known = number(written) if ours.endswith("port") else address(written)
        if known is not None:
            fields[ours] = known
    if "src_ip" not in fields:
        return None
    if "PROTO" in fields:
        fields["protocol"] = fields["PROTO"].lower()
    prefix = text[: max(at - 1, 0)]
    if uptime := _UPTIME.match(prefix):
        prefix = prefix[uptime.end() :]
    return LogSource(_verdict(prefix.strip(" :"), fields), "firewall"), fields


def _verdict(prefix: str, fields: Fields) -> str:
    """Add what the prefix says of the rule and what it did; the product that writes such prefixes."""
    if found := _UNIFI.search(prefix):
        chain, verdict, rule = found.groups()
        fields["chain"], fields["rule"] = chain, rule
        fields["action"] = _VERDICTS.get(verdict, verdict.lower())
        if described := _DESCRIPTION.search(prefix, found.end()):
            fields["rule_name"] = described[1]
        product = "unifi"
    else:
        if prefix:
            fields["prefix"] = prefix
        # The last word counts: "net-fw DROP" is a drop, and so is "accepted before: DROP".
        for word in reversed(_WORD.findall(prefix[-128:])):
            if len(word) > 1 and blocked(word):
                fields["action"] = word.lower()
                break
        product = "linux"
    stopped = blocked(fields.get("action", ""))
    if stopped:
        fields["blocked"] = stopped
    return product
