"""The same events in every shape in which they travel give the same matches with all of Sigma's rules.

Known differences between the shapes, none of which any of Sigma's rules can see on these recordings: Winlogbeat leaves out
empty values and makes CR LF a line feed, NXLog and Winlogbeat write numbers as text, XML knows no null.
"""

import gzip
import json
import zipfile
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import orjson
import py7zr
import pytest
from evtx import PyEvtxParser

from tests.hunting.hunts import hunted
from tests.logs.formats import convert

SHAPES: dict[str, Callable[[dict[str, Any]], str]] = {
    "evtx-dump.json": json.dumps,
    "winlogbeat.json": lambda event: json.dumps(convert.to_winlogbeat(event)),
    "winlogbeat-dotted.json": lambda event: json.dumps(convert.to_winlogbeat(event, dotted=True)),
    "nxlog.json": lambda event: json.dumps(convert.to_nxlog(event)),
    "flat.json": lambda event: json.dumps(convert.to_flat(event)),
    "windows.xml": convert.to_xml,
    "fluent-bit.json": lambda event: json.dumps(convert.to_fluentbit(event)),
}
ARCHIVES = {"gz": "flat.json", "zip": "evtx-dump.json", "7z": "windows.xml"}

Matches = Counter[tuple[str, int, str]]
"""(recording, record number, rule) → how often."""


def records(path: Path) -> Iterator[dict[str, Any]]:
    parser: Iterator[Any] = PyEvtxParser(str(path)).records_json()
    while True:
        try:
            yield orjson.loads(next(parser)["data"])
        except StopIteration:
            return
        except RuntimeError:
            continue


def converted(recordings: list[Path], folder: Path) -> dict[str, Path]:
    """A folder for each shape, in it a file for each recording, named by its place."""
    folders = {shape: folder / shape for shape in SHAPES}
    for made in folders.values():
        made.mkdir()
    for place, path in enumerate(recordings):
        events = list(records(path))
        for shape, write in SHAPES.items():
            text = "".join(f"{write(event)}\n" for event in events)
            (folders[shape] / f"{place:03d}{Path(shape).suffix}").write_text(text, "utf-8")
    return folders


def packed(folders: dict[str, Path], folder: Path) -> Iterator[tuple[str, Path]]:
    """Archives of some of the shapes: each file on its own (gz), or all in one."""
    (folder / "gz").mkdir()
    for path in sorted(folders[ARCHIVES["gz"]].iterdir()):
        (folder / "gz" / f"{path.name}.gz").write_bytes(gzip.compress(path.read_bytes(), 1))
    yield "gz", folder / "gz"
    with zipfile.ZipFile(folder / "all.zip", "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        for path in sorted(folders[ARCHIVES["zip"]].iterdir()):
            archive.write(path, f"night/{path.name}")
    yield "zip", folder / "all.zip"
    with py7zr.SevenZipFile(folder / "all.7z", "w", filters=[{"id": py7zr.FILTER_LZMA2, "preset": 1}]) as seven:
        for path in sorted(folders[ARCHIVES["7z"]].iterdir()):
            seven.write(path, f"night/{path.name}")
    yield "7z", folder / "all.7z"


def compare(recordings: list[Path], rules: list[Path], kept: Path, folder: Path) -> None:
    names = {str(path): f"{place:03d}" for place, path in enumerate(recordings)}

    def matches(paths: list[Path]) -> tuple[Matches, int]:
        found, outcome = hunted(paths, rules, cache_folder=kept)
        assert outcome.unsourced == 0
        return (
            Counter(
                (names.get(match["file"]) or Path(match["file"]).name[:3], match["record_id"], match["rule_id"])
                for match in found
            ),
            outcome.events,
        )

    expected, events = matches(recordings)
    assert len(expected) > len(recordings)
    folders = converted(recordings, folder)
    for shape, path in [*folders.items(), *packed(folders, folder)]:
        found, read = matches([path])
        assert (shape, read) == (shape, events)
        assert (shape, expected - found, found - expected) == (shape, Counter(), Counter())


@pytest.mark.slow
@pytest.mark.timeout(240)
def test_all_shapes_and_archives_give_the_same_matches_on_some_recordings(
    corpus: Path, every_rule: list[Path], kept: Path, tmp_path: Path
) -> None:
    compare(sorted((corpus / "evtx-attack-samples").rglob("*.evtx"))[::12], every_rule, kept, tmp_path)


@pytest.mark.long
@pytest.mark.timeout(900)
def test_all_shapes_and_archives_give_the_same_matches_on_all_recordings(
    corpus: Path, every_rule: list[Path], kept: Path, tmp_path: Path
) -> None:
    compare(sorted((corpus / "evtx-attack-samples").rglob("*.evtx")), every_rule, kept, tmp_path)
