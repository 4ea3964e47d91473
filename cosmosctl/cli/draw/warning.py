"""Warnings on stderr: what is said of many runs is said once, with the key that silences it."""

from collections.abc import Iterable

import click

from cosmosctl.domain.plurals import some
from cosmosctl.domain.surprises import RANDOM, Told


def warn(told: Iterable[Told], *, notes: bool = False) -> None:
    """Print each warning with its runs; `notes`: also what is true of every default run and no reason to warn."""
    for one in told:
        if one.kind == RANDOM and not notes:
            continue
        word = "note" if one.kind == RANDOM else "warning"
        click.echo(f"{word}: {one.text}", err=True)
        silence = f"'quiet: [{one.kind}]' in run.yaml or cosmosctl.yaml silences it"
        click.echo(f"  {some(one.runs, 'run')}; {silence}", err=True)
