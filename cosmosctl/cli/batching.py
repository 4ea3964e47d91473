"""The body of `batch` and `inference`: select, check, bundle, send, follow, sum up."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import click

from cosmosctl import bundle, ends, estimates, states
from cosmosctl.cli.view import FollowView, on_terminal, preview_note, summary
from cosmosctl.commands import attach, batch, prepare, select
from cosmosctl.commands.attach import Outcome
from cosmosctl.commands.cancel import free
from cosmosctl.commands.prepare import Checked
from cosmosctl.commands.select import Wanted
from cosmosctl.domain.batch import Batch
from cosmosctl.domain.ids import resolve_id
from cosmosctl.domain.layout import ProjectPaths
from cosmosctl.domain.project import Host
from cosmosctl.errors import EXIT_OK, EXIT_RUNS_WITHOUT_RESULT, CosmosctlError, Interrupted
from cosmosctl.inputs import Recipe
from cosmosctl.states import RunState
from cosmosctl.store import Snapshot, find_root, load_all

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID


@dataclass(frozen=True)
class Request:
    """What the options of `batch` and `inference` say."""

    ids: tuple[str, ...]
    batch_name: str | None
    host: str | None
    model: str | None
    dry_run: bool
    wanted: Wanted
    detach: bool
    from_jsonl: Path | None


def run_batch(folder: Path, request: Request) -> int:
    """Do what was asked for and return the exit code: 0 when every run has its result."""
    project = ProjectPaths(find_root(folder))
    snapshot = load_all(project.root)
    host = prepare.pick_host(snapshot, request.host)
    runs = _runs(project, snapshot, host, request)
    if not runs:
        return EXIT_OK
    snapshot = load_all(project.root)
    batch.refuse_held(project, runs)
    checked = prepare.check(project, snapshot, runs, model=request.model)
    _warn(checked)
    if request.dry_run:
        from cosmosctl.cli.dry_run import show_plans

        with ControlBar() as bar:
            plans = prepare.plans(project, checked, host, progress=bar)
        show_plans(project, plans, host)
        return EXIT_OK
    with ControlBar() as bar:
        made = batch.make_batches(
            project,
            checked,
            host,
            project_id=snapshot.config.project,
            title=request.batch_name,
            progress=bar,
        )
    return launch_and_follow(project, made, detach=request.detach)


def retry_runs(folder: Path, ids: Sequence[str], host: str | None, *, detach: bool) -> int:
    """Go on with unfinished batches that were named, then run again what has no result."""
    project = ProjectPaths(find_root(folder))
    snapshot = load_all(project.root)
    chosen = prepare.pick_host(snapshot, host)
    known = states.all_states(project, snapshot, preview=chosen.is_preview)
    names = {paths.name for paths in states.batches(project)}
    found = [resolve_id(word, {*known, *names}, what="run or batch") for word in ids]
    waiting = {one.paths.name for one in states.open_batches(project)}
    code = follow_all(project, [name for name in found if name in waiting], attach.attach)
    again = [run for name in found for run in _without_result(project, name, names - waiting, known)]
    if not ids:
        again = [run for run, state in known.items() if state.state in ("failed", "cancelled")]
    if not again:
        if not ids:
            click.echo("no run has failed", err=True)
        return code
    request = Request(tuple(again), "retry", host, None, False, Wanted(), detach, None)
    return max(code, run_batch(folder, request))


def _without_result(
    project: ProjectPaths, name: str, ended: Collection[str], known: Mapping[str, RunState]
) -> tuple[str, ...]:
    """The runs that retrying `name`, a run or an ended batch, means."""
    if name in known:
        return (name,)
    if name not in ended:
        return ()
    runs = bundle.read_batch(project.batch(name)).runs
    return tuple(run for run in runs if run in known and known[run].state in ("failed", "cancelled", "pending"))


def launch_and_follow(project: ProjectPaths, made: Sequence[Batch], *, detach: bool) -> int:
    """Send every batch, then follow them. Ctrl-C before a launch frees the batch, after it only stops watching."""
    for one in made:
        if one.host.is_preview:
            click.echo(preview_note(one), err=True)
        _send(project, one)
    if detach:
        for one in made:
            click.echo(f"{one.name}")
            click.echo(f"{one.name} runs on {one.host.name}; cosmosctl attach {one.name} brings the results", err=True)
        return EXIT_OK
    return follow_all(project, [one.name for one in made], attach.follow)


def follow_all(project: ProjectPaths, names: Sequence[str], how: "attach.How") -> int:
    """Follow batches to their end one after the other and print their summaries."""
    outcomes = [_follow(project, name, how) for name in names]
    return EXIT_OK if all(outcome.all_done for outcome in outcomes) else EXIT_RUNS_WITHOUT_RESULT


class ControlBar:
    """A bar for each control that is being computed; silent when stderr is no terminal."""

    def __init__(self) -> None:
        self._bars: Progress | None = None
        self._tasks: dict[Recipe, TaskID] = {}

    def __enter__(self) -> "ControlBar":
        return self

    def __exit__(self, *exc: object) -> None:
        if self._bars is not None:
            self._bars.stop()

    def __call__(self, recipe: Recipe, done: int, total: int) -> None:
        if not on_terminal():
            return
        if self._bars is None:
            from rich.console import Console
            from rich.progress import Progress

            self._bars = Progress(console=Console(stderr=True))
            self._bars.start()
        if recipe not in self._tasks:
            self._tasks[recipe] = self._bars.add_task(f"{recipe[1]} {recipe[2]} of {recipe[0]}", total=total)
        self._bars.update(self._tasks[recipe], completed=done)


def _runs(project: ProjectPaths, snapshot: Snapshot, host: Host, request: Request) -> tuple[str, ...]:
    if request.from_jsonl is not None:
        from cosmosctl.commands.from_jsonl import runs_from_jsonl

        made = runs_from_jsonl(project, snapshot, request.from_jsonl)
        for run in made:
            click.echo(run)
        return made
    if request.ids:
        runs, prompts = select.split_ids(snapshot, request.ids)
        if request.dry_run and prompts:
            raise CosmosctlError("a dry run makes no runs; name runs", hint=f"cosmosctl create run {prompts[0]}")
        made = select.runs_for_prompts(project, prompts)
        for run in made:
            click.echo(run)
        return (*runs, *made)
    known = states.all_states(project, snapshot, preview=host.is_preview)
    runs = select.bare(known, request.wanted)
    if not runs:
        click.echo(select.nothing_to_do(known), err=True)
    return runs


def _warn(checked: Checked) -> None:
    for warning in dict.fromkeys(line for lines in checked.warnings.values() for line in lines):
        click.echo(f"warning: {warning}", err=True)


def _send(project: ProjectPaths, one: Batch) -> None:
    try:
        attach.start(project, one)
    except KeyboardInterrupt:
        free(project, one)
        raise Interrupted(
            f"stopped before {one.name} was launched; its runs are free again", hint="cosmosctl batch"
        ) from None


def _follow(project: ProjectPaths, name: str, how: "attach.How") -> Outcome:
    one = bundle.read_batch(project.batch(name))
    earlier = [paths for paths in states.batches(project) if ends.is_ended(paths)]
    with FollowView(estimates.past(earlier, host=one.host.name, model=one.model)) as view:
        try:
            outcome = how(project, name, view)
        except KeyboardInterrupt:
            raise Interrupted(
                f"stopped watching; {name} goes on on {one.host.name}",
                hint=f"cosmosctl attach {name} comes back, cosmosctl cancel {name} ends it",
            ) from None
    click.echo(summary(outcome, project.root))
    return outcome
