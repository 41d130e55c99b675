"""Which names are asked for: the query lines of dnsmasq (also Pi-hole's), unbound (pfSense, OPNsense) and BIND.

Sigma's category `dns` calls them `query`, `record_type` and `answer`.
"""

import re

from beffroi.core.model import Fields, LogSource
from beffroi.logs.formats.common import Reading, address

_NAME = r"[^\s()]{1,255}"
_DNSMASQ_QUERY = re.compile(
    rf"(?:\d{{1,12}} [0-9A-Fa-f.:]{{3,45}}/\d{{1,5}} )?query\[([\w=]{{1,16}})\] ({_NAME}) from ([0-9A-Fa-f.:]{{3,45}})"
)
_DNSMASQ_ANSWER = re.compile(
    rf"(?:\d{{1,12}} [0-9A-Fa-f.:]{{3,45}}/\d{{1,5}} )?(?:reply|cached|config|/etc/hosts|gravity blocked|exactly denied|regex denied) ({_NAME}) is (\S{{1,1024}})"
)
_UNBOUND = re.compile(
    rf"\[\d{{1,10}}:[0-9a-f]{{1,4}}\] info: ([0-9A-Fa-f.:]{{3,45}}) ({_NAME})\.? ([A-Z0-9]{{1,10}}) IN\b"
)
_BIND = re.compile(
    rf"(?:queries: )?(?:info: )?client (?:@0x[0-9a-f]{{1,16}} )?([0-9A-Fa-f.:]{{3,45}})#\d{{1,5}} \({_NAME}\): (?:view \S{{1,64}}: )?"
    rf"query: ({_NAME}) IN ([A-Z0-9]{{1,10}})"
)


def read_dnsmasq(text: str) -> Reading | None:
    """A query or an answer of dnsmasq's (`log-queries`, also `extra`)."""
    if found := _DNSMASQ_QUERY.match(text):
        return _query("dnsmasq", found[2], found[1], found[3])
    if found := _DNSMASQ_ANSWER.match(text):
        fields: Fields = {"query": found[1], "answer": found[2]}
        return LogSource("dnsmasq", "dns", "dns"), fields
    return None


def read_unbound(text: str) -> Reading | None:
    """A query of unbound's (`log-queries: yes`)."""
    found = _UNBOUND.match(text)
    return _query("unbound", found[2].rstrip(".") or ".", found[3], found[1]) if found else None


def read_bind(text: str) -> Reading | None:
    """A query of BIND's (category `queries`)."""
    found = _BIND.match(text)
    return _query("bind", found[2], found[3], found[1]) if found else None


def _query(product: str, name: str, kind: str, origin: str) -> Reading:
    fields: Fields = {"query": name, "record_type": kind}
    if ip := address(origin):
        fields["src_ip"] = ip
    return LogSource(product, "dns", "dns"), fields
