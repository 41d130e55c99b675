"""Who is known: a snapshot of the sources in memory, never changed, exchanged whole when a source changes."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Final, NamedTuple, Self

from sqlalchemy import Connection, Row, select

from beffroi.core.model import Assurance, Source, SourceState
from beffroi.logs.arrival import Proof, Refused
from beffroi.logs.sources import proofs
from beffroi.logs.sources.proofs import Key, ProofKind
from beffroi.store.tables import certificates, sources

WAITING: Final = 64
"""So many strangers wait at most; further ones are refused until somebody decides or the first ones' days are over."""


class Known(NamedTuple):
    """A sender that a person accepted (an Admission)."""

    key: Key
    source: Source
    assurance: Assurance
    """Of this connection: that of its source, or less where a token came in plain text."""
    receiver: str
    peer: str

    @property
    def held(self) -> bool:
        return False


class Unknown(NamedTuple):
    """A sender about whom nobody has decided (an Admission). `source_id` is None for one that was never met before."""

    key: Key
    source_id: str | None
    claimed: str | None
    receiver: str
    peer: str

    @property
    def held(self) -> bool:
        """Files of this machine itself are what its owner told Beffroi to read: they are accepted when they are first met."""
        return self.key.kind is not ProofKind.LOCAL

    @property
    def assurance(self) -> Assurance:
        return Assurance.NONE


class Registry:
    """The sources as they were when it was loaded."""

    def __init__(self, known: Mapping[Key, Source], *, waiting: int = WAITING) -> None:
        self._known = MappingProxyType(dict(known))
        self._full = sum(source.state is SourceState.NEW for source in self.sources) >= waiting

    @classmethod
    def load(cls, connection: Connection, *, waiting: int = WAITING) -> Self:
        """The sources of the store. `Feed` tells when to load them anew (table "sources")."""
        rows = {row.id: row for row in connection.execute(select(sources))}
        known = {Key(ProofKind(row.proof_kind), row.proof): _source(row) for row in rows.values()}
        for each in connection.execute(select(certificates)):  # also those a device was given before its newest one
            known[Key(ProofKind.CERTIFICATE, each.fingerprint)] = _source(rows[each.source_id])
        return cls(known, waiting=waiting)

    def admit(self, proof: Proof) -> Known | Unknown:
        """Who a sender is. Raises Refused: its token or certificate is unknown, a person rejected it, or too many strangers
        wait already."""
        return self._seen(
            proofs.key(proof), proof.receiver, proof.peer, encrypted=proof.encrypted, claimed=proofs.claimed(proof.name)
        )

    def again(self, admission: Known | Unknown) -> Known | Unknown:
        """Who somebody is now that was admitted by an earlier registry: accepted, met, or (raises Refused) rejected since."""
        now = self._seen(
            admission.key,
            admission.receiver,
            admission.peer,
            encrypted=True,
            claimed=admission.claimed if isinstance(admission, Unknown) else None,
        )
        if isinstance(now, Known) and isinstance(admission, Known):
            return now._replace(assurance=min(now.assurance, admission.assurance))
        return now

    def _seen(self, key: Key, receiver: str, peer: str, *, encrypted: bool, claimed: str | None) -> Known | Unknown:
        source = self._known.get(key)
        if source is None:
            if key.kind in (ProofKind.TOKEN, ProofKind.CERTIFICATE):
                raise Refused
            if key.kind is ProofKind.ADDRESS and self._full:
                raise Refused
            return Unknown(key, None, claimed, receiver, peer)
        if source.state is SourceState.REJECTED:
            raise Refused(known=True)
        if source.state is SourceState.NEW:
            return Unknown(key, source.id, claimed, receiver, peer)
        return Known(key, source, proofs.assurance(key.kind, encrypted=encrypted), receiver, peer)

    @property
    def sources(self) -> tuple[Source, ...]:
        """All of them, each once."""
        return tuple({source.id: source for source in self._known.values()}.values())


def _source(row: Row[Any]) -> Source:
    return Source(row.id, row.name, row.kind, Assurance(row.assurance), SourceState(row.state))
