"""What state a run is in by all that lies in its folder: for those of which it is not known."""

from collections.abc import Iterable
from pathlib import Path

from cosmosctl.domain.layout import RESULT, ProjectPaths
from cosmosctl.domain.order import descends, newest
from cosmosctl.errors import FileError
from cosmosctl.state.answers import Answer, Present, answer, present, videos_looked_at
from cosmosctl.state.attempt_index import NOTHING, FailureTrace, ResultTrace, Traces, Tracker
from cosmosctl.state.known_states import KnownStates
from cosmosctl.state.run_state import RunState
from cosmosctl.store import Snapshot


class Settler:
    """The states of those runs of a snapshot that no batch holds and that are not known to be done."""

    def __init__(
        self, project: ProjectPaths, snapshot: Snapshot, known: KnownStates, runs: Iterable[str], *, preview: bool
    ) -> None:
        self._root, self._snapshot, self._preview = project.root, snapshot, preview
        self._known, self._current = known, known.current
        self._tracker = Tracker(project, snapshot, known.left)
        self._traces = {run: self._tracker.traces(run) for run in runs}
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
        state = self._of_answer(run, found)
        if state.state == "done":
            self._known.remember(state, now, self._tracker.looked_at(run), videos_looked_at(left))
        return state

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
