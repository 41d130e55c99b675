"""An authority, a server and a device, made for a test."""

import datetime as dt
import ipaddress
import ssl
from dataclasses import dataclass
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID


@dataclass(frozen=True)
class Certificates:
    """PEM files, and the device's certificate as DER."""

    authority: Path
    server: Path
    server_key: Path
    device: Path
    device_key: Path
    der: bytes

    def context(self) -> ssl.SSLContext:
        """A receiver's: only a device of this authority may come."""
        made = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=str(self.authority))
        made.load_cert_chain(self.server, self.server_key)
        made.verify_mode = ssl.CERT_REQUIRED
        return made

    def client(self, *, known: bool = True) -> ssl.SSLContext:
        """A client's; one that is not known shows no certificate."""
        made = ssl.create_default_context(cafile=str(self.authority))
        if known:
            made.load_cert_chain(self.device, self.device_key)
        return made


def certificates(folder: Path) -> Certificates:
    """Make them, for two days."""
    authority_key = ec.generate_private_key(ec.SECP256R1())
    authority_name = _name("Testturm")
    authority = (
        _builder(authority_name, authority_name, authority_key, authority_key)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(
            x509.KeyUsage(
                digital_signature=True,
                content_commitment=False,
                key_encipherment=False,
                data_encipherment=False,
                key_agreement=False,
                key_cert_sign=True,
                crl_sign=True,
                encipher_only=False,
                decipher_only=False,
            ),
            critical=True,
        )
        .sign(authority_key, hashes.SHA256())
    )
    (folder / "authority.pem").write_bytes(authority.public_bytes(serialization.Encoding.PEM))
    made = {}
    for name, usage in (("server", ExtendedKeyUsageOID.SERVER_AUTH), ("device", ExtendedKeyUsageOID.CLIENT_AUTH)):
        key = ec.generate_private_key(ec.SECP256R1())
        names = [x509.DNSName("localhost"), x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]
        made[name] = (
            _builder(_name(name), authority_name, key, authority_key)
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(x509.ExtendedKeyUsage([usage]), critical=False)
            .add_extension(x509.SubjectAlternativeName(names), critical=False)
            .sign(authority_key, hashes.SHA256())
        )
        (folder / f"{name}.pem").write_bytes(made[name].public_bytes(serialization.Encoding.PEM))
        (folder / f"{name}.key").write_bytes(
            key.private_bytes(
                serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
            )
        )
    return Certificates(
        folder / "authority.pem",
        folder / "server.pem",
        folder / "server.key",
        folder / "device.pem",
        folder / "device.key",
        made["device"].public_bytes(serialization.Encoding.DER),
    )


def _name(common: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common)])


def _builder(
    subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePrivateKey, by: ec.EllipticCurvePrivateKey
) -> x509.CertificateBuilder:
    """With the identifiers of both keys, without which Python 3.13 takes no certificate (RFC 5280, 4.2.1.1)."""
    now = dt.datetime.now(dt.UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=1))
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(by.public_key()), critical=False)
    )
