"""What is said of the runs that nobody named and that are not taken: which, why, and what mends it."""

from collections.abc import Iterator

import click

from cosmosctl.commands.audience import LeftOut
from cosmosctl.domain.plurals import counted
from cosmosctl.errors import bounded

SHOWN_RUNS = 5
"""Of the runs that one mistake keeps out, as many are named."""


def tell(left_out: LeftOut) -> None:
    """Say which runs are left out and why."""
    for line in bounded(list(left_out_lines(left_out))):
        click.echo(line, err=True)


def left_out_lines(left_out: LeftOut) -> Iterator[str]:
    """Which runs are left out and why, those with the same mistakes in one line."""
    runs: dict[tuple[str, ...], list[str]] = {}
    for run, mistakes in left_out.items():
        runs.setdefault(tuple(mistakes), []).append(run)
    for mistakes, named in runs.items():
        more = f" and {len(named) - SHOWN_RUNS} more" if len(named) > SHOWN_RUNS else ""
        for mistake in mistakes:
            yield f"left out: {', '.join(named[:SHOWN_RUNS])}{more}: {mistake}"


def tell_count(mistaken: LeftOut, damaged: LeftOut) -> None:
    """How many runs a command left out: the last that it says."""
    if mistaken:
        click.echo(f"{counted(len(mistaken), 'run')} left out because of mistakes: cosmosctl check", err=True)
    if damaged:
        words = "receipts that cannot be read: cosmosctl fetch RUN writes them anew"
        click.echo(f"{counted(len(damaged), 'run')} left out because of {words}", err=True)
