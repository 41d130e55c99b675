"""Beffroi's own rules: each is well-formed, argued, its own words, fires on its bad sample and not on its innocent one."""

import re
from collections import Counter
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import orjson
import pytest
import yaml
from evtx import PyEvtxParser
from sigma.collection import SigmaCollection

from beffroi.core import attack
from beffroi.core.errors import RuleError
from beffroi.core.model import Fields
from beffroi.core.situations import NAMESPACE, SITUATIONS
from beffroi.detect.correlation import BaseMatch, Correlator, in_order, silenced
from beffroi.detect.matcher import Matcher
from beffroi.rules.pack import FOLDER, SILENT_LEVEL, TRIED_WITH, Sample, rule_files, samples
from beffroi.rules.repository import RuleSet, load
from tests import oracle

FILES = rule_files()
BRUSSELS = ZoneInfo("Europe/Brussels")


def documents(path: Path) -> list[dict[str, Any]]:
    return list(yaml.safe_load_all(path.read_text("utf-8")))


DOCUMENTS = [(path, document) for path in FILES for document in documents(path)]
SPEAKING = [(path, document) for path, document in DOCUMENTS if document["level"] != SILENT_LEVEL]
SAMPLES = samples(FOLDER)
CORRELATIONS = {document["id"] for _, document in DOCUMENTS if "correlation" in document}


def label(value: object) -> str | None:
    return value.name if isinstance(value, Sample) else value["title"] if isinstance(value, dict) else None


@pytest.fixture(scope="module")
def pack() -> RuleSet:
    """The pack as the product loads it in a house that has decoys."""
    return load([FOLDER], placeholders=TRIED_WITH)


@pytest.fixture(scope="module")
def matcher(pack: RuleSet) -> Matcher:
    return Matcher(pack.rules, BRUSSELS)


@pytest.fixture(scope="module")
def plain_rules() -> dict[str, oracle.PlainRule]:
    """The same as the tests' own evaluator reads them."""
    return {
        str(rule.id): rule
        for rule in oracle.load(FILES, placeholders={name: list(given) for name, given in TRIED_WITH.items()})
    }


def test_no_two_rules_share_a_name_by_which_correlations_call_them() -> None:
    names = Counter(document["name"] for _, document in DOCUMENTS if "name" in document)
    assert [name for name, count in names.items() if count > 1] == []


def test_no_rule_is_refused_or_blind(pack: RuleSet) -> None:
    assert pack.refused == ()
    assert [rule.title for rule in pack.rules if rule.blind] == []
    assert len(pack.rules) + len(pack.correlations) == len(DOCUMENTS)


def test_without_decoys_the_rules_about_them_are_blind_and_no_others() -> None:
    blind = {rule.title for rule in load([FOLDER]).rules if rule.blind}
    assert blind
    assert blind == {document["title"] for path, document in DOCUMENTS if "%ghost_" in yaml.safe_dump(document)}


def test_only_the_parts_of_correlations_are_silent(pack: RuleSet) -> None:
    silent = {rule.title for rule in pack.rules if rule.silent}
    silent |= {each.title for each in pack.correlations if each.id in silenced(pack.correlations)}
    assert silent == {document["title"] for _, document in DOCUMENTS if document["level"] == SILENT_LEVEL}


def test_pysigma_finds_nothing_wrong_with_any_rule() -> None:
    texts = [path.read_text("utf-8") for path in FILES]
    assert not [error for rule in SigmaCollection.from_yaml("\n---\n".join(texts)) for error in rule.errors]


def test_every_rule_has_its_own_random_id() -> None:
    ids = [document["id"] for _, document in DOCUMENTS]
    assert len(ids) == len(set(ids))
    assert {UUID(each).version for each in ids} == {4}


def test_no_two_rules_share_a_name_or_a_title() -> None:
    """Correlations refer to rules by their names: of two that share one, the other is lost without a word."""
    for key in ("name", "title"):
        given = [document[key] for _, document in DOCUMENTS if key in document]
        assert [each for each, count in Counter(given).items() if count > 1] == []


ASKED_FOR = {"rules": 150, "correlations": 40}
"""What the pack has at least: rules and correlations that speak for themselves. Their silent parts do not count."""


