"""`list prompts|runs|sweeps|batches`."""

from pathlib import Path

import click

from cosmosctl.cli.completing import STATES
from cosmosctl.cli.family_option import family_option
from cosmosctl.cli.ids import HOST, PROMPTS, STATE, SWEEPS
from cosmosctl.commands.look.runs_wanted import ORDERS, RATINGS, RunsWanted


@click.group(name="list")
def listing() -> None:
    """List prompts, runs, sweeps or batches, newest last.

    On a terminal rows are cut to its width; in a pipe they are whole, a line each. --json prints one array.
    """


@listing.command()
@click.argument("words", nargs=-1, metavar="[WORD]...")
@click.option("--tag", metavar="TAG", help="Only prompts with this tag.")
@click.option("--limit", type=click.IntRange(min=1), metavar="N", help="The newest N only.")
@click.option("--json", "as_json", is_flag=True, help="Print a JSON array.")
@click.pass_obj
def prompts(folder: Path, words: tuple[str, ...], tag: str | None, limit: int | None, as_json: bool) -> None:
    """List prompts, newest last.

    With WORDs only those that hold all of them: in their id, text, scene, tags or notes.
    """
    from cosmosctl.cli.draw.tables import Table, print_rows
    from cosmosctl.commands.look.listing import Wanted, prompt_rows

    rows = prompt_rows(folder, Wanted(words, tag, limit))
    columns: tuple[str, ...] = ("id", "scene", "runs", "prompt")
    optional: tuple[str, ...] = ("scene", "runs", "prompt")
    if not as_json and any(row["mistakes"] for row in rows):
        columns, optional = ("id", "status", *columns[1:], "mistake"), (*optional, "mistake")
        rows = tuple(row | {"mistake": next(iter(row["mistakes"]), "")} for row in rows)
    print_rows(rows, as_json=as_json, table=Table(columns, {"scene": 10, "prompt": 20}, optional))


@listing.command()
@click.argument("words", nargs=-1, metavar="[WORD]...")
@click.option("--status", metavar="STATE", type=STATE, help=f"Only runs in this state: {STATES}.")
@click.option("--prompt", metavar="PROMPT", type=PROMPTS, help="Only runs of this prompt.")
@click.option("--tag", metavar="TAG", help="Only runs that have this tag, or whose prompt has it.")
@family_option("Only runs of this model family: {families}.")
@click.option("--sweep", metavar="NAME", type=SWEEPS, help="Only runs of this sweep.")
@click.option("--rating", metavar="RATING", help=f"Only runs whose video is rated so: {RATINGS}.")
@click.option(
    "--sort",
    "order",
    type=click.Choice(ORDERS),
    default=ORDERS[0],
    help="The newest last, the best rated last, or by id.",
)
@click.option(
    "--host",
    metavar="HOST",
    type=HOST,
    help="States as this host sees them: previews count on preview hosts only.",
)
@click.option("--limit", type=click.IntRange(min=1), metavar="N", help="The newest N only.")
@click.option("--ids", is_flag=True, help="Print the ids alone, a line each, for other commands.")
@click.option("--json", "as_json", is_flag=True, help="Print a JSON array.")
@click.pass_obj
def runs(
    folder: Path,
    words: tuple[str, ...],
    status: str | None,
    prompt: str | None,
    tag: str | None,
    model: str | None,
    sweep: str | None,
    rating: str | None,
    order: str,
    host: str | None,
    limit: int | None,
    ids: bool,
    as_json: bool,
) -> None:
    """List runs with their states and weights, newest last.

    With WORDs only those that hold all of them: in their id, tags, notes, settings (as guidance=7) or what people
    said, or in the id, text, scene, tags or notes of their prompt. `differs` is what tells the runs of one prompt
    apart, beside the weights.
    """
    from cosmosctl import models
    from cosmosctl.cli.draw.tables import Table, print_rows
    from cosmosctl.commands.look.listing import Wanted, run_rows

    which = RunsWanted(status, prompt, model, sweep, rating, order)
    rows = run_rows(folder, Wanted(words, tag, limit), which, host=host)
    if ids:
        click.echo("".join(f"{row['id']}\n" for row in rows), nl=False)
        return
    table = Table(
        ("id", "status", *models.controls(), "differs", "prompt_id", "batch", "rating", "scene", "prompt"),
        {"differs": 10, "scene": 10, "prompt": 20},
        ("rating", "scene", "batch", "prompt_id", "prompt", "differs"),
    )
    print_rows(rows, as_json=as_json, table=table)


@listing.command()
@click.option("--host", metavar="HOST", type=HOST, help="States as this host sees them.")
@click.option("--json", "as_json", is_flag=True, help="Print a JSON array.")
@click.pass_obj
def sweeps(folder: Path, host: str | None, as_json: bool) -> None:
    """List sweeps by name.

    What each varies and over how many values, how many runs it has, and how many of them are done and accepted.
    """
    from cosmosctl.cli.draw.tables import Table, print_rows
    from cosmosctl.commands.look.sweep_rows import sweep_rows

    rows = sweep_rows(folder, host=host)
    for row in rows if not as_json else ():
        row["axes"] = " ".join(f"{axis}:{count}" for axis, count in row["axes"].items())
    columns = ("id", "status", "base", "runs", "done", "accepted", "axes")
    print_rows(rows, as_json=as_json, table=Table(columns, {"axes": 20}, ("axes", "base", "accepted")))
    for mistake in (mistake for row in rows for mistake in row["mistakes"]):
        click.echo(mistake, err=True)


@listing.command()
@click.option("--limit", type=click.IntRange(min=1), metavar="N", help="The newest N only.")
@click.option("--json", "as_json", is_flag=True, help="Print a JSON array.")
@click.pass_obj
def batches(folder: Path, limit: int | None, as_json: bool) -> None:
    """List batches, newest last."""
    from cosmosctl.cli.draw.tables import Table, print_rows
    from cosmosctl.commands.look.listing import batch_rows, foreign_words

    columns = ("id", "status", "host", "model", "size", "done", "created")
    table = Table(columns, dropped=("created", "model", "host"))
    rows = batch_rows(folder, limit=limit)
    print_rows(rows, as_json=as_json, table=table)
    for mistake in (mistake for row in rows for mistake in row["mistakes"]):
        click.echo(mistake, err=True)
    words = "" if as_json else foreign_words(folder)
    if words:
        click.echo(words, err=True)
