"""Two authorities that cannot stand in for each other, as OpenSSL sees them and in real handshakes."""

import ipaddress
import ssl
import stat
import subprocess
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from beffroi.core.errors import StoreError
from beffroi.store.authorities import LEAF, Authorities, Kind, _key_usage, _load, _Pair
from beffroi.store.machine import Names, names

NOW = datetime.now(UTC)
HERE = names("Tilleuls", tuple(map(ipaddress.ip_address, ("127.0.0.1", "192.168.7.5", "192.0.2.1", "fd00::5"))))


@pytest.fixture
def made(tmp_path: Path) -> Authorities:
    return Authorities.open(tmp_path, HERE, NOW)


def leaf(folder: Path) -> x509.Certificate:
    return x509.load_pem_x509_certificate((folder / "keys" / "server.pem").read_bytes())


def sans(certificate: x509.Certificate) -> list[str]:
    return [
        str(name.value) for name in certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    ]


def openssl(folder: Path, authority: bytes, certificate: bytes, purpose: str, between: bytes = b"") -> str:
    """What `openssl verify` says: "OK" or its reason."""
    (folder / "root.pem").write_bytes(authority)
    (folder / "between.pem").write_bytes(between)
    (folder / "leaf.pem").write_bytes(certificate)
    command = ["openssl", "verify", "-x509_strict", "-purpose", purpose, "-CAfile", "root.pem"]
    command += [*(["-untrusted", "between.pem"] if between else []), "leaf.pem"]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    return "OK" if done.returncode == 0 else done.stdout + done.stderr


def shake(server: ssl.SSLContext, client: ssl.SSLContext, name: str = "tilleuls") -> bytes | None:
    """A whole handshake in memory; the certificate the client showed. Raises SSLError where either side refuses."""
    up, down = ssl.MemoryBIO(), ssl.MemoryBIO()
    ours = server.wrap_bio(up, down, server_side=True)
    theirs = client.wrap_bio(down, up, server_hostname=name)
    pending = [theirs, ours]
    for _ in range(20):
        for side in tuple(pending):
            try:
                side.do_handshake()
                pending.remove(side)
            except ssl.SSLWantReadError:
                pass
        if not pending:
            return ours.getpeercert(binary_form=True)
    raise AssertionError("the handshake does not end")


def with_certificate(context: ssl.SSLContext, folder: Path, key: bytes, chain: bytes) -> ssl.SSLContext:
    (folder / "client.pem").write_bytes(key + chain)
    context.load_cert_chain(folder / "client.pem")
    return context


def test_everything_is_made_once_and_for_its_owner_alone(made: Authorities, tmp_path: Path) -> None:
    again = Authorities.open(tmp_path, HERE, NOW)
    for kind in Kind:
        assert again.root_pem(kind) == made.root_pem(kind)
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in (tmp_path / "keys").iterdir()}
    assert modes == dict.fromkeys(("servers.pem", "devices.pem", "server.pem"), 0o600)


def test_the_server_s_certificate_says_the_machine_s_names_and_private_addresses(
    made: Authorities, tmp_path: Path
) -> None:
    assert sans(leaf(tmp_path)) == [
        "tilleuls", "tilleuls.local", "tilleuls.lan", "tilleuls.home.arpa", "tilleuls.internal", "localhost",
        "127.0.0.1", "192.168.7.5", "fd00::5",
    ]  # fmt: skip
    assert leaf(tmp_path).not_valid_after_utc - leaf(tmp_path).not_valid_before_utc <= timedelta(days=397)
    assert made.root_pem(Kind.SERVERS) != made.root_pem(Kind.DEVICES)


def test_openssl_takes_each_certificate_for_its_purpose_and_for_no_other(made: Authorities, tmp_path: Path) -> None:
    server = leaf(tmp_path).public_bytes(serialization.Encoding.PEM)
    device = made.device("s-0123456789", NOW).chain
    servers, devices = made.root_pem(Kind.SERVERS), made.root_pem(Kind.DEVICES)
    assert openssl(tmp_path, servers, server, "sslserver") == "OK"
    assert openssl(tmp_path, devices, device, "sslclient") == "OK"
    assert "purpose" in openssl(tmp_path, servers, server, "sslclient")
    assert "purpose" in openssl(tmp_path, devices, device, "sslserver")
    assert "unable to get local issuer" in openssl(tmp_path, servers, device, "sslclient")
    assert "unable to get local issuer" in openssl(tmp_path, devices, server, "sslserver")


