"""What state each run is in, derived from files alone: nothing here is stored.

invalid, queued, running, pending, done, changed, absent, damaged, failed, cancelled: design of the project folder.
"""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from cosmosctl.domain.layout import RESULT, BatchPaths, ProjectPaths
from cosmosctl.domain.order import descends, newest
from cosmosctl.errors import FileError
from cosmosctl.state.answers import Answer, Present, answer, present
from cosmosctl.state.attempt_index import NOTHING, FailureTrace, ResultTrace, Traces, Tracker
from cosmosctl.state.batch_list import BatchList, look
from cosmosctl.state.current import Current
from cosmosctl.store import Snapshot

if TYPE_CHECKING:
    from cosmosctl.host.launches import Launch
    from cosmosctl.results.events import Progress

STATES = ("running", "queued", "pending", "changed", "failed", "cancelled", "absent", "damaged", "invalid", "done")
ALIASES = {"completed": "done"}


class RunState(NamedTuple):
    """`detail` completes the word: the reason of a failure, what changed, the first mistake. `share` is 0..1.

    `place` is where the result that counts lies below the run's folder: "" or "preview". `is_reported`: git's
    result.yaml tells of it, if git versions one.
    """

    run: str
    state: str
    detail: str = ""
    reason: str = ""
    batch: str = ""
    changed: tuple[str, ...] = ()
    share: float | None = None
    previewed: bool = False
    earlier_kept: bool = False
    place: str = ""
    is_reported: bool = True


class OpenBatch(NamedTuple):
    """A batch that was bundled and has no end.yaml: it holds its runs. `problem`: a file of it cannot be read."""

    paths: BatchPaths
    runs: tuple[str, ...]
    progress: "Progress"
    launch: "Launch | None" = None  # not looked at once there are events
    problem: str = ""

    @property
    def standing(self) -> str:
        """Where it is, in words, while no event of it is here; "" when there is one."""
        if self.progress.launched:
            return ""
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
    from cosmosctl.host.launches import read_launch
    from cosmosctl.plan import bundle_reader
    from cosmosctl.results.events import Progress, read_progress

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
    settler = _Settler(project, snapshot, preview=preview, anew=unfinished is None)
    states = {run: _state(run, held.get(run), snapshot, settler) for run in snapshot.run_ids}
    snapshot.index.save()
    return states


def _state(run: str, held: OpenBatch | None, snapshot: Snapshot, settler: "_Settler") -> RunState:
    if held is not None:
        came = run in held.progress.ends and run in snapshot.runs
        settled = settler.settled(run) if came else None
        is_home = settled is not None and (settled.state, settled.batch) == ("done", held.paths.name)
        return settled if settled is not None and is_home else _held_state(run, held)
    return settler.settled(run) if run in snapshot.runs else settler.unusable(run)


def _held_state(run: str, held: OpenBatch) -> RunState:
    name, seen = held.paths.name, held.progress
    if run in seen.ends:
        return RunState(
            run, "running", detail=f"ended ({seen.ends[run].state}), not fetched yet", batch=name, share=1.0
        )
    if run in seen.running:
        return RunState(run, "running", batch=name, share=seen.running[run])
    return RunState(run, "queued", detail=held.standing, batch=name)


