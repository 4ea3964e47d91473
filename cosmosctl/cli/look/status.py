"""`status`: groups of runs, each with the command to type next, as git does it."""

from pathlib import Path

import click

from cosmosctl.cli import keep
from cosmosctl.cli.ids import HOST


@click.command()
@click.option(
    "--host",
    metavar="HOST",
    type=HOST,
    help="As this host sees it: previews count on preview hosts only.",
)
@click.option("--short", "-s", is_flag=True, help="A line a run: state and id.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@click.pass_obj
def status(folder: Path, host: str | None, short: bool, as_json: bool) -> None:
    """Show where every run stands and what to type next.

    Beside a run stands what tells it from the others of its prompt: weights as vis/edge/depth/seg, settings, presets.
    """
    from cosmosctl.cli.draw.status_view import print_short, print_status
    from cosmosctl.commands.look.status import overview

    found = overview(folder, host)
    keep(found)
    if as_json:
        from cosmosctl.cli.draw.status_json import as_data
        from cosmosctl.io.streams import json_text

        click.echo(json_text(as_data(found)))
    elif short:
        print_short(found)
    else:
        print_status(found)
