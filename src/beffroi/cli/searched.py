"""Found events for a person to read: by day, a line that says when, where and of what, and below it what was said."""

from collections.abc import Iterator
from datetime import datetime
from textwrap import wrap
from typing import Any
from zoneinfo import ZoneInfo

import orjson
from rich.console import Console
from rich.table import Table
from rich.text import Text

from beffroi.core.wording import Words, printable

INDENT = 10
SAID = ("message", "Message", "CommandLine")
DULL = frozenset(
    {"EventID", "Channel", "Provider_Name", "Computer", "EventRecordID", "Version", "Task", "Opcode", "Keywords"}
)
LONGEST = 4_000  # characters of a value that are looked at


def events(
    console: Console, rows: Iterator[dict[str, Any]], say: Words, text: str | None, zone: ZoneInfo
) -> tuple[int, str]:
    """Print events, at the times of the house's zone; how many there were, and the time of the last as it is kept."""
    count, day, time = 0, "", ""
    for event in rows:
        count += 1
        time = event["time"]
        local = datetime.fromisoformat(time).astimezone(zone).isoformat()
        if local[:10] != day:
            day = local[:10]
            console.print(Text(f"\n{day}" if count > 1 else day, style="bold"))
        source = event["logsource"]
        kind = "/".join(part for part in source.values() if part) or say("log source unknown")
        head = Text.assemble(
            (f"{local[11:19]}", "dim"), "  ", (printable(event["host"] or say("machine not named")), "bold blue"),
            "  ", (printable(kind), "cyan"),
        )  # fmt: skip
        number = event["fields"].get("EventID")
        if number is not None:
            head.append(f"  #{printable(str(number))}", "yellow")
        console.print(head, overflow="ellipsis", no_wrap=True)
        for line in _said(event, max(console.width - INDENT, 20)):
            shown = Text(" " * INDENT + line)
            if text:
                shown.highlight_words([printable(text)], "bold reverse", case_sensitive=False)
            console.print(shown, overflow="ellipsis", no_wrap=True)
    return count, time


def _said(event: dict[str, Any], width: int) -> Iterator[str]:
    """At most two lines: the message, else what the fields say."""
    fields: dict[str, Any] = event["fields"]
    raw = event["raw"]
    said = next((fields[name] for name in SAID if isinstance(fields.get(name), str) and fields[name]), None)
    if said is None and raw.lstrip()[:1] not in ("{", "<"):
        said = raw
    if said is None:
        parts = (
            f"{name}={_value(value)}"
            for name, value in fields.items()
            if name not in DULL and value not in (None, "", [])
        )
        said = " · ".join(parts) or raw
    plain = printable(" ".join(said[:LONGEST].split()))
    yield from wrap(plain, width, max_lines=2, placeholder="…") or [""]


def _value(value: Any) -> str:
    return value[:LONGEST] if isinstance(value, str) else orjson.dumps(value).decode()


def table(console: Console, rows: Iterator[dict[str, Any]], say: Words) -> None:
    """Print the rows of an SQL."""
    shown: Table | None = None
    for row in rows:
        if shown is None:
            shown = Table(box=None, pad_edge=False, header_style="bold")
            for name, value in row.items():
                right = isinstance(value, int | float) and not isinstance(value, bool)
                shown.add_column(printable(name), justify="right" if right else "left", overflow="fold")
        shown.add_row(*(Text(printable("" if value is None else _value(value))) for value in row.values()))
    console.print(shown if shown is not None else Text(say("No row was found."), style="dim"))
