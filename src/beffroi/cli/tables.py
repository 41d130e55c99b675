"""Tables on a terminal: aligned where it is wide enough, one thing below another where it is narrow; hostile text is harmless."""

import os
import shutil
import sys
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from beffroi.core.wording import printable

if TYPE_CHECKING:
    from rich.console import Console
    from rich.text import Text

COLUMN = 32
"""Columns of text that a column of a table is given before it is folded."""

UNBOUNDED = 200
"""Columns where the output goes to a file or another program."""


def table(headers: Sequence[str], rows: Iterable[Sequence[str]], *, styles: Sequence[str] = ()) -> None:
    """Show rows under their headers on stdout. `styles` are rich's, by column."""
    from rich.cells import cell_len
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    columns = width(UNBOUNDED)
    console = Console(width=columns, highlight=False)
    looks = [*styles, *[""] * (len(headers) - len(styles))]
    cells = [[Text(printable(cell), look) for cell, look in zip(row, looks, strict=True)] for row in rows]
    wide = [
        max([len(header), *(cell_len(row[at].plain) for row in cells)]) for at, header in enumerate(headers)
    ]  # fmt: skip
    if sum(min(each, COLUMN) + 2 for each in wide) - 2 > columns:
        _blocks(console, headers, cells)
        return
    drawn = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold")
    for header in headers:
        drawn.add_column(header, overflow="fold")
    for row in cells:
        drawn.add_row(*row)
    console.print(drawn)


def _blocks(console: "Console", headers: Sequence[str], cells: Sequence[Sequence["Text"]]) -> None:
    """One thing below another: the first two cells as its head, the others each behind its header."""
    from rich.padding import Padding
    from rich.text import Text

    edge = max((len(header) for header in headers[2:]), default=0) + 4
    beside = console.width - edge >= COLUMN // 2
    for number, row in enumerate(cells):
        if number:
            console.print()
        console.print(Text("  ").join(cell for cell in row[:2] if cell.plain))
        for header, cell in zip(headers[2:], row[2:], strict=True):
            if not cell.plain:
                continue
            label = Text(f"  {header}", "dim")
            if not beside:
                console.print(label)
                console.print(Padding(cell, (0, 0, 0, 4)))
                continue
            label.pad_right(edge - len(label))
            lines = cell.wrap(console, console.width - edge)
            for at, line in enumerate(lines):
                console.print((label if at == 0 else Text(" " * edge)) + line)


def width(otherwise: int = 100) -> int:
    """Columns for running text: the terminal's, else what COLUMNS says, else `otherwise`."""
    return shutil.get_terminal_size().columns if sys.stdout.isatty() else _stated() or otherwise


def _stated() -> int | None:
    columns = os.environ.get("COLUMNS", "")
    return int(columns) if columns.isdecimal() and columns.isascii() and 0 < len(columns) < 6 else None
