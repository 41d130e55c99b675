"""Whoever chooses the events must not be able to blow up memory or time. Times are generous: an accident costs a hundredfold."""

import gc
import time
import tracemalloc
from collections.abc import Iterable, Iterator
from random import Random
from typing import Any

import pytest

from beffroi.detect.correlation import BaseMatch, Correlation, Correlator, Firing, Limits
from beffroi.detect.correlation.ranked import Ranked, hundredfold_percentile
from tests.detect.test_correlation import BRUTE, MINUTE, SECOND, correlation

MANY = Limits(events=400_000, group_events=400_000)
USERS = correlation(
    "{type: value_count, rules: [failed], group-by: [ip], timespan: 1d, condition: {field: user, gte: 50000}}"
)


def cost(correlator: Correlator, matches: Iterable[BaseMatch], *, batch: int = 1) -> float:
    """Seconds of CPU that feeding and settling takes."""
    given = list(matches)
    started = time.process_time()
    for at in range(0, len(given), batch):
        correlator.feed(given[at : at + batch])
    correlator.settle()
    return time.process_time() - started


def tries(number: int, step: int = 1000, **fields: Any) -> Iterator[BaseMatch]:
    for n in range(number):
        yield BaseMatch("failed", n * step, ("log", n), {"user": f"user {n}", "ip": "10.0.0.1"} | fields)


@pytest.mark.slow
def test_a_million_groups_stay_within_the_limits_and_every_one_forgotten_is_counted() -> None:
    correlator = Correlator([correlation(BRUTE)])
    correlator.feed(BaseMatch("failed", n, ("log", n), {"user": f"user {n}"}) for n in range(1_000_000))
    groups, events = correlator.size
    assert 18_000 < groups == events <= Limits().groups
    assert correlator.counts.groups_forgotten == correlator.counts.events_forgotten == 1_000_000 - groups


@pytest.mark.slow
def test_what_the_limits_keep_is_so_many_bytes() -> None:
    for groups, most in ((1_000_000, 40), (1, 90)):
        correlator = Correlator([USERS])
        gc.collect()
        tracemalloc.start()
        for n in range(160_000 if groups == 1 else 40_000):
            fields = {"user": f"user {n}", "ip": f"{n % groups}"}
            correlator.feed((BaseMatch("failed", n, ("log", n), fields),))
        used, _ = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        assert used < most * 1_000_000


@pytest.mark.slow
def test_two_hundred_thousand_events_in_one_window_are_one_alarm_and_cost_each_the_same() -> None:
    correlator = Correlator([correlation(BRUTE)], limits=MANY)
    first = cost(correlator, tries(20_000, user="anna", step=1))
    rest = cost(correlator, (each._replace(time_us=each.time_us + 1, identity=("more", each.identity)) for each in tries(180_000, user="anna", step=1)), batch=500)  # fmt: skip
    assert correlator.size == (1, 200_000)
    assert rest < 30 * first


def test_beyond_the_events_of_a_group_the_oldest_are_forgotten_and_it_still_fires() -> None:
    section = "{type: event_count, rules: [failed], group-by: [ip], timespan: 1d, condition: {gte: 900}}"
    correlator = Correlator([correlation(section)], limits=Limits(group_events=1000))
    told = correlator.feed(tries(20_000))
    assert 875 <= correlator.size[1] <= 1000
    assert correlator.counts.events_forgotten == 20_000 - correlator.size[1]
    assert isinstance(told[0], Firing)
    assert told[0].total == 900


@pytest.mark.slow
def test_counting_distinct_values_does_not_slow_down_with_the_window() -> None:
    correlator = Correlator([USERS], limits=MANY)
    early = cost(correlator, tries(10_000))
    later = list(tries(110_000))
    cost(correlator, later[10_000:100_000], batch=1000)
    late = cost(correlator, later[100_000:])
    assert correlator.size[1] == 110_000
    assert late < 4 * early + 0.1


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["event_count", "value_count", "temporal_ordered", "value_median"])
def test_events_in_reverse_order_cost_no_more_than_their_number(kind: str) -> None:
    section: dict[str, Any] = {"type": kind, "rules": ["failed", "other"], "group-by": ["ip"], "timespan": "1h"}
    if kind != "temporal_ordered":
        section["condition"] = {"gte": 99_000} | ({"field": "n"} if kind.startswith("value") else {})
    definition = correlation(section)
    given = [BaseMatch("failed", n * 1000, ("log", n), {"ip": "x", "n": n}) for n in range(30_000)]
    forward = cost(Correlator([definition]), given)
    backward = cost(Correlator([definition]), reversed(given))
    shuffled = list(given)
    Random(1).shuffle(shuffled)  # a fixed seed
    anyhow = cost(Correlator([definition]), shuffled)
    assert backward < 60 * forward + 1
    assert anyhow < 60 * forward + 1


