"""`pack`."""

from pathlib import Path

import click

from cosmosctl.cli.ids import RUNS


@click.command()
@click.argument("runs", nargs=-1, required=True, metavar="RUN...", type=RUNS)
@click.option(
    "-o",
    "--output",
    "target",
    default="chosen.zip",
    metavar="FILE",
    type=click.Path(path_type=Path),
    help="The zip to write.  [chosen.zip]",
)
@click.option("--force", is_flag=True, help="Write over a file that is there.")
@click.pass_obj
def pack(folder: Path, runs: tuple[str, ...], target: Path, force: bool) -> None:
    """Write the videos of runs into a zip, each with its receipt and files, and a table of all; prints the zip.

    `cosmosctl list runs --rating accepted --ids | xargs cosmosctl pack` takes what was accepted. No link is followed.
    """
    from cosmosctl.commands.choose.pack import pack as write

    click.echo(str(write(folder, runs, target, force=force)))
