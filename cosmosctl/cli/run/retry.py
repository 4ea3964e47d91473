"""`retry`."""

from pathlib import Path

import click

from cosmosctl.cli.ids import HOST, RUNS_AND_BATCHES


@click.command()
@click.argument("ids", nargs=-1, metavar="[RUN|BATCH]...", type=RUNS_AND_BATCHES)
@click.option("--host", metavar="HOST", type=HOST, help="Run on this host instead of the project's.")
@click.option("--detach", is_flag=True, help="Return once the job is launched; attach brings the results.")
@click.pass_obj
def retry(folder: Path, ids: tuple[str, ...], host: str | None, detach: bool) -> int:
    """Run again what has no result.

    RUN: that run. BATCH: an unfinished one goes on where it stopped; of an ended one, the runs without a result.
    Nothing named: every failed or cancelled run.
    """
    from cosmosctl.cli.draw.teller import Teller
    from cosmosctl.commands.run.retry import retry_runs

    return retry_runs(folder, ids, host, detach=detach, audience=Teller())
