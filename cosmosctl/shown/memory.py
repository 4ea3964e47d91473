"""What was told of each run before, kept while all that it rests on stays: of thousands of runs most stay.

A page asks for all runs at each change of a file. What a run's facts rest on: what its files say, its state, what lies
in its folder, and videos that are there or not. Kept from one command to the next too; it can always be deleted.
"""

import contextlib
import hashlib
import json
import os
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from cosmosctl.domain.layout import BatchPaths, ProjectPaths, ResultPaths
from cosmosctl.errors import FileError
from cosmosctl.io.signed import read_cache, write_cache
from cosmosctl.io.stat_key import is_settled, stat_key
from cosmosctl.shown.videos import Wanted
from cosmosctl.state.attempts import Attempt, places
from cosmosctl.state.run_state import RunState
from cosmosctl.store import Snapshot

_NOWHERE = "-"


@dataclass(frozen=True)
class Told:
    """A run's facts, with videos by their project paths, and its log as a path below the project, "" without one."""

    facts: dict[str, Any]
    log: str


@dataclass(frozen=True)
class Ground:
    """What facts of runs rest on: the project's files, and the states of runs that were told of them."""

    project: ProjectPaths
    snapshot: Snapshot
    wanted: Wanted


class Memory:
    """The memory of one project. `with_logs`: of facts that may name paths and machines; the others are kept apart."""

    def __init__(self, project: ProjectPaths, *, with_logs: bool) -> None:
        self._file = project.shown_index(with_logs=with_logs)
        self._kept: dict[str, str] = {}
        self._batches: dict[str, str] = {}
        self._rules = ""
        self._is_new = False

    def begin(self, snapshot: Snapshot) -> None:
        """Forget all that was told by other rules or of another cosmosctl.yaml, and of runs that are gone."""
        rules = _digest(snapshot.index.rules, repr(snapshot.config))
        if self._rules != rules:
            found = read_cache(self._file)
            is_known = isinstance(found, dict) and found.get("rules") == rules
            self._rules, self._kept = rules, dict(found["runs"]) if is_known else {}
            self._batches = dict(found["batches"]) if is_known else {}
        gone = self._kept.keys() - set(snapshot.run_ids)
        for run in gone:
            del self._kept[run]

    def told(self, ground: Ground, state: RunState, make: Callable[[], tuple[Told, Sequence[Attempt]]]) -> Told:
        """What `make` tells of a run, or told before. It is kept when nothing was written just now."""
        looked = _looked_at(ground.project, state.run, ground.snapshot.left.get(state.run, ""))
        key = _key(ground.snapshot, state, looked)
        known = self._kept.get(state.run, "")
        if key and known.startswith(f'["{key}",'):
            _, facts, log, asked = json.loads(known)
            if ground.wanted.is_as_asked(asked):
                return Told(facts, log)
        with ground.wanted.noting() as noted:
            told, tried = make()
        if key and _are_all_its_own(state.run, looked, tried, ground.project):
            self._kept[state.run] = json.dumps([key, told.facts, told.log, noted], separators=(",", ":"))
            self._is_new = True
        return told

    def of_batch(self, paths: BatchPaths, make: Callable[[], dict[str, Any]]) -> dict[str, Any]:
        """What `make` tells of a batch, or told before, once it has ended."""
        now_ns = time.time_ns()
        files = (paths.end, paths.whole, paths.report, paths.plan, paths.events, paths.log)
        keys = [_stat_key(str(file), now_ns) for file in files]
        key = _digest(*keys) if "" not in keys and keys[0] != _NOWHERE else ""
        known = self._batches.get(paths.name, "")
        if key and known.startswith(f'["{key}",'):
            facts: dict[str, Any] = json.loads(known)[1]
            return facts
        facts = make()
        if key:
            self._batches[paths.name] = json.dumps([key, facts], separators=(",", ":"))
            self._is_new = True
        return facts

    def keep(self) -> None:
        """Remember it for the next command, as far as that can be done."""
        if self._is_new:
            with contextlib.suppress(FileError):  # a read-only project, a full disk: told anew next time
                write_cache(self._file, {"rules": self._rules, "runs": self._kept, "batches": self._batches})
            self._is_new = False


def _key(snapshot: Snapshot, state: RunState, looked: dict[str, str]) -> str:
    """ "" where something was written just now, and may be written again without that anything tells."""
    if "" in looked.values():
        return ""
    mistakes = [one.words for one in snapshot.problems_of([state.run])]
    return _digest(snapshot.gist_of(state.run), json.dumps([state, mistakes, looked]))


def _digest(*words: str) -> str:
    return hashlib.blake2b("\0".join(words).encode(errors="surrogateescape"), digest_size=12).hexdigest()


def _looked_at(project: ProjectPaths, run: str, left: str) -> dict[str, str]:
    """What attempts left in a run's folder, by its path there, each with its stat key; "" for what is too new."""
    if not left:
        return {}
    home, now_ns = project.run(run), time.time_ns()
    kept = places(home)[2:] if "history" in left else ()
    there = [home.result, *([home.preview] if "preview" in left else []), *kept]
    files = [file for place in there for file in _files(place)]
    return {file[len(str(home.root)) :]: _stat_key(file, now_ns) for file in [*files, str(home.history)]}


def _files(place: ResultPaths) -> Iterator[str]:
    root = str(place.root)
    yield from (f"{root}/{name}" for name in ("result.yaml", "logs/failure.yaml", "logs/execution.log"))
    yield from (f"{root}/{name}" for name in ("logs/batch.log", *(["result.local.yaml"] if place.is_versioned else [])))


def _stat_key(file: str, now_ns: int) -> str:
    try:
        status = os.lstat(file)
    except OSError:
        return _NOWHERE
    return stat_key(status) if is_settled(status, now_ns) else ""


def _are_all_its_own(run: str, looked: dict[str, str], tried: Sequence[Attempt], project: ProjectPaths) -> bool:
    """Whether every receipt in the folder tells of this run: whose a copied one is, folders of other runs tell."""
    home = str(project.run(run).root)
    of = {str(one.place.root)[len(home) :] for one in tried}
    names = ("/result.yaml", "/result.local.yaml", "/logs/failure.yaml")
    receipts = {
        file.removesuffix(name)
        for file, key in looked.items()
        if key != _NOWHERE
        for name in names
        if file.endswith(name)
    }
    return receipts <= of and all(one.receipt.run == run for one in tried)
