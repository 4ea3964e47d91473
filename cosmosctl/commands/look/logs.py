"""The log of a batch or of one run: the copy that is here, or the host's while the batch runs."""

import os
import time
from pathlib import Path

from cosmosctl.domain.batch import AllowedBatch
from cosmosctl.domain.ids import command, resolve_id
from cosmosctl.domain.layout import BatchPaths, ProjectPaths
from cosmosctl.errors import FileError, UsageError
from cosmosctl.events import process_logs
from cosmosctl.events.progress import PIECE_BYTES, EventTail, read_progress
from cosmosctl.host import trust
from cosmosctl.host.context import invoke_context
from cosmosctl.host.follow import copy_events
from cosmosctl.host.pull import pull
from cosmosctl.host.shards import follow_shards
from cosmosctl.io import own
from cosmosctl.io.checked import opened as opened_file
from cosmosctl.io.lock import locked_at_once
from cosmosctl.io.streams import has_reader, write_log
from cosmosctl.opening.project import opened
from cosmosctl.state import states
from cosmosctl.state.attempts import attempts
from cosmosctl.store import load_all

POLL_S = 1.0


def print_logs(folder: Path, name: str | None, *, follow: bool) -> None:
    """Write the log of the batch or run `name` to stdout. Raises: UsageError, FileError, HostError."""
    project = opened(folder)
    batches = {paths.name: paths for paths in states.batches(project)}
    known = {*batches, *load_all(project.root).run_ids}
    if name is None and not batches:
        raise UsageError("there is no batch yet", hint="cosmosctl batch")
    found = resolve_id(name, known, what="run or batch") if name else list(batches)[-1]
    if found not in batches:
        held = states.held_runs(project)
        if found not in held:
            _print_file(_newest_log(project, found))
            return
        found = held[found]
    _print_batch(project, batches[found], follow=follow)


def _print_batch(project: ProjectPaths, paths: BatchPaths, *, follow: bool) -> None:
    if paths.log.exists():
        _print_file(paths.log)
    elif not paths.plan.exists():
        raise FileError(f"batch {paths.name} was made in another clone; its log is there")
    elif follow:
        _stream(project, trust.allowed_batch(paths))
    else:
        _print_pulled(project, trust.allowed_batch(paths))


def _print_pulled(project: ProjectPaths, batch: AllowedBatch) -> None:
    """What the models of a running batch have written so far."""
    with locked_at_once(project.batch_lock(batch.name)) as free:
        if free:
            copy_events(invoke_context(), project, batch)
        processes = read_progress(project.batch(batch.name).events, batch.runs).processes
        if free:
            names = process_logs.log_names(processes)
            most = process_logs.most_bytes(names)
            pull(invoke_context(), batch, names, project.pulled(batch.name), most_bytes=most)
    for piece in process_logs.batch_log(project.pulled(batch.name), processes):
        write_log(piece)


def _stream(project: ProjectPaths, batch: AllowedBatch) -> None:
    """Print the log of each model process as it grows, in order of their start, until the batch has ended.

    Raises: UsageError when the batch was never launched.
    """
    c = invoke_context()
    folder = project.streamed(batch.name, os.getpid())
    tail, printed = EventTail(folder / "events.jsonl", batch.runs), dict[str, int]()
    try:
        while True:
            names = process_logs.log_names(tail.progress().processes)
            if batch.shards:
                own.make_folders(folder)
                follow_shards(c, folder / "events.jsonl", batch, every_s=0)
            events = () if batch.shards else ("events.jsonl",)
            pull(c, batch, (*events, *names), folder, most_bytes=process_logs.most_bytes(names))
            state = tail.progress()
            if not state.launched:
                raise UsageError(f"batch {batch.name} was not sent", hint=command("attach", batch.name))
            for name in names:
                _print_new(folder / name, printed)
            if not has_reader():
                return
            if state.finished and names == process_logs.log_names(state.processes):
                return
            time.sleep(POLL_S)
    finally:
        own.discard(folder)


def _print_new(log: Path, printed: dict[str, int]) -> None:
    """Write what `log` has beyond what was printed of it before."""
    if not own.is_file(log):
        return
    with opened_file(log, process_logs.LOG_BYTES) as stream:
        stream.seek(printed.get(log.name, 0))
        while data := stream.read(PIECE_BYTES):
            printed[log.name] = printed.get(log.name, 0) + len(data)
            write_log(data)


def _newest_log(project: ProjectPaths, run: str) -> Path:
    """execution.log of the attempt that the run's state tells of, else of its newest. Raises: FileError without any."""
    snapshot = load_all(project.root)
    state = states.all_states(project, snapshot, preview=snapshot.host().is_preview)[run]
    found = sorted(attempts(project, run), key=lambda one: (one.batch == state.batch, *one.age), reverse=True)
    found = [one for one in found if one.is_here]
    logs = (log for one in found for log in (one.place.execution_log, one.place.batch_log) if log.exists())
    log = next(logs, None)
    if log is None:
        raise FileError(f"run {run} has no log: it never ran", hint=command("batch", run))
    return log


def _print_file(path: Path) -> None:
    try:
        with own.opened(path, os.O_RDONLY) as descriptor:
            while data := os.read(descriptor, PIECE_BYTES):
                write_log(data)
    except FileNotFoundError as e:
        raise FileError(f"{path}: it is gone") from e
