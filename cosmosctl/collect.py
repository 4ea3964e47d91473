"""Pulled files into run folders: checked first, the earlier result moved aside, the receipt written last.

Every step may be cut off and repeated. Nothing that came from a host is thrown away: what is refused goes to history/.
"""

import hashlib
import re
import shutil
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from cosmosctl.domain.batch import Batch, BatchRow, stamp_of
from cosmosctl.domain.layout import ProjectPaths, ResultPaths
from cosmosctl.errors import CosmosctlError
from cosmosctl.events import Event, Progress, RunEnd, read_events
from cosmosctl.events import progress as progress_of
from cosmosctl.io.atomic import write_text
from cosmosctl.receipts import Failure, Receipt, failure_text, read_failure, read_receipt, receipt_text

_SAFE_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,127}")
PRIMARY = "output.mp4"
PROMPT_FILE = "prompt.txt"

Where = Literal["run", "preview", "history", "unclaimed"]


@dataclass(frozen=True)
class Collected:
    """What became of one run: `state` done, failed or cancelled; `folder` holds what came back."""

    run: str
    state: str
    reason: str
    detail: str
    folder: ResultPaths
    warnings: tuple[str, ...] = ()

    @property
    def video(self) -> Path:
        return self.folder.outputs / PRIMARY


def wanted_files(end: RunEnd) -> tuple[str, ...]:
    """The paths below the batch's folder on the host that this end names; names that are not plain are left out."""
    if end.state == "done":
        names = [str(output.get("path", "")) for output in end.event.get("outputs", ())]
        return tuple(f"done/{end.run}/{name}" for name in names if _SAFE_NAME.fullmatch(name))
    return tuple(path for path in map(str, end.event.get("kept", ())) if _is_kept_path(path, end.run))


def files_to_fetch(project: ProjectPaths, batch: Batch, runs: Sequence[str] = ()) -> tuple[str, ...]:
    """What a pull asks for: the outputs of these runs, or of all that ended and are not home, and every log."""
    state = progress_of(read_events(project.batch(batch.name).events))
    wanted = runs or [run for run in state.ends if run in batch.runs and not already_here(project, batch, run)]
    outputs = [file for run in wanted if run in state.ends for file in wanted_files(state.ends[run])]
    return (*outputs, *dict.fromkeys(_log_name(process) for process in state.processes if _log_name(process)))


def collect(project: ProjectPaths, batch: Batch, end: RunEnd, progress: Progress) -> Collected:
    """Bring one ended run home. The caller holds the project's lock; repeating it changes nothing more.

    Raises: DamagedCopy when a file differs from the host's sha256, so that it is fetched again.
    """
    row = batch.row(end.run)
    if end.state != "done":
        return _collect_failure(project, batch, row, end)
    pulled = project.pulled(batch.name) / "done" / end.run
    found = already_here(project, batch, end.run)
    if found is not None:
        return found
    outputs = _verified(pulled, end.event)
    refusal, frames = _refusal(pulled, row)
    if refusal:
        return refuse(project, batch, end, refusal)
    warnings = (*row.warnings, *_frame_warning(row, frames))
    receipt = _receipt(batch, row, end, progress, outputs, warnings)
    folder = _install(project, batch, receipt, pulled, outputs, end)
    return Collected(end.run, "done", "", "", folder, warnings)


class DamagedCopy(CosmosctlError):
    """A file here is not what the host has: it was torn on the way."""


def already_here(project: ProjectPaths, batch: Batch, run: str) -> Collected | None:
    """What this batch already left for `run`, if that is whole."""
    paths = project.run(run)
    for folder in (paths.result, paths.preview, paths.kept(batch.name)):
        receipt = read_receipt(folder.receipt)
        if receipt is not None and receipt.batch == batch.name:
            return Collected(run, "done", "", "", folder, receipt.warnings)
    for folder in (paths.result, paths.preview, paths.kept(batch.name)):
        failure = read_failure(folder.failure)
        if failure is not None and failure.batch == batch.name:
            return Collected(run, failure.state, failure.reason, failure.detail, folder)
    return None


def lost(project: ProjectPaths, batch: Batch, run: str) -> Collected:
    """A run that ended without a trace: its batch was given up, or its host forgot it."""
    return Collected(run, "failed", "host-lost", f"batch {batch.name} ended without it", project.run(run).result)


