"""The walk of a batch: select, check, plan, bundle, send, follow, and again for what waited for its results."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from cosmosctl.commands import prepare
from cosmosctl.commands.audience import Audience, LeftOut
from cosmosctl.commands.interrupting import on_ctrl_c
from cosmosctl.commands.look_copies import make_look_copies
from cosmosctl.commands.on_end import tell_end
from cosmosctl.commands.prepare import Checked
from cosmosctl.commands.run import costs, make_batches
from cosmosctl.commands.run.request import Request
from cosmosctl.commands.run.taken import taken_runs
from cosmosctl.commands.select import Wanted
from cosmosctl.domain.batch import AllowedBatch
from cosmosctl.domain.ids import command
from cosmosctl.domain.layout import ProjectPaths
from cosmosctl.domain.project import Drafts, Host
from cosmosctl.errors import EXIT_OK, EXIT_RUNS_WITHOUT_RESULT, CosmosctlError, UsageError
from cosmosctl.following import follow, starting
from cosmosctl.following.leaving import leaving
from cosmosctl.following.many import follow_together
from cosmosctl.following.watcher import How, Outcome
from cosmosctl.host import trust
from cosmosctl.log import say
from cosmosctl.opening.project import opened
from cosmosctl.plan import bundle_reader
from cosmosctl.plan.inputs import NOTHING_FOUND
from cosmosctl.plan.planner import Plan
from cosmosctl.results import batch_end
from cosmosctl.state import estimates, states
from cosmosctl.store import Snapshot, load_all
from cosmosctl.store.drafts import write_drafts

NOTHING_STARTED = "interrupted; nothing was started"


@dataclass(frozen=True)
class Looked:
    """Runs that were selected, looked at and planned; nothing of it was written or sent.

    `drafts`: those of the runs that are in no file yet. `damaged`: runs whose state nobody can tell, left out.
    """

    project: ProjectPaths
    snapshot: Snapshot
    host: Host
    runs: tuple[str, ...]
    drafts: Drafts
    damaged: LeftOut
    checked: Checked
    plans: tuple[Plan, ...] = ()

    @property
    def waits(self) -> Mapping[str, str]:
        """Run -> the run whose result it waits for, which another model makes first."""
        return prepare.waits(self.checked)


@dataclass(frozen=True)
class Launched:
    """Batches that were sent and launched, and what hosts said of those that they refused, by batch."""

    made: tuple[AllowedBatch, ...]
    refused: Mapping[str, CosmosctlError] = field(default_factory=dict)

    def names(self, project: ProjectPaths) -> tuple[str, ...]:
        """Those that go on."""
        return tuple(one.name for one in self.made if not batch_end.is_ended(project.batch(one.name)))


def run_batch(folder: Path, request: Request, audience: Audience) -> int:
    """Do what was asked for and return the exit code: 0 when every run has its result.

    Raises: CosmosctlError; what a host said of a batch that it refused, once the others have ended.
    """
    looked = look(folder, request, audience)
    code = _go_on(folder, looked, request, audience) if looked.runs else EXIT_OK
    audience.left_out_count(looked.checked.left_out, looked.damaged)
    return max(code, EXIT_RUNS_WITHOUT_RESULT) if looked.checked.left_out or looked.damaged else code


def look(folder: Path, request: Request, audience: Audience) -> Looked:
    """The runs that are meant, checked and planned. What has to be made for them is in no file yet.

    Raises: UsageError, FilesError, NotAllowed, FileError.
    """
    project = opened(folder, may_write=not request.dry_run)
    refuse_words(request)
    with on_ctrl_c(NOTHING_STARTED):
        looked = _selected(folder, project, request, audience)
        audience.left_out(looked.damaged)
        if not looked.runs:
            return looked
        looked = replace(looked, checked=_checked(looked, request))
    audience.warn(prepare.to_be_told(looked.snapshot, looked.checked))
    audience.left_out(looked.checked.left_out)
    with on_ctrl_c(NOTHING_STARTED), audience.computing() as progress:
        return replace(looked, plans=prepare.plans(project, looked.checked, looked.host, progress=progress))


def make(looked: Looked, title: str | None) -> tuple[AllowedBatch, ...]:
    """Plans into batches; the drafts of their runs are files by now.

    Raises: UsageError when an unfinished batch has a run already.
    """
    with on_ctrl_c(NOTHING_STARTED):
        allowed = trust.allowed_host(looked.project.root, looked.host)
        return make_batches.make_batches(
            looked.project,
            looked.checked,
            looked.plans,
            allowed,
            project_id=looked.snapshot.config.project,
            title=title,
        )


def launch(project: ProjectPaths, made: Sequence[AllowedBatch], audience: Audience) -> Launched:
    """Send every batch and start it. Ctrl-C before a launch frees the batch, after it only stops watching."""
    with starting.freeing(project, made):
        for one in made:
            audience.starting(one)
        with audience.following({}) as view:
            return Launched(tuple(made), starting.start_all(project, made, view))


def follow_all(project: ProjectPaths, names: Sequence[str], how: How, audience: Audience) -> tuple[Outcome, ...]:
    """Follow batches to their end, all at once, and tell what came of each. Raises: HostError, Interrupted."""
    found = [bundle_reader.read_batch(project.batch(name)) for name in names]
    with leaving(project, found):
        going_on = [name for name in names if not batch_end.is_ended(project.batch(name))]
        earlier = [paths for paths in states.batches(project) if batch_end.is_ended(paths)]
        pasts = {one.name: estimates.past(earlier, host=one.host.name, model=one.model) for one in found}
        outcomes = []
        with audience.following(pasts) as view:
            for outcome in follow_together(names, lambda name: how(project, name, view)):
                outcomes.append(outcome)
                view.summary(outcome, project.root)
        for outcome in outcomes:
            if outcome.batch.name in going_on:
                _tell_end(project, outcome, audience)
    return tuple(outcomes)


def _tell_end(project: ProjectPaths, outcome: Outcome, audience: Audience) -> None:
    """Look copies of what came home, and the project's own word on the end of a batch."""
    done = [run for run, one in outcome.runs.items() if one.state == "done"]
    with audience.copying() as progress:
        make_look_copies(project, done, progress)
    tell_end(project, outcome.batch.name)


