"""Rows as columns or as JSON on stdout.

On a terminal a row fits its width: texts are cut with "…", then whole columns are left out in the order that the table
names. What a program reads (no terminal) has every column and every value whole, whatever the window is.
"""

import shutil
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import click

from cosmosctl.io.streams import json_text, style
from cosmosctl.io.visible import visible

GAP = "  "
MOST_PADDED = 40
"""Where nothing is cut, a longer value moves only what stands behind it in its own row."""

Cells = Sequence[Mapping[str, str]]


@dataclass(frozen=True)
class Table:
    """`columns` in their order. Of `texts` so many columns at least are shown, and the first get what room there is.

    `dropped` are left out one after the other until a row fits, and where they say nothing in any row.
    """

    columns: tuple[str, ...]
    texts: Mapping[str, int] = field(default_factory=dict)
    dropped: tuple[str, ...] = ()


def print_rows(rows: Sequence[Mapping[str, Any]], *, as_json: bool, table: Table) -> None:
    """Print rows: a JSON array with every key, or the table's columns with a header."""
    if as_json:
        click.echo(json_text(list(rows)))
        return
    cells = [{name: _cell(row, name) for name in table.columns} for row in rows]
    on_terminal = sys.stdout.isatty()
    header, *lines = lay_out(table, cells, shutil.get_terminal_size().columns if on_terminal else None)
    click.echo("\n".join([style(header, "bold"), *lines]))


def lay_out(table: Table, cells: Cells, width: int | None) -> list[str]:
    """The header, then a line a row. `width` None: no terminal, so nothing is cut or left out. Pure."""
    from rich.cells import cell_len

    needed = {name: max([cell_len(name), *(cell_len(row[name]) for row in cells)]) for name in table.columns}
    if width is None:
        widths = {name: min(wide, MOST_PADDED) for name, wide in needed.items()}
    else:
        widths = _fitting(table, needed, _silent(cells), width)
    return [_line(row, widths, is_cut=width is not None) for row in ({name: name for name in widths}, *cells)]


def _fitting(table: Table, needed: Mapping[str, int], silent: set[str], width: int) -> dict[str, int]:
    """Columns and their widths on a terminal: the least of every text, then what is left to one after the other."""
    widths = {name: min(wide, table.texts.get(name, wide)) for name, wide in needed.items()}
    for name in table.dropped:
        if name in silent or _total(widths) > width:
            del widths[name]
    for name in table.texts:
        if name in widths:
            widths[name] += max(0, min(needed[name] - widths[name], width - _total(widths)))
    return widths


def _silent(cells: Cells) -> set[str]:
    return {name for name in (cells[0] if cells else ()) if all(row[name] == "-" for row in cells)}


def _total(widths: Mapping[str, int]) -> int:
    return sum(widths.values()) + len(GAP) * (len(widths) - 1)


def _line(row: Mapping[str, str], widths: Mapping[str, int], *, is_cut: bool) -> str:
    """One row; columns are those of a terminal, where a Chinese character takes two and an accent of its own none."""
    from rich.cells import cell_len, set_cell_size

    parts = []
    for name, width in widths.items():
        text, wide = row[name], cell_len(row[name])
        if is_cut and wide > width:
            text = f"{set_cell_size(text, width - 1).rstrip()}…"
            wide = cell_len(text)
        parts.append(text + " " * (width - wide))
    return GAP.join(parts).rstrip()


def _cell(row: Mapping[str, Any], column: str) -> str:
    value = row[column] if column in row else (row.get("weights") or {}).get(column)
    text = f"{value:g}" if isinstance(value, float) else "" if value is None else " ".join(str(value).split())
    return visible(text) or "-"
