"""`edit`."""

from pathlib import Path

import click

from cosmosctl.cli.ids import RUNS_AND_PROMPTS


@click.command()
@click.argument("name", metavar="RUN|PROMPT", type=RUNS_AND_PROMPTS)
@click.option("--text", metavar="TEXT", help="The prompt's words.")
@click.option("--negative-prompt", metavar="TEXT", help='What shall not be seen; "" takes it out.')
@click.option("--notes", metavar="TEXT", help='Notes for yourself; "" takes them out.')
@click.option("--tag", "tags", multiple=True, metavar="TAG", help="Each tag that it has from now on.")
@click.option("--no-tags", is_flag=True, help="It has no tag.")
@click.option("--was", default="", metavar="SHA256", help="Only if the file is still this one (its first digits do).")
@click.pass_obj
def edit(
    folder: Path,
    name: str,
    text: str | None,
    negative_prompt: str | None,
    notes: str | None,
    tags: tuple[str, ...],
    no_tags: bool,
    was: str,
) -> None:
    """Change words, notes or tags in the file of a prompt or run, as the page does; prints the file.

    Comments and order are kept, and the file is checked first: what would be a mistake is not written. For all else
    there is your editor.
    """
    from cosmosctl.commands.choose.edit import Given
    from cosmosctl.commands.choose.edit import edit as change

    if tags and no_tags:
        raise click.UsageError("--tag and --no-tags do not go together")
    given = Given(text, negative_prompt, notes, () if no_tags else tags or None, was)
    click.echo(str(change(folder, name, given)))
