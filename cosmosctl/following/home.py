"""What ended on a host into the folders of its runs, and the batch closed once all of them are accounted for."""

from collections.abc import Collection, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from functools import partial
from pathlib import Path

from cosmosctl import tasks
from cosmosctl.domain.batch import AllowedBatch, Batch
from cosmosctl.domain.ids import command
from cosmosctl.domain.layout import ProjectPaths
from cosmosctl.errors import CosmosctlError, FileError
from cosmosctl.events import process_logs
from cosmosctl.events.progress import Progress, RunEnd, read_progress
from cosmosctl.following.watcher import Stuck, Watcher
from cosmosctl.host.cancel import tidy
from cosmosctl.host.context import invoke_context
from cosmosctl.host.follow import copy_events
from cosmosctl.io import own
from cosmosctl.io.lock import locked
from cosmosctl.io.os_error import file_error, is_environment
from cosmosctl.log import debug, say
from cosmosctl.results import collect
from cosmosctl.results.batch_end import BatchEnd, write_end
from cosmosctl.results.collect import Collected, Moved
from cosmosctl.results.judgement import DamagedCopy

FETCHES = 3
"""How often a file is fetched before what came is refused."""


def bring_home(
    project: ProjectPaths,
    batch: Batch,
    state: Progress,
    home: dict[str, Collected],
    watch: Watcher,
    *,
    besides: Collection[str] = (),
) -> Stuck:
    """Pull and collect what ended and is not in `home` yet, into it: one rsync for all of it. Raises: HostError.

    Returns the runs whose folders could not be written to; they and those in `besides` are left for later.
    """
    stuck: dict[str, CosmosctlError] = {}
    ready = [end for run, end in state.ends.items() if batch.has(run) and run not in home and run not in besides]
    for attempt in range(1, FETCHES + 1):
        if not ready:
            break
        debug("phase: pull")
        c = invoke_context(show=partial(watch.transfer, batch, "pull"))
        tasks.pull(c, batch.name, str(project.root), [end.run for end in ready])
        debug("phase: collect")
        found, failed = collected(project, batch, ready, state, is_last=attempt == FETCHES)
        home |= found
        stuck |= failed
        ready = [end for end in ready if end.run not in home and end.run not in stuck]
    return stuck


def bring_late(project: ProjectPaths, batch: AllowedBatch, watch: Watcher) -> tuple[Collected, ...]:
    """The results of a batch that was given up which its host has all the same, into history/. Raises: HostError."""
    copy_events(invoke_context(), project, batch)
    state, home = read_progress(project.batch(batch.name).events, batch.runs), collect.all_here(project, batch)
    before = set(home)
    refuse_stuck(batch, bring_home(project, batch, replace(state, ends=done_ends(state)), home, watch))
    own.discard(project.staged(batch.name))
    return tuple(one for run, one in home.items() if run not in before)


def close(
    project: ProjectPaths, batch: AllowedBatch, state: Progress, home: dict[str, Collected], *, with_logs: bool
) -> None:
    """Copy batch.log into every run and write end.yaml: the batch holds its runs no longer. Raises: HostError.

    `with_logs`: they were not brought since the batch has ended.
    """
    debug("phase: close")
    if with_logs:
        tasks.pull(invoke_context(), batch.name, str(project.root))
    settle(project, batch, state, home)
    tidy(invoke_context(), batch)
    own.discard(project.staged(batch.name))


def settle(project: ProjectPaths, batch: Batch, state: Progress, home: dict[str, Collected]) -> None:
    """Copy batch.log into every run, note those without a word, and write end.yaml. The logs are here.

    Raises: FileError when the folder of a run cannot be written to: the batch stays open, and this may be repeated.
    """
    stuck: dict[str, CosmosctlError] = {}
    with locked(project.lock):
        log = collect.write_log(project, batch, state)
        for run in batch.runs:
            try:
                if run not in home:
                    why = f"batch {batch.name} ended on its host without a word of it"
                    home[run] = collect.note_lost(project, batch, run, why)
                process_logs.copy_log(log, home[run].folder.batch_log)
            except (FileError, OSError) as e:
                stuck[run] = _told(project, run, e)
    refuse_stuck(batch, stuck)
    write_end(project.batch(batch.name).end, BatchEnd.of(batch, state, home))


def mended_end(project: ProjectPaths, batch: Batch) -> bool:
    """Whether an end.yaml that cannot be read was written anew: all that it tells of is here."""
    state, home = read_progress(project.batch(batch.name).events, batch.runs), collect.all_here(project, batch)
    if not state.finished or home.keys() != set(batch.runs):
        return False
    write_end(project.batch(batch.name).end, BatchEnd.of(batch, state, home))
    return True


def collected(
    project: ProjectPaths, batch: Batch, ends: Sequence[RunEnd], state: Progress, *, is_last: bool
) -> tuple[dict[str, Collected], Stuck]:
    """The runs that were collected, and those whose folders cannot be written to.

    Those whose copy is damaged are left out, or refused if it `is_last`.
    """
    found: dict[str, Collected] = {}
    stuck: dict[str, CosmosctlError] = {}
    for end in ends:
        try:
            one = _collected(project, batch, end, state, is_last=is_last)
        except (FileError, OSError) as e:
            stuck[end.run] = _told(project, end.run, e)
        else:
            found |= {} if one is None else {end.run: one}
    return found, stuck


def _collected(project: ProjectPaths, batch: Batch, end: RunEnd, state: Progress, *, is_last: bool) -> Collected | None:
    """Hashed and decoded first, then moved under the lock: others are kept waiting for the moves alone."""
    try:
        while True:
            looked = collect.looked_at(project, batch, end)
            debug(f"looked at {end.run}")
            with locked(project.lock), suppress(Moved):
                return collect.collect(project, batch, end, state, looked)
    except DamagedCopy as e:
        with locked(project.lock):
            if is_last:
                return collect.refuse(project, batch, end, f"{e.message}, {FETCHES} times in a row")
            collect.discard(project, batch, end.run)
            return None


def refuse_stuck(batch: Batch, stuck: Stuck) -> None:
    """Raises: FileError when there are runs that cannot come home: their batch stays open for them alone."""
    if stuck:
        lines = [f"run {run} cannot come home: {error.message}" for run, error in stuck.items()]
        hints = dict.fromkeys([*(error.hint for error in stuck.values() if error.hint), command("attach", batch.name)])
        raise FileError("\n".join(lines), hint="; then ".join(hints))


def bring_and_tell(
    project: ProjectPaths,
    batch: Batch,
    state: Progress,
    home: dict[str, Collected],
    watch: Watcher,
    *,
    besides: Collection[str],
) -> Stuck:
    """`bring_home`; what is stuck is said at once, the others of the batch go on."""
    stuck = bring_home(project, batch, state, home, watch, besides=besides)
    for run, error in stuck.items():
        say(f"run {run} cannot come home now: {error.message}")
    return stuck


def _told(project: ProjectPaths, run: str, error: FileError | OSError) -> CosmosctlError:
    """Why a run's folder cannot be written to. Raises: `error` itself when it tells of a mistake in this program."""
    if isinstance(error, CosmosctlError):
        return error
    if not is_environment(error):
        raise error
    return file_error(Path(error.filename or project.run(run).root), error, doing="write")


def done_ends(state: Progress) -> Mapping[str, RunEnd]:
    return {run: end for run, end in state.ends.items() if end.state == "done"}
