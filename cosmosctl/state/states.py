"""What state each run is in, derived from files alone: nothing here is stored.

invalid, queued, running, pending, done, changed, absent, damaged, failed, cancelled: design of the project folder.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple

from cosmosctl.domain.layout import BatchPaths, ProjectPaths
from cosmosctl.errors import FileError
from cosmosctl.state.batch_list import BatchList, look
from cosmosctl.state.known_states import KnownStates
from cosmosctl.state.run_state import RunState as RunState  # others find it here
from cosmosctl.store import Snapshot

if TYPE_CHECKING:
    from cosmosctl.events.progress import Progress
    from cosmosctl.host.launches import Launch

STATES = ("running", "queued", "pending", "changed", "failed", "cancelled", "absent", "damaged", "invalid", "done")
ALIASES = {"completed": "done"}


class OpenBatch(NamedTuple):
    """A batch that was bundled and has no end.yaml: it holds its runs. `problem`: a file of it cannot be read."""

    paths: BatchPaths
    runs: tuple[str, ...]
    progress: "Progress"
    launch: "Launch | None" = None  # not looked at once there are events
    problem: str = ""

    @property
    def standing(self) -> str:
        """Where it is, in words, while no event of it is here but what a queue said of it; "" when there is one."""
        if self.progress.launched:
            return ""
        if self.progress.queue is not None:
            from cosmosctl.state.queue_words import queue_words

            return queue_words(self.progress) or "its jobs have left the queue without a word"
        return "not sent" if self.launch is None else self.launch.words

    @property
    def is_exported(self) -> bool:
        """Whether somebody else was given it to run, and no event of it is here."""
        from cosmosctl.host.launches import EXPORTED

        return self.launch is not None and self.launch.how == EXPORTED


def open_batches(project: ProjectPaths, listed: BatchList | None = None) -> tuple[OpenBatch, ...]:
    """The unfinished batches of this machine, oldest first. What git brought of others holds nothing here.

    `listed`: what lies in batches/, where it was looked at already.
    """
    return opened_batches(unfinished(project, listed).ours)


def opened_batches(found: Iterable[BatchPaths]) -> tuple[OpenBatch, ...]:
    """How each of these stands."""
    return tuple(_open_batch(paths) for paths in found)


class Unfinished(NamedTuple):
    """Batches whose plan is here and whose end is not. `foreign` ones were made elsewhere: they hold nothing here."""

    ours: tuple[BatchPaths, ...]
    foreign: tuple[BatchPaths, ...]


def unfinished(project: ProjectPaths, listed: BatchList | None = None) -> Unfinished:
    """All of both kinds, oldest first."""
    waiting = [one.paths for one in (listed or look(project)).batches if one.is_open]
    if not waiting:
        return Unfinished((), ())
    from cosmosctl.host.trust import was_made_here

    ours = [paths for paths in waiting if was_made_here(paths)]
    return Unfinished(tuple(ours), tuple(paths for paths in waiting if paths not in set(ours)))


def _open_batch(paths: BatchPaths) -> OpenBatch:
    from cosmosctl.events.progress import Progress, read_progress
    from cosmosctl.host.launches import read_launch
    from cosmosctl.plan import bundle_reader

    runs, problem = bundle_reader.read_runs(paths)
    try:
        state = read_progress(paths.events, runs)
    except FileError as e:
        state, problem = Progress(), problem or e.message
    return OpenBatch(paths, runs, state, None if state.launched else read_launch(paths.launch), problem)


def batches(project: ProjectPaths) -> tuple[BatchPaths, ...]:
    """Every whole batch folder, the oldest first."""
    return tuple(one.paths for one in look(project).batches)


def foreign_batches(project: ProjectPaths) -> tuple[BatchPaths, ...]:
    """Unfinished batches that were made elsewhere and brought their plan along: they hold nothing here."""
    return unfinished(project).foreign


def held_runs(project: ProjectPaths) -> Mapping[str, str]:
    """Run -> the unfinished batch that holds it."""
    return {run: batch.paths.name for batch in open_batches(project) for run in batch.runs}


def all_states(
    project: ProjectPaths, snapshot: Snapshot, *, preview: bool, unfinished: Sequence[OpenBatch] | None = None
) -> Mapping[str, RunState]:
    """The state of every run. `preview`: whether a CPU preview counts as the result (the host makes previews).

    `unfinished`: the open batches, when they were looked at before the snapshot was taken: what has come home by then
    is in it, and no folder is looked at once more.
    """
    open_ones = open_batches(project) if unfinished is None else unfinished
    held = {run: batch for batch in open_ones for run in batch.runs}
    known = KnownStates(project, snapshot, preview=preview, anew=unfinished is None)
    waiting = {run for run, batch in held.items() if run not in batch.progress.ends or run not in snapshot.runs}
    rest = [run for run in snapshot.run_ids if run not in known.states and run not in waiting]
    settled = {**known.states, **(_settled(project, snapshot, known, rest, preview=preview) if rest else {})}
    words = {batch.paths.name: batch.standing for batch in open_ones}  # a queue's may be long: told once for all runs
    states = {run: _state(run, held.get(run), settled.get(run), words) for run in snapshot.run_ids}
    snapshot.index.save()
    return states


def _settled(
    project: ProjectPaths, snapshot: Snapshot, known: KnownStates, runs: Sequence[str], *, preview: bool
) -> Mapping[str, RunState]:
    """The states of runs that are not known, as if no batch held them."""
    from cosmosctl.state.settling import Settler

    settler = Settler(project, snapshot, known, runs, preview=preview)
    return {run: settler.settled(run) if run in snapshot.runs else settler.unusable(run) for run in runs}


def _state(run: str, held: OpenBatch | None, settled: RunState | None, words: Mapping[str, str]) -> RunState:
    if held is None:
        assert settled is not None
        return settled
    came = run in held.progress.ends
    is_home = came and settled is not None and (settled.state, settled.batch) == ("done", held.paths.name)
    return settled if settled is not None and is_home else _held_state(run, held, words)


def _held_state(run: str, held: OpenBatch, words: Mapping[str, str]) -> RunState:
    name, seen = held.paths.name, held.progress
    if run in seen.ends:
        return RunState(
            run, "running", detail=f"ended ({seen.ends[run].state}), not fetched yet", batch=name, share=1.0
        )
    if run in seen.running:
        return RunState(run, "running", batch=name, share=seen.running[run])
    return RunState(run, "queued", detail=words[name], batch=name)
