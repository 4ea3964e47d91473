"""What people see while a batch runs and when it has ended. Progress goes to stderr, results to stdout."""

import shutil
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING

import click

from cosmosctl.cli.draw.folding import folded
from cosmosctl.cli.draw.unlocked import unlocked_lines
from cosmosctl.domain.batch import Batch, BatchRow
from cosmosctl.domain.ids import command
from cosmosctl.domain.plurals import counted, duration
from cosmosctl.domain.reasons import REASONS
from cosmosctl.events.progress import Progress
from cosmosctl.following.watcher import Outcome
from cosmosctl.host.streams import Transfer
from cosmosctl.io.streams import trusted
from cosmosctl.io.visible import visible
from cosmosctl.models import get as get_model
from cosmosctl.results.collect import Collected
from cosmosctl.state.estimates import Past
from cosmosctl.state.queue_words import queue_hints, queue_words

if TYPE_CHECKING:
    from rich.progress import TaskID

WORDS_OF_PROMPT = 6


def label(prompt: str, video: str) -> str:
    """Scene and first words of the prompt: what stands beside an id wherever people see one."""
    parts = Path(video).parts
    scene = parts[-2] if len(parts) > 1 else Path(video).stem
    first = prompt.split()[:WORDS_OF_PROMPT]
    return f"{scene}: {' '.join(first)}{' …' if len(prompt.split()) > WORDS_OF_PROMPT else ''}"


def on_terminal() -> bool:
    """Whether progress may be drawn: stderr is a terminal."""
    return sys.stderr.isatty()


class FollowView:
    """Draws how batches go: bars on a terminal, otherwise a line an event. The bars go when all is done.

    `pasts`: by the name of a batch, what its host took before.
    """

    def __init__(self, pasts: Mapping[str, Past | None]) -> None:
        self._pasts = pasts
        self._told: set[str] = set()
        self._known: dict[str, dict[str, Collected]] = {}
        self._bars = _Bars() if on_terminal() else None
        self._tells_all = on_terminal() and sys.stdout.isatty()

    def __enter__(self) -> "FollowView":
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        if self._bars:
            self._bars.stop()

    def __call__(self, batch: Batch, progress: Progress, home: Mapping[str, Collected]) -> None:
        """Show where `batch` stands; called again and again while it runs."""
        phase = self._phase(batch, progress)
        if self._bars:
            self._bars.show(batch, progress, phase)
        elif phase:
            self._once(phase)
        for why in progress.replaced:
            self._once(f"{batch.name}: {why}; the model's own command is started instead")
        for line in (*unlocked_lines(progress), *queue_hints(progress)):
            self._once(f"{batch.name}: {line}")
        for run, one in self._new(batch, home):
            row = batch.row(run)
            if self._tells_all:
                self._once(_on_a_terminal(row, one, batch))
            else:
                self._once(f"{run}  {one.reason or one.state}  {label(row.text, row.video)}")

    def _new(self, batch: Batch, home: Mapping[str, Collected]) -> Sequence[tuple[str, Collected]]:
        """What came home since the last call: thousands may be there, and we are called ten times a second."""
        known = self._known.setdefault(batch.name, {})
        found = [(run, one) for run, one in home.items() if known.get(run) is not one]
        known.update(found)
        return found

    def transfer(self, batch: Batch, what: str, done: Transfer) -> None:
        """Show how far a push or pull is; on a terminal only."""
        if self._bars:
            self._bars.name(batch, transfer_words(batch, what, done))

    def summary(self, outcome: Outcome, root: Path) -> None:
        """Print what came of a batch; bars are drawn again once there is something new to show.

        On a terminal each run was told when it came home, and is not told again.
        """
        if self._tells_all:
            self(outcome.batch, outcome.progress, outcome.runs)
        if self._bars:
            self._bars.stop()
        click.echo(summary(outcome, root, with_runs=not self._tells_all))

    def _phase(self, batch: Batch, progress: Progress) -> str:
        if progress.unreachable_since is not None:
            since = time.strftime("%H:%M", time.localtime(progress.unreachable_since))
            return f"{batch.name}: {batch.host.name} unreachable since {since}; it goes on there by itself"
        if not progress.launched:
            waits = queue_words(progress)
            return f"{batch.name}: {waits}" if waits else f"{batch.name}: sending to {batch.host.name}"
        if progress.waiting:
            return f"{batch.name}: waiting for a GPU that another batch has ({progress.waiting})"
        if len(progress.loads) < max(1, len(progress.processes)) and not progress.finished:
            past = self._pasts.get(batch.name)
            last = f" (last time {duration(past.load_s)})" if past else ""
            return f"{batch.name}: loading model{last}"
        return f"{batch.name}: generating"

    def _once(self, line: str) -> None:
        if line not in self._told:
            self._told.add(line)
            if self._bars:
                self._bars.say(line)
            else:
                click.echo(line, err=True)


