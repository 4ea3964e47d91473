"""Pulled files into run folders: checked first, the earlier result moved aside, the receipt written last.

Every step may be cut off and repeated. Nothing that came from a host is thrown away: what is refused goes to history/.
"""

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from cosmosctl.domain import order
from cosmosctl.domain.batch import Batch
from cosmosctl.domain.ids import is_id, is_plain_name
from cosmosctl.domain.layout import PRIMARY, ProjectPaths, ResultPaths, RunPaths
from cosmosctl.domain.order import may_replace
from cosmosctl.domain.plurals import counted
from cosmosctl.errors import CosmosctlError, FileError
from cosmosctl.events import process_logs
from cosmosctl.events.progress import Progress, RunEnd, read_progress
from cosmosctl.git import state as git_state
from cosmosctl.io import own
from cosmosctl.io.moving import move
from cosmosctl.io.os_error import is_there
from cosmosctl.io.own import RECEIPT_BYTES, remove_temps, replace_with, write_text
from cosmosctl.log import say
from cosmosctl.plan import bundle_reader
from cosmosctl.results import history, reports
from cosmosctl.results.end_records import failure_for, receipt_of
from cosmosctl.results.judgement import (
    MOST_OUTPUTS,
    Judgement,
    damage,
    excess,
    frame_warning,
    judge,
    outputs_of,
    run_bytes,
    sizes,
    trimmed,
)
from cosmosctl.results.manifests import manifest_text
from cosmosctl.results.receipts import Receipt, failure_text, read_failure, read_receipt, write_receipt

LOST = "host-lost"


class Moved(CosmosctlError):
    """What was judged is not what lies there any more: another command was faster, or was killed in between."""


@dataclass(frozen=True)
class Collected:
    """What became of one run: `state` done, failed, cancelled or absent; `folder` holds what came back."""

    run: str
    state: str
    reason: str
    detail: str
    folder: ResultPaths
    warnings: tuple[str, ...] = ()

    @property
    def video(self) -> Path:
        return self.folder.outputs / PRIMARY


@dataclass(frozen=True)
class Wanted:
    """Paths below the batch's folder on the host, and the most bytes that any of them may have."""

    files: tuple[str, ...]
    most_bytes: int


def wanted_files(batch: Batch, end: RunEnd) -> tuple[str, ...]:
    """The paths below the batch's folder on the host that this end names and that are asked for."""
    if end.state == "done":
        names = () if excess(batch, end.run, end.event) else outputs_of(batch, end.event)
        return tuple(f"done/{end.run}/{name}" for name, _ in names)
    kept = (path for path in map(str, end.event.get("kept", ())) if _is_kept_path(path, end.run))
    return tuple(kept)[:MOST_OUTPUTS]


def files_to_fetch(project: ProjectPaths, batch: Batch, runs: Sequence[str] = ()) -> Wanted:
    """What a pull asks for: the outputs of these runs, or of all that ended and are not home, and every log."""
    state = read_progress(project.batch(batch.name).events, batch.runs)
    wanted = runs or [run for run in state.ends if batch.has(run) and not already_here(project, batch, run)]
    ends = [state.ends[run] for run in wanted if run in state.ends]
    outputs = [file for end in ends for file in wanted_files(batch, end)]
    logs = process_logs.log_names(state.processes)
    bounds = [run_bytes(batch, batch.row(end.run)) for end in ends if end.state == "done"]
    told = [min(most, max(sizes(end.event), default=0)) for end, most in zip(ends, bounds, strict=False)]
    return Wanted((*outputs, *logs), max([process_logs.most_bytes(logs), *told]))


def all_here(project: ProjectPaths, batch: Batch) -> dict[str, Collected]:
    """What this batch left for its runs, whole. Those that were given up for lost may still turn up: left out."""
    found = {run: already_here(project, batch, run) for run in batch.runs}
    return {run: one for run, one in found.items() if one is not None and one.reason != LOST}


def already_here(project: ProjectPaths, batch: Batch, run: str) -> Collected | None:
    """What this batch left for `run`, if that is whole: a result, else the note of a failure."""
    places = list(_places(project, batch, run))
    for place in places:
        receipt = read_receipt(place.receipt)
        if receipt is not None and (receipt.run, receipt.batch) == (run, batch.name):
            return Collected(run, "done", "", "", place, receipt.warnings)
    is_over = project.batch(batch.name).end.exists()
    for place in (one for one in places if is_over and one.is_versioned and not one.receipt.exists()):
        report = read_receipt(place.report)  # all that a version before wrote
        if report is not None and (report.run, report.batch) == (run, batch.name):
            return Collected(run, "done", "", "", place, report.warnings)
    for place in places:
        failure = read_failure(place.failure)
        if failure is not None and (failure.run, failure.batch) == (run, batch.name):
            return Collected(run, failure.state, failure.reason, failure.detail, place)
    return None


