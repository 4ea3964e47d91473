"""`mv`."""

from pathlib import Path

import click

from cosmosctl.cli.ids import RUNS_AND_PROMPTS
from cosmosctl.domain.plurals import some


@click.command()
@click.argument("name", metavar="RUN|PROMPT", type=RUNS_AND_PROMPTS)
@click.argument("new", metavar="NEW", type=RUNS_AND_PROMPTS)
@click.pass_obj
def mv(folder: Path, name: str, new: str) -> None:
    """Give a run or a prompt another name; prints it.

    Results, history and ratings of a run stay its own. What names it, runs and sweeps, is changed with it, comments
    kept. Not while a batch holds the run.
    """
    from cosmosctl.commands.choose.rename import rename

    renamed = rename(folder, name, new)
    click.echo(renamed.after)
    if renamed.files:
        click.echo(f"{renamed.before} was named in {some(renamed.files, 'file')}", err=True)
