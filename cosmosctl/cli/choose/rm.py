"""`rm`."""

from pathlib import Path

import click

from cosmosctl.cli.agreeing import agreeing
from cosmosctl.cli.ids import RUNS_AND_PROMPTS


@click.command()
@click.argument("names", nargs=-1, required=True, metavar="RUN|PROMPT...", type=RUNS_AND_PROMPTS)
@click.option("--yes", is_flag=True, help="Do not ask.")
@click.pass_obj
def rm(folder: Path, names: tuple[str, ...], yes: bool) -> None:
    """Throw runs and prompts away, with their results and history.

    It is said what goes, and asked. They lie in .cosmosctl/trash then, from where a move brings them back until
    `cosmosctl gc` empties it. Not what a batch holds, and no prompt that a run still uses.
    """
    from cosmosctl.commands.choose.remove import remove

    for thrown in remove(folder, names, agreeing(yes)):
        click.echo(f"{thrown.name}\t{thrown.place}")
