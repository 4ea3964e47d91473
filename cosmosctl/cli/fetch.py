"""`fetch`."""

from pathlib import Path

import click

from cosmosctl.cli.completing import any_ids


@click.command()
@click.argument("ids", nargs=-1, metavar="[RUN|BATCH]...", shell_complete=any_ids)
@click.pass_obj
def fetch(folder: Path, ids: tuple[str, ...]) -> int:
    """Bring home what ended since; wait for nothing.

    BATCH: only that one. RUN: its result, from history/ or from the host, where the receipt is here and the video
    is not. Without an id: every unfinished batch.
    """
    from cosmosctl.cli.view import told
    from cosmosctl.commands.fetch import fetch_all

    found = fetch_all(folder, ids)
    click.echo(told(found) if found else "nothing ended since")
    return 0 if all(one.state == "done" for one in found) else 1
