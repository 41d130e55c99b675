"""Recorded events under all rules, by the product's matcher and by the oracle."""

from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import orjson
from evtx import PyEvtxParser

from beffroi.detect.matcher import Matcher
from beffroi.logs.formats import recordings
from beffroi.rules.repository import load
from tests.detect.sigma import BRUSSELS
from tests.oracle import load as load_plain


def _records(path: Path) -> Iterator[dict[str, Any]]:
    records = PyEvtxParser(str(path)).records_json()
    while True:
        try:
            record = next(records)
            yield orjson.loads(str(record and record["data"]))
        except StopIteration:
            return
        except RuntimeError:
            continue


def compare(corpus: Path, files: list[Path]) -> None:
    """All rules fire on the recordings' events as often as the oracle says. A module of its own, so that a process of its own can do it."""
    folders = [corpus / "sigma" / name for name in ("rules", "rules-emerging-threats", "rules-threat-hunting")]
    plain = load_plain(folders, refused=[])
    by_file: dict[str, Counter[tuple[int, str | None]]] = {}
    for path in files:
        wanted: Counter[tuple[int, str | None]] = Counter()
        for record in _records(path):
            number = record["Event"]["System"]["EventRecordID"]
            wanted.update((number, rule.id) for rule in plain if rule.fires(record))
        by_file[str(path)] = wanted
    assert by_file
    matcher = Matcher(load(folders).rules, BRUSSELS)
    for recording in recordings(files, faults=[]):
        batch = list(recording.events())
        found = Counter((batch[match.place][0], match.rule.id) for match in matcher.match(batch))
        assert found == by_file[recording.path], recording.path
