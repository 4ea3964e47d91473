"""`watch`."""

from collections.abc import Sequence
from pathlib import Path

import click

from cosmosctl.cli.ids import HOST


@click.command()
@click.option("--batch", "run_pending", is_flag=True, help="Also run what became pending by a save, as a batch.")
@click.option("--host", metavar="HOST", type=HOST, help="Run on this host instead of the project's.")
@click.pass_obj
def watch(folder: Path, run_pending: bool, host: str | None) -> None:
    """Check on each save, until Ctrl-C.

    Prints the mistakes of the files that changed, or that all is well. With --batch, runs the runs whose own file was
    saved and that became pending by it; what was pending before is left alone. When a host refuses, watching goes on.
    """
    from cosmosctl.cli.draw.teller import Teller
    from cosmosctl.commands.interrupting import on_ctrl_c
    from cosmosctl.commands.run.batch import run_batch
    from cosmosctl.commands.run.request import Request
    from cosmosctl.commands.run.watch import watch_project

    def run(runs: Sequence[str]) -> None:
        run_batch(folder, Request(tuple(runs), "watch", host, only_well=True), Teller())

    with on_ctrl_c("stopped watching the files", hint="cosmosctl status tells where the runs stand"):
        watch_project(folder, host=host, say=click.echo, run_pending=run if run_pending else None)
