"""The correlator against the plain one of tests/oracle, which looks at every window anew, on drawn correlations and events."""

import json
from collections.abc import Iterable
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from beffroi.detect.correlation import BaseMatch, Correlation, Correlator, Firing, Limits, Unevaluable, in_order
from beffroi.detect.correlation import group as groups
from tests.detect.test_correlation import SECOND, correlation
from tests.oracle import Unsupported
from tests.oracle.correlate import contribution, correlate, timespan

RULES = ("a", "b", "c", "d")
SPANS = ("3s", "10s", "1m")
LATENESS = 20 * SECOND

pytestmark = pytest.mark.timeout(480)  # Hypothesis takes at most five minutes to make a difference small

limits = st.dictionaries(
    st.sampled_from(["gt", "gte", "lt", "lte", "eq", "neq"]), st.integers(0, 4), min_size=1, max_size=2
)
names = st.lists(st.sampled_from(RULES), min_size=1, max_size=4)


def expressions(rules: list[str]) -> st.SearchStrategy[str]:
    """Conditions in words that speak of all the rules."""
    parts = st.lists(st.sampled_from(["", "not "]), min_size=len(rules), max_size=len(rules))
    joints = st.lists(st.sampled_from([" and ", " or ", " AND "]), min_size=len(rules), max_size=len(rules))
    brackets = st.integers(0, 3)

    def joined(drawn: tuple[list[str], list[str], int]) -> str:
        prefixes, between, form = drawn
        words = [prefix + rule for prefix, rule in zip(prefixes, rules, strict=True)]
        text = words[0]
        for word, joint in zip(words[1:], between, strict=False):
            text = f"({text}){joint}{word}" if form == 1 else f"{text}{joint}{word}"
        return f"not ({text})" if form == 2 else text

    return st.tuples(parts, joints, brackets).map(joined)


@st.composite
def sections(draw: st.DrawFn) -> dict[str, Any]:
    kind = draw(
        st.sampled_from(
            ["event_count", "value_count", "temporal", "temporal_ordered", "value_sum", "value_avg", "value_percentile",
             "value_median"]
        )
    )  # fmt: skip
    rules = draw(names)
    section: dict[str, Any] = {
        "type": kind,
        "rules": rules,
        "timespan": draw(st.sampled_from(SPANS)),
        "group-by": draw(st.sampled_from([[], ["user"], ["user", "host"], ["who"]])),
        "aliases": {"who": {rule: field for rule, field in {"a": "user", "b": "host"}.items() if rule in rules}},
    }
    if kind.startswith("temporal"):
        form = draw(st.integers(0, 2))
        if form == 1:
            section["condition"] = draw(limits)
        if form == 2:
            section["rules"] = rules = list(dict.fromkeys(rules))
            section["condition"] = draw(expressions(rules))
    else:
        section["condition"] = draw(limits)
    if kind == "value_count":
        section["condition"]["field"] = draw(st.sampled_from(["value", ["value"], ["value", "host"]]))
    elif kind.startswith("value"):
        section["condition"]["field"] = "value"
    if kind == "value_percentile":
        section["condition"]["percentile"] = draw(st.sampled_from([0, 10, 50, 90, 99, 100]))
    return section


