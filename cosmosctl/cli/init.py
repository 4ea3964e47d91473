"""`init`."""

import shlex
from functools import partial
from pathlib import Path

import click


@click.command()
@click.argument("directory", metavar="[DIR]", default=".", type=click.Path(path_type=Path))
@click.option("--demo", is_flag=True, help="Draw a small scene with depth and segmentation, 3 prompts and 5 runs.")
@click.pass_obj
def init(folder: Path, directory: Path, demo: bool) -> None:
    """Make a project in DIR: cosmosctl.yaml, .gitignore, folders and schemas.

    What is there already is left alone. --demo needs no download.
    """
    from cosmosctl.cli.draw.bars import Bars
    from cosmosctl.commands.init import init_project

    with Bars() as bars:
        drawing = partial(bars.show, "drawing the scene")
        root = init_project(folder / directory, demo=demo, progress=drawing)
    click.echo(str(root))
    there = "" if directory == Path() else f"cd {shlex.quote(str(directory))} && "
    click.echo(f"next: {there}cosmosctl {'batch' if demo else 'create prompt TEXT VIDEO_DIR'}", err=True)
