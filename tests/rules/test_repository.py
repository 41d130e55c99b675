"""Folders of rule files: what is good loads, what is not is named, and filters and correlations find what they speak of."""

import os
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from beffroi.core.errors import InputError
from beffroi.core.model import Fields, LogSource
from beffroi.detect.matcher import Matcher
from beffroi.rules import repository
from beffroi.rules.repository import PACK, RuleSet, load

AUTH = LogSource("linux", None, "auth")

RULE = """\
title: {title}
id: 00000000-0000-4000-8000-{number:012d}
name: {name}
level: low
logsource: {{product: linux, service: auth}}
detection:
  selection:
    message|contains: {text}
  condition: selection
"""
CORRELATION = """\
title: Often
id: 00000000-0000-4000-9000-{number:012d}
name: {name}
level: high
correlation:
  type: event_count
  rules: [{below}]
  group-by: [user]
  timespan: 5m
  condition: {{gte: 3}}
"""
FILTER = """\
title: Not the printer
id: 00000000-0000-4000-a000-000000000001
logsource: {{product: linux, service: auth}}
filter:
  rules: {rules}
  printer:
    user: printer
  condition: {condition}
"""


def rule(number: int = 1, name: str = "plain", text: str = "root", title: str = "Plain") -> str:
    return RULE.format(number=number, name=name, text=text, title=title)


def correlation(number: int = 1, name: str = "often", below: str = "plain") -> str:
    return CORRELATION.format(number=number, name=name, below=below)


def folder(where: Path, **texts: str) -> Path:
    where.mkdir(exist_ok=True)
    for name, text in texts.items():
        (where / f"{name}.yml").write_text(text, "utf-8")
    return where


def refusals(found: RuleSet) -> dict[str, str]:
    """File name → "place: what"."""
    return {Path(fault.path).name: f"{fault.place}: {fault.what}" for fault in found.refused}


def fired(found: RuleSet, *events: Fields) -> list[tuple[str, int]]:
    matcher = Matcher(found.rules, ZoneInfo("Europe/Brussels"))
    matches = matcher.match([(number, fields, None) for number, fields in enumerate(events)], AUTH)
    return [(match.rule.name or "", match.place) for match in matches]


def test_a_folder_is_read_in_the_order_of_its_names_and_below(tmp_path: Path) -> None:
    folder(tmp_path, b=rule(2, "b"), a=rule(1, "a"))
    folder(tmp_path / "c", z=rule(3, "z"))
    (tmp_path / "d.yaml").write_text(rule(4, "d"))
    assert [each.name for each in load([tmp_path]).rules] == ["a", "b", "z", "d"]


def test_what_is_no_rule_file_is_left_alone(tmp_path: Path) -> None:
    folder(tmp_path, a=rule())
    for name in ("README.md", "a.samples.yml", "a.yml.bak", "LICENSE"):
        (tmp_path / name).write_text("[")
    (tmp_path / "folder.yml").mkdir()
    found = load([tmp_path])
    assert (len(found.rules), found.refused) == (1, ())


def test_a_file_reached_twice_is_read_once(tmp_path: Path) -> None:
    folder(tmp_path / "rules", a=rule())
    (tmp_path / "again").symlink_to(tmp_path / "rules")
    found = load([tmp_path / "rules", tmp_path / "rules" / "a.yml", tmp_path / "again"])
    assert (len(found.rules), found.refused) == (1, ())


def test_links_inside_a_folder_lead_in_no_circle(tmp_path: Path) -> None:
    folder(tmp_path / "rules", a=rule())
    (tmp_path / "rules" / "loop").symlink_to(tmp_path)
    assert len(load([tmp_path / "rules"]).rules) == 1


@pytest.mark.parametrize("make", ["nothing", "an empty folder", "a folder without rules"])
def test_a_path_without_rules_is_an_error_that_names_it(tmp_path: Path, make: str) -> None:
    path = tmp_path / "rules"
    if make != "nothing":
        path.mkdir()
    if make == "a folder without rules":
        (path / "notes.txt").touch()
    with pytest.raises(InputError, match=str(path)):
        load([PACK, path])


@pytest.mark.skipif(os.geteuid() == 0, reason="root reads everything")
def test_a_rule_file_that_cannot_be_read_is_an_error_that_names_it(tmp_path: Path) -> None:
    folder(tmp_path, a=rule())
    (tmp_path / "a.yml").chmod(0)
    with pytest.raises(InputError, match=r"a\.yml"):
        load([tmp_path])


def test_the_pack_alone_loads_without_a_refusal() -> None:
    found = load([PACK])
    assert found.refused == ()
    assert len(found.rules) + len(found.correlations) >= 20


