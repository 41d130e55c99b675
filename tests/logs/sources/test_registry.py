"""Who is let in: what a sender shows decides, never what it says."""

import hashlib
import ssl
from typing import Any

import pytest

from beffroi.core.model import Assurance, SourceState
from beffroi.logs.arrival import Admission, Proof, Refused
from beffroi.logs.sources import Known, Registry, Unknown, actions, proofs, records
from beffroi.logs.sources.actions import Certified, Chosen, Made
from beffroi.store import Store
from tests.logs.sources.conftest import NOON, ODETTE, met, plain, registry


def refused(store: Store, proof: Proof) -> Refused:
    with pytest.raises(Refused) as caught:
        registry(store).admit(proof)
    return caught.value


def test_a_stranger_is_held_aside_and_nothing_rests_on_it(store: Store) -> None:
    admitted: Admission = registry(store).admit(plain(name="NAS"))
    assert isinstance(admitted, Unknown)
    assert (admitted.held, admitted.assurance, admitted.source_id, admitted.claimed) == (
        True, Assurance.NONE, None, "NAS",
    )  # fmt: skip
    made = met(store, plain())
    again = registry(store).admit(plain())
    assert isinstance(again, Unknown)
    assert (again.held, again.source_id) == (True, made)


def test_an_accepted_address_is_known_by_its_address_only(store: Store) -> None:
    made = met(store, plain())
    actions.accept(store, ODETTE, Chosen(made, name="NAS du bureau"))
    admitted: Admission = registry(store).admit(plain())
    assert isinstance(admitted, Known)
    assert (admitted.held, admitted.assurance, admitted.source.name) == (False, Assurance.ADDRESS, "NAS du bureau")


def test_an_address_has_one_spelling(store: Store) -> None:
    made = met(store, plain("::ffff:192.168.7.20"))
    for peer in ("192.168.7.20", "0:0:0:0:0:ffff:c0a8:714"):
        admitted = registry(store).admit(plain(peer))
        assert isinstance(admitted, Unknown)
        assert admitted.source_id == made
    assert proofs.key(plain("fe80::1%eth0")).value == "fe80::1"
    assert not refused(store, plain("nas.example")).known


def test_a_token_is_known_by_its_hash_and_worth_an_address_in_plain_text(store: Store) -> None:
    token = actions.token(store, ODETTE, Made("Serveur"))["token"]
    for encrypted, sure in ((True, Assurance.TOKEN), (False, Assurance.ADDRESS)):
        admitted = registry(store).admit(Proof("bulk", "192.168.7.20", token=token, encrypted=encrypted))
        assert isinstance(admitted, Known)
        assert (admitted.source.name, admitted.assurance) == ("Serveur", sure)
    assert token.encode() not in (store.data_dir / "store.db-wal").read_bytes()


@pytest.mark.parametrize("encrypted", [True, False])
@pytest.mark.parametrize("token", ["", "beffroi_wrong", "\udcff", "x" * 100_000])
def test_an_unknown_token_is_refused_also_from_a_known_address(token: str, encrypted: bool, store: Store) -> None:
    actions.accept(store, ODETTE, Chosen(met(store, plain())))
    assert not refused(store, Proof("bulk", "192.168.7.20", token=token, encrypted=encrypted)).known


def test_a_certificate_is_known_by_its_fingerprint_and_goes_before_a_token(store: Store) -> None:
    from cryptography import x509
    from cryptography.hazmat.primitives.serialization import Encoding

    made = actions.certificate(store, ODETTE, Certified("Portable"))
    der = x509.load_pem_x509_certificate(made["certificate"].encode()).public_bytes(Encoding.DER)
    token = actions.token(store, ODETTE, Made("Serveur"))["token"]
    admitted = registry(store).admit(Proof("relp", "192.168.7.20", certificate=der, token=token, encrypted=True))
    assert isinstance(admitted, Known)
    assert (admitted.source.name, admitted.assurance) == ("Portable", Assurance.CERTIFICATE)
    assert admitted.key.value == hashlib.sha256(der).hexdigest()
    assert not refused(store, Proof("relp", "192.168.7.20", certificate=der + b"x", token=token, encrypted=True)).known


def test_over_tls_a_bare_address_is_no_proof(store: Store) -> None:
    assert not refused(store, Proof("bulk", "192.168.7.20", encrypted=True)).known


def test_who_was_rejected_is_refused_and_told_so(store: Store) -> None:
    actions.reject(store, ODETTE, Chosen(met(store, plain())))
    assert refused(store, plain()).known
    token = actions.token(store, ODETTE, Made("Serveur"))
    actions.reject(store, ODETTE, Chosen(token["id"]))
    assert refused(store, Proof("bulk", "192.168.7.20", token=token["token"], encrypted=True)).known


