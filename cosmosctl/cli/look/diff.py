"""`diff`."""

from pathlib import Path

import click

from cosmosctl.cli.ids import RUN, Ids


class _RunOrBranches(Ids):
    """A run, or MAIN..LOOK, which may have a slash in it."""

    def __init__(self) -> None:
        super().__init__(RUN)

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> str:
        return (
            value if ".." in value and not value.startswith(("./", "../", "/")) else super().convert(value, param, ctx)
        )


@click.command()
@click.argument("run", type=_RunOrBranches(), metavar="RUN|BRANCH..BRANCH")
@click.pass_obj
def diff(folder: Path, run: str) -> None:
    """Show what changed since a run's newest result, or which runs differ between two branches.

    One line a value; of the prompt the words, those taken out as [-old-] and those put in as {+new+}; of videos the
    first digits of their sha256. Between branches, also where the video of each one's result lies.
    """
    from cosmosctl.commands.look.diff import difference
    from cosmosctl.commands.look.diff_branches import branches_in

    branches = branches_in(run)
    if branches is not None:
        _print_branches(folder, *branches)
        return

    found = difference(folder, run)
    if not found.changes and not found.words:
        click.echo(f"nothing changed since {found.batch} ({found.ended})", err=True)
        return
    click.echo(f"since {found.batch} ({found.ended}):", err=True)
    for change in found.changes:
        click.echo(f"{change.key}: {change.before} -> {change.after}")
    if found.words:
        click.echo("prompt:\n" + "\n".join(f"  {line}" for line in found.words.splitlines()))


def _print_branches(folder: Path, one: str, other: str) -> None:
    from cosmosctl.commands.look.diff_branches import differing

    found = differing(folder, one, other)
    if not found:
        click.echo(f"no run differs between {one} and {other}", err=True)
    for run in found:
        click.echo(f"{run.run}{f': only on {run.only}' if run.only else ''}")
        for key, before, after in run.changes:
            click.echo(f"  {key}: {before} -> {after}")
        for branch, video in zip((one, other), run.videos, strict=True):
            if run.only in ("", branch):
                click.echo(f"  {branch}  {video}")