def test_bad_files_are_all_named_and_the_good_ones_load(tmp_path: Path) -> None:
    found = load([
        folder(
            tmp_path,
            good=rule(1, "good"),
            no_yaml="a: [",
            modifier=rule(2).replace("|contains", "|nonsense"),
            look=rule(3).replace("|contains: root", "|re: '(?!a)b'"),
            source=rule(4).replace("logsource: {product: linux, service: auth}\n", ""),
            twin=rule(1, "twin"),
            last=rule(9, "last"),
        )
    ])  # fmt: skip
    assert [each.name for each in found.rules] == ["good", "last"]
    said = refusals(found)
    assert set(said) == {"no_yaml.yml", "modifier.yml", "look.yml", "source.yml", "twin.yml"}
    assert said["modifier.yml"] == "line 8: Unknown modifier 'nonsense'"
    assert said["look.yml"].startswith("line 8: ")
    assert said["source.yml"] == "line 1: Sigma rule must have a log source"
    assert said["twin.yml"].startswith("line 2: the id 00000000-0000-4000-8000-000000000001 is taken by ")


# --- filters -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("rules", ["any", "[plain]", "plain", "00000000-0000-4000-8000-000000000001"])
def test_a_filter_takes_away_what_it_names(tmp_path: Path, rules: str) -> None:
    events: list[Fields] = [{"message": "root", "user": "printer"}, {"message": "root", "user": "odette"}]
    without = folder(tmp_path / "without", a=rule())
    assert fired(load([without]), *events) == [("plain", 0), ("plain", 1)]
    with_it = folder(tmp_path / "with", a=rule(), b=FILTER.format(rules=rules, condition="not printer"))
    assert fired(load([with_it]), *events) == [("plain", 1)]


def test_a_filter_may_also_demand(tmp_path: Path) -> None:
    known = folder(tmp_path, a=rule(), b=FILTER.format(rules="any", condition="printer"))
    assert fired(load([known]), {"message": "root", "user": "printer"}, {"message": "root"}) == [("plain", 0)]


@pytest.mark.parametrize("condition", ["1 of them", "all of them", "1 of *", "all of *", "1 of s*", "all of selection"])
def test_the_searches_of_a_filter_do_not_join_those_of_the_rule(tmp_path: Path, condition: str) -> None:
    own = rule().replace("condition: selection", f"condition: {condition}")
    known = folder(tmp_path, a=own, b=FILTER.format(rules="any", condition="not printer"))
    events: list[Fields] = [
        {"message": "root", "user": "odette"},
        {"message": "root", "user": "printer"},
        {"message": "other", "user": "printer"},
        {"message": "other", "user": "odette"},
    ]
    assert fired(load([known]), *events) == [("plain", 0)]


def test_a_filter_leaves_other_rules_and_other_log_sources_alone(tmp_path: Path) -> None:
    other = rule(2, "other").replace("service: auth", "service: sshd")
    known = folder(tmp_path, a=rule(), b=FILTER.format(rules="[other]", condition="not printer"), c=other)
    assert fired(load([known]), {"message": "root", "user": "printer"}) == [("plain", 0)]


def test_two_filters_both_apply(tmp_path: Path) -> None:
    second = FILTER.replace("a000-000000000001", "a000-000000000002").replace("user: printer", "user: scanner")
    known = folder(
        tmp_path, a=rule(), b=FILTER.format(rules="any", condition="not printer"),
        c=second.format(rules="any", condition="not printer"),
    )  # fmt: skip
    events: list[Fields] = [{"message": "root", "user": user} for user in ("printer", "scanner", "odette")]
    assert fired(load([known]), *events) == [("plain", 2)]


def test_a_filter_that_cannot_be_read_is_refused_and_the_rules_stay(tmp_path: Path) -> None:
    bad = FILTER.format(rules="any", condition="not printer").replace("user: printer", "user|nonsense: printer")
    found = load([folder(tmp_path, a=rule(), b=bad)])
    assert len(found.rules) == 1
    assert refusals(found) == {"b.yml": "line 7: Unknown modifier 'nonsense'"}


# --- correlations ------------------------------------------------------------------------------------------------------


def test_a_correlation_finds_its_rule_by_name_and_by_id_in_another_file(tmp_path: Path) -> None:
    known = folder(
        tmp_path, z=rule(), a=correlation(1, "by_name"),
        b=correlation(2, "by_id", below="00000000-0000-4000-8000-000000000001"),
    )  # fmt: skip
    found = load([known])
    assert found.refused == ()
    assert [each.rules for each in found.correlations] == [("00000000-0000-4000-8000-000000000001",)] * 2
    assert [each.silent for each in found.rules] == [True]