@pytest.mark.parametrize("kind", ASKED_FOR)
def test_as_many_rules_and_correlations_speak_as_were_asked_for(kind: str) -> None:
    speaking = sum(("correlation" in document) == (kind == "correlations") for _, document in SPEAKING)
    assert speaking >= ASKED_FOR[kind]


@pytest.mark.parametrize(("path", "document"), SPEAKING, ids=label)
def test_a_rule_says_who_made_it_its_situation_why_its_level_and_what_it_misses(
    path: Path, document: dict[str, Any]
) -> None:
    assert document["author"] == "Beffroi"
    assert document["status"] == "experimental"
    assert document["level"] in ("low", "medium", "high", "critical")
    assert len(document["title"]) <= 80
    assert document["falsepositives"]
    own = document["beffroi"]
    assert own.keys() == {"why_level", "known_gaps"}
    named = [tag for tag in document["tags"] if tag.startswith(NAMESPACE)]
    assert [tag.removeprefix(NAMESPACE) in SITUATIONS for tag in named] == [True]
    assert own["why_level"].endswith(".")
    assert all(gap.endswith(".") for gap in own["known_gaps"])


@pytest.mark.parametrize(("path", "document"), DOCUMENTS, ids=label)
def test_its_attack_tags_are_known_by_name(path: Path, document: dict[str, Any]) -> None:
    assert attack.tactics_of(document["tags"])
    techniques = attack.techniques_of(document["tags"])
    assert techniques
    assert all(technique.id in attack.TECHNIQUES for technique in techniques)
    foreign = [tag for tag in document["tags"] if not tag.startswith(NAMESPACE)]
    assert len(attack.tactics_of(document["tags"])) + len(techniques) >= len(foreign)


@pytest.mark.parametrize(("path", "document"), SPEAKING, ids=label)
def test_it_has_a_sample_on_which_it_fires_and_an_innocent_one(path: Path, document: dict[str, Any]) -> None:
    own = [sample for sample in samples(path) if sample.rule == document["id"]]
    assert {sample.fires for sample in own} == {True, False}


def test_every_samples_file_belongs_to_a_rule_file() -> None:
    assert all(
        path.with_name(path.name.replace(".samples.yml", ".yml")).exists() for path in FOLDER.rglob("*.samples.yml")
    )


@pytest.mark.parametrize("sample", [sample for sample in SAMPLES if sample.rule not in CORRELATIONS], ids=label)
def test_a_rule_fires_on_its_sample_as_often_as_it_says(
    sample: Sample, matcher: Matcher, plain_rules: dict[str, oracle.PlainRule]
) -> None:
    found = matcher.match([(number, fields, None) for number, fields in enumerate(sample.events)], sample.logsource)
    assert sum(match.rule.id == sample.rule for match in found) == sample.matches
    assert sum(fires(plain_rules[sample.rule], fields, sample) for fields in sample.events) == sample.matches


def fires(rule: oracle.PlainRule, fields: Fields, sample: Sample) -> bool:
    """Whether a rule, as the tests' own evaluator reads it, fires on an event of a sample."""
    if sample.logsource is None:
        return rule.fires_windows_fields(fields)
    return rule.fires_fields(fields, sample.logsource)


def moment(fields: Fields) -> int:
    """Microseconds since 1970."""
    return round(datetime.fromisoformat(fields["TimeCreated"]).timestamp() * 1_000_000)


@pytest.mark.slow
@pytest.mark.parametrize("sample", [sample for sample in SAMPLES if sample.rule in CORRELATIONS], ids=label)
def test_a_correlation_fires_on_its_sample_as_often_as_it_says(
    sample: Sample, pack: RuleSet, matcher: Matcher, plain_rules: dict[str, oracle.PlainRule]
) -> None:
    found = matcher.match([(number, fields, None) for number, fields in enumerate(sample.events)], sample.logsource)
    correlator = Correlator(pack.correlations, lateness_us=0)
    base = [BaseMatch(each.rule.id, moment(each.fields), (sample.name, each.place), each.fields) for each in found]
    assert sum(firing.correlation == sample.rule for firing in in_order(correlator, base)) == sample.matches

    below = built_on(sample.rule)
    matches = [
        (str(rule.name or rule.id), moment(fields), fields)
        for rule in plain_rules.values()
        if rule.name in {name for each in below for name in each["correlation"]["rules"]}
        for fields in sample.events
        if fires(rule, fields, sample)
    ]
    assert len(oracle.correlate_all(below, matches)[below[0]["name"]]) == sample.matches


