"""`rate`."""

from pathlib import Path

import click

from cosmosctl.cli.ids import RUNS


@click.command()
@click.argument("runs", nargs=-1, required=True, metavar="RUN...", type=RUNS)
@click.option("--stars", type=int, metavar="N", help="1 to 5 stars; 0 takes them back.")
@click.option("--accept/--reject", "accepted", default=None, help="Accept the video, or reject it.")
@click.option("--note", metavar="TEXT", help="What you saw.")
@click.option("--frame", type=click.IntRange(min=0), metavar="N", help="The frame that the note is about, from 0.")
@click.option("--clear", is_flag=True, help="Take back all that you said of the video.")
@click.option("--author", metavar="NAME", help="Rate in this name instead of yours.")
@click.pass_obj
def rate(
    folder: Path,
    runs: tuple[str, ...],
    stars: int | None,
    accepted: bool | None,
    note: str | None,
    frame: int | None,
    clear: bool,
    author: str | None,
) -> None:
    """Say what you think of the videos that runs have now.

    It is added to runs/RUN/ratings.yaml, which git versions and joins line by line. A rating is of a video: after a new
    result the run is unrated. What you do not say stays as you had it. `list runs --rating 4+` finds them.
    """
    from cosmosctl.commands.choose.rate import Given
    from cosmosctl.commands.choose.rate import rate as rate_runs

    rated = rate_runs(folder, runs, Given(stars, accepted, note, frame, clear, author))
    width = max(len(one.run) for one in rated)
    for one in rated:
        click.echo(f"{one.run:<{width}}  {one.opinion.words or 'unrated'}  {one.video.path}")
