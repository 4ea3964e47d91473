"""`cancel`."""

from pathlib import Path

import click

from cosmosctl.cli.ids import BATCHES


@click.command()
@click.argument("batch", required=False, type=BATCHES)
@click.option("--abandon", is_flag=True, help="Do not ask the host: it is gone for good. Frees the runs.")
@click.pass_obj
def cancel(folder: Path, batch: str | None, abandon: bool) -> None:
    """End a batch; what is finished stays finished.

    A batch that was never sent is closed and its runs are pending again. Without BATCH: the one that is unfinished.
    """
    from cosmosctl.cli.draw.follow_view import FollowView
    from cosmosctl.cli.find_project import batch_named, project_at
    from cosmosctl.commands.run.cancel import cancel_batch, only_open_batch

    project = project_at(folder)
    name = batch_named(project, batch) if batch else only_open_batch(project)
    with FollowView({}) as view:
        outcome = cancel_batch(project, name, view, abandon=abandon)
        if outcome is not None:
            view.summary(outcome, project.root)
    if outcome is None:
        click.echo(f"{name} is closed; its runs are free", err=True)
