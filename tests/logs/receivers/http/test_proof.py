import base64
import datetime as dt
import http.client
import ssl
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from beffroi.logs.receivers.http.bulk import BulkReceiver
from beffroi.logs.receivers.http.proof import Unreadable, address, credentials
from beffroi.logs.receivers.http.serving import context
from tests.logs.receivers.http.house import Keeper, serving


def _basic(text: str) -> bytes:
    return b"Basic " + base64.b64encode(text.encode())


@pytest.mark.parametrize(
    ("header", "token", "name"),
    [
        (b"", None, None),
        (_basic("nas:geheim:2"), "geheim:2", "nas"),
        (_basic(":geheim"), "geheim", None),
        (b"basic  " + base64.b64encode(b"a:b"), "b", "a"),
        (b"Bearer abc.def", "abc.def", None),
        (b"Splunk 1-2-3", "1-2-3", None),
        (b"ApiKey " + base64.b64encode(b"id:key"), "key", "id"),
        (b"ApiKey id:key", "id:key", None),
        (b"ApiKey abcd", "abcd", None),
    ],
)
def test_a_token_from_every_scheme(header: bytes, token: str | None, name: str | None) -> None:
    assert credentials(header) == (token, name)


@pytest.mark.parametrize(
    "header", [b"Basic", b"Basic !", _basic("no colon"), b"Basic " + base64.b64encode(b"\xff:x"), b"Digest x", b"Bearer \xff", b"Bearer " + b"x" * 5000, b"x"]
)  # fmt: skip
def test_what_is_no_token_is_told_from_none(header: bytes) -> None:
    with pytest.raises(Unreadable):
        credentials(header)


def test_an_address_is_written_in_one_way() -> None:
    assert address("::ffff:192.0.2.7") == address("192.0.2.7") == "192.0.2.7"
    assert address("fe80::1%eth0") == "fe80::1"
    assert address("2001:DB8:0::1") == "2001:db8::1"
    assert address("nonsense") == ""


@pytest.fixture(scope="module")
def keys(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with an authority, a server's and a device's certificate of it, and a device's of another authority."""
    folder = tmp_path_factory.mktemp("keys")
    for authority, leaves in (("house", ("server", "device")), ("other", ("stranger",))):
        key = ec.generate_private_key(ec.SECP256R1())
        _write(folder, authority, key, _certificate(authority, key, authority, key, server=None))
        for leaf in leaves:
            own = ec.generate_private_key(ec.SECP256R1())
            _write(folder, leaf, own, _certificate(leaf, own, authority, key, server=leaf == "server"))
    return folder


def _certificate(
    name: str,
    key: ec.EllipticCurvePrivateKey,
    issuer: str,
    issuer_key: ec.EllipticCurvePrivateKey,
    *,
    server: bool | None,
) -> x509.Certificate:
    now = dt.datetime.now(dt.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)]))
        .issuer_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, issuer)]))
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(hours=1))
        .not_valid_after(now + dt.timedelta(hours=1))
        .add_extension(x509.BasicConstraints(ca=server is None, path_length=None), critical=True)
        # Python 3.13 takes no certificate without these (RFC 5280, 4.2.1.1 to 4.2.1.3).
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer_key.public_key()), critical=False)
        .add_extension(
            x509.KeyUsage(
                digital_signature=server is not None,
                content_commitment=False,
                key_encipherment=False,
                data_encipherment=False,
                key_agreement=False,
                key_cert_sign=server is None,
                crl_sign=server is None,
                encipher_only=False,
                decipher_only=False,
            ),
            critical=True,
        )
    )
    if server is not None:
        usage = ExtendedKeyUsageOID.SERVER_AUTH if server else ExtendedKeyUsageOID.CLIENT_AUTH
        names = x509.SubjectAlternativeName([x509.DNSName("localhost")])
        made = made.add_extension(x509.ExtendedKeyUsage([usage]), critical=False).add_extension(names, critical=False)
    return made.sign(issuer_key, hashes.SHA256())


def _write(folder: Path, name: str, key: ec.EllipticCurvePrivateKey, certificate: x509.Certificate) -> None:
    pem = serialization.Encoding.PEM
    (folder / f"{name}.pem").write_bytes(certificate.public_bytes(pem))
    (folder / f"{name}.key").write_bytes(
        key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )


def _post(port: int, keys: Path, device: str | None) -> int:
    tls = ssl.create_default_context(cafile=keys / "house.pem")
    if device is not None:
        tls.load_cert_chain(keys / f"{device}.pem", keys / f"{device}.key")
    connection = http.client.HTTPSConnection("localhost", port, context=tls, timeout=10)
    try:
        statuses = set()
        for _ in range(2):  # the second over the same connection
            connection.request("POST", "/_bulk", '{"index":{}}\n{"x":1}\n')
            answer = connection.getresponse()
            answer.read()
            statuses.add(answer.status)
        (status,) = statuses
        return status
    finally:
        connection.close()


def test_a_device_shows_its_certificate(keys: Path) -> None:
    keeper = Keeper()
    receiver = BulkReceiver(keeper)
    with serving(receiver, tls=context(keys / "server.pem", keys / "server.key", keys / "house.pem")) as port:
        assert _post(port, keys, "device") == 200
        assert _post(port, keys, None) == 200
        with pytest.raises((ssl.SSLError, ConnectionError, http.client.RemoteDisconnected)):
            _post(port, keys, "stranger")
    der = x509.load_pem_x509_certificate((keys / "device.pem").read_bytes()).public_bytes(serialization.Encoding.DER)
    assert [proof.certificate for proof in keeper.proofs] == [der, der, None, None]
    assert {proof.encrypted for proof in keeper.proofs} == {True}
    assert receiver.tally["dropped: no TLS"] == 1
