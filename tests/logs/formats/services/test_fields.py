"""Every name that a service's reader gives is in the one table, or is one of the audit log's own."""

from pathlib import Path

import pytest
from benchmarks.formats import FAMILIES, labelled, lines_of, told

from beffroi.logs.formats import services
from beffroi.logs.formats.fields import NAMES
from tests.logs.formats.services.test_sign_ins import LINES

SERVICES = [
    name
    for name in FAMILIES
    if name
    in {
        "sshd",
        "Dropbear",
        "Dovecot",
        "Postfix",
        "Exim",
        "Sendmail",
        "FTP",
        "OpenVPN",
        "WireGuard",
        "IPsec",
        "nginx",
        "Apache",
    }
]


@pytest.mark.parametrize(("program", "text", "_"), LINES.values(), ids=LINES)
def test_every_name_of_a_sign_in_is_in_the_table(program: str, text: str, _: object) -> None:
    reading = services.read(program, text)
    assert reading
    assert not set(reading[1]) - set(NAMES)


@pytest.mark.parametrize("name", SERVICES)
def test_every_name_in_the_corpus_is_in_the_table(corpus: Path, name: str) -> None:
    folder = corpus / "syslog"
    lines = [line for hub in FAMILIES[name].hub for line in lines_of(folder / "crowdsec-hub-tests" / hub)]
    lines += [line for sample in FAMILIES[name].fail2ban for line, _ in labelled(folder / "fail2ban-samples" / sample)]
    assert not {field for line in lines for said in told(line) for field in said.fields} - set(NAMES)
