"""`upscale`."""

from pathlib import Path

import click

from cosmosctl.cli.ids import HOST, RUNS


@click.command()
@click.argument("runs", nargs=-1, metavar="[RUN]...", type=RUNS)
@click.option("--video", "videos", metavar="FILE", multiple=True, help="Enlarge this video; may be repeated.")
@click.option(
    "--weight",
    type=float,
    metavar="WEIGHT",
    default=0.5,
    show_default=True,
    help="How strongly the video is kept: above 0, at most 1.",
)
@click.option("--prompt", metavar="TEXT", help="Another prompt than the run's own.")
@click.option("--host", metavar="HOST", type=HOST, help="Run on this host instead of the project's.")
@click.option("--detach", is_flag=True, help="Return once the job is launched; attach brings the results.")
@click.pass_obj
def upscale(
    folder: Path,
    runs: tuple[str, ...],
    videos: tuple[str, ...],
    weight: float,
    prompt: str | None,
    host: str | None,
    detach: bool,
) -> int:
    """Enlarge the result of RUN, or a video, three times with transfer1's upscaler.

    A run of its own is made and printed. A source without a result is generated first, in the same batch where it is
    transfer1's.
    """
    from cosmosctl.cli.draw.teller import Teller
    from cosmosctl.commands.choose.upscale import Upscaling, upscale_batch

    return upscale_batch(folder, Upscaling(runs, videos, weight, prompt, host), detach=detach, audience=Teller())