class _Bars:
    """A bar a batch: finished runs and the parts of those being generated."""

    def __init__(self) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

        columns = (
            TextColumn("{task.description}", markup=False),
            BarColumn(),
            MofNCompleteColumn(),
            TimeRemainingColumn(),
        )
        self._bars = Progress(*columns, console=Console(file=trusted(sys.stderr)), refresh_per_second=5, transient=True)
        self._tasks: dict[str, TaskID] = {}

    def show(self, batch: Batch, progress: Progress, phase: str) -> None:
        self.name(batch, phase)
        self._bars.update(self._tasks[batch.name], completed=len(progress.ends) + sum(progress.running.values()))

    def name(self, batch: Batch, phase: str) -> None:
        self._bars.start()  # not before: until then ssh may ask for a passphrase here
        if batch.name not in self._tasks:
            self._tasks[batch.name] = self._bars.add_task(visible(phase), total=len(batch.rows))
        self._bars.update(self._tasks[batch.name], description=visible(phase))

    def say(self, line: str) -> None:
        self._bars.console.print(visible(line), highlight=False, markup=False, emoji=False)

    def stop(self) -> None:
        self._bars.stop()


def transfer_words(batch: Batch, what: str, done: Transfer) -> str:
    """Bytes, share, rate and time left of a push or pull."""
    way = {"push": f"sending to {batch.host.name}", "pull": f"fetching from {batch.host.name}"}[what]
    return f"{batch.name}: {way}: {done.bytes / 1e6:.1f} MB, {done.share:.0%}, {done.rate}, {done.left} left"


def summary(outcome: Outcome, root: Path, *, with_runs: bool = True) -> str:
    """One line a run, then how time was spent, then the paths of the videos."""
    batch = outcome.batch
    width = max(len(run) for run in batch.runs)
    lines = []
    for row in batch.rows if with_runs else ():
        lines += _run_lines(row, outcome.runs[row.run], batch.model, width=width)
    lines += [_times(outcome)] if with_runs else folded(_times(outcome), shutil.get_terminal_size().columns)
    lines += [f"{batch.name}: {line}" for line in unlocked_lines(outcome.progress)]
    videos = [one.video for one in outcome.runs.values() if one.state == "done"]
    return "\n".join([*lines, *(str(_shown(video, root)) for video in videos)])


def _run_lines(row: BatchRow, one: Collected, model: str, *, width: int) -> list[str]:
    """What came of a run, and below it what to do where it has no result."""
    head = f"{row.run:<{width}}  {one.reason or one.state:<9}  {label(row.text, row.video)}"
    more = [text for text in _next_step(one, model) if text not in row.warnings]
    return [head, *(f"{'':<{width}}  {text}" for text in more)]


def _on_a_terminal(row: BatchRow, one: Collected, batch: Batch) -> str:
    """The same in lines that fit, so that what goes on stands below the words and not below the id."""
    width, columns = max(map(len, batch.runs)), shutil.get_terminal_size().columns
    head, *more = _run_lines(row, one, batch.model, width=width)
    return "\n".join([head, *(part for line in more for part in folded(line, columns, indent=" " * (width + 2)))])


def told(found: Sequence[Collected]) -> str:
    """One line for each run that came home."""
    width = max(len(one.run) for one in found)
    return "\n".join(f"{one.run:<{width}}  {one.reason or one.state:<9}  {_where(one)}" for one in found)


def preview_note(batch: Batch) -> str:
    """The first line of a preview batch: nobody shall take it for the model's result."""
    return f"PREVIEW: {batch.name} shows {batch.model}'s input; no model runs"


def _where(one: Collected) -> str:
    return str(one.video) if one.state == "done" else one.detail


def _next_step(one: Collected, model: str) -> list[str]:
    if one.state == "done":
        return list(one.warnings)
    meaning = REASONS.get(one.reason, "")
    if one.reason == "gpu-oom":
        meaning = f"{meaning}; {get_model(model).LESS_MEMORY}"
    told = [text for text in (one.detail, meaning) if text]
    return [*told, f"{command('logs', one.run)}; {command('retry', one.run)}"]


def _times(outcome: Outcome) -> str:
    progress = outcome.progress
    done = [run for run, one in outcome.runs.items() if one.state == "done"]
    seconds = [end.seconds for run, end in progress.ends.items() if run in done]
    if not done or not seconds or progress.started is None:
        many = f"{len(done)} of {len(outcome.batch.rows)} done" if done else "no run has a result"
        return f"{outcome.batch.name}: {many}"
    wall = max(0.001, progress.elapsed.seconds)
    gpus = progress.places
    spared = len(progress.ends) - len(progress.processes)
    saved = f" ({counted(spared, 'load')} saved)" if spared > 0 else ""
    return (
        f"{outcome.batch.name}: {len(done)} of {len(outcome.batch.rows)} done in {duration(wall)}; "
        f"load {sum(progress.loads):.1f} s in {counted(len(progress.processes), 'start')}{saved}, "
        f"{sum(seconds) / len(seconds):.1f} s a video, busy {100 * min(1.0, sum(seconds) / wall / gpus):.0f} %"
    )


def _shown(path: Path, root: Path) -> Path:
    """The path as it can be typed from here, when that is shorter."""
    try:
        return path.resolve().relative_to(Path.cwd())
    except (ValueError, OSError):
        return path
