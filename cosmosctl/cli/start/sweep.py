"""`sweep`."""

from pathlib import Path

import click

from cosmosctl.cli.agreeing import agreeing
from cosmosctl.cli.ids import HOST, RUNS, SWEEPS


@click.command()
@click.argument("name", type=SWEEPS)
@click.option("--dry-run", is_flag=True, help="Show the runs, model starts, time and disk; write nothing.")
@click.option("--base", metavar="RUN", type=RUNS, help="Write the sweep's file: this run is varied.")
@click.option(
    "--grid",
    metavar="AXIS=VALUE,…",
    multiple=True,
    help="Each of these values with each of the other axes'. An axis is a setting, a control (its weight), "
    "edge.preset, model, prompt or scene.",
)
@click.option("--zip", "zipped", metavar="AXIS=VALUE,…", multiple=True, help="Values side by side with other --zip.")
@click.option("--exclude", metavar="AXIS=VALUE,…", multiple=True, help="Leave out the runs with these values.")
@click.option("--seeds", type=click.IntRange(1, 10_000), metavar="N", help="N seeds, from the one of the base on.")
@click.option("--max", "most", type=click.IntRange(1, 10_000), metavar="N", help="Ask where it is more runs.  [64]")
@click.option("--more", type=click.IntRange(1, 1000), metavar="N", help="Add N runs drawn within what it spans.")
@click.option("--near-accepted", is_flag=True, help="With --more: drawn around the runs of it that were accepted.")
@click.option("--remove", is_flag=True, help="Throw away runs that no longer belong, unless edited or with a result.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@click.option("--host", metavar="HOST", type=HOST, help="Count for this host instead of the project's.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@click.pass_obj
def sweep(
    folder: Path,
    name: str,
    dry_run: bool,
    base: str | None,
    grid: tuple[str, ...],
    zipped: tuple[str, ...],
    exclude: tuple[str, ...],
    seeds: int | None,
    most: int | None,
    more: int | None,
    near_accepted: bool,
    remove: bool,
    yes: bool,
    host: str | None,
    as_json: bool,
) -> None:
    """Write the runs of a sweep: one run in many variations.

    sweeps/NAME.yaml says which; --base with --grid, --zip or --seeds writes it. The runs are ordinary files, named by
    their values. Again, only what is missing is added; what you edited stays, and what no longer belongs is named.
    The ids of new runs are printed.
    """
    from cosmosctl.cli.draw.sweep_view import print_sweep
    from cosmosctl.commands.sweeps.drawing import Draw
    from cosmosctl.commands.sweeps.given import Given
    from cosmosctl.commands.sweeps.write import Asked, as_data, write_sweep
    from cosmosctl.io.streams import json_text

    if near_accepted and more is None:
        raise click.UsageError("--near-accepted goes with --more N")
    draw = Draw(more, near_accepted) if more is not None else None
    asked = Asked(name, Given(base, grid, zipped, exclude, seeds, most), draw, remove, dry_run, host)
    swept = write_sweep(folder, asked, agreeing(yes))
    if as_json:
        click.echo(json_text(as_data(swept)))
    else:
        print_sweep(swept, dry_run=dry_run)
