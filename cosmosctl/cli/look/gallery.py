"""`gallery`."""

from pathlib import Path

import click

from cosmosctl.cli.ids import RUNS_AND_BATCHES


@click.command()
@click.argument("names", nargs=-1, metavar="[RUN|BATCH]...", type=RUNS_AND_BATCHES)
@click.option("-o", "--output", metavar="DIR", help="Write it there; by default into gallery/ of the project.")
@click.option("--copy", "copies", is_flag=True, help="Take the original videos along; else links lead to them.")
@click.option("--with-logs", is_flag=True, help="Take the logs along, which may name paths, logins and addresses.")
@click.option("--open", "opens", is_flag=True, help="Open it in a browser.")
@click.option("--zip", "zipped", is_flag=True, help="Also write DIR.zip, which stands alone: to be mailed.")
@click.pass_obj
def gallery(
    folder: Path,
    names: tuple[str, ...],
    output: str | None,
    copies: bool,
    with_logs: bool,
    opens: bool,
    zipped: bool,
) -> None:
    """Write results as a folder that any browser opens, and print the path of its index.html.

    Of all runs, or of those named; of a batch it is the report too. Nothing but a browser is needed to look at it,
    and nothing is loaded from elsewhere. No absolute path, address, login or log goes into it unless --with-logs.
    """
    from cosmosctl.cli.draw.bars import Bars
    from cosmosctl.commands.look.gallery import Wish, write_gallery
    from cosmosctl.domain.plurals import counted

    wish = Wish(names, Path(output) if output is not None else None, copies, with_logs, zipped)
    with Bars() as bars:
        written = write_gallery(folder, wish, bars.show)
    made = f", {counted(written.made, 'look copy', 'look copies')} made" if written.made else ""
    click.echo(f"{counted(written.runs, 'run')}, {counted(written.videos, 'video')}{made}", err=True)
    if written.unlinked:
        click.echo(
            "it lies outside of the project, so that it holds look copies alone: --copy takes the originals", err=True
        )
    click.echo(written.index)
    if written.zip is not None:
        click.echo(written.zip)
    if opens:
        import webbrowser

        if not webbrowser.open(written.index.as_uri()):
            click.echo("no browser was found here: open the file above in one", err=True)
