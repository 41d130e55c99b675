from pathlib import Path

import pytest
from benchmarks.formats import FAMILIES, lines_of, told

from beffroi.logs.formats import appliances
from beffroi.logs.formats.fields import NAMES
from tests.logs.formats.appliances import test_firewalls, test_sign_ins

OWN = {"fortigate", "nextcloud", "suricata"}
"""Products that name their fields themselves, as everything does that comes in CEF."""


def unknown(fields: dict[str, object]) -> set[str]:
    return {name for name in fields if name not in NAMES and not name.isupper()}


@pytest.mark.parametrize(("reader", "text", "_"), test_sign_ins.LINES.values(), ids=test_sign_ins.LINES)
def test_every_name_of_a_sign_in_is_in_the_table(reader: appliances.Reader, text: str, _: object) -> None:
    reading = reader(text)
    assert reading
    assert reading[0].product in OWN or not unknown(reading[1])


@pytest.mark.parametrize("text", [case[0] for case in test_firewalls.FILTERLOG.values()])
def test_every_column_of_filterlog_is_in_the_table(text: str) -> None:
    reading = appliances.read("filterlog", text)
    assert reading
    assert not unknown(reading[1])


@pytest.mark.parametrize("name", [name for name in FAMILIES if name not in {"UniFi", "Windows", "auditd"}])
def test_every_name_in_the_corpus_is_in_the_table(corpus: Path, name: str) -> None:
    for folder in FAMILIES[name].hub:
        for line in lines_of(corpus / "syslog" / "crowdsec-hub-tests" / folder):
            [said] = told(line)
            product = said.source and said.source.product
            assert product is None or product in OWN or not unknown(said.fields)
