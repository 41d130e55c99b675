import base64
import http.client
import ssl

import pytest

from beffroi.logs.receivers.http.bulk import BulkReceiver
from beffroi.logs.receivers.http.proof import Unreadable, address, credentials
from tests.logs.receivers.certificates import Certificates, certificates
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
def house(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    return certificates(tmp_path_factory.mktemp("house"))


@pytest.fixture(scope="module")
def other(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    """Another house: its devices are strangers here."""
    return certificates(tmp_path_factory.mktemp("other"))


def _post(port: int, house: Certificates, device: Certificates | None) -> int:
    """A post to a house's server, by a device of that house, of another, or by nobody."""
    tls = house.client(known=False)
    if device is not None:
        tls.load_cert_chain(device.device, device.device_key)
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


def test_a_device_shows_its_certificate(house: Certificates, other: Certificates) -> None:
    keeper = Keeper()
    receiver = BulkReceiver(keeper)
    tls = house.context()
    tls.verify_mode = ssl.CERT_OPTIONAL  # whoever has no certificate may show a token
    with serving(receiver, tls=tls) as port:
        assert _post(port, house, house) == 200
        assert _post(port, house, None) == 200
        with pytest.raises((ssl.SSLError, ConnectionError, http.client.RemoteDisconnected)):
            _post(port, house, other)
    assert [proof.certificate for proof in keeper.proofs] == [house.der, house.der, None, None]
    assert {proof.encrypted for proof in keeper.proofs} == {True}
    assert receiver.tally["dropped: no TLS"] == 1