def looked_at(project: ProjectPaths, batch: Batch, end: RunEnd) -> Judgement | None:
    """What the outputs of a run that is to be collected are; None when there is nothing to look at.

    Takes its time, and nobody has to hold a lock for it. Raises: DamagedCopy.
    """
    found = already_here(project, batch, end.run)
    is_done = end.state == "done" and not excess(batch, end.run, end.event)
    if not is_done or (found is not None and found.reason != LOST):
        return None
    place = _place(project, batch, _home_of_result(project, batch, end.run), end)
    return judge(_source(project, batch, end, place), batch, end.run, end.event)


def collect(
    project: ProjectPaths, batch: Batch, end: RunEnd, progress: Progress, looked: Judgement | None = None
) -> Collected:
    """Bring one ended run home, as it was `looked_at` before or is now. Repeating it changes nothing more.

    The caller holds the project's lock. Raises: DamagedCopy when a file differs from the host's sha256, so that it is
    fetched again; Moved when other files lie there than were looked at.
    """
    found = already_here(project, batch, end.run)
    if found is not None and not (found.reason == LOST and end.state == "done"):
        return found
    if end.state != "done":
        return _note(project, batch, end, project.pulled(batch.name) / "failed" / end.run)
    too_much = excess(batch, end.run, end.event)
    if too_much:
        return refuse(project, batch, end, too_much)
    home = _home_of_result(project, batch, end.run)
    place = _place(project, batch, home, end)
    source = _source(project, batch, end, place)
    looked = looked or judge(source, batch, end.run, end.event)
    if not looked.is_of(source):
        raise Moved(f"{source} changed while it was looked at")
    if looked.refusal:
        return refuse(project, batch, end, looked.refusal)
    if found is not None and found.folder.root == place.root:
        own.remove(found.folder.failure)  # it was not lost after all
    _put(source, looked, home, place)
    warnings = (*batch.row(end.run).warnings, *frame_warning(batch.row(end.run), looked.frames))
    if home.root != project.run(end.run).root:
        warnings += (f"there is no run {end.run} any more; its result waits in {home.root.relative_to(project.root)}",)
    process_logs.write_execution_log(project.pulled(batch.name), end.event, place.execution_log)
    write_text(place.manifest, manifest_text(looked.outputs))
    receipt = receipt_of(batch, end, progress, looked.outputs, warnings, folder=place.outputs)
    branch = bundle_reader.read_branch(project.batch(batch.name))
    reports.write_new(project, place, receipt, branch)
    write_receipt(place, receipt, branch)
    return Collected(end.run, "done", "", "", place, warnings)


def _put(source: Path, looked: Judgement, home: RunPaths, place: ResultPaths) -> None:
    """Outputs that are to stay into their place; what stood there goes to history/, whole."""
    history.tidy(place)
    if source != place.outputs:
        _drop_others(source, looked.outputs)
        history.retire(home, place)
        move(source, place.outputs)


def _source(project: ProjectPaths, batch: Batch, end: RunEnd, place: ResultPaths) -> Path:
    """Where the outputs are: where they were pulled to, or in their place when only what comes after is missing.

    Then somebody was killed in between.
    """
    is_left = place.outputs.is_dir() and not place.receipt.exists()
    pulled = _pulled(project, batch, end.run)
    is_cut_off = is_left and outputs_of(batch, end.event) and not damage(place.outputs, batch, end.event)
    return place.outputs if is_cut_off else pulled


def _drop_others(folder: Path, outputs: Mapping[str, object]) -> None:
    """Nothing but these outputs is in `folder`: an earlier version, or another command, may have left more."""
    for name in own.names(folder):
        if name not in outputs:
            own.remove(folder / name)


def refuse(project: ProjectPaths, batch: Batch, end: RunEnd, why: str) -> Collected:
    """Note a run as bad-output and keep what came of it under history/. The caller holds the project's lock."""
    event = {**end.event, "reason": "bad-output", "detail": why}
    return _note(project, batch, RunEnd(end.run, "failed", event), _pulled(project, batch, end.run))


def note_lost(project: ProjectPaths, batch: Batch, run: str, why: str) -> Collected:
    """Write down that nothing more will come of a run. The caller holds the project's lock."""
    event = {"t": time.time(), "reason": LOST, "detail": why}
    return already_here(project, batch, run) or _note(
        project, batch, RunEnd(run, "failed", event), _pulled(project, batch, run)
    )


