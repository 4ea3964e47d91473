"""Rows as columns or as JSON on stdout."""

import json
import shutil
import sys
from collections.abc import Mapping, Sequence
from typing import Any

import click

WIDE = 10_000
"""Columns when stdout is no terminal: nothing is cut that a program may read."""


def print_rows(rows: Sequence[Mapping[str, Any]], *, as_json: bool, columns: Sequence[str]) -> None:
    """Print rows: a JSON array with every key, or the named columns with a header."""
    if as_json:
        click.echo(json.dumps(list(rows), ensure_ascii=False, indent=2))
        return
    from rich.console import Console
    from rich.table import Table

    table = Table(box=None, pad_edge=False, header_style="bold", show_edge=False)
    for column in columns:
        last = column == columns[-1]
        table.add_column(column, no_wrap=True, overflow="ellipsis" if last else "fold", min_width=8 if last else None)
    for row in rows:
        table.add_row(*(_cell(row, column) for column in columns))
    width = shutil.get_terminal_size().columns if sys.stdout.isatty() else WIDE
    Console(file=sys.stdout, width=width, highlight=False, markup=False, emoji=False).print(table)


def _cell(row: Mapping[str, Any], column: str) -> str:
    value = row[column] if column in row else (row.get("weights") or {}).get(column)
    if value is None:
        return "-"
    return f"{value:g}" if isinstance(value, float) else str(value).replace("\n", " ")
