"""The runs that a batch takes: those that are named, out of JSONL, or all that are pending."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from cosmosctl import models
from cosmosctl.commands import select
from cosmosctl.commands.audience import Audience, LeftOut
from cosmosctl.commands.run.request import Request
from cosmosctl.domain.ids import Names, command
from cosmosctl.domain.layout import ProjectPaths
from cosmosctl.domain.project import Drafts, Host
from cosmosctl.opening.claims import waiting_for
from cosmosctl.state import states
from cosmosctl.store import Snapshot

NEEDED = ("pending", "changed", "failed", "cancelled", "invalid", "damaged")
"""States of which --if-needed takes a run; where a mistake keeps one from being taken, that is told."""


def taken_runs(
    folder: Path, project: ProjectPaths, snapshot: Snapshot, host: Host, request: Request, audience: Audience
) -> tuple[tuple[str, ...], Drafts, LeftOut]:
    """The runs to batch, drafts of those that are in no file yet, and what nobody can tell the state of."""
    names = select.names_for(snapshot, placeholders=request.dry_run)
    if request.from_jsonl is not None:
        from cosmosctl.commands.start.from_jsonl import drafts_from_jsonl, roots_of

        roots = roots_of(folder, request.roots)
        drafts = drafts_from_jsonl(snapshot, request.from_jsonl, names, roots=roots, model=request.model)
        _tell_placeholders(drafts, request, audience)
        return tuple(run.id for run in drafts.runs), drafts, {}
    if request.drafts.runs:
        return request.ids, request.drafts, {}
    if request.ids:
        runs, drafts = _named(snapshot, request, names)
        _tell_placeholders(drafts, request, audience)
        return _needed(project, snapshot, host, runs, audience) if request.if_needed else runs, drafts, {}
    return _bare(project, snapshot, host, request, audience)


def _bare(
    project: ProjectPaths, snapshot: Snapshot, host: Host, request: Request, audience: Audience
) -> tuple[tuple[str, ...], Drafts, LeftOut]:
    """What a batch takes where no run is named."""
    known = states.all_states(project, snapshot, preview=host.is_preview)
    if request.sweep is not None:
        known = _of_sweep(snapshot, known, request.sweep)
    waiting = waiting_for(project) if request.dry_run else {}
    for run, place in waiting.items():
        audience.note(f"{run} has a result that waits in {place}; cosmosctl status takes it in")
    runs = tuple(run for run in select.bare(known, request.wanted) if run not in waiting)
    if not runs:
        audience.note(select.nothing_to_do(known))
    return runs, Drafts(), select.damaged(known)


def _of_sweep(snapshot: Snapshot, known: Mapping[str, states.RunState], word: str) -> Mapping[str, states.RunState]:
    """The states of the runs of a sweep. Raises: UsageError when there is none of that name."""
    name = select.sweep_named(snapshot, word)
    return {run: state for run, state in known.items() if snapshot.seen_run(run).sweep == name}


def _needed(
    project: ProjectPaths, snapshot: Snapshot, host: Host, runs: Sequence[str], audience: Audience
) -> tuple[str, ...]:
    """Those of the named runs that have no result of what their files say now, and are in no unfinished batch."""
    known = states.all_states(project, snapshot, preview=host.is_preview)
    for run in runs:
        if run in known and known[run].state == "absent":
            audience.note(f"{run} has a result that is not here: {command('fetch', run)}")
    needed = tuple(run for run in runs if run not in known or known[run].state in NEEDED)
    if not needed:
        audience.note("nothing to do: no named run needs a batch")
    return needed


def _named(snapshot: Snapshot, request: Request, names: Names) -> tuple[tuple[str, ...], Drafts]:
    """The named runs, new ones for named prompts, and for each of them one that upscales its result, if asked for."""
    runs, prompts = select.split_ids(snapshot, request.ids)
    made = select.drafts_for_prompts(prompts, names, snapshot.config.model)
    chosen = (*runs, *(run.id for run in made.runs))
    if request.upscale_weight is None:
        return chosen, made
    from cosmosctl.commands.run.upscaled import upscale_runs

    larger, more = upscale_runs(snapshot.with_drafts(made), chosen, request.upscale_weight, names)
    return (*chosen, *larger), Drafts(runs=(*made.runs, *more.runs))


def _tell_placeholders(drafts: Drafts, request: Request, audience: Audience) -> None:
    """What the ids of a dry run stand for, which are in no file."""
    for run in drafts.runs if request.dry_run else ():
        source = models.source_of(run)
        what = f"that upscales {source}" if source else f"of {run.places[''] if run.places else run.prompt}"
        audience.note(f"{run.id} stands for a new run {what}")
