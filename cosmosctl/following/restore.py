"""The video of a result that is known here and not in its place: found in history/, by another run, on its host."""

from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

from cosmosctl.domain.ids import command, is_id
from cosmosctl.domain.layout import ProjectPaths, ResultPaths
from cosmosctl.errors import FileError, HostError
from cosmosctl.following.mend import mend
from cosmosctl.host import trust
from cosmosctl.host.context import invoke_context
from cosmosctl.host.process import Unreachable
from cosmosctl.host.pull import pull
from cosmosctl.io import own
from cosmosctl.io.lock import locked
from cosmosctl.io.moving import link_or_copy, move
from cosmosctl.log import say
from cosmosctl.results import history, manifests, reports
from cosmosctl.results.collect import Collected
from cosmosctl.results.judgement import UNPLANNED_BYTES, run_bytes
from cosmosctl.results.receipts import LocalReceipt, Receipt, read_failure, read_receipt, write_receipt
from cosmosctl.state.answers import Answer, Present, answer, present
from cosmosctl.state.attempt_index import ResultTrace, Tracker
from cosmosctl.state.current import Current
from cosmosctl.store import load_all


@dataclass(frozen=True)
class _Wanted:
    """A result that is to lie in `place`; `is_here` already."""

    place: ResultPaths
    receipt: LocalReceipt
    is_of_now: bool
    is_here: bool


def restore(project: ProjectPaths, run: str) -> Collected:
    """The result of the run that counts, with all of its outputs that are anywhere.

    What lies in its place is moved to history/. Raises: HostError when the video is nowhere.
    """
    mend(project, run)
    wanted = _wanted(project, run)
    if not wanted.is_here:
        _bring(project, run, wanted)
    for place in (project.run(run).result, project.run(run).preview):
        _settle(project, run, place)
    return Collected(run, "done", "", "", wanted.place, wanted.receipt.warnings)


def report_all(project: ProjectPaths, runs: Sequence[str]) -> None:
    """Have a report of every video that is here, where git does not bring it back by itself."""
    places = [project.run(run).result for run in runs]
    with locked(project.lock):
        for place in places:
            if place.receipt.exists() and not place.report.exists():
                reports.write_again(project, place)


def _settle(project: ProjectPaths, run: str, place: ResultPaths) -> None:
    """Have what tells of the video in `place` as it should be: its receipt, its report, its manifest."""
    with locked(project.lock):
        history.adopt(place)
        receipt = read_receipt(place.receipt)
        if receipt is None:
            return
        video = place.root / receipt.primary_output
        is_noted = video.is_file() and video.stat().st_mtime_ns == receipt.video_mtime_ns
        if not is_noted and history.is_file_with(video, receipt.video_sha256):
            write_receipt(place, receipt, receipt.branch)
        manifests.mend(place, receipt)
        if not reports.write_again(project, place):
            say(f"{run}: its result.yaml is not written here: git has it, or may have ({receipt.branch}, or the stash)")


def _wanted(project: ProjectPaths, run: str) -> _Wanted:
    """The result that lacks its video, of what the run's files say now first; when none does, the first.

    Raises: HostError when there is none.
    """
    found = [_as_wanted(project, run, one) for one in _answers(project, run)]
    there = [one for one in found if one is not None]
    paths = project.run(run)
    if not there and any(read_failure(place.failure) for place in (paths.result, paths.preview)):
        raise HostError(f"run {run} has no result; its attempt failed", hint=command("retry", run))
    if not there:
        raise HostError(f"run {run} has no result anywhere", hint=command("batch", run))
    lacking = sorted((one for one in there if not one.is_here), key=lambda one: not one.is_of_now)
    return (lacking or there)[0]


def _answers(project: ProjectPaths, run: str) -> Sequence[Answer]:
    """The model's own result of the run that counts, and its preview."""
    snapshot = load_all(project.root)
    tracker, now = Tracker(project, snapshot, {}), None
    left = tracker.traces(run)
    there = present(project, {run: left}).get(run, Present())
    if run in snapshot.runs:
        with suppress(FileError):
            now = Current(project, snapshot).spec_hash(run)
    model = answer(run, left, there, now, tracker, preview=False)
    alone = left._replace(report=None, here=None)
    preview = answer(run, alone, there, now, tracker, preview=True)
    return [one for one in (model, preview if preview and preview.result.preview else None) if one is not None]


def _as_wanted(project: ProjectPaths, run: str, found: Answer) -> _Wanted | None:
    paths, trace = project.run(run), found.result
    place = paths.preview if trace.preview else paths.result
    receipt = _receipt(ResultPaths(paths.root / trace.folder) if trace.folder else place, trace)
    return None if receipt is None else _Wanted(place, receipt, found.is_of_now, found.is_here)


