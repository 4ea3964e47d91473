"""That a run is done, remembered with the keys of all that was looked at to tell it.

Of ten thousand runs most are done and stay so: for these nothing is decoded. What a state rests on: the run's hash,
what lies in its folder (whatever changes there makes `RunLine` forget the state), which results history/ keeps,
receipts that are there or not, and videos.
"""

import os
import stat
import time
from collections.abc import Iterable, Mapping

from cosmosctl.domain.layout import ProjectPaths
from cosmosctl.errors import FileError
from cosmosctl.io.stat_key import is_settled, stat_key
from cosmosctl.state.current import Current
from cosmosctl.state.run_state import RunState
from cosmosctl.store import Snapshot
from cosmosctl.store.reading.left import LINK_MARK, left_of

_NOWHERE = "-"
"""The key of a file that is not there."""
_IN_PLACE = "."
"""The place of a result that lies in the run's own folder."""


class KnownStates:
    """Looks up and remembers states of the runs of a snapshot, on hosts that make previews or on the others.

    `states`: of the runs that are done, and of those that have nothing in their folder. `left`: what lies in each.
    """

    def __init__(self, project: ProjectPaths, snapshot: Snapshot, *, preview: bool, anew: bool) -> None:
        """`anew`: what lies in the folders is asked for again, as more may have come since the snapshot."""
        self._runs, self._index, self.current = str(project.runs), snapshot.index, Current(project, snapshot)
        self._host = "preview" if preview else "model"
        self._started_ns = time.time_ns()
        self.left = {run: self._left(run) for run in snapshot.run_ids} if anew else snapshot.left
        found = ((run, self._of(run)) for run in snapshot.runs)
        self.states: Mapping[str, RunState] = {run: state for run, state in found if state is not None}

    def _left(self, run: str) -> str:
        return left_of(self._index, self._index.run(run), f"{self._runs}/{run}")

    def _of(self, run: str) -> RunState | None:
        """The state of a run whose files are well, if it is known to be done, or nothing was ever made of it."""
        if self.left.get(run) == "":
            return RunState(run, "pending")
        known = self._index.run(run).state
        if not known:
            return None
        host, spec, batch, place, previewed, reported, *looked = known.split(" ")
        if host != self._host or not self._is_now(run, spec):
            return None
        files = iter(looked)
        for file, key in zip(files, files, strict=True):
            if _key(f"{self._runs}/{run}/{file}") != key:
                return None
        place = "" if place == _IN_PLACE else place
        return RunState(run, "done", "", "", batch, (), None, previewed == "True", False, place, reported == "True")

    def remember(self, state: RunState, spec: str, receipts: Iterable[str], videos: Iterable[str]) -> None:
        """That a run is done, where all that was looked at is trusted: these files, below the run's folder."""
        line = self._index.run(state.run)
        others = [*videos, *(["history"] if "history" in line.left else [])]
        looked = [*self._receipt_keys(state.run, receipts)]
        looked += [(file, self._trusted_key(state.run, file)) for file in others]
        if not line.left_key or LINK_MARK in line.left or "" in (key for _, key in looked):
            return
        facts = (self._host, spec, state.batch, state.place or _IN_PLACE, str(state.previewed), str(state.is_reported))
        words = [*facts, *(word for pair in looked for word in pair)]
        if not any(sign in word for word in words for sign in " \t\n"):
            line.state = " ".join(words)
            self._index.changed()

    def _is_now(self, run: str, spec: str) -> bool:
        try:
            return self.current.spec_hash(run) == spec
        except FileError:
            return False

    def _receipt_keys(self, run: str, files: Iterable[str]) -> Iterable[tuple[str, str]]:
        """Each with its key, "" for one that is not trusted: not as it was read, or another run's."""
        notes = self._index.notes(run)
        for file in files:
            key, known = self._trusted_key(run, file), notes.get(file)
            is_as_read = key == _NOWHERE if known is None else known[0] == key and known[1] and known[1][0] == run
            yield file, key if is_as_read else ""

    def _trusted_key(self, run: str, file: str) -> str:
        try:
            status = os.lstat(f"{self._runs}/{run}/{file}")
        except FileNotFoundError:
            return _NOWHERE
        except OSError:
            return ""
        is_trusted = not stat.S_ISLNK(status.st_mode) and is_settled(status, self._started_ns)
        return stat_key(status) if is_trusted else ""


def _key(path: str) -> str:
    try:
        return stat_key(os.lstat(path))
    except OSError:
        return _NOWHERE
