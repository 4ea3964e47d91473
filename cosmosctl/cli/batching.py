"""The body of `batch` and `inference`: select, check, bundle, send, follow, sum up."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import click

from cosmosctl import models
from cosmosctl.cli.draw import left_out
from cosmosctl.cli.draw.bars import Bars
from cosmosctl.cli.draw.follow_view import FollowView, preview_note
from cosmosctl.cli.draw.warning import warn
from cosmosctl.cli.interrupting import on_ctrl_c
from cosmosctl.commands import batch, prepare, select
from cosmosctl.commands.prepare import Checked
from cosmosctl.commands.select import Wanted
from cosmosctl.domain.batch import AllowedBatch
from cosmosctl.domain.ids import Names, command, resolve_id
from cosmosctl.domain.layout import ProjectPaths
from cosmosctl.domain.plurals import counted
from cosmosctl.domain.project import Drafts, Host
from cosmosctl.errors import EXIT_OK, EXIT_RUNS_WITHOUT_RESULT, UsageError
from cosmosctl.following import follow, starting
from cosmosctl.following.many import follow_together
from cosmosctl.host import trust
from cosmosctl.log import say
from cosmosctl.plan import bundle
from cosmosctl.plan.planner import Plan
from cosmosctl.results import batch_end
from cosmosctl.state import estimates, states
from cosmosctl.state.claims import opened, waiting_for
from cosmosctl.state.states import RunState
from cosmosctl.store import Snapshot, load_all, write_drafts

NOTHING_STARTED = "interrupted; nothing was started"


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
    export: Path | None = None
    upscale_weight: float | None = None
    only_well: bool = False
    roots: tuple[str, ...] = ()
    drafts: Drafts = field(default_factory=Drafts)
    upscales: bool = False

    @property
    def takes_what_is_well(self) -> bool:
        """Whether runs with mistakes are left out: nobody named them one by one."""
        return self.only_well or (not self.ids and self.from_jsonl is None)


def run_batch(folder: Path, request: Request) -> int:
    """Do what was asked for and return the exit code: 0 when every run has its result.

    What has to be made for it (a prompt's run, the runs of JSONL lines) is written when all has been looked at.
    """
    project = opened(folder, may_write=not request.dry_run)
    _refuse_words(request)
    with on_ctrl_c(NOTHING_STARTED):
        snapshot = load_all(project.root)
        host = snapshot.host(request.host)
        if not request.dry_run:
            trust.allowed_host(project.root, host)  # before anything is written
        runs, drafts, damaged = _runs(folder, project, snapshot, host, request)
        left_out.tell(damaged)
        if not runs:
            return left_out.code_with(EXIT_OK, {}, damaged)
        snapshot = snapshot.with_drafts(drafts)
        batch.refuse_held(project, runs)
        if not request.dry_run:
            prepare.ask_for_outside(snapshot, runs)
        if request.takes_what_is_well:
            checked = prepare.check_well(project, snapshot, runs, host, model=request.model)
        else:
            checked = prepare.check(project, snapshot, runs, model=request.model)
    warn(prepare.to_be_told(snapshot, checked))
    left_out.tell(checked.left_out)
    with on_ctrl_c(NOTHING_STARTED), Bars() as bars:
        plans = prepare.plans(project, checked, host, progress=bars.control)
    if request.dry_run:
        code = _dry_run(project, plans, checked, host)
    else:
        write_drafts(project.root, drafts)
        for run in _new_or_found(snapshot, runs, drafts, request):
            click.echo(run)
        code = _run(folder, project, snapshot.config.project, plans, checked, host, request)
    return left_out.code_with(code, checked.left_out, damaged)


def _new_or_found(snapshot: Snapshot, runs: Sequence[str], drafts: Drafts, request: Request) -> tuple[str, ...]:
    """The runs that nobody named: those that were made, and those that upscale already what was asked for."""
    new = {run.id for run in drafts.runs}
    found = set(runs) - new if request.upscales else set()
    return tuple(run for run in runs if run in new or (run in found and snapshot.runs[run].upscales))


def _refuse_words(request: Request) -> None:
    """What cannot be meant, before anything is looked at. Raises: UsageError."""
    batch.checked_title(request.batch_name)
    if request.from_jsonl is not None and (request.ids or request.wanted != Wanted()):
        raise UsageError(
            "--from-jsonl takes the runs of its lines and no other: leave out RUN, --changed, --failed and --all"
        )
    if request.roots and request.from_jsonl is None:
        raise UsageError("--root maps the paths of --from-jsonl, which is not given")
    if request.export is not None:
        from cosmosctl.commands.export import refuse_target

        refuse_target(request.export)


def _dry_run(project: ProjectPaths, plans: Sequence[Plan], checked: Checked, host: Host) -> int:
    from cosmosctl.cli.draw.dry_run import show_plans

    show_plans(project, plans, host)
    for run, source in prepare.waits(checked).items():
        click.echo(f"\n{run} follows in the next batch, with the result of {source}")
    return EXIT_OK


def _run(
    folder: Path,
    project: ProjectPaths,
    project_id: str,
    plans: Sequence[Plan],
    checked: Checked,
    host: Host,
    request: Request,
) -> int:
    with on_ctrl_c(NOTHING_STARTED):
        allowed = trust.allowed_host(project.root, host)
        made = batch.make_batches(project, checked, plans, allowed, project_id=project_id, title=request.batch_name)
    if request.export is not None:
        from cosmosctl.commands.export import export_batch

        for one in made:
            click.echo(export_batch(project, one, request.export))
        return EXIT_OK
    code = launch_and_follow(project, made, detach=request.detach) if made else EXIT_OK
    return max(code, _next_batch(folder, project, checked, host, request))


def _next_batch(folder: Path, project: ProjectPaths, checked: Checked, host: Host, request: Request) -> int:
    """Batch the runs that waited for results of these batches; of those without one say what is missing."""
    waiting, specs = prepare.waits(checked), {spec.run: spec for spec in checked.specs}
    ready = [
        run
        for run, source in waiting.items()
        if not request.detach and prepare.has_result(project, specs[source], host, checked.found)
    ]
    for run in [run for run in waiting if run not in ready]:
        click.echo(f"{run} waits for the result of {waiting[run]}: {command('batch', run)}", err=True)
    following = replace(
        request, ids=tuple(ready), model=None, from_jsonl=None, roots=(), upscale_weight=None, drafts=Drafts()
    )
    again = run_batch(folder, following) if ready else EXIT_OK
    lacking = len(ready) < len(waiting) and not request.detach
    return max(again, EXIT_RUNS_WITHOUT_RESULT) if lacking else again


def retry_runs(folder: Path, ids: Sequence[str], host: str | None, *, detach: bool) -> int:
    """Go on with unfinished batches that were named, then run again what has no result.

    Raises: NotAllowed for an unfinished batch of another clone.
    """
    project = opened(folder)
    snapshot = load_all(project.root)
    chosen = snapshot.host(host)
    known = states.all_states(project, snapshot, preview=chosen.is_preview)
    names = {paths.name for paths in states.batches(project)}
    found = [resolve_id(word, {*known, *names}, what="run or batch") for word in ids]
    for paths in states.foreign_batches(project):
        if paths.name in found:
            trust.allowed_batch(paths)
    waiting = {one.paths.name for one in states.open_batches(project)}
    code = follow_all(project, [name for name in found if name in waiting], follow.attach)
    again = [run for name in found for run in _without_result(project, name, names - waiting, known)]
    if not ids:
        again = [run for run, state in known.items() if state.state in ("failed", "cancelled")]
        damaged = select.damaged(known)
        left_out.tell(damaged)
        code = left_out.code_with(code, {}, damaged)
    if not again:
        if not ids:
            pending = sum(state.state == "pending" for state in known.values())
            more = f"; {counted(pending, 'run')} pending: cosmosctl batch" if pending else ""
            click.echo(f"no run has failed{more}", err=True)
        return code
    request = Request(tuple(again), "retry", host, None, False, Wanted(), detach, None, only_well=not ids)
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


def launch_and_follow(project: ProjectPaths, made: Sequence[AllowedBatch], *, detach: bool) -> int:
    """Send every batch, then follow them. Ctrl-C before a launch frees the batch, after it only stops watching.

    Raises: what hosts said of batches that they refused, once the others have ended.
    """
    for one in made:
        if one.host.is_preview:
            click.echo(preview_note(one), err=True)
    with FollowView({}) as view:
        refused = starting.start_all(project, made, view)
    started = [one for one in made if not batch_end.is_ended(project.batch(one.name))]
    code = _detached(started) if detach else follow_all(project, [one.name for one in started], follow.follow)
    for error in list(refused.values())[1:]:
        say(error.line)
    for error in refused.values():
        raise error
    return code


def _detached(started: Sequence[AllowedBatch]) -> int:
    for one in started:
        click.echo(f"{one.name}")
        click.echo(f"{one.name} runs on {one.host.name}; {command('attach', one.name)} brings the results", err=True)
    return EXIT_OK


def follow_all(project: ProjectPaths, names: Sequence[str], how: "follow.How") -> int:
    """Follow batches to their end, all at once, and print their summaries."""
    earlier = [paths for paths in states.batches(project) if batch_end.is_ended(paths)]
    found = [bundle.read_batch(project.batch(name)) for name in names]
    pasts = {one.name: estimates.past(earlier, host=one.host.name, model=one.model) for one in found}
    outcomes = []
    with FollowView(pasts) as view:
        for outcome in follow_together(names, lambda name: how(project, name, view)):
            outcomes.append(outcome)
            view.summary(outcome, project.root)
    return EXIT_OK if all(outcome.all_done for outcome in outcomes) else EXIT_RUNS_WITHOUT_RESULT


def _runs(
    folder: Path, project: ProjectPaths, snapshot: Snapshot, host: Host, request: Request
) -> tuple[tuple[str, ...], Drafts, left_out.LeftOut]:
    """The runs to batch, drafts of those that are in no file yet, and what nobody can tell the state of."""
    names = select.names_for(snapshot, placeholders=request.dry_run)
    if request.from_jsonl is not None:
        from cosmosctl.commands.from_jsonl import drafts_from_jsonl, roots_of

        roots = roots_of(folder, request.roots)
        drafts = drafts_from_jsonl(snapshot, request.from_jsonl, names, roots=roots, model=request.model)
        _tell_placeholders(drafts, request)
        return tuple(run.id for run in drafts.runs), drafts, {}
    if request.drafts.runs:
        return request.ids, request.drafts, {}
    if request.ids:
        runs, drafts = _named(snapshot, request, names)
        _tell_placeholders(drafts, request)
        return runs, drafts, {}
    known = states.all_states(project, snapshot, preview=host.is_preview)
    waiting = waiting_for(project) if request.dry_run else {}
    for run, place in waiting.items():
        click.echo(f"{run} has a result that waits in {place}; cosmosctl status takes it in", err=True)
    runs = tuple(run for run in select.bare(known, request.wanted) if run not in waiting)
    if not runs:
        click.echo(select.nothing_to_do(known), err=True)
    return runs, Drafts(), select.damaged(known)


def _named(snapshot: Snapshot, request: Request, names: Names) -> tuple[tuple[str, ...], Drafts]:
    """The named runs, new ones for named prompts, and for each of them one that upscales its result, if asked for."""
    runs, prompts = select.split_ids(snapshot, request.ids)
    made = select.drafts_for_prompts(prompts, names)
    chosen = (*runs, *(run.id for run in made.runs))
    if request.upscale_weight is None:
        return chosen, made
    from cosmosctl.commands.upscale import upscale_runs

    larger, more = upscale_runs(snapshot.with_drafts(made), chosen, request.upscale_weight, names)
    return (*chosen, *larger), Drafts(runs=(*made.runs, *more.runs))


def _tell_placeholders(drafts: Drafts, request: Request) -> None:
    """What the ids of a dry run stand for, which are in no file."""
    for run in drafts.runs if request.dry_run else ():
        source = models.source_of(run)
        what = f"that upscales {source}" if source else f"of {run.places[''] if run.places else run.prompt}"
        click.echo(f"{run.id} stands for a new run {what}", err=True)
