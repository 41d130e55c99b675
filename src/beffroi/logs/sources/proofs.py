"""What a sender shows of itself, brought into the one form in which it is looked up."""

import hashlib
import ipaddress
from enum import StrEnum
from typing import Final, NamedTuple

from beffroi.core.model import Assurance
from beffroi.core.wording import printable
from beffroi.logs.arrival import Proof, Refused

LONGEST_NAME: Final = 100
"""Characters of a source's name, and of what it calls itself."""


class ProofKind(StrEnum):
    """What a source is known by."""

    ADDRESS = "address"
    TOKEN = "token"  # noqa: S105 - the kind, not one
    CERTIFICATE = "certificate"
    LOCAL = "local"
    """A file or the journal of this machine itself, which its owner told Beffroi to read."""


class Key(NamedTuple):
    """What a source is looked up by. No secret: of a token and a certificate it is the SHA-256."""

    kind: ProofKind
    value: str


def key(proof: Proof) -> Key:
    """The key of what a sender shows: its certificate, else its token, else its address.

    Raises Refused where something had to be shown and was not: over TLS a bare address is no proof (design: proof of identity
    by protocol), and a receiver that is to take strangers goes without TLS by `listen.plain`.
    """
    if proof.certificate is not None:
        return Key(ProofKind.CERTIFICATE, hashlib.sha256(proof.certificate).hexdigest())
    if proof.token is not None:
        return Key(ProofKind.TOKEN, hash_of(proof.token))
    if not proof.peer:
        return Key(ProofKind.LOCAL, f"{proof.receiver}:{proof.name or ''}")
    if proof.encrypted:
        raise Refused
    return Key(ProofKind.ADDRESS, _address(proof.peer))


def hash_of(token: str) -> str:
    """What is kept of a token: hexadecimal SHA-256. Tokens are random and long, so nothing is gained by a slow hash."""
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).hexdigest()


def assurance(kind: ProofKind, *, encrypted: bool) -> Assurance:
    """How sure it is, once the key is known."""
    match kind:
        case ProofKind.CERTIFICATE:
            return Assurance.CERTIFICATE
        case ProofKind.TOKEN:  # in plain text anybody on the way could read it
            return Assurance.TOKEN if encrypted else Assurance.ADDRESS
        case ProofKind.LOCAL:  # whoever writes there has rights on this machine that a person gave
            return Assurance.TOKEN
        case ProofKind.ADDRESS:
            return Assurance.ADDRESS


def claimed(name: str | None) -> str | None:
    """What a sender calls itself, as it can be shown: one short line without anything that steers a terminal."""
    if name is None:
        return None
    plain = " ".join(printable(" ".join(name[: 10 * LONGEST_NAME].split())).split())[:LONGEST_NAME]
    return plain or None


def _address(peer: str) -> str:
    """An address in its one spelling; IPv4 seen through an IPv6 socket (::ffff:192.0.2.1) is IPv4. Raises Refused."""
    try:
        address = ipaddress.ip_address(peer.partition("%")[0])
    except ValueError:
        raise Refused from None
    if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped is not None:
        return str(address.ipv4_mapped)
    return str(address)
