"""Bring home what ended since, without waiting: one look at each host that has an unfinished batch of ours."""

import os
from collections.abc import Sequence
from pathlib import Path

from cosmosctl import bundle, collect, remote, states, tasks
from cosmosctl.collect import Collected
from cosmosctl.commands.attach import bring_home, close
from cosmosctl.domain.batch import Batch
from cosmosctl.domain.ids import resolve_id
from cosmosctl.domain.layout import ProjectPaths, ResultPaths
from cosmosctl.errors import HostError
from cosmosctl.events import progress, read_events
from cosmosctl.io.lock import locked
from cosmosctl.receipts import Receipt, read_receipt
from cosmosctl.store import find_root, load_all


def fetch_all(folder: Path, ids: Sequence[str]) -> tuple[Collected, ...]:
    """What was brought home: of the named batches and runs, else of every unfinished batch. Raises: HostError."""
    project = ProjectPaths(find_root(folder))
    snapshot = load_all(project.root)
    waiting = {one.paths.name: one for one in states.open_batches(project)}
    known = {**dict.fromkeys(snapshot.run_ids, "run"), **{paths.name: "batch" for paths in states.batches(project)}}
    named = [resolve_id(word, known, what="run or batch") for word in ids]
    batches = [name for name in named if known[name] == "batch"] if named else list(waiting)
    found = [one for name in batches if name in waiting for one in fetch_batch(project, name)]
    found += [restore(project, name) for name in named if known[name] == "run"]
    return tuple(found)


def fetch_batch(project: ProjectPaths, name: str) -> tuple[Collected, ...]:
    """The runs of one batch that ended and were not home yet; the batch is closed when its host ended it."""
    batch = bundle.read_batch(project.batch(name))
    with locked(project.batch_lock(name), timeout_s=0) as free:
        if not free:
            return ()
        remote.copy_events(tasks.context(), project, batch)
        state = progress(read_events(project.batch(name).events))
        home = _home_already(project, batch)
        before = set(home)
        bring_home(project, batch, state, home)
        if state.finished:
            close(project, batch, state, home)
        return tuple(one for run, one in home.items() if run not in before)


def restore(project: ProjectPaths, run: str) -> Collected:
    """The result of a run whose receipt is here and whose video is not: from history/, else from its host.

    Raises: HostError when neither has it.
    """
    place, receipt = _absent_result(project, run)
    if states.is_present(place, receipt):
        return Collected(run, "done", "", "", place, receipt.warnings)
    for kept in _copies(project, run, receipt):
        place.outputs.mkdir(parents=True, exist_ok=True)
        os.link(kept, place.root / receipt.primary_output)
        return Collected(run, "done", "", "", place, receipt.warnings)
    return _restore_from_host(project, run, place, receipt)


def _absent_result(project: ProjectPaths, run: str) -> tuple[ResultPaths, Receipt]:
    paths = project.run(run)
    for place in (paths.result, paths.preview):
        receipt = read_receipt(place.receipt)
        if receipt is not None:
            return place, receipt
    raise HostError(f"run {run} has no result anywhere", hint=f"cosmosctl batch {run}")


def _copies(project: ProjectPaths, run: str, receipt: Receipt) -> list[Path]:
    """Videos in history/ with the very content that the receipt names."""
    digest = receipt.outputs[Path(receipt.primary_output).name]
    kept = sorted(project.run(run).history.glob("*/outputs*/*.mp4")) if project.run(run).history.is_dir() else []
    same_size = [path for path in kept if path.stat().st_size == receipt.primary_bytes]
    return [path for path in same_size if collect.sha256_of(path) == digest]


def _restore_from_host(project: ProjectPaths, run: str, place: ResultPaths, receipt: Receipt) -> Collected:
    lost = HostError(
        f"run {run}: its video is neither in history/ nor on host {receipt.host}", hint=f"cosmosctl batch {run} --all"
    )
    batch_paths = project.batch(receipt.batch)
    if not batch_paths.plan.exists():
        raise lost
    batch = bundle.read_batch(batch_paths)
    files = [f"done/{run}/{name}" for name in receipt.outputs]
    pulled = project.pulled(batch.name)
    remote.pull(tasks.context(), batch, files, pulled)
    for file, (name, digest) in zip(files, receipt.outputs.items(), strict=True):
        if not (pulled / file).is_file() or collect.sha256_of(pulled / file) != digest:
            raise lost
        place.outputs.mkdir(parents=True, exist_ok=True)
        (pulled / file).replace(place.outputs / name)
    return Collected(run, "done", "", "", place, receipt.warnings)


def _home_already(project: ProjectPaths, batch: Batch) -> dict[str, Collected]:
    found = {run: collect.already_here(project, batch, run) for run in batch.runs}
    return {run: one for run, one in found.items() if one is not None}
