"""`fetch`."""

from pathlib import Path

import click

from cosmosctl.cli.ids import RUNS_AND_BATCHES
from cosmosctl.domain.ids import command


@click.command()
@click.argument("ids", nargs=-1, metavar="[RUN|BATCH]...", type=RUNS_AND_BATCHES)
@click.option(
    "--from", "source", metavar="DIR", type=click.Path(path_type=Path, exists=True), help="Take what is in this folder."
)
@click.pass_obj
def fetch(folder: Path, ids: tuple[str, ...], source: Path | None) -> int:
    """Bring home what ended since; wait for nothing.

    BATCH: only that one. RUN: its result, from history/ or from the host, where the receipt is here and the video
    is not. Without an id: every unfinished batch. --from: of batches that were exported, what came back of them.
    """
    from cosmosctl.cli.draw.follow_view import FollowView, told
    from cosmosctl.commands.fetch import fetch_all
    from cosmosctl.commands.interrupting import on_ctrl_c
    from cosmosctl.following.imported import fetch_from

    again = "cosmosctl fetch" if source is None else command("fetch", "--from", str(source))
    came = on_ctrl_c("stopped; what came home so far is in its place", hint=f"{again} brings the rest")
    with came, FollowView({}) as view:
        found = fetch_all(folder, ids, view) if source is None else fetch_from(folder, source)
    click.echo(told(found) if found else "nothing ended since")
    return 0 if all(one.state == "done" for one in found) else 1
