"""SigmaHQ's own regression cases: each rule fires on the recording it was tried on, as often as its authors counted."""

from collections import Counter
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import yaml

from tests.hunting.hunts import hunted

COUNTED_OTHERWISE = {
    # The authors counted one file. The recording holds three: procdump.exe, procdump64.exe and procdump64a.exe were dropped
    # one after the other, and the rule names "\procdump" with any ending.
    "8fbf3271-1ef6-4e94-8210-03c2317947f6": 3,
}


class Case(NamedTuple):
    rule: str
    recording: Path
    times: int | None


def cases(corpus: Path) -> list[Case]:
    """Every case with a Windows recording."""
    found = []
    for info in sorted((corpus / "sigma" / "regression_data").rglob("info.yml")):
        about: dict[str, Any] = yaml.safe_load(info.read_text("utf-8"))
        for test in about.get("regression_tests_info", ()):
            if test["type"] == "evtx":
                found += [
                    Case(rule["id"], corpus / "sigma" / test["path"], test.get("match_count"))
                    for rule in about["rule_metadata"]
                ]
    return found


@pytest.mark.slow
@pytest.mark.timeout(240)
def test_every_regression_case_fires_as_often_as_its_authors_counted(
    corpus: Path, every_rule: list[Path], kept: Path
) -> None:
    wanted = cases(corpus)
    assert len(wanted) == 100
    assert sum(case.times is not None for case in wanted) == 82  # the 83rd is of a Cisco log
    recordings = sorted({case.recording for case in wanted})
    matches, outcome = hunted(recordings, every_rule, cache_folder=kept)
    assert (outcome.faults, list(outcome.refused)) == ([], [])
    found = Counter((match["rule_id"], match["file"]) for match in matches)
    silent = [case for case in wanted if not found[case.rule, str(case.recording)]]
    assert silent == []
    counted = {case.rule: found[case.rule, str(case.recording)] for case in wanted if case.times is not None}
    assert counted == {case.rule: case.times for case in wanted if case.times is not None} | COUNTED_OTHERWISE
