"""A set of rules tried on samples: what fires too often or too seldom is named, by its file and sample."""

from collections import Counter
from datetime import UTC
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from beffroi.rules.pack import TRIED_WITH, Sample, samples
from beffroi.rules.repository import PACK, load
from beffroi.rules.trial import Hidden, Trial, silenced, try_rules
from tests.hunting.hunts import ALL, GUESSED, event, failed, rules, whoami

BRUSSELS = ZoneInfo("Europe/Brussels")
WHOAMI_ID, GUESSED_ID = "11111111-1111-4111-8111-111111111111", "44444444-4444-4444-8444-444444444444"


@pytest.fixture
def trial(tmp_path: Path) -> Trial:
    return Trial(load([rules(tmp_path / "rules")]), BRUSSELS)


def sample(rule: str, matches: int, *events: dict[str, object]) -> Sample:
    return Sample(rule=rule, name="somebody asks", events=events, matches=matches, path=Path("whoami.samples.yml"))


def test_a_single_rule_is_counted_by_its_events(trial: Trial) -> None:
    assert trial.count(sample(WHOAMI_ID, 2, event(1), whoami(2), whoami(3))) == 2
    assert trial.count(sample("no-such-rule", 0, whoami(2))) == 0


def test_a_correlation_is_counted_by_its_firings(trial: Trial) -> None:
    assert trial.count(sample(GUESSED_ID, 1, *(failed(number, seconds=number) for number in range(3)))) == 1
    assert trial.count(sample(GUESSED_ID, 0, *(failed(number, seconds=400 * number) for number in range(3)))) == 0


def test_events_without_time_do_not_stop_a_trial(trial: Trial) -> None:
    timeless = [
        {name: value for name, value in failed(n, seconds=n).items() if name != "TimeCreated"} for n in range(3)
    ]
    assert trial.count(sample(GUESSED_ID, 1, *timeless)) in (0, 1)


def test_a_failure_says_file_sample_and_how_often(trial: Trial) -> None:
    good, bad = sample(WHOAMI_ID, 1, whoami(1)), sample(WHOAMI_ID, 1, whoami(1), whoami(2))
    assert [str(each) for each in trial.failures([good, bad])] == [
        "whoami.samples.yml, somebody asks: fires 2 times instead of 1"
    ]


@pytest.mark.slow
def test_a_good_new_set_is_tried_beside_the_pack(tmp_path: Path) -> None:
    report = try_rules(rules(tmp_path / "new"), zone=BRUSSELS, cache_folder=tmp_path / "kept")
    assert report.loaded == len(ALL) + 1
    assert report.refused == ()
    assert report.blind == 1
    assert report.samples > 40
    assert report.failed == ()


@pytest.mark.slow
def test_a_new_set_whose_filter_silences_the_pack_fails(tmp_path: Path) -> None:
    everything = (
        "title: Nothing to see\nid: 77777777-7777-4777-8777-777777777777\nlogsource: {product: windows, service: security}\n"
        "filter:\n  rules: any\n  all:\n    EventID|gt: 0\n  condition: not all\n"
    )
    report = try_rules(rules(tmp_path / "new", evil=everything), zone=BRUSSELS, cache_folder=None)
    assert report.failed
    assert all("instead of" in str(fault.what) for fault in report.failed)


@pytest.mark.slow
def test_a_new_set_that_takes_an_id_of_the_pack_does_not_replace_its_rule(tmp_path: Path) -> None:
    taken = load([PACK]).rules[0].id
    evil = GUESSED.replace("44444444-4444-4444-8444-444444444444", taken)
    report = try_rules(
        rules(tmp_path / "new", evil=ALL["guessed"].replace(GUESSED, evil)), zone=BRUSSELS, cache_folder=None
    )
    assert report.failed == ()


FAILED_ID = "00d52aba-4f3f-4135-a88e-ab378b2eb58f"
SPRAYED_ID = "9318df75-41d9-4028-b777-c85d09308205"
SHADOWS_ID = next(each.rule for each in samples(PACK / "copies" / "shadow_copies_deleted.yml") if each.fires)


def test_a_sample_is_counted_without_what_is_hidden(trial: Trial) -> None:
    asked = sample(WHOAMI_ID, 2, whoami(2), whoami(3))
    assert trial.count(asked, lambda rule, fields: rule == WHOAMI_ID and fields["EventRecordID"] == 3) == 1
    assert trial.count(asked, lambda rule, _fields: rule != WHOAMI_ID) == 2
    guessed = sample(GUESSED_ID, 1, *(failed(number, seconds=number) for number in range(3)))
    assert trial.count(guessed, lambda rule, _fields: rule == GUESSED_ID) == 0
    assert trial.count(guessed, lambda rule, fields: rule != GUESSED_ID and fields["EventRecordID"] == 1) == 0


@pytest.mark.slow
def test_what_would_silence_a_rule_of_the_pack_is_named_by_its_samples() -> None:
    assert silenced(SHADOWS_ID, lambda _fields: True)
    assert silenced(SHADOWS_ID, lambda fields: fields.get("User") == "TILLEULS\\sauvegarde") == []
    assert silenced("no-such-rule", lambda _fields: True) == []
    sprayed = silenced(SPRAYED_ID, lambda fields: "src_ip" in fields)
    resting = silenced(FAILED_ID, lambda _fields: True)  # of the correlations that rest on it
    assert len(sprayed) < len(resting)
    assert [each for each in sprayed if each in resting]


@pytest.mark.slow
def test_what_is_silenced_is_the_same_as_if_every_sample_were_tried() -> None:
    found = load([PACK], placeholders=TRIED_WITH)
    slow = Trial(found, UTC)
    firing = [each for each in samples(PACK) if each.fires]
    resting = Counter(below for each in found.correlations for below in each.rules)
    alone = next(each.rule for each in firing if each.rule not in resting)
    below = max((each.id for each in found.rules), key=lambda each: resting[each])
    above = next(each.id for each in found.correlations if each.id not in resting)
    for rule in (alone, below, above):
        expected = [each.name for each in firing if slow.count(each, lacking(rule)) < each.matches]
        assert expected
        assert silenced(rule, lambda _fields: True) == expected


def lacking(rule: str) -> Hidden:
    """All that a rule finds is hidden."""
    return lambda which, _fields: which == rule


@pytest.mark.slow
def test_a_correlation_that_another_one_silences_is_not_found(tmp_path: Path) -> None:
    over = (
        "title: Over it\nname: over_it\nid: 88888888-8888-4888-8888-888888888888\nlevel: low\ncorrelation:\n  type: event_count\n"
        f"  rules: [{GUESSED_ID}]\n  group-by: [IpAddress]\n  timespan: 1d\n  condition: {{gte: 2}}\n"
    )
    tried = sample(GUESSED_ID, 1, *(failed(number, seconds=number) for number in range(3)))
    alone = Trial(load([rules(tmp_path / "alone")]), BRUSSELS)
    below = Trial(load([rules(tmp_path / "below", over=over)]), BRUSSELS)
    assert (alone.count(tried), below.count(tried)) == (1, 0)