def code_of(outcomes: Sequence[Outcome]) -> int:
    """The exit code of batches that ended."""
    return EXIT_OK if all(outcome.all_done for outcome in outcomes) else EXIT_RUNS_WITHOUT_RESULT


def ready_after(looked: Looked) -> tuple[str, ...]:
    """The runs that waited for a result which is here by now."""
    specs = {spec.run: spec for spec in looked.checked.specs}
    return tuple(
        run
        for run, source in looked.waits.items()
        if prepare.has_result(looked.project, specs[source], looked.host, looked.checked.found)
    )


def next_request(request: Request, ready: Sequence[str]) -> Request:
    """The same once more for the runs that waited."""
    return replace(
        request,
        ids=tuple(ready),
        sweep=None,
        model=None,
        from_jsonl=None,
        roots=(),
        upscale_weight=None,
        drafts=Drafts(),
    )


def refuse_words(request: Request) -> None:
    """What cannot be meant, before anything is looked at. Raises: UsageError."""
    make_batches.checked_title(request.batch_name)
    if request.from_jsonl is not None and (request.ids or request.wanted != Wanted()):
        raise UsageError(
            "--from-jsonl takes the runs of its lines and no other: leave out RUN, --changed, --failed and --all"
        )
    if request.sweep is not None and (request.ids or request.from_jsonl is not None):
        raise UsageError("--sweep takes the runs of a sweep: leave out RUN and --from-jsonl")
    if request.roots and request.from_jsonl is None:
        raise UsageError("--root maps the paths of --from-jsonl, which is not given")
    if request.form is not None and request.export is None:
        raise UsageError("--as says for whom --export writes, which is not given")
    if request.export is not None:
        from cosmosctl.commands.run.export import refuse_target

        refuse_target(request.export)


