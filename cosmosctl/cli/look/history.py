"""`history`."""

from pathlib import Path

import click

from cosmosctl.cli.ids import RUNS
from cosmosctl.io.streams import json_text


@click.command()
@click.argument("runs", nargs=-1, metavar="[RUN]...", type=RUNS)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON array.")
@click.pass_obj
def history(folder: Path, runs: tuple[str, ...], as_json: bool) -> None:
    """List the batches that took a run and what came of it, newest first.

    What was moved to history/ is in it too. Without RUN: of every run.
    """
    from dataclasses import asdict

    from cosmosctl.commands.look.history import entries

    found = entries(folder, runs)
    if as_json:
        click.echo(json_text([asdict(entry) for entry in found]))
        return
    if not found:
        click.echo("nothing ran yet", err=True)
    width = max((len(entry.run) for entry in found), default=0)
    for entry in found:
        where = f"{entry.model} on {entry.host}, seed {entry.seed or 'unknown'}" if entry.model else ""
        state = f"{entry.state} (preview)" if entry.preview else entry.state
        rating = f"rated {entry.rating}" if entry.rating else ""
        words = [word for word in (where, entry.video, entry.detail, rating) if word]
        click.echo(f"{entry.ended or '-':<20}  {entry.run:<{width}}  {state:<14}  {entry.batch}  {'; '.join(words)}")
