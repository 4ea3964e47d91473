"""Progress bars for work that is done here, on stderr and only on a terminal."""

import sys
from typing import TYPE_CHECKING

from cosmosctl.io.streams import trusted
from cosmosctl.io.visible import visible
from cosmosctl.plan.inputs import Recipe

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID


class Bars:
    """A bar for each thing that is being made; nothing is drawn when stderr is no terminal."""

    def __init__(self) -> None:
        self._bars: Progress | None = None
        self._tasks: dict[str, TaskID] = {}

    def __enter__(self) -> "Bars":
        return self

    def __exit__(self, *exc: object) -> None:
        if self._bars is not None:
            self._bars.stop()

    def show(self, what: str, done: int, total: int) -> None:
        """Draw how much of `what` is made."""
        from cosmosctl.cli.draw.follow_view import on_terminal

        if not on_terminal():
            return
        if self._bars is None:
            from rich.console import Console
            from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

            what_column = TextColumn("{task.description}", markup=False)
            console = Console(file=trusted(sys.stderr))
            self._bars = Progress(
                what_column, BarColumn(), TaskProgressColumn(), TimeRemainingColumn(), console=console, transient=True
            )
            self._bars.start()
        if what not in self._tasks:
            self._tasks[what] = self._bars.add_task(visible(what), total=total)
        self._bars.update(self._tasks[what], completed=done)

    def control(self, recipe: Recipe, done: int, total: int) -> None:
        """The same for a computed control."""
        video, control, preset = recipe
        self.show(f"{control} {preset} of {video}", done, total)
