"""`controls`."""

from pathlib import Path

import click

from cosmosctl.cli.ids import RUNS


@click.command()
@click.argument("runs", nargs=-1, required=True, metavar="RUN...", type=RUNS)
@click.pass_obj
def controls(folder: Path, runs: tuple[str, ...]) -> None:
    """Compute the preset controls of runs and say where they are.

    One line a control: run, control, preset and file. What is there already is not computed again.
    """
    from cosmosctl.cli.draw.bars import Bars
    from cosmosctl.commands.look.controls import make_controls

    with Bars() as bars:
        found = make_controls(folder, runs, progress=bars.control)
    for run, control, preset, path in found:
        click.echo(f"{run}\t{control}\t{preset}\t{path}")
    if not found:
        click.echo("no control of these runs has a preset", err=True)
