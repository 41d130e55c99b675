"""What people do about sources: each act does what it says, once, and stands in the ledger."""

import re
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from cryptography import x509

from beffroi.core.errors import UsageError
from beffroi.logs.sources import actions, records
from beffroi.logs.sources.actions import Certified, Chosen, Made, Renaming, Silence
from beffroi.store import Entry, Store, feed, ledger
from beffroi.store.actions import Nothing
from tests.logs.sources.conftest import NOON, ODETTE, met, plain


def entries(store: Store) -> list[Entry]:
    with store.read() as connection:
        assert ledger.verify(connection).sound
        return [each for each in ledger.entries(connection) if each.action != "house.keys"]


def told(store: Store) -> list[str]:
    with store.read() as connection:
        return [each.row_id for each in feed.follow(connection, 0) if each.table == "sources"]


def listed(store: Store) -> list[dict[str, Any]]:
    return actions.list_(store, ODETTE, Nothing())


def test_somebody_new_is_accepted_or_rejected(store: Store) -> None:
    one, two = met(store, plain()), met(store, plain("192.168.7.21", name="x"))
    accepted = actions.accept(store, ODETTE, Chosen(one, name="NAS du bureau"))
    assert (accepted["state"], accepted["assurance"], accepted["name"]) == ("accepted", "address", "NAS du bureau")
    rejected = actions.reject(store, ODETTE, Chosen(two))
    assert (rejected["state"], rejected["assurance"], rejected["claimed"]) == ("rejected", "none", "x")
    assert actions.accept(store, ODETTE, Chosen(two))["assurance"] == "address"
    assert [(each.actor, each.action, each.details) for each in entries(store)] == [
        ("Odette Lambin", "sources.accept", {"source": one, "called": "NAS du bureau", "address": "192.168.7.20"}),
        ("Odette Lambin", "sources.reject", {"source": two, "called": "192.168.7.21", "address": "192.168.7.21"}),
        ("Odette Lambin", "sources.accept", {"source": two, "called": "192.168.7.21", "address": "192.168.7.21"}),
    ]
    assert told(store) == [one, two, one, two, two]


def test_what_is_so_already_is_not_done_again(store: Store) -> None:
    made = met(store, plain())
    for _ in range(2):
        actions.accept(store, ODETTE, Chosen(made))
    for _ in range(2):
        actions.reject(store, ODETTE, Chosen(made))
    assert [each.action for each in entries(store)] == ["sources.accept", "sources.reject"]


def test_an_address_and_a_name_can_be_forgotten(store: Store) -> None:
    actions.accept(store, ODETTE, Chosen(met(store, plain()), name="PC de Ginette"))
    with store.write() as change:
        assert ledger.erase(change, "192.168.7.20") == ledger.erase(change, "PC de Ginette") == 1
    details = entries(store)[0].details
    assert (details["address"], details["called"]) == (None, None)


def test_a_token_is_long_told_once_and_in_no_list_nor_ledger(store: Store) -> None:
    made = actions.token(store, ODETTE, Made("Serveur"))
    assert re.fullmatch(r"beffroi_[a-z2-7]{32}", made["token"])
    assert (made["kind"], made["assurance"], made["state"]) == ("any", "token", "accepted")
    assert made["token"] not in str(listed(store)) + str(entries(store))
    other = actions.token(store, ODETTE, Made("Autre"))
    assert other["token"] != made["token"]


def test_a_certificate_ends_within_397_days_and_its_end_is_shown(store: Store) -> None:
    made = actions.certificate(store, ODETTE, Certified("Portable"))
    leaf = x509.load_pem_x509_certificate(made["certificate"].encode())
    assert leaf.subject.rfc4514_string() == f"CN={made['id']}"
    assert made["expires"] == leaf.not_valid_after_utc.isoformat(timespec="milliseconds").replace("+00:00", "Z")
    assert made["key"].startswith("-----BEGIN PRIVATE KEY-----")
    assert "PRIVATE KEY" not in str(listed(store)) + str(entries(store))
    renewed = actions.certificate(store, ODETTE, Certified("Portable", renew=True))
    assert renewed["id"] == made["id"]
    assert renewed["certificate"] != made["certificate"]
    assert [each.details["renewed"] for each in entries(store)] == [False, True]


def test_a_source_that_is_there_gets_another_certificate_by_its_name_or_its_identifier_only_when_asked(
    store: Store,
) -> None:
    made = actions.certificate(store, ODETTE, Certified("Portable"))
    for called in ("Portable", made["id"]):
        with pytest.raises(UsageError, match="--replace"):
            actions.certificate(store, ODETTE, Certified(called))
        renewed = actions.certificate(store, ODETTE, Certified(called, renew=True))
        assert (renewed["id"], renewed["name"]) == (made["id"], "Portable")


def test_a_name_that_two_have_is_told_once_with_what_tells_them_apart(store: Store) -> None:
    one, two = met(store, plain()), actions.token(store, ODETTE, Made("NAS"))["id"]
    actions.accept(store, ODETTE, Chosen(one, name="nas"))
    assert actions.find(store, ODETTE, Chosen("NAS"))["id"] == two
    for wanted in ("Nas", "nAS"):
        with pytest.raises(UsageError) as caught:
            actions.find(store, ODETTE, Chosen(wanted))
        assert f"{one} (192.168.7.20)" in str(caught.value)
        assert f"{two} (token)" in str(caught.value)


