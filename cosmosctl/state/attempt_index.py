"""What attempts left in run folders, as little of it as a state needs, remembered in the index while files stay.

Ten thousand folders are looked at for one `status`: paths are text here and nothing is read twice.
"""

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from cosmosctl.domain.ids import is_id
from cosmosctl.domain.layout import LOCAL_RESULT, RESULT, ProjectPaths
from cosmosctl.domain.order import newest
from cosmosctl.errors import FileError
from cosmosctl.io import links, own
from cosmosctl.io.own import RECEIPT_BYTES
from cosmosctl.store import Snapshot
from cosmosctl.store.reading.left import LINK_MARK, left_of
from cosmosctl.store.run_line import Notes


class ResultTrace(NamedTuple):
    """The gist of a receipt or report; `folder` is the result's own below the run: "", "preview" or "history/BATCH".

    `sha256` is the video's; `mtime_ns` that of the file beside the receipt when it was looked at whole, 0 for a report.
    """

    folder: str
    run: str
    batch: str
    ended: str
    spec: str
    video: str
    video_bytes: int
    sha256: str
    mtime_ns: int
    preview: bool
    parents: Sequence[str] = ()


class FailureTrace(NamedTuple):
    """The gist of a failure.yaml."""

    run: str
    batch: str
    ended: str
    spec: str
    state: str
    reason: str
    detail: str
    preview: bool
    parents: Sequence[str] = ()


class Traces(NamedTuple):
    """All that attempts left for one run. `damaged`: the receipts that cannot be read, by file, and why.

    `report` is what git says of the run's result, `here` whose the video in the run's own folder is.
    """

    report: ResultTrace | None = None
    here: ResultTrace | None = None
    preview: ResultTrace | None = None
    failure: FailureTrace | None = None
    preview_failure: FailureTrace | None = None
    damaged: tuple[tuple[str, str], ...] = ()


class _DamagedError(Exception):
    """A receipt cannot be read; why is not remembered, as a link may be allowed next."""


NOTHING = Traces()


