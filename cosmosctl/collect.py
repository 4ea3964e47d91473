"""Pulled files into run folders: checked first, the earlier result moved aside, the receipt written last.

Every step may be cut off and repeated. Nothing that came from a host is thrown away: what is refused goes to history/.
"""

import shutil
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cosmosctl import history, process_logs
from cosmosctl.domain import order
from cosmosctl.domain.batch import Batch, BatchRow, stamp_of
from cosmosctl.domain.ids import is_id, is_plain_name
from cosmosctl.domain.layout import ProjectPaths, ResultPaths, RunPaths
from cosmosctl.domain.order import may_replace
from cosmosctl.errors import CosmosctlError
from cosmosctl.events import Event, Progress, RunEnd, read_progress
from cosmosctl.io.atomic import remove_temps, replace_with, write_text
from cosmosctl.io.moving import move
from cosmosctl.receipts import Failure, Receipt, failure_text, read_failure, read_receipt, receipt_text

PRIMARY = "output.mp4"
PROMPT_FILE = "prompt.txt"
MOST_OUTPUTS = 64
OUTPUT_BYTES = 4 << 30
"""Most files, and bytes in each, that a host may send for a run: many times what the models write."""
LOST = "host-lost"


class DamagedCopy(CosmosctlError):
    """A file here is not what the host has: it was torn on the way, or is gone there."""


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


def wanted_files(end: RunEnd) -> tuple[str, ...]:
    """The paths below the batch's folder on the host that this end names; names that are not plain are left out."""
    if end.state == "done":
        return () if _excess(end.event) else tuple(f"done/{end.run}/{name}" for name, _ in _outputs(end.event))
    kept = (path for path in map(str, end.event.get("kept", ())) if _is_kept_path(path, end.run))
    return tuple(kept)[:MOST_OUTPUTS]


def files_to_fetch(project: ProjectPaths, batch: Batch, runs: Sequence[str] = ()) -> Wanted:
    """What a pull asks for: the outputs of these runs, or of all that ended and are not home, and every log."""
    state = read_progress(project.batch(batch.name).events, batch.runs)
    wanted = runs or [run for run in state.ends if run in batch.runs and not already_here(project, batch, run)]
    ends = [state.ends[run] for run in wanted if run in state.ends]
    outputs = [file for end in ends for file in wanted_files(end)]
    told = [size for end in ends for size in _sizes(end.event) if size <= OUTPUT_BYTES]
    return Wanted((*outputs, *process_logs.log_names(state.processes)), max([process_logs.LOG_BYTES, *told]))


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
    for place in places:
        failure = read_failure(place.failure)
        if failure is not None and (failure.run, failure.batch) == (run, batch.name):
            return Collected(run, failure.state, failure.reason, failure.detail, place)
    return None


def collect(project: ProjectPaths, batch: Batch, end: RunEnd, progress: Progress) -> Collected:
    """Bring one ended run home. The caller holds the project's lock; repeating it changes nothing more.

    Raises: DamagedCopy when a file differs from the host's sha256, so that it is fetched again.
    """
    found = already_here(project, batch, end.run)
    if found is not None and not (found.reason == LOST and end.state == "done"):
        return found
    if end.state != "done":
        return _note(project, batch, end, project.pulled(batch.name) / "failed" / end.run)
    excess = _excess(end.event)
    if excess:
        return refuse(project, batch, end, excess)
    home, pulled = _home(project, batch, end.run), _pulled(project, batch, end.run)
    place = _place(project, batch, home, end)
    here = _is_cut_off(place, end.event)
    outputs = _verified(place.outputs if here else pulled, end.event)
    refusal, frames = _judged(place.outputs if here else pulled, batch.row(end.run))
    if refusal:
        return refuse(project, batch, end, refusal)
    if found is not None and found.folder.root == place.root:
        found.folder.failure.unlink(missing_ok=True)  # it was not lost after all
    history.tidy(place)
    if not here:
        history.retire(home, place)
        move(pulled, place.outputs)
    warnings = (*batch.row(end.run).warnings, *_frame_warning(batch.row(end.run), frames))
    if home.root != project.run(end.run).root:
        warnings += (f"there is no run {end.run} any more; its result waits in {home.root.relative_to(project.root)}",)
    process_logs.write_execution_log(project.pulled(batch.name), end.event, place.execution_log)
    write_text(place.manifest, manifest_text(outputs))
    write_text(place.receipt, receipt_text(_receipt(batch, end, progress, outputs, warnings)))
    return Collected(end.run, "done", "", "", place, warnings)


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
    shutil.rmtree(_pulled(project, batch, run), ignore_errors=True)


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


