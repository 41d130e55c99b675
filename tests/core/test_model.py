"""The nouns that rooms share: a sentence with places, and what could not be read."""

from typing import Any

import pytest

from beffroi.core.model import WHOLE, Fault, LogSource, Message, UnfitError, message
from beffroi.core.wording import words

LINE = message("line {line}", line=1_234)
LONG = message("it is longer than {most:,} bytes", most=33_554_432)
FAULT = Fault("night.json", LINE, LONG)


def test_a_message_is_english_for_machines() -> None:
    assert str(LONG) == "it is longer than 33,554,432 bytes"
    assert str(message("{told}; and {count} more", told=LONG, count=2)) == f"{LONG}; and 2 more"


def test_a_message_without_values_may_hold_braces() -> None:
    assert str(message("{weird}")) == "{weird}"


def test_values_are_never_read_as_templates() -> None:
    assert str(message("{error}", error="{path}")) == "{path}"


def test_a_value_may_have_any_name() -> None:
    assert str(message("{sentence} {self}", sentence="a", self="b")) == "a b"


def test_a_fault_says_where_and_why() -> None:
    assert str(FAULT) == "night.json, line 1234: it is longer than 33,554,432 bytes"
    assert str(FAULT._replace(place=WHOLE)) == "night.json: it is longer than 33,554,432 bytes"
    assert words("de")(FAULT.told) == "night.json, Zeile 1234: die Länge übersteigt 33.554.432 Bytes"


def test_what_is_unfit_says_why() -> None:
    assert str(UnfitError(LONG)) == str(LONG)
    assert UnfitError(LONG).what is LONG


@pytest.mark.parametrize("what", [LONG, message("no"), message("{a} {b}", a=1.5, b=message("{c}", c="ä"))])
def test_faults_can_be_kept(what: Message) -> None:
    fault = Fault("a.yml", WHOLE, what)
    assert Fault.from_plain(fault.to_plain()) == fault


@pytest.mark.parametrize(
    "plain",
    [
        None, "abc", [], ["a.yml", "line 1", "no rule"], ["a.yml", ["", {}]], [1, ["", {}], ["no", {}]],
        ["a.yml", ["", {}], ["no", []]], ["a.yml", ["", {}], ["{x}", {"x": None}]], ["a.yml", ["", {}], ["{x}", {"x": []}]],
    ],
)  # fmt: skip
def test_what_is_no_fault_is_not_taken_for_one(plain: Any) -> None:
    with pytest.raises(ValueError, match=r"no (fault|message)"):
        Fault.from_plain(plain)


def test_a_log_source_is_what_a_person_stated() -> None:
    assert LogSource.stated("product=linux, service=auth") == LogSource("linux", None, "auth")
    for text in ("", "linux", "product=", "color=red", "product=a,,"):
        with pytest.raises(ValueError):
            LogSource.stated(text)
