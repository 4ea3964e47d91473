"""`show`."""

from pathlib import Path

import click

from cosmosctl.cli.ids import ALL
from cosmosctl.errors import UsageError
from cosmosctl.io.streams import json_text


@click.command()
@click.argument("name", metavar="ID", type=ALL)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@click.option("--open", "opens", is_flag=True, help="Open a run's video in the system's player, and print its path.")
@click.option("--still", is_flag=True, help="Show the middle of a run's video, where the terminal can.")
@click.option(
    "--as",
    "protocol",
    type=click.Choice(["kitty", "iterm", "sixel"]),
    help="With --still: how; left out, what the terminal says of itself.",
)
@click.pass_obj
def show(folder: Path, name: str, as_json: bool, opens: bool, still: bool, protocol: str | None) -> None:
    """Show all that is known of a prompt, run or batch.

    Of a run: its state, every effective value with the file it comes from, its controls and whether they are the
    same each time, its newest result.
    """
    from cosmosctl.commands.look.show import facts, video_of

    if protocol is not None and not still:
        raise UsageError("--as goes with --still")
    if opens or still:
        _show_video(video_of(folder, name), opens=opens, still=(protocol or "auto") if still else None)
        return
    from cosmosctl.yaml.file import dump_tool

    found = facts(folder, name)
    click.echo(json_text(found) if as_json else fitted(dump_tool(found).rstrip("\n")))


def _show_video(video: Path, *, opens: bool, still: str | None) -> None:
    if still is not None:
        from cosmosctl.cli.draw.still import show_still

        show_still(video, still)
    if opens:
        if click.launch(str(video)) != 0:
            raise UsageError(f"no program was found that opens {video}", hint="install xdg-utils, on WSL wslu")
        click.echo(str(video))


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