def receipt_for(batch: Batch, end: RunEnd, progress: Progress, place: ResultPaths) -> Receipt:
    """The receipt of the outputs in `place`, made again. Raises: DamagedCopy when they are not those of that end."""
    outputs = _verified(place.outputs, end.event)
    refusal, frames = _judged(place.outputs, batch.row(end.run))
    if refusal:
        raise DamagedCopy(refusal)
    warnings = (*batch.row(end.run).warnings, *_frame_warning(batch.row(end.run), frames))
    return _receipt(batch, end, progress, outputs, warnings)


def manifest_text(outputs: Mapping[str, Mapping[str, Any]]) -> str:
    """One line a file: sha256, bytes, time it was finished on the host, path."""
    lines = [f"{o['sha256']}  {o['bytes']:>12}  {o['time']}  outputs/{name}\n" for name, o in sorted(outputs.items())]
    return "# sha256, bytes, time, file\n" + "".join(lines)


def _pulled(project: ProjectPaths, batch: Batch, run: str) -> Path:
    return project.pulled(batch.name) / "done" / run


def _home(project: ProjectPaths, batch: Batch, run: str) -> RunPaths:
    """The run's folder; while there is no run of that name, a folder like it below the batch's unclaimed/."""
    own = project.run(run)
    return own if own.spec.exists() else RunPaths(project.batch(batch.name).unclaimed / run)


def _places(project: ProjectPaths, batch: Batch, run: str) -> Iterator[ResultPaths]:
    """Wherever this batch may have left something for `run`; a folder that is gone may have been renamed."""
    own = project.run(run)
    homes = [own, RunPaths(project.batch(batch.name).unclaimed / run)]
    if not own.spec.exists() and project.runs.is_dir():
        homes += [RunPaths(folder) for folder in sorted(project.runs.iterdir())]
    for home in homes:
        for place in (home.result, home.preview, home.kept(batch.name)):
            if any(_mentions(file, run) for file in (place.receipt, place.failure)):
                yield place


def _mentions(file: Path, run: str) -> bool:
    """Whether a file could be about `run`: asked of every run's folder, so nothing is parsed."""
    try:
        return run.encode() in file.read_bytes()
    except OSError:
        return False


def _place(project: ProjectPaths, batch: Batch, home: RunPaths, end: RunEnd) -> ResultPaths:
    """Where a result belongs: the run or its preview; history when the batch was given up.

    History too when what stands there is none that the batch comes after: it is newer, or came by git from a clone.
    """
    place = home.preview if batch.host.is_preview else home.result
    there = read_receipt(place.receipt)
    if project.batch(batch.name).end.exists() or (there is not None and not _comes_after(batch, end.run, there)):
        return home.kept(batch.name)
    return place


def _comes_after(batch: Batch, run: str, there: Receipt) -> bool:
    """Whether a result of `batch` takes the place of this one. Batches of an earlier version name no parents."""
    if there.run != run or there.batch == batch.name or not is_id(there.batch):
        return True
    return may_replace(order.Row(batch.name, batch.row(run).parents, batch.number), there)


def _is_cut_off(place: ResultPaths, event: Event) -> bool:
    """Whether the outputs are there and only what comes after them is missing: somebody was killed in between."""
    is_left = place.outputs.is_dir() and not place.receipt.exists()
    return is_left and len(_outputs(event)) > 0 and not _damage(place.outputs, event)


def _outputs(event: Event) -> list[tuple[str, str]]:
    """(name, sha256) of each output that a run_done event names; those without a plain name are left out."""
    named = [(str(entry.get("path")), str(entry.get("sha256"))) for entry in _entries(event)]
    return [(name, digest) for name, digest in named if is_plain_name(name)]


def _sizes(event: Event) -> list[int]:
    """The bytes of the outputs that a run_done event names."""
    return [entry["bytes"] for entry in _entries(event) if isinstance(entry.get("bytes"), int)]


def _entries(event: Event) -> list[dict[str, Any]]:
    return [entry for entry in event.get("outputs", ()) if isinstance(entry, dict)]


def _excess(event: Event) -> str:
    """Why what a run_done event names is more than a result can be; "" when it is not."""
    count, largest = len(_entries(event)), max(_sizes(event), default=0)
    if count > MOST_OUTPUTS:
        return f"the host names {count} files, a result has at most {MOST_OUTPUTS}"
    if largest > OUTPUT_BYTES:
        return f"the host names a file of {largest} bytes, a result's have at most {OUTPUT_BYTES}"
    return ""


def _is_kept_path(path: str, run: str) -> bool:
    parts = path.split("/")
    return parts[0] == "failed" and parts[1:2] == [run] and all(map(is_plain_name, parts[2:]))


def _damage(folder: Path, event: Event) -> str:
    """What is wrong with the copy of the outputs in `folder`; empty when all are there, to the byte."""
    for name, digest in _outputs(event):
        if (folder / name).is_symlink() or not (folder / name).is_file():
            return f"{name} is missing, or is a link or larger than its event tells"
        if not history.is_file_with(folder / name, digest):
            return f"{name} differs from what the host has"
    return ""


