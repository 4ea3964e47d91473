"""`retry`: unfinished batches go on, what has no result runs again."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from cosmosctl.commands import select
from cosmosctl.commands.audience import Audience
from cosmosctl.commands.run import batch
from cosmosctl.commands.run.request import Request
from cosmosctl.domain.ids import resolve_id
from cosmosctl.domain.layout import ProjectPaths
from cosmosctl.domain.plurals import counted
from cosmosctl.errors import EXIT_OK, EXIT_RUNS_WITHOUT_RESULT
from cosmosctl.following import follow
from cosmosctl.host import trust
from cosmosctl.opening.project import opened
from cosmosctl.plan import bundle_reader
from cosmosctl.state import states
from cosmosctl.state.states import RunState
from cosmosctl.store import load_all

TITLE = "retry"


@dataclass(frozen=True)
class Again:
    """What a retry means: batches that go on, runs that run again, runs of which nobody can tell."""

    project: ProjectPaths
    unfinished: tuple[str, ...]
    runs: tuple[str, ...]
    damaged: Mapping[str, tuple[str, ...]]
    pending: int


def retry_runs(folder: Path, ids: Sequence[str], host: str | None, *, detach: bool, audience: Audience) -> int:
    """Go on with unfinished batches that were named, then run again what has no result; the exit code of both.

    Raises: NotAllowed for an unfinished batch of another clone.
    """
    again = meant(folder, ids, host)
    code = batch.code_of(batch.follow_all(again.project, again.unfinished, follow.attach, audience))
    audience.left_out(again.damaged)
    audience.left_out_count({}, again.damaged)
    code = max(code, EXIT_RUNS_WITHOUT_RESULT if again.damaged else EXIT_OK)
    if again.runs:
        return max(code, batch.run_batch(folder, request(again.runs, ids, host, detach=detach), audience))
    if not ids:
        more = f"; {counted(again.pending, 'run')} pending: cosmosctl batch" if again.pending else ""
        audience.note(f"no run has failed{more}")
    return code


def request(runs: Sequence[str], named: Sequence[str], host: str | None, *, detach: bool) -> Request:
    """Those runs once more; where nobody named them, as many as are well."""
    return Request(tuple(runs), TITLE, host, detach=detach, only_well=not named)


def meant(folder: Path, ids: Sequence[str], host: str | None) -> Again:
    """What these runs and batches, or none, mean. Raises: UsageError, NotAllowed."""
    project = opened(folder)
    snapshot = load_all(project.root)
    known = states.all_states(project, snapshot, preview=snapshot.host(host).is_preview)
    names = {paths.name for paths in states.batches(project)}
    found = [resolve_id(word, {*known, *names}, what="run or batch") for word in ids]
    for paths in states.foreign_batches(project):
        if paths.name in found:
            trust.allowed_batch(paths)
    waiting = {one.paths.name for one in states.open_batches(project)}
    again = [run for name in found for run in _without_result(project, name, names - waiting, known)]
    if not ids:
        again = [run for run, state in known.items() if state.state in ("failed", "cancelled")]
    return Again(
        project,
        tuple(name for name in found if name in waiting),
        tuple(again),
        {} if ids else select.damaged(known),
        sum(state.state == "pending" for state in known.values()),
    )


def _without_result(
    project: ProjectPaths, name: str, ended: Collection[str], known: Mapping[str, RunState]
) -> tuple[str, ...]:
    """The runs that retrying `name`, a run or an ended batch, means."""
    if name in known:
        return (name,)
    if name not in ended:
        return ()
    runs = bundle_reader.read_batch(project.batch(name)).runs
    return tuple(run for run in runs if run in known and known[run].state in ("failed", "cancelled", "pending"))