def test_nothing_is_replaced_that_nobody_asked_to_replace(store: Store) -> None:
    actions.token(store, ODETTE, Made("Serveur"))
    with pytest.raises(UsageError, match="--renew"):
        actions.token(store, ODETTE, Made(" Serveur "))
    with pytest.raises(UsageError, match='0 sources "Autre"'):
        actions.token(store, ODETTE, Made("Autre", renew=True))
    actions.certificate(store, ODETTE, Certified("Serveur"))
    assert len(entries(store)) == 2


def test_a_name_whose_token_was_rejected_can_be_given_again(store: Store) -> None:
    first = actions.token(store, ODETTE, Made("Serveur"))
    actions.reject(store, ODETTE, Chosen(first["id"]))
    assert actions.token(store, ODETTE, Made("Serveur"))["id"] != first["id"]


def test_a_silence_is_announced_and_taken_back(store: Store) -> None:
    made = met(store, plain())
    until = datetime.now(UTC) + timedelta(days=14)
    assert actions.silence(store, ODETTE, Silence(made, until.isoformat()))["silenced_until"] is not None
    assert actions.silence(store, ODETTE, Silence(made))["silenced_until"] is None
    assert [each.details["until"] is None for each in entries(store)] == [False, True]


@pytest.mark.parametrize("until", ["", "tomorrow", "2020-01-01T00:00:00Z", "2999-01-01T00:00:00Z", "2026-12-24"])
def test_a_silence_that_makes_no_sense_is_refused(until: str, store: Store) -> None:
    made = met(store, plain())
    with pytest.raises(UsageError):
        actions.silence(store, ODETTE, Silence(made, until))
    assert entries(store) == []


@pytest.mark.parametrize("name", ["", "  ", "a\nb", "a\x1b[2J", "\u202egnp.exe", "x" * 101, "\ud800"])
def test_a_name_is_one_visible_line(name: str, store: Store) -> None:
    made = met(store, plain())
    with pytest.raises(UsageError, match="A name is one line"):
        actions.rename(store, ODETTE, Renaming(made, name))
    with pytest.raises(UsageError, match="A name is one line"):
        actions.token(store, ODETTE, Made(name))
    with pytest.raises(UsageError, match="A name is one line"):
        actions.accept(store, ODETTE, Chosen(made, name=name))
    assert entries(store) == []


@pytest.mark.slow
def test_a_source_is_meant_by_its_id_the_beginning_of_it_or_its_name(store: Store) -> None:
    made = met(store, plain())
    actions.rename(store, ODETTE, Renaming(made, "Été"))
    for wanted in (made, made[:6], "Été"):
        with store.read() as connection:
            assert records.find(connection, wanted).id == made
    for wanted in ("s-", "", "Hiver", "s-zzzzzz"):
        with store.read() as connection, pytest.raises(UsageError, match="There is no source"):
            records.find(connection, wanted)


def test_a_name_that_two_have_names_neither(store: Store) -> None:
    for peer in ("192.168.7.20", "192.168.7.21"):
        actions.rename(store, ODETTE, Renaming(met(store, plain(peer)), "NAS"))
    with pytest.raises(UsageError, match='"NAS" can be one of 2: s-'):
        actions.reject(store, ODETTE, Chosen("NAS"))


def test_the_list_counts_the_last_day_and_shows_strangers_first(store: Store) -> None:
    now = datetime.now(UTC)
    actions.token(store, ODETTE, Made("Aile"))
    made = met(store, plain(), now)
    with store.write() as change:
        records.heard(change, made, arrived=now, events=3, unread=1, last_event=now - timedelta(minutes=5))
        records.heard(change, made, arrived=now, events=4, last_event=now - timedelta(hours=5))
        records.heard(change, made, arrived=now - timedelta(hours=30), events=100)
    first, second = listed(store)
    assert (first["id"], first["events_24h"], second["name"], second["events_24h"]) == (made, 7, "Aile", 0)
    assert first["last_event"] == (now - timedelta(minutes=5)).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    assert second["last_event"] is None


def test_counts_are_bounded_in_time(store: Store) -> None:
    made = met(store, plain())
    with store.write() as change:
        for hours in range(0, 2000, 100):
            records.heard(change, made, arrived=NOON - timedelta(hours=hours), events=1)
        assert records.tidy(change, NOON) == 11


def test_strangers_who_stay_away_are_forgotten(store: Store) -> None:
    old, kept = met(store, plain()), met(store, plain("192.168.7.21"))
    actions.accept(store, ODETTE, Chosen(kept))
    young = met(store, plain("192.168.7.22"), NOON + timedelta(days=7))
    with store.write() as change:
        records.heard(change, old, arrived=NOON, events=1)
        assert records.forget_strangers(change, NOON + timedelta(days=8), days=7) == [old]
    assert {each["id"] for each in listed(store)} == {kept, young}
