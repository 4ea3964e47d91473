"""`gc`."""

from pathlib import Path

import click

from cosmosctl.cli.agreeing import agreeing
from cosmosctl.cli.ids import HOST
from cosmosctl.domain.ids import command


@click.command()
@click.argument("host", required=False, type=HOST)
@click.option("--dry-run", is_flag=True, help="Only tell what would be removed.")
@click.option(
    "--older-than", type=click.FloatRange(min=0), metavar="DAYS", help="Here: results in history/ that are older, too."
)
@click.option("--rejected", is_flag=True, help="Here: videos that were rejected, too; their receipts stay.")
@click.option("--yes", is_flag=True, help="Here: do not ask.")
@click.pass_obj
def gc(folder: Path, host: str | None, dry_run: bool, older_than: float | None, rejected: bool, yes: bool) -> None:
    """Remove what is not needed any more: from a host what is safely here, without HOST from here.

    HOST: batches of this project whose videos are all here and verified, their containers, and inputs and pulled images
    that nothing on the host names any more. What was touched within the last day stays, and what belongs to others.

    Here: the trash and look copies of no video; with options also results that history/ keeps and rejected videos. What
    is accepted, and what a run's files would give again, stays. It is asked before.
    """
    from cosmosctl.commands.interrupting import on_ctrl_c
    from cosmosctl.commands.machines.gc import Swept, collect_garbage
    from cosmosctl.commands.machines.gc_here import Which, tidy

    hint = f"{command('gc', *([host] if host else []))} goes on"
    with on_ctrl_c("stopped; only what is not needed any more was removed", hint=hint):
        if host is None:
            swept = Swept(tidy(folder, Which(older_than, rejected), agreeing(yes), dry_run=dry_run), ())
        elif older_than is not None or rejected:
            raise click.UsageError("--older-than and --rejected are for what lies here: leave out HOST")
        else:
            swept = collect_garbage(folder, host, dry_run=dry_run)
    for one in swept.removed:
        click.echo(f"{one.kind} {one.name} {one.kib} KiB")
    for kept in swept.kept:
        click.echo(f"{kept.name} stays: {kept.why}", err=True)
    total = sum(one.kib for one in swept.removed)
    verb = "would be removed" if dry_run else "removed"
    click.echo(f"{total / 1024:.1f} MiB {verb}", err=True)
