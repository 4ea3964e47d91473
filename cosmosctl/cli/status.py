"""`status`: groups of runs, each with the command to type next, as git does it."""

from pathlib import Path

import click


@click.command()
@click.option("--host", metavar="HOST", help="As this host sees it: previews count on preview hosts only.")
@click.option("--short", "-s", is_flag=True, help="A line a run: state and id.")
@click.pass_obj
def status(folder: Path, host: str | None, short: bool) -> None:
    """Show where every run stands and what to type next."""
    from cosmosctl.cli.status_view import print_short, print_status
    from cosmosctl.commands.status import overview

    found = overview(folder, host)
    if short:
        print_short(found)
    else:
        print_status(found)
