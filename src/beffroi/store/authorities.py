"""The two authorities: one says "this is the house's server", the other "this is a device of the house"; neither can say both.

Each is a root of its own key with an extended key usage (RFC 5280, 4.2.1.12), path length 0 and critical name constraints
(4.2.1.10): even a stolen authority can speak only of this house's names and of private addresses. Keys are ECDSA P-256, which
everything that ships logs understands; Ed25519 is unknown to Windows' own TLS and to Java before 15. A leaf lives for at most
397 days. The server's is renewed by itself; a device's is made anew by `beffroi sources certificate`.
"""

import hashlib
import ssl
import weakref
from datetime import UTC, datetime, timedelta
from enum import Enum
from pathlib import Path
from typing import Final, NamedTuple, Self

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from beffroi.core.errors import StoreError
from beffroi.core.model import message
from beffroi.store import keys
from beffroi.store.machine import PRIVATE, Names

LEAF: Final = timedelta(days=397)
EARLY: Final = timedelta(days=1)
"""A device's clock may be late: what is made is valid from a day before, within LEAF."""
DUE: Final = timedelta(days=60)
"""With less left than this the server's certificate is renewed."""
ROOT: Final = timedelta(days=20 * 365)
NOT_BEFORE: Final = datetime(2026, 1, 1, tzinfo=UTC)
"""A machine whose clock is unset at its first start still makes roots that are valid once it is set."""

SERVER: Final = "server.pem"


class Kind(Enum):
    """The two authorities: the file each lies in, what it is called, and what its certificates are for."""

    SERVERS = "servers.pem", "Beffroi servers", ExtendedKeyUsageOID.SERVER_AUTH
    DEVICES = "devices.pem", "Beffroi devices", ExtendedKeyUsageOID.CLIENT_AUTH

    def __init__(self, file: str, title: str, usage: x509.ObjectIdentifier) -> None:
        self.file = file
        self.title = title
        self.usage = usage


class _Pair(NamedTuple):
    key: ec.EllipticCurvePrivateKey
    certificate: x509.Certificate


class Device(NamedTuple):
    """What a device needs: its key (PKCS#8), its certificate with the authority's, and what it must trust; all PEM."""

    key: bytes
    chain: bytes
    ca: bytes
    fingerprint: str
    """Hexadecimal SHA-256 of the certificate in DER."""
    expires: datetime


class Authorities:
    """Both authorities and the server's own certificate, as they lie in the data folder."""

    def __init__(self, folder: Path, names: Names, roots: dict[Kind, _Pair]) -> None:
        """Use `Authorities.open`."""
        self._folder = folder
        self._names = names
        self._roots = roots
        self._used: x509.Certificate | None = None
        self._contexts: weakref.WeakSet[ssl.SSLContext] = weakref.WeakSet()

    @classmethod
    def open(cls, data_dir: Path, names: Names, now: datetime) -> Self:
        """The house's authorities, made on the first call; the server's certificate is renewed if it is due.

        Raises StoreError where a key cannot be read or written.
        """
        folder = keys.folder(data_dir)
        roots = {kind: _load(folder / kind.file) or _root(folder / kind.file, kind, names, now) for kind in Kind}
        opened = cls(folder, names, roots)
        opened.renew_if_due(now)
        return opened

    def renew_if_due(self, now: datetime, names: Names | None = None) -> bool:
        """Give the server a new key and certificate where the old one ends within DUE, is not valid yet (the clock was wrong),
        or says other names than the machine has; contexts given out before use it from the next connection on. Whether it was."""
        self._names = names or self._names
        path = self._folder / SERVER
        root = self._roots[Kind.SERVERS].certificate
        try:
            kept = _load(path)
        except StoreError:  # this one can simply be made anew
            kept = None
        wanted = self._sans()
        if kept is not None and not _due(kept.certificate, root, wanted, now):
            self._use(kept.certificate)
            return False
        key = ec.generate_private_key(ec.SECP256R1())
        leaf = self._leaf(Kind.SERVERS, key, self._names.host, wanted, now)
        keys.write(path, _pem(key) + leaf.public_bytes(serialization.Encoding.PEM))
        self._use(leaf)
        return True

    def _use(self, leaf: x509.Certificate) -> None:
        """Have the contexts given out before show this certificate, which another process may have renewed."""
        if leaf != self._used:
            for context in self._contexts:
                context.load_cert_chain(self._folder / SERVER)
            self._used = leaf

    def device(self, source_id: str, now: datetime) -> Device:
        """A new key and certificate for a source. The key is kept nowhere here."""
        key = ec.generate_private_key(ec.SECP256R1())
        san: list[x509.GeneralName] = [x509.DNSName(f"{source_id}.{self._house}")]
        leaf = self._leaf(Kind.DEVICES, key, source_id, san, now)
        chain = leaf.public_bytes(serialization.Encoding.PEM) + self.root_pem(Kind.DEVICES)
        return Device(_pem(key), chain, self.root_pem(Kind.SERVERS), _fingerprint(leaf), leaf.not_valid_after_utc)

    def root_pem(self, kind: Kind) -> bytes:
        """An authority's own certificate, PEM. Devices trust that of the servers."""
        return self._roots[kind].certificate.public_bytes(serialization.Encoding.PEM)

    def fingerprint(self, kind: Kind) -> str:
        """Hexadecimal SHA-256 of an authority's certificate in DER."""
        return _fingerprint(self._roots[kind].certificate)

    def server_context(self, *, require_client: bool, ask_client: bool = True) -> ssl.SSLContext:
        """TLS 1.2 or later with the server's certificate, which follows every renewal. With `require_client` only a device of
        the house is let in; else it may show a certificate, unless it is not even asked (`ask_client`), as browsers should be."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        context.options |= ssl.OP_NO_RENEGOTIATION
        context.load_cert_chain(self._folder / SERVER)
        if require_client or ask_client:
            context.load_verify_locations(cadata=self.root_pem(Kind.DEVICES).decode())
            context.verify_flags |= ssl.VERIFY_X509_STRICT
            context.verify_mode = ssl.CERT_REQUIRED if require_client else ssl.CERT_OPTIONAL
        self._contexts.add(context)
        return context

    def client_context(self) -> ssl.SSLContext:
        """What trusts the house's server and nobody else: Beffroi's own self-test, and devices in the tests."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        context.load_verify_locations(cadata=self.root_pem(Kind.SERVERS).decode())
        context.verify_flags |= ssl.VERIFY_X509_STRICT
        return context

    @property
    def _house(self) -> str:
        """The house's name: the first one that the authorities may speak of, as it was when they were made."""
        return _permitted(self._roots[Kind.DEVICES].certificate)[0]

    def _sans(self) -> list[x509.GeneralName]:
        """The machine's names and addresses that the authority may speak of; after it was renamed, those it still may."""
        may = _permitted(self._roots[Kind.SERVERS].certificate)
        wanted = [self._names.host, *_spellings(self._names.host), "localhost"]
        dns = [name for name in dict.fromkeys(wanted) if any(name == each or name.endswith(f".{each}") for each in may)]
        return [*map(x509.DNSName, dns), *map(x509.IPAddress, self._names.addresses)]

    def _leaf(
        self, kind: Kind, key: ec.EllipticCurvePrivateKey, name: str, sans: list[x509.GeneralName], now: datetime
    ) -> x509.Certificate:
        root = self._roots[kind]
        start = now - EARLY
        made = (
            _builder(name, root.certificate.subject, key)
            .not_valid_before(start)
            .not_valid_after(min(start + LEAF, root.certificate.not_valid_after_utc))
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(_key_usage(ca=False), critical=True)
            .add_extension(x509.ExtendedKeyUsage([kind.usage]), critical=True)
            .add_extension(x509.SubjectAlternativeName(sans), critical=False)
            .add_extension(
                x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(
                    root.certificate.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value
                ),
                critical=False,
            )
        )
        return made.sign(root.key, hashes.SHA256())


