"""`init`."""

import shlex
from pathlib import Path

import click


@click.command()
@click.argument("directory", metavar="[DIR]", default=".", type=click.Path(path_type=Path))
@click.option("--demo", is_flag=True, help="With a small scene, its depth and segmentation, 3 prompts and 5 runs.")
@click.option("--new-id", is_flag=True, help="Give the project in DIR, a copy of another one, an id of its own.")
@click.pass_obj
def init(folder: Path, directory: Path, demo: bool, new_id: bool) -> None:
    """Make a project in DIR: cosmosctl.yaml, .gitignore, .gitattributes, folders and schemas.

    What is there already is left alone; in .gitignore and .gitattributes a marked block is appended, or brought up to
    date. --demo needs no download.
    """
    from cosmosctl.commands.start.init import init_project, notes, renewed

    if new_id:
        click.echo(renewed(folder / directory))
        return
    root = init_project(folder / directory, demo=demo)
    click.echo(str(root))
    for note in notes(root):
        click.echo(note, err=True)
    there = "" if directory == Path() else f"cd {shlex.quote(str(directory))} && "
    click.echo(f"next: {there}cosmosctl {'batch' if demo else 'create prompt TEXT VIDEO_DIR'}", err=True)
