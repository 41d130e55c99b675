"""Rules of strangers and events of attackers under atheris: no crash, no hang, memory bounded.

Three ways: any bytes as a rule file; drawn values in the places of a rule that is nearly right, tried on drawn events; and
drawn events under rules of every kind, where a whole batch must say what each event says alone.
"""

import random
import subprocess
import sys
from pathlib import Path

import pytest

from tests.hunting.hunts import ALL, CLEARED, WHOAMI
from tests.memory import apart
from tests.rules.test_repository import FILTER, correlation, rule

pytestmark = [pytest.mark.long, pytest.mark.timeout(240)]

HARNESS = """
import json, sys
import atheris

with atheris.instrument_imports(include=["beffroi.rules", "beffroi.detect", "sigma"]):
    from beffroi.rules.repository import _restored, _kept, _translated
    from beffroi.detect.matcher import Matcher
    from beffroi.detect.explain import explain
from zoneinfo import ZoneInfo
from beffroi.core.model import LogSource

WAY = sys.argv.pop(1)
ZONE = ZoneInfo("Europe/Brussels")
AUTH = LogSource("linux", None, "auth")


def loaded(*texts):
    found = _translated([(f"{place}.yml", text) for place, text in enumerate(texts)], {"Servers": ["a*", "b"]}, "f")
    for fault in found.refused:
        place, what = str(fault.place), str(fault.what)
        assert place == "" or place.startswith("line "), fault
        assert what and len(what) < 20_000 and "object at 0x" not in what, fault
    again = _restored(_kept(found), "f")
    assert again is not None and again.rules == found.rules and len(again.correlations) == len(found.correlations)
    assert again.refused == found.refused
    return found


def judged(found, events):
    batch = [(number, fields, None) for number, fields in enumerate(events)]
    together = [(match.rule.id, match.place) for match in Matcher(found.rules, ZONE).match(batch, AUTH)]
    assert together == sorted(together, key=lambda pair: pair[1])
    alone = Matcher(found.rules, ZONE)
    for event in batch:
        single = {match.rule.id for match in alone.match([event], AUTH)}
        assert single == {rule for rule, place in together if place == event[0]}, event
    for each in found.rules[:3]:
        for event in batch[:2]:
            said = explain(each, event[1], ZONE, AUTH)
            assert said.fires is ((each.id, event[0]) in together), event


NAMES = ["message", "user", "Image", "CommandLine", "EventID", "Channel", "Provider_Name", "New Value", "NewProcessName"]
TEXTS = ["root", "whoami", "4625", "Security", "Microsoft-Windows-Sysmon/Operational", "10.0.0.1", "2026-11-23T02:14:00Z", ""]
MODIFIERS = ["contains", "startswith", "endswith", "all", "re", "i", "m", "s", "cased", "cidr", "base64", "base64offset", "wide",
             "utf16be", "utf16", "windash", "exists", "gt", "gte", "lt", "lte", "neq", "fieldref", "expand", "hour", "day", "week"]


def text(data):
    return data.PickValueInList(TEXTS) if data.ConsumeBool() else data.ConsumeUnicode(data.ConsumeIntInRange(0, 40))


def value(data, depth=0):
    kind = data.ConsumeIntInRange(0, 7)
    if kind <= 2:
        return text(data)
    if kind == 3:
        return data.ConsumeInt(9)
    if kind == 4:
        return data.PickValueInList([None, True, False, 0, 1, 1.0, -0.0, 1e308, float("inf"), 4625, 4688, 2**70])
    if kind == 5 and depth < 3:
        return [value(data, depth + 1) for _ in range(data.ConsumeIntInRange(0, 3))]
    if kind == 6 and depth < 3:
        return {text(data): value(data, depth + 1)}
    return data.ConsumeFloat()


def event(data):
    return {
        (data.PickValueInList(NAMES) if data.ConsumeIntInRange(0, 3) else text(data)): value(data)
        for _ in range(data.ConsumeIntInRange(0, 6))
    }


def detection(data):
    item = lambda: ("|".join([data.PickValueInList(NAMES)] + [data.PickValueInList(MODIFIERS) for _ in range(data.ConsumeIntInRange(0, 3))]), value(data))
    body = {name: (dict(item() for _ in range(data.ConsumeIntInRange(1, 3))) if data.ConsumeBool() else [text(data)]) for name in ("a", "b")}
    return body | {"condition": data.PickValueInList(["a", "not a", "a and not b", "1 of them", "all of *", "a or b"]) if data.ConsumeIntInRange(0, 7) else text(data)}


FIXED = loaded(*[open(path, "rb").read() for path in sys.argv.pop(1).split(":")]) if WAY == "events" else None


def one(raw):
    if WAY == "loading":
        loaded(raw)
        return
    data = atheris.FuzzedDataProvider(raw)
    if WAY == "rules":
        made = {"title": "t", "logsource": {"product": data.PickValueInList(["linux", "windows"])}, "detection": detection(data)}
        if data.ConsumeBool():
            made["logsource"] = {"product": "linux", "service": "auth"}
        found = loaded(json.dumps(made).encode("utf-8", "surrogatepass"))
    else:
        found = FIXED
    judged(found, [event(data) for _ in range(data.ConsumeIntInRange(1, 4))])


atheris.Setup(sys.argv, one)
atheris.Fuzz()
"""

