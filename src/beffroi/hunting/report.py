"""Matches for a person to read: by machine, then by what the attacker was after, in the order of time."""

from collections.abc import Iterator
from textwrap import wrap
from typing import Any

import orjson
from rich.console import Console
from rich.text import Text

from beffroi.core.attack import TACTICS
from beffroi.core.wording import Words, printable
from beffroi.hunting.spill import SortedSpill

STYLES = {
    "critical": "bold white on red",
    "high": "bold red",
    "medium": "yellow",
    "low": "cyan",
    "informational": "dim",
}
NARROWEST = 20  # columns for a title, however narrow the terminal
SHOWN_FIELDS = 3
LONGEST_VALUE = 110
_TOLD_BY_THE_RULE = frozenset({"EventID", "Channel", "Provider_Name"})
_ORDER = {tactic: place for place, tactic in enumerate(TACTICS)}


class Report:
    """Collects matches (lines of JSON) and shows them in order; what memory cannot hold lies in temporary files."""

    def __init__(self, console: Console, say: Words, language: str) -> None:
        self._console, self._say, self._language = console, say, language
        self._lines = SortedSpill()

    def add(self, line: bytes) -> None:
        """One match."""
        match = orjson.loads(line)
        time = (match["time"] or "").removesuffix("Z")  # 02:14:00.5Z would sort before 02:14:00Z
        key = "\x1f".join((match["host"] or "", f"{_tactic(match['tags']):03d}", time, match["rule_id"]))
        self._lines.add(key.replace("\t", " ").replace("\n", " ").encode() + b"\t" + line)

    def show(self) -> None:
        """Print everything that was collected."""
        host: str | None = None
        tactic: int | None = None
        names = list(TACTICS.values())
        for line in self._lines.sorted():
            match = orjson.loads(line.split(b"\t", 1)[1])
            if match["host"] != host or tactic is None:
                host, tactic = match["host"], None
                title = printable(host) if host else self._say("machine not named")
                self._console.print(Text(f"\n{title}", style="bold"))
            if _tactic(match["tags"]) != tactic:
                tactic = _tactic(match["tags"])
                name = self._say(names[tactic]) if tactic < len(names) else self._say("no tactic named")
                self._console.print(Text(f"  {name}", style="bold blue"))
            for row in self._match(match):
                self._console.print(row, overflow="ellipsis", no_wrap=True)

    def _match(self, match: dict[str, Any]) -> Iterator[Text]:
        level = self._say(match["level"])
        title = self._say(match["rule"])  # the pack's are in the catalogue; any other stays as its author wrote it
        row = Text.assemble(
            "    ", (f"{(match['time'] or self._say('without time')).replace('T', ' ')[:19]:<19}", "dim"), "  ",
            (f" {level} ", STYLES[match["level"]]), "  ",
        )  # fmt: skip
        room = max(self._console.width - row.cell_len, NARROWEST)
        first, *more = wrap(printable(title), room) or [""]
        yield row + Text(first)
        for part in more:
            yield Text(" " * row.cell_len + part)
        yield Text("      " + "  ".join(map(printable, _evidence(match))), style="dim")


def _tactic(tags: list[str]) -> int:
    """The place of the last tactic named: what the attacker got to, not how it began."""
    places = [_ORDER[name] for tag in tags if (name := tag.removeprefix("attack.")) in _ORDER]
    return max(places, default=len(_ORDER))


def _evidence(match: dict[str, Any]) -> Iterator[str]:
    """Where it stands, which is never cut off, then what the rule looked at."""
    if match["file"] is None:
        first, last = match["events"][0], match["events"][-1]
        yield f"{match['total']} × {first['file'].rsplit('/', 1)[-1]} #{first['record_id']} … #{last['record_id']}"
    else:
        yield f"{match['file'].rsplit('/', 1)[-1]} #{match['record_id']}"
    told = {name: value for name, value in match["fields"].items() if name not in _TOLD_BY_THE_RULE}
    for name, value in list(told.items())[:SHOWN_FIELDS]:
        if value not in (None, "", []):
            text = " ".join(str(value).split())
            yield f"{name}={text[:LONGEST_VALUE] + '…' if len(text) > LONGEST_VALUE else text}"