def _selected(folder: Path, project: ProjectPaths, request: Request, audience: Audience) -> Looked:
    """The runs that are meant, not looked at yet. Raises: UsageError, NotAllowed."""
    snapshot = load_all(project.root)
    host = snapshot.host(request.host)
    if request.form is not None and host.scheduler is not None:
        words = f"host {host.name} has scheduler: {host.scheduler}, so what --export writes submits its jobs itself"
        raise UsageError(f"--as is not needed: {words}")
    if not request.dry_run:
        trust.allowed_host(project.root, host)  # before anything is written
    runs, drafts, damaged = taken_runs(folder, project, snapshot, host, request, audience)
    unlooked = Checked((), NOTHING_FOUND, {})
    return Looked(project, snapshot.with_drafts(drafts), host, runs, drafts, damaged, unlooked)


def _checked(looked: Looked, request: Request) -> Checked:
    """All that can be known of the runs before one is sent. Raises: UsageError, FilesError, NotAllowed."""
    project, snapshot, runs = looked.project, looked.snapshot, looked.runs
    make_batches.refuse_held(project, runs)
    if not request.dry_run:
        prepare.ask_for_outside(snapshot, runs)
    if request.takes_what_is_well:
        return prepare.check_well(project, snapshot, runs, looked.host, model=request.model)
    return prepare.check(project, snapshot, runs, model=request.model)


def _go_on(folder: Path, looked: Looked, request: Request, audience: Audience) -> int:
    """What was looked at, shown, exported, or run to its end."""
    if request.dry_run:
        audience.plans(looked.project, looked.plans, looked.host)
        for run, source in looked.waits.items():
            audience.result(f"\n{run} follows in the next batch, with the result of {source}")
        return EXIT_OK
    costs.tell_or_ask(looked.project, looked.host, looked.plans, audience, agreed=request.yes)
    write_drafts(looked.project.root, looked.drafts)
    for run in _new_or_found(looked, request):
        audience.result(run)
    made = make(looked, request.batch_name)
    if request.export is not None:
        from cosmosctl.commands.run.export import export_batch

        for one in made:
            audience.result(export_batch(looked.project, one, request.export, request.form))
        return EXIT_OK
    code = _to_the_end(looked.project, made, request, audience) if made else EXIT_OK
    return max(code, _next_batch(folder, looked, request, audience))


def _new_or_found(looked: Looked, request: Request) -> tuple[str, ...]:
    """The runs that nobody named: those that are made, and those that upscale already what was asked for."""
    new = {run.id for run in looked.drafts.runs}
    found = set(looked.runs) - new if request.upscales else set()
    upscaling = {run for run in found if looked.snapshot.runs[run].upscales}
    return tuple(run for run in looked.runs if run in new | upscaling)


def _to_the_end(project: ProjectPaths, made: Sequence[AllowedBatch], request: Request, audience: Audience) -> int:
    """Raises: what hosts said of batches that they refused, once the others have ended."""
    with leaving(project, made):
        launched = launch(project, made, audience)
        names = launched.names(project)
        if request.detach:
            code = _detached([one for one in made if one.name in names], audience)
        else:
            code = code_of(follow_all(project, names, follow.follow, audience))
    for error in list(launched.refused.values())[1:]:
        say(error.line)
    for error in launched.refused.values():
        raise error
    return code


def _detached(started: Sequence[AllowedBatch], audience: Audience) -> int:
    for one in started:
        audience.result(one.name)
        audience.note(f"{one.name} runs on {one.host.name}; {command('attach', one.name)} brings the results")
    return EXIT_OK


def _next_batch(folder: Path, looked: Looked, request: Request, audience: Audience) -> int:
    """Batch the runs that waited for results of these batches; of those without one say what is missing."""
    ready = () if request.detach else ready_after(looked)
    for run, source in looked.waits.items():
        if run not in ready:
            audience.note(f"{run} waits for the result of {source}: {command('batch', run)}")
    again = run_batch(folder, next_request(request, ready), audience) if ready else EXIT_OK
    lacking = len(ready) < len(looked.waits) and not request.detach
    return max(again, EXIT_RUNS_WITHOUT_RESULT) if lacking else again