WORDS = """title id name level logsource product category service detection selection condition filter rules correlation type
event_count value_count temporal temporal_ordered value_sum value_percentile group-by timespan gte aliases generate |contains
|re |cidr |windash |base64offset |expand |fieldref |all 1_of_them not_ and_ any *selection &a *a <<: !!int --- 5m linux auth"""

EVERY_KIND = """\
title: Everything
id: 88888888-8888-4888-8888-888888888888
logsource: {product: linux, service: auth}
detection:
  keywords: [root, 'who*mi', '\\u212a']
  texts: {message|contains: [root, ſ], user|endswith: t, Image|startswith|cased: C, CommandLine: '*a?b*'}
  others: {message|re: '(?:ro+t|who)ami?', user|cidr: 10.0.0.0/8, EventID|gt: 3, Image|fieldref: CommandLine}
  more: {message|exists: false, user: null, CommandLine: '', Image|neq: root, message|hour: 3}
  condition: keywords or 1 of texts or others or not more
"""


@pytest.mark.parametrize("way", ["loading", "rules", "events"])
def test_rules_stand_half_a_minute_of_fuzzing(way: str, tmp_path: Path, root: Path) -> None:
    pytest.importorskip("atheris", reason="no wheel of atheris for this machine")
    texts = {**ALL, "plain": rule(), "correlation": rule() + "---\n" + correlation(), "kinds": EVERY_KIND}
    texts["filter"] = rule() + "---\n" + FILTER.format(rules="any", condition="not printer")
    corpus, known = tmp_path / "corpus", tmp_path / "known"
    corpus.mkdir()
    known.mkdir()
    paths = []
    for name, text in texts.items():
        if way == "loading":
            (corpus / name).write_text(text, "utf-8")
        if name in ("whoami", "cleared", "servers", "kinds"):
            paths.append(known / f"{name}.yml")
            paths[-1].write_text(text, "utf-8")
    assert {WHOAMI, CLEARED} <= set(texts.values())
    (tmp_path / "words").write_text("".join(f'"{word.replace("_", " ")}"\n' for word in WORDS.split()), "utf-8")
    for place in range(20 if way != "loading" else 0):
        (corpus / str(place)).write_bytes(random.Random(place).randbytes(800))
    harness = tmp_path / "harness.py"
    harness.write_text(HARNESS, "utf-8")
    own = [":".join(map(str, paths))] if way == "events" else []
    limits = ["-max_total_time=25", "-timeout=20", "-rss_limit_mb=1024", "-max_len=4000", f"-dict={tmp_path / 'words'}"]
    done = subprocess.run(
        apart([sys.executable, str(harness), way, *own, *limits, f"-artifact_prefix={tmp_path}/", str(corpus)]),
        cwd=tmp_path,
        env={"PYTHONPATH": str(root / "src"), "PATH": "/usr/bin:/bin"},
        capture_output=True,
        text=True,
        timeout=200,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3_000:]
