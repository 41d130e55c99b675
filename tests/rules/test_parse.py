"""Rule files of strangers: what is wrong is named with its line, all of it together, and nothing hostile does harm."""

import subprocess
import sys
import time
from pathlib import Path

import pytest

from beffroi.core.model import Fault
from beffroi.rules.parse import LARGEST_FILE, Document, documents, placeholders_from, translated

GOOD = """\
title: Good
id: 00000000-0000-4000-8000-00000000000{digit}
level: high
logsource: {{product: linux, service: auth}}
detection:
  selection:
    message|contains: root
  condition: selection
"""


def good(digit: int = 1) -> str:
    return GOOD.format(digit=digit)


def parsed(text: str | bytes) -> tuple[list[Document], list[str]]:
    """(rules, faults as "place: what") of one file, up to and with translation."""
    wrong = list[Fault]()
    found = list(documents("r.yml", text.encode() if isinstance(text, str) else text, wrong))
    translated(found, {}, wrong)
    return found, [f"{fault.place}: {fault.what}" for fault in wrong]


def faults(text: str | bytes) -> list[str]:
    return parsed(text)[1]


def test_a_good_file_has_no_fault_and_two_rules_may_share_it() -> None:
    found, wrong = parsed(good(1) + "---\n" + good(2))
    assert wrong == []
    assert [document.id[-1] for document in found] == ["1", "2"]


def test_a_rule_without_an_id_gets_one_from_its_text() -> None:
    text = good().replace("id: 00000000-0000-4000-8000-000000000001\n", "")
    [first], [again], [other] = (parsed(each)[0] for each in (text, text, text + "# other\n"))
    assert first.id == again.id != other.id


def test_empty_files_and_empty_documents_hold_no_rule_and_no_fault() -> None:
    assert parsed("") == ([], [])
    assert parsed("# nothing\n---\n---\n") == ([], [])
    assert len(parsed(f"---\n{good()}---\n")[0]) == 1


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("title: [", "line 2: not YAML: "),
        ("title: a\n\tb: c\n", "line 2: not YAML: found a tab character that violates indentation"),
        ("title: a\ntitle: b\n", "line 2: not YAML: the key 'title' stands twice"),
        (good().replace("service: auth", "product: x"), "line 4: not YAML: the key 'product' stands twice"),
        ("a: !!python/object/apply:os.system [id]\n", "line 1: not YAML: could not determine a constructor"),
        ("a: &a {x: 1}\nb:\n  <<: *a\n", "line 3: not YAML: the merge key <<"),
        ("a: &a [*a, *a]\n", "line 1: not YAML: Recursive YAML structure"),
        ("a: 2024-13-45\n", "line 1: not YAML: month must be in 1..12"),
        ("just text\n", "line 1: not a mapping of names to values"),
        ("- a\n- b\n", "line 1: not a mapping of names to values"),
        ("title: a\nlogsource: {}\n", "line 1: neither a detection, nor a correlation, nor a filter"),
        ("action: global\ntitle: a\n", "line 1: `action` (global, reset, repeat) is Sigma before version 2"),
        (b"title: a\nb: \xff\xfe\n", "line 2: not YAML: invalid leading UTF-8 octet"),
        (b"title: a\0b\n", "line 1: not YAML: control characters are not allowed"),
    ],
)
def test_what_is_no_rule_file_is_told_at_its_line(text: str | bytes, said: str) -> None:
    found, wrong = parsed(text)
    assert found == []
    assert len(wrong) == 1
    assert wrong[0].startswith(said)


