"""Sigma correlation documents into definitions, and what is refused with which words."""

import sys
from pathlib import Path
from subprocess import run
from typing import Any

import pytest
import yaml
from sigma.correlations import SigmaCorrelationRule
from sigma.exceptions import SigmaError

from beffroi.detect.correlation import Correlation, Unevaluable
from beffroi.detect.correlation.expression import parse
from beffroi.detect.correlation.translate import CorrelationDocument, translate_correlation

IDS = {"failed": "id-1", "success": "id-2", "locked": "id-3", "id-1": "id-1"}


def translated(section: str | dict[str, Any], **document: Any) -> Correlation:
    body = yaml.safe_load(section) if isinstance(section, str) else section
    whole = {"title": "Many failures", "correlation": body} | document
    return translate_correlation(CorrelationDocument.from_dict(whole), IDS.get, correlation_id="own", path="x.yml")


WHOLE = """
type: value_count
rules: [failed, success]
group-by: [ip, user]
timespan: 90m
aliases:
  ip: {failed: IpAddress, success: SourceAddress}
condition: {field: [TargetUserName, Host], gt: 100, lte: 200}
generate: true
"""


def test_everything_is_taken_over_and_references_become_ids() -> None:
    made = translated(WHOLE, level="high", tags=["attack.t1110"], name="many")
    assert made == Correlation(
        id="own",
        title="Many failures",
        level="high",
        tags=("attack.t1110",),
        name="many",
        path="x.yml",
        kind="value_count",
        rules=("id-1", "id-2"),
        group_by=("ip", "user"),
        aliases={"ip": {"id-1": "IpAddress", "id-2": "SourceAddress"}},
        timespan=90 * 60 * 1_000_000,
        condition=(("gt", 100), ("lte", 200)),
        expression=None,
        fields=("TargetUserName", "Host"),
        percentile=None,
        generate=True,
    )
    assert made.field_of("ip", "id-2") == "SourceAddress"
    assert made.field_of("user", "id-2") == "user"


@pytest.mark.parametrize(
    "section",
    [
        WHOLE,
        "{type: temporal, timespan: 1m, condition: failed and not (success or locked)}",
        "{type: value_percentile, rules: [failed], timespan: 1m, condition: {field: Bytes, gte: 0.5, percentile: 99.9}}",
    ],
)
def test_a_definition_goes_out_as_plain_data_and_comes_back(section: str) -> None:
    made = translated(section)
    again = Correlation.from_plain(yaml.safe_load(yaml.safe_dump(made.to_plain())))
    assert again == made
    assert again.meaning == made.meaning


@pytest.mark.parametrize("plain", [{}, {"id": 1}, {**translated(WHOLE).to_plain(), "kind": "value_max"}, {"x": 1}])
def test_foreign_plain_data_are_refused(plain: dict[str, Any]) -> None:
    with pytest.raises((KeyError, TypeError, ValueError)):
        Correlation.from_plain(plain)


def test_a_title_changes_no_meaning_and_a_limit_does() -> None:
    made = translated(WHOLE)
    assert translated(WHOLE, title="Other", level="low").meaning == made.meaning
    assert translated(WHOLE.replace("200", "201")).meaning != made.meaning


def test_a_rule_that_pysigma_read_itself_is_translated_too() -> None:
    body = yaml.safe_load("{type: temporal, rules: [failed, success], timespan: 1m}")
    rule = SigmaCorrelationRule.from_dict({"title": "T", "correlation": body})
    made = translate_correlation(rule, IDS.get)
    assert made.condition == (("gte", 2),)
    worded = SigmaCorrelationRule.from_dict({"title": "T", "correlation": body | {"condition": "failed and success"}})
    assert translate_correlation(worded, IDS.get).expression == ["and", [["rule", "id-1"], ["rule", "id-2"]]]


def test_the_same_rule_by_name_and_by_id_is_one_for_temporal() -> None:
    made = translated("{type: temporal, rules: [failed, id-1, success], timespan: 1m}")
    assert made.condition == (("gte", 2),)


