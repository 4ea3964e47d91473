"""What state each run is in, derived from files alone: nothing here is stored.

invalid, queued, running, pending, done, changed, absent, failed, cancelled: design of the project folder.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from cosmosctl import models
from cosmosctl.domain.layout import BatchPaths, ProjectPaths, ResultPaths, RunPaths
from cosmosctl.domain.spec import changed_keys, effective_spec, fingerprint, spec_hash
from cosmosctl.errors import FileError
from cosmosctl.events import Progress, progress, read_events
from cosmosctl.receipts import Failure, Receipt, read_failure, read_receipt
from cosmosctl.store import Snapshot, hash_file

STATES = ("running", "queued", "pending", "changed", "failed", "cancelled", "absent", "invalid", "done")
ALIASES = {"completed": "done"}


@dataclass(frozen=True)
class RunState:
    """`detail` completes the word: the reason of a failure, what changed, the first mistake. `share` is 0..1."""

    run: str
    state: str
    detail: str = ""
    reason: str = ""
    batch: str = ""
    changed: tuple[str, ...] = ()
    share: float | None = None
    previewed: bool = False
    earlier_kept: bool = False
    folder: ResultPaths | None = None


@dataclass(frozen=True)
class OpenBatch:
    """A batch that was bundled and has no end.yaml: it holds its runs."""

    paths: BatchPaths
    runs: tuple[str, ...]
    progress: Progress


def open_batches(project: ProjectPaths) -> tuple[OpenBatch, ...]:
    """The unfinished batches, oldest name first. A cloned batch.yaml without its plan.json holds nothing here."""
    found = []
    for paths in batches(project):
        if paths.plan.exists() and not paths.end.exists():
            runs = tuple(line.split()[1] for line in paths.rows_list.read_text(encoding="utf-8").splitlines())
            found.append(OpenBatch(paths, runs, progress(read_events(paths.events))))
    return tuple(found)


def batches(project: ProjectPaths) -> Iterator[BatchPaths]:
    """Every whole batch folder, by name."""
    if project.batches.is_dir():
        for root in sorted(project.batches.iterdir()):
            if (root / "batch.yaml").is_file():
                yield BatchPaths(root)


def held_runs(project: ProjectPaths) -> Mapping[str, str]:
    """Run -> the unfinished batch that holds it."""
    return {run: batch.paths.name for batch in open_batches(project) for run in batch.runs}


def all_states(project: ProjectPaths, snapshot: Snapshot, *, preview: bool) -> Mapping[str, RunState]:
    """The state of every run. `preview`: whether a CPU preview counts as the result (the host makes previews)."""
    held = {run: batch for batch in open_batches(project) for run in batch.runs}
    return {run: _state(project, snapshot, run, held.get(run), preview) for run in snapshot.run_ids}


def _state(project: ProjectPaths, snapshot: Snapshot, run: str, held: OpenBatch | None, preview: bool) -> RunState:
    if held is not None:
        return _held_state(run, held)
    problems = snapshot.problems_of([run])
    if problems:
        return RunState(run, "invalid", detail=str(problems[0]))
    paths = project.run(run)
    result, previewed = _own(project, paths.result, run), _own(project, paths.preview, run)
    receipt = _newest(result, previewed) if preview else result
    failure = _newest_failure(project, paths)
    folder = paths.preview if receipt is not None and receipt is previewed else paths.result
    return _settled(project, snapshot, run, receipt, failure, folder, previewed=previewed is not None)


def _held_state(run: str, held: OpenBatch) -> RunState:
    name, seen = held.paths.name, held.progress
    if run in seen.ends:
        return RunState(
            run, "running", detail=f"ended ({seen.ends[run].state}), not fetched yet", batch=name, share=1.0
        )
    if run in seen.running:
        return RunState(run, "running", batch=name, share=seen.running[run])
    return RunState(run, "queued", detail="" if seen.launched else "not sent", batch=name)


def _settled(
    project: ProjectPaths,
    snapshot: Snapshot,
    run: str,
    receipt: Receipt | None,
    failure: Failure | None,
    folder: ResultPaths,
    *,
    previewed: bool,
) -> RunState:
    if receipt is None and failure is None:
        return RunState(run, "pending", previewed=previewed)
    try:
        facts = current_facts(project, snapshot, run)
    except FileError as e:
        return RunState(run, "invalid", detail=e.message)
    failed = failure is not None and failure.spec == spec_hash(facts)
    if failure is not None and failed and (receipt is None or failure.ended > receipt.ended):
        return RunState(
            run,
            failure.state,
            detail=failure.detail,
            reason=failure.reason,
            batch=failure.batch,
            previewed=previewed,
            earlier_kept=receipt is not None,
            folder=folder,
        )
    if receipt is None:
        return RunState(run, "pending", previewed=previewed)
    if not is_present(folder, receipt):
        return RunState(run, "absent", batch=receipt.batch, folder=folder)
    changed = changed_keys(receipt.effective, facts) if receipt.spec != spec_hash(facts) else ()
    state = "changed" if changed else "done"
    return RunState(run, state, ", ".join(changed), "", receipt.batch, changed, previewed=previewed, folder=folder)


def current_facts(project: ProjectPaths, snapshot: Snapshot, run: str) -> dict[str, bool | int | float | str]:
    """The fingerprint of a run as its files are now. Raises: FileError when a video cannot be read."""
    spec_run = snapshot.runs[run]
    name = spec_run.model or snapshot.config.model
    prompt = snapshot.prompts[spec_run.prompt]
    spec = effective_spec(spec_run, prompt, snapshot.config, model=name, rules=models.get(name).SETTINGS)
    return fingerprint(spec, {path: hash_file(project.root, project.root / path) for path in spec.input_paths})


def is_present(folder: ResultPaths, receipt: Receipt) -> bool:
    """Whether the video of a result is here, by its size: a clone or another branch lacks it."""
    video = folder.root / receipt.primary_output
    try:
        return video.stat().st_size == receipt.primary_bytes
    except OSError:
        return False


def _own(project: ProjectPaths, folder: ResultPaths, run: str) -> Receipt | None:
    receipt = read_receipt(folder.receipt)
    return receipt if receipt is not None and _belongs(project, receipt.run, run) else None


def _belongs(project: ProjectPaths, named: str, run: str) -> bool:
    """Another name whose folder still exists: this folder is a copy of it. Gone: this folder was renamed."""
    return named == run or not project.run(named).spec.exists()


def _newest(*receipts: Receipt | None) -> Receipt | None:
    there = [receipt for receipt in receipts if receipt is not None]
    return max(there, key=lambda receipt: receipt.ended) if there else None


def _newest_failure(project: ProjectPaths, run: RunPaths) -> Failure | None:
    places: list[Path] = [run.result.failure]
    if run.history.is_dir():
        places += [ResultPaths(kept).failure for kept in run.history.iterdir()]
    failures = [failure for failure in map(read_failure, places) if failure is not None]
    own = [failure for failure in failures if _belongs(project, failure.run, run.id)]
    return max(own, key=lambda failure: failure.ended) if own else None
