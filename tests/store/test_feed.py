"""The feed: what changed, in order, to each follower at least once."""

from contextlib import suppress

import pytest

from beffroi.store import Store, feed
from beffroi.store.feed import Missed, Told


def tell(store: Store, *rows: str) -> None:
    with store.write() as change:
        for row in rows:
            feed.tell(change, "findings", row)


def told(store: Store, since: int = 0) -> list[Told]:
    with store.read() as connection:
        return feed.follow(connection, since)


def prune(store: Store, **limits: int) -> int:
    with store.write() as change:
        return feed.prune(change, **limits)


def test_what_changed_is_told_in_order(store: Store) -> None:
    tell(store, "1", "2")
    tell(store, "1")
    assert told(store) == [Told(1, "findings", "1"), Told(2, "findings", "2"), Told(3, "findings", "1")]
    assert [each.seq for each in told(store, since=2)] == [3]
    assert told(store, since=3) == []


def test_a_transaction_that_fails_tells_nothing(store: Store) -> None:
    with suppress(ZeroDivisionError), store.write() as change:
        feed.tell(change, "findings", 1)
        raise ZeroDivisionError
    assert told(store) == []


def test_a_listener_is_called_after_each_commit_and_not_after_a_failure(store: Store) -> None:
    seen: list[int] = []
    with store.listen(lambda: seen.append(len(told(store)))):
        tell(store, "1")
        with suppress(ZeroDivisionError), store.write():
            raise ZeroDivisionError
        tell(store, "2", "3")
    tell(store, "4")
    assert seen == [1, 3]


def test_a_cursor_is_kept_and_never_goes_back(store: Store) -> None:
    with store.write() as change:
        assert feed.cursor(change, "notify") is None
        feed.advance(change, "notify", 5)
        feed.advance(change, "notify", 3)
        assert feed.cursor(change, "notify") == 5


def test_what_a_follower_has_not_dealt_with_is_not_pruned(store: Store) -> None:
    tell(store, *"abcdef")
    with store.write() as change:
        feed.advance(change, "notify", 4)
        feed.advance(change, "region", 2)
    assert prune(store, kept=1) == 2
    assert [each.row_id for each in told(store, since=2)] == list("cdef")
    with store.write() as change:
        feed.leave(change, "region")
    assert prune(store, kept=1) == 2


def test_the_newest_stay_for_pages_that_come_back(store: Store) -> None:
    tell(store, *"abcdef")
    assert prune(store, kept=4) == 2
    assert prune(store, kept=0) == 3
    assert [each.row_id for each in told(store, since=5)] == ["f"]


def test_a_follower_that_never_comes_does_not_fill_the_disk_and_is_told_what_it_missed(store: Store) -> None:
    with store.write() as change:
        feed.advance(change, "gone", 0)
    tell(store, *"abcdef")
    assert prune(store, kept=1, most=3) == 3
    with pytest.raises(Missed) as caught:
        told(store, since=0)
    assert caught.value.seq == 6
    assert [each.seq for each in told(store, since=3)] == [4, 5, 6]


def test_a_number_is_never_told_twice_also_after_pruning(store: Store) -> None:
    tell(store, "a", "b")
    prune(store, kept=1)
    with store.write() as change:
        change.exec_driver_sql("DELETE FROM feed")
    tell(store, "c")
    assert [each.seq for each in told(store, since=2)] == [3]


def test_a_cursor_of_a_store_that_was_brought_back_from_a_copy_is_noticed(store: Store) -> None:
    tell(store, "a")
    with pytest.raises(Missed):
        told(store, since=7)
