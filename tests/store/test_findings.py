"""Findings: open once, renewed, closed, opened anew."""

from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import select
from sqlalchemy.exc import IntegrityError

from beffroi.core.model import message
from beffroi.store import Store, feed, findings, tables

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
QUIET = message("nothing since {since}", since="2026-11-23")


def told(store: Store) -> list[str]:
    with store.read() as connection:
        return [each.row_id for each in feed.follow(connection, 0)]


def test_a_finding_is_opened_renewed_and_closed(store: Store) -> None:
    with store.write() as change:
        number = findings.raise_(change, "source.quiet", "s-1", "medium", QUIET, now=NOON)
        assert findings.raise_(change, "source.quiet", "s-1", "medium", QUIET, now=NOON + timedelta(hours=1)) == number
        found = findings.finding(change, number)
        assert found == findings.Finding(
            number, "source.quiet", "s-1", "medium", QUIET, "2026-11-23T12:00:00.000Z", "2026-11-23T13:00:00.000Z", None
        )
        assert findings.opened(change) == [found]
        assert findings.close(change, "source.quiet", "s-1", now=NOON + timedelta(hours=2))
        assert findings.finding(change, number).closed == "2026-11-23T14:00:00.000Z"
        assert findings.opened(change) == []
        assert not findings.close(change, "source.quiet", "s-1")
        assert findings.raise_(change, "source.quiet", "s-1", "medium", QUIET) == number + 1
        with pytest.raises(LookupError):
            findings.finding(change, 99)


def test_the_feed_is_told_of_what_somebody_would_see(store: Store) -> None:
    with store.write() as change:
        findings.raise_(change, "disk.full", "", "medium", QUIET)
        findings.raise_(change, "disk.full", "", "medium", QUIET)
        findings.raise_(change, "disk.full", "", "high", QUIET)
        findings.raise_(change, "disk.full", "", "high", message("nothing"))
        findings.close(change, "disk.full", "")
    assert told(store) == ["1"] * 4


def test_findings_are_found_by_kind_and_closed_where_they_are_no_longer_so(store: Store) -> None:
    with store.write() as change:
        for subject in ("s-1", "s-2", "s-3"):
            findings.raise_(change, "source.quiet", subject, "medium", QUIET)
        findings.raise_(change, "sourcery", "s-1", "medium", QUIET)
        assert [each.subject for each in findings.opened(change, "source")] == ["s-1", "s-2", "s-3"]
        assert findings.close_others(change, "source.quiet", {"s-2"}) == 2
        assert [each.subject for each in findings.opened(change, "source.quiet")] == ["s-2"]
        assert len(findings.opened(change)) == 2


def test_two_open_findings_of_one_kind_and_subject_cannot_be(store: Store) -> None:
    with store.write() as change:
        findings.raise_(change, "disk.full", "", "medium", QUIET)
        row = change.execute(select(tables.findings)).one()._asdict() | {"id": 7}
    with pytest.raises(IntegrityError), store.write() as change:
        change.execute(tables.findings.insert().values(row))


def test_what_was_closed_long_ago_is_let_go_of_and_what_is_open_never(store: Store) -> None:
    with store.write() as change:
        for subject in ("s-1", "s-2", "s-3"):
            findings.raise_(change, "source.quiet", subject, "medium", QUIET, now=NOON)
        findings.close(change, "source.quiet", "s-1", now=NOON)
        findings.close(change, "source.quiet", "s-2", now=NOON + timedelta(days=9))
        assert findings.forget(change, NOON + timedelta(days=1)) == 1
        left = change.execute(select(tables.findings.c.subject).order_by(tables.findings.c.id)).scalars().all()
        assert left == ["s-2", "s-3"]
