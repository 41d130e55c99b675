"""Tables on a terminal: aligned where it is wide enough, one thing below another where it is narrow; hostile text is harmless."""

import os
import shutil
import sys
from collections.abc import Iterable, Sequence
from datetime import datetime
from zoneinfo import ZoneInfo

from beffroi.core.wording import printable

NARROW = 76
"""Columns below which a table is shown as one block for each of its rows."""

UNBOUNDED = 200
"""Columns where the output goes to a file or another program."""


def table(headers: Sequence[str], rows: Iterable[Sequence[str]], *, styles: Sequence[str] = ()) -> None:
    """Show rows under their headers on stdout. `styles` are rich's, by column."""
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    columns = width(UNBOUNDED)
    console = Console(width=columns, highlight=False)
    looks = [*styles, *[""] * (len(headers) - len(styles))]
    cells = [[Text(printable(cell), look) for cell, look in zip(row, looks, strict=True)] for row in rows]
    if columns < NARROW:
        first = True
        for row in cells:
            if not first:
                console.print()
            first = False
            console.print(Text("  ").join(row[:2]), soft_wrap=False)
            for header, cell in zip(headers[2:], row[2:], strict=True):
                if cell.plain:
                    console.print(Text(f"  {header}: ", "dim") + cell)
        return
    drawn = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold")
    for header in headers:
        drawn.add_column(header, overflow="fold")
    for row in cells:
        drawn.add_row(*row)
    console.print(drawn)


def width(otherwise: int = 100) -> int:
    """Columns for running text: the terminal's, else what COLUMNS says, else `otherwise`."""
    return shutil.get_terminal_size().columns if sys.stdout.isatty() else _stated() or otherwise


def moment(text: str | None, zone: str) -> str:
    """A moment of the store as people of the house read it: "2026-11-23 21:04"; nothing where there is none."""
    if not text:
        return ""
    try:
        return datetime.fromisoformat(text).astimezone(ZoneInfo(zone)).strftime("%Y-%m-%d %H:%M")
    except (ValueError, OverflowError):
        return text


def _stated() -> int | None:
    columns = os.environ.get("COLUMNS", "")
    return int(columns) if columns.isdecimal() and columns.isascii() and 0 < len(columns) < 6 else None
