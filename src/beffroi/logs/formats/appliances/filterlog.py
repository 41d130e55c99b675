"""Packets that pfSense and OPNsense logged: `filterlog`, comma-separated.

The columns are those of Netgate's documentation, "Raw Filter Log Format"; OPNsense writes the same ones, https://docs.netgate.com/pfsense/en/latest/monitoring/logs/raw-filter-format.html.
"""

from beffroi.core.model import Fields, LogSource
from beffroi.logs.formats.common import Reading, address, blocked, number

MOST = 40  # columns; the longest, of TCP over IPv6, has 27
_RULE = ("rule", "sub_rule", "anchor", "tracker", "interface", "reason", "action", "direction", "ip_version")
_IPV4 = ("tos", "ecn", "ttl", "id", "offset", "ip_flags", "protocol_id", "protocol")
_IPV6 = ("class", "flow_label", "hop_limit", "protocol", "protocol_id")
_TCP = ("data_length", "tcp_flags", "sequence", "acknowledgement", "window", "urgent", "tcp_options")
_ACTIONS = frozenset(("pass", "block", "reject", "match", "nat", "rdr", "binat", "scrub", "synproxy block"))


def read(text: str) -> Reading | None:
    """A packet; None where the columns are others."""
    columns = text.rstrip().split(",", MOST)
    if len(columns) < 17 or len(columns) > MOST or columns[6] not in _ACTIONS or columns[8] not in {"4", "6"}:
        return None
    names = _RULE + (_IPV4 if columns[8] == "4" else _IPV6)
    fields: Fields = {name: value for name, value in zip(names, columns, strict=False) if value}
    rest = columns[len(names) :]
    if len(rest) < 3:
        return None
    source, destination = address(rest[1]), address(rest[2])
    if source is None or destination is None:
        return None
    protocol = fields.get("protocol", "").lower()
    fields.update(protocol=protocol, length=rest[0], src_ip=source, dst_ip=destination)
    rest = rest[3:]
    if protocol in {"tcp", "udp", "sctp"} and len(rest) >= 2:
        for name, value in zip(("src_port", "dst_port"), rest, strict=False):
            if (port := number(value)) is not None:
                fields[name] = port
        fields.update((name, value) for name, value in zip(_TCP, rest[2:], strict=False) if value)
    elif protocol.startswith("icmp") and rest:
        fields["icmp_type"] = rest[0]
    if stopped := blocked(fields["action"]):
        fields["blocked"] = stopped
    # pfSense's rules have a number of ten digits, OPNsense's a label of 32 hexadecimal ones.
    product = "opnsense" if len(columns[3]) == 32 else "pfsense"
    return LogSource(product, "firewall", "filterlog"), fields
