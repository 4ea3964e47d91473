"""`gc`."""

from pathlib import Path

import click

from cosmosctl.cli.ids import HOST
from cosmosctl.domain.ids import command


@click.command()
@click.argument("host", type=HOST)
@click.option("--dry-run", is_flag=True, help="Only tell what would be removed.")
@click.pass_obj
def gc(folder: Path, host: str, dry_run: bool) -> None:
    """Remove from a host what is safely here.

    Batches of this project whose videos are all here and verified, their containers, and inputs that no batch on the
    host names any more. What was touched within the last day stays, and so does what belongs to others.
    """
    from cosmosctl.commands.interrupting import on_ctrl_c
    from cosmosctl.commands.machines.gc import collect_garbage

    with on_ctrl_c("stopped; only what is not needed any more was removed", hint=f"{command('gc', host)} goes on"):
        swept = collect_garbage(folder, host, dry_run=dry_run)
    for one in swept.removed:
        click.echo(f"{one.kind} {one.name} {one.kib} KiB")
    for kept in swept.kept:
        click.echo(f"{kept.name} stays: {kept.why}", err=True)
    total = sum(one.kib for one in swept.removed)
    verb = "would be removed" if dry_run else "removed"
    click.echo(f"{total / 1024:.1f} MiB {verb}", err=True)
