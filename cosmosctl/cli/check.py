"""`check`."""

from pathlib import Path

import click

from cosmosctl.cli.completing import FAMILIES, run_ids


@click.command()
@click.argument("runs", nargs=-1, metavar="[RUN]...", shell_complete=run_ids)
@click.option("--model", metavar="MODEL", help=f"As if the runs were of another model family: {FAMILIES}.")
@click.pass_obj
def check(folder: Path, runs: tuple[str, ...], model: str | None) -> None:
    """Check every file and video before anything runs.

    All mistakes are told at once, each with its file, line and column.
    """
    from cosmosctl.cli.draw.warning import warn
    from cosmosctl.commands.check import check_project

    checked = check_project(folder, runs, model=model)
    warn(checked.warnings, notes=True)
    for note in checked.notes:
        click.echo(f"note: {note}", err=True)
    click.echo(checked.words)