def forged(issuer: _Pair, name: x509.GeneralName, usage: x509.ObjectIdentifier, *, ca: bool = False) -> _Pair:
    """What a thief of an authority's key would sign with it."""
    key = ec.generate_private_key(ec.SECP256R1())
    public = issuer.key.public_key()
    builder = (
        x509.CertificateBuilder()
        .subject_name(x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, f"forged {ca}")]))
        .issuer_name(issuer.certificate.subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(NOW - timedelta(hours=1))
        .not_valid_after(NOW + timedelta(days=1))
        .add_extension(x509.BasicConstraints(ca=ca, path_length=None), critical=True)
        .add_extension(_key_usage(ca=ca), critical=True)
        .add_extension(x509.ExtendedKeyUsage([usage]), critical=False)
        .add_extension(x509.SubjectAlternativeName([name]), critical=False)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(public), critical=False)
    )
    return _Pair(key, builder.sign(issuer.key, hashes.SHA256()))


def pem(pair: _Pair) -> bytes:
    return pair.certificate.public_bytes(serialization.Encoding.PEM)


def stolen(folder: Path, kind: Kind) -> _Pair:
    found = _load(folder / "keys" / kind.file)
    assert found is not None
    return found


@pytest.mark.parametrize(
    "name",
    [
        x509.DNSName("www.ehealth.example"),
        x509.DNSName("notilleuls"),
        x509.IPAddress(ipaddress.ip_address("192.0.2.1")),
        x509.IPAddress(ipaddress.ip_address("2001:db8::1")),
    ],
)
def test_a_stolen_authority_cannot_speak_of_anybody_else(
    name: x509.GeneralName, made: Authorities, tmp_path: Path
) -> None:
    for kind, purpose in ((Kind.SERVERS, "sslserver"), (Kind.DEVICES, "sslclient")):
        said = openssl(tmp_path, made.root_pem(kind), pem(forged(stolen(tmp_path, kind), name, kind.usage)), purpose)
        assert "permitted subtree violation" in said


def test_a_stolen_authority_cannot_change_sides(made: Authorities, tmp_path: Path) -> None:
    fine = x509.DNSName("tilleuls")
    for kind, purpose in ((Kind.SERVERS, "sslclient"), (Kind.DEVICES, "sslserver")):
        usage = (Kind.DEVICES if kind is Kind.SERVERS else Kind.SERVERS).usage
        said = openssl(tmp_path, made.root_pem(kind), pem(forged(stolen(tmp_path, kind), fine, usage)), purpose)
        assert "purpose" in said or "unsuitable" in said


def test_an_authority_below_an_authority_is_refused(made: Authorities, tmp_path: Path) -> None:
    root = made.root_pem(Kind.SERVERS)
    name, usage = x509.DNSName("tilleuls"), Kind.SERVERS.usage
    below = forged(stolen(tmp_path, Kind.SERVERS), name, usage, ca=True)
    said = openssl(tmp_path, root, pem(forged(below, name, usage)), "sslserver", pem(below))
    assert "path length constraint exceeded" in said


def test_a_device_of_the_house_is_let_in_and_known_by_its_certificate(made: Authorities, tmp_path: Path) -> None:
    device = made.device("s-0123456789", NOW)
    client = with_certificate(ssl.create_default_context(cadata=device.ca.decode()), tmp_path, device.key, device.chain)
    shown = shake(made.server_context(require_client=True), client)
    assert shown is not None
    assert x509.load_der_x509_certificate(shown).fingerprint(hashes.SHA256()).hex() == device.fingerprint
    assert shake(made.server_context(require_client=False), client) == shown
    assert shake(made.server_context(require_client=False, ask_client=False), client) is None
    assert device.expires <= NOW + LEAF


def test_who_shows_nothing_is_let_in_only_where_it_need_not(made: Authorities) -> None:
    assert shake(made.server_context(require_client=False), made.client_context()) is None
    with pytest.raises(ssl.SSLError, match="did not return a certificate"):
        shake(made.server_context(require_client=True), made.client_context())


def test_the_server_s_certificate_is_refused_as_a_device_s(made: Authorities, tmp_path: Path) -> None:
    client = made.client_context()
    client.load_cert_chain(tmp_path / "keys" / "server.pem")
    for require in (True, False):
        with pytest.raises(ssl.SSLCertVerificationError):
            shake(made.server_context(require_client=require), client)


