"""What an HTTP request shows of who sent it, for `Intake.admit`: a token, a client certificate, else its address."""

import base64
import binascii
import ipaddress
from collections.abc import Mapping
from typing import Any, Final

from beffroi.logs.arrival import Proof

LONGEST: Final = 4096
"""Bytes of an Authorization header that are looked at; a longer one is no token."""


class Unreadable(ValueError):
    """The Authorization header is of no kind that is known here."""


def proof(receiver: str, scope: Mapping[str, Any], headers: Mapping[bytes, bytes]) -> Proof:
    """The proof in a request. `scope` is ASGI's; `state.certificate` is what `serving` puts there. Raises Unreadable."""
    token, name = credentials(headers.get(b"authorization", b""))
    client = scope.get("client")
    return Proof(
        receiver,
        peer=address(client[0]) if client else "",
        token=token,
        certificate=scope.get("state", {}).get("certificate"),
        name=name,
        encrypted=scope.get("scheme") == "https",
    )


def credentials(header: bytes) -> tuple[str | None, str | None]:
    """(token, name) of an Authorization header; (None, None) where there is none. Raises Unreadable.

    `Basic` (RFC 7617): the password is the token. `Bearer` (RFC 6750) and `Splunk`: as it stands. `ApiKey` (Elasticsearch): base64
    of "id:key", as Beats and Logstash send it, then the key is the token; else as it stands, as clients send a key that was
    given to them in one piece.
    """
    if not header:
        return None, None
    scheme, _, value = header.partition(b" ")
    value = value.strip()
    if len(header) > LONGEST or not value:
        raise Unreadable
    try:
        match scheme.lower():
            case b"basic":
                name, colon, token = _pair(value)
                if not colon:
                    raise Unreadable
                return token, name or None
            case b"apikey":
                name, colon, token = _pair_or_none(value)
                return (token, name or None) if colon else (value.decode(), None)
            case b"bearer" | b"splunk":
                return value.decode(), None
    except ValueError as error:
        raise Unreadable from error
    raise Unreadable


def _pair(value: bytes) -> tuple[str, str, str]:
    return base64.b64decode(value, validate=True).decode().partition(":")


def _pair_or_none(value: bytes) -> tuple[str, str, str]:
    try:
        return _pair(value)
    except (binascii.Error, UnicodeDecodeError):
        return "", "", ""


def address(text: str) -> str:
    """The address of a peer as it is written everywhere else: IPv4 also where it came through a socket of IPv6, without a scope."""
    try:
        found = ipaddress.ip_address(text.partition("%")[0])
    except ValueError:
        return ""
    mapped = found.ipv4_mapped if isinstance(found, ipaddress.IPv6Address) else None
    return str(mapped or found)
