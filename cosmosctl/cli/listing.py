"""`list prompts|runs|batches`."""

from pathlib import Path

import click

from cosmosctl.cli.completing import prompt_ids


@click.group(name="list")
def listing() -> None:
    """List prompts, runs or batches.

    Columns for people; --json prints one array for jq.
    """


@listing.command()
@click.option("--limit", type=click.IntRange(min=1), metavar="N", help="The newest N only.")
@click.option("--json", "as_json", is_flag=True, help="Print a JSON array.")
@click.pass_obj
def prompts(folder: Path, limit: int | None, as_json: bool) -> None:
    """List prompts, newest last."""
    from cosmosctl.cli.tables import print_rows
    from cosmosctl.commands.listing import prompt_rows

    print_rows(prompt_rows(folder, limit=limit), as_json=as_json, columns=("id", "scene", "runs", "prompt"))


@listing.command()
@click.option("--status", metavar="STATE", help="Only runs in this state: pending, done (or completed), failed, …")
@click.option("--prompt", metavar="PROMPT", shell_complete=prompt_ids, help="Only runs of this prompt.")
@click.option("--host", metavar="HOST", help="States as this host sees them: previews count on preview hosts only.")
@click.option("--limit", type=click.IntRange(min=1), metavar="N", help="The newest N only.")
@click.option("--json", "as_json", is_flag=True, help="Print a JSON array.")
@click.pass_obj
def runs(
    folder: Path, status: str | None, prompt: str | None, host: str | None, limit: int | None, as_json: bool
) -> None:
    """List runs with their states and four weights, newest last."""
    from cosmosctl.cli.tables import print_rows
    from cosmosctl.commands.listing import run_rows

    rows = run_rows(folder, status=status, prompt=prompt, host=host, limit=limit)
    columns = ("id", "status", "vis", "edge", "depth", "seg", "prompt_id", "batch", "scene", "prompt")
    print_rows(rows, as_json=as_json, columns=columns)


@listing.command()
@click.option("--limit", type=click.IntRange(min=1), metavar="N", help="The newest N only.")
@click.option("--json", "as_json", is_flag=True, help="Print a JSON array.")
@click.pass_obj
def batches(folder: Path, limit: int | None, as_json: bool) -> None:
    """List batches, newest last."""
    from cosmosctl.cli.tables import print_rows
    from cosmosctl.commands.listing import batch_rows

    columns = ("id", "status", "host", "model", "size", "done", "created")
    print_rows(batch_rows(folder, limit=limit), as_json=as_json, columns=columns)
