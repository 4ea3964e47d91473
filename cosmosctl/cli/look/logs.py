"""`logs`."""

from pathlib import Path

import click

from cosmosctl.cli.ids import RUNS_AND_BATCHES


@click.command()
@click.argument("name", metavar="[RUN|BATCH]", required=False, type=RUNS_AND_BATCHES)
@click.option("-f", "--follow", is_flag=True, help="Go on printing what the model writes until the batch ends.")
@click.pass_obj
def logs(folder: Path, name: str | None, follow: bool) -> None:
    """Print the log of a batch, or a run's own part of it.

    Without an id: of the newest batch. A running batch's log is read from its host.
    """
    from cosmosctl.commands.look.logs import print_logs

    print_logs(folder, name, follow=follow)
