"""The matcher against a second evaluator that shares no code with it (tests/oracle), on drawn rules and on real recordings."""

import os
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import orjson
import pytest
import yaml
from hypothesis import HealthCheck, given, settings

from beffroi.core.model import Event, LogSource
from beffroi.detect.matcher import Matcher
from beffroi.detect.translate import UntranslatableError, translate
from tests.detect.sigma import BRUSSELS
from tests.oracle import Unsupported, parse_documents
from tests.oracle.compared import compare
from tests.oracle.generate import LOGSOURCE, PLACEHOLDERS, SPACED, Case, rule_text, rules_and_events

JOINED = {spaced: joined for joined, spaced in SPACED.items()}  # only Defender writes spaces; tested in test_matcher.py


def agree(case: Case, *, together: bool) -> None:
    """Both evaluators say the same of a drawn rule and its events."""
    from sigma.exceptions import SigmaError
    from sigma.rule import SigmaRule

    document = yaml.safe_load(rule_text(case.rule))
    events = [{JOINED.get(name, name): value for name, value in event.items()} for event in case.events]
    try:
        [plain] = parse_documents([(Path("rule.yml"), document)], placeholders=PLACEHOLDERS)
    except Unsupported:
        return
    try:
        made = translate(SigmaRule.from_dict(document), rule_id="r", path="rule.yml", placeholders=PLACEHOLDERS)
    except (SigmaError, UntranslatableError):
        return
    if plain.blind and made.blind is None:
        return  # the list without values stands in a search that the condition does not name
    matcher = Matcher([made], BRUSSELS)
    batch: list[Event] = [(n, fields, _json(fields)) for n, fields in enumerate(events)]
    batches = [batch] if together else [[event] for event in batch]
    stated = LogSource(*LOGSOURCE)
    found = {each[match.place][0] for each in batches for match in matcher.match(each, stated)}
    assert found == {n for n, fields in enumerate(events) if plain.fires_fields(fields, LOGSOURCE)}


def _json(fields: dict[str, Any]) -> bytes | None:
    try:
        return orjson.dumps(fields)
    except TypeError:
        return None


# Hypothesis takes at most five minutes to make a difference small: more than one would be over the time a test has.
drawing = settings(report_multiple_bugs=False, suppress_health_check=list(HealthCheck))


@given(rules_and_events())
@settings(drawing, max_examples=250, derandomize=True, database=None)  # the same for everybody who makes a commit
@pytest.mark.slow
@pytest.mark.timeout(480)
def test_drawn_rules_fire_on_the_same_events(case: Case) -> None:
    agree(case, together=True)


@given(rules_and_events(most=12))
@settings(drawing, max_examples=2_000)
@pytest.mark.long
@pytest.mark.timeout(900)
def test_thousands_of_drawn_rules_fire_on_the_same_events(case: Case) -> None:
    agree(case, together=True)
    agree(case, together=False)


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_all_rules_say_the_same_of_some_recordings(corpus: Path) -> None:
    compare(corpus, sorted((corpus / "evtx-attack-samples").rglob("*.evtx"))[::25])


@pytest.mark.long
@pytest.mark.timeout(1500)
def test_all_rules_say_the_same_of_all_recordings(corpus: Path) -> None:
    files = sorted((corpus / "evtx-attack-samples").rglob("*.evtx"), key=lambda path: path.stat().st_size)
    parts = len(os.sched_getaffinity(0))
    with ProcessPoolExecutor(parts, get_context("spawn")) as pool:
        assert list(pool.map(compare, [corpus] * parts, [files[part::parts] for part in range(parts)]))
