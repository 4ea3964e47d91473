"""`compare`."""

from pathlib import Path

import click

from cosmosctl.cli.ids import RUNS
from cosmosctl.commands.look.compare import LAYOUTS


@click.command()
@click.argument("runs", nargs=-1, required=True, metavar="RUN[@BATCH]...", type=RUNS)
@click.option(
    "-o",
    "--output",
    "target",
    required=True,
    metavar="FILE",
    type=click.Path(path_type=Path),
    help="The video (.mp4) or picture (.png) to write.",
)
@click.option(
    "--layout",
    type=click.Choice(LAYOUTS),
    help="side by side, wipe and diff (of two), grid, or a sheet of stills (.png). Left out: what fits so many.",
)
@click.option(
    "--at",
    "at_s",
    type=click.FloatRange(min=0),
    metavar="SECONDS",
    help="The moment of a picture; left out: the middle.",
)
@click.option("--force", is_flag=True, help="Write over a file that is there.")
@click.pass_obj
def compare(
    folder: Path, runs: tuple[str, ...], target: Path, layout: str | None, at_s: float | None, force: bool
) -> None:
    """Write the results of runs side by side, labelled with what differs; prints the file.

    Videos of other rates and lengths show the same moment; one that has ended holds its last frame. RUN@BATCH is an
    earlier result of the run, as `history` lists them.
    """
    from cosmosctl.commands.look.compare import Asked
    from cosmosctl.commands.look.compare import compare as write

    click.echo(str(write(folder, Asked(runs, target, layout, at_s, force))))