def _verified(folder: Path, event: Event) -> dict[str, dict[str, Any]]:
    """name -> {bytes, sha256, time} of every output, each read whole here. Raises: DamagedCopy."""
    damage = _damage(folder, event)
    if damage:
        raise DamagedCopy(damage)
    ended = stamp_of(event["t"])
    return {
        name: {"bytes": (folder / name).stat().st_size, "sha256": digest, "time": ended}
        for name, digest in _outputs(event)
    }


def _judged(outputs: Path, row: BatchRow) -> tuple[str, int]:
    """Why these outputs are not this run's result (empty: they are), and the frames of the video."""
    from cosmosctl.media.probe import VideoError, probe

    video, prompt = outputs / PRIMARY, outputs / PROMPT_FILE
    if not video.is_file():
        return f"there is no {PRIMARY}", 0
    if prompt.is_file() and prompt.read_bytes() != row.text.encode():
        return f"{PROMPT_FILE} holds another prompt than the run's", 0
    try:
        return "", probe(video).frames
    except VideoError as e:
        return f"{PRIMARY} does not decode: {e.message.removeprefix(str(video)).lstrip(': ')}", 0


def _frame_warning(row: BatchRow, frames: int) -> tuple[str, ...]:
    return () if frames == row.frames else (f"the video has {frames} frames, {row.frames} were expected",)


def _receipt(
    batch: Batch, end: RunEnd, progress: Progress, outputs: Mapping[str, Mapping[str, Any]], warnings: Sequence[str]
) -> Receipt:
    row = batch.row(end.run)
    return Receipt(
        run=row.run,
        batch=batch.name,
        batch_size=len(batch.rows),
        status="completed",
        primary_output=f"outputs/{PRIMARY}",
        model=batch.model,
        preview=batch.host.is_preview,
        host=batch.host.name,
        ended=stamp_of(end.event["t"]),
        attempts=end.event["attempts"],
        load_s=round(max(progress.loads, default=0.0), 3),
        video_s=round(end.seconds, 3),
        prompt=row.text,
        prompt_id=row.prompt_id,
        seed=row.facts.get("seed"),
        spec=row.spec_hash,
        effective=dict(row.facts),
        sources=dict(row.sources),
        inputs=dict(row.inputs),
        outputs={name: str(facts["sha256"]) for name, facts in outputs.items()},
        primary_bytes=int(outputs[PRIMARY]["bytes"]),
        warnings=tuple(warnings),
        number=batch.number,
        parents=row.parents,
        **_machine(end, progress),
    )


def _machine(end: RunEnd, progress: Progress) -> dict[str, str]:
    """What a run was made with: image, commit, GPU and driver, as far as its host told."""
    process = next((one for one in progress.processes if one["proc"] == end.event.get("proc")), {})
    listed, number = progress.machine.get("gpus"), process.get("gpu")
    gpus = listed if isinstance(listed, list) else []
    gpu = gpus[number] if isinstance(number, int) and 0 <= number < len(gpus) else {}
    gpu = gpu if isinstance(gpu, dict) else {}
    facts = {"image": progress.machine.get("image"), "commit": progress.machine.get("commit")}
    facts |= {"gpu": gpu.get("name"), "driver": gpu.get("driver")}
    return {name: fact for name, fact in facts.items() if isinstance(fact, str) and fact.isprintable()}


def _note(project: ProjectPaths, batch: Batch, end: RunEnd, left: Path) -> Collected:
    """Write down how a run ended without a result; `left`, what came of it all the same, goes to history/."""
    home = _home(project, batch, end.run)
    history.keep(left, home.kept(batch.name).root / "refused")
    place = _failure_place(batch, home)
    history.tidy(place)
    if place.failure.exists():
        history.retire(home, place)
    process_logs.write_execution_log(project.pulled(batch.name), end.event, place.execution_log)
    failure = failure_for(batch, end)
    write_text(place.failure, failure_text(failure))
    return Collected(end.run, end.state, failure.reason, failure.detail, place)


def failure_for(batch: Batch, end: RunEnd) -> Failure:
    """The receipt of a run that its host ended without a result."""
    row, reason = batch.row(end.run), str(end.event.get("reason", ""))
    detail = str(end.event.get("detail", "")).encode(errors="replace").decode()
    ended, preview = stamp_of(end.event["t"]), batch.host.is_preview
    return Failure(
        end.run, batch.name, end.state, reason, detail, row.spec_hash, ended, preview, batch.number, row.parents
    )


def _failure_place(batch: Batch, home: RunPaths) -> ResultPaths:
    """An attempt without a video never touches a result: beside one it goes to history/."""
    place = home.preview if batch.host.is_preview else home.result
    return home.kept(batch.name) if place.receipt.exists() or place.outputs.exists() else place