@pytest.mark.parametrize(
    ("line", "instead", "said"),
    [
        ("    message|contains: root", "    message|nonsense: root", "line 7: Unknown modifier 'nonsense'"),
        ("    message|contains: root", "    message|re: '(?<=a)b'", "line 7: "),
        ("    message|contains: root", "    message|re: 'a('", "line 7: "),
        ("    message|contains: root", "    message|re: '(a)\\1'", "line 7: "),
        ("    message|contains: root", "    message|cidr: 300.0.0.0/8", "line 7: "),
        ("    message|contains: root", "    message|gt: many", "line 7: "),
        ("    message|contains: root", "    message|base64: 'a*b'", "line 7: base64 of a text with wildcards has no meaning"),
        ("    message|contains: root", "    message|contains: null", "line 7: "),
        ("    message|contains: root", "    message: 2001-01-01", "line 7: "),
        ("    message|contains: root", "    5: root", "line 7: the name of a field must be a text: put 5 in quotes"),
        ("  condition: selection", "  condition: selection and other", "line 8: "),
        ("  condition: selection", "  condition: selection and (", "line 8: "),
        ("  condition: selection", "  condition: 5", "line 8: the condition is not a text"),
        ("  condition: selection", "  timeframe: 5m", "line 5: "),
        ("logsource: {product: linux, service: auth}\n", "", "line 1: Sigma rule must have a log source"),
        ("logsource: {product: linux, service: auth}", "logsource: {product: [linux]}", "line 4: "),
        ("level: high", "level: dreadful", "line 3: "),
        ("id: 00000000-0000-4000-8000-000000000001", "id: not-a-uuid", "line 2: "),
        ("id: 00000000-0000-4000-8000-000000000001", "id: 5", "line 2: the id is not a text"),
        ("level: high", "level: high\ntags: [nonsense]", "line 4: Sigma tag must start with namespace"),
        ("detection:", "detection: 5\nothers:", "line 5: `detection` is not a mapping of names to values"),
    ],
)  # fmt: skip
def test_a_rule_that_cannot_be_evaluated_is_refused_at_its_line(line: str, instead: str, said: str) -> None:
    text = good()
    assert line in text
    found = faults(text.replace(line, instead))
    assert len(found) == 1
    assert found[0].startswith(said)
    assert "Traceback" not in found[0]
    assert "object at 0x" not in found[0]


def test_all_that_is_wrong_with_a_rule_is_told_together_as_one_refusal() -> None:
    text = good().replace("level: high", "level: dreadful").replace(
        "    message|contains: root", "    message|contains: root\n    a|nonsense: 1\n    b|re: '('\n    c: 1\n    d|cidr: x"
    )  # fmt: skip
    [said] = faults(text)
    first, *others = said.split("; line ")
    assert first == "line 3: 'dreadful' is not a valid Sigma rule level"
    assert [other.partition(":")[0] for other in others] == ["8", "9", "11"]


def test_a_hundred_faults_of_one_rule_are_cut_and_counted() -> None:
    many = "".join(f"    a{number}|nonsense: 1\n" for number in range(100))
    [said] = faults(good().replace("    message|contains: root\n", many))
    assert said.endswith("; and 80 more")


def test_the_second_document_of_a_file_has_its_own_lines() -> None:
    [said] = faults(good(1) + "---\n" + good(2).replace("|contains", "|nonsense"))
    assert said.startswith("line 16: ")


def test_a_list_of_maps_and_keywords_is_looked_through_for_the_fault() -> None:
    text = good().replace("    message|contains: root", "    - a: 1\n    - b|nonsense: 2\n")
    assert faults(text)[0].startswith("line 8: ")


def test_what_a_fault_quotes_of_a_rule_is_cut_short() -> None:
    long = "y" * 1_000
    [twice] = faults(f"{long}: 1\n{long}: 2\n")
    [unknown] = faults(good().replace("message|contains", f"message|{long}"))
    assert twice.startswith("line 2: not YAML: the key 'yyy")
    assert max(len(twice), len(unknown)) < 500


def test_of_two_rules_with_one_id_the_second_is_refused_and_named() -> None:
    found = list[Fault]()
    each = [*documents("a.yml", good().encode(), found), *documents("b.yml", good().encode(), found)]
    rules, _ = translated(each, {}, found)
    assert [rule.path for rule in rules] == ["a.yml"]
    [fault] = found
    assert str(fault) == "b.yml, line 2: the id 00000000-0000-4000-8000-000000000001 is taken by a.yml"


# --- hostile files ---------------------------------------------------------------------------------------------------

LAUGHS = "a: &a [x,x,x,x,x,x,x,x,x]\n" + "".join(
    f"{chr(c + 1)}: &{chr(c + 1)} [{','.join([f'*{chr(c)}'] * 9)}]\n" for c in range(97, 110)
)
HOSTILE = {
    "larger than allowed": "a: " + "x" * LARGEST_FILE,
    "brackets": "a: " + "[" * 300_000,
    "closed brackets": "a: " + "[" * 100_000 + "]" * 100_000,
    "dashes": "- " * 300_000,
    "questions": "? " * 300_000,
    "indents": "".join(" " * depth + "a:\n" for depth in range(1_000)),
    "a billion laughs": LAUGHS,
    "merged laughs": "a0: &a0 {k: 1}\n"
    + "".join(f"a{n}: &a{n} {{<<: [{','.join([f'*a{n - 1}'] * 9)}]}}\n" for n in range(1, 12)),
    "a number in base 60": "a: " + ":".join(["1"] * 400_000),
    "a fraction in base 60": "a: " + ":".join(["1"] * 300) + ".5",
    "a long number": "a: " + "9" * 900_000,
    "many documents": "a: 1\n---\n" * 50_000,
    "nested searches": good().replace("    message|contains: root", "".join("  " * n + "- x:\n" for n in range(2, 50))),
}


