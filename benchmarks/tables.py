"""A benchmark's tables: Markdown for people, JSON for programs."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

Row = Mapping[str, Any]


@dataclass(slots=True)
class Table:
    """Rows under a title; programs know it by its key. `columns` gives a row's key → (what stands above it, how its value is written); an absent value is
    written as a dash. `notes` stand below."""

    key: str
    title: str
    columns: Mapping[str, tuple[str, str]]
    rows: Sequence[Row] = ()
    notes: list[str] = field(default_factory=list)

    def markdown(self) -> str:
        lines = [f"### {self.title}", ""]
        if self.rows:
            lines += [_line([head for head, _ in self.columns.values()])]
            lines += [_line(["---" if form == "s" else "--:" for _, form in self.columns.values()])]
            lines += [
                _line([_written(row.get(key), form) for key, (_, form) in self.columns.items()]) for row in self.rows
            ]
            lines.append("")
        lines += [line for note in self.notes for line in (note, "")]
        return "\n".join(lines)

    def plain(self) -> dict[str, Any]:
        """What json.dumps takes."""
        return {"key": self.key, "title": self.title, "rows": [dict(row) for row in self.rows], "notes": self.notes}


def _line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _written(value: Any, form: str) -> str:
    return "–" if value is None else format(value, form).replace("|", "\\|")
