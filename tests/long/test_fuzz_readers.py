"""The readers under atheris: a minute of bytes bent towards new ways through them. No crash, no hang, memory bounded."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.logs.formats import convert, samples
from tests.logs.formats.test_eventxml import xml
from tests.memory import apart

pytestmark = [pytest.mark.long, pytest.mark.timeout(180)]

HARNESS = """
import io, sys
import atheris

with atheris.instrument_imports(include=["beffroi.logs"]):
    from beffroi.logs.formats import archive, eventxml, evtx, jsonlines
    from beffroi.logs.formats.budget import Budget, Unreadable
    from beffroi.logs.formats.faults import FaultLog
    from beffroi.logs.formats.limits import Limits

READER = sys.argv.pop(1)
LIMITS = Limits(line=1 << 16, total=1 << 20, member=1 << 20, slack=1 << 18, memory=1 << 16, members=100)


def one(data):
    log = FaultLog("fuzz", [], 10)
    source = io.BytesIO(data)
    if READER == "evtx":
        events = evtx.read(source, log)
    elif READER == "json":
        events = jsonlines.read(source, log, LIMITS)
    elif READER == "xml":
        events = eventxml.read(source, log, LIMITS)
    else:
        try:
            for member in archive.members(source, "fuzz", Budget(LIMITS)):
                try:
                    stream = member.open()
                    while stream.read(1 << 14):
                        pass
                except Unreadable:
                    pass
        except Unreadable:
            pass
        return
    for number, fields, raw in events:
        assert isinstance(number, int)
        assert isinstance(fields, dict)


atheris.Setup(sys.argv, one)
atheris.Fuzz()
"""


def seeds(reader: str, folder: Path) -> None:
    one = samples.event(7)
    if reader == "evtx":
        (folder / "1").write_bytes(samples.evtx([{"A": "x", "B": "y"}] * 3))
        (folder / "2").write_bytes(samples.evtx([[("", "x"), ("", "y")]], empty=1))
    elif reader == "json":
        lines = [
            one,
            convert.to_flat(one),
            convert.to_winlogbeat(one),
            convert.to_nxlog(one),
            convert.to_fluentbit(one),
        ]
        for place, line in enumerate(lines):
            (folder / str(place)).write_bytes(convert.line(line) * 2)
    elif reader == "xml":
        (folder / "1").write_bytes((xml() * 2).encode())
    else:
        from tests.logs.formats.test_archive import SAMPLES

        for name, data in SAMPLES.items():
            (folder / name).write_bytes(data)


@pytest.mark.parametrize("reader", ["evtx", "json", "xml", "archive"])
def test_a_reader_stands_a_quarter_of_a_minute_of_fuzzing(reader: str, tmp_path: Path, root: Path) -> None:
    pytest.importorskip("atheris", reason="no wheel of atheris for this machine")
    corpus = tmp_path / "corpus"
    corpus.mkdir()
    seeds(reader, corpus)
    harness = tmp_path / "harness.py"
    harness.write_text(HARNESS, "utf-8")
    limits = [
        "-max_total_time=15",
        "-timeout=10",
        "-rss_limit_mb=1024",
        "-max_len=70000",
        f"-artifact_prefix={tmp_path}/",
    ]
    done = subprocess.run(
        apart([sys.executable, str(harness), reader, *limits, str(corpus)]),
        cwd=tmp_path,
        env={"PYTHONPATH": str(root / "src"), "PATH": "/usr/bin:/bin"},
        capture_output=True,
        text=True,
        timeout=150,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3_000:]
