"""The text of `status`. Plain lines: ten thousand runs have to be printed at once."""

import sys
from collections.abc import Callable, Sequence

from cosmosctl.commands.look.status import Overview
from cosmosctl.domain.ids import command, is_id
from cosmosctl.domain.layout import BatchPaths
from cosmosctl.domain.plurals import duration, some
from cosmosctl.errors import MOST_SHOWN, bounded
from cosmosctl.io.streams import painter, style
from cosmosctl.io.visible import visible
from cosmosctl.state.going_on import eta_s, last_word_s, share
from cosmosctl.state.states import OpenBatch, RunState

SECTIONS: tuple[tuple[str, str, str], ...] = (
    ("pending", "Pending:", "cosmosctl batch"),
    ("changed", "Changed since their result:", "cosmosctl batch --changed"),
    ("failed", "Failed:", "cosmosctl retry"),
    ("cancelled", "Cancelled:", "cosmosctl retry"),
    ("absent", "Absent (the receipt is here, the video is not):", "cosmosctl fetch RUN"),
    ("damaged", "Receipts that cannot be read:", "cosmosctl fetch RUN, which writes them anew from what is here"),
    ("done", "Done:", "cosmosctl list runs --status done"),
)
_COLORS = {"failed": "red", "damaged": "red", "pending": "yellow", "changed": "yellow", "done": "green"}


def print_short(found: Overview) -> None:
    """A line a run: state and id."""
    _write([f"{state.state:<9} {run}" for run, state in found.runs.items()])


def print_status(found: Overview) -> None:
    """Everything, grouped by what to do next."""
    lines = [f"On host {found.host.name}{' (CPU previews)' if found.host.is_preview else ''}"]
    for batch in found.open_batches:
        lines += ["", *batch_lines(batch, found)]
    lines += foreign_lines(found.foreign)
    lines += _mistakes(found)
    for state, title, way in SECTIONS:
        runs = [run for run in found.runs.values() if run.state == state]
        if runs:
            lines += ["", title, f'  (use "{way}")', *_run_lines(runs, found, _COLORS.get(state, ""))]
    lines += _leftover_line(found.leftovers)
    if not found.runs:
        lines += ["", 'no runs yet (use "cosmosctl create prompt", "cosmosctl create run")']
    _write(lines)


def batch_lines(batch: OpenBatch, found: Overview) -> list[str]:
    """An unfinished batch: how it stands, what to type, its runs."""
    from cosmosctl.cli.draw.unlocked import unlocked_lines

    name, seen = batch.paths.name, batch.progress
    if batch.standing:
        seen_at = f", as seen {duration(last_word_s(batch))} ago" if seen.queue is not None else ""
        title, hint = f"Batch {name}: {batch.standing}{seen_at}", _standing_hint(batch)
    elif seen.finished:
        title, hint = f"Batch {name}: ended on its host, not all fetched", "cosmosctl fetch"
    else:
        eta = eta_s(batch)
        left = f", about {duration(eta)} left" if eta is not None else ""
        seen_at = f", last word {duration(last_word_s(batch))} ago"
        title = f"Batch {name}: running, {100 * share(batch):.0f} %{left}{seen_at}"
        hint = command("attach", name)
    if batch.problem:
        hint = f'{hint}", to give it up "{command("cancel", name, "--abandon")}'
    return [
        title,
        *([style(f"  {batch.problem}", "red")] if batch.problem else []),
        f'  (use "{hint}")',
        *(style(f"  {line}", "yellow") for line in (*unlocked_lines(seen), *_queue_lines(batch))),
        *_run_lines([found.runs[run] for run in batch.runs if run in found.runs], found, tells_state=True),
    ]


def _queue_lines(batch: OpenBatch) -> list[str]:
    """What its queue said of jobs of a batch that has begun, and what to do about those that wait for a person."""
    if batch.progress.queue is None or batch.progress.finished:
        return []
    from cosmosctl.state.queue_words import queue_hints, queue_words

    words = "" if batch.standing else queue_words(batch.progress)
    return [*([f"jobs: {words}"] if words else []), *queue_hints(batch.progress)]


def _standing_hint(batch: OpenBatch) -> str:
    """What to type for a batch of which nothing came back. One that was exported is not sent a second time."""
    from cosmosctl.host.launches import ASKED, EXPORTED

    how = batch.launch.how if batch.launch else ""
    attach, cancel = (command(verb, batch.paths.name) for verb in ("attach", "cancel"))
    if how == EXPORTED:
        return f'cosmosctl fetch --from FOLDER" with what comes back, "{cancel}'
    what = {"": "to send it", ASKED: "to see whether it runs"}.get(how, "to follow it")
    return f'{attach}" {what}, "{cancel}'


