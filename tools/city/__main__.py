"""Draws the demo's clips anew, a matter of minutes. Their digests stand in tests/end_to_end/test_scene.py."""

from pathlib import Path

import click

from cosmosctl.commands.start.init import DEMO_SCENE
from cosmosctl.io.shipped import template
from tools.city.scene import FRAMES, draw_scene


@click.command()
@click.argument("folder", default=template("demo", DEMO_SCENE), type=click.Path(path_type=Path))
@click.option("--frames", default=FRAMES, show_default=True, help="Of each clip.")
def main(folder: Path, frames: int) -> None:
    """Draw color.mp4, depth.mp4 and segmentation.mp4 into FOLDER, by default where they are shipped from."""
    for clip in draw_scene(folder, frames=frames):
        click.echo(f"{clip}  {clip.stat().st_size} bytes")


if __name__ == "__main__":
    main()
