"""The house's own key, and that its keys stand in the ledger."""

import stat
import subprocess
from pathlib import Path

import pytest

from beffroi.core.errors import StoreError
from beffroi.store import Store, keys, ledger
from beffroi.store.house import House
from beffroi.store.housekey import HouseKey, verify
from beffroi.store.machine import Names

NAMES = Names("tilleuls", ())


def test_the_key_is_made_once_and_only_its_owner_reads_it(tmp_path: Path) -> None:
    made = HouseKey.open(tmp_path)
    assert HouseKey.open(tmp_path).fingerprint == made.fingerprint
    modes = [stat.S_IMODE(path.stat().st_mode) for path in (tmp_path / "keys", tmp_path / "keys" / "house.pem")]
    assert modes == [0o700, 0o600]


def test_a_signature_holds_for_what_was_signed_and_for_nothing_else(tmp_path: Path) -> None:
    key = HouseKey.open(tmp_path)
    signature = key.sign(b"attestation 1")
    assert verify(key.public_pem, b"attestation 1", signature)
    assert not verify(key.public_pem, b"attestation 2", signature)
    assert not verify(key.public_pem, b"attestation 1", signature[:-1] + bytes([signature[-1] ^ 1]))
    assert not verify(key.public_pem, b"attestation 1", b"")


def test_openssl_checks_a_signature_too(tmp_path: Path) -> None:
    key = HouseKey.open(tmp_path)
    (tmp_path / "key.pem").write_bytes(key.public_pem)
    (tmp_path / "data").write_bytes(b"attestation 1")
    (tmp_path / "signature").write_bytes(key.sign(b"attestation 1"))
    command = [
        "openssl",
        "pkeyutl",
        "-verify",
        "-pubin",
        "-inkey",
        "key.pem",
        "-rawin",
        "-in",
        "data",
        "-sigfile",
        "signature",
    ]
    assert subprocess.run(command, cwd=tmp_path, capture_output=True, check=False).returncode == 0
    (tmp_path / "data").write_bytes(b"attestation 2")
    assert subprocess.run(command, cwd=tmp_path, capture_output=True, check=False).returncode != 0


@pytest.mark.parametrize(
    "content", [b"", b"x" * 100, b"-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n"]
)
def test_a_damaged_key_is_never_replaced(content: bytes, tmp_path: Path) -> None:
    path = keys.folder(tmp_path) / "house.pem"
    path.write_bytes(content)
    path.chmod(0o600)
    with pytest.raises(StoreError, match="the key is damaged"):
        HouseKey.open(tmp_path)
    assert path.read_bytes() == content


def test_a_key_that_stood_open_is_closed_and_a_link_is_not_followed(tmp_path: Path) -> None:
    HouseKey.open(tmp_path)
    path = tmp_path / "keys" / "house.pem"
    path.chmod(0o644)
    HouseKey.open(tmp_path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    path.rename(tmp_path / "elsewhere")
    path.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(StoreError):
        HouseKey.open(tmp_path)


def test_what_a_killed_writer_left_is_swept_away(tmp_path: Path) -> None:
    left = keys.folder(tmp_path) / ".house.pem.0123456789abcdef"
    left.write_bytes(b"half a key")
    HouseKey.open(tmp_path)
    assert not left.exists()


def test_the_keys_stand_in_the_ledger_once_and_others_in_their_place_are_noticed(store: Store) -> None:
    house = House.open(store, names=NAMES)
    House.open(store, names=NAMES)
    (store.data_dir / "keys" / "house.pem").unlink()
    other = House.open(store, names=NAMES)
    with store.read() as connection:
        entries = ledger.entries(connection, action="house")
    assert [entry.details["house"] for entry in entries] == [house.key.fingerprint, other.key.fingerprint]
    assert entries[0].details["servers"] == entries[1].details["servers"]