def _run_lines(runs: Sequence[RunState], found: Overview, color: str = "", *, tells_state: bool = False) -> list[str]:
    """A line a run; `tells_state`: no heading says where they stand."""
    width = max(len(run.run) for run in runs) if runs else 0
    cut, word, paint = _cutter(8 + width + 2), _state_word if tells_state else _word, painter(color)
    shown: dict[str, str] = {}  # thousands of runs have the words of a few prompts
    lines = []
    for run in runs:
        text = word(run) + _label(run.run, found)
        if text not in shown:
            shown[text] = cut(visible(text))
        lines.append(f"\t{paint(run.run.ljust(width))}  {shown[text]}")
    return lines


def _cutter(taken: int) -> Callable[[str], str]:
    """What makes a text fit behind so many columns of a line; a program gets it whole."""
    if not sys.stdout.isatty():
        return str
    from shutil import get_terminal_size

    from rich.cells import cell_len, set_cell_size

    room = max(1, get_terminal_size().columns - taken)
    return lambda text: text if cell_len(text) <= room else f"{set_cell_size(text, room - 1).rstrip()}…"


def _label(run: str, found: Overview) -> str:
    """The run's prompt, and what tells it from the other runs of that prompt."""
    look = found.looks.get(run, "")
    return f"{look}  {found.label(run)}" if look else found.label(run)


def _state_word(run: RunState) -> str:
    return f"{run.state}: {_word(run)}" if run.state in ("changed", "damaged") else _word(run) or f"{run.state}  "


def _word(run: RunState) -> str:
    if run.state in ("running", "queued"):
        part = f" {100 * run.share:.0f} %" if run.share is not None and run.state == "running" else ""
        return f"{run.state}{part}{': ' + run.detail if run.detail else ''}  "
    if run.state == "failed":
        kept = ", earlier result kept" if run.earlier_kept else ""
        from cosmosctl.domain.reasons import REASONS

        return f"{run.reason}{kept} ({run.detail or REASONS.get(run.reason, '')})  "
    if run.state == "changed":
        return f"{', '.join(run.changed)}  "
    if run.state == "damaged":
        return f"{run.detail}  "
    if run.state == "done" and not run.is_reported:
        return f"git has no result.yaml of it here: {command('fetch', run.run)}  "
    return "previewed  " if run.state == "pending" and run.previewed else ""


def _mistakes(found: Overview) -> list[str]:
    """Every mistake once, under one heading, first those of the whole project."""
    stopped: dict[str, list[str]] = {problem: [] for problem in found.problems}
    for run in found.runs.values():
        if run.state == "invalid":
            stopped.setdefault(run.detail, []).append(run.run)
    if not stopped:
        return []
    lines = ["", "Mistakes:", '  (use "cosmosctl check")']
    for problem, runs in list(stopped.items())[:MOST_SHOWN]:
        others = [run for run in runs if not problem.startswith(f"runs/{run}")]
        lines += [f"\t{style(problem, 'red')}", *([f"\t  stops {some(others, 'run')}"] if others else [])]
    return [*lines, *(f"\t{more}" for more in bounded(list(stopped))[MOST_SHOWN:])]


def foreign_lines(batches: Sequence[BatchPaths]) -> list[str]:
    """Batches of other clones whose plans came along, and what lets them be followed from here."""
    if not batches:
        return []
    from cosmosctl.host.trust import allow_batch_command

    return [
        "",
        "Made elsewhere, so that they hold no run here:",
        f'  (use "{allow_batch_command(batches[0])}" to see what it runs and go on with it here)',
        *bounded([f"\t{paths.name}" for paths in batches]),
    ]


def _leftover_line(folders: Sequence[str]) -> list[str]:
    """Folders that are no runs: git leaves results where they are when it takes run.yaml away."""
    if not folders:
        return []
    names = [name if is_id(name) else ascii(name) for name in folders]
    why = "results of another branch, or of a run that was removed"
    return ["", f"Left over in runs/, without run.yaml: {some(names, 'folder')} ({why})"]


def _write(lines: Sequence[str]) -> None:
    sys.stdout.write("\n".join(lines) + "\n")
    sys.stdout.flush()
