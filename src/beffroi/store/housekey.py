"""The house's own key, Ed25519 (RFC 8032): evidence bundles and attestations are signed with it. Made once, never changed."""

import hashlib
from pathlib import Path
from typing import Final, Self

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from beffroi.core.errors import StoreError
from beffroi.core.model import message
from beffroi.store import keys

FILE: Final = "house.pem"


class HouseKey:
    """The key. `sign` gives the 64 bytes that `openssl pkeyutl -verify -rawin` checks as well."""

    def __init__(self, private: Ed25519PrivateKey) -> None:
        self._private = private

    @classmethod
    def open(cls, data_dir: Path) -> Self:
        """The house's key, made on the first call. Raises StoreError, also where the file holds another kind of key."""
        path = keys.folder(data_dir) / FILE
        kept = keys.read(path)
        if kept is None:
            private = Ed25519PrivateKey.generate()
            keys.write(
                path,
                private.private_bytes(
                    serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
                ),
            )
            return cls(private)
        try:
            found = serialization.load_pem_private_key(kept, password=None)
        except (ValueError, TypeError) as error:
            raise StoreError(path=path, reason=message("the key is damaged; bring back a copy")) from error
        if not isinstance(found, Ed25519PrivateKey):
            raise StoreError(path=path, reason=message("the key is damaged; bring back a copy"))
        return cls(found)

    @property
    def public_pem(self) -> bytes:
        """The public half, for whoever checks (SubjectPublicKeyInfo, PEM)."""
        return self._private.public_key().public_bytes(
            serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
        )

    @property
    def fingerprint(self) -> str:
        """Hexadecimal SHA-256 of the public half in DER."""
        der = self._private.public_key().public_bytes(
            serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
        )
        return hashlib.sha256(der).hexdigest()

    def sign(self, data: bytes) -> bytes:
        """The signature of the data, 64 bytes; the same for the same data."""
        return self._private.sign(data)


def verify(public_pem: bytes, data: bytes, signature: bytes) -> bool:
    """Whether a signature of the data was made with the key's private half. Raises ValueError for what is no Ed25519 key."""
    public = serialization.load_pem_public_key(public_pem)
    if not isinstance(public, Ed25519PublicKey):
        raise ValueError("not an Ed25519 key")
    try:
        public.verify(signature, data)
    except InvalidSignature:
        return False
    return True