@pytest.mark.slow
def test_values_that_make_a_sum_go_up_and_down_cost_no_more_each() -> None:
    section = "{type: value_sum, rules: [failed], group-by: [ip], timespan: 1h, condition: {field: n, gte: 1}}"
    correlator = Correlator([correlation(section)])
    same_moment = (BaseMatch("failed", 5, ("log", n), {"ip": "x", "n": (-1) ** n}) for n in range(20_000))
    assert cost(correlator, same_moment) < 20


@pytest.mark.slow
def test_many_firings_that_change_below_do_not_multiply_above() -> None:
    lower = correlation(BRUTE, name="lower")
    upper = correlation("{type: event_count, rules: [lower], timespan: 1d, condition: {gte: 2}}", name="upper")
    correlator = Correlator([lower, upper])
    given = [
        BaseMatch("failed", turn, ("log", n, turn), {"user": f"user {n}"}) for turn in range(4) for n in range(5_000)
    ]
    assert cost(correlator, given) < 20


@pytest.mark.parametrize("length", [1_000, 1_000_000])
def test_long_values_are_not_kept(length: int) -> None:
    correlator = Correlator([USERS])
    gc.collect()
    tracemalloc.start()
    for each in range(20):
        addresses = [f"{each} {n}" * (length // 1000) for n in range(100)]
        match = BaseMatch("failed", each, ("log", each), {"user": f"{each}" * length, "ip": addresses})
        correlator.feed([match])
        del match, addresses
    used, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert correlator.size == (20, 20)
    assert used < 300_000


def test_a_number_with_a_huge_exponent_is_no_work() -> None:
    section = "{type: value_sum, rules: [failed], timespan: 1h, condition: {field: n, gte: 1}}"
    odd = ["1e999999999", "1e-999999999", "1" * 10_000, "0x" + "f" * 10_000, "nan", "inf", "1e999", "-1e-999"]
    given = [BaseMatch("failed", n, ("log", n), {"n": value}) for n, value in enumerate(odd * 100)]
    assert cost(Correlator([correlation(section)]), given) < 5


def test_the_sorted_multiset_is_one_whatever_goes_in_and_out() -> None:
    random = Random(7)  # a fixed seed
    ranked, plain = Ranked(), list[int]()
    for turn in range(20_000):
        if plain and random.randrange(1000) < (300 if turn < 10_000 else 700):
            plain.sort()
            value = plain.pop(random.randrange(len(plain)))
            ranked.remove(value)
        else:
            plain.append(value := random.randrange(3000))
            ranked.add(value)
    plain.sort()
    assert [ranked.at(rank) for rank in range(ranked.size)] == plain
    assert all(ranked.buckets)
    assert [bucket[-1] for bucket in ranked.buckets] == ranked.highest
    with pytest.raises(IndexError):
        ranked.at(ranked.size)
    if len(plain) % 2:
        assert hundredfold_percentile(ranked, 50) == 100 * plain[len(plain) // 2]


def test_a_year_of_lateness_is_only_memory() -> None:
    correlator = Correlator([correlation(BRUTE)], lateness_us=365 * 24 * 60 * MINUTE, limits=Limits(events=500))
    correlator.feed(BaseMatch("failed", n * SECOND, ("log", n), {"user": f"{n % 7}"}) for n in range(5_000))
    assert correlator.size[1] <= 500
    assert correlator.counts.events_forgotten >= 4_500


@pytest.mark.slow
def test_a_thousand_correlations_run_side_by_side() -> None:
    definitions: list[Correlation] = [correlation(BRUTE, name=f"c{n}") for n in range(1000)]
    correlator = Correlator(definitions)
    told = correlator.feed(BaseMatch("failed", n, ("log", n), {"user": "anna"}) for n in range(3))
    assert len(told) == 1000
