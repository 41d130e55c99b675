"""What different hands did on one machine does not count together, in whatever order it comes."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from beffroi.detect.correlation import BaseMatch, Contribution, Correlation, Correlator, Firing, in_order, narrowed
from beffroi.detect.correlation.measures import measure_maker
from beffroi.detect.correlation.records import Identity
from tests.detect.test_correlation import SECOND, correlation

SPAN = 10 * SECOND
STORY: dict[str, Any] = {"type": "temporal", "rules": ["a", "b", "c"], "group-by": ["Computer"], "timespan": "10s"}
STORIES: list[dict[str, Any]] = [
    STORY | {"condition": {"gte": 2}},
    STORY | {"condition": "(a or b) and not c"},
    STORY | {"type": "temporal_ordered", "condition": "(a or b) and c"},
    STORY | {"type": "temporal_ordered", "rules": ["a", "a", "b"]},
]

Did = tuple[int, str, str | None]
"""(seconds, the rule that held, who did it)"""

some_deeds = st.lists(
    st.tuples(st.integers(0, 40), st.sampled_from("abc"), st.sampled_from(["anna", "bert", "cleo", None])), max_size=24
)


def who(identity: Identity) -> str | None:
    hand = identity[1]
    return None if hand is None else str(hand)


def event(number: int, did: Did, **fields: str) -> BaseMatch:
    at, rule, hand = did
    return BaseMatch(rule, at * SECOND, (number, hand), {"Computer": "srv", "user": "x", **fields})


def fired(section: dict[str, Any], deeds: list[Did]) -> list[Firing]:
    events = [event(number, did) for number, did in enumerate(deeds)]
    return list(
        in_order(
            Correlator([correlation(section)], lateness_us=0, hand_of=who),
            sorted(events, key=lambda each: each.time_us),
        )
    )


def holds(definition: Correlation, deeds: list[Did], at: int) -> bool:
    """Whether what one hand did in the window, with what names nobody, makes it true: worked out anew."""
    negated = {"c"} if definition.expression is not None and "not" in str(definition.expression) else set()
    for hand in (None, "anna", "bert", "cleo"):
        measure = measure_maker(definition)()
        for number, (time, rule, its) in sorted(enumerate(deeds), key=lambda each: each[1][0]):
            if at * SECOND - SPAN < time * SECOND <= at * SECOND and (its in (hand, None) or rule in negated):
                measure.push((time * SECOND, definition.rules.index(rule), (number, its), ()))
        if measure.holds(at * SECOND - SPAN):
            return True
    return False


@pytest.mark.parametrize("section", STORIES, ids=str)
@given(deeds=some_deeds, draw=st.randoms(use_true_random=False), half=st.booleans())
def test_it_fires_where_one_hand_alone_makes_it_true_whatever_the_order(
    section: dict[str, Any], deeds: list[Did], draw: Any, half: bool
) -> None:
    definition = correlation(section)
    deeds = [each for each in deeds if each[1] in definition.rules]
    moments = sorted({at for at, _, _ in deeds})
    true = {at: holds(definition, deeds, at) for at in moments}
    wanted = {
        at
        for before, at in zip([None, *moments], moments, strict=False)
        if true[at] and not (before is not None and at - before < 10 and true[before])
    }
    correlator = Correlator([definition], lateness_us=60 * SECOND, hand_of=who)
    told: dict[Any, Any] = {}
    events = [event(number, did) for number, did in enumerate(deeds)]
    draw.shuffle(events)
    for place, each in enumerate(events):
        for change in correlator.feed([each]):
            told[change.key] = change
        if half and place == len(events) // 2:
            state = correlator.state()
            correlator = Correlator([definition], lateness_us=60 * SECOND, hand_of=who)
            correlator.restore(state)
    for change in correlator.settle():
        told[change.key] = change
    assert {each.time_us // SECOND for each in told.values() if isinstance(each, Firing)} == wanted


def test_two_hands_on_one_machine_do_not_make_one_story_and_one_does_with_what_names_nobody() -> None:
    assert fired(STORIES[0], [(0, "a", "anna"), (1, "b", "bert")]) == []
    assert len(fired(STORIES[0], [(0, "a", "anna"), (1, "b", None)])) == 1
    assert len(fired(STORIES[0], [(0, "a", None), (1, "b", None)])) == 1


def test_what_somebody_else_did_before_hides_no_story() -> None:
    [firing] = fired(STORIES[0], [(0, "a", "anna"), (1, "b", "bert"), (4, "c", "bert")])
    assert firing.time_us == 4 * SECOND


def test_what_must_not_have_happened_counts_whoever_did_it() -> None:
    assert fired(STORIES[1], [(0, "c", "anna"), (1, "a", "bert")]) == []


def test_what_is_grouped_by_more_than_the_machine_counts_as_sigma_has_it() -> None:
    deeds: list[Did] = [(0, "a", "anna"), (1, "b", "bert")]
    assert len(fired(STORIES[0] | {"group-by": ["Computer", "user"]}, deeds)) == 1


def test_the_events_behind_a_firing_are_those_of_the_hand_that_made_it_true() -> None:
    definition = correlation(STORIES[0])
    events = [
        Contribution(rule, at * SECOND, (at, hand))
        for at, rule, hand in [(0, "a", "anna"), (1, "b", "bert"), (2, "c", None), (3, "a", "bert")]
    ]
    assert narrowed(definition, events, who) == tuple(events[1:])
    assert narrowed(definition, events[:1], who) == tuple(events[:1])