def built_on(correlation: str) -> list[dict[str, Any]]:
    """A correlation, by its id or name, and those it rests on."""
    found = [each for _, each in DOCUMENTS if "correlation" in each and correlation in (each["id"], each["name"])]
    rules = {name for each in found for name in each["correlation"]["rules"]}
    return [*found, *(below for name in sorted(rules) for below in built_on(name))]


@pytest.mark.slow
def test_an_innocent_sample_of_one_rule_wakes_no_rule_above_medium(plain_rules: dict[str, oracle.PlainRule]) -> None:
    loud = {rule.id: rule.title for rule in plain_rules.values() if rule.level in ("high", "critical")}
    woken = [
        (sample.name, loud[rule.id])
        for sample in SAMPLES
        if not sample.fires
        for fields in sample.events
        for rule in plain_rules.values()
        if rule.id in loud and fires(rule, fields, sample)
    ]
    assert woken == []


@pytest.mark.parametrize(
    ("tags", "tactics"),
    [
        (["attack.impact", "attack.initial-access"], ["Initial Access", "Impact"]),
        (["attack.credential_access", "cve.2020-1472"], ["Credential Access"]),
        (["attack.t1059.001"], ["Execution"]),
        (["attack.t1059.999"], ["Execution"]),
        (["attack.defense-evasion"], ["Defense Evasion"]),
        (["attack.t9999", "tlp.clear"], []),
        ([], []),
    ],
)
def test_tags_name_their_tactics_in_the_order_of_an_attack(tags: list[str], tactics: list[str]) -> None:
    assert [attack.TACTICS[key] for key in attack.tactics_of(tags)] == tactics


def test_a_technique_without_a_name_here_is_named_by_its_number() -> None:
    named = attack.techniques_of(["attack.t1003.001", "attack.T9999", "attack.t1003.001", "attack.stealth"])
    assert [(technique.id, technique.name) for technique in named] == [
        ("T1003.001", "LSASS Memory"),
        ("T9999", "T9999"),
    ]


def test_a_samples_file_with_a_fault_is_named(tmp_path: Path) -> None:
    rule = tmp_path / "a.yml"
    rule.write_text("title: A\nid: 11111111-1111-4111-8111-111111111111\nlevel: high\n")
    (tmp_path / "a.samples.yml").write_text("- fires: a\n  event: {}\n")
    with pytest.raises(RuleError, match="sample 1 is not complete"):
        samples(rule)
    (tmp_path / "a.samples.yml").write_text("- fires: [\n")
    with pytest.raises(RuleError, match=r"a\.samples\.yml:2"):
        samples(rule)


def words(text: str) -> list[str]:
    return re.findall(r"[a-z0-9']+", text.lower())


def runs(text: str, length: int) -> Iterator[tuple[str, ...]]:
    found = words(text)
    return (tuple(found[at : at + length]) for at in range(len(found) - length + 1))


@pytest.mark.slow
def test_no_sentence_is_taken_from_the_public_rules(corpus: Path) -> None:
    ours = {
        run: document["title"]
        for _, document in DOCUMENTS
        for text in (document["title"], document["description"], *document.get("falsepositives", []))
        for run in runs(text, 7)
    }
    told = re.compile(r"(?ms)^(?:title|description|falsepositives):(.*?)^(?=\w)")
    borrowed = {
        ours[run]
        for path in corpus.glob("sigma/rules*/**/*.yml")
        for text in told.findall(path.read_text("utf-8"))
        for run in runs(text, 7)
        if run in ours
    }
    assert borrowed == set()


def events(path: Path) -> Iterator[Fields]:
    for record in PyEvtxParser(str(path)).records_json():
        if isinstance(record, dict):
            yield oracle.flatten(orjson.loads(record["data"]))


@pytest.mark.slow
def test_the_attack_recordings_are_seen_by_few_rules(corpus: Path, matcher: Matcher) -> None:
    recordings = sorted(corpus.glob("evtx-attack-samples/**/*.evtx"))
    seen = set()
    for recording in recordings:
        batch = [(number, fields, None) for number, fields in enumerate(events(recording))]
        if any(match.rule.level not in (SILENT_LEVEL, "low") for match in matcher.match(batch)):
            seen.add(recording)
    assert len(recordings) == 277
    assert len(seen) >= 255
