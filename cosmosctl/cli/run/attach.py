"""`attach`."""

from pathlib import Path

import click

from cosmosctl.cli.ids import BATCHES


@click.command()
@click.argument("batch", required=False, type=BATCHES)
@click.pass_obj
def attach(folder: Path, batch: str | None) -> int:
    """Follow a batch until all its runs are home.

    Sends it if it was not sent and starts it again if its job is gone; finished rows are never computed again.
    Without BATCH: every unfinished one that was not exported.
    """
    from cosmosctl.cli.draw.teller import Teller
    from cosmosctl.cli.find_project import batch_named, project_at
    from cosmosctl.commands.run.attach import attach_batches

    project = project_at(folder)
    return attach_batches(project, [batch_named(project, batch)] if batch else [], Teller())
