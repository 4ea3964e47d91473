"""`create prompt` and `create run`: the id alone on stdout."""

from pathlib import Path

import click

from cosmosctl.cli.family_option import family_option
from cosmosctl.cli.ids import PROMPTS, RUNS
from cosmosctl.cli.setting_options import SettingsCommand, given_settings, setting_options
from cosmosctl.domain.project import Setting


@click.group()
def create() -> None:
    """Create a prompt or a run; prints its id."""


@create.command(short_help="Create a prompt from a text and a scene folder.")
@click.argument("text")
@click.argument("video_dir", type=click.Path())
@click.option("--id", "name", metavar="ID", help="Name it yourself instead of ps_ and six characters.")
@click.option("--negative-prompt", metavar="TEXT", help="What the video shall not show.")
@click.option("--tag", "tags", metavar="TAG", multiple=True, help="A word to find it by; may be repeated.")
@click.option(
    "--copy", is_flag=True, help="Copy the videos into inputs/videos/ first; a single file is a colour video."
)
@click.pass_obj
def prompt(
    folder: Path,
    text: str,
    video_dir: str,
    name: str | None,
    negative_prompt: str | None,
    tags: tuple[str, ...],
    copy: bool,
) -> None:
    """Create a prompt from TEXT and the scene folder VIDEO_DIR.

    The folder holds color.mp4 and, where there are any, depth.mp4, segmentation.mp4, vis.mp4 and edge.mp4.
    """
    from cosmosctl.commands.start.create import create_prompt

    made = create_prompt(folder, text, video_dir, name=name, negative_prompt=negative_prompt, tags=tags, copy=copy)
    click.echo(made)


@create.command(cls=SettingsCommand, short_help="Create a run of a prompt, or copy one.")
@click.argument("prompt", required=False, type=PROMPTS)
@click.option("--from", "source", metavar="RUN", type=RUNS, help="Copy this run; options change the copy.")
@click.option("--set", "values", metavar="KEY=VALUE", multiple=True, help="As in a run's file: edge.preset=low.")
@click.option("--weights", nargs=4, type=float, metavar="VIS EDGE DEPTH SEG", help="Four weights, each 0 to 1.")
@click.option("--control", "weighed", metavar="NAME=WEIGHT", multiple=True, help="One control; may be repeated.")
@click.option(
    "--preset",
    "presets",
    metavar="[NAME=]PRESET",
    multiple=True,
    help="Make edge and vis, or NAME alone, the same each time, with this strength: very_low, low, medium, high, "
    "very_high.",
)
@click.option(
    "--input",
    "inputs",
    metavar="NAME=FILE",
    multiple=True,
    help="Take this video for the control; auto: the model makes it.",
)
@click.option("--seg-prompt", metavar="TEXT", help="What to look for when the model makes seg itself.")
@click.option("--id", "name", metavar="ID", help="Name it yourself instead of rs_ and six characters.")
@family_option("Another model family than the project's: {families}.")
@click.option("--tag", "tags", metavar="TAG", multiple=True, help="A word to find it by; may be repeated.")
@setting_options
@click.pass_obj
def run(
    folder: Path,
    /,
    prompt: str | None,
    source: str | None,
    values: tuple[str, ...],
    weights: tuple[float, float, float, float] | None,
    weighed: tuple[str, ...],
    presets: tuple[str, ...],
    inputs: tuple[str, ...],
    seg_prompt: str | None,
    name: str | None,
    model: str | None,
    tags: tuple[str, ...],
    **settings: Setting | None,
) -> None:
    """Create a run of PROMPT, or of the prompt of the run that is copied.

    Of a run that is copied the comments are kept, its notes are not. The controls are vis, edge, depth and seg; without
    --weights and --control all four weigh the same. A weight of 0 stays in the set of controls; with --control the
    others are left out of it. What check would refuse is not made.
    """
    from cosmosctl.commands.start.create import GivenRun, create_run
    from cosmosctl.commands.start.given_controls import GivenControls

    controls = GivenControls(weights, weighed, presets, inputs, seg_prompt)
    given = GivenRun(controls, model, given_settings(settings), tags, values)
    click.echo(create_run(folder, prompt, given, name=name, source=source))