def test_a_device_s_certificate_is_refused_as_the_server_s(made: Authorities, tmp_path: Path) -> None:
    device = made.device("s-0123456789", NOW)
    false = with_certificate(ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER), tmp_path, device.key, device.chain)
    with pytest.raises(ssl.SSLCertVerificationError, match="self-signed certificate in certificate chain"):
        shake(false, made.client_context())
    trusting = ssl.create_default_context(cadata=made.root_pem(Kind.DEVICES).decode())
    with pytest.raises(ssl.SSLCertVerificationError, match="purpose"):
        shake(false, trusting, "s-0123456789.tilleuls")


def test_a_device_of_another_house_is_refused(made: Authorities, tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    other = Authorities.open(tmp_path / "other", HERE, NOW).device("s-0123456789", NOW)
    client = with_certificate(made.client_context(), tmp_path, other.key, other.chain)
    with pytest.raises(ssl.SSLCertVerificationError):
        shake(made.server_context(require_client=True), client)


def test_old_tls_is_refused(made: Authorities) -> None:
    client = made.client_context()
    client.set_ciphers("DEFAULT@SECLEVEL=0")
    with pytest.warns(DeprecationWarning, match="TLSv1_1"):
        client.minimum_version = client.maximum_version = ssl.TLSVersion.TLSv1_1
    with pytest.raises(ssl.SSLError):
        shake(made.server_context(require_client=False), client)


def test_the_server_s_certificate_is_renewed_in_time_and_used_at_once(made: Authorities, tmp_path: Path) -> None:
    context, before = made.server_context(require_client=False), leaf(tmp_path)
    assert not made.renew_if_due(NOW + timedelta(days=330))
    assert leaf(tmp_path) == before
    assert made.renew_if_due(NOW + timedelta(days=340))
    after = leaf(tmp_path)
    assert after.not_valid_after_utc > before.not_valid_after_utc
    assert after.public_key() != before.public_key()
    shaken = made.client_context()
    with pytest.raises(ssl.SSLCertVerificationError, match="not yet valid"):
        shake(context, shaken)


def test_what_another_process_renewed_is_used_from_the_next_look_on(made: Authorities, tmp_path: Path) -> None:
    context = made.server_context(require_client=False)
    here = Names("tilleuls", (ipaddress.ip_address("10.1.2.3"),))
    Authorities.open(tmp_path, here, NOW)
    shake(context, made.client_context(), "192.168.7.5")
    assert not made.renew_if_due(NOW, here)
    shake(context, made.client_context(), "10.1.2.3")
    with pytest.raises(ssl.SSLCertVerificationError, match="mismatch"):
        shake(context, made.client_context(), "192.168.7.5")


@pytest.mark.parametrize("late", [timedelta(days=-2), timedelta(days=500), timedelta(days=5000)])
def test_a_certificate_made_under_a_wrong_clock_is_made_anew_when_it_is_right(late: timedelta, tmp_path: Path) -> None:
    Authorities.open(tmp_path, HERE, NOW + late)
    made = Authorities.open(tmp_path, HERE, NOW)
    assert leaf(tmp_path).not_valid_before_utc <= NOW <= leaf(tmp_path).not_valid_after_utc
    assert shake(made.server_context(require_client=False), made.client_context()) is None


def test_a_machine_that_starts_in_1970_makes_roots_that_hold_today(tmp_path: Path) -> None:
    made = Authorities.open(tmp_path, HERE, datetime(1970, 1, 3, tzinfo=UTC))
    made.renew_if_due(NOW)
    assert shake(made.server_context(require_client=False), made.client_context()) is None


def test_another_address_or_name_gives_another_certificate_within_what_the_authority_may(
    made: Authorities, tmp_path: Path
) -> None:
    assert made.renew_if_due(NOW, Names("hetres", (ipaddress.ip_address("10.1.2.3"),)))
    assert sans(leaf(tmp_path)) == ["localhost", "10.1.2.3"]
    assert not made.renew_if_due(NOW)


def test_near_the_end_of_its_authority_nothing_is_renewed_over_and_over(made: Authorities) -> None:
    end = x509.load_pem_x509_certificate(made.root_pem(Kind.SERVERS)).not_valid_after_utc
    assert made.renew_if_due(end - timedelta(days=10))
    assert not made.renew_if_due(end - timedelta(days=9))


def test_a_damaged_authority_is_never_replaced_a_damaged_leaf_is(made: Authorities, tmp_path: Path) -> None:
    (tmp_path / "keys" / "server.pem").write_bytes(b"damaged")
    assert made.renew_if_due(NOW)
    root = tmp_path / "keys" / "devices.pem"
    root.write_bytes(root.read_bytes()[:100])
    with pytest.raises(StoreError, match="damaged"):
        Authorities.open(tmp_path, HERE, NOW)
