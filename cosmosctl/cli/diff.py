"""`diff`."""

from pathlib import Path

import click

from cosmosctl.cli.ids import RUNS


@click.command()
@click.argument("run", type=RUNS)
@click.pass_obj
def diff(folder: Path, run: str) -> None:
    """Show what changed since a run's newest result.

    One line a value; of the prompt the words, those taken out as [-old-] and those put in as {+new+}; of videos the
    first digits of their sha256.
    """
    from cosmosctl.commands.diff import difference

    found = difference(folder, run)
    if not found.changes and not found.words:
        click.echo(f"nothing changed since {found.batch} ({found.ended})", err=True)
        return
    click.echo(f"since {found.batch} ({found.ended}):", err=True)
    for change in found.changes:
        click.echo(f"{change.key}: {change.before} -> {change.after}")
    if found.words:
        click.echo("prompt:\n" + "\n".join(f"  {line}" for line in found.words.splitlines()))