def _receipt(place: ResultPaths, trace: ResultTrace) -> LocalReceipt | None:
    """What that trace is the gist of."""
    known = (read_receipt(file) for file in (place.receipt, place.report))
    return next((one for one in known if one is not None and one.video_sha256 == trace.sha256), None)


def _bring(project: ProjectPaths, run: str, wanted: _Wanted) -> None:
    """Have the wanted result in its place: whole, as history/ has it, else its outputs from wherever they are."""
    home, place, receipt = project.run(run), wanted.place, wanted.receipt
    with locked(project.lock):
        kept = history.kept_with(home, receipt.video_sha256, preview=receipt.preview)
        if kept is not None:
            receipt = read_receipt(kept.receipt) or receipt
            history.retire(home, place)
            history.bring_back(home, kept, place)
            write_receipt(place, receipt, receipt.branch)
            return
    staged = project.staging / f"{run}.restored"
    own.discard(staged)
    try:
        outputs = _gathered(project, run, place, receipt, staged)
        with locked(project.lock):
            _put(project, run, place, receipt, outputs)
    finally:
        own.discard(staged)


def _put(project: ProjectPaths, run: str, place: ResultPaths, receipt: LocalReceipt, outputs: Path) -> None:
    """Outputs that were gathered into their place. The caller holds the project's lock."""
    home, there = project.run(run), read_receipt(place.receipt)
    if there is not None and there.video_sha256 == receipt.video_sha256:
        history.put_back(home, place, outputs, receipt.outputs)
    else:
        history.retire(home, place)
        move(outputs, place.outputs)
    manifests.write(place, receipt)
    write_receipt(place, receipt, receipt.branch)


def _has_video(outputs: Path, receipt: Receipt) -> bool:
    name = Path(receipt.primary_output).name
    return history.is_file_with(outputs / name, receipt.video_sha256)


def _gathered(project: ProjectPaths, run: str, place: ResultPaths, receipt: Receipt, staged: Path) -> Path:
    """A folder in `staged` with the outputs that the receipt names, the video among them."""
    outputs = staged / "outputs"
    own.make_folders(outputs)
    for name, digest in receipt.outputs.items():
        known = chain(_copies_here(project, run, place, name), _copies_of_others(project, receipt, name))
        copy = next((copy for copy in known if history.is_file_with(copy, digest)), None)
        if copy is not None:
            link_or_copy(copy, outputs / name)
    if not _has_video(outputs, receipt):
        nowhere = f"run {run}: its video is neither in history/ nor on host {receipt.host}"
        try:
            _fetch(project, receipt, staged, outputs)
        except HostError as e:
            if isinstance(e, Unreachable):
                raise
            raise HostError(f"{nowhere}: {e.message}", hint=command("batch", run)) from e
        if not _has_video(outputs, receipt):
            raise HostError(nowhere, hint=command("batch", run))
    return outputs


def _copies_here(project: ProjectPaths, run: str, place: ResultPaths, name: str) -> Iterator[Path]:
    yield place.outputs / name
    yield from history.copies(project.run(run), name)


def _copies_of_others(project: ProjectPaths, receipt: Receipt, name: str) -> Iterator[Path]:
    """Where other run folders have that result: git moves the files that it versions of a run which another clone
    renamed, and leaves the video in the old folder.
    """
    for home in map(project.run, filter(is_id, own.names(project.runs))):
        kept = (home.kept(batch) for batch in own.names(home.history) if is_id(batch))
        for place in (home.result, home.preview, *kept):
            other = read_receipt(place.receipt)
            if other is not None and other.video_sha256 == receipt.video_sha256:
                yield place.outputs / name


def _fetch(project: ProjectPaths, receipt: Receipt, staged: Path, outputs: Path) -> None:
    """Pull the outputs from the host of the batch that made them. Raises: FileError, HostError."""
    batch = trust.allowed_whereabouts(project.root, project.batch(receipt.batch))
    files = [f"done/{receipt.run}/{name}" for name in receipt.outputs]
    most = run_bytes(batch, batch.row(receipt.run)) if batch.has(receipt.run) else UNPLANNED_BYTES
    pull(invoke_context(), batch, files, staged / "pulled", most_bytes=most)
    for name, digest in receipt.outputs.items():
        pulled = staged / "pulled" / "done" / receipt.run / name
        if history.is_file_with(pulled, digest):
            own.rename(pulled, outputs / name)