@pytest.mark.slow
@pytest.mark.parametrize("name", HOSTILE)
@pytest.mark.timeout(20)
def test_a_hostile_file_is_refused_in_a_moment(name: str) -> None:
    start = time.process_time()
    found, wrong = parsed(HOSTILE[name])
    assert found == []
    assert len(wrong) == 1
    assert len(wrong[0]) < 400
    assert time.process_time() - start < 5


COSTLY = {
    "parentheses": good().replace("condition: selection", "condition: " + "(" * 400 + "selection" + ")" * 400),
    "nots": good().replace("condition: selection", "condition: " + "not " * 5_000 + "selection"),
    "ors": good().replace("condition: selection", "condition: " + " or ".join(["selection"] * 3_000)),
    "groups in a pattern": good().replace("|contains: root", "|re: '" + "(" * 900 + "a" + ")" * 900 + "'"),
    "alternatives in a pattern": good().replace("|contains: root", "|re: '" + "|".join(["(ab|cd)e"] * 2_000) + "'"),
    "open classes in a pattern": good().replace("|contains: root", "|re: '[" + "[:" * 100_000 + "]'"),
    "repeats of repeats": good().replace("|contains: root", "|re: '((((a{1,99}){1,99}){1,99}){1,99}){1,99}'"),
    "stars": good().replace("|contains: root", ": '" + "*a" * 100_000 + "'"),
    "question marks": good().replace("|contains: root", ": '" + "?a" * 100_000 + "'"),
    "dashes": good().replace("|contains: root", "|windash|contains: '" + " -a" * 40 + "'"),
    "one long value": good().replace("root", "r" * 900_000),
    "bad tags": good().replace("level: high", "tags:\n" + "  - nonsense\n" * 5_000),
    "bad items": good().replace("    message|contains: root\n", "".join(f"    a{n}|no: 1\n" for n in range(3_000))),
}


@pytest.mark.slow
@pytest.mark.parametrize("name", COSTLY)
@pytest.mark.timeout(30)
def test_a_rule_made_to_be_slow_is_taken_or_refused_within_seconds(name: str) -> None:
    start = time.process_time()
    wrong = faults(COSTLY[name])
    assert len(wrong) <= 1
    assert time.process_time() - start < 10


@pytest.mark.slow
@pytest.mark.timeout(60)
def test_thirty_thousand_values_in_one_rule_take_a_second_not_a_minute() -> None:
    many = "".join(f"      - 'x{number}'\n" for number in range(30_000))
    start = time.process_time()
    assert faults(good().replace("    message|contains: root\n", f"    message|contains:\n{many}")) == []
    assert time.process_time() - start < 5


def test_a_pattern_that_is_refused_writes_nothing_to_stderr(tmp_path: Path) -> None:
    path = tmp_path / "r.yml"
    path.write_text(good().replace("|contains: root", "|re: '(?=a)b'"), "utf-8")
    program = f"from pathlib import Path; from beffroi.rules.repository import load; load([Path({str(path)!r})])"
    done = subprocess.run([sys.executable, "-I", "-c", program], capture_output=True, text=True, check=True)
    assert (done.stdout, done.stderr) == ("", "")


# --- placeholders ------------------------------------------------------------------------------------------------------


def test_a_placeholder_file_gives_lists_of_texts() -> None:
    text = "Servers: [a, 5]\n'%Admins%': odette\nNobody:\n"
    assert placeholders_from(text) == {"Servers": ["a", "5"], "Admins": ["odette"], "Nobody": []}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("- a\n", "it is not a mapping"),
        ("a: [{b: c}]\n", "the values of a are not texts"),
        ("a: [1.5]\n", "not texts"),
    ],
)
def test_a_placeholder_file_of_another_shape_is_refused(text: str, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        placeholders_from(text)