def note_lost(project: ProjectPaths, batch: Batch, run: str) -> Collected:
    """Write down that a run's host is gone for good. The caller holds the project's lock."""
    event = {"t": time.time(), "reason": "host-lost", "detail": f"batch {batch.name} was given up"}
    return _collect_failure(project, batch, batch.row(run), RunEnd(run, "failed", event))


def discard(project: ProjectPaths, batch: Batch, run: str) -> None:
    """Forget the pulled copy of a run's files, so that they are fetched whole again."""
    shutil.rmtree(project.pulled(batch.name) / "done" / run, ignore_errors=True)


def refuse(project: ProjectPaths, batch: Batch, end: RunEnd, why: str) -> Collected:
    """Note a run as bad-output and keep what came of it under history/. The caller holds the project's lock."""
    event = {**end.event, "reason": "bad-output", "detail": why, "kept": wanted_files(end)}
    return _collect_failure(project, batch, batch.row(end.run), RunEnd(end.run, "failed", event))


def write_logs(project: ProjectPaths, batch: Batch, progress: Progress, collected: Sequence[Collected]) -> Path:
    """batches/B/batch.log from the pulled logs, and its copy into the folder of every run of the batch."""
    target = project.batch(batch.name).log
    write_text(target, batch_log(project.pulled(batch.name), progress.processes))
    for one in collected:
        one.folder.logs.mkdir(parents=True, exist_ok=True)
        if not _same_size(target, one.folder.batch_log):
            _copy(target, one.folder.batch_log)
    return target


def _is_kept_path(path: str, run: str) -> bool:
    parts = path.split("/")
    return parts[0] in ("failed", "done") and parts[1:2] == [run] and all(map(_SAFE_NAME.fullmatch, parts[2:]))


def _verified(pulled: Path, event: Event) -> dict[str, dict[str, Any]]:
    """name -> {bytes, sha256, time} of every output, each read whole here. Raises: DamagedCopy."""
    found = {}
    for output in event.get("outputs", ()):
        name, digest = str(output["path"]), str(output["sha256"])
        file = pulled / name
        if not _SAFE_NAME.fullmatch(name):
            continue
        if file.is_symlink() or not file.is_file() or sha256_of(file) != digest:
            raise DamagedCopy(f"{file} is not what the host has")
        found[name] = {"bytes": file.stat().st_size, "sha256": digest, "time": stamp_of(event["t"])}
    return found


def _refusal(pulled: Path, row: BatchRow) -> tuple[str, int]:
    """Why these outputs are not this run's result (empty: they are), and the frames of the video."""
    from cosmosctl.media.probe import VideoError, probe

    video, prompt = pulled / PRIMARY, pulled / PROMPT_FILE
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
    batch: Batch,
    row: BatchRow,
    end: RunEnd,
    progress: Progress,
    outputs: Mapping[str, Mapping[str, Any]],
    warnings: Sequence[str],
) -> Receipt:
    loads = progress.loads or (0.0,)
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
        attempts=int(end.event.get("attempts", 1)),
        load_s=round(max(loads), 3),
        video_s=round(float(end.event.get("seconds", 0)), 3),
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
    )


def _install(
    project: ProjectPaths,
    batch: Batch,
    receipt: Receipt,
    pulled: Path,
    outputs: Mapping[str, Mapping[str, Any]],
    end: RunEnd,
) -> ResultPaths:
    target = _target(project, batch, receipt)
    _retire(project, receipt.run, target)
    target.outputs.mkdir(parents=True, exist_ok=True)
    for name in outputs:
        (pulled / name).replace(target.outputs / name)
    _write_execution_log(project, batch, end, target)
    write_text(target.manifest, manifest_text(outputs))
    write_text(target.receipt, receipt_text(receipt))
    return target


def manifest_text(outputs: Mapping[str, Mapping[str, Any]]) -> str:
    """One line a file: sha256, bytes, time it was finished on the host, path."""
    lines = [f"{o['sha256']}  {o['bytes']:>12}  {o['time']}  outputs/{name}\n" for name, o in sorted(outputs.items())]
    return "# sha256, bytes, time, file\n" + "".join(lines)


def _target(project: ProjectPaths, batch: Batch, receipt: Receipt) -> ResultPaths:
    """Where this result belongs: the run, its preview, history when a newer one is there, or unclaimed."""
    run = project.run(receipt.run)
    if not run.spec.exists():
        return ResultPaths(project.batch(batch.name).unclaimed / receipt.run)
    place = run.preview if batch.host.is_preview else run.result
    there = read_receipt(place.receipt)
    if there is not None and there.run == receipt.run and there.ended > receipt.ended:
        return run.kept(batch.name)
    return place