FIELDS = st.fixed_dictionaries(
    {},
    optional={
        "user": st.sampled_from(["u", "v", ""]),
        "host": st.sampled_from(["u", "h", None, ["h", "k"]]),
        "value": st.sampled_from([1, 2, -3, "4", "0.1", "x", "", True, ["1", "2"], [1, "x", 7], "1e2", "0x10"]),
    },
)
TIMES = st.integers(0, 40).map(lambda half: half * SECOND // 2)
EVENT = st.tuples(st.sampled_from(RULES), TIMES, FIELDS)
EVENTS = st.one_of(st.lists(EVENT, max_size=20), st.lists(EVENT, min_size=15, max_size=40))


def given_matches(events: list[tuple[str, int, dict[str, Any]]]) -> list[BaseMatch]:
    return [BaseMatch(rule, time, ("s", n), fields) for n, (rule, time, fields) in enumerate(events)]


def plainly(section: dict[str, Any], matches: Iterable[BaseMatch]) -> set[tuple[Any, int]]:
    """(group, time) of the plain correlator's firings. It is asked for each stretch of a group without a gap of a timespan on
    its own, because after such a gap a group begins anew (docs/correlation.md)."""
    span = timespan(section["timespan"])
    by_group: dict[Any, list[tuple[str, int, dict[str, Any]]]] = {}
    for match in matches:
        plain = (match.rule_id, match.time_us, dict(match.fields))
        event = contribution(section, plain)
        if event:
            by_group.setdefault(event.key, []).append(plain)
    found: set[tuple[Any, int]] = set()
    for events in by_group.values():
        stretches: list[list[Any]] = []
        for each in sorted(events, key=lambda event: event[1]):
            if not stretches or each[1] - stretches[-1][-1][1] >= span:
                stretches.append([])
            stretches[-1].append(each)
        found.update(firing for stretch in stretches for firing in correlate(section, stretch))
    return found


def folded(known: dict[Any, Firing], changes: Iterable[Any]) -> None:
    """Keep what changes say, and hold them to their word: only what is known is retracted."""
    for change in changes:
        if isinstance(change, Firing):
            known[change.key] = change
        else:
            del known[change.key]


def fired(known: Iterable[Firing]) -> set[tuple[Any, int]]:
    return {(tuple(value for _, value in firing.group), firing.time_us) for firing in known}


def both(section: dict[str, Any], matches: list[BaseMatch]) -> tuple[Correlation, set[tuple[Any, int]]]:
    try:
        expected = plainly(section, matches)
    except Unsupported:
        with pytest.raises(Unevaluable):
            correlation(section)
        assume(condition=False)
        raise
    if never := can_never_fire(section):
        assert not expected
        with pytest.raises(Unevaluable, match="different rules"):
            correlation(section)
    assume(not never)
    return correlation(section), expected


def can_never_fire(section: dict[str, Any]) -> bool:
    """It asks for more rules than it names, which is refused."""
    given, rules = section.get("condition"), section["rules"]
    if not section["type"].startswith("temporal") or not isinstance(given, dict):
        return False
    most = len(rules) if section["type"] == "temporal_ordered" else len({*rules})
    asked: int = max(given.get("gt", -1) + 1, given.get("gte", 0), given.get("eq", 0))
    return asked > most


@pytest.mark.slow
@given(sections(), EVENTS)
def test_sorted_matches_fire_where_the_plain_correlator_says(section: dict[str, Any], events: list[Any]) -> None:
    matches = sorted(given_matches(events), key=lambda match: match.time_us)
    definition, expected = both(section, matches)
    correlator = Correlator([definition], lateness_us=0)
    found = list(in_order(correlator, matches))
    assert fired(found) == expected
    assert len(found) == len(expected)


@pytest.mark.slow
@pytest.mark.parametrize("nearby", [0, 64])
@given(section=sections(), events=EVENTS, data=st.data())
def test_any_order_of_arrival_and_any_repetition_give_the_same_firings(
    nearby: int, section: dict[str, Any], events: list[Any], data: st.DataObject
) -> None:
    matches = sorted(given_matches(events), key=lambda match: match.time_us)
    definition, expected = both(section, matches)
    shuffled = data.draw(st.permutations(matches))
    arriving = [*shuffled, *data.draw(st.lists(st.sampled_from(matches), max_size=5))] if matches else []
    batch = data.draw(st.integers(1, 10))
    sorted_way: dict[Any, Firing] = {}
    live: dict[Any, Firing] = {}
    with pytest.MonkeyPatch.context() as patch:
        # With 0 going back is put off as it would be in a group of thousands.
        patch.setattr(groups, "NEARBY", nearby)
        patch.setattr(groups, "SHARE", 8 if nearby else 2)
        one = Correlator([definition], lateness_us=LATENESS)
        for at in range(0, len(arriving), batch):
            folded(live, one.feed(arriving[at : at + batch]))
            if data.draw(st.integers(0, 5)) == 0:
                folded(live, one.settle())
        folded(live, one.settle())
        other = Correlator([definition], lateness_us=LATENESS)
        folded(sorted_way, other.feed(matches))
        folded(sorted_way, other.settle())
    assert fired(live.values()) == expected
    assert live == sorted_way
    assert one.counts.too_late == 0


@pytest.mark.slow
@given(section=sections(), events=EVENTS, data=st.data())
def test_a_state_taken_at_any_point_goes_on_as_if_nothing_had_happened(
    section: dict[str, Any], events: list[Any], data: st.DataObject
) -> None:
    matches = data.draw(st.permutations(given_matches(events)))
    definition, _ = both(section, matches)
    small = Limits(groups=5, events=20, group_events=12, values=2, listed=3)
    lateness = data.draw(st.sampled_from([0, 2 * SECOND, LATENESS]))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(groups, "NEARBY", 2)
        patch.setattr(groups, "SHARE", 2)
        through = Correlator([definition], lateness_us=lateness, limits=small)
        stored = Correlator([definition], lateness_us=lateness, limits=small)
        for match in matches:
            expected = through.feed([match])
            before = stored
            stored = Correlator([definition], lateness_us=lateness, limits=small)
            assert stored.restore(json.loads(json.dumps(before.state()))) == ()
            assert stored.feed([match]) == expected
            assert stored.size == through.size
        assert stored.settle() == through.settle()
        assert stored.counts == through.counts


@pytest.mark.slow
@pytest.mark.parametrize("nearby", [0, 64])
@given(lower=sections(), middle=sections(), events=EVENTS, data=st.data())
def test_correlations_that_build_on_each_other_fire_as_the_plain_one_does_level_by_level(
    nearby: int, lower: dict[str, Any], middle: dict[str, Any], events: list[Any], data: st.DataObject
) -> None:
    """`upper` counts firings of `lower` and `middle`, in any order of arrival."""
    for section in (lower, middle):
        section["group-by"], section["aliases"] = ["user"], {}
    upper = {
        "type": data.draw(st.sampled_from(["event_count", "temporal", "temporal_ordered"])),
        "rules": ["lower", "middle", "a"],
        "group-by": data.draw(st.sampled_from([[], ["user"]])),
        "timespan": "10s",
        "condition": data.draw(st.sampled_from([{"gte": 2}, {"eq": 1}])),
        "generate": True,
    }
    matches = given_matches(events)
    _, expected_lower = both(lower, matches)
    _, expected_middle = both(middle, matches)
    raised = [
        BaseMatch(name, time, (name, time, *key), {"user": key[0]})
        for name, found in (("lower", expected_lower), ("middle", expected_middle))
        for key, time in found
    ]
    third, expected_upper = both(upper, [*matches, *raised])
    chain = [third, correlation(middle, name="middle"), correlation(lower, name="lower")]
    arriving = data.draw(st.permutations(matches))
    live: dict[Any, Firing] = {}
    sorted_way: dict[Any, Firing] = {}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(groups, "NEARBY", nearby)
        patch.setattr(groups, "SHARE", 8 if nearby else 2)
        one = Correlator(chain, lateness_us=LATENESS)
        for match in arriving:
            folded(live, one.feed([match]))
            if data.draw(st.integers(0, 5)) == 0:
                folded(live, one.settle())
                one, before = Correlator(chain, lateness_us=LATENESS), one
                one.restore(before.state())
        folded(live, one.settle())
        other = Correlator(chain, lateness_us=LATENESS)
        folded(sorted_way, other.feed(sorted(matches, key=lambda match: match.time_us)))
        folded(sorted_way, other.settle())
    assert live == sorted_way
    for name, expected in (("lower", expected_lower), ("middle", expected_middle), ("top", expected_upper)):
        assert fired(firing for firing in live.values() if firing.correlation == name) == expected
    hunted = list(in_order(Correlator(chain, lateness_us=0), sorted(matches, key=lambda match: match.time_us)))
    assert fired(hunted) == fired(live.values())
    assert {firing.key: firing for firing in hunted} == live
