"""Every reader on the lines and expectations of CrowdSec's hub and of fail2ban, through the one door. `benchmarks/formats.py`
measures; here nothing may be missed that a program can have written."""

from pathlib import Path

import pytest
from benchmarks.formats import FAMILIES, IMPOSSIBLE, Family, Said, score, table

from beffroi.core.model import LogSource


@pytest.mark.parametrize("name", FAMILIES)
def test_crowdsec_fail2ban_and_we_say_the_same_of_a_line(corpus: Path, name: str) -> None:
    found = score(corpus, FAMILIES[name])
    assert found.wanted
    assert [miss for miss in found.misses if not any(f"({reason})" in miss for reason in IMPOSSIBLE.values())] == []
    assert found.share >= 0.99


def test_what_nobody_reads_is_missed(tmp_path: Path) -> None:
    folder = tmp_path / "syslog" / "crowdsec-hub-tests" / "frob"
    folder.mkdir(parents=True)
    (folder / "frob.log").write_text("frob anna 192.0.2.1\n")
    (folder / "parser.assert").write_text(
        'results["s01-parse"]["x/frob"][0].Evt.Meta["source_ip"] == "192.0.2.1"\n'
        'results["s01-parse"]["x/frob"][0].Evt.Meta["user"] == "anna"\n'
    )
    found = score(tmp_path, Family(("frob",)))
    assert (found.wanted, found.right, found.share) == (2, 0, 0)
    assert found.misses == [
        "frob: source_ip 192.0.2.1 in: frob anna 192.0.2.1",
        "frob: user anna in: frob anna 192.0.2.1",
    ]


def test_the_table_has_a_row_for_each_family_and_names_what_was_missed(corpus: Path) -> None:
    found = table(corpus, ["Samba", "MikroTik"])
    assert [(row["family"], row["share"]) for row in found.rows] == [("Samba", 1), ("MikroTik", 1)]


@pytest.mark.parametrize(
    ("said", "name", "value", "same"),
    [
        (Said(None, {"src_ip": "192.0.2.1"}), "source_ip", "::ffff:192.0.2.1", True),
        (Said(None, {"src_ip": "2001:db8::1"}), "source_ip", "2001:0db8::0001", True),
        (Said(None, {"src_ip": "192.0.2.1"}), "source_ip", "192.0.2.2", False),
        (Said(None, {}), "source_ip", "192.0.2.2", False),
        (Said(None, {"username": "anna"}), "user", "anna", True),
        (Said(None, {"username": "anna"}), "user", "Anna", False),
        (Said(LogSource("pfsense", None, "gui"), {}), "service", "pfsense-gui", True),
        (Said(LogSource("pfsense", None, "gui"), {}), "service", "opnsense-gui", False),
    ],
)
def test_an_address_is_the_same_in_any_writing_and_a_name_in_its_own(
    said: Said, name: str, value: str, same: bool
) -> None:
    assert said.agrees(name, value) is same
