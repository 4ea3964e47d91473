"""`check`."""

from pathlib import Path

import click

from cosmosctl.cli.family_option import family_option
from cosmosctl.cli.ids import FILES
from cosmosctl.errors import EXIT_FILES


@click.command()
@click.argument("names", nargs=-1, metavar="[RUN|PROMPT|FILE]...", type=FILES)
@family_option("As if the runs were of another model family: {families}.")
@click.option("--files-only", is_flag=True, help="Look at no video: what can be known where the videos are not.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@click.option("--format", "form", type=click.Choice(["text", "github"]), default="text", help="github: annotations.")
@click.pass_obj
def check(
    folder: Path, names: tuple[str, ...], model: str | None, files_only: bool, as_json: bool, form: str
) -> int | None:
    """Check every file and video before anything runs.

    All mistakes are told at once, each with its file, line and column. A prompt is checked with its runs; a FILE is one
    of theirs, of a sweep, or cosmosctl.yaml, so that git hooks can name what is committed.
    """
    from cosmosctl.cli.draw.warning import warn
    from cosmosctl.commands.start.check import check_project

    checked = check_project(folder, names, model=model, files_only=files_only)
    if as_json or form == "github":
        from cosmosctl.cli.draw import check_data

        click.echo(check_data.as_json(checked) if as_json else check_data.as_annotations(checked))
        return EXIT_FILES if checked.mistakes else None
    checked.require_well()
    warn(checked.warnings, notes=True)
    for note in checked.notes:
        click.echo(f"note: {note}", err=True)
    click.echo(checked.words)
    return None
