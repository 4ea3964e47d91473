"""`fetch`."""

from pathlib import Path
from typing import Any

import click

from cosmosctl.cli.ids import RUNS_AND_BATCHES
from cosmosctl.domain.ids import command


class Source(click.Path):
    """A folder here, or what rsync takes for one of another machine."""

    def __init__(self) -> None:
        super().__init__(exists=True)

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        from cosmosctl.host.bring import is_address

        return str(value) if is_address(str(value)) else str(super().convert(value, param, ctx))


@click.command()
@click.argument("ids", nargs=-1, metavar="[RUN|BATCH]...", type=RUNS_AND_BATCHES)
@click.option("--from", "source", metavar="DIR|HOST:DIR", type=Source(), help="Take what is in this folder.")
@click.option("--inputs", is_flag=True, help="Source videos that are gone from here, out of their hosts' pools.")
@click.pass_obj
def fetch(folder: Path, ids: tuple[str, ...], source: str | None, inputs: bool) -> int:
    """Bring home what ended since; wait for nothing.

    BATCH: only that one. RUN: its result, from history/ or from the host, where the receipt is here and the video
    is not. Without an id: every unfinished batch. --from: of batches that were exported, what came back
    of them, or lies on another machine: HOST:DIR as rsync takes it.
    --inputs: the videos below inputs/ that RUNs, or all, name and that are not here, as their receipts know them.
    """
    if inputs:
        return _inputs(folder, ids)
    from cosmosctl.cli.draw.follow_view import FollowView, told
    from cosmosctl.commands.interrupting import on_ctrl_c
    from cosmosctl.commands.run.fetch import fetch_all
    from cosmosctl.following.imported import fetch_from

    again = "cosmosctl fetch" if source is None else command("fetch", "--from", source)
    came = on_ctrl_c("stopped; what came home so far is in its place", hint=f"{again} brings the rest")
    with came, FollowView({}) as view:
        found = fetch_all(folder, ids, view) if source is None else fetch_from(folder, source)
    click.echo(told(found) if found else "nothing ended since")
    return 0 if all(one.state == "done" for one in found) else 1


def _inputs(folder: Path, ids: tuple[str, ...]) -> int:
    from cosmosctl.commands.run.fetch_inputs import fetch_inputs

    found = fetch_inputs(folder, ids)
    for one in found:
        if one.path:
            click.echo(one.path)
        else:
            click.echo(f"{one.lacking.path} of {one.lacking.run} is not here: {one.why}", err=True)
    if not found:
        click.echo("no source video is lacking that a receipt tells of", err=True)
    return 0 if all(one.path for one in found) else 1