class Tracker:
    """Looks at the run folders of one snapshot; `left`: what lies in those that were looked into just now."""

    def __init__(self, project: ProjectPaths, snapshot: Snapshot, left: Mapping[str, str]) -> None:
        self._index = snapshot.index
        self._runs = str(project.runs)
        self._left = left
        self._names = frozenset(snapshot.run_ids)
        self._looked: dict[str, list[str]] = {}

    def looked_at(self, run: str) -> Sequence[str]:
        """The receipts, there or not, by which `traces` told what was left, as paths below the run's folder."""
        return self._looked.get(run, ())

    def _left_now(self, run: str) -> str:
        return left_of(self._index, self._index.run(run), f"{self._runs}/{run}")

    def traces(self, run: str) -> Traces:
        """What attempts left for `run`. A receipt that names another run whose folder is still there is a copy's."""
        found = self._left.get(run)
        if found == "":
            return NOTHING
        if found is None:
            found = self._left_now(run)
        return self._traces(run, self._index.notes(run), found) if found else NOTHING

    def _traces(self, run: str, notes: Notes, found: str) -> Traces:
        damaged = dict[str, str]()
        left = [*self._followed(run, found.split(), damaged)] if LINK_MARK in found else found.split()
        here = self._result(run, notes, LOCAL_RESULT, damaged) if LOCAL_RESULT in left else None
        report = self._report(run, notes, here, damaged) if RESULT in left else None
        preview = self._result(run, notes, f"preview/{RESULT}", damaged) if "preview" in left else None
        if left == ["preview"] and preview is not None and not damaged:
            return Traces(preview=preview)
        failures = [*self._failures(run, notes, left, damaged, previewed=preview is not None)]
        failure = newest(one for one in failures if not one.preview)
        newest_preview = newest(one for one in failures if one.preview)
        return Traces(report, here, preview, failure, newest_preview, tuple(damaged.items()))

    def kept(self, run: str) -> Iterator[ResultTrace]:
        """The results in history/, which only who finds no other one has to look at."""
        notes = self._index.notes(run)
        for name in filter(is_id, _listing(f"{self._runs}/{run}/history")):
            found = self._result(run, notes, f"history/{name}/{RESULT}", {})
            if found is not None:
                yield found

    def _followed(self, run: str, left: list[str], damaged: dict[str, str]) -> Iterator[str]:
        """The names but those of links that nobody allowed here, which are noted in `damaged`."""
        for name in left:
            plain = name.removesuffix(LINK_MARK)
            if plain == "outputs":  # the snapshot tells of it
                continue
            if name == plain or links.is_allowed_link(Path(self._runs, run, plain)):
                yield plain
            else:
                damaged[plain] = links.LINK_WORDS

    def _result(self, run: str, notes: Notes, place: str, damaged: dict[str, str]) -> ResultTrace | None:
        facts = self._own(run, notes, place, _result_facts, damaged)
        return ResultTrace(place.rpartition("/")[0], *facts) if facts else None

    def _report(self, run: str, notes: Notes, here: ResultTrace | None, damaged: dict[str, str]) -> ResultTrace | None:
        """What result.yaml says; mostly that is what the receipt beside it says, and then it is not parsed."""

        def facts_of(file: str) -> list[Any]:
            is_copy = here is not None and _is_copy(f"{self._runs}/{run}", file)
            return [*here[1:]] if here is not None and is_copy else _result_facts(file)

        facts = self._own(run, notes, RESULT, facts_of, damaged)
        return ResultTrace("", *facts) if facts else None

    def _failures(
        self, run: str, notes: Notes, left: list[str], damaged: dict[str, str], *, previewed: bool
    ) -> Iterator[FailureTrace]:
        """Every failure that is still noted; one beside a preview's result lies in history/."""
        places = ["logs/failure.yaml"] if "logs" in left else []
        places += ["preview/logs/failure.yaml"] if "preview" in left and not previewed else []
        if "history" in left:
            kept = filter(is_id, _listing(f"{self._runs}/{run}/history"))
            places += [f"history/{name}/logs/failure.yaml" for name in kept]
        for place in places:
            facts = self._own(run, notes, place, _failure_facts, damaged)
            if facts:
                yield FailureTrace(*facts)

    def _own(
        self, run: str, notes: Notes, place: str, make: Callable[[str], list[Any]], damaged: dict[str, str]
    ) -> list[Any]:
        """What a receipt says of this run, else nothing; one that cannot be read is noted in `damaged`, with why."""
        self._looked.setdefault(run, []).append(place)
        try:
            facts: list[Any] = self._index.fact(notes, place, f"{self._runs}/{run}/{place}", make) or []
        except _DamagedError as e:
            if not place.startswith("history/"):
                damaged[place] = str(e)
            return []
        return facts if facts and self._is_own(facts[0], run) else []

    def _is_own(self, named: str, run: str) -> bool:
        """Another name whose folder still exists: this folder is a copy of it. Gone: this folder was renamed."""
        return named == run or named not in self._names


def _listing(folder: str) -> list[str]:
    try:
        return sorted(os.listdir(folder))  # noqa: PTH208  # asked for ten thousand folders at a time
    except OSError:
        return []


def _result_facts(file: str) -> list[Any]:
    from cosmosctl.results.receipts import read_receipt, trouble

    found = read_receipt(Path(file))
    if found is None:
        raise _DamagedError(trouble(Path(file)))
    facts = [found.run, found.batch, found.ended, found.spec, found.primary_output, found.primary_bytes]
    return [*facts, found.video_sha256, found.video_mtime_ns, found.preview, list(found.parents)]


def _is_copy(folder: str, report: str) -> bool:
    """Whether a report is the text that the receipt beside it begins with."""
    try:
        data = own.read_bytes(Path(report), most=RECEIPT_BYTES)
        return own.read_bytes(Path(folder, LOCAL_RESULT), most=RECEIPT_BYTES).startswith(data) and data != b""
    except (OSError, FileError):
        return False


def _failure_facts(file: str) -> list[Any]:
    from cosmosctl.results.receipts import read_failure, trouble

    found = read_failure(Path(file))
    if found is None:
        raise _DamagedError(trouble(Path(file)))
    facts = [found.run, found.batch, found.ended, found.spec, found.state, found.reason, found.detail, found.preview]
    return [*facts, list(found.parents)]
