r"""Common Event Format: `CEF:0|vendor|product|version|class|name|severity|src=… msg=…`.

The format is ArcSight's, "Implementing ArcSight Common Event Format (CEF)", version 25: in the header `\|` and `\\` are escaped, in
the extension `\=`, `\\`, `\n` and `\r`; a value goes on to the next ` name=`. Some devices escape nothing.
"""

import re
from typing import NamedTuple

from beffroi.core.model import Fields, LogSource
from beffroi.logs.formats.common import SUCCESS, Reading, address, given
from beffroi.logs.formats.keyvalue import collect, single, translated

MOST = 512  # fields of one extension
LONGEST_HEADER = 4096  # signs

_KEY = re.compile(r"(?:\A|(?<=\s))([A-Za-z_][\w.\-\[\]]{0,63})=")
_LABEL = re.compile(r"(?:cs|cn|cfp|c6a|flexString|flexNumber|flexDate|deviceCustomDate)\d{1,2}\Z")
_BAR = re.compile(r"\\.|\|", re.DOTALL)
_ESCAPE = re.compile(r"\\([\\|=nr])")
_SIGNS = {"n": "\n", "r": "\r"}
_ADDRESSES: dict[str, tuple[str, ...]] = {
    "src_ip": ("src", "c6a2"),
    "dst_ip": ("dst", "c6a3"),
}
_PORTS = {"src_port": "spt", "dst_port": "dpt"}
_COPIES: dict[str, tuple[str, ...]] = {
    "protocol": ("proto",),
    "action": ("act",),
    "username": ("duser", "suser"),
    "c-uri": ("request",),
}
_PRODUCTS = {
    ("fortinet", "fortigate"): "fortigate",
    ("palo alto networks", "pan-os"): "paloalto",
    ("cisco", "asa"): "cisco",
    ("check point", "vpn-1 & firewall-1"): "checkpoint",
}


class Header(NamedTuple):
    """The seven parts of a CEF header, unescaped."""

    version: str
    vendor: str
    product: str
    device_version: str
    event_class: str
    name: str
    severity: str


def parse(text: str) -> tuple[Header, Fields] | None:
    """(header, extension under CEF's own names); None for what is no CEF. The text may begin behind "CEF:", which some take for
    the name of a program."""
    parts, rest = split_header(text.removeprefix("CEF:").lstrip(" "), 7)
    if len(parts) < 7 or not (parts[0].isascii() and parts[0].isdecimal() and len(parts[0]) < 3):
        return None
    return Header(*parts), extension(rest)


def split_header(text: str, count: int) -> tuple[list[str], str]:
    """(the first `count` parts between bars, unescaped; what comes behind the last of them)."""
    parts: list[str] = []
    start = 0
    for found in _BAR.finditer(text, 0, LONGEST_HEADER):
        if found[0] == "|":  # else it is an escaped sign
            parts.append(_unescaped(text[start : found.start()]))
            start = found.end()
            if len(parts) == count:
                return parts, text[start:]
    if len(parts) == count - 1:
        parts.append(_unescaped(text[start:LONGEST_HEADER]))
    return parts, ""


def _unescaped(text: str) -> str:
    return _ESCAPE.sub(lambda found: _SIGNS.get(found[1], found[1]), text) if "\\" in text else text


def extension(text: str) -> Fields:
    """The fields of an extension. A name that comes again makes a list, as in keyvalue.pairs."""
    fields: Fields = {}
    last, start = "", 0
    for count, key in enumerate(_KEY.finditer(text)):
        if count == MOST:
            break
        if last:
            _put(fields, last, text[start : key.start()])
        last, start = key[1], key.end()
    if last:
        _put(fields, last, text[start:])
    for name in [name for name in fields if name.endswith("Label")]:
        named, label = name[:-5], fields[name]
        if _LABEL.match(named) and named in fields and isinstance(label, str) and label:
            fields.setdefault(label, fields[named])
    return given(fields)


def _put(fields: Fields, name: str, raw: str) -> None:
    collect(fields, name, _unescaped(raw.strip()))


def read(text: str) -> Reading | None:
    """A message in CEF: the header as `deviceVendor`, `deviceProduct`, …, the extension, and the names Sigma's rules use."""
    parsed = parse(text)
    if parsed is None:
        return None
    header, fields = parsed
    fields.update(
        deviceVendor=header.vendor,
        deviceProduct=header.product,
        deviceVersion=header.device_version,
        deviceEventClassId=header.event_class,
        name=header.name,
        severity=header.severity,
    )
    return normalised(header, fields), fields


def normalised(header: Header, fields: Fields) -> LogSource:
    """The log source of a message; adds to its fields what they mean."""
    is_firewall = translated(fields, _ADDRESSES, _PORTS, _COPIES)
    vendor, product = header.vendor.lower(), header.product.lower()
    if vendor == "ubiquiti":
        return _unifi(header, fields)
    known = _PRODUCTS.get((vendor, product)) or slug(product) or slug(vendor)
    return LogSource(known, "firewall" if is_firewall else None, "cef")


def _unifi(header: Header, fields: Fields) -> LogSource:
    """UniFi OS (https://help.ui.com, "UniFi System Logs & SIEM Integration"): what is its own begins with UNIFI."""
    category = single(fields, "UNIFIsubCategory") or single(fields, "UNIFIcategory") or ""
    if user := single(fields, "UNIFIadmin", "UNIFIclientHostname"):
        fields.setdefault("username", user)
    if category == "Admin" and "Accessed" in header.name:
        fields.update(outcome=SUCCESS, action="login")
    if "Blocked" in header.name:
        fields.setdefault("blocked", "true")
    if mac := single(fields, "UNIFIclientMac"):
        fields.setdefault("mac", mac.lower())
    if ip := single(fields, "UNIFIclientIp"):
        fields.setdefault("src_ip", address(ip) or ip)
    if "Firewall" in (category, single(fields, "UNIFIpolicyType")):
        return LogSource("unifi", "firewall", "cef")
    return LogSource("unifi", None, "ips" if category == "Intrusion Prevention" else "cef")


_SLUG = re.compile(r"[^a-z0-9]+")


def slug(name: str) -> str:
    """A vendor's name for its product as Sigma would write it: "Deep Security Agent" → "deep_security_agent"."""
    return _SLUG.sub("_", name[:64].lower()).strip("_")
