"""The SQL way of hunting, as a peer: Sigma rules turned into SQLite queries by pySigma's own backend, run over one table.

    python benchmarks/sqlite_peer.py RULES EVENTS.ndjson OUT.ndjson

It runs in an environment of its own (benchmarks/peers.py makes it), never in Beffroi's. Whatever it might be blamed for is
decided in its favour: all fields that rules name are columns, text compares without case, channel and event number are
indexed, keyword rules get the raw line, nothing touches the disk, and a match is written as a rule and a record number only.
"""

import json
import re
import sqlite3
import sys
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path
from typing import Any

from sigma.collection import SigmaCollection
from sigma.exceptions import SigmaError
from sigma.plugins import InstalledSigmaPlugins
from sigma.rule import SigmaRule

PIPELINES = ("sysmon", "windows-logsources")
"""As the backend's and Zircolite's manuals show for Sysmon. Without windows-audit, so event 4688 is not looked at: less work."""

RAW = "raw_line"
HINTS = ("product", "service", "category")
"""For RSigma's routing; here they would overwrite the events' own Product, Service and Category."""


def main(rules: str, events: str, out: str) -> None:
    plugins: Any = InstalledSigmaPlugins.autodiscover()
    pipeline = plugins.get_pipeline_resolver().resolve(list(PIPELINES))
    backend = plugins.backends["sqlite"](pipeline, collect_errors=True, fulltext_field=RAW)
    queries: list[tuple[str, str]] = []
    fields: set[str] = set()
    for rule in SigmaCollection.load_ruleset([Path(rules)], collect_errors=True):
        if isinstance(rule, SigmaRule) and not rule.errors:
            try:
                queries += [(str(rule.id), query) for query in backend.convert_rule(rule)]
                fields |= set(backend.required_fields(rule))
            except SigmaError:
                backend.errors.append((rule, None))
    database = sqlite3.connect(":memory:")
    database.create_function(
        "REGEXP", 2, lambda pattern, value: value is not None and bool(_regex(pattern)(str(value)))
    )
    count = _load(database, Path(events), fields)
    failed = matches = 0
    with Path(out).open("w") as file:
        for rule_id, query in queries:
            try:
                rows = database.execute(query.replace("SELECT *", "SELECT EventRecordID", 1)).fetchall()
            except sqlite3.Error:
                failed += 1
                continue
            matches += len(rows)
            file.writelines(json.dumps({"rule_id": rule_id, "record_id": number}) + "\n" for (number,) in rows)
    print(
        json.dumps(
            {"events": count, "queries": len(queries), "failed": failed + len(backend.errors), "matches": matches}
        )
    )


@lru_cache(maxsize=4096)
def _regex(pattern: str) -> Any:
    return re.compile(pattern).search


def _load(database: sqlite3.Connection, events: Path, fields: set[str]) -> int:
    """All events into the table `logs`; a first look at the file finds the columns. Returns how many events there are."""
    columns: dict[str, str] = {}  # SQLite's column names have no case
    for name in (*(name for event in _events(events) for name in event), *sorted(fields)):
        columns.setdefault(name.lower(), name)
    places = {name: place for place, name in enumerate(columns)}
    declared = ", ".join(
        f'"{name}" {"INTEGER" if key == "eventid" else "TEXT COLLATE NOCASE"}' for key, name in columns.items()
    )
    database.execute(f"CREATE TABLE logs ({declared})")
    insert = f"INSERT INTO logs VALUES ({', '.join('?' * len(columns))})"  # noqa: S608 - question marks only

    def rows() -> Iterator[list[Any]]:
        for event in _events(events):
            row: list[Any] = [None] * len(columns)
            for name, value in event.items():
                row[places[name.lower()]] = _cell(value)
            yield row

    count = database.executemany(insert, rows()).rowcount
    database.execute("CREATE INDEX by_kind ON logs (Channel, EventID)")
    database.execute("ANALYZE")
    return count


def _events(path: Path) -> Iterator[dict[str, Any]]:
    with path.open() as file:
        for line in file:
            event: dict[str, Any] = json.loads(line)
            for hint in HINTS:
                event.pop(hint, None)
            event[RAW] = line
            yield event


def _cell(value: Any) -> Any:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, list):
        return "\n".join(map(str, value))
    if isinstance(value, dict):
        return json.dumps(value)
    return str(value) if isinstance(value, int) and value.bit_length() > 63 else value


main(*sys.argv[1:])
