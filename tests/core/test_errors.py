"""An error is a sentence, an exit code and nothing that only a programmer reads."""

import pytest

from beffroi.core.errors import BeffroiError, ConfigurationError, Exit, InputError, RuleError, StoreError
from beffroi.core.model import Fault, message


def test_it_says_its_sentence_with_the_values_it_was_given() -> None:
    assert str(InputError(path="night.evtx", reason="it is empty")) == "night.evtx: it is empty."


def test_a_sentence_of_its_own_replaces_the_classs() -> None:
    assert str(InputError("{path} is a socket", path="x")) == "x is a socket"


def test_a_sentence_without_values_may_hold_braces() -> None:
    assert str(InputError("{weird}.evtx cannot be read")) == "{weird}.evtx cannot be read"


def test_values_are_never_read_as_templates() -> None:
    assert str(RuleError(path="{line}", line=3, reason="{path}")) == "{line}:3: {path}."


def test_all_faults_of_one_input_come_together() -> None:
    faults = [Fault(path, message("line 3"), message("no detection")) for path in ("a.yml", "b.yml")]
    assert RuleError("2 rules cannot be read", faults=iter(faults)).faults == tuple(faults)


@pytest.mark.parametrize(
    ("kind", "code"), [(BeffroiError, 2), (InputError, 2), (RuleError, 2), (ConfigurationError, 10), (StoreError, 40)]
)
def test_each_kind_has_its_exit_code(kind: type[BeffroiError], code: int) -> None:
    assert kind.exit_code == code


def test_exit_codes_are_plain_numbers_with_a_meaning() -> None:
    assert [int(code) for code in Exit] == sorted({0, 1, 2, 10, 20, 30, 31, 40, 99, 130, 141})
    assert all(code.meaning.endswith(".") for code in Exit)