def _spellings(host: str) -> list[str]:
    """How else a machine is called in a house: by mDNS (RFC 6762) and under the zones kept for homes (RFC 8375) and firms."""
    label = host.partition(".")[0]
    return [label, f"{label}.local", f"{label}.lan", f"{label}.home.arpa", f"{label}.internal"]


def _root(path: Path, kind: Kind, names: Names, now: datetime) -> _Pair:
    key = ec.generate_private_key(ec.SECP256R1())
    allowed: list[x509.GeneralName] = [
        *(x509.DNSName(name) for name in dict.fromkeys([names.host, *_spellings(names.host), "localhost"])),
        *map(x509.IPAddress, PRIVATE),
    ]
    title = f"{kind.title} {hashlib.sha256(_public(key)).hexdigest()[:8]}"  # two houses' roots in one store stay apart
    made = (
        _builder(title, x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, title)]), key)
        .not_valid_before(min(now - EARLY, NOT_BEFORE))
        .not_valid_after(max(now, NOT_BEFORE) + ROOT)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_key_usage(ca=True), critical=True)
        .add_extension(x509.ExtendedKeyUsage([kind.usage]), critical=False)
        .add_extension(x509.NameConstraints(permitted_subtrees=allowed, excluded_subtrees=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    keys.write(path, _pem(key) + made.public_bytes(serialization.Encoding.PEM))
    return _Pair(key, made)


def _builder(name: str, issuer: x509.Name, key: ec.EllipticCurvePrivateKey) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)]))
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
    )


def _key_usage(*, ca: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not ca,
        key_cert_sign=ca,
        crl_sign=ca,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )


def _due(leaf: x509.Certificate, root: x509.Certificate, wanted: list[x509.GeneralName], now: datetime) -> bool:
    try:
        leaf.verify_directly_issued_by(root)
    except (ValueError, TypeError, InvalidSignature):
        return True
    said = leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    better = (
        min(now - EARLY + LEAF, root.not_valid_after_utc) > leaf.not_valid_after_utc
    )  # not near its authority's end
    return list(said) != wanted or now < leaf.not_valid_before_utc or (better and leaf.not_valid_after_utc - now < DUE)


def _permitted(root: x509.Certificate) -> list[str]:
    constraints = root.extensions.get_extension_for_class(x509.NameConstraints).value
    return [name.value for name in constraints.permitted_subtrees or [] if isinstance(name, x509.DNSName)]


def _load(path: Path) -> _Pair | None:
    """A key with its certificate; None where there is no such file. Raises StoreError."""
    kept = keys.read(path)
    if kept is None:
        return None
    try:
        key = serialization.load_pem_private_key(kept, password=None)
        certificate = x509.load_pem_x509_certificate(kept)
    except (ValueError, TypeError) as error:
        raise StoreError(path=path, reason=message("the key is damaged; bring back a copy")) from error
    if not isinstance(key, ec.EllipticCurvePrivateKey) or key.public_key() != certificate.public_key():
        raise StoreError(path=path, reason=message("the key is damaged; bring back a copy"))
    return _Pair(key, certificate)


def _pem(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


def _public(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.public_key().public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)


def _fingerprint(certificate: x509.Certificate) -> str:
    return certificate.fingerprint(hashes.SHA256()).hex()
