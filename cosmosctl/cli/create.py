"""`create prompt` and `create run`: the id alone on stdout."""

from pathlib import Path

import click

from cosmosctl.cli.completing import prompt_ids


@click.group()
def create() -> None:
    """Create a prompt or a run; prints its id."""


@create.command()
@click.argument("text")
@click.argument("video_dir", type=click.Path())
@click.option("--id", "name", metavar="ID", help="Name it yourself instead of ps_ and six characters.")
@click.option("--negative-prompt", metavar="TEXT", help="What the video shall not show.")
@click.option("--tag", "tags", metavar="TAG", multiple=True, help="A word to find it by; may be repeated.")
@click.pass_obj
def prompt(
    folder: Path, text: str, video_dir: str, name: str | None, negative_prompt: str | None, tags: tuple[str, ...]
) -> None:
    """Create a prompt from TEXT and the scene folder VIDEO_DIR.

    The folder holds color.mp4 and, where there are any, depth.mp4, segmentation.mp4, vis.mp4 and edge.mp4.
    """
    from cosmosctl.commands.create import create_prompt

    click.echo(create_prompt(folder, text, video_dir, name=name, negative_prompt=negative_prompt, tags=tags))


@create.command()
@click.argument("prompt", shell_complete=prompt_ids)
@click.option("--weights", nargs=4, type=float, metavar="VIS EDGE DEPTH SEG", help="Four weights, each 0 to 1.")
@click.option("--id", "name", metavar="ID", help="Name it yourself instead of rs_ and six characters.")
@click.option("--model", metavar="MODEL", help="A model family other than the project's.")
@click.option("--seed", type=int, help="Seed of the noise.")
@click.option("--num-steps", type=int, help="Denoising steps.")
@click.option("--guidance", type=float, help="How closely the prompt is followed.")
@click.option("--preset", metavar="PRESET", help="Compute edge and vis here with this strength, the same each time.")
@click.option("--tag", "tags", metavar="TAG", multiple=True, help="A word to find it by; may be repeated.")
@click.pass_obj
def run(
    folder: Path,
    prompt: str,
    weights: tuple[float, float, float, float] | None,
    name: str | None,
    model: str | None,
    seed: int | None,
    num_steps: int | None,
    guidance: float | None,
    preset: str | None,
    tags: tuple[str, ...],
) -> None:
    """Create a run of PROMPT. A weight of 0 stays in the set of controls."""
    from cosmosctl.commands.create import create_run

    settings = {"seed": seed, "num_steps": num_steps, "guidance": guidance}
    given = {key: value for key, value in settings.items() if value is not None}
    click.echo(create_run(folder, prompt, weights, name=name, model=model, settings=given, preset=preset, tags=tags))
