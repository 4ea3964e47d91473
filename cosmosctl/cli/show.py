"""`show`."""

from pathlib import Path

import click

from cosmosctl.cli.completing import any_ids


@click.command()
@click.argument("name", metavar="ID", shell_complete=any_ids)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@click.pass_obj
def show(folder: Path, name: str, as_json: bool) -> None:
    """Show all that is known of a prompt, run or batch.

    Of a run: its state, every effective value with the file it comes from, its controls and whether they are the
    same each time, its newest result.
    """
    import json

    from cosmosctl.commands.show import facts
    from cosmosctl.io.yaml_file import dump_tool

    found = facts(folder, name)
    click.echo(json.dumps(found, ensure_ascii=False, indent=2) if as_json else dump_tool(found).rstrip("\n"))