def test_a_silent_source_is_let_in(store: Store) -> None:
    made = met(store, plain())
    actions.accept(store, ODETTE, Chosen(made))
    with store.write() as change:
        change.exec_driver_sql("UPDATE sources SET state = 'silent'")
    admitted = registry(store).admit(plain())
    assert isinstance(admitted, Known)
    assert admitted.source.state is SourceState.SILENT


def test_a_sender_that_is_connected_meets_what_was_decided_meanwhile(store: Store) -> None:
    stranger = registry(store).admit(plain(name="NAS"))
    made = met(store, plain())
    stranger = registry(store).again(stranger)
    assert isinstance(stranger, Unknown)
    assert (stranger.source_id, stranger.claimed) == (made, "NAS")
    actions.accept(store, ODETTE, Chosen(made))
    known = registry(store).again(stranger)
    assert isinstance(known, Known)
    assert known.assurance is Assurance.ADDRESS
    actions.reject(store, ODETTE, Chosen(made))
    with pytest.raises(Refused):
        registry(store).again(known)


def test_a_token_in_plain_text_stays_worth_an_address_when_it_is_looked_up_again(store: Store) -> None:
    token = actions.token(store, ODETTE, Made("Serveur"))["token"]
    known = registry(store).admit(Proof("bulk", "192.168.7.20", token=token))
    assert registry(store).again(known).assurance is Assurance.ADDRESS


def test_a_token_that_was_replaced_is_void_and_its_source_the_same(store: Store) -> None:
    first = actions.token(store, ODETTE, Made("Serveur"))
    second = actions.token(store, ODETTE, Made("Serveur", renew=True))
    assert first["id"] == second["id"]
    assert not refused(store, Proof("bulk", "192.168.7.20", token=first["token"], encrypted=True)).known
    assert registry(store).admit(Proof("bulk", "192.168.7.20", token=second["token"], encrypted=True))


def test_strangers_are_bounded_and_do_not_shut_out_the_known(store: Store) -> None:
    actions.accept(store, ODETTE, Chosen(met(store, plain())))
    for number in range(64):
        met(store, plain(f"10.0.0.{number}"))
    full = registry(store)
    with pytest.raises(Refused):
        full.admit(plain("10.0.1.1"))
    assert isinstance(full.admit(plain("10.0.0.5")), Unknown)
    assert isinstance(full.admit(plain()), Known)
    with store.write() as change, pytest.raises(Refused):
        records.meet(change, Unknown(proofs.key(plain("10.0.1.1")), None, None, "relp", ""), now=NOON)


def test_what_this_machine_itself_reads_is_accepted_when_it_is_first_met(store: Store) -> None:
    proof = Proof("files", "", name="/var/log/auth.log")
    admitted = registry(store).admit(proof)
    assert isinstance(admitted, Unknown)
    assert not admitted.held
    made = met(store, proof)
    known = registry(store).admit(proof)
    assert isinstance(known, Known)
    assert (known.source.id, known.source.name, known.assurance) == (made, "/var/log/auth.log", Assurance.TOKEN)
    assert isinstance(registry(store).admit(Proof("files", "", name="/var/log/kern.log")), Unknown)


@pytest.mark.parametrize(
    ("said", "shown"),
    [
        ("nas", "nas"),
        ("\x1b[2Jnas\u202egnp.exe", "�[2Jnas�gnp.exe"),
        ("a\nb\tc", "a b c"),
        ("x" * 5000, "x" * 100),
        ("\ud800", "�"),
        ("  ", None),
        (None, None),
    ],
)
def test_what_a_sender_calls_itself_steers_no_terminal(said: str | None, shown: str | None) -> None:
    assert proofs.claimed(said) == shown


def test_a_registry_does_not_change(store: Store) -> None:
    before = registry(store)
    made = met(store, plain())
    admitted = before.admit(plain())
    assert isinstance(admitted, Unknown)
    assert admitted.source_id is None
    assert [source.id for source in registry(store).sources] == [made]
    assert Registry({}).sources == ()


def test_an_earlier_certificate_counts_until_it_is_replaced(store: Store) -> None:
    def shown(made: dict[str, Any]) -> Proof:
        der = ssl.PEM_cert_to_DER_cert(made["certificate"][: made["certificate"].index("-----END") + 26])
        return Proof("relp", "192.168.7.20", certificate=der, encrypted=True)

    first = actions.certificate(store, ODETTE, Certified("Portable"))
    second = actions.certificate(store, ODETTE, Certified("Portable", renew=True))
    for made in (first, second):
        admitted = registry(store).admit(shown(made))
        assert isinstance(admitted, Known)
        assert (admitted.source.id, admitted.assurance) == (first["id"], Assurance.CERTIFICATE)
    assert len(registry(store).sources) == 1
    third = actions.certificate(store, ODETTE, Certified("Portable", replace=True))
    assert not refused(store, shown(first)).known
    assert not refused(store, shown(second)).known
    assert isinstance(registry(store).admit(shown(third)), Known)
    actions.reject(store, ODETTE, Chosen("Portable"))
    assert refused(store, shown(third)).known