def discard(project: ProjectPaths, batch: Batch, run: str) -> None:
    """Forget the pulled copy of a run's files, so that they are fetched whole again."""
    own.discard(_pulled(project, batch, run))


def write_log(project: ProjectPaths, batch: Batch, progress: Progress) -> Path:
    """batches/B/batch.log from the pulled logs.

    The caller holds the batch's lock and the project's.
    """
    target = project.batch(batch.name).log
    remove_temps(target.parent, unused_for_s=0)
    with replace_with(target) as half, half.open("wb") as file:
        for piece in process_logs.batch_log(project.pulled(batch.name), progress.processes):
            file.write(piece)
    return target


def _pulled(project: ProjectPaths, batch: Batch, run: str) -> Path:
    return project.pulled(batch.name) / "done" / run


def _home(project: ProjectPaths, batch: Batch, run: str) -> RunPaths:
    """The run's folder; while there is no run of that name, a folder like it below the batch's unclaimed/."""
    own = project.run(run)
    return own if is_there(own.spec) else project.batch(batch.name).waiting(run)


def _home_of_result(project: ProjectPaths, batch: Batch, run: str) -> RunPaths:
    """The run's folder, but where another branch's result stands there: what this one's branch gets waits for it."""
    home, branch = _home(project, batch, run), bundle_reader.read_branch(project.batch(batch.name))
    is_taken = home.result.receipt.exists() or home.result.report.exists()
    if not batch.host.is_preview and is_taken and git_state.is_elsewhere(project.root, branch):
        return project.batch(batch.name).waiting(run)
    return home


def _places(project: ProjectPaths, batch: Batch, run: str) -> Iterator[ResultPaths]:
    """Wherever this batch may have left something for `run`; a folder that is gone may have been renamed."""
    own = project.run(run)
    homes = [own, project.batch(batch.name).waiting(run)]
    if not is_there(own.spec) and project.runs.is_dir():
        homes += [RunPaths(folder) for folder in sorted(project.runs.iterdir())]
    for home in homes:
        for place in (home.result, home.preview, home.kept(batch.name)):
            if any(_mentions(file, run) for file in {place.receipt, place.report, place.failure}):
                yield place


def _mentions(file: Path, run: str) -> bool:
    """Whether a file could be about `run`: asked of every run's folder, so nothing is parsed."""
    try:
        return run.encode() in own.read_bytes(file, most=RECEIPT_BYTES)
    except (OSError, FileError):
        return False


def _place(project: ProjectPaths, batch: Batch, home: RunPaths, end: RunEnd) -> ResultPaths:
    """Where a result belongs: the run or its preview; history when the batch was given up.

    History too when what stands there is none that the batch comes after: it is newer, or came by git from a clone.
    """
    place = home.preview if batch.host.is_preview else home.result
    there = read_receipt(place.receipt) or read_receipt(place.report)
    if project.batch(batch.name).end.exists() or (there is not None and not _comes_after(batch, end.run, there)):
        return home.kept(batch.name)
    return place


def _comes_after(batch: Batch, run: str, there: Receipt) -> bool:
    """Whether a result of `batch` takes the place of this one. Batches of an earlier version name no parents."""
    if there.run != run or there.batch == batch.name or not is_id(there.batch):
        return True
    return may_replace(order.Row(batch.name, batch.row(run).parents, batch.number), there)


def _is_kept_path(path: str, run: str) -> bool:
    parts = path.split("/")
    return parts[0] == "failed" and parts[1:2] == [run] and all(map(is_plain_name, parts[2:]))


def _note(project: ProjectPaths, batch: Batch, end: RunEnd, left: Path) -> Collected:
    """Write down how a run ended without a result; `left`, what came of it all the same, goes to history/."""
    home = _home(project, batch, end.run)
    beyond = trimmed(left, run_bytes(batch, batch.row(end.run)))
    if beyond:
        say(f"{end.run}: {counted(beyond, 'file')} of what came is more than such a run may leave, and was removed")
    history.keep(left, home.kept(batch.name).root / "refused")
    place = _failure_place(batch, home)
    history.tidy(place)
    if place.failure.exists():
        history.retire(home, place)
    process_logs.write_execution_log(project.pulled(batch.name), end.event, place.execution_log)
    failure = failure_for(batch, end)
    write_text(place.failure, failure_text(failure))
    return Collected(end.run, end.state, failure.reason, failure.detail, place)


def _failure_place(batch: Batch, home: RunPaths) -> ResultPaths:
    """An attempt without a video never touches a result: beside one it goes to history/."""
    place = home.preview if batch.host.is_preview else home.result
    stands = (place.receipt, place.report, place.outputs)
    return home.kept(batch.name) if any(part.exists() for part in stands) else place
