"""What attempts left in run folders, as little of it as a state needs, remembered in the index while files stay.

Ten thousand folders are looked at for one `status`: paths are text here and nothing is read twice.
"""

import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from cosmosctl.domain.layout import ProjectPaths
from cosmosctl.receipts import read_failure, read_receipt
from cosmosctl.store import Snapshot


@dataclass(frozen=True)
class ResultTrace:
    """The gist of a result.yaml; `folder` is the result's own ("" or "preview" below the run)."""

    run: str
    batch: str
    ended: str
    spec: str
    video: str
    video_bytes: int
    folder: str


@dataclass(frozen=True)
class FailureTrace:
    """The gist of a failure.yaml."""

    run: str
    batch: str
    ended: str
    spec: str
    state: str
    reason: str
    detail: str
    preview: bool


@dataclass(frozen=True)
class Traces:
    """All that attempts left for one run."""

    result: ResultTrace | None = None
    preview: ResultTrace | None = None
    failure: FailureTrace | None = None
    preview_failure: FailureTrace | None = None


NOTHING = Traces()
ONLY_THE_RUN_FILE = '["run.yaml"]'
"""The listing of a run folder where nothing was ever attempted, as the index holds it."""


class Tracker:
    """Looks at the run folders of one snapshot."""

    def __init__(self, project: ProjectPaths, snapshot: Snapshot) -> None:
        self._index = snapshot.index
        self._runs = str(project.runs)
        self._names = frozenset(snapshot.run_ids)

    def traces(self, run: str) -> Traces:
        """What attempts left for `run`. A receipt that names another run whose folder is still there is a copy's."""
        folder = f"{self._runs}/{run}"
        names = self._index.text(f"runs/{run}/@names", folder, lambda: _listing(folder))
        if names == ONLY_THE_RUN_FILE:
            return NOTHING
        result = self._result(run, "") if '"result.yaml"' in names else None
        preview = self._result(run, "preview/") if '"preview"' in names else None
        failures = [*self._failures(run, folder, names, previewed=preview is not None)]
        failure = _newest(one for one in failures if not one.preview)
        return Traces(result, preview, failure, _newest(one for one in failures if one.preview))

    def _result(self, run: str, folder: str) -> ResultTrace | None:
        file = f"{self._runs}/{run}/{folder}result.yaml"
        facts = self._index.facts(f"runs/{run}/@{folder}result", file, lambda: _result_facts(file))
        if not facts or not self._is_own(facts[0], run):
            return None
        own, batch, ended, spec, video, size = facts
        return ResultTrace(own, batch, ended, spec, video, size, folder.rstrip("/"))

    def _failures(self, run: str, folder: str, names: str, *, previewed: bool) -> Iterator[FailureTrace]:
        """Every failure that is still noted; one beside a preview's result lies in history/."""
        places = ["logs/failure.yaml"] if '"logs"' in names else []
        places += ["preview/logs/failure.yaml"] if '"preview"' in names and not previewed else []
        if '"history"' in names:
            places += [f"history/{kept}/logs/failure.yaml" for kept in _listing(f"{folder}/history")]
        for place in places:
            found = self._failure(run, place)
            if found is not None:
                yield found

    def _failure(self, run: str, place: str) -> FailureTrace | None:
        file = f"{self._runs}/{run}/{place}"
        facts = self._index.facts(f"runs/{run}/@{place}", file, partial(_failure_facts, file))
        return FailureTrace(*facts) if facts and self._is_own(facts[0], run) else None

    def _is_own(self, named: str, run: str) -> bool:
        """Another name whose folder still exists: this folder is a copy of it. Gone: this folder was renamed."""
        return named == run or named not in self._names


def _newest(failures: Iterable[FailureTrace]) -> FailureTrace | None:
    return max(failures, key=lambda one: one.ended, default=None)


def _listing(folder: str) -> list[str]:
    try:
        return sorted(os.listdir(folder))  # noqa: PTH208  # asked for ten thousand folders at a time
    except OSError:
        return []


def _result_facts(file: str) -> list[Any]:
    found = read_receipt(Path(file))
    if found is None:
        return []
    return [found.run, found.batch, found.ended, found.spec, found.primary_output, found.primary_bytes]


def _failure_facts(file: str) -> list[Any]:
    found = read_failure(Path(file))
    if found is None:
        return []
    return [found.run, found.batch, found.ended, found.spec, found.state, found.reason, found.detail, found.preview]