@pytest.mark.parametrize(
    ("section", "words"),
    [
        ("{type: event_count, rules: [nobody], timespan: 1m, condition: {gte: 1}}", "'nobody', which is no rule that was"),
        ("{type: event_count, rules: [], timespan: 1m, condition: {gte: 1}}", "names no rule"),
        ("{type: event_count, rules: [failed], timespan: 100y, condition: {gte: 1}}", "longer than ten years"),
        ("{type: event_count, rules: [failed], timespan: 1m, condition: {gte: 100001}}", "at most 100,000 are kept"),
        ("{type: temporal, rules: [failed, success], timespan: 1m, condition: {gt: 2}}", "needs 3 different rules and names 2"),
        ("{type: value_sum, rules: [failed], timespan: 1m, condition: {field: [a, b], gte: 1}}", "takes one field, not 2"),
        ("{type: value_count, rules: [failed], timespan: 1m, condition: {field: [], gte: 1}}", "needs the name of a field"),
        ("{type: value_percentile, rules: [failed], timespan: 1m, condition: {field: a, gte: 1}}", "needs `percentile`"),
        ("{type: value_percentile, rules: [failed], timespan: 1m, condition: {field: a, gte: 1, percentile: 101}}", "101 is not"),
        ("{type: temporal, rules: [failed], timespan: 1m, condition: failed and success}", "'success', which is not among"),
        ("{type: temporal, rules: [failed, success], timespan: 1m, condition: failed}", "does not speak of its rule 'success'"),
        ("{type: temporal, rules: [failed], timespan: 1m, aliases: {x: {success: y}}}", "which it does not correlate"),
        ("{type: temporal, rules: [failed], timespan: 1m, aliases: {x: {failed: 1}}}", "where a field's name belongs"),
    ],
)  # fmt: skip
def test_what_cannot_be_evaluated_is_refused_with_the_reason(section: str, words: str) -> None:
    with pytest.raises(Unevaluable) as raised:
        translated(section)
    assert words in str(raised.value)


@pytest.mark.parametrize(
    "section",
    [
        "{type: event_count, rules: [failed], timespan: 1m, condition: {gte: yes}}",
        "{type: event_count, rules: [failed], timespan: 1m, condition: {gte: .nan}}",
        "{type: event_count, rules: [failed], timespan: 1m, condition: {gte: 1, gt: [1]}}",
        "{type: event_count, rules: [failed], timespan: 1m, condition: {gte: 1.0e+300}}",
        "{type: event_count, rules: [failed], timespan: 1m, condition: {over: 1}}",
        "{type: temporal, timespan: 1m, condition: failed and}",
        "{type: temporal, timespan: 1m, condition: failed success}",
        "{type: temporal, timespan: 1m, condition: (failed}",
        "{type: event_count, rules: [failed], timespan: 1m, condition: failed}",
        "{type: event_count, rules: [failed], timespan: 0m, condition: {gte: 1}}",
    ],
)
def test_a_wrong_condition_is_an_error_of_the_document_like_any_other(section: str) -> None:
    document = {"title": "T", "correlation": yaml.safe_load(section)}
    with pytest.raises(SigmaError):
        CorrelationDocument.from_dict(document)
    try:
        errors = CorrelationDocument.from_dict(document, collect_errors=True).errors
    except SigmaError as error:
        errors = [error]
    assert errors


def test_brackets_cost_no_more_than_their_number() -> None:
    assert parse("(" * 25 + "failed" + ")" * 25) == ["rule", "failed"]
    for text in ("(" * 5000, "(" * 40 + "failed" + ")" * 40, "not " * 2000 + "failed", "failed or " * 2000):
        with pytest.raises(Unevaluable):
            parse(text)


def test_too_many_ways_to_be_in_order_are_refused() -> None:
    names = [f"r{n}" for n in range(20)]
    section = {"type": "temporal_ordered", "rules": names, "timespan": "1m"}
    for condition in ({"gte": 10}, " or ".join(names)):
        rule = CorrelationDocument.from_dict({"title": "T", "correlation": section | {"condition": condition}})
        with pytest.raises(Unevaluable, match="more than 4096"):
            translate_correlation(rule, str)
    plain = CorrelationDocument.from_dict({"title": "T", "correlation": section})
    assert translate_correlation(plain, str).condition == (("gte", 20),)


def test_running_correlations_needs_no_pysigma(root: Path) -> None:
    look = "import sys; sys.path.insert(0, 'src'); import beffroi.detect.correlation; print('sigma' in sys.modules)"
    done = run([sys.executable, "-I", "-c", look], cwd=root, capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"
