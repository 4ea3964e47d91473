"""`attach`."""

from pathlib import Path

import click

from cosmosctl.cli.completing import batch_names


@click.command()
@click.argument("batch", required=False, shell_complete=batch_names)
@click.pass_obj
def attach(folder: Path, batch: str | None) -> int:
    """Follow a batch until all its runs are home.

    Sends it if it was not sent and starts it again if its job is gone; finished rows are never computed again.
    Without BATCH: every unfinished one that was not exported.
    """
    from cosmosctl.cli.batching import follow_all
    from cosmosctl.cli.find_project import batch_named, project_at
    from cosmosctl.following import follow as command
    from cosmosctl.plan import bundle
    from cosmosctl.state.states import open_batches

    project = project_at(folder)
    waiting = [one.paths.name for one in open_batches(project) if not one.is_exported]
    names = [batch_named(project, batch)] if batch else bundle.readable(project, waiting)
    if not waiting and not names:
        click.echo("no batch is unfinished", err=True)
    return follow_all(project, names, command.attach)
