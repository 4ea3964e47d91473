"""`show`."""

from pathlib import Path

import click

from cosmosctl.cli.ids import ALL
from cosmosctl.io.streams import json_text


@click.command()
@click.argument("name", metavar="ID", type=ALL)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@click.pass_obj
def show(folder: Path, name: str, as_json: bool) -> None:
    """Show all that is known of a prompt, run or batch.

    Of a run: its state, every effective value with the file it comes from, its controls and whether they are the
    same each time, its newest result.
    """
    from cosmosctl.commands.look.show import facts
    from cosmosctl.yaml.file import dump_tool

    found = facts(folder, name)
    click.echo(json_text(found) if as_json else fitted(dump_tool(found).rstrip("\n")))


def fitted(text: str) -> str:
    """`text` with its lines wrapped between words where a terminal is narrower; a program gets it as it is."""
    import shutil
    import sys
    import textwrap

    if not sys.stdout.isatty():
        return text
    width, lines = shutil.get_terminal_size().columns, []
    for line in text.splitlines():
        indent = " " * (len(line) - len(line.lstrip()) + (0 if line.startswith("  ") else 2))
        wrapped = textwrap.wrap(line, width, subsequent_indent=indent, break_long_words=False, break_on_hyphens=False)
        lines += wrapped or [""]
    return "\n".join(lines)