class _Settler:
    """The states of the runs of a snapshot that no batch holds."""

    def __init__(self, project: ProjectPaths, snapshot: Snapshot, *, preview: bool, anew: bool) -> None:
        self._root, self._snapshot, self._preview = project.root, snapshot, preview
        self._current, self._tracker = Current(project, snapshot), Tracker(project, snapshot, anew=anew)
        self._traces = {run: self._tracker.traces(run) for run in snapshot.run_ids}
        self._there = present(project, {run: left for run, left in self._traces.items() if left is not NOTHING})

    def settled(self, run: str) -> RunState:
        """The state of a run whose files are well."""
        left = self._traces[run]
        if left is NOTHING:
            return RunState(run, "pending")
        if (damaged := self._damaged(run, left)) is not None:
            return damaged
        try:
            now = self._current.spec_hash(run)
        except FileError as e:
            told = self._by_receipts(run, e.line) if self._current.lacks_videos(run) else None
            return told or RunState(run, "invalid", detail=e.line)
        found = self._answer(run, now)
        failure = self._failure(left)
        if failure is not None and failure.spec == now and (found is None or descends(failure, found.result)):
            return _failed(run, failure, found, previewed=left.preview is not None)
        return self._of_answer(run, found)

    def unusable(self, run: str) -> RunState:
        """The state of a run whose files are not well: in a clone all that is missing may be videos."""
        words = self._snapshot.problems_of([run])[0].words
        found = self._by_receipts(run, words) if self._snapshot.lacks_videos(run) else None
        return found or RunState(run, "invalid", detail=words)

    def _by_receipts(self, run: str, words: str) -> RunState | None:
        """What receipts alone say of a run whose videos are not here: nobody can tell what it would be made from."""
        left = self._traces[run]
        if left is NOTHING:
            return None
        if (damaged := self._damaged(run, left)) is not None:
            return damaged
        found, failure = self._answer(run, None), self._failure(left)
        if failure is not None and (found is None or descends(failure, found.result)):
            return _failed(run, failure, found, previewed=left.preview is not None)
        if found is None:
            return None
        return _here(run, left, found) if found.is_here else _absent(run, found, words)

    def _of_answer(self, run: str, found: Answer | None) -> RunState:
        left = self._traces[run]
        if found is None:
            return RunState(run, "pending", previewed=left.preview is not None)
        if found.is_of_now:
            return _here(run, left, found) if found.is_here else _absent(run, found, "")
        changed = self._changed(run, found.result)
        detail, batch, place = ", ".join(changed), found.result.batch, found.result.folder
        return RunState(run, "changed", detail, "", batch, changed, previewed=left.preview is not None, place=place)

    def _answer(self, run: str, now: str | None) -> Answer | None:
        there = self._there.get(run, Present())
        return answer(run, self._traces[run], there, now, self._tracker, preview=self._preview)

    def _failure(self, left: Traces) -> FailureTrace | None:
        return newest((left.failure, left.preview_failure)) if self._preview else left.failure

    def _damaged(self, run: str, left: Traces) -> RunState | None:
        for file, why in left.damaged:
            if self._preview or not file.startswith("preview/"):
                return RunState(run, "damaged", f"runs/{run}/{file}: {why}")
        return None

    def _changed(self, run: str, result: ResultTrace) -> tuple[str, ...]:
        from cosmosctl.domain.spec import changed_keys
        from cosmosctl.results.receipts import read_receipt

        receipt = read_receipt(Path(self._root, "runs", run, result.folder, RESULT))
        return changed_keys(receipt.effective, self._current.facts(run)) if receipt is not None else ()


def _failed(run: str, failure: FailureTrace, found: Answer | None, *, previewed: bool) -> RunState:
    return RunState(
        run,
        failure.state,
        detail=failure.detail,
        reason=failure.reason,
        batch=failure.batch,
        previewed=previewed,
        earlier_kept=found is not None,
        place=found.result.folder if found is not None and found.is_here else "",
    )


def _here(run: str, left: Traces, found: Answer) -> RunState:
    previewed, place = left.preview is not None, found.result.folder
    return RunState(
        run, "done", batch=found.result.batch, previewed=previewed, place=place, is_reported=found.is_reported
    )


def _absent(run: str, found: Answer, words: str) -> RunState:
    """A result whose video is not in its place; one in history/ is brought back from there."""
    kept = found.result.folder.startswith("history/")
    detail = words or (f"kept in runs/{run}/{found.result.folder}" if kept else "")
    place = "" if kept else found.result.folder
    return RunState(run, "absent", detail, batch=found.result.batch, place=place, previewed=found.result.preview)