def _retire(project: ProjectPaths, run: str, place: ResultPaths) -> None:
    """Move what lies in `place` to history/ of its own batch; the receipt last, so that a cut-off move goes on."""
    receipt, failure = read_receipt(place.receipt), read_failure(place.failure)
    named = receipt.batch if receipt else failure.batch if failure else None
    if named is None:
        return
    kept = project.run(run).kept(named)
    for part in place.parts:
        if part.exists():
            kept.root.mkdir(parents=True, exist_ok=True)
            part.replace(_free(kept.root / part.name))


def _free(path: Path) -> Path:
    """`path`, or the first of path.1, path.2, … that is not taken."""
    number, free = 0, path
    while free.exists():
        number += 1
        free = path.with_name(f"{path.name}.{number}")
    return free


def _collect_failure(project: ProjectPaths, batch: Batch, row: BatchRow, end: RunEnd) -> Collected:
    found = already_here(project, batch, end.run)
    if found is not None:
        return found
    reason = str(end.event.get("reason", "")) if end.state == "failed" else ""
    detail = str(end.event.get("detail", ""))
    target = _failure_target(project, batch, row.run)
    if target.failure.exists():
        _retire(project, row.run, target)
    _keep_files(project, batch, end, target)
    _write_execution_log(project, batch, end, target)
    failure = Failure(row.run, batch.name, end.state, reason, detail, row.spec_hash, stamp_of(end.event["t"]))
    write_text(target.failure, failure_text(failure))
    return Collected(row.run, end.state, reason, detail, target)


def _failure_target(project: ProjectPaths, batch: Batch, run: str) -> ResultPaths:
    """An attempt without a video never touches a result: beside one it goes to history/."""
    paths = project.run(run)
    if not paths.spec.exists():
        return ResultPaths(project.batch(batch.name).unclaimed / run)
    if paths.result.receipt.exists() or paths.result.outputs.exists():
        return paths.kept(batch.name)
    return paths.result


def _keep_files(project: ProjectPaths, batch: Batch, end: RunEnd, target: ResultPaths) -> None:
    """What a failed attempt left behind, under history/BATCH/refused/."""
    for path in wanted_files(RunEnd(end.run, "failed", end.event)):
        file = project.pulled(batch.name) / path
        if file.is_file() and not file.is_symlink():
            refused = project.run(end.run).history / batch.name / "refused"
            refused.mkdir(parents=True, exist_ok=True)
            file.replace(_free(refused / file.name))


def _write_execution_log(project: ProjectPaths, batch: Batch, end: RunEnd, target: ResultPaths) -> None:
    """The run's own part of its process's log."""
    part = end.event.get("log") or {}
    file = project.pulled(batch.name) / (_log_name({"log": part.get("file")}) or "none")
    if not file.is_file():
        return
    with file.open("rb") as log:
        log.seek(int(part["begin"]))
        text = log.read(max(0, int(part["end"]) - int(part["begin"])))
    write_text(target.execution_log, text.decode("utf-8", errors="replace"))


def batch_log(pulled: Path, processes: Sequence[Event]) -> str:
    """The logs of all model processes in order of their start; `gpuK| ` before each line where there are several."""
    several = len({process.get("gpu") for process in processes}) > 1
    parts = []
    for process in processes:
        file = pulled / (_log_name(process) or "none")
        text = file.read_text(encoding="utf-8", errors="replace") if file.is_file() else ""
        mark = f"gpu{process.get('gpu')}| " if several else ""
        parts.append(f"{mark}=== {process.get('proc')}: {len(process.get('runs', ()))} runs\n")
        parts.extend(mark + line for line in text.splitlines(keepends=True))
        if text and not text.endswith("\n"):
            parts.append("\n")
    return "".join(parts)


def _log_name(process: Event) -> str:
    """logs/NAME of a model process; empty when the event names anything else."""
    folder, _, name = str(process.get("log", "")).partition("/")
    return f"logs/{name}" if folder == "logs" and _SAFE_NAME.fullmatch(name) else ""


def _copy(source: Path, target: Path) -> None:
    half = target.with_name(f".{target.name}.new")
    shutil.copyfile(source, half)
    half.replace(target)


def _same_size(one: Path, other: Path) -> bool:
    return other.is_file() and one.stat().st_size == other.stat().st_size


def sha256_of(file: Path) -> str:
    """The sha256 of a file's bytes, in hex."""
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