def test_a_correlation_of_a_missing_or_refused_rule_is_refused_at_its_line(tmp_path: Path) -> None:
    found = load([
        folder(
            tmp_path, good=rule(1, "good"), bad=rule(2, "bad").replace("|contains", "|nonsense"),
            rests=correlation(1, "rests", below="bad"), gone=correlation(2, "gone", below="never"),
        )
    ])  # fmt: skip
    assert found.correlations == ()
    assert [(each.name, each.silent) for each in found.rules] == [("good", False)]
    said = refusals(found)
    assert said["rests.yml"].startswith("line 5: it refers to 'bad'")
    assert said["gone.yml"] == "line 5: it refers to 'never', which is no rule that was loaded (by id or name)"


def test_correlations_in_a_circle_are_all_refused(tmp_path: Path) -> None:
    found = load([
        folder(
            tmp_path, r=rule(), a=correlation(1, "a", below="b"), b=correlation(2, "b", below="a"),
            own=correlation(3, "own", below="own"), above=correlation(4, "above", below="a"),
            good=correlation(5, "good"),
        )
    ])  # fmt: skip
    assert [each.name for each in found.correlations] == ["good"]
    assert set(refusals(found)) == {"a.yml", "b.yml", "own.yml", "above.yml"}
    assert all(said.startswith("line 5: ") for said in refusals(found).values())


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("type: event_count", "type: nonsense"),
        ("type: event_count", "type: [event_count]"),
        ("timespan: 5m", "timespan: soon"),
        ("timespan: 5m", "timespan: 900000000d"),
        ("condition: {gte: 3}", "condition: {gte: many}"),
        ("condition: {gte: 3}", "condition: 3"),
        ("condition: {gte: 3}", "condition: {}"),
        ("group-by: [user]", "group-by: 7"),
        ("group-by: [user]", "group-by: [[user]]"),
        ("group-by: [user]", "aliases: {who: 7}"),
        ("group-by: [user]", "aliases: {who: {plain: [a]}}"),
        ("rules: [plain]", "rules: {plain: 1}"),
        ("rules: [plain]", "rules: [[plain]]"),
        ("rules: [plain]", "rules: []"),
        ("correlation:", "correlation: []\nother:"),
    ],
)
def test_a_correlation_of_the_wrong_shape_is_refused_and_nothing_else(tmp_path: Path, old: str, new: str) -> None:
    text = correlation()
    assert old in text
    found = load([folder(tmp_path, a=rule(), b=text.replace(old, new))])
    assert len(found.rules) == 1
    assert found.correlations == ()
    [said] = refusals(found).values()
    assert said.startswith("line ")
    assert "object at 0x" not in said


# --- what a cache belongs to -------------------------------------------------------------------------------------------


def test_the_fingerprint_is_that_of_texts_paths_placeholders_and_versions(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = folder(tmp_path / "one", a=rule())
    seen = {load([first]).fingerprint}
    assert load([first]).fingerprint in seen

    def is_new(found: RuleSet) -> bool:
        new = found.fingerprint not in seen
        seen.add(found.fingerprint)
        return new

    assert is_new(load([folder(tmp_path / "two", a=rule())]))  # another path
    assert is_new(load([folder(tmp_path / "one", a=rule(text="other"))]))  # another text
    assert is_new(load([folder(tmp_path / "one", b=rule(2))]))  # another file
    assert is_new(load([first], placeholders={"Servers": ["a"]}))
    assert is_new(load([first], placeholders={"Servers": ["b"]}))
    for name, value in (("TRANSLATION", "next"), ("__version__", "0"), ("_pysigma", lambda: "pysigma-9")):
        with monkeypatch.context() as patch:
            patch.setattr(repository, name, value)
            assert is_new(load([first]))


def test_texts_cannot_be_shifted_between_files_under_one_fingerprint() -> None:
    one = repository._fingerprint([("a", b"xy"), ("b", b"z")], {})
    assert one != repository._fingerprint([("a", b"x"), ("b", b"yz")], {})
    assert one != repository._fingerprint([("a", b"xy\x001 b\x00z")], {})


def test_a_rule_file_whose_name_is_no_text_is_read_and_kept_like_any_other(tmp_path: Path) -> None:
    folder = tmp_path / "rules"
    folder.mkdir()
    text = (PACK / "watch" / "event_log_cleared.yml").read_bytes()
    Path(os.fsdecode(os.fsencode(folder) + b"/r\xff.yml")).write_bytes(text)
    for _ in range(2):  # translated, then from the cache
        found = load([folder], cache_folder=tmp_path / "cache")
        assert [rule.path.rpartition("/")[2] for rule in found.rules] == ["r\\xff.yml"]
